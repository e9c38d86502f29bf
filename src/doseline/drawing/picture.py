"""What people get when they ask for the diagram of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from doseline.drawing.arrange import arranged
from doseline.drawing.parts import Plan
from doseline.drawing.place import place
from doseline.drawing.svg import svg_text
from doseline.errors import InputError, ResultError
from doseline.model.read import load_model
from doseline.model.spec import Model


@dataclass(frozen=True)
class Diagram:
    """A model as a picture, from :func:`doseline.diagram`. A notebook shows it where it is the last line of a cell.

    Attributes
    ----------
    name, title : str   Of the model.
    svg : str           An SVG element, for a page or for a file of its own. Lines and texts have the colour of the
                        text around them and there is no background, so it reads on light and on dark. Boxes and arrows
                        have tooltips.
    """

    name: str
    title: str
    svg: str = field(repr=False)
    _plan: Plan = field(repr=False, compare=False)

    def __repr__(self) -> str:
        """Name of the model, and what is in the picture."""
        influences = sum(arrow.sort == "influence" for arrow in self._plan.arrows)
        counted = {"box": len(self._plan.boxes), "arrow": len(self._plan.arrows) - influences}
        counted |= {"influence": influences} if influences else {}
        told = (f"{number} {_plural(word) if number != 1 else word}" for word, number in counted.items())
        return f"<Diagram {self.name}: {', '.join(told)}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Inline in a notebook, where it takes the colours of the page."""
        return f"<div>{self.svg}</div>"

    def _repr_svg_(self) -> str:
        """For what shows no HTML, such as a notebook that becomes a PDF."""
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the picture into a file, of the kind that its ending says; one that is there is replaced.

        Parameters
        ----------
        path : str or Path   ``.svg`` for a page or a drawing program; ``.png`` for slides and texts: dark on white,
                             150 dots for each inch.

        Raises
        ------
        InputError : another ending.   ResultError : no such folder, a file that cannot be written, a PNG of a model
        so large that matplotlib cannot hold it.
        """
        if not isinstance(path, (str, Path)):
            raise InputError(
                f"found {type(path).__name__}",
                place="path",
                advice="give the name of a file, such as 'model.svg'",
            )
        path = Path(path)
        write = _FORMATS.get(path.suffix.lower())
        if write is None:
            found = f"'{path.suffix}' is no format of a diagram" if path.suffix else "the name has no ending"
            known = " or ".join(_FORMATS)
            raise InputError(
                found, place=str(path), advice=f"end the name in {known}: '{path.stem or 'model'}.svg'"
            )
        if not path.parent.is_dir():
            raise ResultError(
                "no such folder", place=str(path.parent), advice=f"make it before writing {path.name}"
            )
        content = write(self, path)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ResultError(
                f"cannot be written: {error.strerror}",
                place=str(path),
                advice="look at its permissions, and at the space that is left",
            ) from error


def _plural(word: str) -> str:
    return f"{word}es" if word.endswith("x") else f"{word}s"


def _svg(picture: Diagram, path: Path) -> bytes:
    return picture.svg.encode("utf-8")


def _png(picture: Diagram, path: Path) -> bytes:
    from doseline.drawing.png import png_bytes  # matplotlib takes half a second, and a notebook shows the SVG

    return png_bytes(picture._plan, title=picture.title, place=str(path))


_FORMATS: dict[str, Callable[[Diagram, Path], bytes]] = {".svg": _svg, ".png": _png}
"""What a file can be, by its ending."""


def diagram(model: str | Path | Model) -> Diagram:
    """Draw a model: its compartments as boxes, what moves as arrows, what acts on other compartments as dotted lines.

    Parameters
    ----------
    model : str, Path or Model   As for :func:`doseline.load_model`.

    Returns
    -------
    Diagram : the picture, which a notebook shows; its `svg` as text, or in a file with `save`. Dashed arrows are doses,
        with the name of their route; an arrow that ends nowhere leaves the body, one that begins nowhere is production;
        a dotted line with a round head is an influence on another compartment's flows or rates; the number in a box is
        the place of the compartment in the file.

    Raises
    ------
    InputError : no such model.   ModelError : its file has mistakes.

    >>> import doseline as dl
    >>> dl.diagram("one-compartment-oral")
    <Diagram one-compartment-oral: 2 boxes, 3 arrows>
    >>> dl.diagram("one-compartment-oral").svg.startswith("<svg")
    True
    """
    read = load_model(model)
    plan = arranged(read)
    place(plan)
    return Diagram(read.name, read.title, svg_text(plan, title=read.title), plan)
