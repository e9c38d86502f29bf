"""A plan as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from doseline.drawing.parts import NAME_SIZE, NUMBER_SIZE, RATE_SIZE, Arrow, Box, Plan, Point
from doseline.drawing.place import extent

MARGIN, CORNER, HEAD, BEND = 12.0, 9.0, 9.0, 7.0
"""Around the picture; of a box; length of the head of an arrow; of a line that turns. [px]"""
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


def written(plan: Plan, *, title: str) -> str:
    """Write the SVG element: texts are escaped, and every box and arrow has a tooltip."""
    left, top, right, bottom = extent(plan)
    x, y, width, height = left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label={quoteattr(f"Diagram: {title}")}'
        f' width="{width:.0f}" height="{height:.0f}" viewBox="{x:.1f} {y:.1f} {width:.1f} {height:.1f}"'
        f' style="max-width: 100%; height: auto" font-family="{FONT}" fill="none" stroke="none">',
        f"<title>{_clean(title)}</title>",
        f"<desc>{_clean('; '.join(arrow.tooltip for arrow in plan.arrows))}</desc>",
        *(line for arrow in plan.arrows for line in _arrow(arrow)),
        *(line for box in plan.boxes for line in _box(box)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _clean(text: str) -> str:
    """Text for XML: escaped, without the control characters that XML does not know."""
    return escape("".join(c for c in text if c.isprintable() or c == " "))


def _text(text: str, at: Point, size: float, more: str = "") -> str:
    return f'<text x="{at.x:.1f}" y="{at.y:.1f}" font-size="{size:g}" fill="currentColor"{more}>{_clean(text)}</text>'


def _box(box: Box) -> Iterator[str]:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    yield f'<g class="compartment"><title>{_clean(f"{box.number}. {box.name}: {box.label}")}</title>'
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{CORNER:g}"'
        ' fill="currentColor" fill-opacity="0.06" stroke="currentColor" stroke-width="1.5"/>'
    )
    middle = Point(box.x, box.y + 0.35 * NAME_SIZE)
    yield _text(box.name, middle, NAME_SIZE, ' font-weight="600" text-anchor="middle"')
    yield _text(str(box.number), Point(left + 7, top + 13), NUMBER_SIZE, ' fill-opacity="0.65"')
    yield "</g>"


def _arrow(arrow: Arrow) -> Iterator[str]:
    dashes = ' stroke-dasharray="5 4"' if arrow.dose else ""
    yield f'<g class="{"dose" if arrow.dose else "flow"}"><title>{_clean(arrow.tooltip)}</title>'
    yield f'<path d="{_line(arrow.points)}" stroke="currentColor" stroke-width="1.5"{dashes}/>'
    yield f'<path d="{_head(*arrow.points[-2:])}" fill="currentColor"/>'
    for number, (text, spot) in enumerate(zip(arrow.texts, arrow.spots, strict=True)):
        weight = ' font-weight="600"' if arrow.dose and number == 0 else ""
        yield _text(text, Point(spot.x, spot.y), RATE_SIZE, f'{weight} text-anchor="{spot.anchor}"')
    yield "</g>"


def _line(points: list[Point]) -> str:
    """A line with rounded turns, ending where the head of the arrow begins."""
    *inner, last = points
    points = [*inner, _towards(last, inner[-1], HEAD - 1)]
    parts = [f"M {points[0].x:.1f} {points[0].y:.1f}"]
    for before, (turn, after) in zip(points, pairwise(points[1:]), strict=False):
        reach = min(BEND, _apart(before, turn) / 2, _apart(turn, after) / 2)
        begin, end = _towards(turn, before, reach), _towards(turn, after, reach)
        parts.append(f"L {begin.x:.1f} {begin.y:.1f} Q {turn.x:.1f} {turn.y:.1f} {end.x:.1f} {end.y:.1f}")
    return " ".join([*parts, f"L {points[-1].x:.1f} {points[-1].y:.1f}"])


def _head(before: Point, tip: Point) -> str:
    base = _towards(tip, before, HEAD)
    x, y = (tip.y - base.y) * 0.45, (base.x - tip.x) * 0.45
    corners = ((tip.x, tip.y), (base.x + x, base.y + y), (base.x - x, base.y - y))
    return "M " + " L ".join(f"{a:.1f} {b:.1f}" for a, b in corners) + " Z"


def _apart(a: Point, b: Point) -> float:
    return abs(a.x - b.x) + abs(a.y - b.y)  # lines are level or upright


def _towards(start: Point, end: Point, length: float) -> Point:
    """The point so far from the start on the way to the end."""
    share = length / max(_apart(start, end), 1e-9)
    return Point(start.x + share * (end.x - start.x), start.y + share * (end.y - start.y))
