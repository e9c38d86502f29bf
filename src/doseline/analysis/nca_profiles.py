"""Profiles for a noncompartmental analysis: levels after one dose each, from a Dataset or a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import output_name
from doseline.errors import InputError, UnitError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

COLUMNS = {"subject": "subject", "time": "time", "level": "conc"}
"""Columns of a table, where no others are named."""
UNITS = {"level": "mg/L", "time": "h", "dose": "mg"}


@dataclass(frozen=True)
class Profiles:
    """Levels of many profiles, a row each.

    ``time`` (row or 1, point) and ``level`` (row, point); ``span`` (row or 1, 2) is when the dose was given and until
    when the profile goes; ``dose`` (row,), or None. ``shape`` and ``dims`` are those of the rows.
    """

    time: np.ndarray
    level: np.ndarray
    span: np.ndarray
    dose: np.ndarray | None
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: Mapping[str, Any]
    units: Mapping[str, str]

    def told(self, row: int) -> str:
        """A row, as people call it: 'subject 7'."""
        if self.dims == ("profile",):
            return ", ".join(f"{name} {values[1][row]}" for name, values in self.coords.items())
        at = np.unravel_index(row, self.shape)
        named = zip(self.dims, at, strict=True)
        return ", ".join(
            f"{dim} {np.asarray(self.coords[dim])[k] if dim in self.coords else k}" for dim, k in named
        )


def of_dataset(
    levels: "xr.Dataset",
    output: str | None,
    dose: Any,
    after: str | int,
    log: "Callable[[xr.Dataset], pd.DataFrame]",
) -> Profiles:
    """Profiles of a simulation: the levels after its last dose, its first or another one, until the next.

    ``log`` gives its doses, as `dose_log` does.
    """
    name = output_name(levels, output)
    level = levels[name]
    if "time" not in level.dims:
        raise InputError(f"'{name}' has no times", place="profiles", advice="give levels on a grid of times")
    level = level.transpose(..., "time")
    dims = tuple(str(dim) for dim in level.dims[:-1])
    shape = tuple(level.sizes[dim] for dim in dims)
    time = np.asarray(levels["time"].values, dtype=np.float64)
    if not len(time) or not (np.diff(time) > 0).all():
        raise InputError(
            "times do not rise" if len(time) else "there are no times",
            place="profiles",
            advice="give levels on times that rise, as dl.simulate makes them",
        )
    number = which_dose(after, levels.sizes.get("dose", 1))
    span = _spans(levels, level, number)
    due = span if "dose_taken_at" not in levels else _spans(levels.drop_vars("dose_taken_at"), level, number)
    coords = {str(key): value for key, value in level.coords.items() if "time" not in value.dims}
    units = {**UNITS, "level": str(level.attrs.get("units", "1"))}
    values = np.ascontiguousarray(level.values, dtype=np.float64).reshape(-1, len(time))
    amount = (
        _amounts(levels, dims, shape, due[..., 0], log) if dose is None else given_doses(dose, dims, shape)
    )
    return Profiles(time[None], values, span.reshape(-1, 2), amount, dims, shape, coords, units)


def which_dose(after: str | int, most: int) -> int:
    """Which dose, from 0; -1 is the last."""
    if after in ("first", "last"):
        return 0 if after == "first" else -1
    if isinstance(after, bool) or not isinstance(after, (int, np.integer)) or not 1 <= after <= most:
        expected = f"expected 'first', 'last' or a dose from 1 to {most}"
        raise InputError(f"found {after!r}", place="after", advice=expected)
    return int(after) - 1


def _spans(levels: "xr.Dataset", level: "xr.DataArray", number: int) -> np.ndarray:
    """When the dose was given and until when its profile goes, for each row (..., 2)."""
    import xarray as xr

    if "dose_time" not in levels:
        raise InputError(
            "there is no 'dose_time'",
            place="profiles",
            advice="give the Dataset as dl.simulate made it, or a table",
        )
    due = levels["dose_time"]
    due = due if "dose" in due.dims else due.expand_dims("dose", -1)
    count = due.notnull().sum("dose")
    given = due
    if "dose_taken_at" in levels:
        # a dose that was taken late begins when it was taken; one that was missed, when it was due
        given = levels["dose_taken_at"].fillna(due)
    ends = given.where(levels["dose_taken"] > 0) if "dose_taken" in levels else given
    at = xr.where(count * 0 + number < 0, count - 1, number)
    begin = given.isel(dose=at.clip(min=0)).where(at < count)
    # whatever is taken next ends it; a dose that is missed does not
    after = ends.where(ends > begin).min("dose")
    if int(level.attrs.get("jumps_at_doses", 0)):
        # the level at the time of a bolus is the one after it
        after = after - 1e-9 * abs(after)
    shaped = [each.broadcast_like(level.isel(time=0, drop=True)) for each in (begin, after.fillna(np.inf))]
    order = [dim for dim in level.dims if dim != "time"]
    return np.stack([each.transpose(*order).values for each in shaped], axis=-1).astype(np.float64)


def _amounts(
    levels: "xr.Dataset",
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    begin: np.ndarray,
    log_of: "Callable[[xr.Dataset], pd.DataFrame]",
) -> np.ndarray:
    """Amount of the dose that each profile follows. [mg]"""
    if levels.sizes.get("dose", 1) == 1 and "dose_taken" not in levels:
        total = levels["total_dose"]
        like = levels[output_name(levels)].isel(time=0, drop=True)
        amount = np.asarray(total.broadcast_like(like).transpose(*dims).values, dtype=np.float64)
        return np.where(amount > 0, amount, np.nan).reshape(-1)
    log = log_of(levels)
    keys = [dim for dim in dims if dim in log]
    places = [
        {value: at for at, value in enumerate(np.atleast_1d(levels[dim].values).tolist())} for dim in keys
    ]
    amount = np.zeros(shape)
    at = tuple(log[key].map(place).to_numpy() for key, place in zip(keys, places, strict=True))
    if not dims:
        own = np.isclose(log["time (h)"].to_numpy(), begin, rtol=1e-12, atol=1e-9)
        total = log["amount (mg)"].to_numpy()[own].sum()
        return np.array([total if total > 0 else np.nan])
    full = tuple(at[keys.index(dim)] if dim in keys else np.zeros(len(log), dtype=np.intp) for dim in dims)
    own = np.isclose(log["time (h)"].to_numpy(), begin[full], rtol=1e-12, atol=1e-9)
    np.add.at(amount, tuple(each[own] for each in full), log["amount (mg)"].to_numpy()[own])
    return np.where(amount > 0, amount, np.nan).reshape(-1)


def given_doses(dose: Any, dims: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Doses as the user gave them: one for all, or one for each subject."""
    values = np.asarray(dose, dtype=np.float64)
    if values.ndim == 0:
        amount = np.full(shape, float(values))
    elif "subject" in dims and values.shape == (shape[dims.index("subject")],):
        along = [len(values) if dim == "subject" else 1 for dim in dims]
        amount = np.broadcast_to(values.reshape(along), shape)
    else:
        raise InputError(
            f"found {values.shape} values", place="dose", advice="give one number, or one for each subject"
        )
    if not (amount > 0).all():
        raise InputError("found a dose that is not above 0", place="dose", advice="give amounts above 0")
    return np.ascontiguousarray(amount).reshape(-1)


def of_table(
    table: Any, dose: Any, columns: Mapping[str, str], by: tuple[str, ...], units: Mapping[str, str]
) -> Profiles:
    """Profiles of a table with a line for each sample: one for each subject, and for each combination of ``by``."""
    import pandas as pd

    if hasattr(table, "get_column"):  # polars
        table = {name: table.get_column(name).to_numpy() for name in table.columns}
    try:
        frame = pd.DataFrame(table)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"found {type(table).__name__}", place="profiles", advice="give a Dataset of levels, or a table"
        ) from error
    wrong = sorted(set(columns) - {*COLUMNS, "dose"})
    if wrong:
        raise InputError(
            f"unknown '{wrong[0]}'", place="columns", advice=f"expected {', '.join([*COLUMNS, 'dose'])}"
        )
    named = {role: _column(frame, role, columns.get(role)) for role in COLUMNS}
    keys = [*(_column(frame, "by", name) for name in by), named["subject"]]
    time, level = (_numbers(frame, named[role]) for role in ("time", "level"))
    if not np.isfinite(time).all():
        at = int(np.argmin(np.isfinite(time)))
        raise InputError(
            f"found {time[at]} in line {at + 1}",
            place=f"column '{named['time']}'",
            advice="give each sample its time, or leave it out",
        )
    if len(keys) == 1:
        groups = pd.factorize(frame[keys[0]], use_na_sentinel=False)[0]
    else:
        groups = frame.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    if not len(groups):
        raise InputError("the table has no lines", place="profiles", advice="give at least one sample")
    times, levels, starts = padded(groups, time, level)
    firsts, shape = frame.iloc[starts], times.shape
    coords: dict[str, Any] = {key: ("profile", firsts[key].to_numpy()) for key in keys if len(keys) > 1}
    dims: tuple[str, ...] = ("profile",)
    if len(keys) == 1:
        dims, coords = ("subject",), {"subject": firsts[keys[0]].to_numpy()}
    amount = _amounts_of(frame, firsts, groups, dose, columns, shape[0])
    told = {**UNITS, **units}
    found = Profiles(times, levels, np.array([[0.0, np.inf]]), amount, dims, shape[:1], coords, told)
    refuse_disorder(found)
    return found


def padded(
    groups: np.ndarray, time: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times and levels with a row for each group, NaN behind its last sample, and where each group begins.

    Groups are numbered in the order of their first samples.
    """
    sizes = np.bincount(groups)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    together = bool((np.diff(groups) >= 0).all())
    if not together:
        order = np.argsort(groups, kind="stable")
        groups, time, level = groups[order], time[order], level[order]
    most = int(sizes.max())
    if (sizes == most).all():
        times, levels = time.reshape(-1, most), level.reshape(-1, most)
    else:
        point = np.arange(len(groups)) - np.repeat(starts, sizes)
        times, levels = np.full((len(sizes), most), np.nan), np.full((len(sizes), most), np.nan)
        times[groups, point], levels[groups, point] = time, level
    return times, levels, starts if together else order[starts]


def _amounts_of(
    frame: "pd.DataFrame",
    firsts: "pd.DataFrame",
    groups: np.ndarray,
    dose: Any,
    columns: Mapping[str, str],
    count: int,
) -> np.ndarray | None:
    """Doses of the profiles of a table, from its column or as they were given."""
    if dose is not None and not isinstance(dose, str):
        return given_doses(dose, ("subject",), (count,))
    name = dose or columns.get("dose")
    if name is None:
        return None
    column = _column(frame, "dose", name)
    every, values = _numbers(frame, column), _numbers(firsts, column)
    if not (every == values[groups]).all():
        at = int(np.argmin(every == values[groups]))
        raise InputError(
            f"found {every[at]:g} in line {at + 1}, and {values[groups[at]]:g} before",
            place=f"column '{column}'",
            advice="give one dose for each profile; name what tells profiles apart in by=",
        )
    if not (values > 0).all():
        raise InputError(
            "found a dose that is not above 0", place=f"column '{column}'", advice="give amounts above 0"
        )
    return values


def _column(frame: "pd.DataFrame", role: str, asked: str | None) -> str:
    """Name of a column, whatever the case of its letters."""
    wanted = asked or COLUMNS[role]
    if wanted in frame:
        return wanted
    for name in frame.columns:
        if str(name).lower() == wanted.lower():
            return str(name)
    known = [str(name) for name in frame.columns]
    raise InputError(
        f"there is no column '{wanted}'",
        place="profiles",
        advice="\n".join(filter(None, [did_you_mean(wanted, known), f"name it: columns={{'{role}': ...}}"])),
    )


def _numbers(frame: "pd.DataFrame", name: str) -> np.ndarray:
    """A column as numbers; what is empty is not known."""
    import pandas as pd

    if frame[name].dtype.kind in "fiu":
        return frame[name].to_numpy(dtype=np.float64)
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.isnan(values) & frame[name].notna().to_numpy()
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InputError(
            f"found {frame[name].iloc[at]!r} in line {at + 1}",
            place=f"column '{name}'",
            advice="expected numbers; leave empty what was not measured, and give lloq= with 0 for what lies below",
        )
    return values


def refuse_disorder(found: Profiles) -> None:
    """Times have to rise."""
    before, after = found.time[:, :-1], found.time[:, 1:]
    wrong = ~(after > before) & ~np.isnan(after)
    if wrong.any():
        row, at = np.argwhere(wrong)[0]
        who = found.told(row)
        one, other = found.time[row, at], found.time[row, at + 1]
        what = f"time {other:g} is there twice" if one == other else f"time {other:g} comes after {one:g}"
        raise InputError(
            f"{what}, of {who}",
            place="profiles",
            advice="sort the samples of each subject by time, one each\nname what else tells profiles apart: by=",
        )


def refuse_negative(found: Profiles) -> None:
    """Levels are not negative, and finite."""
    wrong = (found.level < 0) | np.isinf(found.level)
    if wrong.any():
        row, at = np.argwhere(wrong)[0]
        times = found.time[row if len(found.time) > 1 else 0]
        raise InputError(
            f"found {found.level[row, at]:g} at time {times[at]:g}",
            place="profiles",
            advice="give 0 for what was below the limit of quantification, and lloq="
            if found.level[row, at] < 0
            else "leave empty what was not measured",
        )


def refuse_units(units: Mapping[str, str]) -> None:
    """Only units of what there is."""
    wrong = sorted(set(units) - set(UNITS))
    if wrong:
        raise UnitError(f"unknown '{wrong[0]}'", place="units", advice=f"expected {', '.join(UNITS)}")
