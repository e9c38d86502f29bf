"""Levels: every subject under every regimen, formulation and meal, at every time."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.arm_log import Logs
from doseline.arms import Arms
from doseline.dataset import DIMENSIONS, Axis, build
from doseline.dosing.records import Records
from doseline.errors import InputError
from doseline.model.read import load_model
from doseline.model.spec import Model
from doseline.origin import AskedRecords, AskedRegimens, asked, said
from doseline.population.draws import read_draws, record_draws
from doseline.population.residual import typical_levels
from doseline.predictions import levels_of_outputs, observations
from doseline.request import (
    advise_ranges,
    choices,
    cohort_of,
    covariates_of,
    named_regimens,
    refuse_meals,
    refuse_result_names,
    thread_count,
    with_habits,
)
from doseline.schedule import course_end, followed_until, refuse_missing_sizes, sizes_of
from doseline.solver import ATOL, MOST_STEPS, RTOL, solver_of
from doseline.times import WAYS, read_times
from doseline.unsolved import failure, too_large
from doseline.version import __version__

if TYPE_CHECKING:
    import xarray as xr


def simulate(
    model: "Model | str | Path",
    regimens: Any,
    people: Any = None,
    *,
    times: Any = None,
    meal: str | Sequence[str] | None = None,
    formulation: str | Sequence[str] | None = None,
    on_failure: str = "raise",
    threads: int | None = None,
    method: str | None = None,
    rtol: float = RTOL,
    atol: Any = ATOL,
    max_steps: int = MOST_STEPS,
    seed: int | None = None,
    effects: "str | Sequence[str] | None" = None,
    replicates: int | None = None,
    uncertainty: Any = None,
    adherence: Any = None,
    visits: Any = None,
    observed: bool = False,
    typical: bool = False,
) -> "xr.Dataset":
    """Simulate levels; whatever is given as a list or a mapping becomes a dimension of the result.

    Parameters
    ----------
    model : Model, str or Path     A model, the name of one in the library, or the path of a model file.
    regimens : Regimen, text, mapping of names to them, list of them; or Records
        What is given: regimens for everybody, or an event table from `read_records`, which has its own subjects.
    people : Cohort, data frame or mapping of covariates, optional
        One subject with the model's reference covariates where nothing is given.
    times : "2 h", "0.5 h for 72 h", array [h] or pint quantity
        A step reaches to the end of the longest course. A time at which a dose is given shows the level after it.
        With an event table they may be left out: levels are then those of its observations.
    meal, formulation : str or list of str, optional
        For doses that leave them open; the first of the model file where nothing is given.
    on_failure : "raise" or "mark"
        What to do when subjects cannot be solved: raise at the end, or keep their rows as NaN with a ``status``.
    threads : int, optional        As many as there are processors. The result does not depend on it, in any bit.
    method : "exact", "dop853", "tsit5" or "rodas5p", optional
        Where nothing is given, linear models are solved exactly; others by DOP853 (Tsit5 from rtol 1e-5 on), and by
        Rodas5P those subjects whose equations turn out to be stiff.
    rtol, atol : float
        Relative and absolute tolerance of each step of a method that has steps. ``atol`` is in the unit of each
        compartment; a mapping gives some of them one of their own, as in ``{"central": 1e-9}``.
    max_steps : int                Steps after which a subject is given up.
    seed : int, optional
        Of everything that is drawn; that of the cohort where nothing is given. Without one nothing is random.
    effects : str or list of str, optional
        Random effects that vary: parameters ("CL"), or ``eta_CL`` between subjects and ``kappa_CL`` between occasions.
        All that the model file has where nothing is given; none for [].
    replicates : int, optional
        Repeat the whole simulation, each time with other draws and another set of estimates of the model file's
        ``[uncertainty]``: a dimension ``replicate``.
    uncertainty : data frame or mapping of lists, optional
        Draws of the estimates instead of those of the model file: a column for each parameter, a row for each
        replicate.
    adherence : Adherence, probability, text or mapping, optional
        How doses are taken, for regimens that do not say so themselves; see `adherence`.
    visits : "4 weeks" or array [h], optional       When visits are, for effects that differ between them.
    observed : bool                Also observations, with the residual error of the model file: ``NAME_observed``.
    typical : bool                 Also the levels of typical people with these covariates who take everything as
        prescribed: ``NAME_typical``.

    Returns
    -------
    xarray.Dataset
        A variable for each output, dims (regimen, formulation, meal, subject, time); ``status``, ``total_dose`` [mg],
        ``doses_taken``, ``dose_time`` [h], ``course_end`` [h]; ``NAME_jumps`` where boluses enter the output NAME.
        Where differential equations were solved, ``method``, ``stiff_since`` [h] and ``steps`` of each subject.
        Where anything is drawn, ``eta_NAME`` of each subject, ``kappa_NAME`` of each occasion (dims ``dose``, ``day``,
        ``visit``), and the individual parameters by their names; with adherence ``dose_taken``, ``dose_taken_at`` [h],
        ``dose_meal`` and ``doses_planned``. With replicates, ``replicate`` is the first dim.
        With an event table: dims (formulation, meal, record), one record for each observation with its ``subject``,
        ``time``, ``line`` and covariates, or (formulation, meal, subject, time) with ``times``; the other records along
        ``event``. For a long table name the variables, ``levels[["plasma"]].to_dataframe()``: the whole Dataset would
        cross observations with events.
        ``attrs`` say what is needed to run it again with `replay`.

    Raises
    ------
    InputError, UnitError, RegimenError, RecordsError : what was given.
    SolveError : subjects that could not be solved.

    >>> levels = simulate("isotretinoin", "40 mg twice daily for 1 week", times="6 h", meal="fed")
    >>> levels["plasma"].dims, levels["plasma"].attrs["units"]
    (('subject', 'time'), 'ng/mL')
    """
    chosen = load_model(model)
    if on_failure not in ("raise", "mark"):
        raise InputError(f"found {on_failure!r}", place="on_failure", advice="expected 'raise' or 'mark'")
    solver = solver_of(chosen, method=method, rtol=rtol, atol=atol, max_steps=max_steps)
    drawn = {
        "seed": seed,
        "effects": effects,
        "replicates": replicates,
        "uncertainty": uncertainty,
        "visits": visits,
        "observed": observed,
        "typical": typical,
    }
    if isinstance(regimens, Records):
        from doseline.event_levels import grid_of, levels_of

        if people is not None:
            raise InputError(
                "an event table has its own subjects",
                place="people",
                advice="leave people out; covariates are columns of the table",
            )
        axes = choices(chosen, formulation=formulation, meal=meal)
        grid = grid_of(regimens, times)
        draws = record_draws(chosen, drawn, adherence)
        asked_of = AskedRecords(chosen, axes, on_failure, solver, draws, regimens, grid is not None)
        return levels_of(asked_of, grid, threads=thread_count(threads))
    named = with_habits(named_regimens(regimens), adherence)
    if times is None:
        raise InputError("there are none", place="times", advice=WAYS)
    people = cohort_of(people, chosen)
    refuse_result_names(people, chosen)
    covariates_of(people, chosen)
    advise_ranges(people, chosen)
    swept = isinstance(regimens, (Mapping, list, tuple))
    for name, course in named.items():
        refuse_missing_sizes(course, people, place=f"regimen '{name}'" if swept else "regimen")
    axes = {"regimen": Axis(tuple(named), swept), **choices(chosen, formulation=formulation, meal=meal)}
    if refuse_meals(named, chosen, meal):
        axes["meal"] = Axis((), False)
    ends = {name: course_end(course, people) for name, course in named.items()}
    grid = read_times(times, end=max(followed_until(course, ends[name]) for name, course in named.items()))
    habits = any(course.adherence is not None for course in named.values())
    draws = read_draws(
        chosen, drawn, cohort_seed=people.seed, sobol=people.sobol, end=float(grid[-1]), others=habits
    )
    asked_for = AskedRegimens(chosen, axes, on_failure, solver, draws, named, people, ends)
    return _run(asked_for, grid, threads=thread_count(threads))


def replay(levels: "xr.Dataset") -> "xr.Dataset":
    """Run a simulation again from what its Dataset says, also one read from a file; the result is identical.

    A Dataset made by another version of doseline is run with this one, with a warning. One that was cut down to some
    regimens, meals, subjects or times gives these; with fewer times the last bits may differ.

    Raises
    ------
    InputError : the Dataset does not say how it was made, or has lost coordinates.

    >>> levels = simulate("isotretinoin", "80 mg once fed", times="6 h for 48 h")
    >>> replay(levels).identical(levels)
    True
    """
    before = asked(levels)
    if levels.attrs.get("doseline_version") != __version__:
        warnings.warn(
            f"made by doseline {levels.attrs.get('doseline_version')}, run again by {__version__}: numbers may differ",
            stacklevel=2,
        )
    threads = thread_count(None)
    gridded = isinstance(before, AskedRegimens) or before.gridded
    grid = read_times(np.unique(levels["time"].values), end=0.0) if gridded else np.empty(0)
    if isinstance(before, AskedRegimens):
        again = _run(before, grid, threads=threads)
    else:
        from doseline.event_levels import levels_of

        again = levels_of(before, grid if gridded else None, threads=threads)
    kept = {name: levels[name].values for name in DIMENSIONS if name in again.dims and name in levels.coords}
    cut = {name: label for name, label in kept.items() if not np.array_equal(label, again[name].values)}
    return again.sel(cut) if cut else again


def _run(asked: AskedRegimens, times: np.ndarray, *, threads: int) -> "xr.Dataset":
    """All arms through the kernels, and the Dataset."""
    model, people, axes, draws = asked.model, asked.people, asked.axes, asked.draws
    arms = Arms(model, people, asked.regimens, axes, draws, times, asked.solver)
    try:
        log = Logs.blank(arms) if arms.random else None
        solved = arms.solve(None if log is None else log.of, threads=threads)
        typical = arms.typical().solve(None, threads=threads) if draws.typical else None
    except MemoryError:
        sizes = ((len(people), "subjects"), (len(times), "times"))
        combinations = math.prod(arms.shape) * (2 if draws.typical else 1)
        raise too_large(combinations, len(model.outputs), *sizes) from None
    if asked.on_failure == "raise" and solved.status.any():
        names = list(asked.regimens)
        many = draws.replicates is not None
        raise failure(
            solved.status,
            model,
            lambda row: arms.values(int(row[0])),
            who=lambda row: (
                f"subject {people.subject[row[-1]]}, regimen '{names[row[1]]}'"
                + (f", replicate {draws.labels[row[0]]}" if many else "")
            ),
            at=np.arange(len(people)),
            ended=solved.ended,
        )
    shown = {
        # a number without a unit that the model does not know stays a plain number
        name: (
            values,
            people.units[name] or (model.covariates[name].unit if name in model.covariates else "1"),
        )
        for name, values in people.covariates.items()
    }
    beside = _beside(asked, solved.status, log)
    if solved.ended is not None:
        beside |= solved.ended.told()
    attrs = said(
        model,
        axes,
        asked.solver,
        on_failure=asked.on_failure,
        regimens={name: course.to_dict() for name, course in asked.regimens.items()},
        ends=dict(asked.ends),
        covariates=list(people.covariates),
        draws=draws.to_dict(),
    )
    replicates = Axis(draws.labels if draws.replicates else (), draws.replicates is not None)
    everyone = {"subject": Axis(people.subject, True), "time": Axis(times, True)}
    more = log.variables() if log is not None else {}
    if typical is not None:
        more |= typical_levels(model, typical.levels[0], axis=3, dims=DIMENSIONS[1:])
    if draws.observed:
        more |= observations(arms, solved.levels)
    outputs = levels_of_outputs(arms, solved.levels)
    return build(outputs, {"replicate": replicates, **axes, **everyone}, beside, shown, attrs, more)


def _beside(asked: AskedRegimens, status: np.ndarray, log: Logs | None) -> dict[str, np.ndarray]:
    """The variables beside the levels."""
    sizes, count = sizes_of(asked.people), len(asked.people)
    every = asked.regimens.values()
    times = [course.doses()[0] for course in every]
    dose_time = np.full((len(times), max(map(len, times))), np.nan)
    for row, own in zip(dose_time, times, strict=True):
        row[: len(own)] = own
    told = {
        "status": status,
        "dose_time": dose_time,
        "course_end": np.array([asked.ends[name] for name in asked.regimens]),
    }
    if log is not None:
        return told | log.told()
    total = [np.broadcast_to(course.total(**sizes), (count,)) for course in every]
    taken = [np.broadcast_to(course.doses_taken(**sizes), (count,)) for course in every]
    return told | {"total_dose": np.stack(total)[np.newaxis], "doses_taken": np.stack(taken)[np.newaxis]}
