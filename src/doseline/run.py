"""A simulation that is settled: all arms through the kernels, and the Dataset."""

from typing import TYPE_CHECKING

import numpy as np

from doseline.arm_log import Logs
from doseline.dataset import DIMENSIONS, Axis, build
from doseline.footprint import refusal, refuse_what_does_not_fit
from doseline.origin import AskedRegimens
from doseline.population.residual import typical_levels
from doseline.predictions import levels_of_outputs, observations
from doseline.results import (
    arms_of,
    attributes,
    covariates_shown,
    doses_shown,
    failed,
    prescribed,
    replicate_axis,
)

if TYPE_CHECKING:
    import xarray as xr


def run(asked: AskedRegimens, times: np.ndarray, *, threads: int) -> "xr.Dataset":
    """Levels of all arms, as a Dataset."""
    model, people, draws = asked.model, asked.people, asked.draws
    arms = arms_of(asked, times)
    refuse_what_does_not_fit(arms, threads=threads)
    try:
        log = Logs.blank(arms) if arms.random else None
        solved = arms.solve(None if log is None else log.of, threads=threads)
        typical = arms.typical().solve(None, threads=threads) if draws.typical else None
    except MemoryError:
        raise refusal(arms, threads=threads) from None
    if asked.on_failure == "raise" and solved.status.any():
        raise failed(asked, arms, solved.status, solved.ended)
    beside = {"status": solved.status, **doses_shown(asked)}
    beside |= prescribed(asked) if log is None else log.told()
    if solved.ended is not None:
        beside |= solved.ended.told()
    axes = {
        "replicate": replicate_axis(asked),
        **asked.axes,
        "subject": Axis(people.subject, True),
        "time": Axis(times, True),
    }
    more = log.variables() if log is not None else {}
    if typical is not None:
        more |= typical_levels(model, typical.levels[0], axis=3, dims=DIMENSIONS[1:])
    if draws.observed:
        more |= observations(arms, solved.levels)
    outputs = levels_of_outputs(arms, solved.levels)
    return build(outputs, axes, beside, covariates_shown(asked), attributes(asked), more)
