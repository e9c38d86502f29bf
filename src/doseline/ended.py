"""How the rows of a nonlinear model ended: status, method, steps, and where a failure was."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from doseline.method import METHODS


class Ended(NamedTuple):
    """How rows ended; all are (plan, subject, ...)."""

    status: np.ndarray
    method: np.ndarray  # number of `METHODS`
    stiff_since: np.ndarray  # [h]; NaN: never
    steps: np.ndarray  # tried, by the method that solved the row
    time: np.ndarray  # of failure [h]
    state: np.ndarray  # at failure (..., state)
    start: np.ndarray  # first record [h]
    output: np.ndarray  # the first one without a finite value, at ``time``; -1: none

    def shaped(self, shape: Sequence[int]) -> "Ended":
        """The same with the plans along several dimensions."""
        return Ended(*(each.reshape(*shape, *each.shape[1:]) for each in self))

    def told(self) -> dict[str, np.ndarray]:
        """What a Dataset says of it beside the status."""
        return {"method": self.method, "stiff_since": self.stiff_since, "steps": self.steps}


def blank_ended(plans: int, subjects: int, states: int, method: str) -> Ended:
    """Everybody well."""
    shape = (plans, subjects)
    return Ended(
        np.zeros(shape, np.int8),
        np.full(shape, METHODS[method].number, np.int8),
        np.full(shape, np.nan),
        np.zeros(shape, np.int64),
        np.full(shape, np.nan),
        np.zeros((*shape, states)),
        np.zeros(shape),
        np.full(shape, -1, np.int64),
    )
