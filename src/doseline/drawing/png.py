"""A plan as PNG, drawn with matplotlib: what the SVG shows, dark on white."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform

from doseline.drawing.parts import Arrow, Box, Plan
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
from doseline.errors import ResultError

DPI = 150
"""Dots for each inch of the file; an inch is 96 px of the plan."""
MOST_DOTS, LONGEST = 100_000_000, 2**16 - 1
"""Dots of one picture, and along its edge: what matplotlib holds."""
INK, GROUND = "#1a1a1a", "white"
POINT = 72 / 96
"""Points of print in one px of the plan."""
FONT = "DejaVu Sans"
"""Comes with matplotlib, and the plan has room for it."""
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def png_bytes(plan: Plan, *, title: str, place: str) -> bytes:
    """Draw the picture in fonts, sizes and colours of its own, whatever matplotlib is set to.

    Raises :class:`ResultError` with the place where it is to go, if it is too large.
    """
    x, y, width, height = page_of(plan)
    across, down = round(width * DPI / 96), round(height * DPI / 96)
    if max(across, down) > LONGEST or across * down > MOST_DOTS:
        problem = f"a PNG of {across} x {down} dots is too large"
        raise ResultError(problem, place=place, advice="end the name in .svg, which has no limit")
    figure = Figure(figsize=(width / 96, height / 96), dpi=DPI, facecolor=GROUND, edgecolor=GROUND)
    canvas = FigureCanvasAgg(figure)
    to_page = Affine2D().translate(-x, -y - height).scale(DPI / 96, -DPI / 96)  # y grows upward on a page
    marks = [mark for arrow in plan.arrows for mark in _arrow(arrow, to_page)]
    marks += [mark for box in plan.boxes for mark in _box(box, to_page)]
    for order, mark in enumerate(marks):
        mark.set_zorder(order)
        figure.add_artist(mark)
    for mark in (figure.patch, *marks):
        mark.set(sketch_params=None, path_effects=[], antialiased=True)
    file = BytesIO()
    canvas.print_png(file, metadata={"Title": title})
    return file.getvalue()


def _box(box: Box, to_page: Transform) -> Iterator[Artist]:
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    style = f"round,pad=0,rounding_size={CORNER:g}"
    look: dict[str, Any] = {"boxstyle": style, "transform": to_page, "linewidth": STROKE * POINT}
    yield FancyBboxPatch(corner, box.width, box.height, facecolor=(INK, FILL), edgecolor=INK, **look)
    for label in box_labels(box):
        yield _text(label, to_page)


def _arrow(arrow: Arrow, to_page: Transform) -> Iterator[Artist]:
    yield _line(arrow, to_page)
    middle = dot(arrow)
    if middle is None:
        tip = Path([*head(arrow), arrow.points[-1]], closed=True)
        yield PathPatch(tip, facecolor=INK, linewidth=0, transform=to_page)
    else:
        yield Circle(middle, DOT, facecolor=INK, linewidth=0, transform=to_page)
    for label in arrow_labels(arrow):
        yield _text(label, to_page)


def _line(arrow: Arrow, to_page: Transform) -> PathPatch:
    start, turns, end = bends(arrow)
    steps = [(start, Path.MOVETO)]
    for begin, corner, after in turns:
        steps += [(begin, Path.LINETO), (corner, Path.CURVE3), (after, Path.CURVE3)]
    places, codes = zip(*steps, (end, Path.LINETO), strict=True)
    width = stroke(arrow)
    # matplotlib counts dashes in widths of the line
    dashes = tuple(length / width for length in DASHES.get(arrow.sort, ()))
    look: dict[str, Any] = {"linestyle": (0, dashes or None), "linewidth": width * POINT, "capstyle": "butt"}
    return PathPatch(Path(places, codes), fill=False, edgecolor=INK, transform=to_page, **look)


def _text(label: Label, to_page: Transform) -> Text:
    text = Text(label.x, label.y, label.text, color=INK, transform=to_page, parse_math=False, usetex=False)
    text.set(
        fontfamily=FONT,
        fontsize=label.size * POINT,
        fontweight="bold" if label.bold else "normal",
        horizontalalignment=_ANCHORS[label.anchor],
        verticalalignment="baseline",
        alpha=FAINT if label.faint else 1.0,
    )
    return text
