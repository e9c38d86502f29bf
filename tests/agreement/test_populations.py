"""Levels of populations against a plain simulator that is told what each person took, and what they are.

Truth: tests/agreement/plain_people.py, which shares no code and no idea with the engine; what a person is comes from
the Dataset alone. Tolerance of the exact engine: 1e-12 of the highest level of the person; scipy's exponential is good
to some 1e-14, and dozens of intervals add up. Of differential equations: 1e-9, at a tolerance of 1e-10 for each step.

Three ways lead to levels: doses scattered over an even grid, where the body stays as it is; records, where occasions
change it or the times follow no step; lanes. Every course here goes all three.
"""

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from told_people import MODEL, TYPICAL, Person

import doseline as dl
from doseline.dosing.regimen import Block, Dose, Regimen

SEED = 11
PEOPLE = 3
VISITS = (0.0, 31.0, 77.5)
SPREADS = {"CL": "30 %", "V": "20 %", "KA": "30 %", "F": "20 %", "LAG": "30 %", "RATE": "20 %"}
GRIDS = {
    "even": np.arange(0.0, 100.0, 0.75),
    "even and late": 50.0 + np.arange(12.0) * 5.0,
    "steps of days": np.arange(5) * 24.0,
    "uneven": np.unique(np.concatenate([np.geomspace(0.1, 99.0, 40), [0.0, 12.0, 24.0, 48.0]])),
    "one time": np.array([71.0]),
}


def course(*entries):
    """Blocks of (start, period, repeats, dose)."""
    blocks = tuple(
        Block(start=start, pattern=((0.0, dose),), period=period, repeats=repeats)
        for start, period, repeats, dose in entries
    )
    return Regimen(blocks, max(block.last for block in blocks) + 1.0)


ORAL = course((0.0, 12.0, 10, Dose(40.0)))
OVERLAP = course((1.0, 7.0, 9, Dose(50.0, route="iv", duration=11.25)), (0.0, 24.0, 4, Dose(1.0, per="WT")))
MODELLED = course((2.0, 9.0, 8, Dose(80.0, route="patch")), (5.0, 30.0, 3, Dose(90.0, route="pump")))
MIXED = course(
    (8.0, 24.0, 5, Dose(40.0, meal="fed")),
    (20.0, 24.0, 5, Dose(20.0)),
    (3.0, 31.0, 3, Dose(30.0, route="iv")),
)

COURSES = {
    "missed": (ORAL.taken(0.6), {}),
    "late and early": (ORAL.taken(late="normal(0 h, 2 h) within -6..6"), {}),
    "doses overtake each other": (ORAL.taken(0.8, late="uniform(-40 h, 40 h)"), {"LAG": "dose"}),
    "holidays": (ORAL.taken(0.9, holidays={"per_year": 90, "days": 2}), {}),
    "meals": (MIXED.taken(0.8, meals={"fed": 0.6, "fasted": 0.4}), {"F": "dose"}),
    "meals of days": (MIXED.taken(1.0, meals={"fed": 0.5, "fasted": 0.5}, meals_by="day"), {"F": "day"}),
    "infusions overlap": (OVERLAP.taken(0.7, late="exponential(2 h) within 0..9 h"), {}),
    "modelled infusions": (MODELLED.taken(0.9, late="normal(0 h, 1 h) within -2..2"), {"F": "dose", "DUR": "dose"}),
    "until": (dl.regimen("1 mg/kg every 8 h until 5 mg/kg").taken(0.8), {"F": "visit", "LAG": "course"}),
    "until, with infusions": (dl.regimen("60 mg over 2 h every 12 h until 4 mg/kg").with_(route="iv"), {"F": "dose"}),
    "as prescribed": (MIXED, {"F": "dose", "LAG": "visit", "DUR": "day"}),
    "courses differ": (MODELLED, {"CL": "course", "F": "course"}),
    "body by dose": (ORAL.taken(0.7, late="uniform(-20 h, 20 h)"), {"CL": "dose", "F": "dose"}),
    "body by day": (OVERLAP.taken(0.7), {"CL": "day", "V": "day", "KA": "visit"}),
    "body by visit": (MODELLED, {"V": "visit", "Q": "visit", "DUR": "dose"}),
    "body by all": (MIXED.taken(0.8), {"CL": "dose", "V": "visit", "KA": "day", "LAG": "dose", "Q": "course"}),
}  # fmt: skip
"""Course, and which parameters differ between which occasions."""
LANES = ("doses overtake each other", "meals", "modelled infusions", "body by all")
"""Courses that are solved as differential equations too."""


def spread(occasions, base=0.0):
    """The model with random effects."""
    return MODEL.edit(
        variability=SPREADS,
        occasions={name: ("35 %", every) for name, every in occasions.items()},
        parameters={"BASE": f"{base} mg/L"},
    )


@pytest.fixture(scope="module")
def models():
    """One model for each set of occasions."""
    known = {}

    def of(occasions, base):
        key = (*sorted(occasions.items()), base)
        if key not in known:
            known[key] = spread(occasions, base)
        return known[key]

    return of


def furthest(model, regimen, times, occasions, *, base=0.0, **more):
    """How far any level of anybody is from the truth, as a part of their highest level."""
    visits = VISITS if "visit" in occasions.values() else (0.0,)
    if len(visits) > 1:
        more["visits"] = np.array(visits[1:])
    people = dl.cohort(PEOPLE, seed=SEED, WT="uniform(40 kg, 100 kg)")
    told = dl.simulate(model, regimen, people, times=times, **more)
    far = 0.0
    for position in range(PEOPLE):
        person = Person(told, position, regimen, every=occasions, visits=visits)
        truth, highest = person.levels(meal=model.default_meal("capsule"), base=base)
        found = np.stack([told[output].values[position] for output in ("plasma", "depots")], axis=1)
        far = max(far, (np.abs(found - truth).max(axis=0) / np.maximum(highest, 1e-300)).max())
    return far


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", COURSES)
def test_levels(models, name, grid):
    """Truth: the plain simulator; every third course begins with something in the body."""
    regimen, occasions = COURSES[name]
    base = 0.5 if list(COURSES).index(name) % 3 == 0 else 0.0
    assert furthest(models(occasions, base), regimen, GRIDS[grid], occasions, base=base) < 1e-12


@pytest.mark.parametrize("grid", ["even", "uneven"])
@pytest.mark.parametrize("name", LANES)
def test_levels_by_lanes(models, name, grid):
    """Truth: the plain simulator, which knows no steps."""
    regimen, occasions = COURSES[name]
    asked = {"method": "dop853", "rtol": 1e-10, "atol": 1e-13}
    assert furthest(models(occasions, 0.5), regimen, GRIDS[grid], occasions, base=0.5, **asked) < 1e-9


@pytest.mark.parametrize("every", ["dose", "day", "visit"])
def test_an_occasion_that_no_other_follows_acts_in_the_body(models, every):
    """Truth: the plain simulator. One dose, a grid within a day and visits behind it: nothing ever changes.

    The clearance is that of the first occasion all the same, which is not that of the person.
    """
    occasions = {"CL": every}
    regimen = course((0.0, 24.0, 1, Dose(80.0)))
    assert furthest(models(occasions, 0.0), regimen, np.arange(23.0), occasions) < 1e-12


def test_doses_on_grid_points_show_after_them():
    """Truth: the amount of a bolus over V at the very time at which it is given, and 0 the moment before."""
    regimen = course((6.0, 12.0, 3, Dose(60.0, route="iv"))).taken(1.0)
    model = MODEL.edit(variability={"V": "20 %"})
    told = dl.simulate(model, regimen, times=np.arange(0.0, 30.0, 0.5), seed=SEED)
    levels, volume = told["plasma"].values[0], float(told["V"].values[0])
    assert not levels[:12].any()
    np.testing.assert_allclose(levels[12], 60.0 / volume, rtol=1e-15)


def oral_closed_form(time, taken_at, amounts, ka, k, volume):
    """Sum of Bateman functions over doses that have arrived."""
    since = time[:, np.newaxis] - taken_at
    with np.errstate(over="ignore"):
        each = amounts * ka / (volume * (ka - k)) * (np.exp(-k * since) - np.exp(-ka * since))
    return np.where(since > 0, each, 0.0).sum(axis=1)


@pytest.mark.parametrize("times", ["1 h for 90 h", GRIDS["uneven"]])
def test_one_compartment_with_lag(times):
    """Truth: the Bateman function of each dose that the Dataset says was taken, from when it says it was taken."""
    model = dl.load_model("one-compartment-oral-lag").edit(
        variability={"CL": "30 %", "KA": "20 %"}, occasions={"TLAG": ("40 %", "dose")}
    )
    regimen = dl.regimen("100 mg every 8 h x 11").taken(0.7, late="normal(0 h, 3 h) within -8..8")
    told = dl.simulate(model, regimen, dl.cohort(4, seed=3, WT="uniform(60 kg, 70 kg)"), times=times)
    typical = {name: parameter.value for name, parameter in model.parameters.items()}
    for position in range(4):
        own = {n: float(told[n].values[position]) if n in told else typical[n] for n in typical}
        lag = typical["TLAG"] * np.exp(told["kappa_TLAG"].values[position])
        taken = told["dose_taken"].values[position]
        amount = np.full(taken.sum(), 100.0 * own.get("F", 1.0))
        at = (told["dose_taken_at"].values[position] + lag)[taken]
        truth = oral_closed_form(told["time"].values, at, amount, own["KA"], own["CL"] / own["V"], own["V"])
        np.testing.assert_allclose(told["plasma"].values[position], truth, rtol=0, atol=1e-12 * truth.max())


@pytest.mark.parametrize("rate", [0.1, 0.7, 3.0])
@pytest.mark.parametrize(
    "times", [np.arange(5) * 24.0, 22.0 + np.arange(5) * 12.0, 80.0 + np.arange(3.0), np.array([23.9, 48.0, 50.0])]
)  # fmt: skip
def test_infusions_that_ended_long_ago(rate, times):
    """Truth: R / CL (exp(-k (t - end)) - exp(-k (t - begin))) by mpmath; to 1e-12 of the level itself.

    A trough has all its digits, and is never below zero, though what is left is 1e-30 of what flowed in.
    """
    model = dl.build_model(
        "drip",
        parameters={"CL": f"{10 * rate} L/h", "V": "10 L", "D": "0.5 h"},
        compartments={"central": "mg"},
        flows={"central -> out": "CL / V"},
        routes={"iv": {"into": "central", "duration": "D", "label": "x"}},
        outputs={"plasma": ("central / V", "mg/L")},
        occasions={"D": ("90 %", "dose")},
    )
    regimen = dl.regimen("100 mg every 24 h x 4").taken(late="uniform(0 h, 2 h)")
    told = dl.simulate(model, regimen, times=times, seed=SEED)
    begins = told["dose_taken_at"].values[0]
    hours = 0.5 * np.exp(told["kappa_D"].values[0])
    for time, found in zip(times.tolist(), told["plasma"].values[0], strict=True):
        truth = mpmath.mpf(0)
        for begin, length in zip(begins, hours, strict=True):
            since = mpmath.mpf(time) - mpmath.mpf(begin)
            if since > 0:
                ended = max(since - mpmath.mpf(length), 0)
                left = mpmath.exp(-rate * ended) - mpmath.exp(-rate * since)
                truth += 100 / mpmath.mpf(length) / (10 * rate) * left
        assert abs(found - truth) <= 1e-12 * truth


def michaelis_menten(person, arrivals, times, vmax, km, volume):
    """Levels by scipy's DOP853 at 1e-12, begun anew at each dose and each change; arrivals are (time, amount)."""
    gut, central, now, found = 0.0, 0.0, 0.0, {}
    ka = person["KA"]

    def slope(t, y, top):
        level = y[1] / volume
        return [-ka * y[0], ka * y[0] - top * level / (km + level)]

    moments = sorted({*times, *(time for time, _ in arrivals), *np.arange(0.0, max(times), 24.0).tolist()})
    for moment in moments:
        if moment > now:
            top = vmax[int(now // 24.0)]
            solved = solve_ivp(
                slope, (now, moment), [gut, central], "DOP853", args=(top,), rtol=1e-12, atol=1e-14
            )
            gut, central = solved.y[:, -1]
            now = moment
        gut += sum(amount for time, amount in arrivals if time == moment)
        found[moment] = central / volume
    return np.array([found[time] for time in times])


def test_michaelis_menten_by_day():
    """Truth: scipy's DOP853 at 1e-12, piece by piece; ours at rtol 1e-10, so 1e-9 of the highest level."""
    model = dl.build_model(
        "saturable",
        parameters={"KA": "0.8 1/h", "VM": "9 mg/h", "KM": "1.5 mg/L", "V": "30 L", "F": "0.9"},
        compartments={"gut": "mg", "central": "mg"},
        flows={"gut -> central": "KA"},
        rates={"central": "-VM * (central / V) / (KM + central / V)"},
        routes={"oral": {"into": "gut", "bioavailability": "F", "label": "x"}},
        outputs={"plasma": ("central / V", "mg/L")},
        variability={"KA": "30 %", "V": "20 %"},
        occasions={"VM": ("30 %", "day"), "F": ("20 %", "dose")},
    )
    regimen = dl.regimen("60 mg every 12 h x 8").taken(0.8, late="normal(0 h, 2 h) within -4..4")
    times = np.arange(0.0, 96.5, 3.0)
    people = dl.cohort(3, seed=SEED, WT="uniform(60 kg, 70 kg)")
    told = dl.simulate(model, regimen, people, times=times, rtol=1e-10, atol=1e-12)
    for position in range(3):
        one = told.isel(subject=position)
        taken, at = one["dose_taken"].values, one["dose_taken_at"].values
        amounts = 60.0 * 0.9 * np.exp(one["kappa_F"].values)
        arrivals = [(t, a) for t, a, given in zip(at.tolist(), amounts, taken, strict=True) if given]
        vmax = 9.0 * np.exp(one["kappa_VM"].values)
        truth = michaelis_menten(
            {"KA": float(one["KA"])}, arrivals, times.tolist(), vmax, 1.5, float(one["V"])
        )
        assert np.abs(one["plasma"].values - truth).max() < 1e-9 * truth.max()


def test_told_typical_values_are_those_of_the_model():
    """Truth: the model itself; so the truth of this file is about the model that it runs."""
    assert {name: parameter.value for name, parameter in MODEL.parameters.items()} == TYPICAL
