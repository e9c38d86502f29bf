"""What it costs that people differ, miss doses, and absorb each dose in their own way.

The yardstick is the same course of the same people without anything random, in the same run, in turns: 10,000
subjects, 280 doses, 1,681 times. With three effects between subjects, a lag and a bioavailability of each dose, and
80 % of the doses taken, it may take four times as long. The answer is checked first, against the closed form, from what
the Dataset says was drawn.
"""

import time

import numpy as np
import pytest

import doseline as dl

ROUNDS = 9
FACTOR = 4.0
SUBJECTS, DOSES, EVERY = 10_000, 280, 12.0
COURSE = f"0.25 mg/kg every {EVERY:g} h x {DOSES}"


def spread(cv, **more):
    return {"cv": cv, "source": "chosen for the benchmark", "status": "assumption", **more}


@pytest.fixture(scope="module")
def runs():
    """The population run, and the one without effects."""
    model = dl.load_model("one-compartment-oral-lag")
    people = dl.cohort(WT=np.linspace(40.0, 120.0, SUBJECTS))
    course = dl.regimen(COURSE)
    varied = model.edit(
        variability={"CL": spread("30 %"), "V": spread("20 %"), "KA": spread("50 %")},
        occasions={"TLAG": spread("30 %", every="dose"), "F": spread("20 %", every="dose")},
    )

    def population():
        return dl.simulate(varied, course, people, times="2 h", seed=7, adherence=0.8)

    return population, lambda: dl.simulate(model, course, people, times="2 h")


def closed_form(levels, subject):
    """Levels of one subject [mg/L], dose by dose."""
    one, time = levels.isel(subject=subject), levels["time"].values
    ka, cl, v = (float(one[name]) for name in ("KA", "CL", "V"))
    ke = cl / v
    taken = one["dose_taken"].values
    start = (one["dose_time"] + 0.5 * np.exp(one["kappa_TLAG"])).values[taken]
    share = 0.8 * np.exp(one["kappa_F"].values[taken])
    since = np.maximum(time - start[:, np.newaxis], 0.0)
    height = share * 0.25 * float(one["WT"]) * ka / (v * (ka - ke))
    return height @ (np.exp(-ke * since) - np.exp(-ka * since))


def test_population_of_w1(benchmark, runs):
    """Within four times the run without effects."""
    population, fixed = runs
    levels = population()
    for subject in range(0, SUBJECTS, 997):
        truth = closed_form(levels, subject)
        # both sum some hundred doses; the closed form subtracts two exponentials
        assert np.abs(levels["plasma"].values[subject] - truth).max() < 1e-12 * truth.max()
    assert abs(float(levels["dose_taken"].mean()) - 0.8) < 6 * np.sqrt(0.16 / (SUBJECTS * DOSES))
    del levels
    fixed()
    before = []

    def in_turns():
        begin = time.perf_counter()
        fixed()
        before.append(time.perf_counter() - begin)

    benchmark.pedantic(population, setup=in_turns, rounds=ROUNDS, warmup_rounds=1)
    if benchmark.disabled:
        pytest.skip("timing is off: the answer was checked, the time was not")
    fastest, plain = benchmark.stats.stats.min, min(before[1:])
    benchmark.extra_info.update(fixed_ms=1e3 * plain, population_ms=1e3 * fastest, factor=fastest / plain)
    assert fastest <= FACTOR * plain, f"{fastest / plain:.2f} x the run without effects, at most {FACTOR:g}"
