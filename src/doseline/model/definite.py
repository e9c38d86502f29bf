"""Covariances and correlations that can be ones: every mistake in words, with the nearest matrix that is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from doseline.errors import InputError
from doseline.model.matrix import Rows, cholesky, correlations, deviations, full_matrix

LARGEST_SHOWN = 10
"""Rows of a matrix that an advice prints."""
_FLOOR = 1e-4  # numbers of four digits: what is rounded away is of this size
_NOTHING = 1e-9


def check_correlations(lower: Rows, names: Sequence[str]) -> None:
    """Raise InputError where these are no correlations of the names."""
    for i, row in enumerate(lower):
        if row[-1] != 1.0:
            raise InputError(
                f"the correlation of {names[i]} with itself is {row[-1]:g}",
                advice="expected 1 on the diagonal; the lower triangle may also be written without it",
            )
        for j, value in enumerate(row[:-1]):
            if not -1.0 <= value <= 1.0:
                raise InputError(
                    f"the correlation of {names[j]} and {names[i]} is {value:g}",
                    advice="expected a number from -1 to 1",
                )
    if cholesky(lower) is None:
        raise InputError(f"not positive definite: {_eigenvalue(lower)}", advice=_advice(lower))


def check_covariance(lower: Rows, names: Sequence[str], *, still: str) -> None:
    """Raise InputError where this is no covariance of the names; `still` is the advice about a variance of 0."""
    for name, row in zip(names, lower, strict=True):
        if not row[-1] > 0.0:
            raise InputError(
                f"the variance of {name} is {row[-1]:g}", advice=f"expected more than 0: {still}"
            )
    found = correlations(lower)
    if cholesky(found) is not None:
        return
    for i, row in enumerate(found):
        for j, value in enumerate(row[:-1]):
            if not -1.0 <= value <= 1.0:
                told = f"the covariance {lower[i][j]:g} of {names[j]} and {names[i]} is a correlation of {value:.3g}"
                raise InputError(f"not positive definite: {told}", advice=_advice(lower))
    raise InputError(f"not positive definite: {_eigenvalue(found)}", advice=_advice(lower))


def nearest(lower: Rows) -> Rows:
    """Give a covariance near this one that is positive definite, in numbers of four digits: its lower triangle.

    The variances stay. Of the correlations, eigenvalues below a floor are raised to it, and the diagonal is scaled back
    to 1. The floor begins where rounding to four digits could undo it, and rises until the rounded numbers are positive
    definite.

    Source
    ------
    Rebonato and Jaeckel, The most general methodology to create a valid correlation matrix for risk management and
    option pricing purposes, J Risk, doi:10.21314/JOR.2000.023: the spectral decomposition, there with a floor of 0.

    >>> nearest(((1.0,), (0.9, 1.0), (0.7, 0.3, 1.0)))
    ((1.0,), (0.8939, 1.0), (0.6963, 0.301, 1.0))
    """
    sd = deviations(lower)
    values, vectors = np.linalg.eigh(np.clip(np.array(full_matrix(correlations(lower))), -1.0, 1.0))
    floor = _FLOOR
    while True:
        raised = (vectors * np.maximum(values, floor)) @ vectors.T
        scale = np.sqrt(np.diag(raised))
        made = raised / np.outer(scale, scale)
        rows = tuple(
            (*(float(f"{made[i, j] * sd[i] * sd[j]:.4g}") for j in range(i)), row[-1])
            for i, row in enumerate(lower)
        )
        if cholesky(correlations(rows)) is not None:
            return rows
        floor *= 2.0


def _eigenvalue(lower: Rows) -> str:
    """Tell the smallest eigenvalue of correlations."""
    smallest = float(np.linalg.eigvalsh(np.array(full_matrix(lower)))[0])
    return f"an eigenvalue of the correlations is {0.0 if abs(smallest) < _NOTHING else smallest:.2g}"


def _advice(lower: Rows) -> str:
    if len(lower) > LARGEST_SHOWN:
        return "no such numbers go together: correct the largest correlations, or make smaller blocks"
    rows = ", ".join(f"[{', '.join(f'{value:.12g}' for value in row)}]" for row in nearest(lower))
    return f"the nearest that is: [{rows}]"
