"""Exposure while solving against plain Python.

Truth: `plain_exposure`, states by mpmath's matrix exponential, extremes and crossings by a dense grid and bracketing.

Tolerance: 1e-12 of Cmax and of the area, what the exact engine promises. A maximum is flat, so when it is reached is
only known to the square root of that, and not compared; when a threshold is crossed, as far as the plain level, in
doubles, knows it.
"""

import numpy as np
import pytest
from linear_arm import arm_of, linear_model
from plain_exposure import Body, exposure

from doseline.dosing.dose import Block, Dose
from doseline.dosing.regimen import Regimen
from doseline.solve_exposure import Windows, expose
from doseline.solve_intakes import Log


def compare(found, truth, thresholds, *, hours=1e-7):
    scale = abs(truth[0])
    assert found[0] == pytest.approx(truth[0], rel=1e-12)
    assert abs(found[2] - truth[2]) <= 1e-12 * scale
    assert found[3] == pytest.approx(truth[3], rel=1e-12)
    many = len(thresholds)
    np.testing.assert_allclose(found[4 : 4 + many], truth[4 : 4 + many], rtol=hours, atol=hours)
    np.testing.assert_allclose(found[4 + many :], truth[4 + many :], rtol=hours, atol=hours)


def random_case(seed):
    """A model of 1 to 5 states, with equal rates and circles now and then, and a course of boluses and infusions."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    rates = {}
    for source in range(n):
        for target in range(n):
            near = abs(source - target) == 1 or rng.random() < 0.3
            if source != target and near and rng.random() < 0.7:
                rates[source, target] = float(10.0 ** rng.uniform(-2.0, 1.0))
        if rng.random() < 0.6:
            rates[source, None] = float(10.0 ** rng.uniform(-2.0, 0.5))
    if rng.random() < 0.3:
        rates = {way: 0.5 for way in rates}
    rates.setdefault((n - 1, None), 0.1)
    if seed % 5 == 4:
        rates = {way: rate * (1e4 if way[0] == 0 else 1.0) for way, rate in rates.items()}
    weights = np.where(rng.random(n) < 0.5, rng.uniform(0.2, 2.0, n), 0.0)
    weights[rng.integers(n)] = 1.0
    lags = rng.choice([0.0, 0.0, 0.75, 13.0], n)
    lengths = rng.choice([0.0, 0.0, 1.5, 9.0], n)
    initial = rng.choice([0.0, 0.0, 30.0], n)
    blocks = []
    for _ in range(int(rng.integers(1, 3))):
        start, period = float(rng.integers(0, 3)) * 4.0, float(rng.choice([8.0, 12.0, 7.3]))
        pattern = tuple(
            (float(at), Dose(float(rng.uniform(20, 120)), route=f"r{rng.integers(n)}")) for at in (0.0, 2.5)
        )
        blocks.append(Block(start, pattern, period, int(rng.integers(2, 4))))
    end = max(block.start + block.repeats * block.period for block in blocks)
    return rates, weights, lags, lengths, initial, Regimen(tuple(blocks), end)


def body_of(rates, weights, lags, lengths, initial, course):
    n = len(weights)
    matrix = np.zeros((n, n))
    for (source, target), rate in rates.items():
        matrix[source, source] -= rate
        if target is not None:
            matrix[target, source] += rate
    body = Body(matrix, weights, initial)
    for block in course.blocks:
        for cycle in range(block.repeats):
            for at, dose in block.pattern:
                place = int(dose.route[1:])
                time = block.start + cycle * block.period + at + lags[place]
                if lengths[place] > 0.0:
                    rate = dose.amount / lengths[place]
                    body.infusions.append((time, time + lengths[place], place, rate))
                else:
                    body.boluses.append((time, place, dose.amount))
    return body


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[pytest.mark.slow] if seed > 2 else []) for seed in range(15)]
)
def test_random_models(seed):
    """Truth: plain Python, for windows between doses and for the course."""
    rates, weights, lags, lengths, initial, course = random_case(seed)
    body = body_of(rates, weights, lags, lengths, initial, course)
    model = linear_model(rates, weights, lags, lengths, initial)
    arm = arm_of(model, course, 1)
    end = float(arm.times[-1])
    middle = float(course.blocks[0].start + course.blocks[0].period)
    edges = np.array([[0.0, middle], [end - 3.0, end]])
    spans = [(0.0, end), *map(tuple, edges)]
    truth, thresholds = exposure(body, spans, [0.2, 0.7, 1.5])
    found = expose(arm, Windows(edges, (0.0, end), thresholds, 0), Log.unread(1), threads=1)
    assert found.status[0] == 0
    for row, true in zip((found.course[0], *found.inside[0]), truth, strict=True):
        compare(row, true, thresholds)
