"""The strip between two columns: texts of the left side, upright lines in tracks, texts of the right side."""

from __future__ import annotations

from dataclasses import dataclass

from doseline.drawing.parts import Arrow, Box

SHAFT = 42.0
"""Length of an arrow from or to nowhere. [px]"""
TRACK = 16.0
"""Between upright lines. [px]"""
NARROWEST, ROOM, OFF = 72.0, 22.0, 6.0
"""Narrowest gap, room beside a text for the head of its arrow, between a text and its line. [px]"""


class Gap:
    """What runs between two columns, and how much room it takes. Before `begins` nothing has a place."""

    def __init__(self, left: list[Box], right: list[Box]) -> None:
        out = [arrow for box in left for arrow in box.at("right")]
        into = [arrow for box in right for arrow in box.at("left")]
        self.tracks: list[list[_Turn]] = []
        for turn in _ordered(
            [_Turn.of(arrow, left, right) for arrow in dict.fromkeys([*out, *into]) if arrow.turns]
        ):
            self._track(turn)
        self.centred = not self.tracks and all(arrow.kind == "straight" for arrow in [*out, *into])
        self.left = max([_room(arrow, text=not arrow.backward) for arrow in out], default=0.0)
        self.right = max([_room(arrow, text=arrow.backward) for arrow in into], default=0.0)
        inner = (
            max(self.left, self.right) if self.centred else self.left + TRACK * len(self.tracks) + self.right
        )
        self.width = max(NARROWEST if left and right else 0.0, inner)
        self.start = 0.0

    def begins(self, edge: float) -> float:
        """Start at an edge; gives the other edge."""
        self.start = edge
        return edge + self.width

    def track_of(self, arrow: Arrow) -> float:
        """Where the upright line of an arrow runs."""
        number = next(i for i, track in enumerate(self.tracks) if any(arrow is turn.arrow for turn in track))
        spare = self.width - self.left - self.right - TRACK * len(self.tracks)
        return self.start + self.left + spare / 2 + TRACK * (number + 0.5)

    def centre(self, arrow: Arrow) -> float:
        """Middle of the text of an arrow that runs across; in a centred gap the middle of the arrow is free."""
        if arrow.backward:
            return self.start + self.width - self.right / 2
        return self.start + self.left / 2

    def _track(self, turn: _Turn) -> None:
        """Put an upright line into the first track where it meets no other, right of those that must be left of it."""
        after = [i for i, track in enumerate(self.tracks) if any(other.before(turn) for other in track)]
        for track in self.tracks[max(after, default=-1) + 1 :]:
            if all(turn.high < other.low or turn.low > other.high for other in track):
                return track.append(turn)
        return self.tracks.append([turn])


def _room(arrow: Arrow, *, text: bool) -> float:
    """Room for an arrow at one side; the text stands where an arrow begins, or before it."""
    if arrow.inward:
        return SHAFT + arrow.wide + 2 * OFF
    if arrow.kind == "open":
        return max(SHAFT, arrow.wide + ROOM)
    return arrow.wide + ROOM if text and arrow.kind != "long" else ROOM


@dataclass(frozen=True, eq=False)
class _Turn:
    """An upright line: the heights where it is joined from the left and from the right, and its two ends."""

    arrow: Arrow
    left: float | None
    right: float | None
    low: float
    high: float

    @classmethod
    def of(cls, arrow: Arrow, left: list[Box], right: list[Box]) -> _Turn:
        """Heights of an arrow in the gap between two columns; a long one goes on to its lane."""
        a = next(
            (box.port(arrow, side).y for box, side in arrow.ends if side == "right" and box in left), None
        )
        b = next(
            (box.port(arrow, side).y for box, side in arrow.ends if side == "left" and box in right), None
        )
        known = [height for height in (a, b) if height is not None]
        low, high = min(known) - OFF, max(known) + OFF
        if arrow.kind == "long":
            low, high = (-float("inf"), high) if arrow.rises else (low, float("inf"))
        return cls(arrow, a, b, low, high)

    def before(self, other: _Turn) -> bool:
        """Whether this one has to be further left: its left line would run over the right line of the other."""
        return self.left is not None and other.right is not None and abs(self.left - other.right) < OFF

    @property
    def rank(self) -> tuple[int, float]:
        """From the left, so that few lines cross: those that fall, the lowest first; those that rise; long ones."""
        if self.left is None or self.right is None:
            return 2, 0.0
        return (0, -self.left) if self.left < self.right else (1, self.left)


def _ordered(turns: list[_Turn]) -> list[_Turn]:
    """By rank, but each after those that must be left of it, as far as that is possible."""
    waiting, order = sorted(turns, key=lambda turn: turn.rank), []
    while waiting:
        free = (
            turn for turn in waiting if not any(other.before(turn) for other in waiting if other is not turn)
        )
        order.append(next(free, waiting[0]))
        waiting.remove(order[-1])
    return order
