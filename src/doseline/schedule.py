"""Who takes what when, as arrays: a regimen meets a cohort and a model.

The one place that decides what happens at the same time: doses given together are added in the order of the regimen,
and a grid point at the time of a dose shows the level after it (kernels/program.py counts the points on that rule).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from doseline.compile import Compiled, Intake, Values
from doseline.dataset import Axis, combinations
from doseline.dosing.amounts import SIZES
from doseline.dosing.dose import Block
from doseline.dosing.regimen import Regimen
from doseline.errors import InputError
from doseline.population.cohort import Cohort
from doseline.population.variability import Effects


@dataclass(frozen=True)
class Schedule:
    """One regimen as a cohort takes it, before it is known which states hold the rates of infusions."""

    time: np.ndarray  # (dose,) [h]
    kind: np.ndarray  # (dose,)
    target: np.ndarray  # (kind,)
    intake: tuple[Intake, ...]  # how each kind is taken
    given: np.ndarray  # (subject, kind) [mg]
    amount: np.ndarray  # (subject, kind) after bioavailability [mg]
    lag: np.ndarray  # (subject, kind) [h]
    duration: np.ndarray  # (subject, kind) [h]
    taken: np.ndarray  # (subject,)

    @property
    def infused(self) -> np.ndarray:
        """Positions of the states that infusions enter."""
        return np.unique(self.target[(self.duration > 0).any(axis=0)])

    @property
    def boluses(self) -> np.ndarray:
        """Positions of the states that boluses enter."""
        return np.unique(self.target[~(self.duration > 0).all(axis=0)])


def sizes_of(people: Cohort) -> dict[str, np.ndarray]:
    """Body weight [kg] and surface [m2] of the cohort, as far as it has them."""
    return {name: people.values(name, unit) for name, unit in SIZES.items() if name in people.covariates}


def refuse_missing_sizes(regimen: Regimen, people: Cohort, *, place: str) -> None:
    """Doses and targets per kg or per m2 need a cohort that has weights or surfaces."""
    for each, per in regimen.sized:
        if per not in people.covariates:
            raise InputError(
                f"'{each}' needs {per}, and the cohort has none",
                place=place,
                advice=f"add {per} (in {SIZES[per]}) to the cohort",
            )


def course_end(regimen: Regimen, people: Cohort) -> float:
    """End of the last dosing interval: when the next dose would be due for whoever takes most. [h]"""
    counts = [block.count for block in regimen.blocks]
    if regimen.until is not None:
        counts[-1] -= regimen.count - int(np.max(regimen.doses_taken(**sizes_of(people))))
    pairs = [
        _last_and_next(block, count, regimen.blocks)
        for block, count in zip(regimen.blocks, counts, strict=True)
    ]
    last = max(last for last, _ in pairs)
    # a stage that is over would have gone on before the last dose: it is not waited for
    return min(due for _, due in pairs if due > last)


def _last_and_next(block: Block, count: int, blocks: Sequence[Block]) -> tuple[float, float]:
    """Time of a block's last dose, and when the next one would be due if it went on. [h]"""
    cycle, entry = divmod(count - 1, len(block.pattern))
    begin, at = block.start + cycle * block.period, block.pattern[entry][0]
    offsets = [offset for offset, _ in stage_of(block, blocks).pattern]
    later = [offset for offset in offsets if offset > at]
    return begin + at, begin + (later[0] if later else block.period + offsets[0])


def stage_of(block: Block, blocks: Sequence[Block]) -> Block:
    """The block itself; of a last, unfinished period the whole ones before it, which say what would follow."""
    for whole in blocks:
        joins = abs(whole.start + whole.repeats * whole.period - block.start) <= 1e-9 * block.start
        if (
            block.repeats == 1
            and joins
            and whole.period == block.period
            and set(block.pattern) < set(whole.pattern)
        ):
            return whole
    return block


def followed_until(regimen: Regimen, end: float) -> float:
    """End of the course and of its last dosing interval ``end``, whichever is later: a pause at the end counts. [h]"""
    # with a target that differs by subject, the length is only what the longest conceivable course would take
    return end if regimen.until is not None else max(end, regimen.length)


def schedules_of(
    compiled: Compiled,
    regimens: Mapping[str, Regimen],
    people: Cohort,
    covariates: Values,
    axes: Mapping[str, Axis],
) -> dict[tuple[str, str | None, str | None], tuple[Regimen, Schedule]]:
    """Every regimen with every formulation and meal asked for: filled in with them, and as arrays."""
    plans = {}
    for (name, course), (formulation, meal) in product(regimens.items(), combinations(axes)):
        filled = course.with_(formulation=formulation, meal=meal)
        place = f"regimen '{name}'" if axes["regimen"].shown else "regimen"
        plan = schedule(compiled, filled, people, covariates, place=place)
        plans[name, formulation, meal] = filled, plan
    return plans


def schedule(
    compiled: Compiled,
    regimen: Regimen,
    people: Cohort,
    covariates: Values,
    *,
    place: str,
    effects: Effects | None = None,
) -> Schedule:
    """Times, amounts, lags and durations of every dose, for every subject.

    ``regimen`` has its meals and formulations filled in and passed `refuse_missing_sizes`; ``covariates`` are in
    coherent units; ``place`` is what messages call this regimen.
    """
    return planned(
        compiled, regimen, sizes_of(people), covariates, count=len(people), place=place, effects=effects
    )


def planned(
    compiled: Compiled,
    regimen: Regimen,
    sizes: Mapping[str, np.ndarray],
    covariates: Values,
    *,
    count: int,
    place: str,
    effects: Effects | None = None,
) -> Schedule:
    """The same for ``count`` subjects whose ``sizes`` are what doses may be in proportion to."""
    time, kind, doses = regimen.doses()
    target = np.empty(len(doses), dtype=np.int64)
    intakes = []
    given, amount, lag, duration = (np.empty((count, len(doses))) for _ in range(4))
    for position, dose in enumerate(doses):
        intake = compiled.intake(route=dose.route, formulation=dose.formulation, meal=dose.meal, place=place)
        intakes.append(intake)
        target[position], entry = compiled.entry(intake, covariates, effects)
        given[:, position] = dose.amount if dose.per is None else dose.amount * sizes[dose.per]
        amount[:, position] = given[:, position] * entry["bioavailability"]
        lag[:, position] = entry["lag"]
        if dose.duration is not None:
            duration[:, position] = dose.duration
        elif compiled.model.routes[intake.route].rate is not None:
            with np.errstate(all="ignore"):  # what a rate of zero makes is told by its status
                duration[:, position] = amount[:, position] / entry["rate"]
        else:
            duration[:, position] = entry["duration"]
    taken = np.ascontiguousarray(np.broadcast_to(regimen.doses_taken(**sizes), (count,)).astype(np.int64))
    return Schedule(time, kind, target, tuple(intakes), given, amount, lag, duration, taken)
