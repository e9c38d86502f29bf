"""Steady states of models that are not linear, against hundreds of doses one after another.

Truth: scipy's DOP853 at 1e-12 along an explicit train of doses that began so long ago that another one would change
nothing; equations written by hand. Tolerance: 1e-7 of the largest level, which is what the engine promises.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import doseline as dl
from doseline.errors import STATUS, SolveError, Status
from doseline.model.read import load_model, read_model

PROMISED = 1e-7
OBSERVED = [0.0, 0.4, 1.0, 3.0, 5.9, 6.1, 8.0, 11.9, 12.0, 12.6, 17.0, 24.0, 25.0, 31.0, 40.0]

LAGGED = read_model(
    str(load_model("michaelis-menten"))
    .replace("[parameters]", '[covariates]\nLAG = { unit = "h", reference = 0, label = "x" }\n[parameters]')
    .replace('bioavailability = "F"', 'bioavailability = "F"\nlag = "LAG"')
    .replace('into = "central"', 'into = "central"\nlag = "LAG"'),
    place="lagged",
)


def saturable(cl=0.0):
    """KA 1 /h, VMAX 10 mg/h, KM 2 mg/L, V 50 L; `cl` [L/h] beside it."""
    return lambda y: [-y[0], y[0] - 10 * y[1] / (2 * 50 + y[1]) - cl * y[1] / 50]


def induced(y):
    depot, central, enzyme = y
    c = central / 98
    absorbed, lost = 0.3 * depot, 1.75 * enzyme / 98 * central
    return [-absorbed, absorbed - lost, 0.01 * (1 + 2 * c / (2 + c) - enzyme)]


def response(y):
    depot, central, effect = y
    c = central / 50
    return [-depot, depot - 5 * c, 10 * (1 - 0.9 * c / (0.5 + c)) - 0.1 * effect]


def target_mediated(y):
    central, tissue, target, bound = y
    binding, falling = 0.5 / 3 * central * target, 0.05 * bound
    exchange = 0.9 / 3 * central - 0.9 / 3 * tissue
    return [
        falling - binding - exchange - 0.6 / 3 * central,
        exchange,
        0.6 - 0.2 * target - binding + falling,
        binding - falling - 0.3 * bound,
    ]


MODELS = {
    "michaelis-menten": (LAGGED, saturable(), [0.0, 0.0], {"plasma": lambda y: y[1] / 50}),
    "michaelis-menten-linear": (None, saturable(1.0), [0.0, 0.0], {"plasma": lambda y: y[1] / 50}),
    "auto-induction": (
        None, induced, [0.0, 0.0, 1.0], {"plasma": lambda y: y[1] / 98, "clearance": lambda y: 1.75 * y[2]},
    ),
    "indirect-response-1": (
        None, response, [0.0, 0.0, 100.0], {"plasma": lambda y: y[1] / 50, "response": lambda y: y[2]},
    ),
    "tmdd": (
        load_model("tmdd").with_(CL=0.6, Q=0.9, KSYN=0.6, KDEG=0.2, KINT=0.3), target_mediated, [0.0, 0.0, 3.0, 0.0],
        {"free": lambda y: y[0] / 3, "total": lambda y: (y[0] + y[3]) / 3, "target": lambda y: y[2] / 3},
    ),
}  # fmt: skip
"""Model, rates of change, initial state, outputs."""
PERIODS = {"auto-induction": 150, "tmdd": 40, "indirect-response-1": 40, "michaelis-menten-linear": 80}
"""Doses, 24 h apart, from which on one more changes nothing."""


def course(rates, start, arrivals, times, begin):
    """States (time, state): arrivals are (time, state, amount, hours); what happens at a time comes before it."""
    edges = {time for time, *_ in arrivals} | {time + hours for time, _, _, hours in arrivals} | {*times}
    y, now, found = np.array(start, dtype=float), begin, {}
    for edge in sorted(edges):
        if edge > now:
            flowing = np.zeros(len(y))
            for time, state, amount, hours in arrivals:
                if hours > 0 and time <= now and edge <= time + hours:
                    flowing[state] += amount / hours
            whole = solve_ivp(
                lambda t, y, flowing=flowing: np.array(rates(y)) + flowing,
                (0.0, edge - now), y, method="DOP853", rtol=1e-12, atol=1e-13,
            )  # fmt: skip
            y, now = whole.y[:, -1].copy(), edge
        for time, state, amount, hours in arrivals:
            if time == edge and hours == 0:
                y[state] += amount
        found[edge] = y.copy()
        if edge >= times[-1]:
            break
    return [found[time] for time in times]


def row(**given):
    blank = dict.fromkeys(("TIME", "EVID", "AMT", "RATE", "II", "ADDL", "SS", "CMT", "LAG"), 0.0)
    return blank | given


def dose(**given):
    return row(EVID=1, **given)


def levels(model, rows, times=OBSERVED, **how):
    """The rows, and observations behind whatever happens at the same time."""
    lag = rows[0]["LAG"]
    whole = sorted([*rows, *(row(TIME=time, LAG=lag) for time in times)], key=lambda each: each["TIME"])
    table = {name: [each[name] for each in whole] for name in whole[0]} | {"ID": [1] * len(whole)}
    return dl.simulate(model, dl.read_records(table), **how)


def train(given, periods, *, settled):
    """Arrivals of a record's doses: (time, state, amount, hours), those that the steady state stands for first."""
    hours = given["AMT"] / given["RATE"] if given["RATE"] else 0.0
    first = -periods if settled else 0
    return [
        (given["TIME"] + k * given["II"] + given["LAG"], int(given["CMT"]) - 1, given["AMT"], hours)
        for k in range(first, int(given["ADDL"]) + 1)
    ]


def agree(name, rows, truth, times=OBSERVED, **how):
    model, _, _, outputs = MODELS[name]
    found = levels(model or name, rows, times, **how)
    for output, value in outputs.items():
        expected = np.array([value(y) for y in truth])
        off = np.abs(found[output].values - expected).max() / np.abs(expected).max()
        assert off < PROMISED, (output, off)


CASES = {
    "bolus": {"AMT": 60.0, "II": 12.0},
    "large bolus": {"AMT": 90.0, "II": 12.0},
    "with more to come": {"AMT": 60.0, "II": 12.0, "ADDL": 2.0},
    "short infusion": {"AMT": 60.0, "RATE": 20.0, "II": 12.0, "ADDL": 1.0, "CMT": 2.0},
    "infusion as long as the interval": {"AMT": 60.0, "RATE": 5.0, "II": 12.0, "CMT": 2.0},
    "infusions that overlap": {"AMT": 60.0, "RATE": 4.0, "II": 12.0, "ADDL": 1.0, "CMT": 2.0},
    "three at a time": {"AMT": 50.0, "RATE": 2.0, "II": 12.0, "CMT": 2.0},
    "lag": {"AMT": 60.0, "II": 12.0, "LAG": 2.5, "ADDL": 1.0},
    "lag of several intervals": {"AMT": 30.0, "II": 6.0, "LAG": 20.0, "ADDL": 1.0},
    "lagged infusion": {"AMT": 40.0, "RATE": 5.0, "II": 8.0, "LAG": 11.0, "ADDL": 2.0, "CMT": 2.0},
}


@pytest.mark.parametrize("method", [None, "rodas5p"])
@pytest.mark.parametrize("case", CASES)
def test_saturable_elimination(case, method):
    given = dose(**({"CMT": 1.0, "SS": 1.0} | CASES[case]))
    _, rates, start, _ = MODELS["michaelis-menten"]
    arrivals = train(given, 420 if case == "large bolus" else 160, settled=True)
    truth = course(rates, start, arrivals, OBSERVED, arrivals[0][0])
    agree("michaelis-menten", [given], truth, method=method)


@pytest.mark.parametrize("name", ["michaelis-menten-linear", "auto-induction", "indirect-response-1", "tmdd"])
@pytest.mark.parametrize("hours", [0.0, 5.0, 30.0], ids=["bolus", "infusion", "overlapping infusions"])
def test_other_models(name, hours):
    _, rates, start, _ = MODELS[name]
    given = dose(AMT=300.0, II=24.0, ADDL=1.0, SS=1.0, CMT=1.0 if name == "tmdd" else 2.0)
    given["RATE"] = 300.0 / hours if hours else 0.0
    given["AMT"] = given["RATE"] * hours if hours else 300.0
    arrivals = train(given, PERIODS[name], settled=True)
    agree(name, [given], course(rates, start, arrivals, OBSERVED, arrivals[0][0]))


@pytest.mark.parametrize("name", ["michaelis-menten", "auto-induction", "indirect-response-1", "tmdd"])
def test_constant_infusion(name):
    """It has run for ever, and stops at its record."""
    _, rates, start, _ = MODELS[name]
    into, hours = (0 if name == "tmdd" else 1), 3000.0
    truth = course(rates, start, [(-hours, into, 6.0 * hours, hours)], OBSERVED, -hours)
    agree(name, [dose(RATE=6.0, SS=1.0, CMT=into + 1.0)], truth)


def test_constant_infusion_closed_form():
    """Truth: KM R / (VMAX - R)."""
    for rate in (0.5, 6.0, 9.5):
        found = levels(LAGGED, [dose(RATE=rate, SS=1.0, CMT=2.0)], [0.0])
        assert found["plasma"].values[0] == pytest.approx(2 * rate / (10 - rate), rel=PROMISED)


@pytest.mark.parametrize(
    "earlier", [{"AMT": 200.0}, {"AMT": 120.0, "RATE": 10.0, "CMT": 2.0}], ids=["bolus", "infusion"]
)
@pytest.mark.parametrize("case", ["with more to come", "infusions that overlap", "lagged infusion"])
def test_steady_state_beside_what_is_there(case, earlier):
    """SS=2: at the record the steady state of the train is added to what is there; from then on all act together."""
    _, rates, start, _ = MODELS["michaelis-menten"]
    second = dose(**({"CMT": 1.0, "SS": 2.0} | CASES[case] | {"TIME": 5.0}))
    first = dose(**({"CMT": 1.0} | earlier | {"LAG": second["LAG"]}))
    times = [time for time in OBSERVED if time >= 5.0]
    before, later = train(first, 0, settled=False), train(second, 120, settled=True)
    one = course(rates, start, before, [5.0], 0.0)[0]
    # those at the very time of the record come after it
    other = course(rates, start, [each for each in later if each[0] < 5.0], [5.0], later[0][0])[0]
    on = [each for each in [*before, *later] if each[0] >= 5.0 or each[0] + each[3] > 5.0]
    ahead = [each for each in on if each[0] >= 5.0] + [
        (5.0, state, amount / hours * (time + hours - 5.0), time + hours - 5.0)
        for time, state, amount, hours in on if time < 5.0
    ]  # fmt: skip
    agree(
        "michaelis-menten", [first, second], course(rates, one + other, ahead, [5.0, *times], 5.0)[1:], times
    )


# ---------------------------------------------------------------- where there is none


def two(bad, model=LAGGED, **how):
    """A subject with such a dose between two well ones: status, levels (subject, observation)."""
    good = dose(AMT=60.0, II=12.0, SS=1.0, CMT=1.0)
    rows = [
        {"ID": k} | each
        for k, first in ((1, good), (2, bad), (3, good))
        for each in (first, *(row(TIME=time) for time in OBSERVED))
    ]
    table = {name: [each[name] for each in rows] for name in rows[0]}
    found = dl.simulate(model, dl.read_records(table), **how)
    return found["status"].values.reshape(3, -1)[:, 0], found["plasma"].values.reshape(3, -1)


NONE = {
    "constant infusion above VMAX": {"RATE": 11.0, "CMT": 2.0},
    "train of boluses above VMAX": {"AMT": 130.0, "II": 12.0, "CMT": 1.0},
    "train of infusions above VMAX": {"AMT": 130.0, "RATE": 13.0, "II": 12.0, "CMT": 2.0},
}


@pytest.mark.parametrize("method", [None, "rodas5p"])
@pytest.mark.parametrize("case", NONE)
def test_no_steady_state_above_the_highest_rate(case, method):
    """Truth: no more than VMAX can leave."""
    bad = dose(SS=1.0, **NONE[case])
    status, plasma = two(bad, on_failure="mark", method=method)
    assert status.tolist() == [Status.OK, Status.NO_STEADY_STATE, Status.OK]
    assert np.isnan(plasma[1]).all()
    alone = levels(LAGGED, [dose(AMT=60.0, II=12.0, SS=1.0, CMT=1.0)], method=method)["plasma"].values
    np.testing.assert_array_equal(plasma[[0, 2]], [alone, alone])
    with pytest.raises(SolveError) as caught:
        two(bad, method=method)
    assert STATUS[Status.NO_STEADY_STATE].sentence in str(caught.value)


@pytest.mark.parametrize("rate", [10.0001, 10.01])
def test_no_steady_state_a_hair_above_the_highest_rate(rate):
    """Truth: no more than 10 mg/h can leave, and that only where there is infinitely much."""
    found = levels(LAGGED, [dose(RATE=rate, SS=1.0, CMT=2.0)], [0.0], on_failure="mark")
    assert (found["status"] == Status.NO_STEADY_STATE).all()


def test_no_steady_state_where_something_collects():
    text = str(LAGGED).replace('central -> out"', 'central -> urine"')
    text = text.replace("[flows]", 'urine = { unit = "mg", label = "x" }\n\n[flows]').split("[[check]]")[0]
    collecting = read_model(text, place="collecting")
    for bad in ({"AMT": 60.0, "II": 12.0, "CMT": 1.0}, {"RATE": 3.0, "CMT": 2.0}):
        found = levels(collecting, [dose(SS=1.0, **bad)], on_failure="mark")
        assert (found["status"] == Status.NO_STEADY_STATE).all()
        off = [row(EVID=2, CMT=-3.0), dose(SS=1.0, **bad), row(EVID=2, CMT=3.0)]
        assert (levels(collecting, off)["status"] == Status.OK).all()
