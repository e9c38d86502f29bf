"""Event tables through the kernels: arrays of a model and of its records in, levels and statuses out.

One subject is one row here, however many records it has; blocks hold about equally many records.
"""

from collections.abc import Sequence

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.records import per_record
from doseline.errors import Status
from doseline.events import Events
from doseline.kernels.agenda import ENTRY, TABLE, list_doses
from doseline.kernels.program import Grid
from doseline.kernels.walk import SOLVED, UNBOUNDED, UNFIT, UNSETTLED, Systems, blank_work, walk_records
from doseline.record_sets import Sets
from doseline.solve import BLOCKS_A_THREAD, in_threads, system_of
from doseline.times import even_step

ENDED = {SOLVED: Status.OK, UNSETTLED: Status.NO_STEADY_STATE, UNBOUNDED: Status.NOT_FINITE}


def solve_events(
    compiled: Compiled, sets: Sets, plans: Sequence[Events], times: np.ndarray | None, *, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Levels in the outputs' units, and status (plan, subject).

    Levels are (plan, output, observation), or (plan, output, subject, time) where ``times`` are given.
    """
    infused = sorted({int(state) for plan in plans for state in plan.infused})
    system = system_of(compiled, sets.values, infused, count=sets.count, effects=sets.effects())
    systems = Systems(*system[:4], len(compiled.states))
    tables = [_table(plan, sets, systems, infused, observed=times is None) for plan in plans]
    status = np.stack([given_status(plan, sets, system.solvable) for plan in plans])
    grid, levels = blank_levels(plans, systems.weights.shape[0], times)
    ended = np.where(status == Status.OK, SOLVED, UNFIT)
    states = systems.initial.shape[1]
    entries = [entries_of(plan) for plan in plans]

    def work(task: tuple[int, int]) -> None:
        position, block = task
        span = (int(cuts[block]), int(cuts[block + 1]))
        room = blank_work(states, int(entries[position][span[0] : span[1]].max(initial=0)))
        walk_records(span, first, tables[position], systems, grid, room, levels[position], ended[position])

    first = np.ascontiguousarray(plans[0].first, dtype=np.int64)
    cuts = _cuts(first, threads * BLOCKS_A_THREAD)
    in_threads(work, [(p, b) for p in range(len(plans)) for b in range(len(cuts) - 1)], threads)
    for code, told in ENDED.items():
        status[(status == Status.OK) & (ended == code)] = told
    _mark_lost(levels, status, plans[0], gridded=times is not None)
    clear_failed(levels, status, plans[0], gridded=times is not None)
    return levels if times is not None else levels[:, :, 0], status


def blank_levels(plans: Sequence[Events], outputs: int, times: np.ndarray | None) -> tuple[Grid, np.ndarray]:
    """The grid, one without points for observations, and room for levels (plan, output, line, column)."""
    if times is None:
        return Grid(np.empty(0), 0.0), np.empty((len(plans), outputs, 1, int((plans[0].evid == 0).sum())))
    shape = (len(plans), outputs, len(plans[0].first) - 1, len(times))
    return Grid(times, even_step(times)), np.empty(shape)


def doses_of(plan: Events) -> tuple[np.ndarray, np.ndarray]:
    """Every dose that arrives, subject after subject: its record, and which dose of the record it is (0: the first).

    Subjects with doses that are no numbers are left out.
    """
    able = np.logical_and.reduceat(sound_doses(plan), plan.first[:-1])
    giving = plan.giving & per_record(able, plan.first)
    early = np.zeros(len(plan.time))
    train = giving & (plan.steady > 0)
    early[train] = np.ceil(plan.lag[train] / plan.interval[train])
    room = int((giving * (plan.additional + 1 + early)).sum())
    row, count = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    agenda, held = np.empty(int(entries_of(plan)[able].max(initial=0)), ENTRY), np.zeros(1, dtype=np.int64)
    first = np.ascontiguousarray(plan.first, dtype=np.int64)
    found = list_doses(first, able, columns_of(plan), agenda, held, row, count)
    return row[:found], count[:found]


def columns_of(plan: Events) -> np.ndarray:
    """What the agenda knows of the records; the columns about systems, rates and levels are left open."""
    table = np.empty(len(plan.time), dtype=TABLE)
    for name, values in (
        ("time", plan.time),
        ("evid", plan.evid),
        ("target", plan.target),
        ("turn", plan.turn),
        ("amount", plan.amount),
        ("rate", plan.rate),
        ("duration", plan.duration),
        ("lag", plan.lag),
        ("interval", plan.interval),
        ("additional", plan.additional),
        ("steady", plan.steady),
    ):
        table[name] = values
    return table


def table_of(plan: Events, sets: Sets, *, observed: bool) -> np.ndarray:
    """Events for the kernels; which states hold the rates of infusions is left open."""
    table = columns_of(plan)
    table["stretch"], table["own"] = sets.stretch, sets.own
    seen = plan.evid == 0
    table["slot"] = np.where(seen, np.cumsum(seen) - 1, -1) if observed else -1
    return table


def _table(
    plan: Events, sets: Sets, systems: Systems, infused: Sequence[int], *, observed: bool
) -> np.ndarray:
    """Events for the walk: the k-th infused state gets its rate from the k-th state behind the compartments."""
    table = table_of(plan, sets, observed=observed)
    table["inflow"] = -1
    for k, state in enumerate(infused):
        table["inflow"][plan.target == state] = systems.compartments + k
    return table


def given_status(plan: Events, sets: Sets, sound: np.ndarray) -> np.ndarray:
    """Status (subject,) of what is given: systems that are sound, doses that are numbers."""
    starts = plan.first[:-1]
    systems = np.logical_and.reduceat(sound[sets.own] & sound[sets.stretch], starts)
    doses = np.logical_and.reduceat(sound_doses(plan), starts)
    return np.where(systems, np.where(doses, Status.OK, Status.BAD_DOSE), Status.BAD_PARAMETER).astype(
        np.int8
    )


def sound_doses(plan: Events) -> np.ndarray:
    """Which records have numbers, and none below zero."""
    fit = np.ones(len(plan.time), dtype=bool)
    for values in (plan.amount, plan.rate, plan.duration, plan.lag, plan.F):
        fit &= np.isfinite(values) & (values >= 0.0)
    return fit


def entries_of(plan: Events) -> np.ndarray:
    """How many entries the agenda of each subject may have to hold."""
    with np.errstate(all="ignore"):
        overlap = np.where(plan.interval > 0, np.floor(plan.duration / plan.interval) + 3, 1)
    ends = np.where(plan.steady > 0, overlap, np.minimum(plan.additional + 1, overlap))
    most = np.where(np.isfinite(ends), ends, 0) * (plan.rate > 0) + 1
    return np.add.reduceat(np.where(plan.giving, most, 0), plan.first[:-1])


def _cuts(first: np.ndarray, blocks: int) -> np.ndarray:
    """Subjects at which blocks of about equally many records begin, and the end."""
    wanted = np.linspace(0, first[-1], blocks + 1)
    return np.unique(np.searchsorted(first, wanted))


def _mark_lost(levels: np.ndarray, status: np.ndarray, plan: Events, *, gridded: bool) -> None:
    """Find the subjects whose levels have left the range of numbers."""
    whose = observed_of(plan)
    for position in range(len(levels)):
        wrong = ~np.isfinite(levels[position]).all(axis=0)
        lost = wrong.any(axis=1) if gridded else np.bincount(whose, wrong[0], minlength=status.shape[1]) > 0
        status[position][lost & (status[position] == Status.OK)] = Status.NOT_FINITE


def clear_failed(levels: np.ndarray, status: np.ndarray, plan: Events, *, gridded: bool) -> None:
    """NaN for subjects that could not be solved."""
    for position in range(len(levels)):
        failed = status[position] != Status.OK
        if gridded:
            levels[position][:, failed] = np.nan
        else:
            levels[position][:, 0, failed[observed_of(plan)]] = np.nan


def observed_of(plan: Events) -> np.ndarray:
    """Whose each observation is (observation,)."""
    return per_record(np.arange(len(plan.first) - 1), plan.first)[plan.evid == 0]
