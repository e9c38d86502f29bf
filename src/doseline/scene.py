"""What a picture shows: one subject's levels, a part of the time axis, exposure against a covariate."""

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import middle, output_name
from doseline.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr

DAY, WEEK = 24.0, 168.0
UNITS_OF_TIME = ((1.0, "hours", 4 * DAY), (DAY, "days", 4 * WEEK), (WEEK, "weeks", np.inf))
"""Hours in it, its name, and the longest course that is counted in it. [h]"""
WORDS = {
    "WT": "body weight",
    "HT": "height",
    "AGE": "age",
    "AUC": "Exposure (AUC)",
    "Cmax": "Highest level (Cmax)",
    "Cmin": "Lowest level (Cmin)",
    "Cavg": "Average level (Cavg)",
    "Tmax": "Time to the highest level (Tmax)",
}
"""Names as a physician reads them."""
BESIDE = ("subject", "replicate", "regimen", "formulation", "meal", "interval", "time")
"""Coordinates that are no covariates."""


@dataclass(frozen=True)
class Window:
    """Part of the time axis: from and to [h], and how time is counted there; `days` where whole days are shown."""

    start: float
    end: float
    zero: float
    unit: float
    label: str
    days: tuple[int, int] | None

    def x(self, time: Any) -> Any:
        """Hours as the axis counts them."""
        return (time - self.zero) / self.unit


@dataclass(frozen=True)
class Scene:
    """One subject's levels (arm, meal, time); an arm is a regimen, with its formulation where that is a dimension."""

    label: str
    units: str
    who: str
    time: np.ndarray
    arms: tuple[str, ...]
    meals: tuple[str, ...]
    levels: np.ndarray
    doses: tuple[np.ndarray, ...]
    """Times of the doses that this subject takes, for each arm. [h]"""

    def title(self, what: str = "") -> str:
        """Output and subject; and the arm where there is only one."""
        arm = f"\n{self.arms[0]}" if len(self.arms) == 1 else ""
        return f"{self.label[:1].upper()}{self.label[1:]}{what}: {self.who}{arm}"

    def first(self, count: int) -> "Scene":
        """The same with the first arms only."""
        return replace(self, arms=self.arms[:count], levels=self.levels[:count], doses=self.doses[:count])

    def inside(self, window: Window) -> np.ndarray:
        """Which times are in a window."""
        return (self.time >= window.start) & (self.time <= window.end)

    def averages(self, arm: int, window: Window) -> np.ndarray:
        """Average level of each meal in a window; NaN where fewer than two times are in it."""
        time = self.time[self.inside(window)]
        if len(time) < 2:
            return np.full(len(self.meals), np.nan)
        area: np.ndarray = np.trapezoid(self.levels[arm][:, self.inside(window)], time, axis=-1)
        return area / (time[-1] - time[0])

    def last_days(self, arm: int, *, count: int) -> tuple[int, int]:
        """The last days with doses; more than ``count`` where doses are further apart, or where there is only one."""
        end = float(self.time[-1])
        doses = np.unique(self.doses[arm])
        doses = doses[doses < end]
        last_dose = float(doses.max(initial=0.0))
        gap = float(doses[-1] - doses[-2]) if len(doses) > 1 else 3 * DAY
        last = int(last_dose // DAY) + 1 if gap <= DAY else day_of(min(last_dose + gap, end))
        return max(last - max(count, day_of(min(gap, 14 * DAY))) + 1, int(self.time[0] // DAY) + 1), last

    def whole(self) -> Window:
        """The whole course, in hours, days or weeks."""
        start, end = float(self.time[0]), float(self.time[-1])
        unit, word = next((unit, word) for unit, word, longest in UNITS_OF_TIME if end - start <= longest)
        return Window(start, max(end, start + 1.0), 0.0, unit, f"time ({word})", None)

    def window(self, days: Any) -> Window:
        """Whole days of the course; all of it for None."""
        if days is None:
            return self.whole()
        try:
            first, last = (int(day) for day in days if day == int(day))
        except (TypeError, ValueError):
            raise InputError(
                f"found {days!r}",
                place="days",
                advice="give the first and the last day, counted from 1: days=(1, 3)",
            ) from None
        earliest, latest = int(self.time[0] // DAY) + 1, day_of(float(self.time[-1]))
        if not earliest <= first <= last <= latest:
            raise InputError(
                f"found {days!r}",
                place="days",
                advice=f"the levels reach from day {earliest} to day {latest}: give first and last, in that order",
            )
        begin = (first - 1) * DAY
        if last - first < 2:
            return Window(
                begin, last * DAY, begin, 1.0, f"hours from the start of day {first}", (first, last)
            )
        return Window(begin, last * DAY, -DAY, DAY, "day of the course", (first, last))


@dataclass(frozen=True)
class Sweep:
    """Exposure (arm, meal, subject) against a covariate."""

    title: str
    xlabel: str
    ylabel: str
    x: np.ndarray
    arms: tuple[str, ...]
    meals: tuple[str, ...]
    values: np.ndarray
    joined: bool
    """Lines join the subjects: nothing but this covariate varies between them."""


def day_of(time: float) -> int:
    """Day in which a time [h] lies, counted from 1; a day's end belongs to it."""
    return max(1, int(np.ceil(time / DAY - 1e-9)))


def pretty(unit: Any) -> str:
    """A unit as people write it.

    >>> pretty("ng/mL * h")
    'h·ng/mL'
    """
    return "·".join(reversed(str(unit).replace("**2", "²").replace("**3", "³").split(" * ")))


def read_scene(levels: "xr.Dataset", *, output: str | None, subject: Any) -> Scene:
    """One subject's rows of a Dataset from `simulate`."""
    refuse_without_times(levels)
    name = output_name(levels, output)
    refuse_dimensions(levels[name], "or draw all of them with levels.pk.plot()")
    if "subject" in levels.dims:
        levels = levels.isel(subject=_position(levels, name, subject))
    level, arms, meals = by_arm(levels[name])
    who = f"subject {levels['subject'].item()}" if "subject" in levels.coords else "one subject"
    if "WT" in levels.coords:
        who += f", {levels['WT'].item():.4g} {levels['WT'].attrs.get('units', '')}".rstrip()
    values = level.values.reshape(len(arms), len(meals), -1)
    solved = np.isfinite(values).any(axis=(1, 2))
    return Scene(
        label=str(level.attrs.get("long_name", name)),
        units=pretty(level.attrs.get("units", "")),
        who=who,
        time=levels["time"].values.astype(np.float64),
        arms=tuple(
            arm if well else f"{arm} (could not be solved)" for arm, well in zip(arms, solved, strict=True)
        ),
        meals=meals,
        levels=values,
        doses=doses_of(levels, len(arms)),
    )


def refuse_without_times(levels: Any) -> None:
    """Pictures of levels need a Dataset with levels over time."""
    if not hasattr(levels, "data_vars") or "time" not in levels.dims:
        looked_at = "record" in getattr(levels, "dims", ())
        raise InputError(
            "levels at the observations of an event table" if looked_at else "there are no levels over time",
            place="levels",
            advice="simulate the table on a grid: times='1 h'"
            if looked_at
            else "give the Dataset from dl.simulate",
        )


def refuse_dimensions(values: "xr.DataArray", instead: str = "") -> None:
    """A picture shows one of what has no colour, style or axis: ``instead`` says what else to do with replicates."""
    for dim in values.dims:
        if dim not in BESIDE or (dim == "replicate" and instead):
            raise InputError(
                f"there are {values.sizes[dim]} {dim}s, and this picture shows one",
                place="levels",
                advice=f"choose one with .isel({dim}=0)" + (f", {instead}" if dim == "replicate" else ""),
            )


def doses_of(levels: "xr.Dataset", arms: int) -> tuple[np.ndarray, ...]:
    """Times at which one subject takes doses, for each arm [h]: of the first meal where they differ between meals."""
    if "dose_time" not in levels:
        return (np.empty(0),) * arms
    if "dose_taken" in levels and "subject" not in levels["dose_taken"].dims:
        at = levels.get("dose_taken_at", levels["dose_time"])
        own = by_arm(at.where(levels["dose_taken"]))[0].isel(meal=0).values.reshape(-1, at.sizes["dose"])
        return tuple(row[np.isfinite(row)] for row in np.repeat(own, arms // len(own), axis=0))
    times = np.atleast_2d(levels["dose_time"].values)
    taken = np.atleast_1d(levels["doses_taken"].values) if "doses_taken" in levels else [None] * len(times)
    rows = [row[:count][np.isfinite(row[:count])] for row, count in zip(times, taken, strict=True)]
    return tuple(row for row in rows for _ in range(arms // len(rows)))


def by_arm(values: "xr.DataArray") -> tuple["xr.DataArray", tuple[str, ...], tuple[str, ...]]:
    """Values (regimen, formulation, meal, ...) whatever dimensions there were, and the names of arms and meals."""
    names: dict[str, list[str]] = {}
    for dim in ("regimen", "formulation", "meal"):
        # a meal that is no dimension may be none that was taken: doses can name their own
        told = dim in values.dims or (dim == "regimen" and dim in values.coords)
        names[dim] = [str(label) for label in np.atleast_1d(values[dim])] if told else [""]
        if dim not in values.dims:
            values = values.drop_vars(dim, errors="ignore").expand_dims(dim)
    arms = [", ".join(filter(None, pair)) for pair in product(names["regimen"], names["formulation"])]
    return values.transpose("regimen", "formulation", "meal", ...), tuple(arms), tuple(names["meal"])


def _position(levels: "xr.Dataset", name: str, subject: Any) -> int:
    """Where a subject stands; of those that were solved the one nearest to the median weight where none is named."""
    labels = [str(label) for label in levels["subject"].values]
    if subject is not None:
        if str(subject) not in labels:
            raise InputError(
                f"unknown subject '{subject}'",
                place="subject",
                advice=did_you_mean(str(subject), labels, "subjects"),
            )
        return labels.index(str(subject))
    ends = np.isfinite(levels[name].isel(time=-1).transpose("subject", ...).values).reshape(len(labels), -1)
    solved = np.flatnonzero(ends.sum(axis=1) == ends.sum(axis=1).max())
    weights = levels["WT"].values if "WT" in levels.coords else None
    return int(solved[middle(len(solved), None if weights is None else weights[solved])])


def read_sweep(table: "xr.Dataset", *, metric: str, against: str) -> Sweep:
    """The last complete dosing interval of every row, or the course, of a Dataset from `exposure`."""
    known = [str(name) for name in getattr(table, "data_vars", ()) if f"course_{name}" in table]
    known += [f"course_{name}" for name in known]
    if metric not in known:
        advice = did_you_mean(str(metric), known, "metrics") if known else "give the Dataset from dl.exposure"
        raise InputError(f"unknown metric '{metric}'", place="metric", advice=advice)
    refuse_dimensions(table[metric], "or sum them up with table.pk.bands(over=['subject', 'replicate'])")
    covariates = {
        str(name): value
        for name, value in table.coords.items()
        if name not in BESIDE and value.dims in ((), ("subject",)) and value.dtype.kind in "iuf"
    }
    if against not in covariates:
        advice = did_you_mean(str(against), covariates, "covariates")
        raise InputError(f"unknown covariate '{against}'", place="against", advice=advice)
    values, arms, meals = by_arm(
        table[metric] if "subject" in table.dims else table[metric].expand_dims("subject")
    )
    numbers = values.transpose("regimen", "formulation", "meal", "subject", ...).values
    base, over, each = metric.removeprefix("course_"), "over the whole course", ""
    if "interval" in values.dims:
        over = "in the last dosing interval"
        numbers, length = _last_complete(
            numbers, np.atleast_2d(table["interval_end"] - table["interval_start"])
        )
        if base == "AUC" and np.nanmax(length, initial=0.0) > np.nanmin(length, initial=np.inf) * (1 + 1e-9):
            numbers, each = numbers * DAY / length, " per 24 h"
    covariate = np.atleast_1d(covariates[against].values).astype(np.float64)
    order = np.argsort(covariate, kind="stable")
    drawn = "taken" in table or any(str(name).startswith(("eta_", "kappa_")) for name in table.data_vars)
    varying = drawn + sum(len(np.unique(value)) > 1 for value in covariates.values())
    what = WORDS.get(against, against)
    return Sweep(
        title=f"{WORDS.get(base, base)} {over} against {what}" + (f"\n{arms[0]}" if len(arms) == 1 else ""),
        xlabel=f"{what} ({pretty(covariates[against].attrs.get('units', ''))})",
        ylabel=f"{base}{each} ({pretty(values.attrs.get('units', ''))})",
        x=covariate[order],
        arms=arms,
        meals=meals,
        values=numbers.reshape(len(arms), len(meals), -1)[..., order],
        joined=varying == 1 and len(np.unique(covariate)) == len(covariate) > 1,
    )


def _last_complete(numbers: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last finite number of (regimen, formulation, meal, subject, interval), and the length of its interval. [h]"""
    at = numbers.shape[-1] - 1 - np.isfinite(numbers[..., ::-1]).argmax(axis=-1)
    found = np.take_along_axis(numbers, at[..., None], axis=-1)[..., 0]
    regimen = np.arange(len(numbers)).reshape(-1, 1, 1, 1)
    return found, np.where(np.isfinite(found), length[regimen, at], np.nan)
