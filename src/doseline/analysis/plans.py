"""Bioequivalence studies that are planned: what their results are computed from, simulated.

With complete periods the estimate and the variances of a study follow from the means of its sequences, which are
normal, and from sums of squares within them, which are chi-squared: nobody's values are drawn. Subject effects cancel.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from doseline.analysis.contrasts import (
    SWITCH,
    Contrast,
    Within,
    howe_bound,
    lies_within,
    near_one,
    periods_of,
    swept,
    widened,
)

PLANS = {
    "parallel": ("T", "R"),
    "2x2": ("TR", "RT"),
    "2x2x3": ("TRT", "RTR"),
    "2x2x4": ("TRTR", "RTRT"),
    "2x3x3": ("TRR", "RTR", "RRT"),
}
"""Designs that can be planned, and their sequences."""


class Variances(NamedTuple):
    """Variances of logarithms within subjects, of all subjects in parallel groups, under test and reference."""

    test: float
    reference: float


@dataclass(frozen=True)
class Study:
    """How a study will be analysed, and how often it is simulated."""

    design: str
    scaled: str | None
    pooled: bool
    limits: tuple[float, float]
    alpha: float
    runs: int
    seed: int

    @property
    def sequences(self) -> tuple[str, ...]:
        """Sequences, or in parallel groups treatments."""
        return PLANS[self.design]

    def power(self, counts: np.ndarray, variances: Variances, ratio: float) -> float:
        """Part of the runs in which equivalence is shown, with so many subjects in each sequence (sequence,)."""
        random = np.random.Generator(np.random.Philox(self.seed))
        limits = np.array(self.limits)[:, np.newaxis]
        if self.design == "parallel":
            contrast = _groups(random, self, counts, variances, np.log(ratio))
            return float(lies_within(contrast, limits, self.alpha).mean())
        draws = _Draws.of(random, self, counts, variances, np.log(ratio))
        if self.scaled == "FDA":
            contrast, reference = draws.differences(), draws.repeats()
            holds = (howe_bound(contrast, reference, self.alpha) <= 0) & near_one(contrast)
            scaling = np.sqrt(reference.variance) >= SWITCH["FDA"]
            return float(np.where(scaling, holds, lies_within(contrast, limits, self.alpha)).mean())
        contrast, reference = draws.anova()
        if self.scaled == "EMA":
            limits = widened(reference.variance)
            return float((lies_within(contrast, limits, self.alpha) & near_one(contrast)).mean())
        return float(lies_within(contrast, limits, self.alpha).mean())


class _Draws(NamedTuple):
    """Means and sums of squares of every run. A cell is a period of a sequence."""

    counts: np.ndarray
    """Subjects (sequence,)."""
    sequence: np.ndarray
    period: np.ndarray
    tested: np.ndarray
    """What the cells are (cell,)."""
    means: np.ndarray
    """Mean logarithms (run, cell)."""
    within_test: np.ndarray
    within_reference: np.ndarray
    between: np.ndarray
    """Sums of squares (run, sequence): repeats of the test, of the reference; mean test minus mean reference."""

    @classmethod
    def of(
        cls,
        random: np.random.Generator,
        study: Study,
        counts: np.ndarray,
        variances: Variances,
        difference: float,
    ) -> "_Draws":
        cells = [(s, p, what == "T") for s, text in enumerate(study.sequences) for p, what in enumerate(text)]
        sequence, period, tested = (np.array(column) for column in zip(*cells, strict=True))
        variance = np.where(tested, variances.test, variances.reference)
        means = random.standard_normal((study.runs, len(cells))) * np.sqrt(variance / counts[sequence])
        test = np.array([text.count("T") for text in study.sequences])
        reference = np.array([text.count("R") for text in study.sequences])
        sums = [
            size * _chi_squared(random, degrees, study.runs)
            for size, degrees in (
                (variances.test, (counts - 1) * (test - 1)),
                (variances.reference, (counts - 1) * (reference - 1)),
                (variances.test / test + variances.reference / reference, counts - 1),
            )
        ]
        return cls(counts, sequence, period, tested, means + difference * tested, *sums)

    def anova(self) -> tuple[Contrast, Within]:
        """The analysis of variance of all data, and that of the reference alone."""
        heavy = np.sqrt(self.counts[self.sequence])
        basis = periods_of(self.sequence, self.period, heavy)
        column = swept(self.tested.astype(float), self.sequence) * heavy
        column = column - basis @ (basis.T @ column)
        values = swept(self.means, self.sequence) * heavy
        values = values - (values @ basis) @ basis.T
        size = column @ column
        estimate = values @ column / size
        rest = ((values - estimate[:, np.newaxis] * column) ** 2).sum(axis=1)
        test, reference = np.bincount(self.sequence[self.tested]), np.bincount(self.sequence[~self.tested])
        rest += (self.within_test + self.within_reference).sum(axis=1)
        rest += self.between @ (test * reference / (test + reference))
        df = float(self.counts @ (test + reference - 1) - basis.shape[1] - 1)
        variance = rest / df
        contrast = Contrast(estimate, np.sqrt(variance / size), np.array([df]), variance)
        return contrast, self._reference_alone(reference)

    def _reference_alone(self, repeats: np.ndarray) -> Within:
        cells = ~self.tested
        heavy = np.sqrt(self.counts[self.sequence[cells]])
        basis = periods_of(self.sequence[cells], self.period[cells], heavy)
        values = swept(self.means[:, cells], self.sequence[cells]) * heavy
        rest = ((values - (values @ basis) @ basis.T) ** 2).sum(axis=1) + self.within_reference.sum(axis=1)
        df = int(self.counts @ (repeats - 1)) - basis.shape[1]
        return Within(rest / max(df, 1), df)

    def differences(self) -> Contrast:
        """Mean test minus mean reference of each subject, averaged over sequences."""
        tested = np.array([np.bincount(self.sequence, self.tested)]).ravel()
        weights = np.where(self.tested, 1 / tested[self.sequence], 0.0)
        weights -= np.where(self.tested, 0.0, 1 / np.bincount(self.sequence, ~self.tested)[self.sequence])
        df = float(self.counts.sum() - len(self.counts))
        variance = self.between.sum(axis=1) / df
        error = np.sqrt(variance * (1 / self.counts).sum()) / len(self.counts)
        return Contrast(self.means @ weights / len(self.counts), error, np.array([df]), variance)

    def repeats(self) -> Within:
        """Variance of the reference from the difference of its two periods."""
        twice = np.bincount(self.sequence, ~self.tested) == 2
        df = int((self.counts[twice] - 1).sum())
        return Within(self.within_reference[:, twice].sum(axis=1) / df, df)


def _groups(
    random: np.random.Generator, study: Study, counts: np.ndarray, variances: Variances, difference: float
) -> Contrast:
    """Two parallel groups, by Welch's or Student's t."""
    true = np.array(variances)
    means = random.standard_normal((study.runs, 2)) * np.sqrt(true / counts)
    found = true * _chi_squared(random, counts - 1, study.runs) / (counts - 1)
    estimate = difference + means[:, 0] - means[:, 1]
    common = found @ (counts - 1) / (counts.sum() - 2)
    if study.pooled:
        return Contrast(
            estimate, np.sqrt(common * (1 / counts).sum()), np.array([counts.sum() - 2.0]), common
        )
    parts = found / counts
    df = parts.sum(axis=1) ** 2 / (parts**2 / (counts - 1)).sum(axis=1)
    return Contrast(estimate, np.sqrt(parts.sum(axis=1)), df, common)


def _chi_squared(random: np.random.Generator, degrees: np.ndarray, runs: int) -> np.ndarray:
    """Chi-squared numbers (run, column); 0 where there are no degrees of freedom."""
    drawn = random.chisquare(np.maximum(degrees, 1), (runs, len(degrees)))
    return np.asarray(np.where(degrees > 0, drawn, 0.0))
