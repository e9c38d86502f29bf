r"""Steady state without waiting for it: what an endless train of equal doses leaves behind.

If a period moves the state by ``x -> E x + g``, it is settled where ``(I - E) x = g``. The matrix is never formed: its
diagonal, ``1 - E_jj``, is what leaves compartment j for good in a period plus what is elsewhere by then, a sum of
numbers >= 0 that are known with all their digits. Gauss elimination in these terms (Grassmann, Taksar and Heyman
1985; Alfa, Xue and Ye 2002) subtracts nothing, so a drug of which a millionth leaves in a period comes out as exact as
any other. The same elimination solves ``-A x = rate e_i``, the level at which a constant infusion settles.
"""

from typing import NamedTuple

from doseline.kernels.agenda import overlap
from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import ENTERS, HELD, LEAVES, LOSS, MATRIX, SCRATCH, STRIDE, TRAIN, move
from doseline.kernels.propagator import propagator


class Train(NamedTuple):
    """Equal doses without beginning, as they stand at one moment."""

    target: int  # state that a bolus enters, or that the infusion flows into
    inflow: int  # state that holds the rate of the infusion
    amount: float  # of a bolus [mg]
    rate: float  # of an infusion [mg/h]; 0: a bolus
    duration: float  # of an infusion [h]
    interval: float  # [h]
    since: float  # how long ago the last one arrived [h]; at most an interval


@kernel
def eliminate(w, n):
    """Amounts at which what leaves each of ``n`` compartments equals what enters it, into the row ``ENTERS``.

    The row ``HELD`` has, at ``i * n + j``, the fraction that goes from j to i, ``LEAVES`` the one that goes for good.
    All are overwritten. False where something enters compartments from which nothing ever leaves.
    """
    for k in range(n):
        out = w[LEAVES, k]
        for i in range(k + 1, n):
            out += w[HELD, i * n + k]
        w[HELD, k * n + k] = out
        if out > 0.0:
            for j in range(k + 1, n):
                share = w[HELD, k * n + j] / out
                for i in range(k + 1, n):
                    w[HELD, i * n + j] += w[HELD, i * n + k] * share
                w[LEAVES, j] += w[LEAVES, k] * share
            passed = w[ENTERS, k] / out
            for i in range(k + 1, n):
                w[ENTERS, i] += w[HELD, i * n + k] * passed
    settled = True
    for k in range(n - 1, -1, -1):
        inward = w[ENTERS, k]
        for j in range(k + 1, n):
            inward += w[HELD, k * n + j] * w[ENTERS, j]
        out = w[HELD, k * n + k]
        settled = settled and (out > 0.0 or inward == 0.0)
        w[ENTERS, k] = inward / out if out > 0.0 else 0.0
    return settled


@kernel
def balance(w, row, loss, compartments, size):
    """Solve for the amounts: ``row`` holds transfers (n * n), ``loss`` what leaves; False where they never settle.

    What enters is in the row ``TRAIN``, and so is the answer; no rate stays there.
    """
    n = len(size)
    for j in range(compartments):
        for i in range(compartments):
            w[HELD, i * compartments + j] = w[row, i * n + j]
        w[LEAVES, j] = w[loss, j]
        w[ENTERS, j] = w[TRAIN, j]
    settled = eliminate(w, compartments)
    for i in range(n):
        w[TRAIN, i] = w[ENTERS, i] if i < compartments else 0.0
    return settled


@kernel(inline="always")
def hold_rate(w, target, rate, compartments, size):
    """Level at which a constant infusion settles, into the row ``TRAIN``; False where it never does."""
    n = len(size)
    for j in range(n):
        w[TRAIN, j] = 0.0
    w[TRAIN, target] = rate
    return balance(w, MATRIX, LOSS, compartments, size)


@kernel
def run_infusions(w, train, t, compartments, size):
    """Move the row ``TRAIN`` by ``t`` <= an interval from the arrival of an infusion on."""
    whole, rest = overlap(train.duration, train.interval)
    first = min(rest, t)
    for part in range(2):
        w[TRAIN, train.inflow] = (whole + 1.0 - part) * train.rate
        move(w, TRAIN, first if part == 0 else t - first, compartments, size)
    w[TRAIN, train.inflow] = 0.0


@kernel(inline="always")
def settle(w, train, compartments, size):
    """State of the train now, without the rates of its infusions, into the row ``TRAIN``; False where it never settles.

    The ladder stands on the system.
    """
    n = len(size)
    for i in range(n):
        w[TRAIN, i] = 0.0
    if train.rate > 0.0:
        run_infusions(w, train, train.interval, compartments, size)
    else:
        w[TRAIN, train.target] = train.amount
    # the stride of a grid is made again when it is needed
    propagator(w[MATRIX], w[LOSS], train.interval, w[STRIDE], w[SCRATCH : SCRATCH + 4], size)
    settled = balance(w, STRIDE, SCRATCH + 2, compartments, size)
    if train.rate > 0.0:
        run_infusions(w, train, train.since, compartments, size)
    else:
        move(w, TRAIN, train.since, compartments, size)
    return settled
