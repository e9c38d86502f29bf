"""What is drawn in every format: the page, bent lines, heads of arrows, texts with their places. Lengths in px."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from doseline.drawing.parts import NAME_SIZE, NUMBER_SIZE, RATE_SIZE, Arrow, Box, Plan, Point
from doseline.drawing.place import extent

MARGIN, CORNER, HEAD, BEND = 12.0, 9.0, 9.0, 7.0
"""Around the picture; of a box; length of the head of an arrow; of a line that turns. [px]"""
STROKE = 1.5
"""Width of a line. [px]"""
THIN = 1.2
"""Width of a line along which nothing moves. [px]"""
DASHES: dict[str, tuple[float, float]] = {"dose": (5.0, 4.0), "drive": (1.5, 3.0), "influence": (1.5, 3.0)}
"""Sorts of lines that are not solid: line and space. [px]"""
DOT = 3.5
"""Radius of the head of an influence. [px]"""
FILL, FAINT = 0.06, 0.65
"""How much of the colour is in the ground of a box, and in its number."""


class Page(NamedTuple):
    """The picture with its margin: left and top edge, and size."""

    x: float
    y: float
    width: float
    height: float


class Bend(NamedTuple):
    """A turn of a line: where it leaves the straight, the corner it does not reach, where it is straight again."""

    begin: Point
    corner: Point
    end: Point


class Label(NamedTuple):
    """A text: its baseline, whether it starts, centres or ends there, its size, and how it looks."""

    text: str
    x: float
    y: float
    anchor: str
    size: float
    bold: bool = False
    faint: bool = False


def page_of(plan: Plan) -> Page:
    """The page that everything of a plan fits on."""
    left, top, right, bottom = extent(plan)
    return Page(left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN)


def bends(arrow: Arrow) -> tuple[Point, list[Bend], Point]:
    """A line with rounded turns: its start, the turns, and its end, where the head of the arrow begins."""
    *inner, last = arrow.points
    points = [*inner, _towards(last, inner[-1], 2 * DOT if arrow.sort == "influence" else HEAD - 1)]
    turns = []
    for before, (turn, after) in zip(points, pairwise(points[1:]), strict=False):
        reach = min(BEND, _apart(before, turn) / 2, _apart(turn, after) / 2)
        turns.append(Bend(_towards(turn, before, reach), turn, _towards(turn, after, reach)))
    return points[0], turns, points[-1]


def dot(arrow: Arrow) -> Point | None:
    """Middle of the round head of an influence; None for arrows."""
    before, tip = arrow.points[-2:]
    return _towards(tip, before, DOT) if arrow.sort == "influence" else None


def head(arrow: Arrow) -> tuple[Point, Point, Point]:
    """The triangle at the end of an arrow, from its tip."""
    before, tip = arrow.points[-2:]
    base = _towards(tip, before, HEAD)
    x, y = (tip.y - base.y) * 0.45, (base.x - tip.x) * 0.45
    return tip, Point(base.x + x, base.y + y), Point(base.x - x, base.y - y)


def stroke(arrow: Arrow) -> float:
    """Width of a line. [px]"""
    return THIN if arrow.acts else STROKE


def box_labels(box: Box) -> Iterator[Label]:
    """Name and number of a compartment."""
    left, top = box.x - box.width / 2, box.y - box.height / 2
    yield Label(box.name, box.x, box.y + 0.35 * NAME_SIZE, "middle", NAME_SIZE, bold=True)
    yield Label(str(box.number), left + 7, top + 13, "start", NUMBER_SIZE, faint=True)


def arrow_labels(arrow: Arrow) -> Iterator[Label]:
    """What stands at an arrow; the name of a route is bold."""
    for number, (text, spot) in enumerate(zip(arrow.texts, arrow.spots, strict=True)):
        yield Label(text, *spot, RATE_SIZE, bold=arrow.dose and number == 0)


def _apart(a: Point, b: Point) -> float:
    return abs(a.x - b.x) + abs(a.y - b.y)  # lines are level or upright


def _towards(start: Point, end: Point, length: float) -> Point:
    """The point so far from the start on the way to the end."""
    share = length / max(_apart(start, end), 1e-9)
    return Point(start.x + share * (end.x - start.x), start.y + share * (end.y - start.y))
