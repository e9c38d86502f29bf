"""Models built, changed and printed in Python.

Truth: the same model read from the text of a file; the texts are what a person who made the mistake needs to read.
"""

from __future__ import annotations

import numpy as np
import pint
import pytest
from model_example import GOOD

import doseline as dl
from doseline.errors import ModelError
from doseline.model.expression import parse
from doseline.model.read import LARGEST, library, load_model, read_model
from doseline.model.sections import MOST_ENTRIES

MODEL = read_model(GOOD, place="m.toml")
WITHOUT_CHECK = read_model(GOOD[: GOOD.index("[[check]]")])
SMALL = {
    "parameters": {"CL": "5 L/h", "V": "50 L"},
    "compartments": {"central": "mg"},
    "flows": {"central -> out": "CL / V"},
    "routes": {"iv": "central"},
    "outputs": {"plasma": ("central / V", "mg/L")},
}


def said(call, *args, **kwargs):
    """What is said about a mistake."""
    with pytest.raises(ModelError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# ---------------------------------------------------------------- printing


@pytest.mark.parametrize("name", sorted(library()))
def test_a_model_of_the_library_prints_as_its_file_and_reads_back_changed(name):
    model = load_model(name)
    assert str(model) == library()[name].read_text(encoding="utf-8")
    parameter = next(iter(model.parameters))
    changed = model.with_(**{parameter: model.parameters[parameter].value * 1.1})
    assert str(changed) != str(model)
    for each in (model, changed, model.edit(version="2"), changed.edit(version="2")):
        again = read_model(str(each))
        assert again == each
        assert hash(again) == hash(each)
        assert str(again) == str(each)
    assert changed != model


def test_what_is_printed():
    text = str(
        MODEL.with_(CL="7.5 L/h").edit(title='A "title"', variables={"CP": "central  /  V"}, rates={"gut": 0})
    )
    assert text == '''name = "example"
title = "A \\"title\\""
version = "1.0"

[source]
citation = "Made for these tests."

[covariates]
WT = { unit = "kg", reference = 70, label = "body weight", low = 3, high = 300 }

[parameters]
KA = { value = 0.9, unit = "1/h", label = "absorption", source = "test", status = "assumption" }
CL = { value = 7.5, unit = "L/h", label = "clearance", source = "changed from 15 L/h (test)", status = "assumption" }
V = { value = 200, unit = "L", label = "volume", source = "test", status = "assumption" }
F = { value = 1, unit = "1", label = "fraction absorbed", source = "test", status = "assumption" }
LAG = { value = 30, unit = "min", label = "lag", source = "test", status = "assumption" }
WT_STD = { value = 70, unit = "kg", label = "standard weight", source = "test", status = "assumption" }

[individual]
CL = "CL * (WT / WT_STD) ** 0.75"
KE = "CL / V"
delay = "LAG * WT / WT_STD"

[compartments]
gut = { unit = "mg", label = "gut" }
central = { unit = "mg", label = "body" }

[variables]
CP = "central / V"

[flows]
"gut -> central" = "KA"
"central -> out" = "KE"

[rates]
gut = "0"

[routes.oral]
into = "gut"
bioavailability = "F"
lag = "delay"
label = "by mouth"

[routes.iv]
into = "central"
label = "into a vein"

[formulations.capsule]
label = "a capsule"
strengths = [10, 20]

[formulations.capsule.meals.fed]
label = "with a meal"
source = "test"

[formulations.capsule.meals.fasted]
label = "without"
source = "test"
F = { value = 0.4, unit = "1", source = "test" }
LAG = { value = 0.1, unit = "h", source = "test", status = "M" }

[outputs]
plasma = { value = "central / V", unit = "ng/mL", label = "plasma" }
'''  # fmt: skip


def test_repr_stays_short():
    assert repr(MODEL.with_(CL=7)) == "<Model example 1.0, CL=7>"
    assert repr(MODEL.edit(version="2")) == "<Model example 2>"


def test_a_model_that_its_file_names_reads_back_from_its_text(tmp_path):
    """The name of the file is not in its text."""
    path = tmp_path / "my own: model.toml"
    path.write_text(GOOD.replace('name = "example"\n', ""), encoding="utf-8")
    model = load_model(path)
    assert model.name == "my-own-model"
    assert read_model(str(model)) == model
    assert str(model) == 'name = "my-own-model"\n' + path.read_text(encoding="utf-8")


def test_lines_that_would_be_too_long_to_read_back_are_broken():
    """A file may have 100 dots a line; texts and lists of several lines have more."""
    dots = ['label = "' + ". " * 90 + 'body weight"', 'source = "' + "." * 90 + '"']
    rest = ["value = 1", 'unit = "h"', 'status = "M"']
    numbers = ",\n".join(["max(" + ",".join(["0.5"] * 90) + ")"] * 3)
    strengths = ",\n".join(f"{n}.5" for n in range(1, 251))
    text = (
        GOOD[: GOOD.index("[[check]]")]
        .replace("[individual]", "\n".join(["[parameters.DOTS]", *dots, *rest, "[individual]"]))
        .replace('KE = "CL / V"', f'KE = """CL / V * max({numbers})"""')
        .replace("strengths = [10, 20]", f"strengths = [{strengths}]")
    )  # fmt: skip
    model = read_model(text)
    assert read_model(str(model.with_(V=100))) == model.with_(V=100)
    assert model.edit(version="2").individual["KE"].text == model.individual["KE"].text


# ---------------------------------------------------------------- the same or not


def test_models_that_say_the_same_are_the_same():
    assert MODEL != WITHOUT_CHECK
    assert MODEL.edit() == WITHOUT_CHECK
    assert len({MODEL.edit(), WITHOUT_CHECK, read_model(str(WITHOUT_CHECK))}) == 1
    assert MODEL != GOOD
    assert MODEL.edit(parameters={"KA": None}, flows={"gut -> central": "KE"}) != WITHOUT_CHECK


def test_the_order_of_entries_counts():
    """The first output is the default one, and lines of [individual] are worked out in order."""
    one = MODEL.edit(outputs={"amount": ("central", "mg")})
    other = MODEL.edit(outputs={"amount": ("central", "mg"), "plasma": MODEL.outputs["plasma"]})
    assert (one.default_output, other.default_output) == ("plasma", "amount")
    assert one.outputs == other.outputs
    assert one != other


# ---------------------------------------------------------------- changing


def test_the_old_model_is_untouched():
    text, copy = str(MODEL), read_model(GOOD)
    MODEL.edit(
        parameters={"KA": "2 1/h"},
        flows={"gut -> central": None},
        source={"note": "x"},
        outputs={"a": ("gut", "mg")},
    )
    assert copy == MODEL
    assert str(MODEL) == text
    with pytest.raises(ValueError, match="frozen"):
        MODEL.title = "other"


def test_entries_are_added_replaced_and_taken_out():
    """Truth: the text of the file with the same changes."""
    made = MODEL.edit(
        name="other",
        version="2",
        source={"note": "changed"},
        parameters={
            "VMAX": "30 mg/h",
            "KM": pint.Quantity(5, "ug/mL"),
            "KIN": {"value": 10, "unit": "%/h", "label": "in", "source": "s", "status": "R"},
            "KOUT": "0.1 1/h",
            "CL": None,
        },
        individual={"KE": None, "CL": None},
        compartments={"effect": "%"},
        variables={"CP": parse("central / V")},
        flows={"central->out": "VMAX / V / (KM + CP)"},
        rates={"effect": "KIN * KM / (KM + CP) - KOUT * effect"},
        initial={"effect": "KIN / KOUT"},
        routes={"iv": None, "slow": {"into": "central", "label": "slowly", "duration": "KM / KM / KA", "lag": None}},
        outputs={"response": ("effect", "%"), "plasma": {"value": "CP", "unit": "mg/L", "label": "level"}},
    )  # fmt: skip
    given = 'source = "given in Python", status = "assumption" }\n'
    edits = (
        ('name = "example"', 'name = "other"'),
        ('version = "1.0"', 'version = "2"'),
        ('tests."\n', 'tests."\nnote = "changed"\n'),
        ('CL = { value = 15, unit = "L/h", label = "clearance", source = "test", status = "assumption" }\n', ""),
        (
            "\n[individual]\n",
            'VMAX = { value = 30, unit = "mg/h", label = "VMAX", ' + given
            + 'KM = { value = 5, unit = "µg/ml", label = "KM", ' + given
            + 'KIN = { value = 10, unit = "%/h", label = "in", source = "s", status = "R" }\n'
            + 'KOUT = { value = 0.1, unit = "1/h", label = "KOUT", ' + given + "[individual]\n",
        ),
        ('CL = "CL * (WT / WT_STD) ** 0.75"\nKE = "CL / V"\n', ""),
        ("[flows]", 'effect = { unit = "%", label = "effect" }\n[variables]\nCP = "central / V"\n[flows]'),
        ('"KE"', '"VMAX / V / (KM + CP)"\n[rates]\neffect = "KIN * KM / (KM + CP) - KOUT * effect"\n'
                 '[initial]\neffect = "KIN / KOUT"'),
        ('[routes.iv]\nlabel = "into a vein"', '[routes.slow]\nlabel = "slowly"\nduration = "KM / KM / KA"'),
        ("[outputs]", '[outputs]\nresponse = { value = "effect", unit = "%", label = "response" }'),
        ('value = "central / V", unit = "ng/mL", label = "plasma"', 'value = "CP", unit = "mg/L", label = "level"'),
    )  # fmt: skip
    text = GOOD[: GOOD.index("[[check]]")]
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    truth = read_model(text)
    assert made == truth
    assert not made.linear


def test_a_replaced_line_stays_and_a_new_one_goes_where_it_is_needed():
    assert list(MODEL.edit(individual={"KE": "2 * CL / V", "more": "KE"}).individual) == [
        "CL",
        "KE",
        "delay",
        "more",
    ]
    assert list(MODEL.edit(individual={"size": "WT / WT_STD", "CL": "CL * size"}).individual) == [
        "size",
        "CL",
        "KE",
        "delay",
    ]


def test_a_given_value_keeps_the_label_of_what_it_replaces():
    made = MODEL.edit(parameters={"CL": "250 mL/min"}, outputs={"plasma": ("central / V", "mg/L")})
    assert made.parameters["CL"].label == "clearance"
    assert (made.parameters["CL"].value, made.parameters["CL"].unit) == (250.0, "mL/min")
    assert (made.parameters["CL"].source, made.parameters["CL"].status) == ("given in Python", "assumption")
    assert made.outputs["plasma"].label == "plasma"


def test_changes_become_part_of_the_edited_model():
    made = MODEL.with_(CL=7).edit(version="2")
    assert made.changes == {}
    assert made.parameters["CL"].value == 7
    assert made.with_(CL=8).changes == {"CL": 8.0}
    assert made.checks == ()


def test_numbers_of_numpy_are_numbers():
    entry = {"value": np.float32(0.5), "unit": "1/h", "label": "x", "source": "x", "status": "M"}
    assert MODEL.edit(parameters={"KA": entry}).parameters["KA"].value == 0.5
    assert (
        MODEL.edit(individual={"KE": np.int64(2)}, flows={"central -> out": "KE * KA"}).individual["KE"].text
        == "2"
    )


def test_a_result_of_an_edited_model_replays():
    model = MODEL.edit(name="edited", flows={"central -> out": "2 * KE"}).with_(V=100)
    levels = dl.simulate(model, "100 mg once", times=[0, 1, 2])
    again = dl.replay(levels)
    assert again.identical(levels)
    assert levels.attrs["model"] == "edited"


# ---------------------------------------------------------------- building


def test_a_model_from_nothing():
    """Truth: the same model as a file."""
    text = """
        name = "bolus"
        title = "bolus"
        version = "1"
        [source]
        citation = "built in Python"
        [parameters]
        CL = { value = 5, unit = "L/h", label = "CL", source = "given in Python", status = "assumption" }
        V = { value = 50, unit = "L", label = "V", source = "given in Python", status = "assumption" }
        [compartments]
        central = { unit = "mg", label = "central" }
        [flows]
        "central -> out" = "CL / V"
        [routes.iv]
        into = "central"
        label = "iv"
        [outputs]
        plasma = { value = "central / V", unit = "mg/L", label = "plasma" }
    """
    assert dl.build_model("bolus", **SMALL) == read_model(text)
    made = dl.build_model("bolus", title="T", version="2", source="Someone 1999", **SMALL)
    assert (made.title, made.version, made.source.citation) == ("T", "2", "Someone 1999")


# ---------------------------------------------------------------- mistakes

PLACE = "example.edit(...)"
MISTAKES = {
    "unknown section": (
        {"parametrs": {}},
        f"{PLACE} [parametrs]: unknown section\n  did you mean 'parameters'? sections: name, title, version, source, "
        "covariates, parameters, individual, compartments, variables, flows, rates, initial, routes, formulations, "
        "outputs, variability, occasions, blocks, residual, uncertainty",
    ),
    "no entries": (
        {"parameters": 5},
        f'{PLACE} [parameters]: found int\n  expected entries, as in parameters={{"CL": "7.5 L/h"}}',
    ),
    "no quantity": (
        {"parameters": {"CL": "fast"}},
        f"{PLACE} [parameters.CL]: found 'fast'\n"
        "  expected a number and a unit, such as '7.5 L/h', or a table of its keys",
    ),
    "no unit": (
        {"parameters": {"CL": "7.5"}},
        f"{PLACE} [parameters.CL]: found '7.5' without a unit\n"
        "  expected volume / time: add the unit, such as '... L/h'",
    ),
    "a bare number": (
        {"parameters": {"CL": 7.5}},
        f"{PLACE} [parameters.CL]: found 7.5\n"
        "  expected a table { value = ..., unit = ..., label = ..., source = ..., status = ... }",
    ),
    "another kind of unit": (
        {"outputs": {"plasma": ("central", "mg/L")}},
        f"{PLACE} [outputs.plasma]: 'central' is mass\n  expected mass / volume",
    ),
    "unknown unit": (
        {"compartments": {"effect": "mgg"}},
        f"{PLACE} [compartments.effect]: unit: unknown unit 'mgg'\n  did you mean 'mg'? often used: h, min, day, week, "
        "ug, mg, g, kg, mL, L, mg/L, ng/mL, L/h, 1/h, 1, %",
    ),
    "unknown name": (
        {"flows": {"central -> out": "CL / VV"}},
        f"{PLACE} [flows.\"central -> out\"]: unknown name 'VV'\n"
        "  did you mean 'V'? known here: KA, CL, V, F, LAG, WT_STD, WT, KE, delay, gut, central, t, tad, dose",
    ),
    "in use": (
        {"parameters": {"KA": None}},
        f"{PLACE} [flows.\"gut -> central\"]: unknown name 'KA'\n"
        "  known here: CL, V, F, LAG, WT_STD, WT, KE, delay, gut, central, t, tad, dose",
    ),
    "nothing to take out": (
        {"parameters": {"KAA": None}},
        f"{PLACE} [parameters.KAA]: there is nothing to take out\n"
        "  did you mean 'KA'? known here: KA, CL, V, F, LAG, WT_STD",
    ),
    "the last output": (
        {"outputs": {"plasma": None}},
        f"{PLACE}: section [outputs] is missing or empty\n  add [outputs] with at least one entry",
    ),
    "a flow twice": (
        {"flows": {"central -> out": "KE", "central->out": "KE"}},
        f'{PLACE} [flows."central -> out"]: stands here twice\n  give it once',
    ),
    "further down": (
        {"individual": {"CL": "CL * size", "size": "WT / WT_STD"}},
        f"{PLACE} [individual.CL]: unknown name 'size'\n  'size' is set further down: move it up",
    ),
    "an object": (
        {"rates": {"gut": object()}},
        f"{PLACE} [rates.gut]: found object\n  expected a text, a number or a table",
    ),
    "a function": (
        {"parameters": {"CL": {"value": abs}}},
        f"{PLACE} [parameters.CL]: found builtin_function_or_method\n  expected a text, a number or a table",
    ),
    "an array": (
        {"individual": {"KE": np.zeros(3)}},
        f"{PLACE} [individual.KE]: found ndarray\n  expected a text, a number or a table",
    ),
    "a name that is no text": (
        {"parameters": {3: "1 h"}},
        f"{PLACE} [parameters.int]: found int as a name\n  names are texts",
    ),
    "a key that is no text": (
        {"parameters": {"CL": {1: 2}}},
        f"{PLACE} [parameters.CL]: found int as a key\n  keys are texts",
    ),
    "half a character": (
        {"title": "a\ud800"},
        f"{PLACE} [title]: character 1 is half of one\n  expected text that is UTF-8",
    ),
    "a name of a file that is none": (
        {"name": "../x"},
        f"{PLACE}: name = '../x'\n  expected letters, digits, - and _",
    ),
    "code": (
        {"variables": {"x": "__import__('os').system('true')"}},
        f"{PLACE} [variables.x]: ''' in '__import__('os').system('true')' is not part of the language\n"
        "  an expression has numbers, names, + - * / **, comparisons, and exp log sqrt min max where",
    ),
    "too many entries": (
        {"parameters": {f"x{n}": "1 h" for n in range(MOST_ENTRIES + 1)}},
        f"{PLACE} [parameters]: 301 entries\n  at most 300",
    ),
    "a number of a million bits": (
        {"individual": {"KE": 1 << 1_000_000}},
        f"{PLACE} [individual.KE]: found a whole number of 1000001 bits\n  at most 63",
    ),
    "50 MB": (
        {"title": "x" * 50_000_000},
        f"{PLACE} [title]: more than {LARGEST} characters\n  a model file has no room for them",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake(mistake):
    sections, text = MISTAKES[mistake]
    assert said(MODEL.edit, **sections) == text
    assert read_model(GOOD) == MODEL


def test_several_mistakes_are_told_at_once():
    text = said(dl.build_model, "new one", parameters={"V": "5 L"}, outputs={"p": ("A / W", "mg/L")})
    assert [line for line in text.splitlines() if not line.startswith("  ")] == [
        "build_model(...): name = 'new one'",
        "build_model(...): section [compartments] is missing or empty",
        "build_model(...): section [routes] is missing or empty",
        "build_model(...) [outputs.p]: unknown name 'A'",
        "build_model(...) [outputs.p]: unknown name 'W'",
    ]


@pytest.mark.parametrize("name", [None, 3, "", object()])
def test_names_that_are_none(name):
    assert said(dl.build_model, name, **SMALL).startswith("build_model(...)")


def _deep(levels):
    inside: object = "x"
    for _ in range(levels):
        inside = [inside]
    return inside


def _around():
    inside: dict = {}
    inside["inside"] = inside
    return inside


def _wide():
    inside: object = 0
    for _ in range(8):
        inside = [inside] * MOST_ENTRIES
    return inside


@pytest.mark.parametrize("value", [_deep(100_000), _around(), _wide()], ids=["deep", "around", "wide"])
@pytest.mark.parametrize("section", ["title", "parameters", "rates", "formulations", "source"])
def test_what_never_ends_is_refused(section, value):
    entries = value if section == "title" else {"x": value}
    for call in (MODEL.edit, lambda **sections: dl.build_model("x", **sections)):
        assert "nested too deeply" in said(call, **{section: entries}) or "more than" in said(
            call, **{section: entries}
        )
