"""Does a model give back the numbers it names? Every ``[[check]]`` of its file, computed by simulation."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.regimen import regimen
from doseline.errors import InputError
from doseline.model.checks import Check
from doseline.model.spec import Model
from doseline.population.cohort import Cohort
from doseline.request import covariates_of, reference_subject
from doseline.schedule import course_end
from doseline.simulation import simulate
from doseline.units import factor, read_quantity

STEP = 1 / 16
"""Grid of a check [h], exact in binary so that equal steps are equal: Simpson's rule is then right to about 1e-8."""
CLOSER = 201
"""Points between the two neighbours of the highest one, in a second look at the peak."""
JUST_BEFORE = 1e-7
"""How long before a dose the level before it is read [h]."""
FOLLOWED = 40
"""Half-lives that a course is followed for after its last dose."""


@dataclass(frozen=True)
class Outcome:
    """One check and what the model gave, in the check's unit."""

    check: Check
    value: float

    @property
    def passed(self) -> bool:
        """Whether the value is as near as the check asks. A comparison may miss: it says how far the model reaches."""
        return self.check.accepts(self.value)

    @property
    def miss(self) -> float:
        """Difference relative to what was expected."""
        return self.value / self.check.expect - 1.0


@dataclass(frozen=True)
class _Case:
    """The condition of a check: what is simulated."""

    regimen: str
    meal: str | None
    formulation: str | None
    output: str
    people: Cohort


def check_model(model: Model) -> list[Outcome]:
    """Compute every check of a model file.

    >>> from doseline.model.read import load_model
    >>> all(outcome.passed for outcome in check_model(load_model("one-compartment-oral")))
    True
    """
    return [Outcome(check, _value(model, check)) for check in model.checks]


def _value(model: Model, check: Check) -> float:
    case = _Case(check.regimen, check.meal, check.formulation, check.output, _people(model, check.covariates))
    value, unit = _metric(model, check.metric, case)
    if check.per is None:
        return value * factor(unit, check.unit)
    other = check.per
    people = case.people if other.covariates is None else _people(model, other.covariates)
    divisor = _Case(
        other.regimen or case.regimen,
        other.meal or case.meal,
        other.formulation or case.formulation,
        other.output or case.output,
        people,
    )
    below, unit_below = _metric(model, check.metric, divisor)
    return value / (below * factor(unit_below, unit)) * factor("1", check.unit)


def _people(model: Model, covariates: dict[str, float | str]) -> Cohort:
    """One subject with the reference covariates but for those of the check."""
    given = {
        name: float(read_quantity(value, model.covariates[name].unit)) for name, value in covariates.items()
    }
    return reference_subject(model, **given)


def _metric(model: Model, metric: str, case: _Case) -> tuple[float, str]:
    """Value of a metric under a condition, and its unit."""
    slowest, settles = _slowest_rate(model, case)
    if metric in ("half_life", "AUCinf") and not settles:
        raise InputError(
            f"'{case.output}' never falls to nothing, so it has no {metric}",
            place=f"{model.name} [check]",
            advice="check another metric of it, such as Cmax",
        )
    if metric == "half_life":
        return math.log(2.0) / slowest, "h"
    course = regimen(case.regimen)
    doses = np.unique(course.doses()[0])
    due = course_end(course, case.people)
    pieces = _pieces(doses, max(due, doses[-1] + FOLLOWED * math.log(2.0) / slowest))
    level, unit = _levels(model, case, np.concatenate(pieces))
    levels = np.split(level, np.cumsum([len(piece) for piece in pieces])[:-1])
    if metric in ("Cmax", "Tmax"):
        top, when = _peak(model, case, pieces, levels)
        return (top, unit) if metric == "Cmax" else (when, "h")
    if metric == "AUCinf":
        return sum(map(_area, pieces, levels)) + float(level[-1]) / slowest, f"{unit} * h"
    last = np.append(pieces[-1][pieces[-1] < due - STEP / 4], due)
    inside = _levels(model, case, last)[0]
    if metric == "Cmin":
        return float(inside.min()), unit
    area = _area(last, inside)
    return (area, f"{unit} * h") if metric == "AUCtau" else (area / (due - doses[-1]), unit)


def _pieces(doses: np.ndarray, end: float) -> list[np.ndarray]:
    """Times from one dose to just before the next, so that no level jumps within a piece. [h]"""
    edges = [*doses, end]
    pieces = []
    for begin, following in pairwise(edges):
        stop = following - (JUST_BEFORE if following != end else 0.0)
        grid = np.arange(math.ceil(begin / STEP), math.floor(stop / STEP) + 1) * STEP
        grid = grid[(grid > begin + STEP / 4) & (grid < stop - STEP / 4)]
        pieces.append(np.concatenate([[begin], grid, [stop]]))
    return pieces


def _levels(model: Model, case: _Case, time: np.ndarray) -> tuple[np.ndarray, str]:
    """Levels at the times, and their unit."""
    levels = simulate(
        model, case.regimen, case.people, meal=case.meal, formulation=case.formulation, times=time
    )[case.output]
    return levels.values.ravel(), str(levels.attrs["units"])


def _area(time: np.ndarray, level: np.ndarray) -> float:
    from scipy.integrate import simpson

    return float(simpson(level, x=time))


def _peak(
    model: Model, case: _Case, pieces: list[np.ndarray], levels: list[np.ndarray]
) -> tuple[float, float]:
    """Height and time of the highest level; inside a piece by a closer look and a parabola through three points."""
    piece = int(np.argmax([level.max() for level in levels]))
    time, level = pieces[piece], levels[piece]
    top = int(level.argmax())
    if top not in (0, len(level) - 1):
        time = np.linspace(time[top - 1], time[top + 1], CLOSER)
        level = _levels(model, case, time)[0]
        top = int(level.argmax())
    if top in (0, len(level) - 1):
        return float(level[top]), float(time[top])
    before, at, after = (float(value) for value in level[top - 1 : top + 2])
    bend = before - 2.0 * at + after
    shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return at - 0.25 * (before - after) * shift, float(time[top]) + shift * float(time[1] - time[0])


def _slowest_rate(model: Model, case: _Case) -> tuple[float, bool]:
    """Rate of the slowest mode that fades and that the output can see [1/h], and whether all of them fade.

    It is the slope of the last, straight line of the output on a semi-log plot.
    """
    compiled = Compiled(model)
    covariates = covariates_of(case.people, model)
    rates, _, weights = compiled.system(compiled.parameters(covariates), subjects=1)
    seen = weights[list(model.outputs).index(case.output), 0] != 0
    for _ in range(len(seen)):
        seen = seen | (rates[0][seen] > 0).any(axis=0)
    modes = -np.linalg.eigvals(rates[0][np.ix_(seen, seen)]).real
    fading = modes[modes > 1e-12 * modes.max()]
    return float(fading.min()), len(fading) == len(modes)
