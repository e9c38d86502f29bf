"""A regimen as an event table: a record for each dose of a pattern, its repeats as additional doses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.dosing.amounts import SIZES
from doseline.dosing.dose import Dose
from doseline.dosing.record_checks import MOST_ADDITIONAL
from doseline.dosing.records import CHOICES, MODES, Records
from doseline.dosing.regimen import Regimen
from doseline.errors import InputError, did_you_mean
from doseline.model.read import load_model
from doseline.model.spec import Model, Route
from doseline.times import read_times

PLACE = "to_records"


@dataclass(frozen=True)
class Line:
    """One dose of a pattern and its repeats, for all subjects."""

    time: float  # [h]
    dose: Dose
    interval: float  # [h]
    count: np.ndarray  # (subject,) doses, 0 where the subject has stopped before


@dataclass(frozen=True)
class Entry:
    """How a dose is written: the number of its compartment, RATE or DUR."""

    compartment: int
    rate: np.ndarray  # (subject,) [mg/h], or -1, -2
    duration: float  # [h]


def records_of_regimen(regimen: Regimen, cohort: Any, *, model: Any, times: Any) -> Records:
    """The records of `Regimen.to_records`, for which see there."""
    _refuse_adherence(regimen)
    known = None if model is None else load_model(model)
    subject = np.array([1]) if cohort is None else cohort.subject
    covariates: Mapping[str, np.ndarray] = {} if cohort is None else cohort.covariates
    units: Mapping[str, str | None] = {} if cohort is None else cohort.units
    sizes = _sizes(regimen, cohort)
    lines = _lines(regimen, sizes, len(subject))
    seen = np.empty(0) if times is None else read_times(times, end=regimen.length)
    at = np.concatenate([[line.time for line in lines], seen])
    order = np.argsort(at, kind="stable")  # doses stand before the observations at their time
    shape = (len(at), len(subject))
    table = {name: np.zeros(shape) for name in ("amount", "rate", "duration", "interval", "additional")}
    compartment, kept = np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=bool)
    for row, line in enumerate(lines):
        amount = line.dose.amount * (1.0 if line.dose.per is None else sizes[line.dose.per])
        entry = _entry(line.dose, amount, known)
        compartment[row] = entry.compartment
        table["amount"][row], table["rate"][row], table["duration"][row] = amount, entry.rate, entry.duration
        table["additional"][row] = np.maximum(line.count - 1, 0)
        table["interval"][row] = np.where(line.count > 1, line.interval, 0.0)
        kept[row] = line.count > 0
    kept = kept[order].T  # (subject, row)

    def flat(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values.T if values.ndim == 2 else values, kept.shape)[kept]

    evid = np.repeat([1, 0], [len(lines), len(seen)])[order]
    whose = np.repeat(np.arange(len(subject)), kept.sum(axis=1))
    named = {name: [getattr(line.dose, name) or "" for line in lines] for name in CHOICES}
    return Records(
        name="records",
        line=np.arange(1, kept.sum() + 1),
        subject=subject,
        first=np.append(0, np.cumsum(kept.sum(axis=1))),
        time=flat(at[order]),
        evid=flat(evid),
        amount=flat(table["amount"][order]),
        rate=flat(table["rate"][order]),
        duration=flat(table["duration"][order]),
        interval=flat(table["interval"][order]),
        additional=flat(table["additional"][order]).astype(np.int64),
        steady=np.zeros(len(whose), dtype=np.int64),
        compartment=flat(compartment[order]),
        mdv=flat((evid != 0).astype(np.int64)),
        dv=None,
        choices={
            name: flat(np.array([*words, *[""] * len(seen)])[order])
            for name, words in named.items()
            if any(words)
        },
        covariates={name: values[whose] for name, values in covariates.items()},
        units=dict(units),
        modes=dict.fromkeys(covariates, MODES[0]),
    )


def _refuse_adherence(regimen: Regimen) -> None:
    """An event table says what was given: the prescription would not be true, and what is taken has to be drawn."""
    if regimen.adherence is not None:
        raise InputError(
            f"not every dose is taken as prescribed: {regimen.adherence!r}",
            place=PLACE,
            advice="write the course as a table before .taken(...); for what each subject took, "
            "simulate it and use dl.dose_log",
        )


def _lines(regimen: Regimen, sizes: Mapping[str, np.ndarray], subjects: int) -> list[Line]:
    """Every dose of every pattern; where subjects stop on different days, their counts differ."""
    taken = np.broadcast_to(regimen.doses_taken(**sizes), (subjects,))
    lines = []
    for block in regimen.blocks:
        own = np.full(subjects, block.count)
        if block.until is not None:
            own = taken - (regimen.count - block.count)
        for position, (offset, dose) in enumerate(block.pattern):
            count = (own - position + len(block.pattern) - 1) // len(block.pattern)
            # a record holds a million additional doses: more are written as several records
            for begin in range(0, block.repeats, MOST_ADDITIONAL + 1):
                here = np.clip(count - begin, 0, MOST_ADDITIONAL + 1)
                lines.append(Line(block.start + begin * block.period + offset, dose, block.period, here))
    return [line for line in lines if line.count.any()]


def _entry(dose: Dose, amount: np.ndarray | float, model: Model | None) -> Entry:
    """Compartment, RATE and DUR of a dose; without a model what the regimen says of it."""
    duration = dose.duration or 0.0
    if model is None:
        return Entry(0, np.zeros(()), duration)
    name = dose.route or model.default_route
    if name not in model.routes:
        known = did_you_mean(name, model.routes, what=f"{model.name} has")
        raise InputError(f"unknown route '{name}'", place=PLACE, advice=known)
    route: Route = model.routes[name]
    into = list(model.compartments).index(route.into) + 1
    if not duration:
        code = -2.0 if route.duration is not None else -1.0 if route.rate is not None else 0.0
        return Entry(into, np.array(code), 0.0)
    if route.bioavailability is None:
        return Entry(into, np.asarray(amount) / duration, 0.0)
    # RATE would stretch the infusion with the amount that arrives, and the regimen says how long it is
    return Entry(into, np.zeros(()), duration)


def _sizes(regimen: Regimen, cohort: Any) -> dict[str, np.ndarray]:
    """Body weight [kg] and surface [m2], as far as the cohort has them; those that doses follow must be there."""
    known = {} if cohort is None else cohort.covariates
    for each, per in regimen.sized:
        if per not in known:
            raise InputError(
                f"'{each}' needs {per}, and {'there is no cohort' if cohort is None else 'the cohort has none'}",
                place=PLACE,
                advice=f"give a cohort with {per} (in {SIZES[per]}), as in dl.cohort({per}=[...])",
            )
    return {name: cohort.values(name, unit) for name, unit in SIZES.items() if name in known}
