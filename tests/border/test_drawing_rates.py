"""Pictures of models that are not linear: what moves, what is made and lost, and what acts on what.

Truth: the lines that a pharmacologist would draw, written out by hand for each model; read back from the SVG by where
they begin and end. And nothing may be over anything else.
"""

import random
import re
from itertools import pairwise
from time import perf_counter
from xml.etree import ElementTree as ET

import pytest
from drawn_model import SVG, drawn, faults, groups, joined, tooltip
from matplotlib import image

import doseline as dl
from doseline.model.read import read_model


def made(*, units, compartments, routes, flows=None, variables=None, rates=None):
    """A model of parameters with their units, compartments with theirs, and formulas."""
    lines = ['title = "made"', 'version = "1"', "[source]", 'citation = "made for this test"', "[parameters]"]
    for name, unit in units.items():
        lines.append(
            f'{name} = {{ value = 1, unit = "{unit}", label = "x", source = "chosen", status = "D" }}'
        )
    lines += ["[compartments]"]
    lines += [f'{name} = {{ unit = "{unit}", label = "the {name}" }}' for name, unit in compartments.items()]
    for section, entries in (("variables", variables), ("flows", flows), ("rates", rates)):
        lines += [f"[{section}]", *(f'"{key}" = "{value}"' for key, value in (entries or {}).items())]
    lines += [f'[routes.{name}]\ninto = "{into}"\nlabel = "x"' for name, into in routes.items()]
    name, unit = next(iter(compartments.items()))
    lines += ["[outputs]", f'x = {{ value = "{name}", unit = "{unit}", label = "x" }}']
    return read_model("\n".join(lines), place="made.toml")


ORAL = {"gut -> central": "KA", "central -> out": "CL / V"}
PK = {"KA": "1/h", "CL": "L/h", "V": "L", "Q": "L/h", "V2": "L"}
KA, CL = ("flow", "gut", "central", "KA"), ("flow", "central", None, "CL / V")
CP = {"CP": "central / V"}
INHIBITED = "KIN * (1 - IMAX * CP / (IC50 + CP))"
PROLIFERATION = "KTR * prol * (1 - EDRUG) * (CIRC0 / circ) ** GAMMA"
CELLS = ("prol", "transit1", "transit2", "transit3", "circ")
BINDING = {
    "units": {
        "KEL": "1/h",
        "V": "L",
        "KSYN": "mg/L/h",
        "KDEG": "1/h",
        "KON": "L/mg/h",
        "KOFF": "1/h",
        "KINT": "1/h",
    },
    "compartments": {"central": "mg", "target": "mg/L", "bound": "mg/L"},
    "flows": {"central -> out": "KEL"},
    "routes": {"iv": "central"},
}
BOUND = [
    ("flow", "central", None, "KEL"),
    ("rate", "central", "bound", "KON * C * target * V"),
    ("rate", "target", "bound", "KON * C * target"),
    ("rate", "bound", "central", "KOFF * bound"),
    ("rate", "bound", "target", "KOFF * bound"),
    ("rate", None, "target", "KSYN"),
    ("rate", "target", None, "KDEG * target"),
    ("rate", "bound", None, "KINT * bound"),
]

MODELS = {
    "Michaelis-Menten in a flow": (
        {
            "units": PK | {"VMAX": "mg/h", "KM": "mg/L"},
            "compartments": {"gut": "mg", "central": "mg"},
            "flows": {"gut -> central": "KA", "central -> out": "VMAX / (KM * V + central)"},
            "routes": {"oral": "gut", "iv": "central"},
        },
        [KA, ("flow", "central", None, "VMAX / (KM * V + central)")],
    ),
    "Michaelis-Menten in a rate": (
        {
            "units": PK | {"VMAX": "mg/h", "KM": "mg/L"},
            "compartments": {"gut": "mg", "central": "mg", "tissue": "mg"},
            "variables": CP,
            "flows": {"gut -> central": "KA", "central -> tissue": "Q / V", "tissue -> central": "Q / V2"},
            "rates": {"central": "-VMAX * CP / (KM + CP)"},
            "routes": {"oral": "gut"},
        },
        [
            KA,
            ("flow", "central", "tissue", "Q / V"),
            ("flow", "tissue", "central", "Q / V2"),
            ("rate", "central", None, "VMAX * CP / (KM + CP)"),
        ],
    ),
    "indirect response I": (
        {
            "units": PK | {"KIN": "1/h", "KOUT": "1/h", "IMAX": "1", "IC50": "mg/L"},
            "compartments": {"gut": "mg", "central": "mg", "effect": "1"},
            "variables": CP,
            "flows": ORAL,
            "rates": {"effect": f"{INHIBITED} - KOUT * effect"},
            "routes": {"oral": "gut"},
        },
        [
            *(KA, CL),
            ("rate", None, "effect", INHIBITED),
            ("rate", "effect", None, "KOUT * effect"),
            ("influence", "central", "effect", INHIBITED),
        ],
    ),
    "effect compartment": (
        {
            "units": PK | {"KE0": "1/h"},
            "compartments": {"gut": "mg", "central": "mg", "effect": "mg/L"},
            "variables": CP,
            "flows": ORAL,
            "rates": {"effect": "KE0 * (CP - effect)"},
            "routes": {"oral": "gut", "iv": "central"},
        },
        [KA, CL, ("rate", "effect", None, "KE0 * effect"), ("drive", "central", "effect", "KE0 * CP")],
    ),
    "target-mediated disposition": (
        BINDING
        | {
            "variables": {"C": "central / V"},
            "rates": {
                "central": "(KOFF * bound - KON * C * target) * V",
                "target": "KSYN - KDEG * target - KON * C * target + KOFF * bound",
                "bound": "KON * C * target - (KOFF + KINT) * bound",
            },
        },
        BOUND,
    ),
    "target-mediated disposition, net binding named": (
        BINDING
        | {
            "variables": {"C": "central / V", "BINDING": "KON * C * target - KOFF * bound"},
            "rates": {
                "central": "-BINDING * V",
                "target": "KSYN - KDEG * target - BINDING",
                "bound": "BINDING - KINT * bound",
            },
        },
        BOUND,
    ),
    "Friberg with feedback": (
        {
            "units": PK | {"KTR": "1/h", "SLOPE": "L/mg", "CIRC0": "1", "GAMMA": "1"},
            "compartments": {"central": "mg", **dict.fromkeys(CELLS, "1")},
            "variables": {"EDRUG": "SLOPE * central / V"},
            "flows": {"central -> out": "CL / V"},
            "rates": {
                "prol": f"{PROLIFERATION} - KTR * prol",
                "transit1": "KTR * prol - KTR * transit1",
                "transit2": "KTR * (transit1 - transit2)",
                "transit3": "-(transit3 - transit2) * KTR",
                "circ": "transit3 * KTR - circ * KTR",
            },
            "routes": {"iv": "central"},
        },
        [
            CL,
            ("rate", "prol", "transit1", "KTR * prol"),
            ("rate", "transit1", "transit2", "KTR * transit1"),
            ("rate", "transit2", "transit3", "KTR * transit2"),
            ("rate", "transit3", "circ", "transit3 * KTR"),
            ("rate", None, "prol", PROLIFERATION),
            ("rate", "circ", None, "circ * KTR"),
            ("influence", "central", "prol", PROLIFERATION),
            ("influence", "circ", "prol", PROLIFERATION),
        ],
    ),
    "metabolite that inhibits its formation": (
        {
            "units": PK | {"FM": "1", "CLM": "L/h", "VM": "L", "KI": "mg/L"},
            "compartments": {"gut": "mg", "parent": "mg", "metabolite": "mg"},
            "variables": {"CM": "metabolite / VM"},
            "flows": {
                "gut -> parent": "KA",
                "parent -> metabolite": "FM * CL / V / (1 + CM / KI)",
                "parent -> out": "(1 - FM) * CL / V",
                "metabolite -> out": "CLM / VM",
            },
            "routes": {"oral": "gut", "iv": "parent"},
        },
        [
            ("flow", "gut", "parent", "KA"),
            ("flow", "parent", "metabolite", "FM * CL / V / (1 + CM / KI)"),
            ("flow", "parent", None, "(1 - FM) * CL / V"),
            ("flow", "metabolite", None, "CLM / VM"),
            ("influence", "metabolite", "parent", "FM * CL / V / (1 + CM / KI)"),
        ],
    ),
    "transit absorption by a formula": (
        {
            "units": PK | {"KTR": "1/h"},
            "compartments": {"gut": "mg", "central": "mg"},
            "flows": {"central -> out": "CL / V"},
            "rates": {"gut": "dose * KTR * exp(-KTR * tad) - KA * gut", "central": "KA * gut"},
            "routes": {"oral": "gut"},
        },
        [
            CL,
            ("rate", "gut", "central", "KA * gut"),
            ("rate", None, "gut", "dose * KTR * exp(-KTR * tad)"),
        ],
    ),
    "auto-induction": (
        {
            "units": PK | {"KENZ": "1/h", "SLOPE": "L/mg"},
            "compartments": {"gut": "mg", "central": "mg", "enzyme": "1"},
            "variables": CP,
            "flows": {"gut -> central": "KA", "central -> out": "CL / V * enzyme"},
            "rates": {"enzyme": "KENZ * (1 + SLOPE * CP) - KENZ * enzyme"},
            "routes": {"oral": "gut"},
        },
        [
            KA,
            ("flow", "central", None, "CL / V * enzyme"),
            ("rate", None, "enzyme", "KENZ * (1 + SLOPE * CP)"),
            ("rate", "enzyme", None, "KENZ * enzyme"),
            ("influence", "enzyme", "central", "CL / V * enzyme"),
            ("influence", "central", "enzyme", "KENZ * (1 + SLOPE * CP)"),
        ],
    ),
    "tolerance: a moderator follows a response and loses nothing of it": (
        {
            "units": PK | {"KIN": "1/h", "KOUT": "1/h", "KTOL": "1/h"},
            "compartments": {"central": "mg", "response": "1", "moderator": "1"},
            "flows": {"central -> out": "CL / V"},
            "rates": {
                "response": "KIN - KOUT * response * (1 + moderator)",
                "moderator": "KTOL * (response - moderator)",
            },
            "routes": {"iv": "central"},
        },
        [
            CL,
            ("rate", None, "response", "KIN"),
            ("rate", "response", None, "KOUT * response * (1 + moderator)"),
            ("rate", "moderator", None, "KTOL * moderator"),
            ("drive", "response", "moderator", "KTOL * response"),
            ("influence", "moderator", "response", "KOUT * response * (1 + moderator)"),
        ],
    ),
    "logistic growth and a drug that kills": (
        {
            "units": {"KG": "1/h", "CAP": "1", "KILL": "1/h/mg"},
            "compartments": {"central": "mg", "tumour": "1"},
            "rates": {"tumour": "KG * tumour * (1 - tumour / CAP) - KILL * central * tumour"},
            "routes": {"iv": "central"},
        },
        [
            ("rate", None, "tumour", "KG * tumour * (1 - tumour / CAP)"),
            ("rate", "tumour", None, "KILL * central * tumour"),
            ("influence", "central", "tumour", "KILL * central * tumour"),
        ],
    ),
    "a metabolite of another molar mass, in another unit": (
        {
            "units": {"K": "1/h", "MM": "1", "VM": "L"},
            "compartments": {"parent": "mg", "metabolite": "mg/L"},
            "rates": {"parent": "-K * parent", "metabolite": "(1 - 0.25) * MM * parent * K / VM"},
            "routes": {"iv": "parent"},
        },
        [("rate", "parent", "metabolite", "K * parent")],
    ),
    "many gains share an arrow, and so do many losses": (
        {
            "units": {"A": "1/h", "B": "1/h", "C": "1/h"},
            "compartments": {"central": "mg", "effect": "1"},
            "rates": {"effect": "A + B + C - A * effect - B * effect ** 2 - C * exp(effect) + 0"},
            "routes": {"iv": "central"},
        },
        [
            ("rate", None, "effect", "A + B + C"),
            ("rate", "effect", None, "A * effect + B * effect ** 2 + C * exp(effect)"),
        ],
    ),
}


@pytest.fixture(params=MODELS)
def case(request):
    model, expected = MODELS[request.param]
    return made(**model), expected


def test_lines_are_those_of_the_model(case):
    """Truth: written out by hand above."""
    model, expected = case
    svg = drawn(model)
    found = joined(svg, list(model.compartments))
    assert sorted(map(str, found[: -len(model.routes)])) == sorted(map(str, expected))
    doses = [(kind, begin, into) for kind, begin, into, _ in found[-len(model.routes) :]]
    assert doses == [("dose", None, route.into) for route in model.routes.values()]


def test_nothing_is_over_anything_else(case):
    """Truth: the places in the SVG, and measured texts."""
    assert faults(drawn(case[0])) == []


def test_arrows_have_texts_and_influences_have_none(case):
    """Truth: the rule; a text that is too long is cut, and its tooltip has all of it."""
    for kind in ("flow", "rate", "drive", "influence"):
        for group in groups(drawn(case[0]), kind):
            texts = [text.text for text in group.iter(f"{SVG}text")]
            whole = tooltip(group).split(": ", 1)[1].replace("**", "^").replace("*", "·")
            fitting = whole if len(whole) <= 28 else whole[:27] + "…"
            assert texts == ([] if kind == "influence" else [fitting])


@pytest.mark.parametrize("name", ["indirect response I", "Friberg with feedback"])
def test_png_shows_dots_and_dotted_lines(name, tmp_path):
    """Truth: the SVG says where the dot of an influence is; along its line, light and dark take turns."""
    picture = dl.diagram(made(**MODELS[name][0]))
    picture.save(tmp_path / "model.png")
    dark = 1.0 - image.imread(tmp_path / "model.png")[..., :3].mean(axis=-1)
    svg = ET.fromstring(picture.svg)
    left, top, _, _ = (float(each) for each in svg.get("viewBox").split())
    for group in groups(svg, "influence"):
        dot = group.find(f"{SVG}circle")
        column, row = (
            round((float(dot.get(key)) - low) * 150 / 96) for key, low in (("cx", left), ("cy", top))
        )
        assert (dark[row - 2 : row + 3, column - 2 : column + 3] > 0.8).all()
        beside = [dark[row - 2 : row + 3, at].max() for at in range(column - 40, column - 10)]
        beside = (
            beside
            if max(beside) > 0.3
            else [dark[row - 2 : row + 3, column + i].max() for i in range(10, 40)]
        )
        assert min(beside) < 0.2 < 0.5 < max(beside)


def test_it_counts_influences():
    """Truth: counted by hand."""
    picture = dl.diagram(made(**MODELS["Friberg with feedback"][0]))
    assert str(picture) == "<Diagram made: 6 boxes, 8 arrows, 2 influences>"
    picture = dl.diagram(made(**MODELS["indirect response I"][0]))
    assert str(picture) == "<Diagram made: 3 boxes, 5 arrows, 1 influence>"


# ------------------------------------------------------------------ any model


TERMS = ("K * {own}", "K * {own} * {a} / M", "K * {a}", "K * M", "K * M / (1 + {a} / M)", "K * ({a} - {own})")


@pytest.mark.parametrize("seed", range(120))
def test_random_models(seed):
    """Truth: nothing is over anything else, and each line begins and ends at a box or nowhere."""
    draw = random.Random(seed)
    names = [f"state{i}" for i in range(draw.randint(2, 6))]
    pairs = [(a, b) for a in names for b in [*names, "out"] if a != b]
    rate = ["K", "K * (1 - 0.25)", "K * {a} / M", "K * M / (M + {a} + {b})"]

    def filled(text, own):
        return text.format(own=own, a=draw.choice(names), b=draw.choice(names))

    flows = {f"{a} -> {b}": filled(draw.choice(rate), a) for a, b in draw.sample(pairs, len(names) - 1)}
    turning = draw.sample(names, draw.randint(1, min(3, len(names))))
    rates = {
        name: " ".join(
            draw.choice("+-") + filled(draw.choice(TERMS), name) for _ in range(draw.randint(1, 4))
        )
        for name in turning
    }
    model = made(
        units={"K": "1/h", "M": "mg"},
        compartments=dict.fromkeys(names, "mg"),
        flows=flows,
        rates=rates,
        routes={f"r{i}": name for i, name in enumerate(draw.sample(names, 2))},
    )
    svg = drawn(model)
    assert faults(svg) == []
    for kind, begin, end, _ in joined(svg, names):
        assert (begin is None) + (end is None) <= (kind not in ("drive", "influence"))


def test_variables_that_grow_when_written_out():
    """Truth: each of the variables doubles the one before; written out, the last would have 2^300 names."""
    variables = {"V0": "central / V"} | {
        f"V{i}": f"V{i - 1} + V{i - 1} * V{i - 1} / M" for i in range(1, 300)
    }
    started = perf_counter()
    model = made(
        units={"K": "1/h", "M": "mg/L", "V": "L"},
        compartments={"central": "mg", "effect": "mg/L"},
        variables=variables,
        rates={"effect": "K * (V299 - effect)"},
        routes={"iv": "central"},
    )
    read = perf_counter()
    assert joined(drawn(model), ["central", "effect"])[:3] == [
        ("rate", None, "effect", "K * V299"),
        ("rate", "effect", None, "K * effect"),
        ("influence", "central", "effect", "K * V299"),
    ]
    assert perf_counter() - read < 1.0 + (read - started)


def test_long_chains(tmp_path):
    """Truth: counted; three hundred compartments that hand on are drawn within seconds."""
    names = [f"c{i}" for i in range(300)]
    rates = {"c0": "-K * c0"} | {b: f"K * {a} - K * {b}" for a, b in pairwise(names)}
    started = perf_counter()
    model = made(
        units={"K": "1/h"}, compartments=dict.fromkeys(names, "mg"), rates=rates, routes={"iv": "c0"}
    )
    picture = dl.diagram(model)
    assert str(picture) == "<Diagram made: 300 boxes, 301 arrows>"
    assert perf_counter() - started < 5.0
    path = tmp_path / "long.png"
    with pytest.raises(dl.DoselineError) as caught:
        picture.save(path)
    told = r": a PNG of (\d+) x (\d+) dots is too large\n  end the name in .svg, which has no limit"
    wide, high = map(int, re.fullmatch(re.escape(str(path)) + told, str(caught.value)).groups())
    assert wide > 2**16 > high
    assert not path.exists()


def test_all_that_act_on_all():
    """Truth: counted; ten compartments act on the nine others, and each is made and lost."""
    names = [f"c{i}" for i in range(10)]
    model = made(
        units={"K": "1/h"},
        compartments=dict.fromkeys(names, "mg"),
        variables={"ALL": " + ".join(names)},
        rates={name: f"K * ALL - K * {name}" for name in names},
        routes={"iv": "c0"},
    )
    assert str(dl.diagram(model)) == "<Diagram made: 10 boxes, 21 arrows, 90 influences>"
    assert faults(drawn(model)) == []
