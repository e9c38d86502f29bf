"""Spreads of a model on their way through text, edits and the terminal.

Truth: the same model read from a file; the texts are what a person needs to read.
"""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_example import GOOD, changed
from rich.console import Console
from spread_example import BASE, FROM, POPULATION, effect

from doseline.errors import InputError, ModelError
from doseline.model.edit import MOST_DRAWS
from doseline.model.read import read_model
from doseline.show import model_tables

MODEL = read_model(POPULATION, place="m.toml")
EFFECTS = (effect("sd = 0.3"), effect("sd = 0.2", of="V"))

# ---------------------------------------------------------------- the way through text


def test_it_reads_back_from_its_text():
    for made in (MODEL, MODEL.with_(CL=7), MODEL.edit(version="2"), pickle.loads(pickle.dumps(MODEL))):
        again = read_model(str(made))
        assert again == made
        assert hash(again) == hash(made)
        assert str(again) == str(made)


PRINTED = """[variability]
CL = { source = "test", status = "M" }
V = { source = "test", status = "M" }
KA = { distribution = "box-cox", omega2 = 0.25, shape = -0.5, source = "test", status = "M" }
F = { distribution = "logit-normal", sd = 0.4, low = 0, high = 1.2, source = "test", status = "M" }
BASE = { distribution = "normal", cv = "25.5 %", source = "test", status = "M" }
WT_STD = { distribution = "discrete", values = [60, 70], probabilities = [0.3, 0.7], source = "test", status = "M" }

[occasions]
KA = { cv = "20 %", source = "test", status = "M", every = "dose" }
CL = { sd = 0.1, source = "test", status = "M", every = "dose" }

[blocks.one]
effects = ["CL", "V"]
omega2 = [[0.09],
    [0.03, 0.04]]
source = "test"
status = "M"

[blocks.two]
effects = ["KA", "CL"]
between = "occasions"
correlations = [[1],
    [-0.5, 1]]
source = "test"
status = "M"

[residual]
plasma = { error = "combined", sd = 2.5, cv = "15 %", lloq = 5, source = "test", status = "M" }

[uncertainty]
parameters = ["CL", "V"]
scale = "log"
covariance = [[0.01],
    [0.002, 0.04]]
source = "test"
status = "M"
"""


def test_what_is_printed():
    text = str(MODEL.edit(parameters={"F": "0.9"}))
    assert text[text.index("[variability]") :] == PRINTED


CHANGES = {
    "0.25": "0.26",
    "[60, 70]": "[60, 71]",
    'every = "dose"': 'every = "day"',
    "[[-0.5]]": "[[-0.6]]",
    "lloq = 5": "lloq = 6",
    "0.002": "0.003",
    "large = 90": "large = 91",
    "high = 1.2": "high = 1.3",
}


@pytest.mark.parametrize("old", CHANGES)
def test_every_number_counts_for_equality(old):
    assert old in POPULATION
    assert read_model(POPULATION.replace(old, CHANGES[old])) != MODEL


def test_the_order_of_effects_counts():
    one, other = (read_model("\n".join([GOOD, *each])) for each in (EFFECTS, EFFECTS[::-1]))
    assert one.variability == other.variability
    assert one != other
    assert [names for names, _ in other.effect_blocks("subjects")] == [("V",), ("CL",)]


def test_short_forms():
    """Truth: the tables they stand for."""
    made = read_model(GOOD).edit(
        variability={"CL": "30 %", "V": "12.5%"},
        occasions={"F": ("20 %", "dose")},
        residual={"plasma": "15 %"},
    )
    origin = {"source": "given in Python", "status": "assumption"}
    assert made == read_model(GOOD).edit(
        variability={"CL": {"cv": "30 %", **origin}, "V": {"cv": "12.5 %", **origin}},
        occasions={"F": {"cv": "20 %", "every": "dose", **origin}},
        residual={"plasma": {"error": "proportional", "cv": "15 %", **origin}},
    )
    assert made.edit(
        variability={"CL": None, "V": None}, occasions={"F": None}, residual={"plasma": None}
    ) == (read_model(GOOD).edit())


def test_entries_of_another_model_can_be_given():
    other = read_model(
        changed(
            ("[individual]\n", f"{BASE}[individual]\n"),
            ("[compartments]\n", '[initial]\ngut = "-BASE"\n[compartments]\n'),
        )
    )
    made = other.edit(
        variability=MODEL.variability,
        occasions=MODEL.occasions,
        blocks=MODEL.blocks,
        residual=MODEL.residual,
        uncertainty=MODEL.uncertainty,
        covariates=MODEL.covariates,
    )
    assert made == MODEL.edit()


def test_uncertainty_is_replaced_as_a_whole():
    draws = {"draws": {"CL": [14, 16]}, **FROM}
    made = MODEL.edit(uncertainty=draws)
    assert made.uncertainty is not None
    assert made.uncertainty.covariance is None
    assert made.edit(uncertainty={}).uncertainty is None


def test_many_draws_and_large_blocks_read_back():
    """A line of a file may have 100 dots."""
    draws = np.random.default_rng(1).uniform(10, 20, MOST_DRAWS)
    size = 40
    names = [f"P{n}" for n in range(size)]
    made = MODEL.edit(
        parameters={name: "1" for name in names},
        variables={"ALL": " * ".join(names)},
        flows={"central -> out": "KE * ALL"},
        variability={name: {**FROM} for name in names},
        blocks={"large": {"effects": names, "omega2": np.eye(size) * 0.05 + 0.0125, **FROM}},
        uncertainty={"draws": {"CL": draws}, **FROM},
    )
    assert read_model(str(made)) == made
    assert made.uncertainty is not None
    assert made.uncertainty.draws["CL"] == tuple(draws.tolist())


EDITS = {
    "a bare number": (
        {"variability": {"CL": 0.3}},
        "example.edit(...) [variability.CL]: found 0.3\n"
        '  expected variability={"CL": "30 %"}, or a table of its keys',
    ),
    "a text without percent": (
        {"variability": {"CL": "0.3"}},
        "example.edit(...) [variability.CL]: cv: found '0.3', without %\n"
        '  write "30 %" for a fraction, "0.3 %" for percent',
    ),
    "no occasion": (
        {"occasions": {"CL": ("30 %",)}},
        "example.edit(...) [occasions.CL]: found ('30 %',)\n"
        '  expected occasions={"F": ("20 %", "dose")}, or a table of its keys',
    ),
    "no entries": (
        {"blocks": [["CL", "V"]]},
        "example.edit(...) [blocks]: found list\n"
        '  expected entries, as in blocks={"disposition": {"effects": ["CL", "V"], "correlations": [[0.3]], ...}}',
    ),
    "a parameter that an effect needs": (
        {"parameters": {"KA": None}, "flows": {"gut -> central": "KE"}},
        "example.edit(...) [variability.KA]: unknown parameter 'KA'\n"
        "  parameters: CL, V, F, LAG, WT_STD, BASE",
    ),
    "too many draws": (
        {"uncertainty": {"draws": {"CL": [1.0] * (MOST_DRAWS + 1)}, **FROM}},
        f"example.edit(...) [uncertainty.draws]: {MOST_DRAWS + 1} entries\n  at most {MOST_DRAWS}",
    ),
}


@pytest.mark.parametrize("mistake", EDITS)
def test_one_mistake_of_an_edit(mistake):
    sections, text = EDITS[mistake]
    with pytest.raises(ModelError) as caught:
        MODEL.edit(**sections)
    assert str(caught.value).splitlines()[:2] == text.splitlines()[:2]


def test_with_keeps_within_a_logit():
    with pytest.raises(InputError) as caught:
        MODEL.with_(F=1.2)
    assert str(caught.value) == (
        "example.with_(F=...): found 1.2\n  'F' is logit-normal: expected more than 0 and less than 1.2"
    )
    assert MODEL.with_(F=1.1).parameters["F"].value == 1.1


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(10**20), 10**20)
    | st.sampled_from(
        ["CL", "V", "30 %", "dose", "log", "normal", "uniform", "", "nan %", "1e999 %", "%", "x" * 99]
    ),
    lambda inside: st.lists(inside, max_size=3),
    max_leaves=9,
)
KEYS = {
    "variability": ["distribution", "omega2", "sd", "cv", "shape", "low", "high", "values", "probabilities"],
    "occasions": ["every", "distribution", "omega2", "cv", "shape", "low", "high"],
    "blocks": ["effects", "between", "omega2", "correlations"],
    "residual": ["error", "sd", "cv", "power", "log_sd", "lloq"],
    "uncertainty": ["parameters", "scale", "covariance", "draws"],
}


@settings(deadline=None, max_examples=300)
@given(data=st.data(), section=st.sampled_from(sorted(KEYS)))
def test_any_entry_is_read_or_a_mistake(data, section):
    """Truth: there is no third way, and what is read is printed and read again."""
    entry = data.draw(st.dictionaries(st.sampled_from(KEYS[section]), JUNK, min_size=1, max_size=4)) | FROM
    name = "plasma" if section == "residual" else "CL"
    made = None
    try:
        made = MODEL.edit(**{section: entry if section == "uncertainty" else {name: entry}})
    except ModelError as error:
        untold = [problem for problem in error.problems if not (problem.place and problem.problem)]
        assert untold == []
    assert made is None or read_model(str(made)) == made


@settings(deadline=None, max_examples=100)
@given(
    variances=st.lists(st.floats(5e-324, 1e308), min_size=3, max_size=3),
    others=st.lists(st.floats(-1e308, 1e308), min_size=3, max_size=3),
)
def test_any_sizes_of_a_covariance(variances, others):
    """Truth: from the smallest number that there is to the largest, a matrix is read or a mistake in words."""
    a, b, c = others
    rows = [[variances[0]], [a, variances[1]], [b, c, variances[2]]]
    known = {"parameters": ["CL", "V", "KA"], "covariance": rows, **FROM}
    made, told = MODEL, "covariance: not positive definite"
    try:
        made = MODEL.edit(uncertainty=known)
    except ModelError as error:
        told = str(error)
    assert "covariance: not positive definite" in told
    assert made.uncertainty is not None
    assert np.isfinite(made.uncertainty.factor()).all()


# ---------------------------------------------------------------- the terminal


def shown(model):
    """What the terminal shows, its spaces taken together."""
    console = Console(file=io.StringIO(), width=200, record=True)
    console.print(*model_tables(model))
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


SHOWN = [
    "variability",
    "of between distribution size status whence",
    "CL subjects log-normal M test",
    "V subjects log-normal M test",
    "KA subjects box-cox omega2 0.25, shape -0.5 M test",
    "F subjects logit-normal sd 0.4, low 0, high 1.2 M test",
    "BASE subjects normal cv 25.5 % M test",
    "WT_STD subjects discrete values 60 70, probabilities 0.3 0.7 M test",
    "KA each dose log-normal cv 20 % M test",
    "CL each dose log-normal sd 0.1 M test",
    "one subjects together omega2 of CL 0.09, omega2 of V 0.04, CL and V 0.5 M test",
    "two occasions together KA and CL -0.5 M test",
    "",
    "residual error",
    "output error size status whence",
    "plasma combined sd 2.5, cv 15 %, lloq 5 M test",
    "",
    "uncertainty",
    "scale size status whence",
    "log standard errors CL 0.1, V 0.2 M test",
]


def test_the_terminal_shows_spreads():
    lines = shown(MODEL)
    assert lines[lines.index("variability") :] == SHOWN
    assert "variability" not in shown(read_model(GOOD))
