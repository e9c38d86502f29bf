"""``[adherence]`` and ``[population]`` of a study file: how doses are taken, and what else is random."""

import warnings
from collections.abc import Mapping
from typing import Any

from doseline.dosing.adherence import Adherence, adherence
from doseline.dosing.regimen import Regimen
from doseline.errors import Problem
from doseline.model.entries import Entry
from doseline.model.spec import Model
from doseline.population.cohort import Cohort
from doseline.population.draws import read_draws
from doseline.request import refuse_meals
from doseline.schedule import course_end, followed_until
from doseline.study_reading import attempt, attempt_section, entry
from doseline.times import read_times


class Habits(Entry):
    """``[adherence]``: what `adherence` takes."""

    taken: Any = 1.0
    spells: Any = None
    holidays: Any = None
    late: Any = None
    meals: Any = None
    meals_by: Any = "dose"


class Varying(Entry):
    """``[population]``: what `simulate` takes; whether it can be used is for `read_draws` to say."""

    seed: Any = None
    effects: Any = None
    replicates: Any = None
    observed: Any = False
    typical: Any = False
    visits: Any = None


def habit_of(tables: dict[str, Any], problems: list[Problem], place: str) -> Adherence | None:
    """The adherence of a study; None where the file has none, or one with mistakes."""
    if "adherence" not in tables:
        return None
    read = entry(Habits, "adherence", tables, problems, place)
    if read is None:
        return None
    given = {key: value for key, value in read if key in read.model_fields_set}
    before = len(problems)

    def check(some: Mapping[str, Any]) -> Any:
        return attempt_section(
            problems, lambda: adherence(**some), place=place, section="adherence", keys=Habits.model_fields
        )

    for key, value in given.items():  # one by one, so that every mistake is told
        check({key: value})
    if len(problems) > before:
        return None
    habit: Adherence | None = check(given)
    return habit


def fit_draws(
    model: Model,
    people: Cohort,
    regimens: Mapping[str, Regimen],
    varying: Varying,
    asked: Mapping[str, Any],
    problems: list[Problem],
    place: str,
) -> None:
    """Does what is random go with the model? ``asked`` holds adherence, times and meal."""
    habit: Adherence | None = asked["adherence"]
    if habit is not None:
        taken = {name: course.taken(habit) for name, course in regimens.items()}
        attempt(
            problems,
            lambda: refuse_meals(taken, model, asked["meal"]),
            place=f"{place} [adherence] meals",
        )
    if people.seed is None and varying.seed is None:
        wants = [f"[population] {key}" for key in _wanted(varying)]
        wants += ["[adherence]"] if habit is not None else []
        if wants:
            problems.append(
                Problem(f"{place} {wants[0]}", "there is no seed", "add seed = 7 to [cohort] or [population]")
            )
            return
    ends = [followed_until(course, course_end(course, people)) for course in regimens.values()]

    def read() -> Any:
        end = float(read_times(asked["times"], end=max(ends))[-1])
        return read_draws(
            model,
            dict(varying) | {"uncertainty": None},
            cohort_seed=people.seed,
            sobol=people.sobol,
            end=end,
            others=habit is not None,
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run says it
        attempt_section(problems, read, place=place, section="population", keys=Varying.model_fields)


def _wanted(varying: Varying) -> list[str]:
    """Keys that ask for random numbers."""
    given = {key: value for key, value in varying if key in varying.model_fields_set}
    return [
        key
        for key, value in given.items()
        if key not in ("typical", "seed") and value not in (None, False, [])
    ]
