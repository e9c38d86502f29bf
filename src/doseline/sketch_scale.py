"""How an octave is cut into buckets so that the middle of each is within a relative error of all its numbers."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from doseline.errors import InputError

if TYPE_CHECKING:
    from doseline.kernels.sketch import Scale

ERROR = 0.005
"""Relative error, where nothing else is asked for."""
BUCKETS = 4096
"""Most buckets of a cell and sign: 17 decades at that error."""
FINEST, COARSEST, FEWEST = 1e-4, 0.1, 64
MORE_DIGITS = 5
"""Leading digits of a number that are looked at beyond what the error needs: with so many, edges of buckets come so
near to where they may be at most that there are few more of them than with logarithms."""
SLACK = 1e-12
"""Part of the error that is left for rounding."""


@lru_cache(maxsize=16)
def scale_of(error: float, buckets: int) -> Scale:
    """Buckets of one octave for a relative error.

    Edges are whole multiples of ``2 ** -leading`` from 1 to 2. Each is the farthest at which the harmonic mean of the
    bucket's edges, which is equally far from both as a part of either, stays within the error.
    """
    # numba, behind the kernels, takes half a second to import
    from doseline.kernels.sketch import ALIGNED, DIGITS, Scale

    leading = math.ceil(math.log2(0.5 / error)) + MORE_DIGITS
    ratio = (1 + error * (1 - SLACK)) / (1 - error * (1 - SLACK))
    edges = [1 << leading]
    while edges[-1] < 2 << leading:
        edges.append(min(int(edges[-1] * ratio), 2 << leading))
    low, high = np.array(edges[:-1], dtype=np.float64), np.array(edges[1:], dtype=np.float64)
    place = np.repeat(np.arange(len(low), dtype=np.uint16), np.diff(edges))
    middle = 2 * low * high / (low + high) / (1 << leading)
    return Scale(place, middle, DIGITS - leading, np.int64(-(-buckets // ALIGNED) * ALIGNED))


def edge_of(first: np.ndarray, size: np.ndarray, scale: Scale) -> np.ndarray:
    """Magnitude (time,) above the lowest buckets (store,) of windows that are full, the larger of both signs."""
    from doseline.kernels.sketch import BIAS

    starts = np.flatnonzero(np.diff(scale.place, prepend=np.uint16(1)))
    octave, inside = np.divmod(first + 1, len(scale.middle))
    with np.errstate(under="ignore"):
        above = np.ldexp(1 + starts[inside] / len(scale.place), octave - BIAS)
    return np.where(size == scale.most, above, 2.0**-1022).reshape(2, -1).max(axis=0)


def refuse_scale(error: float, buckets: int) -> None:
    """Refuse an error that no number of digits or buckets would keep, and too few buckets."""
    if not FINEST <= error <= COARSEST:
        raise InputError(
            f"found {error!r:.80}",
            place="error",
            advice=f"give a relative error from {FINEST:g} to {COARSEST:g}",
        )
    if buckets < FEWEST:
        raise InputError(f"found {buckets!r:.80}", place="buckets", advice=f"give {FEWEST} or more")
