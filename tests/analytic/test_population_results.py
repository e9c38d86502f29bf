"""What results say of people who differ: every number in them against the one that the levels were made with."""

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline.errors import InputError, ModelError, SolveError

MADE = {"source": "test", "status": "assumption"}
ORAL, IV = dl.load_model("one-compartment-oral"), dl.load_model("one-compartment-iv")
COURSE = dl.regimen("40 mg twice daily for 2 days")
PEOPLE = dl.cohort(subject=[1, 2, 3], WT=70)


def effect(**keys):
    return keys | MADE


def test_a_regimen_without_habits_beside_one_with_them_is_taken_as_prescribed():
    """Truth: the second regimen has no habit, so that each of its doses is taken when it is due, fed by default."""
    habit = dl.adherence(0.5, late="uniform(0 h, 1 h)", meals={"fed": 0.5, "fasted": 0.5})
    regimens = {"missed": COURSE.taken(habit), "kept": "40 mg once daily for 3 days"}
    levels = dl.simulate(ORAL, regimens, PEOPLE, times="6 h", seed=1)
    kept = levels.sel(regimen="kept")
    assert kept["dose_taken"].values.tolist() == [[True, True, True, False]] * 3
    np.testing.assert_array_equal(kept["dose_taken_at"].values, [[0.0, 24.0, 48.0, np.nan]] * 3)
    assert kept["dose_meal"].values.tolist() == [[0, 0, 0, -1]] * 3
    assert dl.exposure(levels)["taken"].sel(regimen="kept").sum("interval").values.tolist() == [3, 3, 3]
    log = dl.dose_log(levels)
    assert log["taken"].dtype == bool
    own = log[log["regimen"] == "kept"]
    assert (own["prescribed (mg)"] == 40.0).all()
    np.testing.assert_array_equal(own["taken at (h)"], own["time (h)"])


def test_the_dose_log_of_some_replicates_has_their_doses():
    """Truth: the rows of these replicates in the log of all."""
    model = ORAL.edit(variability={"CL": "30 %"})
    levels = dl.simulate(model, COURSE, PEOPLE, times="6 h", seed=1, replicates=3, adherence=0.5)
    whole = dl.dose_log(levels)
    some = dl.dose_log(levels.sel(replicate=[1, 3]))
    pd.testing.assert_frame_equal(some, whole[whole["replicate"] != 2].reset_index(drop=True))
    one = dl.dose_log(levels.sel(replicate=2))
    kept = whole[whole["replicate"] == 2].drop(columns="replicate").reset_index(drop=True)
    pd.testing.assert_frame_equal(one, kept)


def test_an_effect_on_what_differs_from_dose_to_dose():
    """Truth: the share that arrives is F exp(eta of F) exp(kappa of the dose)."""
    model = ORAL.edit(
        parameters={"Q": "1"},
        individual={"F": "F * Q"},
        variability={"F": "10 %"},
        occasions={"Q": ("20 %", "dose")},
    )
    levels = dl.simulate(model, COURSE, PEOPLE, times="6 h", seed=7)
    expected = np.exp(levels["eta_F"].values[:, np.newaxis] + levels["kappa_Q"].values)
    np.testing.assert_allclose(dl.dose_log(levels)["F"], expected.ravel(), rtol=1e-14)


def test_a_typical_value_outside_the_range_of_a_logit_normal_effect_is_no_number():
    """Truth: 0.9 * 85 / 70 is above 1, the highest value there can be, and has no logit."""
    share = {"value": 0.9, "unit": "1", "label": "share"} | MADE
    model = IV.edit(
        covariates={"WT": {"unit": "kg", "reference": 70, "low": 3, "high": 300, "label": "weight"}},
        parameters={"F": share, "STD": "70 kg"},
        individual={"F": "F * WT / STD"},
        routes={"iv": {"label": "vein", "into": "central", "bioavailability": "F"}},
        variability={"F": effect(distribution="logit-normal", sd=0.5)},
    )
    people = dl.cohort(subject=[1, 2, 3], WT=[70, 85, 70])
    levels = dl.simulate(model, "100 mg once", people, times="1 h for 2 h", seed=7, on_failure="mark")
    assert (levels["status"] != 0).values.tolist() == [False, True, False]
    assert np.isnan(levels["F"].values).tolist() == [False, True, False]
    with pytest.raises(SolveError, match="F nan"):
        dl.simulate(model, "100 mg once", people, times="1 h for 2 h", seed=7)


@pytest.mark.parametrize("every", ["course", "day"])
def test_kappas_in_proportion_to_the_subjects_own_value(every):
    """Truth: the slope of the logarithm of the level is (CL + kappa) / V.

    Tolerance: a difference of two logarithms.
    """
    model = IV.edit(
        variability={"CL": "50 %"}, occasions={"CL": effect(distribution="normal", cv="20 %", every=every)}
    )
    people = dl.cohort(subject=np.arange(1, 6))
    levels = dl.simulate(model, "100 mg once", people, times=np.arange(0.0, 30.0), seed=7, replicates=2)
    kappa = levels["kappa_CL"].isel(day=0) if every == "day" else levels["kappa_CL"]
    slope = np.log(levels["plasma"].isel(time=0) / levels["plasma"].isel(time=10)) / 10
    np.testing.assert_allclose(50 * slope, levels["CL"] + kappa, rtol=1e-12)


def test_a_table_whose_course_is_an_occasion_says_what_each_arm_was_made_with():
    """Truth: the same table with one meal alone; and CL is 15 L/h exp(eta + kappa) at 70 kg."""
    model = ORAL.edit(variability={"CL": "30 %"}, occasions={"CL": effect(cv="40 %", every="course")})
    table = {
        "ID": [1, 1, 2, 2],
        "TIME": [0, 5, 0, 5],
        "AMT": [100, 0, 100, 0],
        "EVID": [1, 0, 1, 0],
        "WT": 70.0,
    }
    records = dl.read_records(pd.DataFrame(table))
    for times in (None, [2.0, 5.0]):
        both = dl.simulate(model, records, seed=7, meal=["fed", "fasted"], times=times, replicates=2)
        assert "meal" not in both["eta_CL"].dims
        for meal in ("fed", "fasted"):
            alone = dl.simulate(model, records, seed=7, meal=meal, times=times, replicates=2)
            for name in ("plasma", "kappa_CL", "eta_CL", "CL"):
                one = both[name].sel(meal=meal) if "meal" in both[name].dims else both[name]
                np.testing.assert_array_equal(one.values, alone[name].values)
            expected = 15 * np.exp(alone["eta_CL"] + alone["kappa_CL"])
            np.testing.assert_allclose(alone["CL"].values, expected.values, rtol=1e-14)


def test_a_failed_row_is_told_with_the_values_of_its_replicate():
    """Truth: the clearances that the simulation itself has for these rows."""
    model = IV.edit(variability={"CL": effect(distribution="normal", sd=3.0)})
    people = dl.cohort(subject=np.arange(1, 21))
    asked = {"times": "1 h for 2 h", "seed": 6, "replicates": 3}
    marked = dl.simulate(model, "100 mg once", people, on_failure="mark", **asked)
    failed = np.argwhere(marked["status"].values)
    assert len({row[0] for row in failed.tolist()}) > 1
    with pytest.raises(SolveError) as caught:
        dl.simulate(model, "100 mg once", people, **asked)
    for replicate, subject in failed[:5].tolist():
        clearance = float(marked["CL"][replicate, subject])
        told = (
            f"subject {subject + 1}, regimen '100 mg once', replicate {replicate + 1}: CL {clearance:.4g} L/h"
        )
        assert told in str(caught.value)


def test_estimates_of_what_every_meal_sets_are_refused():
    """Truth: a value of a meal takes the place of the typical one, so that all replicates would be the same."""
    told = {"parameters": ["F"], "covariance": [[0.01]]} | MADE
    with pytest.raises(ModelError, match="every meal sets its own 'F'"):
        ORAL.edit(uncertainty=told)
    with pytest.raises(InputError, match="every meal sets its own 'F'"):
        dl.simulate(ORAL, COURSE, PEOPLE, times="6 h", seed=1, replicates=2, uncertainty={"F": [0.9, 1.0]})


def test_an_sd_of_percent_beside_a_mean_without_a_unit_is_refused():
    """Truth: "normal(4, 10 %)" may be 4 with a CV of 10 %, 4 with an SD of 0.1, or 4 % with an SD of 10 %."""
    with pytest.raises(InputError, match="behind a mean without a unit"):
        dl.cohort(3, seed=1, SCORE="normal(4, 10 %)")
    assert dl.cohort(3, seed=1, SCORE="normal(4, cv 10 %)").units["SCORE"] is None
    assert dl.cohort(3, seed=1, SCORE="normal(45 %, 3 %) within 40..50").units["SCORE"] == "%"


def test_two_observations_of_one_time_have_errors_of_their_own():
    """Truth: errors are independent; and those of a table without the last observation stay the same."""
    model = IV.edit(residual={"plasma": "15 %"})
    table = pd.DataFrame({"ID": 1, "TIME": [0, 5, 5, 5], "AMT": [100, 0, 0, 0], "EVID": [1, 0, 0, 0]})
    seen = dl.simulate(model, dl.read_records(table), seed=2, observed=True)["plasma_observed"].values
    assert len(set(seen.tolist())) == 3
    fewer = dl.simulate(model, dl.read_records(table[:3]), seed=2, observed=True)["plasma_observed"].values
    np.testing.assert_array_equal(fewer, seen[:2])
