"""The normal quantile and the product with a triangular factor.

Truth: mpmath with 40 digits, by a step of Newton's method from the value found, whose own error it squares; scipy; the
sums that the paper prints for checking its coefficients.
"""

import math
import re

import mpmath
import numba
import numpy as np
import pytest
from scipy import special

from doseline.kernels import quantile as module
from doseline.streams import normal_quantile

MOST = 5.0
"""Units in the last place. Numerator and denominator may each be off by one and a half, quotient, factor, r and the
coefficients by one half each; found: 4.5 in the range of draws, 5.1 in the far tail below it."""
STEP = 2.0**-52
"""From one draw to the next."""


def units_off(p, z):
    """How far each z is from the quantile of p, in units of its last place."""
    with mpmath.workdps(40):
        found = []
        for probability, value in zip(p.tolist(), z.tolist(), strict=True):
            x = mpmath.mpf(value)
            miss = mpmath.erfc(-x / mpmath.sqrt(2)) / 2 - mpmath.mpf(probability)
            found.append(float(miss / mpmath.npdf(x)) / math.ulp(value))
    return np.abs(found)


def draws(count, low, high):
    """Numbers as they are drawn, equally likely on the scale of their logarithms."""
    rng = np.random.default_rng(5)
    k = np.exp(rng.uniform(math.log(low), math.log(high), count)) * 2.0**52
    return (np.floor(k) + 0.5) * STEP


RANGES = {
    "all": lambda: draws(2000, 2.0**-52, 0.5),
    "centre": lambda: draws(2000, 0.05, 0.5),
    "join": lambda: 0.075 + np.arange(-200, 200) * 2.0**-53,
    "far join": lambda: math.exp(-25.0) * (1.0 + np.arange(-50, 50) * 1e-15),
    "smallest": lambda: np.array([2.0**-53, 3 * 2.0**-53]),
    "one half": lambda: 0.5 - 2.0 ** -np.arange(2.0, 54.0),
}


@pytest.mark.parametrize("name", RANGES)
def test_against_mpmath(name):
    p = RANGES[name]()
    assert units_off(p, normal_quantile(p)).max() < MOST


def test_far_below_the_draws():
    """Truth: mpmath; one unit more than for draws, for r itself is larger. Down to numbers without all their digits."""
    p = np.exp(np.random.default_rng(6).uniform(-744.0, -26.0, 1000))
    assert units_off(p, normal_quantile(p)).max() < MOST + 1.0


def test_against_scipy():
    """Truth: scipy.special.ndtri, whose own error is a few times 1e-16; its approximation is another (Cephes)."""
    u = np.random.default_rng(7).random(100_000)
    np.testing.assert_allclose(normal_quantile(u), special.ndtri(u), rtol=3e-15)


def test_antisymmetric():
    """Truth: 1 - u is exact for draws, so the quantiles are opposite to the last bit."""
    u = draws(10_000, 2.0**-52, 0.5)
    assert (normal_quantile(1.0 - u) == -normal_quantile(u)).all()


def test_ends_and_beyond():
    u = np.array([0.0, 1.0, 0.5, -1.0, 1.5, math.nan, -math.inf, math.inf])
    found = normal_quantile(u)
    np.testing.assert_array_equal(found, [-math.inf, math.inf, 0.0, *[math.nan] * 5])


@pytest.mark.parametrize(
    "begin", [0.0, 0.075 - 1e-11, math.exp(-25.0) - 1e-15, 0.0965, 0.14, 0.158, 0.2742, 0.4]
)
def test_rises(begin):
    """Truth: a quantile rises. From one draw to the next by at least 4.1 units of the last place, just above z = 1.

    The last places of two neighbours may cross where the steps are as short as this, never those of three steps.
    """
    k = np.floor(begin / STEP) + np.arange(200_000)
    z = normal_quantile((k + 0.5) * STEP)
    assert (np.diff(z) > -2.0 * np.spacing(np.abs(z[1:]))).all()
    assert (z[3:] > z[:-3]).all()


def test_coefficients():
    """Truth: sums of the mantissas as printed in Wichura (1988), for checking transcription."""
    pairs = {
        "55.8831928806149014439": (module.CENTRE_ABOVE, module.CENTRE_BELOW),
        "49.33206503301610289036": (module.TAIL_ABOVE, module.TAIL_BELOW),
        "47.52583317549289671629": (module.FAR_ABOVE, module.FAR_BELOW),
    }
    for printed, (above, below) in pairs.items():
        assert below[-1] == 1.0
        mantissas = [float(f"{value:.17e}".split("e")[0]) for value in (*above, *below[:-1])]
        assert math.fsum(mantissas) == pytest.approx(float(printed), abs=2e-14)


def test_logarithm_of_two():
    """Truth: mpmath, to half a unit of the lower part. The upper one ends in 11 zeros: exact times an exponent."""
    with mpmath.workdps(40):
        assert abs(mpmath.mpf(module.LN2_HIGH) + mpmath.mpf(module.LN2_LOW) - mpmath.log(2)) < 2.0**-86
    assert int(module.LN2_HIGH * 2**53) % 2**11 == 0


def test_same_array_in_and_out():
    """Truth: the same in two arrays, also over the joints of the blocks."""
    u = np.random.default_rng(8).random(3 * module.BLOCK + 5)
    u[::7] *= 1e-13
    out, scratch = np.empty_like(u), np.empty((module.ROWS, module.BLOCK))
    module.fill_quantile(u, out, scratch)
    module.fill_quantile(u, u, scratch)
    assert (u == out).all()


def test_correlate():
    """Truth: the same sums in Python floats, in the stated order; every bit."""
    rng = np.random.default_rng(9)
    z, factor = rng.standard_normal((4, 2 * module.BLOCK + 3)), rng.standard_normal((4, 4))
    scratch = np.empty((module.ROWS, module.BLOCK))
    truth = np.empty_like(z)
    for j in range(4):
        for i in range(z.shape[1]):
            total = float(factor[j, 0]) * float(z[0, i])
            for k in range(1, j + 1):
                total += float(factor[j, k]) * float(z[k, i])
            truth[j, i] = total
    out = np.empty_like(z)
    module.correlate(z, factor, out, scratch)
    assert (out == truth).all()
    module.correlate(z, factor, z, scratch)
    assert (z == truth).all()


@pytest.mark.parametrize("name", ["fill_quantile", "correlate"])
def test_no_fused_operation(name):
    """Truth: the machine code. A fused multiplication and addition rounds once, where other machines round twice."""
    fresh = numba.njit(nogil=True, error_model="numpy")(getattr(module, name).py_func)
    matrix, vector = "float64[:,::1]", "float64[::1]"
    fresh.compile(
        f"({vector},{vector},{matrix})"
        if name == "fill_quantile"
        else f"({matrix},{matrix},{matrix},{matrix})"
    )
    (code,) = fresh.inspect_asm().values()
    assert re.search(r"mulsd|mulpd|fmul", code)
    assert not re.search(r"vfn?m(add|sub)|fn?m(add|sub)|fml[as]", code)
