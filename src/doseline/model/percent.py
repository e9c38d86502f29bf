"""Coefficients of variation, written in percent so that nobody has to guess."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Strict

from doseline.errors import InputError
from doseline.families import LARGEST_CV, log_deviation
from doseline.units import QUANTITY


def _percent(value: Any) -> str:
    """Give "22 %" as a file has it; a bare number is refused, for 0.22 and 22 could mean the same."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise InputError(f"found {value:g}, without %", advice=f"write {_examples(float(value))}")
    match = QUANTITY.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 60 else None
    if match is None or match[2] not in ("", "%"):
        raise InputError("found no number of percent", advice='expected a text such as "22 %"')
    if not match[2]:
        raise InputError(f"found '{value.strip()}', without %", advice=f"write {_examples(float(match[1]))}")
    number = float(match[1])
    if not number >= 0.0:
        raise InputError(f"found '{value.strip()}'", advice="expected 0 % or more")
    if not number <= 100.0 * LARGEST_CV:
        raise InputError(f"found '{value.strip()}'", advice=f"expected at most {100.0 * LARGEST_CV:g} %")
    return f"{number!r}".removesuffix(".0") + " %"


def _examples(number: float) -> str:
    """What a number without % may have meant."""
    if 0.0 < number <= LARGEST_CV:
        return f'"{100.0 * number:g} %" for a fraction, "{number:g} %" for percent'
    return f'"{number:g} %"' if 0.0 < number <= 100.0 * LARGEST_CV else 'a text such as "22 %"'


def fraction(cv: str) -> float:
    """Give the number that a text of percent stands for.

    >>> fraction("22 %")
    0.22
    """
    return float(cv.removesuffix("%")) / 100.0


NotNegative = Annotated[float, Strict(), Field(allow_inf_nan=False, ge=0)]
Percent = Annotated[str, BeforeValidator(_percent)]
LARGEST_LOG_SD = log_deviation(LARGEST_CV)


def check_log_spread(key: str, value: float) -> None:
    """Refuse a spread on the log scale that is a CV of more than 500 %: more likely it is in percent."""
    if not (math.sqrt(value) if key.startswith("omega2") else value) <= LARGEST_LOG_SD:
        raise InputError(
            f"{key} = {value:g} is a CV of more than {100.0 * LARGEST_CV:g} %",
            advice=f"{key} is on the scale of logarithms: a CV of 30 % is omega2 = 0.0862, sd = 0.294",
        )
