"""What a draw depends on: seed, replicate, attempt, effect, subject, occasion; and what it does not.

Truth: the draws of all subjects at once, by themselves, in one thread. Every bit has to be the same.
"""

import hashlib
import os
import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import doseline
from doseline.streams import Streams, correlated

COUNT = 3000
PEOPLE = np.arange(1, COUNT + 1, dtype=np.uint64)
VISITS = np.arange(7)
FACTOR = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.3, 0.5, 0.8124038404635961]])
BLOCK = ["CL", "V1", "KA"]


def drawn(streams, number=PEOPLE, occasion=VISITS):
    """One of each kind of draw, the subject first."""
    together = correlated(streams, BLOCK, FACTOR, number, occasion=occasion)
    return {
        "uniform": streams.uniform("CL", number),
        "normal": streams.normal("CL", number),
        "by occasion": streams.normal("F", number, occasion=occasion),
        "attempt": streams.normal("CL", number, attempt=2),
        **{f"correlated {name}": row for name, row in together.items()},
    }


def assert_same(found, truth):
    assert found.keys() == truth.keys()
    for kind, values in found.items():
        assert values.shape == truth[kind].shape, kind
        assert values.tobytes() == truth[kind].tobytes(), kind


class Together(Streams):
    """Under names that have dimensions of one Sobol sequence."""

    def _fill(self, effect, *rest):
        super()._fill(f"eta {effect}", *rest)


KINDS = {
    "random": Streams(7, replicate=1),
    "sobol": Streams(7, replicate=1, sobol=True),
    "together": Together(7, replicate=1, sobol=True),
}


@pytest.fixture(params=KINDS)
def streams(request):
    return KINDS[request.param]


@pytest.fixture
def alone(streams):
    return drawn(streams)


def test_first_are_the_first(streams, alone):
    assert_same(drawn(streams, PEOPLE[:100]), {kind: values[:100] for kind, values in alone.items()})


@pytest.mark.parametrize(
    "chosen", [[2999], [0, 2, 511, 512, 513, 1024], slice(None, None, -1), slice(5, None, 7)]
)
def test_any_subjects_in_any_order(streams, alone, chosen):
    assert_same(drawn(streams, PEOPLE[chosen]), {kind: values[chosen] for kind, values in alone.items()})


def test_twice_the_same_subject(streams, alone):
    rows = np.array([4, 4, 9])
    assert_same(drawn(streams, PEOPLE[rows]), {kind: values[rows] for kind, values in alone.items()})


@pytest.mark.parametrize("size", [1, 100, 511, 512, 1700])
def test_chunks(streams, alone, size):
    parts = [drawn(streams, PEOPLE[i : i + size]) for i in range(0, COUNT if size > 1 else 5, size)]
    whole = {kind: np.concatenate([part[kind] for part in parts]) for kind in alone}
    assert_same(whole, {kind: values[: len(whole[kind])] for kind, values in alone.items()})


def test_nobody(streams):
    assert drawn(streams, PEOPLE[:0])["correlated V1"].shape == (0, 7)
    assert streams.normal("F", PEOPLE, occasion=VISITS[:0]).shape == (COUNT, 0)


def test_occasions(streams, alone):
    """More, fewer and other occasions: each keeps its draws. None is occasion 0, but for a shared Sobol sequence."""
    for chosen in (VISITS[:3], VISITS[::-1], np.array([5]), np.arange(40)):
        found = streams.normal("F", PEOPLE, occasion=chosen)
        for at, occasion in enumerate(chosen):
            if occasion in VISITS:
                assert (found[:, at] == alone["by occasion"][:, occasion]).all()
    same = streams.normal("F", PEOPLE) == alone["by occasion"][:, 0]
    assert same.mean() == (0.0 if isinstance(streams, Together) else 1.0)


def test_other_effects(streams, alone):
    """A larger block around one, or drawing something else before, changes nothing."""
    streams.uniform("something else", PEOPLE)
    larger = np.eye(5)
    larger[:3, :3], larger[4, :4] = FACTOR, 0.3
    found = correlated(streams, [*BLOCK, "V2", "Q"], larger, PEOPLE, occasion=VISITS)
    for name in BLOCK:
        assert (found[name] == alone[f"correlated {name}"]).all()


def test_correlated_is_made_of_the_normals(streams):
    """Truth: the sums written out, in order."""
    z = [streams.normal(name, PEOPLE) for name in BLOCK]
    found = correlated(streams, BLOCK, FACTOR, PEOPLE)
    assert (found["CL"] == z[0]).all()
    assert (found["KA"] == FACTOR[2, 0] * z[0] + FACTOR[2, 1] * z[1] + FACTOR[2, 2] * z[2]).all()


def test_upper_triangle_is_not_read(streams, alone):
    full = FACTOR + np.triu(np.full((3, 3), np.nan), 1)
    found = correlated(streams, BLOCK, full, PEOPLE, occasion=VISITS)
    assert (found["V1"] == alone["correlated V1"]).all()


def test_threads_at_once(streams, alone):
    barrier = threading.Barrier(8)

    def draw(_):
        barrier.wait()
        return drawn(streams)

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(draw, range(8)):
            assert_same(found, alone)


def test_layout_of_the_numbers(streams, alone):
    """Any integer type, strided or not."""
    spread = np.zeros((COUNT, 3), dtype=np.int32)
    spread[:, 1] = PEOPLE
    assert_same(drawn(streams, spread[:, 1]), alone)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 8},
        {"seed": 7 + 2**64},
        {"replicate": 2},
        {"seed": 71, "replicate": 0},
        {"replicate": 12, "seed": 7},
    ],
)
def test_other_seeds_and_replicates_are_others(streams, alone, other):
    found = drawn(type(streams)(**{"seed": 7, "replicate": 1, "sobol": streams.sobol, **other}))
    for kind, values in found.items():
        assert (values != alone[kind]).mean() > 0.999, kind


def test_random_and_sobol_are_others():
    one, two = (Streams(7, sobol=sobol).uniform("CL", PEOPLE) for sobol in (False, True))
    assert (one != two).all()


BITS = {
    "uniform": ["0x1.4efe0b17c3998p-4", "0x1.fb035e835e2f9p-1"],
    "normal": ["-0x1.64a6559fe7d37p+0", "0x1.2b0937d662ae5p+1"],
    "sobol": ["0x1.f4b1e54947f14p-3", "0x1.5229007213d11p-1"],
    "together": ["0x1.727b560ee32b6p-2", "0x1.7be9995c2dd21p-1"],
    "correlated": ["0x1.5595316d76e08p+0", "-0x1.648808bb2bb96p-1"],
}
GOLDEN = {
    "random": "94a3825d00d5e33cdeb887c07115ae0b",
    "sobol": "0c608c1a23747da703ac19eb56a641be",
    "together": "ce7d58ac382b0fd8a84ccaaa96326ac2",
}
"""Some draws, and digests of the bits of all of `drawn`, written down on x86-64 with AVX-512. They change
only with the prefix of the keys."""


def digest(streams):
    bits = hashlib.sha256()
    for kind, values in drawn(streams).items():
        bits.update(kind.encode() + np.ascontiguousarray(values, dtype="<f8").tobytes())
    return bits.hexdigest()[:32]


def test_golden_bits():
    """Truth: the same bits on every machine and with every release; some of them in full to find what has changed."""
    two = PEOPLE[:2]
    shown = {
        "uniform": Streams(7).uniform("CL", two),
        "normal": Streams(7).normal("CL", two),
        "sobol": Streams(7, sobol=True).uniform("CL", two),
        "together": Streams(7, sobol=True).uniform("eta V", two),
        "correlated": correlated(Streams(7), BLOCK, FACTOR, two)["KA"],
    }
    assert {kind: [value.hex() for value in values.tolist()] for kind, values in shown.items()} == BITS
    assert {kind: digest(streams) for kind, streams in KINDS.items()} == GOLDEN


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from test_streams import KINDS, digest
print([digest(streams) for streams in KINDS.values()])
"""


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["generic", "nehalem", "haswell"])
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of x86 processors")
def test_golden_bits_for_other_processors(processor, tmp_path):
    """Truth: the golden bits, from code compiled for processors without AVX, without AVX-512, with and without FMA."""
    code = SCRIPT.format(folder=str(Path(__file__).parent))
    features = {"generic": "+sse2", "nehalem": "", "haswell": "+fma,+avx2"}[processor]
    paths = str(Path(doseline.__file__).parents[1])
    environment = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}
    environment |= {"PYTHONPATH": paths, "DOSELINE_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(list(GOLDEN.values()))
