"""Average bioequivalence: whether a test gives the exposure of a reference, from the table of a study."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from doseline.analysis import contrasts
from doseline.analysis.contrasts import LIMITS, Contrast, Within, coefficient
from doseline.analysis.trial import Pair, Trial, read_trial
from doseline.errors import InputError, did_you_mean
from doseline.version import __version__

if TYPE_CHECKING:
    import xarray as xr

SCALED = {
    "EMA": "average bioequivalence with expanding limits: exp(-0.760 sWR) to exp(0.760 sWR) where CVwR is above 30 %, "
    "held from 50 % on, and a GMR from 0.80 to 1.25",
    "FDA": "reference-scaled average bioequivalence: Howe's upper bound of (muT - muR)^2 - (ln 1.25 / 0.25)^2 sWR^2 "
    "at or below 0 where sWR is at least 0.294, and a GMR from 0.80 to 1.25; differences within subjects",
}
"""Whose scaling by the variability of the reference, and what it asks for."""
ANOVA = "analysis of variance of logarithms: sequence, subject within sequence, period and treatment, all of them fixed"
METHODS = {
    "parallel": "t interval of the difference of mean logarithms, {variances}",
    "2x2": ANOVA,
    "crossover": f"{ANOVA}; each test with the reference alone",
    "replicate": f"{ANOVA} (the EMA's method A); CVwR and CVwT from the data of one treatment",
}
VARIABLES = {
    "GMR": "geometric mean of the test divided by that of the reference",
    "GMR_lower": "lower end of the confidence interval of GMR",
    "GMR_upper": "upper end of the confidence interval of GMR",
    "CVw": "coefficient of variation within subjects",
    "CV": "coefficient of variation between subjects, from both groups",
    "CVwR": "coefficient of variation within subjects under the reference",
    "CVwT": "coefficient of variation within subjects under the test",
    "df": "degrees of freedom of the interval",
    "p_lower": "p value of the one-sided test against a ratio at or below the lower limit",
    "p_upper": "p value of the one-sided test against a ratio at or above the upper limit",
    "limit_lower": "lower limit that the interval is compared with",
    "limit_upper": "upper limit that the interval is compared with",
    "scaled": "whether the reference varies enough for its scaling",
    "criterion": "upper bound of (muT - muR)^2 - theta^2 sWR^2; at or below 0 it holds",
    "equivalent": "whether equivalence is shown",
}
"""Variables of a result, without units, and what they mean."""


class Answer(NamedTuple):
    """What one test comes to: variables (metric,), subjects of each sequence, who was left out."""

    variables: dict[str, np.ndarray]
    counts: np.ndarray
    left_out: tuple[str, ...]


def equivalence(
    table: Any,
    *,
    metric: str | Sequence[str],
    reference: Any,
    design: str | None = None,
    scaled: str | None = None,
    pooled: bool = False,
    limits: tuple[float, float] = LIMITS,
    alpha: float = 0.05,
) -> "xr.Dataset":
    """Test whether treatments are bioequivalent to a reference, by two one-sided tests.

    Parameters
    ----------
    table : data frame, or what pandas makes one of
        One row for each subject and period, with the columns ``subject``, ``treatment``, ``period`` (not for parallel
        groups), a column for each metric and, if wanted, ``sequence``.
    metric : str or list of str      Columns of what was measured, above 0. A dimension of the result.
    reference : str                  The treatment that the others are compared with.
    design : str, optional           "2x2", "crossover", "replicate" or "parallel"; recognised where nothing is given.
    scaled : "EMA" or "FDA", optional
        Limits that widen with the variability of the reference, for a replicate design.
    pooled : bool                    Parallel groups: one variance for both, instead of Welch's test.
    limits : (float, float)          What GMR has to lie between. [1]
    alpha : float                    Level of each one-sided test; the interval covers 1 - 2 alpha. [1]

    Returns
    -------
    xarray.Dataset
        ``GMR``, ``GMR_lower``, ``GMR_upper``, ``CVw`` (``CV`` for parallel groups; ``CVwR`` and ``CVwT`` where a
        treatment was taken again), ``df``, ``p_lower``, ``p_upper``, ``limit_lower``, ``limit_upper`` and
        ``equivalent``, by metric and, where there are several tests, by treatment; ``subjects`` of each sequence. With
        scaling also ``scaled`` and, for the FDA's, ``criterion`` but no ``CVw``. The attributes say how, and who was
        left out.

    Raises
    ------
    InputError : a table that is not one of a bioequivalence study, or arguments that do not fit it.

    Source
    ------
    Schuirmann, J Pharmacokinet Biopharm 15 (1987) 657; EMA, CPMP/EWP/QWP/1401/98 Rev. 1, and its questions and answers
    for method A; FDA, Draft Guidance on Progesterone (2011), for Howe's bound.

    >>> took = {"subject": [1, 1, 2, 2, 3, 3, 4, 4], "period": [1, 2] * 4, "treatment": list("TRTRRTRT"),
    ...         "AUC": [98.0, 103.0, 110.0, 108.0, 95.0, 97.0, 120.0, 113.0]}
    >>> found = equivalence(took, metric="AUC", reference="R")
    >>> found[["GMR", "GMR_lower", "GMR_upper"]].sel(metric="AUC").to_array().values.round(3).tolist()
    [0.982, 0.909, 1.061]
    """
    import xarray as xr

    metrics = _metrics(metric)
    check_scaling(scaled, limits, alpha)
    trial = read_trial(table, metrics, reference, design)
    if pooled and trial.design != "parallel":
        raise InputError(
            f"found True with a {trial.design} design",
            place="pooled",
            advice="it is for parallel groups: leave it out",
        )
    answers = {test: _answer(trial, test, scaled, pooled, limits, alpha) for test in trial.tests}
    data = {
        name: (
            ("treatment", "metric"),
            np.array([answer.variables[name] for answer in answers.values()]),
            {"long_name": told},
        )
        for name, told in VARIABLES.items()
        if all(name in answer.variables for answer in answers.values())
    }
    told = {"long_name": "subjects that the result is of"}
    result = xr.Dataset(
        {
            **data,
            "subjects": (
                ("treatment", "sequence"),
                np.array([answer.counts for answer in answers.values()]),
                told,
            ),
        },
        {"treatment": list(trial.tests), "metric": list(metrics), "sequence": list(trial.sequences)},
    )
    for value in result.data_vars.values():
        if value.dtype.kind == "f":
            value.attrs["units"] = "1"
    left_out = [f"{text} ({test})" for test, answer in answers.items() for text in answer.left_out]
    result.attrs = {
        "design": trial.design,
        "reference": trial.reference,
        "method": METHODS[trial.design].format(
            variances="one variance for both groups" if pooled else "each group with its own variance (Welch)"
        )
        if scaled != "FDA"
        else "differences within subjects, averaged over sequences",
        "scaling": SCALED[scaled] if scaled else "none",
        "alpha": alpha,
        "left_out": "; ".join(left_out) or "nobody",
        "doseline_version": __version__,
    }
    return result if len(trial.tests) > 1 else result.isel(treatment=0)


def check_scaling(scaled: str | None, limits: Any, alpha: float) -> None:
    """Refuse limits, levels and scalings that are none."""
    if scaled is not None and scaled not in SCALED:
        raise InputError(
            f"found {scaled!r}", place="scaled", advice=did_you_mean(str(scaled), SCALED, "there are")
        )
    if not isinstance(alpha, int | float) or not 0 < alpha < 0.5:
        raise InputError(
            f"found {alpha!r}", place="alpha", advice="expected more than 0 and less than 0.5, such as 0.05"
        )
    try:
        lower, upper = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        lower, upper = np.nan, np.nan
    if not 0 < lower < 1 < upper < np.inf:
        raise InputError(
            f"found {limits!r}",
            place="limits",
            advice="expected one limit below 1 and one above, such as (0.8, 1.25)",
        )
    if scaled and (lower, upper) != LIMITS:
        raise InputError(
            f"found {limits!r} with scaled={scaled!r}",
            place="limits",
            advice="scaling has limits of its own: leave them out",
        )


def compared(contrast: Contrast, limits: np.ndarray, alpha: float) -> dict[str, np.ndarray]:
    """Interval and two one-sided tests of a contrast (metric,) against limits (2, metric)."""
    from scipy import stats

    lower, upper = np.exp(contrast.interval(alpha))
    # without any residual variance the distances are infinite, which is right
    with np.errstate(divide="ignore", invalid="ignore"):
        below, above = (contrast.estimate - np.log(limits)) / contrast.error
    return {
        "GMR": np.exp(contrast.estimate),
        "GMR_lower": lower,
        "GMR_upper": upper,
        "df": contrast.df,
        "p_lower": stats.t.sf(below, contrast.df),
        "p_upper": stats.t.cdf(above, contrast.df),
        "limit_lower": limits[0],
        "limit_upper": limits[1],
        "equivalent": contrasts.lies_within(contrast, limits, alpha),
    }


def _answer(
    trial: Trial, test: str, scaled: str | None, pooled: bool, limits: tuple[float, float], alpha: float
) -> Answer:
    pair = trial.pair(test)
    if scaled:
        _refuse_unrepeated(trial, pair, scaled)
    fixed = np.repeat(np.array(limits, dtype=float)[:, np.newaxis], len(trial.metrics), axis=1)
    if trial.design == "parallel":
        contrast = contrasts.groups(pair, pooled=pooled)
        found = compared(contrast, fixed, alpha) | {"CV": coefficient(contrast.variance)}
    elif scaled == "FDA":
        return _fda(pair, fixed, alpha)
    else:
        contrast = contrasts.anova(pair)
        again = {"CVwR": contrasts.within(pair, tested=False), "CVwT": contrasts.within(pair, tested=True)}
        of_reference = again["CVwR"]
        if scaled and of_reference:
            fixed = contrasts.widened(of_reference.variance)
        found = compared(contrast, fixed, alpha) | {"CVw": coefficient(contrast.variance)}
        if trial.design == "replicate":
            found |= {name: coefficient(value.variance) for name, value in again.items() if value}
        if scaled:
            found["scaled"] = found["CVwR"] > contrasts.SWITCH["EMA"]
            found["equivalent"] = found["equivalent"] & contrasts.near_one(contrast)
    return Answer(found, pair.counts, pair.left_out)


def _fda(pair: Pair, limits: np.ndarray, alpha: float) -> Answer:
    howe = contrasts.howe(pair, alpha)
    if howe is None:
        raise InputError(
            "too few subjects have all periods of their sequence",
            place="scaled",
            advice="the FDA's differences within subjects need 2 in each sequence, with the reference taken twice",
        )
    found = compared(howe.contrast, limits, alpha)
    found["scaled"] = np.sqrt(howe.reference.variance) >= contrasts.SWITCH["FDA"]
    found["criterion"] = howe.bound
    found["CVwR"] = coefficient(howe.reference.variance)
    found["equivalent"] = np.where(
        found["scaled"], (howe.bound <= 0) & contrasts.near_one(howe.contrast), found["equivalent"]
    )
    left_out = (*pair.left_out, *(f"subject {name} lacks a period" for name in howe.incomplete))
    return Answer(found, howe.counts, left_out)


def _metrics(metric: Any) -> tuple[str, ...]:
    names = (metric,) if isinstance(metric, str) else tuple(metric) if isinstance(metric, Sequence) else ()
    if not names or len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"found {metric!r}",
            place="metric",
            advice="give names of columns, at least one, and every name once",
        )
    return names


def _refuse_unrepeated(trial: Trial, pair: Pair, scaled: str) -> None:
    """Scaling needs the reference taken again, by enough subjects."""
    of_reference: Within | None = None
    if trial.design == "replicate":
        of_reference = contrasts.within(pair, tested=False)
    if of_reference is None:
        raise InputError(
            f"found {scaled!r} with a {trial.design} design in which too few take {trial.reference} more than once",
            place="scaled",
            advice="scaling needs the variability of the reference: leave it out",
        )
