"""Sensitivity: how much exposure depends on each parameter and covariate, near one person's values or over ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.asking import Asking
from doseline.dataset import Axis, combinations
from doseline.designs import METHODS, Asked, indices_of, points_of
from doseline.differences import MEANINGS, read, rows_of
from doseline.dosing.regimen import Regimen
from doseline.errors import InputError, did_you_mean
from doseline.measured import read_metrics
from doseline.model.read import load_model
from doseline.model.spec import Model
from doseline.population.cohort import Cohort
from doseline.ranges import Range
from doseline.request import choices, cohort_of, covariate_values, named_regimens, thread_count
from doseline.sensitivity_arms import Arm, varied
from doseline.sensitivity_bench import Bench
from doseline.sensitivity_dataset import Table
from doseline.solver import ATOL, MOST_STEPS, RTOL
from doseline.streams import seed_of
from doseline.version import __version__

if TYPE_CHECKING:
    import xarray as xr

WAYS = ("local", *METHODS)
MOST_SAMPLES = 2**24
SPREAD = {"mean": "mean of the metric over all runs", "sd": "standard deviation of the metric over all runs"}


def sensitivity(
    model: "Model | str | Path",
    regimens: Any,
    person: Any = None,
    *,
    over: Any = None,
    metric: str | Sequence[str] = ("AUC", "Cmax"),
    method: str = "local",
    samples: int | None = None,
    seed: int | None = None,
    confidence: float = 95,
    second_order: bool = False,
    output: str | None = None,
    meal: str | Sequence[str] | None = None,
    formulation: str | Sequence[str] | None = None,
    threads: int | None = None,
    solver: str | None = None,
    rtol: float = RTOL,
    atol: Any = ATOL,
    max_steps: int = MOST_STEPS,
) -> "xr.Dataset":
    """Find out which parameters and covariates exposure depends on, for one person and without random effects.

    Parameters
    ----------
    model : Model, str or Path     A model, the name of one in the library, or the path of a model file.
    regimens : Regimen, text, mapping of names to them, list of them      A mapping or a list becomes a dimension.
    person : Cohort, data frame or mapping of covariates, optional
        One subject, with the model's reference covariates where nothing is given. A column with the name of a
        parameter gives it this value.
    over : mapping, list of names or name, optional
        What is varied: parameters and covariates, each by a part of its value ("30 %", to either side and evenly),
        between two ends ((0.1, 0.6), ("80 mL/min", "10 L/h")) or as a distribution ("lognormal(8 L/h, 30 %)"). Names
        alone are varied by 20 %. All parameters that act on the output where nothing is given.
    metric : str or list of str
        Of the last complete dosing interval: "AUC", "Cmax", "Tmax", "Cmin", "Cavg", "fluctuation"; of the course:
        "course_AUC", ...; at steady state: "steady_AUC", ...; and "accumulation". None of those with thresholds.
    method : "local", "sobol", "morris" or "efast"
        Elasticities and the metric at either end of each range, or one of three global methods, which need SALib.
    samples : int, optional
        Of "sobol" the points of its sequence (1024), of "morris" the trajectories (50), of "efast" the points on
        each curve (257). With D parameters these are samples (D + 2), samples (D + 1) and 5 samples D runs; the local
        method has 10 D + 1.
    seed : int                     Of the samples, for the global methods.
    confidence : float             Of intervals. [%]
    second_order : bool            Also what pairs of parameters do together, with "sobol": samples (2 D + 2) runs.
    output : str, optional         Which output; the first where nothing is given.
    meal, formulation : str or list of str, optional
        For doses that leave them open. A part of a value that each meal sets is a part of what this meal sets.
    threads : int, optional        As many as there are processors. The result does not depend on it, in any bit.
    solver : str, optional         What `simulate` calls ``method``; ``rtol``, ``atol`` and ``max_steps`` as there.

    Returns
    -------
    xarray.Dataset
        Dims (metric, regimen, formulation, meal, parameter), without those that were not asked for as a list.
        Local: ``elasticity``, ``elasticity_error``, ``value``, ``value_low``, ``value_high``. Sobol and eFAST: ``S1``,
        ``ST``, and with pairs ``S2`` (..., parameter, parameter_2), each with ``_low`` and ``_high``; NaN where the
        metric does not change. Morris: ``mu_star`` with its interval, ``mu``, ``sigma`` [unit of the metric]. Global
        ones have ``mean`` and ``sd`` of the metric over all runs. ``base``, ``low`` and ``high`` are the parameter's
        value and the ends of its range, in ``unit``. ``attrs`` say method, runs, samples, seed, and what was left out.

    Raises
    ------
    InputError, UnitError, RegimenError : what was given; SALib that is not there.
    SolveError : runs that could not be solved, with the values of the first of them.

    Source
    ------
    docs/howto/sensitivity.md; Saltelli et al. 2008, Global Sensitivity Analysis: The Primer.

    >>> found = sensitivity("one-compartment-oral", "100 mg every 12 h x 30", over=["CL", "F"], metric="AUC")
    >>> found["elasticity"].values.round(2).tolist()
    [-1.0, 1.0]
    """
    chosen, metrics = load_model(model), read_metrics(metric)
    design = _design(method, samples, seed, confidence, second_order)
    observed, someone, named = _output(chosen, output), _person(person, chosen), named_regimens(regimens)
    _refuse_habits(named)
    axes = {
        "regimen": Axis(tuple(named), isinstance(regimens, (Mapping, list, tuple))),
        **choices(chosen, formulation=formulation, meal=meal),
    }
    arms = [Arm(name, named[name], *pair) for name, pair in product(named, combinations(axes))]
    base = _values(someone, chosen)
    found = varied(chosen, over, arms, base, output=observed, local=design is None)
    asking: Asking = {"method": solver, "rtol": rtol, "atol": atol, "max_steps": max_steps, "effects": []}
    bench = Bench(chosen, someone, asking, metrics, observed, thread_count(threads))
    if over is None:
        found = bench.able(arms, found)
    points = None
    if design is not None:
        design = replace(design, names=[each.name for each in found.ranges])
        points = points_of(method, design)
    measured = []
    for arm, row, pair in zip(arms, found.bases, found.ends, strict=True):
        columns = rows_of(row, pair).T if points is None else _columns(method, found.ranges, row, points)
        measured.append(bench.measure(arm, found.ranges, columns))
    y = np.stack([each.values for each in measured], axis=1)  # (metric, arm, run)
    told = {
        "sensitivity": method,
        "method": METHODS[method].label if design is not None else "central differences over nine points",
        "runs": y.shape[-1],
        "output": observed,
        "person": ", ".join(f"{name} {value:g}" for name, value in base.items()),
        "left_out": "; ".join(found.left_out),
        "model": chosen.name,
        "model_version": chosen.version,
        "doseline_version": __version__,
    }
    if design is None or points is None:
        results, meanings = read(y), MEANINGS
    else:
        results, meanings = _analysed(method, design, points, y), METHODS[method].tells | SPREAD
        told |= {"samples": design.samples, "seed": design.seed, "confidence": design.confidence}
    table = Table(metrics, measured[0].units, not isinstance(metric, str), axes, found.ranges)
    beside = {"base": found.bases, "low": found.ends[..., 0], "high": found.ends[..., 1]}
    return table.dataset(results, meanings, beside, told)


def _design(method: Any, samples: Any, seed: Any, confidence: Any, second_order: Any) -> Asked | None:
    """What a global method is asked for, names left open; None for the local one."""
    if method not in WAYS:
        raise InputError(
            f"found {method!r:.60}", place="method", advice=did_you_mean(str(method), WAYS, "there are")
        )
    if not isinstance(second_order, (bool, np.bool_)) or (second_order and method != "sobol"):
        raise InputError(
            f"found {second_order!r:.60} with method='{method}'",
            place="second_order",
            advice="pairs of parameters are for method='sobol'; expected True or False",
        )
    real = isinstance(confidence, (int, float, np.number)) and not isinstance(confidence, bool)
    if not real or not 0.0 < confidence < 100.0:
        raise InputError(
            f"found {confidence!r:.60}", place="confidence", advice="expected percent, such as 95"
        )
    if method == "local":
        if samples is not None:
            raise InputError(
                f"found {samples!r:.60}",
                place="samples",
                advice="the local method draws nothing: leave it out, or choose method='sobol'",
            )
        return None
    if seed is None:
        raise InputError(
            "samples are drawn, and there is no seed",
            place="seed",
            advice="give one, such as seed=7: the same one gives the same samples",
        )
    samples = METHODS[method].samples if samples is None else samples
    whole = isinstance(samples, (int, np.integer)) and not isinstance(samples, bool)
    if not whole or not 1 <= samples <= MOST_SAMPLES:
        raise InputError(
            f"found {samples!r:.60}",
            place="samples",
            advice=f"expected a whole number, of {METHODS[method].counts}",
        )
    return Asked((), int(samples), seed_of(seed), float(confidence), bool(second_order))


def _output(model: Model, output: Any) -> str:
    """The output asked for, or the first."""
    if output is not None and output not in model.outputs:
        raise InputError(
            f"unknown output '{output}'", place="output", advice=did_you_mean(str(output), model.outputs)
        )
    return model.default_output if output is None else str(output)


def _person(person: Any, model: Model) -> Cohort:
    """One subject."""
    someone = cohort_of(person, model)
    if len(someone) != 1:
        raise InputError(
            f"there are {len(someone)} subjects",
            place="person",
            advice="a sensitivity is of one: person=people[0]; to vary covariates, name them in over",
        )
    return someone


def _refuse_habits(named: Mapping[str, Regimen]) -> None:
    """Doses as prescribed, lest chance be taken for an effect."""
    for name, course in named.items():
        if course.adherence is not None:
            raise InputError(
                f"'{name}' says how doses are taken",
                place="regimens",
                advice="a sensitivity is of doses as prescribed: give the regimen without its adherence",
            )


def _values(someone: Cohort, model: Model) -> dict[str, float]:
    """The person's covariates and own parameters, in the model's units."""
    values = {}
    for name in someone.covariates:
        if name in model.covariates:
            values[name] = float(covariate_values(someone, model, name)[0])
        elif name in model.parameters:
            values[name] = float(someone.values(name, model.parameters[name].unit)[0])
    return values


def _columns(method: str, ranges: Sequence[Range], bases: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """Values (run,) of each parameter at points of the unit cube."""
    grid = METHODS[method].grid
    return [
        each.at(each.on_grid(u) if grid else u, base)
        for each, base, u in zip(ranges, bases, points.T, strict=True)
    ]


def _analysed(method: str, design: Asked, points: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Indices (metric, arm, parameter, ...) of all metrics (metric, arm, run), with their means and spreads."""
    rows = [indices_of(method, design, points, each) for each in y.reshape(-1, y.shape[-1])]
    found = {
        name: np.stack([row[name] for row in rows]).reshape(*y.shape[:2], *values.shape)
        for name, values in rows[0].items()
    }
    return found | {"mean": y.mean(axis=-1), "sd": y.std(axis=-1)}
