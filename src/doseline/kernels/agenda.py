"""What a subject's records put on the agenda: arrivals of doses and ends of infusions, in order of time.

A record with additional doses is one entry, which asks for the next one when it is taken off. So the agenda holds no
more than what is under way, however long the course. Rules: docs/reference/event_tables.md.
"""

import math

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.program import SAME

OBSERVE, DOSE, OTHER, RESET, RESET_DOSE, REPLACE = 0, 1, 2, 3, 4, 8
"""EVID of a record."""
END, ARRIVE = 0, 1
"""What an entry is: an infusion ends, a dose arrives."""

TABLE = np.dtype(
    [
        ("time", "f8"),  # [h]
        ("evid", "i4"),
        ("target", "i4"),  # state that is dosed, switched or replaced; -1: none
        ("inflow", "i4"),  # state that holds the rate of infusions into it; -1: none
        ("turn", "i4"),  # 1: the compartment is switched on; -1: off; 0: neither
        ("amount", "f8"),  # of a bolus, after bioavailability; or what EVID 8 puts there [mg]
        ("rate", "f8"),  # of an infusion [mg/h]; 0: a bolus
        ("duration", "f8"),  # of an infusion [h]
        ("lag", "f8"),  # [h]
        ("interval", "f8"),  # II [h]; 0 and SS: a constant infusion
        ("additional", "i4"),  # ADDL
        ("steady", "i4"),  # SS
        ("stretch", "i4"),  # system of the stretch that ends here
        ("own", "i4"),  # system at the record
        ("slot", "i4"),  # which column its levels are written to; -1: none
    ]
)
"""Records of all subjects, one after another: one array of these, and where the records of each subject begin."""

ENTRY = np.dtype(
    [
        ("nominal", "f8"),  # when the dose was given [h]
        ("delay", "f8"),  # what is added to it: lag, and the duration of an infusion that ends [h]
        ("slack", "f8"),  # what the rounding of their sum may be [h]
        ("what", "i4"),
        ("row", "i4"),  # whose dose
        ("count", "i8"),  # which of its doses: 0 its own, below 0 earlier ones of its train
    ]
)
"""One entry. The soonest stands last; how many there are is in ``held[0]``.

Times are pairs, as in `program`: the length of a short infusion late in a long course has all its digits.
"""


@kernel
def copy(agenda, at, other):
    """Write entry ``other`` at ``at`` too."""
    agenda[at].nominal = agenda[other].nominal
    agenda[at].delay = agenda[other].delay
    agenda[at].slack = agenda[other].slack
    agenda[at].what = agenda[other].what
    agenda[at].row = agenda[other].row
    agenda[at].count = agenda[other].count


@kernel
def put(agenda, held, time, slack, what, row, count):
    """Write one entry down, behind those that are due no later; ``time`` is (nominal, delay)."""
    at, (nominal, delay) = held[0], time
    while at > 0 and agenda[at - 1].nominal + agenda[at - 1].delay <= nominal + delay:
        copy(agenda, at, at - 1)
        at -= 1
    agenda[at].nominal = nominal
    agenda[at].delay = delay
    agenda[at].slack = slack
    agenda[at].what = what
    agenda[at].row = row
    agenda[at].count = count
    held[0] += 1


@kernel
def put_arrival(agenda, held, table, row, count):
    """Write down the arrival of the ``count``-th dose of a record."""
    time, since, lag = table[row].time, count * table[row].interval, table[row].lag
    # the sum may be near zero where what it is made of is not
    put(agenda, held, (time + since, lag), SAME * (abs(time) + abs(since) + lag), ARRIVE, row, count)


@kernel
def is_due(agenda, held, until):
    """Is the soonest entry due by then? What is scheduled for a time comes before everything else at that time."""
    at = held[0] - 1
    if at < 0:
        return False
    soonest = agenda[at].nominal + agenda[at].delay
    return soonest <= until or soonest - until <= agenda[at].slack


@kernel
def strike_ends(agenda, held, table, target):
    """Strike out the ends of infusions into ``target``; of all infusions where it is -1."""
    kept = 0
    for at in range(held[0]):
        if agenda[at].what != END or (target != -1 and table[agenda[at].row].target != target):
            copy(agenda, kept, at)
            kept += 1
    held[0] = kept


@kernel
def take_off(agenda, held, table):
    """Strike out the soonest entry; a dose that arrives puts the next one and the end of its infusion down."""
    at = held[0] - 1
    nominal, delay, slack = agenda[at].nominal, agenda[at].delay, agenda[at].slack
    what, row, count = agenda[at].what, agenda[at].row, agenda[at].count
    held[0] = at
    if what == ARRIVE:
        if count < table[row].additional:
            put_arrival(agenda, held, table, row, count + 1)
        if table[row].rate > 0.0:
            duration = table[row].duration
            put(agenda, held, (nominal, delay + duration), slack + SAME * duration, END, row, count)
    return what, row


@kernel
def under_way(table, row):
    """How many doses of a train have been given before its record and have not arrived, for their lag."""
    return max(1.0, math.ceil(table[row].lag / table[row].interval * (1.0 - SAME))) - 1.0


@kernel
def since_last(table, row):
    """How long before its record the last dose of a train arrived [h]."""
    tau = table[row].interval
    return min(max((under_way(table, row) + 1.0) * tau - table[row].lag, 0.0), tau)


@kernel
def overlap(duration, interval):
    """How many infusions of a train run all the time, and for how long after each arrival there is one more [h]."""
    whole = np.floor(duration / interval * (1.0 + SAME))
    rest = duration - whole * interval
    return whole, 0.0 if rest < SAME * duration else rest


@kernel(inline="always")
def quiet_until(agenda, held, table, row, last):
    """Until when nothing happens, with room for rounding [h]; the next record is ``row``, and behind all ``last``."""
    until = math.inf
    if row < last:
        until = table[row].time - SAME * abs(table[row].time)
    at = held[0] - 1
    if at >= 0:
        due = agenda[at].nominal + agenda[at].delay
        until = min(until, due - agenda[at].slack)
    return until


@kernel
def plan_row(agenda, held, table, row):
    """What a record changes on the agenda; how many infusions of its train still run is the answer."""
    evid, steady = table[row].evid, table[row].steady
    if evid in (RESET, RESET_DOSE):
        strike_ends(agenda, held, table, -1)
    if table[row].turn == -1:
        strike_ends(agenda, held, table, table[row].target)
    if steady == 1:
        held[0] = 0
    running = 0
    constant = steady > 0 and table[row].interval == 0.0
    if evid in (DOSE, RESET_DOSE) and not constant:
        count = np.int64(0)
        if steady > 0:
            count = -np.int64(under_way(table, row))
            now, duration = table[row].time, table[row].duration
            ends = duration - since_last(table, row)
            # an infusion that ends at this very moment is over
            slack = SAME * (duration + abs(now))
            while table[row].rate > 0.0 and ends > slack:
                put(agenda, held, (now, ends), slack, END, row, count)
                running += 1
                ends -= table[row].interval
        put_arrival(agenda, held, table, row, count)
    return running


@kernel
def list_doses(first, able, table, agenda, held, row, count):
    """Write down which doses arrive, in order: their records, and which dose of the record each is; how many there are.

    ``row`` and ``count`` hold as many entries as doses are asked for by the subjects that are ``able``.
    """
    found = 0
    for subject in range(able.shape[0]):
        held[0] = 0
        at, last = first[subject], first[subject + 1]
        while able[subject] and (at < last or held[0] > 0):
            until = table[at].time if at < last else math.inf
            if is_due(agenda, held, until):
                whose, which = agenda[held[0] - 1].row, agenda[held[0] - 1].count
                what, _ = take_off(agenda, held, table)
                if what == ARRIVE:
                    row[found], count[found] = whose, which
                    found += 1
            else:
                plan_row(agenda, held, table, at)
                at += 1
    return found
