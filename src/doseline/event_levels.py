"""Levels of an event table: each subject with doses and times of their own, or all of them on one grid."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.compile import Values
from doseline.dataset import Axis, Level
from doseline.dosing.records import Records
from doseline.ended import Ended
from doseline.errors import InputError
from doseline.events import Events
from doseline.memory import lacking
from doseline.model.spec import Model
from doseline.origin import AskedRecords, said
from doseline.record_dataset import build_records, refuse_names, told_of
from doseline.record_sets import Sets
from doseline.request import range_note
from doseline.tables import Tables, joined
from doseline.times import read_times
from doseline.units import factor
from doseline.unsolved import failure, too_large

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
    model, records, axes, draws = asked.model, asked.records, asked.axes, asked.draws
    refuse_names(records, model)
    if times is None and not (records.evid == 0).any():
        raise InputError(
            "there is no observation (EVID 0)",
            place=records.name,
            advice="give times, as in times='1 h', or add records with EVID 0",
        )
    tables = Tables(asked, times)
    free = lacking(needed(tables))
    if free is not None:
        raise _refusal(tables, free)
    try:
        solved = [tables.solve(replicate, threads=threads) for replicate in draws.labels]
        typical = tables.typical().solve(0, threads=threads) if draws.typical else None
    except MemoryError:
        raise _refusal(tables) from None
    for note in _notes(model, records, solved[0].sets[0], solved[0].plans):
        warnings.warn(note, stacklevel=3)
    shape = (len(solved), *(max(1, len(axes[name].labels)) for name in ("formulation", "meal")))
    levels, status = joined(each.levels for each in solved), joined(each.status for each in solved)
    levels, status = levels.reshape(*shape, *levels.shape[1:]), status.reshape(*shape, -1)
    parts = [each.ended for each in solved if each.ended is not None]
    ended = Ended(*(joined(each) for each in zip(*parts, strict=True))).shaped(shape) if parts else None
    if asked.on_failure == "raise" and status.any():

        def values(row: np.ndarray) -> Values:
            own = solved[row[0]].sets
            arm = int(np.ravel_multi_index((row[1], row[2]), shape[1:]))
            return tables.values(draws.labels[row[0]], own[arm if len(own) > 1 else 0])

        raise failure(
            status,
            model,
            values,
            who=lambda row: (
                f"subject {records.subject[row[-1]]}, at its first record"
                + (f", replicate {draws.labels[row[0]]}" if draws.replicates is not None else "")
            ),
            at=solved[0].sets[0].own[records.first[:-1]],
            rows="subjects" if status.size == status.shape[-1] else "rows",
            ended=ended,
        )
    entered = {int(state) for plan in solved[0].plans for state in plan.boluses}
    outputs = {
        name: Level(
            levels[:, :, :, position],
            output.unit,
            output.label,
            np.array([tables.compiled(0).sees(name, entered)]),
        )
        for position, (name, output) in enumerate(model.outputs.items())
    }
    attrs = said(
        model,
        axes,
        asked.solver,
        on_failure=asked.on_failure,
        records=told_of(records, gridded=times is not None),
        draws=draws.to_dict(),
    )
    sets = solved[0].sets[0]
    given = [name for name in sets.columns if name in model.parameters]
    attrs["records"] = records.name
    attrs["covariate_interpolation"] = (
        ", ".join(f"{name} {mode}" for name, mode in records.modes.items()) or "none"
    )
    if given:
        attrs["parameters_from_records"] = ", ".join(given)
    axes = {"replicate": Axis(draws.labels if draws.replicates else (), draws.replicates is not None), **axes}
    if times is not None:
        axes = {**axes, "subject": Axis(records.subject, True), "time": Axis(times, True)}
    more = tables.variables(solved)
    if typical is not None:
        more |= tables.typical_levels(typical.levels.reshape(*shape[1:], *levels.shape[3:]))
    if draws.observed:
        more |= tables.observations(levels)
    told = {"status": status} | ({} if ended is None else ended.told())
    return build_records(outputs, axes, records, told, _units(model, records, sets), attrs, more)


def needed(tables: Tables) -> int:
    """What the levels of a table take. [byte]"""
    each = math.prod(count for count, _ in sizes_of_levels(tables))
    return 8 * each * tables.count * len(tables.asked.model.outputs)


def sizes_of_levels(tables: Tables) -> tuple[tuple[int, str], ...]:
    """How many levels an output has in one arm."""
    records, times = tables.asked.records, tables.times
    if times is None:
        return ((int((records.evid == 0).sum()), "observations"),)
    return ((len(records.subject), "subjects"), (len(times), "times"))


def _refusal(tables: Tables, free: int | None = None) -> InputError:
    return too_large(tables.count, len(tables.asked.model.outputs), *sizes_of_levels(tables), free=free)


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
