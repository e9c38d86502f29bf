"""What a sensitivity varies around: the value of each parameter under each regimen, formulation and meal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.regimen import Regimen
from doseline.errors import InputError
from doseline.influences import acting_on
from doseline.model.spec import Model
from doseline.ranges import DEFAULT, Range, read_names, read_range


@dataclass(frozen=True)
class Arm:
    """One regimen with one formulation and meal for the doses that leave them open."""

    name: str
    regimen: Regimen
    formulation: str | None
    meal: str | None

    def values_of(self, model: Model, name: str) -> dict[str, float]:
        """What a parameter is for the doses of this arm: its value for each meal that occurs."""
        filled = self.regimen.with_(formulation=self.formulation, meal=self.meal)
        compiled, typical = Compiled(model), model.parameters[name].value
        found = {}
        for dose in filled.doses()[2]:
            intake = compiled.intake(
                route=dose.route, formulation=dose.formulation, meal=dose.meal, place=f"regimen '{self.name}'"
            )
            if intake.formulation is None or intake.meal is None:
                found["no meal"] = typical
                continue
            own = model.formulations[intake.formulation].meals[intake.meal].overrides.get(name)
            found[intake.meal] = typical if own is None else own.value
        return found


class Varied(NamedTuple):
    """What is varied, and around which values."""

    ranges: tuple[Range, ...]
    bases: np.ndarray  # (arm, parameter), each in the model's unit
    left_out: tuple[str, ...]  # which parameters that act on the output are not among them, and why

    @property
    def ends(self) -> np.ndarray:
        """Low and high end (arm, parameter, 2), each in the model's unit."""
        rows = [[each.ends(own) for each, own in zip(self.ranges, row, strict=True)] for row in self.bases]
        return np.array(rows)

    def without(self, wrong: Mapping[str, np.ndarray]) -> "Varied":
        """The others; ``wrong`` says of which (parameter,) each reason holds."""
        gone = np.logical_or.reduce(list(wrong.values()))
        kept = tuple(each for each, out in zip(self.ranges, gone, strict=True) if not out)
        told = [f"{self.ranges[at].name}: {why}" for why, own in wrong.items() for at in np.flatnonzero(own)]
        left_out = (*self.left_out, *told)
        if not kept:
            raise _nothing(left_out)
        return Varied(kept, self.bases[:, ~gone], left_out)


def _nothing(left_out: Sequence[str]) -> InputError:
    return InputError(
        "nothing can be varied",
        place="over",
        advice="; ".join((*left_out, "name parameters with ranges of your own")),
    )


def varied(
    model: Model, over: Any, arms: Sequence[Arm], base: Mapping[str, float], *, output: str, local: bool
) -> Varied:
    """Read what is varied; ``base`` has the person's own values."""
    asked = over is not None
    given = read_names(model, over) if asked else dict.fromkeys(acting_on(model, output), DEFAULT)
    ranges, bases, without = [], [], []
    for name, wanted in given.items():
        each = read_range(model, name, wanted)
        own, wrong = _bases(model, each, arms, base, local=local)
        if wrong is None:
            ranges.append(each)
            bases.append(own)
        elif asked:
            raise wrong
        else:
            without.append(f"{name}: {wrong.problem}")
    if not ranges:
        raise _nothing(without)
    return Varied(tuple(ranges), np.array(bases).T, tuple(without))


def _bases(
    model: Model, each: Range, arms: Sequence[Arm], base: Mapping[str, float], *, local: bool
) -> tuple[list[float], InputError | None]:
    """The value under each arm, or what is wrong with it."""
    name, place = each.name, f"over {each.name}"
    if local and (each.coded or (each.distribution is not None and each.distribution.words)):
        return [], InputError(
            "its numbers stand for words, which have no elasticity",
            place=place,
            advice="leave it out, or take a global method",
        )
    found = []
    for arm in arms:
        values = {"": base[name]} if name in base else arm.values_of(model, name)
        if len(set(values.values())) == 1:
            found.append(next(iter(values.values())))
        elif each.distribution is None:
            told = ", ".join(f"{meal} {value:g}" for meal, value in values.items())
            return [], InputError(
                f"the meals of regimen '{arm.name}' set different values ({told})",
                place=place,
                advice="give its ends or a distribution, which then hold for every meal",
            )
        else:
            found.append(float(np.median(each.distribution.quantile(np.array([0.5])))))
    if 0.0 in found and (local or each.distribution is None):
        return [], InputError(
            f"it is 0 {each.unit}, of which there is no part".replace(" 1,", ","),
            place=place,
            advice="leave it out"
            + (
                f", or give the person another value: person={{'{name}': ...}}"
                if local
                else ", or give its ends"
            ),
        )
    return found, None
