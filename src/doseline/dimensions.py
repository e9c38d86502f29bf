"""Which dimension of the Sobol sequence an effect has, by its name.

Effects that have dimensions of one Sobol sequence fill space evenly together, since these are tuned to one another. A
place in the list of a model's effects cannot decide which it is: moving an effect would draw others anew. So a fixed
table of names does. The usual effects and covariates of pharmacokinetics stand in it, the most usual first, because
lower dimensions are better. Names that are not here are scrambled each for itself, see `kernels/sobol.py`.

New names go to the end. No name moves, for it would be drawn anew, and none gives its dimension to another, since two
effects of one dimension go in step.

Source
------
Joe and Kuo (2008), "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci. Comput.
30:2635, direction numbers new-joe-kuo-6, as `scipy.stats.qmc.Sobol` has them.
"""

import functools
from collections.abc import Mapping

import numpy as np

DIGITS = 32
"""Binary digits of an index, and of a point before it is scrambled."""

# fmt: off
DIMENSIONS: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "eta CL": (0, ()),
    "eta V": (0, (1,)),
    "eta V1": (1, (1, 3)),
    "eta KA": (1, (1, 3, 1)),
    "eta Q": (2, (1, 1, 1)),
    "eta V2": (1, (1, 1, 3, 3)),
    "covariate WT": (4, (1, 3, 5, 13)),
    "covariate AGE": (2, (1, 1, 5, 5, 17)),
    "covariate HT": (4, (1, 1, 5, 5, 5)),
    "covariate SEX": (7, (1, 1, 7, 11, 19)),
    "eta F": (11, (1, 1, 5, 1, 1)),
    "eta TLAG": (13, (1, 1, 1, 3, 11)),
    "eta V3": (14, (1, 3, 5, 5, 31)),
    "eta Q2": (1, (1, 3, 3, 9, 7, 49)),
    "eta Q3": (13, (1, 1, 1, 15, 21, 21)),
    "eta VMAX": (16, (1, 3, 1, 13, 27, 49)),
    "eta KM": (19, (1, 1, 1, 15, 7, 5)),
    "body height": (22, (1, 3, 1, 15, 13, 25)),
    "body BMI": (25, (1, 1, 5, 5, 19, 61)),
    "bootstrap": (1, (1, 3, 7, 11, 23, 15, 103)),
    "eta KE": (4, (1, 3, 7, 13, 13, 15, 69)),
    "eta K": (7, (1, 1, 3, 13, 7, 35, 63)),
    "eta EMAX": (8, (1, 3, 5, 9, 1, 25, 53)),
    "eta EC50": (14, (1, 3, 1, 13, 9, 35, 107)),
    "eta KIN": (19, (1, 3, 1, 5, 27, 61, 31)),
    "eta KOUT": (21, (1, 1, 5, 11, 19, 41, 61)),
    "eta E0": (28, (1, 3, 5, 3, 3, 13, 69)),
    "eta GAMMA": (31, (1, 1, 7, 13, 1, 19, 1)),
    "eta MTT": (32, (1, 3, 7, 5, 13, 19, 59)),
    "eta KTR": (37, (1, 1, 3, 9, 25, 29, 41)),
    "covariate BSA": (41, (1, 3, 5, 13, 23, 1, 55)),
    "covariate CRCL": (42, (1, 3, 7, 3, 13, 59, 17)),
    "eta D": (50, (1, 3, 1, 3, 5, 53, 69)),
    "eta D1": (55, (1, 1, 5, 5, 23, 33, 13)),
    "eta F1": (56, (1, 1, 7, 7, 1, 61, 123)),
    "eta ALAG1": (59, (1, 1, 7, 9, 13, 61, 49)),
    "eta CLM": (62, (1, 3, 3, 5, 3, 55, 33)),
    "eta VM": (14, (1, 3, 1, 15, 31, 13, 49, 245)),
    "eta IMAX": (21, (1, 3, 5, 15, 31, 59, 63, 97)),
    "eta IC50": (22, (1, 3, 1, 11, 11, 11, 77, 249)),
    "covariate BMI": (38, (1, 3, 1, 11, 27, 43, 71, 9)),
    "covariate ALB": (47, (1, 1, 7, 15, 21, 11, 81, 45)),
    "eta VC": (49, (1, 3, 7, 3, 25, 31, 65, 79)),
    "eta VP": (50, (1, 3, 1, 1, 19, 11, 3, 205)),
    "eta V4": (52, (1, 1, 5, 9, 19, 21, 29, 157)),
    "eta Q4": (56, (1, 3, 7, 11, 1, 33, 89, 185)),
    "eta KE0": (67, (1, 3, 3, 3, 15, 9, 79, 71)),
    "eta N": (70, (1, 3, 7, 11, 15, 39, 119, 27)),
    "eta FR": (84, (1, 1, 3, 1, 11, 31, 97, 225)),
    "eta CLR": (97, (1, 1, 1, 3, 23, 43, 57, 177)),
    "eta CLNR": (103, (1, 3, 7, 7, 17, 17, 37, 71)),
    "eta K10": (115, (1, 3, 1, 5, 27, 63, 123, 213)),
    "eta K12": (122, (1, 1, 3, 5, 11, 43, 53, 133)),
    "eta K21": (8, (1, 3, 5, 5, 29, 17, 47, 173, 479)),
    "eta K13": (13, (1, 3, 3, 11, 3, 1, 109, 9, 69)),
    "eta K31": (16, (1, 1, 1, 5, 17, 39, 23, 5, 343)),
    "eta FM": (22, (1, 3, 1, 5, 25, 15, 31, 103, 499)),
    "eta KD": (25, (1, 1, 1, 11, 11, 17, 63, 105, 183)),
    "eta KDEG": (44, (1, 1, 5, 11, 9, 29, 97, 231, 363)),
    "eta KSYN": (47, (1, 1, 5, 15, 19, 45, 41, 7, 383)),
    "eta KINT": (52, (1, 3, 7, 7, 31, 19, 83, 137, 221)),
    "eta SLOPE": (55, (1, 1, 1, 3, 23, 15, 111, 223, 83)),
    "eta BASE": (59, (1, 1, 5, 13, 31, 15, 55, 25, 161)),
    "eta HILL": (62, (1, 1, 3, 13, 25, 47, 39, 87, 257)),
}
# fmt: on
"""Name: inner coefficients of the primitive polynomial, as the binary digits of a number, and initial direction
numbers, as many as its degree. The first dimension is the radical inverse and has none."""


@functools.cache
def columns_of(name: str) -> np.ndarray:
    r"""Columns of the generator matrix of a dimension: what each bit of the index, the lowest first, does to the point.

    Of a polynomial of degree s, :math:`x^s + a_1 x^{s-1} + ... + a_{s-1} x + 1`, further direction numbers are

    .. math:: m_k = 2 a_1 m_{k-1} \oplus ... \oplus 2^{s-1} a_{s-1} m_{k-s+1} \oplus 2^s m_{k-s} \oplus m_{k-s},

    and column k holds the binary digits of :math:`m_k / 2^k`.

    Returns
    -------
    uint64 (DIGITS,), the first digit of a point being bit DIGITS - 1.

    >>> [f"{column >> 29:03b}" for column in columns_of("eta V")[:3].tolist()]
    ['100', '110', '101']
    """
    inner, numbers = DIMENSIONS[name]
    degree, known = len(numbers), list(numbers) or [1] * DIGITS
    for k in range(len(known), DIGITS):
        new = known[k - degree] ^ (known[k - degree] << degree)
        for back in range(1, degree):
            if (inner >> (degree - 1 - back)) & 1:
                new ^= known[k - back] << back
        known.append(new)
    columns = np.array([one << (DIGITS - 1 - k) for k, one in enumerate(known)], dtype=np.uint64)
    columns.flags.writeable = False  # it is handed out again
    return columns
