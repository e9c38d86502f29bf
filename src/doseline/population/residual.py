"""Observations: levels with the residual error of the model file, and what is below the limit of quantification."""

from typing import Any

import numpy as np

from doseline.dataset import More
from doseline.model.entries import Output
from doseline.model.residual import Residual
from doseline.streams import Streams

SECOND = 1.0 / 3600.0
"""Errors of one second are the same error. [h]"""


def observed(
    residual: Residual,
    levels: np.ndarray,
    streams: Streams,
    number: np.ndarray,
    time: np.ndarray,
    *,
    name: str,
) -> np.ndarray:
    """Observations of levels (subject, time), before the limit of quantification.

    The error of a subject at a time depends on ``name``, the subject and that time, whatever other times there are.
    """
    error = streams.normal(f"residual {name}", number, occasion=seconds(time))
    return with_error(residual, levels, error)


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
