"""The systems of an event table: every set of covariates, and of random effects, that any record has."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.habits import days_of
from doseline.dosing.records import Records, doses_among, per_record
from doseline.errors import InputError
from doseline.population.variability import NO_EFFECTS, Drawn, Effects
from doseline.units import factor


@dataclass(frozen=True)
class Sets:
    """Every set of covariates that any record has: the systems."""

    columns: Mapping[str, str]  # for each covariate, and each parameter that the table gives, its column
    values: Mapping[str, np.ndarray]  # (system,) the same in coherent units
    count: int
    own: np.ndarray  # (record,) system at the record
    stretch: np.ndarray  # (record,) system of the stretch that ends at the record
    drawn: Drawn | None = None  # random effects of the subjects
    subject: np.ndarray | None = None  # (system,) whose each system is
    occasion: Mapping[str, np.ndarray] = field(
        default_factory=dict
    )  # (system,) number of each kind of occasion

    def effects(
        self,
        systems: np.ndarray | None = None,
        seen: dict[str, np.ndarray] | None = None,
        *,
        moving: bool = True,
    ) -> Effects:
        """Random effects of all systems, or of some; ``seen`` collects the etas.

        Without ``moving`` those of occasions within a course are left out.
        """
        if self.drawn is None or self.subject is None:
            return NO_EFFECTS
        at = slice(None) if systems is None else systems
        whose, occasion = self.subject[at], {kind: each[at] for kind, each in self.occasion.items()}

        def by_occasion(every: str, drawn: np.ndarray) -> np.ndarray:
            return drawn[whose, occasion[every]]

        return self.drawn.effects(lambda each: each[whose], by_occasion if moving else None, seen)


def sets_of(compiled: Compiled, records: Records, occasions: Mapping[str, np.ndarray] | None = None) -> Sets:
    """The systems of a table: one for each subject where nothing changes in time.

    ``occasions`` (record,) are numbers of each kind of occasion that matters; between records the earlier one holds.
    """
    model, columns = compiled.model, _columns(compiled, records)
    own: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        known = model.covariates.get(name) or model.parameters[name]
        given = records.units.get(column)
        scale = known.to_coherent
        if given is not None:
            scale *= factor(given, known.unit, place=f"{records.name} {column}")
        own[name] = records.covariates[column] * scale
    counted = {f"occasion {kind}": number for kind, number in (occasions or {}).items()}
    own |= counted
    starts = np.zeros(len(records), dtype=bool)
    starts[records.first[:-1]] = True
    own_at, own_first = _numbered(own, starts)
    values = {name: value[own_first] for name, value in own.items()}
    forward = [name for name, column in columns.items() if records.modes.get(column) == "locf"]
    forward += counted
    whose = per_record(np.arange(len(records.subject)), records.first)
    if not forward or len(own_first) == len(records.subject):
        occasion = {kind: values.pop(f"occasion {kind}") for kind in occasions or {}}
        return Sets(
            columns, values, len(own_first), own_at, own_at, subject=whose[own_first], occasion=occasion
        )
    before = np.where(starts, np.arange(len(records)), np.arange(len(records)) - 1)
    between = {name: value[before] if name in forward else value for name, value in own.items()}
    stretch_at, stretch_first = _numbered(between, starts)
    joined = {name: np.concatenate([values[name], between[name][stretch_first]]) for name in own}
    occasion = {kind: joined.pop(f"occasion {kind}") for kind in occasions or {}}
    return Sets(
        columns, joined, len(own_first) + len(stretch_first), own_at, len(own_first) + stretch_at,
        subject=np.concatenate([whose[own_first], whose[stretch_first]]), occasion=occasion,
    )  # fmt: skip


def refuse_given(sets: Sets, compiled: Compiled, effects: Collection[str], place: str) -> None:
    """A parameter that the table gives must not be drawn instead: one of the two would do nothing."""
    model = compiled.model
    for name, column in sets.columns.items():
        effect = model.variability.get(name)
        if effect is not None and effect.replaces and f"eta_{name}" in effects:
            raise InputError(
                f"the column {column} gives {name}, and so does its {effect.distribution} effect",
                place=place,
                advice=f"leave the column out, or leave {name} out of effects=[...]",
            )
        if name in compiled.estimates:
            raise InputError(
                f"the column {column} gives {name}, and so does its uncertainty",
                place=place,
                advice="leave the column out, or leave replicates out",
            )


def occasions_of(records: Records, kinds: Iterable[str]) -> dict[str, np.ndarray]:
    """Numbers (record,) of the occasions: days from the subject's first record, doses, and what the column OCC says.

    Raises
    ------
    InputError : there is no column OCC, or it holds something else than whole numbers from 0 on.
    """
    found = {}
    for kind in kinds:
        if kind == "day":
            begin = per_record(records.time[records.first[:-1]], records.first)
            found[kind] = days_of(records.time - begin)
        elif kind == "dose":
            count = np.cumsum(doses_among(records.evid))
            before = per_record((count - doses_among(records.evid))[records.first[:-1]], records.first)
            found[kind] = np.maximum(count - before - 1, 0)
        else:
            found[kind] = _visits(records)
    return found


def _visits(records: Records) -> np.ndarray:
    """The column OCC."""
    column = next((name for name in records.covariates if name.upper() == "OCC"), None)
    if column is None:
        raise InputError(
            "there is no column OCC",
            place=records.name,
            advice="the model differs from visit to visit: add OCC, the number of the visit of each record",
        )
    given = records.covariates[column]
    wrong = np.flatnonzero((given != np.floor(given)) | (given < 0) | (given >= 2**32))
    if wrong.size:
        raise InputError(
            f"{column} is {given[wrong[0]]:g}",
            place=records.place(int(wrong[0])),
            advice="expected whole numbers from 0 on",
        )
    return given.astype(np.int64)


def _columns(compiled: Compiled, records: Records) -> dict[str, str]:
    """For each covariate of the model, and each parameter that the table gives, the column of the table it is in.

    A column with the name of a parameter stands for its typical value, record by record, in the unit of the parameter.
    """
    model, found = compiled.model, dict[str, str]()
    names = {*model.covariates, *model.parameters}
    for name in (*model.covariates, *model.parameters):
        # a column with the very name of something is that and nothing else
        alike = [
            column
            for column in records.covariates
            if column.lower() == name.lower() and (column == name or column not in names)
        ]
        if name in alike or len(alike) == 1:
            found[name] = name if name in alike else alike[0]
        elif name in model.covariates:
            here = ", ".join(records.covariates)
            known = model.covariates[name]
            raise InputError(
                f"there is no column {name}{f', only {here}' if here else ''}",
                place=records.name,
                advice=f"{model.name} needs it: add {name}, {known.label}, in {known.unit}",
            )
    return found


def _numbered(values: Mapping[str, np.ndarray], starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each record the number of its set of values, and the first record of each set."""
    new = starts.copy()
    for value in values.values():
        new[1:] |= value[1:] != value[:-1]
    return np.cumsum(new) - 1, np.flatnonzero(new)
