"""The verb `nca`: profiles from a simulation or a table, and their noncompartmental analysis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.analysis.nca import BLQ, analyse, read_asked
from doseline.analysis.nca_profiles import (
    UNITS,
    Profiles,
    given_doses,
    of_dataset,
    of_table,
    padded,
    refuse_disorder,
    refuse_units,
    which_dose,
)
from doseline.doses import dose_log
from doseline.dosing.records import Records, doses_among
from doseline.errors import InputError
from doseline.request import thread_count
from doseline.units import parse_unit

if TYPE_CHECKING:
    import xarray as xr


def nca(
    profiles: Any,
    *,
    dose: Any = None,
    route: str = "extravascular",
    duration: float | str = 0.0,
    tau: float | str | None = None,
    area: str = "linear up, log down",
    lloq: float | str | None = None,
    blq: str | Mapping[str, str] = BLQ,
    windows: Sequence[tuple[float, float]] = (),
    terminal: tuple[float, float] | None = None,
    points: int = 3,
    after: str | int = "last",
    output: str | None = None,
    columns: Mapping[str, str] | None = None,
    by: str | Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    slope_points: bool = False,
    threads: int | None = None,
) -> "xr.Dataset":
    """Noncompartmental analysis of every profile.

    Parameters
    ----------
    profiles : Dataset from `simulate`, Records or a table
        A table (pandas, polars, a mapping of columns) has a line for each sample, with the columns ``subject``,
        ``time`` and ``conc``; times count from the dose, and samples before it (below 0) are left out.
    dose : number, array (subject,) or name of a column, optional
        Amount. Of a Dataset and of Records it is known.
    route : "extravascular", "infusion" or "bolus"
    duration : float or text   Of an infusion. [h]
    tau : float or text, optional
        Dosing interval, for profiles at steady state: AUCTAU, CMIN, CAVG, CTROUGH and what follows from them. [h]
    area : "linear up, log down", "linear" or "log"
        How levels go from sample to sample; "log" means exponentially wherever both are above 0.
    lloq : float or text, optional   Limit of quantification: what is below, and 0 in any case, was not measured.
    blq : "zero", "drop", "half" or a mapping
        What becomes of it: 0, left out, or half the limit; for all, or ``before``, ``between`` and ``after`` those
        that were measured. Before a bolus it is left out in any case.
    windows : pairs of times       Areas within them, in ``AUCINT``. [h after the dose]
    terminal : pair of times       Span of the terminal slope; where nothing is given, the points with the best adjusted
        R² are taken, at least ``points``, all after the peak (with it after a bolus); of those within 0.0001 of the
        best the most.
    after : "last", "first" or number
        Of a Dataset and of Records (observations DV, in mg/L): which dose the profile follows, until the next.
    output : str                   Of a Dataset: which output.
    columns, by, units             Of a table: names of its columns, other columns that tell profiles apart, and the
        units of ``level`` (mg/L), ``time`` (h) and ``dose`` (mg).
    slope_points : bool            Say of every sample whether the terminal slope was drawn through it.
    threads : int, optional        As in `simulate`; the numbers are the same on any number of them.

    Returns
    -------
    xarray.Dataset
        A variable for each metric, by its CDISC code, with unit, CDISC name (``long_name``), WinNonlin's name
        (``alias``) and how it is summed up (``summary``). ``reason`` (metric, ...) says why a value is missing: it
        travels to all that is made of it. ``LAMZLL``, ``LAMZUL`` and ``LAMZNPT`` say through which points the terminal
        slope goes, and ``slope_point`` marks them. ``nca_table`` and ``nca_summary`` make tables of it.

    Raises
    ------
    InputError, UnitError : what cannot be used, with the place.

    Source
    ------
    docs/theory/nca.md.

    >>> found = nca({"subject": [1] * 5, "time": [0, 1, 2, 4, 8], "conc": [0, 4, 8, 4, 1]}, dose=100, area="linear")
    >>> float(found["CMAX"][0]), float(found["AUCLST"][0]), round(float(found["LAMZ"].isnull()[0]))
    (8.0, 30.0, 1)
    """
    count = thread_count(threads)
    found = _profiles(profiles, dose, after, output, columns, by, units)
    asked = read_asked(
        route=route, duration=duration, tau=tau, area=area, lloq=lloq, blq=blq, windows=windows, terminal=terminal,
        points=points, units=found.units,
    )  # fmt: skip
    slope = (
        f"the best adjusted R² of {points} points or more"
        if terminal is None
        else f"all points from {terminal}"
    )
    told = blq if isinstance(blq, str) else ", ".join(f"{where}: {rule}" for where, rule in blq.items())
    attrs = {
        "method": f"noncompartmental; terminal slope: {slope}",
        "route": route,
        "area": area,
        "blq": told,
    }
    return analyse(found, asked, slope_points=slope_points, threads=count, attrs=attrs)


def _profiles(
    profiles: Any, dose: Any, after: str | int, output: str | None, columns: Any, by: Any, units: Any
) -> Profiles:
    """Profiles from whatever was given."""
    import xarray as xr

    if isinstance(profiles, xr.Dataset | Records):
        for name, value in (("columns", columns), ("by", by), ("units", units)):
            if value:
                raise InputError(
                    "this is for tables", place=name, advice="leave it out: these are known here"
                )
        if isinstance(profiles, Records):
            return _of_records(profiles, dose, after)
        return of_dataset(profiles, output, dose, after, dose_log)
    if output is not None:
        raise InputError(
            "this is for Datasets", place="output", advice="name the column: columns={'level': ...}"
        )
    refuse_units(units or {})
    told = {key: parse_unit(value, place="units") for key, value in (units or {}).items()}
    return of_table(profiles, dose, columns or {}, (by,) if isinstance(by, str) else tuple(by), told)


def _of_records(records: Records, dose: Any, after: str | int) -> Profiles:
    """Profiles of an event table: the observations (DV) of each subject after one of its doses, until the next."""
    if records.dv is None:
        raise InputError(f"{records.name} has no column DV", place="profiles", advice="give observed levels")
    subject = np.repeat(np.arange(len(records.subject)), np.diff(records.first))
    given = doses_among(records.evid)
    times = records.additional[given] + 1
    again = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    due = np.repeat(records.time[given], times) + again * np.repeat(records.interval[given], times)
    whose, amount = np.repeat(subject[given], times), np.repeat(records.amount[given], times)
    _refuse_cancelled(records, subject, given)
    # doses of one moment are one dose
    pairs, same = np.unique(np.stack([whose, due], axis=1), axis=0, return_inverse=True)
    whose, due = pairs[:, 0].astype(np.intp), pairs[:, 1]
    amount = np.bincount(same.ravel(), amount)
    count = np.bincount(whose, minlength=len(records.subject))
    if not count.all():
        who = records.subject[int(np.argmin(count))]
        raise InputError(
            f"subject {who} has no dose", place="profiles", advice="leave the subject out, or give its dose"
        )
    number = which_dose(after, int(count.max()))
    picked = np.where(number < 0, count - 1, number)
    lacking = picked >= count
    if lacking.any():
        who = records.subject[int(np.argmax(lacking))]
        raise InputError(
            f"subject {who} has no dose {picked.max() + 1}", place="after", advice="give an earlier one"
        )
    at = np.cumsum(count) - count + picked
    following = np.append(due, np.inf)[at + 1]
    span = np.stack([due[at], np.where(picked + 1 < count, following, np.inf)], axis=1)
    seen = (records.evid == 0) & (records.mdv == 0) & ~np.isnan(records.dv)
    without = np.bincount(subject[seen], minlength=len(count)) == 0
    if without.any():
        who = records.subject[int(np.argmax(without))]
        raise InputError(
            f"subject {who} has no observation", place="profiles", advice="leave the subject out"
        )
    time, level, _ = padded(subject[seen], records.time[seen], records.dv[seen])
    if len(set(records.compartment[seen].tolist())) > 1:
        raise InputError(
            "levels of several compartments are observed",
            place=f"{records.name} column CMT",
            advice="keep the observations of one of them",
        )
    known = np.where(amount[at] > 0, amount[at], np.nan)
    own = known if dose is None else given_doses(dose, ("subject",), (len(count),))
    coords = {"subject": records.subject}
    found = Profiles(time, level, span, own, ("subject",), (len(count),), coords, UNITS)
    refuse_disorder(found)
    return found


def _refuse_cancelled(records: Records, subject: np.ndarray, given: np.ndarray) -> None:
    """Additional doses that a later record takes back are for a simulation to tell."""
    until = records.time + records.additional * records.interval
    for row in np.flatnonzero(given & (records.additional > 0)):
        later = (subject == subject[row]) & (records.time > records.time[row]) & (records.time <= until[row])
        if (later & ((records.steady == 1) | (records.evid == 4) | (records.evid == 8))).any():
            raise InputError(
                "additional doses (ADDL) go on behind a record that may take them back",
                place=records.place(int(row)),
                advice="write these doses out, each with a record of its own",
            )
