"""Levels of many people into a store on the disk, part by part: what is there is not computed again."""

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.arms import Arms
from doseline.asking import Settled
from doseline.origin import AskedRegimens
from doseline.parts import Part, cut, parts_of
from doseline.progress import reporting
from doseline.results import attributes, failed, swept
from doseline.run import run
from doseline.spread import Spread
from doseline.store import Store

if TYPE_CHECKING:
    import xarray as xr

SHARE = 32 << 20
"""Bytes of the levels of a part: what a thread holds, and what is lost when the power fails."""
MOST_SUBJECTS = 1 << 14
"""Most subjects of a part, however few times there are: of a million there should be parts enough for all."""


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
    first = run(cut(asked, parts[0]), times, threads=1)
    known: dict[str, Any] = {"subject": asked.people.subject, **asked.people.covariates}
    if asked.draws.replicates is not None:
        known["replicate"] = np.array(asked.draws.labels)
    template = first.assign_attrs(attributes(asked))
    marks = fingerprint(asked, times)
    with Store.open_or_create(path, template, known, rows_each=rows, fingerprint=marks, dtype=dtype) as store:
        if store.resumed:
            print(store.resumed, file=sys.stderr)
        _write(store, asked, times, parts, first, spread, progress)
    levels = opened(path)
    if asked.on_failure == "raise":
        status = np.asarray(levels["status"].values)
        if status.any():
            arms = Arms(
                asked.model, asked.people, asked.regimens, asked.axes, asked.draws, times, asked.solver
            )
            error = failed(asked, arms, status.reshape(*swept(asked), -1), None)
            error.advice = f"{error.advice}\n{path} holds the others"
            raise error
    return levels


def _write(
    store: Store,
    asked: AskedRegimens,
    times: np.ndarray,
    parts: list[Part],
    first: "xr.Dataset",
    spread: Spread,
    progress: Any,
) -> None:
    """Write the parts that are missing; whatever stops it, what is written stays."""
    missing = [parts[number] for number in store.missing()]
    total = sum(_rows(part) for part in parts)

    def work(part: Part) -> Any:
        levels = first if part.number == 0 else run(cut(asked, part), times, threads=1)
        return store.write(part.number, levels)

    there = total - sum(map(_rows, missing))
    try:
        with reporting(progress, str(store.path), total, there) as step:
            for part, entry in spread(work, missing):
                store.record(entry)
                step(_rows(part))
    except KeyboardInterrupt:
        stopped = f"{len(parts) - len(store.missing()):,} of {len(parts):,} parts are there"
        raise KeyboardInterrupt(f"{store.path}: {stopped}; the same call goes on with the rest") from None


def _rows(part: Part) -> int:
    return part.span.stop - part.span.start


def opened(path: Path) -> "xr.Dataset":
    """A store as a Dataset that reads its numbers when they are asked for."""
    import xarray as xr

    return xr.open_zarr(path)


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
