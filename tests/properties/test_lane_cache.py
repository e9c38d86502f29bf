"""Compiled code of nonlinear models between processes: what is compiled, what is loaded, and that nothing is mixed up.

Truth: numba's own statistics of what came from the cache; for levels, the same simulation in a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import doseline as dl
from doseline.kernels import drive_lanes, kernel

WAIT = 300
"""Seconds after which a child counts as hung; the first one of all compiles everything."""

MODEL = """
title = "One compartment with an elimination of its own"
version = "1"
source = { citation = "made for this test" }
[parameters]
V = { value = 10, unit = "L", label = "x", source = "x", status = "assumption" }
K = { value = 0.2, unit = "1/h", label = "x", source = "x", status = "assumption" }
HALF = { value = 30, unit = "mg", label = "x", source = "x", status = "assumption" }
SLOW = { value = 3, unit = "h", label = "x", source = "x", status = "assumption" }
[compartments]
central = { label = "x" }
[flows]
"central -> out" = "RATE"
[routes]
iv = { into = "central", label = "x" }
[outputs]
plasma = { value = "central / V", unit = "mg/L", label = "x" }
"""

RATES = {
    "saturable": "K * HALF / (HALF + central)",
    "induced": "K * central / (HALF + central)",
    "waning": "K * exp(-t / SLOW) * HALF / (HALF + central)",
}

CHILD = """
import hashlib, json, sys, time
import doseline as dl
from doseline.kernels import drive_lanes

told = []
for path in sys.argv[2:]:
    begin = time.perf_counter()
    levels = dl.simulate(path, "100 mg every 12 h x 4", times="1 h", method=sys.argv[1] or None)
    bits = hashlib.sha256(levels["plasma"].values.tobytes()).hexdigest()
    told.append((bits, time.perf_counter() - begin))
stats = drive_lanes.drive.stats
print(json.dumps({
    "bits": [bits for bits, _ in told], "seconds": [seconds for _, seconds in told],
    "loaded": sum(stats.cache_hits.values()), "compiled": sum(stats.cache_misses.values()),
}))
"""


def written(folder, name):
    """A model file."""
    path = folder / f"{name}.toml"
    path.write_text(MODEL.replace("RATE", RATES[name]))
    return str(path)


def start(cache, *paths, method=""):
    """A process of its own that simulates these model files, one after the other, with compiled code in ``cache``."""
    known = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, method, *paths],
        env={**os.environ, "DOSELINE_CACHE_DIR": str(cache), "PYTHONPATH": known},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(child):
    """What a child printed; complaints and exit codes other than 0 fail here."""
    out, errors = child.communicate(timeout=WAIT)
    assert (child.returncode, errors) == (0, "")
    return json.loads(out)


def files(cache):
    return {path.relative_to(cache) for path in Path(cache).rglob("*") if path.is_file()}


@pytest.fixture
def cache(tmp_path):
    """A cache that has the kernels and no models; a copy, so that this process's own stays as it is."""
    drive_lanes.compile_drive()
    if not kernel._KEPT:
        pytest.skip("this process keeps no compiled code")
    folder = tmp_path / "cache"
    shutil.copytree(kernel._FOLDER, folder / kernel._FOLDER.name, ignore=shutil.ignore_patterns("models*"))
    return folder


@pytest.mark.parametrize("method", ["", "rodas5p"])
def test_models_compiled_by_several_processes_stay_apart(cache, tmp_path, method):
    """Each process calls its first right-hand side by the same number; one that loads all of them must not mix them."""
    paths = [written(tmp_path, name) for name in RATES]
    alone = [told(start(cache, path, method=method))["bits"][0] for path in paths]
    assert len(set(alone)) == len(RATES)
    assert told(start(cache, *paths, *paths, method=method))["bits"] == alone + alone
    assert told(start(cache, *reversed(paths), method=method))["bits"] == alone[::-1]


def test_a_new_model_compiles_its_own_functions_only(cache, tmp_path):
    """And nothing at all in the next process; the times are printed, for machines differ."""
    before = files(cache)
    path = written(tmp_path, "saturable")
    first = told(start(cache, path))
    added = files(cache) - before
    assert (first["loaded"], first["compiled"]) == (1, 0)
    # the right-hand side and the outputs: source, index and machine code of each
    assert len(added) == 6
    assert all("models" in str(file) for file in added)
    again = told(start(cache, path))
    assert (again["loaded"], again["compiled"], again["bits"]) == (1, 0, first["bits"])
    assert files(cache) - before == added
    print(
        f"new model file to first result: {first['seconds'][0]:.2f} s, in the next process {again['seconds'][0]:.2f} s"
    )


def test_other_numbers_and_doses_compile_nothing(tmp_path):
    """Parameters, covariates, regimens and tolerances are data."""
    path = written(tmp_path, "waning")
    model = dl.load_model(path)
    dl.simulate(model, "100 mg once", times="1 h")
    signatures, statistics = len(drive_lanes.drive.signatures), drive_lanes.drive.stats
    compiled = kernel.model_kernel.cache_info().misses
    for course in ("20 mg every 6 h x 9", "3 mg over 2 h daily x 2"):
        dl.simulate(model.with_(K=0.3, HALF=7), course, times="1 h", rtol=1e-4, atol={"central": 1e-6})
    assert (len(drive_lanes.drive.signatures), drive_lanes.drive.stats) == (signatures, statistics)
    # an infusion has a place in the right-hand side, which models without one do not pay for
    assert kernel.model_kernel.cache_info().misses == compiled + 1


def test_two_processes_write_the_same_model_at_once(cache, tmp_path):
    path = written(tmp_path, "induced")
    children = [start(cache, path, method="rodas5p") for _ in range(3)]
    results = [told(child) for child in children]
    assert len({result["bits"][0] for result in results}) == 1
    assert [result["compiled"] for result in results] == [0, 0, 0]
    kept = files(cache)
    assert not [file for file in kept if file.suffix == ".tmp"]
    assert told(start(cache, path, method="rodas5p"))["bits"] == results[0]["bits"]
    assert files(cache) == kept


def test_where_models_cannot_be_written_they_are_compiled_anew(cache, tmp_path):
    """A file stands where the folder of the models should be; the kernels are there."""
    path = written(tmp_path, "induced")
    usual = told(start(cache, path))
    for found in (cache / kernel._FOLDER.name).glob("models*"):
        shutil.rmtree(found)
    (cache / kernel._FOLDER.name / "models").write_text("a file, not a folder")
    before = files(cache)
    said = told(start(cache, path))
    assert (said["bits"], said["compiled"]) == (usual["bits"], 0)
    assert files(cache) == before
