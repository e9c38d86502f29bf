"""How well the parameters are known: the section [uncertainty]."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from doseline.errors import InputError
from doseline.model.entries import STATUS_HINT, Entry, Evidence, Real, Text
from doseline.model.matrix import Rows, cholesky, correlations, deviations, lower_triangle
from doseline.model.variability import Triangle


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
        return rows if rows is None or not names else lower_triangle(rows, len(names))

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
