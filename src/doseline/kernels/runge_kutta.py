"""Explicit steps of sixteen lanes at once: a method is a table of coefficients (`methods`), its code written from it.

Written out, every coefficient is a literal and every loop is flat, so the compiler keeps the lanes in vector registers.
Sums are added in the order of the table, without fused or reordered arithmetic: each lane gets the bits that a plain
loop over its numbers would.

Two numbers are handed on though they are known: ``wide`` is `LANES`, and ``timed`` the same where the model looks at
the clock, else 0. A loop over a literal 16 would be unrolled into as many scalar instructions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from doseline.kernels import methods
from doseline.kernels.kernel import kernel, written_kernel
from doseline.kernels.lanes import (
    ABSOLUTE,
    DENSE,
    END,
    ERROR,
    ERROR_TOO,
    GROWTH,
    LANES,
    LAST_STAGE,
    LENGTH,
    MISS,
    OVER,
    RATE,
    RELATIVE,
    SINCE,
    STAGES,
    START,
    STATE,
    STEP,
    SUM,
    SUM_TOO,
    TIME,
)

SAFETY = 0.9
TINY = 1e-300
"""Keeps a quotient of errors from 0 / 0, where there is no error at all."""
LEAST_GROWTH, MOST_GROWTH = 0.2, 10.0
"""By what a step may change."""
LAST_TERM = 1.2e-3
"""Error of the dense output of DOP853, as a part of the last term of its polynomial: found by comparing the two along
decays of two and three rates, where steps are as long as stability allows; it holds from 1e-9 to 1e-5 of the state."""
DENSE_MISS = 4.0
"""By how much the dense output may miss what a step may: a level that is read off is no more wrong than a course."""


def weighted(row: Sequence[float], last: int = -1) -> str:
    """Sum of coefficient * stage as code, zeros left out; stage ``last`` is at hand as ``k``."""
    terms = [
        f"{float(value)!r} * {'k' if j == last else f'w[{STAGES[j]} + q]'}"
        for j, value in enumerate(row)
        if value
    ]
    return " + ".join(terms)


def _stage(s: int, row: Sequence[float], c: float) -> str:
    """Keep the rate of the stage before, go to stage ``s`` and ask for its rate."""
    return f"""
    for q in range(m):
        k = w[{RATE} + q]
        w[{STAGES[s - 1]} + q] = k
        w[{STATE} + q] = w[{START} + q] + w[{LENGTH} + q] * ({weighted(row, s - 1)})
    for l in range(timed):
        w[{TIME} + l] = w[{SINCE} + l] + {float(c)!r} * w[{STEP} + l]
    rhs(w)"""


def _first() -> str:
    return f"""
    m = n * {LANES}
    for q in range(m):
        w[{STATE} + q] = w[{START} + q]
    for l in range(timed):
        w[{TIME} + l] = w[{SINCE} + l]
    rhs(w)"""


def ending(stage: str, end: str, errors: dict[int, str], *, miss: str, root: str, keep: int | None) -> str:
    """New state and error of each lane, as code: ``k`` is the last stage, ``errors`` what is summed for each block."""
    kept = f"\n        w[{keep} + q] = k" if keep is not None else ""
    wrong = "".join(
        f"\n        e = scale * ({code})\n        w[{block} + q] = e * e" for block, code in errors.items()
    )
    # counted without a sign: an index that may be negative costs more than the sum
    sums = "".join(
        f"""
        total = w[{block} + l]
        q = np.uint64(l)
        for i in range(np.uint64(1), np.uint64(n)):
            q += np.uint64({LANES})
            total += w[np.uint64({block}) + q]
        w[{(SUM, SUM_TOO)[at]} + l] = total"""
        for at, block in enumerate(errors)
    )
    return f"""
    for q in range(m):
        k = {stage}{kept}
        y = w[{START} + q]
        end = {end}
        w[{END} + q] = end
        scale = 1.0 / (w[{ABSOLUTE} + q] + w[{RELATIVE} + q] * max(abs(y), abs(end))){wrong}
    for l in range(wide):{sums}
    for l in range(wide):
        a, b = w[{SUM} + l], w[{SUM_TOO} + l]
        miss = {miss}
        w[{MISS} + l] = miss
        w[{GROWTH} + l] = {SAFETY} / {root}
"""


def _explicit_ending(last: int, b: Sequence[float], errors: Mapping[int, Sequence[float]], **how: str) -> str:
    """Of a method whose solution and errors are sums over stages, times the step."""
    return ending(
        f"w[{RATE} + q]",
        f"y + w[{LENGTH} + q] * ({weighted(b, last)})",
        {block: weighted(row, last) for block, row in errors.items()},
        miss=f"w[{STEP} + l] * {how['miss']}",
        root=how["root"],
        keep=STAGES[last],
    )


# a root of the error in steps of two: that of the order itself would be a power, which costs a third of a step
EIGHTH_ROOT = "math.sqrt(math.sqrt(math.sqrt(miss)))"
FIFTH_ROOT = "(math.sqrt(math.sqrt(math.sqrt(miss))) * math.sqrt(math.sqrt(math.sqrt(math.sqrt(miss)))))"


def _dop853() -> str:
    a, c = methods.DOP853_A, methods.DOP853_C
    body = "def dop853(rhs, w, n, wide, timed):" + _first()
    for s in range(1, 12):
        body += _stage(s, a[s][:s], c[s])
    errors = {ERROR: methods.DOP853_E5[:12], ERROR_TOO: methods.DOP853_E3[:12]}
    # Hairer's estimate: the fifth-order one, damped by the third
    miss = f"a / math.sqrt((a + 0.01 * b) * n + {TINY!r})"
    return body + _explicit_ending(11, methods.DOP853_B, errors, miss=miss, root=EIGHTH_ROOT)


def _tsit5() -> str:
    a, c = methods.TSIT5_A, methods.TSIT5_C
    body = "def tsit5(rhs, w, n, wide, timed):" + _first()
    for s in range(1, 7):
        body += _stage(s, a[s][:s], c[s])
    errors = {ERROR: methods.TSIT5_E}
    return body + _explicit_ending(6, a[6][:6], errors, miss="math.sqrt(a / n)", root=FIFTH_ROOT)


_KNOWN = {"math": math, "np": np, "__name__": __name__}
dop853 = written_kernel(_dop853(), "dop853", dict(_KNOWN), file=__file__)
tsit5 = written_kernel(_tsit5(), "tsit5", dict(_KNOWN), file=__file__)


def _dop853_dense() -> str:
    a, c, d = methods.DOP853_A_DENSE, methods.DOP853_C_DENSE, methods.DOP853_D
    body = f"""def dop853_dense(rhs, w, n, timed):
    m = n * {LANES}
    for q in range(m):
        w[{STATE} + q] = w[{END} + q]
    for l in range(timed):
        w[{TIME} + l] = w[{SINCE} + l] + w[{STEP} + l]
    rhs(w)"""
    for s in range(13, 16):
        body += _stage(s, a[s - 13][:s], c[s - 13])
    more = "".join(f"\n        w[{DENSE[3 + j]} + q] = h * ({weighted(row, 15)})" for j, row in enumerate(d))
    return (
        body
        + f"""
    for q in range(m):
        k = w[{RATE} + q]
        h = w[{LENGTH} + q]
        moved = w[{END} + q] - w[{START} + q]
        w[{DENSE[0]} + q] = moved
        w[{DENSE[1]} + q] = h * w[{STAGES[0]} + q] - moved
        w[{DENSE[2]} + q] = 2.0 * moved - h * (w[{STAGES[12]} + q] + w[{STAGES[0]} + q]){more}
"""
    )


@kernel(counted=False)
def refuse_dense(w, n, wide):
    """Refuse steps whose dense output is too wrong, where points are read off it.

    An error estimate sees the end of a step only. Where what decays fast has long gone, steps grow until they are
    hardly stable, and the polynomial between their ends is a hundred times as wrong as these.
    """
    for l in range(wide):
        if w[OVER + l] > 0.0 and w[MISS + l] <= 1.0:
            worst = 0.0
            for i in range(n):
                q = i * LANES + l
                scale = w[ABSOLUTE + q] + w[RELATIVE + q] * max(abs(w[START + q]), abs(w[END + q]))
                worst = max(worst, abs(w[DENSE[6] + q]) / scale)
            miss = worst * (LAST_TERM / DENSE_MISS)
            if miss > 1.0:
                w[MISS + l] = miss
                w[GROWTH + l] = SAFETY / math.sqrt(math.sqrt(math.sqrt(miss)))


def _tsit5_dense() -> str:
    columns = list(zip(*methods.TSIT5_P, strict=True))  # one for each power of theta, from the first on
    powers = "".join(f"\n        p{j} = {weighted(row)}" for j, row in enumerate(columns, start=1))
    # from powers of theta to the nested form of `between`
    return f"""def tsit5_dense(rhs, w, n):
    for q in range(n * {LANES}):
        h = w[{LENGTH} + q]{powers}
        w[{DENSE[0]} + q] = h * (p1 + p2 + p3 + p4)
        w[{DENSE[1]} + q] = -h * (p2 + p3 + p4)
        w[{DENSE[2]} + q] = -h * (p3 + 2.0 * p4)
        w[{DENSE[3]} + q] = h * p4
        w[{DENSE[4]} + q] = 0.0
        w[{DENSE[5]} + q] = 0.0
        w[{DENSE[6]} + q] = 0.0
"""


dop853_dense = written_kernel(_dop853_dense(), "dop853_dense", dict(_KNOWN), file=__file__)
tsit5_dense = written_kernel(_tsit5_dense(), "tsit5_dense", dict(_KNOWN), file=__file__)


@kernel(counted=False)
def between(w, n, lane, theta):
    """State of one lane at a fraction ``theta`` of the step, from the polynomial in ``DENSE``."""
    rest = 1.0 - theta
    for i in range(n):
        q = i * LANES + lane
        value = w[DENSE[6] + q] * theta
        value = (value + w[DENSE[5] + q]) * rest
        value = (value + w[DENSE[4] + q]) * theta
        value = (value + w[DENSE[3] + q]) * rest
        value = (value + w[DENSE[2] + q]) * theta
        value = (value + w[DENSE[1] + q]) * rest
        value = (value + w[DENSE[0] + q]) * theta
        w[STATE + q] = w[START + q] + value


def _stretch(method: str, a: Sequence[Sequence[float]], stage: int, last: int | None) -> str:
    """Rates at the end of the step and in a stage of the same time, and their states: handed to `compare`.

    ``last`` is the stage at the end of the step itself, for methods that have it.
    """
    end = f"w[{RATE} + q] = w[{STAGES[last]} + q]" if last else f"w[{STATE} + q] = w[{END} + q]"
    more = "" if last else "\n    rhs(w)"
    return f"""def {method}_stretch(rhs, w, n):
    for q in range(n * {LANES}):
        w[{LAST_STAGE} + q] = w[{START} + q] + w[{LENGTH} + q] * ({weighted(a[stage][:stage])})
        {end}{more}
    compare(w, n, {STAGES[stage]})
"""


@kernel(counted=False)
def compare(w, n, stage):
    """The step times the largest eigenvalue, roughly: how rates differ by how states differ (Hairer). Into ``SUM``."""
    for lane in range(LANES):
        rates, moved = 0.0, 0.0
        for i in range(n):
            q = i * LANES + lane
            scale = w[ABSOLUTE + q] + w[RELATIVE + q] * abs(w[END + q])
            rate = (w[RATE + q] - w[stage + q]) / scale
            move = (w[END + q] - w[LAST_STAGE + q]) / scale
            rates += rate * rate
            moved += move * move
        w[SUM + lane] = w[STEP + lane] * math.sqrt(rates / moved) if moved > 0.0 else 0.0


_KNOWN["compare"] = compare
dop853_stretch = written_kernel(
    _stretch("dop853", methods.DOP853_A, 11, None), "dop853_stretch", dict(_KNOWN), file=__file__
)
tsit5_stretch = written_kernel(
    _stretch("tsit5", methods.TSIT5_A, 5, 6), "tsit5_stretch", dict(_KNOWN), file=__file__
)
