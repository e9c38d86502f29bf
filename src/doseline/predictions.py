"""What is predicted and what would be observed: levels, and those with residual error."""

from dataclasses import replace
from itertools import product

import numpy as np

from doseline.arms import Arms
from doseline.dataset import DIMENSIONS, Level, More
from doseline.population import residual
from doseline.population.residual import seconds
from doseline.population.variability import course_name


def levels_of_outputs(arms: Arms, levels: np.ndarray) -> dict[str, Level]:
    """The levels, output by output."""
    compiled = arms.compiled(arms.draws.labels[0])
    return {
        name: Level(
            values=levels[:, :, :, :, position],
            units=output.unit,
            label=output.label,
            jumps=np.array([compiled.sees(name, states) for states in arms.entered]).reshape(arms.shape[1:]),
        )
        for position, (name, output) in enumerate(arms.model.outputs.items())
    }


def observations(arms: Arms, levels: np.ndarray) -> dict[str, More]:
    """Observations of the outputs that have a residual error.

    The error of a subject at a time depends on the course, the subject and that time, whatever other times there are.
    """
    rows = list(product(arms.draws.labels, arms.keys))

    def errors(what: str, row: int) -> np.ndarray:
        replicate, key = rows[row]
        streams = replace(arms.draws.streams(replicate), sobol=False)
        name = f"{what} of {course_name(*key)}"
        return streams.normal(name, arms.subjects.number, occasion=seconds(arms.times))

    return residual.observations(arms.model, levels, errors, axis=len(arms.shape), dims=DIMENSIONS)
