"""Event tables against a solver of differential equations, which knows no exponential.

Truth: scipy's DOP853 at a relative tolerance of 1e-12, started anew at everything that happens. Tolerance: 1e-10 of the
largest amount; a few hundred steps, each with an error of some 1e-13.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import doseline as dl

MODEL = dl.load_model("three-compartment-oral")
K = {name: parameter.value for name, parameter in MODEL.parameters.items()}


def slope(_, x, inflow, CL):
    depot, central, one, two = x
    absorbed = K["KA"] * depot
    there, back = K["Q3"] / K["V2"] * central, K["Q3"] / K["V3"] * one
    beyond, home = K["Q4"] / K["V2"] * central, K["Q4"] / K["V4"] * two
    return [
        -absorbed,
        absorbed + inflow - CL / K["V2"] * central - there + back - beyond + home,
        there - back,
        beyond - home,
    ]


def followed(happenings, looks):
    """Central concentrations; ``happenings`` are (time, bolus into the depot, change of inflow, CL up to then)."""
    x, now, inflow, found = np.zeros(4), 0.0, 0.0, []
    for time, bolus, change, CL in sorted(
        [*happenings, *((t, 0.0, 0.0, CL) for t, CL in looks)], key=lambda e: e[0]
    ):
        if time > now:
            x = solve_ivp(slope, (now, time), x, "DOP853", args=(inflow, CL), rtol=1e-12, atol=1e-14).y[:, -1]
            now = time
        x[0] += bolus
        inflow += change
        if any(time == t for t, _ in looks):
            found.append(x[1] / K["V2"])
    return np.array(found)


@pytest.mark.parametrize("mode", ["nocb", "locf"])
def test_boluses_infusions_and_a_clearance_that_changes(mode):
    """Two swallowed doses, an infusion across the second, and a clearance of its own at every record."""
    times = [0.0, 1.5, 4.0, 9.0, 12.0, 20.0, 31.0]
    CL = [5.0, 5.0, 3.0, 8.0, 2.5, 2.5, 6.0]
    table = dl.read_records(
        {
            "TIME": times,
            "EVID": [1, 0, 1, 0, 1, 0, 0],
            "AMT": [100, 0, 60, 0, 80, 0, 0],
            "RATE": [0, 0, 6, 0, 0, 0, 0],
            "CMT": [1, 0, 2, 0, 1, 0, 0],
            "CL": CL,
        },
        modes=mode,
    )
    # the stretch that ends at a record has its clearance (nocb), or that of the record before (locf)
    held = dict(zip(times, CL if mode == "nocb" else [CL[0], *CL[:-1]], strict=True))
    happenings = [(0.0, 100.0, 0.0, held[0.0]), (4.0, 0.0, 6.0, held[4.0]), (12.0, 80.0, 0.0, held[12.0])]
    happenings.append((14.0, 0.0, -6.0, held[20.0]))
    truth = followed(happenings, [(t, held[t]) for t in (1.5, 9.0, 20.0, 31.0)])
    found = dl.simulate(MODEL, table)["plasma"].values
    np.testing.assert_allclose(found / truth.max(), truth / truth.max(), rtol=0, atol=1e-10)
