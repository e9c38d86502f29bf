"""Levels of an event table: each subject with doses and times of their own, or all of them on one grid."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.compile import Compiled
from doseline.dataset import Axis, Level, combinations
from doseline.dosing.records import Records
from doseline.errors import InputError
from doseline.events import Events, Sets, events, sets_of
from doseline.model.spec import Model
from doseline.origin import AskedRecords, said
from doseline.record_dataset import LEADING, build_records, refuse_names, told_of
from doseline.request import range_note
from doseline.times import read_times
from doseline.units import factor
from doseline.unsolved import failure, too_large
from doseline.walk_events import solve_events

if TYPE_CHECKING:
    import xarray as xr


def grid_of(records: Records, times: Any) -> np.ndarray | None:
    """The grid that ``times`` ask for [h]; None, for the observations of the table, where they ask for nothing."""
    if times is None:
        return None
    # additional doses end a dosing interval after the last one, as a course does
    last = records.time + np.where(records.additional > 0, records.additional + 1, 0) * records.interval
    return read_times(times, end=float(last.max()))


def levels_of(asked: AskedRecords, times: np.ndarray | None, *, threads: int) -> "xr.Dataset":
    """The Dataset of an event table: at its observations where ``times`` are None, else on that grid [h]."""
    model, records, axes, on_failure = asked.model, asked.records, asked.axes, asked.on_failure
    refuse_names(records, model)
    if times is None and not (records.evid == 0).any():
        raise InputError(
            "there is no observation (EVID 0)",
            place=records.name,
            advice="give times, as in times='1 h', or add records with EVID 0",
        )
    compiled = Compiled(model)
    sets = sets_of(compiled, records)
    plans = plans_of(compiled, records, sets, axes, strict=on_failure == "raise")
    for note in _notes(model, records, sets, plans):
        warnings.warn(note, stacklevel=3)
    ended = None
    try:
        if asked.solver.exact(model):
            levels, status = solve_events(compiled, sets, plans, times, threads=threads)
        else:
            from doseline.ode import solve_tables

            levels, ended = solve_tables(compiled, sets, plans, times, asked.solver, threads=threads)
            status = ended.status
    except MemoryError:
        seen = ((int((records.evid == 0).sum()), "observations"),)
        sizes = seen if times is None else ((len(records.subject), "subjects"), (len(times), "times"))
        raise too_large(len(plans), len(model.outputs), *sizes) from None
    shape = tuple(max(1, len(axes[name].labels)) for name in LEADING)
    levels = levels.reshape(*shape, *levels.shape[1:])
    status = status.reshape(*shape, -1)
    if on_failure == "raise" and status.any():
        raise failure(
            status,
            model,
            compiled.parameters(sets.values),
            who=lambda row: f"subject {records.subject[row[-1]]}, at its first record",
            at=sets.own[records.first[:-1]],
            rows="subjects" if len(plans) == 1 else "rows",
            ended=None if ended is None else ended.shaped(shape),
        )
    entered = {int(state) for plan in plans for state in plan.boluses}
    outputs = {
        name: Level(
            levels[:, :, position], output.unit, output.label, np.array([compiled.sees(name, entered)])
        )
        for position, (name, output) in enumerate(model.outputs.items())
    }
    attrs = said(
        model,
        axes,
        asked.solver,
        on_failure=on_failure,
        records=told_of(records, gridded=times is not None),
        draws=asked.draws.to_dict(),
    )
    given = [name for name in sets.columns if name in model.parameters]
    attrs["records"] = records.name
    attrs["covariate_interpolation"] = (
        ", ".join(f"{name} {mode}" for name, mode in records.modes.items()) or "none"
    )
    if given:
        attrs["parameters_from_records"] = ", ".join(given)
    if times is not None:
        axes = {**axes, "subject": Axis(records.subject, True), "time": Axis(times, True)}
    told = {"status": status} | ({} if ended is None else ended.shaped(shape).told())
    return build_records(outputs, axes, records, told, _units(model, records, sets), attrs)


def plans_of(
    compiled: Compiled, records: Records, sets: Sets, axes: Mapping[str, Axis], *, strict: bool
) -> list[Events]:
    """The table as the model takes it, for each formulation and meal asked for."""
    return [
        events(compiled, records, sets, formulation=formulation, meal=meal, strict=strict)
        for formulation, meal in combinations(axes)
    ]


def _notes(model: Model, records: Records, sets: Sets, plans: list[Events]) -> list[str]:
    """What the user should know: subjects that are ever out of range, doses that may be meant otherwise."""
    notes = []
    for name, known in model.covariates.items():
        column = sets.columns[name]
        given = records.units.get(column)
        values = records.covariates[column] * (1.0 if given is None else factor(given, known.unit))
        notes.append(range_note(model, name, values, records.first))
    notes += [note for plan in plans for note in plan.notes]
    return [note for note in dict.fromkeys(notes) if note]


def _units(model: Model, records: Records, sets: Sets) -> dict[str, str]:
    """Unit of each column that goes along."""
    entries: dict[str, Any] = {**model.parameters, **model.covariates}
    known = {column: entries[name].unit for name, column in sets.columns.items()}
    # a number without a unit that the model does not know stays a plain number
    return {column: records.units.get(column) or known.get(column, "1") for column in records.covariates}
