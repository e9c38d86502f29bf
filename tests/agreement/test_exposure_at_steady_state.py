"""Exposure at steady state, of doses that differ, and of bodies that change.

Truth: the course written out for so many periods that nothing moves any more, in plain Python (`plain_exposure`);
closed forms; and levels on a dense grid from `dl.simulate`, which are tested against closed forms elsewhere.
"""

import mpmath as mp
import numpy as np
import pytest
from linear_arm import arm_of, linear_model
from plain_exposure import DIGITS, curve, exposure_within, stretches
from test_exposure_while_solving import body_of, compare

import doseline as dl
from doseline.dosing.dose import Block, Dose
from doseline.dosing.regimen import Regimen
from doseline.errors import Status
from doseline.solve_exposure import Windows, expose, expose_steady
from doseline.solve_intakes import Log

NO_EDGES = np.empty((0, 2))

CASES = {
    "oral": ({(0, 1): 0.7, (1, None): 0.2}, [0, 1], [0.5, 0.0], [0.0, 0.0], "r0"),
    "lag beyond the period": ({(0, 1): 0.7, (1, None): 0.2}, [0, 1], [17.5, 0.0], [0.0, 0.0], "r0"),
    "infusion over the end": (
        {(0, None): 0.3, (0, 1): 1.0, (1, 0): 0.4},
        [1, 0],
        [6.0, 0.0],
        [5.0, 0.0],
        "r0",
    ),
    "infusions that overlap": ({(0, None): 0.3}, [1], [1.0], [19.0], "r0"),
    "infusion to the very end": ({(0, None): 0.3}, [1], [0.0], [5.5], "r0"),
}


@pytest.mark.parametrize("name", CASES)
def test_steady_state_of_a_stage(name):
    """Truth: 60 periods of 8 h in plain Python; nothing that is slower than 0.05 1/h is in the models."""
    rates, weights, lags, lengths, route = CASES[name]
    weights, initial = np.array(weights, dtype=float), np.zeros(len(weights))
    period, pattern = 8.0, ((0.0, Dose(50.0, route=route)), (2.5, Dose(80.0, route=route)))
    before = Block(0.0, ((0.0, Dose(10.0, route=route)),), 24.0, 2)
    stage = Block(48.0, pattern, period, 3)
    model = linear_model(rates, weights, lags, lengths, initial)
    arm = arm_of(model, Regimen((before, stage), 72.0), 2)
    own = (rates, weights, np.array(lags), np.array(lengths), initial)
    body = body_of(*own, Regimen((Block(0.0, pattern, period, 60),), 480.0))
    span = (472.0, 480.0)
    with mp.workdps(DIGITS):
        pieces = [(each, *curve(each)) for each in stretches(body, [0.0, *span]) if each[0] >= span[0]]
        limits = exposure_within(pieces, span, [])[0] * np.array([0.3, 0.8, 1.1])
        true = exposure_within(pieces, span, limits)
        alone = stretches(body_of(*own, Regimen((Block(0.0, pattern, period, 1),), 8.0)), [0.0, period])
        once = sum(float(each[5][len(weights) + 1]) for each in alone if each[1] <= period)
    true[1] -= span[0]
    true[-3:] -= span[0]
    found = expose_steady(arm, Windows(NO_EDGES, (0.0, 72.0), limits, 0), threads=1)
    assert found.status.tolist() == [0, 0]
    assert found.period == period
    compare(found.inside[0], true, limits)
    assert found.once[0] == pytest.approx(once, rel=1e-12)
    np.testing.assert_array_equal(found.inside[0], found.inside[1])


def test_slow_drug():
    """Truth: where only a millionth leaves in a period, the area at steady state is still the dose by the clearance."""
    model = linear_model({(0, None): 1e-7}, np.ones(1), [0.0], [0.0], [0.0])
    arm = arm_of(model, "100 mg every 12 h x 3", 1)
    found = expose_steady(arm, Windows(NO_EDGES, (0.0, 36.0), np.empty(0), 0), threads=1)
    assert found.inside[0, 3] == pytest.approx(100.0 / 1e-7, rel=1e-13)
    assert found.inside[0, 0] == pytest.approx(100.0 / -np.expm1(-12e-7), rel=1e-13)


def test_nothing_leaves():
    """What stays for ever never settles; the course itself is fine."""
    model = linear_model({(0, 1): 0.5}, np.ones(2), [0.0, 0.0], [0.0, 0.0], [0.0, 0.0])
    arm = arm_of(model, "100 mg every 12 h x 3", 2)
    windows = Windows(NO_EDGES, (0.0, 36.0), np.array([50.0]), 0)
    found = expose_steady(arm, windows, threads=1)
    assert found.status.tolist() == [Status.NO_STEADY_STATE] * 2
    assert np.isnan(found.inside).all()
    assert np.isnan(found.once).all()
    course = expose(arm, windows, Log.unread(2), threads=1).course
    np.testing.assert_allclose(course[0], [300.0, 24.0, 100.0, 7200.0, 36.0, 0.0], rtol=1e-13)


def test_unfinished_period_goes_on_as_the_whole_ones():
    """Truth: a course that ends in the morning comes to what one that ends in the evening comes to."""
    model = linear_model({(0, None): 0.1}, np.ones(1), [0.0], [0.0], [0.0])
    pattern = ((0.0, Dose(40.0)), (8.0, Dose(20.0)))
    whole = Regimen((Block(0.0, pattern, 24.0, 3),), 72.0)
    part = Regimen((Block(0.0, pattern, 24.0, 2), Block(48.0, pattern[:1], 24.0, 1)), 72.0)
    windows = Windows(NO_EDGES, (0.0, 72.0), np.empty(0), 0)
    one, other = (expose_steady(arm_of(model, each, 1), windows, threads=1) for each in (whole, part))
    np.testing.assert_array_equal(one.inside, other.inside)


@pytest.mark.parametrize(
    "regimen",
    ["40 mg every 12 h x 20", pytest.param("80 mg once daily for 12 days", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "late", [pytest.param(None, marks=pytest.mark.slow), "normal(0 h, 1 h) within -2..3 h"]
)
@pytest.mark.parametrize("visits", [None, pytest.param("day", marks=pytest.mark.slow)])
def test_doses_that_differ(regimen, late, visits):
    """Truth: levels of the same people on a grid of 1.2 minutes: their highest is never above, and as good as it."""
    people, step = dl.cohort(WT=np.linspace(50.0, 100.0, 6)), 0.02
    asking = {"seed": 5, "adherence": dl.adherence("80 %", late=late)}
    model = _occasions() if visits else "isotretinoin"
    arm = arm_of(model, regimen, people, **asking)
    assert arm.personal
    assert (len(arm.breaks) > 0) == (visits is not None)
    end = float(arm.times[-1])
    edges = np.array([[0.0, 24.0], [end - 48.0, end - 24.0]])
    limits = np.array([20.0])
    name = next(iter(arm.compiled.model.outputs))
    found = expose(arm, Windows(edges, (0.0, end), limits, 0), Log.unread(6), threads=2)
    ds = dl.simulate(model, regimen, people, times=f"{step} h", seed=5, adherence=asking["adherence"])
    time, levels = ds.time.values, ds[name].values.reshape(6, -1)
    for row, (begin, stop) in (
        (found.course, (0.0, end)),
        *zip(np.moveaxis(found.inside, 1, 0), edges, strict=True),
    ):
        some = levels[:, (time >= begin) & (time <= stop)]
        top = some.max(axis=1)
        assert (row[:, 0] >= top * (1 - 1e-12)).all()
        np.testing.assert_allclose(row[:, 0], top, rtol=2e-3)
        np.testing.assert_allclose(row[:, 2], some.min(axis=1), rtol=2e-2, atol=1e-9)
        area = np.trapezoid(some, dx=step, axis=1)
        np.testing.assert_allclose(row[:, 3], area, rtol=2e-4)
        np.testing.assert_allclose(row[:, 4], (some > limits[0]).sum(axis=1) * step, atol=0.3)


def _occasions():
    """Isotretinoin whose clearance changes from day to day."""
    return dl.load_model("isotretinoin").edit(occasions={"CL": ("30 %", "day")})


def test_same_bits():
    """Threads and parts of a cohort change no bit."""
    people = dl.cohort(WT=np.linspace(45, 110, 40))
    limits = np.array([300.0])
    for asking in ({}, {"adherence": "80 %"}):
        course = "1 mg/kg/day in 2 doses for 10 days"
        arms = [arm_of("isotretinoin", course, some, seed=2, **asking) for some in (people, people[7:19])]
        windows = Windows(np.array([[228.0, 240.0]]), (0.0, 240.0), limits, 0)
        ways = ((arms[0], 1), (arms[0], 2), (arms[1], 1))
        one, two, part = (
            expose(arm, windows, Log.unread(len(arm.people.number)), threads=threads) for arm, threads in ways
        )
        for k in range(3):
            np.testing.assert_array_equal(one[k], two[k])
            np.testing.assert_array_equal(one[k][7:19], part[k])
        steady = [expose_steady(arm, windows, threads=threads) for arm, threads in ways]
        np.testing.assert_array_equal(steady[0].inside, steady[1].inside)
        np.testing.assert_array_equal(steady[0].inside[7:19], steady[2].inside)
