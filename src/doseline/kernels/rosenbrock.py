"""Stiff steps of sixteen lanes at once: Rodas5P, with the model's own Jacobian.

Right-hand side, Jacobian and the sums of stages are worked out for all lanes together, as in `runge_kutta`; the linear
systems are solved lane by lane, with partial pivoting, for each lane may need another order of rows.
"""

from __future__ import annotations

import math

import numpy as np

from doseline.kernels import methods
from doseline.kernels.kernel import kernel, written_kernel
from doseline.kernels.lanes import (
    ABSOLUTE,
    DENSE,
    DRIFT,
    END,
    ERROR,
    INVERSE,
    JACOBIAN,
    LANES,
    LENGTH,
    RATE,
    RELATIVE,
    SINCE,
    STAGES,
    START,
    STATE,
    STEP,
    TIME,
)
from doseline.kernels.runge_kutta import FIFTH_ROOT, ending, weighted


@kernel(counted=False)
def factor(matrix, order, scale):
    """Lower and upper factors of a matrix (n, n) in its place, and the order of its rows.

    A pivot is the largest of its column once each row is divided by its ``scale``, which is put in order too. States
    have units of their own: a row in cells for each litre beside one in mg would always be taken for the larger, and
    its rounding would drown the other's tolerance.
    """
    n = matrix.shape[0]
    for k in range(n):
        best, most = k, abs(matrix[k, k]) / scale[k]
        for i in range(k + 1, n):
            size = abs(matrix[i, k]) / scale[i]
            if size > most:
                best, most = i, size
        order[k] = best
        if best != k:
            scale[k], scale[best] = scale[best], scale[k]
            for j in range(n):
                matrix[k, j], matrix[best, j] = matrix[best, j], matrix[k, j]
        # what follows is no number then, and the step fails
        if not most > 0.0:
            matrix[k, k] = math.nan
        for i in range(k + 1, n):
            share = matrix[i, k] / matrix[k, k]
            matrix[i, k] = share
            if share != 0.0:
                for j in range(k + 1, n):
                    matrix[i, j] -= share * matrix[k, j]


@kernel(counted=False)
def solve_lane(w, block, lane, matrix, order, vector):
    """Solve for one lane: the right-hand side is in ``RATE``, the answer goes to ``block``."""
    n = matrix.shape[0]
    for i in range(n):
        vector[i] = w[RATE + i * LANES + lane]
    for k in range(n):
        best = order[k]
        if best != k:
            vector[k], vector[best] = vector[best], vector[k]
    for i in range(n):
        total = vector[i]
        for j in range(i):
            total -= matrix[i, j] * vector[j]
        vector[i] = total
    for i in range(n - 1, -1, -1):
        total = vector[i]
        for j in range(i + 1, n):
            total -= matrix[i, j] * vector[j]
        vector[i] = total / matrix[i, i]
    for i in range(n):
        w[block + i * LANES + lane] = vector[i]


@kernel(counted=False)
def factor_lanes(w, n, factors, orders, scale):
    """Factor ``I / (gamma h) - J`` for every lane that has a step to take; ``scale`` (n,) is room to work in.

    A derivative without a value, as that of ``tad ** 0.5`` at the very time of a dose, counts as 0 there: the estimate
    of the error then makes the step a short one, where no step at all could be taken.
    """
    for lane in range(LANES):
        if w[STEP + lane] > 0.0:
            own = factors[lane]
            for i in range(n):
                for j in range(n):
                    slope = w[JACOBIAN + (i * n + j) * LANES + lane]
                    own[i, j] = -slope if math.isfinite(slope) else 0.0
                own[i, i] += 1.0 / (methods.RODAS5P_GAMMA * w[STEP + lane])
                q = i * LANES + lane
                if not math.isfinite(w[DRIFT + q]):
                    w[DRIFT + q] = 0.0
                scale[i] = w[ABSOLUTE + q] + w[RELATIVE + q] * abs(w[START + q])
            factor(own, orders[lane], scale)


@kernel(counted=False)
def solve_lanes(w, n, block, factors, orders, vector):
    """Solve for every lane that has a step to take."""
    for lane in range(LANES):
        if w[STEP + lane] > 0.0:
            solve_lane(w, block, lane, factors[lane], orders[lane], vector)


def _rodas5p() -> str:
    a, c = methods.RODAS5P_A, methods.RODAS5P_C
    body = f"""def rodas5p(rhs, jacobian, w, n, timed, memory):
    factors, orders, vector = memory.factors, memory.pivots, memory.vector
    wide = memory.lanes.shape[0]
    m = n * {LANES}
    for q in range(m):
        w[{STATE} + q] = w[{START} + q]
        w[{INVERSE} + q] = 1.0 / w[{LENGTH} + q]
    for l in range(timed):
        w[{TIME} + l] = w[{SINCE} + l]
    jacobian(w)
    factor_lanes(w, n, factors, orders, vector)
    rhs(w)"""
    for s in range(8):
        if s:
            body += f"""
    for q in range(m):
        w[{STATE} + q] = w[{START} + q] + ({weighted(a[s][:s])})
    for l in range(timed):
        w[{TIME} + l] = w[{SINCE} + l] + {float(methods.RODAS5P_TIMES[s])!r} * w[{STEP} + l]
    rhs(w)"""
        drift, mixed = float(methods.RODAS5P_D[s]), weighted(c[s][:s])
        terms = [f"w[{RATE} + q]"]
        terms += [f"{drift!r} * w[{LENGTH} + q] * w[{DRIFT} + q]"] if drift else []
        terms += [f"w[{INVERSE} + q] * ({mixed})"] if mixed else []
        body += f"""
    for q in range(m):
        w[{RATE} + q] = {" + ".join(terms)}
    solve_lanes(w, n, {STAGES[s]}, factors, orders, vector)"""
    return body + ending(
        f"w[{STAGES[7]} + q]",
        f"w[{STATE} + q] + k",
        {ERROR: "k"},
        miss="math.sqrt(a / n)",
        root=FIFTH_ROOT,
        keep=None,
    )


def _rodas5p_dense() -> str:
    first, second, third = (weighted(row) for row in methods.RODAS5P_H)
    # from Steinebach's nesting to that of `between`
    return f"""def rodas5p_dense(w, n):
    for q in range(n * {LANES}):
        third = {third}
        w[{DENSE[0]} + q] = w[{END} + q] - w[{START} + q]
        w[{DENSE[1]} + q] = {first}
        w[{DENSE[2]} + q] = {second} + third
        w[{DENSE[3]} + q] = -third
        w[{DENSE[4]} + q] = 0.0
        w[{DENSE[5]} + q] = 0.0
        w[{DENSE[6]} + q] = 0.0
"""


_KNOWN = {
    "math": math,
    "np": np,
    "factor_lanes": factor_lanes,
    "solve_lanes": solve_lanes,
    "__name__": __name__,
}
rodas5p = written_kernel(_rodas5p(), "rodas5p", dict(_KNOWN), file=__file__)
rodas5p_dense = written_kernel(_rodas5p_dense(), "rodas5p_dense", dict(_KNOWN), file=__file__)
