"""How many doses of a regimen each subject takes, and how much that is: arithmetic with blocks, no list of doses."""

from typing import TYPE_CHECKING

import numpy as np

from doseline.dosing.amounts import SIZES, TOLERANCE, Sizes, doses_to_reach, given_after, in_mg
from doseline.errors import InputError

if TYPE_CHECKING:
    from doseline.dosing.regimen import Regimen


def doses_taken(regimen: "Regimen", sizes: Sizes, *, place: str) -> np.ndarray:
    """The numbers of `Regimen.doses_taken`, for which see there."""
    last = regimen.blocks[-1]
    if last.until is None:
        return np.full(sizes[None].shape, regimen.count, dtype=np.int64)
    target = in_mg(last.until, sizes, place=place) * (1.0 - TOLERANCE)
    missing = target - _before_last(regimen, sizes, place=place)
    wanted = doses_to_reach(missing, [in_mg(dose, sizes, place=place) for _, dose in last.pattern])
    short = np.atleast_1d(wanted > last.count)
    if short.any():
        first = int(np.flatnonzero(short)[0])
        who = ", ".join(
            f"{name} {np.atleast_1d(size)[first]:g} {SIZES[name]}" for name, size in sizes.items() if name
        )
        raise InputError(
            f"{last.until} is not reached within {last.count} doses (the first of {int(short.sum())}: {who})",
            place=f"{place}: {regimen.text}",
            advice=f"such a course would last longer than {last.repeats * last.period / 24:.0f} days, "
            "the most that is followed: write a time, as in 'for 20 weeks', or higher doses",
        )
    return regimen.count - last.count + wanted.astype(np.int64)


def total_taken(regimen: "Regimen", sizes: Sizes, *, place: str) -> np.ndarray:
    """The amounts of `Regimen.total`, for which see there. [mg]"""
    last = regimen.blocks[-1]
    earlier = _before_last(regimen, sizes, place=place)
    count = doses_taken(regimen, sizes, place=place) - (regimen.count - last.count)
    return earlier + given_after(count, [in_mg(dose, sizes, place=place) for _, dose in last.pattern])


def _before_last(regimen: "Regimen", sizes: Sizes, *, place: str) -> np.ndarray:
    amount = np.zeros_like(sizes[None])
    for block in regimen.blocks[:-1]:
        for _, dose in block.pattern:
            amount = amount + block.repeats * in_mg(dose, sizes, place=place)
    return amount
