"""Ratios to a reference: how the metrics of regimens, meals or groups of subjects compare, with intervals."""

from collections.abc import Mapping, Sequence
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
from doseline.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr

MEANINGS = {
    "ratio": "geometric mean ratio to the reference",
    "ratio_low": "low end of the interval of the ratio",
    "ratio_high": "high end of the interval of the ratio",
    "geometric_mean": "geometric mean of the individual values",
    "q5": "5 % quantile of the individual values",
    "median": "median of the individual values",
    "q95": "95 % quantile of the individual values",
    "subjects": "subjects with a value",
    "missing": "subjects without a value",
    "pairs": "subjects with a value here and under the reference",
}
OF_METRIC = ("geometric_mean", "q5", "median", "q95")
"""Variables in the unit of the metric; all others are plain numbers."""
PAIRED = "t interval of the mean log ratio of the same subjects"
UNPAIRED = "Welch's t interval of the difference of mean logs, of different subjects"


def forest(
    found: "xr.Dataset",
    metric: str | Sequence[str],
    *,
    along: str | Mapping[str, Any],
    reference: Any,
    confidence: float = 90,
) -> "xr.Dataset":
    """Geometric mean ratios of a metric to a reference, with intervals; ``.pk.plot()`` draws them as a forest plot.

    Parameters
    ----------
    found : Dataset               From `exposure`; or any other whose variables have a dimension ``subject``.
    metric : str or list of str   Which variables; a list becomes the dimension ``metric``.
    along : str or mapping        What is compared: a dimension such as "regimen" or "meal", or groups by a covariate:
                                  "SEX", or where numbers part, ``{"WT": [60, 80]}``.
    reference : label             To what: one of the regimens, meals or groups.
    confidence : float            Of the intervals. [%]

    Returns
    -------
    xarray.Dataset
        ``ratio`` with its interval, ``ratio_low`` to ``ratio_high`` [1]; of each group ``geometric_mean``, ``median``,
        ``q5`` and ``q95`` of the individual values [unit of the metric], and how many ``subjects`` have a value and how
        many are ``missing``. Along a dimension each subject is compared with themselves, and there are so many
        ``pairs``; groups have different subjects, and the variance of each is its own. An interval needs two subjects.
        The reference itself has the ratio 1 and no interval.

    Raises
    ------
    InputError : an unknown metric, dimension or reference, a reference that stands alone, values that are not above 0,
        nobody with a value under the reference, a group without anybody, a Dataset without subjects.

    Source
    ------
    Welch, Biometrika 34 (1947) 28; docs/howto/target-attainment.md.

    >>> import doseline as dl
    >>> people = dl.cohort(WT=[50, 60, 70, 80, 90])
    >>> found = dl.exposure("isotretinoin", "40 mg once", people, meal=["fed", "fasted"])
    >>> ratios = dl.forest(found, ["course_AUC", "course_Cmax"], along="meal", reference="fed")
    >>> ratios["ratio"].dims, ratios["pairs"].sel(meal="fasted").values.tolist()
    (('metric', 'meal'), [5, 5])
    """
    import xarray as xr

    names = (
        [metric] if isinstance(metric, str) else list(metric) if isinstance(metric, Sequence) else [metric]
    )
    if not names:
        raise InputError("there are none", place="metric", advice="give one, such as 'AUC', or a list")
    values = [metric_values(found, name) for name in names]
    if len(set(names)) < len(names):
        raise InputError(f"found {names!r:.60}", place="metric", advice="give each metric once")
    sure = read_confidence(confidence)
    compared = _Compared(found, values, along, reference)
    parts = [compared.table(name, value, sure) for name, value in zip(names, values, strict=True)]
    listed = not isinstance(metric, str)
    units = [unit_of(value) for value in values]
    if listed:
        whole = xr.concat(parts, xr.DataArray(names, dims="metric", name="metric"), join="exact")
        whole = whole.assign_coords(metric_unit=("metric", units))
    else:
        whole = parts[0].assign_coords(metric=names[0], metric_unit=units[0])
    whole = whole.transpose(*(["metric"] if listed else []), ..., compared.name)
    for name, each in whole.data_vars.items():
        each.attrs = {"long_name": MEANINGS[str(name)]}
        if name not in OF_METRIC:
            each.attrs["units"] = "1"
        elif len(set(units)) == 1:
            each.attrs["units"] = units[0]
    whole.attrs = attributes_of(found) | {
        "forest": compared.name,
        "reference": str(compared.labels[compared.at]),
        "confidence": float(confidence),
        "interval_method": PAIRED if compared.paired else UNPAIRED,
    }
    return whole


class _Compared:
    """What is compared: a dimension that all metrics have, or groups of subjects; and the reference among them."""

    def __init__(
        self, found: "xr.Dataset", values: Sequence["xr.DataArray"], along: Any, reference: Any
    ) -> None:
        known = [str(dim) for dim in values[0].dims if dim != SUBJECT]
        known = [dim for dim in known if all(dim in value.dims for value in values)]
        covariates = [
            str(name) for name in found.coords if found[name].dims == (SUBJECT,) and name != SUBJECT
        ]
        self.paired = isinstance(along, str) and along in known
        if self.paired:
            self.name = along
            self.labels = found[along].values.tolist()
            self.members: list[np.ndarray] = []
        else:
            name = next(iter(along)) if isinstance(along, Mapping) and len(along) == 1 else along
            if not isinstance(name, str) or name not in covariates:
                raise InputError(
                    f"found {along!r:.60}",
                    place="along",
                    advice=did_you_mean(str(name), [*known, *covariates], "dimensions and covariates here")
                    + "\ngive one of them; numbers part at edges, as in along={'WT': [60, 80]}",
                )
            groups = groups_of(along, found, argument="along")
            self.name, self.labels = name, list(groups.labels[0])
            code = groups.of(slice(0, found.sizes[SUBJECT]))
            self.members = [np.flatnonzero(code == group) for group in range(groups.count)]
        if len(self.labels) < 2:
            raise InputError(
                f"there is only '{self.labels[0]}', and nothing to compare it with",
                place="reference",
                advice=f"give a Dataset with several along {self.name}",
            )
        texts = [str(label) for label in self.labels]
        if str(reference) not in texts:
            raise InputError(
                f"unknown reference {reference!r:.60}",
                place="reference",
                advice=did_you_mean(str(reference), texts, f"{self.name} here"),
            )
        self.at = texts.index(str(reference))

    def table(self, metric: str, value: "xr.DataArray", sure: float) -> "xr.Dataset":
        """Ratios and what is said of each group, for one metric."""
        import xarray as xr

        if self.paired:
            value = value.transpose(..., self.name, SUBJECT)
            dims = tuple(str(dim) for dim in value.dims[:-2])
            parts = [value.values[..., at, :] for at in range(len(self.labels))]
        else:
            dims = tuple(str(dim) for dim in value.dims[:-1])
            parts = [value.values[..., own] for own in self.members]
        for label, part in zip(self.labels, parts, strict=True):
            wrong = part[(part <= 0.0) | np.isinf(part)]
            if wrong.size:
                raise InputError(
                    f"'{metric}' is {wrong[0]:g} for a subject in '{label}'",
                    place="metric",
                    advice="ratios need finite values above 0: choose another metric, or leave those subjects out",
                )
        if np.isnan(parts[self.at]).all():
            raise InputError(
                f"'{metric}' has no value for anybody in '{self.labels[self.at]}'",
                place="reference",
                advice="choose another reference",
            )
        logs = [np.log(part) for part in parts]
        found: dict[str, list[np.ndarray]] = {name: [] for name in MEANINGS if self.paired or name != "pairs"}
        for at, (part, log) in enumerate(zip(parts, logs, strict=True)):
            mean, _, count = _moments(log)
            low, middle, high = quantiles(part, np.array([0.05, 0.5, 0.95]), axes=1)
            row = {"geometric_mean": np.exp(mean), "q5": low, "median": middle, "q95": high}
            row |= {"subjects": count, "missing": part.shape[-1] - count}
            if self.paired:
                center, half, row["pairs"] = _paired(log - logs[self.at], sure)
            else:
                center, half = _welch(log, logs[self.at], sure)
            if at == self.at:
                center, half = 0.0 * center, np.full_like(center, np.nan)
            row |= {"ratio": np.exp(center), "ratio_low": np.exp(center - half)}
            row["ratio_high"] = np.exp(center + half)
            for name, each in row.items():
                found[name].append(each)
        coords = {
            name: each
            for name, each in value.coords.items()
            if SUBJECT not in each.dims and (self.paired or name != self.name)
        }
        coords |= {} if self.paired else {self.name: self.labels}
        data = {name: ((*dims, self.name), np.stack(each, axis=-1)) for name, each in found.items()}
        return xr.Dataset(data, coords)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance (n - 1 below) and number of those along the last axis that are not NaN."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    with np.errstate(all="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=-1) / count
        around = np.where(known, values - mean[..., np.newaxis], 0.0)
        variance = (around**2).sum(axis=-1) / np.where(count > 1, count - 1, np.nan)
    return mean, variance, count


def _paired(differences: np.ndarray, sure: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean difference of the same subjects, half the width of its interval, and how many pairs there are."""
    mean, variance, count = _moments(differences)
    with np.errstate(all="ignore"):
        return mean, _student(count - 1.0, sure) * np.sqrt(variance / count), count


def _welch(one: np.ndarray, other: np.ndarray, sure: float) -> tuple[np.ndarray, np.ndarray]:
    """Difference of two means, and half the width of its interval where each group has a variance of its own."""
    (mean, variance, count), (mean_0, variance_0, count_0) = _moments(one), _moments(other)
    with np.errstate(all="ignore"):
        own, own_0 = variance / count, variance_0 / count_0
        total = own + own_0
        freedom = total**2 / (own**2 / (count - 1.0) + own_0**2 / (count_0 - 1.0))
        half = np.where(total == 0.0, 0.0, _student(freedom, sure) * np.sqrt(total))
    return mean - mean_0, half


def _student(freedom: np.ndarray, sure: float) -> np.ndarray:
    """Quantile of Student's t that leaves the same on either side."""
    return special.stdtrit(np.where(freedom > 0.0, freedom, np.nan), (1.0 + sure) / 2.0)
