"""Nonlinear models that cannot be solved: which subjects, with which status, and in which words.

Truth: where a solution ends or leaves the numbers, from its equation, as told at each row; for the neighbours of such a
subject, the same simulation without it, equal to the bit; for messages, the rule that they name the place, what was
found, and what to do next.
"""

import numpy as np
import pytest
from breakable_model import broken

import doseline as dl
from doseline.errors import SolveError, Status

BLOW_UP = {"names": ("G",), "rate": "G * X * central ** 2"}
SATURABLE = {"names": ("VMAX", "KM"), "flow": "VMAX / (KM * V + central)"}

FAILING = {
    # 1 / x = 1 / 100 - G X t: from 100 mg it ends at 10 h / X
    "blow-up": (BLOW_UP, [0.1, 1.0, -1.0], {1: Status.STEPS_TOO_SMALL}),
    "at its start": ({"names": ("P",), "flow": "P / t"}, [1.0], {0: Status.RATE_NOT_FINITE}),
    "no number at its start": ({"names": ("P",), "flow": "P * X / t"}, [0.0], {0: Status.RATE_NOT_FINITE}),
    # log x grows without a limit at t = X
    "later": ({"names": ("P", "ONE"), "flow": "P / (X * ONE - t)"}, [50.0, 5.0], {1: Status.STEPS_TOO_SMALL}),
    "logarithm": (
        {"names": ("K", "ONE"), "flow": "K * (9 + log(X - t / ONE))"},
        [50.0, 12.3, 80.0],
        {1: Status.STEPS_TOO_SMALL},
    ),
    "logarithm at its start": (
        {"names": ("K",), "flow": "K * log(X - central / central)"},
        [9.0, 0.5],
        {1: Status.RATE_NOT_FINITE},
    ),
    "negative volume": (
        {**SATURABLE, "individual": 'VI = "V * X"', "output": "central / VI"},
        [1.0, -1.0, 0.0, 2.0],
        {1: Status.BAD_PARAMETER, 2: Status.BAD_PARAMETER},
    ),
    "negative volume of the file": (
        {**SATURABLE, "individual": 'V = "V * X"'}, [1.0, -1.0], {1: Status.BAD_PARAMETER}
    ),
    "negative rate constant": (
        {"names": ("K", "VMAX", "KM"), "flow": "K * X", "rate": "-VMAX * central / (KM * V + central)"},
        [1.0, -1.0, 0.0],
        {1: Status.BAD_PARAMETER},
    ),
    "individual value that is no number": (
        {**SATURABLE, "individual": 'VMAX = "VMAX * log(X)"'}, [-1.0, 3.0], {0: Status.BAD_PARAMETER}
    ),
    # 100 mg - 30 mg/h * X * 24 h
    "zero-order loss": ({"names": ("R",), "rate": "-R * X"}, [0.1, 1.0], {1: Status.NEGATIVE_AMOUNT}),
    # the rate turns against the state on both sides of 90 mg
    "jumping": (
        {"names": ("R", "LIMIT"), "rate": "where(central > LIMIT, -R * X, R * X)"},
        [1.0, 0.0],
        {0: Status.TOO_MANY_STEPS},
    ),
    "output alone": (
        {**SATURABLE, "output": "exp(300 * X * central / (KM * V))", "unit": "1"}, [1.0, -1.0], {0: Status.NOT_FINITE}
    ),
}  # fmt: skip


def levels(model, X, regimens="100 mg once", **how):
    how = {"times": "1 h for 24 h", "on_failure": "mark"} | how
    return dl.simulate(model, regimens, dl.cohort(X=X), **how)


def message(model, X, **how):
    with pytest.raises(SolveError) as caught:
        levels(model, X, on_failure="raise", **how)
    return str(caught.value)


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_is_marked_and_leaves_the_others_alone(name):
    """Truth of the bits: each subject simulated alone."""
    given, X, bad = FAILING[name]
    model = broken(*given["names"], **{key: value for key, value in given.items() if key != "names"})
    how = {"max_steps": 20_000}
    marked = levels(model, X, **how)
    assert marked["status"].values.tolist() == [bad.get(at, Status.OK) for at in range(len(X))]
    for at, x in enumerate(X):
        if at in bad:
            assert np.isnan(marked["plasma"][at]).all()
        else:
            np.testing.assert_array_equal(marked["plasma"][at], levels(model, [x], **how)["plasma"][0])
    assert dl.replay(marked).identical(marked)


def test_failures_among_many_lanes():
    """Every third subject breaks; the other two thirds have the bits that they have without them."""
    model = broken("G", rate="G * X * central ** 2")
    X = np.where(np.arange(80) % 3 == 0, 1.0 + np.arange(80) / 80, -np.arange(80) / 80)
    well = np.arange(80) % 3 != 0
    marked = levels(model, X, threads=2)
    np.testing.assert_array_equal(marked["status"] == Status.OK, well)
    np.testing.assert_array_equal(marked["plasma"][well], levels(model, X[well], threads=1)["plasma"])


TOLERANCE = (
    "the tolerance cannot be met, however small the steps: "
    "levels run away, or a rate jumps to and fro or stops being a number"
)
LOOK = (
    "  look at the rates at that time: growth without a limit, a denominator near zero, "
    "a logarithm of what falls below zero?\n"
)
KEEP = "  on_failure='mark' keeps the other rows"
NO_NUMBER = "a rate is NaN or infinite: a division by zero, or a logarithm of zero or less"
GUARD = "  look at the formulas at that time; max(..., a small value) keeps a denominator or a logarithm above zero\n"


def test_division_by_zero_is_told_with_the_formula():
    assert message(broken("P", flow="P / t"), [2.0]) == (
        f"simulate: 1 of 1 rows could not be solved: {NO_NUMBER}\n"
        "  subject 1, regimen '100 mg once': X 2, V 10 L, P 0.1\n"
        "    at 0 h: central 100 mg\n"
        "    there the rate 'P / t' from central to out is inf\n" + GUARD + KEEP
    )


def test_formulas_that_need_the_last_dose_are_left_out_of_what_is_told():
    said = message(broken("P", flow="P / tad"), [2.0])
    assert "at 0 h: central 100 mg\n" in said
    assert "there" not in said


def test_variables_are_told_too():
    more = '[variables]\nSPEED = "P / t"\n'
    said = message(broken("P", flow="SPEED", more=more), [2.0])
    assert "    there SPEED is inf, the rate 'SPEED' from central to out is inf\n" in said


def test_growth_without_a_limit_is_told_with_time_and_state():
    """Truth: the amount is infinite at 10 h."""
    said = message(broken("G", rate="G * X * central ** 2"), [1.0, 0.1])
    head, _, rest = said.partition("    at 10 h: central ")
    assert head == (
        f"simulate: 1 of 2 rows could not be solved: {TOLERANCE}\n"
        "  subject 1, regimen '100 mg once': X 1, V 10 L, G 0.001 1/mg/h\n"
    )
    number, _, rest = rest.partition(" mg\n")
    assert float(number) > 1e100
    assert rest == LOOK + KEEP


def test_an_amount_below_zero_is_told():
    """Truth: 100 mg - 30 mg/h * 4 h = -20 mg."""
    assert message(broken("R", rate="-R * X"), [1.0, 0.0], times=[0, 4]) == (
        "simulate: 1 of 2 rows could not be solved: an amount of drug has fallen below zero\n"
        "  subject 1, regimen '100 mg once': X 1, V 10 L, R 30 mg/h\n"
        "    at 4 h: central -20 mg\n"
        "  more leaves than is there: write the loss as a flow, or let it fall with the amount, "
        "such as VMAX * central / (KM * V + central)\n" + KEEP
    )


def test_too_many_steps_are_told():
    said = message(broken("VMAX", "KM", flow="VMAX / (KM * V + central)"), [1.0], max_steps=2)
    assert said.startswith(
        "simulate: 1 of 1 rows could not be solved: it takes more steps than max_steps allows\n"
        "  subject 1, regimen '100 mg once': X 1, V 10 L, VMAX 4 mg/h, KM 2 mg/L\n"
        "    at "
    )
    assert said.endswith(
        " mg\n  look for rates that are far too fast, or that jump to and fro; else give more with max_steps=..., "
        "or a larger rtol\n" + KEEP
    )


def test_individual_values_that_cannot_be_are_told():
    model = broken(
        "VMAX", "KM", flow="VMAX / (KM * V + central)", individual='VI = "V * X"', output="central / VI"
    )
    assert message(model, [1.0, -1.0]) == (
        "simulate: 1 of 2 rows could not be solved: a parameter, rate constant, output factor or initial amount "
        "is NaN or infinite, or negative where it must not be\n"
        "  subject 2, regimen '100 mg once': X -1, V 10 L, VMAX 4 mg/h, KM 2 mg/L; by [individual] VI -10\n"
        "  look at this subject's covariates and parameters: a volume of zero, a weight out of range?\n"
        + KEEP
    )


def test_differences_of_volumes_may_be_negative():
    """Truth: only what amounts are divided by has to be a volume; 10 L + 5 L * -1 is one."""
    model = broken(
        "VMAX", "KM", flow="VMAX / (KM * VI + central)", individual='MORE = "0.5 * V * X"\nVI = "V + MORE"',
        output="central / VI",
    )  # fmt: skip
    assert levels(model, [-1.0])["plasma"][0, 0] == 20.0


def test_an_output_that_is_no_number_is_told_with_its_name_and_time():
    """Truth: log(central) is infinite as long as nothing was given, and fine from the dose at 2 h on."""
    model = broken("VMAX", "KM", flow="VMAX / (KM * V + central)", output="log(central / (KM * V))", unit="1")
    course = dl.regimen("100 mg once").delayed(2)
    named = {"late": course}
    assert message(model, [1.0], regimens=named, times=[0, 1, 2, 3]) == (
        "simulate: 1 of 1 rows could not be solved: a level is NaN or infinite: more than a number can hold, "
        "a division by zero, a logarithm of zero or less\n"
        "  subject 1, regimen 'late': X 1, V 10 L, VMAX 4 mg/h, KM 2 mg/L\n"
        "    at 0 h: plasma is NaN or infinite\n"
        "  look at the formulas of [outputs], and at the sizes and units of rates, volumes and doses\n" + KEEP
    )
    assert levels(model, [1.0], regimens=named, times=[2, 3])["status"].item() == Status.OK


def test_several_reasons_are_told_one_after_the_other():
    """Truth: 100 mg - 30 mg/h * X * 4 h; below X = -5 the volume is negative."""
    model = broken("R", rate="-R * X", individual='VI = "where(X < -5, -V, V)"', output="central / VI")
    said = message(model, [1.0, -9.0, 2.0, 0.0], times=[0, 4])
    assert said == (
        "simulate: 3 of 4 rows could not be solved\n"
        "  2 of them: an amount of drug has fallen below zero\n"
        "    subject 1, regimen '100 mg once': X 1, V 10 L, R 30 mg/h\n"
        "      at 4 h: central -20 mg\n"
        "    subject 3, regimen '100 mg once': X 2, V 10 L, R 30 mg/h\n"
        "      at 4 h: central -140 mg\n"
        "    more leaves than is there: write the loss as a flow, or let it fall with the amount, "
        "such as VMAX * central / (KM * V + central)\n"
        "  1 of them: a parameter, rate constant, output factor or initial amount is NaN or infinite, "
        "or negative where it must not be\n"
        "    subject 2, regimen '100 mg once': X -9, V 10 L, R 30 mg/h; by [individual] VI -10\n"
        "    look at this subject's covariates and parameters: a volume of zero, a weight out of range?\n"
        + KEEP
    )


def large():
    """Thirty compartments in a row, each with a rate constant; what is lost from the last but one runs below zero."""
    numbers = range(1, 31)
    return dl.load_model("michaelis-menten").edit(
        name="long",
        parameters={f"K{k}": "1 1/h" for k in numbers} | {"R": "30 mg/h"},
        compartments={f"part{k}": "mg" for k in numbers},
        flows={f"{'depot' if k == 1 else f'part{k - 1}'} -> part{k}": f"K{k}" for k in numbers},
        rates={"part29": "-R"},
    )


def test_long_models_are_told_in_short():
    """Twelve values of a subject and of a state, the one below zero among them."""
    with pytest.raises(SolveError) as caught:
        dl.simulate(large(), "100 mg once", times=[0, 4])
    lines = str(caught.value).splitlines()
    assert lines[1].startswith(
        "  subject 1, regimen '100 mg once': KA 1 1/h, VMAX 10 mg/h, KM 2 mg/L, V 50 L, F 1, K1 1 1/h"
    )
    assert lines[1].endswith(" and 24 more")
    assert lines[1].count(",") == 12
    assert lines[2].startswith("    at 4 h: ")
    assert lines[2].endswith(" and 20 more")
    assert "part29 -" in lines[2]
    assert lines[2].count(" mg") == 12
    assert max(map(len, lines)) < 250


# ------------------------------------------------------------------ event tables and steady states


def table(**changes):
    """Three subjects, of whom the second is another one."""
    columns = {
        "ID": [1, 1, 2, 2, 3, 3], "TIME": [0, 4, 0, 24, 1, 5], "AMT": [100, 0] * 3, "EVID": [1, 0] * 3,
        "X": [0, 0, 1, 1, -1, -1],
    }  # fmt: skip
    return dl.read_records(columns | changes)


@pytest.mark.parametrize("times", [None, "1 h"])
def test_event_tables_mark_their_subjects(times):
    """Truth: 100 mg are infinite at 10 h, and 1 / (1 / 100 + 0.001 * 4) mg after 4 h of the third."""
    model = broken("G", rate="G * X * central ** 2")
    marked = dl.simulate(model, table(), times=times, on_failure="mark")
    gone = marked["status"].values != Status.OK
    assert gone.tolist() == [False, True, False]
    assert np.isnan(marked["plasma"][gone]).all()
    last = marked["plasma"][2] if times is None else marked["plasma"].sel(time=5.0)[2]
    assert last == pytest.approx(1 / (1 / 100 + 0.001 * 4) / 10, rel=1e-7)
    first = [1, 1, 3, 3]
    others = dl.read_records(
        {"ID": first, "TIME": [0, 4, 1, 5], "AMT": [100, 0] * 2, "EVID": [1, 0] * 2, "X": [0, 0, -1, -1]}
    )
    alone = dl.simulate(model, others, times=None if times is None else marked["time"].values)
    np.testing.assert_array_equal(marked["plasma"][~gone], alone["plasma"])
    with pytest.raises(SolveError) as caught:
        dl.simulate(model, table(), times=times)
    said = str(caught.value)
    assert said.startswith(
        f"simulate: 1 of 3 subjects could not be solved: {TOLERANCE}\n"
        "  subject 2, at its first record: X 1, V 10 L, G 0.001 1/mg/h\n    at 10 h: central "
    )
    assert said.endswith(LOOK + "  on_failure='mark' keeps the other subjects")


def steady(**changes):
    columns = {"TIME": [0, 4], "AMT": [100, 0], "EVID": [1, 0], "SS": [1, 0], "II": [12, 0], "X": [1, 1]}
    return dl.read_records(columns | changes)


UNSETTLED = (
    "a dose with SS never comes to a steady state: "
    "nothing leaves a compartment that it enters, or less than is given"
)


@pytest.mark.parametrize("rtol", [1e-12, 1e-8, 1e-4, 1e-3])
@pytest.mark.parametrize("infused", [False, True])
@pytest.mark.parametrize("part", [1.02, 2.0, 50.0])
def test_more_than_can_leave_has_no_steady_state(part, infused, rtol):
    """Truth: at most VMAX = 4 mg/h leave, 48 mg in 12 h; what is given on top of it stays."""
    model = broken("VMAX", "KM", flow="VMAX / (KM * V + central)")
    given = {"AMT": [0, 0], "RATE": [4 * part, 0], "II": [0, 0]} if infused else {"AMT": [48 * part, 0]}
    marked = dl.simulate(model, steady(**given), on_failure="mark", rtol=rtol)
    assert marked["status"].item() == Status.NO_STEADY_STATE


@pytest.mark.parametrize("rtol", [1e-12, 1e-8, 1e-4])
@pytest.mark.parametrize("part", [0.5, 0.98])
def test_a_little_less_than_can_leave_has_one(part, rtol):
    """Truth: an infusion of R settles where VMAX C / (KM + C) = R, at C = KM R / (VMAX - R)."""
    model = broken("VMAX", "KM", flow="VMAX / (KM * V + central)")
    settled = dl.simulate(model, steady(TIME=[0, 0], AMT=[0, 0], RATE=[4 * part, 0], II=[0, 0]), rtol=rtol)
    assert settled["plasma"].item() == pytest.approx(2 * part / (1 - part), rel=100 * rtol + 1e-9)


def test_no_steady_state_is_told():
    model = broken("VMAX", "KM", flow="VMAX / (KM * V + central)")
    with pytest.raises(SolveError) as caught:
        dl.simulate(model, steady())
    lines = str(caught.value).splitlines()
    assert lines[0] == f"simulate: 1 of 1 subjects could not be solved: {UNSETTLED}"
    assert lines[1] == "  subject 1, at its first record: X 1, V 10 L, VMAX 4 mg/h, KM 2 mg/L"
    assert lines[2].startswith("    at -12 h, while a steady state is sought: central ")
    assert lines[3:] == [
        "  leave out SS and write the doses with ADDL; where urine or a tray collects what leaves, switch that "
        "compartment off before the dose and on after it: EVID 2 with a negative CMT, then with a positive one",
        "  on_failure='mark' keeps the other subjects",
    ]


@pytest.mark.parametrize(
    ("given", "status", "where"),
    [
        (BLOW_UP, Status.STEPS_TOO_SMALL, "h, while a steady state is sought: central "),
        # 100 mg - 30 mg/h * 12 h
        ({"names": ("R",), "rate": "-R"}, Status.NEGATIVE_AMOUNT,
         "    at -12 h, while a steady state is sought: central -260 mg\n"),
    ],
)  # fmt: skip
def test_what_fails_on_the_way_to_a_steady_state(given, status, where):
    model = broken(*given["names"], rate=given["rate"])
    assert dl.simulate(model, steady(), on_failure="mark")["status"].item() == status
    with pytest.raises(SolveError) as caught:
        dl.simulate(model, steady())
    assert where in str(caught.value)
