"""From what was found while solving to a Dataset of exposure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.arm_log import Logs
from doseline.dataset import DIMENSIONS, FLAGS, Axis, More, build
from doseline.errors import InputError
from doseline.exposing import (
    ABOVE,
    AUC,
    CMAX,
    CMIN,
    TMAX,
    WIDTH,
    Chosen,
    Exposing,
    Found,
    Wanted,
    blank,
    count_intervals,
    needed_of,
    picked_of,
)
from doseline.memory import lacking, size_told
from doseline.metrics import ACCUMULATION, BY_THRESHOLD, EXACT, WINDOWS, Metric
from doseline.origin import AskedRegimens
from doseline.parts import Part, parts_of, row_of, rows_each
from doseline.progress import reporting
from doseline.results import (
    arms_of,
    attributes,
    covariates_shown,
    doses_shown,
    refuse_failed,
    replicate_axis,
    swept,
)
from doseline.schedule import stage_of
from doseline.spread import Spread
from doseline.unsolved import fewer_subjects

if TYPE_CHECKING:
    import xarray as xr

ROWS = DIMENSIONS[:-1]
EXACTLY = (
    "while solving, exactly: extremes where the slope of the level changes its sign, crossings of thresholds between "
    "them, areas as integrals of the solution; no grid"
)
IN_STEPS = (
    "while solving, from the dense output of each step: extremes and crossings of thresholds on its polynomial, areas "
    "by quadrature; no grid"
)
"""Attribute of the result, for exact solutions and for others."""


def exposures(
    asked: AskedRegimens, until: float, wanted: Wanted, *, spread: Spread, progress: Any
) -> "xr.Dataset":
    """Exposure of everybody, from the beginning until a time [h]: parts as they come, and the Dataset.

    Raises
    ------
    InputError : the results do not fit into memory. SolveError : rows that could not be solved.
    """
    needed = bytes_of(asked, wanted)
    free = lacking(needed)
    if free is not None:
        raise refusal_of(asked, wanted, needed, free)
    found, picked = blank(asked, wanted), picked_of(asked, until, wanted)
    parts = parts_of(asked, rows_each(len(asked.people), WIDTH, spread.threads))
    with reporting(progress, "exposure", len(asked.people) * len(asked.draws.labels)) as step:
        for part, own in spread(Exposing(asked, until, wanted, needed_of(picked)), parts):
            _place(asked, part, own, found)
            step(part.rows)
    times = np.array([0.0, until])
    refuse_failed(asked, times, found.status)
    arms = arms_of(asked, times)
    log = Logs(arms, found.total, found.doses, None, None, None, {})
    return exposure_dataset(asked, until, wanted, picked, found, log.variables() if arms.random else {})


def bytes_of(asked: AskedRegimens, wanted: Wanted) -> int:
    """What the results take, as they are found and as the metrics made of them."""
    rows = int(np.prod(swept(asked))) * len(asked.people)
    return 8 * rows * (count_intervals(asked, wanted) + 2) * (2 * wanted.columns + 3)


def refusal_of(asked: AskedRegimens, wanted: Wanted, needed: int, free: int) -> InputError:
    """What is said of results that do not fit into memory."""
    people = len(asked.people)
    rows, intervals = int(np.prod(swept(asked))) * people, count_intervals(asked, wanted)
    fewer = fewer_subjects(people * free // needed)
    kept = "give intervals='last', or some numbers; the course is summed up all the same\nor "
    return InputError(
        f"{rows:,} rows x {intervals:,} intervals take {size_told(needed)}, and {size_told(free)} of memory are free",
        place="exposure",
        advice=(kept if intervals > 1 else "give ") + fewer,
    )


def _place(asked: AskedRegimens, part: Part, own: Found, whole: Found) -> None:
    """Put the rows of a part where they belong."""
    row = row_of(asked, part)
    for target, values in zip(whole[:5], own[:5], strict=True):
        target[row : row + 1, :, :, :, part.span] = values
    for target, values in zip(whole[5:], own[5:], strict=True):
        target[row : row + 1, :, part.span] = values


def exposure_dataset(
    asked: AskedRegimens,
    until: float,
    wanted: Wanted,
    picked: Mapping[str, Chosen],
    found: Found,
    more: Mapping[str, More],
) -> "xr.Dataset":
    """Metrics of intervals, of the course until a time [h] and at steady state, and what belongs to the rows."""
    model, level = asked.model, asked.model.outputs[wanted.output].unit
    starts, lengths = _edges(list(picked.values()))
    data: dict[str, More] = {}
    inside = _Window("", (*ROWS, "interval"), found.inside, _like(starts), _like(lengths))
    data |= inside.metrics(wanted, level)
    data |= _Window("course_", ROWS, found.course, np.zeros(1), np.array(until)).metrics(wanted, level)
    if wanted.steady:
        every = [course.blocks for course in asked.regimens.values()]
        period = np.array([stage_of(blocks[-1], blocks).period for blocks in every])
        steady = _Window(
            "steady_", ROWS, found.steady, np.zeros(1), period[:, np.newaxis, np.newaxis, np.newaxis]
        )
        data |= steady.metrics(wanted, level)
        with np.errstate(all="ignore"):
            # where a lag leaves nothing to the first period there is no ratio
            first = np.where(found.steady[..., -1] > 0.0, found.steady[..., -1], np.nan)
            ratio = found.steady[..., AUC] / first
        data["accumulation"] = More(ROWS, ratio, _told(ACCUMULATION, level))
        label = "period of the regimen's last stage"
        told = {
            "units": "1",
            "long_name": "how the search for a steady state ended; 0 is well",
            **FLAGS["status"],
        }
        data["steady_status"] = More(ROWS, found.settled, told)
        data["steady_period"] = More(("regimen",), period, {"units": "h", "long_name": label})
    dims = ("regimen", "subject", "interval") if starts.shape[1] > 1 else ("regimen", "interval")
    for name, edge in (("interval_start", starts), ("interval_end", starts + lengths)):
        values = edge if starts.shape[1] > 1 else edge[:, 0]
        data[name] = More(dims, values, {"units": "h", "long_name": name.replace("_", " ")})
    axes = {"replicate": replicate_axis(asked), **asked.axes, "subject": Axis(asked.people.subject, True)}
    beside = {
        "status": found.status, "total_dose": found.total, "doses_taken": found.doses, **doses_shown(asked),
    }  # fmt: skip
    method = EXACTLY if asked.solver.exact(model) else IN_STEPS
    attrs = attributes(asked) | {"output": wanted.output, "method": method}
    result = build({}, axes, beside, covariates_shown(asked), attrs, {**data, **more})
    return result.assign_coords(dict(_labels(wanted, starts.shape[-1], level)))


def _labels(wanted: Wanted, intervals: int, level: str) -> Iterator[tuple[str, Any]]:
    """Coordinates of intervals and of thresholds."""
    several = isinstance(wanted.intervals, tuple)
    numbers = np.array(wanted.intervals) if several else np.arange(1, intervals + 1)
    yield "interval", numbers
    if wanted.thresholds:
        names = list(wanted.thresholds)
        plain = all(isinstance(name, float) for name in names)
        told = {"units": level if plain else "1", "long_name": "threshold"}
        yield "threshold", ("threshold", np.array(names), told)
        if not plain:
            values = np.array(list(wanted.thresholds.values()))
            yield (
                "threshold_level",
                ("threshold", values, {"units": level, "long_name": "level of the threshold"}),
            )


def _edges(picked: Sequence[Chosen]) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths (regimen, subject or 1, interval) [h], NaN where a row has no such interval."""
    edges = [
        np.where((own.which >= 0)[..., np.newaxis], own.edges[np.maximum(own.which, 0)], np.nan)
        for own in picked
    ]
    people = max(len(own) for own in edges)
    whole = np.stack([np.broadcast_to(own, (people, *own.shape[1:])) for own in edges])
    return whole[..., 0], whole[..., 1] - whole[..., 0]


def _like(edges: np.ndarray) -> np.ndarray:
    """(regimen, subject or 1, interval) beside (replicate, regimen, formulation, meal, subject, interval)."""
    return edges[np.newaxis, :, np.newaxis, np.newaxis]


class _Window:
    """One kind of window: its columns, when it starts and how long it is [h]."""

    def __init__(
        self, kind: str, dims: Sequence[str], columns: np.ndarray, starts: np.ndarray, lengths: np.ndarray
    ) -> None:
        self._kind, self._dims, self._columns = kind, tuple(dims), columns
        self._starts, self._lengths = starts, lengths

    def metrics(self, wanted: Wanted, level: str) -> dict[str, More]:
        """All metrics of it."""
        column = self._columns
        with np.errstate(all="ignore"):
            average = column[..., AUC] / self._lengths
            found = {
                "Cmax": np.ascontiguousarray(column[..., CMAX]),
                "Tmax": column[..., TMAX] - self._starts,
                "Cmin": np.ascontiguousarray(column[..., CMIN]),
                "Cavg": average,
                "AUC": np.ascontiguousarray(column[..., AUC]),
                "fluctuation": (column[..., CMAX] - column[..., CMIN]) / average,
            }
        data = {name: self._more(metric, self._dims, found[name], level) for name, metric in EXACT.items()}
        count = len(wanted.thresholds)
        if count:
            above = column[..., ABOVE : ABOVE + count]
            first = column[..., ABOVE + count : ABOVE + 2 * count]
            by = {
                "time_above": np.ascontiguousarray(above),
                "time_below": np.maximum(self._lengths[..., np.newaxis] - above, 0.0),
                "first_above": first - self._starts[..., np.newaxis],
            }
            dims = (*self._dims, "threshold")
            data |= {name: self._more(metric, dims, by[name], level) for name, metric in BY_THRESHOLD.items()}
        return {f"{self._kind}{name}": more for name, more in data.items()}

    def _more(self, metric: Metric, dims: Sequence[str], values: np.ndarray, level: str) -> More:
        told = _told(metric, level)
        return More(tuple(dims), values, told | {"long_name": WINDOWS[self._kind] + told["long_name"]})


def _told(metric: Metric, level: str) -> dict[str, str]:
    """Unit and meaning of a metric of levels in this unit."""
    return {"units": metric.units.format(level=level), "long_name": metric.label}
