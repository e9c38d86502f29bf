"""Levels of an event table: each subject with doses and times of their own, or all of them on one grid."""

import json
import warnings
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.compile import ENGINE, Compiled
from doseline.dataset import SCHEMA, Axis, Level
from doseline.dosing.records import Records
from doseline.errors import STATUS, InputError, SolveError, Status
from doseline.events import Events, Sets, events, sets_of, table_columns
from doseline.model.spec import Model
from doseline.record_dataset import LEADING, RECORD_NAMES, build_records, told_of
from doseline.units import factor
from doseline.version import __version__
from doseline.walk_events import solve_events

if TYPE_CHECKING:
    import xarray as xr

SHOWN_FAILURES = 5


def plans_of(
    compiled: Compiled, records: Records, sets: Sets, axes: Mapping[str, Axis]
) -> dict[tuple[str | None, str | None], Events]:
    """The table as the model takes it, for each formulation and meal asked for."""
    labels = [axes[name].labels or (None,) for name in LEADING]
    return {
        (formulation, meal): events(compiled, records, sets, formulation=formulation, meal=meal)
        for formulation, meal in product(*labels)
    }


def levels_of(
    model: Model,
    records: Records,
    axes: Mapping[str, Axis],
    times: np.ndarray | None,
    *,
    on_failure: str,
    threads: int,
) -> "xr.Dataset":
    """The Dataset of an event table: at its observations where ``times`` are None, else on that grid [h]."""
    compiled = Compiled(model)
    units = _units(model, records)
    sets = sets_of(compiled, records)
    _advise_ranges(model, records)
    plans = plans_of(compiled, records, sets, axes)
    for note in dict.fromkeys(note for plan in plans.values() for note in plan.notes):
        warnings.warn(note, stacklevel=4)
    if times is None and not (records.evid == 0).any():
        raise InputError(
            "there is no observation (EVID 0)",
            place=records.name,
            advice="give times, as in times='1 h', or add records with EVID 0",
        )
    levels, status = solve_events(compiled, sets, list(plans.values()), times, threads=threads)
    shape = tuple(max(1, len(axes[name].labels)) for name in LEADING)
    levels = levels.reshape(*shape, *levels.shape[1:])
    status = status.reshape(*shape, -1)
    if on_failure == "raise" and status.any():
        raise _failure(status, records, model, compiled.parameters(sets.values), sets)
    entered = {int(state) for plan in plans.values() for state in plan.boluses}
    outputs = {
        name: Level(
            levels[:, :, position], output.unit, output.label, np.array([compiled.sees(name, entered)])
        )
        for position, (name, output) in enumerate(model.outputs.items())
    }
    if times is not None:
        axes = {**axes, "subject": Axis(records.subject, True), "time": Axis(times, True)}
    attrs = _attrs(model, records, axes, times, on_failure=on_failure)
    return build_records(outputs, axes, records, status, units, attrs)


def _units(model: Model, records: Records) -> dict[str, str]:
    """Unit of each column that goes along; names that results use are refused."""
    for name in records.covariates:
        if name in RECORD_NAMES or name in model.outputs or name.startswith("event_"):
            raise InputError(
                f"the column {name} has a name that results use",
                place=records.name,
                advice="rename the column, or leave it out",
            )
    known = {column: name for name, column in table_columns(Compiled(model), records).items()}
    entries: dict[str, Any] = {**model.parameters, **model.covariates}
    # a number without a unit that the model does not know stays a plain number
    return {
        column: records.units.get(column) or (entries[known[column]].unit if column in known else "1")
        for column in records.covariates
    }


def _advise_ranges(model: Model, records: Records) -> None:
    """Warn of subjects that are ever outside the range that the model is meant for."""
    columns = table_columns(Compiled(model), records)
    for name, known in model.covariates.items():
        column = columns[name]
        given = records.units.get(column)
        values = records.covariates[column] * (1.0 if given is None else factor(given, known.unit))
        outside = (values < known.low) | (values > known.high)
        if outside.any():
            subjects = int(np.logical_or.reduceat(outside, records.first[:-1]).sum())
            unit = "" if known.unit == "1" else f" {known.unit}"
            warnings.warn(
                f"{subjects} of {len(records.subject)} subjects have {name} outside {known.low:g} to "
                f"{known.high:g}{unit}, for which {model.name} is meant "
                f"(the first: {float(values[outside][0]):g}{unit})",
                stacklevel=5,
            )


def _attrs(
    model: Model, records: Records, axes: Mapping[str, Axis], times: np.ndarray | None, *, on_failure: str
) -> dict[str, str]:
    """What the Dataset says of itself, and what `replay` needs beside the table in it."""
    told = {
        "schema": SCHEMA,
        "model_name": model.name,
        "model": model.text,
        "changes": dict(model.changes),
        "records": told_of(records),
        "axes": {name: {"labels": list(axes[name].labels), "shown": axes[name].shown} for name in LEADING},
        "on_failure": on_failure,
    }
    given = {
        name: column
        for name, column in table_columns(Compiled(model), records).items()
        if name in model.parameters
    }
    modes = ", ".join(f"{name} {mode}" for name, mode in records.modes.items())
    return {
        "model": model.name,
        "model_version": model.version,
        "model_title": model.title,
        "doseline_version": __version__,
        "engine": ENGINE,
        "records": records.name,
        "covariate_interpolation": modes or "none",
        **({"parameters_from_records": ", ".join(given)} if given else {}),
        "provenance": json.dumps(told),
    }


def _failure(
    status: np.ndarray, records: Records, model: Model, values: Mapping[str, Any], sets: Sets
) -> SolveError:
    """One sentence for all failed subjects: how many, why, and the first of them with their parameters."""
    rows = np.argwhere(status)
    code = Status(int(status[tuple(rows[0])]))
    entries: dict[str, Any] = {**model.covariates, **model.parameters}
    lines = []
    for subject in list(dict.fromkeys(int(row[-1]) for row in rows))[:SHOWN_FAILURES]:
        at = sets.own[records.first[subject]]
        own = ", ".join(
            f"{name} {np.broadcast_to(values[name], (sets.count,))[at] / entry.to_coherent:.4g}"
            + (f" {entry.unit}" if entry.unit != "1" else "")
            for name, entry in entries.items()
        )
        lines.append(f"subject {records.subject[subject]} ({records.name}): {own}")
    told = "\n  ".join(lines)
    return SolveError(
        f"{len(rows)} of {status.size} subjects could not be solved: {STATUS[code].sentence}\n  {told}",
        place="simulate",
        advice=f"{STATUS[code].advice}\non_failure='mark' keeps the others",
    )
