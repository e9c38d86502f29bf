"""Pictures of models: complete, well-formed, and with nothing over anything else.

Truth: the model file for what must be there. For overlaps, boxes and lines as the SVG says, and texts as wide as
matplotlib measures them in DejaVu Sans, the widest of the fonts that the SVG names.
"""

import random
import re
import xml.etree.ElementTree as ET

import pytest
from drawn_model import SVG, box_of, drawn, ends, faults, groups, inner_texts, on_edge, overlap, tooltip

from doseline.drawing import diagram
from doseline.model.read import library, load_model, read_model

# ------------------------------------------------------------------ the library


@pytest.fixture(scope="module", params=sorted(library()))
def model(request):
    return load_model(request.param)


def test_all_of_the_model_is_there(model):
    """Truth: the file."""
    svg = drawn(model)
    numbered = enumerate(model.compartments.items(), start=1)
    boxes = [f"{number}. {name}: {entry.label}" for number, (name, entry) in numbered]
    assert [tooltip(group) for group in groups(svg, "compartment")] == boxes
    flows = [f"{flow.source} → {flow.target or 'out'}: {flow.rate}" for flow in model.flows]
    assert [tooltip(group) for group in groups(svg, "flow")] == flows
    doses = [tooltip(group).split(":")[0] for group in groups(svg, "dose")]
    assert doses == list(model.routes)
    assert svg.findtext(f"{SVG}title") == model.title
    assert svg.get("role") == "img"
    assert all(line in svg.findtext(f"{SVG}desc") for line in flows)


def test_nothing_is_over_anything_else(model):
    """Truth: the places in the SVG, and measured texts."""
    svg = drawn(model)
    assert faults(svg) == []
    for box, name, number in inner_texts(svg):
        assert not overlap(name, number)
        assert box[0] < name[0]
        assert name[2] < box[2]


def test_arrows_join_what_they_say(model):
    """Truth: the file; each end of a flow touches the edge of its compartment, and the head is where it ends."""
    svg = drawn(model)
    rects = [box_of(group.find(f"{SVG}rect")) for group in groups(svg, "compartment")]
    boxes = dict(zip(model.compartments, rects, strict=True))
    for group, flow in zip(groups(svg, "flow"), model.flows, strict=True):
        begin, tip = ends(group)
        assert on_edge(begin, boxes[flow.source])
        assert flow.target is None or on_edge(tip, boxes[flow.target])


def test_it_takes_the_colours_of_the_page(model):
    """Truth: the rule; a colour of its own would vanish on a light page or on a dark one."""
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', diagram(model).svg))
    assert colours <= {"currentColor", "none"}


# ------------------------------------------------------------------ any model


def made(compartments, flows, routes, *, more=""):
    """A model of compartments, flows (from, to) with their rates, and routes."""
    lines = ['title = "made & <drawn>"', 'version = "1"', "[source]", 'citation = "made for this test"']
    lines += ["[parameters]", 'K = { value = 1, unit = "1/h", label = "k", source = "chosen", status = "D" }']
    lines += ["[compartments]", *(f'{name} = {{ label = "the <{name}> & more" }}' for name in compartments)]
    lines += ["[flows]", *(f'"{a} -> {b}" = "{rate}"' for (a, b), rate in flows.items())]
    lines += [f'[routes.{name}]\ninto = "{into}"\nlabel = "a & b"' for name, into in routes.items()]
    lines += ["[outputs]", f'x = {{ value = "{compartments[0]}", unit = "mg", label = "x" }}', more]
    return read_model("\n".join(lines), place="made.toml")


SHAPES = {
    "one box, nothing else": (["a"], {}, {"iv": "a"}),
    "a circle": (
        ["a", "b", "c", "d"],
        {("a", "b"): "K", ("b", "c"): "K", ("c", "d"): "K", ("d", "a"): "K"},
        {"iv": "b"},
    ),
    "two circles, one in the other": (
        ["a", "b", "c", "d"],
        {("a", "b"): "K", ("b", "c"): "K", ("c", "d"): "K", ("d", "a"): "2 * K", ("c", "a"): "3 * K"},
        {"oral": "a", "iv": "b"},
    ),
    "a way that skips compartments": (
        ["a", "b", "c", "d"],
        {("a", "b"): "K", ("b", "c"): "K", ("c", "d"): "K", ("a", "d"): "0.25 * K", ("d", "out"): "K"},
        {"oral": "a"},
    ),
    "five that exchange with one": (
        ["central", *"abcde"],
        {pair: "K" for name in "abcde" for pair in (("central", name), (name, "central"))},
        {"iv": "central"},
    ),
    "a row that exchanges": (
        ["a", "b", "c", "d"],
        {pair: "K" for x, y in ("ab", "bc", "cd") for pair in ((x, y), (y, x))},
        {"iv": "b"},
    ),
    "many routes into one": (
        ["a", "b"],
        {("a", "b"): "K", ("b", "out"): "K"},
        {f"route_number_{i}": "ab"[i % 2] for i in range(8)},
    ),
    "guests that lose drug": (
        ["central", "a", "b"],
        {
            **{("central", "a"): "K", ("a", "central"): "K", ("a", "out"): "K"},
            **{("central", "b"): "K", ("b", "central"): "K", ("b", "out"): "K", ("central", "out"): "K"},
        },
        {"iv": "central", "other": "a"},
    ),
    "long names and rates": (
        ["a_compartment_with_a_name_of_sixty_letters_which_is_the_most", "b"],
        {
            ("a_compartment_with_a_name_of_sixty_letters_which_is_the_most", "b"): " + ".join(["K"] * 20),
            ("b", "a_compartment_with_a_name_of_sixty_letters_which_is_the_most"): "K * (1 + 2 * 3)",
        },
        {"iv": "b"},
    ),
    "two that know nothing of each other": (["a", "b"], {("a", "out"): "K"}, {"x": "a", "y": "b"}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_any_shape(name):
    """Truth: as above."""
    model = made(*SHAPES[name])
    test_all_of_the_model_is_there(model)
    assert faults(drawn(model)) == []
    test_arrows_join_what_they_say(model)


@pytest.mark.parametrize("seed", range(60))
def test_random_models(seed):
    """Truth: as above, for sparse graphs such as models are, with up to seven compartments."""
    draw = random.Random(seed)
    names = [f"state{i}" for i in range(draw.randint(2, 7))]
    pairs = [(a, b) for a in names for b in [*names, "out"] if a != b]
    flows = {
        pair: draw.choice(["K", "2 * K", "K / 3", "(1 - 0.25) * K"])
        for pair in draw.sample(pairs, len(names) + 1)
    }
    model = made(names, flows, {f"r{i}": name for i, name in enumerate(draw.sample(names, 2))})
    assert faults(drawn(model)) == []
    test_arrows_join_what_they_say(model)


def test_texts_are_escaped_and_cut():
    """Truth: XML, and the rule that a tooltip has all of a formula."""
    rate = " + ".join(["K"] * 20)
    model = made(["a"], {("a", "out"): rate}, {"iv": "a"})
    text = diagram(model).svg
    assert "made &amp; &lt;drawn&gt;" in text
    assert "1. a: the &lt;a&gt; &amp; more" in text
    svg = ET.fromstring(text)
    (flow,) = groups(svg, "flow")
    assert tooltip(flow) == f"a → out: {rate}"
    assert flow.findtext(f"{SVG}text") == rate[:27] + "…"


def test_formulas_are_set_as_people_write_them():
    """Truth: the rule."""
    svg = drawn(made(["a"], {("a", "out"): "(1 - 0.4) * K / 2 ** 2"}, {"iv": "a"}))
    assert groups(svg, "flow")[0].findtext(f"{SVG}text") == "(1 - 0.4) · K / 2 ^ 2"


def test_meals_that_send_doses_elsewhere_are_drawn():
    """Truth: the file: with food, doses enter another compartment."""
    meals = """
[formulations.tablet]
label = "tablet"
[formulations.tablet.meals.fasted]
label = "fasted"
source = "chosen"
[formulations.tablet.meals.fed]
label = "fed"
source = "chosen"
into = "b"
"""
    model = made(["a", "b", "c"], {("a", "c"): "K", ("b", "c"): "K"}, {"oral": "a"}, more=meals)
    svg = drawn(model)
    assert [tooltip(group) for group in groups(svg, "dose")] == ["oral: a & b", "oral, fed"]
    assert faults(svg) == []


def test_the_eye_of_these_tests_sees():
    """Truth: a picture made wrong by hand, with one fault of each kind."""
    svg = ET.fromstring(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200">'
        '<g class="compartment"><title>a</title><rect x="20" y="20" width="100" height="50"/></g>'
        '<g class="compartment"><title>b</title><rect x="110" y="40" width="100" height="50"/></g>'
        '<g class="flow"><title>f</title><path d="M 10.0 45.0 L 290.0 45.0"/>'
        '<text x="150" y="60" font-size="12">K</text></g>'
        '<g class="flow"><title>g</title><path d="M 250.0 10.0 L 250.0 190.0"/>'
        '<text x="245" y="150" font-size="12">KK</text>'
        '<text x="249" y="152" font-size="12">L</text></g>'
        '<g class="influence"><title>i</title><path d="M 30.0 150.0 L 240.0 150.0"/>'
        '<circle cx="247" cy="150" r="3.5"/></g>'
        '<g class="influence"><title>j</title><path d="M 30.0 180.0 L 30.0 75.0"/>'
        '<circle cx="30" cy="68" r="3.5"/></g></svg>'
    )
    assert faults(svg) == [
        *("boxes a, b", "texts KK, L", "text K in box b", "line f in box a", "line f in box b"),
        *("line g over text KK", "line g over text L"),
        *("dot j in box a", "dot i over text KK", "dot i over text L"),
    ]
