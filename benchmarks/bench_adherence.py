"""How fast doses are taken or missed, for 10,000 people and 280 doses.

The yardstick is numpy's own generator in the same run, in turns: as many uniform numbers from a state, compared with
one probability. Each benchmark checks its answer before it is timed.
"""

import time

import numpy as np
import pytest
from bench_w1 import DOSES, EVERY, ROUNDS, SUBJECTS, limit
from scipy import stats

import doseline as dl
from doseline.streams import Streams

PEOPLE = np.arange(1, SUBJECTS + 1, dtype=np.uint64)
TIMES = np.arange(DOSES) * EVERY
SPELLS = {"good": 0.95, "bad": 0.3, "good_lasts": "14 days", "bad_lasts": "3 days"}

CASES = {
    "taken": (dl.adherence(0.8), 0.8, 3.0),
    "spells": (dl.adherence(spells=SPELLS), (14 * 0.95 + 3 * 0.3) / 17, 8.0),
}
"""Habits, the share of doses that they leave, and how many times numpy's time they may take."""


@pytest.mark.parametrize("name", CASES)
def test_draws_of_adherence(benchmark, name):
    """The whole draw within a few times what numpy takes to draw once for each dose."""
    habits, share, most = CASES[name]

    def ours():
        return habits.draw(Streams(7), PEOPLE, TIMES).taken

    # the doses of one day of everybody are independent: fails once in a million seeds
    assert stats.binomtest(int(ours()[:, 9].sum()), SUBJECTS, share).pvalue > 1e-6
    numpy_takes = []

    def yardstick():
        begin = time.perf_counter()
        np.less(np.random.default_rng(7).random((SUBJECTS, DOSES)), share)
        numpy_takes.append(time.perf_counter() - begin)

    benchmark.pedantic(ours, setup=yardstick, rounds=ROUNDS, warmup_rounds=1)
    if benchmark.disabled:
        limit(name, None, most)
    found, theirs = benchmark.stats.stats.min, min(numpy_takes[1:])
    benchmark.extra_info.update(ours_s=found, numpy_s=theirs)
    limit(f"{name}, in draws of numpy", found / theirs, most)
