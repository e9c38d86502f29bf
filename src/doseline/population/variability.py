"""How subjects and their occasions differ: numbers drawn by name, and what they make of typical values."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.model.spec import Model
from doseline.model.variability import Effect
from doseline.streams import Streams, correlated

ETA, KAPPA = "eta", "kappa"
"""Between subjects, and between the occasions of one subject."""
COUNTED = ("dose", "day", "visit")
"""Occasions that are numbered from 0 within a course; the course itself is one by its name."""

Shape = Callable[[np.ndarray], np.ndarray]
"""From what subjects have, (subject,), to the shape that is wanted."""
ByOccasion = Callable[[str, np.ndarray], np.ndarray]
"""The same from (subject, occasion), for a kind of occasion."""


Change = Callable[[float | np.ndarray], np.ndarray]


class Effects(NamedTuple):
    """What makes individual values of typical ones, for each parameter that has random effects."""

    instead: Mapping[str, Change]  # of the typical value: uniform and discrete ones
    upon: Mapping[str, Change]  # what covariates make of it


NO_EFFECTS = Effects({}, {})


@dataclass(frozen=True)
class Drawn:
    """The random effects of some subjects: a number for each, standard normal where its distribution has an eta.

    ``subjects`` are (subject,); ``occasions`` (subject, occasion), or (subject,) where the course is one occasion.
    """

    model: Model
    subjects: Mapping[str, np.ndarray] = field(default_factory=dict)
    occasions: Mapping[str, np.ndarray] = field(default_factory=dict)

    def effects(
        self,
        shape: Shape = lambda drawn: drawn,
        by_occasion: ByOccasion | None = None,
        seen: dict[str, np.ndarray] | None = None,
    ) -> Effects:
        """What makes individual values of typical ones.

        Without ``by_occasion`` counted occasions are left out. ``seen`` collects the etas, in the parameter's unit
        where the effect is normal.
        """
        instead, steps = dict[str, Change](), dict[str, list[Change]]()
        for name, drawn in self.subjects.items():
            effect = self.model.variability[name]
            if effect.replaces:
                instead[name] = partial(self._replace, effect, name, shape(drawn))
            else:
                label = f"{ETA}_{name}"
                steps[name] = [partial(self._apply, name, "subjects", shape(drawn), seen, label)]
        for name, drawn in self.occasions.items():
            every = self.model.occasions[name].every
            if every == "course":
                drawn = shape(drawn)
            elif by_occasion is None:
                continue
            else:
                drawn = by_occasion(every, drawn)
            label = f"{KAPPA}_{name}"
            steps.setdefault(name, []).append(partial(self._apply, name, "occasions", drawn, seen, label))
        return Effects(instead, {name: _chain(each) for name, each in steps.items()})

    def write_kappas(self, rooms: Mapping[str, np.ndarray], span: slice) -> None:
        """Write what differs between counted occasions into rows of rooms: kappas, but for `in_proportion` ones.

        Rooms are (subject, occasion), and hold fewer occasions or more.
        """
        for name, room in rooms.items():
            drawn = self.occasions[name]
            count = min(drawn.shape[1], room.shape[1])
            sd = kappa_spread(self.model, name)
            np.multiply(drawn[:, :count], sd, out=room[span, :count])

    def _replace(
        self, effect: Effect, name: str, drawn: np.ndarray, typical: float | np.ndarray
    ) -> np.ndarray:
        """Values in coherent units that take the place of the typical one."""
        return self.model.parameters[name].to_coherent * instead_of(effect, drawn)

    def _apply(
        self,
        name: str,
        between: str,
        drawn: np.ndarray,
        seen: dict[str, np.ndarray] | None,
        label: str,
        typical: float | np.ndarray,
    ) -> np.ndarray:
        """Values of a parameter in coherent units, from typical ones."""
        effect: Effect = (self.model.variability if between == "subjects" else self.model.occasions)[name]
        scale = self.model.parameters[name].to_coherent
        own = in_proportion(effect)
        sd = self.model.spread_of(name, between=between, typical=typical / scale if own else None)  # type: ignore[arg-type]
        eta = sd * drawn
        if seen is not None:
            seen[label] = eta
        return individual(effect, typical, eta, scale)


def in_proportion(effect: Effect) -> bool:
    """Whether the spread is a share of the value that the effect acts on."""
    return effect.distribution == "normal" and effect.cv is not None


def kappa_spread(model: Model, name: str) -> float:
    """Standard deviation of a kappa; of one that is `in_proportion`, for a value of 1."""
    own = in_proportion(model.occasions[name])
    return model.spread_of(name, between="occasions", typical=1.0 if own else None)


def _chain(
    steps: list[Change],
) -> Change:
    """One after the other."""
    if len(steps) == 1:
        return steps[0]

    def both(value: float | np.ndarray) -> np.ndarray:
        for step in steps:
            value = step(value)
        return np.asarray(value)

    return both


def individual(
    effect: Effect, typical: float | np.ndarray, eta: np.ndarray, scale: float = 1.0
) -> np.ndarray:
    """Values from typical ones and etas, both shaped alike.

    ``scale`` is the factor from the parameter's unit, in which low and high and the eta of a normal effect are, to that
    of ``typical``.
    """
    if effect.distribution == "log-normal":
        factor = np.exp(eta)
        # typical values may differ from dose to dose where etas do not
        fits = np.broadcast_shapes(np.shape(typical), factor.shape) == factor.shape
        return np.multiply(typical, factor, out=factor if fits else None)
    if effect.distribution == "normal":
        return typical + scale * eta
    if effect.distribution == "box-cox":
        shape = effect.shape or 0.0
        return typical * np.exp(eta if shape == 0.0 else np.expm1(shape * eta) / shape)
    low, high = (scale * end for end in effect.limits)
    share = (typical - low) / (high - low)
    # covariates or estimates may lead out of the range, where there are no odds
    share = np.where((share >= 0.0) & (share <= 1.0), share, np.nan)
    # the odds of the value are those of the typical value, times exp(eta); written so that neither end overflows
    return low + (high - low) * share / (share + (1.0 - share) * np.exp(-eta))


def instead_of(effect: Effect, uniform: np.ndarray) -> np.ndarray:
    """Values of a distribution that replaces the typical value, in the parameter's unit, from uniform numbers."""
    if effect.distribution == "uniform":
        low, high = effect.limits
        return low + (high - low) * uniform
    ends = np.cumsum(effect.probabilities)
    return np.asarray(effect.values)[np.searchsorted(ends[:-1], uniform, side="right")]


def draw(
    model: Model,
    streams: Streams,
    number: np.ndarray,
    *,
    wanted: Iterable[str],
    numbers: Mapping[str, np.ndarray],
    course: str = "",
) -> Drawn:
    """Draw the ``wanted`` effects, named as `effect_names` has them, for the subjects of these numbers.

    ``numbers`` (occasion,) are those of the occasions of each kind; kinds that are missing are not drawn. ``course`` is
    what tells one course of a subject from another.
    """
    chosen, subjects, occasions = set(wanted), dict[str, np.ndarray](), dict[str, np.ndarray]()
    for names, factor in model.effect_blocks("subjects"):
        if not any(f"{ETA}_{name}" in chosen for name in names):
            continue
        if model.variability[names[0]].replaces:
            subjects[names[0]] = streams.uniform(f"{ETA} {names[0]}", number)
            continue
        found = correlated(streams, [f"{ETA} {name}" for name in names], factor, number)
        for name in names:
            if f"{ETA}_{name}" in chosen:
                subjects[name] = found[f"{ETA} {name}"]
    for names, factor in model.effect_blocks("occasions"):
        every = model.occasions[names[0]].every
        if not any(f"{KAPPA}_{name}" in chosen for name in names) or (
            every != "course" and every not in numbers
        ):
            continue
        behind = f" of {course}" if every == "course" else ""
        streamed = [f"{KAPPA} {name}{behind}" for name in names]
        occasion = None if every == "course" else numbers[every]
        found = correlated(streams, streamed, factor, number, occasion=occasion)
        for name, stream in zip(names, streamed, strict=True):
            if f"{KAPPA}_{name}" in chosen:
                occasions[name] = found[stream]
    return Drawn(model, subjects, occasions)


def effect_names(model: Model) -> tuple[str, ...]:
    """All random effects of a model: eta_CL between subjects, kappa_CL between occasions."""
    return (
        *(f"{ETA}_{name}" for name in model.variability),
        *(f"{KAPPA}_{name}" for name in model.occasions),
    )


def occasional(model: Model, wanted: Collection[str]) -> dict[str, str]:
    """Parameters that differ between occasions, by ``wanted`` effects (see `effect_names`), and how often each does."""
    return {name: each.every for name, each in model.occasions.items() if f"{KAPPA}_{name}" in wanted}


def wanted_effects(model: Model, effects: object) -> tuple[str, ...]:
    """The effects that a call asks for: all of them for None, or those of some parameters or names.

    Raises
    ------
    InputError : an unknown name.
    """
    known = effect_names(model)
    if effects is None:
        return known
    asked = [effects] if isinstance(effects, str) else effects
    if not isinstance(asked, (list, tuple, set, frozenset)) or not all(
        isinstance(name, str) for name in asked
    ):
        raise InputError(
            f"found {effects!r:.60}",
            place="effects",
            advice="give a list of names, such as ['CL', 'kappa_F'], or [] for none",
        )
    wanted = set[str]()
    for name in asked:
        meant = {name} if name in known else {each for each in known if each.partition("_")[2] == name}
        if not meant:
            raise _unknown(model, name, known)
        wanted |= meant
    return tuple(name for name in known if name in wanted)


def _unknown(model: Model, name: str, known: tuple[str, ...]) -> InputError:
    """What to say of a name that is no effect: a parameter may be known, and the same for everybody."""
    there = [*dict.fromkeys(each.partition("_")[2] for each in known), *known]
    prefix, _, rest = name.partition("_")
    between = {ETA: " between subjects", KAPPA: " between occasions"}.get(prefix, "")
    parameter = rest if between else name
    if parameter in model.parameters:
        problem, advice = f"{parameter} does not vary{between}", f"{model.name} has: {', '.join(there)}"
    else:
        problem, advice = f"unknown effect '{name}'", did_you_mean(name, there, f"{model.name} has")
    none = f"{model.name} has no [variability] and no [occasions]"
    return InputError(problem, place="effects", advice=advice if known else none)


def course_name(regimen: str, formulation: str | None, meal: str | None) -> str:
    """What tells one course of a subject from another: all that differs between arms."""
    return "\n".join((regimen, formulation or "", meal or ""))


def effect_attrs(model: Model, label: str) -> dict[str, str]:
    """Unit and meaning of what a Dataset says of a random effect, such as eta_CL, or of an individual parameter."""
    kind, _, name = label.partition("_")
    if label in model.parameters:
        parameter = model.parameters[label]
        return {"units": parameter.unit, "long_name": f"{parameter.label}, of the subject"}
    effect = model.variability[name] if kind == ETA else model.occasions[name]
    whose = "the subject" if kind == ETA else f"each {model.occasions[name].every}"
    unit = model.parameters[name].unit if effect.distribution == "normal" else "1"
    return {"units": unit, "long_name": f"random effect of {whose} on {name}"}
