"""What the last stage of a regimen comes to, for models that are solved in steps, if it goes on for ever as prescribed.

One dose a period is a train of doses as event tables have them, whose steady state the lanes find by an accelerated
search. Several doses a period are given again and again: they have settled when twice as many periods lead to the same
exposure.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from doseline.dosing.dose import Block
from doseline.dosing.regimen import Regimen
from doseline.errors import Status
from doseline.intakes import Plan
from doseline.kernels.agenda import DOSE
from doseline.lane_exposure import Records, blank_exposed, follow_all, stops_of, without_failed
from doseline.population.variability import KAPPA
from doseline.solve_intakes import Arm, Group
from doseline.windows import Exposed, Steady, Windows

PERIODS = (32, 128, 512)
"""How many periods are tried until several doses a period have settled: half as many must lead to the same."""
SETTLED = 1e-6
"""Cmax, Cmin and AUC that differ by no more than this part of Cmax and AUC are the same."""


def steady_lanes(arm: Arm, stage: Block, windows: Windows, *, threads: int) -> Steady:
    """Exposure in one period of a stage that has gone on for ever, taken as prescribed.

    Parameters
    ----------
    arm : Arm          Where the stage belongs; effects of counted occasions are left out.
    stage : Block      Its pattern and period count.
    windows : Windows  Within one period, from the begin of the pattern on: ``span`` is (0, period).

    A subject without a steady state has the status `NO_STEADY_STATE`, and NaN.
    """
    one = period_arm(arm, stage)
    train = len(stage.pattern) == 1
    period = _train(one, stage, windows, threads) if train else _repeated(one, stage, windows, threads)
    single = follow_all(one, windows, lambda _, group: group.table(1, stops_of(windows)), threads)
    found = without_failed(period)
    return Steady(found.course, without_failed(single).course[:, 3], stage.period, found.status)


def period_arm(arm: Arm, stage: Block) -> Arm:
    """An arm in which the doses of one period are taken, once and as prescribed."""
    once = Regimen((replace(stage, start=0.0, repeats=1, until=None),), stage.period)
    plan = Plan(arm.compiled, once, arm.plan.place, arm.plan.calendar)
    left_out = {f"{KAPPA}_{name}" for name in arm.counted}
    return replace(
        arm,
        plan=plan,
        wanted=tuple(name for name in arm.wanted if name not in left_out),
        doses_taken=np.full(len(arm.people.number), len(stage.pattern)),
        times=np.array([0.0, stage.period]),
    )


def _train(arm: Arm, stage: Block, windows: Windows, threads: int) -> Exposed:
    """A dose at steady state, and the period behind it."""
    offset, period = stage.pattern[0][0], stage.period

    def prepare(_: slice, group: Group) -> Records:
        table, first = group.table(1, stops_of(windows))
        dosed = table["evid"] == DOSE
        table["steady"][dosed], table["interval"][dosed] = 1, period
        if offset > 0.0:
            # the period begins between two doses: the one before is the one of the train
            table["time"][dosed] = offset - period
            table["additional"][dosed] = 1
            subject = np.repeat(np.arange(len(first) - 1), np.diff(first))
            table = table[np.lexsort((table["time"], subject))]
        return table, first

    return follow_all(arm, windows, prepare, threads)


def _repeated(arm: Arm, stage: Block, windows: Windows, threads: int) -> Exposed:
    """Whole periods, until they are alike."""
    found = blank_exposed(arm, windows, len(arm.people.number))
    left = np.ones(len(found.status), dtype=bool)
    for count in PERIODS:
        begin = (count - 1) * stage.period
        halfway = (count // 2 - 1) * stage.period
        shown = replace(
            windows,
            edges=np.concatenate([[[halfway, halfway + stage.period]], windows.edges + begin]),
            span=(begin, begin + stage.period),
        )

        tried = follow_all(arm, shown, partial(_again, count, stage.period, shown), threads, left)
        _copy(tried, found, left, begin)
        left = left & (found.status == Status.OK) & ~_alike(tried)
        if not left.any():
            break
    found.status[left] = Status.NO_STEADY_STATE
    return found


def _again(count: int, period: float, windows: Windows, _: slice, group: Group) -> Records:
    """The doses of a period, so many times."""
    table, first = group.table(1, stops_of(windows))
    dosed = table["evid"] == DOSE
    table["interval"][dosed], table["additional"][dosed] = period, count - 1
    return table, first


def _alike(tried: Exposed) -> np.ndarray:
    """Whose exposure halfway was that at the end."""
    before, after = tried.inside[:, 0], tried.course
    with np.errstate(invalid="ignore"):
        levels = np.abs(after[:, [0, 2]] - before[:, [0, 2]]).max(axis=1)
        size = np.abs(after[:, [0, 2]]).max(axis=1)
        area = np.abs(after[:, 3] - before[:, 3])
        return (levels <= SETTLED * size) & (area <= SETTLED * np.abs(after[:, 3]))


def _copy(tried: Exposed, found: Exposed, rows: np.ndarray, begin: float) -> None:
    """Take the rows over, with times from the last period's begin on."""
    many = (found.course.shape[1] - 4) // 2
    for target, source in ((found.inside, tried.inside[:, 1:]), (found.course, tried.course)):
        target[rows] = source[rows]
        target[rows, ..., 1] -= begin
        target[rows, ..., 4 + many :] -= begin
    assert found.ended is not None
    assert tried.ended is not None
    for whole, own in zip(found.ended, tried.ended, strict=True):
        whole[rows] = own[rows]
