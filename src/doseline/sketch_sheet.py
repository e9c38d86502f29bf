"""A sheet of a sketch: the counts of one group and one output, a cell for each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from doseline.kernels import sketch
    from doseline.kernels.sketch import Scale

WAITING = 1 << 15
"""Numbers that wait for wider windows before these are made."""
TOGETHER = 256
"""Times that are counted together, subject by subject: their buckets stay in the processor's cache, and rows are read
in stretches that it fetches ahead."""
LIMIT = 2**31 - 1
"""Rows up to which counts take four bytes."""


@dataclass
class Sheet:
    """The arrays that kernels count into, how many rows were ``given``, and how many had any number."""

    held: sketch.Sheet
    given: int = 0
    seen: int = 0

    @classmethod
    def empty(cls, times: int) -> Sheet:
        """A sheet into which nothing has been counted."""
        from doseline.kernels import sketch

        none = np.zeros(2 * times, np.int64)
        extreme = np.repeat([[np.inf], [-np.inf]], times, axis=1)
        return cls(_blank(none, none, np.int32, np.zeros((sketch.TALLIES, times), np.int64), extreme))

    @classmethod
    def of(
        cls,
        counts: np.ndarray,
        first: np.ndarray,
        size: np.ndarray,
        tally: np.ndarray,
        extreme: np.ndarray,
        *,
        given: int,
        seen: int,
    ) -> Sheet:
        """A sheet that holds these counts, in the order of their windows."""
        from doseline.kernels import sketch

        dtype = _type_for(given)
        blank = _blank(first, size, dtype, np.array(tally, np.int64), np.array(extreme, np.float64))
        found = cls(blank._replace(counts=counts.astype(dtype)), given, seen)
        sketch.find_ends(found.held)
        return found

    def add(self, values: np.ndarray, rows: np.ndarray, scale: Scale) -> None:
        """Count the rows of values (subject, time)."""
        from doseline.kernels import sketch

        self._make_room(len(rows))
        room, times = max(WAITING, TOGETHER), values.shape[1]
        waiting = sketch.Waiting(np.empty(room), np.empty(room, np.int64))
        seen = np.zeros(len(rows), np.bool_)
        at = time = 0
        while time < times and at < len(rows):
            during = time, min(time + TOGETHER, times)
            at, filled = sketch.count(values, rows, at, during, self.held, scale, waiting, seen)
            filled = sketch.settle(waiting, filled, self.held, scale)
            if filled:
                first, size = self.held.first.copy(), self.held.size.copy()
                sketch.widen(waiting, filled, scale, first, size)
                self._move(first, size)
                sketch.settle(waiting, filled, self.held, scale)
            if at == len(rows):
                at, time = 0, time + TOGETHER
        self.seen += int(seen.sum())
        self.given += len(rows)

    def merge(self, other: Sheet, scale: Scale) -> None:
        """Add the counts of another sheet."""
        from doseline.kernels import sketch

        self._make_room(other.given)
        first, size = self.held.first.copy(), self.held.size.copy()
        sketch.join_all(other.held, first, size, scale.most)
        if (size != self.held.size).any() or (first != self.held.first).any():
            self._move(first, size)
        sketch.pour(other.held, self.held)
        low, high = self.held.extreme
        np.minimum(low, other.held.extreme[0], out=low)
        np.maximum(high, other.held.extreme[1], out=high)
        self.held.tally[:] += other.held.tally
        self.given, self.seen = self.given + other.given, self.seen + other.seen

    def quantiles(self, parts: np.ndarray, scale: Scale) -> np.ndarray:
        """Quantiles (part, time)."""
        from doseline.kernels import sketch

        found = np.empty((len(parts), self.held.tally.shape[1]))
        sketch.read(self.held, self.numbers(), scale, parts, found)
        return found

    def numbers(self) -> np.ndarray:
        """How many numbers there are (time,)."""
        from doseline.kernels.sketch import MISSING

        return self.given - self.held.tally[MISSING]

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return sum(array.nbytes for array in self.held)

    def _make_room(self, rows: int) -> None:
        """Count in eight bytes from as many rows on as four bytes could not count."""
        dtype = _type_for(self.given + rows)
        if self.held.counts.dtype != dtype:
            self.held = self.held._replace(counts=self.held.counts.astype(dtype))

    def _move(self, first: np.ndarray, size: np.ndarray) -> None:
        """Move the counts into other windows."""
        from doseline.kernels import sketch

        before = self.held
        self.held = _blank(first, size, before.counts.dtype.type, before.tally, before.extreme)
        sketch.pour(before, self.held)


def _type_for(rows: int) -> type[np.signedinteger]:
    return np.int32 if rows <= LIMIT else np.int64


def _blank(
    first: np.ndarray, size: np.ndarray, dtype: type, tally: np.ndarray, extreme: np.ndarray
) -> sketch.Sheet:
    """Empty windows."""
    from doseline.kernels import sketch

    ends = np.cumsum(size)
    span = np.empty((len(size), sketch.SPAN), np.int64)
    span[:, sketch.LOWEST], span[:, sketch.HIGHEST], span[:, sketch.OFFSET] = (
        sketch.NEVER,
        -1,
        ends - size - first,
    )
    return sketch.Sheet(
        counts=np.zeros(ends[-1] if len(ends) else 0, dtype),
        first=first,
        size=size,
        span=span,
        tally=tally,
        extreme=extreme,
    )
