"""The matrix exponential of the linear engine, by itself."""

import mpmath as mp
import numpy as np
import pytest

from doseline.kernels.propagator import propagator

DIGITS = 50


def exponential(rates, t):
    n = len(rates)
    out = np.empty(n * n)
    rates = np.ascontiguousarray(rates, dtype=float)
    # a state that stays and feeds another is the rate of an infusion; rounding of a sum that should cancel is no loss
    leaving = -rates.sum(axis=0)
    loss = np.where(leaving < -1e-9, -1.0, np.where(leaving < 1e-14, 0.0, leaving))
    propagator(rates.ravel(), loss, t, out, np.empty((4, n * n)), (0,) * n)
    return out.reshape(n, n)


def chain(rate, n):
    """A transit chain of equal rates: one eigenvalue, one eigenvector."""
    return np.diag([-rate] * n) + np.diag([rate] * (n - 1), -1)


def cycle(rate, n, loss=0.0):
    """Round and round: complex eigenvalues, and singular without a loss."""
    matrix = np.roll(np.eye(n), 1, axis=0) * rate - np.eye(n) * rate
    matrix[0, 0] -= loss
    return matrix


MATRICES = {
    "gut and centre": [[-0.9, 0.0], [0.9, -0.075]],
    "equal rates": [[-0.12, 0.0], [0.12, -0.12]],
    "stiff": [[-20.0, 0.0], [20.0, -0.001]],
    "nothing leaves": [[-0.9, 0.0], [0.9, 0.0]],
    "a rate of an infusion": [[-0.3, 1.0], [0.0, 0.0]],
    "two compartments, infused": [[-0.43, 0.0565, 1.0], [0.31, -0.0565, 0.0], [0.0, 0.0, 0.0]],
    "cycle of three": cycle(1.3, 3),
    "cycle of four, with a loss": cycle(0.7, 4, loss=0.2),
    "chain of six": chain(1.3, 6),
    "cycle of six": cycle(2.5, 6),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("t", [1e-9, 0.1, 2.0, 24.0, 500.0])
def test_propagator(name, t):
    """Truth: mpmath's matrix exponential at 50 digits, entry by entry.

    Tolerance: one squaring doubles a relative error, and there are log2(rate t) of them, so the bound is
    rate * t roundings; 4 for what is in a rounding (a Taylor series, or n products and sums).
    """
    rates = np.array(MATRICES[name])
    found = exponential(rates, t)
    with mp.workdps(DIGITS):
        truth = mp.expm(mp.matrix(rates.tolist()) * mp.mpf(t))
        tolerance = 4 * np.finfo(float).eps * (1.0 + np.abs(rates).max() * t)
        for place, value in np.ndenumerate(found):
            exact = truth[place]
            # below the smallest normal number digits are lost by definition
            assert abs(mp.mpf(float(value)) - exact) <= tolerance * abs(exact) + mp.mpf(2) ** -1022


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_propagator_of_nothing(n):
    """Truth: exp(0) = 1; no rate and no time both leave everything where it is, to the bit."""
    np.testing.assert_array_equal(exponential(np.zeros((n, n)), 7.0), np.eye(n))
    np.testing.assert_array_equal(exponential(chain(1.3, n), 0.0), np.eye(n))


def test_propagator_of_a_decay_is_the_exponential_function():
    """Truth: exp; the argument rate * t has one rounding, so exp(-q) may be off by q of them, as may the squarings."""
    for q in (1e-20, 1e-3, 0.5, 1.0, 30.0, 700.0):
        np.testing.assert_allclose(
            exponential([[-q]], 1.0), [[np.exp(-q)]], rtol=4 * np.finfo(float).eps * (1 + q)
        )


def test_propagator_beyond_the_range_of_doubles_is_zero():
    """Truth: exp(-1e6) is 0 as a double; what has flowed on is still all there."""
    np.testing.assert_array_equal(exponential([[-1e6]], 1.0), [[0.0]])
    np.testing.assert_allclose(
        exponential([[-1e6, 0.0], [1e6, 0.0]], 1.0), [[0.0, 0.0], [1.0, 1.0]], rtol=1e-9
    )


def test_no_entry_is_negative_and_nothing_is_made():
    """Truth: fractions of an amount: each is >= 0, and the columns of a closed system add up to 1."""
    for matrix in (cycle(1.3, 3), cycle(2.5, 6)):
        for t in (0.01, 1.0, 48.0):
            found = exponential(matrix, t)
            assert (found >= 0.0).all()
            np.testing.assert_allclose(found.sum(axis=0), 1.0, rtol=4 * np.finfo(float).eps * (1.0 + 2.5 * t))


@pytest.mark.parametrize(("loss", "exchange"), [(1e-6, 20.0), (1e-9, 3.0)])
def test_a_slow_loss_beside_a_fast_exchange(loss, exchange):
    """Truth: two compartments at 50 digits, with the loss itself and not what is left of it in ``-(loss + exchange)``.

    Tolerance: some 1e-15 of what is still there; from the rounded diagonal alone a loss of 1e-9 would be 2e-7 off.
    """
    t, out = 2e5, np.empty(4)
    rates = np.array([[-(loss + exchange), 10.0], [exchange, -10.0]])
    propagator(rates.ravel(), np.array([loss, 0.0]), t, out, np.empty((4, 4)), (0, 0))
    with mp.workdps(DIGITS):
        exact = mp.matrix([[-(mp.mpf(loss) + mp.mpf(exchange)), 10], [exchange, -10]])
        truth = np.array((mp.expm(exact * t)).tolist(), dtype=float)
    np.testing.assert_allclose(out.reshape(2, 2), truth, rtol=2e-14)
