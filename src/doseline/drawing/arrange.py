"""Which box stands in which column, and how each arrow runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doseline.drawing.parts import Arrow, Box, Plan, short
from doseline.model.spec import Model


def arranged(model: Model) -> Plan:
    """Boxes and arrows of a model, in columns and with the sides they are attached to; places come later."""
    boxes = {
        name: Box(name, entry.label, number)
        for number, (name, entry) in enumerate(model.compartments.items(), start=1)
    }
    plan = Plan([*boxes.values()], [*_flows(model, boxes), *_doses(model, boxes)])
    _stack(plan)
    _columns(plan)
    _attach(plan)
    return plan


def _flows(model: Model, boxes: dict[str, Box]) -> Iterator[Arrow]:
    for flow in model.flows:
        target = boxes[flow.target] if flow.target is not None else None
        told = f"{flow.source} → {flow.target or 'out'}: {flow.rate}"
        yield Arrow((short(str(flow.rate)),), told, boxes[flow.source], target)


def _doses(model: Model, boxes: dict[str, Box]) -> Iterator[Arrow]:
    """One arrow for each route, and one for each compartment that meals send doses into."""
    for name, route in model.routes.items():
        entry = {"": route.bioavailability, "lag ": route.lag, "over ": route.duration, "at ": route.rate}
        told = ", ".join(f"{word}{formula}" for word, formula in entry.items() if formula is not None)
        texts = (short(name), short(told)) if told else (short(name),)
        yield Arrow(texts, f"{name}: {route.label}" + (f" ({told})" if told else ""), None, boxes[route.into])
    meals = [each for formulation in model.formulations.values() for each in formulation.meals.items()]
    for into in dict.fromkeys(meal.into for _, meal in meals if meal.into is not None):
        named = ", ".join(dict.fromkeys(name for name, meal in meals if meal.into == into))
        yield Arrow((short(named),), f"{model.default_route}, {named}", None, boxes[into])


def _stack(plan: Plan) -> None:
    """Make guests of compartments that only exchange with one other: two at most for each host."""
    hosts = {box: host for box in plan.boxes if (host := _host(plan, box)) is not None}
    for box, host in hosts.items():
        if host.host is not None or box.above is not None or box.below is not None:
            continue
        # where nothing follows to the right, elimination leaves there, and the top is for a dose
        alone = sum(other is host for other in hosts.values()) == 1 and not _leads_on(plan, host, beside=box)
        order = ("below", "above") if alone else ("above", "below")
        for side in [side for side in order if getattr(host, side) is None][:1]:
            setattr(host, side, box)
            box.host = host


def _host(plan: Plan, box: Box) -> Box | None:
    """The only compartment that another exchanges with; None where doses enter it or it does anything else."""
    given = {arrow.target for arrow in plan.arrows if arrow.source is box}
    taken = {arrow.source for arrow in plan.arrows if arrow.target is box}
    return given.pop() if given == taken and len(given) == 1 else None


def _leads_on(plan: Plan, host: Box, *, beside: Box) -> bool:
    """Whether a flow leads from the host to another compartment than this guest."""
    return any(arrow.target not in (None, beside) for arrow in plan.arrows if arrow.source is host)


def _columns(plan: Plan) -> None:
    """Columns by the longest way from where doses enter, without the arrows that lead back."""
    inner = [box for box in plan.boxes if box.host is None]
    onward = {
        box: [
            a.target
            for a in plan.arrows
            if a.source is box and a.target is not None and a.target.host is None
        ]
        for box in inner
    }
    first = [arrow.target for arrow in plan.arrows if arrow.dose and arrow.target in onward]
    order = _forward(onward, [box for box in dict.fromkeys([*first, *inner]) if box is not None])
    for box in order:
        for target in onward[box]:
            target.column = max(target.column, box.column + 1)
    for box in order:
        if onward[box] and not any(box in targets for targets in onward.values()):
            box.column = min(target.column for target in onward[box]) - 1
    least = min(box.column for box in inner)
    plan.columns = [[] for _ in range(max(box.column for box in inner) - least + 1)]
    for box in inner:
        box.column -= least
        plan.columns[box.column].append(box)
    for box in plan.boxes:
        if box.host is not None:
            box.column = box.host.column


def _forward(onward: dict[Box, list[Box]], begin: Sequence[Box]) -> list[Box]:
    """Walk along the arrows and strike out those that lead back; give the boxes in an order that fits the others."""
    done: list[Box] = []
    for start in begin:
        way = [(start, list(onward[start]))] if start not in done else []
        while way:
            box, ahead = way[-1]
            if not ahead:
                done.append(way.pop()[0])
                continue
            target = ahead.pop(0)
            if any(target is walked for walked, _ in way):
                onward[box].remove(target)
            elif target not in done:
                way.append((target, list(onward[target])))
    return done[::-1]


def _attach(plan: Plan) -> None:
    """Choose how each arrow runs. Straight ones come first: they need the middle of a side."""
    for arrow in plan.arrows:
        arrow.kind = _kind(plan, arrow)
    for kind, attach in (("straight", _across), ("elbow", _across), ("long", _by_lane), ("open", _open)):
        for arrow in plan.arrows:
            if arrow.kind == kind:
                attach(plan, arrow)


def _kind(plan: Plan, arrow: Arrow) -> str:
    source, target = arrow.source, arrow.target
    if source is None or target is None:
        return "open"
    if source.host is target or target.host is source:
        return "stacked"
    if abs(source.column - target.column) != 1:
        return "long"
    # the only box of a column stands at the height of all such boxes
    alone = all(len(plan.columns[box.column]) == 1 and box.host is None for box in (source, target))
    return "straight" if alone else "elbow"


def _across(plan: Plan, arrow: Arrow) -> None:
    """To the next column, or back from it."""
    assert arrow.source is not None
    beside = plan.columns[arrow.source.column]
    upper = arrow.source in beside and beside.index(arrow.source) < (len(beside) - 1) / 2
    _join(arrow, *(("left", "right") if arrow.backward else ("right", "left")), upper=upper)


def _by_lane(plan: Plan, arrow: Arrow) -> None:
    """Above everything where it leads back, below everything where it skips columns."""
    assert arrow.source is not None
    assert arrow.target is not None
    up = arrow.rises
    sides = ("right", "left") if arrow.source.column < arrow.target.column else ("left", "right")
    ends = []
    for box, side in zip((arrow.source, arrow.target), sides, strict=True):
        outermost = plan.columns[box.column][0 if up else -1] is box
        free = outermost and (box.above if up else box.below) is None
        ends.append(("top" if up else "bottom") if free else side)
    _join(arrow, *ends, upper=up)


def _open(plan: Plan, arrow: Arrow) -> None:
    """Doses come from the left or from the top; what leaves goes to the right, to the bottom or to the top."""
    box = arrow.target if arrow.source is None else arrow.source
    assert box is not None
    outer, upright = ("left", ["top"]) if arrow.dose else ("right", ["bottom", "top"])
    beside = {"top": box.above, "bottom": box.below}
    if box.host is not None:
        beside["bottom" if box.host.above is box else "top"] = box.host
    free = [side for side in upright if beside[side] is None and not box.at(side)]
    edge = 0 if arrow.dose else len(plan.columns) - 1
    side = outer if not free or (box.column == edge and not box.at(outer)) else free[0]
    _join(arrow, *(("", side) if arrow.dose else (side, "")), upper=arrow.dose)


def _join(arrow: Arrow, leaves: str, enters: str, *, upper: bool) -> None:
    """Attach the ends of an arrow before or behind those that are there already."""
    arrow.leaves, arrow.enters = leaves, enters
    for box, side in arrow.ends:
        arrows = box.sides.setdefault(side, [])
        arrows.insert(0 if upper else len(arrows), arrow)
