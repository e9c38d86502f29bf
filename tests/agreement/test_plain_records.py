"""The plain simulator of event tables against an established one, so that the reference itself is anchored.

Truth: tests/conformance/data (its README says how it was computed), and closed forms for what they do not have.
Tolerance: 1e-10 of each scenario's maximum, for the data are good to 3e-14 (c07: 2e-12), and the plain simulator leaves
out what has decayed by exp(-45); 1e-13 of closed forms, for scipy's exponential is good to some 1e-15 a step.
"""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from plain_records import Record, simulate

DATA = Path(__file__).parents[1] / "conformance" / "data"
NONLINEAR = ("1cmt_oral_mm", "irm1")
CLOSE = 1e-10


def flows(name, p):
    """The ODEs of a scenario's model as flows, compartments counted from 0; written from its json by hand."""
    if name.endswith("_wt"):
        p = p | {"CL": p["TVCL"] * (p["WT"] / 70) ** 0.75, "V": p["TVV"] * (p["WT"] / 70)}
    if name in ("1cmt_iv", "1cmt_iv_wt"):
        return {(0, None): p["CL"] / p["V"]}
    if name in ("1cmt_oral", "1cmt_oral_ode", "1cmt_oral_wt"):
        return {(0, 1): p["KA"], (1, None): p["CL"] / p["V"]}
    if name == "2cmt_iv":
        return {(0, 1): p["Q"] / p["V1"], (1, 0): p["Q"] / p["V2"], (0, None): p["CL"] / p["V1"]}
    if name == "2cmt_oral":
        return {
            (0, 1): p["KA"],
            (1, 2): p["Q"] / p["V2"],
            (2, 1): p["Q"] / p["V3"],
            (1, None): p["CL"] / p["V2"],
        }
    raise ValueError(name)


def scenarios():
    for path in sorted(DATA.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["model"]["name"] not in NONLINEAR:
            yield told


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def as_records(told, table):
    """The records of one subject for the plain simulator."""
    name, mode = told["model"]["name"], told["covariate_interpolation"]
    known = [told["params"] | row for row in table]
    own = [flows(name, p) for p in known]
    for at, (row, p) in enumerate(zip(table, known, strict=True)):
        cmt = int(row["CMT"])
        yield Record(
            time=row["TIME"],
            flows=own[at] if mode == "nocb" else own[max(at - 1, 0)],
            own_flows=own[at],
            evid=int(row["EVID"]),
            compartment=cmt,
            amount=row["AMT"],
            rate=row["RATE"],
            interval=row["II"],
            additional=int(row["ADDL"]),
            steady=int(row["SS"]),
            F=p.get(f"F{cmt}", 1.0),
            lag=p.get(f"ALAG{cmt}", 0.0),
            R=p.get(f"R{cmt}", 0.0),
            D=p.get(f"D{cmt}", 0.0),
        )


def expected(name):
    """Pending doses survive a reset (c74, c75) and end with SS=1 (c76)."""
    ending = "expected_cancel" if name.startswith("c76") else "expected"
    return rows(DATA / f"{name}.{ending}.csv")


@pytest.mark.parametrize("told", list(scenarios()), ids=lambda told: told["id"])
def test_scenario(told):
    table = rows(DATA / f"{told['id']}.csv")
    n = len(re.findall(r"d\w+/dt", told["model"]["ode"]))
    found = []
    for subject in dict.fromkeys(row["ID"] for row in table):
        own = [row for row in table if row["ID"] == subject]
        found += simulate(list(as_records(told, own)), n)
    truth = [[row[f"A{i + 1}"] for i in range(n)] for row in expected(told["id"])]
    largest = np.max(truth)
    np.testing.assert_allclose(np.array(found) / largest, np.array(truth) / largest, rtol=0, atol=CLOSE)


# -- what no scenario has: closed forms of one compartment, x' = -k x, and of a depot before it

K, KA = 0.1, 0.75
ONE, TWO = {(0, None): K}, {(0, 1): KA, (1, None): K}
SETTLED = 100.0 / -np.expm1(-K * 12.0)
"""Just after a dose of 100 mg every 12 h."""


def row(time, flows=ONE, **given):
    return Record(time=time, flows=flows, own_flows=flows, **given)


def amounts(*rows, n=1):
    return np.array(simulate(rows, n))


@pytest.mark.parametrize("lag", [0.0, 3.0, 12.0, 17.5, 40.0])
@pytest.mark.parametrize("said", [{"steady": 1}, {"steady": 2}, {"steady": 1, "evid": 4}], ids=str)
def test_train_with_any_lag(lag, said):
    """Truth: the geometric series; the last dose before TIME arrived lag modulo 12 h later than a multiple of 12 h."""
    dose = row(5.0, **({"evid": 1, "compartment": 1, "amount": 100.0, "interval": 12.0, "lag": lag} | said))
    times = 5.0 + np.arange(0.0, lag + 1.0)
    given_on = (times - 5.0 - lag) % 12.0
    found = amounts(dose, *(row(time) for time in times))[:, 0]
    np.testing.assert_allclose(found, SETTLED * np.exp(-K * given_on), rtol=1e-13)


def test_train_of_infusions_longer_than_the_interval():
    """Truth: superposition of R/k (1 - exp(-k t)) up to 30 h and its decay after that, summed over 400 doses."""
    age = np.arange(1, 401) * 12.0
    each = 50.0 * -np.expm1(-K * np.minimum(age, 30.0)) * np.exp(-K * np.maximum(age - 30.0, 0.0))
    dose = {"evid": 1, "compartment": 1, "amount": 150.0, "rate": 5.0, "interval": 12.0, "steady": 1}
    np.testing.assert_allclose(amounts(row(7.0, **dose), row(7.0))[0], each.sum(), rtol=1e-13)


@pytest.mark.parametrize(("rate", "steady", "level"), [(5.0, 1, 50.0), (-1, 1, 80.0), (5.0, 2, 150.0)])
def test_constant_infusion(rate, steady, level):
    """Truth: rate / k, on top of what is there with SS=2; it stops at the record. F and lag do nothing."""
    held = {"evid": 1, "compartment": 1, "rate": rate, "steady": steady, "R": 8.0, "F": 0.3, "lag": 2.0}
    found = amounts(row(1.0, evid=1, compartment=1, amount=100.0), row(1.0, **held), row(1.0), row(9.0))
    np.testing.assert_allclose(found[:, 0], [level, level * np.exp(-0.8)], rtol=1e-13)


def test_switched_off_and_on():
    """Truth: what flows to a compartment that is off is lost; the depot does not notice. On again, it fills anew."""
    found = amounts(
        row(0.0, TWO, evid=1, compartment=1, amount=100.0),
        row(2.0, TWO, evid=2, compartment=-2),
        row(3.0, TWO, compartment=-2),
        row(4.0, TWO, evid=2, compartment=2),
        row(5.0, TWO),
        row(5.0, TWO, evid=2, compartment=-1),
        row(6.0, TWO),
        n=2,
    )
    depot = 100.0 * np.exp(-KA * np.array([3.0, 4.0]))
    bateman = depot[1] * KA / (KA - K) * (np.exp(-K) - np.exp(-KA))
    np.testing.assert_allclose(found[0], [depot[0], 0.0], rtol=1e-13)
    np.testing.assert_allclose(found[1], [depot[1] * np.exp(-KA), bateman], rtol=1e-13)
    np.testing.assert_allclose(found[2], [0.0, bateman * np.exp(-K)], rtol=1e-13)


def test_a_dose_switches_on_and_switching_off_ends_infusions():
    """Truth: exp(-k t) of the bolus alone; the infusion of 10 mg/h that ran until 2 h is gone."""
    found = amounts(
        row(0.0, evid=1, compartment=1, amount=100.0, rate=10.0),
        row(0.0, evid=1, compartment=1, amount=64.0, lag=4.0),
        row(2.0, evid=2, compartment=-1),
        row(3.0),
        row(6.0),
    )
    np.testing.assert_allclose(found[:, 0], [0.0, 64.0 * np.exp(-0.2)], rtol=1e-13)


def test_initial_amounts_and_resets():
    """Truth: exp(-k t) from 20 mg, and from the 30 mg of the reset; a dose still to come at the reset arrives."""
    found = amounts(
        row(1.0, initial=(20.0,), evid=1, compartment=1, amount=100.0, lag=6.0),
        row(3.0),
        row(5.0, initial=(30.0,), evid=3),
        row(6.0),
        row(8.0),
    )
    truth = [20.0 * np.exp(-0.2), 30.0 * np.exp(-0.1), 30.0 * np.exp(-0.3) + 100.0 * np.exp(-0.1)]
    np.testing.assert_allclose(found[:, 0], truth, rtol=1e-13)


def test_replaced_amount_keeps_the_infusion():
    """Truth: 8 mg decay, and R/k (1 - exp(-k t)) comes on top."""
    found = amounts(
        row(0.0, evid=1, compartment=1, amount=100.0, duration=10.0),
        row(4.0, evid=8, compartment=1, amount=8.0, F=0.5, lag=3.0),
        row(6.0),
    )
    np.testing.assert_allclose(found[:, 0], 8.0 * np.exp(-0.2) + 100.0 * -np.expm1(-0.2), rtol=1e-13)


def test_rates_that_change_under_way():
    """Truth: exp(-sum of k t); the dose within the second stretch has only the rest of it."""
    found = amounts(
        row(0.0, evid=1, compartment=1, amount=100.0, interval=3.0, additional=1),
        row(2.0),
        Record(time=6.0, flows={(0, None): 0.5}),
    )
    truth = [100.0 * np.exp(-0.2), 100.0 * np.exp(-0.2 - 2.0) + 100.0 * np.exp(-1.5)]
    np.testing.assert_allclose(found[:, 0], truth, rtol=1e-13)
