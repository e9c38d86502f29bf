"""The schema of results that come from event tables, and the table back from a result."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from doseline.dataset import FLAGS, VARIABLES, Axis, Level, More, add_more, coordinates
from doseline.dosing.records import Records, per_record
from doseline.errors import InputError
from doseline.model.spec import Model

if TYPE_CHECKING:
    import xarray as xr

_WHOLE = "give the whole Dataset, as dl.simulate made it, and cut the result"
LEADING = ("replicate", "formulation", "meal")
"""Dimensions before those of the table."""


class EventColumn(NamedTuple):
    """One column of the table as a result keeps it: attribute of `Records`, unit, meaning, kind of number."""

    attribute: str
    units: str
    label: str
    kind: str = "f8"


EVENT_COLUMNS = {
    "line": EventColumn("line", "1", "line of the table", "i8"),
    "TIME": EventColumn("time", "h", "time"),
    "EVID": EventColumn(
        "evid", "1", "what happens: 1 dose, 2 other, 3 reset, 4 reset and dose, 8 replace", "i8"
    ),
    "AMT": EventColumn("amount", "mg", "amount"),
    "RATE": EventColumn("rate", "mg/h", "rate of an infusion; -1, -2: the model has the rate, the duration"),
    "DUR": EventColumn("duration", "h", "duration of an infusion"),
    "II": EventColumn("interval", "h", "interval between doses"),
    "ADDL": EventColumn("additional", "1", "additional doses", "i8"),
    "SS": EventColumn("steady", "1", "steady state", "i8"),
    "CMT": EventColumn("compartment", "1", "compartment", "i8"),
    "MDV": EventColumn("mdv", "1", "is there no observation to compare with?", "i8"),
    "DV": EventColumn("dv", "1", "observation"),
}
RECORD_NAMES = (
    "record", "event", "line", "time", "subject", "dv", "cmt", "mdv", "status", "method", "stiff_since", "steps",
    *LEADING, *(f"event_{name}" for name in (*EVENT_COLUMNS, "subject")),
)  # fmt: skip
"""Names of a result that no column of the table may have."""


def refuse_names(records: Records, model: Model) -> None:
    """A column must not take the name of something else in the result, nor one that no file can hold."""
    for name in records.covariates:
        if name in RECORD_NAMES or name in model.outputs or name.startswith("event_") or "/" in name:
            problem = "a slash in its name" if "/" in name else "a name that results use"
            raise InputError(
                f"the column {name} has {problem}",
                place=records.name,
                advice="rename the column, or leave it out",
            )


def build_records(
    levels: Mapping[str, Level],
    axes: Mapping[str, Axis],
    records: Records,
    told: Mapping[str, np.ndarray],
    covariates: Mapping[str, str],
    attrs: Mapping[str, str],
    more: Mapping[str, More] = {},
) -> "xr.Dataset":
    """The Dataset of an event table.

    Where ``axes`` have times, levels are (replicate, formulation, meal, subject, time); else (replicate, formulation,
    meal, record), one for each observation. ``told``, the status of each subject among it, is (replicate, formulation,
    meal, subject).
    ``covariates`` are the columns that go along, with their units.
    """
    import xarray as xr

    import doseline.accessor  # noqa: F401 (gives the Dataset its .pk)

    gridded = "time" in axes
    whose = per_record(np.arange(len(records.subject)), records.first)
    seen = np.flatnonzero(records.evid == 0)
    kept = np.arange(len(records)) if gridded else np.flatnonzero(records.evid != 0)
    last = ("subject", "time") if gridded else ("record",)
    data: dict[str, Any] = {}
    for name, level in levels.items():
        said = {"units": level.units, "long_name": level.label, "jumps_at_doses": int(level.jumps.any())}
        data[name] = ((*LEADING, *last), level.values, said)
    for name, values in told.items():
        row = VARIABLES[name]
        said = {"units": row.units, "long_name": row.label, **FLAGS.get(name, {})}
        data[name] = ((*LEADING, last[0]), values if gridded else values[..., whose[seen]], said)
    coords = coordinates(axes)
    if not gridded:
        _add_observations(coords, data, records, records.subject[whose[seen]], seen)
    _add_events(data, records, records.subject[whose[kept]], kept)
    for name, units in covariates.items():
        values, mode = records.covariates[name], records.modes[name]
        said = {"units": units, "long_name": f"covariate {name}", "interpolation": mode}
        data[f"event_{name}"] = (("event",), values[kept], said)
        if not gridded:
            coords[name] = (("record",), values[seen], said)
        elif bool((values == values[records.first[whose]]).all()):
            coords[name] = (("subject",), values[records.first[:-1]], said)
    add_more(data, more, coords)
    result = xr.Dataset(data, coords, dict(attrs))
    return result.isel({name: 0 for name in LEADING if not axes[name].shown})


def _add_observations(
    coords: dict[str, Any], data: dict[str, Any], records: Records, subject: np.ndarray, seen: np.ndarray
) -> None:
    """What the observations of the table bring along."""
    coords["subject"] = (("record",), subject, {"long_name": "subject"})
    coords["time"] = (("record",), records.time[seen], {"units": "h", "long_name": "time"})
    coords["line"] = (("record",), records.line[seen], {"long_name": f"line of {records.name}"})
    for name in ("cmt", "mdv"):
        column = EVENT_COLUMNS[name.upper()]
        if _says(records, name.upper()):
            coords[name] = (
                ("record",),
                getattr(records, column.attribute)[seen],
                {"long_name": column.label},
            )
    if records.dv is not None:
        data["dv"] = (("record",), records.dv[seen], {"long_name": "observation in the table"})


def _add_events(data: dict[str, Any], records: Records, subject: np.ndarray, kept: np.ndarray) -> None:
    """All other records, with the columns that say something."""
    data["event_subject"] = (("event",), subject, {"long_name": "subject"})
    for name, column in EVENT_COLUMNS.items():
        if _says(records, name):
            told = {"units": column.units, "long_name": column.label}
            data[f"event_{name}"] = (("event",), getattr(records, column.attribute)[kept], told)
    for name, values in records.choices.items():
        data[f"event_{name}"] = (("event",), values[kept], {"long_name": name})


def _says(records: Records, name: str) -> bool:
    """Whether a column of the table is there and says more than nothing does."""
    values = getattr(records, EVENT_COLUMNS[name].attribute)
    if name in ("line", "TIME", "EVID"):
        return True
    if name == "MDV":
        return bool((values != (records.evid != 0)).any())
    return values is not None and bool((values != np.zeros(1, dtype=values.dtype)).any())


def records_of(levels: "xr.Dataset", told: Mapping[str, Any]) -> Records:
    """The event table that a result came from; ``told`` is what its provenance says of it.

    Raises
    ------
    InputError : a result that was cut down, or has lost variables.
    """
    gridded = told["gridded"]
    names = {"line": "line", "TIME": "time", "CMT": "cmt", "MDV": "mdv", "DV": "dv", "subject": "subject"}
    names |= {name: name for name in told["units"]}
    wanted = [f"event_{name}" for name in told["kept"]]
    if not gridded:
        wanted += [names[name] for name in told["kept"] if name in names]
    for name in wanted:
        if name not in levels.variables:
            raise InputError(f"'{name}' is missing", place="levels", advice=_WHOLE)
    line = np.concatenate(
        [np.atleast_1d(levels[name].values) for name in wanted if name in ("event_line", "line")]
    )
    if len(line) != told["count"]:
        raise InputError(
            f"{len(line):,} of {told['count']:,} records are there", place="levels", advice=_WHOLE
        )
    order = np.argsort(line, kind="stable")

    def joined(name: str) -> np.ndarray:
        """A column that was kept, in the order of the table; choices are of events only."""
        events = np.atleast_1d(levels[f"event_{name}"].values)
        if gridded:
            return events[order]
        if name in names:
            return np.concatenate([events, np.atleast_1d(levels[names[name]].values)])[order]
        nothing = "" if events.dtype.kind in "OUT" else 0
        return np.concatenate([events, np.full(len(line) - len(events), nothing)])[order]

    subject, evid = joined("subject"), joined("EVID").astype(np.int64)
    starts = np.flatnonzero(np.concatenate([[True], subject[1:] != subject[:-1]]))
    column: dict[str, Any] = {}
    for name, row in EVENT_COLUMNS.items():
        kind = told["kinds"].get(name, row.kind)
        silent = (evid != 0) if name == "MDV" else np.zeros(len(line), dtype=kind)
        column[row.attribute] = (joined(name) if name in told["kept"] else silent).astype(kind)
    if "DV" not in told["kept"]:
        column["dv"] = None if not told["dv"] else column["dv"]
    return Records(
        name=told["name"],
        subject=subject[starts],
        first=np.append(starts, len(line)),
        choices={name: joined(name).astype(str) for name in told["choices"]},
        covariates={name: joined(name) for name in told["units"]},
        units=told["units"],
        modes=told["modes"],
        **column,
    )


def told_of(records: Records, *, gridded: bool) -> dict[str, Any]:
    """What the provenance says of a table, beside what stands in the Dataset."""
    kept = ["subject", *(name for name in EVENT_COLUMNS if _says(records, name))]
    return {
        "name": records.name,
        "count": len(records),
        "gridded": gridded,
        "kept": [*kept, *records.choices, *records.covariates],
        "kinds": {"CMT": "str"} if records.compartment.dtype.kind not in "iu" else {},
        "dv": records.dv is not None,
        "choices": list(records.choices),
        "units": dict(records.units),
        "modes": dict(records.modes),
    }
