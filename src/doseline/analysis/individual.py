"""Individual values: one metric of every subject, and groups of subjects by the covariates that go along."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import VARIABLES
from doseline.errors import InputError, did_you_mean
from doseline.population.groups import Groups, read_groups

if TYPE_CHECKING:
    import xarray as xr

SUBJECT = "subject"
KEPT = ("model", "model_version", "doseline_version", "output")
"""Attributes of a Dataset that also hold for what is made of its metrics."""


@dataclass(frozen=True)
class Told:
    """Subjects as a Dataset tells of them: how many there are, and their covariates (subject,)."""

    count: int
    covariates: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return self.count

    def is_words(self, name: str) -> bool:
        """Whether a covariate is of words."""
        return self.covariates[name].dtype.kind not in "iufb"


def metric_values(found: "xr.Dataset", metric: Any) -> "xr.DataArray":
    """One metric (..., subject) of a Dataset from anywhere.

    Raises
    ------
    InputError : no Dataset, no subjects, an unknown metric, one that is not of numbers, one without any value.
    """
    if not (hasattr(found, "data_vars") and hasattr(found, "attrs")):
        raise InputError(
            f"found {type(found).__name__}",
            place="found",
            advice="give the whole Dataset from dl.exposure; xr.open_dataset(path) reads one from a file",
        )
    known = [
        str(name)
        for name, each in found.data_vars.items()
        if SUBJECT in each.dims
        and each.dtype.kind in "iuf"
        and name not in VARIABLES
        and not str(name).endswith(("_jumps", "_status"))
    ]
    if not any(SUBJECT in each.dims for each in found.data_vars.values()):
        raise InputError(
            "nothing in this Dataset has a dimension 'subject'",
            place="found",
            advice="give the Dataset from dl.exposure; .isel(subject=[0]) keeps the dimension where one is chosen",
        )
    if not isinstance(metric, str) or metric not in found.data_vars:
        raise InputError(
            f"unknown metric {metric!r:.60}",
            place="metric",
            advice=did_you_mean(str(metric), known, "metrics here"),
        )
    value = found[metric]
    if SUBJECT not in value.dims:
        raise InputError(
            f"'{metric}' has no dimension 'subject'",
            place="metric",
            advice=did_you_mean(metric, known, "metrics here"),
        )
    if value.dtype.kind not in "iuf":
        raise InputError(
            f"'{metric}' does not hold numbers",
            place="metric",
            advice=did_you_mean(metric, known, "metrics here"),
        )
    if not value.notnull().any():
        raise InputError(
            f"'{metric}' has no value for anybody",
            place="metric",
            advice="look at found['status'], and at whether intervals are complete",
        )
    return value.transpose(..., SUBJECT).astype(np.float64)


def unit_of(value: "xr.DataArray") -> str:
    """Unit of a metric; a plain number where it has none."""
    return str(value.attrs.get("units", "1"))


def groups_of(by: Any, found: "xr.Dataset", *, argument: str = "by") -> Groups:
    """Groups by covariates of a Dataset, in each of which there is somebody.

    Raises
    ------
    InputError : what `read_groups` refuses, a covariate that is NaN for somebody, a group without anybody.
    """
    covariates = {
        str(name): each.values
        for name, each in found.coords.items()
        if each.dims == (SUBJECT,) and name != SUBJECT
    }
    subject = found[SUBJECT].values
    groups = read_groups(by, Told(len(subject), covariates), argument=argument)
    code = groups.code
    for name, labels in zip(reversed(groups.names), reversed(groups.labels), strict=True):
        code, own = np.divmod(code, len(labels))
        values = covariates[name]
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise InputError(
                f"{name} is NaN for subject {subject[np.isnan(values)][0]}",
                place=f"{argument} {name}",
                advice=f"leave them out: found.sel(subject=found['{name}'].notnull())",
            )
        empty = np.flatnonzero(np.bincount(own, minlength=len(labels)) == 0)
        if empty.size:
            raise InputError(
                f"nobody is in the group '{labels[empty[0]]}'",
                place=f"{argument} {name}",
                advice=f"{name} goes from {values.min():g} to {values.max():g}: part groups between these",
            )
    return groups


def read_confidence(given: Any) -> float:
    """Confidence of an interval as a part of 1, from percent."""
    wrong = isinstance(given, (bool, np.bool_)) or not isinstance(given, (int, float, np.number))
    if wrong or not 1.0 <= float(given) < 100.0 or not math.isfinite(float(given)):
        raise InputError(
            f"found {given!r:.60}",
            place="confidence",
            advice="expected percent, from 1 to below 100: confidence=95",
        )
    return float(given) / 100.0


def attributes_of(found: "xr.Dataset") -> dict[str, Any]:
    """What is said of where a Dataset comes from."""
    return {name: found.attrs[name] for name in KEPT if name in found.attrs}
