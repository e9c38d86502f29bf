"""Metrics of exposure: what each means, and its unit made from those of the level and of time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One row of the table of metrics."""

    label: str
    units: str


METRICS = {
    "Cmax": Metric("highest level", "{level}"),
    "Tmax": Metric("time from the start of the window to the highest level", "h"),
    "Cmin": Metric("lowest level; the trough where levels fall until the next dose", "{level}"),
    "Cavg": Metric("average level: AUC over the length of the window", "{level}"),
    "AUC": Metric("area under the level", "{level} * h"),
}
"""Those of any levels, in the order in which the kernel for sampled levels writes them."""

EXACT = METRICS | {
    "fluctuation": Metric("peak-trough fluctuation: (Cmax - Cmin) / Cavg", "1"),
}
"""Those that are known while solving."""

BY_THRESHOLD = {
    "time_above": Metric("time within the window above the threshold", "h"),
    "time_below": Metric("time within the window at or below the threshold", "h"),
    "first_above": Metric(
        "time from the start of the window until the level is first above the threshold", "h"
    ),
}
"""Those that have a value for each threshold."""

WINDOWS = {
    "": "",
    "course_": "over the whole course: ",
    "steady_": "at steady state, over one period of the regimen's last stage: ",
}
"""Beginnings of the names of metrics, and of their labels."""

ACCUMULATION = Metric(
    "accumulation ratio: AUC of a period at steady state over that of the same period as the first", "1"
)
