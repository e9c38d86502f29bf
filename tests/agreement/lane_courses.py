"""Exposure while solving, asked for as the verbs do: one arm, its windows, its rows."""

import numpy as np

from doseline.arms import Arms
from doseline.asking import settle
from doseline.lane_exposure import expose_lanes
from doseline.solve_intakes import Log
from doseline.windows import Windows


def arm_of(model, regimen, people=None, *, end=None, **asking):
    """The only arm of a call."""
    asked, times = settle(model, regimen, people, times=None, asking=asking, gridless=True)
    times = times if end is None else np.array([0.0, end])
    arms = Arms(asked.model, asked.people, asked.regimens, asked.axes, asked.draws, times, asked.solver)
    return arms.arm(asked.draws.labels[0], arms.keys[0])


def windows_of(edges, *, thresholds=(), output=0, end=None):
    """Windows of a course that ends with the last of them."""
    edges = np.array(edges, dtype=float).reshape(-1, 2)
    return Windows(edges, (0.0, float(edges[-1, 1] if end is None else end)), np.array(thresholds), output)


def exposed(model, regimen, people=None, *, edges, thresholds=(), output=0, end=None, threads=1, **asking):
    """What `expose_lanes` finds."""
    windows = windows_of(edges, thresholds=thresholds, output=output, end=end)
    arm = arm_of(model, regimen, people, end=windows.span[1], **asking)
    return expose_lanes(arm, windows, Log.unread(len(arm.people.number)), threads=threads)
