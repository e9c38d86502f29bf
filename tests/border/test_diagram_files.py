"""What ``dl.diagram`` gives: a frozen object that notebooks show, and that writes itself into files.

Truth: files and texts are read back; ink is dark pixels where the SVG says that a line or a text is.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import FrozenInstanceError
from io import BytesIO

import matplotlib
import pytest
from matplotlib import image

import doseline as dl

SVG = "{http://www.w3.org/2000/svg}"
SCALE = 150 / 96
"""Pixels of the PNG in one px of the SVG: 150 dots for each inch, which is 96 px in the web's measure."""


def pixels(path):
    """Darkness (row, column): 0 is white, 1 is black."""
    shown = image.imread(path)
    assert (shown[..., 3] == 1.0).all()  # no transparent ground
    return 1.0 - shown[..., :3].mean(axis=-1)


def in_pixels(svg, x, y):
    left, top, _, _ = (float(each) for each in svg.get("viewBox").split())
    return round((x - left) * SCALE), round((y - top) * SCALE)


def ink(dark, svg, x, y, reach=2):
    """The darkest pixel around a place of the SVG."""
    column, row = in_pixels(svg, x, y)
    return dark[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1].max()


@pytest.fixture(
    scope="module", params=["two-compartment-oral", "enterohepatic-recirculation", "isotretinoin"]
)
def picture(request):
    return dl.diagram(request.param)


def test_a_name_a_path_and_a_model_draw_the_same(tmp_path):
    """Truth: the three ways of load_model."""
    model = dl.load_model("two-compartment-oral")
    path = tmp_path / "two-compartment-oral.toml"
    path.write_text(model.text, encoding="utf-8")
    pictures = [dl.diagram(given) for given in ("two-compartment-oral", model, path, str(path))]
    assert len(set(pictures)) == 1
    assert isinstance(pictures[0], dl.Diagram)


def test_it_is_short_and_frozen(picture):
    """Truth: counted by hand."""
    two = dl.diagram("two-compartment-oral")
    assert repr(two) == str(two) == "<Diagram two-compartment-oral: 3 boxes, 6 arrows>"
    assert repr(dl.diagram("one-compartment-iv")) == "<Diagram one-compartment-iv: 1 box, 2 arrows>"
    assert (two.name, two.title) == ("two-compartment-oral", dl.load_model("two-compartment-oral").title)
    with pytest.raises(FrozenInstanceError):
        picture.svg = ""


def test_notebooks_show_the_svg(picture):
    """Truth: IPython's names for these methods; the HTML holds the very element."""
    assert picture._repr_html_() == f"<div>{picture.svg}</div>"
    assert picture._repr_svg_() == picture.svg
    assert ET.fromstring(picture._repr_html_()).find(f"{SVG}g") is None
    assert ET.fromstring(picture._repr_html_())[0].tag == f"{SVG}svg"


def test_svg_files_hold_the_svg(picture, tmp_path):
    """Truth: read back; an old file is replaced."""
    path = tmp_path / "model.SVG"
    path.write_text("x" * 100_000)
    assert picture.save(path) is None
    assert path.read_text(encoding="utf-8") == picture.svg


def test_png_files_have_ink_where_the_svg_has_lines(picture, tmp_path):
    """Truth: edges, arrows and texts in the SVG; corners and the middle of no text in a box are light."""
    path = tmp_path / "model.png"
    path.write_bytes(b"old")
    picture.save(str(path))
    svg, dark = ET.fromstring(picture.svg), pixels(path)
    _, _, width, height = (float(each) for each in svg.get("viewBox").split())
    assert dark.shape == pytest.approx((height * SCALE, width * SCALE), abs=1)
    for rect in svg.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
        for edge in ((x, y + h / 2), (x + w, y + h / 2), (x + 20, y), (x + 20, y + h)):
            assert ink(dark, svg, *edge) > 0.7
        assert ink(dark, svg, x - 6, y - 6) == 0.0
        assert 0.03 < ink(dark, svg, x + w - 7, y + 7) < 0.1  # the ground of a box
    for text in svg.iter(f"{SVG}text"):
        x, y, size = (float(text.get(key)) for key in ("x", "y", "font-size"))
        middle = x + {"start": 3, "middle": 0, "end": -3}[text.get("text-anchor")]
        assert ink(dark, svg, middle, y - 0.35 * size, reach=round(0.4 * size * SCALE)) > 0.4
    for group in svg.iter(f"{SVG}g"):
        if group.get("class") != "compartment":
            tip = group.findall(f"{SVG}path")[1].get("d").split()
            assert ink(dark, svg, float(tip[1]), float(tip[2]), reach=4) > 0.7


def test_png_knows_nothing_of_settings_and_changes_none(tmp_path):
    """Truth: the same bytes, with settings that would change every line, and the settings are as before."""
    picture = dl.diagram("two-compartment-oral")
    picture.save(tmp_path / "plain.png")
    before = dict(matplotlib.rcParams)
    wild = {
        "font.family": "serif",
        "font.size": 30,
        "savefig.dpi": 33,
        "figure.dpi": 33,
        "savefig.bbox": "tight",
        "savefig.facecolor": "red",
        "path.sketch": (5, 50, 10),
        "lines.dash_capstyle": "round",
        "text.color": "red",
        "patch.force_edgecolor": True,
        "patch.antialiased": False,
        "text.usetex": True,
    }
    with matplotlib.rc_context(wild):
        picture.save(tmp_path / "wild.png")
    assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "wild.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_drawing_needs_no_matplotlib_until_a_png_is_written():
    """Truth: the modules of a fresh process; pyplot would keep figures and settings of its own."""
    code = (
        "import sys, tempfile, doseline as dl; d = dl.diagram('one-compartment-iv');"
        "print('matplotlib' in sys.modules); d.save(tempfile.mkdtemp() + '/x.png');"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True", "False"]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("model.pdf", "'.pdf' is no format of a diagram"),
        ("model.jpeg", "'.jpeg' is no format of a diagram"),
        ("model", "the name has no ending"),
    ],
)
def test_other_formats_are_refused(name, problem, tmp_path):
    """Truth: the rule: place, what was found, what to do; nothing is written."""
    with pytest.raises(dl.DoselineError) as caught:
        dl.diagram("one-compartment-iv").save(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {problem}\n  end the name in .svg or .png: 'model.svg'"
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_refused(tmp_path):
    """Truth: the rule; no folder is made."""
    path = tmp_path / "nowhere" / "model.png"
    with pytest.raises(dl.DoselineError) as caught:
        dl.diagram("one-compartment-iv").save(path)
    assert str(caught.value) == f"{path.parent}: no such folder\n  make it before writing model.png"
    assert not path.parent.exists()


def test_what_cannot_be_written_is_refused(tmp_path):
    """Truth: a folder of that name is there, which the system refuses to open as a file."""
    path = tmp_path / "model.svg"
    path.mkdir()
    with pytest.raises(dl.DoselineError) as caught:
        dl.diagram("one-compartment-iv").save(path)
    assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert "look at its permissions, and at the space that is left" in str(caught.value)


@pytest.mark.parametrize("given", [None, 3, BytesIO()])
def test_what_is_no_name_is_refused(given):
    """Truth: the rule."""
    with pytest.raises(dl.DoselineError) as caught:
        dl.diagram("one-compartment-iv").save(given)
    told = "give the name of a file, such as 'model.svg'"
    assert str(caught.value) == f"path: found {type(given).__name__}\n  {told}"


def test_an_unknown_model_is_refused():
    """Truth: load_model's message."""
    with pytest.raises(dl.DoselineError) as caught:
        dl.diagram("two-compartment-orl")
    assert "unknown model 'two-compartment-orl'" in str(caught.value)
    assert "did you mean 'two-compartment-oral'?" in str(caught.value)
