"""The linear engine against closed forms, evaluated at 50 digits.

Truth: a unit dose leaves ``sum c t**p exp(-rate t)`` in the central compartment; the coefficients are the textbook ones
(Bateman's for oral doses, the two roots for two compartments). At 50 digits their cancellation is harmless, so nearly
equal rates need no care here. Inputs are the very doubles that the simulator gets, so no rounding of the model enters.

Tolerance: 1e-12 of each profile's maximum, what the engine promises. A few times 1e-15 is usual; it grows with the
number of roundings on the way, that is with the memory of the drug (how many doses are still there).
"""

import re
from dataclasses import dataclass, field

import mpmath as mp
import numpy as np
import pytest

import doseline as dl
from doseline.model.read import read_model

DIGITS = 50
ENGINE = 1e-12

FLOWS = {"KA": "gut -> central", "K12": "central -> deep", "K21": "deep -> central", "KE": "central -> out"}


def model(rates, *, duration=None):
    """A model with the flows that ``rates`` [1/h] names; doses enter the gut where there is one."""
    gut = "KA" in rates
    values = {**rates, "F": 1.0, "LAG": 0.0, "F_LATE": 0.4, "LAG_LATE": 9.5, "D": duration or 0.0}
    units = {"F": "1", "F_LATE": "1", "LAG": "h", "LAG_LATE": "h", "D": "h"}
    entry = '{{ value = {!r}, unit = "{}", label = "x", source = "test", status = "assumption" }}'
    entries = {name: entry.format(value, units.get(name, "1/h")) for name, value in values.items()}
    states = (["gut"] if gut else []) + ["central"] + (["deep"] if "K12" in rates else [])
    return read_model(
        "\n".join(
            [
                'name = "closed-form"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]',
                *(f"{name} = {entries[name]}" for name in [*rates, "F", "LAG", *(["D"] if duration else [])]),
                "[compartments]",
                *(f'{state} = {{ unit = "mg", label = "x" }}' for state in states),
                "[flows]",
                *(f'"{FLOWS[name]}" = "{name}"' for name in rates),
                f'[routes.only]\nlabel = "x"\ninto = "{"gut" if gut else "central"}"',
                'bioavailability = "F"\nlag = "LAG"',
                'duration = "D"' if duration else "",
                '[formulations.plain]\nlabel = "x"\n[formulations.plain.meals.early]\nlabel = "x"\nsource = "test"',
                '[formulations.plain.meals.late]\nlabel = "x"\nsource = "test"',
                f"F = {entries['F_LATE']}\nLAG = {entries['LAG_LATE']}",
                '[outputs.central]\nvalue = "central"\nunit = "mg"\nlabel = "x"',
            ]
        ),
        place="closed-form",
    )


# -- truth


def disposition(rates):
    """Modes (coefficient, rate) of the amount in the central compartment after a unit dose into it."""
    ke = mp.mpf(rates["KE"])
    if "K12" not in rates:
        return [(mp.mpf(1), ke)]
    k12, k21 = mp.mpf(rates["K12"]), mp.mpf(rates["K21"])
    total, product = ke + k12 + k21, ke * k21
    root = mp.sqrt(total**2 - 4 * product)
    fast, slow = (total + root) / 2, (total - root) / 2
    return [((fast - k21) / (fast - slow), fast), ((k21 - slow) / (fast - slow), slow)]


def modes(rates):
    """The same with absorption in front: (coefficient, power of t, rate)."""
    inner = disposition(rates)
    if "KA" not in rates:
        return [(c, 0, rate) for c, rate in inner]
    ka = mp.mpf(rates["KA"])
    outer = []
    for c, rate in inner:
        if rate == ka:
            outer.append((c * ka, 1, ka))
        else:
            outer += [(c * ka / (ka - rate), 0, rate), (-c * ka / (ka - rate), 0, ka)]
    return outer


def response(unit, t):
    """Amount at ``t`` after a unit dose."""
    return sum(c * t**power * mp.exp(-rate * t) for c, power, rate in unit)


def accumulated(unit, t):
    """Integral of the response from 0 to ``t``."""
    total = mp.mpf(0)
    for c, power, rate in unit:
        gone = mp.exp(-rate * t)
        total += c * ((1 - gone) / rate if power == 0 else (1 - gone * (1 + rate * t)) / rate**2)
    return total


@dataclass(frozen=True)
class Given:
    """One dose as it should be understood: [mg], [h]."""

    time: float
    amount: float
    lag: float = 0.0
    duration: float = 0.0


def superposed(unit, doses, times):
    """Amounts at ``times``; a dose at the very time of a point counts."""
    levels = []
    for t in times:
        total = mp.mpf(0)
        for dose in doses:
            age = mp.mpf(float(t)) - mp.mpf(dose.time) - mp.mpf(dose.lag)
            if age < 0:
                continue
            if dose.duration:
                span = mp.mpf(dose.duration)
                fed = accumulated(unit, age) - accumulated(unit, max(age - span, mp.mpf(0)))
                total += dose.amount * fed / span
            else:
                total += dose.amount * response(unit, age)
        levels.append(total)
    return levels


def geometric(unit, amount, *, every, count, times):
    """Amounts under ``count`` equal boluses, by the geometric series of each mode (no equal rates here)."""
    levels = []
    for t in times:
        given = min(int(float(t) // every) + 1, count)
        since = mp.mpf(float(t)) - (given - 1) * mp.mpf(every)
        level = mp.mpf(0)
        for c, _, rate in unit:
            series = (1 - mp.exp(-rate * given * every)) / (1 - mp.exp(-rate * every))
            level += c * mp.exp(-rate * since) * series
        levels.append(amount * level)
    return levels


def worst(found, truth):
    """Largest difference, as a fraction of the profile's maximum."""
    assert len(found) == len(truth)
    off = max(abs(mp.mpf(float(x)) - y) for x, y in zip(found, truth, strict=True))
    return float(off / max(truth))


# -- short courses, dose by dose

ONE = {"KE": 0.075}
ORAL = {"KA": 0.9, "KE": 0.075}
TWO = {"K12": 0.31, "K21": 0.0565, "KE": 0.12}
ORAL_TWO = {"KA": 0.28, **TWO}
UNEVEN = np.unique(np.concatenate([np.geomspace(0.01, 3, 20), [12.0, 24.0, 24.5, 36.0, 47.9, 48.0, 71.3]]))
PIECES = np.unique(np.concatenate([np.arange(0, 12, 0.25), np.arange(12, 72.5, 1.5)]))


@dataclass(frozen=True)
class Case:
    """A model, a regimen in words, the same as doses, and when to look."""

    rates: dict
    regimen: str
    doses: list
    times: object = "0.5 h for 72 h"
    duration: float | None = None
    grid: str = field(default="")


def every(hours, count, amount, **how):
    return [Given(i * hours, amount, **how) for i in range(count)]


CASES = {
    "one: bolus": Case(ONE, "100 mg once", [Given(0, 100)]),
    "one: boluses": Case(ONE, "100 mg every 12 h x 5", every(12, 5, 100)),
    "one: oral": Case(ORAL, "100 mg once", [Given(0, 100)]),
    "one: oral, slower in than out": Case({"KA": 0.03, "KE": 0.4}, "100 mg every 8 h x 6", every(8, 6, 100)),
    "one: infusion": Case(ONE, "100 mg over 30 min once", [Given(0, 100, duration=0.5)]),
    "one: infusions, shorter than the interval": Case(
        ONE, "100 mg over 2.2 h every 8 h x 6", every(8, 6, 100, duration=2.2)
    ),
    "one: infusions, as long as the interval": Case(
        ONE, "100 mg over 8 h every 8 h x 6", every(8, 6, 100, duration=8)
    ),
    "one: infusions, overlapping": Case(ONE, "100 mg over 19 h every 8 h x 6", every(8, 6, 100, duration=19)),
    "one: zero order into the gut": Case(
        ORAL, "100 mg every 12 h x 4", every(12, 4, 100, duration=3.1), duration=3.1
    ),
    "two: bolus": Case(TWO, "100 mg every 12 h x 4", every(12, 4, 100)),
    "two: oral": Case(ORAL_TWO, "100 mg every 12 h x 4", every(12, 4, 100)),
    "two: infusions": Case(TWO, "100 mg over 90 min every 12 h x 4", every(12, 4, 100, duration=1.5)),
    "two: infusions, overlapping": Case(
        TWO, "100 mg over 30 h every 12 h x 4", every(12, 4, 100, duration=30)
    ),
    "bolus on top of an infusion": Case(
        TWO, "(50 mg once) and (200 mg over 24 h once)", [Given(0, 50), Given(0, 200, duration=24)]
    ),
    "lag": Case(ORAL, "100 mg every 12 h x 4 with late", every(12, 4, 40, lag=9.5)),
    "lag longer than the interval": Case(ORAL, "100 mg every 4 h x 9 with late", every(4, 9, 40, lag=9.5)),
    "each dose its own lag and F": Case(
        ORAL_TWO,
        "100 mg at 08:00 with late and 60 mg at 20:00 with early for 3 days",
        [Given(8 + 24 * i, 40, lag=9.5) for i in range(3)] + [Given(20 + 24 * i, 60) for i in range(3)],
        times="0.5 h for 96 h",
    ),
    "a later dose overtakes an earlier one": Case(
        ORAL,
        "(100 mg with late every 6 h x 4) and (nothing for 1 h, then 30 mg with early every 3 h x 8)",
        every(6, 4, 40, lag=9.5) + [Given(1 + 3 * i, 30) for i in range(8)],
    ),
    "lag before infusions that overlap": Case(
        ONE, "100 mg over 7.3 h with late every 6 h x 5", every(6, 5, 40, lag=9.5, duration=7.3)
    ),
    "uneven grid": Case(ORAL_TWO, "100 mg every 12 h x 4", every(12, 4, 100), times=UNEVEN),
    "uneven grid, infusions": Case(
        TWO, "100 mg over 90 min every 12 h x 4", every(12, 4, 100, duration=1.5), times=UNEVEN
    ),
    "grid even in pieces": Case(ORAL, "100 mg every 12 h x 4", every(12, 4, 100), times=PIECES),
    "grid that starts after doses": Case(
        ORAL, "100 mg every 12 h x 6", every(12, 6, 100), times=np.arange(31, 90.0)
    ),
    "grid that starts within an infusion": Case(
        ONE, "100 mg over 10 h every 12 h x 6", every(12, 6, 100, duration=10), times=np.arange(29, 90.0)
    ),
    "grid that starts before the first dose": Case(
        ORAL, "nothing for 10 h, then 100 mg every 12 h x 4", [Given(10 + 12 * i, 100) for i in range(4)]
    ),
    "a single time": Case(ORAL, "100 mg every 12 h x 4", every(12, 4, 100), times=[37.7]),
    "runs longer than a table": Case(ORAL, "100 mg once", [Given(0, 100)], times="0.1 h for 40 h"),
    "steps that are no binary fractions": Case(
        TWO, "100 mg every 4.8 h x 10", [Given(i * 4.8, 100) for i in range(10)], times="0.1 h for 60 h"
    ),
    "stiff": Case({"KA": 20.0, "KE": 0.001}, "100 mg every 12 h x 6", every(12, 6, 100)),
}


def simulated(case):
    return dl.simulate(
        model(case.rates, duration=case.duration), case.regimen, times=case.times, meal="early"
    )


@pytest.mark.parametrize("name", CASES)
def test_course(name):
    case = CASES[name]
    levels = simulated(case)
    with mp.workdps(DIGITS):
        truth = superposed(modes(case.rates), case.doses, levels["time"].values)
        assert worst(levels["central"].values[0], truth) < ENGINE


RATIOS = [0.0, *(sign * 10.0**-power for power in range(3, 10) for sign in (1, -1))]


@pytest.mark.parametrize("above", RATIOS)
@pytest.mark.parametrize("duration", [None, 3.1], ids=["bolus", "zero order"])
def test_nearly_equal_rates(above, duration):
    """Truth: the Bateman function at 50 digits, and ``k t exp(-k t)`` where the rates are the same double."""
    rates = {"KA": 0.12 * (1.0 + above), "KE": 0.12}
    course = every(12, 3, 100, duration=duration or 0.0)
    case = Case(rates, "100 mg every 12 h x 3", course, times="1.5 h for 60 h", duration=duration)
    levels = simulated(case)
    with mp.workdps(DIGITS):
        truth = superposed(modes(rates), course, levels["time"].values)
        assert worst(levels["central"].values[0], truth) < ENGINE


# -- long courses, by the geometric series

SLOW = float(np.log(2) / 200)  # half-life 200 h
LONG = {
    "140 days": (ORAL, 12.0, 280, "2 h"),
    "140 days, two compartments": (ORAL_TWO, 12.0, 280, "4 h"),
    "half-life of 200 h": ({"KA": 0.9, "KE": SLOW}, 12.0, 280, "4 h"),
    "stiff": ({"KA": 20.0, "KE": 0.001}, 24.0, 140, "4 h"),
    "stiff, often": ({"KA": 20.0, "KE": 0.001}, 6.0, 560, "4 h"),
    "stiff, from time to time": ({"KA": 20.0, "KE": 0.001}, 168.0, 20, "4 h"),
    "bolus, almost no loss": ({"KE": 1e-5}, 12.0, 280, "4 h"),
    "fast exchange, slow loss": ({"KA": 20.0, "K12": 20.0, "K21": 10.0, "KE": 0.001}, 168.0, 20, "4 h"),
    "deep compartment that gives little back": (
        {"KA": 1.1, "K12": 2.0, "K21": 0.002, "KE": 0.5}, 12.0, 280, "4 h",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_long_course(name):
    rates, interval, count, times = LONG[name]
    levels = dl.simulate(model(rates), f"100 mg every {interval:g} h x {count}", times=times, meal="early")
    with mp.workdps(DIGITS):
        truth = geometric(modes(rates), 100, every=interval, count=count, times=levels["time"].values)
        assert worst(levels["central"].values[0], truth) < ENGINE


def test_geometric_series_is_the_sum_of_its_doses():
    """Truth: superposition dose by dose; both forms of the truth agree to 40 digits."""
    times = [0.0, 12.0, 40.5, 100.0]
    with mp.workdps(DIGITS):
        summed = superposed(modes(ORAL_TWO), every(12, 6, 100), times)
        series = geometric(modes(ORAL_TWO), 100, every=12, count=6, times=times)
        assert max(abs(x - y) for x, y in zip(summed, series, strict=True)) < mp.mpf(10) ** -40


def test_a_point_at_the_time_of_a_dose_shows_the_level_after_it():
    """Truth: the rule; a bolus without loss to speak of makes a staircase whose steps stand at the doses."""
    stairs = dl.simulate(model({"KE": 1e-300}), "100 mg every 12 h x 4", times="4 h for 44 h", meal="early")
    np.testing.assert_array_equal(stairs["central"].values[0], np.repeat([100.0, 200.0, 300.0, 400.0], 3))


@pytest.mark.parametrize(
    ("regimen", "lag", "times", "at"),
    [
        ("100 mg every 8 h x 3", 0.6, "0.1 h for 20 h", 8.6),
        ("100 mg every 63 h x 2", 0.0, "0.7 h for 70 h", 63.0),
    ],
)
def test_the_same_time_computed_in_another_way_is_the_same_time(regimen, lag, times, at):
    """Truth: the rule again; 8.6 - 8 is a little less than 0.6 as a double, and 90 * 0.7 a little less than 63."""
    stairs = dl.simulate(model({"KE": 1e-300}).with_(LAG=lag), regimen, times=times, meal="early")["central"][
        0
    ]
    np.testing.assert_array_equal(stairs.sel(time=at, method="nearest"), 200.0)


def test_before_the_first_dose_there_is_exactly_nothing():
    """Truth: no drug, no level."""
    levels = simulated(CASES["grid that starts before the first dose"])
    np.testing.assert_array_equal(levels["central"].sel(time=slice(0, 10)), 0.0)


def test_regimens_say_what_the_doses_say():
    """Truth: the hand-written doses; a case whose text means something else would test the wrong thing."""
    for name, case in CASES.items():
        times, kind, kinds = dl.regimen(case.regimen).doses()
        shares = np.array([0.4 if dose.meal == "late" else 1.0 for dose in kinds])
        amounts = np.array([dose.amount for dose in kinds]) * shares
        found = sorted(zip(times.tolist(), amounts[kind].tolist(), strict=True))
        wanted = sorted((dose.time, dose.amount) for dose in case.doses)
        np.testing.assert_allclose(found, wanted, rtol=1e-15, err_msg=re.escape(name))
