"""Event tables against an established simulator: 76 scenarios, each with its table, its model and its levels.

Truth: tests/conformance/data; its README says who computed it and how it was checked. Tolerance: 1e-10 of the maximum
of each column in a scenario, as that README gives it: the two closed forms behind the data agree to 3e-14 (c07, whose
truth is an ODE solver's: 2e-12), and a scenario that differs by a rule differs by 1e-5 or more. Where we solve
differential equations: 1e-8 for scenarios that are not linear, which the README gives too, and 1e-7 for all of them by
both kinds of method, which is what is promised at the default tolerance.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scenario_models import compartments, model_text

import doseline as dl
from doseline.model.read import read_model

HERE = Path(__file__).parent
DATA = HERE / "data"
ORIGINAL = HERE.parents[2] / "shared" / "conformance"
CLOSE = 1e-10
SOLVED_CLOSE, STEPPED_CLOSE = 1e-8, 1e-7
NOT_LINEAR = ("c69_mm_oral_addl", "c70_mm_inf_ss", "c71_mm_bolus_ss_lag", "c72_irm_oral")
"""Scenarios that are not linear."""
CANCELLED = ("c76_x_ss1_pending",)
"""Where two expectations are at hand, c74 and c75 follow the one in which pending doses go on, c76 the other."""


def scenario(name):
    """The json of a scenario, and the names of the columns of its table."""
    told = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    with (DATA / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return told, next(csv.reader(file))


def expected(name):
    """Columns of the expected levels, one entry an observation."""
    ending = "expected_cancel" if name in CANCELLED else "expected"
    with (DATA / f"{name}.{ending}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}


ALL = sorted(path.stem for path in DATA.glob("*.json"))


def test_all_scenarios_are_here():
    assert len(ALL) == 76
    assert set(NOT_LINEAR) < set(ALL)


def solved(name, **how):
    """Our levels beside the expected ones: {column: (found, truth)}, each as a part of its own largest level."""
    told, columns = scenario(name)
    model = read_model(model_text(told, columns), place=name)
    records = dl.read_records(DATA / f"{name}.csv", modes=told["covariate_interpolation"])
    levels = dl.simulate(model, records, **how)
    truth = expected(name)
    assert levels["line"].values.tolist() == (truth["ROW"] + 1).tolist()  # the header is line 1
    assert levels["subject"].values.tolist() == truth["ID"].tolist()
    np.testing.assert_array_equal(levels["time"], truth["TIME"])
    amounts = [f"A{number}" for number, _ in enumerate(compartments(told), start=1)]
    assert [column for column in truth if column.startswith("A")] == amounts
    # a column that stays empty has to stay empty beside the others
    most = {column: truth[column].max() or max(truth[other].max() for other in amounts) for column in truth}
    return {
        column: (levels[column].values / most[column], truth[column] / most[column])
        for column in ["CP", *amounts]
    }


def close(compared, within):
    for column, (found, truth) in compared.items():
        np.testing.assert_allclose(found, truth, rtol=0, atol=within, err_msg=column)


@pytest.mark.parametrize("name", ALL)
def test_scenario(name):
    """With the method that doseline itself chooses."""
    close(solved(name), SOLVED_CLOSE if name in NOT_LINEAR else CLOSE)


@pytest.mark.parametrize("method", ["dop853", "rodas5p"])
@pytest.mark.parametrize("name", ALL)
def test_scenario_as_differential_equations(name, method):
    """The linear ones too, step by step: doses, lags and infusions reach the solver by a way of their own."""
    close(solved(name, method=method), STEPPED_CLOSE)


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_what_is_not_linear_is_read(name):
    assert not read_model(model_text(*scenario(name)), place=name).linear


@pytest.mark.skipif(
    not ORIGINAL.is_dir(),
    reason=f"NOT COMPARED WITH THE ORIGINAL DATA: there is no {ORIGINAL}; the scenarios ran from the copy in {DATA}",
)
def test_the_copy_is_the_original():
    """Truth: the folder that the copy was made from; every table, json and expectation, to the byte."""
    names = sorted(path.name for path in ORIGINAL.iterdir() if path.suffix in (".csv", ".json"))
    assert names == sorted(path.name for path in DATA.iterdir() if path.suffix in (".csv", ".json"))
    for name in names:
        assert (DATA / name).read_bytes() == (ORIGINAL / name).read_bytes(), name
