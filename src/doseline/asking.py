"""What a call asks for, settled before anything is computed: model, regimens, people, draws, times."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np

from doseline.dataset import Axis
from doseline.dosing.records import Records
from doseline.errors import InputError, did_you_mean
from doseline.model.read import load_model
from doseline.model.spec import Model
from doseline.origin import AskedRecords, AskedRegimens
from doseline.population.draws import read_draws, record_draws
from doseline.request import (
    advise_ranges,
    choices,
    cohort_of,
    covariates_of,
    named_regimens,
    refuse_meals,
    refuse_result_names,
    with_habits,
)
from doseline.schedule import course_end, followed_until, refuse_missing_sizes
from doseline.solver import ATOL, MOST_STEPS, RTOL, Solver, solver_of
from doseline.times import WAYS, read_times
from doseline.units import read_quantity


class Asking(TypedDict, total=False):
    """Keyword arguments that say what is simulated, the same in every verb: see `doseline.simulate`."""

    meal: str | Sequence[str] | None
    formulation: str | Sequence[str] | None
    on_failure: str
    method: str | None
    rtol: float
    atol: Any
    max_steps: int
    seed: int | None
    effects: "str | Sequence[str] | None"
    replicates: int | None
    uncertainty: Any
    adherence: Any
    visits: Any
    observed: bool
    typical: bool


DEFAULTS: Asking = {
    "meal": None,
    "formulation": None,
    "on_failure": "raise",
    "method": None,
    "rtol": RTOL,
    "atol": ATOL,
    "max_steps": MOST_STEPS,
    "seed": None,
    "effects": None,
    "replicates": None,
    "uncertainty": None,
    "adherence": None,
    "visits": None,
    "observed": False,
    "typical": False,
}
OF_VERBS = {
    "times": ("simulate", "bands", "plan"),
    "threads": ("simulate", "exposure", "bands", "plan"),
    "store": ("simulate", "plan"),
    "dtype": ("simulate", "plan"),
    "progress": ("simulate", "exposure", "bands"),
    "client": ("simulate", "exposure", "bands"),
    "of": ("plan",),
    "output": ("exposure", "bands"),
    "intervals": ("exposure", "plan"),
    "thresholds": ("exposure",),
    "steady": ("exposure",),
    "until": ("exposure",),
    "q": ("bands",),
    "over": ("bands",),
    "by": ("bands",),
    "error": ("bands",),
}
"""Arguments that some verbs have beside those of `Asking`."""
DRAWN = ("seed", "effects", "replicates", "uncertainty", "visits", "observed", "typical")
SOLVED = ("method", "rtol", "atol", "max_steps")


class Settled(NamedTuple):
    """A call, settled: what is simulated, and when levels are wanted [h]."""

    asked: AskedRegimens
    times: np.ndarray


def read_failure(on_failure: object) -> None:
    """Refuse what is no way to treat rows that cannot be solved."""
    if on_failure not in ("raise", "mark"):
        raise InputError(f"found {on_failure!r}", place="on_failure", advice="expected 'raise' or 'mark'")


def solver_asked(model: Model, given: Mapping[str, Any]) -> Solver:
    """How the equations are to be solved."""
    return solver_of(model, **{name: given[name] for name in SOLVED})


def draws_asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a call says of randomness."""
    return {name: given[name] for name in DRAWN}


def settle(
    model: "Model | str | Path",
    regimens: Any,
    people: Any,
    *,
    times: Any,
    asking: Asking,
    verb: str = "simulate",
    gridless: bool = False,
    until: Any = None,
    frames: int = 4,
) -> Settled:
    """Read everything that a verb was given.

    Without a grid (``gridless``) the times are the beginning of the course and its end, or ``until``. ``frames`` is how
    far up the call is that warnings are of, and ``verb`` the function that was called.

    Raises
    ------
    InputError, UnitError, RegimenError : what was given.
    """
    refuse_unknown(asking, verb)
    given: dict[str, Any] = {**DEFAULTS, **asking}
    chosen = load_model(model)
    read_failure(given["on_failure"])
    solver = solver_asked(chosen, given)
    named = with_habits(named_regimens(regimens), given["adherence"])
    if times is None and not gridless:
        raise InputError("there are none", place="times", advice=WAYS)
    everyone = cohort_of(people, chosen)
    refuse_result_names(everyone, chosen)
    covariates_of(everyone, chosen)
    advise_ranges(everyone, chosen, frames=frames)
    swept = isinstance(regimens, (Mapping, list, tuple))
    for name, course in named.items():
        refuse_missing_sizes(course, everyone, place=f"regimen '{name}'" if swept else "regimen")
    meal = given["meal"]
    axes = {
        "regimen": Axis(tuple(named), swept),
        **choices(chosen, formulation=given["formulation"], meal=meal),
    }
    if refuse_meals(named, chosen, meal):
        axes["meal"] = Axis((), False)
    ends = {name: course_end(course, everyone) for name, course in named.items()}
    last = max(followed_until(course, ends[name]) for name, course in named.items())
    grid = np.array([0.0, _end(until, last)]) if gridless else read_times(times, end=last)
    draws = read_draws(
        chosen,
        draws_asked(given),
        cohort_seed=everyone.seed,
        sobol=everyone.sobol,
        end=float(grid[-1]),
        others=any(course.adherence is not None for course in named.values()),
        frames=frames,
    )
    asked = AskedRegimens(chosen, axes, given["on_failure"], solver, draws, named, everyone, ends)
    return Settled(asked, grid)


def settle_table(
    model: "Model | str | Path",
    records: Records,
    people: Any,
    *,
    times: Any,
    asking: Asking,
    verb: str = "simulate",
) -> tuple[AskedRecords, np.ndarray | None]:
    """The same for an event table: what is asked for, and its grid; None: levels at its observations."""
    from doseline.event_levels import grid_of

    refuse_unknown(asking, verb)
    given: dict[str, Any] = {**DEFAULTS, **asking}
    chosen = load_model(model)
    read_failure(given["on_failure"])
    solver = solver_asked(chosen, given)
    if people is not None:
        raise InputError(
            "an event table has its own subjects",
            place="people",
            advice="leave people out; covariates are columns of the table",
        )
    axes = choices(chosen, formulation=given["formulation"], meal=given["meal"])
    grid = grid_of(records, times)
    draws = record_draws(chosen, draws_asked(given), given["adherence"])
    return AskedRecords(chosen, axes, given["on_failure"], solver, draws, records, grid is not None), grid


def refuse_unknown(asking: Mapping[str, Any], verb: str) -> None:
    """Refuse keyword arguments that a verb does not have.

    Raises
    ------
    InputError : which verbs have it, or what it may have been meant to be.
    """
    for name in asking:
        if name in DEFAULTS:
            continue
        if name in OF_VERBS:
            others = [f"dl.{each}" for each in OF_VERBS[name]]
            told = " and ".join(filter(None, (", ".join(others[:-1]), others[-1])))
            advice = f"it is for {told}; leave it out"
        else:
            own = [each for each, verbs in OF_VERBS.items() if verb in verbs]
            advice = did_you_mean(name, (*DEFAULTS, *own))
        raise InputError(f"dl.{verb} has no such argument", place=name, advice=advice)


def _end(given: Any, end: float) -> float:
    """End of the course that is followed. [h]"""
    if given is None:
        return end
    found = read_quantity(given, "h", place="until", require_unit=isinstance(given, str))
    if np.ndim(found) or not found > 0.0:
        raise InputError(
            f"found {given!r:.60}", place="until", advice="expected one time above 0 h, such as '24 weeks'"
        )
    return float(found)
