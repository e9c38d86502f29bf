"""From a model to functions over lanes: like `compile`, a file that knows both names and array positions."""

from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from doseline.compile import Values
from doseline.errors import InputError
from doseline.kernels import lanes
from doseline.kernels.kernel import model_kernel, one_at_a_time
from doseline.lane_code import CLOCK, TIMED, Constants, divisors, row, uses, written_function
from doseline.model.entries import positive_kind
from doseline.model.expression import Expression
from doseline.model.spec import Model
from doseline.model.tree import NEGATIVE, Apply, Name, Node, Number
from doseline.units import dimension

_ONE_AT_A_TIME = one_at_a_time()
"""The compiler is asked by one thread at a time."""


class LaneModel:
    """A model as three functions over lanes, and the constants that they read.

    ``infused`` are the states that infusions enter, ``switched`` says whether compartments may be off: what a table
    does not have costs nothing.
    """

    def __init__(self, model: Model, infused: tuple[int, ...], switched: bool) -> None:
        self.model, self.infused, self.switched = model, infused, switched
        self.compartments = list(model.compartments)
        moving = {*model.compartments, *model.variables, *CLOCK, *(_flow(k) for k in range(len(model.flows)))}
        self.constants = Constants(moving)
        self.places = {name: row(lanes.STATE, at) for at, name in enumerate(self.compartments)}
        if len(self.compartments) > lanes.MOST_STATES or len(model.outputs) > lanes.MOST_OUTPUTS:
            raise InputError(
                f"{len(self.compartments)} compartments and {len(model.outputs)} outputs",
                place=model.name,
                advice=f"at most {lanes.MOST_STATES} of each",
            )
        # the texts number the constants: all of them are written before any constant is asked for
        self._sources = {"rhs": self._right_hand_side(), "show": self._outputs()}

    @cached_property
    def definitions(self) -> dict[str, Node]:
        """Variables, and then what each flow carries, amount over time."""
        defined: dict[str, Node] = {name: value.tree for name, value in self.model.variables.items()}
        for k, flow in enumerate(self.model.flows):
            defined[_flow(k)] = Apply("*", (flow.rate.tree, Name(flow.source)))
        return defined

    @cached_property
    def equations(self) -> list[Node]:
        """Rate of change of each compartment."""
        changes: dict[str, Node] = {name: value.tree for name, value in self.model.rates.items()}
        for k, flow in enumerate(self.model.flows):
            if flow.target is not None:
                changes[flow.target] = _plus(changes.get(flow.target), "+", Name(_flow(k)))
            changes[flow.source] = _plus(changes.get(flow.source), "-", Name(_flow(k)))
        return [changes.get(name, Number(0.0)) for name in self.compartments]

    @cached_property
    def timed(self) -> bool:
        """Does any rate look at the clock?"""
        formulas = [*self.definitions.values(), *self.equations]
        return any(uses(name, formulas) for name in TIMED)

    def _right_hand_side(self) -> str:
        rows = []
        for at, equation in enumerate(self.equations):
            around = f"{{}} + {row(lanes.INFLOW, at)}" if at in self.infused else "{}"
            around = f"({around}) * {row(lanes.ON, at)}" if self.switched else around
            rows.append((row(lanes.RATE, at), equation, around))
        return written_function("rhs", rows, self.definitions, self.constants, self.places)

    def _outputs(self) -> str:
        rows = [
            (row(lanes.SHOWN, at), output.value.tree, f"{output.from_coherent!r} * {{}}")
            for at, output in enumerate(self.model.outputs.values())
        ]
        variables = {name: value.tree for name, value in self.model.variables.items()}
        return written_function("show", rows, variables, self.constants, self.places)

    def _jacobian(self) -> str:
        from doseline.jacobian import derivatives

        n = len(self.compartments)
        rows = []
        for (i, name), node in derivatives(self.definitions, self.equations, self.compartments).items():
            at = (
                row(lanes.DRIFT, i)
                if name == "t"
                else row(lanes.JACOBIAN, i * n + self.compartments.index(name))
            )
            rows.append((at, node, f"{{}} * {row(lanes.ON, i)}" if self.switched else "{}"))
        return written_function("jacobian", rows, self.definitions, self.constants, self.places)

    @cached_property
    def rhs(self) -> Any:
        """Right-hand side, compiled."""
        with _ONE_AT_A_TIME:
            return model_kernel(self._sources["rhs"], "rhs")

    @cached_property
    def show(self) -> Any:
        """Outputs, compiled."""
        with _ONE_AT_A_TIME:
            return model_kernel(self._sources["show"], "show")

    @cached_property
    def jacobian(self) -> Any:
        """Derivatives of the right-hand side by state and time; with constants of its own, behind the others."""
        with _ONE_AT_A_TIME:
            return model_kernel(self._jacobian(), "jacobian")

    def constants_of(self, values: Values, *, count: int) -> np.ndarray:
        """Every constant for each of ``count`` sets of values (system, constant)."""
        # another thread may be adding those of the Jacobian
        known = list(self.constants.position.items())
        found = np.empty((count, len(known)))
        for node, at in known:
            found[:, at] = Expression.of(node).evaluate(values)
        return found

    def sound(self, values: Values, initial: np.ndarray) -> np.ndarray:
        """Which sets of values can be solved (system,).

        They are finite; volumes and clearances are above 0, amounts and rate constants that do not move not below.
        """
        fit = (np.isfinite(initial) & ~((initial < 0) & self.guarded)).all(axis=1)
        for name, value in values.items():
            known = self.model.parameters.get(name) or self.model.covariates.get(name)
            fit = fit & np.isfinite(value)
            if (known is not None and positive_kind(known.unit)) or name in self._made_volumes:
                fit = fit & (np.asarray(value) > 0.0)
        for flow in self.model.flows:
            if not self.constants.moves(flow.rate.tree):
                rate = np.asarray(flow.rate.evaluate(values))
                fit = fit & np.isfinite(rate) & (rate >= 0.0)
        return fit

    @cached_property
    def _made_volumes(self) -> set[str]:
        """Volumes made in [individual] that something is divided by: others may be differences, of either sign."""
        model = self.model
        entries: dict[str, Any] = {**model.parameters, **model.covariates}
        kinds = {name: dimension(entry.unit) for name, entry in entries.items()}
        for name, expression in model.individual.items():
            kinds[name] = expression.kind(kinds)
        outputs = [output.value.tree for output in model.outputs.values()]
        found = set().union(*map(divisors, [*self.definitions.values(), *self.equations, *outputs]))
        return {name for name in found if name in model.individual and kinds[name] == dimension("L")}

    @cached_property
    def guarded(self) -> np.ndarray:
        """Which states are amounts of drug, never below zero (state,)."""
        mass = dimension("mg")
        return np.array([dimension(entry.unit) == mass for entry in self.model.compartments.values()])


@lru_cache(maxsize=64)
def lane_model(model: Model, infused: tuple[int, ...], switched: bool) -> LaneModel:
    """The functions of a model, the same object for the same model."""
    return LaneModel(model, infused, switched)


def _flow(k: int) -> str:
    """A name for what a flow carries that no model can have given."""
    return f" flow {k}"


def _plus(before: Node | None, sign: str, node: Node) -> Node:
    if before is None:
        return node if sign == "+" else Apply(NEGATIVE, (node,))
    return Apply(sign, (before, node))
