"""What every result says beside its numbers: regimens, covariates, origin; and what is said where rows failed."""

import numpy as np

from doseline.arms import Arms
from doseline.dataset import Axis
from doseline.ended import Ended
from doseline.errors import SolveError
from doseline.origin import AskedRegimens, said
from doseline.schedule import sizes_of
from doseline.unsolved import failure


def arms_of(asked: AskedRegimens, times: np.ndarray) -> Arms:
    """All arms of what is asked for, at these times [h]."""
    return Arms(asked.model, asked.people, asked.regimens, asked.axes, asked.draws, times, asked.solver)


def swept(asked: AskedRegimens) -> tuple[int, ...]:
    """How many replicates, regimens, formulations and meals."""
    counts = (max(1, len(asked.axes[name].labels)) for name in ("regimen", "formulation", "meal"))
    return (len(asked.draws.labels), *counts)


def blank_status(asked: AskedRegimens) -> np.ndarray:
    """Room for how each row ended."""
    return np.zeros((*swept(asked), len(asked.people)), dtype=np.int8)


def replicate_axis(asked: AskedRegimens) -> Axis:
    """The axis of replicates; without labels where there is only one."""
    several = asked.draws.replicates is not None
    return Axis(asked.draws.labels if several else (), several)


def attributes(asked: AskedRegimens) -> dict[str, str]:
    """Attributes: from which model, by which version, and everything that is needed to run it again."""
    return said(
        asked.model,
        asked.axes,
        asked.solver,
        on_failure=asked.on_failure,
        regimens={name: course.to_dict() for name, course in asked.regimens.items()},
        ends=dict(asked.ends),
        covariates=list(asked.people.covariates),
        draws=asked.draws.to_dict(),
    )


def covariates_shown(asked: AskedRegimens) -> dict[str, tuple[np.ndarray, str]]:
    """Covariates and their units; a number without a unit that the model does not know stays a plain number."""
    model, people = asked.model, asked.people
    known = {name: each.unit for name, each in model.parameters.items()}
    known |= {name: each.unit for name, each in model.covariates.items()}
    return {
        name: (values, people.units[name] or known.get(name, "1"))
        for name, values in people.covariates.items()
    }


def doses_shown(asked: AskedRegimens) -> dict[str, np.ndarray]:
    """When doses are due, and when courses end."""
    times = [course.doses()[0] for course in asked.regimens.values()]
    dose_time = np.full((len(times), max(map(len, times))), np.nan)
    for row, own in zip(dose_time, times, strict=True):
        row[: len(own)] = own
    return {
        "dose_time": dose_time,
        "course_end": np.array([asked.ends[name] for name in asked.regimens]),
    }


def prescribed(asked: AskedRegimens) -> dict[str, np.ndarray]:
    """What is taken where everything is taken as prescribed, (replicate, regimen, subject)."""
    sizes, count = sizes_of(asked.people), (len(asked.people),)
    every = asked.regimens.values()
    total = [np.broadcast_to(course.total(**sizes), count) for course in every]
    taken = [np.broadcast_to(course.doses_taken(**sizes), count) for course in every]
    return {"total_dose": np.stack(total)[np.newaxis], "doses_taken": np.stack(taken)[np.newaxis]}


def refuse_failed(asked: AskedRegimens, times: np.ndarray, status: np.ndarray, kept: str = "") -> None:
    """Say which rows of a run in parts could not be solved, if that is what is asked for, and what is kept."""
    if asked.on_failure == "raise" and status.any():
        error = failed(asked, arms_of(asked, times), status.reshape(*swept(asked), -1), None)
        error.advice += f"\n{kept}" if kept else ""
        raise error


def failed(asked: AskedRegimens, arms: Arms, status: np.ndarray, ended: Ended | None) -> SolveError:
    """What is said of rows that could not be solved; ``status`` is (replicate, regimen, ..., subject)."""
    people, names, draws = asked.people, list(asked.regimens), asked.draws
    many = draws.replicates is not None
    return failure(
        status,
        asked.model,
        lambda row: arms.values(int(row[0])),
        who=lambda row: (
            f"subject {people.subject[row[-1]]}, regimen '{names[row[1]]}'"
            + (f", replicate {draws.labels[row[0]]}" if many else "")
        ),
        at=np.arange(len(people)),
        ended=ended,
    )
