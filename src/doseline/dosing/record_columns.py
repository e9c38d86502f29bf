"""Columns of a table, whatever it came from: numbers, times, or texts as codes into their distinct values.

All work on texts is done on the distinct values, of which even a long table has few.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.units import factor

MISSING = ("", ".", "NA", "NaN", "nan")
"""Cells without a value: the dot of NONMEM, an empty cell, and what R and pandas write."""


@dataclass(frozen=True)
class Texts:
    """A column of texts."""

    codes: np.ndarray  # (row,) position in values; -1 where the cell is missing
    values: np.ndarray  # (value,) distinct texts without spaces around them, as str objects

    def __len__(self) -> int:
        return len(self.codes)

    def spread(self, each: np.ndarray, *, missing: Any) -> np.ndarray:
        """What holds for each distinct text, for every row."""
        return np.append(each, np.asarray(missing, dtype=each.dtype))[self.codes]

    def cells(self) -> np.ndarray:
        """The texts, "" where missing, shape (row,)."""
        return self.spread(self.values.astype(str), missing="")


Column = np.ndarray | Texts


def as_column(given: Any) -> Column:
    """A column of numbers (float64, int64), times (datetime64, timedelta64) or texts; a copy of what was handed over.

    >>> as_column(["80", "."]).cells().tolist()
    ['80', '']
    """
    import pandas as pd

    series = given if isinstance(given, pd.Series) else pd.Series(_plain(given))
    kind = getattr(series.dtype, "kind", "O")
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().copy()
    if isinstance(series.dtype, pd.CategoricalDtype):
        series, kind = series.astype(object), "O"
    if kind in "Mm":
        return series.to_numpy().copy()
    if kind in "iu" and not series.isna().any():
        whole = series.to_numpy(dtype=np.float64 if kind == "u" and series.max() > _LARGEST else np.int64)
        return np.array(whole)
    if kind in "iufb":
        return np.array(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return _texts(series)


_LARGEST = np.iinfo(np.int64).max


def _plain(given: Any) -> Any:
    """An array out of a polars column and the like; a masked array with its gaps as NaN."""
    if isinstance(given, np.ma.MaskedArray):
        return np.ma.filled(given.astype(np.float64), np.nan)
    if isinstance(given, (list, tuple, range)):
        return list(given)
    array = given.to_numpy() if hasattr(given, "to_numpy") else np.asarray(given)
    return array.astype("datetime64[s]") if array.dtype == "datetime64[D]" else array


def _texts(series: Any) -> Column:
    """Texts with the missing ones told apart; objects that are all numbers are numbers."""
    import pandas as pd

    codes, found = pd.factorize(series)
    if not len(found):
        return np.full(len(series), np.nan)
    if all(isinstance(value, (int, float, np.number)) for value in found[:1]):
        try:
            numbers = np.asarray(found).astype(np.float64)
        except (TypeError, ValueError):
            pass
        else:
            return np.append(numbers, np.nan)[codes]
    words = pd.Series(found).astype(str).str.strip()
    words = words.where(~words.isin(MISSING))
    again, values = pd.factorize(words)  # " 80" and "80" are the same, and missing is -1
    if not len(values):
        return np.full(len(series), np.nan)
    return Texts(np.append(again, -1)[codes], np.asarray(values, dtype=object))


def numbers_in(values: np.ndarray) -> np.ndarray:
    """Each text as the number it writes, with all its digits; NaN where it writes none.

    >>> numbers_in(np.array(["0.1", "1e3", "x"], dtype=object))
    array([1.e-01, 1.e+03,    nan])
    """
    import pandas as pd

    numbers = np.array(pd.to_numeric(pd.Series(values, dtype=object), errors="coerce"), dtype=np.float64)
    is_number = ~np.isnan(numbers)
    numbers[is_number] = values[is_number].astype(np.float64)  # to_numeric may miss the last digit
    return numbers


def converted(values: np.ndarray, unit: str, inside: str, *, place: str = "") -> np.ndarray:
    """Numbers in another unit; by the factor that is whole, so that decimals come out as typed.

    >>> converted(np.array([250.0]), "ug", "mg").tolist()
    [0.25]
    """
    up, down = factor(unit, inside, place=place), factor(inside, unit, place=place)
    return values / down if down.is_integer() and not up.is_integer() else values * up
