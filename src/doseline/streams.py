"""Random numbers by name: a draw depends on who, for what and when, and on nothing else.

A draw is found from (seed, replicate, attempt, effect, number of the subject, occasion) by hashing and a counter-based
generator (`kernels/philox.py`), so there is no state that threads, the order of subjects or other effects could move.
docs/theory/random_draws.md says what is guaranteed and why.
"""

from __future__ import annotations

import hashlib
import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.dimensions import DIMENSIONS, columns_of
from doseline.errors import InputError

_PREFIX = "doseline draws 1"
"""Changes when the same arguments are to give other draws."""
_MOST = 2**32


@dataclass(frozen=True)
class Streams:
    """All random draws of one seed.

    Parameters
    ----------
    seed : int        A whole number from 0 on, of any size.
    replicate : int   Which repetition of the whole simulation.
    sobol : bool      Draws of subjects 1, 2, 3, ... are points of Sobol sequences, one dimension for each effect and
                      occasion, instead of independent. Effects that `dimensions.py` names share one sequence.

    >>> people = np.array([1, 2, 3], dtype=np.uint64)
    >>> Streams(7).normal("CL", people).round(3).tolist()
    [-1.393, 2.336, -1.595]
    """

    seed: int
    replicate: int = 0
    sobol: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no seed."""
        object.__setattr__(self, "seed", seed_of(self.seed))
        object.__setattr__(self, "replicate", seed_of(self.replicate, place="replicate"))

    def uniform(
        self, effect: str, number: np.ndarray, *, occasion: np.ndarray | None = None, attempt: int = 0
    ) -> np.ndarray:
        """Uniform numbers in the open interval (0, 1), each an odd multiple of 2**-53.

        Parameters
        ----------
        effect : str                            What is drawn; another name gives independent draws.
        number : uint64 (subject,)              Which subject, see `numbers_of`.
        occasion : whole numbers (occasion,)    Each from 0 on, below 2**32. None is occasion 0 alone, unless the effect
                                                has a dimension of a Sobol sequence that it shares.
        attempt : int                           Counts up where a draw was refused.

        Returns
        -------
        (subject,), or (subject, occasion) where occasions are given.
        """
        whose, when = np.ascontiguousarray(number, dtype=np.uint64), _occasions(occasion)
        drawn = np.empty(_shape(whose, when))
        self._fill(effect, whose, when, attempt, drawn.reshape(-1))
        return drawn

    def normal(
        self, effect: str, number: np.ndarray, *, occasion: np.ndarray | None = None, attempt: int = 0
    ) -> np.ndarray:
        """Standard normals: the quantiles of the uniform numbers of the same name."""
        drawn = self.uniform(effect, number, occasion=occasion, attempt=attempt)
        _to_normal(drawn.reshape(-1))
        return drawn

    def _fill(
        self, effect: str, number: np.ndarray, occasion: np.ndarray | None, attempt: int, out: np.ndarray
    ) -> None:
        """Write uniform numbers into ``out`` (subject * occasion,)."""
        # numba, behind the kernels, takes half a second to import: not before something is drawn
        from doseline.kernels import owen, philox, sobol

        key, room = self._key(effect, attempt), np.empty((2, philox.BLOCK), np.uint64)
        when = np.zeros(1, np.uint64) if occasion is None else occasion
        if not self.sobol:
            philox.fill_uniform(key, number, when, out, room)
            return
        _check_points(number)
        # what is drawn again has no dimension: those refused together would come to lie together once more
        if effect in DIMENSIONS and occasion is None and attempt == 0:
            table = np.empty((owen.BYTES, owen.SIZE), np.uint64)
            owen.fill_owen(key, columns_of(effect), number, out, table, room)
        else:
            table = np.empty((sobol.LEVELS, sobol.SIZE), np.uint64)
            sobol.fill_sobol(key, number, when, out.reshape(len(number), len(when)), table, room)

    def _key(self, effect: str, attempt: int) -> np.uint64:
        """64 bits of a hash. The name comes last: no two sets of arguments give one text."""
        text = f"{_PREFIX}\n{self.seed:x}\n{self.replicate:x}\n{attempt:x}\n{effect}"
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return np.uint64(int.from_bytes(digest, "little"))


def correlated(
    streams: Streams,
    names: Iterable[str],
    factor: Any,
    number: np.ndarray,
    *,
    occasion: np.ndarray | None = None,
    attempt: int = 0,
) -> dict[str, np.ndarray]:
    """Correlated standard normals, by name.

    Effect j is the sum of ``factor[j][k] * z_k`` over k = 0 .. j, with ``z_k`` the normals of name k by themselves:
    other effects than those of the block change nothing.

    Parameters
    ----------
    names : (effect,)             Effects of one block, in the order of the rows of the factor.
    factor : (effect, effect)     Lower triangle L of a correlation matrix L L'; what is above the diagonal is not read.
    number, occasion, attempt     As in `Streams.uniform`.
    """
    from doseline.kernels import quantile

    known = tuple(names)
    whose, when = np.ascontiguousarray(number, dtype=np.uint64), _occasions(occasion)
    lower = np.ascontiguousarray(factor, dtype=np.float64).reshape(len(known), len(known))
    shape = _shape(whose, when)
    z = np.empty((len(known), math.prod(shape)))
    for row, name in zip(z, known, strict=True):
        streams._fill(name, whose, when, attempt, row)
        _to_normal(row)
    if len(known) > 1 or lower[0, 0] != 1.0:
        quantile.correlate(z, lower, z, np.empty((quantile.ROWS, quantile.BLOCK)))
    return {name: row.reshape(shape) for name, row in zip(known, z, strict=True)}


def normal_quantile(u: np.ndarray) -> np.ndarray:
    """Standard normals that belong to probabilities, in any shape; -inf and inf for 0 and 1, NaN outside.

    >>> normal_quantile(np.array([0.025, 0.5, 0.975])).round(6).tolist()
    [-1.959964, 0.0, 1.959964]
    """
    found = np.array(u, dtype=np.float64, order="C")
    _to_normal(found.reshape(-1))
    return found


def _to_normal(u: np.ndarray) -> None:
    """Put standard normals in the place of probabilities (number,)."""
    from doseline.kernels import quantile

    quantile.fill_quantile(u, u, np.empty((quantile.ROWS, quantile.BLOCK)))


def seed_of(seed: Any, *, place: str = "seed") -> int:
    """Check a seed: a whole number from 0 on, of any size; a plain int is given back.

    >>> seed_of(np.int64(7))
    7
    """
    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not whole or seed < 0:
        raise InputError(
            f"found {_shown(seed)} ({type(seed).__name__})",
            place=place,
            advice="give a whole number from 0 on, such as 7: the same one gives the same draws",
        )
    return int(seed)


def numbers_of(subject: np.ndarray) -> np.ndarray:
    """Number of each subject, by which its draws are found, from its identifier.

    Whole numbers are themselves, modulo 2**64, and so are floats that are whole. Other numbers and texts are hashed.
    Equal identifiers have equal numbers, whatever the type of the array.

    Parameters
    ----------
    subject : (subject,)   Identifiers: numbers or texts.

    Returns
    -------
    uint64 (subject,)

    >>> numbers_of(np.array([1.0, 2.0])).tolist()
    [1, 2]
    """
    given = np.asarray(subject)
    if given.dtype.kind in "iu":
        return given.astype(np.uint64)
    if given.dtype.kind == "f":
        found = given.astype(np.float64)
        small = (np.trunc(found) == found) & (np.abs(found) < 2.0**63)
        whole = np.where(small, found, 0.0).astype(np.int64).astype(np.uint64)
        whole[~small] = [_number_of(one) for one in found[~small].tolist()]
        return whole
    return np.array([_number_of(one) for one in given.tolist()], dtype=np.uint64)


def _number_of(identifier: Any) -> int:
    """Number of one subject."""
    if isinstance(identifier, bytes):
        identifier = identifier.decode("utf-8", "surrogateescape")
    if isinstance(identifier, str):
        return _hashed("text", identifier)
    if isinstance(identifier, numbers.Number) and not isinstance(identifier, complex):
        value: Any = identifier
        if not isinstance(value, numbers.Integral):
            value = float(value)
            value = int(value) if value.is_integer() else value
        if isinstance(value, float):
            return _hashed("number", value.hex())
        whole = int(value)
        return whole % 2**64 if -(2**63) <= whole < 2**64 else _hashed("number", hex(whole))
    raise InputError(
        f"found {_shown(identifier)} ({type(identifier).__name__}) as the identifier of a subject",
        place="subject",
        advice="identifiers are numbers or texts",
    )


def _hashed(kind: str, text: str) -> int:
    digest = hashlib.blake2b(f"doseline {kind} {text}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def _shape(number: np.ndarray, occasion: np.ndarray | None) -> tuple[int, ...]:
    """Shape of what is drawn."""
    return (len(number),) if occasion is None else (len(number), len(occasion))


def _occasions(occasion: np.ndarray | None) -> np.ndarray | None:
    """Occasions as the generator takes them."""
    if occasion is None:
        return None
    given = np.asarray(occasion)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise InputError(
            f"found {given.dtype} {given.shape}", place="occasion", advice="give whole numbers (occasion,)"
        )
    if given.size and (given.min() < 0 or given.max() >= _MOST):
        raise InputError(
            f"found {given.min()} .. {given.max()}", place="occasion", advice="expected 0 .. 2**32 - 1"
        )
    return given.astype(np.uint64)


def _check_points(number: np.ndarray) -> None:
    """A Sobol sequence has a first point and a last one."""
    outside = (number < 1) | (number > _MOST)
    if outside.any():
        raise InputError(
            f"subject {number[outside][0]} has no point in a Sobol sequence",
            place="draws",
            advice='number the subjects 1, 2, 3, ..., up to 2**32, or leave out draws="sobol"',
        )


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
