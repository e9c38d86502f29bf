"""What each subject really takes: doses that differ from subject to subject and from one to the next.

Beside `schedule`, where all subjects keep to the regimen and a dose of one kind is like the other: here doses may be
missed, late or taken with another meal, and what happens to them may differ from occasion to occasion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from doseline.compile import Compiled, Intake, Values
from doseline.dosing.adherence import Taking
from doseline.dosing.dose import Dose
from doseline.dosing.habits import days_of
from doseline.dosing.regimen import Regimen
from doseline.model.spec import Model
from doseline.population.variability import Drawn

Sizes = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Intakes:
    """The doses of some subjects; arrays (subject, dose), or (subject, 1) where all doses are alike."""

    time: np.ndarray  # (dose,) as prescribed [h]
    shift: np.ndarray  # from there to when it is taken [h]
    given: np.ndarray  # [mg]
    amount: np.ndarray  # that arrives; 0 where nothing is taken [mg]
    lag: np.ndarray  # [h]
    duration: np.ndarray  # [h]; 0: a bolus
    target: np.ndarray
    taken: np.ndarray  # (subject, dose)
    meal: np.ndarray | None  # position among the meals of the habit; -1: as prescribed

    @property
    def total(self) -> np.ndarray:
        """What each subject takes. [mg]"""
        if self.given.shape[1] == 1:
            return self.given[:, 0] * self.count
        return np.where(self.taken, self.given, 0.0).sum(axis=1)

    @cached_property
    def count(self) -> np.ndarray:
        """How many doses each subject takes."""
        return self.taken.sum(axis=1)

    @cached_property
    def delay(self) -> np.ndarray:
        """From when a dose is due to its arrival. [h]"""
        return np.ascontiguousarray(self.shift + self.lag) if self.shift.any() else self.lag

    @property
    def sound(self) -> np.ndarray:
        """Which subjects have doses that are numbers, and none below zero."""
        # a NaN is the least of its row, and not above 0 either
        with np.errstate(invalid="ignore"):
            fit = [
                (values.min(axis=1) >= 0.0) & (values.max(axis=1) < np.inf)
                for values in (self.amount, self.lag, self.duration)
            ]
        return np.logical_and.reduce(fit)


@dataclass(frozen=True)
class Calendar:
    """Which occasion each moment belongs to: doses, days from time zero, and stretches that begin at visits [h]."""

    visits: np.ndarray

    def occasion(self, kind: str, time: np.ndarray) -> np.ndarray:
        """Number of the day or of the stretch between visits at these times."""
        if kind == "day":
            return np.maximum(days_of(time), 0)
        return np.maximum(np.searchsorted(self.visits, time, side="right") - 1, 0)

    def counts(self, doses: int, until: float) -> dict[str, int]:
        """How many occasions of each kind there are until a time."""
        return {
            "dose": doses,
            "day": int(self.occasion("day", np.array(until))) + 1,
            "visit": len(self.visits),
        }


@dataclass(frozen=True)
class Plan:
    """A regimen as one arm of a simulation takes it, dose by dose."""

    compiled: Compiled
    regimen: Regimen  # meals and formulations filled in, but for those that a habit decides
    place: str  # what messages call it
    calendar: Calendar

    @cached_property
    def doses(self) -> tuple[np.ndarray, np.ndarray, tuple[Dose, ...]]:
        """When they are due [h], of which kind each is, and the kinds."""
        return self.regimen.doses()

    def read(
        self, sizes: Sizes, covariates: Values, drawn: Drawn, taking: Taking | None, doses_taken: np.ndarray
    ) -> Intakes:
        """The doses of the subjects to whom ``sizes``, ``covariates`` (subject,) and what was drawn belong.

        ``doses_taken`` (subject,) is how many of the doses are prescribed.
        """
        time, kind, doses = self.doses
        people = len(doses_taken)
        habit = self.regimen.adherence
        shift = np.zeros((people, 1))
        if taking is not None and habit is not None and habit.late is not None:
            shift = taking.shift
        meal = taking.meal if taking is not None and habit is not None and habit.meals is not None else None
        taken = np.arange(len(time)) < doses_taken[:, np.newaxis]
        if taking is not None:
            taken &= taking.taken
        tall = {name: np.reshape(value, (-1, 1)) for name, value in covariates.items()}
        pieces: list[Piece] = []
        for position, dose in enumerate(doses):
            at = np.flatnonzero(kind == position)
            for choice, intake_meal in self._meals(dose):
                intake = self.compiled.intake(
                    route=dose.route, formulation=dose.formulation, meal=intake_meal, place=self.place
                )
                of_doses = partial(self._of_doses, at, (time + shift)[:, at])
                effects = drawn.effects(_as_column, of_doses)
                with np.errstate(all="ignore"):  # what overflows is told by its status
                    target, entry = self.compiled.entry(intake, tall, effects)
                    given = dose.amount if dose.per is None else dose.amount * sizes[dose.per][:, np.newaxis]
                    amount = given * entry["bioavailability"]
                    duration = entry["duration"]
                    if dose.duration is not None:
                        duration = dose.duration
                    elif self.compiled.model.routes[intake.route].rate is not None:
                        duration = amount / entry["rate"]
                pieces.append((at, choice, (given, amount, entry["lag"], duration, float(target))))
        given, amount, lag, duration, into = _joined(pieces, meal, people, len(time))
        return Intakes(
            time,
            shift,
            given,
            np.multiply(amount, taken, out=_room(amount, taken)),
            lag,
            duration,
            into.astype(np.int64),
            taken,
            meal,
        )

    def _of_doses(self, at: np.ndarray, time: np.ndarray, every: str, drawn: np.ndarray) -> np.ndarray:
        """From (subject, occasion) to the doses ``at`` these positions, taken at ``time`` (subject, dose)."""
        if every == "dose":
            return drawn if len(at) == drawn.shape[1] else np.ascontiguousarray(drawn[:, at])
        occasion = self.calendar.occasion(every, time)
        return np.take_along_axis(drawn, np.broadcast_to(occasion, (len(drawn), len(at))), axis=1)

    def _meals(self, dose: Dose) -> list[tuple[int | None, str | None]]:
        """The meals that a dose may be taken with, and which of the habit's each is; None: the only one."""
        habit = self.regimen.adherence
        if dose.meal is not None or habit is None or not habit.meals:
            return [(None, dose.meal)]
        return list(enumerate(habit.meal_names))

    def settled(self) -> list[Intake]:
        """How each kind of dose enters; where a habit decides on the meal, with the first of its meals."""
        return [
            self.compiled.intake(
                route=dose.route, formulation=dose.formulation, meal=self._meals(dose)[0][1], place=self.place
            )
            for dose in self.doses[2]
        ]

    def meal_codes(self, meal: np.ndarray | None) -> np.ndarray:
        """Meal of each dose, its position among `meals_of` the model; ``meal`` is what a habit chose."""
        known, (_, kind, doses) = meals_of(self.compiled.model), self.doses
        own = np.array([known.index(each.meal) if each.meal else -1 for each in self.settled()])[kind]
        habit = self.regimen.adherence
        if meal is None or habit is None:
            return own
        chosen = np.array([known.index(name) for name in habit.meal_names])[meal]
        return np.where(np.array([dose.meal is None for dose in doses])[kind], chosen, own)

    def may_infuse(self) -> set[int]:
        """Positions of the states that infusions may enter, whoever takes what."""
        return {target for target, infused in self._ways() if infused}

    def may_jump(self) -> set[int]:
        """Positions of the states that boluses enter."""
        return {target for target, infused in self._ways() if not infused}

    def _ways(self) -> list[tuple[int, bool]]:
        """Where each kind of dose goes, and whether it may be an infusion."""
        model, found = self.compiled.model, []
        reference = {name: each.reference * each.to_coherent for name, each in model.covariates.items()}
        for dose in self.doses[2]:
            for _, meal in self._meals(dose):
                intake = self.compiled.intake(
                    route=dose.route, formulation=dose.formulation, meal=meal, place=self.place
                )
                route = model.routes[intake.route]
                target, _ = self.compiled.entry(intake, reference)
                infused = dose.duration is not None or route.duration is not None or route.rate is not None
                found.append((target, infused))
        return found


def meals_of(model: Model) -> list[str]:
    """Every meal that any formulation has."""
    return list(dict.fromkeys(name for each in model.formulations.values() for name in each.meals))


Piece = tuple[np.ndarray, int | None, tuple[Any, ...]]
"""Doses of one kind that may be taken with one meal: their positions, which of the habit's meals, and their values."""


def _as_column(drawn: np.ndarray) -> np.ndarray:
    return drawn[:, np.newaxis]


def _joined(
    pieces: Sequence[Piece],
    meal: np.ndarray | None,
    people: int,
    doses: int,
) -> list[np.ndarray]:
    """Values of all doses, from those of doses of one kind that are taken with one meal."""
    if len(pieces) == 1:
        return [_tall(value, people) for value in pieces[0][2]]
    joined = []
    for position in range(len(pieces[0][2])):
        whole = np.empty((people, doses))
        for at, choice, values in pieces:
            value = np.broadcast_to(values[position], (people, len(at)))
            if choice is None:
                whole[:, at] = value
            else:
                assert meal is not None  # a choice of meals comes with a habit
                whole[:, at] = np.where(meal[:, at] == choice, value, whole[:, at])
        joined.append(whole)
    return joined


def _room(amount: np.ndarray, taken: np.ndarray) -> np.ndarray | None:
    """Amounts of doses may be written over; those of all doses at once are not large enough."""
    return amount if amount.shape == taken.shape and amount.flags.writeable else None


def _tall(value: float | np.ndarray, people: int) -> np.ndarray:
    """A value as (subject, 1) or (subject, dose)."""
    array = np.asarray(value, dtype=np.float64)
    columns = array.shape[1] if array.ndim == 2 else 1
    return np.ascontiguousarray(np.broadcast_to(array, (people, columns)))
