"""Event tables at the border: which files and frames are read, and as what.

Truth: times, units and defaults by hand; a pound is 0.45359237 kg by definition; NONMEM's defaults for columns that are
missing are those of its data items (0, a dose where AMT or RATE is given and EVID is not).
"""

import datetime

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline.dosing.record_reading import read_records

NAN = float("nan")


def from_text(folder, text, **arguments):
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return read_records(path, **arguments)


def test_every_column(tmp_path):
    records = from_text(
        tmp_path,
        "ID,TIME,AMT,RATE,DUR,II,ADDL,SS,EVID,CMT,MDV,DV,ROUTE,FORMULATION,MEAL,WT,SEX\n"
        "7,0,100,0,0,12,3,1,1,1,1,.,oral,lidose,fed,70,M\n"
        "7,1.5,.,.,.,.,.,.,0,2,0,4.25,.,.,,.,M\n"
        "7,2,50,-2,0,0,0,0,4,1,1,.,iv,.,.,71.5,M\n"
        "3,0,20,0,0.5,0,0,0,1,-0,1,.,.,.,.,50,F\n",
    )
    assert records.name == "data.csv"
    np.testing.assert_array_equal(records.line, [2, 3, 4, 5])
    np.testing.assert_array_equal(records.subject, [7, 3])
    assert records.subject.dtype == np.int64
    np.testing.assert_array_equal(records.first, [0, 3, 4])
    np.testing.assert_array_equal(records.time, [0, 1.5, 2, 0])
    np.testing.assert_array_equal(records.evid, [1, 0, 4, 1])
    np.testing.assert_array_equal(records.amount, [100, 0, 50, 20])
    np.testing.assert_array_equal(records.rate, [0, 0, -2, 0])
    np.testing.assert_array_equal(records.duration, [0, 0, 0, 0.5])
    np.testing.assert_array_equal(records.interval, [12, 0, 0, 0])
    np.testing.assert_array_equal(records.additional, [3, 0, 0, 0])
    np.testing.assert_array_equal(records.steady, [1, 0, 0, 0])
    np.testing.assert_array_equal(records.compartment, [1, 2, 1, 0])
    np.testing.assert_array_equal(records.mdv, [1, 0, 1, 1])
    np.testing.assert_array_equal(records.dv, [NAN, 4.25, NAN, NAN])
    for name, words in [
        ("route", ["oral", "", "iv", ""]),
        ("formulation", ["lidose", "", "", ""]),
        ("meal", ["fed", "", "", ""]),
    ]:
        np.testing.assert_array_equal(records.choices[name], words)
    np.testing.assert_array_equal(records.covariates["WT"], [70, 70, 71.5, 50])
    assert (records.units, records.modes) == ({"WT": "kg"}, {"WT": "nocb"})
    assert records.left_out == ("SEX",)
    for whole in ("evid", "additional", "steady", "compartment", "mdv"):
        assert getattr(records, whole).dtype == np.int64
    for real in ("time", "amount", "rate", "duration", "interval", "dv"):
        assert getattr(records, real).dtype == np.float64


def test_only_time_is_needed():
    records = read_records({"TIME": [0, 1]})
    np.testing.assert_array_equal(records.subject, [1])
    np.testing.assert_array_equal(records.first, [0, 2])
    for name in (
        "evid",
        "amount",
        "rate",
        "duration",
        "interval",
        "additional",
        "steady",
        "compartment",
        "mdv",
    ):
        np.testing.assert_array_equal(getattr(records, name), [0, 0], err_msg=name)
    assert (records.dv, records.choices, records.covariates, records.left_out) == (None, {}, {}, ())


def test_without_evid_amounts_and_rates_are_doses():
    records = read_records({"TIME": [0, 0, 0], "AMT": [5, 0, 0], "RATE": [0, 5, 0], "SS": [0, 1, 0]})
    np.testing.assert_array_equal(records.evid, [1, 1, 0])
    np.testing.assert_array_equal(records.mdv, [1, 1, 0])


@pytest.mark.parametrize("names", [("id", "time", "amt"), ("Id", "Time", "Amt"), (" ID ", " TIME", "AMT ")])
def test_names_in_any_case(tmp_path, names):
    records = from_text(tmp_path, f"{','.join(names)},Wt,age\n1,0,5,70,30\n")
    assert records.amount[0] == 5
    assert list(records.covariates) == ["Wt", "age"]  # as they stand in the table
    assert records.units == {"Wt": "kg", "age": "year"}  # whatever their case


@pytest.mark.parametrize("gap", [".", "", " ", "NA", "NaN", " . "])
def test_cells_without_a_value(tmp_path, gap):
    records = from_text(
        tmp_path, f"TIME,AMT,ADDL,DV,WT,MEAL\n0,{gap},{gap},{gap},70,{gap}\n1,{gap},{gap},2,{gap},fed\n"
    )
    np.testing.assert_array_equal(records.amount, [0, 0])
    np.testing.assert_array_equal(records.additional, [0, 0])
    np.testing.assert_array_equal(records.dv, [NAN, 2])
    np.testing.assert_array_equal(records.covariates["WT"], [70, 70])
    np.testing.assert_array_equal(records.choices["meal"], ["", "fed"])


def test_gaps_take_the_value_before_and_not_that_of_another_subject():
    records = read_records({"ID": [1, 1, 1, 2, 2], "TIME": 0, "ALB": [4, None, 5, 3, None]})
    np.testing.assert_array_equal(records.covariates["ALB"], [4, 4, 5, 3, 3])


def test_blank_lines_keep_the_count_of_lines(tmp_path):
    records = from_text(tmp_path, "ID,TIME\n1,0\n\n1,2\n,\n   \n1,3\n\n")
    np.testing.assert_array_equal(records.line, [2, 4, 7])
    np.testing.assert_array_equal(records.time, [0, 2, 3])


def test_a_file_as_spreadsheets_save_it(tmp_path):
    """A byte order mark, CR LF, and a comma at the end of every line."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xef\xbb\xbfID,TIME,AMT,\r\n1,0,5,\r\n1,1,.,\r\n")
    records = read_records(str(path))
    np.testing.assert_array_equal(records.amount, [5, 0])
    assert records.left_out == ("column 4",)


def test_the_index_that_pandas_writes_is_no_covariate(tmp_path):
    path = tmp_path / "data.csv"
    pd.DataFrame({"ID": [1, 2], "TIME": [0, 0]}).to_csv(path)
    records = read_records(path)
    assert (records.covariates, records.left_out) == ({}, ("column 1",))


@pytest.mark.parametrize(
    ("ids", "subjects", "kind"),
    [
        ([3, 3, 1], [3, 1], "i"),
        ([3.0, 3.0, 1.0], [3, 1], "i"),
        ([1.5, 1.5, 2.5], [1.5, 2.5], "f"),
        (["b", "b", "a"], ["b", "a"], "U"),
        (["01", "01", "1"], ["01", "1"], "U"),
        (np.array([3, 3, 1], dtype=np.uint8), [3, 1], "i"),
        (pd.Categorical(["b", "b", "a"]), ["b", "a"], "U"),
        (pd.array([3, 3, 1], dtype="Int64"), [3, 1], "i"),
    ],
)
def test_identifiers(ids, subjects, kind):
    records = read_records({"ID": ids, "TIME": [0, 1, 0]})
    np.testing.assert_array_equal(records.subject, subjects)
    assert records.subject.dtype.kind == kind
    np.testing.assert_array_equal(records.first, [0, 2, 3])


@pytest.mark.parametrize(
    ("cells", "compartments"),
    [
        ([1, -2, None], [1, -2, 0]),
        (["1", "-2", "."], [1, -2, 0]),
        (["gut", "-central", "."], ["gut", "-central", ""]),
        (["gut", "- central", "0"], ["gut", "-central", ""]),
        ([None, None, None], [0, 0, 0]),
    ],
)
def test_compartments(cells, compartments):
    records = read_records({"TIME": [0, 1, 2], "CMT": cells, "EVID": [0, 2, 0]})
    np.testing.assert_array_equal(records.compartment, compartments)


# -- times


@pytest.mark.parametrize(
    ("columns", "hours"),
    [
        ({"TIME": [0.5, 2, 30]}, [0.5, 2, 30]),
        ({"TIME": [-1, 0, 0]}, [-1, 0, 0]),
        ({"TIME": ["0.1", "2", "1e1"]}, [0.1, 2, 10]),
        # clock times count from midnight
        ({"TIME": ["08:30", "9:00", "23:59:30"]}, [8.5, 9, 23 + 59.5 / 60]),
        ({"TIME": ["08:20", "9", "24:00"]}, [8 + 1 / 3, 9, 24]),
        ({"TIME": [datetime.time(8, 30), datetime.time(9), datetime.time(9)]}, [8.5, 9, 9]),
        ({"TIME": pd.to_timedelta([30, 60, 90], unit="min")}, [0.5, 1, 1.5]),
        # dates count from the first record of the subject
        ({"TIME": ["2026-03-01 08:00", "2026-03-01T20:30", "2026/03/02 7:15:36"]}, [0, 12.5, 23.26]),
        ({"TIME": ["2024-02-28", "2024-02-29", "2024-03-01"]}, [0, 24, 48]),
        ({"TIME": pd.to_datetime(["2026-03-01 08:00", "2026-03-01 09:00", "2026-04-01 08:00"])}, [0, 1, 744]),
        (
            {
                "TIME": pd.to_datetime(
                    ["2026-03-29 01:00", "2026-03-29 03:00", "2026-03-29 04:00"]
                ).tz_localize("Europe/Berlin")
            },
            [0, 1, 2],  # the night in which the clock is put forward
        ),
        (
            {"DATE": ["2026-03-01", "2026-03-01", "2026/03/02"], "TIME": ["08:00", "20:30", "7:15:36"]},
            [0, 12.5, 23.26],
        ),
        ({"DATE": [1, 1, 2], "TIME": ["08:00", "20:30", "07:00"]}, [0, 12.5, 23]),
        ({"DATE": [5, 5, 6], "TIME": [8, 20.5, 7]}, [0, 12.5, 23]),
        ({"DATE": ["2026-03-01", "2026-03-01", "2026-03-03"], "TIME": [8, 20.5, 7]}, [0, 12.5, 47]),
        (
            {
                "DATE": pd.to_datetime(["2026-03-01", "2026-03-01", "2026-03-02"]),
                "TIME": ["8:00", "9:00", "8:00"],
            },
            [0, 1, 24],
        ),
        (
            {
                "DATE": [datetime.date(2026, 3, 1)] * 2 + [datetime.date(2026, 3, 2)],
                "TIME": ["8:00", "9:00", "8:00"],
            },
            [0, 1, 24],
        ),
    ],
)
def test_times(columns, hours):
    """A second is 1/3600 h: whole microseconds are divided once, so each hour is the nearest number there is."""
    np.testing.assert_allclose(read_records(columns).time, hours, rtol=1e-15)


@pytest.mark.parametrize(
    ("columns", "date_format"),
    [
        ({"DATE": ["03/01/26", "03/02/26"], "TIME": ["08:00", "07:00"]}, "%m/%d/%y"),
        ({"DATE": ["1.3.2026", "2.3.2026"], "TIME": ["08:00", "07:00"]}, "%d.%m.%Y"),
        ({"DATE": [20260301, 20260302], "TIME": ["08:00", "07:00"]}, "%Y%m%d"),
        ({"TIME": ["01MAR26:08:00", "02MAR26:07:00"]}, "%d%b%y:%H:%M"),
    ],
)
def test_other_ways_to_write_dates(columns, date_format):
    np.testing.assert_array_equal(read_records(columns, date_format=date_format).time, [0, 23])


def test_each_subject_has_a_time_zero_of_its_own():
    given = {
        "ID": [1, 1, 2, 2],
        "TIME": ["2026-03-01 08:00", "2026-03-01 09:00", "2026-01-01", "2026-01-01 06:00"],
    }
    np.testing.assert_array_equal(read_records(given).time, [0, 1, 0, 6])


# -- units


def test_units():
    table = {
        "TIME": [0, 1],
        "AMT": [1000, 48],
        "RATE": [0, 24],
        "II": [0.5, 0],
        "ADDL": [1, 0],
        "WT": [100, 110],
        "alb": 4,
    }
    records = read_records(table, units={"time": "day", "AMT": "ug", "WT": "lb", "ALB": "g/dL"})
    np.testing.assert_array_equal(records.time, [0, 24])
    np.testing.assert_array_equal(records.interval, [12, 0])
    np.testing.assert_array_equal(records.amount, [1, 0.048])
    np.testing.assert_array_equal(records.rate, [0, 0.001])  # ug/day, as AMT and TIME have it
    np.testing.assert_allclose(records.covariates["WT"], [45.359237, 49.8951607], rtol=1e-15)
    np.testing.assert_array_equal(records.covariates["alb"], [4, 4])
    assert records.units == {"WT": "kg", "alb": "g/dL"}


def test_units_of_their_own():
    table = {"TIME": [0, 1], "AMT": [1, 2], "RATE": [0, 6], "II": [1, 0], "DUR": [30, 0]}
    records = read_records(table, units={"TIME": "day", "II": "week", "DUR": "min", "RATE": "g/min"})
    np.testing.assert_array_equal(records.interval, [168, 0])
    np.testing.assert_array_equal(records.duration, [0.5, 0])
    np.testing.assert_array_equal(records.rate, [0, 360_000])


def test_codes_of_rates_have_no_unit():
    records = read_records({"TIME": [0, 1, 2], "AMT": 1, "RATE": [-1, -2, 60]}, units={"RATE": "mg/min"})
    np.testing.assert_array_equal(records.rate, [-1, -2, 3600])


def test_a_mistake_is_told_in_the_unit_of_the_table():
    with pytest.raises(dl.DoselineError, match="AMT is -250"):
        read_records({"TIME": [0], "AMT": [-250]}, units={"AMT": "ug"})


# -- covariates


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ("nocb", {"WT": "nocb", "ALB": "nocb"}),
        ("locf", {"WT": "locf", "ALB": "locf"}),
        ({"WT": "locf"}, {"WT": "locf", "ALB": "nocb"}),
    ],
)
def test_modes(modes, expected):
    assert read_records({"TIME": [0], "WT": [70], "ALB": [4]}, modes=modes).modes == expected


def test_texts_are_left_out_and_numbers_among_texts_are_read():
    records = read_records(
        {
            "TIME": [0, 1, 2],
            "SEX": ["M", "M", "M"],
            "VISIT": ["1", "screening", "last"],
            "DAY": pd.to_datetime(["2026-03-01"] * 3),
            "EMPTY": [None, None, None],
            "ALB": ["4", ".", "4.5"],
            "SMOKES": [True, False, True],
        }
    )
    assert records.left_out == ("SEX", "VISIT", "DAY", "EMPTY")
    np.testing.assert_array_equal(records.covariates["ALB"], [4, 4, 4.5])
    np.testing.assert_array_equal(records.covariates["SMOKES"], [1, 0, 1])


def test_columns_of_zeros_that_would_be_refused():
    records = read_records({"TIME": [0], "AMT": [5], "CONT": [0], "CALL": [0]})
    assert (records.covariates, records.left_out) == ({}, ())


# -- tables of all kinds


def test_frames_of_all_kinds_give_the_same(tmp_path):
    pl = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    plain = {
        "ID": ["a", "a", "b"],
        "TIME": [0.0, 1.5, 0.0],
        "AMT": [100, None, 50],
        "DV": [None, 2.5, None],
        "MEAL": ["fed", None, None],
        "WT": [70.0, None, 80.0],
    }
    frame = pd.DataFrame(plain)
    frame.to_csv(tmp_path / "data.csv", index=False, na_rep=".")
    frame.to_parquet(tmp_path / "data.parquet")
    pl.DataFrame(plain).write_parquet(tmp_path / "polars.pq")
    expected = read_records(plain).to_frame()
    sources = [
        frame,
        frame.astype(object),
        frame.convert_dtypes(),
        pl.DataFrame(plain),
        pl.DataFrame(plain).to_arrow(),
    ]
    sources += [tmp_path / "data.csv", tmp_path / "data.parquet", tmp_path / "polars.pq"]
    for source in sources:
        pd.testing.assert_frame_equal(read_records(source).to_frame(), expected)


def test_times_of_polars():
    pl = pytest.importorskip("polars")
    day, hour = datetime.datetime(2026, 3, 1, 8), datetime.timedelta(hours=1)
    for times, hours in [
        ([day, day + hour], [0, 1]),
        ([hour, 2 * hour], [1, 2]),
        ([day.time(), (day + hour).time()], [8, 9]),
        ([day.date(), (day + 24 * hour).date()], [0, 24]),
        (["08:30", "09:00"], [8.5, 9]),
    ]:
        np.testing.assert_array_equal(read_records(pl.DataFrame({"TIME": times})).time, hours)


def test_records_are_a_copy():
    frame = {
        "TIME": np.array([0.0, 1.0]),
        "AMT": np.array([5.0, 0.0]),
        "WT": np.array([70.0, 71.0]),
        "DV": np.zeros(2),
    }
    records = read_records(frame)
    for column in frame.values():
        column[:] = 1e9
    np.testing.assert_array_equal(records.time, [0, 1])
    np.testing.assert_array_equal(records.amount, [5, 0])
    np.testing.assert_array_equal(records.covariates["WT"], [70, 71])
    np.testing.assert_array_equal(records.dv, [0, 0])


def test_a_frame_with_an_index_of_its_own():
    frame = pd.DataFrame({"TIME": [0, 1], "AMT": [5, 0]}, index=[7, 3])
    np.testing.assert_array_equal(read_records(frame).amount, [5, 0])


def test_what_is_allowed():
    """A placebo, an interval without additional doses, an observed value on a dose, nobody observed."""
    records = read_records({"TIME": [0, 1], "AMT": [0, 5], "EVID": [1, 1], "II": [12, 12], "DV": [3, 4]})
    np.testing.assert_array_equal(records.interval, [12, 12])
    constant = read_records({"TIME": [0], "AMT": [0], "RATE": [5], "SS": [1]})
    np.testing.assert_array_equal(constant.evid, [1])


def test_places():
    assert read_records({"TIME": [0, 1]}).place(1) == "records row 2"


def test_public_names():
    assert dl.read_records is read_records
    assert isinstance(dl.read_records({"TIME": [0]}), dl.Records)
