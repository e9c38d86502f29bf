"""Every model of the library gives back the numbers it names, and the page about it holds what the model gives.

Truth: the numbers of the sources, in each file's ``[[check]]``s.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import doseline as dl
from doseline.errors import InputError
from doseline.model.read import library, load_model, read_model, studies
from doseline.study import read_study
from doseline.verify import check_model

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module", params=sorted(library()))
def outcomes(request):
    return check_model(load_model(request.param))


@pytest.fixture(scope="module")
def isotretinoin():
    return {outcome.check.name: outcome for outcome in check_model(load_model("isotretinoin"))}


def test_calibration_and_identities_pass(outcomes):
    held = [outcome for outcome in outcomes if outcome.check.kind != "comparison"]
    assert held
    failed = [
        f"{each.check.name}: {each.value:.6g}, not {each.check.expect:g}" for each in held if not each.passed
    ]
    assert failed == []


def test_comparisons_are_numbers(outcomes):
    """They may miss: a miss says how far the model reaches."""
    assert [outcome.check.name for outcome in outcomes if not math.isfinite(outcome.value)] == []


@pytest.mark.parametrize("name", studies())
def test_every_study_reads(name):
    study = read_study(name)
    assert study.name == name
    assert len(study.regimens) >= 1
    assert len(study.people) >= 1


# ------------------------------------------------------------------ the page about isotretinoin


def table(kind):
    """The cells of a table of the page, a list for each check."""
    page = (DOCS / "theory" / "isotretinoin.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- checks: {kind} -->\n(.*?)<!-- /checks -->", page, re.DOTALL)
    assert found is not None
    head, rule, *rows = found[1].splitlines()
    assert head == "| check | published | model | miss | within | inside |"
    assert set(rule) <= set("|-:")
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def digits(value):
    """Four significant digits, whole numbers from 1000 on."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


@pytest.mark.parametrize("kind", ["calibration", "comparison"])
def test_the_page_holds_every_check(kind, isotretinoin):
    listed = [cells[0] for cells in table(kind)]
    assert listed == [name for name, outcome in isotretinoin.items() if outcome.check.kind == kind]


@pytest.mark.parametrize("cells", [*table("calibration"), *table("comparison")], ids=lambda cells: cells[0])
def test_the_page_holds_what_the_model_gives(cells, isotretinoin):
    name, published, model, miss, within, inside = cells
    outcome = isotretinoin[name]
    check = outcome.check
    unit = "" if check.unit == "1" else " " + check.unit.replace("*", "·")
    assert model == f"{digits(outcome.value)}{unit}"
    assert published == f"{check.expect:g}{unit}"
    assert within == check.within.replace("*", "·")
    assert inside == ("yes" if outcome.passed else "no")
    number, of = miss.split()
    assert float(number) == pytest.approx(
        outcome.value - check.expect if of == "h" else 100 * outcome.miss, abs=0.0051 if of == "h" else 0.051
    )


MONTHS = """
name = "months"
title = "one compartment, clearance by age"
version = "1"
[source]
citation = "made for this test"
[covariates]
AGE = { unit = "month", reference = 12, label = "age" }
WT = { unit = "g", reference = 70000, label = "weight" }
[parameters]
CL = { value = 10, unit = "L/h", label = "clearance", source = "chosen", status = "assumption" }
V = { value = 50, unit = "L", label = "volume", source = "chosen", status = "assumption" }
YEAR = { value = 12, unit = "month", label = "a year", source = "calendar", status = "D" }
STD = { value = 70, unit = "kg", label = "standard weight", source = "chosen", status = "assumption" }
[individual]
CL = "CL * AGE / YEAR * WT / STD"
[compartments]
gut = { label = "gut" }
other = { label = "another gut" }
central = { label = "central" }
urine = { label = "what has left" }
[flows]
"gut -> central" = "CL / V"
"other -> central" = "CL / V"
"central -> urine" = "CL / V"
[routes]
oral = { into = "gut", label = "by mouth" }
iv = { into = "central", label = "into a vein" }
[formulations.capsule]
label = "capsule"
[formulations.capsule.meals.fed]
label = "fed"
source = "chosen"
into = "other"
[outputs]
plasma = { value = "central / V", unit = "mg/L", label = "plasma" }
urine = { value = "urine", unit = "mg", label = "urine" }
%s
"""
CHECK = """
[[check]]
name = "x"
kind = "identity"
regimen = "{regimen}"
output = "{output}"
metric = "{metric}"
expect = {expect}
unit = "{unit}"
within = "0.001 %"
source = "closed form"
status = "D"
"""
STEADY = 100 / 50 / (1 - np.exp(-0.2 * 12))


@pytest.mark.parametrize(
    ("regimen", "metric", "expect", "unit"),
    [
        # reference covariates count in the unit of the file: 12 months and 70000 g, so CL = 10 L/h
        ("100 mg once by iv", "AUCinf", 100 / 10, "mg*h/L"),
        ("100 mg once by iv", "Cmax", 2.0, "mg/L"),
        # levels that jump are looked at dose by dose
        ("100 mg every 12 h by iv x 20", "Cmax", STEADY, "mg/L"),
        ("100 mg every 12 h by iv x 3", "Tmax", 24, "h"),
        ("100 mg every 12 h by iv x 20", "Cmin", STEADY * np.exp(-2.4), "mg/L"),
        ("100 mg every 12 h by iv x 20", "AUCinf", 20 * 10, "mg*h/L"),
        # the last interval ends when the next dose would be due
        ("100 mg at 08:00 and 20:00 by iv for 10 days", "AUCtau", 10.0, "mg*h/L"),
        ("100 mg every 7 h by iv for 10 days", "AUCtau", 10.0, "mg*h/L"),
        ("100 mg at 08:00 and 20:00 by iv for 10 days", "Cavg", 10.0 / 12, "mg/L"),
    ],
)
def test_checks_of_boluses(regimen, metric, expect, unit):
    """Truth: one-compartment bolus, k = 0.2 /h: geometric series; AUC = dose / CL. An iv dose knows no meal."""
    text = MONTHS % CHECK.format(
        regimen=regimen, output="plasma", metric=metric, expect=float(expect), unit=unit
    )
    (outcome,) = check_model(read_model(text, place="months.toml"))
    assert outcome.value == pytest.approx(expect, rel=1e-6)


def test_a_meal_moves_swallowed_doses_only():
    """Truth: dose / V at once by vein; nothing at once by mouth, fed or not."""
    model = read_model(MONTHS % "", place="months.toml")
    levels = dl.simulate(model, {"iv": "100 mg by iv once", "oral": "100 mg once"}, times="1 h")
    np.testing.assert_allclose(levels["plasma"].isel(time=0).values.ravel(), [2.0, 0.0])


def test_what_never_falls_has_no_half_life():
    """Truth: urine collects."""
    text = MONTHS % CHECK.format(
        regimen="100 mg once by iv", output="urine", metric="half_life", expect=1, unit="h"
    )
    with pytest.raises(InputError, match="never falls to nothing"):
        check_model(read_model(text, place="months.toml"))
    text = MONTHS % CHECK.format(
        regimen="100 mg once by iv", output="urine", metric="Cmax", expect=100, unit="mg"
    )
    (outcome,) = check_model(read_model(text, place="months.toml"))
    assert outcome.value == pytest.approx(100.0, rel=1e-9)


# ------------------------------------------------------------------ the library as a whole


def test_the_names_that_people_look_for_are_there():
    """Truth: the models with an ADVAN of their own in NONMEM's PREDPP, as clearances and as rate constants."""
    sizes, ways = ("one", "two", "three"), ("iv", "oral")
    plain = {f"{size}-compartment-{way}" for size in sizes for way in ways}
    assert plain | {f"{name}-micro" for name in plain} <= set(library())


@pytest.mark.parametrize("name", sorted(library()))
def test_a_file_is_what_its_name_says(name):
    """Truth: the rule that a model is called as its file is."""
    assert load_model(name).name == name


@pytest.mark.parametrize("name", sorted(library()))
def test_every_output_is_checked(name):
    """Truth: none needed; an output that no check looks at could be anything."""
    model = load_model(name)
    assert {check.output for check in model.checks} == set(model.outputs)


ADVAN = {
    "1": ["central"],
    "2": ["depot", "central"],
    "3": ["central", "peripheral"],
    "4": ["depot", "central", "peripheral"],
    "11": ["central", "peripheral1", "peripheral2"],
    "12": ["depot", "central", "peripheral1", "peripheral2"],
}


@pytest.mark.parametrize("name", sorted(library()))
def test_compartments_are_numbered_as_nonmem_does(name):
    """Truth: the compartments of PREDPP's ADVANs in NONMEM's help (1 depot, 2 central, ... where there is a depot)."""
    model = load_model(name)
    named = re.search(r"ADVAN(\d+) TRANS\d", model.source.citation)
    assert named is None or list(model.compartments) == ADVAN[named[1]]
