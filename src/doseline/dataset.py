"""The schema of results: dimensions, variables, units, and what is needed to run them again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.errors import InputError, Status, did_you_mean
from doseline.method import METHODS

if TYPE_CHECKING:
    import xarray as xr

DIMENSIONS = ("replicate", "regimen", "formulation", "meal", "subject", "time")
"""Order of the dimensions of a level; those of which only one was asked for by name are left out."""
SCHEMA = "1"
"""Rises when a Dataset of this version can not be read as one of the version before."""


TOLD = ("schema", "model_name", "model", "changes", "axes", "on_failure")
"""What the provenance of every Dataset holds, as JSON."""
TOLD_REGIMENS = ("regimens", "ends", "covariates")
"""What it holds beside, of regimens; of an event table that is ``records``."""


@dataclass(frozen=True)
class Variable:
    """One row of the schema."""

    dims: tuple[str, ...]
    units: str
    label: str


_ROWS = DIMENSIONS[:-1]
_COURSES = ("replicate", "regimen", "subject")
_DOSES = (*_COURSES, "dose")

VARIABLES = {
    "status": Variable(_ROWS, "1", "how solving ended; 0 is well"),
    "method": Variable(_ROWS, "1", "method that solved the differential equations"),
    "stiff_since": Variable(
        _ROWS,
        "h",
        "when the equations turned out to be stiff, so that the implicit method solved them; NaN: never",
    ),
    "steps": Variable(_ROWS, "1", "steps that the method tried, rejected ones included"),
    "total_dose": Variable(_COURSES, "mg", "amount taken over the whole course"),
    "doses_taken": Variable(_COURSES, "1", "number of doses taken"),
    "doses_planned": Variable(_COURSES, "1", "number of doses prescribed, where some may be missed"),
    "dose_taken": Variable(_DOSES, "1", "was the dose taken?"),
    "dose_taken_at": Variable(_DOSES, "h", "when the dose was taken; NaN: not at all"),
    "dose_meal": Variable(_DOSES, "1", "meal that the dose was taken with"),
    "dose_time": Variable(
        ("regimen", "dose"), "h", "time of each dose; NaN behind the last dose of a regimen"
    ),
    "course_end": Variable(
        ("regimen",), "h", "end of the last dosing interval: when the next dose would be due"
    ),
}
"""Variables beside the levels. Every level has the dimensions above and the unit of its output."""
STEPPED = ("method", "stiff_since", "steps")
"""Variables that are there only where differential equations were solved."""
HABITUAL = ("doses_planned", "dose_taken", "dose_taken_at", "dose_meal")
"""Variables that are there only where regimens come with habits of taking doses."""

COORDINATES = {
    "replicate": Variable(("replicate",), "1", "repetition of everything that is drawn"),
    "time": Variable(("time",), "h", "time since the start"),
    "subject": Variable(("subject",), "1", "subject"),
    "regimen": Variable(("regimen",), "1", "regimen"),
    "formulation": Variable(("formulation",), "1", "formulation, for doses that leave it open"),
    "meal": Variable(("meal",), "1", "meal, for doses that leave it open"),
}


def _flags(meanings: Mapping[str, int]) -> dict[str, Any]:
    """What numbers mean, as CF conventions say it."""
    return {"flag_values": list(meanings.values()), "flag_meanings": " ".join(meanings)}


FLAGS = {
    "status": _flags({code.name.lower(): int(code) for code in Status}),
    "method": _flags({name: each.number for name, each in METHODS.items()}),
}
"""Variables whose numbers stand for words."""


@dataclass(frozen=True)
class Axis:
    """One dimension of a sweep: its labels, and whether it shows as a dimension or only as a scalar coordinate."""

    labels: Sequence[Any] | np.ndarray
    shown: bool


@dataclass(frozen=True)
class Level:
    """One output: values (replicate, regimen, formulation, meal, subject, time), unit and label.

    ``jumps`` (regimen, formulation, meal) says where a bolus moves the level at once. Of an event table, values have
    the dims that `record_dataset` gives them, and ``jumps`` is a single answer.
    """

    values: np.ndarray
    units: str
    label: str
    jumps: np.ndarray


@dataclass(frozen=True)
class More:
    """A variable that only some simulations have, such as the etas of a model."""

    dims: tuple[str, ...]
    values: np.ndarray
    attrs: Mapping[str, Any]


def build(
    levels: Mapping[str, Level],
    axes: Mapping[str, Axis],
    beside: Mapping[str, np.ndarray],
    covariates: Mapping[str, tuple[np.ndarray, str]],
    attrs: Mapping[str, str],
    more: Mapping[str, More] = {},
) -> "xr.Dataset":
    """The Dataset of a simulation.

    ``beside`` holds the `VARIABLES`, with all of their dimensions; an axis without labels (a model without meals)
    leaves no trace, one that is not shown stays as a scalar coordinate.
    """
    import xarray as xr

    import doseline.accessor  # noqa: F401 (gives the Dataset its .pk)

    data: dict[str, Any] = {}
    for name, level in levels.items():
        told = {"units": level.units, "long_name": level.label, "jumps_at_doses": int(level.jumps.any())}
        data[name] = (DIMENSIONS, level.values, told)
        if level.jumps.any():
            label = f"a bolus moves {name} at once"
            data[f"{name}_jumps"] = (DIMENSIONS[1:4], level.jumps, {"units": "1", "long_name": label})
    for name, values in beside.items():
        row = VARIABLES[name]
        data[name] = (row.dims, values, {"units": row.units, "long_name": row.label, **FLAGS.get(name, {})})
    coords = coordinates(axes)
    for name, (values, units) in covariates.items():
        coords[name] = (("subject",), values, {"units": units, "long_name": f"covariate {name}"})
    add_more(data, more, coords)
    result = xr.Dataset(data, coords, dict(attrs))
    hidden = {name: 0 for name, axis in axes.items() if not axis.shown}
    return result.isel(hidden)


def add_more(data: dict[str, Any], more: Mapping[str, More], coords: Mapping[str, Any]) -> None:
    """Add variables; an individual parameter whose name is taken gets a longer one."""
    for name, each in more.items():
        label = f"{name}_individual" if name in data or name in coords else name
        data[label] = (each.dims, each.values, dict(each.attrs))


def coordinates(axes: Mapping[str, Axis]) -> dict[str, Any]:
    """The coordinates of a result along its axes; an axis without labels has none."""
    return {
        name: (row.dims, np.asarray(axis.labels), {"units": row.units, "long_name": row.label})
        for name, axis in axes.items()
        if len(axis.labels) and (row := COORDINATES[name])
    }


def combinations(axes: Mapping[str, Axis]) -> list[tuple[str | None, str | None]]:
    """Every formulation with every meal that is asked for; None where the model has none."""
    return list(product(axes["formulation"].labels or (None,), axes["meal"].labels or (None,)))


def middle(count: int, weights: np.ndarray | None) -> int:
    """Which of ``count`` subjects stands for all: the one nearest to the median weight, or the one in the middle.

    >>> middle(3, np.array([100.0, 50.0, 70.0])), middle(3, None)
    (2, 1)
    """
    if weights is None:
        return count // 2
    return int(np.argmin(np.abs(weights - np.median(weights))))


def provenance(levels: "xr.Dataset") -> dict[str, Any]:
    """What a Dataset says of how it was made."""
    refuse_other_than_dataset(levels)
    place = "attrs['provenance']"
    text = levels.attrs.get("provenance")
    if not isinstance(text, str):
        raise InputError(
            "this Dataset does not say how it was made",
            place=place,
            advice="give one from dl.simulate, with the attrs that it came with",
        )
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise InputError(f"found {text!r:.60}", place=place, advice="give a Dataset as dl.simulate made it")
    if told.get("schema") != SCHEMA:
        raise InputError(
            f"this Dataset has schema {told.get('schema')!r}",
            place=place,
            advice=f"expected {SCHEMA!r}: read it with doseline {levels.attrs.get('doseline_version')}",
        )
    wanted = [key for key in (*TOLD, *(() if "records" in told else TOLD_REGIMENS)) if key not in told]
    lost = [name for name in ("subject", "time", *told.get("covariates", ())) if name not in levels.coords]
    if wanted or lost:
        raise InputError(
            f"'{wanted[0]}' is missing" if wanted else f"the coordinate '{lost[0]}' is missing",
            place=place if wanted else "levels",
            advice="give a Dataset as dl.simulate made it",
        )
    if not levels["subject"].size or not levels["time"].size:
        raise InputError(
            f"there are no {'times' if levels['subject'].size else 'subjects'}",
            place="levels",
            advice="give a Dataset with at least one",
        )
    return dict(told)


def refuse_other_than_dataset(levels: Any) -> None:
    """A variable of a Dataset, a data frame or a path is not enough."""
    if not (hasattr(levels, "data_vars") and hasattr(levels, "attrs")):
        raise InputError(
            f"found {type(levels).__name__}",
            place="levels",
            advice="give the whole Dataset from dl.simulate; xr.open_dataset(path) reads one from a file",
        )


def output_name(levels: "xr.Dataset", output: str | None = None) -> str:
    """Name of an output of the Dataset: the one asked for, or the first."""
    refuse_other_than_dataset(levels)
    known = [str(name) for name in levels.data_vars if "jumps_at_doses" in levels[name].attrs]
    if output is None and known:
        return known[0]
    if output is None or output not in known:
        raise InputError(
            f"unknown output '{output}'" if known else "there are no levels in this Dataset",
            place="output",
            advice=did_you_mean(str(output), known, what="outputs here")
            if known
            else "give a Dataset from dl.simulate",
        )
    return output
