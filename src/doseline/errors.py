"""The exceptions people see, and how the solving of one row can end.

Every message says where, what was found, and what to do next; the texts are tested. Kernels raise nothing and know no
status: they say which rows ended in finite numbers, in a boolean array ``solved``. ``solve.py`` gives each row its
:class:`Status`, and :data:`STATUS` holds its sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, Self

SHOWN_NAMES = 24
"""Known names that one message lists."""
_COMPARED_NAMES = 500


class Problem(NamedTuple):
    """One mistake: where it is, what was found there, and what to do."""

    place: str
    problem: str
    advice: str = ""

    def __str__(self) -> str:
        """One paragraph, the advice on an indented line of its own."""
        head = f"{self.place}: {self.problem}" if self.place else self.problem
        return head + "".join(f"\n  {line}" for line in self.advice.splitlines())


class DoselineError(Exception):
    """What doseline raises on purpose.

    Parameters
    ----------
    problem : str   What was found, and why it cannot be used.
    place : str     Where: an argument, a file and its section, a column. Empty: the problem names it.
    advice : str    What to do next.

    >>> print(DoselineError("found -62 kg", place="cohort(WT=...)", advice="give weights above 0 kg"))
    cohort(WT=...): found -62 kg
      give weights above 0 kg
    """

    def __init__(self, problem: str, *, place: str = "", advice: str = "") -> None:
        # `args` holds the problem alone, so that the exception survives pickling between processes
        super().__init__(problem)
        self.problem = problem
        self.place = place
        self.advice = advice

    def __str__(self) -> str:
        """Place, problem and advice as people read them."""
        return str(Problem(self.place, self.problem, self.advice))


class InputError(DoselineError, ValueError):
    """A value handed to a function cannot be used."""


class UnitError(DoselineError, ValueError):
    """A unit is unknown, missing, or of the wrong kind."""


class RegimenError(DoselineError, ValueError):
    """The text of a regimen does not parse; the problem shows the spot."""


class _FileError(DoselineError, ValueError):
    """A file with one or more mistakes, all of them in `problems`."""

    shown = 30
    """Mistakes that are printed; the rest are counted."""

    def __init__(
        self, problem: str, *, place: str = "", advice: str = "", problems: Iterable[Problem] = ()
    ) -> None:
        super().__init__(problem, place=place, advice=advice)
        self.problems = tuple(problems) or (Problem(place, problem, advice),)

    @classmethod
    def collect(cls, problems: Iterable[Problem]) -> Self:
        """One exception for all mistakes of a file; the first of them gives place, problem and advice."""
        found = tuple(problems)
        first = found[0]
        return cls(first.problem, place=first.place, advice=first.advice, problems=found)

    def __str__(self) -> str:
        """Every mistake, one paragraph each."""
        left = len(self.problems) - self.shown
        shown = [str(problem) for problem in self.problems[: self.shown]]
        return "\n".join([*shown, f"... and {left} more mistakes"] if left > 0 else shown)


class ModelError(_FileError):
    """A model file has mistakes. `problems` holds each as (place, problem, advice)."""


class StudyError(_FileError):
    """A study file has mistakes. `problems` holds each as (place, problem, advice)."""


class RecordsError(_FileError):
    """An event table has mistakes. `problems` holds each as (place, problem, advice), in the order of its lines.

    Where there are more than a thousand, those behind are counted and not described.
    """

    shown = 10


class SolveError(DoselineError, RuntimeError):
    """Rows that could not be solved."""


class ClusterError(DoselineError, RuntimeError):
    """Workers of a cluster that cannot do their part, or a scheduler that is gone."""


class ResultError(DoselineError, OSError):
    """Results cannot be written or read."""

    def __str__(self) -> str:
        """Place, problem and advice: OSError would print its arguments."""
        return DoselineError.__str__(self)


class Status(IntEnum):
    """How the solving of one row (one subject under one combination) ended."""

    OK = 0
    BAD_PARAMETER = 1
    BAD_DOSE = 2
    NOT_FINITE = 3
    NO_STEADY_STATE = 4
    TOO_MANY_STEPS = 5
    STEPS_TOO_SMALL = 6
    RATE_NOT_FINITE = 7
    NEGATIVE_AMOUNT = 8


class Advice(NamedTuple):
    """What a status means in words, and what to do about it."""

    sentence: str
    advice: str


STATUS: dict[Status, Advice] = {
    Status.OK: Advice("solved", ""),
    Status.BAD_PARAMETER: Advice(
        "a parameter, rate constant, output factor or initial amount is NaN or infinite, "
        "or negative where it must not be",
        "look at this subject's covariates and parameters: a volume of zero, a weight out of range?",
    ),
    Status.BAD_DOSE: Advice(
        "an amount, bioavailability, lag, duration or rate is NaN, infinite or negative",
        "look at the doses, and at what the route, the formulation and the meal do to them",
    ),
    Status.NOT_FINITE: Advice(
        "a level is NaN or infinite: more than a number can hold, a division by zero, a logarithm of zero or less",
        "look at the formulas of [outputs], and at the sizes and units of rates, volumes and doses",
    ),
    Status.NO_STEADY_STATE: Advice(
        "a dose with SS never comes to a steady state: "
        "nothing leaves a compartment that it enters, or less than is given",
        "leave out SS and write the doses with ADDL; where urine or a tray collects what leaves, switch that "
        "compartment off before the dose and on after it: EVID 2 with a negative CMT, then with a positive one",
    ),
    Status.TOO_MANY_STEPS: Advice(
        "it takes more steps than max_steps allows",
        "look for rates that are far too fast, or that jump to and fro; else give more with max_steps=..., "
        "or a larger rtol",
    ),
    Status.STEPS_TOO_SMALL: Advice(
        "the tolerance cannot be met, however small the steps: "
        "levels run away, or a rate jumps to and fro or stops being a number",
        "look at the rates at that time: growth without a limit, a denominator near zero, "
        "a logarithm of what falls below zero?",
    ),
    Status.RATE_NOT_FINITE: Advice(
        "a rate is NaN or infinite: a division by zero, or a logarithm of zero or less",
        "look at the formulas at that time; max(..., a small value) keeps a denominator or a logarithm above zero",
    ),
    Status.NEGATIVE_AMOUNT: Advice(
        "an amount of drug has fallen below zero",
        "more leaves than is there: write the loss as a flow, or let it fall with the amount, "
        "such as VMAX * central / (KM * V + central)",
    ),
}


def did_you_mean(name: str, known: Iterable[str], what: str = "known here") -> str:
    """Advice for an unknown name: the nearest known one, and the list.

    >>> did_you_mean("Kel", ["CL", "KA", "KE"])
    "did you mean 'KE'? known here: CL, KA, KE"
    """
    names = [str(candidate) for candidate in known]
    listed = ", ".join(names[:SHOWN_NAMES]) or "nothing"
    if len(names) > SHOWN_NAMES:
        listed += f" and {len(names) - SHOWN_NAMES} more"
    lowered = {candidate.lower(): candidate for candidate in reversed(names[:_COMPARED_NAMES])}
    near = difflib.get_close_matches(name.lower()[:80], lowered, n=1, cutoff=0.6)
    guess = f"did you mean '{lowered[near[0]]}'? " if near else ""
    return f"{guess}{what}: {listed}"
