"""The Dataset of a sensitivity: what it tells of each metric, arm and parameter, with units and meanings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import Axis, coordinates
from doseline.ranges import Range

if TYPE_CHECKING:
    import xarray as xr

ARMS = ("regimen", "formulation", "meal")
PAIRED = "parameter_2"
METRIC_UNITS = ("value", "value_low", "value_high", "mean", "sd", "mu", "mu_star", "sigma")
"""Variables in the unit of the metric, which stands in ``metric_unit``; all others are plain numbers."""


@dataclass(frozen=True)
class Table:
    """Where results belong: their metrics, arms and parameters.

    Attributes
    ----------
    metrics, units : sequence of str   Names of the metrics, and the unit of each.
    listed : bool                      Metrics are a dimension.
    axes : mapping of Axis             Regimens, formulations and meals.
    ranges : sequence of Range         What was varied.
    """

    metrics: Sequence[str]
    units: Sequence[str]
    listed: bool
    axes: Mapping[str, Axis]
    ranges: Sequence[Range]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many regimens, formulations and meals."""
        return tuple(max(1, len(self.axes[name].labels)) for name in ARMS)

    def dataset(
        self,
        found: Mapping[str, np.ndarray],
        meanings: Mapping[str, str],
        beside: Mapping[str, np.ndarray],
        attrs: Mapping[str, Any],
    ) -> "xr.Dataset":
        """All of it; ``found`` is (metric, arm, ...), ``beside`` (arm, parameter)."""
        import xarray as xr

        import doseline.accessor  # noqa: F401 (gives the Dataset its .pk)

        dims = ("metric", *ARMS, "parameter", PAIRED)
        data: dict[str, Any] = {}
        for name, values in found.items():
            stem = name.removesuffix("_low").removesuffix("_high")
            end = (
                ""
                if stem == name or name in meanings
                else f", {name.removeprefix(stem + '_')} end of the interval"
            )
            told = {"long_name": meanings.get(name, meanings.get(stem, "")) + end}
            if name not in METRIC_UNITS and stem not in METRIC_UNITS:
                told["units"] = "1"
            elif not self.listed:
                told["units"] = self.units[0]
            whole = values.reshape(len(self.metrics), *self.shape, *values.shape[2:])
            data[name] = (dims[: whole.ndim], whole, told)
        words = {"base": "value around which it is varied", "low": "low end", "high": "high end"}
        for name, values in beside.items():
            data[name] = ((*ARMS, "parameter"), values.reshape(*self.shape, -1), {"long_name": words[name]})
        result = xr.Dataset(
            data, self._coords(PAIRED in {dim for entry in data.values() for dim in entry[0]})
        )
        result.attrs = dict(attrs)
        hidden = {name: 0 for name in ARMS if not self.axes[name].shown}
        return result.isel(hidden | ({} if self.listed else {"metric": 0}))

    def _coords(self, paired: bool) -> dict[str, Any]:
        names = [each.name for each in self.ranges]
        along = {"unit": [each.unit for each in self.ranges], "label": [each.label for each in self.ranges]}
        along["range"] = [str(each) for each in self.ranges]
        return {
            "metric": ("metric", list(self.metrics)),
            "metric_unit": ("metric", list(self.units)),
            **coordinates(self.axes),
            "parameter": ("parameter", names),
            **({PAIRED: (PAIRED, names)} if paired else {}),
            **{name: ("parameter", values) for name, values in along.items()},
        }
