"""How well the parameters are known: the section [uncertainty]."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from doseline.errors import InputError
from doseline.model.block import Triangle
from doseline.model.definite import check_covariance
from doseline.model.entries import STATUS_HINT, Entry, Evidence, Real, Text
from doseline.model.matrix import Rows, cholesky, correlations, deviations, lower_triangle


class Uncertainty(Entry):
    """A covariance of the estimates, or draws of them, such as those of a bootstrap or of a posterior."""

    parameters: tuple[Text, ...] = ()
    scale: Literal["natural", "log"] = "natural"
    covariance: Triangle | None = None
    draws: dict[str, tuple[Real, ...]] = Field(default_factory=dict)
    source: Text = Field(description="where the numbers come from, in quotes")
    status: Evidence = Field(description=STATUS_HINT)

    @field_validator("covariance")
    @classmethod
    def _triangle(cls, rows: Rows | None, info: ValidationInfo) -> Rows | None:
        names = info.data.get("parameters")
        if rows is None or not names:
            return rows
        lower = lower_triangle(rows, len(names))
        check_covariance(lower, names, still="leave out what is certain")
        return lower

    @field_validator("parameters")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
        if twice is not None:
            raise InputError(f"'{twice}' stands here twice", advice="name each parameter once")
        return names

    @model_validator(mode="after")
    def _either(self) -> Uncertainty:
        if self.covariance is not None and self.draws:
            raise InputError("both a covariance and draws", advice="give one of them")
        if self.covariance is not None and not self.parameters:
            raise InputError(
                "covariance without 'parameters'",
                advice='name them in the order of its rows: parameters = ["CL", "V"]',
            )
        if self.covariance is None and not any(self.draws.values()):
            raise InputError(
                "neither a covariance nor draws",
                advice="add covariance = [[...], ...] with parameters = [...], or draws = { CL = [...], V = [...] }",
            )
        if self.draws and (self.parameters or self.scale != "natural"):
            key = "parameters" if self.parameters else "scale"
            raise InputError(
                f"{key} with draws",
                advice=f"remove {key}: draws name their parameters, and have their units",
            )
        lengths = {name: len(values) for name, values in self.draws.items()}
        first = next(iter(lengths), "")
        for name, length in lengths.items():
            if length != lengths[first]:
                raise InputError(
                    f"{lengths[first]} draws of {first} and {length} of {name}",
                    advice="a draw is one number for each parameter",
                )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that are uncertain."""
        return self.parameters or tuple(self.draws)

    def sds(self) -> tuple[float, ...]:
        """Standard errors: in the parameters' units, or of the logarithms. Only with a covariance."""
        return deviations(self.covariance or ())

    def factor(self) -> Rows:
        """Lower factor L of L L' = correlations of the estimates. Only with a covariance."""
        factor = cholesky(correlations(self.covariance or ()))
        if factor is None:  # refused when the file is read
            raise InputError("not positive definite", place="uncertainty")
        return factor
