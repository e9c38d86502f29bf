"""Which box stands in which column, and how each arrow runs."""

from __future__ import annotations

from collections.abc import Sequence

from doseline.drawing.links import links_of
from doseline.drawing.parts import Arrow, Box, Plan
from doseline.model.spec import Model


def arranged(model: Model) -> Plan:
    """Boxes and arrows of a model, in columns and with the sides they are attached to; places come later."""
    boxes = {
        name: Box(name, entry.label, number)
        for number, (name, entry) in enumerate(model.compartments.items(), start=1)
    }
    arrows = [
        Arrow(link.sort, link.texts, link.tooltip, boxes.get(link.source or ""), boxes.get(link.target or ""))
        for link in links_of(model)
    ]
    plan = Plan([*boxes.values()], arrows)
    _stack(plan)
    _columns(plan)
    _attach(plan)
    return plan


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
    """The only compartment that another exchanges with, by a flow each way; None where it does anything else."""
    given = [arrow.target for arrow in plan.arrows if arrow.source is box]
    taken = [arrow.source for arrow in plan.arrows if arrow.target is box]
    acts = any(arrow.acts for arrow in plan.arrows if box in (arrow.source, arrow.target))
    return given[0] if len(given) == 1 and given == taken and not acts else None


def _leads_on(plan: Plan, host: Box, *, beside: Box) -> bool:
    """Whether an arrow leads from the host to another compartment than this guest."""
    return any(arrow.target not in (None, beside) for arrow in plan.arrows if arrow.source is host)


def _columns(plan: Plan) -> None:
    """Columns by the longest way from where doses enter, without the arrows that lead back."""
    inner = [box for box in plan.boxes if box.host is None]
    onward = {box: _next(plan, box, acts=False) for box in inner}
    first = [arrow.target for arrow in plan.arrows if arrow.dose and arrow.target in onward]
    begin = [box for box in dict.fromkeys([*first, *inner]) if box is not None]
    _forward(onward, begin)
    _reach_out(plan, onward, begin)
    order = _forward(onward, begin)
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


def _next(plan: Plan, box: Box, *, acts: bool) -> list[Box]:
    """Boxes of the columns that arrows lead to from a box."""
    ahead = [arrow.target for arrow in plan.arrows if arrow.source is box and arrow.acts is acts]
    return [target for target in ahead if target is not None and target.host is None]


def _reach_out(plan: Plan, onward: dict[Box, list[Box]], begin: Sequence[Box]) -> None:
    """Let compartments stand right of those that act on them, where flows do not lead the other way.

    Where two act on each other, the one that doses reach is the first.
    """
    done: set[Box] = set()
    for start in begin:
        waiting = [start]
        while waiting:
            box = waiting.pop()
            if box in done:
                continue
            done.add(box)
            for target in _next(plan, box, acts=True):
                if target is not box and box not in _reached(onward, target):
                    onward[box].append(target)
            waiting += onward[box][::-1]


def _reached(onward: dict[Box, list[Box]], start: Box) -> set[Box]:
    """All boxes ahead of one."""
    found, waiting = set[Box](), [start]
    while waiting:
        box = waiting.pop()
        if box not in found:
            found.add(box)
            waiting += onward[box]
    return found


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
    """Choose how each arrow runs. Straight ones come first: they need the middle of a side. Doses come before gains:
    where there is one place at the left, they take it."""
    for arrow in plan.arrows:
        arrow.kind = _kind(plan, arrow)
    for kind, attach in (("straight", _across), ("elbow", _across), ("long", _by_lane), ("open", _open)):
        for arrow in sorted(plan.arrows, key=lambda arrow: arrow.inward + (arrow.inward and not arrow.dose)):
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
        # top and bottom of a box are for what it gains and loses
        taken = arrow.acts and any(box in (a.source, a.target) for a in plan.arrows if a.kind == "open")
        ends.append(("top" if up else "bottom") if free and not taken else side)
    _join(arrow, *ends, upper=up)


def _open(plan: Plan, arrow: Arrow) -> None:
    """What comes in comes from the left or from the top; what leaves goes to the right, to the bottom or to the top."""
    box = arrow.target if arrow.source is None else arrow.source
    assert box is not None
    outer, upright = ("left", ["top"]) if arrow.inward else ("right", ["bottom", "top"])
    beside = {"top": box.above, "bottom": box.below}
    if box.host is not None:
        beside["bottom" if box.host.above is box else "top"] = box.host
    free = [side for side in upright if beside[side] is None and not box.at(side)]
    edge = 0 if arrow.inward else len(plan.columns) - 1
    side = outer if not free or (box.column == edge and not box.at(outer)) else free[0]
    _join(arrow, *(("", side) if arrow.inward else (side, "")), upper=arrow.inward)


def _join(arrow: Arrow, leaves: str, enters: str, *, upper: bool) -> None:
    """Attach the ends of an arrow before or behind those that are there already."""
    arrow.leaves, arrow.enters = leaves, enters
    for box, side in arrow.ends:
        arrows = box.sides.setdefault(side, [])
        arrows.insert(0 if upper else len(arrows), arrow)
