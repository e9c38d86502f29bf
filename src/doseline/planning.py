"""What a run would be, before it runs: how much it computes, how long it takes, and whether it fits into memory."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from doseline.arms import Arms
from doseline.asking import Asking, settle, settle_table
from doseline.banding import Banding, bands_of, read_outputs
from doseline.dosing.records import Records, doses_among
from doseline.errors import InputError
from doseline.exposing import WIDTH, Wanted, read_wanted
from doseline.exposure_dataset import bytes_of, exposures, refusal_of
from doseline.footprint import of_blocks, of_subjects, peak, refusal
from doseline.memory import available_memory
from doseline.model.spec import Model
from doseline.origin import AskedRecords, AskedRegimens
from doseline.planned import Plan
from doseline.population.groups import read_groups
from doseline.request import thread_count
from doseline.results import arms_of
from doseline.sampling import Measured, Run, Whole, levels_of_all, measure, sizes_of_all
from doseline.schedule import sizes_of
from doseline.sketch_scale import ERROR
from doseline.spread import on_threads
from doseline.store_layout import layout_of, read_dtype
from doseline.sweep import known_of, subjects_each
from doseline.unsolved import too_large


def wanted_of(model: Model, intervals: Any) -> Wanted:
    """What is planned of exposure: the first output, and these intervals."""
    return read_wanted(model, None, intervals, None, True)


def banding_of(asked: AskedRegimens, times: np.ndarray) -> Banding:
    """What is planned of bands: all outputs, nobody in groups."""
    outputs = read_outputs(asked.model, None, asked.draws.observed)
    return Banding(asked, times, read_groups(None, asked.people), outputs, ERROR, pooled=False)


def _exposure(asked: Any, times: Any, threads: int, *, intervals: Any = "all") -> Any:
    wanted = wanted_of(asked.model, intervals)
    return exposures(asked, float(times[-1]), wanted, spread=on_threads(threads), progress=False)


def _bands(asked: Any, times: Any, threads: int) -> Any:
    percents = np.array([5.0, 50.0, 95.0])
    return bands_of(
        banding_of(asked, times), percents, spread=on_threads(threads), apart=False, progress=False
    )


RUNS: Mapping[str, Run] = {"levels": levels_of_all, "exposure": _exposure, "bands": _bands}
"""What may be planned, and how a sample of it is run; sizes and times follow from what these give."""


def plan(
    model: "Model | str | Path",
    regimens: Any,
    people: Any = None,
    *,
    times: Any = None,
    of: str = "levels",
    intervals: Any = "all",
    store: "str | Path | None" = None,
    dtype: str = "float64",
    threads: int | None = None,
    **asking: Unpack[Asking],
) -> Plan:
    """What a run would be: rows, sizes, memory and time, from a sample of its subjects.

    Nothing is run as a whole and nothing is written. Some subjects, spread over all of them, are simulated in every
    arm, which takes about a second: a plan of a million subjects costs what one of a thousand does. Kernels that have
    to be compiled first are compiled, and the run itself will find them.

    Parameters
    ----------
    model, regimens, people, times : as in `simulate`
    of : "levels", "exposure" or "bands"
        What is kept: levels, or only what is made of them, part by part. Of exposure the first output is planned,
        with its steady state and without thresholds; of bands all outputs, for everybody together (no groups).
    intervals : as in `exposure`      Of which dosing intervals exposure is kept.
    store : path, optional            Levels go to a store on disk, part by part; nothing is written there.
    dtype : "float64" or "float32"    Of the levels in a store.
    threads : int, optional           As in `simulate`.
    **asking                          Everything else that `simulate` takes: ``meal``, ``seed``, ``replicates``, ...

    Returns
    -------
    Plan : print it, or ask its attributes.

    Raises
    ------
    InputError, UnitError, RegimenError, RecordsError : what was given; or not even one subject fits into memory, or
        not the sketches of bands. Another run that does not fit is no mistake here: ``fits`` is False.

    >>> made = plan("isotretinoin", "40 mg twice daily for 4 weeks", {"WT": [50, 70]}, times="2 h", meal="fed")
    >>> made.sizes["plasma"] == 2 * 337 * 8
    True
    """
    _refuse_kinds(of, dtype, store)
    count = thread_count(threads)
    if isinstance(regimens, Records):
        if of != "levels" or store is not None:
            raise InputError(
                "an event table is simulated in memory, and gives levels",
                place="of" if of != "levels" else "store",
                advice="leave it out",
            )
        tabled = settle_table(model, regimens, people, times=times, asking=asking, verb="plan")
        return _of_table(*tabled, count)
    gridless = of == "exposure"
    settled = settle(model, regimens, people, times=times, asking=asking, verb="plan", gridless=gridless)
    if gridless:
        wanted_of(settled.asked.model, intervals)
    return _of_regimens(*settled, of, intervals, store, dtype, count)


def _of_regimens(
    asked: AskedRegimens, grid: np.ndarray, of: str, intervals: Any, store: Any, dtype: str, threads: int
) -> Plan:
    """The plan of regimens for people."""
    arms = arms_of(asked, grid)
    once = replace(asked.draws, replicates=1) if asked.draws.replicates is not None else asked.draws
    free, each = available_memory(), peak(replace(arms, people=asked.people[:1], draws=once), threads=threads)
    if each > free:
        raise refusal(arms, free, threads=threads)
    how = partial(_exposure, intervals=intervals) if of == "exposure" else RUNS[of]
    whole = Whole(asked, grid, how, threads, each, free)
    found = measure(whole)
    sizes = sizes_of_all(found.sample, whole.sizes)
    parts = files = refused = None
    need = peak(arms, threads=threads)
    if of == "levels" and store is None:
        need = max(need, sum(sizes.values()) + of_subjects(arms) + of_blocks(arms, threads))
        refused = refusal(arms, free, threads=threads) if need > free else None
    elif store is not None:
        rows = subjects_each(asked, grid)
        layout = layout_of(found.sample, known_of(asked), rows_each=rows, dtype=dtype)
        sizes = {name: each.nbytes for name, each in layout.variables.items()}
        parts, files = layout.parts, sum(each.files for each in layout.variables.values())
        need = threads * peak(replace(arms, people=asked.people[:rows], draws=once), threads=1)
    elif of == "exposure":
        wanted = wanted_of(asked.model, intervals)
        part = replace(arms, people=asked.people[:WIDTH], draws=once)
        need = bytes_of(asked, wanted) + threads * of_subjects(part)
        refused = refusal_of(asked, wanted, need, free) if need > free else None
    else:
        banding = banding_of(asked, grid)
        part = replace(arms, people=asked.people[: banding.rows], draws=once)
        need = threads * (peak(part, threads=1) + banding.bytes)
    own = sizes_of(asked.people)
    prescribed = [
        int(np.sum(np.broadcast_to(each.doses_taken(**own), len(asked.people))))
        for each in asked.regimens.values()
    ]
    return _plan(
        of, asked, found, sizes, need, free,
        times=len(grid), values=_levels(arms) // 8,
        doses=sum(prescribed) * arms.shape[0] * math.prod(arms.shape[2:]), arms=math.prod(arms.shape[1:]),
        subjects=len(asked.people), parts=parts, files=files, refusal=refused,
    )  # fmt: skip


def _of_table(asked: AskedRecords, grid: np.ndarray | None, threads: int) -> Plan:
    """The plan of an event table."""
    from doseline.event_levels import needed, sizes_of_levels
    from doseline.tables import Tables

    tables, records, free = Tables(asked, grid), asked.records, available_memory()
    whole = Whole(asked, grid, levels_of_all, threads, 1 + needed(tables) // len(records.subject), free)
    found = measure(whole)
    sizes = sizes_of_all(found.sample, whole.sizes)
    need, outputs = sum(sizes.values()), len(asked.model.outputs)
    lines = sizes_of_levels(tables)
    given = int((doses_among(records.evid) * (1 + records.additional)).sum())
    return _plan(
        "levels", asked, found, sizes, need, free,
        times=lines[-1][0], at="time" if asked.gridded else "observation",
        values=needed(tables) // 8, doses=given * tables.count,
        arms=tables.count // whole.replicates, subjects=len(records.subject),
        refusal=too_large(tables.count, outputs, *lines, needed=need, free=free) if need > free else None,
    )  # fmt: skip


def _plan(
    of: str,
    asked: AskedRegimens | AskedRecords,
    found: Measured,
    sizes: Mapping[str, int],
    memory: int,
    free: int,
    **more: Any,
) -> Plan:
    return Plan(
        of=of, model=asked.model.name, replicates=len(asked.draws.labels), outputs=len(asked.model.outputs),
        sizes=sizes, memory=memory, available=free, seconds=found.seconds, between=(found.least, found.most),
        compiling=found.compiling, sampled=found.rows, **more,
    )  # fmt: skip


def _levels(arms: Arms) -> int:
    """Levels of all outputs. [byte]"""
    return 8 * math.prod(arms.shape) * len(arms.model.outputs) * len(arms.people) * len(arms.times)


def _refuse_kinds(of: Any, dtype: Any, store: Any) -> None:
    """Refuse what is no kind of result, or does not go together."""
    if of not in tuple(RUNS):
        raise InputError(f"found {of!r:.60}", place="of", advice=f"expected {' or '.join(map(repr, RUNS))}")
    read_dtype(dtype, store)
    if store is not None and of != "levels":
        raise InputError(
            f"a store holds levels, not {of}", place="store", advice="leave it out, or leave out of=..."
        )
