"""Whatever a table holds: what `read_records` read comes back from a file or a frame, bit for bit.

Truth: the values that hypothesis chose, compared for equality. Floats are written with the shortest digits that read
back as the same number, so no tolerance is needed.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doseline.dosing.record_reading import read_records

quick = settings(max_examples=60, deadline=None)

reals = st.floats(min_value=1e-300, max_value=1e300)
amounts = st.one_of(st.sampled_from([0.1, 40.0, 1 / 3]), reals)
intervals = st.floats(min_value=1e-3, max_value=1e4)
nothing = {"EVID": 0, "AMT": 0.0, "RATE": 0.0, "DUR": 0.0, "II": 0.0, "ADDL": 0, "SS": 0}


def record(**cells):
    """A record whose cells are drawn; those not named are 0."""
    drawn = {
        name: cell if isinstance(cell, st.SearchStrategy) else st.just(cell) for name, cell in cells.items()
    }
    return st.fixed_dictionaries({name: st.just(cell) for name, cell in nothing.items()} | drawn)


doses = st.sampled_from([1, 4])
records = st.one_of(
    record(CMT=st.integers(-3, 3)),
    record(EVID=2, CMT=st.integers(-3, 3)),
    record(EVID=3, CMT=0),
    record(EVID=8, AMT=amounts, CMT=st.integers(1, 3)),
    record(EVID=doses, AMT=amounts, CMT=st.integers(0, 3)),
    record(EVID=doses, AMT=amounts, RATE=st.one_of(amounts, st.sampled_from([-1.0, -2.0])), CMT=1),
    record(EVID=doses, AMT=amounts, DUR=amounts, II=intervals, ADDL=st.integers(0, 1000), CMT=1),
    record(EVID=doses, AMT=amounts, II=intervals, ADDL=st.integers(0, 9), SS=st.sampled_from([1, 2]), CMT=1),
    record(EVID=doses, RATE=amounts, SS=st.sampled_from([1, 2]), CMT=2),
)
words = st.sampled_from(["", "oral", "light_meal", 'a "quoted", word'])
subjects = st.one_of(
    st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=4, unique=True),
    st.lists(
        st.text("abc XYZ,'é\"", min_size=1).map(lambda text: f"p{text}p"), min_size=1, max_size=4, unique=True
    ),
)


@st.composite
def tables(draw):
    """Columns of a table that `read_records` takes."""
    ids = draw(subjects)
    rows = [draw(st.lists(records, min_size=1, max_size=6)) for _ in ids]
    cells = [cell for own in rows for cell in own]
    count = len(cells)
    table = {"ID": [each for each, own in zip(ids, rows, strict=True) for _ in own]}
    table["TIME"] = [
        time
        for own in rows
        for time in sorted(draw(st.lists(st.floats(-1e6, 1e6), min_size=len(own), max_size=len(own))))
    ]
    table |= {name: [cell[name] for cell in cells] for name in [*nothing, "CMT"]}

    def column(values):
        return draw(st.lists(values, min_size=count, max_size=count))

    if draw(st.booleans()):
        names = {0: "", 1: "gut", 2: "central", 3: "deep tissue"}
        table["CMT"] = [("-" if cmt < 0 else "") + names[abs(cmt)] for cmt in table["CMT"]]
    if draw(st.booleans()):
        table["MDV"] = column(st.sampled_from([0, 1]))
    if draw(st.booleans()):
        table["DV"] = column(st.one_of(st.just(np.nan), st.floats(allow_nan=False)))
    for name in ("ROUTE", "FORMULATION", "MEAL"):
        if draw(st.booleans()):
            table[name] = column(words)
    for name in ("WT", "Alb", "study day"):
        if draw(st.booleans()):
            table[name] = column(reals)
    return table


def same(one, other):
    """Equal tables, but for what they are called."""
    for name in (
        "subject",
        "first",
        "time",
        "evid",
        "amount",
        "rate",
        "duration",
        "interval",
        "additional",
        "steady",
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.compartment, other.compartment)
    np.testing.assert_array_equal(one.mdv, other.mdv)
    assert (one.dv is None) == (other.dv is None)
    if one.dv is not None:
        np.testing.assert_array_equal(one.dv, other.dv)
    for attribute in ("choices", "covariates"):
        mine, others = getattr(one, attribute), getattr(other, attribute)
        assert list(mine) == list(others)
        for name, values in mine.items():
            np.testing.assert_array_equal(values, others[name], err_msg=name)
    assert (one.units, one.modes, one.left_out) == (other.units, other.modes, other.left_out)


@quick
@given(table=tables())
def test_what_is_read_is_what_was_given(table):
    read = read_records(table)
    np.testing.assert_array_equal(read.time, table["TIME"])
    np.testing.assert_array_equal(np.repeat(read.subject, np.diff(read.first)), table["ID"])
    for name, attribute in [("AMT", "amount"), ("RATE", "rate"), ("DUR", "duration"), ("II", "interval")]:
        np.testing.assert_array_equal(getattr(read, attribute), table[name])
    for name in read.covariates:
        np.testing.assert_array_equal(read.covariates[name], table[name])


@quick
@given(table=tables())
def test_csv(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "data.csv"
    read = read_records(table)
    read.to_csv(path)
    again = read_records(path)
    same(read, again)
    np.testing.assert_array_equal(again.line, np.arange(2, len(read) + 2))


@quick
@given(table=tables())
def test_frames(table):
    read = read_records(table)
    same(read, read_records(read.to_frame()))
    pl = pytest.importorskip("polars")
    same(read, read_records(pl.DataFrame(read.to_frame().to_dict("list"), strict=False)))


@quick
@given(table=tables())
def test_parquet(table, tmp_path_factory):
    pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("records") / "data.parquet"
    read = read_records(table)
    read.to_frame().to_parquet(path)
    same(read, read_records(path))


@quick
@given(table=tables(), data=st.data())
def test_subjects_are_read_alike_alone_and_together(table, data):
    whole = read_records(table)
    subject = data.draw(st.integers(0, len(whole.subject) - 1))
    rows = slice(whole.first[subject], whole.first[subject + 1])
    alone = read_records({name: column[rows] for name, column in table.items()})
    for attribute in ("time", "evid", "amount", "rate", "interval", "mdv"):
        np.testing.assert_array_equal(getattr(alone, attribute), getattr(whole, attribute)[rows])


@quick
@given(table=tables(), gaps=st.lists(st.booleans(), min_size=24, max_size=24))
def test_gaps_are_filled_as_pandas_fills_them(table, gaps):
    """Truth: pandas' forward fill within each subject."""
    frame = pd.DataFrame(table).assign(CREA=np.arange(len(table["ID"]), dtype=float))
    first = ~frame["ID"].duplicated()
    frame.loc[np.array(gaps[: len(frame)]) & ~first, "CREA"] = np.nan
    expected = frame.groupby("ID", sort=False)["CREA"].ffill()
    np.testing.assert_array_equal(read_records(frame).covariates["CREA"], expected)
