r"""The normal quantile and correlated normals, from operations that give the same bits on every machine.

Rational approximations of Wichura (1988), "Algorithm AS 241: the percentage points of the normal distribution",
Applied Statistics 37:477-484, routine PPND16: within 0.425 of one half in :math:`q = u - 1/2`, outside in
:math:`r = \sqrt{-\log p}`, p the smaller of u and 1 - u. The logarithm is our own, because those of mathematical
libraries differ in their last digit: with :math:`p = m\,2^e` and m near one,

.. math:: \log p = e \log 2 + 2 \operatorname{artanh} s, \qquad s = \frac{m - 1}{m + 1}, \qquad |s| < 0.172 .

Only + - * /, the square root and whole numbers are used, each of which IEEE 754 rounds in one way, and nothing is
contracted to a fused operation.
"""

import math

import numpy as np

from doseline.kernels.kernel import kernel

CENTRE = 0.425
"""Where the approximation of the centre ends: u within 0.075 .. 0.925."""
CENTRE_SQUARED = 0.180625
FAR, FARTHER = 5.0, 1.3887943864964021e-11
"""Where that of the far tail begins, as r and as p."""
CENTRE_ABOVE = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
)
CENTRE_BELOW = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
TAIL_ABOVE = (
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
)
TAIL_BELOW = (
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
)
FAR_ABOVE = (
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580e0,
    5.46378491116411436990e0,
    6.65790464350110377720e0,
)
FAR_BELOW = (
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
)
"""Coefficients of the paper, from the highest power down: numerator and denominator of the three approximations."""

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""log 2 in two parts; the first ends in so many zeros that its product with an exponent is exact."""
ARTANH = tuple(1.0 / (2 * k + 1) for k in range(9, 0, -1))
"""artanh(s) = s (1 + s**2 / 3 + s**4 / 5 + ...), from the highest power down."""
ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)
"""The bits of sqrt(1/2), from which m goes up to sqrt(2)."""
DIGITS = np.int64(52)
SMALLEST, LIFT, LIFTED = 2.0**-1022, 2.0**54, 54.0
"""Below the first a number has fewer digits; times the second, that is 54 binary places, it has them all."""

BLOCK = 512
"""Numbers that are worked on in one go."""
ROWS = 3
"""Rows of scratch: the arguments, and those in the tails with their places."""


@kernel(inline="always", counted=False)
def ratio(x, above, below):
    """Quotient of two polynomials of seventh degree."""
    top, bottom = above[0], below[0]
    for k in range(1, 8):
        top, bottom = top * x + above[k], bottom * x + below[k]
    return top / bottom


@kernel(inline="always", counted=False)
def minus_log(p):
    """``-log(p)``, of p from the smallest normal number up to 1/4."""
    bits = np.float64(p).view(np.int64)
    exponent = (bits - ROOT_HALF) >> DIGITS
    m = np.int64(bits - (exponent << DIGITS)).view(np.float64)
    e = np.float64(exponent)
    s = (m - 1.0) / (m + 1.0)
    square, series = s * s, ARTANH[0]
    for k in range(1, 9):
        series = series * square + ARTANH[k]
    return -(e * LN2_HIGH + (2.0 * s + (e * LN2_LOW + 2.0 * s * (square * series))))


@kernel(inline="always", counted=False)
def far_quantile(p):
    """Minus the quantile of a p below 1.4e-11; infinite for 0."""
    if p <= 0.0:
        return math.inf if p == 0.0 else math.nan
    r = math.sqrt(minus_log(p) if p >= SMALLEST else minus_log(p * LIFT) + LIFTED * (LN2_HIGH + LN2_LOW))
    return ratio(r - FAR, FAR_ABOVE, FAR_BELOW)


@kernel(counted=False)
def fill_quantile(u, out, scratch):
    """Standard normals that belong to probabilities; -inf and inf for 0 and 1, NaN outside. Both (number,).

    Nothing changes if the two are one array. ``scratch`` is room for (ROWS, BLOCK) numbers. All of a block first take
    the approximation of the centre; those in the tails are then gathered and done again.
    """
    given, tail, place = scratch[0], scratch[1], scratch[2]
    for begin in range(0, u.shape[0], BLOCK):
        size = min(BLOCK, u.shape[0] - begin)
        for i in range(size):
            given[i] = u[begin + i]
        for i in range(size):
            q = given[i] - 0.5
            out[begin + i] = q * ratio(CENTRE_SQUARED - q * q, CENTRE_ABOVE, CENTRE_BELOW)
        tails, far = 0, 0
        for i in range(size):
            p = min(given[i], 1.0 - given[i])
            tail[tails], place[tails] = p, i
            tails += np.int64(abs(given[i] - 0.5) > CENTRE)
            far += np.int64(p < FARTHER)
        for t in range(tails):
            tail[t] = ratio(math.sqrt(minus_log(tail[t])) - 1.6, TAIL_ABOVE, TAIL_BELOW)
        for t in range(tails):
            i = np.int64(place[t])
            out[begin + i] = -tail[t] if given[i] < 0.5 else tail[t]
        if far > 0:
            for i in range(size):
                p = min(given[i], 1.0 - given[i])
                if p < FARTHER:
                    z = far_quantile(p)
                    out[begin + i] = -z if given[i] < 0.5 else z


@kernel(counted=False)
def correlate(z, factor, out, scratch):
    """``out[j] = sum of factor[j, k] * z[k]`` over k = 0 .. j, added in that order. z and out: (effect, number)

    Nothing changes if z and out are one array: rows are done from the last up. ``scratch`` is as in `fill_quantile`.
    """
    total = scratch[0]
    for begin in range(0, z.shape[1], BLOCK):
        size = min(BLOCK, z.shape[1] - begin)
        for j in range(z.shape[0] - 1, -1, -1):
            for i in range(size):
                total[i] = factor[j, 0] * z[0, begin + i]
            for k in range(1, j + 1):
                for i in range(size):
                    total[i] += factor[j, k] * z[k, begin + i]
            for i in range(size):
                out[j, begin + i] = total[i]
