"""Where everything stands: boxes first, then gaps as wide as what runs through them, then arrows and their texts."""

from __future__ import annotations

from itertools import pairwise

from doseline.drawing.gap import OFF, ROOM, SHAFT, Gap
from doseline.drawing.parts import RATE_SIZE, Arrow, Box, Plan, Point, Spot, wide

STACK, APART = 62.0, 44.0
"""Between host and guest; between other boxes of one column at least. [px]"""
LANE, LOW, LINE = 32.0, 14.0, 15.0
"""Between lanes, with and without a text; between lines of text. [px]"""
PAIR_X = 11.0
"""From the middle to each of two upright arrows between host and guest. [px]"""


def place(plan: Plan) -> None:
    """Give boxes their place, arrows their points and texts their spots."""
    for column in plan.columns:
        _upright(column)
    sides = [[], *(_all(column) for column in plan.columns), []]
    gaps = [Gap(left, right) for left, right in pairwise(sides)]
    edge = 0.0
    for number, column in enumerate(plan.columns):
        edge = gaps[number].begins(edge)
        half = max(_half(plan, box) for box in _all(column))
        for box in _all(column):
            box.x = edge + half
        edge += 2.0 * half
    gaps[-1].begins(edge)
    _lanes(plan, gaps)
    for arrow in plan.arrows:
        _DRAW[arrow.kind](arrow, gaps)
        del arrow.spots[len(arrow.texts) :]


def _all(column: list[Box]) -> list[Box]:
    """Boxes of a column from the top down, guests included."""
    return [each for box in column for each in (box.above, box, box.below) if each is not None]


def _room(box: Box, side: str) -> float:
    """What an open arrow needs above or below a box."""
    needs = [SHAFT + LINE * len(arrow.texts) + OFF for arrow in box.at(side) if arrow.kind == "open"]
    return max(needs, default=0.0)


def _upright(column: list[Box]) -> None:
    """Stack the boxes of a column, and let the middle of those that are no guests be at 0."""
    boxes = _all(column)
    for upper, lower in pairwise(boxes):
        related = upper.host is lower or lower.host is upper
        apart = STACK if related else max(APART, _room(upper, "bottom") + _room(lower, "top") + LINE)
        lower.y = upper.y + (upper.height + lower.height) / 2 + apart
    middle = (column[0].y + column[-1].y) / 2
    for box in boxes:
        box.y -= middle


def _half(plan: Plan, box: Box) -> float:
    """Half the width that a box and what stands above and below it need."""
    halves = [box.width / 2]
    for side in ("top", "bottom"):
        halves += [abs(box.offset(a, side)) + a.wide / 2 for a in box.at(side) if a.kind == "open"]
    halves += [
        8 + PAIR_X + a.wide for a in plan.arrows if a.kind == "stacked" and box in (a.source, a.target)
    ]
    return max(halves)


def _side_gap(box: Box, side: str) -> int:
    """Number of the gap at a side of a box."""
    return box.column + (1 if side == "right" else 0)


def _lanes(plan: Plan, gaps: list[Gap]) -> None:
    """Points of the long arrows: wide ones run outside of narrow ones. Texts stand where no other line crosses."""
    top = min(box.y - box.height / 2 - _room(box, "top") for box in plan.boxes)
    bottom = max(box.y + box.height / 2 + _room(box, "bottom") for box in plan.boxes)
    ways = {arrow: _ends(arrow, gaps) for arrow in plan.arrows if arrow.kind == "long"}
    order = sorted(ways, key=lambda arrow: abs(ways[arrow][0][-1].x - ways[arrow][1][0].x))
    for up in (True, False):
        y, apart = (top, 0.75 * LANE) if up else (bottom - 0.25 * LANE, 0.0)
        for arrow in [each for each in order if each.rises is up]:
            begin, end = ways[arrow]
            own = LANE if arrow.texts else LOW
            # a text stands above its line: on the outside of a lane at the top, on the inside of one at the bottom
            y = y - apart if up else max(y + own, bottom + LOW)
            apart = own
            arrow.points = [*begin, Point(begin[-1].x, y), Point(end[0].x, y), *end]
    uprights = [
        (a.x, min(a.y, b.y), max(a.y, b.y)) for each in order for a, b in pairwise(each.points) if a.x == b.x
    ]
    for arrow in [each for each in order if each.texts]:
        flat = [(a, b) for a, b in pairwise(arrow.points) if a.y == b.y and not top < a.y < bottom]
        _write(arrow, *flat[0], uprights)


def _write(arrow: Arrow, begin: Point, end: Point, uprights: list[tuple[float, float, float]]) -> None:
    """Put a text on a lane, as near to its middle as no upright line crosses it; cut it where there is no place."""
    y, half = begin.y - OFF, arrow.wide / 2 + OFF
    crossing = [x for x, low, high in uprights if low < y < high]
    middle, reach = (begin.x + end.x) / 2, abs(end.x - begin.x) / 2
    tries = [middle + turn * step for step in range(0, int(reach) + 1, 4) for turn in (1, -1)]
    free = next((x for x in tries if all(abs(x - line) > half for line in crossing)), None)
    if free is None:
        edges = sorted([begin.x, end.x, *(x for x in crossing if abs(x - middle) < reach)])
        left, right = max(pairwise(edges), key=lambda pair: pair[1] - pair[0])
        free, room = (left + right) / 2, right - left - 2 * OFF
        arrow.texts = tuple(_cut(text, room) for text in arrow.texts)
    arrow.spots = [Spot(free, y, "middle")]


def _cut(text: str, room: float) -> str:
    """As much of a text as fits."""
    cut = text
    while cut != "…" and wide(cut, RATE_SIZE) > room:
        cut = cut.removesuffix("…")[:-1].rstrip() + "…"
    return cut


def _ends(arrow: Arrow, gaps: list[Gap]) -> tuple[list[Point], list[Point]]:
    """The first and the last points of a long arrow, up to its lane."""
    ways = []
    for box, side in arrow.ends:
        port = box.port(arrow, side)
        if side in ("left", "right"):
            ways.append([port, Point(gaps[_side_gap(box, side)].track_of(arrow), port.y)])
        else:
            ways.append([port])
    return ways[0], ways[1][::-1]


def _straight(arrow: Arrow, gaps: list[Gap]) -> None:
    (source, leaves), (target, enters) = arrow.ends
    arrow.points = [source.port(arrow, leaves), target.port(arrow, enters)]
    pair = [other for other in source.at(leaves) if other.kind == "straight"]
    last = source.at(leaves)[-1] is arrow and target.at(enters)[-1] is arrow
    below = len(pair) == 2 and pair[1] is arrow and last
    y = arrow.points[0].y + (OFF + 0.72 * RATE_SIZE if below else -OFF)
    gap = gaps[_side_gap(source, leaves)]
    middle = (arrow.points[0].x + arrow.points[1].x) / 2 if gap.centred else gap.centre(arrow)
    arrow.spots = [Spot(middle, y, "middle")]


def _elbow(arrow: Arrow, gaps: list[Gap]) -> None:
    (source, leaves), (target, enters) = arrow.ends
    gap = gaps[_side_gap(source, leaves)]
    begin, end, x = source.port(arrow, leaves), target.port(arrow, enters), gap.track_of(arrow)
    arrow.points = [begin, Point(x, begin.y), Point(x, end.y), end] if begin.y != end.y else [begin, end]
    arrow.spots = [Spot(gap.centre(arrow), begin.y - OFF, "middle")]


def _stacked(arrow: Arrow, gaps: list[Gap]) -> None:
    """Upright, the two of a pair side by side, with the texts outside."""
    assert arrow.source is not None
    assert arrow.target is not None
    down = arrow.source.y < arrow.target.y
    turn = -1.0 if down else 1.0
    x = arrow.source.x + turn * PAIR_X
    way = 0.5 if down else -0.5
    begin, end = arrow.source.y + way * arrow.source.height, arrow.target.y - way * arrow.target.height
    arrow.points = [Point(x, begin), Point(x, end)]
    arrow.spots = [Spot(x + turn * 8, (begin + end) / 2 + 0.35 * RATE_SIZE, "end" if down else "start")]


def _open(arrow: Arrow, gaps: list[Gap]) -> None:
    """From nowhere, with the texts where it begins; or to nowhere, with the text at its side or its end."""
    box, side = arrow.only
    port = box.port(arrow, side)
    lines = range(len(arrow.texts))
    if side == "left":
        far = Point(port.x - (box.x - box.width / 2 - port.x) - SHAFT, port.y)
        middle = port.y + 0.35 * RATE_SIZE - LINE * (len(arrow.texts) - 1) / 2
        arrow.spots = [Spot(far.x - OFF, middle + LINE * i, "end") for i in lines]
    elif side == "right":
        far = Point(port.x + max(SHAFT, arrow.wide + ROOM), port.y)
        arrow.spots = [Spot((port.x + far.x) / 2, port.y - OFF, "middle")]
    else:
        turn = -1.0 if side == "top" else 1.0
        far = Point(port.x, port.y + turn * SHAFT)
        first = far.y - OFF - LINE * (len(arrow.texts) - 1) if side == "top" else far.y + LINE
        arrow.spots = [Spot(port.x, first + LINE * i, "middle") for i in lines]
    arrow.points = [far, port] if arrow.inward else [port, far]


def _nothing(arrow: Arrow, gaps: list[Gap]) -> None:
    """Long arrows have their points already."""


_DRAW = {"straight": _straight, "elbow": _elbow, "stacked": _stacked, "open": _open, "long": _nothing}


def extent(plan: Plan) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of everything, texts included."""
    xs = [box.x + turn * box.width for box in plan.boxes for turn in (-0.5, 0.5)]
    ys = [box.y + turn * box.height for box in plan.boxes for turn in (-0.5, 0.5)]
    for arrow in plan.arrows:
        xs += [point.x for point in arrow.points]
        ys += [point.y for point in arrow.points]
        for spot, text in zip(arrow.spots, arrow.texts, strict=True):
            room = wide(text, RATE_SIZE)
            left = spot.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[spot.anchor] * room
            xs += [left, left + room]
            ys += [spot.y - RATE_SIZE, spot.y + 0.3 * RATE_SIZE]
    return min(xs), min(ys), max(xs), max(ys)
