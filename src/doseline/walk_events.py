"""Event tables through the kernels: arrays of a model and of its records in, levels and statuses out.

One subject is one row here, however many records it has; blocks hold about equally many records.
"""

from collections.abc import Sequence

import numpy as np

from doseline.compile import Compiled
from doseline.errors import Status
from doseline.events import Events, Sets
from doseline.kernels.agenda import ENTRY, TABLE, list_doses
from doseline.kernels.program import Grid
from doseline.kernels.walk import SOLVED, UNBOUNDED, UNSETTLED, Systems, blank_work, walk_records
from doseline.solve import BLOCKS_A_THREAD, in_threads, matrices, widened
from doseline.times import even_step

ENDED = {SOLVED: Status.OK, UNSETTLED: Status.NO_STEADY_STATE, UNBOUNDED: Status.NOT_FINITE}


def solve_events(
    compiled: Compiled, sets: Sets, plans: Sequence[Events], times: np.ndarray | None, *, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Levels in the outputs' units, and status (plan, subject).

    Levels are (plan, output, observation), or (plan, output, subject, time) where ``times`` are given.
    """
    infused = sorted({int(state) for plan in plans for state in plan.infused})
    given = matrices(compiled, sets.values, count=sets.count)
    wide = widened(given, infused)
    systems = Systems(wide.rates, wide.losses, wide.weights, wide.initial, len(compiled.states))
    tables = [_table(plan, sets, infused, compiled, observed=times is None) for plan in plans]
    status = np.stack([_fit(plan, sets, given.sound) for plan in plans])
    subjects = len(plans[0].first) - 1
    grid = Grid(np.empty(0), 0.0) if times is None else Grid(times, even_step(times))
    shape = (1, int((plans[0].evid == 0).sum())) if times is None else (subjects, len(times))
    levels = np.empty((len(plans), wide.weights.shape[0], *shape))
    ended = np.full(status.shape, SOLVED, dtype=np.int64)
    size = np.zeros(systems.initial.shape[1])
    entries = [_entries(plan) for plan in plans]

    def work(task: tuple[int, int]) -> None:
        position, block = task
        span = (int(cuts[block]), int(cuts[block + 1]))
        room = blank_work(len(size), int(entries[position][span[0] : span[1]].max(initial=0)))
        able = status[position] == Status.OK
        walk_records(
            span, able, first, tables[position], systems, grid, room, levels[position], ended[position], size
        )

    first = np.ascontiguousarray(plans[0].first, dtype=np.int64)
    cuts = _cuts(first, threads * BLOCKS_A_THREAD)
    in_threads(work, [(p, b) for p in range(len(plans)) for b in range(len(cuts) - 1)], threads)
    for code, told in ENDED.items():
        status[(status == Status.OK) & (ended == code)] = told
    _mark(levels, status, plans[0], gridded=times is not None)
    return levels if times is not None else levels[:, :, 0], status


def doses_of(plan: Events) -> tuple[np.ndarray, np.ndarray]:
    """Every dose that arrives, subject after subject: its record, and which dose of the record it is (0: the first)."""
    table = _table(plan, Sets({}, 0, plan.evid, plan.evid), [], None, observed=False)
    early = np.zeros(len(plan.time))
    train = (plan.steady > 0) & (plan.interval > 0)
    early[train] = np.ceil(plan.lag[train] / plan.interval[train])
    room = int((_dosing(plan) * (plan.additional + 1 + early)).sum())
    row, count = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    agenda, held = np.empty(int(_entries(plan).max(initial=0)), ENTRY), np.zeros(1, dtype=np.int64)
    found = list_doses(np.ascontiguousarray(plan.first, dtype=np.int64), table, agenda, held, row, count)
    return row[:found], count[:found]


def _dosing(plan: Events) -> np.ndarray:
    return np.isin(plan.evid, (1, 4)) & ~((plan.steady > 0) & (plan.interval == 0.0))


def _table(
    plan: Events, sets: Sets, infused: Sequence[int], compiled: Compiled | None, *, observed: bool
) -> np.ndarray:
    """Events for the kernels: the k-th infused state gets its rate from the k-th state behind the compartments."""
    n = len(compiled.states) if compiled else 0
    inflow = np.full(len(plan.time), -1)
    for k, state in enumerate(infused):
        inflow[plan.place == state] = n + k
    table = np.empty(len(plan.time), dtype=TABLE)
    for name in TABLE.names or ():
        if hasattr(plan, name):
            table[name] = getattr(plan, name)
    table["inflow"], table["stretch"], table["own"] = inflow, sets.stretch, sets.own
    table["slot"] = np.where(observed & (plan.evid == 0), np.cumsum(plan.evid == 0) - 1, -1)
    return table


def _fit(plan: Events, sets: Sets, sound: np.ndarray) -> np.ndarray:
    """Status (subject,) of what is given: systems that are sound, doses that are numbers."""
    starts = plan.first[:-1]
    systems = np.logical_and.reduceat(sound[sets.own] & sound[sets.stretch], starts)
    fit = np.ones(len(plan.time), dtype=bool)
    for values in (plan.amount, plan.rate, plan.length, plan.lag, plan.F):
        fit &= np.isfinite(values) & (values >= 0.0)
    doses = np.logical_and.reduceat(fit, starts)
    return np.where(systems, np.where(doses, Status.OK, Status.BAD_DOSE), Status.BAD_PARAMETER).astype(
        np.int8
    )


def _entries(plan: Events) -> np.ndarray:
    """How many entries the agenda of each subject may have to hold."""
    with np.errstate(all="ignore"):
        overlap = np.where(plan.interval > 0, np.floor(plan.length / plan.interval) + 3, 1)
    ends = np.where(plan.steady > 0, overlap, np.minimum(plan.additional + 1, overlap))
    most = np.where(np.isfinite(ends), ends, 0) * (plan.rate > 0) + 1
    return np.add.reduceat(np.where(_dosing(plan), most, 0), plan.first[:-1])


def _cuts(first: np.ndarray, blocks: int) -> np.ndarray:
    """Subjects at which blocks of about equally many records begin, and the end."""
    wanted = np.linspace(0, first[-1], blocks + 1)
    return np.unique(np.searchsorted(first, wanted))


def _mark(levels: np.ndarray, status: np.ndarray, plan: Events, *, gridded: bool) -> None:
    """NaN for subjects that could not be solved, and for those whose levels have left the range of numbers."""
    whose = np.repeat(np.arange(len(plan.first) - 1), np.diff(plan.first))[plan.evid == 0]
    for position in range(len(levels)):
        wrong = ~np.isfinite(levels[position]).all(axis=0)
        lost = wrong.any(axis=1) if gridded else np.bincount(whose, wrong[0], minlength=status.shape[1]) > 0
        status[position][lost & (status[position] == Status.OK)] = Status.NOT_FINITE
        failed = status[position] != Status.OK
        if gridded:
            levels[position][:, failed] = np.nan
        else:
            levels[position][:, 0, failed[whose]] = np.nan
