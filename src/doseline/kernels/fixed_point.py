r"""Where a map of a period onto the next comes to rest, for systems that are not linear.

With ``g = period(x)`` and the residual ``f = g - x``, the next guess is the combination of the guesses so far whose
residual would be least if the map were linear (Anderson 1965; as in Walker and Ni 2011, SIAM J. Numer. Anal. 49:1715):
``x + f - (dX + dF) gamma`` with ``gamma`` the least-squares solution of ``dF gamma = f``. A linear system of n states
settles after n + 1 periods instead of some ten half-lives.
"""

import math

import numpy as np

from doseline.kernels.kernel import kernel

DEEPEST = 12
"""Differences that are remembered."""
GUESS, OLD_MAPPED, OLD_RESIDUAL, SCALE, REFERENCE, BEST = range(6)
MAPPED, RESIDUAL, BASIS = 6, 6 + DEEPEST, 6 + 2 * DEEPEST
ROWS = 6 + 3 * DEEPEST
"""Rows of one lane's history: the guess; of the one before what it was mapped to and its residual; one over tolerances;
amounts that the first period leaves behind; what the best guess was mapped to; differences of what was mapped and of
residuals, and the latter made orthogonal."""
DIGITS = 4e-15
"""What a period adds cannot be told more exactly than this part of what there is."""
DEPENDENT = 1e-10
"""A difference of which no more than this is left beside the others says nothing new."""


def blank_history(lanes, n):
    """Memory for so many lanes; plain Python, for compiling it takes a second."""
    return np.zeros((lanes, ROWS, max(n, 1)))


@kernel(counted=False)
def residual_of(own, mapped, first, rtol, atol):
    """Largest residual of the guess, in tolerances of what it is mapped to, and of what the first period left behind.

    By the first one a guess is judged good enough, by the second one better than another: where amounts are absurdly
    large, any change is small beside them.
    """
    most, plain = 0.0, 0.0
    for i in range(mapped.shape[0]):
        if first:
            own[REFERENCE, i] = abs(mapped[i])
        scale = atol[i] + rtol * abs(mapped[i])
        own[SCALE, i] = 1.0 / scale
        miss = abs(mapped[i] - own[GUESS, i])
        # false for NaN, which must not count as settled
        most = miss / scale if not miss / scale <= most else most
        fixed = atol[i] + rtol * own[REFERENCE, i]
        plain = miss / fixed if not miss / fixed <= plain else plain
    return most, plain


@kernel(counted=False)
def balanced(own, mapped, guard, rtol, given):
    """Does what leaves in a period balance what is ``given``, as far as the tolerance can tell?

    Where more is given than can leave, guesses grow until what a period adds is less than any tolerance of them, or
    than their last digit; that is no steady state.
    """
    most = given * min(max(10.0 * rtol, 1e-6), 0.1)
    even = True
    for i in range(mapped.shape[0]):
        if guard[i]:
            even = even and abs(mapped[i] - own[GUESS, i]) + DIGITS * abs(mapped[i]) <= most
    return even or given <= 0.0


@kernel(counted=False)
def next_guess(own, known, mapped, guard):
    """Write the next guess into the row ``GUESS``; how many differences are known then is the answer.

    ``own`` is the history of one lane, ``known`` how many differences it holds (-1: no guess was mapped yet).
    """
    n = mapped.shape[0]
    if known >= 0:
        if known == DEEPEST:
            for j in range(1, DEEPEST):
                for i in range(n):
                    own[MAPPED + j - 1, i] = own[MAPPED + j, i]
                    own[RESIDUAL + j - 1, i] = own[RESIDUAL + j, i]
            known -= 1
        for i in range(n):
            own[MAPPED + known, i] = mapped[i] - own[OLD_MAPPED, i]
            own[RESIDUAL + known, i] = (mapped[i] - own[GUESS, i]) - own[OLD_RESIDUAL, i]
    known += 1
    for i in range(n):
        own[OLD_MAPPED, i] = mapped[i]
        own[OLD_RESIDUAL, i] = mapped[i] - own[GUESS, i]
        own[GUESS, i] = mapped[i]
    # from the latest difference back: each step takes the part of the residual along a direction that is new
    left = own[SCALE]
    for at in range(known):
        j = known - 1 - at
        before, after = 0.0, 0.0
        for i in range(n):
            own[BASIS + j, i] = own[RESIDUAL + j, i] * left[i]
            before += own[BASIS + j, i] * own[BASIS + j, i]
        for later in range(j + 1, known):
            shared, whole = 0.0, 0.0
            for i in range(n):
                shared += own[BASIS + later, i] * own[RESIDUAL + j, i] * left[i]
                whole += own[BASIS + later, i] * own[BASIS + later, i]
            share = shared / whole if whole > 0.0 else 0.0
            for i in range(n):
                own[BASIS + j, i] -= share * own[BASIS + later, i]
                own[MAPPED + j, i] -= share * own[MAPPED + later, i]
                own[RESIDUAL + j, i] -= share * own[RESIDUAL + later, i]
        for i in range(n):
            after += own[BASIS + j, i] * own[BASIS + j, i]
        if after <= DEPENDENT * DEPENDENT * before:
            for i in range(n):
                own[BASIS + j, i] = 0.0
        else:
            along = 0.0
            for i in range(n):
                along += own[BASIS + j, i] * own[OLD_RESIDUAL, i] * left[i]
            for i in range(n):
                own[GUESS, i] -= along / after * own[MAPPED + j, i]
    for i in range(n):
        if not math.isfinite(own[GUESS, i]):
            own[GUESS, i] = mapped[i]
        if guard[i]:
            own[GUESS, i] = max(own[GUESS, i], 0.0)
    return known


@kernel(counted=False)
def correction(own, mapped):
    """How far the next guess is from what the last one was mapped to, in tolerances: the error that is left."""
    most = 0.0
    for i in range(mapped.shape[0]):
        most = max(most, abs(own[GUESS, i] - mapped[i]) * own[SCALE, i])
    return most
