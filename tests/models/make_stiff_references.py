"""Makes the reference values of stiff_problems: `python tests/models/make_stiff_references.py [NAME ...]`.

Radau IIA of 9 stages (order 17) in numbers of 80 bits, with steps so short that the last coefficients of each step's
polynomial are below 1e-16 of every state. Then all over again with 7 stages, and in 30 digits with mpmath and a
tolerance of 1e-20, which takes minutes. It prints the values, and how far the others are from them.
"""

import sys
from functools import cache

import mpmath as mp
import numpy as np
from stiff_problems import PROBLEMS


@cache
def radau(stages, digits):
    """Nodes, the matrix of integrals, and what turns values at 0 and at the nodes into Legendre coefficients."""
    with mp.workdps(60):
        known = [mp.mpf(x) for x in mp.polyroots(radau_polynomial(stages), maxsteps=500, extraprec=400)]
        nodes = [*sorted(known)[:-1], mp.mpf(1)]
        powers = mp.matrix(stages, stages)
        integrals = mp.matrix(stages, stages)
        for i, c in enumerate(nodes):
            for k in range(stages):
                powers[i, k] = c**k
                integrals[i, k] = c ** (k + 1) / (k + 1)
        matrix = integrals * powers**-1
        points = [mp.mpf(0), *nodes]
        basis = mp.matrix(stages + 1, stages + 1)
        for i, c in enumerate(points):
            for k in range(stages + 1):
                basis[i, k] = mp.legendre(k, 2 * c - 1)
        spectrum = basis**-1
        number = exact(digits)
        return (
            np.array([number(x) for x in nodes]),
            np.array([[number(matrix[i, j]) for j in range(stages)] for i in range(stages)]),
            np.array([[number(spectrum[i, j]) for j in range(stages + 1)] for i in range(stages + 1)]),
        )


def radau_polynomial(stages):
    """Coefficients, highest first, of the s - 1-th derivative of ``x^(s - 1) (x - 1)^s``; its roots are the nodes."""
    coefficients = [mp.mpf(0)] * (2 * stages)
    for k in range(stages + 1):
        coefficients[stages - 1 + k] = mp.binomial(stages, k) * (-1) ** (stages - k)
    for _ in range(stages - 1):
        coefficients = [k * value for k, value in enumerate(coefficients)][1:]
    return coefficients[::-1]


def exact(digits):
    """The number type: 80 bits, or mpmath's with so many digits."""
    return (lambda x: np.longdouble(mp.nstr(mp.mpf(x), 30))) if digits == 19 else mp.mpf


def factor(matrix):
    """LU with pivots, for numbers of any type."""
    lower, order = matrix.copy(), np.arange(len(matrix))
    for k in range(len(lower)):
        pivot = k + int(np.argmax(np.abs(lower[k:, k])))
        if pivot != k:
            lower[[k, pivot]], order[[k, pivot]] = lower[[pivot, k]], order[[pivot, k]]
        lower[k + 1 :, k] /= lower[k, k]
        lower[k + 1 :, k + 1 :] -= np.outer(lower[k + 1 :, k], lower[k, k + 1 :])
    return lower, order


def solve(factors, right):
    lower, order = factors
    x = right[order]
    for k in range(1, len(x)):
        x[k] -= lower[k, :k] @ x[:k]
    for k in range(len(x) - 1, -1, -1):
        x[k] = (x[k] - lower[k, k + 1 :] @ x[k + 1 :]) / lower[k, k]
    return x


def jacobian(slopes, y, small):
    base, columns = slopes(y), []
    for j in range(len(y)):
        moved = y.copy()
        step = small * max(abs(y[j]), small)
        moved[j] += step
        columns.append((slopes(moved) - base) / step)
    return np.array(columns).T


def settle(slopes, y, h, matrix, factors, scale, stop):
    """Stages of one step by simplified Newton, (stage, state) less ``y``; None where it does not settle."""
    z = np.zeros((len(matrix), len(y)), dtype=y.dtype) * y[0]
    last = np.inf
    for _ in range(25):
        f = np.array([slopes(y + row) for row in z])
        change = solve(factors, (h * (matrix @ f) - z).ravel()).reshape(z.shape)
        z = z + change
        size = float(np.max(np.abs(change) / scale))
        if size < stop or (size < 1e4 * stop and size >= last):
            return z
        if not size < 10 * last:
            return None
        last = size
    return None


def follow(slopes, y, span, h, stages, digits, tolerance, most):
    """Through ``span``: the state, the next step, the largest of each state so far, and the number of steps."""
    _, matrix, spectrum = radau(stages, digits)
    identity = np.eye(stages * len(y)).astype(y.dtype)
    small = mp.mpf(10) ** (-digits // 2) if digits != 19 else np.longdouble(1e-9)
    stop = 10.0 ** (1 - digits)
    (t, end), steps = span, 0
    while t < end:
        h = min(h, end - t)
        most = np.maximum(most, np.abs(y))
        scale = np.abs(y) + most / 10**6 + 1e-30
        factors = factor(identity - h * np.kron(matrix, jacobian(slopes, y, small)))
        z = settle(slopes, y, h, matrix, factors, scale, stop)
        if z is None:
            h = h / 4
            continue
        tail = np.abs((spectrum @ np.vstack([0 * y, z]))[-2:]) / scale
        error = float(np.max(tail))
        grow = min(4.0, 0.8 * (tolerance / max(error, 1e-30)) ** (1 / (stages - 1)))
        if error > tolerance:
            h = h * max(0.1, grow)
            continue
        most = np.maximum(most, np.max(np.abs(y + z), axis=0))
        t, y, steps = t + h if t + h < end else end, y + z[-1], steps + 1
        h = h * grow
    return y, h, most, steps


def table(problem, *, stages, digits, tolerance):
    """Values (time, state) at the problem's times, the largest value of each state, and the number of steps."""
    number = exact(digits)
    y = np.array([number(x) for x in problem.initial])

    def slopes(state):
        return np.array(problem.slopes(state))

    stops = sorted({*problem.times, *(time for time, _ in problem.doses)})
    given = dict(problem.doses)
    rows, now, most, steps = [], 0, np.abs(y), 0
    h = number(1e-8)
    for stop in stops:
        if stop > now:
            span = number(now), number(stop)
            y, h, most, more = follow(slopes, y, span, h, stages, digits, tolerance, most)
            steps += more
        if stop in given:
            y = y.copy()
            y[problem.dosed] += number(given[stop])
            h = number(1e-8)
        if stop in problem.times:
            rows.append(y)
        now = stop
    return np.array(rows), most, steps


CHECKS = ({"stages": 7, "digits": 19, "tolerance": 1e-15}, {"stages": 9, "digits": 30, "tolerance": 1e-20})
"""How the values are made again: in 80 bits, and with mpmath."""


def report(problem):
    with mp.workdps(32):
        values, most, steps = table(problem, stages=9, digits=19, tolerance=1e-16)
        print(f"{problem.name}: {steps} steps; largest", [float(f"{x:.4g}") for x in most])
        for time, row in zip(problem.times, values, strict=True):
            print(f"  {time}:", ", ".join(repr(float(x)) for x in row), flush=True)
        for check in CHECKS:
            again, _, steps = table(problem, **check)
            apart = [
                abs(float(x / mp.mpf(str(y)) - 1)) for x, y in zip(again.ravel(), values.ravel(), strict=True)
            ]
            print(f"  {check}: {steps} steps, {max(apart):.1e} apart", flush=True)


if __name__ == "__main__":
    for problem in PROBLEMS.values():
        if not sys.argv[1:] or problem.name in sys.argv[1:]:
            report(problem)
