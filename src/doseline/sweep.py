"""Levels of many people part by part: into a store on the disk, where what is there is not computed again, or into one
Dataset."""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.asking import Settled
from doseline.assembly import Assembly
from doseline.errors import ClusterError
from doseline.footprint import refusal, refuse_what_does_not_fit
from doseline.origin import AskedRegimens
from doseline.parts import Part, alone, cut, parts_of, rows_each
from doseline.progress import reporting
from doseline.results import arms_of, attributes, refuse_failed, swept
from doseline.run import run
from doseline.spread import Spread
from doseline.store import Store

if TYPE_CHECKING:
    import xarray as xr

    from doseline.store_ledger import Entry

SHARE = 32 << 20
"""Bytes of the levels of a part: what a thread holds, and what is lost when the power fails."""
SHARES = 4
"""Parts for each thread, at least, where levels are put together in memory."""
MOST_SUBJECTS = 1 << 14
"""Most subjects of a part, however few times there are: of a million there should be parts enough for all."""


@dataclass(frozen=True)
class Levels:
    """Levels of parts."""

    asked: AskedRegimens
    times: np.ndarray
    most: int = 1

    def __call__(self, part: Part) -> "xr.Dataset":
        """Levels of one part."""
        return run(cut(self.asked, part), self.times, threads=1)

    def sent(self, tasks: Sequence[Part]) -> "tuple[Levels, list[Part]]":
        """The same for some parts."""
        asked, parts, _ = alone(self.asked, tasks)
        return replace(self, asked=asked), parts


@dataclass(frozen=True)
class Writing:
    """Levels of parts into a store, whose ledger has to be told."""

    store: Store
    levels: Levels
    most: int = 8

    def __call__(self, part: Part) -> "Entry":
        """Solve and write one part."""
        return self.store.write(part.number, self.levels(part))

    def sent(self, tasks: Sequence[Part]) -> "tuple[Writing, list[Part]]":
        """The same for some parts."""
        levels, parts = self.levels.sent(tasks)
        return replace(self, levels=levels), parts


def subjects_each(asked: AskedRegimens, times: np.ndarray) -> int:
    """Subjects of a part: it follows from what is asked for, and never from the machine."""
    arms = int(np.prod(swept(asked)[1:], dtype=np.int64))
    row = 8 * arms * len(asked.model.outputs) * len(times) * (1 + asked.draws.observed)
    return max(1, min(MOST_SUBJECTS, SHARE // row, len(asked.people)))


def into_store(
    path: Path,
    settled: Settled,
    *,
    dtype: str,
    spread: Spread,
    progress: Any,
) -> "xr.Dataset":
    """Write all parts that are not there yet, and open the store.

    Raises
    ------
    InputError, ResultError : see `Store.open_or_create`. SolveError : rows that could not be solved, at the end; the
        store holds the others.
    """
    asked, times = settled
    rows = subjects_each(asked, times)
    parts = parts_of(asked, rows)
    levels = Levels(asked, times)
    template = _one(levels).assign_attrs(attributes(asked))
    marks, known = fingerprint(asked, times), known_of(asked)
    with Store.open_or_create(path, template, known, rows_each=rows, fingerprint=marks, dtype=dtype) as store:
        if store.resumed and progress is not False:
            print(store.resumed, file=sys.stderr)
        _write(Writing(store, levels), parts, spread, progress)
    refuse_failed(asked, times, _status(path), f"{path} holds the others")
    return opened(path)


def in_memory(settled: Settled, *, spread: Spread, progress: Any) -> "xr.Dataset":
    """The Dataset that `run` gives, put together from parts.

    Raises
    ------
    InputError : they do not fit into memory. SolveError : rows that could not be solved.
    """
    asked, times = settled
    arms = arms_of(asked, times)
    # what is worked out for each dose is worked out elsewhere
    refuse_what_does_not_fit(arms, threads=1)
    # all threads should have something to do, also where a part could be larger
    rows = rows_each(len(asked.people), subjects_each(asked, times), SHARES * spread.threads)
    parts, work = parts_of(asked, rows), Levels(asked, times)
    try:
        whole = Assembly.of(_one(work), known_of(asked), rows_each=rows)
    except MemoryError:
        raise refusal(arms, threads=1) from None
    with reporting(progress, "levels", sum(part.rows for part in parts)) as step:
        for part, own in spread(work, parts):
            whole.place(part.number, own)
            step(part.rows)
    result = whole.dataset(attributes(asked))
    refuse_failed(asked, times, np.asarray(result["status"].values))
    return result


def _one(levels: Levels) -> "xr.Dataset":
    """Levels of one subject of the first replicate, which have all that a result has."""
    draws = levels.asked.draws
    return levels(Part(0, None if draws.replicates is None else draws.labels[0], slice(0, 1)))


def known_of(asked: AskedRegimens) -> dict[str, np.ndarray]:
    """What is known of all rows beforehand."""
    known: dict[str, Any] = {"subject": asked.people.subject, **asked.people.covariates}
    if asked.draws.replicates is not None:
        known["replicate"] = np.array(asked.draws.labels)
    return known


def _write(work: Writing, parts: list[Part], spread: Spread, progress: Any) -> None:
    """Write the parts that are missing; whatever stops it, what is written stays."""
    store = work.store
    missing = [parts[number] for number in store.missing()]
    total = sum(part.rows for part in parts)
    there = total - sum(part.rows for part in missing)

    def kept() -> str:
        count = f"{len(parts) - len(store.missing()):,} of {len(parts):,} parts are there"
        return f"{store.path}: {count}; the same call goes on with the rest"

    try:
        with reporting(progress, str(store.path), total, there) as step:
            for part, entry in spread(work, missing):
                store.record(entry)
                step(part.rows)
    except ClusterError as error:
        error.advice += f"\n{kept()}"
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(kept()) from None


def opened(path: Path) -> "xr.Dataset":
    """A store as a Dataset that reads its numbers when they are asked for."""
    import xarray as xr

    _let_forks_read()
    return xr.open_zarr(path)


@cache
def _let_forks_read() -> None:
    """A forked process reads with threads of its own: it would wait for ever for those of dask, which stay behind."""
    import dask.threaded as pool

    def forget() -> None:
        pool.default_pool = None
        pool.pools.clear()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


def _status(path: Path) -> np.ndarray:
    """How each row ended, read here: what dask would read with may be a cluster that has just been closed."""
    import xarray as xr

    return np.asarray(xr.open_zarr(path, chunks=None)["status"].values)


def fingerprint(asked: AskedRegimens, times: np.ndarray) -> dict[str, str]:
    """What the numbers depend on, each by a name that completes "another ..."."""
    people, draws = asked.people, asked.draws.to_dict()
    seed = draws.pop("seed")
    return {
        "model": "\n".join((asked.model.text, json.dumps(dict(asked.model.changes), sort_keys=True))),
        "set of regimens": json.dumps(
            {name: course.to_dict() for name, course in asked.regimens.items()}, indent=0
        ),
        "choice of formulations and meals": json.dumps(
            {name: [list(axis.labels), axis.shown] for name, axis in asked.axes.items()}
        ),
        "seed": str(seed),
        "set of draws": json.dumps(draws),
        "set of subjects": _digest(people.subject),
        "set of covariates": "\n".join(
            f"{name} [{people.units[name]}] {_digest(values)}" for name, values in people.covariates.items()
        ),
        "grid of times": f"{len(times):,} from {times[0]:g} to {times[-1]:g} h, {_digest(times)}",
        "solver": json.dumps(asked.solver.to_dict(), sort_keys=True),
        "way to end courses": json.dumps(dict(asked.ends)),
    }


def _digest(values: np.ndarray) -> str:
    """A short name of an array: another for any other numbers or words."""
    plain = values if values.dtype.kind in "iufb" else np.array([str(each) for each in values])
    return hashlib.sha256(np.ascontiguousarray(plain).tobytes() + str(plain.dtype).encode()).hexdigest()[:12]
