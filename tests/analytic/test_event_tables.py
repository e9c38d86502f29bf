"""Event tables where a careless clock or a careless sum would show.

Truth: closed forms of one compartment, and mpmath at 50 digits where digits cancel.
"""

import mpmath as mp
import numpy as np
import pytest

import doseline as dl
from doseline.model.read import read_model

ENTRY = '{} = {{ value = {!r}, unit = "1/h", label = "x", source = "test", status = "assumption" }}'


def body(flows, *, n):
    """Compartments c0, c1, ... with rate constants [1/h]; each is an output."""
    arrows = [f'"{flow}" = "K{at}"' for at, flow in enumerate(flows)]
    return read_model(
        "\n".join(
            [
                'name = "body"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]',
                *(ENTRY.format(f"K{at}", rate) for at, rate in enumerate(flows.values())),
                "[compartments]",
                *(f'c{i} = {{ label = "x" }}' for i in range(n)),
                "[flows]",
                *arrows,
                '[routes.only]\nlabel = "x"\ninto = "c0"\n[outputs]',
                *(f'y{i} = {{ value = "c{i}", unit = "mg", label = "x" }}' for i in range(n)),
            ]
        ),
        place="body",
    )


ONE = body({"c0 -> out": 0.1}, n=1)


@pytest.mark.parametrize(
    ("start", "interval", "more", "look"),
    [(-0.3, 0.1, 3, 0.0), (-2244.0, 9.8, 229, 0.2), (0.0, 0.1, 3, 0.3), (1e6, 0.1, 30, 1e6 + 3.0)],
)
def test_a_dose_that_is_due_at_a_record_is_in_it(start, interval, more, look):
    """Truth: the explicit doses. -0.3 + 3 * 0.1 is 6e-17 in doubles, and an additional dose comes before a record."""
    table = {"TIME": [start, look], "AMT": [1, 0], "EVID": [1, 0], "ADDL": [more, 0], "II": [interval, 0]}
    found = dl.simulate(ONE, dl.read_records(table))["y0"].values[0]
    ages = interval * np.arange(more + 1)
    np.testing.assert_allclose(found, np.exp(-0.1 * ages).sum(), rtol=1e-9)


def test_an_even_grid_and_an_uneven_one_agree_on_what_is_due():
    """Truth: a dose 2e-12 of its time later than a point is later, whichever way the point is reached."""
    due = 10.0 * (1.0 + 2e-12)
    table = dl.read_records({"TIME": [0.0, due - 5.0], "AMT": [1, 1], "EVID": [1, 1], "DUR": [0, 0]})
    hour = 'ONE = { value = 1, unit = "h", label = "x", source = "test", status = "assumption" }'
    text = ONE.text.replace('into = "c0"', 'into = "c0"\nlag = "5 * ONE"')
    lagged = read_model(text.replace("[compartments]", f"{hour}\n[compartments]"), place="lagged")
    even = np.arange(200) * 0.1
    for times in (even, np.append(even, 19.95)):
        level = dl.simulate(lagged, table, times=times)["y0"].values[0, 100]
        np.testing.assert_allclose(level, np.exp(-0.5), rtol=1e-12)


@pytest.mark.parametrize("by_table", [True, False])
def test_a_grid_that_misses_zero_by_rounding(by_table):
    """Truth: 1 mg at 0 h; ``np.arange(-1, 1, 0.1)[10]`` is -2e-16 h and means zero."""
    times = np.arange(-1.0, 1.0, 0.1)
    assert -1e-15 < times[10] < 0.0
    table = dl.read_records({"TIME": [0.0], "AMT": [1]})
    levels = dl.simulate(ONE, table, times=times) if by_table else dl.simulate(ONE, "1 mg once", times=times)
    np.testing.assert_allclose(levels["y0"].values[0, 9:12], [0.0, 1.0, np.exp(-0.01)], rtol=1e-14)


def test_a_short_infusion_late_in_a_course_keeps_its_digits():
    """Truth: R / k (1 - exp(-k T)) a minute long; the difference of 1e6 h and 1e6 h + 1 min has eight digits."""
    minute = 1.0 / 64.0  # exact, so that the time of the look is the end of the infusion
    table = {
        "TIME": [1e6 + 0.1, 1e6 + 0.1 + 2.0],
        "AMT": [60, 0],
        "EVID": [1, 0],
        "DUR": [minute, 0],
    }
    found = dl.simulate(ONE, dl.read_records(table))["y0"].values[0]
    at_end = 60 / minute / 0.1 * -np.expm1(-0.1 * minute)
    rest = float(table["TIME"][1] - table["TIME"][0]) - minute
    np.testing.assert_allclose(found, at_end * np.exp(-0.1 * rest), rtol=1e-14)


@pytest.mark.parametrize("share", [1e-6, 1e-9, 1e-12])
def test_a_trace_beside_much_has_digits_of_its_own(share):
    """Truth: mpmath's exponential. A metabolite that is a billionth of what is there is as exact as the rest."""
    flows = {"c0 -> c1": share, "c0 -> out": 1.0, "c1 -> c2": 0.3, "c1 -> out": 0.2, "c2 -> out": 0.05}
    table = {"TIME": [0.0, 0.01, 0.37, 5.0, 19.3], "AMT": [1.0, 0, 0, 0, 0], "EVID": [1, 0, 0, 0, 0]}
    levels = dl.simulate(body(flows, n=3), dl.read_records(table))
    with mp.workdps(50):
        leaving = [mp.mpf(share) + 1, mp.mpf(0.3) + mp.mpf(0.2), mp.mpf(0.05)]
        matrix = -mp.diag(leaving)
        matrix[1, 0], matrix[2, 1] = mp.mpf(share), mp.mpf(0.3)
        truth = np.array(
            [[float(x) for x in mp.expm(matrix * mp.mpf(t))[:, 0]] for t in table["TIME"][1:]], dtype=float
        )
    found = np.stack([levels[f"y{i}"].values for i in range(3)], axis=1)
    np.testing.assert_allclose(found, truth, rtol=1e-13)


def test_many_infusions_at_once():
    """Truth: 20,000 overlapping infusions are one constant one, k x = R, once as many begin as end."""
    table = {
        "TIME": [0, 400.0],
        "AMT": [1, 0],
        "EVID": [1, 0],
        "DUR": [200.0, 0],
        "II": [0.01, 0],
        "ADDL": [45_000, 0],
    }
    found = dl.simulate(ONE, dl.read_records(table))["y0"].values[0]
    # at 400 h each hour has brought 100 mg for longer than anything is remembered
    np.testing.assert_allclose(found, 100.0 / 0.1, rtol=1e-6)
