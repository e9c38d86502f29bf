"""A lane of the engine against a plain loop over one subject's numbers: every bit and every step is the same.

Truth: tests/agreement/plain_lanes.py, which has neither lanes nor neighbours. Tolerance: none. The models here have no
powers of constants: numpy works these out before, with last bits of its own.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_lanes import Dose, Model, Subject

import doseline as dl
from doseline.model.read import read_model

HEAD = 'name = "{}"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n'
COVARIATE = '{} = {{ unit = "{}", reference = {}, label = "x" }}\n'
PARAMETER = '{} = {{ value = {}, unit = "{}", label = "x", source = "test", status = "assumption" }}\n'

SATURABLE = read_model(
    HEAD.format("saturable")
    + "[covariates]\n"
    + COVARIATE.format("VMAX", "mg/h", 10)
    + COVARIATE.format("SLOW", "h", 0)
    + "[parameters]\n"
    + "".join(PARAMETER.format(*each) for each in [("KA", 1.3, "1/h"), ("KM", 2.1, "mg/L"), ("V", 37.0, "L")])
    + """[compartments]
depot = { unit = "mg", label = "x" }
central = { unit = "mg", label = "x" }
[flows]
"depot -> central" = "KA"
"central -> out" = "VMAX / (KM * V + central)"
[routes.oral]
label = "x"
into = "depot"
lag = "SLOW"
[routes.iv]
label = "x"
into = "central"
[outputs]
plasma = { value = "central / V", unit = "mg/L", label = "x" }
depot = { value = "depot", unit = "mg", label = "x" }
""",
    place="saturable",
)


def saturable(vmax):
    """SATURABLE by hand."""
    held = 2.1 * 37.0

    def rates(y, t, tad, dose):
        absorbed, eliminated = 1.3 * y[0], vmax / (held + y[1]) * y[1]
        return [-absorbed, absorbed - eliminated]

    return Model((0.0, 0.0), rates, lambda y, t, tad, dose: [y[1] / 37.0, y[0]])


CLOCKED = read_model(
    HEAD.format("clocked")
    + "[covariates]\n"
    + COVARIATE.format("VMAX", "mg/h", 10)
    + COVARIATE.format("SLOW", "h", 0)
    + "[parameters]\n"
    + "".join(
        PARAMETER.format(*each)
        for each in [
            ("K", 0.3, "1/h"),
            ("DAY", 0.26, "1/h"),
            ("SIZE", 120.0, "mg"),
            ("KIN", 4.0, "1/h"),
            ("KOUT", 0.2, "1/h"),
            ("HOUR", 1.0, "h"),
            ("MG", 1.0, "mg"),
        ]
    )
    + """[compartments]
gut = { unit = "mg", label = "x" }
body = { unit = "mg", label = "x" }
answer = { unit = "1", label = "x" }
[variables]
wave = "1 + 0.5 * exp(-DAY * t) / (1 + tad / HOUR)"
share = "body / (SIZE + body)"
[flows]
"gut -> body" = "K * wave"
"body -> out" = "VMAX / SIZE * (0.2 + share) ** 1.7"
[rates]
answer = "KIN * (1 - share) * log(2 + dose / MG) - KOUT * answer * max(share, wave)"
[initial]
answer = "KIN / KOUT"
[routes.oral]
label = "x"
into = "gut"
lag = "SLOW"
[routes.iv]
label = "x"
into = "body"
[outputs]
share = { value = "share * wave", unit = "1", label = "x" }
answer = { value = "answer + tad / HOUR", unit = "1", label = "x" }
""",
    place="clocked",
)


def clocked(vmax):
    """CLOCKED by hand: with the clock, the last dose, functions, a power, and a state that is no amount."""
    fastest = vmax / 120.0

    def wave_and_share(y, t, tad):
        return 1.0 + 0.5 * math.exp(-0.26 * t) / (1.0 + tad / 1.0), y[1] / (120.0 + y[1])

    def rates(y, t, tad, dose):
        wave, share = wave_and_share(y, t, tad)
        absorbed = 0.3 * wave * y[0]
        eliminated = fastest * (0.2 + share) ** 1.7 * y[1]
        made = 4.0 * (1.0 - share) * math.log(2.0 + dose / 1.0)
        return [-absorbed, absorbed - eliminated, made - 0.2 * y[2] * max(share, wave)]

    def outputs(y, t, tad, dose):
        wave, share = wave_and_share(y, t, tad)
        return [share * wave, y[2] + tad / 1.0]

    return Model((0.0, 0.0, 4.0 / 0.2), rates, outputs)


COARSE = np.array([0.0, 0.5, 1.0, 3.25, 8.0, 11.5, 12.0, 12.25, 20.0, 24.0, 31.0, 36.0, 47.5, 60.0])
FINE = np.arange(0.0, 60.0, 0.0625)
"""A step goes over many of its points: most are read off its polynomial."""
COURSES = {
    "once by oral": [Dose(0.0, 100.0)],
    "every 12 h": [Dose(12.0 * k, 70.0) for k in range(4)],
    "into a vein, and by mouth": [Dose(12.0 * k, 40.0, into=1) for k in range(3)] + [Dose(36.0, 200.0)],
    "infusions that overlap": [Dose(5.0 * k, 33.0, into=1, duration=7.3) for k in range(5)],
}
TEXTS = {
    "once by oral": "100 mg once by oral",
    "every 12 h": "70 mg every 12 h x 4 by oral",
    "into a vein, and by mouth": "40 mg every 12 h x 3 by iv, then 200 mg once by oral",
    "infusions that overlap": "33 mg over 7.3 h every 5 h x 5 by iv",
}
RANDOM = np.random.default_rng(5)
VMAX, SLOW = RANDOM.uniform(3.0, 30.0, 37), np.where(np.arange(37) % 3, RANDOM.uniform(0.0, 20.0, 37), 0.0)
# doses that arrive at a point of a grid, where other moments follow
SLOW[1] = 0.25
BY_HAND = {"saturable": (SATURABLE, saturable), "clocked": (CLOCKED, clocked)}


def plain(by_hand, course, vmax, slow, grid, **how):
    """Levels (output, time), and steps."""
    doses = [replace(dose, lag=0.0 if dose.into else float(slow)) for dose in COURSES[course]]
    subject = Subject(by_hand(float(vmax)), doses, grid.tolist(), **how)
    return np.array(subject.run()).T, subject.steps


def people(chosen):
    return {"VMAX": VMAX[chosen], "SLOW": SLOW[chosen]}


def same(found, row, truth, steps):
    outputs = [name for name in ("plasma", "depot", "share", "answer") if name in found]
    levels = np.stack([found[name].values[row] for name in outputs])
    np.testing.assert_array_equal(levels, truth)
    assert found["steps"].values[row] == steps


@pytest.mark.parametrize("grid", [COARSE, FINE], ids=["coarse", "fine"])
@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("name", BY_HAND)
def test_subjects_among_others(name, course, grid):
    model, by_hand = BY_HAND[name]
    found = dl.simulate(model, TEXTS[course], people(np.arange(37)), times=grid, method="dop853")
    assert (found["status"] == 0).all()
    for row in (0, 1, 4, 15, 16, 36):
        same(found, row, *plain(by_hand, course, VMAX[row], SLOW[row], grid))


@pytest.mark.parametrize("grid", [COARSE, FINE], ids=["coarse", "fine"])
@pytest.mark.parametrize("name", BY_HAND)
def test_a_subject_alone(name, grid):
    model, by_hand = BY_HAND[name]
    for row in (0, 2):
        found = dl.simulate(model, TEXTS["every 12 h"], people([row]), times=grid, method="dop853")
        same(found, 0, *plain(by_hand, "every 12 h", VMAX[row], SLOW[row], grid))


@pytest.mark.parametrize("how", [{"rtol": 1e-4, "atol": 1e-6}, {"rtol": 1e-12, "atol": 1e-13}], ids=str)
def test_other_tolerances(how):
    course = "infusions that overlap"
    found = dl.simulate(CLOCKED, TEXTS[course], people([0, 1, 2]), times=FINE, method="dop853", **how)
    for row in range(3):
        same(found, row, *plain(clocked, course, VMAX[row], SLOW[row], FINE, **how))


def test_doses_at_the_same_time():
    """Two at once, one of them where an infusion ends and at a point of the grid."""
    doses = [Dose(0.0, 60.0, 1, duration=6.0), Dose(6.0, 30.0, 0), Dose(6.0, 20.0, 1)]
    truth = Subject(saturable(10.0), doses, FINE.tolist())
    late = "nothing for 6 h, then"
    text = f"(60 mg over 6 h once by iv) and ({late} 30 mg once by oral) and ({late} 20 mg once by iv)"
    found = dl.simulate(SATURABLE, text, {"VMAX": [10.0], "SLOW": [0.0]}, times=FINE, method="dop853")
    same(found, 0, np.array(truth.run()).T, truth.steps)


@settings(max_examples=25, deadline=None)
@given(
    vmax=st.floats(0.5, 200.0),
    slow=st.sampled_from([0.0, 0.3, 13.7]),
    course=st.sampled_from(sorted(COURSES)),
    name=st.sampled_from(sorted(BY_HAND)),
    times=st.lists(st.integers(0, 60 * 16), min_size=1, max_size=60, unique=True),
)
def test_any_subject_on_any_grid(vmax, slow, course, name, times):
    model, by_hand = BY_HAND[name]
    grid = np.sort(times) / 16
    found = dl.simulate(model, TEXTS[course], {"VMAX": [vmax], "SLOW": [slow]}, times=grid, method="dop853")
    same(found, 0, *plain(by_hand, course, vmax, slow, grid))
