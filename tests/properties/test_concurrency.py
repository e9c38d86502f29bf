"""Simulating from threads, forked and spawned processes, and several processes at once on one cache.

Truth: the levels of this very process, computed alone; every bit must be the same. That nothing aborts counts as much:
the thread pools that compiled code usually brings along end the process when two threads enter at once, or in a forked
child.
"""

import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import doseline as dl
from doseline.units import dimension

WAIT = 120
"""Seconds after which a child counts as hung."""

COURSES = ["0.25 mg/kg every 12 h x 20", "40 mg once daily x 10", "1 mg/kg every 36 h x 4", "80 mg once"]


def digest(course):
    """The bits of a simulation by several threads, as a short text that any process can send."""
    people = dl.cohort(WT=np.linspace(40.0, 120.0, 300))
    levels = dl.simulate(
        "one-compartment-oral", course, people, times="1 h", meal=["fed", "fasted"], threads=3
    )
    return hashlib.sha256(levels["plasma"].values.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def alone():
    """One course after the other, in this process; so whatever starts later starts after a simulation."""
    return [digest(course) for course in COURSES]


def test_courses_differ(alone):
    """Truth: different doses; otherwise equal bits would prove nothing."""
    assert len(set(alone)) == len(COURSES)


def test_threads_at_once(alone):
    together = threading.Barrier(len(COURSES))

    def start(course):
        together.wait(WAIT)
        return digest(course)

    with ThreadPoolExecutor(len(COURSES)) as pool:
        for _ in range(3):
            assert list(pool.map(start, COURSES, timeout=WAIT)) == alone


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


FIRST_RESULT = """
import numpy as np
from doseline.kernels.propagator import propagator
out = np.empty(4)
rates = np.array([-0.9, 0.9, 0.0, 0.0]).reshape(2, 2).T.ravel().copy()
propagator(rates, np.zeros(2), 2.0, out, np.empty((4, 4)), (0, 0))
print(out.tobytes().hex())
"""
"""The smallest thing that compiles, and its bits: the cache does not know how large a kernel is."""


def start(cache):
    """A process of its own that compiles into ``cache``."""
    return subprocess.Popen(
        [sys.executable, "-c", FIRST_RESULT],
        env={
            **os.environ,
            "DOSELINE_CACHE_DIR": str(cache),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(*children):
    """What each printed; complaints and exit codes other than 0 fail here."""
    said = [child.communicate(timeout=WAIT) for child in children]
    assert [child.returncode for child in children] == [0] * len(children), said
    assert [errors for _, errors in said] == [""] * len(children)
    return [out for out, _ in said]


def test_two_processes_fill_an_empty_cache(tmp_path):
    """Both compile and both write; then a third one reads what they wrote, and adds nothing."""
    first, second = ended(start(tmp_path / "new"), start(tmp_path / "new"))
    assert first == second
    kept = sorted(path.name for path in (tmp_path / "new").rglob("*.nb[ci]"))
    assert any(name.startswith("propagator.") for name in kept)
    assert ended(start(tmp_path / "new")) == [first]
    assert sorted(path.name for path in (tmp_path / "new").rglob("*.nb[ci]")) == kept


def test_unwritable_cache_folder(tmp_path):
    """A file stands where the folder should be; the code is compiled for this process, and nothing is kept anywhere."""
    (tmp_path / "taken").write_text("a file, not a folder")
    package = os.path.dirname(dl.__file__)
    before = {str(path) for path, _, files in os.walk(package) for name in files if name.endswith(".nbi")}
    (said,) = ended(start(tmp_path / "taken"))
    (usual,) = ended(start(tmp_path / "fine"))
    assert said == usual
    after = {str(path) for path, _, files in os.walk(package) for name in files if name.endswith(".nbi")}
    assert after == before, "compiled code beside the source is not keyed by the state of the source"


FIRST_UNITS = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from doseline.units import dimension
start = Barrier(8)
def asked(_):
    start.wait()
    return dimension("mmHg * mL").words
with ThreadPoolExecutor(8) as pool:
    print(*set(pool.map(asked, range(8))))
"""


def test_first_units_from_eight_threads():
    """Truth: the answer of this process. None of them may find a registry that has not been read yet."""
    child = subprocess.Popen(
        [sys.executable, "-c", FIRST_UNITS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert ended(child) == [f"{dimension('mmHg * mL').words}\n"]
