"""What a sensitivity refuses, and how it says so."""

import sys

import numpy as np
import pytest

import doseline as dl
from doseline.errors import InputError, SolveError, UnitError

MODEL, COURSE = "one-compartment-oral", "100 mg once"
LAG = "one-compartment-oral-lag"


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"metric": "Cmx"}, "metric: unknown metric 'Cmx'\n  did you mean 'Cmax'? there are: Cmax, Tmax"),
        (
            {"metric": ["AUC", "AUC"]},
            "metric: found ['AUC', 'AUC']\n  give at least one, and every name once",
        ),
        (
            {"method": "fast"},
            "method: found 'fast'\n  did you mean 'efast'? there are: local, sobol, morris, efast",
        ),
        ({"over": "Cl"}, "over: unknown name 'Cl'\n  did you mean 'CL'? one-compartment-oral has: KA, CL"),
        ({"over": []}, "over: nothing is varied\n  name some of: KA, CL"),
        ({"over": 3}, "over: found 3\n  give a list of names, or a mapping such as {'CL': '30 %'"),
        ({"over": ["CL", "CL"]}, "over: found ['CL', 'CL']\n  give every name once"),
        ({"over": {"CL": 5}}, 'over CL: found 5\n  expected a part of its value such as "30 %", two ends'),
        ({"over": {"CL": "30"}}, "over CL: found '30'\n  expected a part of its value such as \"30 %\""),
        ({"over": {"CL": "120 %"}}, "over CL: found '120 %'\n  expected more than 0 % and less than 100 %"),
        ({"over": {"CL": (20, 10)}}, "over CL: found 20 to 10\n  give the lower end first"),
        ({"over": {"CL": (0, 10)}}, "over CL: found 0 L/h\n  expected a clearance above 0"),
        ({"over": {"CL": ("5 kg", 10)}}, "over CL: '5 kg' is mass\n  expected volume / time"),
        ({"over": {"CL": "a: 0.5, b: 0.5"}}, "over CL: found words in 'a: 0.5, b: 0.5'\n  CL has numbers"),
        ({"samples": 8}, "samples: found 8\n  the local method draws nothing: leave it out"),
        (
            {"second_order": True},
            "second_order: found True with method='local'\n  pairs of parameters are for",
        ),
        ({"confidence": 0}, "confidence: found 0\n  expected percent, such as 95"),
        ({"output": "blood"}, "output: unknown output 'blood'\n  known here: plasma"),
        (
            {"person": {"WT": [50, 70]}},
            "person: there are 2 subjects\n  a sensitivity is of one: person=people[0]",
        ),
        ({"method": "sobol"}, "seed: samples are drawn, and there is no seed\n  give one, such as seed=7"),
        (
            {"method": "sobol", "seed": 1, "samples": 1000},
            "samples: found 1000\n  a Sobol sequence is even at powers of 2 only: give 512 or 1024",
        ),
        (
            {"method": "efast", "seed": 1, "samples": 64},
            "samples: found 64\n  with method='efast' they are points on each search curve: give at least 65",
        ),
        (
            {"method": "morris", "seed": 1, "samples": 0},
            "samples: found 0\n  expected a whole number, of trajectories",
        ),
    ],
)
def test_what_is_given(told, text):
    if told.get("method") in ("sobol", "morris", "efast"):
        pytest.importorskip("SALib")
    with pytest.raises((InputError, UnitError)) as error:
        dl.sensitivity(MODEL, COURSE, **{"over": ["CL"], **told})
    assert str(error.value).startswith(text)


def test_nothing_is_no_base():
    model = dl.load_model(LAG).with_(TLAG=0)
    with pytest.raises(InputError) as error:
        dl.sensitivity(model, COURSE, over=["TLAG"])
    assert str(error.value) == (
        "over TLAG: it is 0 h, of which there is no part\n"
        "  leave it out, or give the person another value: person={'TLAG': ...}"
    )
    found = dl.sensitivity(model, COURSE, {"WT": 70, "TLAG": 0.5}, over=["TLAG"])
    np.testing.assert_allclose(found["base"], 0.5)


def test_meals_that_differ_within_a_course():
    with pytest.raises(InputError) as error:
        dl.sensitivity(MODEL, "40 mg at 08:00 fed and 20 mg at 20:00 fasted for 2 days", over=["F"])
    assert str(error.value) == (
        "over F: the meals of regimen '40 mg at 08:00 fed and 20 mg at 20:00 fasted for 2 days' set different values "
        "(fed 1, fasted 0.4)\n  give its ends or a distribution, which then hold for every meal"
    )


def test_habits_are_chance():
    with pytest.raises(InputError) as error:
        dl.sensitivity(MODEL, {"a": dl.regimen("40 mg daily for 3 days").taken(0.8)})
    assert str(error.value) == (
        "regimens: 'a' says how doses are taken\n"
        "  a sensitivity is of doses as prescribed: give the regimen without its adherence"
    )


def test_runs_that_fail_are_told_with_their_values():
    """A fraction above 1 leaves a negative rate: 4 points above and the upper end."""
    with pytest.raises(SolveError) as error:
        dl.sensitivity("isotretinoin", "40 mg once", over={"FM": (0.5, 1.2), "CL": "20 %"}, meal="fed")
    text = str(error.value)
    assert text.startswith(
        "sensitivity: 5 of 21 runs could not be solved for regimen '40 mg once'\n  5: a parameter,"
    )
    assert "\n    FM 1.02, CL 7.997 L/h\n" in text
    assert "\n    FM 1.2, CL 7.997 L/h\n" in text
    assert text.endswith("narrow the ranges, or bound distributions: 'within 1..20'")


def test_a_negative_draw_is_not_analysed():
    pytest.importorskip("SALib")
    with pytest.raises(SolveError, match=r"of 64 runs could not be solved"):
        dl.sensitivity(
            MODEL,
            COURSE,
            over={"CL": "normal(15 L/h, 15 L/h)", "KA": "10 %"},
            method="sobol",
            samples=16,
            seed=1,
        )


def test_words_have_no_elasticity():
    model = dl.load_model(MODEL).edit(
        covariates={"SEX": {"unit": "1", "reference": 0, "label": "sex", "codes": {"F": 0, "M": 1}}},
        individual={"F": "F * (1 - 0.5 * SEX)"},
    )
    with pytest.raises(InputError) as error:
        dl.sensitivity(model, COURSE, {"WT": 70, "SEX": "F"}, over="SEX")
    assert str(error.value) == (
        "over SEX: its numbers stand for words, which have no elasticity\n  leave it out, or take a global method"
    )


def test_how_to_get_salib(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "SALib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "SALib", None)
    with pytest.raises(InputError) as error:
        dl.sensitivity(MODEL, COURSE, over=["CL"], method="sobol", seed=1)
    assert str(error.value).startswith(
        "method: it needs SALib 1.5.2 or later, which cannot be imported here ("
    )
    assert 'pip install "doseline[sensitivity]", or take method="local"' in str(error.value)
    assert dl.sensitivity(MODEL, COURSE, over=["CL"])["elasticity"].sizes["parameter"] == 1


def test_people_outside_the_range_of_the_model_are_told():
    """At the line of the caller, as everywhere."""
    with pytest.warns(UserWarning, match="have WT outside 3 to 300 kg") as told:
        dl.sensitivity(MODEL, COURSE, over={"WT": (50, 400)})
    assert {each.filename for each in told} == {__file__}
