"""A study: one question put to one model, from a TOML file to a folder of results."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, ValidationError

from doseline.analysis.exposure import exposure, exposure_table
from doseline.dosing.regimen import Regimen, regimen
from doseline.errors import DoselineError, InputError, Problem, StudyError, did_you_mean
from doseline.folder import new_folder
from doseline.model.complaints import complaints
from doseline.model.entries import Entry, Real, Text
from doseline.model.read import load_model, read_text, studies
from doseline.model.spec import Model
from doseline.population.cohort import Cohort, cohort
from doseline.simulation import simulate

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Progress = Callable[[str], None]
"""Called with the name of each step as it begins."""

STEPS = ("simulating", "exposure", "pictures", "writing")
"""What a run does, in order."""


class Head(Entry):
    """``[study]``."""

    title: Text = Field(description="a few words in quotes")
    model: Text = Field(description="a name of the library, or the path of a model file, in quotes")
    question: Text | None = None


class Range(Entry):
    """Evenly spaced values of a covariate: ``{ from = 40, to = 120, count = 81, unit = "kg" }``."""

    start: Real = Field(alias="from", description="the first value, a number")
    stop: Real = Field(alias="to", description="the last value, a number")
    count: int = Field(strict=True, ge=1, le=50_000_000, description="how many people, a whole number")
    unit: Text = Field(description='a unit in quotes, such as "kg"')

    def values(self) -> np.ndarray:
        """All values."""
        return np.linspace(self.start, self.stop, self.count)


class Listed(Entry):
    """Values of a covariate, one a subject: ``{ values = [45, 62, 90], unit = "kg" }``."""

    listed: list[Real] = Field(alias="values", min_length=1, description="numbers in brackets")
    unit: Text = Field(description='a unit in quotes, such as "kg"')

    def values(self) -> np.ndarray:
        """All values."""
        return np.array(self.listed)


class Sweep(Entry):
    """``[sweep]``."""

    times: Text = Field(description='a step in quotes, such as "1 h"')
    meal: Text | list[Text] | None = None
    formulation: Text | list[Text] | None = None


@dataclass(frozen=True)
class Study:
    """A study file, read: everything `run_study` needs."""

    name: str
    head: Head
    model: Model
    people: Cohort
    regimens: dict[str, Regimen]
    sweep: Sweep
    text: str


@dataclass(frozen=True)
class Results:
    """What a study gives: levels, exposure of each subject, and the folder that holds them."""

    levels: "xr.Dataset"
    table: "pd.DataFrame"
    folder: Path


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
    if name in shipped:
        return _parse(
            read_text(shipped[name]), name=name, place=f"models/{name}.study.toml", home=shipped[name].parent
        )
    if not (name.endswith(".toml") or "/" in name or "\\" in name):
        raise InputError(
            f"unknown study '{name}'",
            advice=f"{did_you_mean(name, shipped, 'studies')}\na study of your own: give its file, such as {name}.toml",
        )
    path = Path(name)
    stem = path.name.removesuffix(".toml").removesuffix(".study")
    return _parse(read_text(path), name=stem, place=name, home=path.parent)


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
        levels = simulate(
            study.model,
            study.regimens,
            study.people,
            times=study.sweep.times,
            meal=study.sweep.meal,
            formulation=study.sweep.formulation,
        )
        levels.attrs["study"] = study.text
        progress("exposure")
        windows = exposure(levels)
        table = exposure_table(levels)
        table.to_csv(draft / "exposure.csv", index=False, float_format="%.6g")
        progress("pictures")
        plot.course_picture(levels).savefig(draft / "course.png")
        if "meal" in levels.dims:
            plot.meals_picture(levels).savefig(draft / "meals.png")
        for covariate in study.people.covariates:
            name = "exposure.png" if covariate == "WT" else f"exposure-{covariate}.png"
            plot.exposure_picture(windows, against=covariate).savefig(draft / name)
        progress("writing")
        levels.to_netcdf(draft / "levels.nc", engine="h5netcdf")
        (draft / "study.toml").write_text(study.text, encoding="utf-8")
    return Results(levels, table, folder)


def _parse(text: str, *, name: str, place: str, home: Path) -> Study:
    """From the text of a study file to a Study; every mistake is told at once."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(
            f"this is not TOML: {error}", place=place, advice="look at that line: quotes, brackets, '='"
        ) from None
    problems: list[Problem] = []
    known = ("study", "cohort", "regimens", "sweep")
    for section in tables:
        if section not in known:
            problems.append(
                Problem(place, f"unknown section [{section}]", did_you_mean(section, known, "sections"))
            )
    head = _entry(Head, "study", tables, problems, place)
    sweep = _entry(Sweep, "sweep", tables, problems, place)
    model = _attempt(problems, lambda: _model(head.model, home)) if head else None
    people = _people(tables.get("cohort", {}), problems, place)
    regimens = _regimens(tables.get("regimens"), problems, place)
    if problems or head is None or sweep is None or model is None or people is None:
        raise StudyError.collect(problems)
    return Study(name, head, model, people, regimens, sweep, text)


def _model(name: str, home: Path) -> Model:
    """A model of the library, or a file beside the study."""
    beside = home / name
    return load_model(beside if name.endswith(".toml") and beside.is_file() else name)


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
        found = getattr(error, "problems", ()) or (Problem(error.place, error.problem, error.advice),)
        problems.extend(Problem(place or each.place, each.problem, each.advice) for each in found)
        return None


def _regimens(section: Any, problems: list[Problem], place: str) -> dict[str, Regimen]:
    where = f"{place} [regimens]"
    if not isinstance(section, dict) or not section:
        problems.append(
            Problem(where, "there is no regimen", 'add one, such as "low" = "20 mg once daily for 20 weeks"')
        )
        return {}
    read = {}
    for name, text in section.items():
        if not isinstance(text, str):
            problems.append(Problem(where, f"'{name}' is {text!r}", "expected a regimen in quotes"))
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
                    f"found {given!r}",
                    'expected { from = ..., to = ..., count = ..., unit = "..." } or { values = [...], unit = "..." }',
                )
            )
            continue
        entry = _entry(Listed if "values" in given else Range, where, {where: given}, problems, place)
        if entry is not None:
            values[name] = _attempt(problems, partial(_with_unit, entry), place=f"{place} [{where}]")
    if problems and any(value is None for value in values.values()):
        return None
    return _attempt(problems, lambda: cohort(values), place=f"{place} [cohort]") if values else None


def _with_unit(entry: Any) -> Any:
    """Values as a quantity, so that the cohort sees the unit."""
    from doseline.units import parse_unit, registry

    return registry().Quantity(entry.values(), parse_unit(entry.unit))
