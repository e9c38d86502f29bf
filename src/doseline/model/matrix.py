"""Symmetric matrices of model files as rows of floats: triangles, correlations, Cholesky's factor.

Plain loops over floats: every step is correctly rounded, so the factor has the same bits on every machine, which LAPACK
does not promise (and neither does `sum`, which adds in another way from Python 3.12 on).
"""

from __future__ import annotations

import math

from doseline.errors import InputError

Rows = tuple[tuple[float, ...], ...]

LEAST_PIVOT = 1e-12
"""What is left of a variance of 1 when all before it is known; below this it is nothing but rounding."""
_ALIKE = 1e-9
_TRIANGLE = "expected a lower triangle, [[a], [b, c], [d, e, f]], or the full matrix"


def lower_triangle(rows: Rows, size: int, *, ones: bool = False) -> Rows:
    """Give the lower triangle with its diagonal, also from a full matrix; with `ones` the diagonal may be left out.

    Raises
    ------
    InputError : rows of other lengths, or a full matrix that is not symmetric.

    >>> lower_triangle(((0.3,),), 2, ones=True)
    ((1.0,), (0.3, 1.0))
    """
    if ones and len(rows) == size - 1 and all(len(row) == n for n, row in enumerate(rows, start=1)):
        rows = ((1.0,), *((*row, 1.0) for row in rows))
    if len(rows) != size:
        raise InputError(f"{_counted(len(rows), 'row')} for {size} names", advice=_TRIANGLE)
    full = size > 1 and len(rows[0]) == size
    for n, row in enumerate(rows, start=1):
        if len(row) != (size if full else n):
            raise InputError(f"row {n} has {_counted(len(row), 'number')}", advice=_TRIANGLE)
        for m in range(n if full else 0):
            if not math.isclose(row[m], rows[m][n - 1], rel_tol=_ALIKE):
                raise InputError(
                    f"row {n} has {row[m]:g} in column {m + 1}, and row {m + 1} has {rows[m][n - 1]:g} in column {n}",
                    advice="a full matrix is symmetric; its lower triangle is enough",
                )
    return tuple(tuple(map(float, row[:n])) for n, row in enumerate(rows, start=1))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def full_matrix(lower: Rows) -> Rows:
    """Give all rows of a symmetric matrix from its lower triangle."""
    size = range(len(lower))
    return tuple(tuple(lower[max(i, j)][min(i, j)] for j in size) for i in size)


def deviations(lower: Rows) -> tuple[float, ...]:
    """Square roots of the diagonal."""
    return tuple(math.sqrt(row[-1]) for row in lower)


def correlations(lower: Rows) -> Rows:
    """Lower triangle of the correlations of a covariance; its diagonal is 1 exactly."""
    sd = deviations(lower)
    # one after the other: the product of two small ones could be 0
    return tuple(
        (*(value / sd[i] / sd[j] for j, value in enumerate(row[:-1])), 1.0) for i, row in enumerate(lower)
    )


def cholesky(lower: Rows, *, singular: bool = False) -> Rows | None:
    """Give the lower factor L of L L' = correlations, its rows full; None where they are not positive definite.

    With `singular` perfect correlations are allowed: what is left of a variance may be 0, up to rounding, and so are
    the numbers below it in the factor.

    >>> cholesky(((1.0,), (0.6, 1.0)))
    ((1.0, 0.0), (0.6, 0.8))
    """
    size = len(lower)
    factor = [[0.0] * size for _ in range(size)]
    for i, row in enumerate(lower):
        for j, left in enumerate(row):
            for k in range(j):
                left -= factor[i][k] * factor[j][k]
            if j < i and factor[j][j] > 0.0:
                factor[i][j] = left / factor[j][j]
            elif j == i and left > LEAST_PIVOT:
                factor[i][i] = math.sqrt(left)
            elif not singular or abs(left) > (LEAST_PIVOT if j == i else math.sqrt(LEAST_PIVOT)):
                return None
    return tuple(map(tuple, factor))
