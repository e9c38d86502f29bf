"""Event tables as data frames and CSV files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dosing.records import Records
from doseline.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

_ALWAYS = ("ID", "TIME", "EVID", "AMT", "CMT", "MDV")


def frame_of(records: Records) -> "pd.DataFrame":
    """The columns of NONMEM, in the order that its tables customarily have."""
    import pandas as pd

    compartment = records.compartment
    columns: dict[str, Any] = {
        "ID": np.repeat(records.subject, np.diff(records.first)),
        "TIME": records.time,
        "EVID": records.evid,
        "AMT": records.amount,
        "RATE": records.rate,
        "DUR": records.duration,
        "II": records.interval,
        "ADDL": records.additional,
        "SS": records.steady,
        "CMT": compartment.astype(object) if compartment.dtype.kind == "U" else compartment,
        "MDV": records.mdv,
    }
    kept = {name: column for name, column in columns.items() if name in _ALWAYS or column.any()}
    if records.dv is not None:
        kept["DV"] = records.dv
    for name, choice in records.choices.items():
        if (choice != "").any():
            kept[name.upper()] = choice.astype(object)
    return pd.DataFrame(kept | dict(records.covariates))


def write_csv(records: Records, path: Path) -> None:
    """Write the frame, floats with the digits that read back as the same number."""
    if not path.parent.is_dir():
        raise ResultError(
            "no such folder", place=str(path.parent), advice=f"make it before writing {path.name}"
        )
    try:
        frame_of(records).to_csv(path, index=False, na_rep=".", encoding="utf-8", lineterminator="\n")
    except OSError as error:
        raise ResultError(
            f"cannot be written: {error.strerror}",
            place=str(path),
            advice="look at its permissions, and at the space that is left",
        ) from error
