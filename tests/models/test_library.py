"""Every model of the library gives back the numbers it names, and the page about it holds what the model gives.

Truth: the numbers of the sources, in each file's ``[[check]]``s.
"""

import math
import re
from pathlib import Path

import pytest

from doseline.model.read import library, load_model, studies
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
