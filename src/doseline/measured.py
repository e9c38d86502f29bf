"""Exposure metrics of one regimen with one formulation and meal, for many subjects at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from doseline.analysis.exposure import exposure
from doseline.errors import InputError, did_you_mean
from doseline.metrics import METRICS
from doseline.origin import AskedRegimens
from doseline.parts import cut, parts_of
from doseline.run import run

KNOWN = (*METRICS, *(f"course_{name}" for name in METRICS))
"""Metrics: of the last complete dosing interval, and of the course."""
PER_HOUR = 20
MOST_TIMES = 40_000
BYTES_AT_ONCE = 2e8
"""Levels that are kept at one time."""


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


def metrics_of(asked: AskedRegimens, metrics: Sequence[str], *, output: str, threads: int) -> Measured:
    """Metrics of every subject under the one arm that is asked for, from levels on a fine grid.

    Subjects that could not be solved have NaN and their status.
    """
    times = _grid(asked)
    most = max(1, int(BYTES_AT_ONCE / (8 * len(times) * len(asked.model.outputs))))
    values, status = [], []
    units: tuple[str, ...] = ()
    for part in parts_of(asked, most):
        levels = run(cut(asked, part), times, threads=threads)
        table = exposure(levels, output=output)
        complete = table["AUC"].notnull()
        last = (complete * table["interval"]).max("interval").clip(min=1)
        ending = table[list(METRICS)].isel(interval=last - 1)
        found = [table[name] if name in table and name not in METRICS else ending[name] for name in metrics]
        values.append(np.stack([each.values.ravel() for each in found]))
        status.append(levels["status"].values.ravel())
        units = tuple(str(table[name].attrs["units"]) for name in metrics)
    return Measured(np.concatenate(values, axis=1), np.concatenate(status), units)


def _grid(asked: AskedRegimens) -> np.ndarray:
    """Times that hold every dose and the end of the course. [h]"""
    end = max(asked.ends.values())
    count = int(min(np.ceil(end * PER_HOUR), MOST_TIMES))
    doses = [course.doses()[0] for course in asked.regimens.values()]
    return np.unique(np.concatenate([np.arange(count + 1) * (end / count), *doses, [end]]))
