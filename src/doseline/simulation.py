"""Levels: every subject under every regimen, formulation and meal, at every time."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.asking import Asking, settle, settle_table
from doseline.cluster import spread_of
from doseline.dataset import DIMENSIONS
from doseline.dosing.records import Records
from doseline.errors import InputError
from doseline.model.spec import Model
from doseline.origin import AskedRegimens, asked
from doseline.request import thread_count
from doseline.run import run
from doseline.solver import ATOL, MOST_STEPS, RTOL
from doseline.store_layout import read_dtype
from doseline.times import read_times
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
    store: str | Path | None = None,
    dtype: str = "float64",
    progress: bool | Callable[[int, int], None] | None = None,
    client: Any = None,
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
    store : str or Path, optional
        A Zarr store to write levels to part by part, instead of holding all of them. What is there already is not
        computed again: the same call goes on after whatever stopped it. The result reads from the store.
    dtype : "float64" or "float32"    Of levels in the store.
    progress : bool or function, optional
        Whether progress is shown while a store is written, or a cluster works; in a terminal and in a notebook it is.
        A function is called with the rows that are done, and with all.
    client : dask.distributed.Client, optional
        Of a cluster whose workers do the work, part by part; a ``store`` must then be a folder that they all see.

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
    ResultError : the store cannot be written, or holds something else.
    ClusterError : workers that die again and again, or a scheduler that is gone.

    >>> levels = simulate("isotretinoin", "40 mg twice daily for 1 week", times="6 h", meal="fed")
    >>> levels["plasma"].dims, levels["plasma"].attrs["units"]
    (('subject', 'time'), 'ng/mL')
    """
    asking: Asking = {
        "meal": meal,
        "formulation": formulation,
        "on_failure": on_failure,
        "method": method,
        "rtol": rtol,
        "atol": atol,
        "max_steps": max_steps,
        "seed": seed,
        "effects": effects,
        "replicates": replicates,
        "uncertainty": uncertainty,
        "adherence": adherence,
        "visits": visits,
        "observed": observed,
        "typical": typical,
    }
    if isinstance(regimens, Records):
        from doseline.event_levels import levels_of

        _refuse_in_parts(store, client, dtype, progress)
        tabled, grid = settle_table(model, regimens, people, times=times, asking=asking)
        return levels_of(tabled, grid, threads=thread_count(threads))
    read_dtype(dtype, store)
    if store is None and client is None and progress not in (None, False):
        raise InputError(
            "levels in memory are solved in one piece",
            place="progress",
            advice="add store='course.zarr', which is written in parts, or leave it out",
        )
    settled = settle(model, regimens, people, times=times, asking=asking)
    if store is not None:
        from doseline.sweep import into_store

        spread = spread_of(client, threads)
        return into_store(Path(store), settled, dtype=dtype, spread=spread, progress=progress)
    if client is not None:
        from doseline.sweep import in_memory

        return in_memory(settled, spread=spread_of(client, threads), progress=progress)
    return run(settled.asked, settled.times, threads=thread_count(threads))


def _refuse_in_parts(store: Any, client: Any, dtype: Any, progress: Any) -> None:
    """Refuse what cuts a simulation into parts."""
    for name, given, advice in (
        ("store", store is not None, "leave store out, and write the result: levels.to_zarr('levels.zarr')"),
        ("client", client is not None, "leave client out: it is solved on the threads of this process"),
        ("dtype", dtype != "float64", "leave dtype out: levels in memory are float64"),
        ("progress", progress not in (None, False), "leave progress out: there are no parts to count"),
    ):
        if given:
            raise InputError("an event table is simulated as a whole", place=name, advice=advice)


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
        again = run(before, grid, threads=threads)
    else:
        from doseline.event_levels import levels_of

        again = levels_of(before, grid if gridded else None, threads=threads)
    kept = {name: levels[name].values for name in DIMENSIONS if name in again.dims and name in levels.coords}
    cut = {name: label for name, label in kept.items() if not np.array_equal(label, again[name].values)}
    return again.sel(cut) if cut else again
