"""From a model to arrays: the only file that knows both names and array positions.

Everything is in coherent units here: hours, mg, L, and what is made of them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.model.expression import Expression
from doseline.model.linear import LinearForm
from doseline.model.spec import Formulation, Meal, Model, Route
from doseline.population.variability import NO_EFFECTS, Effects

Values = Mapping[str, float | np.ndarray]

ENTRY: Mapping[str, float] = {"bioavailability": 1.0, "lag": 0.0, "duration": 0.0, "rate": 0.0}
"""What a route says of a dose where the model file says nothing: a bolus of all of it, at once."""


@dataclass(frozen=True)
class Intake:
    """How a dose enters: the names of route, formulation and meal, all of them settled (None: the model has none)."""

    route: str
    formulation: str | None
    meal: str | None


@dataclass(frozen=True)
class Compiled:
    """A model as functions from covariates to arrays; its matrices are there for linear models only.

    ``estimates`` are typical values that replace those of the file, in coherent units: one draw of their uncertainty.
    """

    model: Model
    estimates: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def states(self) -> dict[str, int]:
        """Array position of each compartment."""
        return {name: position for position, name in enumerate(self.model.compartments)}

    @property
    def _linear(self) -> LinearForm:
        form = self.model.linear_form
        assert form is not None  # the matrices of a model that is not linear are asked for by nobody
        return form

    @cached_property
    def _output_rows(self) -> dict[str, tuple[float, dict[str, Expression]]]:
        """For each output its factor to the declared unit, and the coefficient of each compartment."""
        rows = self._linear.outputs
        return {name: (output.from_coherent, rows[name]) for name, output in self.model.outputs.items()}

    def parameters(
        self,
        covariates: Values,
        changes: Mapping[str, float] | None = None,
        effects: Effects | None = None,
    ) -> dict[str, float | np.ndarray]:
        """Each name's value for each subject: typical values, covariates, then ``[individual]`` from top to bottom.

        A random effect acts on what covariates make of a parameter: behind its line of ``[individual]``, else at once.
        A distribution that takes the place of the typical value comes before any line. A covariate with the name of a
        parameter is a value of the subject's own: it takes the place of the typical one, whatever the meal.
        """
        values: dict[str, float | np.ndarray] = {}
        for name, parameter in self.model.parameters.items():
            values[name] = parameter.value * parameter.to_coherent
        values.update(self.estimates)
        values.update(covariates)
        values.update(changes or {})
        own = {name: value for name, value in covariates.items() if name in self.model.parameters}
        values.update(own)
        instead, upon = effects or NO_EFFECTS
        for name, effect in instead.items():
            if name not in own:
                values[name] = effect(values[name])
        for name, effect in upon.items():
            if name not in self.model.individual:
                values[name] = effect(values[name])
        for name, expression in self.model.individual.items():
            values[name] = expression.evaluate(values)
            if name in upon:
                values[name] = upon[name](values[name])
        return values

    @cached_property
    def acting(self) -> frozenset[str]:
        """Parameters that act in the body: all but those that only say how a dose enters."""
        model = self.model
        formulas = [flow.rate for flow in model.flows]
        for section in (model.rates, model.variables, model.initial):
            formulas += section.values()
        formulas += [output.value for output in model.outputs.values()]
        return self._behind(name for formula in formulas for name in formula.names)

    def _behind(self, names: Iterable[str]) -> frozenset[str]:
        """These names, and those that lines of ``[individual]`` make them of."""
        found, left = set[str](), list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                line = self.model.individual.get(name)
                left += line.names if line is not None else ()
        return frozenset(found)

    def system(self, values: Values, *, subjects: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """State matrix (subject, n, n) [1/h], what leaves the body (subject, n) [1/h], outputs (output, subject, n).

        Outputs are rows of coefficients. What leaves is the column sum of the matrix too, but a slow loss beside a fast
        exchange has lost its digits there.
        """
        n = len(self.states)
        rates, losses = np.zeros((subjects, n, n)), np.zeros((subjects, n))
        for flow, constant in zip(self.model.flows, self._linear.rates, strict=True):
            rate = constant.evaluate(values)
            source = self.states[flow.source]
            rates[:, source, source] -= rate
            if flow.target is None:
                losses[:, source] += rate
            else:
                rates[:, self.states[flow.target], source] += rate
        weights = np.zeros((len(self.model.outputs), subjects, n))
        for position, (scale, coefficients) in enumerate(self._output_rows.values()):
            for compartment, coefficient in coefficients.items():
                weights[position, :, self.states[compartment]] = scale * coefficient.evaluate(values)
        return rates, losses, weights

    def initial(self, values: Values, *, subjects: int) -> np.ndarray:
        """Amounts before the first dose (subject, n) [mg]."""
        amounts = np.zeros((subjects, len(self.states)))
        for name, expression in self.model.initial.items():
            amounts[:, self.states[name]] = expression.evaluate(values)
        return amounts

    def sees(self, output: str, states: Collection[int]) -> bool:
        """Is any of these states a part of the output, so that a bolus into it moves the output at once?"""
        if self.model.linear_form is not None:
            return any(self.states[name] in states for name in self._output_rows[output][1])
        seen = list(self.model.outputs[output].value.names)
        for name in seen:
            if name in self.model.variables:
                seen += [other for other in self.model.variables[name].names if other not in seen]
        return any(self.states[name] in states for name in seen if name in self.states)

    def intake(self, *, route: str | None, formulation: str | None, meal: str | None, place: str) -> Intake:
        """Settle what a dose leaves open, and refuse what the model does not know."""
        model = self.model
        chosen_route = self._known(route, model.routes, "route", place) or model.default_route
        if model.default_formulation is None:
            for word, kind in ((formulation, "formulation"), (meal, "meal")):
                if word is not None:
                    raise InputError(
                        f"unknown {kind} '{word}'",
                        place=place,
                        advice=f"{model.name} has no {kind}s: leave it out",
                    )
            return Intake(chosen_route, None, None)
        chosen = (
            self._known(formulation, model.formulations, "formulation", place) or model.default_formulation
        )
        meals = model.formulations[chosen].meals
        if not meals and meal is not None:
            raise InputError(
                f"unknown meal '{meal}'", place=place, advice=f"'{chosen}' has no meals: leave it out"
            )
        owner = f"formulation '{chosen}' of {model.name}"
        settled = self._known(meal, meals, "meal", place, owner=owner) or model.default_meal(chosen)
        return Intake(chosen_route, chosen, settled)

    def _known(
        self, name: str | None, known: Mapping[str, object], kind: str, place: str, *, owner: str = ""
    ) -> str | None:
        if name is not None and name not in known:
            raise InputError(
                f"unknown {kind} '{name}'",
                place=place,
                advice=did_you_mean(name, known, what=f"{owner or self.model.name} has"),
            )
        return name

    def entry(self, intake: Intake, covariates: Values, effects: Effects | None = None) -> tuple[int, Values]:
        """Where a dose enters (array position), and the values of `ENTRY` there, in h, mg and mg/h."""
        route: Route = self.model.routes[intake.route]
        into, changes = route.into, {}
        meal = self._meal(intake)
        if meal is not None:
            # a meal names the depot of the first route, that of swallowed doses; an infusion stays where it goes
            into = meal.into if meal.into and intake.route == self.model.default_route else into
            changes = {name: value.value * value.to_coherent for name, value in meal.overrides.items()}
        values = self.parameters(covariates, changes, effects)
        entry = dict[str, float | np.ndarray](ENTRY)
        for name in entry:
            expression: Expression | None = getattr(route, name)
            if expression is not None:
                entry[name] = expression.evaluate(values)
        return self.states[into], entry

    def _meal(self, intake: Intake) -> Meal | None:
        if intake.formulation is None or intake.meal is None:
            return None
        formulation: Formulation = self.model.formulations[intake.formulation]
        return formulation.meals[intake.meal]
