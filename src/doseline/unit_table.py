"""The units that nearly every model uses, so that pint need not be set up for them: that takes half a second.

A test holds this table against pint.
"""

import re
from fractions import Fraction

_MASS, _VOLUME, _LENGTH = ("mass", 1), ("length", 3), ("length", 1)
_TIME, _SUBSTANCE = ("time", 1), ("substance", 1)
KNOWN: dict[str, tuple[tuple[str, int] | None, Fraction]] = {
    "ng": (_MASS, Fraction(1, 10**6)),
    "ug": (_MASS, Fraction(1, 1000)),
    "mg": (_MASS, Fraction(1)),
    "g": (_MASS, Fraction(1000)),
    "kg": (_MASS, Fraction(10**6)),
    "nL": (_VOLUME, Fraction(1, 10**9)),
    "uL": (_VOLUME, Fraction(1, 10**6)),
    "mL": (_VOLUME, Fraction(1, 1000)),
    "dL": (_VOLUME, Fraction(1, 10)),
    "L": (_VOLUME, Fraction(1)),
    "mm": (_LENGTH, Fraction(1, 100)),
    "cm": (_LENGTH, Fraction(1, 10)),
    "m": (_LENGTH, Fraction(10)),
    "s": (_TIME, Fraction(1, 3600)),
    "min": (_TIME, Fraction(1, 60)),
    "h": (_TIME, Fraction(1)),
    "day": (_TIME, Fraction(24)),
    "days": (_TIME, Fraction(24)),
    "week": (_TIME, Fraction(168)),
    "weeks": (_TIME, Fraction(168)),
    "umol": (_SUBSTANCE, Fraction(1, 1000)),
    "mmol": (_SUBSTANCE, Fraction(1)),
    "1": (None, Fraction(1)),
    "%": (None, Fraction(1, 100)),
}
"""Units that need no pint: kind, power, and factor to the coherent unit."""
_TOKEN = re.compile(r"(\*\*[-+]?\d|\*|/|[A-Za-z]+|1|%)")


def look_up(unit: str) -> tuple[dict[str, float], Fraction] | None:
    """Powers of the kinds in ``unit``, and its factor to the coherent unit; None where the table does not hold it all.

    >>> look_up("mg/L"), look_up("furlong")
    (({'mass': 1.0, 'length': -3.0}, Fraction(1, 1)), None)
    """
    tokens = _TOKEN.findall(unit)
    if "".join(tokens) != unit:
        return None
    powers: dict[str, float] = {}
    factor, sign, name_expected = Fraction(1), 1, True
    for position, token in enumerate(tokens):
        if name_expected:
            if token not in KNOWN:
                return None
            follower = tokens[position + 1] if position + 1 < len(tokens) else ""
            power = sign * (int(follower[2:]) if follower.startswith("**") else 1)
            kind, size = KNOWN[token]
            if kind is not None:
                powers[kind[0]] = powers.get(kind[0], 0.0) + kind[1] * power
            factor *= size**power
            name_expected = False
        elif token in ("*", "/"):
            sign, name_expected = (1 if token == "*" else -1), True
        elif not token.startswith("**") or tokens[position - 1].startswith("**"):
            return None
    return None if name_expected else (powers, factor)
