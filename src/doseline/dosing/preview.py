"""The doses of one subject as a table."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from doseline.dosing.amounts import SIZES, body_sizes, in_mg
from doseline.dosing.counts import doses_taken
from doseline.dosing.habits import days_of
from doseline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from doseline.dosing.regimen import Regimen

PLACE = "preview"


def preview_of(regimen: "Regimen", *, WT: ArrayLike | None, BSA: ArrayLike | None) -> "pd.DataFrame":
    """The table of `Regimen.preview`, for which see there."""
    import pandas as pd

    sizes = body_sizes(WT=WT, BSA=BSA, place=PLACE)
    if sizes[None].shape:
        raise InputError(
            "more than one subject was given", place=PLACE, advice="a preview shows one, as in WT=62"
        )
    times, kind, kinds = regimen.doses()
    count = int(doses_taken(regimen, sizes, place=PLACE))
    times, kind = times[:count], kind[:count]
    amount = np.array([float(in_mg(dose, sizes, place=PLACE)) for dose in kinds])[kind]
    columns: dict[str, Any] = {"day": days_of(times) + 1, "time (h)": times, "amount (mg)": amount}
    for name in ("meal", "formulation", "route"):
        columns[name] = np.array([getattr(dose, name) or "" for dose in kinds], dtype=object)[kind]
    columns["duration (h)"] = np.array([dose.duration or math.nan for dose in kinds])[kind]
    columns["cumulative (mg)"] = np.cumsum(amount)
    for name, unit in SIZES.items():
        if name in sizes:
            columns[f"cumulative (mg/{unit})"] = np.cumsum(amount) / float(sizes[name])
    return pd.DataFrame(columns)
