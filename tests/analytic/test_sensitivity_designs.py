"""Designs and differences through functions that are put in for a model: names, intervals, seeds, and what is exact.

Truth: the closed form of the Ishigami function (Saltelli et al. 2008, The Primer, 4.6); linear functions; derivatives.
"""

import random

import numpy as np
import pytest
from scipy.stats import norm

from doseline.designs import METHODS, Asked, indices_of, points_of
from doseline.differences import POINTS, read, rows_of

pytest.importorskip("SALib")
A, B = 7.0, 0.1
V1, V2, V13 = (1 + B * np.pi**4 / 5) ** 2 / 2, A**2 / 8, 8 * B**2 * np.pi**8 / 225
V = V1 + V2 + V13
S1, ST = np.array([V1, V2, 0.0]) / V, np.array([V1 + V13, V2, V13]) / V


def ishigami(u):
    """Of three numbers between -pi and pi."""
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0])


def asked(**changes):
    return Asked(**{"names": ("a", "b", "c"), "samples": 4096, "seed": 5, "confidence": 95.0, **changes})


def test_sobol_indices_of_ishigami():
    """Quasi-random points: with 4096 of them estimates are within 0.02; pairs need more, and get twice that."""
    plan = asked(second_order=True)
    points = points_of("sobol", plan)
    assert points.shape == (4096 * 8, 3)
    found = indices_of("sobol", plan, points, ishigami(points))
    np.testing.assert_allclose(found["S1"], S1, atol=0.02)
    np.testing.assert_allclose(found["ST"], ST, atol=0.02)
    pairs = found["S2"]
    assert np.isnan(np.diag(pairs)).all()
    np.testing.assert_array_equal(pairs, pairs.T)
    np.testing.assert_allclose([pairs[0, 1], pairs[0, 2], pairs[1, 2]], [0.0, V13 / V, 0.0], atol=0.04)
    for name, truth in (("S1", S1), ("ST", ST)):
        # 1.5 times the interval: all six are to be in it
        half = (found[f"{name}_high"] - found[f"{name}_low"]) / 2
        assert (np.abs(found[name] - truth) < 1.5 * half + 1e-3).all()


def test_efast_indices_of_ishigami():
    """Four harmonics leave a part of the variance to interactions: 0.03 for S1, 0.06 for ST."""
    plan = asked(samples=1025)
    points = points_of("efast", plan)
    assert points.shape == (1025 * 3 * 5, 3)
    found = indices_of("efast", plan, points, ishigami(points))
    np.testing.assert_allclose(found["S1"], S1, atol=0.03)
    np.testing.assert_allclose(found["ST"], ST, atol=0.06)
    assert (found["S1_low"] <= found["S1"]).all()
    assert (found["S1"] <= found["S1_high"]).all()


def test_effects_of_a_linear_function():
    """Every elementary effect is the slope over the whole range."""
    plan = asked(samples=10)
    points = points_of("morris", plan)
    assert points.shape == (40, 3)
    found = indices_of("morris", plan, points, points @ np.array([3.0, -2.0, 0.0]) + 11.0)
    np.testing.assert_allclose(found["mu"], [3.0, -2.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["mu_star"], [3.0, 2.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["sigma"], 0.0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_seeds_decide_everything(method):
    """The same seed gives the same points and intervals, 0 is a seed, and the caller's generators are left alone."""
    samples = {"sobol": 64, "morris": 10, "efast": 65}[method]
    random.seed(1)
    np.random.seed(1)
    before = (random.getstate(), np.random.get_state()[1].copy())
    results = []
    for seed in (0, 0, 1):
        plan = asked(samples=samples, seed=seed)
        points = points_of(method, plan)
        results.append((points, indices_of(method, plan, points, ishigami(points))))
    (first, of_first), (again, of_again), (other, _) = results
    np.testing.assert_array_equal(first, again)
    for name, values in of_first.items():
        np.testing.assert_array_equal(values, of_again[name])
    assert not np.array_equal(first, other)
    assert random.getstate() == before[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize("method", ["sobol", "morris"])
def test_confidence_scales_intervals(method):
    """Intervals are as wide as the normal quantiles of their confidence: the same resamples, another factor."""
    widths = []
    for confidence in (95.0, 50.0):
        plan = asked(samples=64, confidence=confidence)
        points = points_of(method, plan)
        found = indices_of(method, plan, points, ishigami(points))
        name = "S1" if method == "sobol" else "mu_star"
        widths.append(found[f"{name}_high"] - found[f"{name}_low"])
    np.testing.assert_allclose(widths[0], widths[1] * norm.ppf(0.975) / norm.ppf(0.75), rtol=1e-9, atol=1e-12)


def test_what_does_not_change_has_no_shares():
    """No variance: Sobol indices are NaN, also where rounding makes a little of it; effects are 0."""
    for method, samples in (("sobol", 16), ("efast", 65), ("morris", 10)):
        plan = asked(samples=samples)
        points = points_of(method, plan)
        flat = 3.0 + 1e-15 * np.arange(len(points)) / len(points)
        found = indices_of(method, plan, points, flat)
        wanted = 0.0 if method == "morris" else np.nan
        assert all(np.array_equal(values, np.full(3, wanted), equal_nan=True) for values in found.values())


def test_elasticities_are_derivatives():
    """Powers have their exponent, exponentials their argument; the error of nine points is below 1e-10 here."""
    bases = np.array([2.0, 0.3, -4.0])
    rows = rows_of(bases, np.array([[1.0, 3.0], [0.1, 0.5], [-5.0, -3.0]]))
    assert rows.shape == (1 + 3 * (len(POINTS) + 2), 3)
    a, b, c = rows.T
    found = read(np.stack([a**-0.75 * np.exp(-12.0 * b) * c, -(a**2) * c, 0.0 * a]))
    np.testing.assert_allclose(found["elasticity"][0], [-0.75, -3.6, 1.0], rtol=1e-10)
    np.testing.assert_allclose(found["elasticity"][1], [2.0, 0.0, 1.0], atol=1e-10)
    assert np.isnan(found["elasticity"][2]).all()
    assert (found["elasticity_error"][:2] < 1e-8).all()
    np.testing.assert_allclose(found["value_high"][1, 0] / found["value"][1], (3.0 / 2.0) ** 2)
    np.testing.assert_allclose(found["value_low"][1, 2] / found["value"][1], 5.0 / 4.0)


def test_a_kink_is_told():
    """At a corner nine points and seven disagree."""
    rows = rows_of(np.array([1.0]), np.array([[0.5, 2.0]]))
    assert read(np.maximum(rows[:, 0], 1.03))["elasticity_error"][0] > 1e-3
