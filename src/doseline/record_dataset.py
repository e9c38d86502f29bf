"""The schema of results that come from event tables, and the table back from a result."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from doseline.dataset import COORDINATES, Axis, Level
from doseline.dosing.records import Records
from doseline.errors import InputError, Status

if TYPE_CHECKING:
    import xarray as xr

LEADING = ("formulation", "meal")
"""Dimensions before those of the table."""


class Column(NamedTuple):
    """One column of the table as a result keeps it: attribute of `Records`, unit, meaning."""

    attribute: str
    units: str
    label: str


EVENT_COLUMNS = {
    "line": Column("line", "1", "line of the table"),
    "TIME": Column("time", "h", "time"),
    "EVID": Column("evid", "1", "what happens: 1 dose, 2 other, 3 reset, 4 reset and dose, 8 replace"),
    "AMT": Column("amount", "mg", "amount"),
    "RATE": Column("rate", "mg/h", "rate of an infusion; -1, -2: the model has the rate, the duration"),
    "DUR": Column("duration", "h", "duration of an infusion"),
    "II": Column("interval", "h", "interval between doses"),
    "ADDL": Column("additional", "1", "additional doses"),
    "SS": Column("steady", "1", "steady state"),
    "CMT": Column("compartment", "1", "compartment"),
    "MDV": Column("mdv", "1", "is there no observation to compare with?"),
    "DV": Column("dv", "1", "observation"),
}
RECORD_NAMES = (
    "record", "event", "line", "time", "subject", "status", "dv", "cmt", "mdv",
    *LEADING, *(f"event_{name}" for name in (*EVENT_COLUMNS, "subject")),
)  # fmt: skip
"""Names of a result that no column of the table may have."""


def build_records(
    levels: Mapping[str, Level],
    axes: Mapping[str, Axis],
    records: Records,
    status: np.ndarray,
    covariates: Mapping[str, str],
    attrs: Mapping[str, str],
) -> "xr.Dataset":
    """The Dataset of an event table.

    Where ``axes`` have times, levels are (formulation, meal, subject, time); else (formulation, meal, record), one for
    each observation. ``status`` is (formulation, meal, subject). ``covariates`` are the columns that go along, with
    their units.
    """
    import xarray as xr

    gridded = "time" in axes
    whose = np.repeat(np.arange(len(records.subject)), np.diff(records.first))
    seen = records.evid == 0
    last = ("subject", "time") if gridded else ("record",)
    data: dict[str, Any] = {}
    for name, level in levels.items():
        data[name] = ((*LEADING, *last), level.values, {"units": level.units, "long_name": level.label})
        data[name][2]["jumps_at_doses"] = int(level.jumps.any())
    told = {
        "units": "1",
        "long_name": "how solving ended; 0 is well",
        "flag_values": [int(code) for code in Status],
    }
    told["flag_meanings"] = " ".join(code.name.lower() for code in Status)
    data["status"] = ((*LEADING, last[0]), status if gridded else status[..., whose[seen]], told)
    coords: dict[str, Any] = {
        name: ((name,), np.asarray(axis.labels), {"units": row.units, "long_name": row.label})
        for name, axis in axes.items()
        if len(axis.labels) and (row := COORDINATES[name])
    }
    kept = np.ones(len(records), dtype=bool) if gridded else ~seen
    if not gridded:
        _add_observations(coords, data, records, records.subject[whose[seen]], seen)
    _add_events(data, records, records.subject[whose[kept]], kept)
    for name, units in covariates.items():
        values, mode = records.covariates[name], records.modes[name]
        told = {"units": units, "long_name": f"covariate {name}", "interpolation": mode}
        data[f"event_{name}"] = (("event",), values[kept], told)
        if not gridded:
            coords[name] = (("record",), values[seen], told)
        elif bool((values == values[records.first[whose]]).all()):
            coords[name] = (("subject",), values[records.first[:-1]], told)
    result = xr.Dataset(data, coords, dict(attrs))
    return result.isel({name: 0 for name in LEADING if not axes[name].shown})


def _add_observations(
    coords: dict[str, Any], data: dict[str, Any], records: Records, subject: np.ndarray, seen: np.ndarray
) -> None:
    """What the observations of the table bring along."""
    coords["subject"] = (("record",), subject, {"long_name": "subject"})
    coords["time"] = (("record",), records.time[seen], {"units": "h", "long_name": "time"})
    coords["line"] = (("record",), records.line[seen], {"long_name": f"line of {records.name}"})
    for name, column in (("cmt", records.compartment), ("mdv", records.mdv)):
        if column[seen].astype(bool).any():
            coords[name] = (("record",), column[seen], {"long_name": EVENT_COLUMNS[name.upper()].label})
    if records.dv is not None:
        data["dv"] = (("record",), records.dv[seen], {"long_name": "observation in the table"})


def _add_events(data: dict[str, Any], records: Records, subject: np.ndarray, kept: np.ndarray) -> None:
    """All other records, with the columns that say something."""
    data["event_subject"] = (("event",), subject, {"long_name": "subject"})
    silent = {"MDV": records.evid[kept] != 0, "DV": np.nan}
    for name, column in EVENT_COLUMNS.items():
        values = getattr(records, column.attribute)
        if values is None:
            continue
        default = silent.get(name, np.zeros(1, dtype=values.dtype))
        says = not np.array_equal(
            values[kept], np.broadcast_to(default, int(kept.sum())), equal_nan=name == "DV"
        )
        if says or name in ("line", "TIME", "EVID"):
            told = {"units": column.units, "long_name": column.label}
            data[f"event_{name}"] = (("event",), values[kept], told)
    for name, values in records.choices.items():
        data[f"event_{name}"] = (("event",), values[kept], {"long_name": name})


def records_of(levels: "xr.Dataset", told: Mapping[str, Any]) -> Records:
    """The event table that a result came from; ``told`` is what its provenance says of it.

    Raises
    ------
    InputError : a result that was cut down.
    """
    gridded = "time" in levels.dims
    parts = [levels["event_line"].values, *([] if gridded else [levels["line"].values])]
    line = np.concatenate(parts)
    if len(line) != told["count"]:
        raise InputError(
            f"{len(line):,} of {told['count']:,} records are there",
            place="levels",
            advice="give the whole Dataset, as dl.simulate made it, and cut the result",
        )
    order = np.argsort(line, kind="stable")
    seen = 0 if gridded else levels.sizes["record"]

    def joined(name: str, on_record: str | None, default: Any) -> np.ndarray:
        there = f"event_{name}" in levels
        events = levels[f"event_{name}"].values if there else np.full(len(parts[0]), default)
        if not seen:
            return np.asarray(events)[order]
        known = on_record is not None and on_record in levels.coords | levels.data_vars
        rest = levels[on_record].values if known else np.full(seen, default)
        return np.concatenate([events, rest])[order]

    subject = joined("subject", "subject", 0)
    starts = np.flatnonzero(np.concatenate([[True], subject[1:] != subject[:-1]]))
    names = {"line": "line", "TIME": "time", "CMT": "cmt", "MDV": "mdv", "DV": "dv"}
    words = told["compartment"] == "text"
    column: dict[str, Any] = {
        row.attribute: joined(
            name, names.get(name), "" if name == "CMT" and words else np.nan if name == "DV" else 0
        )
        for name, row in EVENT_COLUMNS.items()
    }
    if "event_MDV" not in levels:
        column["mdv"] = np.where(column["evid"] != 0, 1, column["mdv"])
    for attribute in ("line", "evid", "additional", "steady", "mdv", *([] if words else ["compartment"])):
        column[attribute] = column[attribute].astype(np.int64)
    for attribute in ("amount", "rate", "duration", "interval"):
        column[attribute] = column[attribute].astype(np.float64)
    if not told["dv"]:
        column["dv"] = None
    return Records(
        name=told["name"],
        subject=subject[starts],
        first=np.append(starts, len(line)),
        choices={name: joined(name, None, "").astype(str) for name in told["choices"]},
        covariates={name: joined(name, name, np.nan) for name in told["units"]},
        units=told["units"],
        modes=told["modes"],
        **column,
    )


def told_of(records: Records) -> dict[str, Any]:
    """What the provenance says of a table, beside what stands in the Dataset."""
    return {
        "name": records.name,
        "count": len(records),
        "compartment": "number" if records.compartment.dtype.kind in "iu" else "text",
        "dv": records.dv is not None,
        "choices": list(records.choices),
        "units": dict(records.units),
        "modes": dict(records.modes),
    }
