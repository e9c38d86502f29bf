"""What results say of people who differ: every number in them against the one that the levels were made with."""

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline.errors import SolveError

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
