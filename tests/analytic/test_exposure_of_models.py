"""`dl.exposure` of a model: which rows, intervals and names, and how they fit what levels give.

Truth: closed forms of one compartment with absorption after a lag, summed over the doses; and exposure of sampled
levels, which comes nearer to it the finer the grid is.
"""

import numpy as np
import pytest

import doseline as dl

KA, CL, V, F, TLAG = 1.0, 5.0, 50.0, 0.8, 0.5
MODEL = "one-compartment-oral-lag"
COURSE = "100 mg every 12 h for 3 days"


def level(t, doses):
    """Bateman's function, dose by dose [mg/L]."""
    ke = CL / V
    since = np.maximum(np.asarray(t)[..., np.newaxis] - np.asarray(doses) - TLAG, 0.0)
    return (F * 100.0 * KA / (V * (KA - ke)) * (np.exp(-ke * since) - np.exp(-KA * since))).sum(axis=-1)


@pytest.fixture(scope="module")
def whole():
    return dl.exposure(MODEL, COURSE, thresholds={"low": "500 ug/L", "high": 1.5})


@pytest.fixture(scope="module")
def found(whole):
    return whole.isel(subject=0)


def test_steady_state_is_the_closed_form(found):
    """AUC over a period at steady state is F dose / CL; the first dose alone gives what Bateman's integral gives."""
    ke, tau = CL / V, 12.0
    assert float(found["steady_AUC"]) == pytest.approx(F * 100.0 / CL, rel=1e-13)
    assert float(found["steady_Cavg"]) == pytest.approx(F * 100.0 / CL / tau, rel=1e-13)
    s = tau - TLAG
    single = F * 100.0 * KA / (V * (KA - ke)) * (-np.expm1(-ke * s) / ke + np.expm1(-KA * s) / KA)
    assert float(found["accumulation"]) == pytest.approx(F * 100.0 / CL / single, rel=1e-12)
    assert float(found["steady_period"]) == tau


def test_peaks_and_crossings_are_the_closed_form(found):
    """Cmax of the first dose is Bateman's; the level stands at the threshold when it is first above it."""
    ke = CL / V
    peak = np.log(KA / ke) / (KA - ke) + TLAG
    first = found.sel(interval=1)
    assert float(first["Tmax"]) == pytest.approx(peak, abs=1e-7)
    assert float(first["Cmax"]) == pytest.approx(level(peak, [0.0]), rel=1e-13)
    assert first["Cmin"].item() == 0.0
    doses = np.arange(0.0, 72.0, 12.0)
    times = np.array([float(found["course_first_above"].sel(threshold=name)) for name in ("low", "high")])
    assert np.abs(level(times, doses) - [0.5, 1.5]).max() < 1e-12
    assert found["threshold_level"].values.tolist() == [0.5, 1.5]
    fluctuation = (found["Cmax"] - found["Cmin"]) / found["Cavg"]
    np.testing.assert_allclose(found["fluctuation"], fluctuation, rtol=1e-14)


def test_intervals_add_up_to_the_course(found):
    for name in ("AUC", "time_above", "time_below"):
        np.testing.assert_allclose(found[name].sum("interval"), found[f"course_{name}"], rtol=1e-12)
    assert found["Cmax"].max() == found["course_Cmax"]
    lengths = found["time_above"] + found["time_below"]
    np.testing.assert_allclose(lengths, 12.0, rtol=1e-14)


def test_sampled_levels_come_near(whole):
    """Linear-logarithmic trapezoids are off by the square of the step."""
    off = []
    for step in (0.1, 0.05):
        sampled = dl.exposure(dl.simulate(MODEL, COURSE, times=f"{step} h"))
        assert sampled["AUC"].dims == whole["AUC"].dims
        assert set(sampled.data_vars) <= set(whole.data_vars)
        off.append(abs((sampled["course_AUC"] / whole["course_AUC"]).item() - 1.0))
    assert off[1] < off[0] / 3.5
    assert off[1] < 1e-4


def test_intervals_can_be_chosen(whole):
    last = dl.exposure(MODEL, COURSE, intervals="last")
    assert last["Cmax"].values.tolist() == whole["Cmax"].isel(interval=[-1]).values.tolist()
    assert last["interval_start"].values.tolist() == [60.0]
    some = dl.exposure(MODEL, {"long": COURSE, "short": "100 mg every 12 h for 1 day"}, intervals=[1, 6])
    assert some["interval"].values.tolist() == [1, 6]
    assert (
        some["Cmax"].sel(regimen="long").values.tolist() == whole["Cmax"].sel(interval=[1, 6]).values.tolist()
    )
    assert np.isfinite(some["Cmax"].sel(regimen="short").values[0]).tolist() == [True, False]
    table = dl.exposure_table(last)
    assert table["Cmax (mg/L)"].tolist() == last["Cmax"].values.ravel().tolist()


def test_each_subject_has_the_intervals_of_their_own_doses():
    """A course until a cumulative dose ends at another time for each weight."""
    course = "100 mg every 12 h until 10 mg/kg"
    people = dl.cohort(WT=[40.0, 80.0])
    whole = dl.exposure(MODEL, course, people)
    assert np.isfinite(whole["AUC"].values).sum(axis=1).tolist() == [4, 8]
    last = dl.exposure(MODEL, course, people, intervals="last")
    assert last["interval_start"].values.tolist() == [[36.0], [84.0]]
    assert last["AUC"].values.ravel().tolist() == [whole["AUC"].values[0, 3], whole["AUC"].values[1, 7]]


def test_the_course_can_be_followed_longer():
    """After ten half-lives more, what is left of the area is what is left of the drug."""
    longer = dl.exposure(MODEL, "100 mg once", until="10 days")
    assert longer["course_AUC"].item() == pytest.approx(F * 100.0 / CL, rel=1e-9)
    assert np.isnan(longer["steady_AUC"].item())
    shorter = dl.exposure(MODEL, COURSE, until=30.0)
    assert np.isfinite(shorter["AUC"].values).ravel().tolist() == [True, True, False, False, False, False]


def test_dimensions_and_draws_are_those_of_simulate():
    people = dl.cohort(5, seed=1, WT="normal(70 kg, 10 kg)")
    asked = {"meal": ["fed", "fasted"], "replicates": 2}
    courses = {"a": "40 mg twice daily for 2 days", "b": "20 mg twice daily for 2 days"}
    found = dl.exposure("isotretinoin", courses, people, **asked)
    levels = dl.simulate("isotretinoin", courses, people, times="0.5 h", **asked)
    sampled = dl.exposure(levels)
    assert found["AUC"].dims == sampled["AUC"].dims
    for name in ("eta_CL", "CL", "total_dose", "doses_taken", "WT"):
        assert found[name].identical(sampled[name])
    np.testing.assert_allclose(found["course_AUC"], sampled["course_AUC"], rtol=0.01)
    again = dl.exposure("isotretinoin", courses, people, threads=1, **asked)
    assert again.identical(found)


def test_the_cohort_can_be_cut_anywhere():
    people = dl.cohort(9, seed=1, WT="normal(70 kg, 10 kg)")
    asked = {"adherence": 0.8, "thresholds": 200, "intervals": "last"}
    whole = dl.exposure("isotretinoin", "40 mg twice daily for 1 week", people, **asked)
    part = dl.exposure("isotretinoin", "40 mg twice daily for 1 week", people[3:6], seed=1, **asked)
    for name in ("course_AUC", "Cmax", "course_time_above", "steady_AUC", "total_dose"):
        assert whole[name].isel(subject=slice(3, 6)).values.tolist() == part[name].values.tolist()


def test_rows_that_fail_are_told():
    people = dl.cohort(CL=[5.0, -1.0])
    with pytest.raises(dl.DoselineError, match="1 of 2 rows could not be solved"):
        dl.exposure(MODEL, COURSE, people)
    kept = dl.exposure(MODEL, COURSE, people, on_failure="mark")
    assert kept["status"].values.tolist() == [0, 1]
    assert np.isnan(kept["course_AUC"].values).tolist() == [False, True]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"thresholds": "3 h"},
            "thresholds: '3 h' is time\n  expected mass / volume, in a unit such as mg/L",
        ),
        ({"thresholds": [1, 1]}, "thresholds: found [1, 1]\n  give every threshold once"),
        ({"thresholds": {"low": "1 kg"}}, "thresholds low: '1 kg' is mass\n  expected mass / volume"),
        ({"thresholds": np.nan}, "thresholds: "),
        ({"intervals": 0}, "intervals: found 0\n  expected 'all', 'last', or numbers from 1 on, ascending"),
        ({"intervals": "first"}, "intervals: found 'first'\n  expected 'all'"),
        ({"steady": "yes"}, "steady: found 'yes'\n  expected True or False"),
        ({"until": "-3 h"}, "until: found '-3 h'\n  expected one time above 0 h, such as '24 weeks'"),
        ({"output": "urine"}, "output: unknown output 'urine'\n  one-compartment-oral-lag has: plasma"),
        ({"times": "1 h"}, "times: dl.exposure has no such argument\n  it is for dl.simulate, dl.bands and"),
        ({"meel": "fed"}, "meel: dl.exposure has no such argument\n  did you mean 'meal'?"),
        ({"progress": 3}, "progress: found 3\n  expected True, False, or a function of two numbers"),
    ],
)
def test_what_cannot_be_used_is_told(given, told):
    with pytest.raises(dl.DoselineError) as caught:
        dl.exposure(MODEL, COURSE, **given)
    assert str(caught.value).startswith(told)


def test_levels_and_event_tables():
    levels = dl.simulate(MODEL, COURSE, times="1 h")
    with pytest.raises(dl.DoselineError) as caught:
        dl.exposure(levels, thresholds=3)
    assert str(caught.value) == (
        "thresholds: these are levels, and this is for a model\n"
        "  leave it out, or give the model: dl.exposure(model, regimens, people, ...) finds it while solving"
    )
    records = dl.read_records({"TIME": [0, 24], "AMT": [100, 0]})
    with pytest.raises(dl.DoselineError, match="found an event table, in which every subject has"):
        dl.exposure(MODEL, records)
    with pytest.raises(dl.DoselineError, match="regimens: there are none"):
        dl.exposure(MODEL)


def test_progress_is_reported():
    seen = []
    dl.exposure(
        MODEL, COURSE, dl.cohort(CL=[4.0, 5.0, 6.0]), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (3, 3)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
