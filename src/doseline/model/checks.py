"""The numbers a model file must reproduce."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from doseline.errors import InputError, did_you_mean
from doseline.model.entries import STATUS_HINT, UNIT_HINT, Entry, Evidence, Real, Text, Unit
from doseline.units import Dimension, dimension, read_quantity


class MetricKind(NamedTuple):
    """Unit of a metric: powers of the output's unit and of time."""

    output: int
    time: int


METRICS: dict[str, MetricKind] = {
    "Cmax": MetricKind(1, 0),
    "Tmax": MetricKind(0, 1),
    "Cmin": MetricKind(1, 0),
    "Cavg": MetricKind(1, 0),
    "AUCtau": MetricKind(1, 1),
    "AUCinf": MetricKind(1, 1),
    "half_life": MetricKind(0, 1),
}
"""What a check can ask for."""


def _metric(name: str) -> str:
    if name not in METRICS:
        raise InputError(f"unknown metric '{name}'", advice=did_you_mean(name, METRICS, "metrics"))
    return name


class Per(Entry):
    """The condition whose metric divides that of the check; what is left out is as in the check."""

    regimen: Text | None = None
    meal: str | None = None
    formulation: str | None = None
    output: str | None = None
    covariates: dict[str, Real | Text] | None = None


class Check(Entry):
    """A number from a source that the model must give back; with `per`, a ratio."""

    name: Text = Field(description="a few words in quotes")
    kind: Literal["calibration", "comparison", "identity"] = Field(
        description="calibration if the file was fitted to it, identity if it follows from the equations"
    )
    regimen: Text = Field(description='a regimen in quotes, such as "80 mg once"')
    meal: str | None = None
    formulation: str | None = None
    covariates: dict[str, Real | Text] = Field(default_factory=dict)
    output: str = Field(description="one of [outputs], in quotes")
    metric: Annotated[str, AfterValidator(_metric)] = Field(description="what is compared")
    per: Per | None = None
    expect: Real = Field(description="a number, the one in the source")
    unit: Unit = Field(description=UNIT_HINT)
    within: Text = Field(description='how near, such as "5 %" or "0.3 h"')
    source: Text = Field(description="where the number stands, in quotes")
    status: Evidence = Field(description=STATUS_HINT)

    @model_validator(mode="after")
    def _readable(self) -> Check:
        if not self.tolerance > 0.0:
            raise InputError(f"within = '{self.within}'", advice="expected more than 0")
        return self

    @property
    def tolerance(self) -> float:
        """How far the model may be from `expect`, in `unit`."""
        if self.within.endswith("%"):
            return float(read_quantity(self.within, "1", place="within")) * abs(self.expect)
        return float(read_quantity(self.within, self.unit, place="within", require_unit=True))

    def accepts(self, value: float) -> bool:
        """Whether a value in `unit` is near enough."""
        return abs(value - self.expect) <= self.tolerance

    def kind_of_metric(self, output: Dimension) -> Dimension:
        """Kind of unit the metric has, from that of the output."""
        if self.per is not None:
            return Dimension()
        powers = METRICS[self.metric]
        return output**powers.output * dimension("h") ** powers.time
