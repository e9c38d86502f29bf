"""Units at the border: parse, check and convert here, so that everything behind it works on plain floats.

Inside, all arithmetic is coherent: time in h, mass in mg (a body weight too), volume in L, amount of
substance in mmol. A formula over coherent numbers gives a coherent number: no conversion stands in between.

pint knows the units. Setting up its registry takes half a second, so the units that nearly every model uses stand in a
table here, checked against pint by a test, and pint is only asked about others and about quantities of its own.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.errors import InputError, UnitError, did_you_mean
from doseline.unit_table import look_up

if TYPE_CHECKING:
    import pint

COMMON = (
    "h",
    "min",
    "day",
    "week",
    "ug",
    "mg",
    "g",
    "kg",
    "mL",
    "L",
    "mg/L",
    "ng/mL",
    "L/h",
    "1/h",
    "1",
    "%",
)
"""Units offered when an unknown one was found."""

STANDARD_UNITS = {
    "WT": "kg",
    "HT": "cm",
    "BSA": "m**2",
    "BMI": "kg/m**2",
    "AGE": "year",
    "CRCL": "mL/min",
}
"""Covariates with a unit that the field agrees on: plain numbers are in it, and all of them must be above zero."""

_PLAIN = {"", "1", "-", "dimensionless"}
_COHERENT = {"mass": "mg", "volume": "L", "length": "dm", "time": "h", "substance": "mmol"}
"""Coherent unit of each kind; kinds not listed here keep the base unit of pint."""

_LONGEST = 80
_UNIT = re.compile(
    r"(?: [^\W\d_][^\W\d]*+ (?:\*\* [-+]?\d{1,2}(?:\.\d{1,17})? )? | 1 | % | \*(?!\*) | / | [()] )*",
    re.VERBOSE,
)
"""What pint is given: names, small powers, products, quotients. It would work out any number found there."""
_SHORT_POWER = re.compile(r"([^\W\d_])([-+]?\d)")
QUANTITY = re.compile(
    r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf)\b)\s*(.*)", re.IGNORECASE | re.DOTALL
)
"""A number and what stands behind it."""


_ONE_AT_A_TIME = threading.Lock()


@cache
def registry() -> pint.UnitRegistry:
    """Give the units of this process: pint's application registry, so that users' own quantities fit.

    >>> str(registry().Quantity(2.0, "h"))
    '2.0 hour'
    """
    import pint

    with _ONE_AT_A_TIME:
        found = pint.get_application_registry()
        # pint reads its units when first asked, and a thread that asks meanwhile is told that there are none
        found.parse_units("h")
    return found


@dataclass(frozen=True, slots=True)
class Dimension:
    """The kind of a quantity: powers of mass, volume, time, ...; products and powers of kinds are kinds."""

    powers: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, powers: Iterable[tuple[str, float]]) -> Dimension:
        """Sort the powers and drop those that cancel; the rounding is for square roots of squares."""
        kept = ((name, round(power, 9) + 0.0) for name, power in powers)
        return cls(tuple(sorted((name, power) for name, power in kept if power != 0.0)))

    def __mul__(self, other: Dimension) -> Dimension:
        """Multiply."""
        total = dict(self.powers)
        for name, power in other.powers:
            total[name] = total.get(name, 0.0) + power
        return Dimension.of(total.items())

    def __truediv__(self, other: Dimension) -> Dimension:
        """Divide."""
        return self * other**-1.0

    def __pow__(self, exponent: float) -> Dimension:
        """Raise to a power."""
        return Dimension.of((name, power * exponent) for name, power in self.powers)

    def named(self) -> dict[str, float]:
        """Powers with length told as volume where it is one: the pharmacologist's view."""
        named = dict(self.powers)
        length = named.get("length", 0.0)
        if length and length % 3.0 == 0.0:
            del named["length"]
            named["volume"] = length / 3.0
        elif abs(length) == 2.0:
            del named["length"]
            named["area"] = length / 2.0
        return named

    @property
    def words(self) -> str:
        """In words, for messages."""
        return _quotient(self.named(), spaced=" ") or "a plain number"

    @property
    def unit(self) -> str:
        """Name of the coherent unit."""
        named = self.named()
        if "area" in named:
            named["length"] = 2.0 * named.pop("area")
        return _quotient({_coherent_name(name): power for name, power in named.items()}) or "1"


def _quotient(powers: dict[str, float], *, spaced: str = "") -> str:
    """Write powers as 'mass / volume' or 'mg/L'; nothing for no powers."""

    def product(sign: int) -> list[str]:
        chosen = [(name, sign * power) for name, power in powers.items() if sign * power > 0]
        return [name if power == 1.0 else f"{name}**{power:.12g}" for name, power in chosen]

    above, below = product(+1), product(-1)
    times = f"{spaced}*{spaced}"
    if not below:
        return times.join(above)
    bottom = below[0] if len(below) == 1 else f"({times.join(below)})"
    return f"{times.join(above) or '1'}{spaced}/{spaced}{bottom}"


def _coherent_name(kind: str) -> str:
    return _COHERENT.get(kind) or str(registry().get_base_units(_PINT_BASES.get(kind, kind))[1])


_PINT_BASES = {"current": "ampere", "luminosity": "candela", "temperature": "kelvin"}


def _tidy(text: str) -> str:
    """The spelling shown and handed to pint: no spaces around * and /, '**' for powers, '1' for none."""
    plain = text.strip().replace("·", "*").replace("×", "*").replace("^", "**")
    joined = re.sub(r"\s+", "*", re.sub(r"\s*([*/()])\s*", r"\1", plain))
    return "1" if joined.lower() in _PLAIN else _SHORT_POWER.sub(r"\1**\2", joined)


@lru_cache(maxsize=4096)
def _common(tidy: str) -> tuple[Dimension, Fraction] | None:
    """Kind of a tidy unit and its factor to the coherent one, or None where pint has to be asked."""
    known = look_up(tidy) if len(tidy) <= _LONGEST else None
    return None if known is None else (Dimension.of(known[0].items()), known[1])


@lru_cache(maxsize=4096)
def _dimension(tidy: str) -> Dimension | None:
    """Kind of a tidy unit, or None where pint knows no such unit."""
    common = _common(tidy)
    if common is not None:
        return common[0]
    if len(tidy) > _LONGEST or not _UNIT.fullmatch(tidy):
        return None
    try:
        powers: Any = registry().parse_units(tidy).dimensionality
        return Dimension.of((name.strip("[]"), float(power)) for name, power in powers.items())
    except Exception:  # pint's own errors, and those of the Python tokenizer behind it, share no base class
        return None


@lru_cache(maxsize=4096)
def _factor(unit_from: str, unit_to: str) -> float:
    """Factor between two tidy units of the same kind; NaN where a zero point differs (temperatures)."""
    one, other = _common(unit_from), _common(unit_to)
    if one is not None and other is not None:
        return float(one[1] / other[1])
    quantity = registry().Quantity
    if quantity(0.0, unit_from).to(unit_to).magnitude != 0.0:
        return math.nan
    return _snap(float(quantity(1.0, unit_from).to(unit_to).magnitude))


def _snap(value: float) -> float:
    """The short decimal, or its reciprocal, that rounding has smeared: 999.9999999999999 is 1000."""
    for candidate, turned in ((value, False), (1.0 / value, True)):
        short = float(f"{candidate:.12g}")
        if math.isclose(short, candidate, rel_tol=4e-15):
            return 1.0 / short if turned else short
    return value


def parse_unit(text: str, *, place: str = "") -> str:
    """Check a unit and give it back in one spelling; "1" is a plain number.

    Raises :class:`~doseline.errors.UnitError` for a unit that pint does not know.

    >>> parse_unit("mg / L"), parse_unit("kg/m2"), parse_unit("")
    ('mg/L', 'kg/m**2', '1')
    """
    if not isinstance(text, str):
        raise UnitError(
            f"found {_shown(text)} ({type(text).__name__}) where a unit is needed",
            place=place,
            advice='write a text, such as "mg/L"',
        )
    tidy = _tidy(text)
    if _dimension(tidy) is None:
        raise UnitError(
            f"unknown unit {_shown(text)}", place=place, advice=did_you_mean(tidy, COMMON, "often used")
        )
    return tidy


def dimension(unit: str, *, place: str = "") -> Dimension:
    """Kind of a unit.

    >>> dimension("mL/min") == dimension("L/h")
    True
    """
    found = _dimension(parse_unit(unit, place=place))
    assert found is not None
    return found


def dimension_words(unit: str, *, place: str = "") -> str:
    """Kind of a unit in words.

    >>> dimension_words("ng/mL"), dimension_words("1/h"), dimension_words("mg/kg")
    ('mass / volume', '1 / time', 'a plain number (mass / mass)')
    """
    tidy = parse_unit(unit, place=place)
    words = dimension(tidy).words
    parts: Any = registry().parse_units(tidy)._units if not dimension(tidy).powers else {}
    cancelled = [(dimension(str(name)).words, power) for name, power in parts.items()]
    above = [words for words, power in cancelled if power > 0 and words != Dimension().words]
    below = [words for words, power in cancelled if power < 0 and words != Dimension().words]
    return f"{words} ({' * '.join(above)} / {' * '.join(below)})" if above and below else words


@lru_cache(maxsize=4096)
def factor(unit_from: str, unit_to: str, *, place: str = "") -> float:
    """Number by which a value in one unit is multiplied to be in the other; whole factors are exact.

    Raises :class:`~doseline.errors.UnitError` where the two are different kinds, and names both.

    >>> factor("mg/L", "ng/mL"), factor("day", "h")
    (1000.0, 24.0)
    """
    source, target = parse_unit(unit_from, place=place), parse_unit(unit_to, place=place)
    if source == target:
        return 1.0
    if dimension(source) != dimension(target):
        raise UnitError(
            f"'{source}' is {dimension_words(source)}", place=place, advice=f"expected {_expected(target)}"
        )
    number = _factor(source, target)
    if math.isnan(number):
        raise UnitError(
            f"'{source}' and '{target}' count from different zeros",
            place=place,
            advice=f"give it in {target}",
        )
    return number


@lru_cache(maxsize=4096)
def coherent(unit: str, *, place: str = "") -> tuple[float, str]:
    """Factor to the unit that a quantity of this kind has inside, and the name of that unit.

    >>> coherent("mL/min"), coherent("kg"), coherent("%")
    ((0.06, 'L/h'), (1000000.0, 'mg'), (0.01, '1'))
    """
    inside = dimension(unit, place=place).unit
    return factor(unit, inside, place=place), inside


def _expected(unit: str) -> str:
    words = dimension_words(unit)
    return words if unit == "1" else f"{words}, in a unit such as {unit}"


def read_quantity(
    value: Any, unit: str, *, place: str = "", require_unit: bool = False
) -> float | np.ndarray:
    """Read what a user wrote as a quantity; give float or array in `unit`.

    Parameters
    ----------
    value : "30 min", a number or array (already in `unit`), a pint quantity, an xarray object with
        ``attrs["units"]``, or a list of numbers and texts.
    unit : str           The unit of the result.
    place : str          What messages call this value.
    require_unit : bool  A number without a unit is refused.

    Raises
    ------
    UnitError : unknown, missing or wrong unit.   InputError : not a number, or not finite.

    >>> read_quantity("30 min", "h"), read_quantity([1, "2 day"], "h").tolist()
    (0.5, [1.0, 48.0])
    """
    if isinstance(value, str):
        return _read_text(value, unit, place=place)
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        return _numbers(value.magnitude, unit, place=place) * factor(str(value.units), unit, place=place)
    labelled = getattr(value, "attrs", {}).get("units") if hasattr(value, "attrs") else None
    if isinstance(labelled, str):
        return _numbers(value, unit, place=place) * factor(labelled, unit, place=place)
    if isinstance(value, (list, tuple)) and any(map(_speaks_units, value)):
        return np.array([read_quantity(each, unit, place=place, require_unit=require_unit) for each in value])
    if require_unit and dimension(unit).powers:
        raise _no_unit(repr(value), unit, place=place)
    return _numbers(value, unit, place=place)


def _speaks_units(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "magnitude")


def _read_text(text: str, unit: str, *, place: str) -> float:
    match = QUANTITY.fullmatch(text) if len(text) <= 2 * _LONGEST else None
    if match is None:
        raise InputError(
            f"found {_shown(text)}",
            place=place,
            advice=f"expected a number and a unit, such as '1 {unit}'",
        )
    number, written = float(match[1]), _tidy(match[2])
    if not match[2] and dimension(unit).powers:
        raise _no_unit(f"'{text}'", unit, place=place)
    if _dimension(written) not in (None, dimension(unit)):
        raise UnitError(
            f"'{text.strip()}' is {dimension_words(written)}",
            place=place,
            advice=f"expected {_expected(unit)}",
        )
    return float(_numbers(number, unit, place=place)) * factor(written, unit, place=place)


def _no_unit(shown: str, unit: str, *, place: str) -> UnitError:
    return UnitError(
        f"found {shown} without a unit",
        place=place,
        advice=f"expected {dimension_words(unit)}: add the unit, such as '... {unit}'",
    )


def _numbers(value: Any, unit: str, *, place: str) -> Any:
    """Float or float array; booleans, texts and what is not finite are refused."""
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "iuf":
            given = _from_objects(given)
        numbers = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"found {_shown(value)} ({type(value).__name__})",
            place=place,
            advice=f"expected numbers in {unit}, or a text such as '1 {unit}'",
        ) from None
    if not np.isfinite(numbers).all():
        bad = int(np.flatnonzero(~np.isfinite(numbers.ravel()))[0])
        where = f" at position {bad}" if numbers.ndim else ""
        raise InputError(
            f"found {numbers.ravel()[bad]:g}{where}", place=place, advice=f"expected finite numbers in {unit}"
        )
    return numbers if numbers.ndim else float(numbers)


def _from_objects(given: np.ndarray) -> np.ndarray:
    """Accept numbers kept as objects (Decimal, Fraction, a pandas column); refuse the rest."""
    refused = (str, bool, np.bool_, type(None))
    if given.dtype.kind != "O" or any(isinstance(entry, refused) for entry in given.ravel()):
        raise TypeError
    return given.astype(np.float64)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
