"""What was given in a simulation, dose by dose: the doses of regimens and event tables written out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.compile import Compiled
from doseline.dataset import Axis, combinations
from doseline.dosing.records import per_record
from doseline.event_levels import plans_of
from doseline.events import Events, sets_of
from doseline.origin import AskedRecords, AskedRegimens, asked
from doseline.request import covariates_of
from doseline.schedule import Schedule, schedules_of
from doseline.walk_events import doses_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def dose_log(levels: "xr.Dataset") -> "pd.DataFrame":
    """Every dose of a simulation, one row each, additional doses (ADDL) written out.

    Parameters
    ----------
    levels : Dataset
        From `simulate`. One that was cut to some regimens, formulations, meals or subjects gives their doses.

    Returns
    -------
    pandas.DataFrame
        ``regimen``, ``formulation`` and ``meal`` where the Dataset has them as dimensions, ``subject``, ``time (h)``
        when the dose is given, ``amount (mg)``, ``compartment``, ``dose formulation`` and ``dose meal`` as the dose
        itself has them, ``F``, ``lag (h)``, ``duration (h)`` and ``rate (mg/h)`` of an infusion (0: a bolus),
        ``arrives (h)``. For an event table also ``line``, and ``dose``: 0 for the record's own, 1, 2, ... for its
        additional ones, -1, -2, ... for earlier ones of a steady state that arrive after it. Doses that a later record
        cancelled are not there, nor those before their record that a steady state implies, nor constant infusions at
        steady state, which are over at their record, nor the doses of subjects whose doses are no numbers.

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
    tables = _of_records(before) if isinstance(before, AskedRecords) else _of_regimens(before)
    log = pd.concat([pd.DataFrame(table) for table in tables], ignore_index=True)
    hidden = [name for name in ("regimen", "formulation", "meal") if name in log and name not in levels.dims]
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


def _of_regimens(before: AskedRegimens) -> list[dict[str, Any]]:
    compiled = Compiled(before.model)
    covariates = covariates_of(before.people, before.model)
    kept = {name: course for name, course in before.regimens.items() if name in before.axes["regimen"].labels}
    planned = schedules_of(compiled, kept, before.people, covariates, before.axes)
    tables = []
    for (name, formulation, meal), (_, plan) in planned.items():
        swept = {"regimen": name, "formulation": formulation or "", "meal": meal or ""}
        tables.append(swept | _of_schedule(plan, before.people.subject, compiled))
    return tables


def _of_schedule(plan: Schedule, subjects: np.ndarray, compiled: Compiled) -> dict[str, Any]:
    subject = np.repeat(np.arange(len(subjects)), plan.taken)
    at = np.arange(len(subject)) - np.repeat(np.cumsum(plan.taken) - plan.taken, plan.taken)
    kind = plan.kind[at]
    given, arriving = plan.given[subject, kind], plan.amount[subject, kind]
    lag, duration = plan.lag[subject, kind], plan.duration[subject, kind]
    with np.errstate(all="ignore"):
        rate = np.where(duration > 0, arriving / duration, 0.0)
    return {
        "subject": subjects[subject],
        "time (h)": plan.time[at],
        "amount (mg)": given,
        "compartment": np.array(list(compiled.states))[plan.target[kind]],
        "dose formulation": np.array([intake.formulation or "" for intake in plan.intake])[kind],
        "dose meal": np.array([intake.meal or "" for intake in plan.intake])[kind],
        "F": arriving / given,
        "lag (h)": lag,
        "duration (h)": duration,
        "rate (mg/h)": rate,
        "arrives (h)": plan.time[at] + lag,
    }


def _of_records(before: AskedRecords) -> list[dict[str, Any]]:
    compiled, records = Compiled(before.model), before.records
    sets = sets_of(compiled, records)
    plans = plans_of(compiled, records, sets, before.axes, strict=False)
    tables = []
    for (formulation, meal), plan in zip(combinations(before.axes), plans, strict=True):
        chosen = {"formulation": formulation or "", "meal": meal or ""}
        tables.append(chosen | _of_events(plan, before, compiled, chosen))
    return tables


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
