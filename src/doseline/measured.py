"""Exposure metrics of one regimen with one formulation and meal, for many subjects at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.exposing import LAST, Wanted
from doseline.exposure_dataset import exposures
from doseline.metrics import EXACT, WINDOWS
from doseline.origin import AskedRegimens
from doseline.spread import on_threads

KNOWN = (*(f"{window}{name}" for window in WINDOWS for name in EXACT), "accumulation")
"""Metrics: of the last dosing interval, of the course, at steady state; and the accumulation ratio."""


class Measured(NamedTuple):
    """What came out."""

    values: np.ndarray  # (metric, subject)
    status: np.ndarray  # (subject,)
    units: tuple[str, ...]  # of each metric


def read_metrics(metric: str | Sequence[str]) -> tuple[str, ...]:
    """Names of metrics that there are, each once."""
    given = (metric,) if isinstance(metric, str) else tuple(metric)
    for name in given:
        if name not in KNOWN:
            raise InputError(
                f"unknown metric '{name}'", place="metric", advice=did_you_mean(str(name), KNOWN, "there are")
            )
    if not given or len(set(given)) < len(given):
        raise InputError(
            f"found {list(given)}", place="metric", advice="give at least one, and every name once"
        )
    return given


def metrics_of(
    asked: AskedRegimens, metrics: Sequence[str], *, output: str, until: float, threads: int
) -> Measured:
    """Metrics of every subject under the one arm that is asked for, found while solving until a time [h].

    Subjects that could not be solved have NaN and their status.
    """
    steady = any(name.startswith("steady_") or name == "accumulation" for name in metrics)
    wanted = Wanted(output, LAST, {}, steady)
    marked = replace(asked, on_failure="mark")
    table = exposures(marked, until, wanted, spread=on_threads(threads), progress=False)
    return Measured(
        np.stack([table[name].values.ravel() for name in metrics]),
        table["status"].values.ravel(),
        tuple(str(table[name].attrs["units"]) for name in metrics),
    )
