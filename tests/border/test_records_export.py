"""Event tables on their way out: the line in a session, data frames, CSV files, and regimens as tables.

Truth: the doses that `Regimen.doses` and `Regimen.doses_taken` write out, and tables by hand.
"""

import numpy as np
import pandas as pd
import pytest

from doseline.dosing.record_reading import read_records
from doseline.dosing.regimen import Block, Dose, Regimen, regimen
from doseline.errors import InputError, ResultError
from doseline.model.read import load_model, read_model
from doseline.population.cohort import Cohort, cohort

NAN = float("nan")

MODEL = """
name = "two-ways"
title = "Two ways in"
version = "1"
[source]
citation = "made up for a test"
[parameters.CL]
value = 5
unit = "L/h"
label = "clearance"
source = "made up"
status = "assumption"
[parameters.V]
value = 50
unit = "L"
label = "volume"
source = "made up"
status = "assumption"
[parameters.KA]
value = 1
unit = "1/h"
label = "absorption"
source = "made up"
status = "assumption"
[parameters.F]
value = 0.5
unit = "1"
label = "bioavailability"
source = "made up"
status = "assumption"
[parameters.D]
value = 2
unit = "h"
label = "duration"
source = "made up"
status = "assumption"
[parameters.R]
value = 20
unit = "mg/h"
label = "rate"
source = "made up"
status = "assumption"
[compartments]
gut = { unit = "mg", label = "gut" }
central = { unit = "mg", label = "blood" }
[flows]
"gut -> central" = "KA"
"central -> out" = "CL / V"
[routes.oral]
into = "gut"
bioavailability = "F"
label = "by mouth"
[routes.iv]
into = "central"
label = "into a vein"
[routes.patch]
into = "central"
duration = "D"
label = "through the skin"
[routes.pump]
into = "central"
rate = "R"
label = "by a pump"
[outputs.plasma]
value = "central / V"
unit = "mg/L"
label = "plasma"
"""


@pytest.fixture(scope="module")
def model():
    return read_model(MODEL)


def test_the_line_in_a_session():
    given = {"ID": [1, 2, 2], "TIME": [0, 0, 1], "AMT": [5, 5, 0], "WT": [70, 80, 80], "ALB": 4, "SEX": "M"}
    assert repr(read_records(given, modes={"ALB": "locf"})) == (
        "<Records of 2 subjects: 3 records, 2 doses, 1 observation; covariates WT [kg] nocb, ALB locf; left out SEX>"
    )
    assert repr(read_records({"TIME": [0]})) == "<Records of 1 subject: 1 record, 0 doses, 1 observation>"


def test_frame_has_what_says_something():
    short = read_records({"TIME": [0, 1], "AMT": [5, 0], "RATE": [0, 0], "SS": 0, "ROUTE": "."}).to_frame()
    assert list(short) == ["ID", "TIME", "EVID", "AMT", "CMT", "MDV"]
    given = {
        "TIME": [0, 1],
        "AMT": [5, 5],
        "RATE": [-1, 0],
        "DUR": [0, 2],
        "II": 12,
        "ADDL": 1,
        "SS": [1, 0],
        "DV": [None, 3],
        "CMT": ["gut", "central"],
        "ROUTE": "oral",
        "MEAL": ["fed", "."],
        "WT": 70,
    }
    full = read_records(given).to_frame()
    assert list(full) == [
        *("ID", "TIME", "EVID", "AMT", "RATE", "DUR", "II", "ADDL", "SS", "CMT", "MDV", "DV"),
        *("ROUTE", "MEAL", "WT"),
    ]
    assert full["MEAL"].tolist() == ["fed", ""]


def test_csv_as_it_is_written(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("something older")
    read_records({"TIME": [0, 0.1], "AMT": [100, 0], "DV": [None, 1 / 3], "MEAL": ["fed", "."]}).to_csv(path)
    assert path.read_bytes() == (
        b"ID,TIME,EVID,AMT,CMT,MDV,DV,MEAL\n1,0.0,1,100.0,0,1,.,fed\n1,0.1,0,0.0,0,0,0.3333333333333333,\n"
    )


def test_csv_that_cannot_be_written(tmp_path):
    records = read_records({"TIME": [0]})
    with pytest.raises(ResultError) as caught:
        records.to_csv(tmp_path / "none" / "out.csv")
    assert str(caught.value) == f"{tmp_path / 'none'}: no such folder\n  make it before writing out.csv"
    with pytest.raises(ResultError) as caught:
        records.to_csv(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: cannot be written: Is a directory\n  look at its permissions, and at the space that is left"
    )


# -- regimens as event tables


def written_out(records, subject):
    """Times, amounts and positions of every dose of a subject, additional ones included, in order of time."""
    rows = range(records.first[subject], records.first[subject + 1])
    doses = [
        (records.time[row] + k * records.interval[row], records.amount[row], row)
        for row in rows
        if records.evid[row] == 1
        for k in range(records.additional[row] + 1)
    ]
    return sorted(doses)


COURSES = [
    "40 mg twice daily for 1 week",
    "40 mg at 08:00 fed and 20 mg at 20:00 fasted for 3 days",
    "80 mg once fasted",
    "500 mg over 30 min every 8 h for 5 days",
    "0.5 mg/kg/day in 2 doses for 4 weeks, then 1 mg/kg/day in 2 doses until 120 mg/kg",
    "1 mg/kg once daily for 3 days, then 40 mg at 08:00 and 0.7 mg/kg at 20:00 until 2000 mg",
    "(10 mg every 5 h for 77 h) and (30 mg/m2 weekly x 3)",
]


@pytest.mark.parametrize("text", COURSES)
def test_doses_are_those_of_the_regimen(text):
    """Each subject takes the first `doses_taken` of `doses`; times are sums in another order, hence 1e-12."""
    course = regimen(text)
    people = cohort(WT=[45, 62.5, 110], BSA=[1.4, 1.7, 2.3], subject=["a", "b", "c"])
    records = course.to_records(people)
    sizes = {"WT": people.covariates["WT"], "BSA": people.covariates["BSA"]}
    taken = np.broadcast_to(course.doses_taken(**sizes), (3,))
    times, kind, kinds = course.doses()
    assert (np.diff(records.time)[np.diff(np.repeat([0, 1, 2], np.diff(records.first))) == 0] >= 0).all()
    for subject in range(3):
        amounts = [dose.amount * (sizes[dose.per][subject] if dose.per else 1.0) for dose in kinds]
        expected = sorted((times[i], amounts[kind[i]]) for i in range(taken[subject]))
        found = written_out(records, subject)
        np.testing.assert_allclose([d[:2] for d in found], expected, rtol=1e-12)
    np.testing.assert_array_equal(records.subject, ["a", "b", "c"])
    np.testing.assert_array_equal(records.covariates["WT"], np.repeat(sizes["WT"], np.diff(records.first)))
    assert records.units == {"WT": "kg", "BSA": "m**2"}
    assert records.modes == {"WT": "nocb", "BSA": "nocb"}


def test_a_record_for_each_dose_of_a_pattern():
    frame = regimen("40 mg at 08:00 fed and 20 mg over 2 h at 20:00 by iv for 3 days").to_records().to_frame()
    expected = {
        "ID": [1, 1],
        "TIME": [8.0, 20.0],
        "EVID": [1, 1],
        "AMT": [40.0, 20.0],
        "DUR": [0.0, 2.0],
        "II": [24.0, 24.0],
        "ADDL": [2, 2],
        "CMT": [0, 0],
        "MDV": [1, 1],
        "ROUTE": ["", "iv"],
        "MEAL": ["fed", ""],
    }
    pd.testing.assert_frame_equal(frame, pd.DataFrame(expected), check_dtype=False)


def test_observations_follow_the_doses_at_their_time():
    records = regimen("10 mg every 12 h x 2").to_records(times=[0, 0.5, 12])
    np.testing.assert_array_equal(records.time, [0, 0, 0.5, 12])
    np.testing.assert_array_equal(records.evid, [1, 0, 0, 0])
    np.testing.assert_array_equal(records.mdv, [1, 0, 0, 0])
    np.testing.assert_array_equal(records.line, [1, 2, 3, 4])


def test_observations_at_a_step_reach_to_the_end_of_the_course():
    """As in `simulate`: 2 doses every 12 h are a course of 24 h."""
    records = regimen("10 mg every 12 h x 2").to_records(times="6 h")
    np.testing.assert_array_equal(records.time[records.evid == 0], [0, 6, 12, 18, 24])


def test_until_drops_records_of_those_who_stop_before():
    """At 50 kg the first two doses reach 100 mg; at 60 kg two more of 10 mg are needed for 120 mg."""
    course = regimen("40 mg once, then 60 mg once, then 10 mg once daily until 2 mg/kg")
    records = course.to_records(cohort(WT=[50, 60]))
    np.testing.assert_array_equal(records.first, [0, 2, 5])
    np.testing.assert_array_equal(records.additional, [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(records.interval, [0, 0, 0, 0, 24])


def test_more_doses_than_a_record_holds():
    course = Regimen((Block(0.0, ((0.0, Dose(1.0)),), 0.5, 2_500_000),), 2_500_000.0)
    records = course.to_records()
    np.testing.assert_array_equal(records.additional, [1_000_000, 1_000_000, 499_997])
    np.testing.assert_array_equal(records.time, [0, 500_000.5, 1_000_001])


def test_weights_in_other_units():
    people = Cohort(np.array([4]), {"WT": np.array([100.0])}, {"WT": "lb"})
    records = regimen("1 mg/kg once").to_records(people)
    np.testing.assert_allclose(records.amount, [45.359237], rtol=1e-15)
    assert records.units == {"WT": "lb"}


@pytest.mark.parametrize(
    ("text", "compartment", "rate", "duration"),
    [
        ("10 mg once", 1, 0, 0),
        ("10 mg once by iv", 2, 0, 0),
        ("10 mg over 2 h once by iv", 2, 5, 0),
        # with a bioavailability RATE would change how long the infusion runs
        ("10 mg over 2 h once", 1, 0, 2),
        ("10 mg once by patch", 2, -2, 0),
        ("10 mg over 4 h once by patch", 2, 2.5, 0),
        ("10 mg once by pump", 2, -1, 0),
        ("10 mg over 4 h once by pump", 2, 2.5, 0),
    ],
)
def test_with_a_model(model, text, compartment, rate, duration):
    records = regimen(text).to_records(model=model, times=[1])
    np.testing.assert_array_equal(records.compartment, [compartment, 0])
    np.testing.assert_array_equal(records.rate, [rate, 0])
    np.testing.assert_array_equal(records.duration, [duration, 0])
    assert ("route" in records.choices) == ("by" in text)


def test_rates_follow_amounts(model):
    records = regimen("2 mg/kg over 4 h once by iv").to_records(cohort(WT=[50, 60]), model=model)
    np.testing.assert_array_equal(records.rate, [25, 30])


def test_a_model_by_name():
    records = regimen("40 mg once fed as lidose").to_records(model="isotretinoin")
    names = list(load_model("isotretinoin").compartments)
    assert names[records.compartment[0] - 1] == load_model("isotretinoin").routes["oral"].into
    assert records.choices["meal"].tolist() == ["fed"]
    assert records.choices["formulation"].tolist() == ["lidose"]


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (
            "0.5 mg/kg once",
            {"cohort": cohort(AGE=30)},
            "to_records: '0.5 mg/kg' needs WT, and the cohort has none\n"
            "  give a cohort with WT (in kg), as in dl.cohort(WT=[...])",
        ),
        (
            "0.5 mg/m2 once",
            {},
            "to_records: '0.5 mg/m2' needs BSA, and there is no cohort\n"
            "  give a cohort with BSA (in m2), as in dl.cohort(BSA=[...])",
        ),
        (
            "5 mg once daily until 20 mg/kg",
            {},
            "to_records: '20 mg/kg' needs WT, and there is no cohort\n"
            "  give a cohort with WT (in kg), as in dl.cohort(WT=[...])",
        ),
        (
            "5 mg once by oral2",
            {"model": "isotretinoin"},
            "to_records: unknown route 'oral2'\n  did you mean 'oral'? isotretinoin has: oral",
        ),
        (
            "5 mg once",
            {"times": [0, NAN]},
            "times: found nan at position 1\n  expected finite numbers in h",
        ),
        (
            "5 mg once",
            {"times": [12, 0]},
            "times: 12 h is followed by 0 h (positions 0 and 1)\n"
            "  give every time once, in ascending order: np.unique(times) does it",
        ),
        (
            "5 mg once",
            {"times": [[1]]},
            "times: found an array of shape (1, 1)\n"
            "  give a step such as '2 h', a step and an end such as '0.5 h for 72 h', or an array of hours",
        ),
    ],
)
def test_what_is_refused(text, arguments, message):
    with pytest.raises(InputError) as caught:
        regimen(text).to_records(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", COURSES)
def test_records_of_regimens_are_read_back(tmp_path, text, model):
    people = cohort(WT=[45, 62.5, 110], BSA=[1.4, 1.7, 2.3])
    for arguments in ({}, {"model": model, "times": np.arange(0, 48, 7.1)}):
        frame = regimen(text).to_records(people, **arguments).to_frame()
        pd.testing.assert_frame_equal(read_records(frame).to_frame(), frame)


def test_without_a_path_the_text_comes_back(tmp_path):
    records = read_records({"TIME": [0, 1], "AMT": [100, 0], "DV": [NAN, 0.1]})
    records.to_csv(tmp_path / "table.csv")
    assert records.to_csv() == (tmp_path / "table.csv").read_text(encoding="utf-8")
    assert records.to_csv() == "ID,TIME,EVID,AMT,CMT,MDV,DV\n1,0.0,1,100.0,0,1,.\n1,1.0,0,0.0,0,0,0.1\n"
