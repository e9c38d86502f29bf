"""Exposure while solving: what is asked for, and what is found."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from doseline.ended import Ended


@dataclass(frozen=True)
class Windows:
    """Stretches of a course in which exposure is wanted."""

    edges: np.ndarray  # (window, 2) [h], ascending; they may touch
    span: tuple[float, float]  # the course: (0, end) [h]
    thresholds: np.ndarray  # (threshold,) in the output's declared unit
    output: int  # position among the model's outputs


class Exposed(NamedTuple):
    """Cmax, Tmax [h], Cmin, AUC, hours above each threshold, and when the level was first above each [h]."""

    inside: np.ndarray  # (subject, window, 4 + 2 * thresholds)
    course: np.ndarray  # (subject, 4 + 2 * thresholds) the same over the span
    status: np.ndarray  # (subject,)
    ended: Ended | None  # as elsewhere, for models that are solved in steps
