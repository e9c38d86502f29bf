"""How fast whole simulations are, and what they cost in memory.

The yardstick is a parallel first-touch fill of an array of the same size, timed in the same run, in turns with the
simulation: what a machine needs to write these numbers down once, whatever the machine. Each benchmark checks its
answer before it is timed, and compiles outside the clock. Limits are factors of the yardstick; they hold only where
timing is on, so `--benchmark-disable` still checks every answer.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pytest

import doseline as dl

ROUNDS = 9
FACTOR = 8.0
"""A simulation may take this many fills."""
BESIDE = 0.2
"""Memory beyond the levels, as a fraction of them."""
START = 2.5
"""From the start of a process to its first result, compiled code at hand. [s]"""

SUBJECTS, DOSES, EVERY = 10_000, 280, 12.0
W1 = f"0.25 mg/kg every {EVERY:g} h x {DOSES}"
KA, CL, V = 0.9, 15.0, 200.0
"""Of models/one-compartment-oral.toml, at 70 kg."""

SWEEP = {
    "0.5 mg/kg/day": "0.5 mg/kg/day in 2 doses for 20 weeks",
    "1 mg/kg/day": "1 mg/kg/day in 2 doses for 20 weeks",
    "step-up": "0.5 mg/kg/day in 2 doses for 4 weeks, then 1 mg/kg/day in 2 doses for 16 weeks",
    "20 mg": "20 mg once daily for 20 weeks",
}


@numba.njit(parallel=True)
def touch(levels):
    """Write every number once, rows shared out between all threads."""
    for row in numba.prange(levels.shape[0]):
        levels[row, :] = 1.0


def filled(shape):
    """Seconds for a fill of new memory."""
    begin = time.perf_counter()
    touch(np.empty(shape))
    return time.perf_counter() - begin


def closed_form(weight, times):
    """Levels [mg/L] (subject, time): Bateman's function, each exponential as a geometric series over the doses."""
    ke = (CL * (weight / 70) ** 0.75 / (V * weight / 70))[:, None]
    given = np.minimum(times // EVERY + 1, DOSES)
    since = times - (given - 1) * EVERY

    def mode(rate):
        return np.exp(-rate * since) * np.expm1(-rate * given * EVERY) / np.expm1(-rate * EVERY)

    height = (0.25 * weight * KA / (V * weight / 70))[:, None] / (KA - ke)
    return height * (mode(ke) - mode(np.full_like(ke, KA)))


def assert_close(found, truth):
    """Within 1e-12 of each profile's maximum."""
    assert (np.abs(found - truth).max(axis=-1) < 1e-12 * truth.max(axis=-1)).all()


@pytest.fixture(scope="module")
def w1():
    """The workload, and the fill compiled."""
    model = dl.load_model("one-compartment-oral")
    people = dl.cohort(WT=np.linspace(40.0, 120.0, SUBJECTS))
    course = dl.regimen(W1)
    touch(np.empty((2, 2)))
    return lambda: dl.simulate(model, course, people, times="2 h")


def in_turns(benchmark, simulate, shape):
    """Time the simulation, a fill before each round; the factor between the two minima, None where timing is off."""
    fills = []
    benchmark.pedantic(simulate, setup=lambda: fills.append(filled(shape)), rounds=ROUNDS, warmup_rounds=1)
    if benchmark.disabled:
        return None
    fastest, fill = benchmark.stats.stats.min, min(fills[1:])
    benchmark.extra_info.update(fill_ms=1e3 * fill, simulate_ms=1e3 * fastest, factor=fastest / fill)
    return fastest / fill


def limit(name, found, most):
    """A limit on a time: it says nothing where timing is off."""
    if found is None:
        pytest.skip("timing is off: the answer was checked, the time was not")
    assert found <= most, f"{name}: {found:.2f}, at most {most:g}"


def test_w1(benchmark, w1):
    """10,000 subjects, 280 doses, 1,681 times: the whole call, Dataset included, within 8 fills of its array."""
    levels = w1()["plasma"]
    assert levels.shape == (SUBJECTS, 1681)
    rows = np.arange(0, SUBJECTS, 101)
    assert_close(levels.values[rows], closed_form(levels["WT"].values[rows], levels["time"].values))
    del levels
    limit("W1 in fills", in_turns(benchmark, w1, (SUBJECTS, 1681)), FACTOR)


def test_sweep(benchmark):
    """81 weights, 4 regimens, 2 meals, 3,361 times of isotretinoin and its metabolite.

    Checked against a single dose, shifted to each dose time, scaled, and summed.
    """
    model = dl.load_model("isotretinoin")
    people = dl.cohort(WT=np.linspace(40.0, 120.0, 81))
    courses = {name: dl.regimen(text) for name, text in SWEEP.items()}
    meals = ["fed", "fasted"]
    touch(np.empty((2, 2)))

    def simulate():
        return dl.simulate(model, courses, people, meal=meals, times="1 h")

    levels = simulate()["plasma"]
    assert levels.shape == (4, 2, 81, 3361)
    single = dl.simulate(model, "1 mg once", people, meal=meals, times=levels["time"].values)["plasma"].values
    for name, course in courses.items():
        times, kind, kinds = course.doses()
        for row in (0, 30, 80):
            weight = float(people.covariates["WT"][row])
            summed = np.zeros((2, 3361))
            for at, dose in zip(times.astype(int), (kinds[k] for k in kind), strict=True):
                amount = dose.amount * (weight if dose.per else 1.0)
                summed[:, at:] += amount * single[:, row, : 3361 - at]
            assert_close(levels.sel(regimen=name).values[:, row], summed)
    outputs = len(model.outputs)
    del levels, single
    in_turns(benchmark, simulate, (4 * outputs * 2 * 81, 3361))


CHILD = """
import json, sys
import numpy as np, doseline as dl
def status(key):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))
def simulate(count):
    people = dl.cohort(WT=np.linspace(40.0, 120.0, count))
    return dl.simulate("one-compartment-oral", sys.argv[1], people, times="2 h")
simulate(20)
open("/proc/self/clear_refs", "w").write("5")  # the peak starts again from what is in use now
before = status("VmHWM")
levels = simulate(int(sys.argv[2]))
print(json.dumps({"peak": status("VmHWM") - before, "levels": levels["plasma"].nbytes}), flush=True)
"""


def child(script, *arguments):
    """The first line a new process prints, and how long it took to say it. [s]"""
    paths = os.pathsep.join(
        [str(Path(dl.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        waited = time.perf_counter() - begin
    assert process.returncode == 0
    return line.strip(), waited


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="peak memory is read as Linux tells it"
)
def test_memory(benchmark):
    """Peak of resident memory that one simulation adds, in a process of its own: 1.2 times the levels at most.

    The kernel's own high-water mark, so threads and compiled code count like numpy's arrays.
    """
    out, _ = benchmark.pedantic(child, args=(CHILD, W1, SUBJECTS), rounds=1)
    told = json.loads(out)
    assert told["levels"] == 8 * SUBJECTS * 1681
    beside = told["peak"] / told["levels"] - 1.0
    benchmark.extra_info.update(levels_MB=told["levels"] / 1e6, beside_percent=100 * beside)
    assert beside <= BESIDE


FIRST = """
import numpy as np, doseline as dl
model = dl.load_model("isotretinoin")
people = dl.cohort(WT=np.linspace(40, 120, 81))
levels = dl.simulate(model, "40 mg twice daily for 20 weeks", people, meal=["fed", "fasted"], times="1 h")
print(levels["plasma"].shape, bool(np.isfinite(levels["plasma"]).all()), flush=True)
"""


def test_first_result(benchmark):
    """A second process, from its start to its first result: import, load a model, simulate 81 subjects."""
    waits = []

    def start():
        said, waited = child(FIRST)
        assert said == "(2, 81, 3361) True"
        waits.append(waited)

    benchmark.pedantic(start, rounds=5, warmup_rounds=1)  # the first one may have to compile
    benchmark.extra_info.update(first_result_s=min(waits))
    limit("first result [s]", None if benchmark.disabled else min(waits[1:]), START)
