"""The numbers a model file must reproduce."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from doseline.errors import InputError, did_you_mean
from doseline.model.entries import STATUS_HINT, UNIT_HINT, Entry, Evidence, Real, Text, Unit
from doseline.units import Dimension, dimension, read_quantity


class MetricKind(NamedTuple):
    """Unit of a metric, as powers of the output's unit and of time; and what of the course it looks at."""

    output: int
    time: int
    looks: Literal["course", "interval", "end", "time"]


METRICS: dict[str, MetricKind] = {
    "Cmax": MetricKind(1, 0, "course"),
    "Tmax": MetricKind(0, 1, "course"),
    "lowest": MetricKind(1, 0, "course"),
    "t_lowest": MetricKind(0, 1, "course"),
    "level": MetricKind(1, 0, "time"),
    "Cmin": MetricKind(1, 0, "interval"),
    "Cavg": MetricKind(1, 0, "interval"),
    "AUCtau": MetricKind(1, 1, "interval"),
    "AUCinf": MetricKind(1, 1, "end"),
    "half_life": MetricKind(0, 1, "end"),
}
"""What a check can ask for: the course as far as it is followed, its last dosing interval, its end where amounts fall
exponentially, or one time."""


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
    at: Text | None = None
    follow: Text | None = None
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
        self._timed("at", "time", 'say when, counted from time zero: at = "24 h"')
        self._timed("follow", "course", "")
        return self

    def _timed(self, key: Literal["at", "follow"], looks: str, needed: str) -> None:
        """Hold a key to the metrics that look at what it says; `needed` is the advice where these cannot do without."""
        given = getattr(self, key)
        if METRICS[self.metric].looks != looks:
            if given is not None:
                users = ", ".join(name for name, kind in METRICS.items() if kind.looks == looks)
                raise InputError(
                    f"{key} = '{given}' with metric = '{self.metric}'",
                    advice=f"remove it: '{key}' goes with {users}",
                )
        elif given is None and needed:
            raise InputError(f"metric = '{self.metric}' without '{key}'", advice=needed)
        elif given is not None and not self._hours(key) >= 0.0:
            raise InputError(f"{key} = '{given}'", advice="expected a time from 0 on")

    def _hours(self, key: Literal["at", "follow"]) -> float:
        given = getattr(self, key)
        return 0.0 if given is None else float(read_quantity(given, "h", place=key, require_unit=True))

    @property
    def time(self) -> float:
        """The time of a level, from time zero. [h]"""
        return self._hours("at")

    @property
    def followed(self) -> float:
        """How long after the last dose the course is followed at least. [h]"""
        return self._hours("follow")

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
