"""Model files: what is read from a good one, and every sentence about a bad one.

Truth: the texts below are what a person who made the mistake needs to read.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from time import perf_counter

import pint
import pytest
from model_example import GOOD, changed, complaint

from doseline.errors import InputError, ModelError, UnitError
from doseline.model.read import LARGEST, library, load_model, read_model, studies
from doseline.model.sections import MOST_ENTRIES

# ---------------------------------------------------------------- good files


def test_what_a_good_file_says():
    model = read_model(GOOD, place="models/example.toml")
    assert (model.name, model.version, model.path, model.text) == (
        "example",
        "1.0",
        "models/example.toml",
        GOOD,
    )
    assert (model.default_route, model.default_formulation, model.default_meal()) == (
        "oral",
        "capsule",
        "fed",
    )
    assert [(flow.source, flow.target, str(flow.rate)) for flow in model.flows] == [
        ("gut", "central", "KA"),
        ("central", None, "KE"),
    ]
    assert list(model.individual) == ["CL", "KE", "delay"]
    assert model.compartments["central"].unit == "mg"
    assert model.outputs["plasma"].from_coherent == 1000.0
    assert model.parameters["LAG"].to_coherent == 1 / 60
    assert model.covariates["WT"].to_coherent == 1e6
    assert model.routes["iv"].lag is None


def test_a_meal_takes_label_and_status_from_the_parameter():
    fasted = read_model(GOOD).formulations["capsule"].meals["fasted"]
    assert (fasted.overrides["F"].unit, fasted.overrides["F"].label) == ("1", "fraction absorbed")
    assert [fasted.overrides[name].status for name in ("F", "LAG")] == ["assumption", "M"]


def test_checks_know_their_limits():
    check = read_model(GOOD).checks[0]
    assert check.tolerance == pytest.approx(133.334, rel=1e-12)
    assert check.accepts(6666.7 + 133.0)
    assert not check.accepts(6666.7 - 134.0)
    minutes = read_model(
        changed(
            ('metric = "AUCinf"', 'metric = "Tmax"'),
            ('unit = "ng*h/mL"', 'unit = "h"'),
            ('within = "2 %"', 'within = "30 min"'),
        )
    )
    assert minutes.checks[0].tolerance == 0.5


def test_a_model_travels_and_rebuilds():
    """Truth: text and changes give the model back; workers receive it pickled."""
    model = read_model(GOOD, place="m.toml").with_(CL=7.0)
    assert pickle.loads(pickle.dumps(model)) == model
    assert read_model(model.text, place="m.toml").with_(**model.changes) == model
    assert len({model, pickle.loads(pickle.dumps(model))}) == 1


@pytest.mark.parametrize("name", sorted(library()))
def test_every_model_of_the_library_is_read(name):
    model = load_model(name)
    assert model.name == name
    assert model.path == f"models/{name}.toml"
    assert load_model(model) is model


def test_the_library_keeps_models_and_studies_apart():
    assert "isotretinoin" in library()
    assert "isotretinoin" in studies()
    assert not [name for name in library() if "study" in name]


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(changed(('name = "example"\n', "")), encoding="utf-8")
    assert load_model(path) == load_model(str(path))
    assert load_model(path).name == "mine"


def test_a_file_with_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_model(path).name == "example"


# ---------------------------------------------------------------- other values


@pytest.mark.parametrize(
    ("given", "value"),
    [(7.5, 7.5), ("250 mL/min", 15.0), (pint.Quantity(1.0, "L/min"), 60.0)],
)
def test_with_takes_numbers_texts_and_quantities(given, value):
    model = read_model(GOOD)
    other = model.with_(CL=given)
    assert other.parameters["CL"].value == pytest.approx(value, rel=1e-15)
    assert other.changes == {"CL": other.parameters["CL"].value}
    assert model.parameters["CL"].value == 15
    assert model.changes == {}


def test_with_says_that_the_source_no_longer_holds():
    twice = read_model(GOOD).with_(CL=10).with_(CL=20, V=100)
    assert twice.parameters["CL"].source == "changed from 15 L/h (test)"
    assert twice.parameters["CL"].status == "assumption"
    assert twice.changes == {"CL": 20.0, "V": 100.0}


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        (
            {"Cl": 3},
            InputError,
            "example.with_(Cl=...): unknown parameter 'Cl'\n"
            "  did you mean 'CL'? known here: KA, CL, V, F, LAG, WT_STD",
        ),
        (
            {"WT": 3},
            InputError,
            "example.with_(WT=...): unknown parameter 'WT'\n"
            "  'WT' is a covariate: it belongs to the cohort, as in cohort(WT=...)",
        ),
        (
            {"CL": "3 L"},
            UnitError,
            "example.with_(CL=...): '3 L' is volume\n  expected volume / time, in a unit such as L/h",
        ),
        (
            {"CL": "3"},
            UnitError,
            "example.with_(CL=...): found '3' without a unit\n"
            "  expected volume / time: add the unit, such as '... L/h'",
        ),
        ({"CL": -1}, InputError, "example.with_(CL=...): found -1 L/h\n  expected a clearance above 0"),
        ({"V": 0}, InputError, "example.with_(V=...): found 0 L\n  expected a volume above 0"),
        (
            {"KA": float("nan")},
            InputError,
            "example.with_(KA=...): found nan\n  expected finite numbers in 1/h",
        ),
        (
            {"CL": [1, 2, 3]},
            InputError,
            "example.with_(CL=...): found 3 values\n  expected one number: make a model for each value",
        ),
    ],
)
def test_with_refuses(values, kind, text):
    with pytest.raises(kind) as caught:
        read_model(GOOD).with_(**values)
    assert str(caught.value) == text


def test_with_refuses_what_every_meal_overrides():
    everywhere = changed(
        (
            'label = "with a meal"\nsource = "test"',
            'label = "with a meal"\nsource = "test"\nF = { value = 1, source = "test" }',
        )
    )
    with pytest.raises(InputError) as caught:
        read_model(everywhere).with_(F=0.5)
    assert str(caught.value) == (
        "example.with_(F=...): every meal sets its own 'F'\n"
        "  changing the typical value would do nothing: change the file, in [formulations]"
    )


# ---------------------------------------------------------------- where the file is


def test_an_unknown_model():
    with pytest.raises(InputError) as caught:
        load_model("isotretinon")
    assert str(caught.value) == (
        f"unknown model 'isotretinon'\n  did you mean 'isotretinoin'? models: "
        f"{', '.join(list(library())[:24])} and {len(library()) - 24} more\n"
        "  a model of your own: give its path, such as './isotretinon.toml'"
    )


def test_a_path_without_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(InputError) as caught:
        load_model(path)
    assert str(caught.value) == (
        f"{path}: no such file\n  look at the path, or give the name of a model: {', '.join(library())}"
    )


def test_a_library_name_written_as_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        load_model("isotretinoin.toml")
    assert str(caught.value) == (
        "isotretinoin.toml: no such file\n  'isotretinoin' is in the library: give the name without .toml"
    )


def test_neither_name_nor_path():
    with pytest.raises(InputError) as caught:
        load_model(3)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "model: found int\n  give a name, the path of a file, or a model from dl.load_model"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"title = \xff", "byte 8 is not UTF-8 text\n  save the file as UTF-8"),
        (b"#" * (LARGEST + 1), f"{LARGEST + 1} bytes\n  a model file has at most {LARGEST}"),
    ],
)
def test_a_file_that_is_no_model(tmp_path, content, text):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) == f"{path}: {text}"


def test_a_study_is_no_model():
    path = str(studies()["isotretinoin"])
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) == f"{path}: this is a study, not a model\n  run it: doseline run {path}"


# ---------------------------------------------------------------- several at once


def test_every_mistake_is_told_at_once():
    """Mistakes of form, of names and of units in one file; the broken KA causes no complaint about its flow."""
    text = changed(
        ("KA = { value = 0.9", "KA = { valeu = 0.9"),
        ('value = "central / V"', 'value = "central / Vd"'),
        ('lag = "delay"', 'lag = "CL"'),
        ('status = "D"', 'status = "X"'),
        ("[source]\n", "[sauce]\n"),
    )
    assert complaint(text) == (
        "m.toml [sauce]: unknown section\n  did you mean 'source'? sections: source, covariates, parameters, "
        "individual, compartments, variables, flows, rates, initial, routes, formulations, "
        "outputs, variability, occasions, blocks, residual, uncertainty, check\n"
        "m.toml: section [source] is missing or empty\n  add [source] with at least one entry\n"
        "m.toml [parameters.KA]: 'value' is missing\n  add value = ...: a finite number, without quotes\n"
        "m.toml [parameters.KA]: unknown key 'valeu'\n"
        "  did you mean 'value'? known here: value, unit, label, source, status\n"
        "m.toml [check \"AUC\"]: status = 'X'\n"
        '  expected "R" read in the source, "R2" read in a source that quotes it, "D" derived, "M" from memory, '
        '"assumption" or "calibrated"\n'
        "m.toml [outputs.plasma]: unknown name 'Vd'\n"
        "  did you mean 'V'? known here: CL, V, F, LAG, WT_STD, KA, WT, KE, delay, gut, central, "
        "t, tad, dose\n"
        "m.toml [routes.oral]: lag = 'CL' is volume / time\n  expected time\n"
        "m.toml [formulations.capsule.meals.fasted.LAG]: 'LAG' reaches no route, so the meal would change nothing\n"
        "  use it in the bioavailability, lag, duration or rate of a route"
    )


def test_an_empty_file():
    assert [line for line in complaint("").splitlines() if not line.startswith("  ")] == [
        "m.toml: 'title' is missing",
        "m.toml: 'version' is missing",
        "m.toml: section [source] is missing or empty",
        "m.toml: section [parameters] is missing or empty",
        "m.toml: section [compartments] is missing or empty",
        "m.toml: section [routes] is missing or empty",
        "m.toml: section [outputs] is missing or empty",
    ]


def test_sections_that_are_no_tables():
    text = 'title = "x"\nversion = "1"\nsource = 1\nparameters = 2\ncompartments = [3]\nroutes = "x"\noutputs = true'
    assert [line for line in complaint(text).splitlines() if not line.startswith("  ")] == [
        "m.toml [source]: found 1",
        "m.toml [parameters]: found 2",
        "m.toml [compartments]: found a list",
        "m.toml [routes]: found 'x'",
        "m.toml [outputs]: found true",
    ]


@pytest.mark.parametrize("line", range(len(GOOD.splitlines())))
def test_any_line_may_be_missing(line):
    """Truth: a file without one of its lines is a model or a ModelError, never anything else."""
    lines = GOOD.splitlines()
    del lines[line]
    try:
        read_model("\n".join(lines))
    except ModelError as error:
        untold = [problem for problem in error.problems if not all(problem)]
    else:
        untold = []
    assert untold == []


MANY = MOST_ENTRIES + 1
HOSTILE = {
    "dots in a key": "a." * 20_000 + "a = 1",
    "nested lists": "a = " + "[" * 50_000,
    "a number of 5000 digits": "a = " + "9" * 5000,
    "many sections": "\n".join(f"[a{n}]" for n in range(50_000)),
    "many parameters": "[parameters]\n" + "\n".join(f"a{n} = 1" for n in range(50_000)),
    "many checks": "[[check]]\n" * 20_000,
    "too long": "#" * (LARGEST + 1),
    "many meals": "\n".join(f"[formulations.a.meals.b{n}]" for n in range(MANY)),
    "many keys in a meal": "[formulations.a.meals.b]\n" + "\n".join(f"a{n} = 1" for n in range(10_000)),
    "many unknown names": "[parameters]\nA = 1\n[individual]\n"
    + "\n".join(f"b{n} = 'min({','.join(f'c{m}' for m in range(380))})'" for n in range(MOST_ENTRIES)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_soon(name):
    started = perf_counter()
    with pytest.raises(ModelError) as caught:
        read_model(HOSTILE[name], place="m.toml")
    assert perf_counter() - started < 20.0  # a second or two; what they try to cost is hours
    assert len(str(caught.value)) < 40_000


def test_a_file_cannot_run_code(tmp_path):
    """Truth: the file that the expression would create does not exist."""
    target = tmp_path / "written"
    text = changed(
        ('KE = "CL / V"', f"KE = '''__import__(\"pathlib\").Path(\"{target.as_posix()}\").touch()'''")
    )
    complaint(text)
    assert not target.exists()
    assert not Path("written").exists()
