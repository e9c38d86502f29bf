"""What pictures of a sensitivity show: one metric of a Dataset from `doseline.sensitivity`, its arms, and names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.scene import WORDS, by_arm, pretty

if TYPE_CHECKING:
    import xarray as xr

NEEDS = {"tornado": "elasticity", "bars": "ST", "effects": "mu_star"}
"""The variable that each picture draws."""
IN_WORDS = {"course_": "over the course", "steady_": "at steady state", "accumulation": "at steady state"}
"""What the beginnings of metrics mean; those without one are of the last dosing interval."""


@dataclass(frozen=True)
class Shown:
    """One metric: values (row, parameter), where a row is a regimen, formulation and meal.

    Attributes
    ----------
    metric, unit, what : str            Name, unit, and the metric in words with its window.
    arms, meals : tuple of str          A colour and a shade for each.
    parameters, ranges : tuple of str   Names, and the range of each as people write it.
    values : dict of array              Variables by their names, (row, parameter); ``value`` is (row,).
    about : str                         What all of it is of.
    confidence : float                  Of intervals [%]; NaN where there are none.
    """

    metric: str
    unit: str
    what: str
    arms: tuple[str, ...]
    meals: tuple[str, ...]
    parameters: tuple[str, ...]
    ranges: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    about: str
    confidence: float

    @property
    def rows(self) -> list[tuple[int, int]]:
        """Arm and meal of each row."""
        return [(arm, meal) for arm in range(len(self.arms)) for meal in range(len(self.meals))]

    def chosen(self, size: np.ndarray, most: int) -> "Shown":
        """The parameters of the largest size (parameter,), the largest first."""
        order = np.argsort(-np.nan_to_num(size), kind="stable")[:most]
        left = len(self.parameters) - len(order)
        return replace(
            self,
            parameters=tuple(self.parameters[at] for at in order),
            ranges=tuple(self.ranges[at] for at in order),
            values={name: each[:, order] if each.ndim == 2 else each for name, each in self.values.items()},
            about=self.about
            + (f"; without {left} that {'does' if left == 1 else 'do'} less" if left else ""),
        )


def read_shown(result: "xr.Dataset", metric: str | None, picture: str) -> Shown:
    """One metric of a sensitivity; the first where nothing is given."""
    needed = NEEDS[picture]
    if needed not in getattr(result, "data_vars", ()):
        others = [name for name, key in NEEDS.items() if key in getattr(result, "data_vars", ())]
        raise InputError(
            f"there is no '{needed}' in it",
            place=picture,
            advice=f"draw it with {others[0]}" if others else "give the Dataset from dl.sensitivity",
        )
    names = [str(name) for name in np.atleast_1d(result["metric"].values)]
    if metric is not None and metric not in names:
        raise InputError(
            f"unknown metric '{metric}'", place="metric", advice=did_you_mean(str(metric), names)
        )
    name = names[0] if metric is None else metric
    one = result.isel(metric=names.index(name)) if "metric" in result.dims else result
    values: dict[str, np.ndarray] = {}
    arms: tuple[str, ...] = ("",)
    meals: tuple[str, ...] = ("",)
    for key, each in one.data_vars.items():
        if "parameter_2" in each.dims:
            continue
        full, arms, meals = by_arm(each)
        values[str(key)] = full.values.reshape(-1, *full.shape[3:])
    kind = next((kind for kind in IN_WORDS if name.startswith(kind)), "")
    base = name if name == kind else name.removeprefix(kind)
    window = IN_WORDS.get(kind, "in the last dosing interval")
    about = [str(one.attrs["model"]), str(one.attrs["output"])]
    about += [str(one[key].values) for key in ("regimen", "meal") if key in one.coords and not one[key].dims]
    return Shown(
        name,
        pretty(one["metric_unit"].values),
        f"{WORDS.get(base, base)} {window}",
        tuple(arms),
        tuple(meals),
        tuple(str(each) for each in one["parameter"].values),
        _ranges(one),
        values,
        ", ".join(about),
        float(one.attrs.get("confidence", np.nan)),
    )


def _ranges(one: "xr.Dataset") -> tuple[str, ...]:
    """Both ends with their unit, or how the range was given where ends differ between meals or are words."""
    told = []
    for at, unit in enumerate(one["unit"].values):
        ends = [np.unique(one[name].isel(parameter=at).values) for name in ("low", "high")]
        if any(len(each) > 1 or not np.isfinite(each).all() for each in ends):
            told.append(str(one["range"].values[at]))
        else:
            shown = " to ".join(f"{each[0]:.3g}" for each in ends)
            told.append(f"{shown} {pretty(unit)}" if unit != "1" else shown)
    return tuple(told)


def row_names(shown: Shown) -> Sequence[str]:
    """A name for each row."""
    return [", ".join(filter(None, (shown.arms[arm], shown.meals[meal]))) for arm, meal in shown.rows]


def lone(shown: Shown) -> bool:
    """Whether there is one row only, which needs no name of its own."""
    return len(shown.rows) == 1


def largest(*parts: Any) -> np.ndarray:
    """The largest absolute value of each parameter, from arrays (row, parameter)."""
    return np.nanmax(np.abs(np.concatenate(parts)), axis=0, initial=0.0)
