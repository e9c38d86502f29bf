"""Levels: every subject under every regimen, formulation and meal, at every time."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.compile import Compiled
from doseline.dataset import DIMENSIONS, Axis, Level, build
from doseline.dosing.records import Records
from doseline.dosing.regimen import Regimen
from doseline.errors import InputError
from doseline.model.read import load_model
from doseline.model.spec import Model
from doseline.origin import AskedRecords, AskedRegimens, asked, said
from doseline.population.cohort import Cohort
from doseline.request import (
    advise_ranges,
    choices,
    cohort_of,
    covariates_of,
    named_regimens,
    refuse_result_names,
    thread_count,
)
from doseline.schedule import course_end, followed_until, refuse_missing_sizes, schedules_of, sizes_of
from doseline.solve import solve
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

    Returns
    -------
    xarray.Dataset
        A variable for each output, dims (regimen, formulation, meal, subject, time); ``status``, ``total_dose`` [mg],
        ``doses_taken``, ``dose_time`` [h], ``course_end`` [h]; ``NAME_jumps`` where boluses enter the output NAME.
        Where differential equations were solved, ``method``, ``stiff_since`` [h] and ``steps`` of each subject.
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
        asked_of = AskedRecords(chosen, axes, on_failure, solver, regimens, grid is not None)
        return levels_of(asked_of, grid, threads=thread_count(threads))
    named = named_regimens(regimens)
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
    ends = {name: course_end(course, people) for name, course in named.items()}
    grid = read_times(times, end=max(followed_until(course, ends[name]) for name, course in named.items()))
    asked_for = AskedRegimens(chosen, axes, on_failure, solver, named, people, ends)
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
    """Schedules for every combination, the kernels over all rows, and the Dataset."""
    model, people, axes = asked.model, asked.people, asked.axes
    compiled = Compiled(model)
    covariates = covariates_of(people, model)
    planned = schedules_of(compiled, asked.regimens, people, covariates, axes)
    schedules = [plan for _, plan in planned.values()]
    ended = None
    try:
        if asked.solver.exact(model):
            levels, status = solve(compiled, covariates, schedules, times, threads=threads)
        else:
            from doseline.ode import solve_courses

            levels, ended = solve_courses(
                compiled, covariates, schedules, times, asked.solver, threads=threads
            )
            status = ended.status
    except MemoryError:
        sizes = ((len(people), "subjects"), (len(times), "times"))
        raise too_large(len(schedules), len(model.outputs), *sizes) from None
    shape = tuple(max(1, len(axes[name].labels)) for name in ("regimen", "formulation", "meal"))
    levels = levels.reshape(*shape, *levels.shape[1:])
    status = status.reshape(*shape, len(people))
    if asked.on_failure == "raise" and status.any():
        names = list(asked.regimens)
        raise failure(
            status,
            model,
            compiled.parameters(covariates),
            who=lambda row: f"subject {people.subject[row[-1]]}, regimen '{names[row[0]]}'",
            at=np.arange(len(people)),
            ended=None if ended is None else ended.shaped(shape),
        )
    entered = [{int(state) for state in plan.boluses} for plan in schedules]
    outputs = {
        name: Level(
            values=levels[:, :, :, position],
            units=output.unit,
            label=output.label,
            jumps=np.array([compiled.sees(name, states) for states in entered]).reshape(shape),
        )
        for position, (name, output) in enumerate(model.outputs.items())
    }
    attrs = said(
        model,
        axes,
        asked.solver,
        on_failure=asked.on_failure,
        regimens={name: course.to_dict() for name, course in asked.regimens.items()},
        ends=dict(asked.ends),
        covariates=list(people.covariates),
    )
    everyone = {"subject": Axis(people.subject, True), "time": Axis(times, True)}
    shown = {
        # a number without a unit that the model does not know stays a plain number
        name: (
            values,
            people.units[name] or (model.covariates[name].unit if name in model.covariates else "1"),
        )
        for name, values in people.covariates.items()
    }
    beside = _beside(asked.regimens, people, status, asked.ends)
    if ended is not None:
        beside |= ended.shaped(shape).told()
    return build(outputs, {**axes, **everyone}, beside, shown, attrs)


def _beside(
    regimens: Mapping[str, Regimen], people: Cohort, status: np.ndarray, ends: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """The variables beside the levels."""
    sizes, count = sizes_of(people), len(people)
    times = [course.doses()[0] for course in regimens.values()]
    dose_time = np.full((len(times), max(map(len, times))), np.nan)
    for row, own in zip(dose_time, times, strict=True):
        row[: len(own)] = own
    every = regimens.values()
    return {
        "status": status,
        "total_dose": np.stack([np.broadcast_to(course.total(**sizes), (count,)) for course in every]),
        "doses_taken": np.stack([np.broadcast_to(course.doses_taken(**sizes), (count,)) for course in every]),
        "dose_time": dose_time,
        "course_end": np.array([ends[name] for name in regimens]),
    }
