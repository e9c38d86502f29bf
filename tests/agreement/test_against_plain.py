"""The engine against the plain simulator: any linear model, any mixture of doses, any grid.

Truth: tests/agreement/plain.py, which shares no code and no idea with the engine. Tolerance: 1e-11 of the largest
amount anywhere in the body; scipy's exponential is good to some 1e-14 of the largest entry, dozens of intervals add up,
and a compartment that holds next to nothing has no digits of its own there. Times are multiples of 1/64 h, so that both
sides agree on which of two moments is the earlier one.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import Dose as Given
from plain import simulate as plainly

import doseline as dl
from doseline.dosing.regimen import Block, Dose, Regimen
from doseline.model.read import read_model

ENTRY = '{} = {{ value = {!r}, unit = "{}", label = "x", source = "test", status = "assumption" }}'

rates = st.one_of(st.sampled_from([0.0, 0.1, 0.1, 0.75]), st.floats(1e-4, 4.0))
"""Equal and vanishing ones are the ones that make the textbook formulas fail."""


def eighths(low, high):
    return st.integers(8 * low, 8 * high).map(lambda k: k / 8)


@st.composite
def bodies(draw):
    """2 to 5 compartments, and rates between any of them, also in circles; some leave."""
    n = draw(st.integers(2, 5))
    pairs = [(i, j) for i in range(n) for j in [*range(n), None] if i != j]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=9, unique=True))
    return n, {pair: draw(rates) for pair in chosen}


@st.composite
def courses(draw, infusions):
    """Repeated doses by two routes: "a" takes boluses and infusions, "b" boluses only."""
    blocks = []
    for _ in range(draw(st.integers(1, 3))):
        route = draw(st.sampled_from("ab"))
        period = draw(eighths(1, 12))
        blocks.append(
            Block(
                start=draw(eighths(0, 24)),
                pattern=((0.0, Dose(
                    draw(st.floats(0.5, 500)),
                    route=route,
                    duration=draw(st.none() | eighths(1, 30)) if infusions and route == "a" else None,
                )),),
                period=period,
                repeats=draw(st.integers(1, 6)),
            )
        )  # fmt: skip
    return Regimen(tuple(blocks), max(block.last for block in blocks) + 1.0)


entries = st.tuples(st.integers(0, 4), st.sampled_from([0.25, 1.0]), st.just(0.0) | eighths(0, 20))
"""Compartment, F and lag of a route."""

even = st.builds(
    lambda start, step, count: start + step * np.arange(count),
    eighths(0, 30), st.integers(1, 200).map(lambda k: k / 64), st.integers(1, 90),
)  # fmt: skip
uneven = st.lists(st.integers(0, 90 * 64), min_size=1, max_size=40, unique=True).map(
    lambda k: np.sort(k) / 64
)
pieces = st.builds(lambda one, two: np.unique(np.concatenate([one, one[-1] + 0.5 + two])), even, even)


def model(n, flows, routes):
    """The same model as a file; every compartment is an output."""
    rows = [
        'name = "random"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]',
        *(ENTRY.format(f"K{k}", rate, "1/h") for k, rate in enumerate(flows.values())),
        *(ENTRY.format(f"F{name}", F, "1") for name, (_, F, _) in routes.items()),
        *(ENTRY.format(f"LAG{name}", lag, "h") for name, (_, _, lag) in routes.items()),
        "[compartments]",
        *(f'c{i} = {{ unit = "mg", label = "x" }}' for i in range(n)),
        "[flows]",
        *(f'"c{i} -> {"out" if j is None else f"c{j}"}" = "K{k}"' for k, (i, j) in enumerate(flows)),
        *(
            f'[routes.{name}]\nlabel = "x"\ninto = "c{into}"\nbioavailability = "F{name}"\nlag = "LAG{name}"'
            for name, (into, _, _) in routes.items()
        ),
        *(f'[outputs.y{i}]\nvalue = "c{i}"\nunit = "mg"\nlabel = "x"' for i in range(n)),
    ]
    return read_model("\n".join(rows), place="random")


def as_given(course, routes):
    """The doses of a regimen for the plain simulator."""
    times, kind, kinds = course.doses()
    doses = []
    for time, dose in zip(times.tolist(), (kinds[k] for k in kind), strict=True):
        into, F, lag = routes[dose.route]
        doses.append(Given(time, dose.amount, into, duration=dose.duration or 0.0, lag=lag, F=F))
    return doses


@settings(max_examples=60, deadline=None)
@given(data=st.data(), body=bodies(), one=entries, two=entries, times=even | uneven | pieces)
def test_agrees(data, body, one, two, times):
    agree(data, body, one, two, times)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(data=st.data(), body=bodies(), one=entries, two=entries, times=even | uneven | pieces)
def test_agrees_at_length(data, body, one, two, times):
    agree(data, body, one, two, times)


def agree(data, body, one, two, times):
    """Truth: the plain simulator, which shares no code with the engine."""
    n, flows = body
    # an infusion adds a state: 2 to 5 of them are enough to compile
    course = data.draw(courses(infusions=n < 5))
    routes = {name: (into % n, F, lag) for name, (into, F, lag) in (("a", one), ("b", two))}
    levels = dl.simulate(model(n, flows, routes), course, times=times)
    found = np.stack([levels[f"y{i}"].values[0] for i in range(n)], axis=1)
    truth = np.array(plainly(flows, n, as_given(course, routes), times.tolist()))
    largest = max(truth.max(), 1e-300)
    np.testing.assert_allclose(found / largest, truth / largest, rtol=0, atol=1e-11)


def test_plain_simulator_knows_the_exponential():
    """Truth: 100 exp(-0.1 t), and R / k (1 - exp(-k t)) for an infusion; so the reference itself is anchored."""
    times = [0.0, 1.0, 7.5]
    bolus = plainly({(0, None): 0.1}, 1, [Given(0.0, 100.0, 0)], times)
    np.testing.assert_allclose([x for (x,) in bolus], 100 * np.exp(-0.1 * np.array(times)), rtol=1e-14)
    infusion = plainly({(0, None): 0.1}, 1, [Given(0.0, 100.0, 0, duration=8.0)], times)
    np.testing.assert_allclose([x for (x,) in infusion], 125 * -np.expm1(-0.1 * np.array(times)), rtol=1e-14)
