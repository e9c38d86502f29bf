"""A model as a picture: compartments as boxes, flows, rates and doses as arrows, in SVG or PNG.

Drug moves from left to right. Boxes stand in columns; a compartment that only exchanges with one other stands above
or below it. Arrows run in the gaps between columns, where each has a height of its own; those that skip a column or
lead back run in lanes above and below everything. So nothing is drawn over a box, and no text over another.

A picture is made in steps: what moves and what acts (`terms`, `links`), which box stands where (`arrange`),
how many px that takes (`gap`, `place`), and the pens (`strokes`, `svg`, `png`).
"""

from doseline.drawing.picture import Diagram, diagram

__all__ = ["Diagram", "diagram"]
