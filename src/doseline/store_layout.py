"""How a store is cut: into parts that are written one by one, and into chunks that are files."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from doseline.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

MOST, LEAST = 16 * 2**20, 2**20
"""Bytes of a chunk before it is compressed. Smaller files cost the file system more than their bytes, and larger ones
the reader who wants a few subjects."""
DTYPES = ("float64", "float32")
"""Kinds of levels in a store."""
CUT = ("replicate", "subject")
"""Dimensions along which parts lie."""


class Place(NamedTuple):
    """Which rows a part holds: the position of its replicate, and those of its subjects."""

    replicate: int
    start: int
    stop: int


@dataclass(frozen=True)
class Stored:
    """One variable of a store."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    parted: bool  # written part by part, or at once

    @property
    def nbytes(self) -> int:
        """Bytes before they are compressed."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)

    @property
    def files(self) -> int:
        """How many files hold it."""
        return math.prod(-(-size // chunk) for size, chunk in zip(self.shape, self.chunks, strict=True))

    @property
    def fill(self) -> Any:
        """What stands where nothing was written yet: a number that no result has, where the dtype has one."""
        kind = np.dtype(self.dtype)
        if kind.kind == "u":
            return int(np.iinfo(kind).max)
        return {"f": math.nan, "i": -1, "b": False}.get(kind.kind, "")


@dataclass(frozen=True)
class Layout:
    """Sizes, parts and variables of a store.

    Part number ``replicate * blocks + block`` holds ``rows_each`` subjects of one replicate under everything else. A
    variable without replicates is written by the parts of the first one, and one without subjects by the first block.
    """

    replicates: int
    subjects: int
    rows_each: int
    variables: Mapping[str, Stored]

    @property
    def blocks(self) -> int:
        """Parts of a replicate."""
        return -(-self.subjects // self.rows_each)

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return self.replicates * self.blocks

    def place(self, part: int) -> Place:
        """What a part holds."""
        replicate, block = divmod(part, self.blocks)
        start = block * self.rows_each
        return Place(replicate, start, min(start + self.rows_each, self.subjects))

    def region(self, name: str, place: Place) -> tuple[slice, ...] | None:
        """Where the rows of a part lie in a variable; None if another part writes them."""
        stored = self.variables[name]
        first = {"replicate": place.replicate == 0, "subject": place.start == 0}
        if not all(first[each] for each in CUT if each not in stored.dims):
            return None
        rows = {
            "replicate": slice(place.replicate, place.replicate + 1),
            "subject": slice(place.start, place.stop),
        }
        return tuple(
            rows.get(each, slice(0, size)) for each, size in zip(stored.dims, stored.shape, strict=True)
        )

    def files(self, name: str, region: tuple[slice, ...]) -> Iterator[str]:
        """Files of a region; parts meet only between chunks."""
        chunks = self.variables[name].chunks
        ranges = (
            range(cut.start // size, -(-cut.stop // size)) for cut, size in zip(region, chunks, strict=True)
        )
        for at in product(*ranges):
            yield "/".join((name, "c", *map(str, at)))

    def bands(
        self, name: str, region: tuple[slice, ...]
    ) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """A region as bands of whole chunks along the subjects, each with where it lies in the part."""
        stored = self.variables[name]
        own = [slice(0, cut.stop - cut.start) for cut in region]
        if "subject" not in stored.dims:
            yield region, tuple(own)
            return
        axis = stored.dims.index("subject")
        for start in range(region[axis].start, region[axis].stop, stored.chunks[axis]):
            stop = min(start + stored.chunks[axis], region[axis].stop)
            whole = (*region[:axis], slice(start, stop), *region[axis + 1 :])
            own[axis] = slice(start - region[axis].start, stop - region[axis].start)
            yield whole, tuple(own)

    def files_of(self, part: int) -> set[str]:
        """All files of a part."""
        place = self.place(part)
        regions = ((name, self.region(name, place)) for name in self.parted)
        return {key for name, region in regions if region is not None for key in self.files(name, region)}

    @cached_property
    def parted(self) -> list[str]:
        """Names of what is written part by part."""
        return [name for name, stored in self.variables.items() if stored.parted]

    def incomplete(self, there: int) -> str:
        """How much is there and what stands where nothing is; nothing when all is there."""
        if there == self.parts:
            return ""
        fills: dict[str, list[str]] = {}
        for name in self.parted:
            fill = self.variables[name].fill
            if not isinstance(fill, float):
                fills.setdefault(str(fill), []).append(name)
        said = "".join(f", {fill} in {', '.join(names)}" for fill, names in fills.items())
        return f"{there} of {self.parts} parts are there; what is not has NaN{said}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Layout":
        """Back from JSON."""
        stored = {
            name: Stored(
                tuple(each["dims"]),
                tuple(each["shape"]),
                tuple(each["chunks"]),
                each["dtype"],
                each["parted"],
            )
            for name, each in plain["variables"].items()
        }
        return cls(plain["replicates"], plain["subjects"], plain["rows_each"], stored)


def read_dtype(dtype: object, store: object) -> str:
    """The kind of levels; without a store there is no choice.

    Raises
    ------
    InputError : there is no such kind, or there is no store.
    """
    if not isinstance(dtype, str) or dtype not in DTYPES:
        told = " or ".join(map(repr, DTYPES))
        raise InputError(f"found {dtype!r:.60}", place="dtype", advice=f"expected {told}")
    if store is None and dtype != DTYPES[0]:
        raise InputError(
            f"found {dtype!r}, and levels in memory are {DTYPES[0]}",
            place="dtype",
            advice="add store='course.zarr', or leave it out",
        )
    return dtype


def is_level(name: str, attrs: Mapping[str, Any]) -> bool:
    """Whether a variable holds levels: those of an output, observed or typical ones."""
    return "jumps_at_doses" in attrs or name.endswith(("_observed", "_typical"))


def layout_of(
    template: "xr.Dataset", known: Mapping[str, np.ndarray], *, rows_each: int, dtype: str
) -> Layout:
    """The layout of a store whose first part looks like ``template``.

    ``known`` are coordinates in full length, the labels of ``subject`` among them; they are written at once.
    """
    sizes = {name: len(known[name]) for name in CUT if name in known and name in template.dims}
    rows_each = min(rows_each, sizes["subject"])
    variables = {}
    for name, value in ((str(name), value) for name, value in template.variables.items()):
        kind = plain(known.get(name, value.values)).dtype
        if is_level(name, value.attrs) and kind.kind == "f":
            kind = np.dtype(dtype)
        dims = tuple(str(each) for each in value.dims)
        shape = tuple(sizes.get(each, size) for each, size in zip(dims, value.shape, strict=True))
        parted = name not in known and any(each in CUT for each in dims)
        if parted and kind.kind == "U":
            raise InputError(
                "nothing says which words it has for all subjects",
                place=name,
                advice="hand it over in full beforehand, with the labels of the subjects",
            )
        steps = {"replicate": 1, "subject": rows_each} if parted else {}
        chunks = chunk_shape(dims, shape, kind.itemsize, steps)
        variables[name] = Stored(dims, shape, chunks, kind.str, parted)
    return Layout(sizes.get("replicate", 1), sizes["subject"], rows_each, variables)


def plain(values: np.ndarray) -> np.ndarray:
    """An array that a file can hold: words of any kind get a width."""
    values = np.asarray(values)
    return values.astype(str) if values.dtype.kind in "OT" else values


def chunk_shape(
    dims: tuple[str, ...], shape: tuple[int, ...], itemsize: int, steps: Mapping[str, int]
) -> tuple[int, ...]:
    """The shape of a chunk of at most `MOST` bytes, and not below `LEAST` where there is enough.

    ``steps`` are the sizes of parts: no chunk may lie in two, so along them only divisors will do. Dimensions are cut
    from the first to the last: whoever reads a file wants whole courses of some subjects. Where the size of a part has
    no divisor that fits, the last dimension is cut instead.

    >>> chunk_shape(("meal", "subject", "time"), (2, 20_000, 1681), 4, {"subject": 2500})
    (1, 1250, 1681)
    >>> chunk_shape(("subject", "time"), (20_014, 1681), 8, {"subject": 10_007})
    (10007, 187)
    """
    chunk = [min(steps.get(name, size), size) or 1 for name, size in zip(dims, shape, strict=True)]

    def unit(axis: int) -> int:
        return itemsize * math.prod(chunk) // chunk[axis]

    for axis, name in enumerate(dims[:-1]):
        if name not in steps:
            chunk[axis] = max(1, min(chunk[axis], MOST // unit(axis)))
    if itemsize * math.prod(chunk) <= MOST:
        return tuple(chunk)
    last = len(dims) - 1
    if "subject" in steps:
        axis = dims.index("subject")
        divisors = [each for each in range(1, chunk[axis] + 1) if chunk[axis] % each == 0]
        row, length = (unit(axis), 1) if axis == last else (unit(axis) // chunk[last], chunk[last])
        for pieces in range(1, length + 1):
            course = row * -(-length // pieces)
            rows = max((each for each in divisors if each * course <= MOST), default=0)
            if rows * course >= LEAST:
                chunk[axis], chunk[last] = rows, rows if axis == last else -(-length // pieces)
                break
    if itemsize * math.prod(chunk) > MOST and dims[last] not in steps:
        chunk[last] = max(1, MOST // unit(last))
    return tuple(chunk)
