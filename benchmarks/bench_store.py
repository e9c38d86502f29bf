"""How fast levels go to the disk: 20,000 subjects at 1,681 times as float32, in parts of 2,500.

The yardstick is what zarr alone does in the same run, in turns: as many random bytes, through the same codec, into
files of the same size. It has less to do, as it casts nothing, keeps no ledger and finds nothing to compress.
"""

import os
import shutil
import time

import numpy as np
import pytest
import xarray as xr
import zarr
from bench_w1 import ROUNDS, limit

import doseline as dl
from doseline.store import Store
from doseline.store_layout import chunk_shape

SUBJECTS, ROWS_EACH, TIMES = 20_000, 2500, 1681
REGIMEN = "1 mg/kg/day in 2 doses for 20 weeks"
HABITS = {"regular": (None, 1.0), "irregular": (0.8, 1.3)}
"""How doses are taken, and how many times the time of the yardstick the levels may take."""


def part_of(levels, store, part):
    """The same levels under the labels of another part."""
    place = store.layout.place(part)
    return levels.assign_coords(subject=np.arange(place.start, place.stop))


@pytest.mark.parametrize("name", HABITS)
def test_levels_to_the_disk(benchmark, tmp_path, name):
    adherence, most = HABITS[name]
    people = dl.cohort(ROWS_EACH, WT="normal(70 kg, 14 kg) within 40..120", seed=3)
    levels = dl.simulate("isotretinoin", REGIMEN, people, times="2 h", adherence=adherence, seed=7)
    levels = levels[["plasma"]].drop_vars("WT")
    path, plain = tmp_path / "course.zarr", tmp_path / "plain.zarr"
    template, labels = levels.isel(subject=[0]), np.arange(SUBJECTS)
    fingerprint = {"habits": name}

    def fresh():
        shutil.rmtree(path, ignore_errors=True)
        store = Store.open_or_create(
            path, template, {"subject": labels}, rows_each=ROWS_EACH, fingerprint=fingerprint, dtype="float32"
        )
        parts = [part_of(levels, store, part) for part in store.missing()]
        yardstick()
        return (store, parts), {}

    def ours(store, parts):
        for part, each in enumerate(parts[:-1]):
            store.record(store.write(part, each))
        last = store.write(len(parts) - 1, parts[-1])
        return store, last  # recording it waits for the disk, which the yardstick does not

    chunks = chunk_shape(("subject", "time"), (SUBJECTS, TIMES), 4, {"subject": ROWS_EACH})
    rng, zarr_takes = np.random.default_rng(1), []

    def yardstick():
        shutil.rmtree(plain, ignore_errors=True)
        codecs = zarr.open_array(path / "plasma", mode="r").compressors
        array = zarr.create_array(
            plain, shape=(SUBJECTS, TIMES), chunks=chunks, dtype="float32", compressors=codecs
        )
        noise = np.frombuffer(rng.bytes(4 * ROWS_EACH * TIMES), dtype="float32").reshape(ROWS_EACH, TIMES)
        os.sync()
        begin = time.perf_counter()
        for start in range(0, SUBJECTS, ROWS_EACH):
            array[start : start + ROWS_EACH] = noise
        zarr_takes.append(time.perf_counter() - begin)
        os.sync()

    (store, parts), _ = fresh()
    ours(store, parts)
    store.close()
    found = xr.open_zarr(path)["plasma"]
    for start in range(0, SUBJECTS, ROWS_EACH):
        rows = found[start : start + ROWS_EACH].values
        np.testing.assert_array_equal(rows, levels["plasma"].values.astype("float32"))
    benchmark.pedantic(ours, setup=fresh, rounds=ROUNDS)
    if benchmark.disabled:
        limit(name, None, most)
    taken, theirs = benchmark.stats.stats.min, min(zarr_takes)
    benchmark.extra_info.update(ours_s=taken, zarr_s=theirs, MB_per_s=4e-6 * SUBJECTS * TIMES / taken)
    limit(f"{name}, in random bytes through zarr", taken / theirs, most)
