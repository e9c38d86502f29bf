"""What `dl.nca` refuses: the text of every message."""

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline.errors import InputError, UnitError

GOOD = {"subject": [1, 1, 1, 1], "time": [0.0, 1.0, 2.0, 4.0], "conc": [0.0, 4.0, 2.0, 1.0]}


def told(profiles=GOOD, **asked):
    """The message."""
    with pytest.raises((InputError, UnitError)) as caught:
        dl.nca(profiles, **asked)
    return str(caught.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"profiles": {**GOOD, "conc": [0.0, 4.0, -2.0, 1.0]}},
            "profiles: found -2 at time 2\n  give 0 for what was below the limit of quantification, and lloq=",
        ),
        (
            {"profiles": {**GOOD, "time": [0.0, 2.0, 1.0, 4.0]}},
            "profiles: time 1 comes after 2, of subject 1\n  sort the samples of each subject by time, one each\n"
            "  name what else tells profiles apart: by=",
        ),
        (
            {"profiles": {**GOOD, "time": [0.0, 2.0, 2.0, 4.0]}},
            "profiles: time 2 is there twice, of subject 1\n  sort the samples of each subject by time, one each\n"
            "  name what else tells profiles apart: by=",
        ),
        (
            {"profiles": {"subject": [1], "time": [0.0], "level": [1.0]}},
            "profiles: there is no column 'conc'\n  known here: subject, time, level\n"
            "  name it: columns={'level': ...}",
        ),
        (
            {"profiles": {**GOOD, "conc": [0, "BLQ", 2, 1]}},
            "column 'conc': found 'BLQ' in line 2\n  expected numbers; leave empty what was not measured, "
            "and give lloq= with 0 for what lies below",
        ),
        (
            {"profiles": pd.DataFrame(GOOD)[:0]},
            "profiles: the table has no lines\n  give at least one sample",
        ),
        (
            {"profiles": {**GOOD, "conc": [0.0, np.inf, 2.0, 1.0]}},
            "profiles: found inf at time 1\n  leave empty what was not measured",
        ),
        (
            {"profiles": {**GOOD, "time": [0.0, np.nan, 2.0, 4.0]}},
            "column 'time': found nan in line 2\n  give each sample its time, or leave it out",
        ),
        ({"profiles": 7}, "profiles: found int\n  give a Dataset of levels, or a table"),
        ({"route": "oral"}, "route: found 'oral'\n  known here: extravascular, infusion, bolus"),
        (
            {"area": "linear up log down"},
            "area: found 'linear up log down'\n  did you mean 'linear up, log down'? "
            "known here: linear, linear up, log down, log",
        ),
        ({"points": 2}, "points: found 2\n  expected a whole number from 3 on"),
        ({"tau": 0}, "tau: found 0\n  expected a number above 0 [h]"),
        ({"tau": "12 mg"}, "tau: '12 mg' is mass\n  expected time, in a unit such as h"),
        ({"lloq": "1 h"}, "lloq: '1 h' is time\n  expected mass / volume, in a unit such as mg/L"),
        ({"blq": "half"}, "blq: half of what?\n  give lloq=, the limit of quantification"),
        ({"blq": {"middle": "zero"}}, "blq: unknown 'middle'\n  known here: before, between, after"),
        ({"blq": "keep"}, "blq: found 'keep'\n  known here: zero, drop, half"),
        (
            {"windows": [(12, 0)]},
            "windows: found [(12, 0)]\n  expected pairs of times from 0 on, the smaller one first",
        ),
        ({"windows": 12}, "windows: found 12\n  expected pairs of times, such as (0, 12)"),
        ({"dose": 0}, "dose: found a dose that is not above 0\n  give amounts above 0"),
        ({"dose": [1.0, 2.0]}, "dose: found (2,) values\n  give one number, or one for each subject"),
        (
            {"dose": "DOSE"},
            "profiles: there is no column 'DOSE'\n  known here: subject, time, conc\n  name it: columns={'dose': ...}",
        ),
        (
            {"columns": {"concentration": "conc"}},
            "columns: unknown 'concentration'\n  expected subject, time, level, dose",
        ),
        ({"units": {"conc": "mg/L"}}, "units: unknown 'conc'\n  expected level, time, dose"),
        ({"output": "plasma"}, "output: this is for Datasets\n  name the column: columns={'level': ...}"),
        ({"threads": 0}, "threads: found 0\n  expected a whole number from 1 on"),
    ],
)
def test_messages(asked, message):
    assert told(**asked) == message


def test_messages_of_simulations():
    levels = dl.simulate("one-compartment-oral", "100 mg once daily for 3 days", {"WT": [70.0]}, times="4 h")
    assert told(levels, after=4) == "after: found 4\n  expected 'first', 'last' or a dose from 1 to 3"
    assert (
        told(levels, units={"level": "mg/L"})
        == "units: this is for tables\n  leave it out: these are known here"
    )
    assert told(levels.drop_vars("dose_time")) == (
        "profiles: there is no 'dose_time'\n  give the Dataset as dl.simulate made it, or a table"
    )


def test_messages_of_event_tables():
    columns = {"ID": [1, 1, 2], "TIME": [0.0, 1.0, 0.0], "AMT": [10.0, 0.0, 10.0], "EVID": [1, 0, 1]}
    assert told(dl.read_records(columns)) == "profiles: records has no column DV\n  give observed levels"
    observed = dl.read_records({**columns, "DV": [np.nan, 3.0, np.nan]})
    assert told(observed) == "profiles: subject 2 has no observation\n  leave the subject out"


def test_event_tables():
    """Truth: the same samples in a table, with times from the second dose on; ADDL writes out the doses."""
    time = [0.0, 1.0, 12.0, 13.0, 14.0, 16.0, 20.0]
    records = dl.read_records(
        {"ID": [1] * 7, "TIME": time, "AMT": [10.0] + [0.0] * 6, "II": [12.0] + [0.0] * 6, "ADDL": [1] + [0] * 6,
         "EVID": [1] + [0] * 6, "DV": [np.nan, 5.0, 1.0, 6.0, 4.0, 2.0, 1.0]}
    )  # fmt: skip
    found = dl.nca(records, tau=12)
    alone = dl.nca({"subject": [1] * 5, "time": [0, 1, 2, 4, 8], "conc": [1, 6, 4, 2, 1]}, dose=10, tau=12)
    for code in alone["metric"].values:
        np.testing.assert_array_equal(found[str(code)].values, alone[str(code)].values)
    first = dl.nca(records, after="first")
    assert float(first["CMAX"][0]) == 5.0


@pytest.mark.parametrize("call", [dl.nca_table, dl.nca_summary])
def test_tables_of_something_else(call):
    with pytest.raises(InputError) as caught:
        call(dl.simulate("one-compartment-oral", "100 mg once", {"WT": [70.0]}, times="4 h"))
    assert str(caught.value) == "found: these are no results of dl.nca\n  give what dl.nca made"


def test_other_names_and_letters():
    """Columns are found whatever the case of their letters; other columns tell profiles apart."""
    frame = pd.DataFrame(
        {
            "SUBJECT": [1] * 8,
            "TIME": [0, 1, 2, 4] * 2,
            "DV": [0, 4, 2, 1, 0, 8, 4, 2.0],
            "day": [1] * 4 + [2] * 4,
        }
    )
    found = dl.nca(frame, columns={"level": "DV"}, by="day")
    assert found["CMAX"].dims == ("profile",)
    assert found["day"].values.tolist() == [1, 2]
    assert found["CMAX"].values.tolist() == [4.0, 8.0]


def observed(**columns):
    """One subject: doses at 0 h, samples of 8, 4 and 2 at 1, 2 and 4 h."""
    base = {"ID": [1] * 5, "TIME": [0.0, 0.0, 1.0, 2.0, 4.0], "AMT": [10.0, 30.0, 0, 0, 0], "EVID": [1, 1, 0, 0, 0],
            "DV": [np.nan, np.nan, 8.0, 4.0, 2.0]}  # fmt: skip
    return dl.read_records({**base, **columns})


def test_doses_of_one_moment_are_one_dose():
    """Truth: 8 / (10 + 30)."""
    for after in ("first", "last"):
        assert float(dl.nca(observed(), after=after)["CMAXD"][0]) == 0.2


def test_levels_of_several_compartments():
    assert told(observed(CMT=[1, 1, 2, 3, 2])) == (
        "records column CMT: levels of several compartments are observed\n  keep the observations of one of them"
    )


def test_doses_that_a_later_record_may_take_back():
    records = observed(
        TIME=[0.0, 18.0, 19.0, 20.0, 22.0], II=[12.0, 12.0, 0, 0, 0], ADDL=[3, 0, 0, 0, 0], SS=[0, 1, 0, 0, 0]
    )
    assert told(records) == (
        "records row 1: additional doses (ADDL) go on behind a record that may take them back\n"
        "  write these doses out, each with a record of its own"
    )


def test_polars():
    pl = pytest.importorskip("polars")
    assert dl.nca(pl.DataFrame(GOOD)).equals(dl.nca(GOOD))


def test_doses_that_differ_within_a_profile():
    assert told({**GOOD, "DOSE": [100, 100, 200, 200]}, dose="DOSE") == (
        "column 'DOSE': found 200 in line 3, and 100 before\n"
        "  give one dose for each profile; name what tells profiles apart in by="
    )


def test_times_of_a_simulation_that_do_not_rise():
    levels = dl.simulate("one-compartment-oral", "100 mg once daily for 3 days", {"WT": [70.0]}, times="4 h")
    advice = "\n  give levels on times that rise, as dl.simulate makes them"
    assert told(levels.isel(time=slice(None, None, -1))) == "profiles: times do not rise" + advice
    assert told(levels.isel(time=slice(0, 0))) == "profiles: there are no times" + advice
