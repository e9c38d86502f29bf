"""How fast profiles are analysed without compartments, beside numpy's trapezoids over the same levels.

The yardstick is trapezoids and `numpy.log` of all levels, which any such analysis needs at least once; the areas
that numpy gives are the answer that is checked.
"""

import time

import numpy as np
import pandas as pd

import doseline as dl

PROFILES, SAMPLES = 1_000_000, 24
LIMIT = 12
"""A data frame has to be read, sorted into profiles and analysed: some five times numpy's time."""


def test_a_million_profiles(benchmark):
    """A data frame with 24 million lines: the whole call, at most so many times numpy's areas and logarithms."""
    count = PROFILES if benchmark.enabled else 10_000
    rng = np.random.Generator(np.random.Philox(7))
    when = np.concatenate([[0.0], np.geomspace(0.25, 48, SAMPLES - 1)])
    ka, k = rng.lognormal(0.3, 0.4, (count, 1)), rng.lognormal(-2, 0.3, (count, 1))
    level = (
        5 * ka / (ka - k) * (np.exp(-k * when) - np.exp(-ka * when)) * rng.lognormal(0, 0.1, (count, SAMPLES))
    )
    frame = pd.DataFrame(
        {"subject": np.repeat(np.arange(count), SAMPLES), "time": np.tile(when, count), "conc": level.ravel()}
    )
    dl.nca(frame[:SAMPLES], dose=100, area="linear")
    begin = time.perf_counter()
    areas = np.sum((level[:, 1:] + level[:, :-1]) * np.diff(when), axis=1) / 2
    np.log(np.maximum(level, 1e-300))
    theirs = time.perf_counter() - begin
    rounds = 3 if benchmark.enabled else 1
    found = benchmark.pedantic(dl.nca, (frame,), {"dose": 100, "area": "linear"}, rounds=rounds)
    np.testing.assert_allclose(found["AUCLST"].values, areas, rtol=1e-12)
    if benchmark.enabled:
        ours = benchmark.stats.stats.min
        told = f"{ours:.2f} s, {ours / theirs:.1f} times numpy's areas and logarithms ({theirs:.2f} s)"
        print(f"\n{count:,} x {SAMPLES}: {told}")
        assert ours < LIMIT * theirs
