"""Times of an event table in hours: from numbers, clock times, dates and times, or dates beside clock times."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.dosing.record_columns import Column, Texts, converted, numbers_in
from doseline.dosing.record_mistakes import DECIMAL_COMMA, Mistakes, no_number, shown
from doseline.dosing.records import per_record
from doseline.errors import InputError

_HOUR = 3_600_000_000
"""Microseconds: whole numbers, so that hours come out of one division."""
_DAY = 24 * _HOUR
_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?"
_ISO_DATE = r"(\d{4})([-/])(\d{2})\2(\d{2})"
_ISO_TIME = r"[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)"
_OTHER_DATE = re.compile(r"\d{1,4}[-./ ]\w{1,9}[-./ ]\d{1,4}.*")
_LATEST_DAY = 10_000_000
"""From here on a whole number is a date without dashes (20260301), not the number of a day."""

HOW_WRITTEN = "expected hours, a clock time such as 08:30, or a date and time such as 2026-03-01 08:30"
OTHER_DATES = 'write it as 2026-03-01, or say how it is written, as in date_format="%m/%d/%y"'
AS_STRPTIME = 'write it as strptime does, such as "%m/%d/%y" or "%d.%m.%Y %H:%M"'


@dataclass(frozen=True)
class Clock:
    """Times before it is known what they count from."""

    hours: np.ndarray  # (row,) NaN where it could not be read
    microseconds: np.ndarray | None  # the same, exact, where there are clock times
    dated: bool = False


def read_times(
    columns: Mapping[str, Column],
    *,
    first: np.ndarray,
    date_format: str | None,
    unit: str | None,
    mistakes: Mistakes,
) -> np.ndarray:
    """Hours of every record. With dates they count from the first record of each subject, and else from 0 or midnight.

    ``unit`` is that of numbers in TIME, None where the user named none; ``first`` holds where subjects begin.
    """
    time, date = columns["TIME"], columns.get("DATE")
    _refuse_format(date_format, columns)
    format_of_time = date_format if date is None else None
    clock = _clock(time, date_format=format_of_time, mistakes=mistakes)
    if unit is not None:
        if clock.microseconds is not None:
            what = "dates and times" if clock.dated else "clock times"
            raise InputError(
                f"TIME has {what}", place="units", advice="they come out in hours: leave TIME out of units"
            )
        clock = Clock(converted(clock.hours, unit, "h"), None)
    if date is None:
        if not clock.dated or clock.microseconds is None:
            return clock.hours
        return _since_first(clock.microseconds, np.isnan(clock.hours), first)
    if clock.dated:
        mistakes.add_general("TIME has dates, and there is a column DATE too", "drop or rename one of them")
        return clock.hours
    day = _days(date, date_format=date_format, mistakes=mistakes)
    if clock.microseconds is not None:
        bad = np.isnan(clock.hours) | np.isnan(day)
        whole = np.where(bad, 0.0, day).astype(np.int64) * _DAY + clock.microseconds
        return _since_first(whole, bad, first)
    start = per_record(first[:-1], first)
    return (day - day[start]) * 24.0 + (clock.hours - clock.hours[start])


def _refuse_format(date_format: Any, columns: Mapping[str, Column]) -> None:
    """A form of dates has to be a text, and there have to be dates."""
    if date_format is None:
        return
    if not isinstance(date_format, str):
        raise InputError(f"found {date_format!r:.60}", place="date_format", advice=AS_STRPTIME)
    time = columns["TIME"]
    if "DATE" not in columns and isinstance(time, np.ndarray) and time.dtype.kind in "if":
        raise InputError(
            "there is no column DATE, and TIME has numbers",
            place="date_format",
            advice="leave it out, or call the column with the dates DATE",
        )


def _since_first(microseconds: np.ndarray, bad: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Hours since the first record of each subject; NaN where one of the two is ``bad``."""
    start = per_record(first[:-1], first)
    return np.where(bad | bad[start], np.nan, (microseconds - microseconds[start]) / _HOUR)


def _clock(time: Column, *, date_format: str | None, mistakes: Mistakes) -> Clock:
    """The column TIME; what cannot be read is a mistake."""
    if isinstance(time, Texts):
        clock, tell = _clock_of_texts(time, date_format=date_format)
        mistakes.add(np.isnan(clock.hours) & (time.codes >= 0), tell, spoil=True)
    elif time.dtype.kind in "Mm":
        bad = np.isnat(time)
        exact = np.where(bad, 0, time.astype(f"{time.dtype.kind}8[us]").astype(np.int64))
        clock = Clock(np.where(bad, np.nan, exact / _HOUR), exact, dated=time.dtype.kind == "M")
    else:
        clock = Clock(time.astype(np.float64, copy=False), None)
        infinite = np.isinf(clock.hours)
        mistakes.add(infinite, lambda row: (f"TIME is {shown(time, row)}", HOW_WRITTEN), spoil=True)
    missing = time.codes < 0 if isinstance(time, Texts) else np.isnan(clock.hours)
    mistakes.add(missing, lambda _: ("TIME is missing", "every record needs a time"), spoil=True)
    return clock


def _clock_of_texts(time: Texts, *, date_format: str | None) -> tuple[Clock, Any]:
    """Times of a column of texts, and what to say about those that cannot be read."""
    import pandas as pd

    def spread(exact: np.ndarray, good: np.ndarray, *, dated: bool) -> Clock:
        known = time.spread(good, missing=False)
        microseconds = time.spread(np.where(good, exact, 0).astype(np.int64), missing=0)
        return Clock(np.where(known, microseconds / _HOUR, np.nan), microseconds, dated=dated)

    values = pd.Series(time.values, dtype=object)
    if date_format is not None:
        exact, good = _formatted(values, date_format)
        return spread(exact, good, dated=True), lambda row: _not_as_said(
            "TIME", shown(time, row), date_format
        )
    dates, is_date = _iso(values, with_time=True)
    if is_date.any():
        return spread(dates, is_date, dated=True), lambda row: _no_date("TIME", shown(time, row))
    numbers = numbers_in(time.values)
    parts = values.str.extract(f"^{_CLOCK}$")
    hour, minute, second = (np.array(parts[at], dtype=np.float64) for at in range(3))
    second = np.where(np.isnan(second), 0.0, second)
    of_day = np.rint(hour * _HOUR + minute * (_HOUR // 60) + second * 1e6)
    is_clock = (minute < 60) & (second < 60) & (of_day <= _DAY)
    if not is_clock.any() and np.isfinite(numbers).any():
        return Clock(time.spread(numbers, missing=np.nan), None), lambda row: _no_time(shown(time, row))
    is_number = np.isfinite(numbers)
    exact = np.where(is_clock, of_day, np.rint(np.where(is_number, numbers, 0.0) * _HOUR))
    return spread(exact, is_clock | is_number, dated=False), lambda row: _no_time(shown(time, row))


def _days(date: Column, *, date_format: str | None, mistakes: Mistakes) -> np.ndarray:
    """The column DATE as the number of a day, NaN where it could not be read."""
    import pandas as pd

    def tell(row: int) -> tuple[str, str]:
        cell = shown(date, row)
        return _not_as_said("DATE", cell, date_format) if date_format else _no_date("DATE", cell)

    if isinstance(date, np.ndarray) and date.dtype.kind not in "M":
        numbers = mistakes.numbers("DATE", date)
        if date_format is None:
            wrong = ~np.isnan(numbers) & ~((numbers == np.floor(numbers)) & (np.abs(numbers) < _LATEST_DAY))
            mistakes.add(wrong, lambda row: _no_day(shown(date, row)), spoil=True)
            _refuse_missing(np.isnan(numbers), mistakes)
            return np.where(wrong, np.nan, numbers)
        whole, codes = np.unique(numbers, return_inverse=True)
        codes = np.where(np.isnan(numbers), -1, codes)
        texts = np.array([f"{each:.0f}" for each in whole], dtype=object)
        date = Texts(codes, texts)
    if isinstance(date, Texts):
        values = pd.Series(date.values, dtype=object)
        exact, good = _formatted(values, date_format) if date_format else _iso(values, with_time=False)
        known, missing = date.spread(good, missing=False), date.codes < 0
        exact = date.spread(exact, missing=0)
    else:
        missing = np.isnat(date)
        exact, known = np.where(missing, 0, date.astype("M8[us]").astype(np.int64)), ~missing
    known = known & (exact % _DAY == 0)  # a time of day in DATE would count twice
    mistakes.add(~known & ~missing, tell, spoil=True)
    _refuse_missing(missing, mistakes)
    return np.where(known, exact // _DAY, np.nan)


def _refuse_missing(missing: np.ndarray, mistakes: Mistakes) -> None:
    mistakes.add(missing, lambda _: ("DATE is missing", "every record needs a date"), spoil=True)


def _iso(values: Any, *, with_time: bool) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds of ISO dates, and which texts are such."""
    import pandas as pd

    fits = values.str.fullmatch(_ISO_DATE + (f"(?:{_ISO_TIME})?" if with_time else ""))
    if not fits.any():
        return np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=bool)
    plain = values.where(fits).str.replace("/", "-").str.replace(r"[T ](\d):", r" 0\1:", regex=True)
    return _since_epoch(pd.to_datetime(plain, format="ISO8601", errors="coerce"))


def _formatted(values: Any, date_format: str) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds of dates written in the form that the user named, and which texts are such."""
    import pandas as pd

    try:
        return _since_epoch(pd.to_datetime(values, format=date_format, errors="coerce"))
    except ValueError as error:
        raise InputError(
            f"{date_format!r}: {error}",
            place="date_format",
            advice=AS_STRPTIME,
        ) from None


def _since_epoch(dates: Any) -> tuple[np.ndarray, np.ndarray]:
    exact = dates.to_numpy(dtype="M8[us]")
    return np.where(np.isnat(exact), 0, exact.astype(np.int64)), ~np.isnat(exact)


# -- messages: problem and advice


def _no_time(cell: str) -> tuple[str, str]:
    if DECIMAL_COMMA.fullmatch(cell):
        return no_number("TIME", cell)
    return f"TIME is {cell}", OTHER_DATES if _OTHER_DATE.fullmatch(cell.strip("'")) else HOW_WRITTEN


def _no_date(name: str, cell: str) -> tuple[str, str]:
    written = "2026-03-01 08:30" if name == "TIME" else "2026-03-01, or the number of a day"
    bare = cell.strip("'")
    foreign = _OTHER_DATE.fullmatch(bare) and not re.match(_ISO_DATE, bare)
    return f"{name} is {cell}", OTHER_DATES if foreign else f"expected a date such as {written}"


def _no_day(cell: str) -> tuple[str, str]:
    return f"DATE is {cell}", (
        'expected the number of a day; dates without dashes are read with date_format="%Y%m%d"'
    )


def _not_as_said(name: str, cell: str, date_format: str) -> tuple[str, str]:
    return f"{name} is {cell}", f'expected a date as date_format="{date_format}" says'
