"""Body height and weight that belong to an age and a sex, from published growth charts.

`body="CDC 2000"`: heights follow the stature-for-age chart and body mass indices the BMI-for-age chart of the CDC
(United States, 2 to 20 years, surveys of 1963 to 1994), each by its published L, M and S: the value at a standard
normal z is ``M (1 + L S z)**(1/L)``. Weight is BMI times the square of the height. Two things are added to that source:

- Above the 95th percentile the chart's own L, M and S run away (with L near -3 the formula ends at z = 3), and its
  authors say not to use them there. BMI is half-normal from there on, as in the CDC's extended charts of 2022.
- Status A, an assumption: height and BMI are independent, given age and sex, and from 20 years on everybody has the
  numbers of 20 years. Grown-up people weigh more than that, and more than they did when these data were collected.

Source
------
Kuczmarski RJ, Ogden CL, Guo SS, et al. 2000 CDC growth charts for the United States: methods and development. Vital
Health Stat 11 (246), 2002. Status R: the data files were read, and compared between copies; `cdc2000.csv` holds them.
Wei R, Ogden CL, Parsons VL, Freedman DS, Hales CM. A method for calculating BMI z-scores and percentiles above the 95th
percentile of the CDC growth charts. Ann Hum Biol 2020; 47: 514-521. Status R: its sigma was read in the CDC's program.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.streams import Streams, normal_quantile

PLACE = "cohort body"
NAMES = ("CDC 2000",)
"""References that there are."""
FILLED = ("HT", "WT")
"""Covariates that they give, from SEX and AGE."""
YOUNGEST, OLDEST = 2.0, 20.0
"""Ages of the charts. [year]"""
_SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
_SIGMA = {"M": (0.3728, 0.5196, -0.0091), "F": (0.8334, 0.3712, -0.0011)}
"""Scale of the half-normal distribution of BMI above the 95th percentile [kg/m2]: a + b age + c age**2."""
_EXTENDED = 0.95


class Chart(NamedTuple):
    """L, M and S of one measure at each of ``months``."""

    months: np.ndarray
    L: np.ndarray
    M: np.ndarray
    S: np.ndarray

    def at(self, month: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """L, M and S at any age; before the first and behind the last those of the ends."""
        return tuple(np.interp(month, self.months, column) for column in self[1:])


@cache
def chart(measure: str, sex: str) -> Chart:
    """One chart: "height" [cm] or "bmi" [kg/m2], of "F" or "M".

    >>> chart("height", "F").M[-1]
    np.float64(163.338)
    """
    text = files("doseline.population").joinpath("cdc2000.csv").read_text(encoding="utf-8")
    lines = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    head = lines[0]
    own = np.array([line[1:] for line in lines[1:] if line[0] == sex], dtype=np.float64)
    columns = [own[:, head.index(f"{measure}_{letter}") - 1] for letter in "LMS"]
    return Chart(own[:, 0], *columns)


def value_at(measure: str, sex: str, age: Any, u: Any) -> np.ndarray:
    """Height [cm] or BMI [kg/m2] below which a share ``u`` of those of an age and sex lies.

    Parameters
    ----------
    measure : "height" or "bmi"
    sex : "F" or "M"
    age : array (subject,)   [year]
    u : array (subject,)     Between 0 and 1.

    >>> value_at("bmi", "F", np.array([10.0, 20.0]), np.array([0.5, 0.95])).round(1).tolist()
    [16.8, 31.8]
    """
    age, u = np.asarray(age, dtype=np.float64), np.asarray(u, dtype=np.float64)
    L, M, S = chart(measure, sex).at(12.0 * age)
    if measure == "height":
        return _lms(L, M, S, normal_quantile(u))
    charted = _lms(L, M, S, normal_quantile(np.minimum(u, _EXTENDED)))
    a, b, c = _SIGMA[sex]
    years = np.minimum(age, OLDEST)
    beyond = np.maximum(u - _EXTENDED, 0.0) / (1.0 - _EXTENDED)
    return charted + (a + b * years + c * years**2) * normal_quantile(0.5 + 0.5 * beyond)


def _lms(L: np.ndarray, M: np.ndarray, S: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Give M (1 + L S z)**(1/L), which is M exp(S z) where L = 0."""
    flat = np.abs(L) < 1e-8
    power = np.where(flat, 1.0, L)
    return M * np.where(flat, np.exp(S * z), np.power(1.0 + power * S * z, 1.0 / power))


def read_body(name: Any) -> str:
    """Check the name of a reference."""
    if name not in NAMES:
        raise InputError(
            f"unknown reference {name!r:.60}", place=PLACE, advice=did_you_mean(str(name), NAMES)
        )
    return str(name)


def sexes(values: np.ndarray) -> np.ndarray:
    """Sexes as "F" and "M"."""
    if values.dtype.kind != "U":
        raise InputError(
            "SEX is a number",
            place=PLACE,
            advice="give it in words, such as SEX='F: 0.5, M: 0.5', which of them is which",
        )
    unique, which = np.unique(values, return_inverse=True)
    for each in unique.tolist():
        if each.strip().lower() not in _SEXES:
            raise InputError(
                f"found {each!r:.40} for SEX", place=PLACE, advice="expected F or M, female or male"
            )
    return np.array([_SEXES[each.strip().lower()] for each in unique.tolist()])[which]


def drawn_bodies(
    sex: np.ndarray, age: np.ndarray, streams: Streams, number: np.ndarray, attempt: int
) -> dict[str, np.ndarray]:
    """Height [cm] and weight [kg] of each subject, from the streams "body height" and "body BMI"."""
    young = np.flatnonzero(age < YOUNGEST)
    if young.size:
        raise InputError(
            f"found {age[young[0]]:.3g} year for AGE",
            place=PLACE,
            advice=f"its charts begin at {YOUNGEST:g} years: bound AGE, such as 'within {YOUNGEST:g}..'",
        )
    known = sexes(sex)
    shares = {
        "height": streams.uniform("body height", number, attempt=attempt),
        "bmi": streams.uniform("body BMI", number, attempt=attempt),
    }
    found = {measure: np.empty(len(number)) for measure in shares}
    for each in ("F", "M"):
        of_it = known == each
        for measure, u in shares.items():
            found[measure][of_it] = value_at(measure, each, age[of_it], u[of_it])
    metres = found["height"] / 100.0
    return {"HT": found["height"], "WT": found["bmi"] * metres * metres}
