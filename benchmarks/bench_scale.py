"""Whether what is found while solving stays as fast with ten times the subjects, and how it compares with levels.

The yardstick of exposure and bands is a simulation of the same people at 1,681 times in the same run, levels held in
memory. `scale.py` measures a million subjects, in minutes; this takes seconds. Answers are checked first.
"""

import time

import numpy as np
import pytest

import doseline as dl

COURSE = "0.5 mg/kg/day in 2 doses for 4 weeks, then 1 mg/kg/day in 2 doses for 16 weeks"
EFFECTS = ["CL", "KA", "V2"]
FEW, MANY, ROUNDS = 5_000, 50_000, 5
FLAT = 1.2
"""A subject among ten times as many may take this much longer."""
AS_LEVELS = 3.0
"""Exposure may take this many times what the levels take."""
FOR_BANDS = 1.5
"""Bands at 281 times may take this many times what the levels at 1,681 take."""


def people(count):
    """A cohort of adults."""
    return dl.cohort(count, seed=7, WT="normal(70 kg, 14 kg) within 40..120", SEX="F: 0.5, M: 0.5")


def seconds(run):
    """The fastest of some runs."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def exposure(who):
    return dl.exposure("isotretinoin", COURSE, who, intervals="last", effects=EFFECTS, progress=False)


def bands(who):
    return dl.bands("isotretinoin", COURSE, who, times="12 h", effects=EFFECTS, progress=False)


def levels(who):
    return dl.simulate("isotretinoin", COURSE, who, times="2 h", effects=EFFECTS)


@pytest.mark.parametrize(("run", "factor"), [(exposure, AS_LEVELS), (bands, FOR_BANDS)])
def test_while_solving(benchmark, run, factor):
    few, many = people(FEW), people(MANY)
    found = exposure(few)
    truth = 1e3 * found["WT"] / 24.0 / found["CL"]
    assert float(np.abs(found["steady_Cavg"] / truth - 1.0).max()) < 1e-9
    quantiles = bands(few[:500])["plasma"].values
    exact = np.quantile(dl.simulate("isotretinoin", COURSE, few[:500], times="12 h", effects=EFFECTS)["plasma"],
                        [0.05, 0.5, 0.95], axis=0)  # fmt: skip
    assert (np.abs(quantiles - exact) <= 0.005 * exact * (1 + 1e-12)).all()
    if benchmark.disabled:
        pytest.skip("timing is off: the answer was checked, the time was not")
    yard = seconds(lambda: levels(few)) / FEW
    one, ten = seconds(lambda: run(few)) / FEW, seconds(lambda: run(many)) / MANY
    benchmark.pedantic(run, args=(few,), rounds=ROUNDS)
    benchmark.extra_info.update(us_a_subject=1e6 * one, us_of_many=1e6 * ten, levels_us=1e6 * yard)
    assert ten <= FLAT * one, (
        f"{ten / one:.2f} x the time a subject among ten times as many, at most {FLAT:g}"
    )
    assert one <= factor * yard, f"{one / yard:.2f} x the levels, at most {factor:g}"
