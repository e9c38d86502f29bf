"""What every schedule must pass, whatever is in it.

Truth: the identities themselves; nothing is computed a second time. Two ways to say the same doses lead to other
roundings, a few dozen of them, each below 1.1e-16 of the largest amount: hence 1e-13 of it (``CLOSE``). Where the
engine promises the same bits (threads, neighbours, order), the bits are compared.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import doseline as dl
from doseline.dosing.regimen import Block, Dose, Regimen
from doseline.model.read import read_model

CLOSE = 1e-13

TEXT = """
name = "tray"
title = "gut, centre, a deep compartment, and a tray that collects what leaves"
version = "1"

[source]
citation = "test"

[covariates]
WT = { unit = "kg", reference = 70, label = "body weight" }
SLOW = { unit = "1", reference = 0, label = "how much slower the lag" }

[parameters]
KA = { value = 0.9, unit = "1/h", label = "x", source = "test", status = "assumption" }
K12 = { value = 0.31, unit = "1/h", label = "x", source = "test", status = "assumption" }
K21 = { value = 0.0565, unit = "1/h", label = "x", source = "test", status = "assumption" }
KE = { value = 0.12, unit = "1/h", label = "x", source = "test", status = "assumption" }
POWER = { value = -0.25, unit = "1", label = "x", source = "test", status = "assumption" }
STANDARD = { value = 70, unit = "kg", label = "x", source = "test", status = "assumption" }
LAG = { value = 1, unit = "h", label = "x", source = "test", status = "assumption" }
F = { value = 0.8, unit = "1", label = "x", source = "test", status = "assumption" }

[individual]
KE = "KE * (WT / STANDARD) ** POWER"
LAG = "LAG * SLOW"

[compartments]
gut = { unit = "mg", label = "x" }
central = { unit = "mg", label = "x" }
deep = { unit = "mg", label = "x" }
tray = { unit = "mg", label = "x" }

[flows]
"gut -> central" = "KA"
"central -> deep" = "K12"
"deep -> central" = "K21"
"central -> tray" = "KE"

[routes.oral]
label = "x"
into = "gut"
bioavailability = "F"
lag = "LAG"

[routes.vein]
label = "x"
into = "central"

[outputs]
plasma = { value = "central", unit = "mg", label = "x" }
body = { value = "gut + central + deep", unit = "mg", label = "x" }
all = { value = "gut + central + deep + tray", unit = "mg", label = "x" }
"""
MODEL = read_model(TEXT, place="tray")
PEOPLE = dl.cohort(WT=[48.0, 70.0, 111.0], SLOW=[0.0, 0.5, 9.0])
GRID = np.arange(0.0, 96.5, 0.5)

quick = settings(max_examples=40, deadline=None)


def halves(low, high):
    return st.integers(2 * low, 2 * high).map(lambda k: k / 2)


doses = st.builds(Dose, st.floats(0.5, 500.0), route=st.just("oral")) | st.builds(
    Dose, st.floats(0.5, 500.0), route=st.just("vein"), duration=st.none() | halves(1, 20)
)
blocks = st.builds(
    lambda start, dose, period, repeats: Block(start, ((0.0, dose),), period, repeats),
    halves(0, 30), doses, halves(1, 16), st.integers(1, 6),
)  # fmt: skip
some_blocks = st.lists(blocks, min_size=1, max_size=3)
grids = st.just(GRID) | st.lists(st.integers(0, 96 * 8), min_size=2, max_size=30, unique=True).map(
    lambda k: np.sort(k) / 8
)


def course(parts):
    return Regimen(tuple(parts), max(block.last for block in parts) + 24.0)


def levels(regimen, *, times=GRID, people=PEOPLE, **how):
    """Every output (output, subject, time)."""
    found = dl.simulate(MODEL, regimen, people, times=times, **how)
    return np.stack([found[name].values for name in MODEL.outputs])


def close(one, other, scale=None):
    largest = max(np.abs(other).max() if scale is None else scale, 1e-300)
    np.testing.assert_allclose(one / largest, other / largest, rtol=0, atol=CLOSE)


def remade(block, change):
    """The same block, each dose passed through ``change``."""
    return Block(
        block.start, tuple((at, change(dose)) for at, dose in block.pattern), block.period, block.repeats
    )


def scaled(by):
    return lambda dose: Dose(dose.amount * by, route=dose.route, duration=dose.duration)


def apart(block):
    """A block as one block for each dose."""
    return [Block(float(time), ((0.0, block.pattern[0][1]),), 24.0, 1) for time in block.times()]


@quick
@given(parts=some_blocks, by=st.floats(1e-3, 1e3), times=grids)
def test_linear_in_dose(parts, by, times):
    larger = course([remade(block, scaled(by)) for block in parts])
    close(levels(larger, times=times), by * levels(course(parts), times=times))


@quick
@given(one=some_blocks, other=some_blocks, times=grids)
def test_courses_add_up(one, other, times):
    both = levels(course(one + other), times=times)
    close(both, levels(course(one), times=times) + levels(course(other), times=times))


@quick
@given(parts=some_blocks, hours=halves(0, 2000), times=grids)
def test_shift_in_time(parts, hours, times):
    moved = levels(course(parts).delayed(hours), times=times + hours)
    close(moved, levels(course(parts), times=times))


@quick
@given(data=st.data(), parts=some_blocks)
def test_order_of_entry_is_irrelevant(data, parts):
    """To the bit: a regimen has one order, however it was put together."""
    again = data.draw(st.permutations(parts))
    np.testing.assert_array_equal(levels(course(again)), levels(course(parts)))


@quick
@given(parts=some_blocks, share=st.floats(0.05, 0.95), times=grids)
def test_split_dose_is_one_dose(parts, share, times):
    halved = [remade(block, scaled(by)) for block in parts for by in (share, 1.0 - share)]
    close(levels(course(halved), times=times), levels(course(parts), times=times))


@quick
@given(amount=st.floats(0.5, 500.0), pieces=st.integers(2, 6), hours=halves(1, 9), times=grids)
def test_consecutive_infusions_are_one(amount, pieces, hours, times):
    dose = Dose(amount, route="vein", duration=hours)
    whole = Dose(amount * pieces, route="vein", duration=hours * pieces)
    row = course([Block(3.0, ((0.0, dose),), hours, pieces)])
    close(levels(row, times=times), levels(course([Block(3.0, ((0.0, whole),), 99.0, 1)]), times=times))


@quick
@given(parts=some_blocks, times=grids)
def test_repeat_is_written_out(parts, times):
    written = course([single for block in parts for single in apart(block)])
    close(levels(written, times=times), levels(course(parts), times=times))


@quick
@given(parts=some_blocks)
def test_mass_balance(parts):
    """What is in the body and in the tray is what has arrived: all of it, once the last dose has gone in."""
    end = course(parts).length + 40.0  # past every lag and infusion
    found = levels(course(parts), times=[end, end + 500.0])[2]
    arrived = sum(
        block.repeats * dose.amount * (0.8 if dose.route == "oral" else 1.0)
        for block in parts
        for _, dose in block.pattern
    )
    np.testing.assert_allclose(found, arrived, rtol=CLOSE)


@quick
@given(parts=some_blocks, times=grids)
def test_nothing_is_negative_and_nothing_is_made(parts, times):
    """Levels are >= 0 while no infusion is taken back in digits; the total never falls."""
    found = levels(course(parts), times=times)
    largest = max(found.max(), 1e-300)
    assert (found >= -CLOSE * largest).all()
    assert (np.diff(found[2], axis=1) >= -CLOSE * largest).all()


@quick
@given(parts=some_blocks, times=grids)
def test_a_grid_is_only_where_one_looks(parts, times):
    """Levels at some of the times are the levels at all of them."""
    every = np.unique(np.concatenate([times, GRID, np.arange(0.0, 97.0)]))
    found = levels(course(parts), times=every)[:, :, np.searchsorted(every, times)]
    close(levels(course(parts), times=times), found, scale=found.max())


# -- the same bits

CROWD = dl.cohort(WT=np.linspace(40.0, 120.0, 1000), SLOW=np.repeat([0.0, 3.0, 1.7, 0.0], 250))
MIXED = "(100 mg every 12 h x 5 by oral) and (60 mg over 5 h every 8 h x 4 by vein)"


@pytest.fixture(scope="module")
def crowd():
    return levels(MIXED, people=CROWD, threads=1)


def subset(rows):
    return dl.cohort(**{name: values[rows] for name, values in CROWD.covariates.items()})


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_no_bit(crowd, threads):
    np.testing.assert_array_equal(levels(MIXED, people=CROWD, threads=threads), crowd)


def test_the_first_hundred_are_the_same_hundred(crowd):
    np.testing.assert_array_equal(levels(MIXED, people=subset(slice(0, 100))), crowd[:, :100])


@quick
@given(row=st.integers(0, 999))
def test_alone_as_in_the_crowd(crowd, row):
    np.testing.assert_array_equal(levels(MIXED, people=subset([row])), crowd[:, [row]])


@quick
@given(rows=st.lists(st.integers(0, 999), min_size=2, max_size=40, unique=True))
def test_any_neighbours_in_any_order(crowd, rows):
    np.testing.assert_array_equal(levels(MIXED, people=subset(rows), threads=2), crowd[:, rows])


def test_a_subject_that_fails_changes_no_neighbour(crowd):
    """Truth: the same subjects without the one whose lag is negative; its own row is NaN."""
    slow = CROWD.covariates["SLOW"][:20].copy()
    slow[7] = -1.0
    people = dl.cohort(WT=CROWD.covariates["WT"][:20], SLOW=slow)
    found = levels(MIXED, people=people, on_failure="mark")
    well = np.delete(np.arange(20), 7)
    np.testing.assert_array_equal(found[:, well], crowd[:, well])
    assert np.isnan(found[:, 7]).all()
