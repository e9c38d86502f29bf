"""A grid of subjects: one for every combination of the values given."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from doseline.errors import InputError
from doseline.population.given import Given

MOST = 10**8
"""Combinations that a grid may have."""


def crossed_values(given: Mapping[str, Given]) -> dict[str, Given]:
    """Every combination, the first covariate slowest, as `itertools.product` counts.

    >>> grid = crossed_values({"WT": Given(np.array([50.0, 70.0]), "kg"), "AGE": Given(np.array([20.0, 30.0]), "year")})
    >>> grid["WT"].values.tolist(), grid["AGE"].values.tolist()
    ([50.0, 50.0, 70.0, 70.0], [20.0, 30.0, 20.0, 30.0])
    """
    lengths = [max(1, each.values.size) for each in given.values()]
    if math.prod(lengths) > MOST:
        told = " x ".join(f"{name} {length}" for name, length in zip(given, lengths, strict=True))
        raise InputError(
            f"a grid of {math.prod(lengths):,} subjects: {told}",
            place="cohort",
            advice=f"at most {MOST:,}: give fewer values, or draw them",
        )
    axes = np.meshgrid(*(each.values for each in given.values()), indexing="ij") if given else []
    return {name: Given(axis.ravel(), given[name].unit) for name, axis in zip(given, axes, strict=True)}
