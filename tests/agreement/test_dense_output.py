"""Levels on grids finer than steps, and what `t`, `tad` and `dose` are in outputs.

Truth: scipy's DOP853 at 1e-13 of equations written by hand, begun anew at every dose, end of an infusion and time
compared; for the clock, lists of arrivals written by hand. Tolerances: 1e-7 of each output's maximum at the default
tolerances, which allow 1e-8 in a step; 1e-12 for the clock, which is no more than a difference of times.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import doseline as dl
from doseline.model.read import read_model

HEAD = 'name = "{}"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]\n'
PARAMETER = '{} = {{ value = {}, unit = "{}", label = "x", source = "test", status = "assumption" }}\n'


def model_of(name, parameters, rest):
    entries = "".join(PARAMETER.format(key, *each) for key, each in parameters.items())
    return read_model(HEAD.format(name) + entries + rest, place=name)


# ---------------------------------------------------------------- levels between steps

TURNOVER = model_of(
    "turnover",
    {
        "KA": (1.2, "1/h"), "VMAX": (8.0, "mg/h"), "KM": (1.5, "mg/L"), "V": (25.0, "L"), "K12": (0.4, "1/h"),
        "K21": (0.15, "1/h"), "KIN": (5.0, "1/h"), "KOUT": (0.25, "1/h"), "IC50": (0.8, "mg/L"),
    },
    """[compartments]
gut = { unit = "mg", label = "x" }
central = { unit = "mg", label = "x" }
deep = { unit = "mg", label = "x" }
answer = { unit = "1", label = "x" }
[variables]
CP = "central / V"
[flows]
"gut -> central" = "KA"
"central -> out" = "VMAX / (KM * V + central)"
"central -> deep" = "K12"
"deep -> central" = "K21"
[rates]
answer = "KIN / (1 + CP / IC50) - KOUT * answer"
[initial]
answer = "KIN / KOUT"
[routes.oral]
label = "x"
into = "gut"
[routes.iv]
label = "x"
into = "central"
[outputs]
plasma = { value = "CP", unit = "mg/L", label = "x" }
gut = { value = "gut", unit = "mg", label = "x" }
answer = { value = "answer", unit = "1", label = "x" }
loss = { value = "VMAX * CP / (KM + CP) + KA * gut * exp(-tad * KA)", unit = "mg/h", label = "x" }
""",
)  # fmt: skip
COURSES = {
    # (time, state, amount, duration)
    "100 mg every 12 h x 3 by oral": [(12.0 * k, 0, 100.0, 0.0) for k in range(3)],
    "60 mg over 3 h every 8 h x 4 by iv": [(8.0 * k, 1, 60.0, 3.0) for k in range(4)],
    "80 mg once by iv, then 90 mg once by oral": [(0.0, 1, 80.0, 0.0), (24.0, 0, 90.0, 0.0)],
}


def followed(times, doses):
    """Outputs (output, time) by scipy."""

    def slope(t, y, flowing):
        absorbed, cp = 1.2 * y[0], y[1] / 25.0
        lost = 8.0 * cp / (1.5 + cp)
        return [
            -absorbed,
            absorbed + flowing - lost - 0.4 * y[1] + 0.15 * y[2],
            0.4 * y[1] - 0.15 * y[2],
            5.0 / (1.0 + cp / 0.8) - 0.25 * y[3],
        ]

    ends = [begin + duration for begin, _, _, duration in doses]
    edges = np.unique([*times, *ends, *(dose[0] for dose in doses)])
    y, given, found = np.array([0.0, 0.0, 0.0, 20.0]), 0.0, []
    for now, then in pairwise([*edges, edges[-1] + 1.0]):
        for begin, state, amount, duration in doses:
            if begin == now:
                given = begin
                y[state] += 0.0 if duration else amount
        if now in times:
            cp = y[1] / 25.0
            loss = 8.0 * cp / (1.5 + cp) + 1.2 * y[0] * np.exp(-1.2 * (now - given))
            found.append([cp, y[0], y[3], loss])
        flowing = sum(
            amount / long for begin, _, amount, long in doses if long and begin <= now < begin + long
        )
        solved = solve_ivp(slope, (now, then), y, "DOP853", args=(flowing,), rtol=1e-13, atol=1e-14)
        y = solved.y[:, -1].copy()
    return np.array(found).T


RANDOM = np.random.default_rng(11)
GRIDS = {
    "0.01 h": np.arange(0.0, 3600) * 0.01,
    "0.05 h": np.arange(0.0, 960) * 0.05,
    "uneven": np.sort(RANDOM.choice(48 * 256, 900, replace=False)) / 256,
    "in clusters": np.unique(
        np.concatenate([at + np.arange(40) * 2.0**-9 for at in (0.0, 5.5, 11.9375, 24.0, 35.0)])
    ),
}


@pytest.mark.parametrize("text", COURSES)
@pytest.mark.parametrize("grid", GRIDS)
def test_levels_between_steps(grid, text):
    """Truth: scipy, at a hundred of the grid's points."""
    times, doses = GRIDS[grid], COURSES[text]
    chosen = np.unique([0, len(times) - 1, *RANDOM.choice(len(times), 100, replace=False)])
    truth = followed(times[chosen], doses)
    for method in ("dop853", "tsit5", "rodas5p", None):
        found = dl.simulate(TURNOVER, text, times=times, method=method)
        levels = np.stack([found[name].values[0, chosen] for name in ("plasma", "gut", "answer", "loss")])
        errors = np.abs(levels - truth).max(axis=1) / np.where(truth.any(axis=1), truth.max(axis=1), 1.0)
        assert errors.max() < 1e-7, (method, errors)


# ---------------------------------------------------------------- the clock and the last dose

CLOCK = model_of(
    "clock",
    {
        "KA": (1.2, "1/h"),
        "K": (0.1, "1/h"),
        "LAG": (1.75, "h"),
        "F": (0.6, "1"),
        "D": (2.5, "h"),
        "R": (16.0, "mg/h"),
    },
    """[compartments]
gut = { unit = "mg", label = "x" }
central = { unit = "mg", label = "x" }
[flows]
"gut -> central" = "KA"
"central -> out" = "K"
[routes.oral]
label = "x"
into = "gut"
bioavailability = "F"
lag = "LAG"
[routes.iv]
label = "x"
into = "central"
[routes.pump]
label = "x"
into = "central"
bioavailability = "F"
lag = "LAG"
duration = "D"
[outputs]
clock = { value = "t", unit = "h", label = "x" }
since = { value = "tad", unit = "h", label = "x" }
last = { value = "dose", unit = "mg", label = "x" }
""",
)
METHODS = ("dop853", "tsit5", "rodas5p")


def told(times, arrivals):
    """`t`, `tad`, `dose` (3, time), from (arrival, amount) in order.

    A third number says since when it is so, where that is not the arrival: a dose of a train counts from its record on.
    """
    rows = []
    for time in times:
        at, amount = next(dose[:2] for dose in reversed(arrivals) if dose[-1 if len(dose) > 2 else 0] <= time)
        rows.append([time, time - at, amount])
    return np.array(rows, dtype=float).T


def shown(found, at=...):
    return np.stack([found[name].values[at] for name in ("clock", "since", "last")])


def holds(found, truth):
    np.testing.assert_allclose(found, truth, rtol=0, atol=1e-12 * max(1.0, np.abs(truth).max()))


FINE = np.arange(0, 481) / 8
START = (0.0, 0.0)
"""Before the first dose: since the subject's start, of nothing."""
REGIMENS = {
    "50 mg every 12 h x 4 by iv": [(12.0 * k, 50.0) for k in range(4)],
    "50 mg every 12 h x 4 by oral": [(12.0 * k + 1.75, 30.0) for k in range(4)],
    "50 mg every 12 h x 4 by pump": [(12.0 * k + 1.75, 30.0) for k in range(4)],
    "48 mg over 3 h every 12 h x 2 by iv": [(0.0, 48.0), (12.0, 48.0)],
    "48 mg over 30 h every 12 h x 3 by iv": [(12.0 * k, 48.0) for k in range(3)],
    "(20 mg every 24 h x 2 by iv) and (50 mg every 6 h x 3 by oral)": sorted(
        [(24.0 * k, 20.0) for k in range(2)] + [(6.0 * k + 1.75, 30.0) for k in range(3)]
    ),
    "50 mg every 1 h x 3 by oral, then 10 mg once by iv": [
        (1.75, 30.0),
        (2.75, 30.0),
        (3.0, 10.0),
        (3.75, 30.0),
    ],
}


@pytest.mark.parametrize("text", REGIMENS)
def test_clock_under_a_regimen(text):
    """Truth: arrivals by hand: from a lag after the dose on; an infusion from its start, with all of its amount."""
    for method in METHODS:
        found = dl.simulate(CLOCK, text, times=FINE, method=method)
        holds(shown(found, 0), told(FINE, [START, *REGIMENS[text]]))


def test_clock_between_subjects():
    """Truth: arrivals by hand, where each subject has a lag of their own: a point can be any of them."""
    model = CLOCK.edit(
        name="own-lag",
        covariates={"OWN": {"unit": "h", "reference": 0, "label": "x"}},
        routes={"oral": {"into": "gut", "label": "x", "bioavailability": "F", "lag": "OWN"}},
    )
    lags = np.array([0.0, 0.125, 0.25, 3.3, 12.0, 17.0, 40.0])
    found = dl.simulate(model, "50 mg every 12 h x 3 by oral", {"OWN": lags}, times=FINE)
    for row, lag in enumerate(lags):
        holds(shown(found, row), told(FINE, [START, *((12.0 * k + lag, 30.0) for k in range(3))]))


TABLES = {
    # records, then arrivals, in hours; the subject starts at its first record
    "a start before the first dose": (
        {"TIME": [2, 5, 17], "EVID": [2, 1, 1], "AMT": [0, 40, 20], "CMT": [0, 2, 2]},
        [(2, 0), (5, 40), (17, 20)],
    ),
    "additional doses that arrive late": (
        {"TIME": [2, 9], "EVID": [1, 2], "AMT": [50, 0], "CMT": [1, 0], "II": [6, 0], "ADDL": [2, 0]},
        [(2, 0), (3.75, 30), (9.75, 30), (15.75, 30)],
    ),
    "infusions by rate, by duration and by the model": (
        {
            "TIME": [2, 10, 20], "EVID": [1, 1, 1], "AMT": [40, 24, 50], "CMT": [2, 2, 2],
            "RATE": [5, 0, -2], "DUR": [0, 6, 0], "ROUTE": ["iv", "iv", "pump"],
        },
        [(2, 40), (10, 24), (21.75, 30)],
    ),
    "a reset": (
        {"TIME": [2, 9, 20], "EVID": [1, 3, 1], "AMT": [40, 0, 10], "CMT": [2, 0, 2]},
        [(2, 40), (9, 0), (20, 10)],
    ),
    "a reset while additional doses come": (
        {"TIME": [2, 9], "EVID": [1, 3], "AMT": [40, 0], "CMT": [2, 0], "II": [5, 0], "ADDL": [2, 0]},
        [(2, 40), (7, 40), (9, 0), (12, 40)],
    ),
    "a reset with a dose": (
        {"TIME": [2, 9], "EVID": [1, 4], "AMT": [40, 15], "CMT": [2, 2]},
        [(2, 40), (9, 15)],
    ),
    "a reset with a dose that arrives late": (
        {"TIME": [2, 9], "EVID": [1, 4], "AMT": [40, 15], "CMT": [2, 1]},
        [(2, 40), (9, 0), (10.75, 9)],
    ),
    "what is no dose": (
        {"TIME": [2, 6, 8, 9], "EVID": [1, 8, 2, 2], "AMT": [40, 15, 0, 0], "CMT": [2, 2, -2, 2]},
        [(2, 40)],
    ),
    "at steady state": (
        {"TIME": [2], "EVID": [1], "AMT": [40], "CMT": [2], "SS": [1], "II": [8], "ADDL": [1]},
        [(2, 40), (10, 40)],
    ),
    "at steady state, the last dose of the train before its own has arrived": (
        {"TIME": [2], "EVID": [1], "AMT": [50], "CMT": [1], "SS": [1], "II": [8]},
        [(2 - 8 + 1.75, 30, 2), (3.75, 30)],
    ),
    "at steady state after other doses": (
        {"TIME": [2, 9], "EVID": [1, 1], "AMT": [20, 50], "CMT": [2, 1], "SS": [0, 1], "II": [0, 6]},
        [(2, 20), (9 - 6 + 1.75, 30, 9), (10.75, 30)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.filterwarnings("ignore:.*doses with RATE = 0 are boluses")
def test_clock_of_an_event_table(name, method):
    """Truth: arrivals by hand. A train's doses count from when its record replaces what was there."""
    columns, arrivals = TABLES[name]
    times = 2 + FINE[:240]
    found = dl.simulate(CLOCK, dl.read_records(columns), times=times, method=method)
    holds(shown(found, 0), told(times, arrivals))


def test_before_the_first_record():
    """Truth: a subject has no levels before its first record; 0 (docs/reference/event_tables.md)."""
    records = dl.read_records({"TIME": [2], "EVID": [1], "AMT": [40], "CMT": [2]})
    found = shown(dl.simulate(CLOCK, records, times=np.array([0.0, 1.0, 2.0, 3.0])), 0)
    holds(found, np.array([[0, 0, 2, 3], [0, 0, 0, 1], [0, 0, 40, 40]], dtype=float))


def test_observations_beside_doses():
    """Truth: by hand: a record above a dose of its time is before it, one below is after; scheduled ones come first."""
    table = dl.read_records(
        {
            "TIME": [0, 0, 0, 5, 12, 12, 12, 13],
            "EVID": [0, 1, 0, 0, 0, 1, 0, 0],
            "AMT": [0, 40, 0, 0, 0, 10, 0, 0],
            "CMT": [0, 2, 0, 0, 0, 2, 0, 0],
            "II": [0, 6, 0, 0, 0, 0, 0, 0],
            "ADDL": [0, 2, 0, 0, 0, 0, 0, 0],
        }
    )
    found = shown(dl.simulate(CLOCK, table))
    holds(found, np.array([[0, 0, 5, 12, 12, 13], [0, 0, 5, 0, 0, 1], [0, 40, 40, 40, 10, 10]], dtype=float))
