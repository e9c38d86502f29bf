"""How fast correlated effects are drawn.

The yardstick is numpy's own generator of as many independent normals, timed in the same run, in turns. What is asked
for beside them is that a name and not a place in a sequence decides, that they are correlated, and that no bit depends
on the machine. The answer is checked before it is timed, code is compiled outside the clock, and limits hold only where
timing is on.
"""

import time

import numpy as np
import pytest
from scipy import special

from doseline.streams import Streams, correlated

SUBJECTS = 1_000_000
NAMES = ["eta CL", "eta V1", "eta Q", "eta V2", "eta KA", "eta F"]
OTHERS = ["eta A", "eta B", "eta C", "eta G", "eta H", "eta I"]
"""Effects that share a Sobol sequence, and such that share none."""
FACTOR = {"random": 3.0, "sobol": 6.0, "sobol alone": 6.0}
"""Draws may take this many times as long as numpy's."""
ROUNDS = 9
CORRELATION = 0.3 + 0.7 * np.eye(len(NAMES))


@pytest.fixture(scope="module")
def number():
    return np.arange(1, SUBJECTS + 1, dtype=np.uint64)


def standard(generator):
    """Seconds for as many independent normals from numpy."""
    begin = time.perf_counter()
    generator.standard_normal(SUBJECTS * len(NAMES))
    return time.perf_counter() - begin


def check(streams, names, factor, number):
    """A few subjects by scipy's quantile and numpy's product, to 1e-13: both err by a few units of the last place."""
    some = number[:: SUBJECTS // 1000]
    independent = special.ndtri([streams.uniform(name, some) for name in names])
    found = correlated(streams, names, factor, some)
    np.testing.assert_allclose(list(found.values()), factor @ independent, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", FACTOR)
def test_correlated(benchmark, number, kind):
    """1,000,000 subjects, 6 correlated effects."""
    streams, factor = Streams(7, sobol=kind != "random"), np.linalg.cholesky(CORRELATION)
    names = OTHERS if kind == "sobol alone" else NAMES
    check(streams, names, factor, number)
    # a million draws: within 0.005 of what the correlations should be, which is five standard errors, four of Sobol's
    found = correlated(streams, names, factor, number)
    np.testing.assert_allclose(np.corrcoef(list(found.values())), CORRELATION, atol=0.005)
    del found
    generator, yardstick = np.random.default_rng(7), []
    benchmark.pedantic(
        lambda: correlated(streams, names, factor, number),
        setup=lambda: yardstick.append(standard(generator)),
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    if benchmark.disabled:
        pytest.skip("timing is off: the answer was checked, the time was not")
    fastest, numpy_s = benchmark.stats.stats.min, min(yardstick[1:])
    benchmark.extra_info.update(numpy_ms=1e3 * numpy_s, draws_ms=1e3 * fastest, factor=fastest / numpy_s)
    assert fastest / numpy_s <= FACTOR[kind]


def test_by_occasion(benchmark):
    """10,000 subjects, 280 occasions, one effect: the draws of a course of doses. No gate of its own."""
    people, doses = np.arange(1, 10_001, dtype=np.uint64), np.arange(280)
    streams = Streams(7)
    found = streams.uniform("taken", people, occasion=doses)
    assert (found[:, 17] == streams.uniform("taken", people, occasion=doses[17:18])[:, 0]).all()
    benchmark.pedantic(
        lambda: streams.uniform("taken", people, occasion=doses), rounds=ROUNDS, warmup_rounds=1
    )
