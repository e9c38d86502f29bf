"""When levels are wanted: a step, a step with an end, or the times themselves."""

import re
from typing import Any

import numpy as np

from doseline.errors import InputError, UnitError
from doseline.units import read_quantity

MOST = 50_000_000
"""More times than this in one grid are taken for a slip of the pen."""

SAME = 1e-12
"""Times closer than this fraction of them are the same time, as for the engine."""

_FOR = re.compile(r"(?P<step>.+?)\s+(?:for|until|to)\s+(?P<end>.+)")
_ONE = re.compile(r"\s*[-+]?[\d.]\S*(?:\s*[^\W\d]+)?\s*")
"""What may be one time: a number, and a unit of one word."""
WAYS = "give a step such as '2 h', a step and an end such as '0.5 h for 72 h', or an array of hours"


def read_times(times: Any, *, end: float) -> np.ndarray:
    """Times in hours, ascending, shape (time,).

    Parameters
    ----------
    times : str, array or pint quantity
        A step ("2 h") from 0 to the ``end``, a step with an end of its own ("0.5 h for 72 h"), or the times: numbers in
        hours, or a quantity with any unit of time.
    end : float  End of the longest course. [h]

    Raises
    ------
    InputError, UnitError : not a time, not ascending, repeated, infinite or none at all.

    >>> read_times("6 h", end=24.0)
    array([ 0.,  6., 12., 18., 24.])
    """
    if isinstance(times, str):
        match = _FOR.fullmatch(times.strip())
        if match:
            return _grid(_hours(match["step"]), _hours(match["end"]))
        return _grid(_hours(times), end)
    if np.ma.is_masked(times):
        raise InputError("some times are masked", place="times", advice="give the others: times.compressed()")
    values = np.asarray(read_quantity(times, "h", place="times"), dtype=np.float64)
    if values.ndim == 0:
        if not hasattr(times, "units"):
            raise UnitError(f"found {times!r} without a unit", place="times", advice=WAYS)
        return _grid(float(values), end)
    if values.ndim > 1:
        raise InputError(f"found an array of shape {values.shape}", place="times", advice=WAYS)
    if values.size == 0:
        raise InputError("there are no times", place="times", advice=WAYS)
    wrong = np.flatnonzero(np.diff(values) <= 0)
    if wrong.size:
        at = int(wrong[0])
        before, after = float(values[at]), float(values[at + 1])
        raise InputError(
            f"{after:g} h is there twice (positions {at} and {at + 1})"
            if before == after
            else f"{before:.15g} h is followed by {after:.15g} h (positions {at} and {at + 1})",
            place="times",
            advice="give every time once, in ascending order: np.unique(times) does it",
        )
    return np.ascontiguousarray(values)


def dosing_intervals(doses: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends [h] of dosing intervals: from one time of a dose to the next, the last one to the ``end``.

    Doses are (dose,); NaN is no dose. Doses of two rhythms at one time may differ by rounding.

    >>> dosing_intervals(np.array([0.0, 12.0, 12.0, 24.0]), 36.0)
    (array([ 0., 12., 24.]), array([12., 24., 36.]))
    """
    starts = np.unique(doses[np.isfinite(doses)])
    starts = starts[np.diff(starts, prepend=-np.inf) > SAME * starts]
    return starts, np.append(starts[1:], end)


def even_step(times: np.ndarray) -> float:
    """Step of an even grid, or 0.0 where the times follow no single step. [h]

    A grid counts as even when every time is ``start + k * step`` up to the rounding of its largest time.

    >>> even_step(np.arange(0.0, 24.5, 0.5)), even_step(np.array([0.0, 1.0, 3.0]))
    (0.5, 0.0)
    """
    if len(times) < 2:
        return 0.0
    step = float(times[-1] - times[0]) / (len(times) - 1)
    for candidate in (float(times[1] - times[0]), step):
        off = np.abs(times[0] + np.arange(len(times)) * candidate - times).max()
        if off <= 2 * np.spacing(np.abs(times).max()):
            return candidate
    return 0.0


def _hours(text: str) -> float:
    """One time of a text. [h]"""
    if not _ONE.fullmatch(text):
        raise InputError(f"found {text!r:.60}", place="times", advice=WAYS)
    return float(read_quantity(text, "h", place="times", require_unit=True))


def _grid(step: float, end: float) -> np.ndarray:
    """Times ``k * step``, computed and not accumulated, up to ``end``."""
    if not step > 0:
        raise InputError(f"the step is {step:g} h", place="times", advice=f"expected a step above 0: {WAYS}")
    if not end >= 0:
        raise InputError(f"the end is {end:g} h", place="times", advice="expected an end of 0 h or later")
    # 7 h / 0.1 h must count 70 steps, though 7 / 0.1 is a little less than 70
    steps = end / step * (1.0 + 1e-12)
    if steps >= MOST:
        raise InputError(
            f"a step of {step:g} h up to {end:g} h makes {steps:.3g} times",
            place="times",
            advice=f"expected at most {MOST:,}: is the unit right?",
        )
    return np.arange(int(steps) + 1) * step
