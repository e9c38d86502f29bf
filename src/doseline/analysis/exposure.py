"""Exposure from a Dataset of levels: Cmax, Tmax, Cmin, Cavg and AUC, in every dosing interval and over the course."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.analysis.intervals import TAKEN, at_starts, dose_times, earlier, intervals, last_dose
from doseline.dataset import VARIABLES, output_name, refuse_other_than_dataset
from doseline.errors import InputError
from doseline.kernels.exposure import windows
from doseline.kernels.program import SAME
from doseline.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


CONDITIONS = ("replicate", "regimen", "formulation", "meal", "subject")
"""Dimensions of a row; a table has them in this order."""
ALONG = ("total_dose", "doses_taken", "doses_planned")
"""What is said of the course of each subject."""
OF_STEADY = "Cavg / Cavg at steady state"
"""Column of a table of exposure that was found while solving: how far the last interval has come."""
METHOD = (
    "highest and lowest sampled level, the ends of the window included; area linear up, logarithmic down; "
    "NaN where the times do not reach the end of the window, where the subject's doses have ended before it, and where "
    "boluses enter the output and the times do not hold the start of the window and another moment in it"
)


def exposure(levels: "xr.Dataset", *, output: str | None = None) -> "xr.Dataset":
    """Exposure of every row of a Dataset from `simulate`.

    Parameters
    ----------
    levels : Dataset         With ``dose_time``; how fine its times are decides how fine Cmax, Tmax and AUC are.
    output : str, optional   Which output; the first where nothing is given.

    Returns
    -------
    xarray.Dataset
        ``Cmax``, ``Tmax``, ``Cmin``, ``Cavg``, ``AUC`` with the dimensions of the level without time, and ``interval``:
        from one dose time to the next, the last one to the end of the course. The same names behind ``course_`` hold
        for the whole simulated time. ``interval_start`` and ``interval_end`` are in hours. Where doses can be missed,
        intervals are those of the regimen, and ``taken`` and ``meal_taken`` say what became of the dose at their start.
        What belongs to the subjects, covariates and random effects among it, goes along.

    Raises
    ------
    InputError : a Dataset without the output or without doses.

    Source
    ------
    Linear up, logarithmic down trapezoids: docs/theory/exposure.md.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "40 mg twice daily for 1 week", times="1 h", meal="fed")
    >>> table = exposure(levels)
    >>> table["AUC"].dims, table["AUC"].attrs["units"]
    (('subject', 'interval'), 'ng/mL * h')
    """
    import xarray as xr

    name = output_name(levels, output)
    level = levels[name]
    _refuse_incomplete(levels, level)
    lone = "regimen" not in level.dims
    full = levels.expand_dims("regimen") if lone else levels
    order = [str(dim) for dim in level.dims if dim != "time"]
    level = full[name].transpose("regimen", ..., "time")
    dims = level.dims[1:-1]
    starts, ends = intervals(full)
    time = np.ascontiguousarray(full["time"].values, dtype=np.float64)
    flag = full.get(f"{name}_jumps", xr.DataArray(False))
    jumps = flag.broadcast_like(level.isel(time=0, drop=True)).transpose(*level.dims[:-1]).values
    inside, course = _measure(level, time, dose_times(full), (starts, ends), jumps)
    ended = xr.DataArray(starts, dims=("regimen", "interval")) > last_dose(full) * (1 + 1e-12)
    units = str(level.attrs.get("units", ""))
    data = {}
    for column, (metric, row) in enumerate(METRICS.items()):
        told = {"units": row.units.format(level=units), "long_name": row.label}
        per_interval = xr.DataArray(inside[..., column], dims=("regimen", *dims, "interval"), attrs=told)
        data[metric] = per_interval.where(~ended).transpose("regimen", *dims, "interval").assign_attrs(told)
        data[f"course_{metric}"] = xr.DataArray(course[..., 0, column], dims=("regimen", *dims), attrs=told)
    hours = {"units": "h"}
    data["interval_start"] = xr.DataArray(starts, dims=("regimen", "interval"), attrs=hours)
    data["interval_end"] = xr.DataArray(ends, dims=("regimen", "interval"), attrs=hours)
    coords = {key: value for key, value in full.coords.items() if set(value.dims) <= set(level.dims[:-1])}
    kept_attrs = {
        key: full.attrs[key] for key in ("model", "model_version", "doseline_version") if key in full.attrs
    }
    result = xr.Dataset(data, {**coords, "interval": np.arange(1, starts.shape[1] + 1)})
    result.attrs = {**kept_attrs, "output": name, "method": METHOD}
    result = result.transpose(*(["regimen"] if lone else []), *order, "interval")
    for beside, value in full.data_vars.items():
        if beside in TAKEN:
            result[TAKEN[str(beside)][0]] = at_starts(full, str(beside), starts)
        elif beside in ALONG or _goes_along(str(beside), value, level.dims[:-1]):
            result[beside] = value
    return result.isel(regimen=0) if lone else result


def exposure_table(levels: "xr.Dataset", *, output: str | None = None) -> "pd.DataFrame":
    """One row for each subject under each combination: the last dosing interval, and the course.

    ``levels`` is a Dataset of levels, or what `exposure` made of one.
    Where the meal is a dimension, ``AUC first meal / this meal`` compares the meals. Units stand in the column names.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "40 mg twice daily for 2 weeks", times="1 h", meal=["fed", "fasted"])
    >>> round(float(exposure_table(levels)["AUC fed / this meal"].iloc[1]), 1)
    2.7
    """
    import pandas as pd

    refuse_other_than_dataset(levels)
    table = levels if "interval_start" in levels else exposure(levels, output=output)
    keys = [name for name in CONDITIONS if name in table.coords or name in table.dims]
    full = table.expand_dims([name for name in keys if name not in table.dims])
    complete = full["AUC"].notnull()
    last = (complete * full["interval"]).max("interval").clip(min=1)
    chosen = full[[*METRICS, "interval_start", "interval_end"]].isel(interval=last - 1)
    columns: dict[str, Any] = {}
    for metric in METRICS:
        columns[f"{metric} ({full[metric].attrs['units']})"] = chosen[metric]
    columns["interval (h)"] = chosen["interval_end"] - chosen["interval_start"]
    columns["interval start (h)"] = chosen["interval_start"]
    columns["interval end (h)"] = chosen["interval_end"]
    compared = earlier(table).isel(interval=last - 1, drop=True)
    before = full["AUC"].isel(interval=(compared - 1).clip(min=0), drop=True).where(compared > 0)
    columns["change of AUC from the interval before (%)"] = 100 * (chosen["AUC"] / before - 1)
    if "steady_Cavg" in full:
        columns[OF_STEADY] = chosen["Cavg"] / full["steady_Cavg"]
    columns[f"course AUC ({full['AUC'].attrs['units']})"] = full["course_AUC"]
    columns[f"course Cmax ({full['Cmax'].attrs['units']})"] = full["course_Cmax"]
    columns["total dose (mg)"] = full["total_dose"]
    if "WT" in full.coords:
        columns["total dose (mg/kg)"] = full["total_dose"] / full["WT"]
    if "meal" in table.dims:
        first = full["meal"].values[0]
        columns[f"AUC {first} / this meal"] = chosen["AUC"].isel(meal=0, drop=True) / chosen["AUC"]
    shape = chosen["AUC"].transpose(*keys)
    frame = pd.DataFrame(index=shape.to_series().index)
    for name, coordinate in full.coords.items():
        if coordinate.dims == ("subject",) and name != "subject":
            # words have no unit
            heading = (
                name if coordinate.dtype.kind == "U" else f"{name} ({coordinate.attrs.get('units', '')})"
            )
            frame[heading] = coordinate.broadcast_like(shape).transpose(*keys).values.ravel()
    for name, value in full.data_vars.items():
        if not str(name).startswith("course_") and _goes_along(str(name), value, keys):
            columns[
                f"{name} ({value.attrs['units']})" if value.attrs.get("units", "1") != "1" else str(name)
            ] = value
        if name in ("taken", "meal_taken"):
            columns[str(name)] = value.isel(interval=last - 1)
    for name, values in columns.items():
        frame[name] = values.broadcast_like(shape).transpose(*keys).values.ravel()
    return frame.reset_index()


def _measure(
    level: "xr.DataArray",
    time: np.ndarray,
    doses: np.ndarray,
    between: tuple[np.ndarray, np.ndarray],
    jumps: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Metrics (regimen, ..., interval, metric) of every interval, and (regimen, ..., 1, metric) of all times."""
    starts, ends = between
    inside = np.full((*level.shape[:-1], starts.shape[1], len(METRICS)), np.nan)
    course = np.full((*level.shape[:-1], 1, len(METRICS)), np.nan)
    for position in range(level.sizes["regimen"]):
        values = np.ascontiguousarray(level[position].values, dtype=np.float64)
        flat = values.reshape(-1, len(time))
        edges = np.stack([starts[position], ends[position]], axis=1)
        kept = np.isfinite(edges).all(axis=1)
        found = np.empty((len(flat), int(kept.sum()), len(METRICS)))
        jumping = np.ascontiguousarray(jumps[position]).ravel()
        windows(time, flat, edges[kept], jumping, found)
        inside[position][..., kept, :] = found.reshape(*values.shape[:-1], *found.shape[1:])
        whole = np.empty((len(flat), 1, len(METRICS)))
        # the last level of all is the one before a dose only where a dose falls on it
        cut = bool((np.abs(doses[position] - time[-1]) <= SAME * time[-1]).any())
        windows(time, flat, np.array([[time[0], time[-1]]]), jumping & cut, whole)
        course[position] = whole.reshape(*values.shape[:-1], *whole.shape[1:])
    return inside, course


def _refuse_incomplete(levels: "xr.Dataset", level: "xr.DataArray") -> None:
    """What exposure needs beside the level, and that nobody multiplied it along with the level."""
    if "event" in levels.dims:
        raise InputError(
            "these are levels of an event table, in which every subject has dosing intervals of their own",
            place="levels",
            advice="exposure takes levels of regimens; of a table, take what you need from the levels, "
            "such as levels['plasma'].max('time') on a grid, or .groupby('subject').max()",
        )
    advice = "give the Dataset as dl.simulate made it; .sel and .isel may cut it down"
    for name in ("dose_time", "doses_taken", "course_end"):
        if name not in levels:
            raise InputError(f"there is no '{name}'", place="levels", advice=advice)
    if "time" not in level.dims or "time" not in levels.coords:
        raise InputError("the level has no times", place="levels", advice=advice)
    time = levels["time"].values
    if not time.size or (np.diff(time) <= 0).any():
        raise InputError(
            "there are no times" if not time.size else "the times do not ascend",
            place="levels",
            advice="give at least one" if not time.size else "sort them: levels.sortby('time')",
        )
    most = levels["dose_time"].notnull().sum("dose") if "dose" in levels["dose_time"].dims else 0
    wrong = (levels["doses_taken"] > most).values
    if wrong.any():
        raise InputError(
            f"doses_taken goes up to {levels['doses_taken'].values[wrong].max()}, and there are fewer dose times",
            place="levels",
            advice="change single levels, as in levels['plasma'] * 2: arithmetic on a Dataset changes all of it",
        )


def _goes_along(name: str, value: "xr.DataArray", order: Sequence[Any]) -> bool:
    """Whether a variable tells something of the rows, and not of how they were solved."""
    return set(value.dims) <= set(order) and name not in VARIABLES and not name.endswith("_jumps")
