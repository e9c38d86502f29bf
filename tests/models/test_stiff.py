"""Stiff models reach their tolerance, and the result says that the stiff method solved them.

Truth: stiff_problems.py, whose numbers are held against published ones and an independent solver here.
"""

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from stiff_problems import PROBLEMS, ring

import doseline as dl
from doseline.model.read import load_model

LOSS = 0.001
"""Rate constant of the drug that acts on nothing, in the files of problems without doses. [1/h]"""


@pytest.fixture(params=sorted(PROBLEMS))
def problem(request):
    return PROBLEMS[request.param]


# ---------------------------------------------------------------- the reference values


@pytest.mark.parametrize(
    ("name", "time", "published", "within"),
    [
        # Mazzia & Magherini, Test Set for IVP Solvers, release 2.4 (2008): HIRES, RADAU5 in quadruple precision.
        # The float nearest to each constant, instead of the constant, moves the solution by 2e-13.
        (
            "hires",
            321.8122,
            [
                *(0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2),
                *(0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2),
            ],
            3e-13,
        ),
        # the same: VDPOLM
        ("van-der-pol", 2000.0, [0.1706167732170469e1, -0.8928097010248125e-3], 1e-14),
        # Hairer's test set: VDPOL, where time is divided by mu
        ("van-der-pol", 1000.0, [-0.1863646254808130e1, 0.7535430865435460e-3], 1e-14),
    ],
)
def test_references_are_the_published_ones(name, time, published, within):
    """Truth: the publications named above."""
    problem = PROBLEMS[name]
    np.testing.assert_allclose(problem.reference[problem.times.index(time)], published, rtol=within, atol=0)


def independent(problem):
    """Values by scipy's Radau at 1e-10, each stretch between doses for itself."""
    given, y = dict(problem.doses), np.array(problem.initial)
    edges = sorted({0.0, *given, problem.times[-1]})
    rows = []
    for begin, end in pairwise(edges):
        y[problem.dosed] += given.get(begin, 0.0)
        scale = np.array(problem.largest)
        times = np.array([time for time in problem.times if begin < time <= end])
        solved = solve_ivp(
            lambda t, y: problem.slopes(y), (begin, end), y, "Radau", rtol=1e-10, atol=1e-12 * scale,
            t_eval=np.unique([*times, end]),
        )  # fmt: skip
        rows += list(solved.y.T[: len(times)])
        y = solved.y[:, -1].copy()
    return np.array(rows)


def test_references_agree_with_scipy(problem):
    """Truth: scipy's Radau at 1e-10; its own error over a course is some hundred times that."""
    apart = np.abs(independent(problem) - np.array(problem.reference)) / np.array(problem.largest)
    assert apart.max() < 1e-8


def test_model_files_say_the_equations(problem):
    """Truth: the right-hand sides of stiff_problems, written by hand; both are worked out in floats."""
    model = load_model(problem.file)
    values = {name: each.value * each.to_coherent for name, each in model.parameters.items()}
    assert list(model.compartments)[-len(problem.states) :] == list(problem.states)
    unit = model.outputs[problem.states[0]].from_coherent
    for y in np.random.default_rng(3).uniform(0.0, 2.0, (20, len(problem.states))):
        now = values | dict(zip(problem.states, y / unit, strict=True)) | {"drug": 0.0}
        for name, expression in model.variables.items():
            now[name] = expression.evaluate(now)
        slopes = dict.fromkeys(model.compartments, 0.0)
        for name, expression in model.rates.items():
            slopes[name] += expression.evaluate(now)
        for flow in model.flows:
            moved = flow.rate.evaluate(now) * now[flow.source]
            slopes[flow.source] -= moved
            if flow.target is not None:
                slopes[flow.target] += moved
        found = [slopes[name] * unit for name in problem.states]
        np.testing.assert_allclose(found, problem.slopes(y), rtol=1e-12, atol=1e-12 * np.abs(found).max())


# ---------------------------------------------------------------- doseline


def solved(problem, model=None, **options):
    """The Dataset, and levels (time, state)."""
    found = dl.simulate(model or problem.file, problem.regimen, times=np.array(problem.times), **options)
    return found, np.stack([found[name].values.ravel() for name in problem.states], axis=-1)


def how_solved(found):
    told = found["method"].attrs
    names = dict(zip(told["flag_values"], told["flag_meanings"].split(), strict=True))
    return names[int(found["method"].item())]


@pytest.mark.parametrize(("options", "within"), [({}, 1e-7), ({"rtol": 1e-6}, 2e-5)])
def test_reaches_the_tolerance(problem, options, within):
    """Truth: stiff_problems. At default tolerances 1e-7 of each state's largest value; else 20 times the tolerance,
    as an error is allowed in every step, and a step's error is carried on."""
    found, levels = solved(problem, **options)
    errors = np.abs(levels - np.array(problem.reference)) / np.array(problem.largest)
    assert errors.max() < within
    assert how_solved(found) == "rodas5p"


@pytest.mark.parametrize("name", ["hires", "van-der-pol"])
def test_what_acts_on_nothing_decays(name):
    """Truth: exp(-k t) of the dose, which the stiff method has to follow beside the rest."""
    found, _ = solved(PROBLEMS[name])
    truth = np.exp(-LOSS * np.array(PROBLEMS[name].times))
    np.testing.assert_allclose(found["drug"].values.ravel(), truth, rtol=0, atol=1e-7)


@pytest.mark.parametrize("method", ["rodas5p", None])
def test_ring_without_its_second_order(method):
    """Truth: the matrix exponential in 40 digits (mpmath), dose by dose."""
    problem = PROBLEMS["stiff-ring"]
    model = load_model(problem.file).with_(K_JOIN=0)
    _, levels = solved(problem, model, method=method)
    truth = np.zeros(levels.shape)
    with mp.workdps(40):
        columns = [ring([mp.mpf(i == j) for i in range(7)], joins=0) for j in range(7)]
        matrix = mp.matrix(columns).T
        for k, time in enumerate(problem.times):
            for given, amount in problem.doses:
                if given <= time:
                    decayed = mp.expm(matrix * (mp.mpf(time) - mp.mpf(given)))
                    truth[k] += [float(amount * decayed[i, 0]) for i in range(7)]
    assert np.abs(levels - truth).max() < 1e-7 * truth.max()
