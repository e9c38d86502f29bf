"""The numbers of a subject depend on nobody: not on order, neighbours, blocks or threads, to the last bit.

Truth: the same subjects one by one, each in a lane of its own with fifteen idle ones. Tolerance: none. Some subjects
are stiff and are solved again by another method, and some fail: their neighbours must not notice.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lanes import COVARIATE, HEAD, PARAMETER

import doseline as dl
from doseline import ode
from doseline.kernels.lanes import LANES
from doseline.model.read import read_model

VALUES = [
    ("KA", 1.1, "1/h"), ("VMAX", 12.0, "mg/h"), ("KM", 2.0, "mg/L"), ("V", 40.0, "L"), ("LAG", 1.0, "h"),
    ("KIN", 3.0, "1/h"), ("KOUT", 0.15, "1/h"), ("IC50", 1.0, "mg/L"), ("DAY", 0.26, "1/h"), ("F", 1.0, "1"),
]  # fmt: skip
MODEL = read_model(
    HEAD.format("mixed")
    + "[covariates]\n"
    + COVARIATE.format("WT", "kg", 70)
    + COVARIATE.format("FAST", "1/h", 0.1)
    + COVARIATE.format("SLOW", "1", 1)
    + "[parameters]\n"
    + "".join(PARAMETER.format(*each) for each in VALUES)
    + PARAMETER.format("STANDARD", 70.0, "kg")
    + """[individual]
V = "V * (WT / STANDARD) ** 0.8"
[compartments]
gut = { unit = "mg", label = "x" }
central = { unit = "mg", label = "x" }
tissue = { unit = "mg", label = "x" }
answer = { unit = "1", label = "x" }
[variables]
CP = "central / V"
[flows]
"gut -> central" = "KA"
"central -> out" = "VMAX / (KM * V + central)"
"central -> tissue" = "FAST"
"tissue -> central" = "FAST"
[rates]
answer = "KIN * (1 + 0.3 * exp(-DAY * tad)) * IC50 / (IC50 + CP) - KOUT * answer"
[initial]
answer = "KIN / KOUT"
[routes.oral]
label = "x"
into = "gut"
lag = "LAG * SLOW"
bioavailability = "F"
[routes.iv]
label = "x"
into = "central"
[formulations.tablet]
label = "x"
[formulations.tablet.meals.fasted]
source = "test"
label = "x"
[formulations.tablet.meals.fed]
source = "test"
label = "x"
F = { value = 0.7, unit = "1", label = "x", source = "test", status = "assumption" }
LAG = { value = 2.5, unit = "h", label = "x", source = "test", status = "assumption" }
[outputs]
plasma = { value = "CP", unit = "mg/L", label = "x" }
answer = { value = "answer * (1 + t / (t + tad + 1 / KA))", unit = "1", label = "x" }
""",
    place="mixed",
)
COUNT = 40
RANDOM = np.random.default_rng(8)
STIFF = RANDOM.random(COUNT) < 0.3
PEOPLE = {
    "WT": RANDOM.uniform(40.0, 120.0, COUNT),
    "FAST": np.where(STIFF, 10.0 ** RANDOM.uniform(3.0, 5.0, COUNT), RANDOM.uniform(0.05, 2.0, COUNT)),
    "SLOW": RANDOM.choice([0.0, 0.25, 7.3, 15.0], COUNT),
}
FINE = np.arange(0.0, 60.25, 0.125)
COARSE = np.array([0.0, 0.3, 2.0, 11.9, 24.0, 25.0, 48.0, 59.5])
COURSES = {
    "by mouth": "80 mg every 12 h x 4 by oral",
    "both": "(60 mg every 8 h x 5 by oral) and (50 mg over 5.5 h every 5 h x 4 by iv)",
}


def chosen(rows):
    return {name: values[list(rows)] for name, values in PEOPLE.items()}


def levels(rows, *, course="both", times=FINE, **how):
    """Outputs (output, meal, subject, time), and what is told of each subject."""
    found = dl.simulate(MODEL, COURSES[course], chosen(rows), times=times, meal=["fasted", "fed"], **how)
    told = np.stack([found[name].values for name in ("status", "method", "stiff_since", "steps")])
    return np.stack([found[name].values for name in MODEL.outputs]), told


def same(found, truth, rows):
    np.testing.assert_array_equal(found[0], truth[0][:, :, list(rows)])
    np.testing.assert_array_equal(found[1], truth[1][:, :, list(rows)])


@pytest.fixture(scope="module")
def alone():
    each = [levels([k]) for k in range(COUNT)]
    return tuple(np.concatenate([one[part] for one in each], axis=2) for part in (0, 1))


def test_some_are_stiff(alone):
    """Or the rest would prove little."""
    assert (alone[1][0] == 0).all()
    assert ((alone[1][1] == 2) == STIFF).all()
    assert len(set(alone[0][0, 0, :, 100])) == COUNT


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, LANES - 1, LANES, LANES + 1, COUNT])
def test_cohorts_of_any_size(alone, count, threads):
    same(levels(range(count), threads=threads), alone, range(count))


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=COUNT, unique=True),
    threads=st.integers(1, 2),
)
def test_any_neighbours_in_any_order(alone, rows, threads):
    same(levels(rows, threads=threads), alone, rows)


@pytest.mark.parametrize("width", [LANES, 2 * LANES, 3 * LANES])
def test_blocks_of_any_size(alone, width, monkeypatch):
    monkeypatch.setattr(ode, "_width", lambda *_: width)
    same(levels(range(COUNT), threads=2), alone, range(COUNT))


@pytest.mark.parametrize("blocks", [1, 2, 7])
def test_any_number_of_blocks(alone, blocks, monkeypatch):
    monkeypatch.setattr(ode, "BLOCKS_A_THREAD", blocks)
    same(levels(range(COUNT), threads=2), alone, range(COUNT))


@pytest.mark.parametrize("method", ["dop853", "tsit5", "rodas5p"])
@pytest.mark.parametrize("times", [FINE, COARSE], ids=["fine", "coarse"])
def test_every_method(method, times):
    """Those that are not stiff, for an explicit method would be at it for long."""
    rows = np.flatnonzero(~STIFF)
    how = {"course": "by mouth", "times": times, "method": method, "rtol": 1e-6}
    whole = levels(rows, threads=2, **how)
    for at in (0, 7, len(rows) - 1):
        same(levels([rows[at]], **how), whole, [at])


def test_a_subject_that_fails_changes_no_neighbour(alone):
    """By steps that are too small, and by a lag below zero."""
    bad = chosen(range(COUNT))
    bad["FAST"][3], bad["SLOW"][21] = 1e300, -1.0
    how = {"times": FINE, "meal": ["fasted", "fed"], "on_failure": "mark", "threads": 2}
    found = dl.simulate(MODEL, COURSES["both"], bad, **how)
    well = [k for k in range(COUNT) if k not in (3, 21)]
    assert (found["status"].values[:, [3, 21]] != 0).all()
    for at, name in enumerate(MODEL.outputs):
        np.testing.assert_array_equal(found[name].values[:, well], alone[0][at][:, well])
        assert np.isnan(found[name].values[:, [3, 21]]).all()


@pytest.mark.parametrize("fewer", [0, 1])
def test_most_steps(alone, fewer):
    """As many steps as a subject needs are enough for it, and one less is not, whoever is beside it."""
    rows = np.flatnonzero(~STIFF)
    for at in rows[:5]:
        steps = int(alone[1][3, 0, at])
        how = {
            "times": FINE,
            "meal": "fasted",
            "on_failure": "mark",
            "method": "dop853",
            "max_steps": steps - fewer,
        }
        status = dl.simulate(MODEL, COURSES["both"], chosen(rows), threads=1, **how)["status"].values.ravel()
        needed = alone[1][3, 0, rows]
        np.testing.assert_array_equal(status == 0, needed <= steps - fewer)


# ---------------------------------------------------------------- event tables

COLUMNS = ("TIME", "EVID", "AMT", "RATE", "II", "ADDL", "SS", "CMT", "WT", "FAST", "SLOW")
GUT, CENTRAL = 1, 2


def rows_of(k):
    """Records of one subject: doses of any form, observations between them, a weight that changes."""
    random = np.random.default_rng(100 + k)
    fixed = {"FAST": PEOPLE["FAST"][k], "SLOW": PEOPLE["SLOW"][k]}
    rows = []
    for _ in range(random.integers(1, 4)):
        row = dict.fromkeys(COLUMNS, 0.0) | {
            "TIME": random.integers(0, 40) / 2, "EVID": int(random.choice([1, 1, 4])), "II": 12.0,
            "AMT": random.uniform(1.0, 60.0), "ADDL": int(random.integers(0, 3)),
            "SS": int(random.choice([0, 0, 1, 2])), "CMT": CENTRAL,
        }  # fmt: skip
        rows.append(row | ({"RATE": 7.0} if random.random() < 0.5 else {"CMT": GUT}))
    for time in np.sort(random.uniform(0.0, 60.0, random.integers(3, 20))):
        rows.append(dict.fromkeys(COLUMNS, 0.0) | {"TIME": time})
    rows.sort(key=lambda row: row["TIME"])
    return [row | fixed | {"WT": random.uniform(50.0, 90.0)} for row in rows]


TABLE = [rows_of(k) for k in range(COUNT)]


def table(rows):
    columns = {name: [row[name] for k in rows for row in TABLE[k]] for name in COLUMNS}
    return dl.read_records({"ID": [k + 1 for k in rows for _ in TABLE[k]], **columns})


def observed(rows, *, times=None, **how):
    """One array for each subject."""
    found = dl.simulate(MODEL, table(rows), times=times, **how)
    assert (found["status"] == 0).all()
    whole = np.stack([found[name].values for name in MODEL.outputs])
    if times is not None:
        return [whole[:, at] for at in range(len(rows))]
    counts = [sum(row["EVID"] == 0 for row in TABLE[k]) for k in rows]
    return np.split(whole, np.cumsum(counts)[:-1], axis=1)


@pytest.mark.parametrize("times", [None, FINE], ids=["observations", "grid"])
def test_event_tables(times):
    truth = [observed([k], times=times)[0] for k in range(COUNT)]
    backwards = list(range(COUNT))[::-1]
    for rows in (range(COUNT), range(5), backwards, range(0, COUNT, 3)):
        for threads in (1, 2):
            for k, found in zip(rows, observed(list(rows), times=times, threads=threads), strict=True):
                np.testing.assert_array_equal(found, truth[k])
