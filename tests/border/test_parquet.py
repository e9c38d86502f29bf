"""Levels as a long table in Parquet files.

Truth: the table that pandas makes of the whole Dataset in memory.
"""

import errno
import os
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from stored_example import SIX, made, whole

import doseline as dl
from doseline import parquet
from doseline.errors import InputError, ResultError
from doseline.parquet import export_parquet

KEYS = ["replicate", "regimen", "meal", "subject", "time (h)"]
COLUMNS = [*KEYS, "WT (kg)", "SEX", "plasma (ng/mL)", "plasma_typical"]


def by_pandas(levels):
    """One row for each position, in the order of the keys."""
    frame = levels[["plasma", "plasma_typical"]].to_dataframe().reset_index()
    frame = frame.rename(columns={"time": "time (h)", "WT": "WT (kg)", "plasma": "plasma (ng/mL)"})
    return frame[COLUMNS].sort_values(KEYS, ignore_index=True)


def read(path):
    frame = pa.dataset.dataset(path).to_table().to_pandas()
    for name in ("regimen", "meal", "SEX"):
        assert isinstance(frame[name].dtype, pd.CategoricalDtype)
        frame[name] = frame[name].astype(str)
    return frame.sort_values(KEYS, ignore_index=True)


def same(found, expected):
    pd.testing.assert_frame_equal(
        found, expected.astype({"regimen": found["regimen"].dtype}), check_dtype=False
    )
    assert found["plasma (ng/mL)"].dtype == expected["plasma (ng/mL)"].dtype


@pytest.fixture(params=["course.parquet", "course.pq", "course"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_from_memory(path):
    assert export_parquet(whole(), path) == path
    same(read(path), by_pandas(whole()))


def test_from_a_store_some_rows_at_a_time(path, tmp_path, monkeypatch):
    """Blocks of whole chunks, files that are full after two of them."""
    monkeypatch.setattr(parquet, "_ROWS", 300)
    monkeypatch.setattr(parquet, "_ROWS_OF_FILE", 480)
    export_parquet(made(tmp_path / "course.zarr", dtype="float32"), path)
    expected = whole().assign({name: whole()[name].astype("f4") for name in ("plasma", "plasma_typical")})
    same(read(path), by_pandas(expected))
    if path.is_dir():
        assert sorted(os.listdir(path)) == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]


@pytest.mark.parametrize("cut", [{"subject": 3}, {"time": 4}, {"replicate": 0, "regimen": 1}])
def test_what_is_a_single_one_is_a_column_all_the_same(tmp_path, cut):
    export_parquet(whole().isel(cut), tmp_path / "a.parquet")
    wide = whole().isel({name: [at] for name, at in cut.items()})
    columns = [name for name in COLUMNS if name != "WT (kg)" and name != "SEX"]
    same(read_some(tmp_path / "a.parquet", columns), by_pandas(wide)[columns])


def read_some(path, columns):
    frame = pq.read_table(path, columns=columns).to_pandas()
    for name in ("regimen", "meal"):
        frame[name] = frame[name].astype(str)
    return frame.sort_values(KEYS, ignore_index=True)


def test_a_simulation_with_units_and_meaning(tmp_path):
    people = dl.cohort(WT=[50.0, 70.0])
    levels = dl.simulate(
        "isotretinoin", "20 mg once daily for 3 days", people, times="12 h", meal=["fed", "fasted"]
    )
    export_parquet(levels, tmp_path / "a.parquet")
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.names == [
        "regimen", "formulation", "meal", "subject", "time (h)", "WT (kg)", "plasma (ng/mL)", "oxo (ng/mL)",
    ]  # fmt: skip
    assert schema.field("plasma (ng/mL)").metadata[b"units"] == b"ng/mL"
    assert schema.field("plasma (ng/mL)").metadata[b"long_name"] == b"isotretinoin in plasma"
    assert schema.metadata[b"model"] == b"isotretinoin"
    assert pa.types.is_dictionary(schema.field("meal").type)
    table = pq.read_table(tmp_path / "a.parquet").to_pandas().set_index(["meal", "subject", "time (h)"])
    assert table["oxo (ng/mL)"]["fasted", 2, 24.0] == float(
        levels["oxo"].sel(meal="fasted", subject=2, time=24)
    )


def test_memory_does_not_grow_with_the_store(tmp_path, monkeypatch):
    """Truth: the largest block that is loaded, against the number of rows in all."""
    monkeypatch.setattr(parquet, "_ROWS", 240)
    table = parquet.Table.of(parquet._opened(made(tmp_path / "course.zarr")))
    sizes = [block["plasma"].size for block in table.blocks()]
    assert max(sizes) == 240
    assert sum(sizes) == whole()["plasma"].size


# ------------------------------------------------------------------ refused


def refused(source, path, error=InputError):
    with pytest.raises(error) as caught:
        export_parquet(source, path)
    return str(caught.value)


def test_what_cannot_be_a_table(tmp_path):
    path = tmp_path / "a.parquet"
    assert refused(whole()[["CL"]], path) == (
        "levels: there are no levels of subjects at times\n"
        "  give a Dataset as dl.simulate made it, of regimens or with times=..."
    )
    wider = whole().expand_dims(band=2)
    assert refused(wider, path).startswith("levels: 'band' has no column\n")
    assert "found ndarray" in refused(np.zeros(3), path)
    assert refused(tmp_path / "nowhere", path).startswith(
        f"{tmp_path / 'nowhere'}: it cannot be read as a store: "
    )
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_store(tmp_path):
    store = made(tmp_path / "course.zarr", SIX[:4])
    assert refused(store, tmp_path / "a.parquet") == (
        f"{store}: 4 of 6 parts are there\n  run the simulation again to its end first"
    )


def test_nothing_is_overwritten(path):
    path.write_text("mine")
    assert refused(whole(), path, ResultError) == f"{path}: it exists\n  give another path, or delete it"
    assert path.read_text() == "mine"


def test_it_is_there_in_one_piece_or_not_at_all(path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    assert refused(whole(), path, ResultError) == (
        f"{path}: the disk is full\n  free some space, and run it again; nothing was written there"
    )
    assert list(path.parent.iterdir()) == []


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert refused(whole(), tmp_path / "a.parquet") == (
        f"{tmp_path / 'a.parquet'}: Parquet files need pyarrow, which is not installed\n"
        "  python -m pip install 'doseline[parquet]'"
    )
