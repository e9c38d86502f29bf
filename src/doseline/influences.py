"""What an output depends on: a walk backward through the formulas of a model."""

from collections.abc import Iterator

from doseline.compile import ENTRY
from doseline.model.spec import Model, Route


def acting_on(model: Model, output: str) -> list[str]:
    """Parameters that can change an output, in the order of the model file.

    From the output back to compartments, what flows into them and out of them, doses that enter them, what they begin
    with, and the lines of ``[individual]`` behind all of these. A parameter of a metabolite does nothing to the drug.

    >>> from doseline.model.read import load_model
    >>> acting_on(load_model("one-compartment-iv"), "plasma")
    ['CL', 'V']
    """
    seen: set[str] = set()
    left = list(model.outputs[output].value.names)
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += _behind(model, name)
    return [name for name in model.parameters if name in seen]


def _behind(model: Model, name: str) -> Iterator[str]:
    """Names that a variable, a compartment or an individual value is made of."""
    for section in (model.variables, model.individual):
        if name in section:
            yield from section[name].names
    if name not in model.compartments:
        return
    for flow in model.flows:
        if name in (flow.source, flow.target):
            yield from flow.rate.names
        if name == flow.target:
            yield flow.source
    for section in (model.rates, model.initial):
        if name in section:
            yield from section[name].names
    for key, route in model.routes.items():
        if name == route.into or (key == model.default_route and name in _depots(model)):
            yield from _entry(route)


def _depots(model: Model) -> set[str]:
    """Compartments that meals send swallowed doses into."""
    meals = (meal for each in model.formulations.values() for meal in each.meals.values())
    return {meal.into for meal in meals if meal.into}


def _entry(route: Route) -> Iterator[str]:
    """Names in what a route says of a dose."""
    for name in ENTRY:
        formula = getattr(route, name)
        if formula is not None:
            yield from formula.names
