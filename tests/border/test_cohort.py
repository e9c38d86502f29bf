"""Cohorts at the border: what is read as which subjects, and what is refused in which words.

Truth: values and units by hand; 110 lb are 49.8951607 kg by definition of the pound (0.45359237 kg).
"""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

from doseline.errors import InputError, UnitError
from doseline.model.read import load_model
from doseline.population.cohort import Cohort, cohort
from doseline.request import covariate_values
from doseline.simulation import replay, simulate
from doseline.units import registry

NAN, INF = float("nan"), float("inf")
OWN = "give every subject an identifier of its own, a number or a text"
FILL = "expected a finite number in kg: fill it in, or leave the subject out"
NUMBERS = "expected numbers in kg, or a text such as '1 kg'"


def quantity(value, unit):
    return registry().Quantity(value, unit)


@pytest.mark.parametrize(
    ("weights", "kilograms"),
    [
        (70, [70]),
        ("70 kg", [70]),
        ("70000 g", [70]),
        ([45, 62.5], [45, 62.5]),
        ((45, 62.5), [45, 62.5]),
        (range(40, 43), [40, 41, 42]),
        (["50 kg", "110 lb", 60], [50, 49.8951607, 60]),
        (np.array([50, 60], dtype=np.int32), [50, 60]),
        (pd.Series([50, 60], index=[7, 8]), [50, 60]),
        (pd.Series([50, 60], dtype="Int64"), [50, 60]),
    ],
)
def test_what_is_read(weights, kilograms):
    people = cohort(WT=weights)
    np.testing.assert_allclose(people.values("WT", "kg"), kilograms, rtol=1e-15)
    np.testing.assert_array_equal(people.subject, np.arange(1, len(kilograms) + 1))
    np.testing.assert_allclose(people.values("WT", "g"), 1000 * np.array(kilograms), rtol=1e-15)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("given", "kilograms"),
    [((50_000, "g"), [50]), (([50, 60], "kg"), [50, 60]), (([110], "lb"), [49.8951607])],
)
def test_quantities_of_pint(given, kilograms):
    np.testing.assert_allclose(cohort(WT=quantity(*given)).covariates["WT"], kilograms, rtol=1e-15)


@pytest.mark.parametrize(
    "sexes",
    [
        ["F", "M"],
        ("F", "M"),
        np.array(["F", "M"]),
        np.array(["F", "M"], dtype=object),
        pd.Series(["F", "M"]),
        pd.Series(["F", "M"], dtype="string"),
        pd.Series(["F", "M"], dtype="category"),
        pl.Series(["F", "M"]),
    ],
)
def test_words(sexes):
    people = cohort(SEX=sexes, WT=[50, 60])
    assert people.covariates["SEX"].dtype.kind == "U"
    assert people.covariates["SEX"].tolist() == ["F", "M"]
    assert (people.is_words("SEX"), people.is_words("WT"), people.units["SEX"]) == (True, False, None)


def test_one_word_is_for_everybody():
    assert cohort(SEX="F", WT=[50, 60]).covariates["SEX"].tolist() == ["F", "F"]
    assert cohort(CYP2D6="*1/*2").covariates["CYP2D6"].tolist() == ["*1/*2"]


def test_a_polars_frame_is_a_cohort():
    people = cohort(pl.DataFrame({"ID": ["anna", "ben"], "WT": [50, 60], "SEX": ["F", "M"]}))
    assert people.subject.tolist() == ["anna", "ben"]
    assert people.covariates["WT"].tolist() == [50, 60]


def test_one_value_is_for_everybody():
    people = cohort(WT=[50, 60, 70], AGE="25 year")
    np.testing.assert_array_equal(people.covariates["AGE"], [25, 25, 25])
    assert len(people) == 3


def test_a_data_frame_names_its_subjects():
    frame = pd.DataFrame({"ID": ["anna", "ben"], "WT": [50, 60], "HT": [165.0, 180.0]})
    people = cohort(frame)
    assert people.subject.tolist() == ["anna", "ben"]
    assert people.subject.dtype.kind == "U"
    assert dict(people.units) == {"WT": "kg", "HT": "cm"}
    assert cohort({"WT": [50, 60]}, AGE=30).covariates["AGE"].tolist() == [30, 30]


@pytest.mark.parametrize(
    "ids", [[3, 1], ["b", "a"], np.array(["x", "y"], dtype=object), [1.5, 2], pd.Index([7, 9])]
)
def test_identifiers_keep_their_order(ids):
    assert cohort(WT=[50, 60], subject=ids).subject.tolist() == list(ids)


def test_a_covariate_without_a_standard_unit_keeps_its_own_or_none():
    people = cohort(ALB="40 g/L", SMOKES=[0, 1], CRP=quantity([1, 2], "mg/dL"))
    assert dict(people.units) == {"ALB": "g/L", "SMOKES": None, "CRP": "milligram/deciliter"}
    np.testing.assert_allclose(people.values("CRP", "mg/L"), [10, 20], rtol=1e-15)
    np.testing.assert_array_equal(people.values("SMOKES", "h"), [0, 1])


@pytest.mark.parametrize(
    ("people", "shown"),
    [
        (cohort(WT=70), "Cohort(1 subject: WT 70 kg)"),
        (cohort(WT=[40, 120], AGE=30), "Cohort(2 subjects: WT 40..120 kg, AGE 30 year)"),
        (cohort(subject=["a", "b"]), "Cohort(2 subjects)"),
        (cohort(SMOKES=[0, 1]), "Cohort(2 subjects: SMOKES 0..1)"),
        (cohort(SEX=["M", "F", "M"]), "Cohort(3 subjects: SEX F 1 M 2)"),
        (cohort(SITE=list("abcde")), "Cohort(5 subjects: SITE 5 words)"),
        (cohort(3), "Cohort(3 subjects)"),
        (cohort(np.int64(3), seed=7, draws="sobol"), "Cohort(3 subjects, seed 7, Sobol)"),
        (
            cohort({"WT": [40, 60, 80]}, include="WT < 70"),
            "Cohort(2 subjects: WT 40..60 kg; 33.3 % of 3 rejected (WT < 70 33.3 %))",
        ),
    ],
)
def test_shown_in_one_line(people, shown):
    assert isinstance(people, Cohort)
    assert repr(people) == shown


REFUSED = [
    # nobody
    (dict(), InputError, "cohort: no covariates\n  give at least one, such as cohort(WT=[50, 70])"),
    (dict(people={}), InputError, "cohort: no covariates\n  give at least one, such as cohort(WT=[50, 70])"),
    (dict(people=pd.DataFrame()), InputError,
     "cohort: no covariates\n  give at least one, such as cohort(WT=[50, 70])"),
    (dict(WT=[]), InputError, "cohort: WT has no values\n  a cohort needs at least one subject"),
    (dict(people=pd.DataFrame({"WT": []})), InputError,
     "cohort: WT has no values\n  a cohort needs at least one subject"),
    (dict(WT=[50], subject=[]), InputError,
     "cohort: subject has no values\n  a cohort needs at least one subject"),
    # weights that nobody has
    (dict(WT=0), InputError, "cohort WT: found 0 kg (subject 1 of 1)\n  expected a value above 0"),
    (dict(WT=[50, -5, 60]), InputError,
     "cohort WT: found -5 kg (subject 2 of 3)\n  expected a value above 0"),
    (dict(WT="-5 kg"), InputError, "cohort WT: found -5 kg (subject 1 of 1)\n  expected a value above 0"),
    (dict(AGE=[30, 0]), InputError, "cohort AGE: found 0 year (subject 2 of 2)\n  expected a value above 0"),
    (dict(WT=NAN), InputError, "cohort WT: found nan\n  expected finite numbers in kg"),
    (dict(WT=[50, NAN]), InputError, f"cohort WT: found nan (subject 2 of 2)\n  {FILL}"),
    (dict(WT=[INF, 50]), InputError, f"cohort WT: found inf (subject 1 of 2)\n  {FILL}"),
    (dict(WT=[50, None]), InputError, f"cohort WT: found nan (subject 2 of 2)\n  {FILL}"),
    (dict(people=pd.DataFrame({"WT": [NAN, 50]})), InputError,
     f"cohort WT: found nan (subject 1 of 2)\n  {FILL}"),
    (dict(WT=pd.Series([50, None], dtype="Int64")), InputError,
     f"cohort WT: found nan (subject 2 of 2)\n  {FILL}"),
    (dict(WT=np.ma.masked_array([50.0, 60.0], [False, True])), InputError,
     f"cohort WT: found nan (subject 2 of 2)\n  {FILL}"),
    # no weights at all
    (dict(WT="70"), UnitError,
     "cohort WT: found '70' without a unit\n  expected mass: add the unit, such as '... kg'"),
    (dict(WT="70 L"), UnitError,
     "cohort WT: '70 L' is volume\n  expected mass, in a unit such as kg"),
    (dict(WT="70 parrots"), UnitError,
     "cohort WT: unknown unit 'parrots'\n"
     "  often used: h, min, day, week, ug, mg, g, kg, mL, L, mg/L, ng/mL, L/h, 1/h, 1, %"),
    (dict(WT="heavy"), InputError, "cohort WT: found 'heavy'\n  expected a number in kg"),
    (dict(WT=None), InputError, f"cohort WT: found None (NoneType)\n  {NUMBERS}"),
    (dict(WT=True), InputError, f"cohort WT: found True (bool)\n  {NUMBERS}"),
    (dict(WT={"a": 3}), InputError, f"cohort WT: found {{'a': 3}} (dict)\n  {NUMBERS}"),
    (dict(WT=50 + 3j), InputError, f"cohort WT: found (50+3j) (complex)\n  {NUMBERS}"),
    (dict(WT=[[50], [60, 3]]), InputError, f"cohort WT: found [[50], [60, 3]] (list)\n  {NUMBERS}"),
    (dict(SEX=["m", None]), InputError,
     "cohort SEX: found None (subject 2 of 2) among words such as 'm'\n"
     "  give a word for every subject, or leave the subject out"),
    (dict(people=pd.DataFrame({"WT": [50, 60, 70], "SEX": ["m", "f", NAN]})), InputError,
     "cohort SEX: found nan (subject 3 of 3) among words such as 'm'\n"
     "  give a word for every subject, or leave the subject out"),
    (dict(SEX=["m", 1]), InputError,
     "cohort SEX: found 1 (subject 2 of 2) among words such as 'm'\n"
     "  give a word for every subject, or leave the subject out"),
    (dict(SEX=["m", " "]), InputError,
     "cohort SEX: found ' ' (subject 2 of 2) among words such as 'm'\n"
     "  give a word for every subject, or leave the subject out"),
    (dict(people=pd.DataFrame({"WT": ["heavy", "light"]})), InputError,
     "cohort WT: found 'heavy'\n  expected a number in kg"),
    # shapes
    (dict(WT=[[50, 60]]), InputError,
     "cohort WT: found an array of shape (1, 2)\n  give one value a subject: one dimension"),
    (dict(WT=[50, 60], AGE=[1, 2, 3]), InputError,
     "cohort: lengths differ: WT 2, AGE 3\n"
     "  give one value a subject for each covariate, or a single one for all subjects"),
    (dict(WT=[50, 60], subject=["a"]), InputError,
     "cohort: lengths differ: WT 2, subject 1\n"
     "  give one value a subject for each covariate, or a single one for all subjects"),
    # who is who
    (dict(WT=[50, 60, 70], subject=["a", "b", "a"]), InputError,
     f"cohort subject: subject a occurs 2 times\n  {OWN}"),
    (dict(WT=[50, 60], subject=[1, None]), InputError, f"cohort subject: found None (subject 2 of 2)\n  {OWN}"),
    (dict(WT=[50, 60], subject=[NAN, NAN]), InputError, f"cohort subject: found nan (subject 1 of 2)\n  {OWN}"),
    (dict(WT=[50, 60], subject=[True, False]), InputError,
     f"cohort subject: found True (subject 1 of 2)\n  {OWN}"),
    (dict(WT=[50, 60], subject=[[1, 2]]), InputError,
     f"cohort subject: found an array of shape (1, 2)\n  {OWN}"),
    (dict(WT=[50, 60], subject=np.array([1, "b"], dtype=object)), InputError,
     "cohort subject: found numbers and texts\n  give all of them as texts, or all as numbers"),
    (dict(people={"ID": [1, 2], "WT": [50, 60]}, subject=[3, 4]), InputError,
     "cohort: subjects are named twice\n  give the column ID or subject=..., not both"),
    (dict(people={"WT": [50]}, WT=[60]), InputError,
     "cohort: WT is given twice\n  give it in the data frame or by name"),
    # no data frame
    (dict(people=[50, 60]), InputError,
     "cohort: found [50, 60]\n"
     "  give covariates by name, such as cohort(WT=[50, 70]), or a data frame with a column for each"),
    (dict(people=70.0), InputError,
     "cohort: found 70.0 subjects\n  give a whole number, such as cohort(1000, seed=7, ...)"),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("given", "kind", "message"), REFUSED, ids=[f"{at}-{' '.join(row[0])}" for at, row in enumerate(REFUSED)]
)
def test_what_is_refused(given, kind, message):
    with pytest.raises(kind) as caught:
        cohort(given.get("people"), **{name: value for name, value in given.items() if name != "people"})
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["time", "meal", "status", "plasma", "dose", "interval", "total_dose"])
def test_a_covariate_cannot_take_the_name_of_a_result(name):
    """Truth: it would replace that part of the Dataset, or be lost in it."""
    people = cohort({"WT": [60, 70], name: [1, 2]})
    with pytest.raises(InputError) as caught:
        simulate("isotretinoin", "40 mg once fed", people, times="6 h")
    assert str(caught.value) == f"cohort {name}: '{name}' is a name that results use\n  rename the covariate"


def test_an_xarray_weight_keeps_its_unit():
    """Truth: 70000 g are 70 kg."""
    weights = xr.DataArray([70000.0, 80000.0], dims="s", attrs={"units": "g"})
    assert cohort(WT=weights).values("WT", "kg").tolist() == [70.0, 80.0]


def test_some_of_the_subjects():
    """Truth: numpy's own indexing; identifiers, units and seed stay."""
    people = cohort({"ID": ["a", "b", "c"], "WT": [50, 60, 70], "SEX": ["F", "M", "F"]}, seed=7)
    for which, left in [
        (1, ["b"]),
        (-1, ["c"]),
        (slice(0, 2), ["a", "b"]),
        ([2, 0], ["c", "a"]),
        (np.array([True, False, True]), ["a", "c"]),
        (people.covariates["WT"] > 55, ["b", "c"]),
        (people.covariates["SEX"] == "F", ["a", "c"]),
    ]:
        some = people[which]
        assert some.subject.tolist() == left
        assert some.covariates["WT"].tolist() == [50 + 10 * "abc".index(name) for name in left]
        assert (some.seed, some.units) == (7, people.units)
    assert [one.subject.tolist() for one in people] == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        (3, "found 3\n  expected positions from 0 to 2, a slice, or a mask of 3 truth values"),
        ("a", "found 'a'\n  expected positions from 0 to 2, a slice, or a mask of 3 truth values"),
        (1.0, "found 1.0\n  expected positions from 0 to 2, a slice, or a mask of 3 truth values"),
        ([True, False],
         "found [True, False]\n  expected positions from 0 to 2, a slice, or a mask of 3 truth values"),
        ([0, 0], "a subject is asked for twice\n  give every position once"),
        (slice(0, 0), "nobody is left\n  a cohort needs at least one subject"),
        ([False] * 3, "nobody is left\n  a cohort needs at least one subject"),
    ],
)  # fmt: skip
def test_subjects_that_are_not_there(which, message):
    with pytest.raises(InputError) as caught:
        cohort(WT=[50, 60, 70])[which]
    assert str(caught.value) == f"cohort[...]: {message}"


def test_a_cohort_travels_between_processes():
    people = cohort(4, seed=7, SEX="F: 0.5, M: 0.5", WT="normal(70 kg, 14 kg)", include="WT < 90")
    again = pickle.loads(pickle.dumps(people))
    assert repr(again) == repr(people)
    assert again.rejected == people.rejected
    for name, values in people.covariates.items():
        np.testing.assert_array_equal(again.covariates[name], values)


def test_words_come_out_as_they_went_in():
    """Truth: the cohort itself, and a replay that is identical, from a file too."""
    people = cohort(
        6, seed=7, SEX="F: 0.5, M: 0.5", SITE=list("abcabc"), WT="normal(70 kg, 10 kg) within 50..100"
    )
    levels = simulate("isotretinoin", "40 mg once fed", people, times="6 h for 12 h")
    for name in ("SEX", "SITE"):
        assert levels[name].dims == ("subject",)
        assert levels[name].values.tolist() == people.covariates[name].tolist()
    assert replay(levels).identical(levels)
    as_objects = levels.assign_coords(
        SEX=("subject", levels["SEX"].values.astype(object), levels["SEX"].attrs)
    )
    assert replay(as_objects)["SEX"].values.tolist() == people.covariates["SEX"].tolist()


def test_words_that_the_model_computes_with():
    """Truth: the codes of the model."""
    sex = SimpleNamespace(label="sex", unit="1", codes={"F": 0, "M": 1.0})
    model = SimpleNamespace(name="m", covariates={"SEX": sex})
    assert covariate_values(cohort(SEX=["M", "F", "M"]), model, "SEX").tolist() == [1.0, 0.0, 1.0]
    assert covariate_values(cohort(SEX=[1, 0]), model, "SEX").tolist() == [1.0, 0.0]
    with pytest.raises(InputError) as caught:
        covariate_values(cohort(SEX=["M", "male"]), model, "SEX")
    assert str(caught.value) == "cohort SEX: found 'male'\n  m has codes for: F, M"


def test_words_for_which_the_model_has_no_codes():
    model = load_model("phenobarbital-neonates")
    with pytest.raises(InputError) as caught:
        simulate(model, "20 mg once", cohort(WGT=[1.2, 1.4], APGR=["low", "high"]), times="6 h for 12 h")
    assert str(caught.value) == (
        "cohort APGR: found 'high'\n  phenobarbital-neonates computes with APGR (Apgar score after five minutes) and "
        "has no codes for words: give numbers, or add [covariates.APGR] codes = { high = ... } to the model"
    )


def test_no_rules_reject_nobody():
    assert cohort(WT=[50, 60], include=[]).rejected is None
