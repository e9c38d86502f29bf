"""Does a model give back the numbers it names? Every ``[[check]]`` of its file, computed by simulation."""

import math
from dataclasses import dataclass

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.regimen import regimen
from doseline.model.checks import Check
from doseline.model.spec import Model
from doseline.population.cohort import Cohort, cohort
from doseline.simulation import simulate
from doseline.units import factor, read_quantity

STEP = 0.05
"""Grid of a check [h]: Simpson's rule is then right to about 1e-8."""
CLOSER = 201
"""Points between the two neighbours of the highest one, in a second look at the peak."""
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
    people: Cohort | None


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


def _people(model: Model, covariates: dict[str, float | str]) -> Cohort | None:
    """One subject with the reference covariates but for those of the check."""
    if not model.covariates:
        return None
    values = {
        name: read_quantity(covariates.get(name, known.reference), known.unit)
        for name, known in model.covariates.items()
    }
    return cohort({name: np.array([value]) for name, value in values.items()})


def _metric(model: Model, metric: str, case: _Case) -> tuple[float, str]:
    """Value of a metric under a condition, and its unit."""
    slowest = _slowest_rate(model, case)
    if metric == "half_life":
        return math.log(2.0) / slowest, "h"
    course = regimen(case.regimen)
    last_dose = float(course.doses()[0][-1])
    end = max(course.length, last_dose + FOLLOWED * math.log(2.0) / slowest)
    time = np.arange(math.ceil(end / STEP) + 1) * STEP
    level, unit = _levels(model, case, time)
    if metric in ("Cmax", "Tmax"):
        at = float(time[level.argmax()])
        closer = np.linspace(max(0.0, at - STEP), at + STEP, CLOSER)
        top, when = _peak(closer, _levels(model, case, closer)[0])
        return (top, unit) if metric == "Cmax" else (when, "h")
    if metric == "AUCinf":
        return _area(time, level) + float(level[-1]) / slowest, f"{unit} * h"
    inside = slice(round(last_dose / STEP), round(course.length / STEP) + 1)
    if metric == "Cmin":
        return float(level[inside].min()), unit
    area = _area(time[inside], level[inside])
    return (area, f"{unit} * h") if metric == "AUCtau" else (area / (course.length - last_dose), unit)


def _levels(model: Model, case: _Case, time: np.ndarray) -> tuple[np.ndarray, str]:
    """Levels at the times, and their unit."""
    levels = simulate(
        model, case.regimen, case.people, meal=case.meal, formulation=case.formulation, times=time
    )[case.output]
    return levels.values.ravel(), str(levels.attrs["units"])


def _area(time: np.ndarray, level: np.ndarray) -> float:
    from scipy.integrate import simpson

    return float(simpson(level, x=time))


def _peak(time: np.ndarray, level: np.ndarray) -> tuple[float, float]:
    """Height and time of the highest level, between grid points by a parabola through the three around it."""
    top = int(level.argmax())
    if top in (0, len(level) - 1):
        return float(level[top]), float(time[top])
    before, at, after = (float(value) for value in level[top - 1 : top + 2])
    bend = before - 2.0 * at + after
    shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return at - 0.25 * (before - after) * shift, float(time[top]) + shift * float(time[1] - time[0])


def _slowest_rate(model: Model, case: _Case) -> float:
    """Rate of the slowest mode that the output can see: the one its last, straight line on a log plot shows. [1/h]"""
    compiled = Compiled(model)
    covariates = {
        name: known.reference * known.to_coherent
        if case.people is None
        else case.people.values(name, known.unit) * known.to_coherent
        for name, known in model.covariates.items()
    }
    rates, weights = compiled.system(compiled.parameters(covariates), subjects=1)
    row = list(model.outputs).index(case.output)
    seen = weights[row, 0] > 0
    for _ in range(len(seen)):
        seen = seen | (rates[0][seen] > 0).any(axis=0)
    modes = np.linalg.eigvals(rates[0][np.ix_(seen, seen)])
    return float(-modes.real.max())
