"""Event tables in `simulate`: the Dataset, what it says of itself, and what is refused, word for word."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr

import doseline as dl
from doseline import plot
from doseline.errors import InputError, RecordsError, SolveError, Status
from doseline.model.read import read_model

TEXT = """
name = "drip"
title = "gut, blood, urine"
version = "1"
[source]
citation = "made for this test"
[covariates]
WT = { unit = "kg", reference = 70, low = 30, high = 120, label = "body weight" }
[parameters]
KA = { value = 1, unit = "1/h", label = "x", source = "x", status = "assumption" }
CL = { value = 5, unit = "L/h", label = "x", source = "x", status = "assumption" }
V = { value = 50, unit = "L", label = "x", source = "x", status = "assumption" }
STD = { value = 70, unit = "kg", label = "x", source = "x", status = "assumption" }
F = { value = 0.5, unit = "1", label = "x", source = "x", status = "assumption" }
LAG = { value = 1, unit = "h", label = "x", source = "x", status = "assumption" }
D = { value = 2, unit = "h", label = "x", source = "x", status = "assumption" }
R = { value = 25, unit = "mg/h", label = "x", source = "x", status = "assumption" }
BASE = { value = 0, unit = "mg", label = "x", source = "x", status = "assumption" }
[individual]
V = "V * WT / STD"
[compartments]
gut = { label = "x" }
blood = { label = "x" }
urine = { label = "x" }
[flows]
"gut -> blood" = "KA"
"blood -> out" = "CL / V"
[initial]
blood = "BASE"
[routes.oral]
label = "x"
into = "gut"
bioavailability = "F"
lag = "LAG"
[routes.push]
label = "x"
into = "blood"
[routes.vein]
label = "x"
into = "blood"
duration = "D"
[routes.pump]
label = "x"
into = "blood"
rate = "R"
[formulations.capsule]
label = "x"
[formulations.capsule.meals.fasted]
label = "x"
source = "x"
[formulations.capsule.meals.fed]
label = "x"
source = "x"
F = { value = 1, source = "x" }
[outputs]
plasma = { value = "blood / V", unit = "mg/L", label = "concentration" }
"""
MODEL = read_model(TEXT, place="drip")
TABLE = {
    "ID": ["ann", "ann", "ann", "bob", "bob"],
    "TIME": [0, 1, 4, 0, 2],
    "AMT": [100, 0, 0, 50, 0],
    "EVID": [1, 0, 0, 1, 0],
    "CMT": ["blood", "blood", "", "gut", ""],
    "WT": [70, 70, 70, 70, 70],
    "DV": [np.nan, 1.9, np.nan, np.nan, 0.2],
}
K = 0.1


def read(**columns):
    return dl.read_records({**TABLE, **columns})


def one(**columns):
    """A table of one subject, a dose and a look at it."""
    return dl.read_records({"TIME": [0, 1], "AMT": [100, 0], "EVID": [1, 0], "WT": [70, 70], **columns})


@pytest.fixture(scope="module")
def levels():
    return dl.simulate(MODEL, read())


# ------------------------------------------------------------------ the Dataset


def test_levels_stand_at_the_observations(levels):
    """Truth: 2 mg/L exp(-0.1 t) after a bolus; Bateman an hour late and half as much after a capsule."""
    assert levels["plasma"].dims == ("record",)
    assert levels["subject"].values.tolist() == ["ann", "ann", "bob"]
    assert levels["time"].values.tolist() == [1, 4, 2]
    assert levels["line"].values.tolist() == [2, 3, 5]
    capsule = 0.5 * 50 / 50 * 1 / (1 - K) * (np.exp(-K) - np.exp(-1))
    np.testing.assert_allclose(levels["plasma"], [2 * np.exp(-K), 2 * np.exp(-4 * K), capsule], rtol=1e-14)
    assert levels["plasma"].attrs["units"] == "mg/L"
    assert levels["time"].attrs["units"] == "h"
    assert levels["status"].values.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(levels["dv"], [1.9, np.nan, 0.2])


def test_the_rest_of_the_table_goes_along(levels):
    assert levels["event_subject"].values.tolist() == ["ann", "bob"]
    assert levels["event_AMT"].values.tolist() == [100, 50]
    assert levels["event_CMT"].values.tolist() == ["blood", "gut"]
    assert "event_SS" not in levels  # a column that says nothing
    assert levels["WT"].dims == ("record",)
    assert levels["WT"].attrs == {"units": "kg", "long_name": "covariate WT", "interpolation": "nocb"}
    assert levels.attrs["covariate_interpolation"] == "WT nocb"
    assert "parameters_from_records" not in levels.attrs
    forward = dl.simulate(MODEL, dl.read_records(TABLE, modes="locf"))
    assert forward.attrs["covariate_interpolation"] == "WT locf"


def test_groups_and_frames(levels):
    """What people do with a long table."""
    assert levels["plasma"].groupby("subject").max().sizes == {"subject": 2}
    assert list(levels[["plasma"]].to_dataframe().columns[:1]) == ["plasma"]


def test_on_a_grid():
    """Truth: 0 before a subject's first record, 2 exp(-0.1 t) after a bolus; at a dose, the level after it."""
    late = read(TIME=[2, 3, 4, 0, 2])
    levels = dl.simulate(MODEL, late, times="1 h")
    assert levels["plasma"].dims == ("subject", "time")
    np.testing.assert_allclose(
        levels["plasma"].sel(subject="ann"), [0, 0, 2, 2 * np.exp(-K), 2 * np.exp(-2 * K)], rtol=1e-14
    )
    assert levels["WT"].dims == ("subject",)
    assert levels["event_TIME"].values.tolist() == [2, 3, 4, 0, 2]


def test_a_grid_ends_one_interval_after_the_last_additional_dose():
    levels = dl.simulate(MODEL, one(ADDL=[3, 0], II=[12, 0], CMT=[2, 0]), times="6 h")
    assert levels["time"].values[-1] == 48.0


def test_a_weight_that_changes_is_no_coordinate_of_the_subject():
    levels = dl.simulate(MODEL, read(WT=[70, 70, 75, 70, 70]), times="1 h")
    assert "WT" not in levels.coords
    assert levels["event_WT"].values.tolist() == [70, 70, 75, 70, 70]


def test_meals_are_a_dimension():
    """Truth: F is 0.5 fasted, 1 fed; a MEAL in the table is not swept."""
    levels = dl.simulate(MODEL, read(), meal=["fasted", "fed"])
    assert levels["plasma"].dims == ("meal", "record")
    np.testing.assert_allclose(levels["plasma"][1, 2], 2 * levels["plasma"][0, 2], rtol=1e-14)
    named = dl.simulate(MODEL, read(MEAL=["", "", "", "fed", ""]), meal=["fasted", "fed"])
    np.testing.assert_array_equal(named["plasma"][:, 2], levels["plasma"][1, 2])
    assert dl.replay(named).identical(named)


def test_a_column_named_like_a_parameter_is_its_value():
    """Truth: k = 20 L/h / 50 L for ann, 0.1 /h for bob; the result says so."""
    levels = dl.simulate(MODEL, read(cl=[20, 20, 20, 5, 5]))
    np.testing.assert_allclose(levels["plasma"][:2], 2 * np.exp([-0.4, -1.6]), rtol=1e-14)
    assert levels.attrs["parameters_from_records"] == "CL"


def test_units_of_the_table():
    """Truth: the same table in days, ug and lb."""
    other = {
        **TABLE,
        "TIME": np.array([0, 1, 4, 0, 2]) / 24,
        "AMT": [100e3, 0, 0, 50e3, 0],
        "WT": [70 / 0.45359237] * 5,
    }
    levels = dl.simulate(MODEL, dl.read_records(other, units={"TIME": "day", "AMT": "ug", "WT": "lb"}))
    np.testing.assert_allclose(levels["plasma"], dl.simulate(MODEL, read())["plasma"], rtol=1e-14)


@pytest.mark.parametrize(
    ("columns", "rate", "hours"),
    [
        ({"RATE": [-2, 0]}, 50, 2),  # the first route into the blood that has a duration
        ({"RATE": [-1, 0]}, 25, 4),  # the first one that has a rate
        ({"RATE": [10, 0]}, 10, 10),
        ({"DUR": [5, 0]}, 20, 5),
    ],
)
def test_infusions(columns, rate, hours):
    """Truth: R / CL (1 - exp(-k t)) while it runs."""
    levels = dl.simulate(MODEL, one(CMT=[2, 0], TIME=[0, 1.5], **columns))
    np.testing.assert_allclose(levels["plasma"], rate / 5 * -np.expm1(-K * 1.5), rtol=1e-13)
    log = dl.dose_log(levels)
    assert log[["rate (mg/h)", "duration (h)"]].to_numpy().tolist() == [[rate, hours]]


def test_initial_amounts():
    """Truth: 50 mg / 50 L exp(-0.1 t) from the first record on, or from time zero of a regimen."""
    model = MODEL.with_(BASE=50)
    table = dl.simulate(model, one(TIME=[3, 4], AMT=[0, 0], EVID=[2, 0]))
    np.testing.assert_allclose(table["plasma"], np.exp(-K), rtol=1e-14)
    course = dl.simulate(model, "1 mg at 08:00 by vein for 1 day", dl.cohort(WT=[70]), times=[0.0, 1.0, 5.0])
    np.testing.assert_allclose(course["plasma"][0], np.exp([0, -K, -5 * K]), rtol=1e-14)


# ------------------------------------------------------------------ again


@pytest.mark.parametrize("times", [None, "0.5 h"])
@pytest.mark.parametrize(
    "columns",
    [
        {"RATE": [-2, 0, 0, 0, 0]},
        {"DV": [0, 1, 2, 0, 3], "MDV": [1, 0, 1, 1, 0]},
        {"CMT": [2, 2, -1, 1, 0], "MDV": [0] * 5, "SS": [2, 0, 0, 1, 0], "II": [12, 0, 0, 24, 0]},
        {"ID": [2, 2, 2, 10, 10], "MEAL": ["fed", "", "", "", ""], "WT": [50, 60, 70, 80, 90]},
    ],
)
def test_replay_also_from_a_file(times, columns, tmp_path):
    levels = dl.simulate(MODEL, read(**columns), times=times, meal=["fed", "fasted"])
    assert dl.replay(levels).identical(levels)
    levels.to_netcdf(tmp_path / "levels.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "levels.nc", engine="h5netcdf") as read_back:
        again = dl.replay(read_back)
    xr.testing.assert_equal(again, levels)
    assert again["plasma"].values.tobytes() == levels["plasma"].values.tobytes()


def test_replay_of_a_part():
    levels = dl.simulate(MODEL, read(), times="1 h", meal=["fed", "fasted"])
    np.testing.assert_array_equal(dl.replay(levels.isel(time=1))["plasma"], levels["plasma"].isel(time=1))
    alone = dl.simulate(MODEL, one())
    np.testing.assert_array_equal(
        dl.replay(alone.isel(record=0))["plasma"].squeeze(), alone["plasma"].squeeze()
    )
    fed = dl.replay(levels.sel(meal=["fed"], subject=["bob"]))
    np.testing.assert_array_equal(fed["plasma"], levels["plasma"].sel(meal=["fed"], subject=["bob"]))
    ragged = dl.simulate(MODEL, read())
    with pytest.raises(InputError) as caught:
        dl.replay(ragged.drop_vars("event_AMT"))
    assert str(caught.value) == (
        "levels: 'event_AMT' is missing\n  give the whole Dataset, as dl.simulate made it, and cut the result"
    )
    with pytest.raises(InputError) as caught:
        dl.replay(ragged.isel(record=[0]))
    assert str(caught.value) == (
        "levels: 3 of 5 records are there\n  give the whole Dataset, as dl.simulate made it, and cut the result"
    )


# ------------------------------------------------------------------ the dose log


def test_dose_log_of_a_table():
    """Truth: the records read by hand; SS=1 at 30 h cancels what was pending, a lag of 30 h has doses on their way."""
    table = dl.read_records(
        {
            "TIME": [0, 30, 40],
            "AMT": [100, 60, 0],
            "EVID": [1, 1, 0],
            "ADDL": [6, 1, 0],
            "II": [12, 12, 0],
            "SS": [0, 1, 0],
            "CMT": [2, 1, 0],
            "WT": [70] * 3,
            "LAG": [0, 30, 0],
        }
    )
    log = dl.dose_log(dl.simulate(MODEL, table))
    assert log["line"].tolist() == [1, 1, 1, 2, 2, 2, 2]
    assert log["dose"].tolist() == [0, 1, 2, -2, -1, 0, 1]
    assert log["time (h)"].tolist() == [0, 12, 24, 6, 18, 30, 42]
    assert log["arrives (h)"].tolist() == [0, 12, 24, 36, 48, 60, 72]
    assert log["amount (mg)"].tolist() == [100] * 3 + [60] * 4
    assert log["compartment"].tolist() == ["blood"] * 3 + ["gut"] * 4
    assert log["F"].tolist() == [1.0] * 3 + [0.5] * 4


def test_dose_log_of_regimens():
    """Truth: the regimens, read by hand: 0.5 mg/kg, a lag of 1 h, F as the meal has it."""
    people = dl.cohort(WT=[60, 80], subject=["ann", "bob"])
    courses = {"low": "0.5 mg/kg every 12 h x 2", "drip": "100 mg over 4 h once by vein"}
    log = dl.dose_log(dl.simulate(MODEL, courses, people, times="6 h", meal=["fed", "fasted"]))
    assert len(log) == 2 * (2 * 2 + 2)
    low = log[(log["regimen"] == "low") & (log["meal"] == "fed") & (log["subject"] == "bob")]
    assert low["time (h)"].tolist() == [0, 12]
    assert low["arrives (h)"].tolist() == [1, 13]
    assert low["amount (mg)"].tolist() == [40, 40]
    assert low["F"].tolist() == [1, 1]
    drip = log[(log["regimen"] == "drip") & (log["meal"] == "fasted")]
    assert drip[["rate (mg/h)", "duration (h)", "compartment"]].to_numpy().tolist() == [[25, 4, "blood"]] * 2


def test_dose_log_of_a_part():
    people = dl.cohort(WT=[60, 80], subject=["ann", "bob"])
    courses = {"low": "20 mg once", "high": "40 mg once"}
    levels = dl.simulate(MODEL, courses, people, times="6 h", meal=["fed", "fasted"])
    cut = dl.dose_log(levels.sel(regimen=["high"], meal="fed", subject=["bob"]))
    assert cut[["regimen", "subject", "amount (mg)", "F"]].to_numpy().tolist() == [["high", "bob", 40, 1]]
    assert "meal" not in cut


def test_dose_log_tells_the_meal_of_the_dose_from_that_of_the_sweep():
    """A dose that names its meal is in every row of the sweep, with its own meal."""
    levels = dl.simulate(MODEL, read(MEAL=["", "", "", "fed", ""]), meal=["fasted", "fed"])
    log = dl.dose_log(levels)
    swallowed = log[log["subject"] == "bob"]
    assert swallowed[["meal", "dose meal", "F"]].to_numpy().tolist() == [
        ["fasted", "fed", 1],
        ["fed", "fed", 1],
    ]
    course = dl.simulate(MODEL, "40 mg once fed", dl.cohort(WT=[70]), meal=["fasted", "fed"], times="6 h")
    assert dl.dose_log(course)["dose meal"].tolist() == ["fed", "fed"]


def test_dose_log_leaves_out_subjects_whose_doses_are_no_numbers():
    """bob's F is below zero, so his infusions would be shorter than nothing; ann's 31 doses are there."""
    table = read(
        F=[0.5, 0.5, 0.5, -4, -4],
        CMT=["gut", "", "", "gut", ""],
        RATE=[0.5, 0, 0, 0.5, 0],
        ADDL=[30, 0, 0, 30, 0],
        II=[12, 0, 0, 12, 0],
    )
    levels = dl.simulate(MODEL, table, on_failure="mark")
    assert levels["status"].values.tolist() == [0, 0, Status.BAD_DOSE]
    assert dl.dose_log(levels)["subject"].value_counts().to_dict() == {"ann": 31}


# ------------------------------------------------------------------ what is refused

REFUSED = [
    (one(CMT=[7, 0]), "records row 1: CMT is 7\n  drip has 1 gut, 2 blood, 3 urine"),
    (one(EVID=[2, 0], AMT=[0, 0], CMT=[-4, 0]), "records row 1: CMT is -4\n  drip has 1 gut, 2 blood, 3 urine"),
    (one(CMT=["blod", ""]), "records row 1: CMT is 'blod'\n  did you mean 'blood'? compartments: gut, blood, urine"),
    (one(CMT=[1, 0], RATE=[-2, 0]),
     "records row 1: RATE is -2, which asks the model for a duration, and no route into 'gut' has a duration\n"
     "  give RATE or DUR in the table, or use a model with duration = ... in such a route"),
    (one(ROUTE=["vein", ""], RATE=[-1, 0]),
     "records row 1: RATE is -1, which asks the model for a rate, and route 'vein' has no rate\n"
     "  give RATE or DUR in the table, or use a model with rate = ... in such a route"),
    (one(ROUTE=["vain", ""]),
     "records row 1: ROUTE is 'vain'\n  did you mean 'vein'? drip has: oral, push, vein, pump"),
    (one(ROUTE=["vein", ""], CMT=[1, 0]),
     "records row 1: CMT is 1, and route 'vein' goes into 'blood'\n  leave one of them out"),
    (one(CMT=[2, 0], RATE=[-2, 0], D=[0, 0]),
     "records row 1: RATE is -2, and the duration is not above 0 there\n"
     "  look at what the duration of the route is made of, or give RATE or DUR in the table"),
    (one(CMT=[2, 0], RATE=[-1, 0], R=[-5, -5]),
     "records row 1: RATE is -1, and the rate is not above 0 there\n"
     "  look at what the rate of the route is made of, or give RATE or DUR in the table"),
    (one(CMT=[2, 0], DUR=[1e7, 0], ADDL=[2, 0], II=[1, 0]),
     "records row 1: II is 1: more than 100,000 infusions would run at once\n  are the units right?"),
    (one(MEAL=["feed", ""]),
     "records row 1: unknown meal 'feed'\n  did you mean 'fed'? formulation 'capsule' of drip has: fasted, fed"),
    (dl.read_records({"TIME": [0, 1], "AMT": [1, 0]}),
     "records: there is no column WT\n  drip needs it: add WT, body weight, in kg"),
    (dl.read_records({"TIME": [0, 1], "AMT": [1, 0], "AGE": [1, 1]}),
     "records: there is no column WT, only AGE\n  drip needs it: add WT, body weight, in kg"),
    (one(MEAL=["fed", ""], F=[0.3, 0.3]),
     "records row 1: the table gives F, and so does the meal 'fed'\n"
     "  leave the column out, or take a model in which meals do not set F"),
    (one(CMT=[3, 0], MEAL=["fed", ""]),
     "records row 1: CMT is 3, and no route goes into 'urine': a meal or formulation changes nothing\n"
     "  leave CMT out for the model's first route, or leave MEAL and FORMULATION out"),
    (dl.read_records({"TIME": [0, 1], "AMT": [1, 0], "WT": [70, 70], "CL/F": [1, 1]}),
     "records: the column CL/F has a slash in its name\n  rename the column, or leave it out"),
    (one(plasma=[1, 2]),
     "records: the column plasma has a name that results use\n  rename the column, or leave it out"),
    (one(EVID=[1, 2]),
     "records: there is no observation (EVID 0)\n"
     "  give times, as in times='1 h', or add records with EVID 0"),
]  # fmt: skip


@pytest.mark.parametrize(("records", "text"), REFUSED, ids=[text.split("\n")[0] for _, text in REFUSED])
def test_refused(records, text):
    with pytest.raises((InputError, RecordsError)) as caught:
        dl.simulate(MODEL, records)
    assert str(caught.value) == text


def test_ten_are_told_and_the_rest_is_counted():
    cmt = [9] * 20 + [8] * 20
    wrong = dl.read_records({"TIME": range(41), "AMT": [*[1] * 40, 0], "WT": [70] * 41, "CMT": [*cmt, 0]})
    with pytest.raises(RecordsError) as caught:
        dl.simulate(MODEL, wrong)
    lines = str(caught.value).splitlines()
    assert lines[0] == "records row 1: CMT is 9"
    assert lines[-1] == "... and 30 more mistakes"
    assert len(lines) == 21


OTHERS = [
    (lambda: dl.simulate(MODEL, read(), dl.cohort(WT=70)),
     "people: an event table has its own subjects\n  leave people out; covariates are columns of the table"),
    (lambda: dl.simulate(MODEL, "1 mg once", dl.cohort(WT=70)),
     "times: there are none\n"
     "  give a step such as '2 h', a step and an end such as '0.5 h for 72 h', or an array of hours"),
    (lambda: dl.simulate(MODEL, [one()], times="1 h"),
     "regimen 1 of 1: found <Records of 1 subject: 2 records, 1 dose, 1 observation; cov (Records)\n"
     "  give an event table alone, as in dl.simulate(model, records)"),
    (lambda: dl.exposure(dl.simulate(MODEL, read())),
     "levels: these are levels of an event table, in which every subject has dosing intervals of their own\n"
     "  exposure takes levels of regimens; of a table, take what you need from the levels, "
     "such as levels['plasma'].max('time') on a grid, or .groupby('subject').max()"),
    (lambda: plot.course(dl.simulate(MODEL, read())),
     "levels: levels at the observations of an event table\n  simulate the table on a grid: times='1 h'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), OTHERS, ids=[text.split("\n")[0] for _, text in OTHERS])
def test_other_mistakes(call, text):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == text


def test_what_cannot_be_solved_is_told_or_marked():
    """A subject that fails leaves the other alone."""
    sick = read(CL=[5, 5, 5, -5, -5])
    with pytest.raises(SolveError) as caught:
        dl.simulate(MODEL, sick)
    assert str(caught.value) == (
        "simulate: 1 of 2 subjects could not be solved: "
        "a parameter, rate constant, output factor or initial amount is NaN or infinite, "
        "or negative where it must not be\n"
        "  subject bob, at its first record: WT 70 kg, KA 1 1/h, CL -5 L/h, V 50 L, STD 70 kg, F 0.5, LAG 1 h, D 2 h, "
        "R 25 mg/h, BASE 0 mg\n"
        "  look at this subject's covariates and parameters: a volume of zero, a weight out of range?\n"
        "  on_failure='mark' keeps the other subjects"
    )
    marked = dl.simulate(MODEL, sick, on_failure="mark")
    assert marked["status"].values.tolist() == [0, 0, Status.BAD_PARAMETER]
    np.testing.assert_array_equal(marked["plasma"][:2], dl.simulate(MODEL, read())["plasma"][:2])
    assert np.isnan(marked["plasma"][2])
    lagging = dl.simulate(MODEL, read(LAG=[1, 1, 1, -1, -1]), on_failure="mark", times="1 h")
    assert lagging["status"].values.tolist() == [0, Status.BAD_DOSE]


def test_values_that_change_are_told_as_they_are_at_the_first_record():
    """bob has a clearance at each record, and only the last is below zero."""
    with pytest.raises(SolveError, match=r"subject bob, at its first record: WT 70 kg, KA 1 1/h, CL 4 L/h"):
        dl.simulate(MODEL, read(CL=[5, 6, 7, 4, -4]))
    late = dl.read_records({**TABLE, "CL": [5, 6, 7, 4, -4]}, modes="locf")
    marked = dl.simulate(MODEL, late, on_failure="mark")
    assert marked["status"].values.tolist() == [0, 0, Status.BAD_PARAMETER]


def test_names_that_differ_in_case_stay_apart():
    """Truth: K = 0.1 /h times age / AGE, so a covariate of 80 against a parameter of 40 doubles it; and k beside K."""
    text = TEXT.replace(
        'WT = { unit = "kg", reference = 70, low = 30, high = 120, label = "body weight" }',
        'v = { unit = "L", reference = 50, label = "a covariate that is called as a parameter" }',
    ).replace('V = "V * WT / STD"', 'V = "V * (v / V)"')
    model = read_model(text.replace("gut", "Blood"), place="case")
    table = {"TIME": [0, 1], "AMT": [100, 0], "EVID": [1, 0], "v": [100, 100]}
    exact = dl.simulate(model, dl.read_records({**table, "CMT": ["blood", ""]}))
    np.testing.assert_allclose(exact["plasma"], 1.0 * np.exp(-0.05), rtol=1e-14)
    assert "parameters_from_records" not in exact.attrs
    other = dl.simulate(model, dl.read_records({**table, "CMT": ["Blood", ""]}))
    assert dl.dose_log(other)["compartment"].tolist() == ["Blood"]


def test_what_the_model_gives_in_vain_is_a_status_where_rows_are_marked():
    """A rate of 0, or one that is no number, spoils its own subject only, and is never a bolus."""
    for rate in (0, -5):
        table = read(RATE=[-1, 0, 0, 0, 0], R=[rate] * 3 + [25] * 2)
        marked = dl.simulate(MODEL, table, on_failure="mark")
        assert marked["status"].values.tolist() == [Status.BAD_DOSE, Status.BAD_DOSE, 0]
    rooted = read_model(TEXT.replace('rate = "R"', 'rate = "R * sqrt(STD / WT - BASE / BASE)"'), place="drip")
    unknown = dl.simulate(rooted, read(RATE=[-1, 0, 0, 0, 0]), on_failure="mark")
    assert unknown["status"].values.tolist() == [Status.BAD_DOSE, Status.BAD_DOSE, 0]
    held = one(AMT=[0, 0], RATE=[-1, 0], SS=[1, 0], CMT=[2, 0])
    assert dl.simulate(rooted, held, on_failure="mark")["status"].values.tolist() == [Status.BAD_DOSE]


def test_rows_are_counted_as_rows_where_meals_are_swept():
    with pytest.raises(SolveError, match="simulate: 2 of 4 rows could not be solved"):
        dl.simulate(MODEL, read(CL=[5, 5, 5, -5, -5]), meal=["fed", "fasted"])


@pytest.mark.parametrize(
    ("times", "sizes"),
    [(None, "3 observations take 48 B"), ("1 h", "2 subjects x 5 times take 160 B")],
    ids=["records", "grid"],
)
def test_what_does_not_fit_into_memory_is_told(times, sizes, monkeypatch):
    def refuse(*arguments, **how):
        raise MemoryError

    monkeypatch.setattr("doseline.tables.solve_events", refuse)
    with pytest.raises(InputError) as caught:
        dl.simulate(MODEL, read(), times=times, meal=["fed", "fasted"])
    assert str(caught.value) == (
        f"simulate: 2 combinations x 1 output x {sizes}, and there is not so much memory\n"
        "  give fewer times\n  or fewer subjects at once"
    )


def test_no_steady_state():
    """Truth: what collects in urine never settles; where no dose with SS is given, nothing is wrong."""
    table = {"TIME": [0, 1], "AMT": [100, 0], "EVID": [1, 0], "CMT": [1, 0]}
    settled = dl.read_records({**table, "SS": [1, 0], "II": [12, 0]})
    with pytest.raises(SolveError, match="a dose with SS never comes to a steady state"):
        dl.simulate("urinary-excretion", settled)
    marked = dl.simulate("urinary-excretion", settled, on_failure="mark")
    assert marked["status"].values.tolist() == [Status.NO_STEADY_STATE]
    assert np.isfinite(dl.simulate("urinary-excretion", dl.read_records(table))["plasma"]).all()


# ------------------------------------------------------------------ what is advised


def test_a_bolus_where_the_model_has_an_infusion_is_noted():
    with pytest.warns(UserWarning, match="doses with RATE") as caught:
        dl.simulate(MODEL, one(ROUTE=["vein", ""]))
    assert [str(each.message) for each in caught] == [
        "records: doses with RATE = 0 are boluses; route 'vein' has a duration, which RATE = -2 uses"
    ]
    assert caught[0].filename == __file__


def test_a_weight_out_of_range_is_noted():
    with pytest.warns(UserWarning, match="have WT outside") as caught:
        dl.simulate(MODEL, one(CMT=[1, 0], WT=[70, 130]))
    assert str(caught[0].message) == (
        "1 of 1 subjects have WT outside 30 to 120 kg, for which drip is meant (the first: 130 kg)"
    )
    assert caught[0].filename == __file__


def test_replay_notes_to_its_caller():
    with pytest.warns(UserWarning, match="doses with RATE"):
        levels = dl.simulate(MODEL, one(ROUTE=["vein", ""]))
    with pytest.warns(UserWarning, match="doses with RATE") as caught:
        dl.replay(levels)
    assert caught[0].filename == __file__


def test_nothing_is_noted_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dl.simulate(MODEL, one(CMT=[1, 0]))


def test_two_ways_into_the_body_are_refused():
    text = re.sub(r'duration = "D"', 'duration = "D"\nrate = "R"', TEXT)
    with pytest.raises(dl.DoselineError, match="a duration and a rate\n  give one of them"):
        read_model(text, place="drip")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('blod = "BASE"', "unknown compartment 'blod'\n  did you mean 'blood'?"),
        ('blood = "CL"', "'CL' is volume / time\n  expected mass"),
    ],
)
def test_initial_amounts_are_amounts_of_compartments(line, told):
    with pytest.raises(dl.DoselineError, match=re.escape(told)):
        read_model(TEXT.replace('blood = "BASE"', line), place="drip")
