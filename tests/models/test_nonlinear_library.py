"""The newer models of the library against scipy, and their checks against closed forms.

Truth: the equations in nonlinear_references.py and drug_references.py, integrated by scipy at 1e-13, and the numbers in
nonlinear_numbers.py; both were written without the files. The references have a second witness: another method of
scipy, of another kind.
"""

import numpy as np
import pytest
from nonlinear_numbers import NUMBERS
from nonlinear_references import MODELS
from plain_solutions import solution

import doseline as dl
from doseline.model.read import load_model

PROMISED = 1e-7
"""What the engine promises at default tolerances, as a part of each output's maximum."""


def worst(found, truth):
    """Largest difference, as a part of the largest level."""
    return float(np.max(np.abs(found - truth)) / np.max(np.abs(truth)))


@pytest.fixture(scope="module", params=MODELS)
def compared(request):
    """Name of a model, what doseline gives, and the truth."""
    reference = MODELS[request.param]
    times = reference.times
    levels = dl.simulate(request.param, reference.regimen, reference.people or None, times=times)
    return request.param, levels, solution(reference, times)


def test_levels(compared):
    """Truth: scipy's DOP853 at 1e-13. Tolerance: what the engine promises."""
    name, levels, truth = compared
    assert set(truth) == set(load_model(name).outputs)
    off = {output: worst(levels[output].values.ravel(), truth[output]) for output in truth}
    assert max(off.values()) <= PROMISED, off


@pytest.mark.parametrize("name", MODELS)
def test_levels_within_steps(name):
    """Truth: scipy's DOP853 at 1e-13. Tolerance: what the engine promises, by each method.

    Most levels of so fine a grid are read off the polynomials of the steps; to the middle and to the end of the course.
    """
    reference = MODELS[name]
    given = [dose.time for dose in reference.given]
    times = np.unique(np.concatenate([np.linspace(0.0, reference.until, 161), given]))
    truth = solution(reference, times)
    methods = (None,) if load_model(name).linear else (None, "dop853", "tsit5", "rodas5p")
    for method in methods:
        for end in (len(times) // 2, len(times)):
            levels = dl.simulate(
                name, reference.regimen, reference.people or None, times=times[:end], method=method
            )
            for output, exact in truth.items():
                off = np.abs(levels[output].values.ravel() - exact[:end]).max() / np.abs(exact).max()
                assert off <= PROMISED, (method, output, end)


@pytest.mark.parametrize("name", MODELS)
def test_two_methods_agree(name):
    """Truth: an implicit method of order 5. Tolerance: what its own at 1e-10 can hold, far below what is promised."""
    reference = MODELS[name]
    times = reference.times[::4]
    one = solution(reference, times)
    other = solution(reference, times, method="Radau", rtol=1e-10)
    assert max(worst(other[output], one[output]) for output in one) < PROMISED / 10


@pytest.mark.parametrize("name", NUMBERS)
def test_the_files_expect_what_follows_from_the_equations(name):
    """Truth: closed forms, and scipy where there are none. Tolerance: 1e-9, or 1e-6 h where a peak was looked for."""
    checks = {check.name: check for check in load_model(name).checks if check.kind == "identity"}
    assert set(checks) == set(NUMBERS[name])
    for label, number in NUMBERS[name].items():
        near = {"abs": 1e-6} if label.startswith("time of the") else {"rel": 1e-9}
        assert checks[label].expect == pytest.approx(number(), **near), label
