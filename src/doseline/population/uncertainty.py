"""Draws of the estimates: what the typical values may be, one set for each replicate."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.model.entries import Parameter, positive_kind, set_by_every_meal
from doseline.model.spec import Model
from doseline.population.given import read_columns
from doseline.streams import Streams, correlated

Table = Mapping[str, tuple[float, ...]]
"""Draws of some parameters, in their own units, a row for each replicate."""


def read_table(given: Any, model: Model, *, replicates: int) -> dict[str, tuple[float, ...]]:
    """Draws given in a call: a data frame or a mapping with a column for each parameter.

    Raises
    ------
    InputError : columns that are no parameters, values that are no numbers, fewer rows than replicates.
    """
    place = "uncertainty"
    advice = "give a data frame, or a mapping of lists, with a column for each parameter"
    table = {}
    for name, column in read_columns(given, place=place, advice=advice).items():
        if name not in model.parameters:
            raise InputError(
                f"unknown parameter '{name}'", place=place, advice=did_you_mean(name, model.parameters)
            )
        if set_by_every_meal(name, model.formulations):
            raise InputError(
                f"every meal sets its own '{name}'",
                place=f"{place} {name}",
                advice="leave it out: other estimates of it would change nothing",
            )
        table[name] = _numbers(column, model.parameters[name], place=f"{place} {name}")
    if not table:
        raise InputError("there is no column", place=place, advice="give one for each uncertain parameter")
    if len({len(column) for column in table.values()}) > 1:
        raise InputError(
            "the columns differ in length", place=place, advice="give each parameter in every row"
        )
    refuse_few_rows(table, replicates, place=place)
    return table


def _numbers(column: Any, parameter: Parameter, *, place: str) -> tuple[float, ...]:
    """One column, a finite number in each row, above 0 where a volume or a clearance is."""
    unit = "" if parameter.unit == "1" else f" in {parameter.unit}"
    try:
        values = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(())
    if values.ndim != 1 or not values.size:
        raise InputError(
            f"found {column!r:.60}",
            place=place,
            advice=f"give a list of numbers{unit}, one for each replicate",
        )
    kind = positive_kind(parameter.unit)
    wrong = np.flatnonzero(~np.isfinite(values) | ((values <= 0.0) if kind else False))
    if wrong.size:
        at = int(wrong[0])
        what = f"a {kind} above 0" if kind else "a finite number"
        raise InputError(
            f"found {values[at]:g} (row {at + 1} of {values.size})",
            place=place,
            advice=f"expected {what}{unit}",
        )
    return tuple(values.tolist())


def refuse_few_rows(table: Table, replicates: int, *, place: str) -> None:
    """A replicate is a row of the table: none is used twice."""
    rows = len(next(iter(table.values())))
    if rows < replicates:
        raise InputError(
            f"{replicates} replicates, and {rows} rows of draws",
            place=place,
            advice=f"a replicate takes a row of its own: give at most replicates={rows}, or more draws",
        )


def estimates_of(model: Model, streams: Streams, table: Table | None) -> dict[str, float]:
    """Typical values of the streams' replicate (counted from 1) in coherent units; none where nothing is uncertain."""
    told = model.uncertainty
    if table is None and told is not None and told.draws:
        table = told.draws
    if table is not None:
        values = {name: column[streams.replicate - 1] for name, column in table.items()}
    elif told is not None:
        names = [f"estimate {name}" for name in told.names]
        drawn = correlated(streams, names, told.factor(), np.zeros(1, dtype=np.uint64))
        values = {}
        for name, stream, error in zip(told.names, names, told.sds(), strict=True):
            value, step = model.parameters[name].value, float(error * drawn[stream][0])
            values[name] = value * float(np.exp(step)) if told.scale == "log" else value + step
    else:
        values = {}
    return {name: value * model.parameters[name].to_coherent for name, value in values.items()}
