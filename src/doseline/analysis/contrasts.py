"""The difference of two treatments on the logarithmic scale: its estimate, its error, and how one subject varies."""

from typing import NamedTuple

import numpy as np

from doseline.analysis.trial import Pair
from doseline.errors import InputError

LIMITS = (0.80, 1.25)
"""What the ratio of geometric means has to lie between, where nothing is scaled [1]."""
REGULATORY = float(np.log(1.25)) / 0.25
"""The FDA's theta: how far limits widen with sWR [1]."""
WIDENING = 0.760
"""The EMA's k: how far limits widen with sWR [1]."""
SWITCH = {"EMA": 0.30, "FDA": 0.294}
"""From where on limits are scaled: above this CVwR for the EMA, from this sWR on for the FDA [1]."""
CAP = 0.50
"""CVwR at which the EMA's limits stop widening [1]."""


class Contrast(NamedTuple):
    """Test minus reference (metric,) on the logarithmic scale."""

    estimate: np.ndarray
    error: np.ndarray
    df: np.ndarray
    variance: np.ndarray
    """Residual variance: of one subject from period to period, or in parallel groups of subjects (pooled)."""

    def interval(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end (metric,) of the interval that covers 1 - 2 alpha."""
        from scipy import stats

        reach = stats.t.isf(alpha, self.df) * self.error
        return self.estimate - reach, self.estimate + reach


class Within(NamedTuple):
    """Variance within subjects under one treatment (metric,), and its degrees of freedom."""

    variance: np.ndarray
    df: int


class Howe(NamedTuple):
    """The FDA's criterion of reference-scaled equivalence (metric,)."""

    contrast: Contrast
    reference: Within
    bound: np.ndarray
    """Upper bound of (muT - muR)^2 - theta^2 sWR^2; at or below 0 the criterion holds."""
    counts: np.ndarray
    """Subjects of every sequence that the contrast is from (sequence,)."""
    incomplete: tuple[str, ...]
    """Who lacks a period: the contrast is without them."""


def swept(values: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Values (..., row) without the mean of each subject: what is left when subjects are fixed effects.

    The rows of a subject (row,) follow one another.
    """
    starts = np.flatnonzero(np.diff(subject, prepend=-1))
    count = np.diff(starts, append=len(subject))
    means = np.add.reduceat(values, starts, axis=-1) / count
    return np.asarray(values - np.repeat(means, count, axis=-1))


def periods_of(subject: np.ndarray, period: np.ndarray, heavy: np.ndarray | None = None) -> np.ndarray:
    """An orthonormal basis (row, rank) of the period effects within subjects; rows may be ``heavy`` by a factor."""
    shown = swept((period == np.unique(period)[:, np.newaxis]).astype(float), subject)
    left, size, _ = np.linalg.svd((shown if heavy is None else shown * heavy).T, full_matrices=False)
    return np.asarray(left[:, size > 1e-9 * size[:1].clip(min=1e-9)])


def anova(pair: Pair) -> Contrast:
    """Analysis of variance with sequence, subject within sequence, period and treatment, all of them fixed.

    Subjects are swept out, and with them sequences; periods too. What is left of treatment is one column.
    """
    basis = periods_of(pair.subject, pair.period)
    column = swept(pair.tested.astype(float), pair.subject)
    column = column - basis @ (basis.T @ column)
    values = swept(pair.logs, pair.subject)
    values = values - (values @ basis) @ basis.T
    size = column @ column
    if size < 1e-9 * len(column):
        raise InputError(
            "nothing tells the treatments from the periods",
            place="table",
            advice="subjects have to take both treatments, and not all of them in the same order",
        )
    estimate = values @ column / size
    rest = values - estimate[:, np.newaxis] * column
    df = len(column) - len(np.unique(pair.subject)) - basis.shape[1] - 1
    variance = (rest**2).sum(axis=-1) / df
    return Contrast(estimate, np.sqrt(variance / size), np.full(len(estimate), float(df)), variance)


def within(pair: Pair, *, tested: bool) -> Within | None:
    """Variance within subjects from one treatment alone, with subjects and periods as fixed effects.

    None where nobody, or too few, took it again.
    """
    rows = pair.tested == tested
    _, subject = np.unique(pair.subject[rows], return_inverse=True)
    basis = periods_of(subject, pair.period[rows])
    df = int(rows.sum()) - len(np.unique(subject)) - basis.shape[1]
    if df < 1:
        return None
    values = swept(pair.logs[:, rows], subject)
    values = values - (values @ basis) @ basis.T
    return Within((values**2).sum(axis=-1) / df, df)


def groups(pair: Pair, *, pooled: bool) -> Contrast:
    """Two independent groups by Welch's t, or by Student's with one variance for both."""
    from scipy import stats

    test, reference = pair.logs[:, pair.tested], pair.logs[:, ~pair.tested]
    counts = np.array([test.shape[1], reference.shape[1]])
    variances = np.array([test.var(axis=1, ddof=1), reference.var(axis=1, ddof=1)])
    common = (counts - 1) @ variances / (counts.sum() - 2)
    error = np.sqrt(common * (1 / counts).sum() if pooled else (variances.T / counts).sum(axis=1))
    df = stats.ttest_ind(test, reference, axis=1, equal_var=pooled).df
    return Contrast(
        test.mean(axis=1) - reference.mean(axis=1),
        error,
        np.broadcast_to(df, error.shape).astype(float),
        common,
    )


def howe(pair: Pair, alpha: float) -> Howe | None:
    """The FDA's contrasts within subjects, averaged over sequences, and Howe's bound from them.

    None where a sequence has fewer than two complete subjects, or too few took the reference twice.
    """
    full = {code: len(np.unique(pair.period[pair.sequence == code])) for code in np.unique(pair.sequence)}
    differences: list[np.ndarray] = []
    sequence: list[int] = []
    spreads = np.zeros(len(pair.logs))
    df = 0
    repeats: dict[int, list[np.ndarray]] = {}
    incomplete = []
    for who in np.unique(pair.subject):
        rows = pair.subject == who
        code = int(pair.sequence[rows][0])
        mine, tested = pair.logs[:, rows], pair.tested[rows]
        if rows.sum() == full[code] and 0 < tested.sum() < len(tested):
            differences.append(mine[:, tested].mean(axis=1) - mine[:, ~tested].mean(axis=1))
            sequence.append(code)
        else:
            incomplete.append(pair.names[who])
        if (~tested).sum() == 2:
            repeats.setdefault(code, []).append(mine[:, ~tested][:, 0] - mine[:, ~tested][:, 1])
    for found in repeats.values():
        values = np.array(found)
        spreads += ((values - values.mean(axis=0)) ** 2).sum(axis=0) / 2
        df += len(values) - 1
    codes, counts = np.unique(sequence, return_counts=True)
    if len(codes) < len(full) or counts.min(initial=2) < 2 or df < 1:
        return None
    means = np.array(
        [np.mean([d for d, s in zip(differences, sequence, strict=True) if s == c], axis=0) for c in codes]
    )
    rest = np.array(differences) - means[np.searchsorted(codes, sequence)]
    degrees = float(len(differences) - len(codes))
    variance = (rest**2).sum(axis=0) / degrees
    error = np.sqrt(variance * (1 / counts).sum()) / len(codes)
    contrast = Contrast(means.mean(axis=0), error, np.full(len(error), degrees), variance)
    reference = Within(spreads / df, df)
    return Howe(contrast, reference, howe_bound(contrast, reference, alpha), counts, tuple(incomplete))


def howe_bound(contrast: Contrast, reference: Within, alpha: float) -> np.ndarray:
    """Upper bound of (muT - muR)^2 - theta^2 sWR^2 by Howe's first approximation."""
    from scipy import stats

    reach = np.abs(contrast.estimate) + stats.t.isf(alpha, contrast.df) * contrast.error
    distance = contrast.estimate**2 - contrast.error**2
    scaled = -(REGULATORY**2) * reference.variance
    least = scaled * reference.df / stats.chi2.isf(alpha, reference.df)
    return np.asarray(distance + scaled + np.sqrt((reach**2 - distance) ** 2 + (least - scaled) ** 2))


def lies_within(contrast: Contrast, limits: np.ndarray, alpha: float) -> np.ndarray:
    """Whether the interval of 1 - 2 alpha lies within limits (2, metric): both one-sided tests reject at alpha."""
    lower, upper = contrast.interval(alpha)
    lowest, highest = np.log(limits)
    return np.asarray((lower >= lowest) & (upper <= highest))


def near_one(contrast: Contrast) -> np.ndarray:
    """Whether the ratio itself lies within 0.80 and 1.25, as scaled methods ask for on top."""
    return np.asarray((contrast.estimate >= np.log(LIMITS[0])) & (contrast.estimate <= np.log(LIMITS[1])))


def widened(variance: np.ndarray) -> np.ndarray:
    """The EMA's limits (2, metric), lower and upper, from the variance within subjects under the reference."""
    cv = coefficient(variance)
    reach = WIDENING * np.sqrt(np.log1p(np.minimum(cv, CAP) ** 2))
    return np.where(cv > SWITCH["EMA"], np.exp([-reach, reach]), np.array(LIMITS)[:, np.newaxis])


def coefficient(variance: np.ndarray) -> np.ndarray:
    """Coefficient of variation [1] of a log-normal quantity, from the variance of its logarithm."""
    return np.asarray(np.sqrt(np.expm1(variance)))
