"""Cohorts: the subjects of a simulation and their covariates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from doseline.errors import InputError
from doseline.units import STANDARD_UNITS, factor, parse_unit, read_quantity, registry


@dataclass(frozen=True, eq=False)
class Cohort:
    """Subjects and their covariates; made by `cohort`.

    Attributes
    ----------
    subject : array (subject,)            Their identifiers.
    covariates : dict of array (subject,) Values, one array a covariate.
    units : dict of str or None           Unit of each; None: the unit that the model file gives.

    >>> people = cohort(WT=[50, 70])
    >>> len(people), people.units["WT"]
    (2, 'kg')
    """

    subject: np.ndarray
    covariates: Mapping[str, np.ndarray]
    units: Mapping[str, str | None] = field(default_factory=dict)
    seed: int | None = None
    sobol: bool = False

    def __len__(self) -> int:
        return len(self.subject)

    def __repr__(self) -> str:
        """A line a covariate would be long: the range of each."""
        told = []
        for name, values in self.covariates.items():
            low, high, unit = values.min(), values.max(), self.units[name]
            told.append(
                f"{name} {low:g}" + (f"..{high:g}" if low < high else "") + (f" {unit}" if unit else "")
            )
        count = "1 subject" if len(self) == 1 else f"{len(self)} subjects"
        return f"Cohort({count}{': ' if told else ''}{', '.join(told)})"

    def values(self, name: str, unit: str) -> np.ndarray:
        """Values of a covariate in ``unit``, shape (subject,)."""
        own = self.units[name]
        return (
            self.covariates[name]
            if own is None
            else self.covariates[name] * factor(own, unit, place=f"cohort {name}")
        )


def cohort(people: Any = None, *, subject: Any = None, **covariates: Any) -> Cohort:
    """Subjects with the covariates given, one value each or one for all.

    Parameters
    ----------
    people : data frame or mapping, optional  Columns are covariates; a column ``ID`` names the subjects.
    subject : array (subject,), optional      Identifiers; 1, 2, 3, ... where nothing is said.
    **covariates : number, array, text such as "70 kg", or pint quantity
        Plain numbers are in kg (WT), cm (HT), m**2 (BSA), year (AGE), mL/min (CRCL); others in the unit of the model.

    Raises
    ------
    InputError : no subjects, unequal lengths, values that are not finite, or not above zero where they must be.

    >>> cohort(WT=np.linspace(40, 120, 81))
    Cohort(81 subjects: WT 40..120 kg)
    >>> cohort(WT="70 kg", AGE=[18, 25])
    Cohort(2 subjects: WT 70 kg, AGE 18..25 year)
    """
    given: dict[str, Any] = {}
    if people is not None:
        if not hasattr(people, "items") and not hasattr(people, "columns"):
            raise InputError(
                f"found {people!r:.60}",
                place="cohort",
                advice="give covariates by name, such as cohort(WT=[50, 70]), or a data frame with a column for each",
            )
        given = {str(name): column for name, column in dict(people).items()}
        if "ID" in given and subject is not None:
            raise InputError(
                "subjects are named twice",
                place="cohort",
                advice="give the column ID or subject=..., not both",
            )
        subject = given.pop("ID", subject)
    twice = sorted(set(given) & set(covariates))
    if twice:
        raise InputError(
            f"{twice[0]} is given twice", place="cohort", advice="give it in the data frame or by name"
        )
    given.update(covariates)
    read = {name: _read(name, value) for name, value in given.items()}
    values = {name: array for name, (array, _) in read.items()}
    count = _count(values, subject)
    ids = np.arange(1, count + 1) if subject is None else _subjects(subject)
    wide = {name: np.ascontiguousarray(np.broadcast_to(array, (count,))) for name, array in values.items()}
    return Cohort(subject=ids, covariates=wide, units={name: unit for name, (_, unit) in read.items()})


def _read(name: str, value: Any) -> tuple[np.ndarray, str | None]:
    """Values (subject,) or (), and the unit they are in."""
    place = f"cohort {name}"
    value = _plain(value)
    _refuse_words(name, value, place)
    unit = STANDARD_UNITS.get(name)
    if unit is None:
        unit = _own_unit(value, place)
    _refuse_gaps(value, unit, place)
    numbers = np.asarray(read_quantity(value, unit or "1", place=place), dtype=np.float64)
    if numbers.ndim > 1:
        raise InputError(
            f"found an array of shape {numbers.shape}",
            place=place,
            advice="give one value a subject: one dimension",
        )
    if name in STANDARD_UNITS and (numbers <= 0).any():
        at = int(np.flatnonzero(numbers.ravel() <= 0)[0])
        raise InputError(
            f"found {numbers.ravel()[at]:g} {unit} (subject {at + 1} of {numbers.size})",
            place=place,
            advice="expected a value above 0",
        )
    return numbers, unit


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


def _refuse_words(name: str, value: Any, place: str) -> None:
    """Columns such as "m" and "f": a covariate stands in formulas."""
    words = value if isinstance(value, (list, tuple)) else [value] if isinstance(value, str) else ()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUT":
        words = value.ravel().tolist()
    for word in words:
        if isinstance(word, str) and not any(letter.isdigit() for letter in word):
            raise InputError(
                f"found {word!r:.60}",
                place=place,
                advice=f"expected a number in {STANDARD_UNITS[name]}"
                if name in STANDARD_UNITS
                else f"a covariate is a number: leave {name} out, or code it, such as 0 and 1",
            )


def _refuse_gaps(value: Any, unit: str | None, place: str) -> None:
    """Missing and infinite values, told with their subject."""
    if hasattr(value, "units"):
        value = value.magnitude
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return  # texts and quantities: whoever reads them looks
    wrong = np.flatnonzero(~np.isfinite(numbers.ravel()))
    if numbers.ndim and wrong.size:
        at = int(wrong[0])
        raise InputError(
            f"found {numbers.ravel()[at]:g} (subject {at + 1} of {numbers.size})",
            place=place,
            advice=f"expected a finite number{f' in {unit}' if unit else ''}: fill it in, or leave the subject out",
        )


def _own_unit(value: Any, place: str) -> str | None:
    """Unit that comes with a covariate which has no standard one."""
    if hasattr(value, "units") and hasattr(value, "magnitude"):
        return parse_unit(str(value.units), place=place)
    if isinstance(value, str):
        return parse_unit(value.strip().lstrip("+-0123456789.eE").strip() or "1", place=place)
    return None


def _count(values: Mapping[str, np.ndarray], subject: Any) -> int:
    """Number of subjects that all covariates agree on."""
    lengths = {name: array.size for name, array in values.items() if array.ndim == 1}
    if subject is not None:
        lengths["subject"] = len(_subjects(subject))
    for name, length in lengths.items():
        if length == 0:
            raise InputError(
                f"{name} has no values", place="cohort", advice="a cohort needs at least one subject"
            )
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(
            f"lengths differ: {told}",
            place="cohort",
            advice="give one value a subject for each covariate, or a single one for all subjects",
        )
    if not values and subject is None:
        raise InputError(
            "no covariates", place="cohort", advice="give at least one, such as cohort(WT=[50, 70])"
        )
    return next(iter(lengths.values()), 1)


def _subjects(subject: Any) -> np.ndarray:
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
