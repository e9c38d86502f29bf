"""Distributions written as text, against scipy.stats, and against mpmath where bounds are far out.

Tolerances: doubles carry 2e-16, and the special functions of scipy (ndtri, betaincinv) promise about 1e-14 of their
own; 1e-13 leaves room for the mean and SD around them.
"""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from doseline.distribution import Distribution, is_distribution, read_distribution
from doseline.units import factor

SHARES = np.array([2.0**-53, 1e-9, 0.001, 0.025, 0.3, 0.5, 0.7, 0.975, 0.999, 1 - 1e-9])
LOG_SD = math.sqrt(math.log(1.04))

FROZEN = [
    ("normal(70 kg, 14 kg)", stats.norm(70, 14)),
    ("normal(-3, 0.5)", stats.norm(-3, 0.5)),
    ("normal(70 kg, cv 20 %)", stats.norm(70, 14)),
    ("lognormal(70 kg, 20 %)", stats.lognorm(LOG_SD, scale=70)),
    ("uniform(12 year, 50 year)", stats.uniform(12, 38)),
    ("exponential(4 h)", stats.expon(scale=4)),
    ("beta(0.8, 0.1)", stats.beta(0.8 * 15, 0.2 * 15)),
    ("normal(70 kg, 14 kg) within 40..120", stats.truncnorm(-30 / 14, 50 / 14, 70, 14)),
    ("normal(0 h, 1 h) within -2..4", stats.truncnorm(-2, 4)),
    ("normal(0 h, 1 h) within 0..", stats.truncnorm(0, np.inf)),
    ("exponential(1 h) within 0..6 h", stats.truncexpon(6)),
    ("uniform(0, 10) within 2..5", stats.uniform(2, 3)),
]  # fmt: skip


def drawn(text, **more):
    return read_distribution(text, place="X", **more)


@pytest.mark.parametrize(("text", "truth"), FROZEN, ids=[text for text, _ in FROZEN])
def test_quantiles(text, truth):
    """Truth: the inverse distribution functions of scipy.stats; its truncnorm itself is good to 1e-12."""
    np.testing.assert_allclose(drawn(text).quantile(SHARES), truth.ppf(SHARES), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("text", "truth"), FROZEN, ids=[text for text, _ in FROZEN])
def test_draws_follow_the_distribution(text, truth):
    """Truth: Kolmogorov-Smirnov against scipy.stats with 20 000 draws; false alarm in one of 10 000 seeds."""
    values = drawn(text).quantile(np.random.default_rng(20240501).random(20_000))
    assert stats.kstest(values, truth.cdf).pvalue > 1e-4


def normal_between(mean, sd, low, high):
    """Values of a bounded normal distribution by bisection at 60 digits."""

    def at(share):
        start, end = mpmath.ncdf(low_z), mpmath.ncdf(high_z)
        wanted = start + mpmath.mpf(share) * (end - start)
        left, right = low_z, high_z
        for _ in range(120):
            middle = (left + right) / 2
            left, right = (middle, right) if mpmath.ncdf(middle) < wanted else (left, middle)
        return mean + sd * left

    low_z, high_z = (mpmath.mpf(low) - mean) / sd, (mpmath.mpf(high) - mean) / sd
    return at


@pytest.mark.parametrize("bounds", [(5, 6), (6, 6.9), (-6, -5), (-7, -6.5), (-1, 1), (1, 1.0000001), (4, 40)])
def test_normal_bounds_far_out(bounds):
    """Truth: mpmath with 60 digits. What F(b) - F(a) would lose: at 6 SD above the mean 1 - F has 7 digits left."""
    low, high = bounds
    with mpmath.workdps(60):
        truth = normal_between(0, 1, low, high)
        expected = [float(truth(share)) for share in SHARES]
    got = drawn(f"normal(0, 1) within {low}..{high}").quantile(SHARES)
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("bounds", [(20, 25), (1e-9, 2e-9), (0.5, 27)])
def test_exponential_bounds_far_out(bounds):
    """Truth: -log(e^-a - u (e^-a - e^-b)) with 60 digits."""
    low, high = bounds
    with mpmath.workdps(60):
        start, end = mpmath.exp(-mpmath.mpf(low)), mpmath.exp(-mpmath.mpf(high))
        expected = [float(-mpmath.log(start - mpmath.mpf(share) * (start - end))) for share in SHARES]
    got = drawn(f"exponential(1) within {low}..{high}").quantile(SHARES)
    np.testing.assert_allclose(got, expected, rtol=1e-13)


@pytest.mark.parametrize("bounds", [(180, 250), (15, 25), (260, 280)])
def test_lognormal_bounds_far_out(bounds):
    """Truth: the exponential of a bounded normal of mpmath; the logarithm's error 1e-15 is multiplied by SD * z < 2."""
    low, high = bounds
    with mpmath.workdps(60):
        sd = mpmath.sqrt(mpmath.log(1 + mpmath.mpf(0.2) ** 2))
        truth = normal_between(mpmath.log(70), sd, mpmath.log(low), mpmath.log(high))
        expected = [float(mpmath.exp(truth(share))) for share in SHARES]
    got = drawn(f"lognormal(70, 20 %) within {low}..{high}").quantile(SHARES)
    np.testing.assert_allclose(got, expected, rtol=1e-13)


@pytest.mark.parametrize("bounds", [(0.0, 0.2), (0.97, 1.0), (0.995, 0.999)])
def test_beta_bounds_far_out(bounds):
    """Truth: the incomplete beta function of mpmath, forward: F of what comes out is the share that went in."""
    low, high = bounds
    got = drawn(f"beta(0.8, 0.1) within {low}..{high}").quantile(SHARES[2:-1])
    with mpmath.workdps(40):

        def upto(x):
            return mpmath.betainc(12, 3, 0, mpmath.mpf(x), regularized=True)

        start, mass = upto(low), upto(high) - upto(low)
        shares = [float((upto(float(x)) - start) / mass) for x in got]
    # a double near 1 is 1e-16 apart from the next, of a range of 0.004: 3e-14 of it
    np.testing.assert_allclose(shares, SHARES[2:-1], rtol=1e-10)


def test_means_and_spreads():
    """Truth: the parameters are those named; the midpoint sum over 2e5 shares is good to 1e-4 of the SD."""
    shares = (np.arange(200_000) + 0.5) / 200_000
    beta = drawn("beta(80 %, 10 %)").quantile(shares)
    assert beta.mean() == pytest.approx(80, abs=1e-3)
    assert beta.std() == pytest.approx(10, rel=1e-3)
    lognormal = drawn("lognormal(70, 20 %)").quantile(shares)
    assert lognormal.std() / lognormal.mean() == pytest.approx(0.2, rel=1e-3)
    assert np.median(lognormal) == pytest.approx(70, rel=1e-9)
    assert drawn("exponential(4 h)").quantile(shares).mean() == pytest.approx(4, rel=1e-4)


@pytest.mark.parametrize("text", [text for text, _ in FROZEN] + ["3: 0.2, 1: 0.5, 2: 0.3"])
def test_rises_and_keeps_its_bounds(text):
    """Truth: an inverse distribution function rises, from the lowest possible value to the highest."""
    found = drawn(text)
    shares = np.concatenate([[0.0], SHARES, [1.0]])
    values = found.quantile(shares)
    assert (np.diff(values) >= 0).all()
    assert (values[0], values[-1]) == found.support


def test_numbers_with_probabilities_come_in_rising_order():
    found = drawn("2 mg: 0.25, 1 mg: 0.5, 4 mg: 25 %", unit="mg")
    assert (found.numbers, found.probabilities, found.unit) == ((1.0, 2.0, 4.0), (0.5, 0.25, 0.25), "mg")
    assert found.quantile([0.1, 0.49, 0.51, 0.74, 0.76]).tolist() == [1, 1, 2, 2, 4]


def test_words_with_probabilities_keep_their_order():
    found = drawn("M: 0.3, F: 0.7")
    assert found.words == ("M", "F")
    assert found.quantile(np.array([[0.1, 0.29], [0.31, 0.99]])).tolist() == [["M", "M"], ["F", "F"]]


def test_bounds_of_numbers_with_probabilities():
    """Truth: Bayes; what is left has its odds among itself."""
    found = drawn("0: 0.2, 1: 0.3, 2: 0.1, 3: 0.4 within 1..2")
    assert found.numbers == (1.0, 2.0)
    np.testing.assert_allclose(found.probabilities, [0.75, 0.25], rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "unit", "same"),
    [
        ("normal(70000 g, 14 kg)", "kg", "normal(70 kg, 14 kg)"),
        ("normal(70, 14)", "kg", "normal(70 kg, 14 kg)"),
        ("uniform(12, 50 year)", None, "uniform(12 year, 50 year)"),
        ("normal(60 min, 30) within 0..120", "h", "normal(1 h, 0.5 h) within 0 h..2 h"),
        ("exponential(30 min) within 1..6 h", "h", "exponential(0.5 h) within 1 h..6 h"),
        ("uniform(60 %, 1)", "1", "uniform(0.6, 1)"),
        ("uniform(60, 90 %)", None, "uniform(60 %, 90 %)"),
        ("beta(80 %, 0.1)", "1", "beta(0.8, 0.1)"),
        ("beta(0.8, 0.1)", "%", "beta(0.8 %, 0.1 %)"),
        ("lognormal(70, cv 20 %)", None, "lognormal(70, 20 %)"),
        (" normal( 70 kg ,14 ) within  .. 120 ", None, "normal(70 kg, 14 kg) within ..120 kg"),
        ("normal(1 mg/(kg*day), 0.1)", None, "normal(1 mg/(kg*day), 0.1 mg/(kg*day))"),
    ],
)
def test_units_of_neighbours(text, unit, same):
    assert str(drawn(text, unit=unit)) == same


finite = st.floats(-1e6, 1e6, allow_subnormal=False)
positive = st.floats(1e-6, 1e6)


@st.composite
def distributions(draw):
    family = draw(
        st.sampled_from(["normal", "lognormal", "uniform", "exponential", "beta", "discrete", "words"])
    )
    unit = draw(st.sampled_from([None, "kg", "h", "mg/L"])) if family not in ("beta", "words") else None
    if family == "words":
        return Distribution("discrete", words=("F", "M", "x y"), probabilities=(0.1, 0.7, 0.2))
    if family == "discrete":
        values = sorted(draw(st.lists(finite, min_size=2, max_size=5, unique=True)))
        return Distribution(family, tuple(values), unit, probabilities=(1 / len(values),) * len(values))
    if family == "beta":
        mean = draw(st.floats(0.01, 0.99))
        return Distribution(family, (mean, 0.5 * math.sqrt(mean * (1 - mean))))
    if family == "lognormal":
        return Distribution(family, (draw(positive), draw(st.floats(0.01, 5))), unit)
    if family == "exponential":
        return Distribution(family, (draw(positive),), unit)
    low = draw(finite)
    if family == "uniform":
        return Distribution(family, (low, low + draw(positive) + 1.0), unit)
    sd = draw(positive)
    return Distribution(family, (low, sd), unit, low - draw(st.floats(0, 3)) * sd, low + 0.1 * sd)


@given(distributions())
def test_text_reads_back(found):
    """Truth: read(str(x)) == x; a CV in percent may move by the last bit."""
    again = drawn(str(found), unit=found.unit)
    if found.family == "lognormal":
        np.testing.assert_allclose(again.numbers, found.numbers, rtol=3e-16)
        assert str(drawn(str(again))) == str(again)
    else:
        assert again == found


def test_what_looks_like_a_distribution():
    yes = ["normal(1, 2)", "F: 0.5, M: 0.5", " beta (1", "unknown(3)"]
    no = ["70 kg", "5 mg/(kg*day)", "F", "", 3, None, ["normal(1, 2)"]]
    assert [is_distribution(text) for text in yes + no] == [True] * len(yes) + [False] * len(no)


def test_factor_of_percent():
    assert factor("1", "%") == 100.0
