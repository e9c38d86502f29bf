"""Distribution of the draws, and their independence of one another.

Truth: uniform and normal distributions; independent numbers. Seeds are fixed, so each test passes or fails for ever.
Were they drawn anew, every test here would fail a correct generator once in a thousand times: ``ALARM`` is shared out
evenly among the comparisons of a test (Bonferroni).
"""

import itertools

import numpy as np
import pytest
from scipy import stats

from doseline.streams import Streams, correlated

ALARM = 1e-3
PEOPLE = np.arange(1, 100_001, dtype=np.uint64)
NAMES = ["CL", "CM", "V", "V1", "V2", "eta CL", "kappa CL", "residual plasma", "é", ""]


def furthest(comparisons):
    """How far, in standard errors, the furthest of so many normal statistics may lie from zero."""
    return stats.norm.isf(ALARM / (2.0 * comparisons))


@pytest.mark.parametrize("drawn", ["uniform", "normal"])
def test_distribution(drawn):
    """Kolmogorov-Smirnov, for ten effects under three seeds: 30 comparisons."""
    law = {"uniform": stats.uniform, "normal": stats.norm}[drawn]
    for seed, name in itertools.product([0, 1, 2**80], NAMES):
        found = getattr(Streams(seed), drawn)(name, PEOPLE)
        assert stats.kstest(found, law.cdf).pvalue > ALARM / 30, (seed, name)


def test_distribution_over_seeds():
    """Kolmogorov-Smirnov over 2000 seeds, replicates, attempts and occasions for one subject: 4 comparisons."""
    one, count = np.array([17], dtype=np.uint64), range(2000)
    draws = {
        "seed": [Streams(i).uniform("CL", one)[0] for i in count],
        "replicate": [Streams(1, replicate=i).uniform("CL", one)[0] for i in count],
        "attempt": [Streams(1).uniform("CL", one, attempt=i)[0] for i in count],
        "occasion": Streams(1).uniform("CL", one, occasion=np.arange(2000))[0],
    }
    for what, found in draws.items():
        assert stats.kstest(found, stats.uniform.cdf).pvalue > ALARM / 4, what


def test_last_bits():
    """Chi-squared of the lowest and the highest byte of the 52 bits, 256 cells each: 2 comparisons."""
    bits = np.floor(Streams(5).uniform("CL", PEOPLE) * 2.0**52).astype(np.int64)
    for byte in (bits & 255, bits >> 44):
        assert stats.chisquare(np.bincount(byte, minlength=256)).pvalue > ALARM / 2


def test_pairs_are_uncorrelated():
    """Effects, seeds, replicates, attempts and occasions, each with each: 22 rows, 231 comparisons.

    Of n independent normals the correlation times the root of n is nearly normal.
    """
    rows = [Streams(0).normal(name, PEOPLE) for name in NAMES]
    rows += [Streams(seed).normal("CL", PEOPLE) for seed in (1, 2, 2**64)]
    rows += [Streams(0, replicate=i).normal("CL", PEOPLE) for i in (1, 2, 3)]
    rows += [Streams(0).normal("CL", PEOPLE, attempt=i) for i in (1, 2, 3)]
    rows += list(Streams(0).normal("CL", PEOPLE, occasion=np.array([1, 2, 3])).T)
    found = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    assert np.abs(found).max() * np.sqrt(len(PEOPLE)) < furthest(found.size)


def test_pairs_fill_the_square():
    """Chi-squared over 32 x 32 cells of neighbouring names, subjects and occasions: 3 comparisons."""
    by_occasion = Streams(3).uniform("CL", PEOPLE, occasion=np.arange(2))
    alone = Streams(3).uniform("CL", PEOPLE)
    pairs = [(alone, Streams(3).uniform("CM", PEOPLE)), (alone[:-1:2], alone[1::2]), by_occasion.T]
    for x, y in pairs:
        cells = np.histogram2d(x, y, bins=32, range=[[0.0, 1.0]] * 2)[0]
        assert stats.chisquare(cells.ravel()).pvalue > ALARM / 3


def test_no_autocorrelation():
    """Along subjects (10 effects) and along occasions (100 subjects), 50 lags each: 1000 comparisons in two sums.

    Of n independent normals the sum of n - lag products, over the root of their number, is nearly a standard normal.
    """
    along_subjects = np.array([Streams(11).normal(name, PEOPLE) for name in NAMES])
    along_occasions = Streams(11).normal("CL", PEOPLE[:100], occasion=np.arange(5000))
    for rows in (along_subjects, along_occasions):
        for lag in range(1, 51):
            products = rows[:, lag:] * rows[:, :-lag]
            score = products.sum(axis=1) / np.sqrt(products.shape[1])
            assert np.abs(score).max() < furthest(50 * (10 + 100))


def test_correlated_effects():
    """Truth: the correlation matrix L L'. Three effects; each coefficient within its own standard error, 3 comparisons,
    and each effect normal by Kolmogorov-Smirnov, 3 more."""
    factor = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.3, 0.5, np.sqrt(1.0 - 0.34)]])
    found = correlated(Streams(2), ["CL", "V1", "KA"], factor, PEOPLE)
    truth, matrix = factor @ factor.T, np.corrcoef(list(found.values()))
    for j, k in [(1, 0), (2, 0), (2, 1)]:
        error = (1.0 - truth[j, k] ** 2) / np.sqrt(len(PEOPLE))
        assert abs(matrix[j, k] - truth[j, k]) < furthest(6) * error
    for row in found.values():
        assert stats.kstest(row, stats.norm.cdf).pvalue > ALARM / 6
