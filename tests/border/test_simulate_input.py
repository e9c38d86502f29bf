"""What `simulate` takes and what it refuses, in which words; and what becomes of subjects that cannot be solved.

Truth: for what is read, the same simulation with the input written another way; for messages, the rule that they name
place, value found, what was expected and what to do next.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline.errors import InputError, RegimenError, SolveError, Status, UnitError
from doseline.model.read import library, read_model
from doseline.units import registry

EVERY = ", ".join(library())
LISTED = ", ".join(list(library())[:24]) + f" and {len(library()) - 24} more"

COURSE = "40 mg twice daily for 2 days"
ZERO = (
    "regimen 'a', column 1: found 0, expected a finite number above 0\n    0 mg once\n    ^\n"
    "  write '40 mg' or '0.5 mg/kg'; a pause is 'nothing for 2 weeks'"
)
TEXTS = "give a text such as '40 mg twice daily for 20 weeks', or what dl.regimen made of one"


def levels(**changes):
    given = {
        "model": "isotretinoin",
        "regimens": COURSE,
        "people": {"WT": [50.0, 70.0]},
        "times": "12 h",
    } | changes
    return dl.simulate(given.pop("model"), given.pop("regimens"), given.pop("people"), **given)


@pytest.fixture(scope="module")
def plain():
    return levels()


@pytest.fixture(scope="module")
def fragile():
    """A model whose state matrix is unsound where X is 0, or the bioavailability negative where X is 3."""
    return read_model(
        """
title = "A model that breaks"
version = "1"
source = { citation = "none" }
[covariates]
X = { unit = "1", reference = 1, low = -9, high = 9, label = "a number" }
[parameters]
K = { value = 0.1, unit = "1/h", label = "rate", source = "none", status = "assumption" }
V = { value = 10, unit = "L", label = "volume", source = "none", status = "assumption" }
[individual]
F = "where(X > 2, -1, 1)"
[compartments]
central = { unit = "mg", label = "central" }
[flows]
"central -> out" = "K / X"
[routes]
iv = { into = "central", bioavailability = "F", label = "bolus" }
[outputs]
plasma = { value = "central / V", unit = "mg/L", label = "plasma" }
"""
    )


# ------------------------------------------------------------------ what is read


@pytest.mark.parametrize(
    "people",
    [
        dl.cohort(WT=[50, 70]),
        pd.DataFrame({"WT": [50, 70]}),
        {"WT": ["50 kg", "70 kg"]},
        {"WT": registry().Quantity([50_000, 70_000], "g")},
    ],
)
def test_people_in_every_form(people, plain):
    assert levels(people=people).identical(plain)


@pytest.mark.parametrize(
    "times",
    [12 * np.arange(5), registry().Quantity(0.5, "day"), "12 h for 48 h", ["0 h", 12, 24, "36 h", "2 day"]],
)
def test_times_in_every_form(times, plain):
    assert levels(times=times).identical(plain)


@pytest.mark.parametrize("model", [dl.load_model("isotretinoin"), dl.library()["isotretinoin"]])
def test_models_in_every_form(model, plain):
    np.testing.assert_array_equal(levels(model=model)["plasma"], plain["plasma"])


@pytest.mark.parametrize("threads", [1, 2, np.int64(3), 10**9])
def test_threads_change_no_bit(threads, plain):
    assert levels(threads=threads).identical(plain)


def test_without_people_there_is_one_with_the_reference_covariates():
    assert levels(people=None)["WT"].to_numpy() == [70.0]


def test_covariates_that_the_model_does_not_know_are_carried_along(plain):
    with_more = levels(people={"WT": [50.0, 70.0], "AGE": [20, 30], "ARM": [1, 2]})
    assert {name: with_more[name].attrs["units"] for name in ("WT", "AGE", "ARM")} == {
        "WT": "kg",
        "AGE": "year",
        "ARM": "1",
    }
    np.testing.assert_array_equal(with_more["plasma"], plain["plasma"])
    assert dl.replay(with_more).identical(with_more)


def test_before_the_first_dose_there_is_nothing():
    early = levels(times=[-5.0, -1e-9, 0.0, 12.0])["plasma"]
    assert (early[:, :3] == 0).all()
    np.testing.assert_array_equal(early[:, 3], levels()["plasma"][:, 1])


@pytest.mark.parametrize("labels", [["fasted", "fed"], np.array(["fasted", "fed"]), ("fasted", "fed")])
def test_meals_as_any_list(labels):
    assert levels(meal=labels)["meal"].to_numpy().tolist() == ["fasted", "fed"]


# ------------------------------------------------------------------ what is refused

REFUSED = [
    # model
    (dict(model="isotretinon"), InputError,
     f"unknown model 'isotretinon'\n  did you mean 'isotretinoin'? models: {LISTED}\n"
     "  a model of your own: give its path, such as './isotretinon.toml'"),
    (dict(model=None), InputError,
     "model: found NoneType\n  give a name, the path of a file, or a model from dl.load_model"),
    (dict(model=Path("none.toml")), InputError,
     "none.toml: no such file\n"
     f"  look at the path, or give the name of a model: {EVERY}"),
    # meal, formulation, route
    (dict(meal="feed"), InputError,
     "meal: unknown meal 'feed'\n  did you mean 'fed'? isotretinoin has: fed, fasted, light"),
    (dict(meal=["fed", "lunch"]), InputError, "meal: unknown meal 'lunch'\n  isotretinoin has: fed, fasted, light"),
    (dict(meal=[]), InputError, "meal: found []\n  give a name, such as meal='fed', or a list of names"),
    (dict(meal=["fed", "fed"]), InputError, "meal: found ['fed', 'fed']\n  give every name once"),
    (dict(meal=True), InputError, "meal: found True\n  give a name, such as meal='fed', or a list of names"),
    (dict(meal={"fed"}), InputError,
     "meal: found {'fed'}\n  give a name, such as meal='fed', or a list of names"),
    (dict(formulation="lidos"), InputError,
     "formulation: unknown formulation 'lidos'\n  did you mean 'lidose'? isotretinoin has: generic, lidose"),
    (dict(formulation=[]), InputError,
     "formulation: found []\n  give a name, such as formulation='generic', or a list of names"),
    (dict(regimens="40 mg once with brunch"), InputError,
     "regimen: unknown meal 'brunch'\n  formulation 'generic' of isotretinoin has: fed, fasted, light"),
    (dict(regimens={"a": "40 mg once as tablet"}), InputError,
     "regimen 'a': unknown formulation 'tablet'\n  isotretinoin has: generic, lidose"),
    (dict(regimens={"a": COURSE, "b": "40 mg once by iv"}), InputError,
     "regimen 'b': unknown route 'iv'\n  isotretinoin has: oral"),
    # regimens
    (dict(regimens={}), InputError,
     "regimens: there is no regimen\n  give at least one, such as '40 mg once fed'"),
    (dict(regimens=[]), InputError,
     "regimens: there is no regimen\n  give at least one, such as '40 mg once fed'"),
    (dict(regimens=None), InputError, f"regimen: found None (NoneType)\n  {TEXTS}"),
    (dict(regimens={"a": COURSE, "b": 40}), InputError, f"regimen 'b': found 40 (int)\n  {TEXTS}"),
    (dict(regimens={"a": [COURSE]}), InputError, f"regimen 'a': found ['{COURSE}'] (list)\n  {TEXTS}"),
    (dict(regimens=[COURSE, dl.Dose(3)]), InputError,
     "regimen 2 of 2: found Dose(amount=3.0, unit='mg', per=None, meal=None, formulation (Dose)\n  " + TEXTS),
    (dict(regimens=[COURSE, COURSE]), InputError,
     "regimens: two regimens read the same\n  name them: {'first': ..., ...}"),
    (dict(regimens={1: COURSE, "1": COURSE}), InputError,
     "regimens: the names are ['1', '1']\n  give every regimen a name of its own"),
    (dict(regimens={" ": COURSE}), InputError,
     "regimens: the names are [' ']\n  give every regimen a name of its own"),
    (dict(regimens={"a": COURSE, "b": ""}), RegimenError,
     "regimen 'b': the text is empty\n  write '40 mg twice daily for 20 weeks'"),
    (dict(regimens={"a": "0 mg once"}), RegimenError, ZERO),
    # people
    (dict(people={"AGE": [20, 30]}), InputError,
     "cohort: the cohort has no WT, only AGE\n"
     "  isotretinoin needs it: add WT, body weight, in kg, to the cohort"),
    (dict(people={"wt": [50]}), InputError,
     "cohort: the cohort has no WT, only wt\n"
     "  isotretinoin needs it: add WT, body weight, in kg, to the cohort"),
    (dict(people={"WT": []}), InputError, "cohort: WT has no values\n  a cohort needs at least one subject"),
    (dict(people={"WT": [50, 0]}), InputError,
     "cohort WT: found 0 kg (subject 2 of 2)\n  expected a value above 0"),
    (dict(people={"WT": [50, float("inf")]}), InputError,
     "cohort WT: found inf (subject 2 of 2)\n"
     "  expected a finite number in kg: fill it in, or leave the subject out"),
    (dict(people=pd.DataFrame({"ID": [1, 1], "WT": [50, 60]})), InputError,
     "cohort subject: subject 1 occurs 2 times\n"
     "  give every subject an identifier of its own, a number or a text"),
    (dict(people=[50, 60]), InputError,
     "cohort: found [50, 60]\n"
     "  give covariates by name, such as cohort(WT=[50, 70]), or a data frame with a column for each"),
    (dict(regimens={"a": COURSE, "b": "20 mg/m2 once"}), InputError,
     "regimen 'b': '20 mg/m2' needs BSA, and the cohort has none\n  add BSA (in m2) to the cohort"),
    # times
    (dict(times="2 L"), UnitError, "times: '2 L' is volume\n  expected time, in a unit such as h"),
    (dict(times=[0, 2, 1]), InputError,
     "times: 2 h is followed by 1 h (positions 1 and 2)\n"
     "  give every time once, in ascending order: np.unique(times) does it"),
    # the rest
    (dict(on_failure="ignore"), InputError, "on_failure: found 'ignore'\n  expected 'raise' or 'mark'"),
    (dict(on_failure=["raise"]), InputError, "on_failure: found ['raise']\n  expected 'raise' or 'mark'"),
    (dict(threads=0), InputError, "threads: found 0\n  expected a whole number from 1 on"),
    (dict(threads=1.5), InputError, "threads: found 1.5\n  expected a whole number from 1 on"),
    (dict(threads=True), InputError, "threads: found True\n  expected a whole number from 1 on"),
    (dict(threads="2"), InputError, "threads: found '2'\n  expected a whole number from 1 on"),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    REFUSED,
    ids=[f"{at}-{' '.join(row[0])}" for at, row in enumerate(REFUSED)],
)
def test_what_is_refused(changes, kind, message):
    with pytest.raises(kind) as caught:
        levels(**changes)
    assert str(caught.value) == message


def test_doses_per_kg_need_weights(fragile):
    """Also where the model itself needs none."""
    for text in ("1 mg/kg once", "20 mg daily until 5 mg/kg"):
        with pytest.raises(InputError) as caught:
            levels(model=fragile, regimens=text, people={"X": [1]})
        needed = re.search(r"\d+ mg/kg", text)[0]
        assert str(caught.value) == (
            f"regimen: '{needed}' needs WT, and the cohort has none\n  add WT (in kg) to the cohort"
        )


def test_a_model_without_meals_says_so(fragile):
    for kind in ("meal", "formulation"):
        with pytest.raises(InputError) as caught:
            levels(model=fragile, people=None, **{kind: "fed"})
        assert str(caught.value) == (
            f"{kind}: unknown {kind} 'fed'\n  {fragile.name} has no {kind}s: leave it out"
        )
    result = levels(model=fragile, people=None)
    assert "meal" not in result.coords
    assert "formulation" not in result.coords


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("Cl", 3, "isotretinoin.with_(Cl=...): unknown parameter 'Cl'\n  did you mean 'CL'? known here: "
         "CL, V1, Q, V2, KA, F, TLAG, F_FASTED, FASTED, FM, CLM, VM, MW_RATIO, WT_STD, ALLO_CL, ALLO_V"),
        ("CL", "3 h", "isotretinoin.with_(CL=...): '3 h' is time\n"
         "  expected volume / time, in a unit such as L/h"),
        ("CL", 0, "isotretinoin.with_(CL=...): found 0 L/h\n  expected a clearance above 0"),
        ("CL", float("nan"), "isotretinoin.with_(CL=...): found nan\n  expected finite numbers in L/h"),
    ],
)  # fmt: skip
def test_parameters(parameter, value, message):
    with pytest.raises((InputError, UnitError)) as caught:
        dl.load_model("isotretinoin").with_(**{parameter: value})
    assert str(caught.value) == message


def test_more_levels_than_memory(monkeypatch):
    """Truth: 8 bytes x 2 x 100,000 x 10,000,000 are 16 TB; 32 GB hold 200 of the subjects."""
    monkeypatch.setenv("DOSELINE_MEMORY", "32.1 GB")
    with pytest.raises(InputError) as caught:
        levels(people={"WT": np.linspace(40, 120, 100_000)}, times=np.arange(10_000_000.0))
    assert str(caught.value) == (
        "simulate: 1 combination x 2 outputs x 100,000 subjects x 10,000,000 times take 16.0 TB, "
        "and 32.1 GB of memory are free\n"
        "  keep the levels on disk: add store='course.zarr'\n"
        "  or take what is made of them without keeping any: dl.exposure(model, ...) or dl.bands(model, ...)\n"
        "  or fewer times, as in times='4 h'\n"
        "  or levels of half the size: store='course.zarr' and dtype='float32'\n"
        "  or fewer subjects at once: 200 fit"
    )


# ------------------------------------------------------------------ subjects that cannot be solved

SICK = [1.0, 0.0, 2.0, 3.0, -1.0]


def test_marked_rows_leave_their_neighbours_alone(fragile):
    """Truth: the same healthy subjects, simulated without the others: equal to the bit."""
    given = {"model": fragile, "regimens": {"a": "40 mg twice daily for 2 days", "b": "40 mg over 2 h once"}}
    marked = levels(**given, people=dl.cohort(X=SICK), on_failure="mark")
    bad = [Status.OK, Status.BAD_PARAMETER, Status.OK, Status.BAD_DOSE, Status.BAD_PARAMETER]
    assert marked["status"].to_numpy().tolist() == [bad, bad]
    healthy = marked.isel(subject=[0, 2])["plasma"]
    alone = levels(**given, people={"X": [1.0, 2.0]})["plasma"]
    assert np.isfinite(healthy).all()
    np.testing.assert_array_equal(healthy, alone)
    assert np.isnan(marked.isel(subject=[1, 3, 4])["plasma"]).all()
    assert marked["status"].attrs["flag_values"] == list(Status)
    assert marked["status"].attrs["flag_meanings"] == (
        "ok bad_parameter bad_dose not_finite no_steady_state "
        "too_many_steps steps_too_small rate_not_finite negative_amount"
    )
    assert dl.replay(marked).identical(marked)


def test_levels_beyond_all_numbers_are_marked(fragile):
    """Truth: 1e6 mg/kg * 1e5 kg / 1e-300 L is 1e311 mg/L, more than a float can hold; 1e303 mg/L is not."""
    marked = levels(
        model=fragile.with_(V=1e-300),
        regimens="1000000 mg/kg once",
        people={"X": 1.0, "WT": [1e-3, 1e5]},
        on_failure="mark",
    )
    assert marked["status"].to_numpy().tolist() == [Status.OK, Status.NOT_FINITE]
    assert marked["plasma"][0, 0] == pytest.approx(1e303, rel=1e-12)
    assert np.isnan(marked["plasma"][1]).all()


def test_raise_tells_subject_regimen_and_parameters(fragile):
    with pytest.raises(SolveError) as caught:
        levels(model=fragile, regimens={"high": COURSE}, people=dl.cohort(X=SICK, subject=list("abcde")))
    assert str(caught.value) == (
        "simulate: 3 of 5 rows could not be solved\n"
        "  2 of them: a parameter, rate constant, output factor or initial amount is NaN or infinite, "
        "or negative where it must not be\n"
        "    subject b, regimen 'high': X 0, K 0.1 1/h, V 10 L\n"
        "    subject e, regimen 'high': X -1, K 0.1 1/h, V 10 L\n"
        "    look at this subject's covariates and parameters: a volume of zero, a weight out of range?\n"
        "  1 of them: an amount, bioavailability, lag, duration or rate is NaN, infinite or negative\n"
        "    subject d, regimen 'high': X 3, K 0.1 1/h, V 10 L; by [individual] F -1\n"
        "    look at the doses, and at what the route, the formulation and the meal do to them\n"
        "  on_failure='mark' keeps the other rows"
    )


def test_raise_names_five_subjects_at_most(fragile):
    with pytest.raises(SolveError) as caught:
        levels(model=fragile, people={"X": [0.0] * 100})
    assert str(caught.value).startswith("simulate: 100 of 100 rows")
    assert str(caught.value).count("subject ") == 5


def test_raise_tells_of_one_subject_alone(fragile):
    with pytest.raises(
        SolveError, match=r"1 of 1 rows .*\n  subject 1, regimen '.*': X 0, K 0\.1 1/h, V 10 L\n"
    ):
        levels(model=fragile, people={"X": [0.0]})
