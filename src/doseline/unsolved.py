"""What is said when rows cannot be solved, or do not fit into memory."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from doseline.compile import Values
from doseline.ended import Ended
from doseline.errors import STATUS, InputError, SolveError, Status
from doseline.memory import size_told
from doseline.model.expression import Expression
from doseline.model.spec import Model

SHOWN_FAILURES = 5
SHOWN_VALUES = 12
"""Values of one subject, or of one state, that a message lists."""


def failure(
    status: np.ndarray,
    model: Model,
    values: Callable[[np.ndarray], Values],
    *,
    who: Callable[[np.ndarray], str],
    at: np.ndarray,
    rows: str = "rows",
    ended: Ended | None = None,
) -> SolveError:
    """One message for all failed rows: how many, why, and the first of them with their parameters.

    ``status`` is (..., subject); from the position of a row there, ``who`` names it, and ``values`` gives every name's
    values, of which ``at`` (subject,) says which are a subject's; ``ended`` tells when and where its steps failed.
    """
    failed = np.argwhere(status)
    codes = status[tuple(failed.T)]
    reasons = [Status(int(code)) for code in dict.fromkeys(codes.tolist())]
    told = []
    for reason in reasons:
        seen: dict[int, str] = {}
        for row in failed[codes == reason]:
            subject = int(row[-1])
            if subject not in seen and len(seen) < max(1, SHOWN_FAILURES // len(reasons)):
                own = {name: _one_of(value, at[subject]) for name, value in values(row).items()}
                lines = [f"{who(row)}: {_given(model, own)}", *_where(model, own, reason, ended, tuple(row))]
                seen[subject] = "\n  ".join(lines)
        told.append("\n".join([STATUS[reason].sentence, *seen.values()]).replace("\n", "\n  "))
    head = f"{len(failed)} of {status.size} {rows} could not be solved"
    keep = f"on_failure='mark' keeps the other {rows}"
    if len(reasons) == 1:
        advice = f"{STATUS[reasons[0]].advice}\n{keep}"
        return SolveError(f"{head}: {told[0]}", place="simulate", advice=advice)
    parts = [
        f"\n{int((codes == reason).sum())} of them: {text}\n  {STATUS[reason].advice}"
        for reason, text in zip(reasons, told, strict=True)
    ]
    return SolveError(head + "".join(parts).replace("\n", "\n  "), place="simulate", advice=keep)


def _given(model: Model, own: Mapping[str, float]) -> str:
    """A subject's covariates and parameters, and what else is made of them that is no number, or not above zero."""
    entries: dict[str, Any] = {**model.covariates, **model.parameters}
    told = [_value(name, own[name] / entry.to_coherent, entry.unit) for name, entry in entries.items()]
    differing = [name in model.covariates or name in model.individual for name in entries]
    made = [
        _value(name, own[name])
        for name in model.individual
        if name not in entries and not 0.0 < own[name] < math.inf
    ]
    return _most_telling(told, differing) + (f"; by [individual] {_most_telling(made)}" if made else "")


def _where(
    model: Model, own: Mapping[str, float], reason: Status, ended: Ended | None, row: tuple[int, ...]
) -> Iterator[str]:
    """When, and in which state, the steps of a row failed."""
    if ended is None or not np.isfinite(ended.time[row]):
        return
    time, state = float(ended.time[row]), ended.state[row].tolist()
    if reason == Status.NOT_FINITE:
        names = list(model.outputs)
        yield f"at {time:.6g} h: {names[int(ended.output[row])]} is NaN or infinite"
        return
    told = [
        _value(name, value / entry.to_coherent, entry.unit)
        for (name, entry), value in zip(model.compartments.items(), state, strict=True)
    ]
    telling = [math.inf if not math.isfinite(x) or x < 0.0 else x for x in state]
    early = ", while a steady state is sought" if time < ended.start[row] else ""
    yield f"at {time:.6g} h{early}: {_most_telling(told, telling)}"
    if reason in (Status.RATE_NOT_FINITE, Status.STEPS_TOO_SMALL):
        lost = _lost(model, own, time, state)
        if lost:
            yield f"there {_most_telling(lost)}"


def _lost(model: Model, own: Mapping[str, float], time: float, state: Sequence[float]) -> list[str]:
    """Formulas that have no finite value at a time and state, as far as these say all that a formula needs."""
    known = {**own, **dict(zip(model.compartments, state, strict=True)), "t": time}
    formulas: list[tuple[str, Expression]] = [
        *((name, each) for name, each in model.variables.items()),
        *(
            (f"the rate '{flow.rate}' from {flow.source} to {flow.target or 'out'}", flow.rate)
            for flow in model.flows
        ),
        *((f"the rate of {name}", each) for name, each in model.rates.items()),
    ]
    lost = []
    with np.errstate(all="ignore"):
        for name, formula in formulas:
            if all(each in known for each in formula.names):
                value = float(formula.evaluate(known))
                known.setdefault(name, value)
                if not math.isfinite(value):
                    lost.append(f"{name} is {value:g}")
    return lost


def _value(name: str, value: float, unit: str = "1") -> str:
    return f"{name} {value:.4g}" + (f" {unit}" if unit != "1" else "")


def _most_telling(told: Sequence[str], telling: Sequence[float] = ()) -> str:
    """What is told, in a line and in its order; where it is too much, what tells most, and how many there are more."""
    weights = telling or [0.0] * len(told)
    kept = sorted(sorted(range(len(told)), key=lambda at: -weights[at])[:SHOWN_VALUES])
    left = len(told) - len(kept)
    return ", ".join(told[at] for at in kept) + (f" and {left} more" if left else "")


def _one_of(value: float | np.ndarray, at: int) -> float:
    """A value for each, or one for all."""
    given = np.ravel(value)
    return float(given[at] if given.size > 1 else given[0])


INSTEAD = (
    "keep the levels on disk: add store='course.zarr'",
    "or take what is made of them without keeping any: dl.exposure(model, ...) or dl.bands(model, ...)",
    "or fewer times, as in times='4 h'",
    "or levels of half the size: store='course.zarr' and dtype='float32'",
)
"""What to do where levels of regimens do not fit into memory, the best first."""


def too_large(
    combinations: int,
    outputs: int,
    *others: tuple[int, str],
    needed: int | None = None,
    free: int | None = None,
    parted: bool = False,
) -> InputError:
    """Levels that do not fit into memory; ``others`` are further dimensions, with their names.

    ``needed`` is what they take in all, ``free`` what there is, as far as it is known [byte]; ``parted`` says whether
    there are ways to do without levels in memory.
    """
    size = 8 * combinations * outputs * math.prod(count for count, _ in others)
    counted = ((combinations, "combinations"), (outputs, "outputs"), *others)
    told = " x ".join(f"{n:,} {name if n != 1 else name[:-1]}" for n, name in counted)
    needed = max(size, needed or 0)
    beside = (
        f", {size_told(needed)} with all beside them" if needed > 1.1 * size or size <= (free or 0) else ""
    )
    there = "there is not so much memory" if free is None else f"{size_told(free)} of memory are free"
    rows = next((count for count, name in others if name == "subjects"), 0)
    fewer = "or " + fewer_subjects(0 if free is None else int(rows * free / needed))
    advice = [*INSTEAD, fewer] if parted else ["give fewer times", fewer]
    return InputError(
        f"{told} take {size_told(size)}{beside}, and {there}", place="simulate", advice="\n".join(advice)
    )


def fewer_subjects(fitting: int) -> str:
    """The advice to ask for fewer of them, with how many fit where that is known.

    >>> fewer_subjects(12_345), fewer_subjects(0)
    ('fewer subjects at once: 12,000 fit', 'fewer subjects at once')
    """
    if fitting < 1:
        return "fewer subjects at once"
    digits = 10 ** max(0, len(str(fitting)) - 2)  # two of them say enough
    return f"fewer subjects at once: {fitting // digits * digits:,} fit{'s' if fitting == 1 else ''}"
