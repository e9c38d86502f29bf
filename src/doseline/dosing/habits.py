"""Habits of taking doses, one class each: mornings and evenings, good and bad spells, holidays, meals.

Each turns uniform numbers into what happens at the doses. Which numbers, `doseline.dosing.adherence` says; how they
are written, `doseline.dosing.habit_reading`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.distribution import Distribution
from doseline.dosing.amounts import TOLERANCE
from doseline.dosing.dose import plain

YEAR = 365.25
"""Days in a year."""

REST = "rest"
"""The probability of a meal that takes what the others leave."""


def days_of(time: np.ndarray) -> np.ndarray:
    """The day of each time [h], counted from 0; what rounding has left just before midnight is after it."""
    return np.floor(time / 24.0 * (1.0 + TOLERANCE)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Halves:
    """Probabilities of taking a dose before noon, and from noon on."""

    morning: float
    evening: float

    def chance(self, time: np.ndarray) -> np.ndarray:
        """The probability at each time [h]."""
        clock = (time * (1.0 + TOLERANCE)) % 24.0
        return np.where(clock < 12.0, self.morning, self.evening)

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        return {"morning": self.morning, "evening": self.evening}


@dataclass(frozen=True, slots=True)
class Spells:
    r"""Good and bad spells that follow one another, each as long as chance has it.

    Parameters
    ----------
    good, bad : float              Probability of taking a dose in either.
    good_lasts, bad_lasts : float  Mean lengths :math:`g` and :math:`b`. [h]

    Lengths are exponential. Of a good spell, after a time t,

    .. math:: P(\text{bad}) = b / (g + b) \cdot (1 - e^{-(1/g + 1/b) t})

    and the other way round. The spells are those of a person: they do not change when the doses are spaced otherwise.
    """

    good: float
    bad: float
    good_lasts: float
    bad_lasts: float

    def change(self, time: np.ndarray) -> np.ndarray:
        """Probability that a bad, a good spell is one of the other kind at the next dose, shape (dose, 2).

        That of the first dose leads from "bad" into the mix in which spells stand in the long run.
        """
        share = self.good_lasts / (self.good_lasts + self.bad_lasts)
        settled = -np.expm1(-np.diff(time) * (1.0 / self.good_lasts + 1.0 / self.bad_lasts))
        return np.outer(np.concatenate([[1.0], settled]), [share, 1.0 - share])

    def taken(self, *, spell: np.ndarray, chance: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Which doses are taken (subject, dose), from uniform numbers of that shape and dose times (dose,) [h]."""
        from doseline.kernels.adherence import taken_in_spells  # numba takes half a second to import

        taken = np.empty(spell.shape, dtype=np.bool_)
        taken_in_spells(self.change(time), np.array([self.bad, self.good]), spell, chance, taken)
        return taken

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        lasts = {name: f"{plain(getattr(self, name))} h" for name in ("good_lasts", "bad_lasts")}
        return {"good": self.good, "bad": self.bad, **lasts}


@dataclass(frozen=True, slots=True)
class Holidays:
    """Days on end without any dose.

    Parameters
    ----------
    per_year : float  How many begin in a year; on each day one begins with the probability per_year / 365.25.
    days : int        How long each lasts; one that begins during another makes it longer.
    """

    per_year: float
    days: int

    def needed(self, day: np.ndarray) -> np.ndarray:
        """Days on which a holiday could begin that is not over on one of ``day``, ascending."""
        around = np.unique(day)[:, None] - np.arange(self.days)
        return np.unique(around[around >= 0])

    def away(self, begins: np.ndarray, *, needed: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Who is on holiday on each ``day``, shape (subject, dose), from uniform numbers (subject, needed)."""
        begun = np.zeros((len(begins), len(needed) + 1), dtype=np.int32)
        np.cumsum(begins < self.per_year / YEAR, axis=1, out=begun[:, 1:])
        before = np.searchsorted(needed, day - self.days, side="right")
        until = np.searchsorted(needed, day, side="right")
        return begun[:, until] > begun[:, before]

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        return {"per_year": self.per_year, "days": self.days}


@dataclass(frozen=True, slots=True)
class Meals:
    """With which meal doses are taken.

    Parameters
    ----------
    names : tuple of str  In alphabetical order, so that the order of entry leaves no trace.
    shares : tuple        Probability of each; a distribution of it over subjects in one place at most; None where a
                          meal takes the rest.
    """

    names: tuple[str, ...]
    shares: tuple[float | Distribution | None, ...]

    @property
    def habit(self) -> Distribution | None:
        """What differs between subjects, if anything does."""
        return next((share for share in self.shares if isinstance(share, Distribution)), None)

    def chosen(self, u: np.ndarray, *, habit: np.ndarray | None) -> np.ndarray:
        """Position of the meal in ``names``, int8, shape of ``u`` (subject, dose), which is uniform.

        ``habit`` (subject,) is what each subject has of `habit`.
        """
        filled: list[Any] = [
            habit[:, None] if isinstance(share, Distribution) and habit is not None else share
            for share in self.shares
        ]
        rest = 1.0 - sum(share for share in filled if share is not None)
        chosen = np.zeros(u.shape, dtype=np.int8)
        edge: Any = 0.0
        for share in filled[:-1]:
            edge = edge + (rest if share is None else share)
            chosen += u >= edge
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        told = [REST if share is None else share_plain(share) for share in self.shares]
        return dict(zip(self.names, told, strict=True))


def share_plain(share: float | Distribution) -> float | str:
    """A probability as it was given: a number, or the text of a distribution."""
    return str(share) if isinstance(share, Distribution) else share
