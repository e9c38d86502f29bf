"""Dosing intervals: from one dose time of a regimen to the next, and what is said of the doses that begin them."""

from typing import TYPE_CHECKING

import numpy as np

from doseline.times import dosing_intervals

if TYPE_CHECKING:
    import xarray as xr

TAKEN = {
    "dose_taken": ("taken", "the dose at its start was taken; all of them where there are several"),
    "dose_meal": ("meal_taken", "meal of the dose at its start, of the first where there are several"),
}
"""What is said of doses, and how it is called and what it means for the intervals that they begin."""
LOOKED_BACK = 64
"""Intervals among which the same time of day is looked for."""


def intervals(levels: "xr.Dataset") -> tuple[np.ndarray, np.ndarray]:
    """Dosing intervals: starts and ends (regimen, interval) [h], NaN behind the last of each regimen."""
    rows = []
    for times, end in zip(dose_times(levels), levels["course_end"].values, strict=True):
        rows.append(dosing_intervals(times, end))
    most = max(len(starts) for starts, _ in rows)
    filled = np.full((2, len(rows), most), np.nan)
    for position, (starts, ends) in enumerate(rows):
        filled[0, position, : len(starts)] = starts
        filled[1, position, : len(ends)] = ends
    return filled[0], filled[1]


def dose_times(levels: "xr.Dataset") -> np.ndarray:
    """Times of the doses (regimen, dose) [h]."""
    return np.asarray(levels["dose_time"].transpose("regimen", "dose").values)


def last_dose(levels: "xr.Dataset") -> "xr.DataArray":
    """Time of the last dose that each subject was to take (regimen, subject) [h].

    Of doses that can be missed it is the last one of the regimen, unless ``doses_planned`` counts each subject's own.
    """
    if "dose_taken" in levels and "doses_planned" not in levels:
        return levels["dose_time"].max("dose")
    planned = levels["doses_planned" if "dose_taken" in levels else "doses_taken"]
    return levels["dose_time"].isel(dose=planned - 1)


def at_starts(levels: "xr.Dataset", name: str, starts: np.ndarray) -> "xr.DataArray":
    """What became of the doses (..., regimen, interval) at the start of each interval."""
    import xarray as xr

    doses, times = levels[name], dose_times(levels)
    order = list(doses.dims)
    if "regimen" not in order:
        doses = doses.expand_dims(regimen=levels.sizes["regimen"])
        order.insert(order.index("subject") if "subject" in order else 0, "regimen")
    values = doses.transpose(..., "regimen", "dose").values
    found = np.full(
        (*values.shape[:-1], starts.shape[1]), values.dtype.type(0 if name == "dose_taken" else -1)
    )
    for position in range(len(starts)):
        own = starts[position][np.isfinite(starts[position])]
        # NaN goes behind all times; doses that are later than a start by rounding only come next to it
        sequence = np.argsort(times[position], kind="stable")[: np.isfinite(times[position]).sum()]
        given = values[..., position, :][..., sequence]
        first = np.searchsorted(times[position][sequence], own)
        if name == "dose_taken":
            found[..., position, : len(own)] = np.logical_and.reduceat(given, first, axis=-1)
        else:
            found[..., position, : len(own)] = given[..., first]
    others = [dim for dim in doses.dims if dim not in ("regimen", "dose")]
    told = {"units": "1", **doses.attrs, "long_name": TAKEN[name][1]}
    whole = xr.DataArray(found, dims=(*others, "regimen", "interval"), attrs=told)
    return whole.transpose(*[dim for dim in order if dim != "dose"], "interval")


def earlier(table: "xr.Dataset") -> "xr.DataArray":
    """For each interval the last one before it that starts at the same time of day, else the one before: its number.

    A day of unequal doses is at steady state when each of its intervals is like the one of the day before.
    """
    given = table["interval_start"].transpose(..., "interval")
    starts = given.values.reshape(-1, given.sizes["interval"])
    number = np.arange(1, starts.shape[1] + 1)
    before = np.broadcast_to(number - 1, starts.shape).copy()
    found = np.zeros(starts.shape, dtype=bool)
    for back in range(1, min(LOOKED_BACK, starts.shape[1] - 1) + 1):
        gap = (starts[:, back:] - starts[:, :-back]) % 24.0
        same = (np.minimum(gap, 24.0 - gap) < 1e-6) & ~found[:, back:]
        before[:, back:][same] = (number[back:] - back)[np.nonzero(same)[1]]
        found[:, back:] |= same
    return given.copy(data=before.reshape(given.shape)).reset_coords(drop=True)
