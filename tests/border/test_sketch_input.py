"""What sketches refuse, word by word."""

import numpy as np
import pytest

from doseline.errors import InputError
from doseline.sketches import Sketches, bytes_for


def made(**other):
    return Sketches(**({"groups": 2, "outputs": 1, "times": 3} | other))


VALUES = np.ones((1, 4, 3))
REFUSED = {
    "shape": (
        lambda: made().add(np.ones((2, 4, 3))),
        "values: found an array of shape (2, 4, 3)\n  give (output, subject, time): (1, ..., 3)",
    ),
    "flat": (
        lambda: made().add(np.ones(3)),
        "values: found an array of shape (3,)\n  give (output, subject, time): (1, ..., 3)",
    ),
    "whole numbers": (
        lambda: made().add(np.ones((1, 4, 3), dtype=int)),
        "values: found int64\n  give float64 or float32",
    ),
    "group": (lambda: made().add(VALUES, 2), "group: found 2\n  groups are 0 .. 1"),
    "groups": (lambda: made().add(VALUES, np.array([0, 1, -1, 0])), "group: found -1\n  groups are 0 .. 1"),
    "too few groups": (
        lambda: made().add(VALUES, np.array([0, 1])),
        "group: found int64 (2,)\n  give a whole number, or one for each of the 4 subjects",
    ),
    "other times": (
        lambda: made().merge(made(times=4)),
        "other: found 2 groups, 1 outputs, 4 times, error 0.005, 4096 buckets\n"
        "  give a sketch like the one that it is merged into: "
        "2 groups, 1 outputs, 3 times, error 0.005, 4096 buckets",
    ),
    "parts": (
        lambda: made().quantiles([5, 50]),
        "parts: found [5, 50]\n  give parts from 0 to 1, ascending: [0.05, 0.5, 0.95]",
    ),
    "order": (
        lambda: made().quantiles([0.5, 0.1]),
        "parts: found [0.5, 0.1]\n  give parts from 0 to 1, ascending: [0.05, 0.5, 0.95]",
    ),
    "error": (lambda: made(error=0.0), "error: found 0.0\n  give a relative error from 0.0001 to 0.1"),
    "buckets": (lambda: bytes_for(3, buckets=10), "buckets: found 10\n  give 64 or more"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, text = REFUSED[what]
    with pytest.raises(InputError) as refusal:
        call()
    assert str(refusal.value) == text


def test_refused_numbers_leave_the_sketch_as_it_was():
    sketch = made()
    sketch.add(VALUES)
    with pytest.raises(InputError):
        sketch.add(VALUES, np.array([0, 1, 2, 0]))
    assert sketch.numbers.sum() == 12


@pytest.mark.parametrize("name", ["first", "size", "counts", "tally", "extreme", "rows"])
def test_arrays_that_were_cut_off(name):
    sketch = made()
    sketch.add(VALUES)
    arrays = sketch.arrays()
    arrays[name] = arrays[name][:-1]
    with pytest.raises(InputError, match=r"^arrays: .*\n  give what `arrays` gave, unchanged$"):
        Sketches.from_arrays(arrays)


def test_arrays_that_do_not_add_up():
    sketch = made()
    sketch.add(VALUES)
    arrays = sketch.arrays()
    arrays["counts"][arrays["counts"].argmax()] = 0
    with pytest.raises(InputError) as refusal:
        Sketches.from_arrays(arrays)
    assert str(refusal.value) == (
        "arrays: found 8 numbers for 12 of subjects and times\n  give what `arrays` gave, unchanged"
    )
