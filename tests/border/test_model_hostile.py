"""Model files and edits that try anything but arithmetic: refused in words, and nothing runs.

Truth: Python's own audit events (every import, open, exec and process tells of itself), and counts of work: a bound
on time would be a bound on the machine.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_example import GOOD

import doseline as dl
from doseline.errors import ModelError
from doseline.model.expression import DEEPEST, LONGEST, parse
from doseline.model.order import in_circles
from doseline.model.read import LARGEST, load_model, read_model
from doseline.model.sections import MOST_ENTRIES
from doseline.model.write import tables_of, to_toml

MODEL = read_model(GOOD).edit(compartments={"effect": "%"}, outputs={"effect": ("effect", "%")})
SECTIONS = {
    "individual": "KE",
    "variables": "CP",
    "flows": "central -> out",
    "rates": "effect",
    "initial": "effect",
    "routes": "iv",
    "outputs": "plasma",
}
"""Sections with formulas, and the entry that gets one."""
EMPTY = {
    "parameters": {"KA": "1 1/h"},
    "compartments": {"central": "mg", "effect": "%"},
    "routes": {"iv": "central"},
    "outputs": {"amount": ("central", "mg")},
}


def entry(section, text):
    """A section with one formula."""
    whole = {
        "routes": {"into": "central", "label": "iv", "lag": text},
        "outputs": {"value": text, "unit": "ng/mL", "label": "level"},
    }
    return {SECTIONS[section]: whole.get(section, text)}


def by_file(section, text):
    """Read a file with this formula in it."""
    tables = tables_of(MODEL)
    tables[section] = tables.get(section, {}) | entry(section, text)
    order = ["title", "version", "name", *[key for key in tables if isinstance(tables[key], dict)]]
    return read_model(to_toml({key: tables[key] for key in order}))


def by_edit(section, text):
    """Edit it into a model."""
    return MODEL.edit(**{section: entry(section, text)})


def by_building(section, text):
    """Build a model of little else."""
    return dl.build_model("x", **{**EMPTY, section: {**EMPTY.get(section, {}), **entry(section, text)}})


WAYS = {"a file": by_file, "an edit": by_edit, "building": by_building}
EVERYWHERE = [(way, section) for way in WAYS for section in SECTIONS]

_events: list[str] = []
_listening: list[bool] = []
# there is no way to remove a hook: this one sleeps between the tests
sys.addaudithook(lambda event, args: _events.append(event) if _listening else None)
HARMLESS = {"compile", "builtins.id"}
"""`ast.parse` tells of itself as compile; without exec nothing of it runs. The other one asks who an object is."""


def events_of(call, *args):
    """What Python tells of while something is called, and whether it was refused."""
    refused = True
    _events.clear()
    _listening.append(True)
    try:
        call(*args)
        refused = False
    except ModelError:
        pass
    finally:
        _listening.clear()
    return refused, set(_events)


def test_the_hook_hears_what_would_run(tmp_path):
    assert events_of(eval, "1 + 1")[1] >= {"compile", "exec"}
    assert "open" in events_of((tmp_path / "x").write_text, "x")[1]


CODE = (
    "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()",
    "CL.__class__",
    "CL.real",
    "central.__dict__",
    "__builtins__",
    "__name__",
    "eval(CL)",
    "exec(CL)",
    "open(CL)",
    "getattr(CL, KA)",
    "globals()",
    "print(CL)",
    "exp.__globals__",
    "(lambda: CL)()",
    "[x for x in CL]",
    "{CL: KA}",
    "CL[0]",
    "f'{CL}'",
    "CL; import os",
    "import os",
    "(yield CL)",
    "(x := CL)",
    "CL if KA else V",
    "CL @ KA",
    "not CL",
    "max(*CL)",
    "exp(x=CL)",
    "...",
    "None",
    "np.exp(CL)",
    "t.__class__",
    "dose()",
    "\\x43L",
    "ＣＬ",
    "(" * 900 + "CL" + ")" * 900,
    "-" * (LONGEST - 2) + "CL",
    "exp(" * 400 + "CL" + ")" * 400,
    "+".join(["CL"] * 600),
    "(" * 10_000 + "CL" + ")" * 10_000,
    "9" * 1_999,
    "1e999",
    "max(" + ",".join(["KA"] * 900) + ", CL)",
)


@pytest.mark.parametrize(("way", "section"), EVERYWHERE)
def test_code_is_refused_and_does_not_run(way, section):
    call = WAYS[way]
    call("variables", "t")  # what is imported late is imported now
    outcomes = {text[:60]: events_of(call, section, text) for text in CODE}
    assert [text for text, (refused, _) in outcomes.items() if not refused] == []
    assert set().union(*(events for _, events in outcomes.values())) <= HARMLESS


PIECES = (
    "__",
    ".",
    "(",
    ")",
    "[",
    "]",
    "'",
    '"',
    "CL",
    "central",
    "t",
    "exp",
    "import os",
    "lambda",
    ":",
    "=",
    "{",
    "}",
)
PIECES += (
    "open",
    "eval",
    "\n",
    "\\",
    "#",
    "1",
    "e9",
    "+",
    "**",
    "/",
    ",",
    "<",
    "@",
    "|",
    "not ",
    " if ",
    "for",
    "None",
)
NASTY = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30)


@settings(deadline=None, max_examples=150)
@given(text=NASTY, place=st.sampled_from(EVERYWHERE))
def test_any_text_is_a_formula_or_a_mistake(text, place):
    """Truth: there is no third way, and in neither does anything run."""
    way, section = place
    _, events = events_of(WAYS[way], section, text)
    assert events <= HARMLESS


@settings(deadline=None, max_examples=100)
@given(name=NASTY, place=st.sampled_from(EVERYWHERE))
def test_any_name_is_a_name_or_a_mistake(name, place):
    _, section = place
    table = {name: entry(section, "KA")[SECTIONS[section]]}
    _, events = events_of(lambda: MODEL.edit(**{section: table}))
    assert events <= HARMLESS
    _, events = events_of(
        lambda: read_model(str(MODEL) + to_toml({"more": table}).replace("[more]", f"[{section}]"))
    )
    assert events <= HARMLESS


@pytest.mark.parametrize(
    "name", ["__class__", "__import__", "_x", "lambda", "None", "if", "import", "x.y", "x y", ""]
)
@pytest.mark.parametrize("section", ["parameters", "compartments", "variables", "individual"])
def test_names_of_python_are_no_names(name, section):
    value = {"parameters": "1 h", "compartments": "mg"}.get(section, "1")
    with pytest.raises(ModelError) as caught:
        MODEL.edit(**{section: {name: value}})
    assert "cannot be a name" in str(caught.value) or "has a meaning in expressions" in str(caught.value)


# ---------------------------------------------------------------- work, counted


def test_a_file_of_50_megabytes_is_refused_by_its_size(tmp_path, monkeypatch):
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) == f"{path}: 50000000 bytes\n  a model file has at most {LARGEST}"


@pytest.mark.parametrize("call", [by_edit, by_building], ids=["an edit", "building"])
def test_50_megabytes_in_python_are_not_even_written(call, monkeypatch):
    monkeypatch.setattr("doseline.model.edit.to_toml", lambda tables: pytest.fail("it was written"))
    with pytest.raises(ModelError, match=f"more than {LARGEST} characters"):
        call("rates", "x" * 50_000_000)


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_too_long_is_not_parsed(section, monkeypatch):
    """10,000 levels: refused by length, before Python's parser would meet its own bounds."""
    parsed = []
    monkeypatch.setattr(ast, "parse", lambda text, **_: parsed.append(text) or pytest.fail("it was parsed"))
    for text in ("(" * 10_000 + "CL" + ")" * 10_000, "-" * 10_000 + "CL"):
        with pytest.raises(ModelError, match="an expression of"):
            parse(text, section)
    assert parsed == []


@pytest.mark.parametrize(
    "text", ["-" * 1_999 + "t", "(" * 999 + "t" + ")" * 999, "exp(" * 399 + "t" + ")" * 399]
)
@pytest.mark.parametrize(("way", "section"), EVERYWHERE)
def test_what_is_too_deep_is_refused_in_words(way, section, text):
    with pytest.raises(ModelError) as caught:
        WAYS[way](section, text)
    assert "is nested too deeply" in str(caught.value) or "does not parse" in str(caught.value)
    assert f"at most {DEEPEST} levels" in str(caught.value) or "an expression has" in str(caught.value)


def test_circles_among_many_lines_are_looked_for_once(monkeypatch):
    """300 lines that all need all that stand below them: no circle, and 45,000 needs, which are walked once."""
    asked = []
    monkeypatch.setattr(
        "doseline.model.validate.in_circles", lambda lines: asked.append(lines) or in_circles(lines)
    )
    names = [f"b{n}" for n in range(MOST_ENTRIES)]
    lines = {name: f"max({', '.join(names[n + 1 :])}, 1, 1)" for n, name in enumerate(names)}
    with pytest.raises(ModelError) as caught:
        dl.build_model("x", **EMPTY, variables=lines)
    assert len(asked) == 1
    assert "'b1' is set further down: move it up" in str(caught.value)
    assert "circular" not in str(caught.value)


def test_many_lines_in_one_circle():
    names = [f"b{n}" for n in range(MOST_ENTRIES)]
    lines = {name: names[(n + 1) % MOST_ENTRIES] for n, name in enumerate(names)}
    with pytest.raises(ModelError) as caught:
        dl.build_model("x", **EMPTY, individual=lines)
    assert str(caught.value) == (
        "build_model(...) [individual.b0]: circular: b0 -> b1 -> b2 -> b3 -> b4 -> b5 -> ... -> b0\n"
        "  write one of them without the others"
    )
