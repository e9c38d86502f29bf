"""Probability of target attainment: which part of the subjects has a metric of exposure where it should be."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from doseline.analysis.bands import quantiles
from doseline.analysis.individual import (
    SUBJECT,
    attributes_of,
    groups_of,
    metric_values,
    read_confidence,
    unit_of,
)
from doseline.analysis.targets import read_targets
from doseline.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr

REPLICATE = "replicate"


def clopper_pearson(count: np.ndarray, total: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the exact interval of a probability: those at which the count would be at the edge of a binomial tail."""
    tail = (1.0 - confidence) / 2.0
    with np.errstate(invalid="ignore"):
        low = np.where(count > 0, special.betaincinv(count, total - count + 1.0, tail), 0.0)
        high = np.where(count < total, special.betaincinv(count + 1.0, total - count, 1.0 - tail), 1.0)
    return np.where(total > 0, low, np.nan), np.where(total > 0, high, np.nan)


def wilson(count: np.ndarray, total: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of Wilson's score interval: the probabilities that a normal test would not reject."""
    z = special.ndtri((1.0 + confidence) / 2.0)
    with np.errstate(all="ignore"):
        part, weight = count / total, z * z / total
        middle = (part + weight / 2.0) / (1.0 + weight)
        half = z * np.sqrt(part * (1.0 - part) / total + weight / (4.0 * total)) / (1.0 + weight)
    # at none and at all one end is exactly 0 or 1, which rounding would miss
    return np.where(count == 0, 0.0 * middle, middle - half), np.where(
        count == total, 1.0 + 0.0 * middle, middle + half
    )


INTERVALS: dict[str, tuple[Callable[..., tuple[np.ndarray, np.ndarray]], str]] = {
    "clopper-pearson": (clopper_pearson, "exact, Clopper and Pearson"),
    "wilson": (wilson, "score, Wilson"),
}
"""How an interval is found, and its name in words."""


def attainment(
    found: "xr.Dataset",
    metric: str,
    target: Any,
    *,
    compare: str = ">=",
    by: Any = None,
    confidence: float = 95,
    method: str = "clopper-pearson",
) -> "xr.Dataset":
    """Probability of target attainment: the part of the subjects whose metric attains a target.

    Parameters
    ----------
    found : Dataset          From `exposure`; or any other whose variables have a dimension ``subject``.
    metric : str             Which variable, such as "AUC", "course_Cmin" or "time_above".
    target : number, "300 ng/mL * h", list, or mapping of names to targets
        Plain numbers are in the unit of the metric. A list or a mapping becomes the dimension ``target``.
    compare : ">=", ">", "<=", "<" or "within"
        When a value attains the target. "within" takes pairs, as in ``target=(100, 300)``; both ends belong to it.
    by : str, list or mapping, optional
        Groups by covariates, a dimension for each: ``"SEX"``, or where numbers part, ``{"WT": [60, 80]}``.
    confidence : float       Of the interval. [%]
    method : str             "clopper-pearson" is exact: it holds at least what it promises. "wilson" is narrower, and
                             holds what it promises on average.

    Returns
    -------
    xarray.Dataset
        ``probability`` with its interval, ``low`` to ``high`` [1]; how many ``subjects`` have a value, how many of them
        have ``attained`` the target, and how many are ``missing`` because they have no value. The dimensions are those
        of the metric without ``subject``, then those of groups, then ``target``. Where there are replicates, each has
        a probability of its own, and ``replicate_low`` to ``replicate_high`` is where the middle ``confidence``
        percent of them lie, ``replicate_median`` in the midst.
        The interval says how well so many subjects tell the probability; the replicates also how much that depends on
        uncertain parameters.

    Raises
    ------
    InputError, UnitError : an unknown metric, a target that is none or in another unit, a group without anybody, no
        value at all, a Dataset without subjects.

    Source
    ------
    Clopper and Pearson, Biometrika 26 (1934) 404; Wilson, Journal of the American Statistical Association 22 (1927)
    209; docs/howto/target-attainment.md.

    >>> import doseline as dl
    >>> people = dl.cohort(WT=[50, 60, 70, 80, 90])
    >>> found = dl.exposure("isotretinoin", "40 mg once", people, meal=["fed", "fasted"], intervals="last")
    >>> part = dl.attainment(found, "course_Cmax", ["200 ng/mL", "450 ng/mL"])
    >>> part["attained"].dims, part["attained"].values.tolist(), part["target"].attrs["units"]
    (('meal', 'target'), [[5, 2], [1, 0]], 'ng/mL')
    """
    import xarray as xr

    value = metric_values(found, metric)
    targets = read_targets(target, compare, unit_of(value))
    groups = groups_of(by, found)
    sure = read_confidence(confidence)
    if not isinstance(method, str) or method not in INTERVALS:
        raise InputError(
            f"unknown method {method!r:.60}",
            place="method",
            advice=did_you_mean(str(method), INTERVALS, "methods"),
        )
    kept = tuple(str(dim) for dim in value.dims if dim != SUBJECT)
    numbers, code = value.values, groups.of(slice(0, value.sizes[SUBJECT]))
    members = [np.flatnonzero(code == group) for group in range(groups.count)]

    def counted(true: np.ndarray) -> np.ndarray:
        """How often it is true (..., group by group)."""
        each = np.stack([true[..., own].sum(axis=-1) for own in members], axis=-1)
        return each.reshape((*true.shape[:-1], *groups.shape))

    known = ~np.isnan(numbers)
    subjects, missing = counted(known), counted(~known)
    attained = np.stack([counted(hit) for hit in targets.attained(numbers)], axis=-1)
    total = subjects[..., np.newaxis]
    find, words = INTERVALS[method]
    low, high = find(attained, total, sure)
    with np.errstate(invalid="ignore"):
        probability = attained / total
    rows = (*kept, *groups.names)
    told = f"{metric} {compare} target"
    data: dict[str, Any] = {
        "probability": _told((*rows, "target"), probability, f"part of the subjects with {told}"),
        "low": _told((*rows, "target"), low, "low end of the interval of the probability"),
        "high": _told((*rows, "target"), high, "high end of the interval of the probability"),
        "attained": _told((*rows, "target"), attained, f"subjects with {told}"),
        "subjects": _told(rows, subjects, "subjects with a value"),
        "missing": _told(rows, missing, "subjects without a value"),
    }
    if REPLICATE in kept:
        data |= _of_replicates(np.moveaxis(probability, rows.index(REPLICATE), -1), rows, sure)
    coords = {name: each for name, each in value.coords.items() if SUBJECT not in each.dims}
    labels = dict(zip(groups.names, map(list, groups.labels), strict=True))
    result = xr.Dataset(data, {**coords, **labels, **targets.coordinates()})
    result.attrs = attributes_of(found) | {
        "attainment": told,
        "metric": metric,
        "compare": compare,
        "confidence": float(confidence),
        "interval_method": words,
    }
    return result if targets.listed else result.isel(target=0)


def _told(dims: tuple[str, ...], values: np.ndarray, meaning: str) -> tuple[Any, ...]:
    """A plain number with its meaning."""
    return dims, values, {"units": "1", "long_name": meaning}


def _of_replicates(probability: np.ndarray, rows: tuple[str, ...], sure: float) -> dict[str, Any]:
    """Quantiles of the probabilities (..., target, replicate) of replicates."""
    parts = np.array([(1.0 - sure) / 2.0, 0.5, (1.0 + sure) / 2.0])
    dims = (*(name for name in rows if name != REPLICATE), "target")
    names = ("replicate_low", "replicate_median", "replicate_high")
    return {
        name: _told(dims, each, f"{100.0 * part:g} % quantile of the probabilities of replicates")
        for name, each, part in zip(names, quantiles(probability, parts, axes=1), parts, strict=True)
    }
