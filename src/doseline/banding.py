"""Quantiles of the levels of any number of people while solving: levels are counted in sketches and forgotten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.arms import Arms
from doseline.dataset import DIMENSIONS, Axis, More, build
from doseline.errors import InputError, did_you_mean
from doseline.memory import lacking, size_told
from doseline.model.spec import Model
from doseline.origin import AskedRegimens
from doseline.parts import Part, Parts, alone, cut, parts_of, row_of, rows_each
from doseline.population.groups import Groups
from doseline.predictions import levels_of_outputs, observations
from doseline.progress import reporting
from doseline.results import (
    arms_of,
    attributes,
    blank_status,
    doses_shown,
    refuse_failed,
    replicate_axis,
    swept,
)
from doseline.sketches import Sketches, bytes_for
from doseline.spread import TURNS, Spread

if TYPE_CHECKING:
    import xarray as xr

TOGETHER = 64
"""Most parts that another process counts in the same sketches: some seconds of work."""
SHARE = 16 << 20
"""Bytes of the levels of a part: few enough to stay near the processor, many enough to be worth a turn."""
METHOD = (
    "quantiles by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996), each read from "
    "counts in buckets, within {error:g} % of its value; rows that could not be solved are left out"
)


class Banding:
    """Sketches that the parts of a simulation are counted in, by whichever thread is free."""

    def __init__(
        self,
        asked: AskedRegimens,
        times: np.ndarray,
        groups: Groups,
        outputs: Sequence[str],
        error: float,
        pooled: bool,
    ) -> None:
        self.asked, self.times, self.groups, self.outputs = asked, times, groups, tuple(outputs)
        self.error = error
        replicates, *others = swept(asked)
        self.shape = (1 if pooled else replicates, *others, *groups.shape)
        """Replicates, regimens, formulations, meals, and the groups of subjects."""
        self._free: list[Sketches] = []

    @property
    def rows(self) -> int:
        """Subjects of a part."""
        arms = int(np.prod(swept(self.asked)[1:], dtype=np.int64))
        return max(1, SHARE // (8 * arms * len(self.asked.model.outputs) * len(self.times)))

    @property
    def bytes(self) -> int:
        """Memory of the sketches of one thread, where levels span six decades."""
        cells = int(np.prod(self.shape, dtype=np.int64)) * len(self.outputs) * len(self.times)
        return bytes_for(cells, decades=6, error=self.error)

    def count(self, part: Part) -> np.ndarray:
        """Count the levels of a part; gives its status (replicate, regimen, formulation, meal, subject)."""
        asked = cut(self.asked, part)
        arms = arms_of(asked, self.times)
        solved = arms.solve(None, threads=1)
        values = self._values(arms, solved.levels)
        try:
            sketch = self._free.pop()
        except IndexError:  # all of them are in use
            sketch = self._blank()
        first = row_of(self.asked, part) * len(values) if self.shape[0] > 1 else 0
        group = self.groups.of(part.span)
        for position, level in enumerate(values):
            sketch.add(level, group + (first + position) * self.groups.count)
        self._free.append(sketch)
        return solved.status

    def alone(self, parts: Sequence[Part]) -> "tuple[Banding, list[Part]]":
        """The same for some parts, with sketches of its own."""
        asked, counted, span = alone(self.asked, parts)
        groups = replace(self.groups, code=self.groups.of(span))
        return Banding(asked, self.times, groups, self.outputs, self.error, self.shape[0] == 1), counted

    def merge(self, sketches: Sketches) -> None:
        """Take what was counted elsewhere."""
        self._free = [self._free.pop().merge(sketches) if self._free else sketches]

    def _blank(self) -> Sketches:
        """Sketches without any number."""
        return Sketches(
            groups=int(np.prod(self.shape, dtype=np.int64)),
            outputs=len(self.outputs),
            times=len(self.times),
            error=self.error,
        )

    def _values(self, arms: Arms, levels: np.ndarray) -> np.ndarray:
        """(arm, output, subject, time) of the outputs that are wanted."""
        names = list(arms.model.outputs)
        if list(self.outputs) != names:
            seen = observations(arms, levels) if arms.draws.observed else {}
            levels = np.stack(
                [
                    levels[:, :, :, :, names.index(name)] if name in names else seen[name].values
                    for name in self.outputs
                ],
                axis=4,
            )
        return levels.reshape(-1, *levels.shape[4:])

    def together(self) -> Sketches:
        """All that has been counted."""
        whole = self._blank()
        while self._free:
            whole.merge(self._free.pop())
        return whole


@dataclass(frozen=True)
class Counting:
    """Several parts that are counted together, elsewhere: sketches are large, and should not travel for each part."""

    banding: Banding
    most: int = 1

    def __call__(self, parts: Parts) -> tuple[list[np.ndarray], Sketches]:
        """The status of each part, and what was counted of them all."""
        own, counted = self.banding.alone(parts)
        return [own.count(part) for part in counted], own.together()

    def sent(self, tasks: Sequence[Parts]) -> "tuple[Counting, list[Parts]]":
        """The same for some of them."""
        banding, counted = self.banding.alone([part for parts in tasks for part in parts])
        given = iter(counted)
        return replace(self, banding=banding), [Parts(next(given) for _ in parts) for parts in tasks]


def read_outputs(model: Model, output: str | None, observed: bool) -> list[str]:
    """Names of what is counted: one output, also as it would be observed, or all."""
    known = list(model.outputs)
    if observed:
        known += [f"{name}_observed" for name in model.outputs if name in model.residual]
    if output is None:
        return known
    if output not in known:
        forgotten = output in (f"{name}_observed" for name in model.residual)
        advice = did_you_mean(str(output), known, f"{model.name} has")
        raise InputError(
            f"unknown output '{output}'", place="output", advice="add observed=True" if forgotten else advice
        )
    return [output]


def band_dataset(banding: Banding, parts: np.ndarray) -> "xr.Dataset":
    """Quantiles [%] as a Dataset."""
    asked, times, groups, sketch = banding.asked, banding.times, banding.groups, banding.together()
    arms = arms_of(replace(asked, people=asked.people[:1]), times)
    known = levels_of_outputs(arms, np.empty((*swept(asked), len(asked.model.outputs), 0, 0)))
    dims = (*DIMENSIONS[:4], *groups.names)
    found = sketch.quantiles(parts / 100).reshape(
        len(parts), *banding.shape, len(banding.outputs), len(times)
    )
    data: dict[str, More] = {}
    for position, name in enumerate(banding.outputs):
        level = known[name.removesuffix("_observed")]
        label = level.label if name in known else f"{level.label}, observed"
        told = {"units": level.units, "long_name": label, "jumps_at_doses": int(level.jumps.any())}
        data[name] = More(("quantile", *dims, "time"), found[..., position, :], told)
    told = {"units": "1", "long_name": "rows counted; the others could not be solved"}
    data["subjects"] = More(dims, sketch.subjects.max(axis=1).reshape(banding.shape), told)
    pooled = asked.draws.replicates is not None and banding.shape[0] == 1 and len(asked.draws.labels) > 1
    axes = {"replicate": Axis((), False) if pooled else replicate_axis(asked), **asked.axes}
    over = "subject and replicate" if pooled else "subject"
    attrs = attributes(asked) | {"bands": f"{over}: {METHOD.format(error=100 * sketch.error)}"}
    result = build({}, axes, doses_shown(asked), {}, attrs, data)
    coords: dict[str, Any] = {
        "time": ("time", times, {"units": "h", "long_name": "time since the start"}),
        "quantile": ("quantile", parts, {"units": "%", "long_name": "part of the subjects at or below"}),
        **{name: list(each) for name, each in zip(groups.names, groups.labels, strict=True)},
    }
    return result.assign_coords(coords)


def bands_of(
    banding: Banding, percents: np.ndarray, *, spread: Spread, apart: bool, progress: Any
) -> "xr.Dataset":
    """Quantiles [%] of everybody: parts as they come, and the Dataset. ``apart``: other processes count them.

    Raises
    ------
    InputError : the sketches do not fit into memory. SolveError : rows that could not be solved.
    """
    asked = banding.asked
    # of another process this one holds what comes beside what it has
    held = 2 if apart else spread.threads
    free = lacking(held * banding.bytes)
    if free is not None:
        raise _too_large(banding, held, free)
    parts = parts_of(asked, rows_each(len(asked.people), banding.rows, spread.threads))
    status = blank_status(asked)
    with reporting(progress, "bands", len(asked.people) * len(asked.draws.labels)) as step:
        for part, own in _counted(banding, parts, spread, apart=apart):
            row = row_of(asked, part)
            status[row : row + 1, :, :, :, part.span] = own
            step(part.rows)
    refuse_failed(asked, banding.times, status)
    return band_dataset(banding, percents)


def _too_large(banding: Banding, held: int, free: int) -> InputError:
    """What is said of sketches that do not fit into memory, where ``held`` of them are there at once."""
    arms = int(np.prod(banding.shape[:4], dtype=np.int64))
    counted = (
        (arms, "combination"),
        (banding.groups.count, "group"),
        (len(banding.outputs), "output"),
        (len(banding.times), "time"),
    )
    told = " x ".join(f"{number:,} {name}{'s' * (number != 1)}" for number, name in counted)
    ways = ["give fewer times, as in times='4 h'"]
    ways += ["or fewer groups in by=..."] * (banding.groups.count > 1)
    ways += [f"or one output: output='{banding.outputs[0]}'"] * (len(banding.outputs) > 1)
    again = f", counted {held} times at once," if held > 1 else ""
    size = size_told(held * banding.bytes)
    return InputError(
        f"{told}{again} take {size}, and {size_told(free)} of memory are free",
        place="bands",
        advice="\n".join(ways),
    )


def _counted(
    banding: Banding, parts: list[Part], spread: Spread, *, apart: bool
) -> Iterator[tuple[Part, np.ndarray]]:
    """Count all parts; gives the status of each."""
    if not apart:
        yield from spread(banding.count, parts)
        return
    size = max(1, min(TOGETHER, len(parts) // (TURNS * spread.threads)))
    tasks = [Parts(parts[begin : begin + size]) for begin in range(0, len(parts), size)]
    for task, (status, sketches) in spread(Counting(banding), tasks):
        banding.merge(sketches)
        yield from zip(task, status, strict=True)
