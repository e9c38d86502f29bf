"""What a model file says, frozen."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from pydantic import Field

from doseline.errors import InputError, did_you_mean
from doseline.model.block import Block
from doseline.model.checks import METRICS, Check, Per
from doseline.model.entries import (
    Compartment,
    Covariate,
    Entry,
    Flow,
    Formula,
    Formulation,
    Meal,
    Output,
    Parameter,
    Route,
    Source,
    positive_kind,
    set_by_every_meal,
)
from doseline.model.linear import LinearForm, linear_form
from doseline.model.matrix import Rows
from doseline.model.residual import Residual
from doseline.model.uncertainty import Uncertainty
from doseline.model.variability import Effect, Occasional
from doseline.units import read_quantity

__all__ = [
    "METRICS",
    "Block",
    "Check",
    "Compartment",
    "Covariate",
    "Effect",
    "Flow",
    "Formulation",
    "Meal",
    "Model",
    "Occasional",
    "Output",
    "Parameter",
    "Per",
    "Residual",
    "Route",
    "Source",
    "Uncertainty",
]


class Model(Entry):
    """A compartmental model: everything its file says, read and checked.

    `individual` is evaluated from top to bottom; a name there means the individual value where one was set
    further up, and else the typical one. `variables` are what changes in time, from top to bottom too; `rates`
    are added to what the flows do to a compartment. The first route, formulation, meal and output are the defaults.
    `changes` holds what :meth:`with_` changed, in the parameters' own units; with `text` it gives the model
    back.
    """

    name: str
    title: str
    version: str
    source: Source
    covariates: dict[str, Covariate]
    parameters: dict[str, Parameter]
    individual: dict[str, Formula]
    compartments: dict[str, Compartment]
    variables: dict[str, Formula]
    flows: tuple[Flow, ...]
    rates: dict[str, Formula]
    initial: dict[str, Formula]
    routes: dict[str, Route]
    formulations: dict[str, Formulation]
    outputs: dict[str, Output]
    variability: dict[str, Effect] = Field(default_factory=dict)
    occasions: dict[str, Occasional] = Field(default_factory=dict)
    blocks: dict[str, Block] = Field(default_factory=dict)
    residual: dict[str, Residual] = Field(default_factory=dict)
    uncertainty: Uncertainty | None = None
    checks: tuple[Check, ...]
    text: str
    path: str
    changes: dict[str, float] = Field(default_factory=dict)

    def __eq__(self, other: Any) -> bool:
        """Models that say the same, in the same order, are the same model, however they came about."""
        return self._said() == other._said() if isinstance(other, Model) else NotImplemented

    def __hash__(self) -> int:
        """Equal for equal models."""
        values = tuple(parameter.value for parameter in self.parameters.values())
        spread = (*self.variability, *self.occasions, *self.blocks, *self.residual)
        lines = map(str, self.individual.values())
        return hash((self.name, self.version, *self.parameters, *values, *lines, *spread))

    def _said(self) -> list[Any]:
        """Everything but text, path and changes; the order of entries counts, for the first ones are the defaults."""
        fields = [name for name in type(self).model_fields if name not in ("text", "path", "changes")]
        values = [getattr(self, name) for name in fields]
        return [list(value.items()) if isinstance(value, dict) else value for value in values]

    def __repr__(self) -> str:
        """Name, version, changes."""
        changes = "".join(f", {name}={value:g}" for name, value in self.changes.items())
        return f"<Model {self.name} {self.version}{changes}>"

    def __str__(self) -> str:
        """Give the text of a model file that reads back as this model: its own text where nothing was changed.

        >>> from doseline.model.read import load_model, read_model
        >>> model = load_model("one-compartment-oral").with_(CL=7.5)
        >>> read_model(str(model)) == model
        True
        """
        from doseline.model.write import text_of

        return text_of(self)

    @cached_property
    def linear_form(self) -> LinearForm | None:
        """Rate constants and coefficients of a linear model, its variables put in; None for one that is not linear."""
        return linear_form(self.compartments, self.variables, self.flows, self.rates, self.outputs)

    @property
    def linear(self) -> bool:
        """Whether amounts move by constant rate constants and outputs are sums of them: solved exactly.

        >>> from doseline.model.read import load_model
        >>> load_model("isotretinoin").linear
        True
        """
        return self.linear_form is not None

    @property
    def default_route(self) -> str:
        """The first route."""
        return next(iter(self.routes))

    @property
    def default_output(self) -> str:
        """The first output."""
        return next(iter(self.outputs))

    @property
    def default_formulation(self) -> str | None:
        """The first formulation; None where the file has none."""
        return next(iter(self.formulations), None)

    @property
    def set_by_meals(self) -> frozenset[str]:
        """Parameters that some meal of some formulation sets."""
        meals = (meal for each in self.formulations.values() for meal in each.meals.values())
        return frozenset(name for meal in meals for name in meal.overrides)

    def default_meal(self, formulation: str | None = None) -> str | None:
        """Give the first meal of a formulation (of the default one); None where it has none."""
        chosen = formulation or self.default_formulation
        return next(iter(self.formulations[chosen].meals), None) if chosen else None

    def effect_blocks(self, between: str) -> list[tuple[tuple[str, ...], Rows]]:
        """Effects that are drawn together, with the lower factor L of their correlations; lone ones are blocks of one.

        Parameters
        ----------
        between : str   "subjects" or "occasions".

        Returns
        -------
        list of (names, L) : L has full rows, and L L' has a diagonal of 1: L times independent normal numbers gives
            correlated ones of standard deviation 1, to be scaled by `spread_of`. Blocks stand in the order of their
            first effects.
        """
        found: dict[tuple[str, ...], Rows] = {}
        for name in self.variability if between == "subjects" else self.occasions:
            block = self._block(name, between)
            found.setdefault(
                (name,) if block is None else block.effects, block.factor() if block else ((1.0,),)
            )
        return list(found.items())

    def spread_of(self, name: str, *, between: str = "subjects", typical: float | None = None) -> float:
        """Standard deviation of an effect's eta, from its block or from itself; see :meth:`Effect.sd_of`.

        Parameters
        ----------
        name : str                 A parameter with an effect that has an eta.
        between : str              "subjects" or "occasions".
        typical : float or array   The typical value, in the parameter's unit; that of [parameters] if left out.
        """
        block = self._block(name, between)
        sds = block.sds() if block is not None else None
        if block is not None and sds is not None:
            return sds[block.effects.index(name)]
        effect = self.variability[name] if between == "subjects" else self.occasions[name]
        return effect.sd_of(self.parameters[name].value if typical is None else typical)

    def _block(self, name: str, between: str) -> Block | None:
        """Give the block that an effect belongs to."""
        blocks = (each for each in self.blocks.values() if each.between == between)
        return next((each for each in blocks if name in each.effects), None)

    def with_(self, **parameters: Any) -> Model:
        """Give the same model with other typical values.

        Numbers are in the parameter's unit; texts ("7.5 L/h") and pint quantities are converted.

        >>> from doseline.model.read import load_model
        >>> load_model("one-compartment-oral").with_(CL="250 mL/min", V=180).changes
        {'CL': 15.0, 'V': 180.0}
        """
        new = {name: self._changed(name, value) for name, value in parameters.items()}
        values = {name: parameter.value for name, parameter in new.items()}
        return self.model_copy(update={"parameters": self.parameters | new, "changes": self.changes | values})

    def edit(self, **sections: Any) -> Model:
        """Give another model with entries added, replaced or taken out; this one stays as it is.

        The result is read and checked as a file is, so mistakes are told in the same words. A replaced line stays in
        its place; a new one goes before the line that follows it in what is given, else to the end. Checks are
        dropped: their numbers were worked out for the model as it was.

        Parameters
        ----------
        name, title, version : str   Other first lines.
        source : dict or str         Its keys, or the citation.
        parameters, compartments, variables, flows, ... : dict
            Entries of any section as a file has them; None takes an entry out. There are short forms: a parameter
            "7.5 L/h", a compartment by its unit "mg/L", an output ("central / V", "mg/L"), a route by the compartment
            that doses enter, a spread between subjects "30 %", between occasions ("20 %", "dose"), the error of an
            output "15 %". Entries of another model can be given as they are. `uncertainty` is replaced as a whole.

        Raises
        ------
        ModelError : with every mistake, each with its section.

        >>> from doseline.model.read import load_model
        >>> model = load_model("one-compartment-oral").edit(
        ...     name="saturable",
        ...     parameters={"VMAX": "30 mg/h", "KM": "5 mg/L"},
        ...     flows={"central -> out": "VMAX / (KM * V + central)"},
        ... )
        >>> model, model.linear
        (<Model saturable 1.0>, False)
        """
        from doseline.model.edit import edited

        return edited(self, sections)

    def _changed(self, name: str, given: Any) -> Parameter:
        place = f"{self.name}.with_({name}=...)"
        old = self.parameters.get(name)
        if old is None:
            covariate = f"'{name}' is a covariate: it belongs to the cohort, as in cohort({name}=...)"
            raise InputError(
                f"unknown parameter '{name}'",
                place=place,
                advice=covariate if name in self.covariates else did_you_mean(name, self.parameters),
            )
        if set_by_every_meal(name, self.formulations):
            raise InputError(
                f"every meal sets its own '{name}'",
                place=place,
                advice="changing the typical value would do nothing: change the file, in [formulations]",
            )
        value = read_quantity(given, old.unit, place=place)
        if isinstance(value, np.ndarray):
            raise InputError(
                f"found {value.size} values",
                place=place,
                advice="expected one number: make a model for each value",
            )
        kind = positive_kind(old.unit)
        if kind and value <= 0.0:
            raise InputError(f"found {value:g} {old.unit}", place=place, advice=f"expected a {kind} above 0")
        effect = self.variability.get(name, self.occasions.get(name))
        if effect is not None and effect.distribution == "logit-normal":
            low, high = effect.limits
            if not low < value < high:
                raise InputError(
                    f"found {value:g}",
                    place=place,
                    advice=f"'{name}' is logit-normal: expected more than {low:g} and less than {high:g}",
                )
        source = (
            old.source if name in self.changes else f"changed from {old.value:g} {old.unit} ({old.source})"
        )
        return old.model_copy(update={"value": value, "source": source, "status": "assumption"})
