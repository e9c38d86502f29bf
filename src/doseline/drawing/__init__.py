"""A model as a picture: compartments as boxes, flows and doses as arrows, in SVG.

Drug moves from left to right. Boxes stand in columns; a compartment that only exchanges with one other stands above
or below it. Arrows run in the gaps between columns, where each has a height of its own; those that skip a column or
lead back run in lanes above and below everything. So nothing is drawn over a box, and no text over another.
"""

from doseline.drawing.arrange import arranged
from doseline.drawing.place import place
from doseline.drawing.svg import written
from doseline.model.spec import Model

__all__ = ["diagram"]


def diagram(model: Model) -> str:
    """Draw a model.

    Parameters
    ----------
    model : Model   From :func:`doseline.load_model`.

    Returns
    -------
    str : an SVG element, for a page or for a file of its own. Lines and texts have the colour of the text around
        them and there is no background, so it reads on light and on dark. Dashed arrows are doses, with the name of
        their route; an arrow that ends nowhere leaves the body; the number in a box is the place of the compartment
        in the file.

    >>> from doseline.model.read import load_model
    >>> diagram(load_model("one-compartment-oral")).startswith("<svg")
    True
    """
    plan = arranged(model)
    place(plan)
    return written(plan, title=model.title)
