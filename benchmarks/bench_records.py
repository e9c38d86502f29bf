"""How fast event tables are read, and how fast they are simulated when no two times are alike.

Two yardsticks, each timed in the same run and in turns: the loop that one would write with scipy, a matrix exponential
for every interval, and `pandas.read_csv` of the same file. Each benchmark checks its answer before it is timed.
"""

import time

import numpy as np
import pandas as pd
import pytest
from bench_w1 import limit
from scipy.linalg import expm

import doseline as dl

ROUNDS = 5
SUBJECTS, DOSES, LOOKS = 10_000, 50, 100
LOOPED = 100
"""Subjects of which the loop is timed; the rest is scaled up."""
FASTER = 20.0
ROWS = 2_000_000
READ_FACTOR, READ_BESIDE = 1.5, 2.0
"""Reading may take this many times as long as pandas, and so many seconds more."""


def unequal(subjects):
    """A table in which every subject has doses and observations at times of their own."""
    draw = np.random.default_rng(7)
    shape = (subjects, DOSES + LOOKS)
    hours = np.concatenate(
        [draw.uniform(0, 500, (subjects, DOSES)), draw.uniform(0, 600, (subjects, LOOKS))], axis=1
    )
    amount = np.where(np.arange(DOSES + LOOKS) < DOSES, draw.uniform(10, 200, shape), 0.0)
    order = np.argsort(hours, axis=1)
    amount = np.take_along_axis(amount, order, axis=1)
    return {
        "ID": np.repeat(np.arange(1, subjects + 1), shape[1]),
        "TIME": np.take_along_axis(hours, order, axis=1).ravel(),
        "AMT": amount.ravel(),
        "EVID": (amount > 0).astype(np.int64).ravel(),
        # a typical value of each subject's own
        "CL": np.repeat(draw.lognormal(np.log(5.0), 0.3, subjects), shape[1]),
    }


def looped(model, table, subjects):
    """Levels of the first ``subjects`` by a matrix exponential for each interval, and the seconds it took."""
    values = {name: parameter.value for name, parameter in model.parameters.items()}
    KA, V2, Q, V3 = (values[name] for name in ("KA", "V2", "Q", "V3"))
    rows = (DOSES + LOOKS) * subjects
    begin = time.perf_counter()
    levels = []
    whose, now, state, matrix = 0, 0.0, np.zeros(3), np.zeros((3, 3))
    columns = (table[name][:rows].tolist() for name in ("ID", "TIME", "AMT", "CL"))
    for subject, hour, amount, CL in zip(*columns, strict=True):
        if subject != whose:
            whose, now, state = subject, hour, np.zeros(3)
            matrix = np.array([[-KA, 0, 0], [KA, -(CL + Q) / V2, Q / V3], [0, Q / V2, -Q / V3]])
        state = expm(matrix * (hour - now)) @ state
        now = hour
        if amount > 0:
            state[0] += amount
        else:
            levels.append(state[1] / V2)
    return np.array(levels), time.perf_counter() - begin


def test_records(benchmark):
    """10,000 subjects, 50 doses and 100 observations each, no two times alike: 20 times as fast as the loop."""
    model = dl.load_model("two-compartment-oral")
    table = unequal(SUBJECTS)
    records = dl.read_records(table)
    found = dl.simulate(model, records)["plasma"].values
    truth, _ = looped(model, table, LOOPED)
    scale = truth.max()
    assert len(found) == SUBJECTS * LOOKS
    np.testing.assert_allclose(found[: LOOPED * LOOKS] / scale, truth / scale, rtol=0, atol=1e-12)
    loops = []
    benchmark.pedantic(
        lambda: dl.simulate(model, records),
        setup=lambda: loops.append(looped(model, table, LOOPED)[1]),
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    if benchmark.disabled:
        limit("event table", None, FASTER)
    ours, loop = benchmark.stats.stats.min, min(loops[1:]) * SUBJECTS / LOOPED
    benchmark.extra_info.update(simulate_s=ours, loop_s=loop, factor=loop / ours)
    limit("event table, as a part of the loop", ours / loop, 1 / FASTER)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A table of two million records, and its path."""
    draw = np.random.default_rng(11)
    subjects = ROWS // 20
    first = np.tile(np.arange(20) == 0, subjects)
    frame = pd.DataFrame(
        {
            "ID": np.repeat(np.arange(1, subjects + 1), 20),
            "TIME": np.sort(draw.uniform(0, 700, (subjects, 20)).round(3), axis=1).ravel(),
            "AMT": np.where(first, draw.integers(1, 9, ROWS) * 10, 0),
            "RATE": 0,
            "II": np.where(first, 12, 0),
            "ADDL": np.where(first, 20, 0),
            "SS": 0,
            "EVID": first.astype(int),
            "CMT": np.where(first, 1, 2),
            "DV": draw.lognormal(0, 1, ROWS).round(4),
            "WT": np.repeat(draw.normal(70, 10, subjects).clip(40, 120).round(1), 20),
            "SEX": np.repeat(draw.integers(0, 2, subjects), 20),
        }
    )
    path = tmp_path_factory.mktemp("records") / "large.csv"
    frame.to_csv(path, index=False)
    return frame, path


def test_read_records(benchmark, large):
    """Two million lines: at most 1.5 times as long as pandas, and 2 s."""
    frame, path = large
    records = dl.read_records(path)
    assert len(records) == ROWS
    for column, values in (("TIME", records.time), ("AMT", records.amount), ("WT", records.covariates["WT"])):
        np.testing.assert_array_equal(values, frame[column])
    pandas_takes = []

    def read_by_pandas():
        begin = time.perf_counter()
        pd.read_csv(path)
        pandas_takes.append(time.perf_counter() - begin)

    benchmark.pedantic(dl.read_records, args=(path,), setup=read_by_pandas, rounds=3, warmup_rounds=1)
    if benchmark.disabled:
        limit("reading", None, 0.0)
    ours, theirs = benchmark.stats.stats.min, min(pandas_takes[1:])
    benchmark.extra_info.update(read_s=ours, pandas_s=theirs)
    limit("reading, as a part of what it may take", ours / (READ_FACTOR * theirs + READ_BESIDE), 1.0)
