"""What was given in a simulation, dose by dose: the doses of regimens and event tables written out."""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.records import Records
from doseline.event_levels import plans_of
from doseline.events import sets_of
from doseline.rebuild import Asked, asked
from doseline.request import covariates_of
from doseline.schedule import schedule
from doseline.walk_events import doses_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SWEPT = ("regimen", "formulation", "meal")


def dose_log(levels: "xr.Dataset") -> "pd.DataFrame":
    """Every dose of a simulation, one row each, additional doses (ADDL) written out.

    Parameters
    ----------
    levels : Dataset  From `simulate`, whole.

    Returns
    -------
    pandas.DataFrame
        ``subject``; regimen, formulation and meal where they were asked for; ``time (h)`` when the dose is given,
        ``amount (mg)``, ``compartment``, ``F``, ``lag (h)``, ``duration (h)`` and ``rate (mg/h)`` of an infusion (0: a
        bolus), ``arrives (h)``. For an event table also ``line``, and ``dose``: 0 for the record's own, 1, 2, ... for
        its additional ones, -1, -2, ... for earlier ones of a steady state that arrive after it. Doses that a later
        record cancelled are not there, nor those before their record that a steady state implies.

    Raises
    ------
    InputError : a Dataset that does not say how it was made, or was cut down.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "40 mg twice daily for 1 week", times="6 h", meal="fed")
    >>> dl.dose_log(levels)[["time (h)", "amount (mg)", "arrives (h)"]].head(2).to_numpy().tolist()
    [[0.0, 40.0, 2.6], [12.0, 40.0, 14.6]]
    """
    import pandas as pd

    before = asked(levels)
    tables = _of_regimens(before) if before.records is None else _of_records(before, before.records)
    log = pd.concat(tables, ignore_index=True)
    hidden = [name for name in SWEPT if name in log and name not in levels.coords]
    return log.drop(columns=hidden)


def _of_regimens(before: Asked) -> "list[pd.DataFrame]":
    people, compiled = before.people, Compiled(before.model)
    assert people is not None
    covariates = covariates_of(people, before.model)
    return [
        _of_regimen(before, compiled, covariates, name, formulation, meal)
        for name in before.regimens
        for formulation, meal in product(
            before.axes["formulation"].labels or (None,), before.axes["meal"].labels or (None,)
        )
    ]


def _of_regimen(
    before: Asked, compiled: Compiled, covariates: Any, name: str, formulation: str | None, meal: str | None
) -> "pd.DataFrame":
    import pandas as pd

    people = before.people
    assert people is not None
    filled = before.regimens[name].with_(formulation=formulation, meal=meal)
    plan = schedule(compiled, filled, people, covariates, place=name)
    doses = filled.doses()[2]
    settled = [
        compiled.intake(route=dose.route, formulation=dose.formulation, meal=dose.meal, place=name)
        for dose in doses
    ]
    subject = np.repeat(np.arange(len(people)), plan.taken)
    at = np.arange(len(subject)) - np.repeat(np.cumsum(plan.taken) - plan.taken, plan.taken)
    kind = plan.kind[at]
    arriving, length, lag = plan.amount[subject, kind], plan.duration[subject, kind], plan.lag[subject, kind]
    states = np.array(list(compiled.states))
    return pd.DataFrame(
        {
            "regimen": name,
            "formulation": np.array([intake.formulation or "" for intake in settled])[kind],
            "meal": np.array([intake.meal or "" for intake in settled])[kind],
            "subject": people.subject[subject],
            "time (h)": plan.time[at],
            "amount (mg)": plan.given[subject, kind],
            "compartment": states[plan.target[kind]],
            **_entering(arriving / plan.given[subject, kind], lag, length, arriving),
            "arrives (h)": plan.time[at] + lag,
        }
    )


def _of_records(before: Asked, records: Records) -> "list[pd.DataFrame]":
    import pandas as pd

    compiled = Compiled(before.model)
    states = np.array(list(compiled.states))
    whose = np.repeat(np.arange(len(records.subject)), np.diff(records.first))
    tables = []
    for (formulation, meal), plan in plans_of(
        compiled, records, sets_of(compiled, records), before.axes
    ).items():
        row, count = doses_of(plan)
        time = plan.time[row] + count * plan.interval[row]
        arriving = np.where(plan.rate[row] > 0, plan.rate[row] * plan.length[row], plan.amount[row])
        table = {
            "formulation": formulation or "",
            "meal": meal or "",
            "subject": records.subject[whose[row]],
            "line": records.line[row],
            "dose": count,
            "time (h)": time,
            "amount (mg)": records.amount[row],
            "compartment": states[plan.place[row]],
            **_entering(plan.F[row], plan.lag[row], plan.length[row], arriving),
            "arrives (h)": plan.time[row] + (count * plan.interval[row] + plan.lag[row]),
        }
        for name, words in records.choices.items():
            if name in table:
                table[name] = np.where(words[row] == "", table[name], words[row])
        tables.append(pd.DataFrame(table))
    return tables


def _entering(
    F: np.ndarray, lag: np.ndarray, length: np.ndarray, arriving: np.ndarray
) -> dict[str, np.ndarray]:
    """How doses enter; the rate is 0 for a bolus."""
    with np.errstate(all="ignore"):
        rate = np.where(length > 0, arriving / length, 0.0)
    return {"F": F, "lag (h)": lag, "duration (h)": length, "rate (mg/h)": rate}
