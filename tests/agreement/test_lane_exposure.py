"""Exposure of nonlinear models while they are solved, without a grid.

Truth: scipy's DOP853, or LSODA where stiff, at 1e-12 between jumps, with its dense solution searched for extremes and
crossings, and the area as one more state (`scipy_exposure`); equations written by hand. Tolerance: 1e-7 of the largest
level, which is what the engine promises for levels; times follow from it, for a level near its peak is flat.
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from lane_courses import arm_of, exposed, windows_of
from scipy.integrate import solve_ivp
from scipy_exposure import exposure

import doseline as dl
from doseline.dosing.dose import Block, Dose
from doseline.errors import Status
from doseline.lane_steady import steady_lanes
from doseline.method import METHODS
from doseline.model.read import load_model, read_model

PROMISED = 1e-7
ON_TIME = 2e-5
"""Error of times [h]."""

LAGGED = read_model(
    str(load_model("michaelis-menten"))
    .replace('bioavailability = "F"', 'bioavailability = "F"\nlag = "LAG"')
    .replace('into = "central"', 'into = "central"\nlag = "LAG"')
    + '\n[parameters.LAG]\nvalue = 1.7\nunit = "h"\nlabel = "x"\nsource = "x"\nstatus = "assumption"\n',
    place="lagged",
)
CORNERED = read_model(
    str(load_model("michaelis-menten"))
    + '\n[outputs.over]\nvalue = "max(central / V - ONE, NONE)"\nunit = "mg/L"\nlabel = "x"\n'
    + '[outputs.ratio]\nvalue = "(central / V) ** 3 / (KM ** 3 + (central / V) ** 3)"\nunit = "1"\nlabel = "x"\n'
    + '[parameters.ONE]\nvalue = 1\nunit = "mg/L"\nlabel = "x"\nsource = "x"\nstatus = "assumption"\n'
    + '[parameters.NONE]\nvalue = 0\nunit = "mg/L"\nlabel = "x"\nsource = "x"\nstatus = "assumption"\n',
    place="cornered",
)


def saturable(t, y):
    return [-y[0], y[0] - 10 * y[1] / (100 + y[1])]


def response(t, y):
    c = y[1] / 50
    return [-y[0], y[0] - 5 * c, 10 * (1 - 0.9 * c / (0.5 + c)) - 0.1 * y[2]]


def target_mediated(t, y):
    central, tissue, target, bound = y
    binding, falling = 0.5 / 3 * central * target, 0.05 * bound
    exchange = 0.02 / 3 * central - 0.02 / 3 * tissue
    return [
        falling - binding - exchange - 0.01 / 3 * central,
        exchange,
        0.03 - 0.01 * target - binding + falling,
        binding - falling - 0.02 * bound,
    ]


def transit(t, y, every=24.0):
    n, ktr, tad = 20.1, 21.1 / 0.37, t % every
    x = ktr * tad / n
    height = ktr / (
        math.sqrt(2 * math.pi * n) * math.exp(1 / (12 * n) - 1 / (360 * n**3) + 1 / (1260 * n**5))
    )
    arrival = 100 * height * (x * math.exp(1 - x)) ** n
    return [-arrival, arrival - 0.38 * y[1], 0.38 * y[1] - 17.2 / 45.1 * y[2]]


def saturated(y):
    c = max(y[1] / 50, 0.0)
    return c**3 / (8 + c**3)


# model, output, regimen, rates, state at first, output by hand, what a dose adds, hours between doses, thresholds
COURSES = {
    "saturable": ("michaelis-menten", 0, "100 mg every 12 h x 4", saturable, [0, 0],
                  lambda t, y: y[1] / 50, [100, 0], 12.0, (2.0, 3.0, 50.0)),
    "nonlinear output": (CORNERED, 2, "100 mg every 12 h x 4", saturable, [0, 0],
                         lambda t, y: saturated(y), [100, 0], 12.0, (0.5, 0.7)),
    "output with a corner": (CORNERED, 1, "100 mg every 12 h x 4", saturable, [0, 0],
                             lambda t, y: max(y[1] / 50 - 1, 0.0), [100, 0], 12.0, (0.25, 1.0)),
    "response": ("indirect-response-1", 1, "100 mg every 24 h x 3", response, [0, 0, 100],
                 lambda t, y: y[2], [100, 0, 0], 24.0, (50.0, 90.0)),
    "free drug and its target": ("tmdd", 0, "100 mg every 336 h x 2", target_mediated, [0, 0, 3, 0],
                                 lambda t, y: y[0] / 3, [100, 0, 0, 0], 336.0, (1.0, 20.0)),
    "occupancy": ("tmdd", 3, "100 mg every 336 h x 2", target_mediated, [0, 0, 3, 0],
                  lambda t, y: 100 * y[3] / (y[2] + y[3]), [100, 0, 0, 0], 336.0, (50.0, 90.0)),
    "transit": ("transit-absorption-savic", 0, "100 mg every 24 h x 2", transit, [0, 0, 0],
                lambda t, y: y[2] / 45.1, [100, 0, 0], 24.0, (0.1, 0.6)),
}  # fmt: skip


def close(found, truth, *, hours, promised=PROMISED):
    """One row against its truth; levels by their largest, times in hours."""
    many = (len(found) - 4) // 2
    size = max(abs(truth[0]), abs(truth[2]))
    np.testing.assert_allclose(found[[0, 2]], truth[[0, 2]], rtol=0, atol=promised * size)
    np.testing.assert_allclose(found[3], truth[3], rtol=0, atol=promised * size * hours)
    np.testing.assert_allclose(found[1], truth[1], rtol=0, atol=10 * ON_TIME)
    np.testing.assert_allclose(found[4 : 4 + many], truth[4 : 4 + many], rtol=0, atol=ON_TIME)
    np.testing.assert_allclose(found[4 + many :], truth[4 + many :], rtol=0, atol=ON_TIME)


@cache
def truth_of(name):
    """Every interval of a course, and the whole of it."""
    _, _, regimen, rates, start, by_hand, jump, every, thresholds = COURSES[name]
    pieces = [(k * every, (k + 1) * every, np.array(jump), 0.0) for k in range(int(regimen.split(" x ")[1]))]
    state, rows, how = start, [], "LSODA" if rates is target_mediated else "DOP853"
    for piece in pieces:
        row, state = exposure(rates, state, [piece], by_hand, thresholds=thresholds, method=how)
        rows.append(row)
    together, many = np.array(rows), len(thresholds)
    top, summed, earliest = together[:, 0].argmax(), together.sum(axis=0), np.fmin.reduce(together)
    whole = [*together[top, :2], earliest[2], summed[3], *summed[4 : 4 + many], *earliest[4 + many :]]
    return rows, np.array(whole)


@pytest.mark.parametrize("name", COURSES)
@pytest.mark.parametrize("method", [None, pytest.param("rodas5p", marks=pytest.mark.slow)])
def test_courses(name, method):
    """Every interval, and the course; by the method of choice and by the stiff one, whose polynomials are coarser."""
    model, output, regimen, *_, every, thresholds = COURSES[name]
    rows, whole = truth_of(name)
    edges = [(k * every, (k + 1) * every) for k in range(len(rows))]
    found = exposed(model, regimen, edges=edges, thresholds=thresholds, output=output, method=method)
    assert found.status[0] == Status.OK
    promised = PROMISED if method is None else 10 * PROMISED
    for own, truth in zip(found.inside[0], rows, strict=True):
        close(own, truth, hours=every, promised=promised)
    close(found.course[0], whole, hours=len(rows) * every, promised=promised)


def test_above_a_corner():
    """The level leaves 0 where the plasma level crosses 1 mg/L, and is above it as long. Truth: scipy, for that."""
    found = exposed(CORNERED, "100 mg once", edges=[(0, 24)], thresholds=(0.0,), output=1)
    pieces = [(0, 24, np.array([100.0, 0.0]), 0.0)]
    truth, _ = exposure(saturable, [0, 0], pieces, lambda t, y: y[1] / 50, thresholds=(1.0,))
    np.testing.assert_allclose(found.course[0, 4:], truth[4:], rtol=0, atol=2e-4)


def test_infusions_with_a_lag():
    """An infusion that arrives late, and windows that begin and end along its way, with gaps between."""
    found = exposed(
        LAGGED,
        "100 mg over 2 h every 12 h x 2 by iv",
        edges=[(1, 3), (3, 9.5), (13.6, 20)],
        end=24,
        thresholds=(1.5,),
    )
    none, flowing = np.zeros(2), np.array([0.0, 50.0])
    course = [(0, 1, 0), (1, 1.7, 0), (1.7, 3, 1), (3, 3.7, 1), (3.7, 9.5, 0), (9.5, 13.6, 0), (13.6, 13.7, 0),
              (13.7, 15.7, 1), (15.7, 20, 0), (20, 24, 0)]  # fmt: skip
    pieces = [(begin, end, none, flowing * inflow) for begin, end, inflow in course]
    state = [0.0, 0.0]
    for piece_of, window in (
        ((0, 1), None),
        ((1, 3), 0),
        ((3, 5), 1),
        ((5, 6), None),
        ((6, 9), 2),
        ((9, 10), None),
    ):
        truth, state = exposure(
            saturable, state, pieces[slice(*piece_of)], lambda t, y: y[1] / 50, thresholds=(1.5,)
        )
        if window is not None:
            close(found.inside[0, window], truth, hours=7.0)
    truth, _ = exposure(saturable, [0, 0], pieces, lambda t, y: y[1] / 50, thresholds=(1.5,))
    close(found.course[0], truth, hours=24.0)


def test_a_bolus_belongs_to_the_window_that_it_begins():
    """A bolus lifts the level of its own window, not the trough of the one before; truth as above."""
    edges = [(0, 0.7), *((0.7 * k, 0.7 * (k + 1)) for k in range(1, 90))]
    found = exposed("michaelis-menten", "100 mg every 0.7 h x 90 by iv", edges=edges)
    pieces = [(*pair, np.array([0.0, 100.0]), 0.0) for pair in edges]
    state = [0.0, 0.0]
    for k, (begin, end, jump, _) in enumerate(pieces):
        before = state[1] / 50
        state = solve_ivp(saturable, (begin, end), state + jump, method="DOP853", rtol=1e-12, atol=1e-14).y[
            :, -1
        ]
        size = before + 2
        np.testing.assert_allclose(found.inside[0, k, 0], size, rtol=PROMISED)
        np.testing.assert_allclose(found.inside[0, k, 1], edges[k][0], atol=1e-12)
        np.testing.assert_allclose(found.inside[0, k, 2], state[1] / 50, rtol=PROMISED)


def test_stiff_subjects_begin_anew():
    """Whoever turns out to be stiff is solved again, and nothing is left of the first try. Truth: Rodas5P at once."""
    asked = {"edges": [(0, 500), (500, 3000)], "thresholds": (1.0,)}
    stiff = read_model(
        str(load_model("tmdd")).replace("KON = { value = 0.5", "KON = { value = 5000"), place="stiff"
    )
    found = exposed(stiff, "100 mg every 336 h x 9", **asked)
    alone = exposed(stiff, "100 mg every 336 h x 9", method="rodas5p", **asked)
    assert found.status[0] == alone.status[0] == Status.OK
    assert found.ended.method[0] == METHODS["rodas5p"].number
    np.testing.assert_array_equal(found.inside, alone.inside)
    np.testing.assert_array_equal(found.course, alone.course)


STEADY = {
    "one dose a day": ((0.0, 100.0),),
    "in the evening": ((20.0, 100.0),),
    "two doses a day": ((0.0, 100.0), (8.0, 60.0)),
}


@pytest.mark.parametrize("name", STEADY)
def test_steady_state(name):
    """Truth: 80 periods one after another by scipy; what is left then is below 1e-12."""
    pattern = STEADY[name]
    stage = Block(48.0, tuple((at, Dose(amount, route="iv")) for at, amount in pattern), 24.0, 3)
    arm = arm_of("michaelis-menten", "100 mg every 24 h x 3 by iv")
    windows = windows_of([(0, 12), (12, 24)], thresholds=(2.0,))
    steady = steady_lanes(arm, stage, windows, threads=1)
    assert steady.status[0] == Status.OK

    def period(state):
        stops = sorted({0.0, 12.0, 24.0, *(at for at, _ in pattern)})
        given = dict(pattern)
        return [(begin, end, np.array([0.0, given.get(begin, 0.0)]), 0.0) for begin, end in pairwise(stops)]

    def plasma(t, y):
        return y[1] / 50

    state = [0.0, 0.0]
    single, _ = exposure(saturable, state, period(state), plasma)
    for _ in range(80):
        for begin, end, jump, _none in period(state):
            run = solve_ivp(saturable, (begin, end), state + jump, method="DOP853", rtol=1e-12, atol=1e-14)
            state = run.y[:, -1]
    truth, _ = exposure(saturable, state, period(state), plasma, thresholds=(2.0,))
    close(steady.inside[0], truth, hours=24.0)
    np.testing.assert_allclose(steady.once, single[3], rtol=PROMISED)


def test_no_steady_state():
    """Above VMAX more is given than can leave: 240 mg/day at most. Beside it somebody who settles."""
    people = dl.cohort(WT=[50.0, 80.0])
    for pattern in (((0.0, Dose(4, per="WT")),), ((0.0, Dose(2, per="WT")), (9.0, Dose(2, per="WT")))):
        arm = arm_of("michaelis-menten", "100 mg every 24 h x 3", people)
        steady = steady_lanes(arm, Block(0.0, pattern, 24.0, 2), windows_of([(0, 24)]), threads=1)
        assert list(steady.status) == [Status.OK, Status.NO_STEADY_STATE]
        assert np.isfinite(steady.inside[0, :4]).all()
        assert np.isnan(steady.inside[1]).all()
        assert np.isfinite(steady.once).all()
