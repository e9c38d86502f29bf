"""What a forest plot shows: a row for each ratio of a Dataset from `doseline.forest`, with its name and numbers."""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr

MOST = 40
"""Rows that one picture holds."""
IN_WORDS = {"course_": " over the course", "steady_": " at steady state"}
"""What the beginnings of metrics mean."""
ABOUT = ("regimen", "formulation", "meal")
"""Coordinates that a title names where they are no dimensions."""


@dataclass(frozen=True)
class Row:
    """One ratio with its interval, NaN where there is none; ``metric`` is the number of its metric."""

    label: str
    metric: int
    ratio: float
    low: float
    high: float
    count: str

    @property
    def numbers(self) -> str:
        """Ratio and interval as people write them."""
        if np.isnan(self.low):
            return _number(self.ratio)
        return f"{_number(self.ratio)} ({_number(self.low)}–{_number(self.high)})"


@dataclass(frozen=True)
class Ratios:
    """All rows of a picture, metric by metric.

    Attributes
    ----------
    metrics : tuple of str   As people write them.
    rows : tuple of Row      Without the reference.
    reference : str          What ratios are to.
    counted : str            What the count of a row means.
    about : str              What all of it is of.
    confidence : float       Of the intervals. [%]
    """

    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    reference: str
    counted: str
    about: str
    confidence: float


def read_ratios(result: "xr.Dataset", metric: str | None) -> Ratios:
    """The ratios of one metric, or of all where nothing is given.

    Raises
    ------
    InputError : another Dataset, an unknown metric, a reference that has been left out, no ratio, too many of them.
    """
    if "forest" not in getattr(result, "attrs", {}) or "ratio" not in getattr(result, "data_vars", ()):
        raise InputError(
            "there are no ratios in it", place="forest", advice="give the Dataset from dl.forest"
        )
    names = [str(name) for name in np.atleast_1d(result["metric"].values)]
    if metric is not None and metric not in names:
        raise InputError(
            f"unknown metric '{metric}'", place="metric", advice=did_you_mean(str(metric), names)
        )
    chosen = names if metric is None else [metric]
    full = result if "metric" in result["ratio"].dims else result.expand_dims("metric")
    along = str(result.attrs["forest"])
    full = full if along in full["ratio"].dims else full.expand_dims(along)
    rows = [row for at, name in enumerate(chosen) for row in _rows(full, names.index(name), at, along)]
    if not rows:
        raise InputError(
            "there is no ratio to draw", place="forest", advice="look at ratios['subjects'] and ['missing']"
        )
    if len(rows) > MOST:
        raise InputError(
            f"there are {len(rows)} ratios, and a picture holds {MOST}",
            place="forest",
            advice="choose some: .sel(regimen=...), .isel(interval=-1)",
        )
    told = [str(result.attrs[name]) for name in ("model", "output") if name in result.attrs]
    told += [str(result[name].values) for name in ABOUT if name in result.coords and not result[name].dims]
    paired = "pairs" in result
    reference = ("" if paired else f"{along} ") + str(result.attrs["reference"])
    counted = "n" if paired else "n, of reference"
    shown = tuple(_words(name) for name in chosen)
    return Ratios(shown, tuple(rows), reference, counted, ", ".join(told), float(result.attrs["confidence"]))


def _rows(full: "xr.Dataset", metric: int, at: int, along: str) -> list[Row]:
    """The rows of one metric; other dimensions are named where there are several of them."""
    one = full.isel(metric=metric)
    dims = [str(dim) for dim in one["ratio"].dims if dim != along]
    reference = str(full.attrs["reference"])
    labels = [str(label) for label in one[along].values]
    rows = []
    for place in product(*(range(one.sizes[dim]) for dim in dims)):
        here = one.isel(dict(zip(dims, place, strict=True)))
        named = [_label(here, dim) for dim in dims if one.sizes[dim] > 1]
        for group, label in enumerate(labels):
            cell = here.isel({along: group})
            if label == reference or np.isnan(cell["ratio"]):
                continue
            if "pairs" in cell:
                count, shown = f"{int(cell['pairs']):,}", _label(cell, along)
            else:
                shown = f"{along} {label}"
                base = int(here["subjects"].isel({along: labels.index(reference)}))
                count = f"{int(cell['subjects']):,}, {base:,}"
            ratio, low, high = (float(cell[name]) for name in ("ratio", "ratio_low", "ratio_high"))
            rows.append(Row(", ".join([*named, shown]), at, ratio, low, high, count))
    return rows


def _label(here: "xr.Dataset", dim: str) -> str:
    label = here[dim].values
    return str(label) if label.dtype.kind in "UO" else f"{dim} {label}"


def _words(metric: str) -> str:
    kind = next((kind for kind in IN_WORDS if metric.startswith(kind)), "")
    return metric.removeprefix(kind) + IN_WORDS.get(kind, "")


def _number(value: Any) -> str:
    """Two digits behind the point, or three that count where it is small or large."""
    return f"{value:.2f}" if 0.095 <= value < 99.995 else f"{value:.3g}"
