"""Effects that go together: the entries of [blocks]."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from doseline.errors import InputError
from doseline.model.definite import check_correlations, check_covariance
from doseline.model.entries import STATUS_HINT, Entry, Evidence, Real, Text
from doseline.model.matrix import Rows, cholesky, correlations, deviations, full_matrix, lower_triangle

Triangle = tuple[tuple[Real, ...], ...]
"""Rows of a symmetric matrix; what is kept of it is the lower triangle with its diagonal."""
MOST_CORRELATED = 60
"""Effects of one block."""


class Block(Entry):
    """Effects that go together: their covariance, or their correlations."""

    effects: tuple[Text, ...] = Field(description='a list of names, such as ["CL", "V1"]')
    between: Literal["subjects", "occasions"] = "subjects"
    omega2: Triangle | None = None
    correlations: Triangle | None = None
    source: Text = Field(description="where the numbers come from, in quotes")
    status: Evidence = Field(description=STATUS_HINT)

    @field_validator("omega2", "correlations")
    @classmethod
    def _triangle(cls, rows: Rows | None, info: ValidationInfo) -> Rows | None:
        effects = info.data.get("effects")
        if rows is None or effects is None:
            return rows
        lower = lower_triangle(rows, len(effects), ones=info.field_name == "correlations")
        if info.field_name == "correlations":
            check_correlations(lower, effects)
        else:
            check_covariance(lower, effects, still="what does not vary is no effect")
        return lower

    @field_validator("effects")
    @classmethod
    def _several(cls, effects: tuple[str, ...]) -> tuple[str, ...]:
        if len(effects) < 2:
            raise InputError("a block of fewer than 2", advice="a lone effect has its own omega2, sd or cv")
        if len(effects) > MOST_CORRELATED:
            raise InputError(f"{len(effects)} names", advice=f"at most {MOST_CORRELATED} in one block")
        twice = next((name for n, name in enumerate(effects) if name in effects[:n]), None)
        if twice is not None:
            raise InputError(f"'{twice}' stands here twice", advice="name each effect once")
        return effects

    @model_validator(mode="after")
    def _either(self) -> Block:
        if (self.omega2 is None) == (self.correlations is None):
            raise InputError(
                "neither omega2 nor correlations" if self.omega2 is None else "both omega2 and correlations",
                advice="give omega2, the covariance of the etas, or correlations beside the spreads of the effects",
            )
        return self

    def correlation(self) -> Rows:
        """Correlations of the etas: the full matrix, by rows."""
        return full_matrix(self._correlations())

    def sds(self) -> tuple[float, ...] | None:
        """Standard deviations of the etas, each on its scale; None where the effects have them."""
        return None if self.omega2 is None else deviations(self.omega2)

    def factor(self) -> Rows:
        """Lower factor L of L L' = correlation: L times independent normal numbers has the correlations."""
        factor = cholesky(self._correlations())
        if factor is None:  # refused when the file is read
            raise InputError("not positive definite", place="/".join(self.effects))
        return factor

    def _correlations(self) -> Rows:
        return correlations(self.omega2) if self.omega2 is not None else (self.correlations or ())
