"""Adherence: which of the prescribed doses people take, when, and with which meal.

The regimen stays what is prescribed. What a person makes of it is drawn from `doseline.streams`, for each dose from a
number that follows from the seed, the person and the position of the dose or its day: the first doses stay the same
when the course is made longer, whoever else takes part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from doseline.distribution import Distribution
from doseline.dosing.habit_reading import (
    read_halves,
    read_holidays,
    read_late,
    read_meals,
    read_share,
    read_spells,
)
from doseline.dosing.habits import Halves, Holidays, Meals, Spells, days_of, share_plain
from doseline.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from doseline.streams import Streams  # numba, behind it, takes half a second to import

EACH = ("dose", "day")
"""How often a meal is chosen."""


class Taking(NamedTuple):
    """What people make of their doses.

    Attributes
    ----------
    taken : bool (subject, dose)   Whether the dose is taken.
    shift : float (subject, dose)  How much later than planned [h], negative where earlier; also of doses not taken.
    meal : int8 (subject, dose)    Position in `Adherence.meal_names`, for a dose that leaves its meal open; -1 where
                                   nothing is said of meals.
    """

    taken: np.ndarray
    shift: np.ndarray
    meal: np.ndarray


@dataclass(frozen=True, repr=False)
class Adherence:
    """What people make of a regimen; made by `adherence`. Equal ones are equal, and may be keys.

    Attributes
    ----------
    chance : float, Halves or Distribution  Probability of taking a dose; where there are spells, theirs counts.
    spells : Spells or None                 Good and bad spells.
    holidays : Holidays or None             Days without any dose.
    late : Distribution or None             How much later than planned a dose is taken. [h]
    meals : Meals or None                   With which meal.
    meals_by : "dose" or "day"              How often that is chosen.

    >>> habit = adherence("80 %", meals={"fed": 0.7, "fasted": 0.3})
    >>> habit
    Adherence(taken=0.8, meals={'fasted': 0.3, 'fed': 0.7})
    >>> from doseline.streams import Streams
    >>> habit.draw(Streams(7), number=np.arange(1, 4, dtype=np.uint64), time=np.array([0.0, 12.0])).taken.shape
    (3, 2)
    """

    chance: float | Halves | Distribution = 1.0
    spells: Spells | None = None
    holidays: Holidays | None = None
    late: Distribution | None = None
    meals: Meals | None = None
    meals_by: str = EACH[0]

    def __repr__(self) -> str:
        """What was given to `adherence`."""
        return f"Adherence({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"

    @property
    def meal_names(self) -> tuple[str, ...]:
        """The meals that doses are taken with, in alphabetical order; none where nothing is said of meals."""
        return self.meals.names if self.meals else ()

    def draw(self, streams: "Streams", number: np.ndarray, time: np.ndarray) -> Taking:
        """What these people make of these doses.

        Parameters
        ----------
        streams : Streams               Where the draws come from; never a Sobol sequence, whatever is asked for there.
        number : array (subject,)       Which subjects, as `doseline.streams.numbers_of` tells them.
        time : float (dose,)            When the doses are planned, ascending. [h]
        """
        streams = replace(streams, sobol=False)
        dose, day = np.arange(len(time)), days_of(time)
        shape = (len(number), len(time))
        taken = self._taken(streams, number, time)
        if self.holidays:
            needed = self.holidays.needed(day)
            begins = streams.uniform("holiday", number, occasion=needed)
            taken &= ~self.holidays.away(begins, needed=needed, day=day)
        shift = np.zeros(shape)
        if self.late:
            shift = self.late.quantile(streams.uniform("late", number, occasion=dose))
            np.maximum(shift, -time, out=shift)  # nobody takes a dose before time zero
        if self.meals is None:
            return Taking(taken, shift, np.full(shape, -1, dtype=np.int8))
        habit = self.meals.habit
        own = None if habit is None else habit.quantile(streams.uniform("meal habit", number))
        if self.meals_by == "dose":
            return Taking(taken, shift, self._chosen(streams, number, dose, own))
        days, which = np.unique(day, return_inverse=True)
        return Taking(taken, shift, self._chosen(streams, number, days, own)[:, which])

    def _taken(self, streams: "Streams", number: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Which doses are taken, but for holidays."""
        dose = np.arange(len(time))
        chance: Any = self.chance
        if isinstance(chance, Distribution):
            chance = chance.quantile(streams.uniform("taken habit", number))[:, None]
        elif isinstance(chance, Halves):
            chance = chance.chance(time)
        elif chance == 1.0 and self.spells is None:  # no number is above 1: they need not be drawn
            return np.ones((len(number), len(time)), dtype=np.bool_)
        drawn = streams.uniform("taken", number, occasion=dose)
        if self.spells is None:
            return drawn < chance
        return self.spells.taken(
            spell=streams.uniform("spell", number, occasion=dose), chance=drawn, time=time
        )

    def _chosen(
        self, streams: "Streams", number: np.ndarray, occasion: np.ndarray, own: np.ndarray | None
    ) -> np.ndarray:
        assert self.meals is not None
        return self.meals.chosen(streams.uniform("meal", number, occasion=occasion), habit=own)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and dictionaries, for JSON: what was given to `adherence`."""
        told: dict[str, Any] = {}
        if self.spells is None:
            told["taken"] = (
                self.chance.to_dict() if isinstance(self.chance, Halves) else share_plain(self.chance)
            )
        for name in ("spells", "holidays", "late", "meals"):
            value = getattr(self, name)
            if value is not None:
                told[name] = share_plain(value) if name == "late" else value.to_dict()
        if self.meals_by != EACH[0]:
            told["meals_by"] = self.meals_by
        return told

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Adherence":
        """The adherence that `to_dict` wrote down.

        >>> habit = adherence(0.9, late="exponential(1 h) within 0..6 h")
        >>> Adherence.from_dict(habit.to_dict()) == habit
        True
        """
        try:
            return adherence(**plain)
        except TypeError as error:
            raise InputError(
                f"not an adherence written by to_dict: {error}",
                place="from_dict",
                advice="pass on what to_dict returned",
            ) from error


def adherence(
    taken: Any = 1.0,
    *,
    spells: Any = None,
    holidays: Any = None,
    late: str | None = None,
    meals: Any = None,
    meals_by: str = "dose",
) -> Adherence:
    """What people make of a regimen: which doses they take, when, and with which meal.

    Parameters
    ----------
    taken : 0.8, "80 %", mapping or text
        Probability that a dose is taken; ``{"morning": 0.95, "evening": 0.8}``, before noon and from noon on; or a
        distribution over subjects, such as "uniform(0.6, 1)".
    spells : mapping, optional
        ``{"good": 0.95, "bad": 0.3, "good_lasts": "14 days", "bad_lasts": "3 days"}``: good and bad spells, with the
        probability of taking a dose in each and their mean lengths. Instead of ``taken``.
    holidays : mapping, optional
        ``{"per_year": 6, "days": 3}``: days on end without any dose.
    late : text, optional
        Distribution of the time by which a dose is taken late (negative: early), such as
        "normal(0 h, 1 h) within -2..4". Nothing is taken before time zero.
    meals : mapping, optional
        Probability of each meal, for doses that leave theirs open: ``{"fed": 0.7, "fasted": 0.3}``; one may be a
        distribution over subjects, and one "rest".
    meals_by : "dose" or "day"
        Whether the meal is chosen for each dose, or for all doses of a day.

    Raises
    ------
    InputError, UnitError  Probabilities outside 0 to 1 or that do not add up, unknown names, what is no distribution.

    >>> adherence(0.8, holidays={"per_year": 6, "days": 3})
    Adherence(taken=0.8, holidays={'per_year': 6.0, 'days': 3})
    """
    others = (spells, holidays, late, meals)
    if isinstance(taken, Adherence):
        if any(other is not None for other in others) or meals_by != EACH[0]:
            raise InputError(
                "an Adherence and more beside it",
                place="adherence",
                advice="give all of it to one dl.adherence(...)",
            )
        return taken
    if meals_by not in EACH:
        raise InputError(
            f"found {meals_by!r:.60}", place="adherence meals_by", advice=did_you_mean(str(meals_by), EACH)
        )
    place = "adherence taken"
    chance = read_halves(taken, place=place) if isinstance(taken, Mapping) else read_share(taken, place=place)
    if spells is not None and chance != 1.0:
        raise InputError(
            "taken and spells are both given",
            place="adherence",
            advice="leave taken out: the spells say how likely a dose is taken",
        )
    return Adherence(
        chance=chance,
        spells=None if spells is None else read_spells(spells, place="adherence spells"),
        holidays=None if holidays is None else read_holidays(holidays, place="adherence holidays"),
        late=None if late is None else read_late(late, place="adherence late"),
        meals=None if meals is None else read_meals(meals, place="adherence meals"),
        meals_by=meals_by,
    )
