"""Sketches: counts of numbers in buckets, from which quantiles over any number of subjects are read.

A sketch is as large for a hundred million subjects as for a thousand, and two are merged by adding their counts. These
are whole numbers, so the result has the same bits whatever the order of subjects and of merging.
docs/theory/sketches.md says how far a quantile may be off, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from doseline.errors import InputError
from doseline.sketch_scale import BUCKETS, ERROR, edge_of, refuse_scale, scale_of
from doseline.sketch_sheet import Sheet

BYTES, BYTES_A_BUCKET = 128, 4
"""Of each cell beside its buckets, and of each bucket, while no cell has 2**31 numbers."""
CORRUPT = "give what `arrays` gave, unchanged"


class Sketches:
    """Counts of numbers for every group, output and time.

    Parameters
    ----------
    groups, outputs, times : int   How many of each.
    error : float                  Relative error of a number that is read: 0.005 is half a percent.
    buckets : int                  Most buckets of a cell for each sign, in steps of 64, the highest number among them.
                                   Numbers below are counted in the lowest bucket: see `holds_from`.

    One thread at a time may add to a sketch: give each its own, and merge them.

    Source
    ------
    After Masson, Rim and Lee, PVLDB 12 (2019) 2195; docs/theory/sketches.md.

    >>> levels = np.random.default_rng(1).lognormal(size=(1, 10_001, 3))
    >>> sketch = Sketches(groups=1, outputs=1, times=3)
    >>> sketch.add(levels)
    >>> medians = sketch.quantiles([0.5])[0, 0]
    >>> bool((abs(medians / np.median(levels, axis=1) - 1) <= 0.005).all())
    True
    """

    def __init__(
        self, *, groups: int, outputs: int, times: int, error: float = ERROR, buckets: int = BUCKETS
    ) -> None:
        refuse_scale(error, buckets)
        self.shape = (groups, outputs, times)
        self.error, self.buckets = float(error), int(buckets)
        self._scale = scale_of(self.error, self.buckets)
        self._sheets = [Sheet.empty(times) for _ in range(groups * outputs)]

    def add(self, values: np.ndarray, group: int | np.ndarray = 0) -> None:
        """Count numbers of some subjects, once for each subject.

        Parameters
        ----------
        values : float64 or float32 (output, subject, time)   NaN is no number. Infinities stand at the ends; numbers
                                                              nearer to zero than 2.2e-308 count as zero.
        group : int or whole numbers (subject,)               The group of all subjects, or of each.
        """
        groups, outputs, times = self.shape
        given = np.asarray(values)
        if given.ndim != 3 or (given.shape[0], given.shape[2]) != (outputs, times):
            raise InputError(
                f"found an array of shape {given.shape}",
                place="values",
                advice=f"give (output, subject, time): ({outputs}, ..., {times})",
            )
        if given.dtype not in (np.float64, np.float32):
            raise InputError(f"found {given.dtype}", place="values", advice="give float64 or float32")
        chosen = list(_rows(group, given.shape[1], groups))
        for output in range(outputs):
            level = np.ascontiguousarray(given[output])
            for number, rows in chosen:
                self._sheets[number * outputs + output].add(level, rows, self._scale)

    def merge(self, other: Sketches) -> Sketches:
        """Add the counts of another sketch of the same shape, error and buckets; gives this one back."""
        ours, theirs = (*self.shape, self.error, self.buckets), (*other.shape, other.error, other.buckets)
        if ours != theirs:
            told = "{} groups, {} outputs, {} times, error {:g}, {} buckets"
            raise InputError(
                f"found {told.format(*theirs)}",
                place="other",
                advice=f"give a sketch like the one that it is merged into: {told.format(*ours)}",
            )
        for mine, its in zip(self._sheets, other._sheets, strict=True):
            mine.merge(its, self._scale)
        return self

    def quantiles(self, parts: Any) -> np.ndarray:
        """Quantiles (part, group, output, time) at parts from 0 to 1, ascending; NaN where there is no number.

        By linear interpolation between order statistics (type 7 of Hyndman and Fan 1996), each within ``error`` of its
        value; the least and the greatest are exact.
        """
        asked = np.atleast_1d(np.asarray(parts, dtype=np.float64))
        if asked.ndim != 1 or not ((asked >= 0) & (asked <= 1)).all() or (np.diff(asked) < 0).any():
            raise InputError(
                f"found {parts!r:.80}",
                place="parts",
                advice="give parts from 0 to 1, ascending: [0.05, 0.5, 0.95]",
            )
        found = np.empty((len(asked), *self.shape))
        for at, sheet in self._by_place():
            found[(slice(None), *at)] = sheet.quantiles(asked, self._scale)
        return found

    @property
    def numbers(self) -> np.ndarray:
        """How many numbers have been counted (group, output, time)."""
        return self._each(lambda sheet: sheet.numbers(), np.int64)

    @property
    def missing(self) -> np.ndarray:
        """How often there was no number (group, output, time)."""
        return self._each(lambda sheet: sheet.given - sheet.numbers(), np.int64)

    @property
    def subjects(self) -> np.ndarray:
        """How many subjects had a number at any time (group, output)."""
        return np.array([sheet.seen for sheet in self._sheets], dtype=np.int64).reshape(self.shape[:2])

    @property
    def holds_from(self) -> np.ndarray:
        """From which magnitude on the relative error holds (group, output, time).

        A number below it that is not zero may be anything between zero and this magnitude, or the least number.
        """
        return self._each(lambda sheet: edge_of(sheet.held.first, sheet.held.size, self._scale), np.float64)

    @property
    def nbytes(self) -> int:
        """Memory that the sketch takes."""
        return sum(sheet.nbytes for sheet in self._sheets)

    def arrays(self) -> dict[str, np.ndarray]:
        """All there is to know, as arrays that can be written to files: the same for the same numbers in any order."""
        held = [sheet.held for sheet in self._sheets]
        counts = np.concatenate([np.zeros(0, np.int32), *(sheet.counts for sheet in held)])
        return {
            "shape": np.array(self.shape, dtype=np.int64),
            "error": np.array(self.error),
            "buckets": np.array(self.buckets, dtype=np.int64),
            "first": _stacked([sheet.first for sheet in held], np.int32),
            "size": _stacked([sheet.size for sheet in held], np.int32),
            # most are small: a process that waits for them gets half of the bytes or less
            "counts": counts.astype(np.min_scalar_type(counts.max(initial=0))),
            "tally": _stacked([sheet.tally for sheet in held], np.int64),
            "extreme": _stacked([sheet.extreme for sheet in held], np.float64),
            "rows": np.array([(sheet.given, sheet.seen) for sheet in self._sheets], np.int64).reshape(-1, 2),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Sketches:
        """The sketch of which these are the arrays."""
        groups, outputs, times = (int(count) for count in arrays["shape"])
        found = cls(
            groups=groups,
            outputs=outputs,
            times=times,
            error=float(arrays["error"]),
            buckets=int(arrays["buckets"]),
        )
        first, size = arrays["first"].astype(np.int64), arrays["size"].astype(np.int64)
        sheets = groups * outputs
        shapes = [arrays[name].shape for name in ("first", "size", "tally", "extreme", "rows")]
        due = [(sheets, 2 * times), (sheets, 2 * times), (sheets, 4, times), (sheets, 2, times), (sheets, 2)]
        if shapes != due or (first < 0).any() or (size < 0).any() or (size > found._scale.most).any():
            raise InputError("the arrays are not those of one sketch", place="arrays", advice=CORRUPT)
        ends = np.cumsum(size.sum(axis=1))
        if len(arrays["counts"]) != (ends[-1] if sheets else 0):
            raise InputError(
                f"found {len(arrays['counts'])} counts for {size.sum()} buckets",
                place="arrays",
                advice=CORRUPT,
            )
        pieces = np.split(arrays["counts"], ends[:-1]) if sheets else []
        counted = arrays["tally"].sum(axis=(1, 2)) + np.array(
            [piece.sum(dtype=np.int64) for piece in pieces], np.int64
        )
        if (counted != arrays["rows"][:, 0] * times).any():
            raise InputError(
                f"found {counted.sum()} numbers for {(arrays['rows'][:, 0] * times).sum()} of subjects and times",
                place="arrays",
                advice=CORRUPT,
            )
        for k, counts in enumerate(pieces):
            given, seen = (int(count) for count in arrays["rows"][k])
            found._sheets[k] = Sheet.of(
                counts, first[k], size[k], arrays["tally"][k], arrays["extreme"][k], given=given, seen=seen
            )
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as `arrays`."""
        return Sketches.from_arrays, (self.arrays(),)

    def _by_place(self) -> Iterator[tuple[tuple[int, int], Sheet]]:
        outputs = self.shape[1]
        return ((divmod(k, outputs), sheet) for k, sheet in enumerate(self._sheets))

    def _each(self, what: Any, dtype: Any) -> np.ndarray:
        """One array of what each sheet has to say of its times."""
        found = np.empty(self.shape, dtype=dtype)
        for at, sheet in self._by_place():
            found[at] = what(sheet)
        return found


def bytes_for(
    cells: int, *, decades: float = np.inf, signs: int = 1, error: float = ERROR, buckets: int = BUCKETS
) -> int:
    """Memory that so many cells take whose numbers span so many decades, for each sign; at most, if nothing is said.

    >>> [f"{bytes_for(1681, decades=decades) / 1e6:.1f} MB" for decades in (3, 20)]
    ['5.8 MB', '27.8 MB']
    """
    refuse_scale(error, buckets)
    scale = scale_of(float(error), int(buckets))
    # both ends of a window lie up to 63 buckets beyond the numbers
    held = min(float(scale.most), decades / np.log10(2.0) * len(scale.middle) + 128)
    return int(cells * (BYTES + signs * BYTES_A_BUCKET * held))


def _rows(group: Any, subjects: int, groups: int) -> Iterator[tuple[int, np.ndarray]]:
    """Each group that is there, with the rows of its subjects."""
    whose = np.asarray(group)
    if whose.dtype.kind not in "iu" or whose.shape not in ((), (subjects,)):
        raise InputError(
            f"found {whose.dtype} {whose.shape}",
            place="group",
            advice=f"give a whole number, or one for each of the {subjects} subjects",
        )
    outside = whose[(whose < 0) | (whose >= groups)]
    if outside.size:
        raise InputError(f"found {outside.flat[0]}", place="group", advice=f"groups are 0 .. {groups - 1}")
    if whose.ndim == 0:
        yield int(whose), np.arange(subjects)
        return
    order = np.argsort(whose, kind="stable")
    ends = np.searchsorted(whose[order], np.arange(groups + 1))
    for number in np.flatnonzero(np.diff(ends)):
        yield int(number), order[ends[number] : ends[number + 1]]


def _stacked(arrays: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.stack(arrays).astype(dtype)
