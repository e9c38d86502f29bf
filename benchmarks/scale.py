"""What a million courses cost on this machine: run it, and it prints the table of docs/reference/scale.md.

    python benchmarks/scale.py                     everything; 10 to 15 minutes and 15 GB of disk
    python benchmarks/scale.py --subjects 100000   the largest cohort
    python benchmarks/scale.py --only exposure     or bands, store, cluster

Isotretinoin, two compartments and the metabolite, three random effects between subjects, twice daily for 20 weeks.
Every measurement is a process of its own, so that its memory is its own; compiled code is at hand and its first call is
not timed. Rates depend on the machine. A folder for the stores is taken from DOSELINE_SCALE_FOLDER, else the one for
temporary files.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EFFECTS = ["CL", "KA", "V2"]
COURSE = "0.5 mg/kg/day in 2 doses for 4 weeks, then 1 mg/kg/day in 2 doses for 16 weeks"
BANDS = "200 times: a day apart, then every 24 min of the last day"
STAGES = ("exposure", "bands", "store", "random", "cluster")
SIZES = (10_000, 100_000, 1_000_000)


def people(count):
    """A cohort of adults."""
    import doseline as dl

    return dl.cohort(count, seed=7, WT="normal(70 kg, 14 kg) within 40..120", SEX="F: 0.5, M: 0.5")


def band_times():
    """One time of each of 140 days, and 60 of the last."""
    return np.concatenate([24.0 * np.arange(140), 3336.0 + 0.4 * np.arange(1, 61)])


def exposure(count, folder):
    """Metrics of the last dosing interval, of the course and at steady state."""
    import doseline as dl

    def run(many):
        return dl.exposure(
            "isotretinoin", COURSE, people(many), intervals="last", effects=EFFECTS, progress=False
        )

    run(2_000)
    begin = time.perf_counter()
    found = run(count)
    seconds = time.perf_counter() - begin
    # Cavg at steady state is the dose rate over CL: F is 1 fed, and a day's dose is 1 mg/kg
    truth = 1e3 * found["WT"] / 24.0 / found["CL"]
    assert float(np.abs(found["steady_Cavg"] / truth - 1.0).max()) < 1e-9
    return seconds


def bands(count, folder):
    """Quantiles of both outputs at 200 times."""
    import doseline as dl

    def run(many):
        return dl.bands(
            "isotretinoin", COURSE, people(many), times=band_times(), effects=EFFECTS, progress=False
        )

    run(2_000)
    begin = time.perf_counter()
    found = run(count)
    seconds = time.perf_counter() - begin
    assert int(found["subjects"]) == count
    return seconds


def store(count, folder):
    """Levels of plasma at 1,681 times, float32."""
    import doseline as dl

    model = dl.load_model("isotretinoin").edit(outputs={"oxo": None})

    def run(many, path):
        kept = {"store": path, "dtype": "float32", "effects": EFFECTS, "progress": False}
        return dl.simulate(model, COURSE, people(many), times="2 h", **kept)

    run(2_000, folder / "first.zarr")
    begin = time.perf_counter()
    levels = run(count, folder / "levels.zarr")
    os.sync()
    seconds = time.perf_counter() - begin
    assert levels["plasma"].shape == (count, 1681)
    assert levels["plasma"].dtype == np.float32
    assert bool(np.isfinite(levels["plasma"][:: max(1, count // 97)].values).all())
    return seconds


def random(count, folder):
    """Random bytes of the same size and shape of chunks, through the same codec, by as many threads."""
    from concurrent.futures import ThreadPoolExecutor

    import zarr

    import doseline as dl

    model = dl.load_model("isotretinoin").edit(outputs={"oxo": None})
    kept = {"store": folder / "shape.zarr", "dtype": "float32", "progress": False}
    rows = min(count, 20_000)
    dl.simulate(model, COURSE, people(rows), times="2 h", **kept)
    like = zarr.open_group(folder / "shape.zarr", mode="r")["plasma"]
    array = zarr.create_array(
        folder / "random.zarr",
        shape=(count, 1681),
        chunks=like.chunks,
        dtype="float32",
        compressors=like.compressors,
        config={"write_empty_chunks": True},
    )
    step = like.chunks[0]
    bits = np.random.default_rng(1).integers(0, 256, size=step * 1681 * 4 + 4096, dtype=np.uint8)

    def write(begin):
        end = min(begin + step, count)
        # another beginning for each chunk: nothing repeats within what a codec looks at
        own = bits[begin // step % 4096 :][: (end - begin) * 1681 * 4].copy().view(np.float32)
        array[begin:end] = own.reshape(end - begin, 1681)

    write(0)
    begin = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(write, range(0, count, step)))
    os.sync()
    return time.perf_counter() - begin


def cluster(count, folder):
    """Exposure on workers of one thread each: seconds with one, and with two."""
    from dask.distributed import Client, LocalCluster

    import doseline as dl

    model, found = dl.load_model("isotretinoin"), {}
    for workers in (1, 2):
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, local_directory=str(folder)
            ) as local,
            Client(local) as client,
        ):

            def run(many, client=client):
                asked = {"intervals": "last", "effects": EFFECTS, "progress": False, "client": client}
                return dl.exposure(model, COURSE, people(many), **asked)

            run(8_000)
            begin = time.perf_counter()
            run(count)
            found[workers] = time.perf_counter() - begin
    return found[1], found[2]


def measure(stage, count):
    """Run one stage in a process of its own: seconds, and its memory at most [GB]."""
    told = subprocess.run(
        [sys.executable, __file__, "--stage", stage, "--subjects", str(count)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(told.stdout.splitlines()[-1])


def child(stage, count):
    """The process of one stage."""
    folder = Path(tempfile.mkdtemp(prefix="doseline-scale-", dir=os.environ.get("DOSELINE_SCALE_FOLDER")))
    try:
        seconds = globals()[stage](count, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"stage": stage, "subjects": count, "seconds": seconds, "memory": memory}))


def processor():
    """What this machine is."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {len(os.sched_getaffinity(0))} processors"


def main():
    """All stages that were asked for, and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=SIZES[-1])
    parser.add_argument("--only", choices=STAGES)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.stage:
        child(asked.stage, asked.subjects)
        return
    sizes = [size for size in SIZES if size < asked.subjects] + [asked.subjects]
    print(f"{processor()}; Python {platform.python_version()}, numpy {np.__version__}\n")
    print("| what | subjects | seconds | subjects/s | GB of memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for stage in [asked.only] if asked.only else STAGES:
        for size in sizes if stage in ("exposure", "bands") else sizes[-1:]:
            size = min(size, 200_000) if stage == "cluster" else size
            found = measure(stage, size)
            several = stage == "cluster"
            for workers, seconds in enumerate(found["seconds"] if several else [found["seconds"]], 1):
                name = f"{stage}, {workers} worker{'s' if workers > 1 else ''}" if several else stage
                memory = "" if several else f"{found['memory']:.2f}"
                print(f"| {name} | {size:,} | {seconds:.1f} | {size / seconds:,.0f} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
