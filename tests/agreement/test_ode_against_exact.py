"""Linear models as differential equations, step by step, against the engine that needs no steps.

Truth: the exact engine, which is itself held against matrix exponentials and closed forms elsewhere. Tolerances, as
parts of each output's maximum: 1e-7, which is promised at the default tolerance, and 1e-9 a hundred times below it,
where the largest miss is 1e-10. Many points are read off between steps. Random bodies and tables, with rates of any
size: 1e-7 of the largest amount, for the maximum of an output that stays nearly empty says nothing.
"""

import numpy as np
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from test_records_against_plain import even, model_of, read, scale_of, studies

import doseline as dl
from doseline.model.read import library, load_model, read_model

pytestmark = pytest.mark.filterwarnings("ignore:.*doses with RATE = 0 are boluses")

LINEAR = sorted(name for name in library() if load_model(name).linear)
PEOPLE = {"WT": [48.0, 70.0, 113.0]}
TIMES = np.unique(np.concatenate([np.arange(0.0, 60.0, 0.25), np.linspace(0.013, 160.0, 90)]))
PROMISED = 1e-7
TIGHT = {"rtol": 1e-10, "atol": 1e-12}
METHODS = ["dop853", "tsit5", "rodas5p"]


def as_rates(text):
    """The same model with its flows written as rates of change."""
    file = tomlkit.parse(text)
    file.pop("check", None)  # identities of linear models are not for these
    changes = {}
    for flow, rate in file.pop("flows").items():
        source, target = (name.strip() for name in flow.split("->"))
        changes[source] = changes.get(source, "0 * (" + rate + f") * {source}") + f" - ({rate}) * {source}"
        if target != "out":
            changes[target] = (
                changes.get(target, "0 * (" + rate + f") * {source}") + f" + ({rate}) * {source}"
            )
    file["rates"] = changes
    return tomlkit.dumps(file)


def courses(model):
    """Regimens that use every route: boluses, infusions that overlap, and a pause."""
    by = [
        f"100 mg {over}every {every} h x {count} by {route}"
        for route in model.routes
        for over, every, count in (("", 12, 4), ("over 3.7 h ", 2.5, 5))
    ]
    return {"in turn": ", then ".join(by), "at once": " and ".join(f"({text})" for text in by)}


def levels(model, **how):
    """Outputs (output, regimen, meal, subject, time)."""
    meals = sorted({meal for known in model.formulations.values() for meal in known.meals})
    people = PEOPLE if "WT" in model.covariates else None
    found = dl.simulate(model, courses(model), people, times=TIMES, meal=meals or None, **how)
    return np.stack([found[name].values for name in model.outputs])


def agree(found, truth, within):
    largest = np.abs(truth).max(axis=-1, keepdims=True)
    assert (largest > 0).all()
    np.testing.assert_allclose(found / largest, truth / largest, rtol=0, atol=within)


@pytest.mark.parametrize("name", LINEAR)
def test_library(name):
    model = load_model(name)
    truth = levels(model)
    for method in METHODS:
        agree(levels(model, method=method), truth, PROMISED)
    agree(levels(model, method="dop853", **TIGHT), truth, 1e-9)


@pytest.mark.parametrize("name", LINEAR)
def test_library_written_as_rates(name):
    model = read_model(as_rates(library()[name].read_text(encoding="utf-8")), place=name)
    assert not model.linear
    agree(levels(model, **TIGHT), levels(load_model(name)), 1e-9)


def test_the_library_has_linear_models():
    assert len(LINEAR) > 15


# ---------------------------------------------------------------- event tables


def agree_on_records(study, times=None, *, method, rates=False):
    """Truth: the exact engine, on the same records."""
    body, people, modes = study
    model = model_of(*body)
    records = read(people, modes)
    truth = dl.simulate(model, records, times=times)
    other = read_model(as_rates(str(model)), place="rates") if rates else model
    found = dl.simulate(other, records, times=times, method=method)
    for at, rows in enumerate(people):
        own = truth["subject"].values == 3 * at + 7
        one, two = (np.stack([each[f"y{k}"].values[own] for k in body[2]]) for each in (found, truth))
        largest = scale_of(rows, body, two)
        np.testing.assert_allclose(one / largest, two / largest, rtol=0, atol=PROMISED)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=15, deadline=None)
@given(study=studies())
def test_event_tables(method, study):
    agree_on_records(study, method=method)


@settings(max_examples=10, deadline=None)
@given(study=studies(), times=even)
def test_event_tables_on_a_grid(study, times):
    agree_on_records(study, times, method="dop853")


@settings(max_examples=10, deadline=None)
@given(study=studies())
def test_event_tables_written_as_rates(study):
    agree_on_records(study, method=None, rates=True)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=300, deadline=None)
@given(study=studies(), times=st.none() | even)
def test_event_tables_at_length(method, study, times):
    agree_on_records(study, times, method=method)
