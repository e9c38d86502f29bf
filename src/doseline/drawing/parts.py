"""What a picture of a model is made of: boxes, arrows, and how much room their texts take. Lengths are in px."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

NAME_SIZE, RATE_SIZE, NUMBER_SIZE = 14.0, 12.5, 10.0
"""Size of the names of compartments, of the texts at arrows, and of the numbers in boxes."""
NARROWEST, LOWEST = 104.0, 48.0
"""Smallest box."""
STEP, PAIR, CLOSE = 32.0, 13.0, 16.0
"""Between arrows at one side of a box; from the middle to each of a pair that runs there and back; between lines
without a text."""
LONGEST = 28
"""Characters of a text that are shown; the tooltip has all of it."""

_NARROW = " /()·,.:;|'iIjl"


class Point(NamedTuple):
    """A place in the picture; y grows downward."""

    x: float
    y: float


class Spot(NamedTuple):
    """Where a text stands: its baseline, and whether it starts, centres or ends there."""

    x: float
    y: float
    anchor: str


@dataclass(eq=False)
class Box:
    """A compartment.

    `sides` holds the arrows at "left" and "right" from the top down, at "top" and "bottom" from the left. `host` is the
    compartment that a guest stands `above` or `below` of.
    """

    name: str
    label: str
    number: int
    column: int = 0
    x: float = 0.0
    y: float = 0.0
    above: Box | None = None
    below: Box | None = None
    host: Box | None = None
    sides: dict[str, list[Arrow]] = field(default_factory=dict)

    @property
    def width(self) -> float:
        """From left to right."""
        ports = max(len(self.at("top")), len(self.at("bottom")))
        return max(NARROWEST, wide(self.name, NAME_SIZE) + 40.0, STEP * ports)

    @property
    def height(self) -> float:
        """From top to bottom: room for the arrows at both sides."""
        reach = [abs(self.offset(arrow, side)) for side in ("left", "right") for arrow in self.at(side)]
        return max(LOWEST, 2.0 * max(reach, default=0.0) + 22.0)

    def at(self, side: str) -> list[Arrow]:
        """Arrows at a side."""
        return self.sides.get(side, [])

    def offset(self, arrow: Arrow, side: str) -> float:
        """How far from the middle of a side an arrow is attached. Straight ones have the middle: both ends agree."""
        arrows = self.at(side)
        places = [0.0]
        for before, after in pairwise(arrows):
            pair = before.kind == after.kind == "straight"
            places.append(
                places[-1] + (2.0 * PAIR if pair else STEP if before.texts or after.texts else CLOSE)
            )
        held = [
            place for place, each in zip(places, arrows, strict=True) if each.kind == "straight"
        ] or places
        return places[arrows.index(arrow)] - (held[0] + held[-1]) / 2

    def port(self, arrow: Arrow, side: str) -> Point:
        """Where an arrow is attached."""
        if side in ("left", "right"):
            return Point(
                self.x + self.width * (0.5 if side == "right" else -0.5), self.y + self.offset(arrow, side)
            )
        return Point(
            self.x + self.offset(arrow, side), self.y + self.height * (0.5 if side == "bottom" else -0.5)
        )


@dataclass(eq=False)
class Arrow:
    """A line from one box to another; what comes from nowhere has no source, what leaves has no target.

    `sort` is what it means, see :class:`doseline.drawing.links.Link`. `kind` is how it runs: "straight" or with an
    "elbow" to the next column, "stacked" between host and guest, "long" by a lane, "open" from or to nowhere. `leaves`
    and `enters` are the sides of the boxes it joins.
    """

    sort: str
    texts: tuple[str, ...]
    tooltip: str
    source: Box | None
    target: Box | None
    kind: str = ""
    leaves: str = ""
    enters: str = ""
    points: list[Point] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)

    @property
    def dose(self) -> bool:
        """Whether it is a dose."""
        return self.sort == "dose"

    @property
    def acts(self) -> bool:
        """Whether it takes nothing from where it begins."""
        return self.sort in ("drive", "influence")

    @property
    def inward(self) -> bool:
        """Whether it comes from nowhere."""
        return self.source is None

    @property
    def ends(self) -> list[tuple[Box, str]]:
        """The boxes it joins, each with the side."""
        both = ((self.source, self.leaves), (self.target, self.enters))
        return [(box, side) for box, side in both if box is not None]

    @property
    def only(self) -> tuple[Box, str]:
        """The box and the side of an open arrow, or where another one begins."""
        return self.ends[0]

    @property
    def backward(self) -> bool:
        """Whether it runs against the order of the columns."""
        return self.source is not None and self.target is not None and self.source.column > self.target.column

    @property
    def rises(self) -> bool:
        """Whether it runs above everything, if it is long."""
        return (
            self.source is not None and self.target is not None and self.source.column >= self.target.column
        )

    @property
    def turns(self) -> bool:
        """Whether it has an upright part in a gap."""
        return self.kind in ("elbow", "long")

    @property
    def wide(self) -> float:
        """Width of the widest text."""
        return max((wide(text, RATE_SIZE) for text in self.texts), default=0.0)


@dataclass
class Plan:
    """All of a picture. Columns hold the boxes that are no guests, from the top down."""

    boxes: list[Box]
    arrows: list[Arrow]
    columns: list[list[Box]] = field(default_factory=list)


def short(text: str) -> str:
    """A text that fits beside an arrow.

    >>> short("(1 - FM) * CL / V")
    '(1 - FM) · CL / V'
    """
    told = " ".join(text.replace("**", "^").replace("*", "·").split())
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def wide(text: str, size: float) -> float:
    """Width of a text in any of the usual fonts, on the generous side."""
    return size * sum(0.4 if c in _NARROW else 0.66 if c.islower() or c.isdigit() else 0.76 for c in text)
