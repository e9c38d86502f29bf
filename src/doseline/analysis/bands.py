"""Bands: quantiles of levels over the subjects of a Dataset, at every time."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import output_name, refuse_other_than_dataset
from doseline.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr

BLOCK, LEAST = 1 << 17, 8
"""Numbers that are looked at together: few enough for the processor's cache; but never fewer times than these, which
stand beside each other in memory and are fetched from it in one go."""
MEASURED = ("time", "interval")
"""Dimensions along which one row is followed."""
DERIVED = ("_observed", "_typical")
"""Ends of the names of what stands beside an output; these are looked at only where they are asked for."""

METHOD = (
    "quantiles by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996); rows without any "
    "number are left out; where other rows have no number at a time, the quantiles there are those of the rest"
)


def bands(
    levels: "xr.Dataset",
    q: Sequence[float] = (5, 50, 95),
    *,
    output: str | None = None,
    over: str | Sequence[str] = "subject",
) -> "xr.Dataset":
    """Quantiles of every output over subjects, for each time and condition.

    Parameters
    ----------
    levels : Dataset         From `simulate`; also the `exposure` of one.
    q : list of numbers      Which quantiles, ascending. [%]
    output : str, optional   One output only, also ``plasma_observed``; all of them where nothing is given.
    over : str or list       The dimension that is summed up, or several together: ``["subject", "replicate"]``.

    Returns
    -------
    xarray.Dataset
        Each output with ``quantile`` (a new dimension, [%]) and the dimensions that are left; and ``subjects``, how
        many rows have been counted: those that could not be solved (NaN at all times) are left out. A row that is NaN
        at some times only is left out at these. Attributes, and what else is said of the regimens, stay.

    Raises
    ------
    InputError : quantiles that do not ascend from 0 to 100, an unknown output, a dimension that is not there.

    Source
    ------
    Hyndman and Fan, The American Statistician 50 (1996) 361, definition 7; docs/howto/bands-and-pictures.md.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "40 mg once fed", dl.cohort(WT=[50, 60, 70, 80, 90]), times="1 h for 24 h")
    >>> bands(levels, [10, 50])["plasma"].dims
    ('quantile', 'time')
    """
    import xarray as xr

    parts = read_parts(q)
    names = measured(levels, output)
    summed = _dimensions(levels, names, over)
    data: dict[str, Any] = {}
    counts = []
    for name in names:
        level = levels[name]
        kept = [dim for dim in level.dims if dim not in summed]
        values = level.transpose(*kept, *summed).values
        data[name] = (("quantile", *kept), quantiles(values, parts / 100, axes=len(summed)), level.attrs)
        counts.append(level.notnull().any([dim for dim in MEASURED if dim in kept]).sum(summed))
    counted: Any = reduce(np.maximum, counts)  # type: ignore[arg-type]
    data["subjects"] = counted.assign_attrs(
        units="1", long_name="rows counted; the others could not be solved"
    )
    beside = {
        name: value
        for name, value in levels.variables.items()
        if name not in data and not set(summed) & set(value.dims)
    }
    shown = {name: value for name, value in beside.items() if name in levels.data_vars}
    coords: dict[Any, Any] = {name: value for name, value in beside.items() if name in levels.coords}
    coords["quantile"] = (
        ("quantile",),
        parts,
        {"units": "%", "long_name": "part of the subjects at or below"},
    )
    return xr.Dataset(
        {**data, **shown}, coords, {**levels.attrs, "bands": f"{' and '.join(summed)}: {METHOD}"}
    )


def quantiles(values: np.ndarray, parts: np.ndarray, *, axes: int) -> np.ndarray:
    """Quantiles (part, ...) of the last ``axes`` dimensions of values; NaN counts as no value, and where all are, NaN.

    Works through blocks: each is laid out with the rows side by side, and only as much of it is sorted as is asked for.
    """
    kept = values.shape[: values.ndim - axes]
    count = int(np.prod(values.shape[values.ndim - axes :]))
    found = np.full((len(parts), *kept), np.nan)
    if not count:
        return found
    for block in _blocks(kept, max(LEAST, BLOCK // count)):
        # a copy, because partitioning moves the numbers about
        rows = np.array(values[block], dtype=np.float64, order="C").reshape(-1, count)
        found[:, *block] = _of_rows(rows, parts).reshape(len(parts), *found[0][block].shape)
    return found


def _blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[int | slice, ...]]:
    """Cut an array into pieces of at most so many elements: a stretch of one dimension, with all those behind it."""
    behind, at = 1, len(shape)
    while at and behind * shape[at - 1] <= most:
        at -= 1
        behind *= shape[at]
    if not at:
        yield ()
        return
    step = max(1, most // behind)
    for leading in np.ndindex(*shape[: at - 1]):
        for start in range(0, shape[at - 1], step):
            yield (*leading, slice(start, start + step))


def _of_rows(rows: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Quantiles (part, row) of the numbers in each row, which are put into another order."""
    found = np.full((len(parts), len(rows)), np.nan)
    numbers = rows.shape[1] - np.isnan(rows).sum(axis=1)
    for count in np.unique(numbers[numbers > 0]):
        at = np.flatnonzero(numbers == count)
        same = rows if len(at) == len(rows) else rows[at]
        place = parts * (count - 1)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, count - 1)
        # NaN goes behind all numbers
        same.partition(np.union1d(below, above), axis=1)
        low, high, share = same[:, below].T, same[:, above].T, (place - below)[:, None]
        # from the nearer end, so that rounding never leads past either
        step = high - low
        found[:, at] = np.where(share < 0.5, low + step * share, high - step * (1 - share))
    return found


def read_parts(q: Any) -> np.ndarray:
    """Quantiles as an array [%], or what is wrong with them."""
    advice = "give percentages, ascending: q=[5, 50, 95]"
    try:
        given = list(q) if not isinstance(q, (str, bytes)) else []
        parts = np.array([float(part) for part in given if not isinstance(part, (bool, np.bool_, str))])
    except (TypeError, ValueError):
        given, parts = [], np.empty(0)
    if not len(parts) or len(parts) < len(given):
        raise InputError(f"found {q!r:.80}", place="q", advice=advice)
    outside = parts[~((parts >= 0) & (parts <= 100))]
    if outside.size:
        raise InputError(f"{outside[0]:g} is not from 0 to 100", place="q", advice=advice)
    if 0 < parts[-1] < 1:
        raise InputError(f"all of {q!r:.80} are below 1 %", place="q", advice=advice)
    if (np.diff(parts) <= 0).any():
        raise InputError(f"found {q!r:.80}, which does not ascend", place="q", advice=advice)
    return parts


def measured(levels: "xr.Dataset", output: str | None = None) -> list[str]:
    """Names of what bands are made of: one output, also as it would be observed, or all; of an exposure the metrics."""
    refuse_other_than_dataset(levels)
    names = [str(name) for name in levels.data_vars if "jumps_at_doses" in levels[name].attrs]
    if "interval_start" in levels:
        names = [
            f"{course}{name}"
            for name in levels.data_vars
            for course in ("", "course_")
            if f"course_{name}" in levels
        ]
    names = [name for name in names if not name.endswith(DERIVED)]
    if output is None:
        return names or [output_name(levels)]
    known = [name for each in names for name in (each, *(each + what for what in DERIVED)) if name in levels]
    if output not in known:
        raise InputError(
            f"unknown output '{output}'",
            place="output",
            advice=did_you_mean(str(output), known, "outputs here")
            if known
            else "give the Dataset from dl.simulate",
        )
    return [output]


def _dimensions(levels: "xr.Dataset", names: Sequence[str], over: Any) -> list[str]:
    """The dimensions to sum up, each of which every output has."""
    summed = [over] if isinstance(over, str) else list(over) if isinstance(over, Sequence) else []
    if not summed or not all(isinstance(name, str) for name in summed) or len(set(summed)) < len(summed):
        raise InputError(
            f"found {over!r:.80}", place="over", advice="give dimensions: over=['subject', 'replicate']"
        )
    for name in names:
        if "quantile" in levels[name].dims:
            raise InputError(
                f"{name} has quantiles already", place="levels", advice="choose one, as in .sel(quantile=50)"
            )
        known = [str(dim) for dim in levels[name].dims if dim not in MEASURED]
        for dim in summed:
            if dim in known:
                continue
            if dim == "subject" and "record" in levels[name].dims:
                advice = "simulate the table on a grid: times='1 h'"
            elif dim == "subject" and not known:
                advice = "give a Dataset with several subjects: these are the levels of one"
            else:
                advice = did_you_mean(str(dim), known, "dimensions here")
            raise InputError(f"{name} has no dimension '{dim}'", place="over", advice=advice)
    return summed
