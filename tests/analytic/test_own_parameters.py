"""Parameters that a cohort has a column for: values of the subject's own take the place of the typical ones.

Truth: the closed form of one compartment with absorption after a lag (Bateman), with each subject's own values in it.
"""

import numpy as np
import pandas as pd
import pytest

import doseline as dl

TIMES = np.arange(0.0, 24.5, 0.5)
OWN = {"CL": [10.0, 20.0], "V": [150.0, 300.0], "KA": [0.5, 2.0], "TLAG": [0.25, 1.0], "F": [0.5, 1.0]}


def bateman(*, CL, V, KA, TLAG, F):
    """Level after 100 mg by mouth [mg/L]."""
    ke, since = CL / V, np.maximum(TIMES - TLAG, 0.0)
    return F * 100.0 * KA / (V * (KA - ke)) * (np.exp(-ke * since) - np.exp(-KA * since))


def row(subject):
    """The values of one subject."""
    return {name: values[subject] for name, values in OWN.items()}


@pytest.mark.parametrize("method", [None, "dop853"])
def test_subjects_have_values_of_their_own(method):
    """Each row is the closed form at the subject's values, exactly and in steps; values at doses are among them."""
    found = dl.simulate(
        "one-compartment-oral-lag", "100 mg once", dl.cohort(**OWN), times=TIMES, method=method
    )
    for subject in range(2):
        truth = bateman(**row(subject))
        # the closed form subtracts two exponentials; steps hold 1e-8 of each amount
        limit = 1e-12 if method is None else 1e-7
        assert np.abs(found["plasma"].values[subject] - truth).max() < limit * truth.max()
    assert dl.replay(found).identical(found)
    assert found["CL"].attrs["units"] == "L/h"


def test_units_of_the_cohort_hold():
    """5 L/h are 83.33 mL/min."""
    ureg = pytest.importorskip("pint").get_application_registry()
    given = dl.cohort(CL=np.array([5000.0 / 60.0]) * ureg("mL/min"))
    found = dl.simulate("one-compartment-oral-lag", "100 mg once", given, times=TIMES)
    plain = dl.simulate("one-compartment-oral-lag", "100 mg once", times=TIMES)
    np.testing.assert_allclose(found["plasma"].values, plain["plasma"].values, rtol=1e-13)


def test_random_effects_act_on_them():
    """The individual clearance is the subject's own times exp(eta), as the Dataset says it."""
    model = dl.load_model("one-compartment-oral-lag").edit(
        variability={"CL": {"cv": "30 %", "source": "chosen for the test", "status": "assumption"}}
    )
    found = dl.simulate(model, "100 mg once", dl.cohort(pd.DataFrame(OWN)), times=TIMES, seed=3)
    for subject in range(2):
        truth = bateman(**dict(row(subject), CL=OWN["CL"][subject] * np.exp(float(found["eta_CL"][subject]))))
        assert np.abs(found["plasma"].values[subject] - truth).max() < 1e-12 * truth.max()
    np.testing.assert_allclose(found["CL_individual"], OWN["CL"] * np.exp(found["eta_CL"]), rtol=1e-15)


def test_they_win_over_what_a_meal_sets():
    """Both meals give the levels of the one value that the subject has."""
    meals = ["fed", "fasted"]
    own = {"F": [0.5], "TLAG": [1.0]}
    found = dl.simulate(
        "isotretinoin", "40 mg once", dl.cohort(WT=[70], **own), times="1 h for 24 h", meal=meals
    )
    level = found["plasma"].squeeze("subject")
    assert level.sel(meal="fed").values.tolist() == level.sel(meal="fasted").values.tolist()
    assert float(level.max()) > 0.0


def test_words_are_refused():
    with pytest.raises(dl.DoselineError) as caught:
        dl.simulate("one-compartment-oral-lag", "100 mg once", dl.cohort(CL=["low", "high"]), times=TIMES)
    assert str(caught.value) == (
        "cohort CL: found words, and CL is a parameter of one-compartment-oral-lag\n"
        "  give numbers in L/h, or rename the covariate"
    )
