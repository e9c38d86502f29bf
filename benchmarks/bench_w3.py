"""How fast nonlinear models are solved: workload W3, 1,000 subjects x 56 doses x 673 times x 5 states.

The yardstick is a loop over scipy's LSODA, the solver that most pharmacometric programs use, at the same tolerances,
timed on three of the subjects in the same run and scaled. The answer is checked before anything is timed, against
scipy's DOP853 at 3e-14. Where they are installed, diffrax and R's mrgsolve and rxode2 solve the same subjects in the
same run (`rivals/`).
"""

import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import doseline as dl

HERE = Path(__file__).parent
SUBJECTS, DOSES, EVERY = 1_000, 56, 12
COURSE = f"100 mg every {EVERY} h x {DOSES}"
STATES = ("gut", "plasma", "peripheral", "metabolite", "response")
CHECKED = (0, SUBJECTS // 2, SUBJECTS - 1)
RTOL, ATOL = 1e-8, 1e-10
FACTOR = 1.0 / 1000.0
"""A whole call may take this part of the loop."""
CLOSE = 1e-8
"""Error of the levels, of each output's maximum."""
ROUNDS = 9


def weights():
    return np.linspace(40.0, 120.0, SUBJECTS)


def equations(weight):
    """The right-hand side by hand: gut, central, peripheral, metabolite, response."""
    v2 = 50.0 * weight / 70.0

    def right_hand_side(_, y):
        gut, central, peripheral, metabolite, response = y
        cp = central / v2
        eliminated = 30.0 * cp / (5.0 + cp)
        out, back = 10.0 / v2 * central, 10.0 / 100.0 * peripheral
        return [
            -gut,
            gut - eliminated - out + back,
            out - back,
            eliminated - 0.2 * metabolite,
            10.0 * (1.0 - 0.9 * cp / (0.5 + cp)) - 0.1 * response,
        ]

    return right_hand_side, v2


def by_scipy(weight, method, rtol, atol):
    """States (time, 5) every hour, the central one as a concentration; dose after dose."""
    right_hand_side, v2 = equations(weight)
    state = np.array([0.0, 0.0, 0.0, 0.0, 100.0])
    found = np.empty((DOSES * EVERY + 1, 5))
    for dose in range(DOSES):
        begin = EVERY * dose
        state[0] += 100.0
        hours = np.arange(begin, begin + EVERY + 1)
        solved = solve_ivp(
            right_hand_side, (begin, begin + EVERY), state, method=method, rtol=rtol, atol=atol, t_eval=hours
        )
        found[begin : begin + EVERY + 1] = solved.y.T
        state = solved.y[:, -1].copy()
    found[:, 1] /= v2
    return found


@pytest.fixture(scope="module")
def w3():
    """The workload: a model file, a regimen as text, a cohort."""
    model = dl.load_model(HERE / "w3.toml")
    people = dl.cohort(WT=weights())
    return lambda: dl.simulate(model, COURSE, people, times="1 h")


def achieved(levels):
    """Largest error of the checked subjects, of each output's maximum."""
    worst = 0.0
    for row in CHECKED:
        truth = by_scipy(weights()[row], "DOP853", 3e-14, 1e-14)
        found = np.stack([levels[name].values[row] for name in STATES], axis=1)
        worst = max(worst, float((np.abs(found - truth) / truth.max(axis=0)).max()))
    return worst


def loop():
    """Seconds that a loop over scipy's LSODA would take for all subjects."""
    begin = time.perf_counter()
    for row in CHECKED:
        by_scipy(weights()[row], "LSODA", RTOL, ATOL)
    return (time.perf_counter() - begin) / len(CHECKED) * SUBJECTS


def test_w3(benchmark, w3):
    """The whole call, Dataset included: at most a thousandth of the LSODA loop, at an error of 1e-8."""
    levels = w3()
    error = achieved(levels)
    assert error <= CLOSE
    loops = [] if benchmark.disabled else [loop()]
    benchmark.pedantic(w3, rounds=ROUNDS, warmup_rounds=1)
    if benchmark.disabled:
        pytest.skip("timing is off: the answer was checked, the time was not")
    loops.append(loop())
    fastest = benchmark.stats.stats.min
    benchmark.extra_info.update(
        simulate_ms=1e3 * fastest,
        lsoda_loop_s=min(loops),
        times_faster=min(loops) / fastest,
        error=error,
        steps=float(levels["steps"].mean()),
    )
    assert fastest <= FACTOR * min(loops), f"{1e3 * fastest:.0f} ms, loop {min(loops):.1f} s"


def test_diffrax(benchmark, w3):
    """diffrax (Dopri8 under jax.vmap) on the same subjects, where it is installed."""
    if find_spec("diffrax") is None:
        pytest.skip("diffrax is not installed")
    script = [sys.executable, str(HERE / "rivals" / "w3_diffrax.py"), str(SUBJECTS)]
    beside(benchmark, script, w3)


@pytest.mark.parametrize("package", ["mrgsolve", "rxode2"])
def test_r(benchmark, w3, package):
    """R's simulators on the same subjects, where they are installed."""
    rscript = shutil.which("Rscript")
    there = rscript and subprocess.run(
        [rscript, "-e", f"if (!requireNamespace('{package}', quietly = TRUE)) quit(status = 1)"], check=False
    )
    if not there or there.returncode:
        pytest.skip(f"{package} is not installed")
    beside(benchmark, [rscript, str(HERE / "rivals" / f"w3_{package}.R"), str(SUBJECTS)], w3)


def beside(benchmark, script, simulate):
    """Run a rival, which prints its best time [s] and its last plasma level of the first subject; then ourselves."""
    said = subprocess.run(script, check=True, capture_output=True, text=True).stdout.split()
    theirs, last = float(said[-2]), float(said[-1])
    levels = simulate()
    assert abs(last / float(levels["plasma"][0, -1]) - 1.0) < 1e-6
    benchmark.pedantic(simulate, rounds=ROUNDS, warmup_rounds=1)
    if not benchmark.disabled:
        ours = benchmark.stats.stats.min
        benchmark.extra_info.update(theirs_s=theirs, simulate_ms=1e3 * ours, times_faster=theirs / ours)
