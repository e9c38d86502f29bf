"""What was given in a simulation, dose by dose: the doses of regimens and event tables written out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.arms import Arms
from doseline.compile import Compiled
from doseline.dataset import Axis, combinations
from doseline.dosing.records import per_record
from doseline.events import Events
from doseline.intakes import meals_of
from doseline.origin import AskedRecords, AskedRegimens, asked
from doseline.solve_intakes import Arm
from doseline.tables import Tables
from doseline.walk_events import doses_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

HABITUAL = ("prescribed (mg)", "taken", "taken at (h)")
"""Columns that are there only where a regimen comes with habits of taking doses."""


def dose_log(levels: "xr.Dataset") -> "pd.DataFrame":
    """Every dose of a simulation, one row each, additional doses (ADDL) written out.

    Parameters
    ----------
    levels : Dataset
        From `simulate`. One that was cut to some replicates, regimens, formulations, meals or subjects gives their
        doses.

    Returns
    -------
    pandas.DataFrame
        ``replicate``, ``regimen``, ``formulation`` and ``meal`` where the Dataset has them as dimensions, ``subject``,
        ``time (h)`` when the dose is due, ``amount (mg)``, ``compartment``, ``dose formulation`` and ``dose meal`` as
        the dose itself has them, ``F``, ``lag (h)``, ``duration (h)`` and ``rate (mg/h)`` of an infusion (0: a bolus),
        ``arrives (h)``.
        With adherence there is a row for each prescribed dose: ``prescribed (mg)``, ``taken``, ``taken at (h)``; what
        was missed has the amount 0.
        For an event table also ``line``, and ``dose``: 0 for the record's own, 1, 2, ... for its additional ones,
        -1, -2, ... for earlier ones of a steady state that arrive after it. Doses that a later record cancelled are not
        there, nor those before their record that a steady state implies, nor constant infusions at steady state, which
        are over at their record, nor the doses of subjects whose doses are no numbers.

    Raises
    ------
    InputError : a Dataset that does not say how it was made, or has lost records or variables.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "40 mg twice daily for 1 week", times="6 h", meal="fed")
    >>> dl.dose_log(levels)[["time (h)", "amount (mg)", "arrives (h)"]].head(2).to_numpy().tolist()
    [[0.0, 40.0, 2.6], [12.0, 40.0, 14.6]]
    """
    import pandas as pd

    before = asked(levels)
    before = replace(before, axes={name: _cut(axis, name, levels) for name, axis in before.axes.items()})
    times = np.atleast_1d(levels["time"].values)
    replicates = before.draws.labels
    if before.draws.replicates is not None and "replicate" in levels.coords:
        replicates = tuple(np.atleast_1d(levels["replicate"].values).tolist())
    tables = (
        _of_records(before, replicates)
        if isinstance(before, AskedRecords)
        else _of_regimens(before, times, replicates)
    )
    log = pd.concat([pd.DataFrame(table) for table in tables], ignore_index=True)
    hidden = [
        name
        for name in ("replicate", "regimen", "formulation", "meal")
        if name in log and name not in levels.dims
    ]
    empty = [name for name in ("dose formulation", "dose meal") if (log[name] == "").all()]
    log = log.drop(columns=[*hidden, *empty])
    kept = np.unique(levels["subject"].values)
    return log[log["subject"].isin(kept)].reset_index(drop=True)


def _cut(axis: Axis, name: str, levels: "xr.Dataset") -> Axis:
    """What is left of an axis in the Dataset."""
    if name not in levels.coords:
        return axis
    kept = set(np.atleast_1d(levels[name].values).tolist())
    return Axis(tuple(label for label in axis.labels if label in kept), axis.shown)


def _of_regimens(before: AskedRegimens, times: np.ndarray, replicates: Sequence[int]) -> list[dict[str, Any]]:
    kept = {name: course for name, course in before.regimens.items() if name in before.axes["regimen"].labels}
    arms = Arms(before.model, before.people, kept, before.axes, before.draws, times, before.solver)
    habits = any(course.adherence is not None for course in kept.values())
    tables = []
    for replicate, key in product(replicates, arms.keys):
        name, formulation, meal = key
        swept = {"regimen": name, "formulation": formulation or "", "meal": meal or ""}
        arm = arms.arm(replicate, key)
        own = _of_intakes(arm) if arm.personal else _of_schedule(arms, arm)
        if not habits:
            own = {name: column for name, column in own.items() if name not in HABITUAL}
        own["subject"] = before.people.subject[own["subject"]]
        tables.append({"replicate": replicate, **swept, **own})
    return tables


def _of_schedule(arms: Arms, arm: Arm) -> dict[str, Any]:
    """Doses that are taken as they are prescribed."""
    plan = arms.schedule(arm)
    subject = np.repeat(np.arange(len(plan.taken)), plan.taken)
    at = np.arange(len(subject)) - np.repeat(np.cumsum(plan.taken) - plan.taken, plan.taken)
    kind = plan.kind[at]
    given, arriving = plan.given[subject, kind], plan.amount[subject, kind]
    lag, duration = plan.lag[subject, kind], plan.duration[subject, kind]
    with np.errstate(all="ignore"):
        rate = np.where(duration > 0, arriving / duration, 0.0)
    return {
        "subject": subject,
        "time (h)": plan.time[at],
        "prescribed (mg)": given,
        "taken": np.ones(len(at), dtype=bool),
        "taken at (h)": plan.time[at],
        "amount (mg)": given,
        "compartment": np.array(list(arm.compiled.states))[plan.target[kind]],
        "dose formulation": np.array([intake.formulation or "" for intake in plan.intake])[kind],
        "dose meal": np.array([intake.meal or "" for intake in plan.intake])[kind],
        "F": arriving / given,
        "lag (h)": lag,
        "duration (h)": duration,
        "rate (mg/h)": rate,
        "arrives (h)": plan.time[at] + lag,
    }


def _of_intakes(arm: Arm) -> dict[str, Any]:
    """Doses that are taken, or not, as each subject does."""
    taking, drawn = arm.taking(slice(None))
    people = arm.people
    intakes = arm.plan.read(people.sizes, people.covariates, drawn, taking, arm.doses_taken)
    subject, at = np.nonzero(np.arange(len(intakes.time)) < arm.doses_taken[:, np.newaxis])

    def of_doses(values: np.ndarray) -> np.ndarray:
        return values[subject, at if values.shape[1] > 1 else 0]

    taken, given = intakes.taken[subject, at], of_doses(intakes.given)
    when = intakes.time[at] + of_doses(intakes.shift)
    lag, duration = of_doses(intakes.lag), of_doses(intakes.duration)
    arriving = of_doses(intakes.amount)
    with np.errstate(all="ignore"):
        rate = np.where((duration > 0) & taken, arriving / duration, 0.0)
        share = np.where(taken, arriving / given, np.nan)
    names = np.array([*meals_of(arm.compiled.model), ""])
    meals = names[np.broadcast_to(arm.plan.meal_codes(intakes.meal), intakes.taken.shape)[subject, at]]
    kind = arm.plan.regimen.doses()[1][at]
    return {
        "subject": subject,
        "time (h)": intakes.time[at],
        "prescribed (mg)": given,
        "taken": taken,
        "taken at (h)": np.where(taken, when, np.nan),
        "amount (mg)": np.where(taken, given, 0.0),
        "compartment": np.array(list(arm.compiled.states))[of_doses(intakes.target)],
        "dose formulation": np.array([intake.formulation or "" for intake in arm.plan.settled()])[kind],
        "dose meal": np.where(taken, meals, ""),
        "F": share,
        "lag (h)": lag,
        "duration (h)": duration,
        "rate (mg/h)": rate,
        "arrives (h)": np.where(taken, when + lag, np.nan),
    }


def _of_records(before: AskedRecords, replicates: Sequence[int]) -> list[dict[str, Any]]:
    found = []
    tables = Tables(before, None)
    for replicate, arm in product(replicates, combinations(before.axes)):
        plan = tables.plan(replicate, arm, tables.sets(replicate, arm), strict=False)
        chosen = {"formulation": arm[0] or "", "meal": arm[1] or ""}
        own = _of_events(plan, before, tables.compiled(replicate), chosen)
        found.append({"replicate": replicate, **chosen, **own})
    return found


def _of_events(
    plan: Events, before: AskedRecords, compiled: Compiled, chosen: Mapping[str, str]
) -> dict[str, Any]:
    records = before.records
    row, count = doses_of(plan)
    own = {
        name: np.where(words == "", chosen[name], words)[row]
        for name in chosen
        for words in [records.choices.get(name, np.full(len(records), ""))]
    }
    return {
        "subject": per_record(records.subject, records.first)[row],
        "line": records.line[row],
        "dose": count,
        "time (h)": plan.time[row] + count * plan.interval[row],
        "amount (mg)": records.amount[row],
        "compartment": np.array(list(compiled.states))[plan.target[row]],
        "dose formulation": own["formulation"],
        "dose meal": own["meal"],
        "F": plan.F[row],
        "lag (h)": plan.lag[row],
        "duration (h)": np.where(plan.rate > 0, plan.duration, 0.0)[row],
        "rate (mg/h)": plan.rate[row],
        "arrives (h)": plan.time[row] + (count * plan.interval[row] + plan.lag[row]),
    }
