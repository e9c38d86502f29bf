"""A study: one question put to one model, from a TOML file to a folder of results."""

import os
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, PlainValidator, ValidationError

from doseline.analysis.exposure import exposure, exposure_table
from doseline.compile import Compiled
from doseline.dosing.amounts import SIZES
from doseline.dosing.regimen import Regimen, regimen
from doseline.errors import DoselineError, InputError, ModelError, Problem, StudyError, did_you_mean
from doseline.folder import new_folder, reserve
from doseline.model.complaints import complaints, found
from doseline.model.entries import Entry, Real, Text
from doseline.model.read import library, load_model, read_text, read_toml, studies
from doseline.model.spec import Model
from doseline.population.cohort import Cohort, cohort
from doseline.request import choices, covariates_of
from doseline.schedule import refuse_missing_sizes
from doseline.simulation import simulate
from doseline.solver import Solving, solver_of
from doseline.times import read_times
from doseline.units import STANDARD_UNITS, factor, parse_unit, registry

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Progress = Callable[[str], None]
"""Called with the name of each step as it begins."""

MOST = 50_000_000
"""People in a study."""

SECTIONS = ("study", "cohort", "regimens", "sweep", "solver")
"""Of a study file."""

PNG: dict[str, Any] = {"pil_kwargs": {"compress_level": 1}}
"""Files a tenth larger, written in half the time."""

STEPS = ("simulating", "exposure", "pictures", "writing")
"""What a run does, in order."""


def _names(given: Any) -> Any:
    if all(isinstance(each, str) for each in (given if isinstance(given, list) else [given])):
        return given
    raise ValueError


Names = Annotated[str | list[str] | None, PlainValidator(_names)]
"""One name, or a list of names; whether the model knows them is seen later."""


class Head(Entry):
    """``[study]``."""

    title: Text = Field(description="a few words in quotes")
    model: Text = Field(description="a name of the library, or the path of a model file, in quotes")
    question: Text | None = None


class Range(Entry):
    """Evenly spaced values of a covariate: ``{ from = 40, to = 120, count = 81, unit = "kg" }``."""

    start: Real = Field(alias="from", description="the first value, a number")
    stop: Real = Field(alias="to", description="the last value, a number")
    count: int = Field(
        strict=True, ge=1, le=MOST, description=f"how many people, a whole number from 1 to {MOST}"
    )
    unit: Text = Field(description='a unit in quotes, such as "kg"')

    def values(self) -> np.ndarray:
        """All values."""
        return np.linspace(self.start, self.stop, self.count)


class Listed(Entry):
    """Values of a covariate, one a subject: ``{ values = [45, 62, 90], unit = "kg" }``."""

    listed: list[Real] = Field(alias="values", description="numbers in brackets")
    unit: Text = Field(description='a unit in quotes, such as "kg"')

    def values(self) -> np.ndarray:
        """All values."""
        return np.array(self.listed)


class Sweep(Entry):
    """``[sweep]``."""

    times: Text = Field(description='a step in quotes, such as "1 h"')
    meal: Names = Field(None, description='a meal in quotes, or a list of them: ["fed", "fasted"]')
    formulation: Names = Field(None, description="a formulation in quotes, or a list of them")


@dataclass(frozen=True)
class Study:
    """A study file, read: everything `run_study` needs."""

    name: str
    head: Head
    model: Model
    people: Cohort
    regimens: Mapping[str, Regimen]
    sweep: Sweep
    solving: Solving
    text: str


@dataclass(frozen=True)
class Results:
    """What a study gives: levels, exposure of each subject, the folder that holds them, and what to bear in mind."""

    levels: "xr.Dataset"
    table: "pd.DataFrame"
    folder: Path
    notes: tuple[str, ...] = ()


def read_study(name_or_path: str | Path) -> Study:
    """Read a study of the library by its name, or one of your own by its path.

    Raises
    ------
    InputError : no such study.   StudyError : the file has mistakes; all of them are named.

    >>> list(read_study("isotretinoin").regimens)
    ['0.5 mg/kg/day', '1 mg/kg/day', '0.5 then 1 mg/kg/day', '20 mg once daily']
    """
    name = str(name_or_path)
    shipped = studies()
    if name in shipped and not isinstance(name_or_path, Path):
        return _parse(
            read_text(shipped[name]), name=name, place=f"models/{name}.study.toml", home=shipped[name].parent
        )
    if not (isinstance(name_or_path, Path) or name.endswith(".toml") or "/" in name or "\\" in name):
        if name in library():
            raise InputError(
                f"'{name}' is a model, not a study",
                advice=f'`doseline show {name}` prints it; a study names it: [study] model = "{name}"',
            )
        near = did_you_mean(name, shipped, "studies")
        raise InputError(
            f"unknown study '{name}'",
            advice=f"{near}\na study of your own: give its file, such as my_study.toml",
        )
    path = Path(name)
    stem = path.name.removesuffix(".toml").removesuffix(".study")
    return _parse(_own_text(path, shipped), name=stem, place=name, home=path.parent)


def _own_text(path: Path, shipped: Collection[str]) -> str:
    """The text of a study file that does not come with doseline."""
    if not os.path.isfile(path):
        stem = path.name.removesuffix(".toml").removesuffix(".study")
        raise InputError(
            "this is a folder" if os.path.isdir(path) else "no such file",
            place=str(path),
            advice=f"`doseline run {stem}` runs the one that comes with doseline"
            if stem in shipped
            else f"give the path of a study file, or the name of a study: {', '.join(shipped)}",
        )
    try:
        return read_text(path)
    except ModelError as error:  # too large, or not a text
        raise _of_a_study(error, place=str(path)) from None


def _of_a_study(error: ModelError, *, place: str) -> StudyError:
    """A mistake of any TOML file, told of a study: files of both kinds are read by the same code."""
    return StudyError(error.problem, place=place, advice=error.advice.replace("model", "study"))


def run_study(
    study: Study, folder: Path, *, force: bool = False, progress: Progress = lambda step: None
) -> Results:
    """Simulate a study and write its results: ``levels.nc``, ``exposure.csv``, pictures and the study itself.

    The folder gets its name when everything in it is written: a run that fails leaves nothing behind.

    Raises
    ------
    ResultError : the folder exists and ``force`` is not given, or it cannot be written.
    """
    from doseline import plot

    with new_folder(folder, force=force) as draft:
        progress("simulating")
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            asked = {**dict(study.sweep), **dict(study.solving)}
            levels = simulate(study.model, study.regimens, study.people, **asked)
        levels.attrs["study"] = study.text
        progress("exposure")
        windows = exposure(levels)
        table = exposure_table(windows)
        table.to_csv(draft / "exposure.csv", index=False, float_format="%.6g")
        progress("pictures")
        plot.course_picture(levels).savefig(draft / "course.png", **PNG)
        if "meal" in levels.dims:
            plot.meals_picture(levels).savefig(draft / "meals.png", **PNG)
        for covariate in study.people.covariates:
            name = "exposure.png" if covariate == "WT" else f"exposure-{covariate}.png"
            plot.exposure_picture(windows, against=covariate).savefig(draft / name, **PNG)
        progress("writing")
        reserve(draft / "levels.nc", size=levels.nbytes + levels.nbytes // 50 + 2**18)
        levels.to_netcdf(draft / "levels.nc", engine="h5netcdf")
        (draft / "study.toml").write_text(study.text, encoding="utf-8")
    return Results(levels, table, folder, tuple(str(note.message) for note in notes))


def _parse(text: str, *, name: str, place: str, home: Path) -> Study:
    """From the text of a study file to a Study; every mistake is told at once."""
    try:
        tables = read_toml(text, place=place)
    except ModelError as error:
        raise _of_a_study(error, place=place) from None
    if "parameters" in tables and "study" not in tables:
        raise StudyError(
            "this is a model, not a study",
            place=place,
            advice=f'`doseline show {place}` prints it; a study names it: [study] model = "{Path(place).name}"',
        )
    problems: list[Problem] = []
    for section in tables:
        if section not in SECTIONS:
            problems.append(
                Problem(place, f"unknown section [{section}]", did_you_mean(section, SECTIONS, "sections"))
            )
    head = _entry(Head, "study", tables, problems, place)
    sweep = _entry(Sweep, "sweep", tables, problems, place)
    solving = _entry(Solving, "solver", tables, problems, place)
    if sweep is not None:
        _attempt(problems, lambda: read_times(sweep.times, end=0.0), place=f"{place} [sweep] times")
    model = _model(tables.get("study"), home, problems, place)
    people = _people(tables.get("cohort", {}), problems, place)
    regimens = _regimens(tables.get("regimens"), problems, place)
    if model is not None:
        _fit(model, people, regimens, sweep, problems, place)
        for key, given in dict(solving or {}).items():
            asked = dict(Solving()) | {key: given}
            _attempt(problems, partial(solver_of, model, **asked), place=f"{place} [solver] {key}")
    if problems or not (head and sweep and solving and model and people):
        raise StudyError.collect(problems)
    read = {label: course for label, course in regimens.items() if course is not None}
    return Study(name, head, model, people, read, sweep, solving, text)


def _model(section: Any, home: Path, problems: list[Problem], place: str) -> Model | None:
    """A model of the library, or a file beside the study, also where other keys of ``[study]`` are wrong."""
    name = section.get("model") if isinstance(section, dict) else None
    if not isinstance(name, str) or not name:
        return None  # said where [study] is read
    beside = home / name
    try:
        return load_model(beside if name.endswith(".toml") and os.path.isfile(beside) else name)
    except ModelError as error:
        problems.extend(error.problems)
    except DoselineError as error:
        problem, advice = error.problem, error.advice
        if error.place:
            problem = f"model = '{name}': {problem}"
            advice += "\na path starts at the folder of the study, or at the current one"
        problems.append(Problem(f"{place} [study]", problem, advice))
    return None


def _fit(
    model: Model,
    people: Cohort | None,
    regimens: Mapping[str, Regimen | None],
    sweep: Sweep | None,
    problems: list[Problem],
    place: str,
) -> None:
    """Do cohort, regimens and sweep go with the model? What could not be read has been told before."""
    if people is not None:
        known = [*model.covariates, *SIZES]
        for name in people.covariates:
            if name not in known:
                problems.append(
                    Problem(
                        f"{place} [cohort]",
                        f"{model.name} has no covariate '{name}'",
                        did_you_mean(name, dict.fromkeys(known), "covariates and body sizes"),
                    )
                )
        _attempt(problems, lambda: covariates_of(people, model), place=f"{place} [cohort]")
    asked = {"formulation": sweep and sweep.formulation, "meal": sweep and sweep.meal}
    before = len(problems)
    for kind, given in asked.items():
        read = partial(choices, model, **(dict.fromkeys(asked) | {kind: given}))
        _attempt(problems, read, place=f"{place} [sweep] {kind}")
    if len(problems) > before:
        return
    axes = choices(model, **asked)
    pairs = list(product(axes["formulation"].labels or (None,), axes["meal"].labels or (None,)))
    for name, course in regimens.items():
        if course is not None:
            where = f"{place} [regimens] '{name}'"
            if people is not None:
                _attempt(problems, partial(refuse_missing_sizes, course, people, place=where))
            _attempt(problems, partial(_take, model, course, pairs, where))


def _take(model: Model, course: Regimen, pairs: Collection[Any], place: str) -> None:
    """Route, formulation and meal of every dose, looked up in the model."""
    compiled = Compiled(model)
    for formulation, meal in pairs:
        for block in course.with_(formulation=formulation, meal=meal).blocks:
            for _, dose in block.pattern:
                compiled.intake(route=dose.route, formulation=dose.formulation, meal=dose.meal, place=place)


def _entry(schema: Any, section: str, tables: dict[str, Any], problems: list[Problem], place: str) -> Any:
    try:
        return schema.model_validate(tables.get(section, {}))
    except ValidationError as error:
        problems.extend(complaints(error, schema, place=place, inside=section))
        return None


def _attempt(problems: list[Problem], read: Callable[[], Any], *, place: str = "") -> Any:
    """What ``read`` gives; a mistake of ours becomes a problem of the file."""
    try:
        return read()
    except DoselineError as error:
        told = getattr(error, "problems", ()) or (Problem(error.place, error.problem, error.advice),)
        problems.extend(Problem(place or each.place, each.problem, each.advice) for each in told)
        return None


def _regimens(section: Any, problems: list[Problem], place: str) -> dict[str, Regimen | None]:
    where = f"{place} [regimens]"
    if not isinstance(section, dict) or not section:
        problems.append(
            Problem(where, "there is no regimen", 'add one, such as "low" = "20 mg once daily for 20 weeks"')
        )
        return {}
    read = {}
    for name, text in section.items():
        if not name.strip():
            problems.append(
                Problem(where, f"a regimen has no name: {found(text)}", 'write a name before the "="')
            )
        if not isinstance(text, str):
            problems.append(Problem(where, f"'{name}' is {found(text)}", "expected a regimen in quotes"))
            continue
        read[name] = _attempt(problems, partial(regimen, text), place=f"{place} [regimens] '{name}'")
    return read


def _people(section: Any, problems: list[Problem], place: str) -> Cohort | None:
    if not isinstance(section, dict) or not section:
        problems.append(
            Problem(
                f"{place} [cohort]",
                "there are no people",
                'add a covariate, such as WT = { values = [60, 80], unit = "kg" }',
            )
        )
        return None
    values: dict[str, Any] = {}
    for name, given in section.items():
        where = f"cohort.{name}"
        if not isinstance(given, dict):
            problems.append(
                Problem(
                    f"{place} [{where}]",
                    f"found {found(given)}",
                    'expected { from = ..., to = ..., count = ..., unit = "..." } or { values = [...], unit = "..." }',
                )
            )
            continue
        entry = _entry(Listed if "values" in given else Range, where, {where: given}, problems, place)
        if entry is not None:
            values[name] = _attempt(problems, partial(_values, name, entry), place=f"{place} [{where}]")
    if len(values) < len(section) or any(value is None for value in values.values()):
        return None
    return _attempt(problems, lambda: cohort(values), place=f"{place} [cohort]")


def _values(name: str, entry: Any) -> Any:
    """Values in the covariate's standard unit; a quantity where it has none, so that the cohort sees the unit."""
    if name in STANDARD_UNITS:
        given = entry.values() * factor(entry.unit, STANDARD_UNITS[name])
    else:
        given = registry().Quantity(entry.values(), parse_unit(entry.unit))
    cohort({name: given})  # so that a mistake is told with the covariate's own line
    return given
