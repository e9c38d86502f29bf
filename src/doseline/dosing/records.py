"""Event tables: what was given and observed, one record a line, in the columns that NONMEM made customary."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

MODES = ("nocb", "locf")
"""How a covariate goes on between records: next observation carried backward, last observation carried forward."""
CHOICES = ("route", "formulation", "meal")
"""What a dose may name, and the model settles where it does not."""

ALWAYS = ("ID", "TIME", "EVID", "AMT", "CMT", "MDV")
"""Columns of a frame that are there even where they say nothing."""
PARQUET = (".parquet", ".pq")
"""How the names of Parquet files end."""


@dataclass(frozen=True, eq=False, repr=False)
class Records:
    """An event table, read and checked, the records of each subject together and in order of time.

    Made by `read_records` or `Regimen.to_records`. Every array has one entry for each record unless another shape is
    given. Times are in hours and amounts in mg, whatever the table had.
    """

    name: str  # what messages call the table: "data.csv", or "records" for a data frame
    line: np.ndarray  # line of the file (its header is line 1), or row of the data frame counted from 1
    subject: np.ndarray  # (subject,) identifiers, in the order of the table
    first: np.ndarray  # (subject + 1,) where the records of each subject begin, and the end
    time: np.ndarray  # [h]
    evid: np.ndarray  # 0 observation, 1 dose, 2 other, 3 reset, 4 reset and dose, 8 replace
    amount: np.ndarray  # AMT [mg]
    rate: np.ndarray  # RATE [mg/h]; 0 none, -1 from the model, -2: the model has the duration
    duration: np.ndarray  # DUR [h]; 0 none
    interval: np.ndarray  # II [h]
    additional: np.ndarray  # ADDL, int
    steady: np.ndarray  # SS: 0, 1, 2
    compartment: np.ndarray  # CMT: numbers from 1, negative: off, 0: the default; or names, "": the default
    mdv: np.ndarray  # MDV: 0 or 1
    dv: np.ndarray | None  # DV, NaN where missing; None where the table has none
    choices: Mapping[str, np.ndarray]  # names from `CHOICES`, "" where left open; without those never named
    covariates: Mapping[str, np.ndarray]  # every other column of numbers; gaps are filled from before
    units: Mapping[str, str | None]  # unit of each covariate; None: the one that the model file gives
    modes: Mapping[str, str]  # for each covariate one of `MODES`
    left_out: tuple[str, ...] = ()  # columns of texts, or empty, that mean nothing here

    def __len__(self) -> int:
        return len(self.time)

    def place(self, row: int) -> str:
        """What messages call a record, by its position: "data.csv line 17", or "records row 17" of a data frame."""
        return place_of(self.name, self.line[row])

    def __repr__(self) -> str:
        """Subjects, records, doses, observations, covariates, and the columns that were left out."""
        doses = int(doses_among(self.evid).sum())
        observations = int((self.evid == 0).sum())
        counts = (
            f"{_count(len(self), 'record')}, {_count(doses, 'dose')}, {_count(observations, 'observation')}"
        )
        told = [f"<Records of {_count(len(self.subject), 'subject')}: {counts}"]
        if self.covariates:
            told.append("covariates " + ", ".join(self._covariate_text(name) for name in self.covariates))
        if self.left_out:
            told.append("left out " + ", ".join(self.left_out))
        return "; ".join(told) + ">"

    def _covariate_text(self, name: str) -> str:
        unit = self.units[name]
        return f"{name}{f' [{unit}]' if unit else ''} {self.modes[name]}"

    def to_frame(self) -> "pd.DataFrame":
        """The records as a data frame in the columns of NONMEM, in h and mg.

        ID, TIME, EVID, AMT, CMT and MDV always, others where they say something; covariates in their own units.
        `read_records` gives equal records back from it, given the same ``modes`` and the units that are no standard.

        >>> from doseline.dosing.record_reading import read_records
        >>> list(read_records({"TIME": [0, 1], "AMT": [100, 0], "RATE": [50, 0]}).to_frame())
        ['ID', 'TIME', 'EVID', 'AMT', 'RATE', 'CMT', 'MDV']
        """
        import pandas as pd

        compartment = self.compartment
        columns: dict[str, Any] = {
            "ID": per_record(self.subject, self.first),
            "TIME": self.time,
            "EVID": self.evid,
            "AMT": self.amount,
            "RATE": self.rate,
            "DUR": self.duration,
            "II": self.interval,
            "ADDL": self.additional,
            "SS": self.steady,
            "CMT": compartment.astype(object) if compartment.dtype.kind == "U" else compartment,
            "MDV": self.mdv,
        }
        kept = {name: column for name, column in columns.items() if name in ALWAYS or column.any()}
        if self.dv is not None:
            kept["DV"] = self.dv
        for name, choice in self.choices.items():
            if (choice != "").any():
                kept[name.upper()] = choice.astype(object)
        return pd.DataFrame(kept | dict(self.covariates))

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """Write the frame of `to_frame` to a CSV file, with every digit; a file that is there is replaced.

        Without a path the text comes back, as from pandas.

        Raises
        ------
        ResultError : the file cannot be written.
        """
        how: dict[str, Any] = {"index": False, "na_rep": ".", "encoding": "utf-8", "lineterminator": "\n"}
        if path is None:
            return str(self.to_frame().to_csv(**how))
        path = Path(path)
        if not path.parent.is_dir():
            raise ResultError(
                "no such folder", place=str(path.parent), advice=f"make it before writing {path.name}"
            )
        try:
            self.to_frame().to_csv(path, **how)
        except OSError as error:
            raise ResultError(
                f"cannot be written: {error.strerror}",
                place=str(path),
                advice="look at its permissions, and at the space that is left",
            ) from error
        return None


def doses_among(evid: np.ndarray) -> np.ndarray:
    """Which records are doses."""
    return (evid == 1) | (evid == 4)


def per_record(each: np.ndarray, first: np.ndarray) -> np.ndarray:
    """What holds for each subject, for every record; ``first`` (subject + 1,) is where their records begin."""
    return np.repeat(each, np.diff(first))


def place_of(name: str, line: int) -> str:
    """A line of a text file, or a row of what has no lines."""
    word = "row" if name == "records" or name.lower().endswith(PARQUET) else "line"
    return f"{name} {word} {line}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
