"""What a call asks for, settled: regimens by name, the people and their covariates, the axes of the sweep."""

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from doseline.dataset import COORDINATES, VARIABLES, Axis
from doseline.dosing.records import Records
from doseline.dosing.regimen import Regimen, regimen
from doseline.errors import DoselineError, InputError, did_you_mean
from doseline.model.spec import Model
from doseline.population.cohort import Cohort, cohort

MOST_THREADS = 256
"""More would only wait for processors."""


def named_regimens(regimens: Any) -> dict[str, Regimen]:
    if isinstance(regimens, Mapping):
        named = {str(name): _regimen(value, f"regimen '{name}'") for name, value in regimens.items()}
        if len(named) < len(regimens) or not all(name.strip() for name in named):
            raise InputError(
                f"the names are {[str(name) for name in regimens]}"[:200],
                place="regimens",
                advice="give every regimen a name of its own",
            )
    elif isinstance(regimens, (list, tuple)):
        count = len(regimens)
        read = [_regimen(value, f"regimen {at + 1} of {count}") for at, value in enumerate(regimens)]
        named = {value.text: value for value in read}
        if len(named) < len(read):
            raise InputError(
                "two regimens read the same", place="regimens", advice="name them: {'first': ..., ...}"
            )
    else:
        read_one = _regimen(regimens, "regimen")
        named = {read_one.text: read_one}
    if not named:
        raise InputError(
            "there is no regimen", place="regimens", advice="give at least one, such as '40 mg once fed'"
        )
    return named


def _regimen(given: Any, place: str) -> Regimen:
    """One regimen; messages say which of several."""
    if not isinstance(given, (str, Regimen)):
        alone = isinstance(given, Records)
        raise InputError(
            f"found {repr(given).splitlines()[0]:.60} ({type(given).__name__})",
            place=place,
            advice="give an event table alone, as in dl.simulate(model, records)"
            if alone
            else "give a text such as '40 mg twice daily for 20 weeks', or what dl.regimen made of one",
        )
    try:
        return regimen(given)
    except DoselineError as error:
        error.place = error.place.replace("regimen", place, 1) if error.place else place
        raise


def with_habits(named: Mapping[str, Regimen], adherence: Any) -> dict[str, Regimen]:
    """Regimens with the adherence of the call, where they have none of their own."""
    if adherence is None:
        return dict(named)
    return {
        name: course if course.adherence is not None else course.taken(adherence)
        for name, course in named.items()
    }


def refuse_meals(named: Mapping[str, Regimen], model: Model, meal: Any) -> bool:
    """Whether any regimen comes with a habit of meals; these are known to the model, and the call names no other."""
    habits = [course.adherence for course in named.values()]
    names = {name for habit in habits if habit is not None for name in habit.meal_names}
    if names and meal is not None:
        raise InputError(
            f"found {meal!r:.60}, and the adherence draws a meal for each dose",
            place="meal",
            advice="leave one of them out; a dose that names its own meal keeps it",
        )
    if names and not model.formulations:
        raise InputError(
            f"the adherence draws meals, and {model.name} has none",
            place="adherence meals",
            advice="leave them out",
        )
    known = dict.fromkeys(each for formulation in model.formulations.values() for each in formulation.meals)
    for name in sorted(names):
        if name not in known:
            raise InputError(
                f"unknown meal '{name}'",
                place="adherence meals",
                advice=did_you_mean(name, known, f"{model.name} has"),
            )
    return bool(names)


def cohort_of(people: Any, model: Model) -> Cohort:
    """The cohort, with the reference value of each covariate that it leaves out of a cohort of nobody in particular."""
    if people is None:
        if not model.covariates:
            return cohort(subject=[1])
        return reference_subject(model)
    return people if isinstance(people, Cohort) else cohort(people)


def reference_subject(model: Model, **values: float) -> Cohort:
    """One subject with the model's reference covariates, in the model's own units, but for the ``values`` given."""
    known = model.covariates
    return Cohort(
        subject=np.array([1]),
        covariates={name: np.array([values.get(name, known[name].reference)]) for name in known},
        units={name: known[name].unit for name in known},
    )


def covariates_of(people: Cohort, model: Model) -> dict[str, np.ndarray]:
    """The model's covariates in coherent units, shape (subject,), and parameters of which subjects have their own."""
    values = {}
    for name, known in model.covariates.items():
        if name not in people.covariates:
            here = ", ".join(people.covariates)
            raise InputError(
                f"the cohort has no {name}{f', only {here}' if here else ''}",
                place="cohort",
                advice=f"{model.name} needs it: add {name}, {known.label}, in {known.unit}, to the cohort",
            )
        values[name] = covariate_values(people, model, name) * known.to_coherent
    for name in people.covariates:
        if name in model.parameters:
            values[name] = _parameter_values(people, model, name) * model.parameters[name].to_coherent
    return values


def _parameter_values(people: Cohort, model: Model, name: str) -> np.ndarray:
    """Values (subject,) of a parameter that a cohort has a column for, in the model's unit."""
    unit = model.parameters[name].unit
    if people.is_words(name):
        raise InputError(
            f"found words, and {name} is a parameter of {model.name}",
            place=f"cohort {name}",
            advice=f"give numbers{'' if unit == '1' else f' in {unit}'}, or rename the covariate",
        )
    return people.values(name, unit)


def covariate_values(people: Cohort, model: Model, name: str) -> np.ndarray:
    """Values of one covariate of the model in its own unit, (subject,); words stand for the numbers of its codes."""
    known = model.covariates[name]
    if not people.is_words(name):
        return people.values(name, known.unit)
    codes = known.codes
    words, which = np.unique(people.covariates[name], return_inverse=True)
    for word in words.tolist():
        if word not in codes:
            raise InputError(
                f"found {word!r:.60}",
                place=f"cohort {name}",
                advice=did_you_mean(word, codes, what=f"{model.name} has codes for")
                if codes
                else f"{model.name} computes with {name} ({known.label}) and has no codes for words: give numbers"
                f"{'' if known.unit == '1' else f' in {known.unit}'}, "
                f"or add [covariates.{name}] codes = {{ {word} = ... }} to the model",
            )
    return np.array([float(codes[word]) for word in words.tolist()])[which]


def refuse_result_names(people: Cohort, model: Model) -> None:
    """A covariate must not take the name of something else in the result."""
    for name in people.covariates:
        if name in {*VARIABLES, *COORDINATES, "dose", "interval", *model.outputs}:
            raise InputError(
                f"'{name}' is a name that results use", place=f"cohort {name}", advice="rename the covariate"
            )


def advise_ranges(people: Cohort, model: Model, *, frames: int) -> None:
    """Warn of subjects outside the range that the model is meant for: it still computes, but claims nothing there.

    ``frames`` is how far up the call is that the warning is of.
    """
    for name in model.covariates:
        note = range_note(model, name, covariate_values(people, model, name))
        if note:
            warnings.warn(note, stacklevel=frames)


def range_note(model: Model, name: str, values: np.ndarray, first: np.ndarray | None = None) -> str:
    """How many subjects are outside the range of a covariate; nothing where none is.

    ``values`` are (subject,), or (record,) with ``first``, where the records of each subject begin.
    """
    known = model.covariates[name]
    outside = (values < known.low) | (values > known.high)
    if not outside.any():
        return ""
    whose = outside if first is None else np.logical_or.reduceat(outside, first[:-1])
    unit = "" if known.unit == "1" else f" {known.unit}"
    return (
        f"{int(whose.sum())} of {len(whose)} subjects have {name} outside {known.low:g} to {known.high:g}{unit}, "
        f"for which {model.name} is meant (the first: {float(values[outside][0]):g}{unit})"
    )


def choices(model: Model, *, formulation: Any, meal: Any) -> dict[str, Axis]:
    """The axes of formulations and meals: those asked for, or the first ones of the model."""
    meals = dict.fromkeys(meal for known in model.formulations.values() for meal in known.meals)
    made = _choice(formulation, "formulation", model, model.formulations)
    if formulation is None:
        made = Axis(tuple(model.formulations)[:1], False)
    eaten = _choice(meal, "meal", model, meals)
    if meal is None:
        # formulations that begin with different meals keep their own
        firsts = {model.default_meal(label) for label in model.formulations} - {None}
        eaten = Axis(tuple(firsts) if len(firsts) == 1 else (), False)
    return {"formulation": made, "meal": eaten}


def _choice(given: Any, kind: str, model: Model, known: Collection[str]) -> Axis:
    """An axis from one name or a list of names."""
    if given is None:
        return Axis((), False)
    one = isinstance(given, str)
    labels = (given,) if one else tuple(given) if isinstance(given, (Sequence, np.ndarray)) else ()
    if not labels or not all(isinstance(label, str) for label in labels):
        raise InputError(
            f"found {repr(given).splitlines()[0]:.60}",
            place=kind,
            advice=f"give a name, such as {kind}='{next(iter(known), '...')}', or a list of names",
        )
    for label in labels:
        if label not in known:
            raise InputError(
                f"unknown {kind} '{label}'",
                place=kind,
                advice=did_you_mean(label, known, what=f"{model.name} has")
                if known
                else f"{model.name} has no {kind}s: leave it out",
            )
    if len(set(labels)) < len(labels):
        raise InputError(
            f"found {[str(label) for label in labels]}", place=kind, advice="give every name once"
        )
    return Axis(tuple(str(label) for label in labels), not one)


def thread_count(threads: int | None) -> int:
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError(f"found {threads!r}", place="threads", advice="expected a whole number from 1 on")
    return min(int(threads), MOST_THREADS)
