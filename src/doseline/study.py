"""A study: one question put to one model, from a TOML file to a folder of results."""

import os
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doseline.analysis.exposure import exposure, exposure_table
from doseline.compile import Compiled
from doseline.dosing.adherence import Adherence
from doseline.dosing.amounts import SIZES
from doseline.dosing.regimen import Regimen, regimen
from doseline.errors import DoselineError, InputError, ModelError, Problem, StudyError, did_you_mean
from doseline.folder import new_folder, reserve
from doseline.model.complaints import found
from doseline.model.read import library, load_model, read_text, read_toml, studies
from doseline.model.spec import Model
from doseline.planned import Plan
from doseline.planning import plan
from doseline.population.cohort import Cohort
from doseline.request import choices, covariates_of
from doseline.schedule import refuse_missing_sizes
from doseline.simulation import simulate
from doseline.solver import Solving, solver_of
from doseline.study_draws import Varying, fit_draws, habit_of
from doseline.study_people import people_of
from doseline.study_reading import Head, Sweep, attempt, entry
from doseline.summaries import exposure as exposure_of
from doseline.times import read_times

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Progress = Callable[[str], None]
"""Called with the name of each step as it begins."""

SECTIONS = ("study", "cohort", "regimens", "sweep", "adherence", "population", "solver")
"""Of a study file."""

PNG: dict[str, Any] = {"pil_kwargs": {"compress_level": 1}}
"""Files a tenth larger, written in half the time."""

MOST_SHOWN = 500
"""Subjects of a store that are read for pictures of single subjects and of bands."""

STEPS = ("simulating", "exposure", "pictures", "writing")
"""What a run does, in order."""


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
    habit: Adherence | None
    varying: Varying

    @property
    def drawn(self) -> bool:
        """Is anything random?"""
        return self.people.seed is not None or self.varying.seed is not None

    @property
    def asked(self) -> dict[str, Any]:
        """What `simulate` is asked, beside model, regimens and people."""
        sections = {**dict(self.sweep), **dict(self.solving), **dict(self.varying)}
        return sections | {"adherence": self.habit}


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
    study: Study,
    folder: Path,
    *,
    force: bool = False,
    progress: Progress = lambda step: None,
    client: Any = None,
    store: Path | None = None,
    dtype: str = "float64",
) -> Results:
    """Simulate a study and write its results: ``levels.nc``, ``exposure.csv``, pictures and the study itself.

    With the ``client`` of a Dask cluster its workers simulate. With a ``store`` levels go there, part by part, instead
    of into ``levels.nc``; exposure is found while solving, of the last dosing interval, and pictures of single subjects
    show some of them. The folder gets its name when everything in it is written: a run that fails leaves nothing
    behind, but what is in the store.

    Raises
    ------
    ResultError : the folder exists and ``force`` is not given, or it cannot be written.
    """
    with new_folder(folder, force=force) as draft:
        progress("simulating")
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            levels = simulate(
                study.model, study.regimens, study.people,
                progress=_unseen if store else False,
                client=client, store=store, dtype=dtype, **study.asked,
            )  # fmt: skip
            levels.attrs["study"] = study.text
            progress("exposure")
            windows, shown = _exposure(study, levels, client) if store else (exposure(levels), levels)
        table = exposure_table(windows)
        table.to_csv(draft / "exposure.csv", index=False, float_format="%.6g")
        progress("pictures")
        told = _draw(study, shown, windows, draft)
        progress("writing")
        if store is None:
            reserve(draft / "levels.nc", size=levels.nbytes + levels.nbytes // 50 + 2**18)
            levels.to_netcdf(draft / "levels.nc", engine="h5netcdf")
        else:
            count, few = levels.sizes["subject"], shown.sizes["subject"]
            some = [f"pictures show {few:,} of {count:,} subjects"] if few < count else []
            told = [f"levels are in {store}", *some, *told]
        (draft / "study.toml").write_text(study.text, encoding="utf-8")
    return Results(levels, table, folder, (*(str(note.message) for note in notes), *told))


def _unseen(done: int, total: int) -> None:
    """Progress that is not shown, for the steps of a study are; that a store goes on is said all the same."""


def _exposure(study: Study, levels: "xr.Dataset", client: Any) -> "tuple[xr.Dataset, xr.Dataset]":
    """Exposure of everybody in a store, found while solving, and levels of so many as a picture can show."""
    asked: dict[str, Any] = {
        name: each for name, each in study.asked.items() if name not in ("times", "typical")
    }
    found = exposure_of(
        study.model, study.regimens, study.people,
        intervals="last", until=float(levels["time"].values[-1]), progress=False, client=client, **asked,
    )  # fmt: skip
    count = levels.sizes["subject"]
    return found, levels.isel(subject=slice(None, None, -(-count // MOST_SHOWN))).load()


def plan_study(study: Study, *, store: Path | None = None, dtype: str = "float64") -> Plan:
    """What running a study would be; nothing is written. See `doseline.plan`."""
    return plan(study.model, study.regimens, study.people, store=store, dtype=dtype, **study.asked)


def _draw(study: Study, levels: "xr.Dataset", windows: "xr.Dataset", folder: Path) -> list[str]:
    """The pictures of a study, and what they leave out."""
    from doseline import plot
    from doseline.band_plot import population

    made: list[str] = []

    def save(figure: Any, name: str) -> None:
        figure.savefig(folder / name, **PNG)
        made.append(name)

    one = levels.isel(replicate=0) if "replicate" in levels.dims else levels
    save(plot.course_picture(one), "course.png")
    if "meal" in levels.dims:
        save(plot.meals_picture(one), "meals.png")
    table = windows.isel(replicate=0) if "replicate" in windows.dims else windows
    for covariate in study.people.covariates:
        if not study.people.is_words(covariate):
            name = "exposure.png" if covariate == "WT" else f"exposure-{covariate}.png"
            save(plot.exposure_picture(table, against=covariate), name)
    if study.drawn:
        figure: Any = population(levels).figure
        figure.savefig(folder / "population.png", **PNG)
    if "replicate" not in levels.dims:
        return []
    return [
        f"{', '.join(made)}: the first of {levels.sizes['replicate']} replicates; "
        "population.png shows all of them together"
    ]


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
    head = entry(Head, "study", tables, problems, place)
    sweep = entry(Sweep, "sweep", tables, problems, place)
    solving = entry(Solving, "solver", tables, problems, place)
    if sweep is not None:
        attempt(problems, lambda: read_times(sweep.times, end=0.0), place=f"{place} [sweep] times")
    model = _model(tables.get("study"), home, problems, place)
    people = people_of(tables.get("cohort", {}), problems, place)
    habit = habit_of(tables, problems, place)
    varying = entry(Varying, "population", tables, problems, place)
    regimens = _regimens(tables.get("regimens"), problems, place)
    if model is not None:
        _fit(model, people, regimens, sweep, problems, place)
        for key, given in dict(solving or {}).items():
            asked = dict(Solving()) | {key: given}
            attempt(problems, partial(solver_of, model, **asked), place=f"{place} [solver] {key}")
    read = {label: course for label, course in regimens.items() if course is not None}
    if model is not None and people is not None and read and sweep and varying and not problems:
        asked = {"adherence": habit, "times": sweep.times, "meal": sweep.meal}
        fit_draws(model, people, read, varying, asked, problems, place)
    if problems or not (head and sweep and solving and model and people and varying):
        raise StudyError.collect(problems)
    return Study(name, head, model, people, read, sweep, solving, text, habit, varying)


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
        # of people who are drawn more may be said: rules of inclusion ask for ages, pictures show them
        for name in people.covariates if people.seed is None else ():
            if name not in known and name not in model.parameters:
                problems.append(
                    Problem(
                        f"{place} [cohort]",
                        f"{model.name} has no covariate '{name}'",
                        did_you_mean(name, dict.fromkeys(known), "covariates and body sizes"),
                    )
                )
        attempt(problems, lambda: covariates_of(people, model), place=f"{place} [cohort]")
    asked = {"formulation": sweep and sweep.formulation, "meal": sweep and sweep.meal}
    before = len(problems)
    for kind, given in asked.items():
        read = partial(choices, model, **(dict.fromkeys(asked) | {kind: given}))
        attempt(problems, read, place=f"{place} [sweep] {kind}")
    if len(problems) > before:
        return
    axes = choices(model, **asked)
    pairs = list(product(axes["formulation"].labels or (None,), axes["meal"].labels or (None,)))
    for name, course in regimens.items():
        if course is not None:
            where = f"{place} [regimens] '{name}'"
            if people is not None:
                attempt(problems, partial(refuse_missing_sizes, course, people, place=where))
            attempt(problems, partial(_take, model, course, pairs, where))


def _take(model: Model, course: Regimen, pairs: Collection[Any], place: str) -> None:
    """Route, formulation and meal of every dose, looked up in the model."""
    compiled = Compiled(model)
    for formulation, meal in pairs:
        for block in course.with_(formulation=formulation, meal=meal).blocks:
            for _, dose in block.pattern:
                compiled.intake(route=dose.route, formulation=dose.formulation, meal=dose.meal, place=place)


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
        read[name] = attempt(problems, partial(regimen, text), place=f"{place} [regimens] '{name}'")
    return read
