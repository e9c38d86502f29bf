"""What makes spreads, errors and uncertainty part of a model: they name what there is, and change something."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from doseline.errors import InputError, did_you_mean
from doseline.model.block import Block
from doseline.model.entries import Parameter, positive_kind, set_by_every_meal
from doseline.model.percent import check_log_spread
from doseline.model.sections import Draft, quoted
from doseline.model.variability import DISTRIBUTIONS, Effect, Occasional
from doseline.units import dimension, factor

SECTION: Mapping[str, str] = {"subjects": "variability", "occasions": "occasions"}
"""Where the effects of a block stand."""
OF_OUTPUTS = ("_observed", "_blq", "_typical")
"""Ends of names that results make from an output's name."""
OF_EFFECTS: Mapping[str, str] = {"eta_": "variability", "kappa_": "occasions"}
"""Beginnings of names that results make from an effect's name, and its section."""
_FORMULAS = ("individual", "variables", "flows", "rates", "initial", "routes", "outputs")


def validate_variability(
    draft: Draft, *, acting: Collection[str], origins: Mapping[str, Collection[str]]
) -> None:
    """Write mistakes between effects, blocks, outputs and parameters into the draft.

    Parameters
    ----------
    draft : Draft       A file, its other sections checked.
    acting : names      Typical parameters that anything depends on.
    origins : names     The typical parameters that each name depends on.
    """
    _Spreads(draft, acting, origins).run()


class _Spreads:
    """One pass over the five sections."""

    def __init__(self, draft: Draft, acting: Collection[str], origins: Mapping[str, Collection[str]]) -> None:
        self.draft = draft
        self.complain = draft.complain
        self.acting = acting
        self.origins = origins
        self.blocks: dict[tuple[str, str], str] = {}  # (between, effect): its block

    def run(self) -> None:
        """Check blocks first: they say whether effects need spreads of their own."""
        self.names()
        for name, block in self.draft.blocks.items():
            self.block(name, block)
        for between, section in SECTION.items():
            effects: dict[str, Effect] = getattr(self.draft, section)
            for name, effect in effects.items():
                self.effect(name, effect, between)
        outputs = self.draft.known("outputs")
        for name in self.draft.residual:
            if name not in outputs:
                advice = did_you_mean(name, outputs, "outputs")
                self.complain(f"residual.{name}", f"unknown output '{name}'", advice)
        self.uncertainty()

    def names(self) -> None:
        """Results make names from those of outputs and effects."""
        outputs = self.draft.known("outputs")
        for section in ("outputs", "covariates"):
            for name in self.draft.known(section):
                made = any(name.endswith(end) and name.removesuffix(end) in outputs for end in OF_OUTPUTS)
                drawn = any(
                    name.startswith(start) and name.removeprefix(start) in self.draft.known(effects)
                    for start, effects in OF_EFFECTS.items()
                )
                if made or drawn:
                    self.complain(
                        f"{section}.{name}", f"'{name}': results use this name", "choose another name"
                    )

    def block(self, name: str, block: Block) -> None:
        """A block joins effects of one kind, each of which is in no other block."""
        section, where = SECTION[block.between], f"blocks.{name}"
        known = self.draft.known(section)
        effects: dict[str, Effect] = getattr(self.draft, section)
        for each in block.effects:
            effect = effects.get(each)
            if each not in known:
                missing = each in self.draft.known("parameters")
                told = f"add [{section}.{each}]: a block joins effects that stand there"
                advice = told if missing else did_you_mean(each, known, f"effects between {block.between}")
                self.complain(where, f"unknown effect '{each}'", advice)
            elif effect is not None and effect.replaces:
                normal = ", ".join(each for each, kind in DISTRIBUTIONS.items() if kind.spreads)
                self.complain(
                    where, f"'{each}' is {effect.distribution}", f"a block joins effects that are {normal}"
                )
            other = self.blocks.setdefault((block.between, each), name)
            if other != name:
                self.complain(
                    where,
                    f"'{each}' also stands in [blocks.{other}]",
                    "put all that go together in one block",
                )
        every = {
            effect.every: each
            for each in block.effects
            if isinstance(effect := effects.get(each), Occasional)
        }
        if len(every) > 1:
            (one, first), (other, second), *_ = every.items()
            self.complain(
                where,
                f"'{first}' changes every {one} and '{second}' every {other}",
                "effects of a block have the same occasions",
            )
        for each, variance in zip(block.effects, block.omega2 or (), strict=False):
            effect = effects.get(each)
            if effect is not None and effect.distribution == "log-normal":
                self.spread(where, f"omega2 of {each}", variance[-1])

    def spread(self, where: str, key: str, variance: float) -> None:
        """Complain about a variance that must be a mistake."""
        try:
            check_log_spread(key, variance)
        except InputError as error:
            self.complain(where, error.problem, error.advice)

    def effect(self, name: str, effect: Effect, between: str) -> None:
        """An effect belongs to a parameter that acts, and its size is said once."""
        where = f"{SECTION[between]}.{name}"
        block = self.draft.blocks.get(self.blocks.get((between, name), ""))
        if block is not None and block.omega2 is not None:
            if effect.spread is not None:
                told = f"{effect.spread}, and [blocks.{self.blocks[between, name]}] gives omega2"
                self.complain(where, told, "remove one of them")
        elif not effect.replaces and effect.spread is None and not self.draft.broken.get("blocks"):
            first, *others = reversed(DISTRIBUTIONS[effect.distribution].spreads)
            keys = f"{', '.join(reversed(others))} or {first}"
            self.complain(where, f"no {keys}", "add one of them, or name the effect in a block with omega2")
        if name not in self.draft.known("parameters"):
            return self.complain(where, f"unknown parameter '{name}'", self.instead(name))
        if name not in self.acting and not any(self.draft.broken.get(each) for each in _FORMULAS):
            self.complain(
                where,
                f"'{name}' reaches no formula that acts, so the effect would change nothing",
                "use it in a flow, a rate, an initial amount, a route or an output",
            )
        typical = self.draft.parameters.get(name)
        if typical is not None:
            self.typical(where, name, effect, typical)
        if between == "occasions":
            self.leaves(where, name, effect)
        return None

    def instead(self, name: str) -> str:
        """What to do about a name that is no parameter."""
        if name in self.draft.known("covariates"):
            return f"'{name}' is a covariate: how it differs is for the cohort to say"
        if self.origins.get(name):
            made = ", ".join(sorted(self.origins[name]))
            return f"'{name}' is worked out from {made}: name one of these"
        return did_you_mean(name, self.draft.known("parameters"), "parameters")

    def typical(self, where: str, name: str, effect: Effect, typical: Parameter) -> None:
        """The distribution has room for the typical value, the parameter for the distribution."""
        values = {"the typical value": typical.value} | dict(self.by_meal(name, typical))
        kind = positive_kind(typical.unit)
        if effect.distribution == "logit-normal":
            low, high = effect.limits
            for what, value in values.items():
                if not low < value < high:
                    told = f"{value:g}, {what}, is not between low = {low:g} and high = {high:g}"
                    self.complain(where, told, "expected low < value < high")
        elif not effect.replaces:
            scaled = effect.distribution != "normal" or effect.cv is not None
            if scaled and not any(values.values()):
                self.complain(
                    where,
                    "the typical value is 0, and so would be all others",
                    "normal with omega2 or sd adds to it",
                )
        elif len(values) > 1:
            self.complain(
                where,
                f"a meal sets '{name}', and '{effect.distribution}' would take the place of what it sets",
                "take a distribution about the typical value, such as log-normal",
            )
        lowest = min((each for each in (effect.low, *effect.values) if each is not None), default=1.0)
        if kind and effect.replaces and lowest <= 0.0:
            self.complain(where, f"a value of {lowest:g} {typical.unit}", f"expected a {kind} above 0")

    def by_meal(self, name: str, typical: Parameter) -> Iterator[tuple[str, float]]:
        """Values that meals set, in the unit of the parameter."""
        for form, formulation in self.draft.formulations.items():
            for meal, entry in formulation.meals.items():
                override = entry.overrides.get(name)
                if override is not None and dimension(override.unit) == dimension(typical.unit):
                    value = override.value * factor(override.unit, typical.unit)
                    yield f"what {form} {meal} sets", value

    def leaves(self, where: str, name: str, effect: Effect) -> None:
        """Complain where values of subjects may be beyond what their occasions can be."""
        own = self.draft.variability.get(name)
        if effect.distribution != "logit-normal" or own is None:
            return
        low, high = effect.limits
        own_ends = [each for each in (own.low, own.high, *own.values) if each is not None]
        if not own_ends or not low <= min(own_ends) <= max(own_ends) <= high:
            self.complain(
                where,
                f"subjects' own values may not be between low = {low:g} and high = {high:g}",
                f"give [variability.{quoted(name)}] the same distribution, low and high",
            )

    def uncertainty(self) -> None:
        """Uncertain is what the file has as a parameter; draws are values that it can have."""
        uncertainty, known = self.draft.uncertainty, self.draft.known("parameters")
        if uncertainty is None:
            return
        for name in uncertainty.names:
            parameter = self.draft.parameters.get(name)
            if name not in known:
                self.complain("uncertainty", f"unknown parameter '{name}'", self.instead(name))
            elif set_by_every_meal(name, self.draft.formulations):
                told = f"every meal sets its own '{name}'"
                self.complain("uncertainty", told, "leave it out: other estimates of it would change nothing")
            elif parameter is not None and uncertainty.scale == "log" and parameter.value <= 0.0:
                told = f"scale = 'log' with {name} = {parameter.value:g} {parameter.unit}"
                self.complain("uncertainty", told.removesuffix(" 1"), "a logarithm needs a value above 0")
            elif parameter is not None and uncertainty.draws and positive_kind(parameter.unit):
                lowest = min(uncertainty.draws[name], default=1.0)
                if lowest <= 0.0:
                    kind = positive_kind(parameter.unit)
                    told = f"a draw of {name} is {lowest:g} {parameter.unit}"
                    self.complain("uncertainty", told, f"expected a {kind} above 0")
