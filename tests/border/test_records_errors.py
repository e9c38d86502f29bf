"""What an event table may not hold, and in which words it is refused. The texts are the truth here."""

import numpy as np
import pandas as pd
import pytest

from doseline.dosing import record_checks
from doseline.dosing.record_mistakes import MOST_TOLD
from doseline.dosing.record_reading import read_records
from doseline.errors import InputError, RecordsError, UnitError

NUMBER = "expected a number, or . where there is none"
OCCASION = (
    "sort the records of a subject by time; after a reset (EVID 3, 4) too time goes on: "
    "add the time that has elapsed, or give the occasion an ID of its own"
)
TOGETHER = "put the records of a subject together: sort the table by ID and TIME"
COMMAS = "a comma stands between two cells: write decimals with a point, and put texts with a comma in quotes"
NAMES = "the first line holds the names of the columns, such as ID,TIME,AMT,EVID,DV"
GIVES_NOTHING = "a dose has EVID 1; on other records these columns are 0 or ."
REPLACES = "EVID 8 sets the amount in CMT to AMT: the other columns of doses are 0 or ."
OFF = "a minus sign switches a compartment off: put it on a record with EVID 2 or 0"
WRITTEN = "expected hours, a clock time such as 08:30, or a date and time such as 2026-03-01 08:30"
OTHER_DATE = 'write it as 2026-03-01, or say how it is written, as in date_format="%m/%d/%y"'
RXODE = (
    "5, 6 and 7 are numbers of rxode2: to replace an amount (5 there) write 8; 6 and 7 have no counterpart"
)
EVIDS = "expected 0 (observation), 1 (dose), 2 (other), 3 (reset), 4 (reset and dose) or 8 (replace)"


def refusal(folder, text, **arguments):
    """What is said of a file data.csv with this text."""
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordsError) as caught:
        read_records(path, **arguments)
    return str(caught.value)


def of_one_record(folder, **cells):
    """What is said of the second record of a table with these cells."""
    cells = {"TIME": "1", **cells}
    return refusal(
        folder, f"ID,{','.join(cells)}\n1,0{',.' * (len(cells) - 1)}\n1,{','.join(cells.values())}\n"
    )


@pytest.mark.parametrize(
    ("cells", "problem", "advice"),
    [
        # kinds of records
        ({"EVID": "5", "CMT": "1"}, "EVID is 5", RXODE),
        ({"EVID": "6"}, "EVID is 6", RXODE),
        ({"EVID": "7"}, "EVID is 7", RXODE),
        ({"EVID": "9"}, "EVID is 9", EVIDS),
        ({"EVID": "-1"}, "EVID is -1", EVIDS),
        ({"EVID": "1.5"}, "EVID is 1.5", EVIDS),
        ({"EVID": "101"}, "EVID is 101", EVIDS),
        ({"MDV": "2"}, "MDV is 2", "expected 0 (DV counts) or 1 (it does not)"),
        # what is given on records that give nothing
        ({"EVID": "0", "AMT": "100"}, "AMT is 100 on a record with EVID 0", GIVES_NOTHING),
        ({"EVID": "2", "RATE": "10"}, "RATE is 10 on a record with EVID 2", GIVES_NOTHING),
        ({"EVID": "3", "DUR": "0.5"}, "DUR is 0.5 on a record with EVID 3", GIVES_NOTHING),
        (
            {"EVID": "0", "ADDL": "3", "II": "12"},
            "ADDL is 3 and II is 12 on a record with EVID 0",
            GIVES_NOTHING,
        ),
        ({"EVID": "0", "SS": "1"}, "SS is 1 on a record with EVID 0", GIVES_NOTHING),
        ({"EVID": ".", "AMT": "5"}, "AMT is 5 on a record with EVID 0", GIVES_NOTHING),
        # replacing
        ({"EVID": "8", "AMT": "5", "CMT": "1", "RATE": "1"}, "RATE is 1 on a record with EVID 8", REPLACES),
        ({"EVID": "8", "AMT": "5", "CMT": "1", "DUR": "1"}, "DUR is 1 on a record with EVID 8", REPLACES),
        (
            {"EVID": "8", "CMT": "1", "II": "1", "ADDL": "2"},
            "ADDL is 2 and II is 1 on a record with EVID 8",
            REPLACES,
        ),
        ({"EVID": "8", "CMT": "1", "SS": "1"}, "SS is 1 on a record with EVID 8", REPLACES),
        (
            {"EVID": "8", "AMT": "5"},
            "EVID is 8 and CMT is 0",
            "name the compartment whose amount becomes AMT",
        ),
        (
            {"EVID": "8", "CMT": "."},
            "EVID is 8 and CMT is 0",
            "name the compartment whose amount becomes AMT",
        ),
        ({"EVID": "8", "AMT": "-5", "CMT": "1"}, "AMT is -5", "an amount is 0 or more"),
        ({"EVID": "8", "CMT": "-1"}, "CMT is -1 on a record with EVID 8", OFF),
        ({"EVID": "1", "AMT": "5", "CMT": "-2"}, "CMT is -2 on a record with EVID 1", OFF),
        ({"EVID": "4", "AMT": "5", "CMT": "-gut"}, "CMT is '-gut' on a record with EVID 4", OFF),
        # amounts, rates, durations
        ({"AMT": "-100"}, "AMT is -100", "an amount is 0 or more"),
        (
            {"AMT": "100", "RATE": "-3"},
            "RATE is -3",
            "expected 0 or more, -1 (the model has the rate) or -2 (the model has the duration)",
        ),
        ({"AMT": "100", "DUR": "-1"}, "DUR is -1", "a duration is 0 or more"),
        ({"AMT": "100", "II": "-12"}, "II is -12", "an interval between doses is 0 or more"),
        (
            {"AMT": "100", "RATE": "50", "DUR": "2"},
            "RATE is 50 and DUR is 2",
            "give the one or the other: with AMT either says how long the infusion runs",
        ),
        (
            {"AMT": "0", "RATE": "50"},
            "AMT is 0 and RATE is 50",
            "such an infusion lasts no time: give AMT, or SS 1 for an infusion that has gone on for ever",
        ),
        (
            {"AMT": ".", "RATE": "-1"},
            "AMT is 0 and RATE is -1",
            "such an infusion lasts no time: give AMT, or SS 1 for an infusion that has gone on for ever",
        ),
        ({"AMT": "0", "RATE": "-2"}, "AMT is 0 and RATE is -2", "the model gives the duration: give AMT"),
        ({"EVID": "1", "DUR": "2"}, "AMT is 0 and DUR is 2", "an infusion over DUR hours needs AMT"),
        ({"AMT": "inf"}, "AMT is inf", "expected a finite number"),
        ({"AMT": "5", "II": "-inf"}, "II is -inf", "expected a finite number"),
        # steady state and additional doses
        (
            {"AMT": "5", "SS": "3", "II": "12"},
            "SS is 3",
            "expected 0, 1 (steady state instead of what is there) or 2 (on top of it)",
        ),
        (
            {"AMT": "5", "SS": "1"},
            "SS is 1 and II is 0",
            "give II, the interval between the doses; a constant infusion has AMT 0 and RATE above 0",
        ),
        (
            {"EVID": "1", "AMT": "0", "RATE": "5", "SS": "1", "II": "12"},
            "a constant infusion (AMT 0, SS 1) has II 12",
            "write II 0, or give AMT for repeated infusions",
        ),
        (
            {"EVID": "1", "AMT": "0", "RATE": "-1", "SS": "2", "ADDL": "3"},
            "a constant infusion (AMT 0, SS 2) has ADDL 3",
            "it ends at its record: write ADDL 0, and give what follows in a record of its own",
        ),
        (
            {"AMT": "5", "ADDL": "-1", "II": "12"},
            "ADDL is -1",
            "a number of additional doses is a whole number, 0 or more",
        ),
        (
            {"AMT": "5", "ADDL": "2.5", "II": "12"},
            "ADDL is 2.5",
            "a number of additional doses is a whole number, 0 or more",
        ),
        (
            {"AMT": "5", "ADDL": "1000001", "II": "12"},
            "ADDL is 1000001",
            "at most 1,000,000 additional doses a record",
        ),
        (
            {"AMT": "5", "ADDL": "3"},
            "ADDL is 3 and II is 0",
            "additional doses need II, the interval between them, above 0",
        ),
        # cells
        ({"AMT": "1O0"}, "AMT is '1O0'", NUMBER),
        ({"DV": "BLQ"}, "DV is 'BLQ'", NUMBER),
        ({"EVID": "dose"}, "EVID is 'dose'", NUMBER),
        (
            {"AMT": '"0,5"'},
            "AMT is '0,5'",
            "write 0.5, with a decimal point; or hand over a frame: "
            'dl.read_records(pd.read_csv(path, sep=";", decimal=","))',
        ),
        ({"CMT": "1.5"}, "CMT is 1.5", "expected the number of a compartment, counted from 1, or its name"),
        ({"CMT": "inf"}, "CMT is inf", "expected the number of a compartment, counted from 1, or its name"),
        # times
        ({"TIME": "."}, "TIME is missing", "every record needs a time"),
        ({"TIME": "NaN"}, "TIME is missing", "every record needs a time"),
        ({"TIME": "inf"}, "TIME is inf", WRITTEN),
        ({"TIME": "-1"}, "TIME is -1 after 0", OCCASION),
        ({"TIME": "soon"}, "TIME is 'soon'", WRITTEN),
        ({"TIME": "9:75"}, "TIME is '9:75'", WRITTEN),
        ({"TIME": "25:00"}, "TIME is '25:00'", WRITTEN),
        ({"TIME": "03/01/26"}, "TIME is '03/01/26'", OTHER_DATE),
        ({"TIME": "1.3.2026 08:00"}, "TIME is '1.3.2026 08:00'", OTHER_DATE),
        (
            {"TIME": '"0,5"'},
            "TIME is '0,5'",
            "write 0.5, with a decimal point; or hand over a frame: "
            'dl.read_records(pd.read_csv(path, sep=";", decimal=","))',
        ),
    ],
)
def test_a_record_that_is_wrong(tmp_path, cells, problem, advice):
    assert of_one_record(tmp_path, **cells) == f"data.csv line 3: {problem}\n  {advice}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # order
        ("TIME,EVID\n8,0\n5,3\n", f"data.csv line 3: TIME is 5 after 8\n  {OCCASION}"),
        ("TIME,EVID\n8,0\n9,3\n0,0\n", f"data.csv line 4: TIME is 0 after 9\n  {OCCASION}"),
        (
            "TIME\n20:00\n08:00\n",
            f"data.csv line 3: TIME is '08:00' after '20:00'\n  past midnight add a column DATE; {OCCASION}",
        ),
        (
            "DATE,TIME\n2026-03-02,08:00\n2026-03-01,20:00\n",
            f"data.csv line 3: TIME is '2026-03-01' '20:00' after '2026-03-02' '08:00'\n  {OCCASION}",
        ),
        (
            "TIME\n2026-03-02 08:00\n2026-03-01 20:00\n",
            f"data.csv line 3: TIME is '2026-03-01 20:00' after '2026-03-02 08:00'\n  {OCCASION}",
        ),
        ("ID,TIME\n3,0\n4,0\n3,1\n", f"data.csv line 4: ID 3 comes again after ID 4\n  {TOGETHER}"),
        (
            "ID,TIME\nann,0\nbob,0\nann,1\n",
            f"data.csv line 4: ID 'ann' comes again after ID 'bob'\n  {TOGETHER}",
        ),
        (
            "ID,TIME\n1,0\n.,0\n",
            "data.csv line 3: ID is missing\n  every record needs the ID of its subject: a number or text",
        ),
        # dates
        ("DATE,TIME\n03/01/26,08:00\n", f"data.csv line 2: DATE is '03/01/26'\n  {OTHER_DATE}"),
        (
            "DATE,TIME\nMonday,08:00\n",
            "data.csv line 2: DATE is 'Monday'\n  expected a date such as 2026-03-01, or the number of a day",
        ),
        ("DATE,TIME\n1,08:00\n.,09:00\n", "data.csv line 3: DATE is missing\n  every record needs a date"),
        (
            "DATE,TIME\n2026-03-01,08:00\n,09:00\n",
            "data.csv line 3: DATE is missing\n  every record needs a date",
        ),
        (
            "DATE,TIME\n20260301,08:00\n",
            "data.csv line 2: DATE is 20260301\n"
            '  expected the number of a day; dates without dashes are read with date_format="%Y%m%d"',
        ),
        (
            "DATE,TIME\n1.5,08:00\n",
            "data.csv line 2: DATE is 1.5\n"
            '  expected the number of a day; dates without dashes are read with date_format="%Y%m%d"',
        ),
        (
            "DATE,TIME\n2026-03-01,2026-03-01 08:00\n",
            "data.csv: TIME has dates, and there is a column DATE too\n  drop or rename one of them",
        ),
        (
            "TIME\n2026-03-01 08:00\n09:00\n",
            "data.csv line 3: TIME is '09:00'\n  expected a date such as 2026-03-01 08:30",
        ),
        (
            "TIME\n2026-02-30\n2026-03-01\n",
            "data.csv line 2: TIME is '2026-02-30'\n  expected a date such as 2026-03-01 08:30",
        ),
        ("TIME\n01.03.2026\n2026-03-01\n", f"data.csv line 2: TIME is '01.03.2026'\n  {OTHER_DATE}"),
        (
            "DATE,TIME\n2026-03-01 08:00,08:00\n",
            "data.csv line 2: DATE is '2026-03-01 08:00'\n  expected a date such as 2026-03-01, or the number of a day",
        ),
        # covariates
        (
            "ID,TIME,WT\n1,0,70\n2,0,.\n2,1,80\n",
            "data.csv line 3: WT is missing\n  the first record of a subject needs a value; later gaps take the one "
            "before. Fill it in, or drop the column WT",
        ),
        ("TIME,WT\n0,70\n1,0\n", "data.csv line 3: WT is 0\n  expected a value above 0 [kg]"),
        ("TIME,CRCL\n0,90\n1,-99\n", "data.csv line 3: CRCL is -99\n  expected a value above 0 [mL/min]"),
        ("TIME,ALB\n0,4\n1,inf\n", "data.csv line 3: ALB is inf\n  expected a finite number"),
        ("TIME,WT\n0,heavy\n", f"data.csv line 2: WT is 'heavy'\n  {NUMBER}"),
        ("TIME,ALB\n0,4\n1,5\n2,4x\n", f"data.csv line 4: ALB is '4x'\n  {NUMBER}"),
        # compartments and names
        (
            "TIME,CMT\n0,gut\n1,2\n",
            "data.csv line 3: CMT is 2, and other records have names\n  use names everywhere, or numbers everywhere",
        ),
        (
            "TIME,MEAL\n0,1\n",
            "data.csv: MEAL holds numbers\n  MEAL names what the model file has, such as fed; rename a covariate",
        ),
        # the table
        (
            "TIME,AMT,CONT\n0,5,1\n",
            "data.csv: there is a column CONT\n  continued records are not supported: drop the column",
        ),
        (
            "TIME,AMT,call\n0,5,1\n",
            "data.csv: there is a column call\n  calls are not supported: drop the column",
        ),
        (
            "DAT1,TIME\n1/3/26,08:00\n",
            "data.csv: there is a column DAT1\n  "
            'call the column DATE, and say how it is written, as in date_format="%d/%m/%y"',
        ),
        ("TIME\n", "data.csv: there are no records\n  give one a line, below the names"),
        ("", f"data.csv: the file is empty\n  {NAMES}"),
        ("\nTIME\n", f"data.csv line 1: there are no names of columns\n  {NAMES}"),
        (
            "time_h,AMT\n0,5\n",
            "data.csv: there is no column TIME\n  did you mean 'time_h'? columns here: time_h, AMT",
        ),
        ("TIME,AMT,AMT\n0,5,5\n", "data.csv: two columns are called AMT\n  rename or drop one of them"),
        (
            "TIME,WT,wt\n0,5,5\n",
            "data.csv: columns WT and wt differ only in case\n  rename or drop one of them",
        ),
        ("TIME,AMT\n0,5\n1,0,5\n", f"data.csv line 3: 3 cells, and line 1 has 2 names\n  {COMMAS}"),
        ("TIME,AMT\n0,5,1\n", f"data.csv line 2: more cells than line 1 has names\n  {COMMAS}"),
        (
            'TIME,NOTE\n0,"ab\n',
            "data.csv: not readable as CSV: Error tokenizing data. C error: EOF inside string starting at row 1\n"
            "  look for a quotation mark that is not closed",
        ),
        (
            "ID;TIME;AMT\n1;0,5;100\n",
            "data.csv line 1: semicolons stand between the cells\n"
            "  save it with commas between cells and decimal points, "
            'or read it yourself and hand over the frame: dl.read_records(pd.read_csv(path, sep=";", decimal=","))',
        ),
        (
            "ID\tTIME\n1\t0\n",
            "data.csv line 1: tabs stand between the cells\n  save it with commas, or read it yourself and hand over "
            'the frame: dl.read_records(pd.read_csv(path, sep="\\t"))',
        ),
        (
            "ID TIME\n1 0\n",
            "data.csv line 1: spaces stand between the cells\n  save it with commas, or read it yourself and hand over "
            'the frame: dl.read_records(pd.read_csv(path, sep="\\s+"))',
        ),
        (
            "PK\0\0",
            "data.csv: this is no text\n  save the table as CSV, or hand over a frame instead, as in "
            'dl.read_records(pd.read_excel("data.xlsx"))',
        ),
    ],
)
def test_a_table_that_is_wrong(tmp_path, text, message):
    assert refusal(tmp_path, text) == message


def test_a_file_in_another_encoding(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes("TIME,NAME\n0,Jörg\n".encode("latin-1"))
    with pytest.raises(RecordsError) as caught:
        read_records(path)
    assert str(caught.value) == "data.csv: this is not UTF-8 text\n  save the file as UTF-8"


def test_a_date_that_is_not_as_said(tmp_path):
    said = refusal(tmp_path, "DATE,TIME\n03/01/26,8:00\n2026-03-02,8:00\n", date_format="%m/%d/%y")
    expected = 'expected a date as date_format="%m/%d/%y" says'
    assert said == f"data.csv line 3: DATE is '2026-03-02'\n  {expected}"


def test_mistakes_come_in_the_order_of_lines_and_the_rest_is_counted(tmp_path):
    """Three kinds of mistakes, each found in a pass of its own."""
    text = "TIME,AMT,EVID\n1,x,1\n0,0,0\n1,5,0\n" + "0,1,7\n" * 12
    error = refusal(tmp_path, text).splitlines()
    problems = [line for line in error if not line.startswith("  ")]
    assert problems[:4] == [
        "data.csv line 2: AMT is 'x'",
        "data.csv line 3: TIME is 0 after 1",
        "data.csv line 4: AMT is 5 on a record with EVID 0",
        "data.csv line 5: TIME is 0 after 1",
    ]
    assert len(problems) == 11
    # 12 unknown EVIDs and one more step back in time, 7 of them told
    assert problems[-1] == "... and 6 more mistakes"


def test_a_cell_that_cannot_be_read_starts_no_avalanche(tmp_path):
    """EVID 'x' would otherwise leave a dose without EVID."""
    assert of_one_record(tmp_path, EVID="x", AMT="5", ADDL="3") == f"data.csv line 3: EVID is 'x'\n  {NUMBER}"


def test_a_flood_of_mistakes_is_counted():
    count = MOST_TOLD + 500
    with pytest.raises(RecordsError) as caught:
        read_records({"TIME": np.arange(count), "EVID": np.full(count, 9)})
    assert len(caught.value.problems) == count
    assert str(caught.value).endswith(f"... and {count - 10} more mistakes")
    assert caught.value.problems[MOST_TOLD - 1].place == f"records row {MOST_TOLD}"
    assert caught.value.problems[-1].problem == "a mistake further down"


def test_too_many_doses():
    rows = 51
    given = {"TIME": np.arange(rows), "AMT": np.full(rows, 1), "II": 1, "ADDL": 1_000_000}
    with pytest.raises(RecordsError) as caught:
        read_records(given)
    assert str(caught.value) == (
        "records: 51,000,051 doses, additional ones included\n"
        "  at most 50,000,000: lower ADDL, or read the subjects in parts"
    )


def test_doses_without_addl_are_counted_too(monkeypatch):
    monkeypatch.setattr(record_checks, "LIMIT", 5)
    assert len(read_records({"TIME": [0, 1], "AMT": [1, 1], "II": 1, "ADDL": [3, 0]})) == 2
    with pytest.raises(RecordsError, match="6 doses, additional ones included"):
        read_records({"TIME": [0, 1], "AMT": [1, 1], "II": 1, "ADDL": [4, 0]})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            pd.DataFrame({"TIME": [0, 1], "AMT": [5, -1]}),
            "records row 2: AMT is -1\n  an amount is 0 or more",
        ),
        (
            {"TIME": [0, 1], "AMT": [5]},
            "records: lengths differ: TIME 2, AMT 1\n  give each column one entry a record",
        ),
        (
            {"TIME": [[0, 1]]},
            "records: TIME is [[0, 1]]\n  give each column one number or text a record",
        ),
        ({"TIME": [0, [1]]}, "records: TIME is [0, [1]]\n  give each column one number or text a record"),
        (
            {"TIME": [0.0], "AMT": pd.to_datetime(["2026-03-01"])},
            "records: AMT holds dates\n  expected numbers",
        ),
        (
            {"TIME": pd.to_datetime(["2026-03-01", None])},
            "records row 2: TIME is missing\n  every record needs a time",
        ),
        (
            {"TIME": [0], "ID": pd.to_timedelta([1], unit="h")},
            "records: ID holds dates or durations\n  expected numbers or texts",
        ),
        (
            pd.DataFrame([[0, 5, 5]], columns=["TIME", "AMT", "AMT"]),
            "records: two columns are called AMT\n  rename or drop one of them",
        ),
        ({"TIME": []}, "records: there are no records\n  give one a line, below the names"),
        ({}, "records: there is no column TIME\n  columns here: nothing"),
    ],
)
def test_frames_and_mappings(table, message):
    with pytest.raises(RecordsError) as caught:
        read_records(table)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": {"TIME": "mg"}}, "units[\"TIME\"]: 'mg' is mass\n  expected time, in a unit such as h"),
        (
            {"units": {"AMT": "mmol"}},
            "units[\"AMT\"]: 'mmol' is substance\n  expected mass, in a unit such as mg",
        ),
        ({"units": {"WT": "h"}}, "units[\"WT\"]: 'h' is time\n  expected mass, in a unit such as kg"),
        (
            {"units": {"WTT": "kg"}},
            "units: unknown column 'WTT'\n  did you mean 'WT'? columns here: TIME, AMT, WT, NOTE",
        ),
        ({"units": "h"}, 'units: found \'h\'\n  give a dict, such as {"TIME": "day", "AMT": "ug"}'),
        (
            {"date_format": "%y"},
            "date_format: there is no column DATE, and TIME has numbers\n"
            "  leave it out, or call the column with the dates DATE",
        ),
        (
            {"date_format": 5},
            'date_format: found 5\n  write it as strptime does, such as "%m/%d/%y" or "%d.%m.%Y %H:%M"',
        ),
        (
            {"units": {"ID": "h"}},
            "units: ID has no unit\n  leave ID out: among the columns of events TIME, AMT, RATE, DUR, II have units",
        ),
        (
            {"modes": "last"},
            'modes: found \'last\'\n  give "nocb" (up to a record its value holds) or "locf" (the one before), '
            'or a dict such as {"WT": "locf"}',
        ),
        (
            {"modes": {"WT": "last"}},
            'modes["WT"]: found \'last\'\n  give "nocb" (up to a record its value holds) or "locf" (the one before), '
            'or a dict such as {"WT": "locf"}',
        ),
        ({"modes": {"wt": "locf"}}, "modes: unknown covariate 'wt'\n  did you mean 'WT'? covariates: WT"),
        ({"modes": {"NOTE": "locf"}}, "modes: 'NOTE' is a column of texts, or empty\n  covariates: WT"),
    ],
)
def test_arguments(arguments, message):
    table = {"TIME": [0], "AMT": [5], "WT": [70], "NOTE": ["late"]}
    with pytest.raises((InputError, UnitError)) as caught:
        read_records(table, **arguments)
    assert str(caught.value) == message


def test_arguments_that_do_not_fit_the_times():
    with pytest.raises(InputError) as caught:
        read_records({"TIME": ["08:00"]}, units={"TIME": "day"})
    assert (
        str(caught.value) == "units: TIME has clock times\n  they come out in hours: leave TIME out of units"
    )
    with pytest.raises(InputError) as caught:
        read_records({"TIME": ["2026-03-01 08:00"]}, units={"TIME": "day"})
    assert (
        str(caught.value)
        == "units: TIME has dates and times\n  they come out in hours: leave TIME out of units"
    )
    with pytest.raises(InputError) as caught:
        read_records({"TIME": ["x"]}, date_format="%Q")
    assert str(caught.value) == (
        "date_format: '%Q': 'Q' is a bad directive in format '%Q'\n"
        '  write it as strptime does, such as "%m/%d/%y" or "%d.%m.%Y %H:%M"'
    )


def test_what_is_no_table(tmp_path):
    pl = pytest.importorskip("polars")
    for source, message in [
        (
            tmp_path / "none.csv",
            f"{tmp_path / 'none.csv'}: no such file\n  give the path of a CSV or Parquet file, or a data frame",
        ),
        (
            tmp_path,
            f"{tmp_path}: this is a folder\n  give the path of a CSV or Parquet file, or a data frame",
        ),
        (
            7,
            "read_records: found int\n  give the path of a CSV or Parquet file, a data frame, or a mapping of columns",
        ),
        (
            pl.LazyFrame({"TIME": [0]}),
            "read_records: found LazyFrame\n"
            "  give the path of a CSV or Parquet file, a data frame, or a mapping of columns: call its collect() first",
        ),
    ]:
        with pytest.raises(InputError) as caught:
            read_records(source)
        assert str(caught.value) == message


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = tmp_path / "data.parquet"
    path.write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.lib", None)
    with pytest.raises(InputError) as caught:
        read_records(path)
    assert str(caught.value) == (
        f"{path}: Parquet files need pyarrow, which is not installed\n"
        '  pip install "doseline[parquet]", or save the table as CSV'
    )


def test_a_parquet_file_that_is_none(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "data.parquet"
    path.write_bytes(b"TIME,AMT\n0,5\n")
    with pytest.raises(RecordsError) as caught:
        read_records(path)
    problem, advice = str(caught.value).split("\n  ")
    assert problem.startswith("data.parquet: not readable as Parquet: ")
    assert advice == "look at the file, or save the table as CSV"


def test_rows_of_a_parquet_file(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "data.parquet"
    pd.DataFrame({"TIME": [0, 1], "AMT": [5, -1]}).to_parquet(path)
    with pytest.raises(RecordsError) as caught:
        read_records(path)
    assert str(caught.value) == "data.parquet row 2: AMT is -1\n  an amount is 0 or more"


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "data.csv"
    path.write_text("TIME\n0\n")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", denied)
    with pytest.raises(InputError) as caught:
        read_records(path)
    assert (
        str(caught.value)
        == f"{path}: cannot be read: Permission denied\n  look at the file and its permissions"
    )
