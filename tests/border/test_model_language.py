"""Models whose rates and outputs are anything: what is read, what counts as linear, what is said about mistakes.

Truth: the definition of linear in docs/reference/model_files.md; the texts are what a person who made the mistake
needs to read.
"""

from __future__ import annotations

import pytest
from model_example import changed, complaint

from doseline.compile import Compiled
from doseline.model.read import read_model

FLOW = '"central -> out" = "KE"'
OUTPUT = 'value = "central / V"'
TURNOVER = """
name = "turnover"
title = "A response that is made and lost, whose making the drug hinders"
version = "1"
[source]
citation = "test"
[parameters]
KA = { value = 1, unit = "1/h", label = "KA", source = "test", status = "assumption" }
V = { value = 50, unit = "L", label = "V", source = "test", status = "assumption" }
VMAX = { value = 30, unit = "mg/h", label = "VMAX", source = "test", status = "assumption" }
KM = { value = 5, unit = "mg/L", label = "KM", source = "test", status = "assumption" }
KIN = { value = 10, unit = "%/h", label = "KIN", source = "test", status = "assumption" }
KOUT = { value = 0.1, unit = "1/h", label = "KOUT", source = "test", status = "assumption" }
IMAX = { value = 0.9, unit = "1", label = "IMAX", source = "test", status = "assumption" }
IC50 = { value = 500, unit = "ng/mL", label = "IC50", source = "test", status = "assumption" }
AMP = { value = 0.1, unit = "1", label = "AMP", source = "test", status = "assumption" }
DAY = { value = 1, unit = "day", label = "DAY", source = "test", status = "assumption" }
[compartments]
gut = { label = "gut" }
central = { label = "body" }
effect = { unit = "%", label = "response" }
[variables]
CP = "central / V"
hindered = "IMAX * CP / (IC50 + CP)"
[flows]
"gut -> central" = "KA * where(tad > 2 * DAY, 0, 1)"
"central -> out" = "VMAX / V / (KM + CP)"
[rates]
effect = "KIN * (1 - hindered) * (1 + AMP * exp(-t / DAY)) - KOUT * effect"
[initial]
effect = "KIN / KOUT"
[routes.oral]
label = "by mouth"
into = "gut"
[outputs]
plasma = { value = "CP", unit = "ng/mL", label = "plasma" }
response = { value = "effect * where(dose > 0, 1, 1)", unit = "%", label = "response" }
"""


def turnover(*edits):
    """The turnover model with pieces of its text replaced."""
    text = TURNOVER
    for old, new in edits:
        assert text.count(old) == 1, f"{text.count(old)} x {old}"
        text = text.replace(old, new)
    return text


def test_a_model_that_is_not_linear_is_read():
    model = read_model(TURNOVER)
    assert not model.linear
    assert {name: str(value) for name, value in model.variables.items()} == {
        "CP": "central / V",
        "hindered": "IMAX * CP / (IC50 + CP)",
    }
    assert list(model.rates) == ["effect"]
    assert model.rates["effect"].names == ("KIN", "hindered", "AMP", "t", "DAY", "KOUT", "effect")
    assert model.flows[1].rate.names == ("VMAX", "V", "KM", "CP")
    assert str(model.initial["effect"]) == "KIN / KOUT"


LINEAR = {
    "as it stands": (),
    "nothing added": ((OUTPUT, 'value = "central / V + 0"'),),
    "by way of a variable": (
        ("[flows]", '[variables]\nCP = "central / V"\n[flows]'),
        (OUTPUT, 'value = "CP"'),
    ),
    "by way of three": (
        ("[flows]", '[variables]\nK = "KE"\nCP = "central / V"\nall = "(CP + gut / V) * 2 - CP"\n[flows]'),
        (FLOW, '"central -> out" = "K"'),
        (OUTPUT, 'value = "all"'),
    ),
    "a condition on covariates": ((OUTPUT, 'value = "where(WT > WT_STD, central, gut) / V"'),),
    "a variable that moves, and is not used": (
        ("[flows]", '[variables]\nC2 = "central * central"\n[flows]'),
    ),
}
NOT_LINEAR = {
    "a rate constant with an amount": ((FLOW, '"central -> out" = "KE * V / (V + central * V / gut)"'),),
    "a rate constant with a variable that moves": (
        ("[flows]", '[variables]\nfree = "gut / (gut + central)"\n[flows]'),
        (FLOW, '"central -> out" = "KE * free"'),
    ),
    "a rate constant that changes with the clock": (
        (FLOW, '"central -> out" = "KE * where(KA * t > 1, 1, 2)"'),
    ),
    "a rate constant that changes after doses": ((FLOW, '"central -> out" = "KE * exp(-tad * KA)"'),),
    "a rate constant that changes with doses": ((FLOW, '"central -> out" = "KE * dose / (dose + WT)"'),),
    "a rate": (("[routes.oral]", '[rates]\ngut = "0"\n[routes.oral]'),),
    "an output of a power": ((OUTPUT, 'value = "sqrt(central * central) / V"'),),
    "an output with a constant": ((OUTPUT, 'value = "(central + WT) / V"'),),
    "an output of nothing that moves": ((OUTPUT, 'value = "WT / V"'),),
    "an output with the clock": ((OUTPUT, 'value = "central / V * exp(-t * KA)"'),),
    "an output under a condition that moves": ((OUTPUT, 'value = "where(central > gut, central, gut) / V"'),),
}


@pytest.mark.parametrize("case", LINEAR)
def test_linear(case):
    assert read_model(changed(*LINEAR[case])).linear


def without_check(*edits):
    """The example with pieces of its text replaced, without its check of an AUCinf, which linear models alone have."""
    text = changed(*edits)
    return text[: text.index("[[check]]")]


@pytest.mark.parametrize("case", NOT_LINEAR)
def test_not_linear(case):
    assert not read_model(without_check(*NOT_LINEAR[case])).linear


def test_variables_are_put_in_for_the_exact_engine():
    """Truth: the same model written without variables."""
    plain = Compiled(read_model(changed((OUTPUT, 'value = "(central + gut) / V"'))))
    edits = (
        ("[flows]", '[variables]\nK = "KE"\nCP = "central / V"\nall = "CP + gut / V"\n[flows]'),
        (FLOW, '"central -> out" = "K"'),
        (OUTPUT, 'value = "all"'),
    )
    other = Compiled(read_model(changed(*edits)))
    values = plain.parameters({"WT": 6e7})
    for one, two in zip(plain.system(values, subjects=1), other.system(values, subjects=1), strict=True):
        assert one.tolist() == two.tolist()


def test_variables_that_grow_when_written_out_are_left_alone():
    """300 lines, each twice the one above: written out the last would have 2**300 terms."""
    lines = ['x0 = "central / V"', *(f'x{n} = "x{n - 1} + x{n - 1}"' for n in range(1, 300))]
    lines = "\n".join(["[variables]", *lines, "[flows]"])
    assert read_model(changed(("[flows]", lines))).linear
    assert not read_model(without_check(("[flows]", lines), (OUTPUT, 'value = "x299"'))).linear


def test_variables_in_a_long_row_are_left_alone():
    """300 lines with 48 levels each: written out the last would be deeper than Python calls."""
    lines = ['x0 = "central / V"', *(f'x{n} = "{"-" * 48}x{n - 1}"' for n in range(1, 300))]
    lines = "\n".join(["[variables]", *lines, "[flows]"])
    assert not read_model(without_check(("[flows]", lines), (OUTPUT, 'value = "x299"'))).linear
    assert read_model(changed(("[flows]", lines), (OUTPUT, 'value = "x2"'))).linear


STAND = "\n  what changes in time may stand in [variables], [flows], [rates] and [outputs]"
MISTAKES = {
    "amount in an individual value": (
        (('KIN / KOUT"\n', 'KIN / KOUT"\n[individual]\nKE = "VMAX / central"\n'),),
        "m.toml [individual.KE]: 'central' changes in time, and [individual] is worked out once for each subject, "
        "before anything moves" + STAND,
    ),
    "time in an individual value": (
        (('KIN / KOUT"\n', 'KIN / KOUT"\n[individual]\nX = "KA * t"\n'),),
        "m.toml [individual.X]: 't' changes in time, and [individual] is worked out once for each subject, "
        "before anything moves" + STAND,
    ),
    "variable at the start": (
        (('effect = "KIN / KOUT"', 'effect = "hindered"'),),
        "m.toml [initial.effect]: 'hindered' changes in time, and [initial] is what there is before anything moves"
        + STAND,
    ),
    "dose in a route": (
        (('into = "gut"', 'into = "gut"\nlag = "dose / VMAX"'),),
        "m.toml [routes.oral]: lag: 'dose' changes in time, and [routes] says what happens to a dose before it enters"
        + STAND,
    ),
    "flow of another kind": (
        (('"VMAX / V / (KM + CP)"', '"VMAX / (KM + CP)"'),),
        "m.toml [flows.\"central -> out\"]: the rate 'VMAX / (KM + CP)' is volume / time\n  expected 1 / time",
    ),
    "units inside a flow": (
        (('"VMAX / V / (KM + CP)"', '"VMAX / V / (KM + central)"'),),
        "m.toml [flows.\"central -> out\"]: in 'KM + central', 'KM' is mass / volume and 'central' is mass\n"
        "  what '+' takes must be of one kind; make a number that has a unit a parameter",
    ),
    "rate of another kind": (
        (("- KOUT * effect", "- KOUT * central"),),
        "m.toml [rates.effect]: in 'KIN * (1 - hindered) * (1 + AMP * exp(-t / DAY)) - KOUT * central', "
        "'KIN * (1 - hindered) * (1 + AMP * exp(-t / DAY))' is 1 / time and 'KOUT * central' is mass / time\n"
        "  what '-' takes must be of one kind; make a number that has a unit a parameter",
    ),
    "rate that is no rate": (
        (('[initial]', 'gut = "-gut"\n[initial]'),),
        "m.toml [rates.gut]: '-gut' is mass\n  expected mass / time",
    ),
    "rate of an unknown compartment": (
        (('[initial]', 'efect = "KIN"\n[initial]'),),
        "m.toml [rates.efect]: unknown compartment 'efect'\n"
        "  did you mean 'effect'? compartments: gut, central, effect",
    ),
    "flow between different kinds": (
        (('[rates]', '"central -> effect" = "KA"\n[rates]'),),
        "m.toml [flows.\"central -> effect\"]: the two compartments count different kinds\n"
        "  give both the same unit",
    ),
    "output of another kind": (
        (('value = "CP"', 'value = "central"'),),
        "m.toml [outputs.plasma]: 'central' is mass\n  expected mass / volume",
    ),
    "misspelt": (
        (('"IMAX * CP', '"IMAX * Cp'),),
        "m.toml [variables.hindered]: unknown name 'Cp'\n  did you mean 'CP'? known here: KA, V, VMAX, KM, KIN, KOUT, "
        "IMAX, IC50, AMP, DAY, gut, central, effect, CP, t, tad, dose",
    ),
    "a function of Python": (
        (('"IMAX * CP', '"IMAX * open(CP)'),),
        "m.toml [variables.hindered]: unknown function 'open'\n  known here: exp, log, sqrt, min, max, where",
    ),
    "variable from further down": (
        (('CP = "central / V"\n', ""), ('(IC50 + CP)"', '(IC50 + CP)"\nCP = "central / V"')),
        "m.toml [variables.hindered]: unknown name 'CP'\n  'CP' is set further down: move it up",
    ),
    "variables in a circle": (
        (('CP = "central / V"', 'CP = "central / V * other"'), ("[flows]", 'other = "hindered"\n[flows]')),
        "m.toml [variables.CP]: circular: CP -> other -> hindered -> CP\n  write one of them without the others",
    ),
    "variable of itself": (
        (('CP = "central / V"', 'CP = "central / V + CP"'),),
        "m.toml [variables.CP]: circular: CP -> CP\n  write one of them without the others",
    ),
    "individual values in a circle": (
        (("[compartments]", '[individual]\nA = "B * KA"\nB = "C / KA"\nC = "A"\n[compartments]'),),
        "m.toml [individual.A]: circular: A -> B -> C -> A\n  write one of them without the others",
    ),
    "individual values that replace each other": (
        (("[compartments]", '[individual]\nX = "Y * KA"\nKA = "X"\nY = "KA / KA"\n[compartments]'),),
        "m.toml [individual.X]: unknown name 'Y'\n  'Y' is set further down: move it up",
    ),
    "variable named as a parameter": (
        (('CP = "central / V"', 'KM = "central / V"\nCP = "central / V"'),),
        "m.toml [variables.KM]: 'KM' also stands in [parameters]\n  choose another name",
    ),
    "variable named as a compartment": (
        (('CP = "central / V"', 'gut = "central / V"\nCP = "central / V"'),),
        "m.toml [variables.gut]: 'gut' also stands in [compartments]\n  choose another name",
    ),
    "variable that is no text": (
        (('CP = "central / V"', 'CP = ["central / V"]'),),
        "m.toml [variables.CP]: found a list\n  expected an expression, such as \"CL / V\"",
    ),
}  # fmt: skip
MEANT = {
    (
        "parameters",
        "tad",
    ): 'tad = { value = 1, unit = "h", label = "x", source = "x", status = "M" }\n[compartments]',
    ("individual", "dose"): '[individual]\ndose = "KA"\n[compartments]',
    ("compartments", "t"): '[compartments]\nt = { label = "x" }',
    ("variables", "tad"): '[variables]\ntad = "t"\nCP = "central / V"',
    ("variables", "min"): '[variables]\nmin = "t"\nCP = "central / V"',
    ("outputs", "dose"): '[outputs]\ndose = { value = "dose", unit = "mg", label = "x" }',
    ("outputs", "exp"): '[outputs]\nexp = { value = "dose", unit = "mg", label = "x" }',
    (
        "covariates",
        "dose",
    ): '[covariates]\ndose = { unit = "kg", reference = 70, label = "x" }\n[compartments]',
}
SPOTS = {"parameters": "[compartments]", "individual": "[compartments]", "covariates": "[compartments]"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake(mistake):
    edits, text = MISTAKES[mistake]
    assert complaint(turnover(*edits)) == text


@pytest.mark.parametrize(("section", "name"), MEANT)
def test_names_with_a_meaning_are_taken(section, name):
    spot = SPOTS.get(section, f"[{section}]" if section != "variables" else '[variables]\nCP = "central / V"')
    text = f"m.toml [{section}.{name}]: '{name}' has a meaning in expressions\n  choose another name"
    assert complaint(turnover((spot, MEANT[section, name]))) == text


@pytest.mark.parametrize("section", ["parameters", "compartments", "individual", "variables", "outputs"])
def test_out_is_taken(section):
    entries = {
        "parameters": (
            "[compartments]",
            'out = { value = 1, unit = "h", label = "x", source = "x", status = "M" }\n[compartments]',
        ),
        "compartments": ("[compartments]", '[compartments]\nout = { label = "x" }'),
        "individual": ("[compartments]", '[individual]\nout = "KA"\n[compartments]'),
        "variables": ("[variables]", '[variables]\nout = "t"'),
        "outputs": ("[outputs]", '[outputs]\nout = { value = "dose", unit = "mg", label = "x" }'),
    }
    text = f"m.toml [{section}.out]: 'out' means leaving the body\n  choose another name"
    assert complaint(turnover(entries[section])) == text


MEALS = """
[formulations.capsule]
label = "capsule"
[formulations.capsule.meals.fed]
label = "fed"
source = "test"
KM = { value = 4, unit = "mg/L", source = "test" }
KOUT = { value = 4, unit = "1/h", source = "test" }
F = { value = 1, source = "test" }
[routes.oral]
bioavailability = "F"
"""


def test_meals_may_not_reach_rates_or_variables():
    """KM acts by way of a variable, KOUT in a rate; F reaches a route alone and is fine."""
    edits = (
        ("[routes.oral]", MEALS),
        ("AMP =", 'F = { value = 1, unit = "1", label = "F", source = "x", status = "M" }\nAMP ='),
        ('hindered = "IMAX', 'used = "CP / KM"\nhindered = "IMAX'),
        ("VMAX / V / (KM + CP)", "KA / (1 + used)"),
    )
    advice = "let the dose enter a compartment of its own: into = ..., with a flow of its own"
    assert complaint(turnover(*edits)) == "\n".join(
        f"m.toml [formulations.capsule.meals.fed.{name}]: '{name}' acts in the body (a flow, a rate or an output), "
        f"where doses of several meals mix\n  {advice}"
        for name in ("KM", "KOUT")
    )
