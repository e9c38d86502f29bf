"""The tables of the methods, held to the conditions of order.

A method has order p when its weights reproduce ``1 / gamma(tree)`` for every rooted tree of at most p vertices, and
so does a dense output, with ``theta^p``. What a table must fulfil is counted here, not taken from its source.
(Hairer, Norsett & Wanner I, II.2; Hairer & Wanner II, IV.7)
"""

import math
from functools import cache
from itertools import combinations_with_replacement

import mpmath as mp
import numpy as np
import pytest

from doseline.kernels import methods as m

THETAS = np.array([0.0, 0.1, 0.25, 0.5, 0.7, 0.93, 1.0])


# ---------------------------------------------------------------- rooted trees
@cache
def trees(order):
    """Rooted trees with ``order`` vertices; a tree is the tuple of its children."""
    return sorted({tuple(sorted(forest)) for forest in forests(order - 1, order - 1)})


@cache
def forests(vertices, largest):
    if vertices == 0:
        return [()]
    found = []
    for size in range(min(vertices, largest), 0, -1):
        for count in range(1, vertices // size + 1):
            for some in combinations_with_replacement(trees(size), count):
                found += [some + rest for rest in forests(vertices - size * count, size - 1)]
    return found


def size(tree):
    return 1 + sum(size(child) for child in tree)


def density(tree):
    """gamma(tree): the exact solution has ``1 / gamma`` where a method has its elementary weight."""
    return size(tree) * math.prod(density(child) for child in tree)


def stage_weights(tree, several, single):
    """Elementary weight of each stage. ``single`` is the matrix below a vertex with one child, which only a
    Rosenbrock method has different."""
    matrix = single if len(tree) == 1 else several
    out = np.ones(len(matrix))
    for child in tree:
        out = out * (matrix @ stage_weights(child, several, single))
    return out


def residual(weights, order, several, single=None, *, to=1.0, exact=1.0):
    """Largest violation of the conditions up to ``order``, of a step that ends at ``to``."""
    single = several if single is None else single
    return max(
        abs(weights @ stage_weights(tree, several, single) - exact * to ** size(tree) / density(tree))
        for p in range(1, order + 1)
        for tree in trees(p)
    )


def test_trees():
    """Truth: the number of rooted trees, OEIS A000081."""
    assert [len(trees(p)) for p in range(1, 9)] == [1, 1, 2, 4, 9, 20, 48, 115]


# ---------------------------------------------------------------- the tables as plain arrays
TSIT5_A, TSIT5_B, TSIT5_E = (np.array(x) for x in (m.TSIT5_A, m.TSIT5_B, m.TSIT5_E))


def square(*blocks):
    """Rows of the 12 stages, of the stage at the end, and of the three of the dense output, in one matrix."""
    out = np.zeros((16, 16))
    for first, rows in blocks:
        rows = np.atleast_2d(rows)
        out[first : first + len(rows), : rows.shape[1]] = rows
    return out


DOP853_A = square((0, m.DOP853_A), (12, m.DOP853_B), (13, m.DOP853_A_DENSE))
DOP853_B, DOP853_E5, DOP853_E3 = (np.pad(x, (0, 4)) for x in (m.DOP853_B, m.DOP853_E5, m.DOP853_E3))
DOP853_C = np.array([*m.DOP853_C, 1.0, *m.DOP853_C_DENSE])

# Rodas5P back to stages that are multiplied by the Jacobian matrix: alpha, gamma + alpha, b
GAMMA = np.linalg.inv(np.eye(8) / m.RODAS5P_GAMMA - np.array(m.RODAS5P_C))
ALPHA = np.array(m.RODAS5P_A) @ GAMMA
BETA = ALPHA + GAMMA
RODAS5P_M = np.array(m.RODAS5P_M)


def dop853_dense(y, end, slopes, theta):
    """As the docstring of methods has it; ``slopes`` (16, ...) are ``h K``."""
    back = 1.0 - theta
    f0 = end - y
    f1 = slopes[0] - f0
    f2 = 2.0 * f0 - slopes[0] - slopes[12]
    f3, f4, f5, f6 = np.array(m.DOP853_D) @ slopes
    inner = f3 + theta * (f4 + back * (f5 + theta * f6))
    return y + theta * (f0 + back * (f1 + theta * (f2 + back * inner)))


def tsit5_dense(y, slopes, theta):
    return y + (np.array(m.TSIT5_P) @ theta ** np.arange(1, 5)) @ slopes


def rodas5p_dense(y, end, stages, theta):
    k0, k1, k2 = np.array(m.RODAS5P_H) @ stages
    back = 1.0 - theta
    return back * y + theta * (end + back * (k0 + theta * (k1 + theta * k2)))


# ---------------------------------------------------------------- conditions of order
def test_rows_add_up_to_their_times():
    """Truth: C = A 1. A row's rounding is that of its largest entry (28 for DOP853)."""
    np.testing.assert_allclose(DOP853_A.sum(axis=1), DOP853_C, rtol=0, atol=4e-14)
    np.testing.assert_allclose(TSIT5_A.sum(axis=1), m.TSIT5_C, rtol=0, atol=1e-14)
    np.testing.assert_allclose(ALPHA.sum(axis=1), m.RODAS5P_TIMES, rtol=0, atol=1e-13)
    np.testing.assert_allclose(GAMMA.sum(axis=1), m.RODAS5P_D, rtol=0, atol=1e-13)


def test_orders_of_the_steps():
    """Truth: the trees up to the order; one order more fails by far more than rounding."""
    for weights, order, matrices, rounding in [
        (DOP853_B, 8, (DOP853_A,), 1e-14),
        (TSIT5_B, 5, (TSIT5_A,), 3e-14),
        (RODAS5P_M @ GAMMA, 5, (ALPHA, BETA), 1e-13),
    ]:
        assert residual(weights, order, *matrices) < rounding
        assert residual(weights, order + 1, *matrices) > 1e-6


def test_orders_of_the_estimates():
    """Truth: an estimate is the difference of two methods, so it vanishes on the trees of the lower order."""
    stage = np.zeros(8)
    stage[7] = 1.0
    for weights, order, matrices, rounding in [
        (DOP853_E5, 5, (DOP853_A,), 1e-14),
        (DOP853_E3, 3, (DOP853_A,), 1e-14),
        (TSIT5_E, 4, (TSIT5_A,), 1e-14),
        (stage @ GAMMA, 4, (ALPHA, BETA), 1e-13),
    ]:
        assert residual(weights, order, *matrices, exact=0.0) < rounding
        assert residual(weights, order + 1, *matrices, exact=0.0) > 1e-5


@pytest.mark.parametrize("theta", THETAS)
def test_orders_of_the_dense_outputs(theta):
    """Truth: the trees, with theta^p; a dense output is linear in the stages, so unit stages give its weights.

    Rounding is that of the largest coefficient of a polynomial, 88 for Tsit5.
    """
    no = np.zeros(16)
    dop853 = dop853_dense(no, DOP853_B, np.eye(16), theta)
    tsit5 = tsit5_dense(np.zeros(7), np.eye(7), theta)
    rodas5p = rodas5p_dense(np.zeros(8), RODAS5P_M, np.eye(8), theta) @ GAMMA
    assert residual(dop853, 7, DOP853_A, to=theta) < 1e-14
    assert residual(tsit5, 4, TSIT5_A, to=theta) < 5e-14
    assert residual(rodas5p, 4, ALPHA, BETA, to=theta) < 1e-13


def test_dense_outputs_end_where_the_step_ends():
    """Truth: the weights of the step, and none at its beginning."""
    for dense, weights in [
        (lambda theta: dop853_dense(np.zeros(16), DOP853_B, np.eye(16), theta), DOP853_B),
        (lambda theta: tsit5_dense(np.zeros(7), np.eye(7), theta), TSIT5_B),
        (lambda theta: rodas5p_dense(np.zeros(8), RODAS5P_M, np.eye(8), theta), RODAS5P_M),
    ]:
        np.testing.assert_allclose(dense(1.0), weights, rtol=0, atol=5e-14)
        np.testing.assert_array_equal(dense(0.0), 0.0)
    assert m.TSIT5_A[6] == m.TSIT5_B
    assert m.RODAS5P_A[7][:7] == m.RODAS5P_M[:7]


# ---------------------------------------------------------------- stability
def explicit_growth(a, b, z):
    stages = np.zeros((len(b), len(z)), dtype=z.dtype)
    for i, row in enumerate(a):
        stages[i] = z * (1.0 + row[:i] @ stages[:i])
    return 1.0 + b @ stages


def rodas5p_growth(z):
    """``y_1 / y`` and the estimate of the error for ``y' = z y``, h = 1."""
    a, c, inverse = np.array(m.RODAS5P_A), np.array(m.RODAS5P_C), 1.0 / (1.0 / m.RODAS5P_GAMMA - z)
    stages = np.zeros((8, len(z)), dtype=z.dtype)
    for i in range(8):
        stages[i] = (z * (1.0 + a[i, :i] @ stages[:i]) + c[i, :i] @ stages[:i]) * inverse
    return 1.0 + RODAS5P_M @ stages, stages[7]


@pytest.mark.parametrize(
    ("a", "b", "stable"),
    [(DOP853_A[:12, :12], m.DOP853_B, m.DOP853_STABLE), (TSIT5_A, m.TSIT5_B, m.TSIT5_STABLE)],
)
def test_stable_intervals(a, b, stable):
    """Truth: ``|R(z)| <= 1`` on the negative real axis up to there, and not 0.01 beyond."""
    z = -np.linspace(0.0, stable, 100_001)
    assert np.abs(explicit_growth(a, np.array(b), z)).max() <= 1.0 + 1e-12
    assert abs(explicit_growth(a, np.array(b), np.array([-stable - 0.01])))[0] > 1.0


def test_rodas5p_is_l_stable():
    """Truth: ``|R| <= 1`` on the imaginary axis, where the maximum over the left half plane lies; R(-infinity) = 0."""
    growth, _ = rodas5p_growth(1j * np.geomspace(1e-4, 1e8, 100_001))
    assert np.abs(growth).max() <= 1.0 + 1e-14
    growth, estimate = rodas5p_growth(-np.geomspace(1e6, 1e12, 7))
    assert np.abs(growth).max() < 2e-5
    assert np.abs(growth - estimate).max() < 2e-5


# ---------------------------------------------------------------- convergence, by a step written out plainly
def f(t, y):
    return np.array([y[1] * np.cos(t) - 0.5 * y[0] * y[0], np.exp(-t) - y[0] * y[1]], dtype=y.dtype)


def jacobian(t, y):
    return np.array([[-y[0], np.cos(t)], [-y[1], -y[0]]])


def df_dt(t, y):
    return np.array([-y[1] * np.sin(t), -np.exp(-t)])


def explicit_stages(a, c, t, y, h):
    slopes = np.zeros((len(c), len(y)))
    for i in range(len(c)):
        slopes[i] = h * f(t + c[i] * h, y + a[i][:i] @ slopes[:i])
    return slopes


def dop853_step(t, y, h):
    slopes = explicit_stages(DOP853_A, DOP853_C, t, y, h)
    end = y + DOP853_B @ slopes
    return end, lambda theta: dop853_dense(y, end, slopes, theta)


def tsit5_step(t, y, h):
    slopes = explicit_stages(TSIT5_A, m.TSIT5_C, t, y, h)
    return y + TSIT5_B @ slopes, lambda theta: tsit5_dense(y, slopes, theta)


def rodas5p_step(t, y, h):
    a, c = np.array(m.RODAS5P_A), np.array(m.RODAS5P_C)
    matrix = np.eye(len(y)) / (m.RODAS5P_GAMMA * h) - jacobian(t, y)
    stages = np.zeros((8, len(y)))
    for i in range(8):
        right = f(t + m.RODAS5P_TIMES[i] * h, y + a[i, :i] @ stages[:i]) + c[i, :i] @ stages[:i] / h
        stages[i] = np.linalg.solve(matrix, right + h * m.RODAS5P_D[i] * df_dt(t, y))
    end = y + RODAS5P_M @ stages
    return end, lambda theta: rodas5p_dense(y, end, stages, theta)


@cache
def solution():
    """Taylor series (mpmath.odefun)."""
    with mp.workdps(25):
        return mp.odefun(
            lambda t, y: [y[1] * mp.cos(t) - y[0] * y[0] / 2, mp.exp(-t) - y[0] * y[1]],
            0,
            [mp.mpf(1), mp.mpf("0.5")],
        )


def truth(t):
    with mp.workdps(25):
        return np.array([float(x) for x in solution()(t)])


def errors(step, h, within):
    """Largest error at the end of the steps to t = 2, and at ``within`` of the steps."""
    y, worst = np.array([1.0, 0.5]), 0.0
    for n in range(round(2.0 / h)):
        end, dense = step(n * h, y, h)
        worst = max(worst, np.abs(dense(within) - truth((n + within) * h)).max())
        y = end
    return np.abs(y - truth(2.0)).max(), worst


@pytest.mark.parametrize(
    ("step", "coarse", "order", "dense"),
    [(dop853_step, 0.25, 8, 7), (tsit5_step, 0.1, 5, 4), (rodas5p_step, 0.1, 5, 4)],
)
def test_observed_order(step, coarse, order, dense):
    """Truth: Taylor series in 25 digits. Half the step: 2^p times less error at the end of the course.

    A dense output of order q errs by h^(q + 1) within a step.
    """
    (at_end, within), (at_end_half, within_half) = (errors(step, h, 0.4) for h in (coarse, coarse / 2))
    assert math.log2(at_end / at_end_half) > order - 0.4
    assert math.log2(within / within_half) > dense + 1 - 0.4
