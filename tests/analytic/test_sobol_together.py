"""Effects that are dimensions of one Sobol sequence, scrambled.

Truth: scipy's unscrambled sequence; what scrambling leaves, digit by digit; what a (0, m, 2)-net is; the discrepancy of
scipy's own scrambled Sobol points and Latin hypercubes.
"""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from doseline.dimensions import DIGITS, DIMENSIONS, columns_of
from doseline.kernels import owen, philox
from doseline.streams import Streams

NAMES = list(DIMENSIONS)
ALARM = 1e-3
"""False alarms of each statistical test, were the seeds drawn anew."""


def points(count, names, seed, first=1):
    number = np.arange(first, first + count, dtype=np.uint64)
    return np.array([Streams(seed, sobol=True).uniform(name, number) for name in names]).T


def unscrambled(name, index):
    """The sum over the bits of each index, as whole numbers of 32 digits."""
    found = np.zeros(len(index), np.uint64)
    for bit, column in enumerate(columns_of(name)):
        found ^= column * ((index >> np.uint64(bit)) & np.uint64(1))
    return found


def test_names_keep_their_dimensions():
    """Truth: the table of the first release, whose end only may grow."""
    assert NAMES[:8] == [
        *("eta CL", "eta V", "eta V1", "eta KA", "eta Q", "eta V2", "covariate WT", "covariate AGE")
    ]
    assert (NAMES[9], NAMES[19], NAMES[31], NAMES[63]) == (
        *("covariate SEX", "bootstrap", "covariate CRCL", "eta HILL"),
    )


def test_generator_matrices():
    """Truth: scipy's sequence, which counts in Gray code, in all dimensions. 14 digits of the index meet every
    coefficient of a polynomial of degree 9."""
    index = np.arange(2**14, dtype=np.uint64)
    gray = index ^ (index >> np.uint64(1))
    truth = qmc.Sobol(len(NAMES), scramble=False, bits=DIGITS).random(2**14)
    found = np.array([unscrambled(name, gray) for name in NAMES]).T * 2.0**-DIGITS
    assert (found == truth).all()


def test_matrices_are_triangular():
    """Truth: with ones on the diagonal, up to the last digit, so every dimension is a (0, 1)-sequence."""
    for name in NAMES:
        columns = columns_of(name).tolist()
        assert [column & -column for column in columns] == [1 << (DIGITS - 1 - k) for k in range(DIGITS)]


@pytest.mark.parametrize("name", NAMES[::7])
def test_scrambling_is_nested(name):
    """Truth: two points agree in as many leading digits after scrambling as before (Owen 1995).

    Any two, and those next to one another; what is below the 32nd digit is cut off.
    """
    rng = np.random.default_rng(7)
    index = np.concatenate([np.arange(3000), rng.integers(2**32, size=3000)]).astype(np.uint64)
    drawn = Streams(7, sobol=True).uniform(name, index + np.uint64(1))
    before, after = unscrambled(name, index), np.floor(drawn * 2.0**DIGITS).astype(np.uint64)
    one, other = rng.integers(6000, size=(2, 200_000))
    one, other = np.append(one, np.argsort(before)[1:]), np.append(other, np.argsort(before)[:-1])
    apart = [np.frexp((x[one] ^ x[other]).astype(np.float64))[1] for x in (before, after)]
    np.testing.assert_array_equal(*apart)


def test_flips():
    """Truth: the definition, one digit after the other: each flip is the bit that stands for the digits before it."""
    key, name = Streams(7)._key("eta Q", 0), "eta Q"
    index = np.array([0, 1, 2, 3, 1000, 2**28 + 5, 2**32 - 1], dtype=np.uint64)
    drawn = Streams(7, sobol=True).uniform(name, index + np.uint64(1))
    for x, found in zip(unscrambled(name, index).tolist(), drawn.tolist(), strict=True):
        digits = [(x >> (DIGITS - 1 - j)) & 1 for j in range(DIGITS)]
        made = 0
        for j, digit in enumerate(digits):
            level, depth = divmod(j, 7)
            prefix = int("".join(map(str, [0, *digits[: 7 * level]])), 2)
            counter = [np.uint64(word) for word in (prefix, 0, level, 3)]
            words = philox.philox(*counter, key & philox.WORD, key >> philox.HALF)
            random = sum(int(word) << (32 * k) for k, word in enumerate(words))
            node = int("".join(map(str, [1, *digits[7 * level : j]])), 2)
            assert 2**depth <= node < 2 ** (depth + 1)
            made = 2 * made + (digit ^ ((random >> node) & 1))
        below = int(words[2]) >> 12
        assert found == ((made << 20) + below + 0.5) * 2.0**-52


@pytest.mark.parametrize("digits", [1, 3, 7, 8, 12, 17])
def test_one_point_in_each_interval(digits):
    """Truth: any 2**m points from a multiple of 2**m on hit each of 2**m equal intervals once, in every dimension."""
    size = 2**digits
    for seed, block in itertools.product(range(2), [0, 5, 2**32 // size - 1]):
        cells = np.floor(points(size, NAMES, seed, first=block * size + 1) * size)
        assert (np.sort(cells, axis=0) == np.arange(size)[:, None]).all()


@pytest.mark.parametrize("digits", [4, 7, 10])
def test_one_point_in_each_box(digits):
    """Truth: the first two dimensions are a (0, m, 2)-net: boxes of 2**-a by 2**(a - m) hold one point each."""
    found = points(2**digits, NAMES[:2], 3)
    for a in range(digits + 1):
        box = np.floor(found * [2**a, 2 ** (digits - a)]) @ [2 ** (digits - a), 1]
        assert (np.sort(box) == np.arange(2**digits)).all()


@pytest.mark.parametrize("method", ["CD", "L2-star"])
@pytest.mark.parametrize(
    ("dimensions", "count", "cubes"), [(2, 256, 2.5), (2, 1024, 5), (6, 256, 1.4), (6, 1024, 1.9)]
)
def test_discrepancy(dimensions, count, method, cubes):
    """Truth: scipy's scrambled Sobol points, in the mean over 50 seeds within 3 %. Latin hypercubes are ``cubes`` times
    less even (found for 100 seeds: within 0.2 %, and 3.2, 5.7, 1.6 and 2.1 times or more, by either discrepancy).
    """
    seeds = range(50)
    root = (lambda x: x) if method == "L2-star" else np.sqrt
    found = [points(count, NAMES[:dimensions], seed) for seed in seeds]
    scipys = [qmc.Sobol(dimensions, rng=seed).random(count) for seed in seeds]
    latin = [qmc.LatinHypercube(dimensions, rng=seed).random(count) for seed in seeds]
    ours, same, worse = (
        np.mean([root(qmc.discrepancy(x, method=method)) for x in each]) for each in (found, scipys, latin)
    )
    assert ours == pytest.approx(same, rel=0.03)
    assert cubes * ours < worse


def test_error_of_an_integral():
    """Truth: the mean exp(0.12) of the product of exp(0.2 z) over six effects.

    Independent draws err by n**-0.5. Here the error falls at least as fast as n**-0.8 from 128 to 4096 subjects, and
    1024 leave at most a tenth of theirs (found for 200 seeds: n**-0.99, and 0.07). The exponent is of 50 seeds, whose
    two errors vary by 10 % each: 0.04.
    """
    number, counts = np.arange(1, 4097, dtype=np.uint64), [128, 4096, 1024]
    names = ["eta CL", "eta V1", "eta KA", "eta Q", "eta V2", "eta F"]
    z = np.array([[Streams(seed, sobol=True).normal(name, number) for name in names] for seed in range(50)])
    values, truth = np.exp(0.2 * z.sum(axis=1)), np.exp(0.12)
    few, many, some = (np.sqrt(np.mean((values[:, :n].mean(axis=1) - truth) ** 2)) for n in counts)
    independent = np.sqrt(np.expm1(0.24) * np.exp(0.24) / 1024)
    assert np.log2(few / many) / 5 > 0.8
    assert some < 0.1 * independent


def test_no_two_effects_in_step():
    """Truth: no two of the first 20 effects of 1024 subjects are correlated more than independent ones may be, four
    standard deviations; and on average, over all pairs and seeds, far less (found: 0.15)."""
    number, seeds = np.arange(1, 1025, dtype=np.uint64), range(16)
    rows = [[Streams(seed, sobol=True).normal(name, number) for name in NAMES[:20]] for seed in seeds]
    found = np.array([np.corrcoef(each)[np.triu_indices(20, 1)] for each in rows]) * np.sqrt(1024)
    assert np.abs(found).max() < 4.0
    assert np.sqrt(np.mean(found**2)) < 0.3


def test_uniform_over_seeds():
    """Chi-squared of 16 cells over 2000 seeds, for each of 256 subjects: no average over points is biased."""
    number = np.arange(1, 257, dtype=np.uint64)
    for name in ("eta CL", "eta V2"):
        drawn = np.array([Streams(seed, sobol=True).uniform(name, number) for seed in range(2000)])
        cells = np.floor(drawn * 16).astype(np.int64)
        counts = np.array([np.bincount(column, minlength=16) for column in cells.T])
        assert stats.chisquare(counts, axis=1).pvalue.min() > ALARM / (2 * 256)


def test_digits_below_are_random():
    """Kolmogorov-Smirnov of what is left of each point below its 7th, 20th and 32nd digit, over 4096 subjects."""
    drawn = points(4096, ["eta KA"], 5)[:, 0]
    for digits in (14, 20, 32):
        assert stats.kstest((drawn * 2.0**digits) % 1.0, "uniform").pvalue > ALARM / 3


def test_seeds_are_independent():
    """Truth: the mean correlation of two seeds, over all pairs of 80, is 0 (4 standard errors).

    One of them may be far from 0: points that share their first digits share them with any seed. Pairs of 80 seeds
    are uncorrelated, so the standard error of their mean is as if they were independent.
    """
    rows = [points(256, ["eta V"], seed)[:, 0] for seed in range(80)]
    found = np.corrcoef(rows)[np.triu_indices(80, 1)]
    assert abs(found.mean()) < 4.0 * found.std() / np.sqrt(found.size)


def test_what_is_drawn_again_is_spread():
    """Truth: chi-squared of 8 cells. Those above one share refused, their next draws are as random ones.

    As points of the same dimension they would all fall into one cell.
    """
    number = np.arange(1, 2049, dtype=np.uint64)
    for seed in range(20):
        streams = Streams(seed, sobol=True)
        refused = number[streams.uniform("covariate WT", number) > 0.875]
        again = streams.uniform("covariate WT", refused, attempt=1)
        assert stats.chisquare(np.bincount((again * 8).astype(np.int64), minlength=8)).pvalue > ALARM / 20


def test_occasions_are_dimensions_of_their_own():
    """Truth: other points by occasion than without, and one in each interval in both."""
    number = np.arange(1, 257, dtype=np.uint64)
    by_visit = Streams(4, sobol=True).uniform("eta CL", number, occasion=np.arange(3))
    alone = points(256, ["eta CL"], 4)
    cells = np.floor(np.hstack([alone, by_visit]) * 256)
    assert (np.sort(cells, axis=0) == np.arange(256)[:, None]).all()
    assert all((cells[:, a] != cells[:, b]).any() for a, b in itertools.combinations(range(4), 2))


def test_constants_agree():
    assert (owen.DIGITS, owen.LEVELS * owen.WIDE + owen.LAST) == (DIGITS, DIGITS)
    assert owen.DIGITS + owen.BELOW == 52
