"""Records meet a model, as arrays: which system each stretch has, and how much of each dose arrives where, and when.

What happens at the same time is decided by `kernels.agenda`: records in their order, and what is scheduled before them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.compile import ENTRY, Compiled
from doseline.dosing.mistakes import Mistakes
from doseline.dosing.records import Records
from doseline.errors import InputError, did_you_mean
from doseline.units import factor

MOST_AT_ONCE = 1_000_000
"""Infusions of one record that run at the same time, or doses of one that are on their way."""

DOSES, REPLACE = (1, 4), 8
FROM_MODEL = {-1: "rate", -2: "duration"}
"""What RATE asks of the model."""


@dataclass(frozen=True)
class Sets:
    """Every set of covariates that any record has: the systems."""

    values: Mapping[
        str, np.ndarray
    ]  # (system,) covariates, and parameters that the table gives, in coherent units
    count: int
    own: np.ndarray  # (record,) system at the record
    stretch: np.ndarray  # (record,) system of the stretch that ends at the record


@dataclass(frozen=True)
class Events:
    """An event table as one model takes it, before it is known which states hold the rates of infusions."""

    first: np.ndarray  # (subject + 1,)
    time: np.ndarray  # (record,) [h]
    evid: np.ndarray
    place: np.ndarray  # state that is dosed, switched or replaced; -1: none
    turn: np.ndarray  # 1, -1: the compartment is switched on, off
    amount: np.ndarray  # of a bolus, after bioavailability [mg]
    rate: np.ndarray  # of an infusion [mg/h]; 0: a bolus
    length: np.ndarray  # of an infusion [h]
    lag: np.ndarray  # [h]
    interval: np.ndarray  # [h]
    additional: np.ndarray
    steady: np.ndarray
    F: np.ndarray  # bioavailability
    notes: tuple[str, ...]  # what the user should know

    @property
    def boluses(self) -> np.ndarray:
        """Positions of the states whose amount can jump."""
        jumping = (
            ((self.evid == 1) | (self.evid == 4)) & (self.rate == 0)
            | (self.evid == REPLACE)
            | (self.turn == -1)
        )
        return np.unique(self.place[jumping & (self.place >= 0)])

    @property
    def infused(self) -> np.ndarray:
        """Positions of the states that infusions enter."""
        return np.unique(self.place[(self.rate > 0) & (self.length > 0)])


def table_columns(compiled: Compiled, records: Records) -> dict[str, str]:
    """For each covariate of the model, and each parameter that the table gives, the column of the table it is in.

    A column with the name of a parameter stands for its typical value, record by record, in the unit of the parameter.
    """
    model, found = compiled.model, dict[str, str]()
    for name in (*model.covariates, *model.parameters):
        alike = [column for column in records.covariates if column.lower() == name.lower()]
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


def sets_of(compiled: Compiled, records: Records) -> Sets:
    """The systems of a table: one for each subject where nothing changes in time."""
    model, columns = compiled.model, table_columns(compiled, records)
    own: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        known = model.covariates.get(name) or model.parameters[name]
        given = records.units.get(column)
        place = f"{records.name} {column}"
        scale = (
            known.to_coherent if given is None else factor(given, known.unit, place=place) * known.to_coherent
        )
        own[name] = records.covariates[column] * scale
    starts = np.zeros(len(records), dtype=bool)
    starts[records.first[:-1]] = True
    own_at, own_first = _numbered(own, starts)
    values = {name: value[own_first] for name, value in own.items()}
    forward = [name for name, column in columns.items() if records.modes.get(column) == "locf"]
    if not forward or len(own_first) == len(records.subject):
        return Sets(values, len(own_first), own_at, own_at)
    before = np.where(starts, np.arange(len(records)), np.arange(len(records)) - 1)
    between = {name: value[before] if name in forward else value for name, value in own.items()}
    stretch_at, stretch_first = _numbered(between, starts)
    joined = {name: np.concatenate([values[name], between[name][stretch_first]]) for name in own}
    return Sets(joined, len(own_first) + len(stretch_first), own_at, len(own_first) + stretch_at)


def _numbered(values: Mapping[str, np.ndarray], starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each record the number of its set of values, and the first record of each set."""
    new = starts.copy()
    for value in values.values():
        new[1:] |= value[1:] != value[:-1]
    return np.cumsum(new) - 1, np.flatnonzero(new)


def events(
    compiled: Compiled, records: Records, sets: Sets, *, formulation: str | None, meal: str | None
) -> Events:
    """The records of a table as a model takes them; ``formulation`` and ``meal`` are for doses that leave them open.

    Raises
    ------
    RecordsError : records that the model cannot take; up to ten of them are named.
    """
    return _Reader(compiled, records, sets, {"formulation": formulation, "meal": meal}).read()


class _Reader:
    """Fills the arrays of one table; each method settles one thing."""

    def __init__(
        self, compiled: Compiled, records: Records, sets: Sets, open_choices: Mapping[str, str | None]
    ) -> None:
        self.compiled, self.records, self.sets, self.open_choices = compiled, records, sets, open_choices
        self.mistakes = Mistakes(records)
        self.notes: list[str] = []

    def complain(self, rows: np.ndarray, problem: str, advice: str) -> None:
        """Write down the same mistake in some records; in the text, {NAME} stands for what the column has."""
        records = self.records
        shown = {"CMT": records.compartment, "RATE": records.rate, "II": records.interval}

        def tell(row: int) -> tuple[str, str]:
            told = problem
            for name, column in shown.items():
                found = f"{column[row]:g}" if column.dtype.kind in "if" else str(column[row])
                told = told.replace(f"{{{name}}}", found)
            return told, advice

        wrong = np.zeros(len(records), dtype=bool)
        wrong[rows] = True
        self.mistakes.add(wrong, tell)

    def read(self) -> Events:
        records, count = self.records, len(self.records)
        number = self.numbers()
        dosing = np.isin(records.evid, DOSES)
        rows = np.flatnonzero(dosing)
        place = np.abs(number) - 1
        turn = np.where(
            records.evid == 2, np.sign(number), np.where(records.evid == 0, np.minimum(np.sign(number), 0), 0)
        )
        place[(turn == 0) & (records.evid != REPLACE)] = -1
        entry = {name: np.full(count, value) for name, value in ENTRY.items()}
        for some, taken in self.groups(rows, number):
            chosen = self.route(some, taken)
            if chosen is None and (taken["CMT"] == 0 or taken["need"]):
                continue
            if chosen is None:
                place[some] = taken["CMT"] - 1
                self.note_meal(taken["CMT"])
                continue
            entering = self.enter(chosen, taken, some)
            if entering is not None:
                place[some] = entering[0]
                for name, value in entering[1].items():
                    entry[name][some] = value
        self.mistakes.raise_if_any()
        rate, length, amount = self.sizes(rows, entry)
        self.mistakes.raise_if_any()
        return Events(
            records.first, records.time, records.evid, place, turn, amount, rate, length,
            np.where(dosing, entry["lag"], 0.0), records.interval, records.additional, records.steady,
            entry["bioavailability"], tuple(self.notes),
        )  # fmt: skip

    def numbers(self) -> np.ndarray:
        """CMT as a number, names looked up."""
        records, states = self.records, self.compiled.states
        given = records.compartment
        listed = ", ".join(f"{position + 1} {name}" for name, position in states.items())
        if given.dtype.kind in "iu":
            number = given.astype(np.int64)
            acts = (records.evid != 0) & (records.evid != 3) | (number < 0)
            wrong = np.flatnonzero(acts & (np.abs(number) > len(states)))
            self.complain(wrong, "CMT = {CMT}", f"{self.compiled.model.name} has {listed}")
        else:
            known = {name: position + 1 for name, position in states.items()}
            known |= {f"-{name}": -number for name, number in known.items()} | {"": 0}
            names, at = np.unique(given, return_inverse=True)
            lowered = {name.lower(): value for name, value in reversed(known.items())}
            found = np.array(
                [known.get(str(name), lowered.get(str(name).lower(), 99999)) for name in names],
                dtype=np.int64,
            )
            number = found[at]
            acts = (records.evid != 0) & (records.evid != 3) | np.char.startswith(given, "-")
            for name in names[found == 99999]:
                advice = did_you_mean(str(name).removeprefix("-"), states, "compartments")
                self.complain(np.flatnonzero(acts & (given == name)), "CMT = {CMT}", advice)
            number[~acts & (number == 99999)] = 0
        self.mistakes.raise_if_any()
        return number

    def groups(self, rows: np.ndarray, number: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
        """Dose records that enter in the same way, and that way."""
        records = self.records
        code, ways = np.zeros(len(rows), dtype=np.int64), list[tuple[str, np.ndarray]]()
        need = np.where(np.isin(records.rate, list(FROM_MODEL)), records.rate, 0.0)
        columns = {
            "CMT": number,
            "need": need,
            "whole": (records.rate == 0) & (records.duration == 0),
            **records.choices,
        }
        for name, column in columns.items():
            words, at = np.unique(column[rows], return_inverse=True)
            code = code * max(len(words), 1) + at
            ways.append((name, words))
        if not len(rows):
            return
        codes, at = np.unique(code, return_inverse=True)
        order = np.argsort(at, kind="stable")
        pieces = np.split(rows[order], np.cumsum(np.bincount(at, minlength=len(codes)))[:-1])
        for each, some in zip(codes.tolist(), pieces, strict=True):
            taken = dict[str, Any]()
            for name, words in reversed(ways):
                each, position = divmod(each, max(len(words), 1))
                taken[name] = words[position].item()
            taken["need"] = FROM_MODEL.get(int(taken["need"]))
            yield some, taken

    def route(self, some: np.ndarray, taken: Mapping[str, Any]) -> str | None:
        """By which route doses into a compartment come: the one they name, or the first that has what they need."""
        model, need = self.compiled.model, taken["need"]
        names = list(self.compiled.states)
        named, number = taken.get("route") or None, taken["CMT"]
        if named is not None and named not in model.routes:
            self.complain(some, f"ROUTE = {named}", did_you_mean(named, model.routes, f"{model.name} has"))
            return None
        if named is not None:
            into = model.routes[named].into
            if number and names[number - 1] != into:
                self.complain(
                    some, f"CMT = {{CMT}}, and route '{named}' goes into '{into}'", "leave one of them out"
                )
                return None
            fitting = [named]
        else:
            into = names[number - 1] if number else model.routes[model.default_route].into
            fitting = [name for name, route in model.routes.items() if route.into == into]
        able = [name for name in fitting if need is None or getattr(model.routes[name], need) is not None]
        if need is not None and not able:
            who = f"route '{named}'" if named else f"no route into '{into}'"
            says = "has no" if named else "has a"
            self.complain(
                some,
                f"RATE = {{RATE}} asks the model for a {need}, and {who} {says} {need}",
                f"add {need} = ... to [routes] of {model.name}, or give RATE or DUR in the table",
            )
        if able and need is None and taken["whole"] and (self.records.rate >= 0).all():
            self.note_bolus(able[0])
        return able[0] if able else None

    def note_bolus(self, name: str) -> None:
        """NONMEM's RATE = 0 is a bolus, whatever the model says; somebody may have meant the model's infusion."""
        for rate, word in FROM_MODEL.items():
            if getattr(self.compiled.model.routes[name], word) is not None:
                self.notes.append(
                    f"{self.records.name}: doses with RATE = 0 are boluses; route '{name}' has a {word}, "
                    f"which RATE = {rate} uses"
                )

    def note_meal(self, number: int) -> None:
        """A depot that only meals lead to has no route of its own, and so neither bioavailability nor lag."""
        model, name = self.compiled.model, list(self.compiled.states)[number - 1]
        if any(meal.into == name for each in model.formulations.values() for meal in each.meals.values()):
            self.notes.append(
                f"{self.records.name}: doses with CMT = {number} enter '{name}' whole and at once, for no route goes "
                f"there; with a MEAL that leads to it, and without CMT, they would be those of '{model.default_route}'"
            )

    def enter(
        self, name: str, taken: Mapping[str, Any], some: np.ndarray
    ) -> tuple[int, Mapping[str, Any]] | None:
        """State that these doses enter, and bioavailability, lag, duration and rate there."""
        choices = {kind: taken.get(kind) or self.open_choices[kind] for kind in ("formulation", "meal")}
        try:
            intake = self.compiled.intake(route=name, **choices, place=self.records.name)
        except InputError as error:
            if not (taken.get("formulation") or taken.get("meal")):
                raise
            self.complain(some, error.problem, error.advice)
            return None
        at = self.sets.own[some]
        return self.compiled.entry(intake, {key: value[at] for key, value in self.sets.values.items()})

    def sizes(
        self, rows: np.ndarray, entry: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rate [mg/h], length [h] and, of boluses, amount [mg]."""
        records = self.records
        dosing = np.zeros(len(records), dtype=bool)
        dosing[rows] = True
        for asked, word in FROM_MODEL.items():
            # NaN passes: the subject's status tells
            wrong = np.flatnonzero(dosing & (records.rate == asked) & (entry[word] <= 0.0))
            self.complain(
                wrong,
                f"RATE = {{RATE}}, and the {word} is not above 0 there",
                f"look at what the {word} of the route is made of, or give RATE or DUR in the table",
            )
        arriving = np.where(dosing, records.amount * entry["bioavailability"], records.amount)
        given_rate = np.where(
            records.rate > 0, records.rate, np.where(records.rate == -1, entry["rate"], 0.0)
        )
        given_length = np.where(records.rate == -2, entry["duration"], records.duration)
        with np.errstate(all="ignore"):
            length = np.where(given_rate > 0, arriving / given_rate, given_length)
            rate = np.where(
                given_rate > 0, given_rate, np.where(given_length > 0, arriving / given_length, 0.0)
            )
            constant = (records.steady > 0) & (records.interval == 0.0)
            # an infusion of which nothing arrives is nothing
            empty = dosing & (arriving == 0.0) & ~constant
            rate, length = np.where(empty, 0.0, rate), np.where(empty, 0.0, length)
            often = (records.additional > 0) | (records.steady > 0)
            for hours, what in (
                (length, "infusions would run"),
                (entry["lag"], "doses would be on their way"),
            ):
                many = np.flatnonzero(dosing & often & (hours > MOST_AT_ONCE * records.interval) & ~constant)
                self.complain(
                    many, f"II = {{II}}: more than {MOST_AT_ONCE:,} {what} at once", "are the units right?"
                )
        return rate, length, np.where(rate == 0.0, arriving, 0.0)
