"""A simulation that is settled: all arms through the kernels, and the Dataset."""

import math
from typing import TYPE_CHECKING

import numpy as np

from doseline.arm_log import Logs
from doseline.arms import Arms
from doseline.dataset import DIMENSIONS, Axis, build
from doseline.origin import AskedRegimens, said
from doseline.population.residual import typical_levels
from doseline.predictions import levels_of_outputs, observations
from doseline.schedule import sizes_of
from doseline.unsolved import failure, too_large

if TYPE_CHECKING:
    import xarray as xr


def run(asked: AskedRegimens, times: np.ndarray, *, threads: int) -> "xr.Dataset":
    """All arms through the kernels, and the Dataset."""
    model, people, axes, draws = asked.model, asked.people, asked.axes, asked.draws
    arms = Arms(model, people, asked.regimens, axes, draws, times, asked.solver)
    try:
        log = Logs.blank(arms) if arms.random else None
        solved = arms.solve(None if log is None else log.of, threads=threads)
        typical = arms.typical().solve(None, threads=threads) if draws.typical else None
    except MemoryError:
        sizes = ((len(people), "subjects"), (len(times), "times"))
        combinations = math.prod(arms.shape) * (2 if draws.typical else 1)
        raise too_large(combinations, len(model.outputs), *sizes) from None
    if asked.on_failure == "raise" and solved.status.any():
        names = list(asked.regimens)
        many = draws.replicates is not None
        raise failure(
            solved.status,
            model,
            lambda row: arms.values(int(row[0])),
            who=lambda row: (
                f"subject {people.subject[row[-1]]}, regimen '{names[row[1]]}'"
                + (f", replicate {draws.labels[row[0]]}" if many else "")
            ),
            at=np.arange(len(people)),
            ended=solved.ended,
        )
    known = {name: each.unit for name, each in model.parameters.items()}
    known |= {name: each.unit for name, each in model.covariates.items()}
    shown = {
        # a number without a unit that the model does not know stays a plain number
        name: (values, people.units[name] or known.get(name, "1"))
        for name, values in people.covariates.items()
    }
    beside = _beside(asked, solved.status, log)
    if solved.ended is not None:
        beside |= solved.ended.told()
    attrs = said(
        model,
        axes,
        asked.solver,
        on_failure=asked.on_failure,
        regimens={name: course.to_dict() for name, course in asked.regimens.items()},
        ends=dict(asked.ends),
        covariates=list(people.covariates),
        draws=draws.to_dict(),
    )
    replicates = Axis(draws.labels if draws.replicates else (), draws.replicates is not None)
    everyone = {"subject": Axis(people.subject, True), "time": Axis(times, True)}
    more = log.variables() if log is not None else {}
    if typical is not None:
        more |= typical_levels(model, typical.levels[0], axis=3, dims=DIMENSIONS[1:])
    if draws.observed:
        more |= observations(arms, solved.levels)
    outputs = levels_of_outputs(arms, solved.levels)
    return build(outputs, {"replicate": replicates, **axes, **everyone}, beside, shown, attrs, more)


def _beside(asked: AskedRegimens, status: np.ndarray, log: Logs | None) -> dict[str, np.ndarray]:
    """The variables beside the levels."""
    sizes, count = sizes_of(asked.people), len(asked.people)
    every = asked.regimens.values()
    times = [course.doses()[0] for course in every]
    dose_time = np.full((len(times), max(map(len, times))), np.nan)
    for row, own in zip(dose_time, times, strict=True):
        row[: len(own)] = own
    told = {
        "status": status,
        "dose_time": dose_time,
        "course_end": np.array([asked.ends[name] for name in asked.regimens]),
    }
    if log is not None:
        return told | log.told()
    total = [np.broadcast_to(course.total(**sizes), (count,)) for course in every]
    taken = [np.broadcast_to(course.doses_taken(**sizes), (count,)) for course in every]
    return told | {"total_dose": np.stack(total)[np.newaxis], "doses_taken": np.stack(taken)[np.newaxis]}
