"""A second simulator for event tables, slow and obvious: what the engine should say, without any of its ideas.

Nothing here is clever. A dose with additional ones is written out, one arrival each. A steady state is hundreds of
explicit doses that began long ago, in a body of its own that was empty. Between two moments at which anything changes,
inflows are constant and the rest is linear, so one matrix exponential (scipy's Padé approximation, not ours) carries
the amounts on.

The caller says what a model file would say: the flows of every stretch, and F, lag, R and D of every dose.
"""

import heapq
import itertools
import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.linalg import expm

SAME = 1e-12
"""Moments that differ by less than this part of them are one moment."""
FEWEST = 400
"""Doses of a train that stands for an endless one, at least."""
MOST = 200_000
"""More would take minutes: the caller asked for a body that nearly keeps everything."""


@dataclass(frozen=True)
class Record:
    """One line of an event table, and what the model makes of it.

    ``flows`` and ``own_flows`` are ``{(source, target): rate}``, compartments counted from 0, target None leaving the
    body: those of the stretch that ends at this record, and those of the record itself (for its steady state).
    """

    time: float
    flows: dict
    evid: int = 0
    compartment: int = 0  # CMT, counted from 1; negative switches off; 0 nothing (doses need one)
    amount: float = 0.0
    rate: float = 0.0  # RATE; -1: R below, -2: D below
    duration: float = 0.0  # DUR
    interval: float = 0.0  # II
    additional: int = 0  # ADDL
    steady: int = 0  # SS
    own_flows: dict = field(default_factory=dict)
    F: float = 1.0
    lag: float = 0.0
    R: float = 0.0
    D: float = 0.0
    initial: tuple = ()  # amounts after a reset here, and before the first record; () none

    @property
    def is_constant_infusion(self):
        """SS with RATE and without AMT and II: it has run for ever, and stops here."""
        return self.steady > 0 and self.amount == 0 and self.interval == 0 and self.rate != 0

    def into(self):
        return self.compartment - 1

    def as_infusion(self):
        """Rate and hours of what enters; 0 hours for a bolus. F acts on the hours where a rate is given."""
        arriving = self.F * self.amount
        if self.rate > 0 or self.rate == -1:
            rate = self.rate if self.rate > 0 else self.R
            return rate, arriving / rate
        hours = self.D if self.rate == -2 else self.duration
        return (arriving / hours if hours > 0 else 0.0), hours

    @property
    def is_bolus(self):
        return self.rate == 0 and self.duration == 0


class Body:
    """Amounts at a moment, what is running in, what is due later, and which compartments are off."""

    def __init__(self, n, now, *, amounts=(), off=()):
        self.amounts = np.array(amounts or [0.0] * n, dtype=float)
        self.now = now
        self.off = set(off)
        self.running = {}  # number of the infusion: (compartment, rate)
        self.due = []  # heap of (time, number, what): a Record that arrives, or the number of an infusion that ends
        self.number = itertools.count()

    def schedule(self, time, what):
        heapq.heappush(self.due, (time, next(self.number), what))

    def advance(self, time, flows):
        """Go on to ``time``; what is due until then, and just then, happens on the way."""
        while self.due and self.due[0][0] <= time + SAME * abs(time):
            moment, _, what = heapq.heappop(self.due)
            self.drift(min(moment, time), flows)
            if isinstance(what, Record):
                self.arrive(what, moment)
            else:
                self.running.pop(what, None)  # a reset may have stopped it before
        self.drift(time, flows)

    def drift(self, time, flows):
        """Nothing happens until ``time``."""
        if time > self.now:
            inflow = [0.0] * len(self.amounts)
            for compartment, rate in self.running.values():
                inflow[compartment] += rate
            moved, entered = carried(
                tuple(flows.items()), frozenset(self.off), tuple(inflow), time - self.now
            )
            self.amounts = moved @ self.amounts + entered
            self.now = time

    def arrive(self, dose, moment):
        """A bolus enters, an infusion begins."""
        self.off.discard(dose.into())
        if dose.is_bolus:
            self.amounts[dose.into()] += dose.F * dose.amount
            return
        rate, hours = dose.as_infusion()
        if hours > 0:
            number = next(self.number)
            self.running[number] = dose.into(), rate
            self.schedule(moment + hours, number)
        else:  # no duration in the model: at once (a rate with F = 0 has nothing to give)
            self.amounts[dose.into()] += dose.F * dose.amount

    def switch_off(self, compartment):
        self.off.add(compartment)
        self.amounts[compartment] = 0.0
        self.running = {key: run for key, run in self.running.items() if run[0] != compartment}

    def reset(self, initial):
        """Doses that are due later stay due."""
        self.amounts = np.array(initial or [0.0] * len(self.amounts), dtype=float)
        self.running.clear()
        self.off.clear()

    def add(self, other):
        """Superposition: all that the other body holds and waits for is added."""
        self.amounts = self.amounts + other.amounts
        self.off &= other.off
        renamed = {old: next(self.number) for old in other.running}
        for old, new in renamed.items():
            self.running[new] = other.running[old]
        for time, _, what in sorted(other.due, key=lambda each: each[:2]):
            if isinstance(what, Record):
                self.schedule(time, what)
            elif what in renamed:
                self.schedule(time, renamed[what])


@lru_cache(maxsize=20_000)
def carried(flows, off, inflow, hours):
    """What becomes of the amounts in ``hours``: the matrix that moves them, and what the constant inflow adds."""
    n = len(inflow)
    rates = np.zeros((n + 1, n + 1))
    rates[:n, n] = inflow
    for (source, target), rate in flows:
        rates[source, source] -= rate
        if target is not None and target not in off:  # what flows to a compartment that is off is lost
            rates[target, source] += rate
    whole = expm(rates * hours)
    return whole[:n, :n], whole[:n, n]


def enough(flows, compartment, off, interval):
    """How many doses, ``interval`` apart, until one more would change nothing: the first has decayed by exp(-45)."""
    reached, new = set(), {compartment}
    while new:
        reached |= new
        new = {
            target
            for (source, target), rate in flows.items()
            if source in reached and rate > 0 and target is not None and target not in off
        } - reached
    order = {name: place for place, name in enumerate(sorted(reached))}
    rates = np.zeros((len(order), len(order)))
    for (source, target), rate in flows.items():
        if source in order:
            rates[order[source], order[source]] -= rate
            if target in order:
                rates[order[target], order[source]] += rate
    slowest = -np.linalg.eigvals(rates).real.max()
    if slowest * interval * MOST < 45:
        raise ValueError(f"the slowest rate is {slowest:.3g} /h: a steady state takes too many doses")
    return max(FEWEST, math.ceil(45 / (slowest * interval)))


def steady_body(dose, n, off):
    """The body at the time of a SS record, with no other doses than an endless train of this one before it."""
    off = set(off) - {dose.into()}  # a dose into it has switched it on
    flows = dose.own_flows
    if dose.is_constant_infusion:
        count = enough(flows, dose.into(), off, 1.0)
        body = Body(n, dose.time - count, off=off)
        body.running[next(body.number)] = dose.into(), dose.rate if dose.rate > 0 else dose.R
        for hour in reversed(range(count)):
            body.advance(dose.time - hour, flows)
        body.running.clear()
        return body
    _, hours = dose.as_infusion()
    count = enough(flows, dose.into(), off, dose.interval) + math.ceil((dose.lag + hours) / dose.interval)
    arrivals = [dose.time - k * dose.interval + dose.lag for k in range(count, 0, -1)]
    body = Body(n, arrivals[0], off=off)
    for arrival in arrivals:
        body.schedule(arrival, dose)
    body.advance(dose.time, flows)
    return body


def give(body, dose):
    """EVID 1: its steady state, the dose, and its additional doses. The body from now on."""
    if dose.steady:
        train = steady_body(dose, len(body.amounts), body.off)
        if dose.steady == 1:
            body = train
        else:
            body.add(train)
    if not dose.is_constant_infusion:
        for k in range(dose.additional + 1):
            body.schedule(dose.time + k * dose.interval + dose.lag, dose)
        body.advance(dose.time, dose.own_flows)  # no time passes: without a lag the dose arrives now
    return body


def simulate(records, n):
    """Amounts in the ``n`` compartments at each observation (EVID 0) of one subject's records, a list for each."""
    body = Body(n, records[0].time, amounts=records[0].initial)
    found = []
    for record in records:
        body.advance(record.time, record.flows)
        if record.evid == 0:
            found.append(body.amounts.tolist())
        if record.evid in (0, 2) and record.compartment < 0:
            body.switch_off(-record.compartment - 1)
        if record.evid == 2 and record.compartment > 0:
            body.off.discard(record.into())
        if record.evid in (3, 4):
            body.reset(record.initial)
        if record.evid in (1, 4):
            body = give(body, record)
        if record.evid == 8:
            body.off.discard(record.into())
            body.amounts[record.into()] = record.amount
    return found
