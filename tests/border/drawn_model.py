"""Reads a diagram back: what is in it, where it stands, and whether anything is over anything else.

Texts are as wide as matplotlib measures them in DejaVu Sans, the widest of the fonts that the SVG names.
"""

import re
import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations, pairwise

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

import doseline

SVG = "{http://www.w3.org/2000/svg}"
LINES = ("flow", "rate", "drive", "influence", "dose")
"""Sorts of lines, as groups of the SVG are named."""
TOUCH = 0.5
"""Closer than this counts as touching, since the SVG rounds to 0.1. [px]"""


@cache
def measured(text, size, bold):
    """Left and right of a text that starts at 0."""
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return TextPath((0, 0), text, size=size, prop=font).get_extents().x1 if text.strip() else 0.0


def drawn(model):
    return ET.fromstring(doseline.diagram(model).svg)


def groups(svg, kind):
    return [group for group in svg.iter(f"{SVG}g") if group.get("class") == kind]


def tooltip(group):
    return group.findtext(f"{SVG}title")


def box_of(rect):
    x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
    return x, y, x + w, y + h


def text_box(text):
    """Left, top, right, bottom; capitals reach 0.73 of the size above the line, brackets and g 0.24 below it."""
    size = float(text.get("font-size"))
    width = measured(text.text, size, text.get("font-weight") == "600")
    left = (
        float(text.get("x")) - {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")] * width
    )
    base = float(text.get("y"))
    return left, base - 0.75 * size, left + width, base + 0.24 * size


def segments(group):
    """The lines of an arrow, as if its turns were sharp: the middle of each turn is where the lines meet."""
    path = group.find(f"{SVG}path").get("d")
    numbers = [float(each) for each in re.findall(r"-?\d+\.\d+", path)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    sharp = [points[0], *points[2:-1:3], points[-1]] if " Q " in path else points
    return [(min(a, c), min(b, d), max(a, c), max(b, d)) for (a, b), (c, d) in pairwise(sharp)]


def overlap(one, other):
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > TOUCH
        and min(one[3], other[3]) - max(one[1], other[1]) > TOUCH
    )


def crosses(line, box):
    """Whether a level or upright line runs through a box."""
    thick = (line[0] - TOUCH, line[1] - TOUCH, line[2] + TOUCH, line[3] + TOUCH)
    return overlap(thick, (box[0] + TOUCH, box[1] + TOUCH, box[2] - TOUCH, box[3] - TOUCH))


def along(one, other):
    """Whether two lines run over each other for more than a crossing."""
    thick = [(line[0] - 2, line[1] - 2, line[2] + 2, line[3] + 2) for line in (one, other)]
    level = [line[2] - line[0] > line[3] - line[1] for line in (one, other)]
    return level[0] == level[1] and overlap(*thick)


def lines_of(svg):
    """Groups of everything that runs between boxes."""
    return [group for kind in LINES for group in groups(svg, kind)]


def faults(svg):
    """Everything that stands over something else, in words."""
    boxes = {tooltip(group): box_of(group.find(f"{SVG}rect")) for group in groups(svg, "compartment")}
    arrows = lines_of(svg)
    texts = [(text.text, text_box(text)) for arrow in arrows for text in arrow.iter(f"{SVG}text")]
    lines = [(i, tooltip(arrow), line) for i, arrow in enumerate(arrows) for line in segments(arrow)]
    dots = [(tooltip(arrow), dot_box(dot)) for arrow in arrows for dot in arrow.iter(f"{SVG}circle")]
    found = [f"boxes {a}, {b}" for a, b in combinations(boxes, 2) if overlap(boxes[a], boxes[b])]
    found += [f"texts {a}, {b}" for (a, x), (b, y) in combinations(texts, 2) if overlap(x, y)]
    found += [f"text {a} in box {b}" for a, x in texts for b, y in boxes.items() if overlap(x, y)]
    found += [f"line {a} in box {b}" for _, a, x in lines for b, y in boxes.items() if crosses(x, y)]
    found += [f"line {a} over text {b}" for _, a, x in lines for b, y in texts if crosses(x, y)]
    found += [
        f"line {a} over line {b}" for (i, a, x), (j, b, y) in combinations(lines, 2) if i != j and along(x, y)
    ]
    found += [f"dots {a}, {b}" for (a, x), (b, y) in combinations(dots, 2) if overlap(x, y)]
    found += [f"dot {a} in box {b}" for a, x in dots for b, y in boxes.items() if overlap(x, y)]
    found += [f"dot {a} over text {b}" for a, x in dots for b, y in texts if overlap(x, y)]
    left, top, width, height = (float(each) for each in svg.get("viewBox").split())
    everything = [*boxes.values(), *(box for _, box in texts), *(line for _, _, line in lines)]
    page = (left, top, left + width, top + height)
    inside = [x[0] >= page[0] and x[1] >= page[1] and x[2] <= page[2] and x[3] <= page[3] for x in everything]
    return found + ["something is outside of the picture"] * (not all(inside))


def dot_box(circle):
    x, y, r = (float(circle.get(key)) for key in ("cx", "cy", "r"))
    return x - r, y - r, x + r, y + r


def ends(group):
    """Where a line begins, and the tip of its head, which may be a triangle or a dot."""
    line, *head = (list(map(float, re.findall(r"-?\d+\.\d+", p.get("d")))) for p in group.iter(f"{SVG}path"))
    begin, last = tuple(line[:2]), line[-2:]
    if head:
        return begin, tuple(head[0][:2])
    dot = group.find(f"{SVG}circle")
    return begin, (2 * float(dot.get("cx")) - last[0], 2 * float(dot.get("cy")) - last[1])


def joined(svg, names):
    """What the picture shows: sort of line, the boxes at its two ends (None: nowhere), and what its tooltip says."""
    rects = [box_of(group.find(f"{SVG}rect")) for group in groups(svg, "compartment")]
    boxes = dict(zip(names, rects, strict=True))

    def at(point):
        return next((name for name, box in boxes.items() if on_edge(point, box)), None)

    return [
        (kind, *map(at, ends(group)), tooltip(group).split(": ", 1)[1])
        for kind in LINES
        for group in groups(svg, kind)
    ]


def inner_texts(svg):
    """Names and numbers in boxes, each with its box."""
    for group in groups(svg, "compartment"):
        name, number = group.iter(f"{SVG}text")
        yield box_of(group.find(f"{SVG}rect")), text_box(name), text_box(number)


def on_edge(point, box):
    x, y = point
    level = box[0] - TOUCH <= x <= box[2] + TOUCH and min(abs(y - box[1]), abs(y - box[3])) <= TOUCH
    upright = box[1] - TOUCH <= y <= box[3] + TOUCH and min(abs(x - box[0]), abs(x - box[2])) <= TOUCH
    return level or upright
