"""Does a model give back the numbers it names? Every ``[[check]]`` of its file, computed by simulation."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.regimen import regimen
from doseline.errors import InputError
from doseline.model.checks import METRICS, Check
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
    value, unit = _metric(model, check, case)
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
    below, unit_below = _metric(model, check, divisor)
    return value / (below * factor(unit_below, unit)) * factor("1", check.unit)


def _people(model: Model, covariates: dict[str, float | str]) -> Cohort:
    """One subject with the reference covariates but for those of the check."""
    given = {
        name: float(read_quantity(value, model.covariates[name].unit)) for name, value in covariates.items()
    }
    return reference_subject(model, **given)


def _metric(model: Model, check: Check, case: _Case) -> tuple[float, str]:
    """Value of a check's metric under a condition, and its unit."""
    looks = METRICS[check.metric].looks
    if looks == "time":
        level, unit = _levels(model, case, np.array([check.time]))
        return float(level[0]), unit
    course = regimen(case.regimen)
    doses = np.unique(course.doses()[0])
    due = course_end(course, case.people)
    if looks == "interval":
        return _in_interval(model, check.metric, case, doses, due)
    if looks == "end":
        return _to_the_end(model, check.metric, case, doses, due)
    return _extreme(model, check.metric, case, doses, max(due, doses[-1] + _followed(model, check, case)))


def _followed(model: Model, check: Check, case: _Case) -> float:
    """How long after its last dose the course is followed. [h]"""
    if check.follow is not None or not model.linear:
        return check.followed
    return FOLLOWED * math.log(2.0) / _slowest_rate(model, case)[0]


def _in_interval(model: Model, metric: str, case: _Case, doses: np.ndarray, due: float) -> tuple[float, str]:
    """Lowest or average level, or the area, in the last dosing interval."""
    inside = _pieces(np.array([doses[-1]]), due)[0]
    level, unit = _levels(model, case, inside)
    if metric == "Cmin":
        return float(level.min()), unit
    area = _area(inside, level)
    return (area, f"{unit} * h") if metric == "AUCtau" else (area / (due - doses[-1]), unit)


def _to_the_end(model: Model, metric: str, case: _Case, doses: np.ndarray, due: float) -> tuple[float, str]:
    """Half-life of the last, straight line on a semi-log plot, or the area with that line carried on."""
    slowest, settles = _slowest_rate(model, case)
    if not settles:
        raise InputError(
            f"'{case.output}' never falls to nothing, so it has no {metric}",
            place=f"{model.name} [check]",
            advice="check another metric of it, such as Cmax",
        )
    if metric == "half_life":
        return math.log(2.0) / slowest, "h"
    pieces = _pieces(doses, max(due, doses[-1] + FOLLOWED * math.log(2.0) / slowest))
    levels, unit = _in_pieces(model, case, pieces)
    return sum(map(_area, pieces, levels)) + float(levels[-1][-1]) / slowest, f"{unit} * h"


def _extreme(model: Model, metric: str, case: _Case, doses: np.ndarray, end: float) -> tuple[float, str]:
    """Height or time of the highest or lowest level of the course."""
    sign = -1.0 if metric in ("lowest", "t_lowest") else 1.0
    pieces = _pieces(doses, end)
    levels, unit = _in_pieces(model, case, pieces)
    top, when = _peak(model, case, pieces, levels, sign)
    return (when, "h") if metric in ("Tmax", "t_lowest") else (top, unit)


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


def _in_pieces(model: Model, case: _Case, pieces: list[np.ndarray]) -> tuple[list[np.ndarray], str]:
    """Levels piece by piece, and their unit."""
    level, unit = _levels(model, case, np.concatenate(pieces))
    return np.split(level, np.cumsum([len(piece) for piece in pieces])[:-1]), unit


def _area(time: np.ndarray, level: np.ndarray) -> float:
    from scipy.integrate import simpson

    return float(simpson(level, x=time))


def _peak(
    model: Model, case: _Case, pieces: list[np.ndarray], levels: list[np.ndarray], sign: float
) -> tuple[float, float]:
    """Height and time of the highest level; inside a piece by a closer look and a parabola through three points.

    With a sign of -1 the lowest level.
    """
    piece = int(np.argmax([(sign * level).max() for level in levels]))
    time, level = pieces[piece], sign * levels[piece]
    top = int(level.argmax())
    if top not in (0, len(level) - 1):
        time = np.linspace(time[top - 1], time[top + 1], CLOSER)
        level = sign * _levels(model, case, time)[0]
        top = int(level.argmax())
    if top in (0, len(level) - 1):
        return sign * float(level[top]), float(time[top])
    before, at, after = (float(value) for value in level[top - 1 : top + 2])
    bend = before - 2.0 * at + after
    shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    height = at - 0.25 * (before - after) * shift
    return sign * height, float(time[top]) + shift * float(time[1] - time[0])


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
