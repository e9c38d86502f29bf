"""Levels with the residual error of the model file, what of them is below the limit of quantification; typical ones."""

from collections.abc import Callable
from typing import Any

import numpy as np

from doseline.dataset import More
from doseline.model.entries import Output
from doseline.model.residual import Residual
from doseline.model.spec import Model

SECOND = 1.0 / 3600.0
"""Errors of one second are the same error. [h]"""


Errors = Callable[[str, int], np.ndarray]
"""Standard normal numbers for the observations of one arm, by what they are drawn for and the position of the arm."""


def observations(
    model: Model, levels: np.ndarray, errors: Errors, *, axis: int, dims: tuple[str, ...]
) -> dict[str, More]:
    """What a Dataset says of outputs that have a residual error; NaN below the limit of quantification.

    The outputs are along ``axis`` of the levels, and what is before it are arms; ``dims`` are those of one output.
    """
    found, shape = dict[str, More](), levels.shape[:axis]
    arms = levels.reshape(-1, *levels.shape[axis:])
    for position, (name, output) in enumerate(model.outputs.items()):
        residual = model.residual.get(name)
        if residual is not None:
            exact = arms[:, position]
            seen = np.empty(exact.shape)
            for row in range(len(arms)):
                seen[row] = with_error(residual, exact[row], errors(f"residual {name}", row))
            found |= observed_variables(name, output, residual, seen.reshape(*shape, *seen.shape[1:]), dims)
    return found


def typical_levels(model: Model, levels: np.ndarray, *, axis: int, dims: tuple[str, ...]) -> dict[str, More]:
    """What a Dataset says of levels of typical subjects; the outputs are along ``axis``."""
    return {
        f"{name}_typical": More(
            dims, values, {"units": output.unit, "long_name": f"{output.label}, typical for the covariates"}
        )
        for (name, output), values in zip(model.outputs.items(), np.moveaxis(levels, axis, 0), strict=True)
    }


def seconds(time: np.ndarray) -> np.ndarray:
    """Times [h] as whole seconds, counted round from -34 to 102 years."""
    return np.rint(np.asarray(time) / SECOND).astype(np.int64) % 2**32


def with_error(residual: Residual, levels: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Levels and standard normal numbers of the same shape, put together."""
    if residual.error == "log-normal":
        return levels * np.exp(residual.log_deviation * error)
    spread = residual.relative * levels
    if residual.power is not None:
        spread = residual.relative * np.abs(levels) ** residual.power
    if residual.sd is not None:
        spread = np.sqrt(residual.sd**2 + spread**2)
    return levels + spread * error


def observed_variables(
    name: str, output: Output, residual: Residual, observations: np.ndarray, dims: tuple[str, ...]
) -> dict[str, More]:
    """What a Dataset says of observations, which become NaN below the limit of quantification."""
    told: dict[str, Any] = {"units": output.unit, "long_name": f"{output.label}, observed"}
    if residual.lloq is None:
        return {f"{name}_observed": More(dims, observations, told)}
    hidden = observations < residual.lloq
    observations[hidden] = np.nan
    label = f"is {name}_observed below the limit of quantification?"
    return {
        f"{name}_observed": More(dims, observations, told | {"lloq": residual.lloq}),
        f"{name}_blq": More(dims, hidden, {"units": "1", "long_name": label}),
    }
