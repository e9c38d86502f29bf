"""A plan as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from doseline.drawing.parts import Arrow, Box, Plan, Point
from doseline.drawing.strokes import (
    CORNER,
    DASHES,
    DOT,
    FAINT,
    FILL,
    STROKE,
    Label,
    arrow_labels,
    bends,
    box_labels,
    dot,
    head,
    page_of,
    stroke,
)

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


def svg_text(plan: Plan, *, title: str) -> str:
    """Write the SVG element: texts are escaped, and every box and arrow has a tooltip."""
    x, y, width, height = page_of(plan)
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


def _text(label: Label) -> str:
    look = ' font-weight="600"' if label.bold else f' fill-opacity="{FAINT:g}"' if label.faint else ""
    place = f'x="{label.x:.1f}" y="{label.y:.1f}" font-size="{label.size:g}" text-anchor="{label.anchor}"'
    return f'<text {place} fill="currentColor"{look}>{_clean(label.text)}</text>'


def _box(box: Box) -> Iterator[str]:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    yield f'<g class="compartment"><title>{_clean(f"{box.number}. {box.name}: {box.label}")}</title>'
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{CORNER:g}"'
        f' fill="currentColor" fill-opacity="{FILL:g}" stroke="currentColor" stroke-width="{STROKE:g}"/>'
    )
    yield from map(_text, box_labels(box))
    yield "</g>"


def _arrow(arrow: Arrow) -> Iterator[str]:
    dashes = ' stroke-dasharray="{:g} {:g}"'.format(*DASHES[arrow.sort]) if arrow.sort in DASHES else ""
    middle = dot(arrow)
    yield f'<g class="{arrow.sort}"><title>{_clean(arrow.tooltip)}</title>'
    yield f'<path d="{_line(arrow)}" stroke="currentColor" stroke-width="{stroke(arrow):g}"{dashes}/>'
    if middle is None:
        yield f'<path d="M {" L ".join(map(_pair, head(arrow)))} Z" fill="currentColor"/>'
    else:
        yield f'<circle cx="{middle.x:.1f}" cy="{middle.y:.1f}" r="{DOT:g}" fill="currentColor"/>'
    yield from map(_text, arrow_labels(arrow))
    yield "</g>"


def _line(arrow: Arrow) -> str:
    start, turns, end = bends(arrow)
    inner = [f"L {_pair(begin)} Q {_pair(corner)} {_pair(after)}" for begin, corner, after in turns]
    return " ".join([f"M {_pair(start)}", *inner, f"L {_pair(end)}"])


def _pair(point: Point) -> str:
    return f"{point.x:.1f} {point.y:.1f}"
