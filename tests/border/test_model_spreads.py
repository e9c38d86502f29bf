"""Spreads of a model file as numbers.

Truth: closed forms, mpmath, numpy, and published repairs of correlations.
"""

from __future__ import annotations

import math
from typing import get_args

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_example import GOOD, changed
from spread_example import CL_V, FROM, POPULATION, SIZED, block, effect, error

from doseline.errors import InputError, ModelError
from doseline.families import log_deviation
from doseline.model.definite import nearest
from doseline.model.matrix import cholesky, correlations, full_matrix
from doseline.model.read import read_model
from doseline.model.residual import ERRORS, Residual
from doseline.model.variability import DISTRIBUTIONS, Distribution

MODEL = read_model(POPULATION, place="m.toml")


# ---------------------------------------------------------------- what is read


def test_what_is_read():
    assert list(MODEL.variability) == ["CL", "V", "KA", "F", "BASE", "WT_STD"]
    assert (MODEL.variability["F"].low, MODEL.variability["F"].high) == (0.0, 1.2)
    assert MODEL.variability["BASE"].cv == "25.5 %"
    assert MODEL.variability["WT_STD"].values == (60.0, 70.0)
    assert (MODEL.occasions["KA"].every, MODEL.occasions["KA"].distribution) == ("dose", "log-normal")
    assert MODEL.blocks["one"].omega2 == ((0.09,), (0.03, 0.04))
    assert MODEL.blocks["two"].correlations == ((1.0,), (-0.5, 1.0))
    assert MODEL.covariates["WT"].codes == {"small": 50.0, "large": 90.0}
    assert MODEL.uncertainty is not None
    assert MODEL.uncertainty.names == ("CL", "V")


def test_a_model_without_them_has_none():
    model = read_model(GOOD)
    assert not any((model.variability, model.occasions, model.blocks, model.residual, model.uncertainty))
    assert model.effect_blocks("subjects") == model.effect_blocks("occasions") == []


def test_tables_name_what_entries_take():
    assert set(get_args(Distribution)) == set(DISTRIBUTIONS)
    assert set(get_args(Residual.model_fields["error"].annotation)) == set(ERRORS)


# ---------------------------------------------------------------- spreads


@pytest.mark.parametrize("cv", [1e-9, 1e-4, 0.05, 0.22, 0.3, 0.63, 1.0, 2.5, 5.0])
def test_cv_of_a_log_normal_quantity(cv):
    """Truth: its CV is sqrt(exp(omega2) - 1); mpmath at 40 digits, rounded once."""
    with mpmath.workdps(40):
        exact = mpmath.sqrt(mpmath.log(1 + mpmath.mpf(cv) ** 2))
        back = mpmath.sqrt(mpmath.expm1(mpmath.mpf(log_deviation(cv)) ** 2))
    assert log_deviation(cv) == float(exact)
    assert float(back) == pytest.approx(
        cv, rel=1e-14
    )  # what is lost is one rounding, times at most 40 at 500 %


SPREADS = {
    "omega2": (effect("omega2 = 0.09"), 0.3),
    "sd": (effect("sd = 0.3"), 0.3),
    "cv": (effect('cv = "30 %"'), math.sqrt(math.log(1.09))),
    "no spread": (effect("omega2 = 0"), 0.0),
    "normal omega2": (effect('distribution = "normal"', "omega2 = 9"), 3.0),
    "normal cv": (effect('distribution = "normal"', 'cv = "30 %"'), 4.5),
    "logit sd": (effect('distribution = "logit-normal"', "sd = 7", "high = 100"), 7.0),
    "box-cox omega2": (effect('distribution = "box-cox"', "omega2 = 4", "shape = 0.3"), 2.0),
}


@pytest.mark.parametrize("kind", SPREADS)
def test_standard_deviation_of_eta(kind):
    """Truth: closed forms at the typical clearance of 15 L/h. Each step rounds: 4 units of the last place."""
    text, expected = SPREADS[kind]
    model = read_model(f"{GOOD}\n{text}")
    assert model.spread_of("CL") == pytest.approx(expected, rel=1e-15)
    assert model.variability["CL"].sd_of(15.0) == model.spread_of("CL")


def test_standard_deviation_about_other_typical_values():
    """Truth: CV times the size of the value, also below 0 and for many values at once; nothing else looks at it."""
    assert MODEL.spread_of("BASE") == pytest.approx(0.255 * 40, rel=1e-15)
    assert MODEL.spread_of("BASE", typical=-200.0) == pytest.approx(51.0, rel=1e-15)
    assert MODEL.spread_of("BASE", typical=np.array([1.0, -2.0])).tolist() == pytest.approx(
        [0.255, 0.51], rel=1e-15
    )
    assert MODEL.spread_of("KA", typical=7.0) == 0.5
    assert MODEL.with_(BASE=100).spread_of("BASE") == pytest.approx(25.5, rel=1e-15)


def test_standard_deviations_of_blocks():
    """Truth: roots of the diagonal; where there are correlations, what the effects say."""
    assert [MODEL.spread_of(name) for name in ("CL", "V", "KA", "F")] == pytest.approx(
        [0.3, 0.2, 0.5, 0.4], rel=1e-15
    )
    assert MODEL.spread_of("KA", between="occasions") == pytest.approx(math.sqrt(math.log(1.04)), rel=1e-15)
    assert MODEL.spread_of("CL", between="occasions") == 0.1
    assert MODEL.blocks["one"].sds() == pytest.approx((0.3, 0.2), rel=1e-15)
    assert MODEL.blocks["two"].sds() is None
    with pytest.raises(InputError, match="the effect has no spread of its own"):
        MODEL.variability["CL"].sd_of(15.0)


@pytest.mark.parametrize(
    ("lines", "level", "expected"),
    [
        (('error = "additive"', "sd = 3"), 100.0, 3.0),
        (('error = "proportional"', 'cv = "15 %"'), 40.0, 6.0),
        (('error = "combined"', "sd = 8", 'cv = "15 %"'), 40.0, 10.0),
        (('error = "power"', 'cv = "50 %"', "power = 0.5"), 16.0, 2.0),
    ],
)
def test_residual_errors(lines, level, expected):
    """Truth: the sums of variances written out by hand."""
    residual = read_model(f"{GOOD}\n{error(*lines)}").residual["plasma"]
    assert residual.sd_of(level) == pytest.approx(expected, rel=1e-15)


def test_log_normal_residual_errors():
    both = [error('error = "log-normal"', line) for line in ("log_sd = 0.2", 'cv = "15 %"')]
    sds = [read_model(f"{GOOD}\n{text}").residual["plasma"].log_deviation for text in both]
    assert sds == pytest.approx([0.2, math.sqrt(math.log1p(0.0225))], rel=1e-15)


# ---------------------------------------------------------------- blocks


def test_effects_that_are_drawn_together():
    """Truth: correlations 0.03 / (0.3 * 0.2) = 0.5 and -0.5, whose factor has the row (r, sqrt(1 - r^2))."""
    alone, root = ((1.0,),), math.sqrt(0.75)
    (names, factor), *others = MODEL.effect_blocks("subjects")
    assert names == ("CL", "V")
    np.testing.assert_allclose(factor, [[1, 0], [0.5, root]], rtol=1e-15)
    assert others == [((name,), alone) for name in ("KA", "F", "BASE", "WT_STD")]
    assert MODEL.effect_blocks("occasions") == [(("KA", "CL"), ((1.0, 0.0), (-0.5, root)))]


ROWS = {
    "covariance, lower": ("omega2 = [[0.09], [0.03, 0.04]]", CL_V),
    "covariance, full": ("omega2 = [[0.09, 0.03], [0.03, 0.04]]", CL_V),
    "correlations alone": ("correlations = [[0.5]]", SIZED),
    "correlations, lower": ("correlations = [[1], [0.5, 1]]", SIZED),
    "correlations, full": ("correlations = [[1, 0.5], [0.5, 1]]", SIZED),
}


@pytest.mark.parametrize("written", ROWS)
def test_all_ways_to_write_a_matrix_say_the_same(written):
    """Truth: a correlation of 0.5, to the rounding of a division."""
    rows, effects = ROWS[written]
    matrix = read_model("\n".join([GOOD, effects, block(rows)])).blocks["one"].correlation()
    np.testing.assert_allclose(matrix, [[1, 0.5], [0.5, 1]], rtol=1e-15)


def lower(matrix):
    """Rows of a lower triangle."""
    return tuple(tuple(map(float, row[: n + 1])) for n, row in enumerate(matrix))


def covariance(size, seed):
    """A covariance whose standard deviations lie between 0.1 and 10."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((size, size + 2))
    scale = 10.0 ** rng.uniform(-1, 1, size)
    return (root @ root.T) * np.outer(scale, scale)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 20, 60])
def test_factor_against_numpy(size):
    """Truth: numpy's Cholesky of numpy's correlations; both are backward stable, errors grow with size * condition."""
    matrix = covariance(size, seed=size)
    scale = np.sqrt(np.diag(matrix))
    expected = matrix / np.outer(scale, scale)
    found = cholesky(correlations(lower(matrix)))
    tolerance = size * np.linalg.cond(expected) * np.finfo(float).eps
    np.testing.assert_allclose(found, np.linalg.cholesky(expected), atol=tolerance)
    np.testing.assert_allclose(np.square(found).sum(axis=1), 1.0, rtol=(size + 1) * np.finfo(float).eps)


def test_factor_against_mpmath():
    """Truth: 50 digits, of nearly singular correlations (condition about 2e8)."""
    rows = ((1.0,), (0.99999999, 1.0), (0.5, 0.50001, 1.0))
    with mpmath.workdps(50):
        exact = np.array(mpmath.cholesky(mpmath.matrix(full_matrix(rows))).tolist(), dtype=float)
    np.testing.assert_allclose(cholesky(rows), exact, atol=3 * 2e8 * np.finfo(float).eps)


def test_bits_of_a_factor():
    """Truth: every operation rounds correctly (IEEE 754), so the bits are those of any machine."""
    factor = cholesky(((1.0,), (0.3, 1.0), (-0.7, 0.2, 1.0)))
    assert factor is not None
    middle = (0.2 - -0.7 * 0.3) / math.sqrt(1.0 - 0.3 * 0.3)
    assert factor[2] == (-0.7, middle, math.sqrt((1.0 - -0.7 * -0.7) - middle * middle))
    assert [value.hex() for value in factor[2]] == [
        "-0x1.6666666666666p-1",
        "0x1.b81ca5dc9b1abp-2",
        "0x1.24021c9e14ab0p-1",
    ]


def test_what_is_not_positive_definite():
    """Truth: eigenvalues of numpy."""
    for size in range(2, 8):
        matrix = covariance(size, seed=100 + size)
        scale = np.sqrt(np.diag(matrix))
        matrix /= np.outer(scale, scale)
        shifted = matrix - (np.linalg.eigvalsh(matrix)[0] + 1e-6) * np.eye(size)
        assert np.linalg.eigvalsh(shifted)[0] < 0
        assert cholesky(lower(shifted)) is None


PUBLISHED = {
    "Rebonato and Jaeckel": ([[0.9], [0.7, 0.3]], [[0.89402], [0.69632, 0.30100]]),
    "Joubert and Langdell": ([[0.95], [0.0, 0.95]], [[0.73454], [0.07908, 0.73454]]),
}
"""Correlations that are none, and their spectral repairs, as quoted by the tests of PortfolioAllocation."""


@pytest.mark.parametrize("source", PUBLISHED)
def test_nearest_matrix_against_published_ones(source):
    """Truth: published to 5 digits with a floor of 0. Ours is 1e-4: that moves a correlation by up to 1.5e-4, and four
    digits by another 0.5e-4."""
    given, repaired = ([(1.0,), *((*row, 1.0) for row in rows)] for rows in PUBLISHED[source])
    found = nearest(tuple(given))
    for row, expected in zip(found, repaired, strict=True):
        np.testing.assert_allclose(row, expected, atol=2e-4)


@settings(deadline=None, max_examples=200)
@given(size=st.integers(2, 10), seed=st.integers(0, 2**32 - 1), scaled=st.booleans())
def test_nearest_matrix_is_positive_definite_and_keeps_variances(size, seed, scaled):
    """Truth: eigenvalues of numpy for what is shown, and the Frobenius distance of clipping alone, which is least.

    Clipping adds d to the diagonal. To scale it back moves a number by at most (d_i + d_j) / 2, all of them by
    sqrt(size) |d|, and |d| is no more than the distance. Four digits move a number by 5e-5; their sum can call for a
    floor of 1e-4 size^2, which adds to the distance as clipping does.
    """
    rng = np.random.default_rng(seed)
    wrong = np.tril(rng.uniform(-1, 1, (size, size)), -1)
    wrong += wrong.T + np.eye(size)
    scale = 10.0 ** rng.uniform(-3, 3, size) if scaled else np.ones(size)
    given = lower(wrong * np.outer(scale, scale))
    found = nearest(given)
    assert [row[-1] for row in found] == [row[-1] for row in given]
    whole = np.array(full_matrix(found)) / np.outer(scale, scale)
    assert np.linalg.eigvalsh(whole)[0] > 0
    values, vectors = np.linalg.eigh(wrong)
    clipped = (vectors * np.maximum(values, 0)) @ vectors.T
    least = np.linalg.norm(clipped - wrong)
    root = np.sqrt(size)
    floor = 1e-4 * size**2 * root
    assert least - 1e-12 <= np.linalg.norm(whole - wrong) <= (1 + root) * (least + floor) + 5e-5 * size


@pytest.mark.parametrize("size", [2, 5, 10, 11])
def test_the_matrix_that_is_shown_can_be_read(size):
    """Truth: put into the file, it is a model; a larger one is not shown."""
    names = [f"P{n}" for n in range(size)]
    rest = '{ value = 1, unit = "1", label = "x", source = "test", status = "M" }'
    lines = "".join(f"{name} = {rest}\n" for name in names)
    text = changed(
        ("[individual]\n", f"{lines}[individual]\n"),
        ('"CL / V"', f'"CL / V * {" * ".join(names)}"'),
    )
    text += "".join(effect(of=name) for name in names)
    rows = [[0.0] * n + [1.0] for n in range(size)]
    rows[1] = [1.5, 1.0]
    with pytest.raises(ModelError) as caught:
        read_model(text + block(f"omega2 = {rows}", effects=" ".join(names)))
    advice = caught.value.advice
    if size > 10:
        assert (
            advice == "no such numbers go together: correct the largest correlations, or make smaller blocks"
        )
    else:
        shown = advice.removeprefix("the nearest that is: ")
        assert read_model(text + block(f"omega2 = {shown}", effects=" ".join(names))).blocks["one"].factor()


# ---------------------------------------------------------------- uncertainty


def test_uncertainty_by_a_covariance():
    """Truth: standard errors 0.1 and 0.2 of the logarithms, correlation 0.002 / 0.02 = 0.1."""
    known = MODEL.uncertainty
    assert known is not None
    assert known.sds() == pytest.approx((0.1, 0.2), rel=1e-15)
    np.testing.assert_allclose(known.factor(), [[1, 0], [0.1, math.sqrt(0.99)]], rtol=1e-15)


def test_uncertainty_by_draws():
    made = MODEL.edit(uncertainty={"draws": {"CL": [14, 15, 16.5], "KA": np.array([1, 0.8, 0.9])}, **FROM})
    assert made.uncertainty is not None
    assert made.uncertainty.names == ("CL", "KA")
    assert made.uncertainty.draws == {"CL": (14.0, 15.0, 16.5), "KA": (1.0, 0.8, 0.9)}
