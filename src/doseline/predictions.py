"""What is predicted and what would be observed: levels, typical ones, and those with residual error."""

from dataclasses import replace
from itertools import product

import numpy as np

from doseline.arms import Arms
from doseline.dataset import DIMENSIONS, Level, More
from doseline.model.spec import Model
from doseline.population.residual import observed, observed_variables
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


def typical_levels(model: Model, levels: np.ndarray) -> dict[str, More]:
    """Levels of typical subjects (1, regimen, formulation, meal, output, subject, time): no replicate differs."""
    return {
        f"{name}_typical": More(
            DIMENSIONS[1:],
            levels[0, :, :, :, position],
            {"units": output.unit, "long_name": f"{output.label}, typical for the covariates"},
        )
        for position, (name, output) in enumerate(model.outputs.items())
    }


def observations(arms: Arms, levels: np.ndarray) -> dict[str, More]:
    """Observations of the outputs that have a residual error; NaN below the limit of quantification."""
    found = dict[str, More]()
    for position, (name, output) in enumerate(arms.model.outputs.items()):
        residual = arms.model.residual.get(name)
        if residual is None:
            continue
        seen = np.empty_like(levels[:, :, :, :, position])
        rows = seen.reshape(-1, *seen.shape[4:])
        for row, (replicate, key) in enumerate(product(arms.draws.labels, arms.keys)):
            at = np.unravel_index(row, arms.shape)
            streams = replace(arms.draws.streams(replicate), sobol=False)
            what = f"{name} of {course_name(*key)}"
            rows[row] = observed(
                residual, levels[at][position], streams, arms.subjects.number, arms.times, name=what
            )
        found |= observed_variables(name, output, residual, seen, DIMENSIONS)
    return found
