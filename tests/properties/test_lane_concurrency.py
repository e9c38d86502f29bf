"""Nonlinear models from threads, forked and spawned processes: no bit differs, and nothing hangs.

Truth: the levels of this very process, computed alone.
"""

import hashlib
import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import doseline as dl
from doseline import compile_lanes
from doseline.kernels import drive_lanes, kernel

WAIT = 240
"""Seconds after which a child counts as hung; one that starts from nothing may have to compile."""

COURSES = [
    "500 mg daily x 5",
    "250 mg over 2 h every 12 h by iv x 4",
    "1500 mg once",
    "100 mg every 6 h by iv x 9",
]


def saturable(volume="50 L"):
    """Levels of people with and without a fast effect site: half of the models are stiff, and need their Jacobian."""
    return dl.load_model("michaelis-menten").edit(
        name="fast-site",
        covariates={"WT": {"unit": "kg", "reference": 70, "low": 30, "high": 200, "label": "x"}},
        parameters={"KE0": "1e6 1/h", "STD": "70 kg", "V": volume},
        individual={"V": "V * WT / STD"},
        compartments={"site": "mg/L"},
        rates={"site": "KE0 * (central / V - site)"},
        outputs={"effect": ("site", "mg/L")},
    )


def unheard_of(number):
    """A model whose right-hand side nobody has compiled yet: the time makes its text new in each run of the tests."""
    return dl.load_model("michaelis-menten").edit(
        name="new",
        compartments={"site": "mg/L"},
        parameters={"KE0": "1e6 1/h"},
        rates={"site": f"KE0 * ({number} * central / V - site)"},
        outputs={"effect": ("site", "mg/L")},
    )


def digest(course, model=None):
    """The bits of a simulation by several threads, as a short text that any process can send."""
    people = dl.cohort(WT=np.linspace(40.0, 120.0, 100))
    levels = dl.simulate(model or saturable(), course, people, times="2 h", threads=3)
    assert (levels["status"] == 0).all()
    return hashlib.sha256(levels["effect"].values.tobytes() + levels["plasma"].values.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def alone():
    return [digest(course) for course in COURSES]


def together(count, work):
    """What ``count`` threads find that begin at the same moment."""
    ready = threading.Barrier(count)

    def begin(at):
        ready.wait(WAIT)
        return work(at)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count), timeout=WAIT))


def test_courses_differ(alone):
    """Truth: different doses; otherwise equal bits would prove nothing."""
    assert len(set(alone)) == len(COURSES)


def test_threads_at_once(alone):
    for _ in range(2):
        assert together(len(COURSES), lambda at: digest(COURSES[at])) == alone


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Code of models that nobody will need again is not kept with the rest."""
    monkeypatch.setattr(kernel, "_FOLDER", tmp_path)


@pytest.mark.usefixtures("elsewhere")
def test_a_new_stiff_model_in_several_threads_at_once():
    """All of them need its functions and its Jacobian first; each edit makes a model object of its own."""
    number = 1.0 + (time.time_ns() % 10**9) * 1e-12
    found = together(4, lambda at: digest(COURSES[0], unheard_of(number)))
    assert len(set(found)) == 1
    assert found[0] == digest(COURSES[0], unheard_of(number))


@pytest.mark.usefixtures("elsewhere")
def test_different_new_models_in_several_threads_at_once():
    number = 2.0 + (time.time_ns() % 10**9) * 1e-12
    models = [unheard_of(number + at) for at in range(4)]
    found = together(4, lambda at: digest(COURSES[at], models[at]))
    assert found == [digest(course, model) for course, model in zip(COURSES, models, strict=True)]


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_pools_of_processes(alone, method):
    """Fork copies a parent that has simulated; spawn and forkserver start from nothing."""
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(digest, COURSES, timeout=WAIT)) == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_while_another_thread_simulates(alone):
    """The child inherits whatever the other thread held at that moment."""
    stop = threading.Event()

    def keep_busy():
        while not stop.is_set():
            digest(COURSES[0])

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            assert list(pool.map(digest, COURSES[1:], timeout=WAIT)) == alone[1:]
    finally:
        stop.set()
        busy.join(WAIT)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    ("lock", "volume"),
    [
        (compile_lanes._ONE_AT_A_TIME, "51 L"),
        (drive_lanes._ONE_AT_A_TIME, "52 L"),
        (kernel.llvm_lock(), "53 L"),
    ],
    ids=["functions", "driver", "llvm"],
)
def test_fork_while_another_thread_compiles(lock, volume):
    """A lock that another thread held at the fork would never be free again in the child: so the fork waits for it."""
    held, free = threading.Event(), threading.Event()

    def compile_long():
        with lock:
            held.set()
            free.wait(1.0)

    other = threading.Thread(target=compile_long)
    other.start()
    held.wait(WAIT)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        # a model that this process has no functions of: the child asks for them
        found = pool.submit(digest, COURSES[2], saturable(volume)).result(timeout=WAIT)
    free.set()
    other.join(WAIT)
    assert found == digest(COURSES[2], saturable(volume))
