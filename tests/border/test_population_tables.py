"""Event tables in which people differ: what cannot be drawn beside what the table gives, and what is told of it.

Truth: the table itself, and the model file.
"""

import numpy as np
import pytest

import doseline as dl
from doseline.errors import InputError

BASE = dl.load_model("one-compartment-oral-lag")
TABLE = {"ID": [1, 1, 2, 2], "TIME": [0, 6, 0, 6], "AMT": [100, 0, 100, 0], "EVID": [1, 0, 1, 0]}


def records(**more):
    return dl.read_records({**TABLE, **more})


def told(**call):
    with pytest.raises(InputError) as caught:
        dl.simulate(**call)
    return str(caught.value)


def test_a_column_and_a_distribution_that_replaces_it():
    model = BASE.edit(
        variability={"CL": dict(distribution="uniform", low=1, high=9, source="test", status="assumption")}
    )
    table = records(CL=[4, 4, 8, 8])
    assert told(model=model, regimens=table, seed=7) == (
        "records: the column CL gives CL, and so does its uniform effect\n"
        "  leave the column out, or leave CL out of effects=[...]"
    )
    assert dl.simulate(model, table)["plasma"].equals(dl.simulate(BASE, table)["plasma"])


def test_a_column_and_its_uncertainty():
    model = BASE.edit(
        uncertainty=dict(parameters=["CL"], covariance=[[0.25]], source="test", status="assumption")
    )
    assert told(model=model, regimens=records(CL=[4, 4, 8, 8]), seed=7, replicates=2) == (
        "records: the column CL gives CL, and so does its uncertainty\n"
        "  leave the column out, or leave replicates out"
    )


def test_visits_may_be_dates():
    """Truth: a draw is that of its number, whatever other numbers there are."""
    model = BASE.edit(occasions={"F": ("30 %", "visit")})
    one = dl.simulate(model, records(OCC=[20261124, 20261124, 3, 3]), seed=7)
    other = dl.simulate(model, records(OCC=[20261124, 20261124, 20270101, 20270101]), seed=7)
    assert one["kappa_F"].values[0] == other["kappa_F"].values[0]
    assert one["kappa_F"].values[1] != other["kappa_F"].values[1]


def test_subjects_far_apart_have_errors_of_their_own():
    """Truth: two subjects, two numbers; these two differ in their upper half alone."""
    model = BASE.edit(residual={"plasma": "20 %"})
    ids = [1, 1, 2**32 + 1, 2**32 + 1]
    seen = dl.simulate(model, records(ID=ids), seed=7, observed=True)
    share = (seen["plasma_observed"] / seen["plasma"]).values
    assert share[0] != share[1]


def test_what_a_meal_sets_is_not_told_as_of_the_subject():
    """Truth: the doses. One taken fasted has another bioavailability than one taken fed."""
    model = dl.load_model("isotretinoin").edit(variability={"F": "20 %"})
    levels = dl.simulate(model, "20 mg once fasted", dl.cohort(WT=[70]), times="6 h for 24 h", seed=7)
    assert "eta_F" in levels
    assert "F" not in levels
    assert np.isclose(
        dl.dose_log(levels)["F"][0],
        0.3702 * np.exp(levels["eta_F"].values[0]) * levels["F_FASTED"].values[0],
        rtol=1e-12,
    )
