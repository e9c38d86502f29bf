r"""Elasticities: by how many percent a metric changes when a parameter changes by one percent.

.. math:: E = \frac{p}{M} \frac{\partial M}{\partial p} = \frac{1}{M} \frac{\partial M}{\partial \ln p}

The derivative is a central difference over nine points on the logarithm of the parameter, of which the error is
``h**8 / 630`` times the ninth derivative. With 2 % from point to point that is next to nothing, and the points are far
enough from each other for levels that hold a tolerance. Where the difference over seven of the points is another, the
metric is not smooth there; how far they are apart is given beside it.
"""

import numpy as np

STEP = 0.02
"""Between points, on the logarithm."""
NINE = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
SEVEN = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
"""Weights of central differences (Fornberg 1988, Math Comput 51:699) for points above; below the sign changes."""
MEANINGS = {
    "elasticity": "change of the metric in percent for a change of the parameter by one percent",
    "elasticity_error": "difference to an elasticity from fewer points: large where the metric is not smooth",
    "value": "metric with everything at its base",
    "value_low": "metric with this parameter at its low end",
    "value_high": "metric with this parameter at its high end",
}
"""What `read` gives."""
POINTS = (-4, -3, -2, -1, 1, 2, 3, 4)


def rows_of(bases: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Values (run, parameter): all at their bases, then for each parameter the points around it and its two ends.

    Parameters
    ----------
    bases : (parameter,)     Values around which to look.
    ends : (parameter, 2)    Low and high end of each.
    """
    around = np.exp(STEP * np.array(POINTS))
    own = [np.concatenate([base * around, pair]) for base, pair in zip(bases, ends, strict=True)]
    rows = np.repeat(bases[None], 1 + sum(map(len, own)), axis=0)
    width = len(POINTS) + 2
    for at, values in enumerate(own):
        rows[1 + at * width : 1 + (at + 1) * width, at] = values
    return rows


def read(y: np.ndarray) -> dict[str, np.ndarray]:
    """Elasticities and values at the ends, from a metric (..., run) in the rows of `rows_of`.

    Returns
    -------
    dict : ``elasticity``, ``elasticity_error``, ``value_low``, ``value_high`` (..., parameter), ``value`` (...). An
        elasticity of a metric that is 0 is NaN.
    """
    value, width = y[..., 0], len(POINTS) + 2
    own = y[..., 1:].reshape(*value.shape, -1, width)

    def slope(weights: dict[int, float]) -> np.ndarray:
        total = np.zeros(own.shape[:-1])
        for step, weight in weights.items():
            total += weight * (own[..., POINTS.index(step)] - own[..., POINTS.index(-step)])
        return total / STEP

    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(value == 0.0, np.nan, 1.0 / value)[..., None]
    nine = slope(NINE) * inverse
    return {
        "elasticity": nine,
        "elasticity_error": np.abs(nine - slope(SEVEN) * inverse),
        "value": value,
        "value_low": own[..., -2],
        "value_high": own[..., -1],
    }
