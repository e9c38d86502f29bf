"""What a result says of how it was made, and back: model, regimens and people, or the event table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import SCHEMA, Axis, provenance
from doseline.dosing.records import Records
from doseline.dosing.regimen import Regimen
from doseline.model.read import read_model
from doseline.model.spec import Model
from doseline.population.cohort import Cohort
from doseline.population.draws import Draws
from doseline.record_dataset import records_of
from doseline.solver import Solver
from doseline.version import __version__

if TYPE_CHECKING:
    import xarray as xr


def said(
    model: Model, axes: Mapping[str, Axis], solver: Solver, *, on_failure: str, **more: Any
) -> dict[str, str]:
    """Attributes of a Dataset: model, versions, engine, and as its provenance everything that `asked` needs."""
    told = {
        "schema": SCHEMA,
        "model_name": model.name,
        "model": model.text,
        "changes": dict(model.changes),
        "axes": {name: {"labels": list(axis.labels), "shown": axis.shown} for name, axis in axes.items()},
        "on_failure": on_failure,
        "solver": solver.to_dict(),
        **more,
    }
    return {
        "model": model.name,
        "model_version": model.version,
        "model_title": model.title,
        "doseline_version": __version__,
        "engine": solver.engine(model),
        "provenance": json.dumps(told),
    }


@dataclass(frozen=True)
class Asked:
    """What a Dataset says of how it was made."""

    model: Model
    axes: Mapping[str, Axis]
    on_failure: str
    solver: Solver
    draws: Draws


@dataclass(frozen=True)
class AskedRegimens(Asked):
    """Regimens for people."""

    regimens: Mapping[str, Regimen]
    people: Cohort
    ends: Mapping[str, float]


@dataclass(frozen=True)
class AskedRecords(Asked):
    """An event table, at its observations or on a grid."""

    records: Records
    gridded: bool


def asked(levels: "xr.Dataset") -> AskedRegimens | AskedRecords:
    """Read it out of a Dataset from `simulate`.

    Raises
    ------
    InputError : the Dataset does not say how it was made, has lost coordinates, variables or records.
    """
    told = provenance(levels)
    model = read_model(told["model"], place=told["model_name"])
    if told["changes"]:
        model = model.with_(**told["changes"])
    axes = {name: Axis(tuple(axis["labels"]), axis["shown"]) for name, axis in told["axes"].items()}
    # what was made before there was a choice was made by the method that the model asks for
    solver = Solver(**told.get("solver", {}))
    draws = Draws.from_dict(told["draws"]) if "draws" in told else Draws()
    if "records" in told:
        records = records_of(levels, told["records"])
        return AskedRecords(
            model, axes, told["on_failure"], solver, draws, records, told["records"]["gridded"]
        )
    values = {name: levels[name] for name in told["covariates"]}
    people = Cohort(
        subject=np.atleast_1d(levels["subject"].values),
        covariates={name: np.atleast_1d(value.values) for name, value in values.items()},
        units={name: value.attrs.get("units", "1") for name, value in values.items()},
    )
    regimens = {name: Regimen.from_dict(plain) for name, plain in told["regimens"].items()}
    return AskedRegimens(model, axes, told["on_failure"], solver, draws, regimens, people, told["ends"])
