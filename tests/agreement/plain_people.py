"""A second simulator for people, slow and obvious: what the engine should say of one person, without any of its ideas.

A person is what a Dataset says of them: when doses were taken and with which meal, the parameters of the person and
what each occasion makes of them. Between two moments at which anything changes, inflows are constant and the rest is
linear, so one matrix exponential (scipy's Padé approximation, not ours) carries the amounts on.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm


@dataclass(frozen=True)
class Arrival:
    """``amount`` [mg] into a compartment, all of it at ``begin`` or evenly until ``end``. [h]"""

    begin: float
    end: float
    amount: float
    into: int


@dataclass(frozen=True)
class Stretch:
    """From ``begin`` [h] on, amounts x follow x' = matrix x, and levels are weights x, a row for each output."""

    begin: float
    matrix: np.ndarray
    weights: np.ndarray


def levels(stretches, arrivals, initial, times):
    """Levels (time, output), those after a dose or a change that happens then; the body is empty before time zero."""
    starts = [stretch.begin for stretch in stretches]
    moments = {0.0, *starts, *times}
    for one in arrivals:
        moments |= {one.begin, one.end}
    wanted, found, known = set(times), {}, {}
    state, now = np.array(initial, dtype=float), 0.0
    n = len(state)
    for moment in sorted(moments):
        if moment > now:
            stretch = bisect_right(starts, now) - 1
            inflow = [0.0] * n
            for one in arrivals:
                if one.begin <= now and moment <= one.end:
                    inflow[one.into] += one.amount / (one.end - one.begin)
            key = (stretch, moment - now, *inflow)
            if key not in known:
                wide = np.zeros((n + 1, n + 1))
                wide[:n, :n], wide[:n, n] = stretches[stretch].matrix, inflow
                known[key] = expm(wide * (moment - now))
            moved = known[key]
            state = moved[:n, :n] @ state + moved[:n, n]
        for one in arrivals:
            if one.begin == one.end == moment:
                state[one.into] += one.amount
        if moment in wanted:
            found[moment] = stretches[bisect_right(starts, moment) - 1].weights @ state
        now = moment
    return np.array([found[time] for time in times])
