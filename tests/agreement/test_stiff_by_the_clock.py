"""The stiff method where rates follow the clock and the last dose, and where compartments are empty.

Truth: scipy's Radau at 1e-12 and DOP853 at 1e-13 of equations written by hand; a closed form. Tolerance: 1e-7 of each
output's maximum, at the default tolerances.
"""

from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp

import doseline as dl
from doseline.model.read import read_model

HEAD = 'name = "{}"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]\n'
PARAMETER = '{} = {{ value = {}, unit = "{}", label = "x", source = "test", status = "assumption" }}\n'


def model_of(name, parameters, rest):
    entries = "".join(PARAMETER.format(key, *each) for key, each in parameters.items())
    return read_model(HEAD.format(name) + entries + rest, place=name)


STIFF = model_of(
    "stiff-by-the-clock",
    {
        "KA": (1.1, "1/h"), "KM": (3.0, "mg/L"), "VMAX": (9.0, "mg/h"), "V": (20.0, "L"), "G": (1.6, "1"),
        "EC50": (1.4, "mg/L"), "KFAST": (4000.0, "1/h"), "KOUT": (0.3, "1/h"), "DAY": (0.26, "1/h"),
        "LONG": (6.0, "h"), "SIZE": (80.0, "mg"), "TOP": (2.0, "1"),
    },
    """[compartments]
depot = { unit = "mg", label = "x" }
central = { unit = "mg", label = "x" }
site = { unit = "mg/L", label = "x" }
answer = { unit = "1", label = "x" }
[variables]
CP = "central / V"
swing = "1 + 0.6 * exp(-DAY * t) + 0.3 * (DAY * t / 6) ** 2 / (1 + (DAY * t / 6) ** 2)"
fresh = "exp(-tad / LONG) * dose / SIZE"
drive = "(site / EC50) ** G / (1 + (site / EC50) ** G)"
[flows]
"depot -> central" = "KA * swing"
"central -> out" = "VMAX * swing / (KM * V + central)"
[rates]
site = "KFAST * (CP * (1 + fresh) - site) * swing"
answer = "KOUT * (swing + TOP * drive * max(fresh, 0.2) - answer)"
[initial]
answer = "1"
[routes.oral]
label = "x"
into = "depot"
[outputs]
plasma = { value = "CP", unit = "mg/L", label = "x" }
site = { value = "site", unit = "mg/L", label = "x" }
answer = { value = "answer", unit = "1", label = "x" }
swing = { value = "answer * swing * (1 + fresh)", unit = "1", label = "x" }
""",
)  # fmt: skip


def followed(times, doses):
    """The model above by hand: the outputs at each time, by Radau at 1e-12, begun anew at doses and at the corner."""

    def parts(t, y, begin, dose):
        wave = (0.26 * t / 6) ** 2
        swing = 1 + 0.6 * np.exp(-0.26 * t) + 0.3 * wave / (1 + wave)
        fresh = np.exp(-(t - begin) / 6.0) * dose / 80.0
        # an integrator may try what is a little below zero
        hill = (max(y[2], 0.0) / 1.4) ** 1.6
        return swing, fresh, hill / (1 + hill)

    def slope(t, y, begin, dose):
        swing, fresh, drive = parts(t, y, begin, dose)
        absorbed, lost = 1.1 * swing * y[0], 9.0 * swing / (60.0 + y[1]) * y[1]
        return [
            -absorbed,
            absorbed - lost,
            4000.0 * (y[1] / 20.0 * (1 + fresh) - y[2]) * swing,
            0.3 * (swing + 2.0 * drive * max(fresh, 0.2) - y[3]),
        ]

    given = dict(doses)
    # where exp(-tad / 6) * dose / 80 falls to 0.2
    corners = [begin + 6.0 * np.log(dose / 80.0 / 0.2) for begin, dose in doses]
    edges = np.unique([0.0, *times, *given, *corners])
    y, begin, dose, found = np.array([0.0, 0.0, 0.0, 1.0]), 0.0, 0.0, []
    for now, then in pairwise([*edges, edges[-1] + 1.0]):
        if now in given:
            begin, dose = now, given[now]
            y[0] += dose
        if now in times:
            swing, fresh, _ = parts(now, y, begin, dose)
            found.append([y[1] / 20.0, y[2], y[3], y[3] * swing * (1 + fresh)])
        y = (
            solve_ivp(slope, (now, then), y, "Radau", args=(begin, dose), rtol=1e-12, atol=1e-14)
            .y[:, -1]
            .copy()
        )
    return np.array(found).T


def test_stiff_with_rates_that_follow_the_clock():
    """Truth: scipy's Radau at 1e-12, of equations written by hand. Tolerance: 1e-7 of each output's maximum."""
    times = np.array([0.0, 0.25, 0.7, 2.0, 3.0, 5.5, 9.0, 12.0, 12.5, 14.0, 19.0, 24.0])
    doses = [(0.0, 100.0), (12.0, 100.0)]
    truth = followed(times, doses)
    for method in ("rodas5p", None):
        found = dl.simulate(STIFF, "100 mg every 12 h x 2", times=times, method=method)
        levels = np.stack([found[name].values[0] for name in ("plasma", "site", "answer", "swing")])
        errors = np.abs(levels - truth).max(axis=1) / truth.max(axis=1)
        assert errors.max() < 1e-7, (method, errors)
        assert found["method"].item() == 2


DISSOLVING = model_of(
    "dissolving",
    {"KD": (4.0, "mg/h"), "MG": (1.0, "mg"), "KM": (2.0, "mg"), "VMAX": (6.0, "mg/h"), "G": (1.5, "1")},
    """[compartments]
solid = { unit = "mg", label = "x" }
body = { unit = "mg", label = "x" }
[rates]
solid = "-KD * (solid / MG) ** (2 / 3)"
body = "KD * (solid / MG) ** (2 / 3) - VMAX * (body / KM) ** G / (1 + (body / KM) ** G)"
[routes.oral]
label = "x"
into = "solid"
[outputs]
solid = { value = "solid", unit = "mg", label = "x" }
body = { value = "body", unit = "mg", label = "x" }
""",
)


def test_powers_of_what_is_not_there_yet():
    """Truth: a cube root that falls evenly, (m**(1/3) - KD t / 3)**3 of 64 mg; then DOP853 of scipy at 1e-13.

    Both compartments are empty before the dose, where the first power has an infinite derivative.
    """
    times = np.linspace(0.0, 4.0, 17)
    table = dl.read_records({"TIME": [0, 1], "EVID": [2, 1], "AMT": [0, 64], "CMT": [0, 1]})
    found = dl.simulate(DISSOLVING, table, times=times, method="rodas5p")
    truth = np.where(times >= 1.0, np.maximum(4.0 - 4.0 * (times - 1.0) / 3.0, 0.0) ** 3, 0.0)
    np.testing.assert_allclose(found["solid"].values[0], truth, rtol=0, atol=1e-7 * 64)

    def slope(t, y):
        hill = (max(y[0], 0.0) / 2.0) ** 1.5
        return [4.0 * (4.0 - 4.0 * t / 3.0) ** 2 - 6.0 * hill / (1.0 + hill)]

    solved = solve_ivp(slope, (0.0, 3.0), [0.0], "DOP853", t_eval=times[4:] - 1.0, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found["body"].values[0, 4:], solved.y[0], rtol=0, atol=1e-7 * solved.y.max())
