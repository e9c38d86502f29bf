"""Where an event table comes from: a CSV or Parquet file, a data frame, or a mapping of columns."""

import csv
import importlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from doseline.dosing.record_columns import MISSING, Column, as_column
from doseline.dosing.records import PARQUET
from doseline.errors import InputError, RecordsError

_HEAD = 65536
"""Bytes of a file that are looked at before it is read."""
_TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_ELSE = 'or read it yourself and hand over the frame: dl.read_records(pd.read_csv(path, sep="{}"{}))'


@dataclass(frozen=True)
class Table:
    """Columns as they were found, nothing checked but their names."""

    name: str
    line: np.ndarray  # line of the file, or row counted from 1
    columns: Mapping[str, Column]
    nameless: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.line)


def open_table(source: Any) -> Table:
    """Read a file, or look into a data frame or mapping.

    Raises
    ------
    InputError : not a table, or no such file.   RecordsError : a file that does not hold one.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            raise InputError(
                "no such file" if not path.is_dir() else "this is a folder",
                place=str(path),
                advice="give the path of a CSV or Parquet file, or a data frame",
            )
        try:
            return _read_parquet(path) if path.suffix.lower() in PARQUET else _read_csv(path)
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror or error}",
                place=str(path),
                advice="look at the file and its permissions",
            ) from None
    return _from_frame(source, name="records")


# -- frames and mappings


def _from_frame(frame: Any, *, name: str) -> Table:
    """The columns of a pandas or polars data frame, or of a mapping, where single values are for every record."""
    lazy = hasattr(frame, "collect")
    labels = [] if lazy else _labels(frame)
    if labels is None or lazy:
        raise InputError(
            f"found {type(frame).__name__}",
            place="read_records",
            advice="give the path of a CSV or Parquet file, a data frame, or a mapping of columns"
            + (": call its collect() first" if lazy else ""),
        )
    names = [str(label).strip() for label in labels]
    _refuse_twice(names, name)
    given = {key: frame[label] for key, label in zip(names, labels, strict=True) if key}
    lengths = {key: len(column) for key, column in given.items() if _dimensions(column)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise RecordsError(
            f"lengths differ: {told}", place=name, advice="give each column one entry a record"
        )
    count = next(iter(lengths.values()), 1 if given else 0)
    found = {key: _column(column, key, name, count) for key, column in given.items()}
    nameless = tuple(f"column {at}" for at, key in enumerate(names, start=1) if not key)
    return Table(name, np.arange(1, count + 1), found, nameless)


def _labels(frame: Any) -> list[Any] | None:
    """Names of the columns; None for what has none."""
    if isinstance(frame, Mapping):
        return list(frame)
    # a table of arrow calls its arrays columns
    names = getattr(frame, "column_names", getattr(frame, "columns", None))
    return None if names is None else list(names)


def _dimensions(given: Any) -> int:
    """0 for a single value, 1 for a list; arrays say it themselves."""
    return getattr(given, "ndim", int(hasattr(given, "__len__") and not isinstance(given, (str, bytes))))


def _column(given: Any, key: str, name: str, count: int) -> Column:
    try:
        if _dimensions(given) > 1:
            raise TypeError
        return as_column(given if _dimensions(given) else [given] * count)
    except (TypeError, ValueError):
        raise RecordsError(
            f"{key} is {given!r:.60}", place=name, advice="give each column one number or text a record"
        ) from None


def _refuse_twice(names: list[str], place: str) -> None:
    """Column names are told apart whatever their case."""
    first: dict[str, str] = {}
    for name in filter(None, names):
        other = first.get(name.upper())
        if other is not None:
            raise RecordsError(
                f"two columns are called {name}"
                if other == name
                else f"columns {other} and {name} differ only in case",
                place=place,
                advice="rename or drop one of them",
            )
        first[name.upper()] = name


# -- files


def _read_parquet(path: Path) -> Table:
    try:
        arrow = importlib.import_module("pyarrow.lib")
    except ImportError:
        raise InputError(
            "Parquet files need pyarrow, which is not installed",
            place=str(path),
            advice='pip install "doseline[parquet]", or save the table as CSV',
        ) from None
    import pandas as pd

    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (arrow.ArrowException, ValueError) as error:
        raise RecordsError(
            f"not readable as Parquet: {str(error).splitlines()[0]:.200}",
            place=path.name,
            advice="look at the file, or save the table as CSV",
        ) from None
    return _from_frame(frame, name=path.name)


def _read_csv(path: Path) -> Table:
    import pandas as pd

    names = _header(path)
    named = [name or f"\0{at}" for at, name in enumerate(names, start=1)]
    # from pandas 3.1 on all digits are read anyway, and asking for it is a warning
    exact: dict[str, Any] = {} if _version(pd) >= (3, 1) else {"float_precision": "round_trip"}
    try:
        with warnings.catch_warnings():
            # a line with more cells than the header has names: pandas would drop some
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                header=0,
                names=named,
                index_col=False,
                encoding="utf-8-sig",
                na_values=list(MISSING),
                keep_default_na=False,
                skipinitialspace=True,
                skip_blank_lines=False,
                low_memory=False,
                **exact,
            )
    except pd.errors.ParserWarning:
        _refuse(path, "more cells than line 1 has names", _COMMAS, line=2)
    except pd.errors.ParserError as error:
        if match := _TOO_LONG.search(str(error)):
            problem = f"{match[3]} cells, and line 1 has {match[1]} names"
            _refuse(path, problem, _COMMAS, line=int(match[2]))
        _refuse(path, f"not readable as CSV: {error}", "look for a quotation mark that is not closed")
    except UnicodeDecodeError:
        _refuse(path, "this is not UTF-8 text", "save the file as UTF-8")
    kept = _rows_with_cells(frame)
    line: np.ndarray = np.arange(2, len(frame) + 2)
    if kept is not None:
        frame, line = frame[kept], line[kept]
    columns = {name: as_column(frame[name]) for name in named if not name.startswith("\0")}
    nameless = tuple(f"column {at}" for at, name in enumerate(names, start=1) if not name)
    return Table(path.name, line, columns, nameless)


_COMMAS = (
    "a comma stands between two cells: write decimals with a point, and put texts with a comma in quotes"
)


def _version(pd: Any) -> tuple[int, int]:
    major, minor = pd.__version__.split(".")[:2]
    return int(major), int(minor)


def _rows_with_cells(frame: Any) -> np.ndarray | None:
    """Which lines are not blank; None where none is."""
    first = frame.iloc[:, 0]
    blank = np.array(first.isna())
    if blank.any():  # nearly always not: the first column is ID or TIME
        blank[blank] = np.array(frame[blank].isna().all(axis=1))
    return ~blank if blank.any() else None


def _header(path: Path) -> list[str]:
    """Names in the first line of a CSV file."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if b"\0" in head:
        excel = 'hand over a frame instead, as in dl.read_records(pd.read_excel("data.xlsx"))'
        _refuse(path, "this is no text", f"save the table as CSV, or {excel}")
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    if not lines:
        _refuse(path, "the file is empty", _FIRST_LINE)
    first = lines[0]
    if first.count(";") > first.count(","):
        advice = "save it with commas between cells and decimal points, " + _ELSE.format(";", ', decimal=","')
        _refuse(path, "semicolons stand between the cells", advice, line=1)
    names = [name.strip() for name in next(csv.reader([first], skipinitialspace=True), [])]
    if len(names) == 1 and len(names[0].split()) > 1:
        separator = "\\t" if "\t" in first else "\\s+"
        advice = "save it with commas, " + _ELSE.format(separator, "")
        what = "tabs" if "\t" in first else "spaces"
        _refuse(path, f"{what} stand between the cells", advice, line=1)
    if not any(names):
        _refuse(path, "there are no names of columns", _FIRST_LINE, line=1)
    _refuse_twice(names, path.name)
    return names


_FIRST_LINE = "the first line holds the names of the columns, such as ID,TIME,AMT,EVID,DV"


def _refuse(path: Path, problem: str, advice: str, *, line: int | None = None) -> NoReturn:
    place = path.name if line is None else f"{path.name} line {line}"
    raise RecordsError(problem, place=place, advice=advice)
