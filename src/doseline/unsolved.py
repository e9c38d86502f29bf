"""What is said when rows cannot be solved, or do not fit into memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from doseline.compile import Values
from doseline.ended import Ended
from doseline.errors import STATUS, InputError, SolveError, Status
from doseline.model.spec import Model

SHOWN_FAILURES = 5


def failure(
    status: np.ndarray,
    model: Model,
    values: Values,
    *,
    who: Callable[[np.ndarray], str],
    at: np.ndarray,
    rows: str = "rows",
    ended: Ended | None = None,
) -> SolveError:
    """One sentence for all failed rows: how many, why, and the first of them with their parameters.

    ``status`` is (..., subject), and ``who`` names a row from its position there; ``at`` (subject,) says which of the
    ``values`` are a subject's; ``ended`` tells when and where the steps of a row failed.
    """
    failed = np.argwhere(status)
    code = Status(int(status[tuple(failed[0])]))
    entries: dict[str, Any] = {**model.covariates, **model.parameters}
    seen: dict[int, str] = {}
    for row in failed:
        if len(seen) == SHOWN_FAILURES:
            break
        subject = int(row[-1])
        if subject not in seen:
            own = ", ".join(
                f"{name} {_one_of(values[name], at[subject]) / entry.to_coherent:.4g}"
                + (f" {entry.unit}" if entry.unit != "1" else "")
                for name, entry in entries.items()
            )
            seen[subject] = f"{who(row)}: {own}{_where(model, ended, tuple(row))}"
    lines = "\n  ".join(seen.values())
    return SolveError(
        f"{len(failed)} of {status.size} {rows} could not be solved: {STATUS[code].sentence}\n  {lines}",
        place="simulate",
        advice=f"{STATUS[code].advice}\non_failure='mark' keeps the other {rows}",
    )


def _where(model: Model, ended: Ended | None, row: tuple[int, ...]) -> str:
    """Time and state at which the steps of a row failed."""
    if ended is None or not np.isfinite(ended.time[row]):
        return ""
    state = ", ".join(
        f"{name} {value / entry.to_coherent:.4g}" + (f" {entry.unit}" if entry.unit != "1" else "")
        for (name, entry), value in zip(model.compartments.items(), ended.state[row].tolist(), strict=True)
    )
    return f"\n    at {ended.time[row]:.6g} h: {state}"


def _one_of(value: float | np.ndarray, at: int) -> float:
    """A value for each, or one for all."""
    every = np.ravel(value)
    return float(every[at] if every.size > 1 else every[0])


def too_large(combinations: int, outputs: int, *others: tuple[int, str]) -> InputError:
    """Levels that do not fit into memory; ``others`` are further dimensions, with their names."""
    size = 8 * combinations * outputs / 2**30
    for count, _ in others:
        size *= count
    told = " x ".join(
        [f"{combinations} combinations", f"{outputs} outputs", *(f"{n:,} {name}" for n, name in others)]
    )
    return InputError(
        f"{told} take {size:,.1f} GiB",
        place="simulate",
        advice="there is not so much memory: give fewer times, or fewer subjects at once",
    )
