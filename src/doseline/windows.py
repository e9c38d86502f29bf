"""Windows of time in which exposure is asked for, and what is found there."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from doseline.ended import Ended

COLUMNS = 4
"""Cmax, Tmax, Cmin and AUC; behind them hours above each threshold, and when each is first exceeded."""


@dataclass(frozen=True)
class Windows:
    """What is asked of the levels of one output."""

    edges: np.ndarray  # (window, 2) ascending, apart or touching [h]
    span: tuple[float, float]  # the course [h]
    thresholds: np.ndarray  # (threshold,) in the output's declared unit
    output: int  # position among the outputs of the model

    @property
    def columns(self) -> int:
        """How many numbers there are of each window."""
        return COLUMNS + 2 * len(self.thresholds)


class Exposed(NamedTuple):
    """Exposure, in the output's declared unit and hours.

    Columns: Cmax, Tmax (time since zero, the earliest), Cmin, AUC, then for each threshold hours above it, then for
    each when the level is first above it (NaN: never). A window begins with the level after a dose at its begin, and
    ends with the level before one at its end. NaN where ``status`` is not OK.
    """

    inside: np.ndarray  # (subject, window, column)
    course: np.ndarray  # (subject, column)
    status: np.ndarray  # (subject,)
    ended: Ended | None  # where the model is stepped


class Steady(NamedTuple):
    """Exposure over one period at steady state; the columns are those of `Exposed`, its times begin with the period."""

    inside: np.ndarray  # (subject, column)
    once: np.ndarray  # (subject,) area over one period after its doses, in an empty body
    period: float  # [h]
    status: np.ndarray  # (subject,) NO_STEADY_STATE: something stays for ever
