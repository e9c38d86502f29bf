"""Regimens: what is given when, and the algebra that builds courses from courses.

A regimen is a few blocks, each a pattern of doses repeated with a period; the doses are only written out in
`Regimen.doses`. Times are hours from time zero, computed as ``start + i * period + offset`` and never
accumulated. Time zero is the first dose or, where clock times are used, midnight of day 1.
`doseline.dosing.grammar` has the text form, `doseline.dosing.course` its meaning.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from doseline.dosing.adherence import Adherence, adherence
from doseline.dosing.amounts import body_sizes
from doseline.dosing.counts import doses_taken, total_taken
from doseline.dosing.dose import (
    LIMIT,
    Block,
    Dose,
    Target,
    block_order,
    canonical_text,
    choices_text,
    number,
    plain,
    repeated,
    whole,
)
from doseline.errors import DoselineError, InputError

if TYPE_CHECKING:
    import pandas as pd

    from doseline.dosing.records import Records

__all__ = ["Block", "Dose", "Regimen", "Target", "regimen"]

ONLY_LAST = "give doses and target both per kg or both in mg, or end with 'for 20 weeks' or 'x 14'"
"""What to do where an end that differs between subjects is in the way."""


@dataclass(frozen=True, repr=False)
class Regimen:
    """A course of doses. Two regimens are equal when their blocks and lengths are; the text does not count.

    Parameters
    ----------
    blocks : tuple of Block  In any order; kept sorted, a block with ``until`` last.
    length : float           End of the course [h]; what is joined with `then` starts here.
    text : str               Where it came from; empty for a text made from the blocks.
    adherence : Adherence    What people make of it; None where everybody takes everything as prescribed.

    >>> week = regimen("40 mg twice daily for 1 week")
    >>> week.repeat(2).delayed(12)
    Regimen('nothing for 12 h, then ((40 mg twice daily for 1 week) x 2)')
    >>> week + "80 mg once fed" == regimen("80 mg once fed") + week
    True
    """

    blocks: tuple[Block, ...]
    length: float
    text: str = field(default="", compare=False)
    adherence: Adherence | None = None

    def __post_init__(self) -> None:
        blocks = tuple(sorted(self.blocks, key=block_order))
        if not blocks:
            raise InputError("there is no dose", place="regimen", advice="give at least one block")
        count = sum(block.count for block in blocks)
        if count > LIMIT:
            raise InputError(
                f"{count:,} doses",
                place="regimen",
                advice=f"at most {LIMIT:,} doses: shorten it or space the doses out",
            )
        last = max(block.last for block in blocks)
        length = number(self.length, place="regimen length", least=last)
        if any(block.until for block in blocks[:-1]) or (
            blocks[-1].until and any(block.last > blocks[-1].start for block in blocks[:-1])
        ):
            raise InputError("an 'until' is followed by other doses", place="regimen", advice=ONLY_LAST)
        object.__setattr__(self, "blocks", blocks)
        object.__setattr__(self, "length", length)
        object.__setattr__(self, "text", self.text or canonical_text(blocks))

    def __repr__(self) -> str:
        habits = f", {self.adherence!r}" if self.adherence else ""
        return f"Regimen({self.text!r}{habits})"

    def __str__(self) -> str:
        return self.text

    @property
    def until(self) -> Target | None:
        """Where each subject stops on a day of their own; None where all take the same doses."""
        return self.blocks[-1].until

    @property
    def sized(self) -> list[tuple[Dose | Target, str]]:
        """The doses, and the target, that follow a body size, and which."""
        each: list[Dose | Target] = [dose for block in self.blocks for _, dose in block.pattern]
        each += [self.until] if self.until else []
        return [(one, one.per) for one in each if one.per is not None]

    @property
    def count(self) -> int:
        """Number of doses; with `until`, the most anyone takes."""
        return sum(block.count for block in self.blocks)

    # -- algebra: every method returns a new regimen

    def then(self, other: "Regimen | str") -> "Regimen":
        """This course, and from its end (``length``) on the other one."""
        other = regimen(other)
        self._refuse_joined(other, "then")
        later = tuple(block.shifted(self.length) for block in other.blocks)
        text = f"({self.text}), then ({other.text})"
        return replace(self, blocks=self.blocks + later, length=self.length + other.length, text=text)

    def __add__(self, other: "Regimen | str") -> "Regimen":
        """Both courses from the same time zero."""
        if not isinstance(other, (Regimen, str)):
            return NotImplemented
        other = regimen(other)
        self._refuse_joined(other, "+")
        text = f"({self.text}) and ({other.text})"
        length = max(self.length, other.length)
        return replace(self, blocks=self.blocks + other.blocks, length=length, text=text)

    def repeat(self, n: int) -> "Regimen":
        """This course ``n`` times, end to end."""
        n = whole(n, place="repeat")
        if n == 1:
            return self
        self._refuse_until("repeat")
        if n * self.count > LIMIT:  # before the blocks are written out
            raise InputError(
                f"{n * self.count:,} doses", place="repeat", advice=f"at most {LIMIT:,} doses are allowed"
            )
        blocks = repeated(self.blocks, length=self.length, n=n)
        return replace(self, blocks=tuple(blocks), length=n * self.length, text=f"({self.text}) x {n}")

    def delayed(self, hours: float) -> "Regimen":
        """This course, ``hours`` later. [h]"""
        hours = number(hours, place="delayed", least=0.0)
        if hours == 0.0:
            return self
        blocks = tuple(block.shifted(hours) for block in self.blocks)
        text = f"nothing for {plain(hours)} h, then ({self.text})"
        return replace(self, blocks=blocks, length=hours + self.length, text=text)

    def with_(
        self, *, meal: str | None = None, formulation: str | None = None, route: str | None = None
    ) -> "Regimen":
        """This course with ``meal``, ``formulation`` and ``route`` wherever a dose leaves them open."""
        blocks = tuple(block.filled(meal=meal, formulation=formulation, route=route) for block in self.blocks)
        choices = choices_text(meal=meal, formulation=formulation, route=route)
        return replace(self, blocks=blocks, text=f"({self.text}){choices}" if choices else self.text)

    def taken(
        self,
        taken: Any = 1.0,
        *,
        spells: Any = None,
        holidays: Any = None,
        late: str | None = None,
        meals: Any = None,
        meals_by: str = "dose",
    ) -> "Regimen":
        """This course with what people make of it: an `Adherence`, or what `doseline.adherence` takes.

        >>> regimen("40 mg twice daily for 20 weeks").taken(0.8)
        Regimen('40 mg twice daily for 20 weeks', Adherence(taken=0.8))
        """
        habits = adherence(taken, spells=spells, holidays=holidays, late=late, meals=meals, meals_by=meals_by)
        return replace(self, adherence=habits)

    def _refuse_joined(self, other: "Regimen", place: str) -> None:
        self._refuse_until(place)
        other._refuse_until(place)
        if self.adherence != other.adherence:
            told = [str(one.adherence or "as prescribed") for one in (self, other)]
            raise InputError(
                f"the courses are taken in different ways: {told[0]}; {told[1]}",
                place=place,
                advice="join the courses first and say .taken(...) of the whole",
            )

    def _refuse_until(self, place: str) -> None:
        if self.until:
            raise InputError(
                f"'until {self.until}' ends on a different day for each subject",
                place=place,
                advice=ONLY_LAST,
            )

    # -- doses

    def doses(self) -> tuple[np.ndarray, np.ndarray, tuple[Dose, ...]]:
        """Times of all doses [h], ascending; the position of each in the third; the distinct doses.

        Doses at the same time keep the order of their blocks. With `until` these are the doses of whoever
        takes most; `doses_taken` says how many of them each subject takes.

        >>> regimen("40 mg at 08:00 fed and 20 mg at 20:00 for 2 days").doses()[0]
        array([ 8., 20., 32., 44.])
        """
        kinds = {dose: None for block in self.blocks for _, dose in block.pattern}
        position = {dose: i for i, dose in enumerate(kinds)}
        times = np.concatenate([block.times() for block in self.blocks])
        kind = np.concatenate(
            [
                np.tile(
                    np.array([position[dose] for _, dose in block.pattern], dtype=np.int64), block.repeats
                )
                for block in self.blocks
            ]
        )
        order = np.argsort(times, kind="stable")
        return times[order], kind[order], tuple(kinds)

    def doses_taken(self, *, WT: ArrayLike | None = None, BSA: ArrayLike | None = None) -> np.ndarray:
        """How many of the doses of `doses` each subject takes, shape of the covariates.

        All of them where there is no `until`.

        Raises
        ------
        InputError  A subject cannot reach the target within the 2000 days that are followed at most.

        Parameters
        ----------
        WT, BSA : float or array (subject,)  Body weight [kg] and surface [m2], where `until` needs them.

        >>> regimen("20 mg once daily until 120 mg/kg").doses_taken(WT=[50, 60.1])
        array([300, 361])
        """
        place = "doses_taken"
        return doses_taken(self, body_sizes(WT=WT, BSA=BSA, place=place), place=place)

    def total(self, *, WT: ArrayLike | None = None, BSA: ArrayLike | None = None) -> np.ndarray:
        """What each subject takes over the whole course, shape of the covariates. [mg]

        >>> regimen("0.5 mg/kg twice daily x 14").total(WT=[50, 60])
        array([350., 420.])
        """
        place = "total"
        return total_taken(self, body_sizes(WT=WT, BSA=BSA, place=place), place=place)

    def preview(self, *, WT: float | None = None, BSA: float | None = None) -> "pd.DataFrame":
        """The doses of one subject as a table, as prescribed, with the units in the column names.

        Parameters
        ----------
        WT, BSA : float  Body weight [kg] and surface [m2]; needed for doses or targets per kg or per m2.

        >>> list(regimen("0.5 mg/kg twice daily for 1 week").preview(WT=62)["cumulative (mg)"][:2])
        [31.0, 62.0]
        """
        from doseline.dosing.preview import preview_of

        return preview_of(self, WT=WT, BSA=BSA)

    def to_records(self, cohort: Any = None, *, model: Any = None, times: Any = None) -> "Records":
        """The course as an event table: a record for each dose of a pattern, its repeats as ADDL and II.

        Parameters
        ----------
        cohort : Cohort, optional         Who takes it; one subject, 1, by default. Covariates become columns.
        model : Model or str, optional    With it, CMT is the compartment that the route enters, and infusions are RATE
            (DUR where the route has a bioavailability); RATE is -1 or -2 where the route has a rate or duration of its
            own. Without it CMT is 0, and infusions are DUR.
        times : "2 h", array, optional    Observations [h], as in `simulate`, after the doses at the same time; a step
            reaches to the end of the course, its `length`.

        Raises
        ------
        InputError, UnitError  Times that are none; doses follow a body size that the cohort lacks, or name a route that
            the model lacks; the course has an `adherence`, and what is taken is not known before it is simulated.

        >>> regimen("40 mg twice daily for 1 week").to_records(times=[0, 168])
        <Records of 1 subject: 3 records, 1 dose, 2 observations>
        """
        from doseline.dosing.regimen_records import records_of_regimen

        return records_of_regimen(self, cohort, model=model, times=times)

    # -- plain form

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and text, for JSON; `from_dict` gives an equal regimen back."""
        return {
            "text": self.text,
            "length": self.length,
            "blocks": [
                {
                    "start": block.start,
                    "period": block.period,
                    "repeats": block.repeats,
                    "pattern": [[at, asdict(dose)] for at, dose in block.pattern],
                    **({"until": asdict(block.until)} if block.until else {}),
                }
                for block in self.blocks
            ],
            **({"adherence": self.adherence.to_dict()} if self.adherence else {}),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Regimen":
        """The regimen that `to_dict` wrote down.

        >>> course = regimen("80 mg once fasted")
        >>> Regimen.from_dict(course.to_dict()) == course
        True
        """
        try:
            blocks = tuple(
                Block(
                    start=block["start"],
                    pattern=tuple((at, Dose(**dose)) for at, dose in block["pattern"]),
                    period=block["period"],
                    repeats=block["repeats"],
                    until=Target(**block["until"]) if "until" in block else None,
                )
                for block in plain["blocks"]
            )
            habits = Adherence.from_dict(plain["adherence"]) if "adherence" in plain else None
            return cls(blocks, plain["length"], plain["text"], habits)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DoselineError):
                raise
            raise InputError(
                f"not a regimen written by to_dict: {error!r}",
                place="from_dict",
                advice="pass on what to_dict returned",
            ) from error


def regimen(text_or_regimen: "str | Regimen") -> Regimen:
    """Read a regimen from text; a `Regimen` comes back unchanged.

    Raises
    ------
    RegimenError  The text cannot be read; the message shows where, and what to write instead.

    >>> regimen("0.5 mg/kg/day in 2 doses for 4 weeks, then 1 mg/kg/day in 2 doses until 120 mg/kg").count
    268
    """
    if isinstance(text_or_regimen, Regimen):
        return text_or_regimen
    if not isinstance(text_or_regimen, str):
        raise InputError(
            f"{text_or_regimen!r} is neither text nor a Regimen",
            place="regimen",
            advice="give a text such as '40 mg twice daily for 20 weeks'",
        )
    from doseline.dosing.course import parse  # lark takes 0.1 s to import

    return parse(text_or_regimen)
