"""The runs of a sensitivity: the person with other values, all of them at once, and what cannot be used of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.asking import Asking, settle
from doseline.differences import read, rows_of
from doseline.errors import STATUS, InputError, SolveError, Status
from doseline.measured import Measured, metrics_of
from doseline.model.spec import Model
from doseline.population.cohort import Cohort
from doseline.ranges import Range
from doseline.schedule import course_end, followed_until
from doseline.sensitivity_arms import Arm, Varied

SHOWN_RUNS = 5
UNMOVED = 1e-6
"""Part of a metric below which a change is that of the solution and not of the parameter."""


@dataclass(frozen=True)
class Bench:
    """What is the same in all runs."""

    model: Model
    person: Cohort
    asking: Asking
    metrics: Sequence[str]
    output: str
    threads: int

    def measure(self, arm: Arm, ranges: Sequence[Range], columns: Any) -> Measured:
        """Metrics of one arm with the values (run,) of each parameter.

        Raises
        ------
        SolveError : runs that could not be solved.   InputError : runs without a value.
        """
        people = self._people(ranges, columns)
        out = self._run(arm, people)
        _refuse_unsolved(out, people, arm, ranges)
        _refuse_missing(out, self.metrics, people, arm, ranges)
        return out

    def able(self, arms: Sequence[Arm], found: Varied) -> Varied:
        """Those of the parameters that nobody named which can be varied, and do something."""
        unsolved = np.zeros(len(found.ranges), dtype=bool)
        moved = unsolved.copy()
        for arm, bases, ends in zip(arms, found.bases, found.ends, strict=True):
            people = self._people(found.ranges, rows_of(bases, ends).T)
            out = self._run(arm, people)
            if out.status[0]:
                _refuse_unsolved(out, people, arm, found.ranges)
            unsolved |= out.status[1:].reshape(len(found.ranges), -1).any(axis=1)
            told = read(out.values)
            change = np.fmax(*(abs(told[f"value_{end}"] - told["value"][:, None]) for end in ("low", "high")))
            moved |= (change > UNMOVED * abs(told["value"][:, None])).any(axis=0)
        wrong = {
            "cannot be varied: runs with other values fail": unsolved,
            "changes nothing here": ~moved & ~unsolved,
        }
        return found.without(wrong)

    def _run(self, arm: Arm, people: Cohort) -> Measured:
        own: Asking = {**self.asking, "meal": arm.meal, "formulation": arm.formulation}
        regimen = {arm.name: arm.regimen}
        settled = settle(self.model, regimen, people, times=None, asking=own, gridless=True, frames=6)
        # the course of the person: a metric must not depend on how long others among the runs are treated
        until = followed_until(arm.regimen, course_end(arm.regimen, self.person))
        return metrics_of(settled.asked, self.metrics, output=self.output, until=until, threads=self.threads)

    def _people(self, ranges: Sequence[Range], columns: Any) -> Cohort:
        """A subject for each run: the person, with other values."""
        count = len(columns[0])
        covariates = {name: np.repeat(value, count) for name, value in self.person.covariates.items()}
        units = dict(self.person.units)
        for each, values in zip(ranges, columns, strict=True):
            covariates[each.name] = np.ascontiguousarray(values)
            units[each.name] = None if values.dtype.kind == "U" else each.unit
        return Cohort(np.arange(1, count + 1), covariates, units)


def _refuse_unsolved(out: Measured, people: Cohort, arm: Arm, ranges: Sequence[Range]) -> None:
    """One run that is missing would take its whole part of the design with it."""
    failed = np.flatnonzero(out.status)
    if not len(failed):
        return
    told = []
    for code in dict.fromkeys(out.status[failed].tolist()):
        reason, rows = STATUS[Status(int(code))], np.flatnonzero(out.status == code)
        shown = [_told(people, row, ranges) for row in rows[:SHOWN_RUNS]]
        told += [f"{len(rows)}: {reason.sentence}", *(f"  {line}" for line in shown)]
    raise SolveError(
        f"{len(failed)} of {len(people)} runs could not be solved for regimen '{arm.name}'",
        place="sensitivity",
        advice="\n".join([*told, "narrow the ranges, or bound distributions: 'within 1..20'"]),
    )


def _refuse_missing(
    out: Measured, metrics: Sequence[str], people: Cohort, arm: Arm, ranges: Sequence[Range]
) -> None:
    """What has no value in some runs has no sensitivity."""
    for metric, values in zip(metrics, out.values, strict=True):
        missing = np.flatnonzero(~np.isfinite(values))
        if len(missing):
            raise InputError(
                f"'{metric}' has no value in {len(missing)} of {len(people)} runs of regimen '{arm.name}', "
                f"such as {_told(people, missing[0], ranges)}",
                place="metric",
                advice="take another metric, such as course_AUC, or a longer course",
            )


def _told(people: Cohort, row: Any, ranges: Sequence[Range]) -> str:
    """The varied values of one run."""
    told = []
    for each in ranges:
        value = people.covariates[each.name][row]
        number = f"{value:.4g}" if people.covariates[each.name].dtype.kind == "f" else str(value)
        told.append(f"{each.name} {number}" + (f" {each.unit}" if each.unit != "1" else ""))
    return ", ".join(told)
