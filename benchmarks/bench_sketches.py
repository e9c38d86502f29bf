"""How fast levels are counted into sketches, in one thread, and how large these are.

The yardstick is `numpy.quantile` of one block of the same levels, timed in the same run; its answer is the one that is
checked. It needs all levels at once, and a sketch needs none of them again. Times are those of the thread, so that what
else the machine does counts less.
"""

import pickle
import time

import numpy as np
import pytest

from doseline.sketches import Sketches

SUBJECTS, BLOCK = 100_000, 4096
PARTS = [0.05, 0.5, 0.95]


def block_of(times):
    """Levels of one block, (output, subject, time): a dose every twelve times, subjects that differ by half."""
    rng = np.random.default_rng(1)
    fall = np.exp(-(np.arange(times) % 12) / 6) ** rng.lognormal(0, 0.5, (BLOCK, 1))
    return (rng.lognormal(0, 0.8, (BLOCK, 1)) * fall * rng.lognormal(0, 0.1, (BLOCK, times)))[None]


@pytest.mark.parametrize("times", [200, 1_681])
def test_sketches(times):
    """A hundred thousand subjects in blocks of 4,096: each block faster than numpy finds three quantiles of it."""
    values = block_of(times)
    sketch = Sketches(groups=1, outputs=1, times=times)
    sketch.add(values)
    start = time.thread_time()
    truth = np.quantile(values[0], PARTS, axis=0)
    theirs = (time.thread_time() - start) / values.size
    np.testing.assert_allclose(sketch.quantiles(PARTS)[:, 0, 0], truth, rtol=0.005)
    rng = np.random.default_rng(2)
    taken = []
    sketch = Sketches(groups=1, outputs=1, times=times)
    for _ in range(-(-SUBJECTS // BLOCK)):
        block = values * rng.lognormal(0, 0.1)
        start = time.thread_time()
        sketch.add(block)
        taken.append((time.thread_time() - start) / values.size)
    first, usual = taken[0] * 1e9, np.median(taken) * 1e9
    start = time.thread_time()
    sketch.quantiles(PARTS)
    read = time.thread_time() - start
    start = time.thread_time()
    sent = pickle.dumps(sketch)
    other = pickle.loads(sent)
    packed = time.thread_time() - start
    start = time.thread_time()
    sketch.merge(other)
    merged = time.thread_time() - start
    print(
        f"\n{SUBJECTS:,} x {times:,}: median {usual:.1f} ns a value, fastest block {min(taken) * 1e9:.1f}, "
        f"first {first:.1f}, all {sum(taken):.1f} s; numpy.quantile {theirs * 1e9:.1f} ns; "
        f"{sketch.nbytes / 1e6:.1f} MB, sent as {len(sent) / 1e6:.1f} MB; "
        f"read {read * 1e3:.0f} ms, packed and unpacked {packed * 1e3:.0f} ms, merged {merged * 1e3:.0f} ms"
    )
    assert usual < theirs * 1e9
