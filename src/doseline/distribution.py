"""Distributions written as text: "normal(70 kg, 14 kg) within 40..120", "F: 0.5, M: 0.5".

A distribution is its inverse distribution function, by which anything uniform on (0, 1) becomes a value. It draws
nothing itself: who draws, and from which stream, is for cohorts and adherence to say.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.families import FAMILIES
from doseline.figures import Figures, unit_in
from doseline.units import factor

LEAST_MASS = 1e-12
"""Probability that bounds have to leave: below it they contradict the distribution."""
SUM_TOLERANCE = 1e-9
"""How far probabilities may miss 1 in all."""
_LONGEST = 2000
_CALL = re.compile(r"\s*([A-Za-z][\w-]*)\s*\((.*)\)\s*", re.DOTALL)
_NAMED = re.compile(r"\s*[A-Za-z][\w-]*\s*\(")
_WORD = re.compile(r"[^\W\d][\w .+-]*")
_EXAMPLES = 'such as "normal(70 kg, 14 kg) within 40..120", "lognormal(70 kg, 20 %)" or "F: 0.5, M: 0.5"'


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of numbers, or of words; made by `read_distribution`.

    Attributes
    ----------
    family : str                       A name in `FAMILIES`; "discrete" for values with a probability each.
    numbers : tuple of float           The family's numbers in ``unit``; for "discrete" the values, in rising order.
    unit : str or None                 Unit of the values; None where none is known.
    low, high : float                  Bounds of the values, in ``unit``.
    words : tuple of str               The values of a "discrete" one that are words, in the order written.
    probabilities : tuple of float     Of the values of a "discrete" one; they add up to 1.

    >>> weights = read_distribution("normal(70 kg, 14 kg) within 40..120", place="WT", unit="kg")
    >>> print(weights, weights.quantile(np.array([0.25, 0.5])).round(2))
    normal(70 kg, 14 kg) within 40 kg..120 kg [61.08 70.28]
    """

    family: str
    numbers: tuple[float, ...] = ()
    unit: str | None = None
    low: float = -math.inf
    high: float = math.inf
    words: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()

    @property
    def support(self) -> tuple[float, float]:
        """Lowest and highest value that can occur. [unit]"""
        if self.family == "discrete":
            return (self.numbers[0], self.numbers[-1]) if self.numbers else (-math.inf, math.inf)
        if self.family == "uniform":
            return max(self.low, self.numbers[0]), min(self.high, self.numbers[1])
        known, scale = FAMILIES[self.family], self._scale
        return max(self.low, known.least * scale), min(self.high, known.most * scale)

    @property
    def _scale(self) -> float:
        """A beta distribution counts in fractions, whatever unit the values are in."""
        return factor("1", self.unit) if self.family == "beta" and self.unit else 1.0

    def quantile(self, u: Any) -> np.ndarray:
        """Values below which a share ``u`` of all lies, rising with ``u``; words in the order written.

        Parameters
        ----------
        u : array   Between 0 and 1, any shape; uniform numbers become draws.

        With bounds a..b, u goes to F(a) + u (F(b) - F(a)). Where that is above one half, the same is done with 1 - F:
        near 1 the digits that tell values apart are gone from F, and all there in 1 - F.
        """
        u = np.asarray(u, dtype=np.float64)
        if self.family == "discrete":
            which = np.searchsorted(np.cumsum(self.probabilities)[:-1], u, side="right")
            return np.array(self.words or self.numbers)[which]
        known, scale = FAMILIES[self.family], self._scale
        numbers = tuple(number / scale for number in self.numbers)
        low, high = self.low / scale, self.high / scale
        below, above = float(known.below(numbers, low)), float(known.above(numbers, high))
        mass = self._mass(self.low, self.high)
        from_below, from_above = below + u * mass, above + (1.0 - u) * mass
        lower = from_below <= from_above
        with np.errstate(all="ignore"):  # whichever of the two is not taken may be anything
            drawn = np.where(lower, known.at(numbers, from_below), known.at_above(numbers, from_above))
        least, most = self.support
        return np.clip(np.multiply(drawn, scale), least, most)

    def probability(self, low: float, high: float) -> float:
        """Probability of a value from ``low`` to ``high`` [unit]; 0 of words.

        >>> round(read_distribution("normal(0, 1) within 0..", place="X").probability(0.0, 1.0), 4)
        0.6827
        """
        if self.family == "discrete":
            pairs = zip(self.numbers, self.probabilities, strict=False)
            return math.fsum(share for number, share in pairs if low <= number <= high)
        low, high = max(low, self.low), min(high, self.high)
        return self._mass(low, high) / self._mass(self.low, self.high) if low < high else 0.0

    def _mass(self, low: float, high: float) -> float:
        """Probability between two values if there were no bounds, from the end at which it has its digits."""
        known, scale = FAMILIES[self.family], self._scale
        numbers = tuple(number / scale for number in self.numbers)
        below, above = (float(known.below(numbers, low / scale)), float(known.above(numbers, high / scale)))
        if below > 0.5:
            return float(known.above(numbers, low / scale)) - above
        if above > 0.5:
            return float(known.below(numbers, high / scale)) - below
        return 1.0 - below - above

    def __str__(self) -> str:
        """Give a text that reads back as the same distribution."""
        if self.family == "discrete":
            values = self.words or tuple(self._told(number) for number in self.numbers)
            pairs = zip(values, self.probabilities, strict=True)
            return ", ".join(f"{value}: {_short(share)}" for value, share in pairs)
        told = [self._told(number) for number in self.numbers]
        if self.family == "lognormal":
            told[1] = f"{_percent(self.numbers[1])} %"
        text = f"{self.family}({', '.join(told)})"
        if self.low == -math.inf and self.high == math.inf:
            return text
        ends = [self._told(end) if math.isfinite(end) else "" for end in (self.low, self.high)]
        return f"{text} within {ends[0]}..{ends[1]}"

    def _told(self, number: float) -> str:
        return _short(number) + (f" {self.unit}" if self.unit not in (None, "1") else "")


def is_distribution(text: Any) -> bool:
    """Say whether a text looks like a distribution, and not like a quantity such as "70 kg".

    >>> is_distribution("uniform(0, 1)"), is_distribution("F: 0.5, M: 0.5"), is_distribution("5 mg/(kg*day)")
    (True, True, False)
    """
    return isinstance(text, str) and (":" in text or _NAMED.match(text) is not None)


def read_distribution(text: str, *, place: str, unit: str | None = None) -> Distribution:
    """Read a distribution.

    Parameters
    ----------
    text : str            "normal(mean, SD)", "lognormal(median, CV %)", "uniform(lowest, highest)",
        "exponential(mean)", "beta(mean, SD)", each perhaps with "within a..b"; or values with their probabilities,
        "F: 0.5, M: 0.5". A normal one may have "cv 20 %" for its SD.
    place : str           What messages call it.
    unit : str, optional  Unit of the result; numbers without a unit are in it. Where none is given, the first unit
        of the text counts.

    Raises
    ------
    InputError : not a distribution, or one with numbers that it cannot have.
    UnitError : units that do not fit.

    >>> read_distribution("uniform(12, 50 year)", place="AGE").numbers
    (12.0, 50.0)
    """
    if not isinstance(text, str):
        raise InputError(
            f"found {text!r:.60} ({type(text).__name__})",
            place=place,
            advice=f"expected a distribution as text, {_EXAMPLES}",
        )
    if len(text) > _LONGEST:
        raise InputError(
            f"a text of {len(text)} characters",
            place=place,
            advice=f"at most {_LONGEST} for one distribution",
        )
    head, *bounds = re.split(r"\bwithin\b", text)
    if len(bounds) > 1:
        raise InputError(f"found '{text:.60}'", place=place, advice="give one 'within'")
    call = _CALL.fullmatch(head)
    if call is None and ":" not in head:
        raise InputError(f"found '{text:.60}'", place=place, advice=f"expected a distribution, {_EXAMPLES}")
    reader = _Reader(place, unit)
    found = reader.discrete(head) if call is None else reader.family(call[1], call[2], head.strip())
    if not bounds:
        return found
    return reader.within(found, bounds[0].strip())


class _Reader(Figures):
    """Reads the parts of one text."""

    def family(self, name: str, inside: str, shown: str) -> Distribution:
        """Read "normal(70 kg, 14 kg)"."""
        if name not in FAMILIES:
            raise self.wrong(
                f"unknown distribution '{name}'",
                did_you_mean(name, FAMILIES, "there are") + ", or A: 0.5, B: 0.5",
            )
        known = FAMILIES[name]
        given = [part.strip() for part in inside.split(",")] if inside.strip() else []
        if len(given) != len(known.takes):
            raise self.wrong(
                f"'{shown}' has {len(given)} number{'' if len(given) == 1 else 's'}",
                f"expected {name}({', '.join(known.takes)})",
            )
        spread = given.pop() if name == "lognormal" or "cv" in given[-1].lower() else ""
        if name == "normal" and self.unit is None and not unit_in(given[0]) and unit_in(given[-1]) == "%":
            raise self.wrong(
                f"found '{given[-1]}' behind a mean without a unit in '{shown}'",
                f"write 'cv {given[-1]}' for a CV, or '{given[0]} %' for the mean",
            )
        self.learn(given)
        numbers = [self.read(part) for part in given]
        if spread:
            if name not in ("lognormal", "normal"):
                raise self.wrong(
                    f"found '{spread}' in '{shown}'", f"expected {name}({', '.join(known.takes)})"
                )
            cv = self.percent(spread, shown)
            numbers.append(cv if name == "lognormal" else cv * abs(numbers[0]))
        scale = self.fractions(shown) if name == "beta" else 1.0
        complaint = known.complaint(tuple(number / scale for number in numbers))
        if complaint:
            raise self.wrong(f"'{shown}': {complaint}", f"expected {name}({', '.join(known.takes)})")
        return Distribution(name, tuple(numbers), self.unit)

    def discrete(self, text: str) -> Distribution:
        """Read "F: 0.5, M: 0.5", words or numbers."""
        pairs = [part.split(":") for part in text.split(",")]
        if any(len(pair) != 2 or not all(map(str.strip, pair)) for pair in pairs):
            raise self.wrong(
                f"found '{text.strip():.60}'",
                "expected values with their probabilities, such as 'F: 0.5, M: 0.5'",
            )
        names, shares = [pair[0].strip() for pair in pairs], [self.share(pair[1].strip()) for pair in pairs]
        total = math.fsum(shares)
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise self.wrong(
                f"the probabilities of '{text.strip():.60}' add up to {total:.10g}",
                "they have to add up to 1",
            )
        words = [name for name in names if _WORD.fullmatch(name)]
        if words and len(words) < len(names):
            raise self.wrong(
                f"'{text.strip():.60}' has numbers and words", "give all values as numbers, or all as words"
            )
        if not words:
            self.learn(names)
        values: list[Any] = names if words else [self.read(name) for name in names]
        if len(set(values)) < len(values):
            twice = next(name for at, name in enumerate(names) if values[at] in values[:at])
            raise self.wrong(f"'{twice}' occurs twice in '{text.strip():.60}'", "give every value once")
        if words:
            return Distribution("discrete", words=tuple(words), probabilities=tuple(shares))
        rising = sorted(zip(values, shares, strict=True))
        numbers, kept = zip(*rising, strict=True)
        return Distribution("discrete", numbers, self.unit, probabilities=kept)

    def within(self, found: Distribution, text: str) -> Distribution:
        """Read "40..120" and bound the distribution by it."""
        ends = text.split("..")
        if len(ends) != 2 or not any(map(str.strip, ends)) or "..." in text:
            raise self.wrong(f"found 'within {text:.60}'", "expected two bounds, such as 'within 40..120'")
        if found.words:
            raise self.wrong(f"found 'within {text:.60}' behind words", "leave it out: words have no bounds")
        # a unit at one end is meant for both
        unit = next(filter(None, map(unit_in, ends)), "")
        low, high = (
            self.read(end.strip(), beside=unit) if end.strip() else sign * math.inf
            for end, sign in zip(ends, (-1.0, 1.0), strict=True)
        )
        if not low < high:
            raise self.wrong(f"found 'within {text:.60}'", "the first bound has to be below the second")
        if found.family == "discrete":
            return self.some_of(found, low, high, text)
        mass = found._mass(low, high)
        if not mass >= LEAST_MASS:
            raise self.wrong(
                f"'within {text:.60}' leaves {f'{mass:.2g}' if mass > 0.0 else 'nothing'} of '{found}'",
                f"widen the bounds: they have to leave a probability of at least {LEAST_MASS:g}",
            )
        return Distribution(found.family, found.numbers, self.unit, low, high)

    def some_of(self, found: Distribution, low: float, high: float, text: str) -> Distribution:
        """Keep the values between the bounds, with the probabilities that they have among themselves."""
        pairs = zip(found.numbers, found.probabilities, strict=True)
        kept = [(number, share) for number, share in pairs if low <= number <= high]
        mass = math.fsum(share for _, share in kept)
        if mass < LEAST_MASS:
            raise self.wrong(f"'within {text:.60}' leaves no value of '{found}'", "widen the bounds")
        return Distribution(
            "discrete",
            tuple(number for number, _ in kept),
            self.unit,
            probabilities=tuple(share / mass for _, share in kept),
        )


def _short(number: float) -> str:
    """The shortest text that reads back as this very number."""
    return repr(number).removesuffix(".0")


def _percent(fraction: float) -> str:
    """Give a fraction in percent, such that reading divides it back to the same."""
    for digits in range(1, 18):
        rounded = float(f"{100.0 * fraction:.{digits}g}")
        if rounded / 100.0 == fraction:
            break
    return _short(rounded)
