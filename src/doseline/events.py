"""Records meet a model, as arrays: which system each stretch has, and how much of each dose arrives where, and when.

What happens at the same time is decided by `kernels.agenda`: records in their order, and what is scheduled before them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from doseline.compile import ENTRY, Compiled
from doseline.dosing.record_mistakes import Mistakes, shown
from doseline.dosing.records import CHOICES, Records, doses_among
from doseline.errors import InputError, did_you_mean
from doseline.record_sets import Sets

MOST_AT_ONCE = 100_000
"""Infusions of one record that run at the same time, or doses of one that are on their way."""

REPLACE = 8
"""EVID that sets an amount."""
FROM_MODEL = {-1: "rate", -2: "duration"}
"""What RATE asks of the model."""


@dataclass(frozen=True)
class Events:
    """An event table as one model takes it, before it is known which states hold the rates of infusions."""

    first: np.ndarray  # (subject + 1,)
    time: np.ndarray  # (record,) [h]
    evid: np.ndarray
    target: np.ndarray  # state that is dosed, switched or replaced; -1: none
    turn: np.ndarray  # 1, -1: the compartment is switched on, off
    amount: np.ndarray  # of a bolus, after bioavailability [mg]
    rate: np.ndarray  # of an infusion [mg/h]; 0: a bolus
    duration: np.ndarray  # of an infusion [h]
    lag: np.ndarray  # [h]
    interval: np.ndarray  # [h]
    additional: np.ndarray
    steady: np.ndarray
    F: np.ndarray  # bioavailability
    notes: tuple[str, ...]  # what the user should know

    @cached_property
    def dosing(self) -> np.ndarray:
        """Which records are doses."""
        return doses_among(self.evid)

    @property
    def giving(self) -> np.ndarray:
        """Which records give doses: a constant infusion at steady state is over."""
        return self.dosing & ~((self.steady > 0) & (self.interval == 0.0))

    @property
    def boluses(self) -> np.ndarray:
        """Positions of the states whose amount can jump."""
        jumping = self.dosing & (self.rate == 0) | (self.evid == REPLACE) | (self.turn == -1)
        return np.unique(self.target[jumping & (self.target >= 0)])

    @property
    def infused(self) -> np.ndarray:
        """Positions of the states that infusions enter."""
        return np.unique(self.target[(self.rate > 0) & (self.duration > 0)])

    @property
    def fed(self) -> np.ndarray:
        """The same, with those that only constant infusions at steady state enter."""
        return np.unique(self.target[self.rate > 0])


class Way(NamedTuple):
    """How a dose comes: the same for many records."""

    compartment: int  # counted from 1; 0: left open
    need: str | None  # what RATE asks the model for
    bolus: bool
    route: str
    formulation: str
    meal: str


def events(
    compiled: Compiled,
    records: Records,
    sets: Sets,
    *,
    formulation: str | None,
    meal: str | None,
    strict: bool,
) -> Events:
    """The records of a table as a model takes them; ``formulation`` and ``meal`` are for doses that leave them open.

    Raises
    ------
    RecordsError : records that the model cannot take; ten of them are printed, the rest counted. Where the model gives
        a rate or a duration that is not above 0, only if ``strict``: else the status of the subject says so.
    """
    choices = {"formulation": formulation, "meal": meal}
    return _Reader(compiled, records, sets, choices).read(strict=strict)


class _Reader:
    """Fills the arrays of one table; each method settles one thing."""

    def __init__(
        self, compiled: Compiled, records: Records, sets: Sets, open_choices: Mapping[str, str | None]
    ) -> None:
        self.compiled, self.model = compiled, compiled.model
        self.records, self.sets, self.open_choices = records, sets, open_choices
        self.mistakes = Mistakes(records)
        self.notes: list[str] = []

    def complain(self, wrong: np.ndarray, problem: str, advice: str) -> None:
        """Write down the same mistake in some records; in the text, {RATE} stands for what is there."""
        records = self.records
        cells = {"RATE": records.rate, "II": records.interval}

        def tell(row: int) -> tuple[str, str]:
            return problem.format(**{name: shown(column, row) for name, column in cells.items()}), advice

        self.mistakes.add(wrong, tell)

    def complain_of(self, some: np.ndarray, problem: str, advice: str) -> None:
        """The same for records by their positions, with a text that is ready."""
        wrong = np.zeros(len(self.records), dtype=bool)
        wrong[some] = True
        self.mistakes.add(wrong, lambda row: (problem, advice))

    def read(self, *, strict: bool) -> Events:
        records, count = self.records, len(self.records)
        number = self.numbers()
        dosing = doses_among(records.evid)
        off = np.where(records.evid == 0, np.minimum(np.sign(number), 0), 0)
        turn = np.where(records.evid == 2, np.sign(number), off)
        target = np.where((turn != 0) | (records.evid == REPLACE), np.abs(number) - 1, -1)
        entry = {name: np.full(count, value) for name, value in ENTRY.items()}
        for some, way in self.ways(np.flatnonzero(dosing), number):
            entering = self.enter(some, way)
            if entering is not None:
                target[some] = entering[0]
                for name, value in entering[1].items():
                    entry[name][some] = value
        self.mistakes.raise_if_any()
        rate, duration, amount = self.sizes(dosing, entry, strict=strict)
        self.mistakes.raise_if_any()
        return Events(
            records.first, records.time, records.evid, target, turn, amount, rate, duration,
            np.where(dosing, entry["lag"], 0.0), records.interval, records.additional, records.steady,
            entry["bioavailability"], tuple(self.notes),
        )  # fmt: skip

    def numbers(self) -> np.ndarray:
        """CMT as a number, names looked up."""
        records, states = self.records, self.compiled.states
        given, acts = records.compartment, (records.evid != 0) & (records.evid != 3)
        if given.dtype.kind in "iu":
            number = given.astype(np.int64)
            unknown = np.abs(number) > len(states)
            acts = acts | (number < 0)
            listed = ", ".join(f"{position + 1} {name}" for name, position in states.items())
            for value in np.unique(number[acts & unknown]).tolist():
                wrong = np.flatnonzero(acts & (number == value))
                self.complain_of(wrong, f"CMT is {value}", f"{self.model.name} has {listed}")
        else:
            # a name as it stands in the model first, and else whatever its case
            known = {name.lower(): position + 1 for name, position in reversed(states.items())}
            known |= {name: position + 1 for name, position in states.items()}
            known |= {f"-{name}": -position for name, position in known.items()} | {"": 0}
            names, at = np.unique(given, return_inverse=True)
            found = [known.get(name, known.get(name.lower())) for name in names.tolist()]
            number = np.array([value or 0 for value in found], dtype=np.int64)[at]
            acts = acts | np.char.startswith(given, "-")
            for position, name in enumerate(names.tolist()):
                if found[position] is None:
                    advice = did_you_mean(name.removeprefix("-"), states, "compartments")
                    self.complain_of(np.flatnonzero(acts & (at == position)), f"CMT is '{name}'", advice)
        self.mistakes.raise_if_any()
        return number

    def ways(self, rows: np.ndarray, number: np.ndarray) -> Iterator[tuple[np.ndarray, Way]]:
        """Dose records that come in the same way, and that way."""
        if not len(rows):
            return
        records = self.records
        columns = [
            number[rows],
            np.minimum(records.rate[rows], 0),
            (records.rate + records.duration)[rows] == 0,
        ]
        columns += [
            records.choices[name][rows] if name in records.choices else np.array([""]) for name in CHOICES
        ]
        words, codes = zip(*(np.unique(column, return_inverse=True) for column in columns), strict=True)
        code = np.zeros(len(rows), dtype=np.int64)
        for known, own in zip(words, codes, strict=True):
            code = code * len(known) + own
        _, one, at = np.unique(code, return_index=True, return_inverse=True)
        order = np.argsort(at, kind="stable")
        pieces = np.split(rows[order], np.cumsum(np.bincount(at))[:-1])
        for first, some in zip(one, pieces, strict=True):
            cmt, need, bolus, *names = (
                known[own[first] if len(own) > 1 else 0].item()
                for known, own in zip(words, codes, strict=True)
            )
            yield some, Way(cmt, FROM_MODEL.get(int(need)), bolus, *names)

    def enter(self, some: np.ndarray, way: Way) -> tuple[int, Mapping[str, Any]] | None:
        """State that these doses enter, and bioavailability, lag, duration and rate there; None after a mistake."""
        route = self.route(some, way)
        if route is None and (way.need or not way.compartment or way.route):
            return None
        choices = {
            kind: getattr(way, kind) or self.open_choices[kind] if route or getattr(way, kind) else None
            for kind in ("formulation", "meal")
        }
        try:
            intake = self.compiled.intake(route=route, **choices, place=self.records.name)
        except InputError as error:
            if not (way.formulation or way.meal):
                raise
            self.complain_of(some, error.problem, error.advice)
            return None
        if route is None:
            self.note_whole(some, way)
            return way.compartment - 1, {}
        if way.bolus and (self.records.rate >= 0).all():
            self.note_bolus(route)
        self.refuse_twice(some, intake.formulation, intake.meal)
        at = self.sets.own[some]
        return self.compiled.entry(
            intake, {key: value[at] for key, value in self.sets.values.items()}, self.sets.effects(at)
        )

    def route(self, some: np.ndarray, way: Way) -> str | None:
        """By which route doses into a compartment come: the one they name, or the first that has what they need."""
        model, named, need = self.model, way.route, way.need
        names = list(self.compiled.states)
        if named and named not in model.routes:
            self.complain_of(
                some, f"ROUTE is '{named}'", did_you_mean(named, model.routes, f"{model.name} has")
            )
            return None
        if named:
            into = model.routes[named].into
            if way.compartment and names[way.compartment - 1] != into:
                problem = f"CMT is {way.compartment}, and route '{named}' goes into '{into}'"
                self.complain_of(some, problem, "leave one of them out")
                return None
            fitting = [named]
        else:
            into = names[way.compartment - 1] if way.compartment else model.routes[model.default_route].into
            fitting = [name for name, route in model.routes.items() if route.into == into]
        able = [name for name in fitting if need is None or getattr(model.routes[name], need) is not None]
        if need is not None and not able:
            says = f"route '{named}' has no {need}" if named else f"no route into '{into}' has a {need}"
            rate = -1 if need == "rate" else -2
            self.complain_of(
                some,
                f"RATE is {rate}, which asks the model for a {need}, and {says}",
                f"give RATE or DUR in the table, or use a model with {need} = ... in such a route",
            )
        return able[0] if able else None

    def refuse_twice(self, some: np.ndarray, formulation: str | None, meal: str | None) -> None:
        """A parameter that the table gives must not be set by the meal as well: one of the two would do nothing."""
        if formulation is None or meal is None:
            return
        overrides = self.model.formulations[formulation].meals[meal].overrides
        for name in filter(self.sets.columns.__contains__, overrides):
            self.complain_of(
                some,
                f"the table gives {self.sets.columns[name]}, and so does the meal '{meal}'",
                f"leave the column out, or take a model in which meals do not set {name}",
            )

    def note_bolus(self, name: str) -> None:
        """NONMEM's RATE = 0 is a bolus, whatever the model says; somebody may have meant the model's infusion."""
        for rate, word in FROM_MODEL.items():
            if getattr(self.model.routes[name], word) is not None:
                self.notes.append(
                    f"{self.records.name}: doses with RATE = 0 are boluses; route '{name}' has a {word}, "
                    f"which RATE = {rate} uses"
                )

    def note_whole(self, some: np.ndarray, way: Way) -> None:
        """Doses into a compartment that no route enters: no meal can act on them, and the depot of one is a trap."""
        name = list(self.compiled.states)[way.compartment - 1]
        if way.meal or way.formulation:
            self.complain_of(
                some,
                f"CMT is {way.compartment}, and no route goes into '{name}': a meal or formulation changes nothing",
                "leave CMT out for the model's first route, or leave MEAL and FORMULATION out",
            )
        elif any(
            meal.into == name for each in self.model.formulations.values() for meal in each.meals.values()
        ):
            self.notes.append(
                f"{self.records.name}: doses with CMT = {way.compartment} enter '{name}' whole and at once, for no "
                f"route goes there; with a MEAL that leads to it, and without CMT, they would be those of "
                f"'{self.model.default_route}'"
            )

    def sizes(
        self, dosing: np.ndarray, entry: Mapping[str, np.ndarray], *, strict: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rate [mg/h], duration [h] and, of boluses, amount [mg]; NaN where the model gives nonsense."""
        records = self.records
        asked = {word: dosing & (records.rate == code) for code, word in FROM_MODEL.items()}
        for word, rows in asked.items():
            # NaN passes: the subject's status tells
            wrong = rows & (entry[word] <= 0.0)
            if strict:
                self.complain(
                    wrong,
                    f"RATE is {{RATE}}, and the {word} is not above 0 there",
                    f"look at what the {word} of the route is made of, or give RATE or DUR in the table",
                )
            entry[word][wrong] = np.nan
        arriving = np.where(dosing, records.amount * entry["bioavailability"], records.amount)
        given_rate = np.where(asked["rate"], entry["rate"], np.maximum(records.rate, 0.0))
        given_duration = np.where(asked["duration"], entry["duration"], records.duration)
        with np.errstate(all="ignore"):
            duration = np.where(given_rate != 0, arriving / given_rate, given_duration)
            flowing = np.where(given_duration != 0, arriving / given_duration, 0.0)
            rate = np.where(given_rate != 0, given_rate, flowing)
        often = (records.additional > 0) | (records.steady > 0)
        # an infusion of which nothing arrives is nothing
        empty = dosing & (arriving == 0.0) & ~((records.steady > 0) & (records.interval == 0.0))
        rate, duration = np.where(empty, 0.0, rate), np.where(empty, 0.0, duration)
        for hours, what in ((duration, "infusions would run"), (entry["lag"], "doses would be on their way")):
            many = dosing & often & np.isfinite(hours) & (hours > MOST_AT_ONCE * records.interval)
            many &= records.interval > 0.0
            problem = f"II is {{II}}: more than {MOST_AT_ONCE:,} {what} at once"
            self.complain(many, problem, "are the units right?")
        return rate, duration, np.where(rate == 0.0, arriving, 0.0)
