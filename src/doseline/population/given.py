"""Covariates and identifiers as people give them: numbers, quantities, columns, words."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from doseline.errors import InputError
from doseline.figures import unit_in
from doseline.units import QUANTITY, STANDARD_UNITS, parse_unit, read_quantity, registry

BY_NAME = "give covariates by name, such as cohort(WT=[50, 70]), or a data frame with a column for each"


class Given(NamedTuple):
    """One covariate, read: values (subject,) or (), numbers or words, and their unit.

    The unit is None where none was given, so that the one of the model file is meant; words have none.
    """

    values: np.ndarray
    unit: str | None


def read_covariate(name: str, value: Any) -> Given:
    """Read what was given for one covariate."""
    place = f"cohort {name}"
    value = _plain(value)
    words = _words(name, value, place)
    if words is not None:
        return Given(words, None)
    unit = STANDARD_UNITS.get(name)
    if unit is None:
        unit = _own_unit(value, place)
    _refuse_gaps(value, unit, place)
    found = np.asarray(read_quantity(value, unit or "1", place=place), dtype=np.float64)
    if found.ndim > 1:
        raise InputError(
            f"found an array of shape {found.shape}",
            place=place,
            advice="give one value a subject: one dimension",
        )
    if name in STANDARD_UNITS and (found <= 0).any():
        at = int(np.flatnonzero(found.ravel() <= 0)[0])
        raise InputError(
            f"found {found.ravel()[at]:g} {unit} (subject {at + 1} of {found.size})",
            place=place,
            advice="expected a value above 0",
        )
    return Given(found, unit)


def _plain(value: Any) -> Any:
    """A pandas column as the array in it, a masked array with its gaps as NaN, a labelled one as a quantity."""
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.filled(value.astype(np.float64), np.nan)
    labelled = _labelled_unit(value)
    if labelled is not None:
        return registry().Quantity(np.asarray(value), parse_unit(labelled, place="cohort"))
    return value.to_numpy() if hasattr(value, "to_numpy") else value


def _labelled_unit(value: Any) -> str | None:
    """Unit in the attributes of an xarray object."""
    attrs = getattr(value, "attrs", None)
    unit = attrs.get("units") if isinstance(attrs, Mapping) else None
    return unit if isinstance(unit, str) else None


def _words(name: str, value: Any, place: str) -> np.ndarray | None:
    """A covariate of words, such as "F" and "M"; None where it is one of numbers."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUT":
        value = value.tolist()
    listed = value if isinstance(value, (list, tuple)) else [value]
    first = next((each for each in listed if isinstance(each, str) and not QUANTITY.fullmatch(each)), None)
    if first is None:
        return None
    if name in STANDARD_UNITS:
        raise InputError(
            f"found {first!r:.60}", place=place, advice=f"expected a number in {STANDARD_UNITS[name]}"
        )
    for at, each in enumerate(listed):
        if not isinstance(each, str) or not each.strip():
            raise InputError(
                f"found {each!r:.60} (subject {at + 1} of {len(listed)}) among words such as {first!r:.60}",
                place=place,
                advice="give a word for every subject, or leave the subject out",
            )
    found = np.array([str(each) for each in listed])
    return found if isinstance(value, (list, tuple)) else found[0:1].reshape(())


def _refuse_gaps(value: Any, unit: str | None, place: str) -> None:
    """Missing and infinite values, told with their subject."""
    if hasattr(value, "units"):
        value = value.magnitude
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return  # texts and quantities: whoever reads them looks
    wrong = np.flatnonzero(~np.isfinite(found.ravel()))
    if found.ndim and wrong.size:
        at = int(wrong[0])
        raise InputError(
            f"found {found.ravel()[at]:g} (subject {at + 1} of {found.size})",
            place=place,
            advice=f"expected a finite number{f' in {unit}' if unit else ''}: fill it in, or leave the subject out",
        )


def _own_unit(value: Any, place: str) -> str | None:
    """Unit that comes with a covariate which has no standard one."""
    if hasattr(value, "units") and hasattr(value, "magnitude"):
        return parse_unit(str(value.units), place=place)
    if isinstance(value, str):
        return parse_unit(unit_in(value) or "1", place=place)
    return None


def read_columns(people: Any, *, place: str, advice: str = BY_NAME) -> dict[str, Any]:
    """Columns of a data frame or mapping, by name."""
    if isinstance(people, float) and place == "cohort":
        raise InputError(
            f"found {people!r} subjects",
            place=place,
            advice="give a whole number, such as cohort(1000, seed=7, ...)",
        )
    if not hasattr(people, "items") and not hasattr(people, "columns"):
        raise InputError(f"found {people!r:.60}", place=place, advice=advice)
    # polars has columns and no keys
    columns = people if hasattr(people, "keys") else {name: people[name] for name in people.columns}
    return {str(name): column for name, column in dict(columns).items()}


def read_count(count: int) -> int:
    """How many subjects to make."""
    if count < 1:
        raise InputError(
            f"found {count} subjects", place="cohort", advice="a cohort needs at least one subject"
        )
    return int(count)


def is_count(people: Any) -> bool:
    """Say whether ``people`` is a number of subjects."""
    return isinstance(people, numbers.Integral) and not isinstance(people, bool)


def read_subjects(subject: Any) -> np.ndarray:
    """Identifiers: an array of numbers, or of texts."""
    place, own = "cohort subject", "give every subject an identifier of its own, a number or a text"
    ids = np.atleast_1d(np.asarray(_plain(subject)))
    if ids.ndim > 1:
        raise InputError(f"found an array of shape {ids.shape}", place=place, advice=own)
    listed = ids.tolist()
    if ids.dtype.kind not in "iuU":
        for at, each in enumerate(listed):
            if isinstance(each, bool) or not isinstance(each, (int, float, str)) or each != each:
                raise InputError(
                    f"found {each!r:.60} (subject {at + 1} of {len(listed)})", place=place, advice=own
                )
    if all(isinstance(each, str) for each in listed):
        ids = ids.astype(str)  # whatever kind of text pandas had: this one goes into every file
    elif ids.dtype.kind not in "iuf":
        raise InputError(
            "found numbers and texts", place=place, advice="give all of them as texts, or all as numbers"
        )
    found, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"subject {found[counts > 1][0]!s} occurs {counts[counts > 1][0]} times", place=place, advice=own
        )
    return ids
