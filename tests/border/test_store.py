"""A store on the disk reads back as what was written, complete or not.

Truth: the Dataset that was cut into parts, held in memory.
"""

import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr
from stored_example import ROWS_EACH, SIX, every_file, known, made, opened, part_of, whole, write

import doseline as dl
from doseline.errors import InputError, ResultError
from doseline.store import Store
from doseline.store_layout import LEAST, MOST, chunk_shape


def read(path):
    """As a user opens it; a warning would be a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xr.open_zarr(path)


def same_dtypes(one, other):
    return {name: one[name].dtype for name in one.variables} == {
        name: other[name].dtype for name in other.variables
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "course.zarr"


# ------------------------------------------------------------------ reading


def test_a_complete_store_is_the_dataset(path):
    found = read(made(path))
    assert found.identical(whole())
    assert same_dtypes(found, whole())
    assert list(found.data_vars) == list(whole().data_vars)
    assert set(found.coords) == set(whole().coords)


def test_it_is_read_lazily(path):
    found = read(made(path))
    assert found["plasma"].chunks == ((1, 1), (2,), (4, 4, 3), (30,))


def test_a_simulation_comes_back_with_its_labels_units_and_provenance(path):
    people = dl.cohort(9, WT="normal(70 kg, 14 kg) within 40..120", SEX="F: 0.5, M: 0.5", seed=3)
    asked = {"times": "12 h", "meal": ["fed", "fasted"], "seed": 7, "typical": True}
    regimens = {"low": "20 mg once daily for 3 days", "high": "40 mg once daily for 3 days"}
    levels = dl.simulate("isotretinoin", regimens, people, **asked)
    full = {name: levels[name].values for name in ("subject", "WT", "SEX")}
    with Store.open_or_create(path, levels.isel(subject=[0]), full, rows_each=4, fingerprint={}) as store:
        for part in store.missing():
            place = store.layout.place(part)
            store.record(store.write(part, levels.isel(subject=slice(place.start, place.stop))))
    found = read(path)
    assert found.compute().identical(levels)
    assert same_dtypes(found, levels)
    assert dl.replay(found).identical(levels)


def test_what_is_not_there_yet_is_nan_and_an_attribute_says_how_much_is(path):
    with opened(path) as store:
        assert read(path).attrs["incomplete"] == (
            "0 of 6 parts are there; what is not has NaN, -1 in status, False in taken"
        )
        write(store, [4])
        assert store.missing() == [0, 1, 2, 3, 5]
    found, rows = read(path), {"replicate": 1, "subject": slice(4, 8)}
    assert found.attrs["incomplete"].startswith("1 of 6 parts are there;")
    np.testing.assert_array_equal(found["plasma"][rows].values, whole()["plasma"][rows].values)
    assert int(found["plasma"].notnull().sum()) == found["plasma"][rows].size
    assert int((found["status"] != -1).sum()) == found["status"][rows].size
    # labels, words and what all parts share are there from the start; a coordinate in parts comes with them
    for name in ("SEX", "subject", "dose_time", "plasma_jumps"):
        np.testing.assert_array_equal(found[name].values, whole()[name].values)
    np.testing.assert_array_equal(found["WT"].values, np.full(11, np.nan))


def test_without_replicates(path):
    levels = whole().isel(replicate=0)
    full = {"subject": levels["subject"].values, "SEX": levels["SEX"].values}
    with Store.open_or_create(path, levels.isel(subject=[0]), full, rows_each=5, fingerprint={}) as store:
        for part, start in enumerate((0, 5, 10)):
            store.record(store.write(part, levels.isel(subject=slice(start, start + 5))))
    assert read(path).identical(levels)


def test_a_part_may_be_larger_than_the_cohort(path):
    assert read(made(path, [0, 1], rows_each=500)).identical(whole())


def test_chunks_full_of_nothing_are_files_too(path):
    levels = whole()
    levels["plasma"][:] = np.nan
    with opened(path, levels) as store:
        write(store, SIX, levels)
        assert all((path / key).is_file() for part in SIX for key in store.layout.files_of(part))
    assert read(path).identical(levels)


def test_any_reader_notices_a_damaged_chunk(path):
    file = made(path) / "plasma" / "c" / "0" / "0" / "1" / "0"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        read(path)["plasma"].compute()


# ------------------------------------------------------------------ float32


def test_only_levels_become_float32(path):
    found = read(made(path, dtype="float32"))
    small = {name for name in found.variables if found[name].dtype == np.float32}
    assert small == {"plasma", "plasma_typical"}
    assert found["plasma"].equals(whole()["plasma"].astype("float32"))
    assert found["total_dose"].identical(whole()["total_dose"])


def test_a_level_that_float32_cannot_hold_is_told(path):
    levels = whole()
    levels["plasma"][0, 1, 2, 3] = 4.1e38
    with opened(path, levels, dtype="float32") as store, pytest.raises(InputError) as caught:
        write(store, [0], levels)
    assert str(caught.value) == (
        "plasma, subject 103: 4.1e+38 is more than float32 can hold (3.4e+38)\n"
        "  look at the model and the doses, or store with dtype='float64'"
    )


def test_levels_that_are_infinite_stay_so(path):
    levels = whole()
    levels["plasma"][0, 1, 2, 3] = np.inf
    with opened(path, levels, dtype="float32") as store:
        write(store, [0], levels)
    assert np.isinf(read(path)["plasma"][0, 1, 2, 3])


# ------------------------------------------------------------------ the same bytes, whoever writes


def test_the_order_of_parts_threads_and_processes_change_no_bit(path, tmp_path):
    truth = every_file(made(path))
    assert every_file(made(tmp_path / "backwards.zarr", reversed(SIX))) == truth
    with opened(tmp_path / "threads.zarr") as store, ThreadPoolExecutor(6) as pool:
        for entry in pool.map(lambda part: store.write(part, part_of(whole(), store, part)), SIX):
            store.record(entry)
    assert every_file(tmp_path / "threads.zarr") == truth
    with (
        opened(tmp_path / "processes.zarr") as store,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        elsewhere = pool.map(write_elsewhere, [str(store.path)] * 3, SIX[1::2])
        write(store, SIX[::2])
        for entry in elsewhere:
            store.record(entry)
    assert every_file(tmp_path / "processes.zarr") == truth


def write_elsewhere(path, part):
    store = Store.join(path)
    return store.write(part, part_of(whole(), store, part))


def test_who_joins_does_not_keep_the_ledger(path):
    with opened(path):
        joined = Store.join(path)
        entry = joined.write(0, part_of(whole(), joined, 0))
        with pytest.raises(ResultError) as caught:
            joined.record(entry)
    assert str(caught.value) == (
        f"{path}: another process keeps its ledger\n"
        "  hand what write() returns to the process that opened the store"
    )


# ------------------------------------------------------------------ a part is what belongs there


def refused(store, part, levels):
    with pytest.raises(InputError) as caught:
        store.write(part, levels)
    return str(caught.value)


def test_a_part_of_others_is_refused(path):
    with opened(path) as store:
        other = part_of(whole(), store, 1)
        assert refused(store, 0, other) == (
            "part 0: it has other labels of 'subject' than belong there\n"
            "  give 101, 102, ... 104, found 105, 106, ... 108"
        )
        late = part_of(whole(), store, 3)
        assert refused(store, 0, late) == (
            "part 0: it has other labels of 'replicate' than belong there\n  give 1, found 2"
        )


def test_a_part_that_differs_from_the_template_is_refused(path):
    with opened(path) as store:
        part = part_of(whole(), store, 0)
        assert (
            refused(store, 0, part.drop_vars("CL")) == "part 0: 'CL' is missing\n  give what the template has"
        )
        assert refused(store, 0, part.isel(time=slice(0, 9))).endswith(
            "expected {'replicate': 1, 'regimen': 2, 'subject': 4, 'time': 30}, as in the template"
        )
        assert refused(store, 0, part.assign(status=part["status"] + 0.5)) == (
            "part 0, 'status': found float64\n  expected int8"
        )


def test_words_of_subjects_must_be_known_beforehand(path):
    levels = whole()
    full = {name: each for name, each in known(levels).items() if name != "SEX"}
    with pytest.raises(InputError) as caught:
        Store.open_or_create(path, levels.isel(replicate=[0]), full, rows_each=ROWS_EACH, fingerprint={})
    assert str(caught.value) == (
        "SEX: nothing says which words it has for all subjects\n"
        "  hand it over in full beforehand, with the labels of the subjects"
    )


# ------------------------------------------------------------------ sizes of files


@pytest.mark.parametrize(
    ("dims", "shape", "itemsize", "steps", "expected"),
    [
        # 20,000 x 1681 levels in parts of 2,000: one file of 13 MB
        (("subject", "time"), (20_000, 1681), 4, {"subject": 2000}, (2000, 1681)),
        # in parts of 10,000: files of 13 MB; a tenth is the largest piece of a part that fits
        (("subject", "time"), (20_000, 1681), 8, {"subject": 10_000}, (1000, 1681)),
        # dimensions before the subjects are cut first
        (("meal", "subject", "time"), (4, 9000, 1681), 8, {"subject": 1000}, (1, 1000, 1681)),
        # a prime part has no divisors: the times are cut
        (("subject", "time"), (20_014, 1681), 8, {"subject": 10_007}, (10_007, 187)),
        # a small part is one file, however small
        (("replicate", "subject"), (5, 90), 8, {"replicate": 1, "subject": 30}, (1, 30)),
        # labels of millions of subjects
        (("subject",), (5_000_000,), 8, {}, (2 * 2**20,)),
        ((), (), 8, {}, ()),
    ],
)
def test_files_are_neither_tiny_nor_huge(dims, shape, itemsize, steps, expected):
    """Truth: the largest whole number of rows, or divisor of the part, below 16 MiB, worked out by hand."""
    assert chunk_shape(dims, shape, itemsize, steps) == expected
    size = itemsize * np.prod(expected, initial=1)
    full = itemsize * np.prod(
        [steps.get(name, each) for name, each in zip(dims, shape, strict=True)], initial=1
    )
    assert min(LEAST, full) <= size <= MOST
