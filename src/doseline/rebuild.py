"""From a result back to what was asked: model, regimens and people, or the event table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import Axis, provenance
from doseline.dosing.records import Records
from doseline.dosing.regimen import Regimen
from doseline.model.read import read_model
from doseline.model.spec import Model
from doseline.population.cohort import Cohort
from doseline.record_dataset import records_of

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Asked:
    """What a Dataset says of how it was made: ``records``, or else ``regimens`` and ``people``."""

    model: Model
    axes: Mapping[str, Axis]
    told: Mapping[str, Any]
    regimens: Mapping[str, Regimen]
    people: Cohort | None
    records: Records | None


def asked(levels: "xr.Dataset") -> Asked:
    """Read it out of a Dataset from `simulate`.

    Raises
    ------
    InputError : the Dataset does not say how it was made, has lost coordinates, or records.
    """
    told = provenance(levels)
    model = read_model(told["model"], place=told["model_name"])
    if told["changes"]:
        model = model.with_(**told["changes"])
    axes = {name: Axis(tuple(axis["labels"]), axis["shown"]) for name, axis in told["axes"].items()}
    if "records" in told:
        return Asked(model, axes, told, {}, None, records_of(levels, told["records"]))
    values = {name: levels[name] for name in told["covariates"]}
    people = Cohort(
        subject=np.atleast_1d(levels["subject"].values),
        covariates={name: np.atleast_1d(value.values) for name, value in values.items()},
        units={name: value.attrs.get("units", "1") for name, value in values.items()},
    )
    regimens = {name: Regimen.from_dict(plain) for name, plain in told["regimens"].items()}
    return Asked(model, axes, told, regimens, people, None)
