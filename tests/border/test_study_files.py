"""Study files: what is read, and every mistake of a file told at once, in which words.

Truth: messages name the file and its section, what was found, what was expected, and what to write instead.
"""

from pathlib import Path

import numpy as np
import pytest

from doseline.errors import InputError, StudyError
from doseline.model.read import library, studies
from doseline.study import read_study

EVERY = ", ".join(library())
LISTED = ", ".join(list(library())[:24]) + f" and {len(library()) - 24} more"

GOOD = """
[study]
title = "Three people"
model = "isotretinoin"

[cohort]
WT = { values = [45, 62, 90], unit = "kg" }

[regimens]
low = "20 mg once daily for 1 week"

[sweep]
times = "6 h"
meal = ["fed", "fasted"]
"""
STEP = "give a step such as '2 h', a step and an end such as '0.5 h for 72 h', or an array of hours"
FORMS = (
    'expected { from = ..., to = ..., count = ..., unit = "..." }, { values = [...], unit = "..." }, '
    'or a text such as "70 kg", "normal(70 kg, 14 kg)" or "F: 0.5, M: 0.5"'
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(text=GOOD, **changes):
    """The study whose text has some pieces replaced."""
    for old, new in changes.get("pieces", {}).items():
        assert old in text
        text = text.replace(old, new)
    Path("s.toml").write_text(text, encoding="utf-8")
    return read_study("s.toml")


# ------------------------------------------------------------------ what is read


def test_a_study_of_three():
    study = read()
    assert (study.name, study.head.title, study.model.name) == ("s", "Three people", "isotretinoin")
    assert study.people.values("WT", "kg").tolist() == [45, 62, 90]
    assert list(study.regimens) == ["low"]
    assert study.text == GOOD


@pytest.mark.parametrize(
    ("written", "kilograms"),
    [
        ('{ from = 40, to = 120, count = 81, unit = "kg" }', np.arange(40.0, 121.0)),
        ('{ from = 120, to = 40, count = 3, unit = "kg" }', [120, 80, 40]),
        ('{ from = 70, to = 70, count = 1, unit = "kg" }', [70]),
        ('{ values = [45000, 62500.5], unit = "g" }', [45, 62.5005]),
    ],
)
def test_weights(written, kilograms):
    study = read(pieces={'{ values = [45, 62, 90], unit = "kg" }': written})
    np.testing.assert_allclose(study.people.values("WT", "kg"), kilograms, rtol=1e-15)


def test_a_model_beside_the_study(tmp_path):
    home = tmp_path / "deep"
    home.mkdir()
    text = library()["one-compartment-oral"].read_text(encoding="utf-8")
    (home / "mine.toml").write_text(
        text.replace('name = "one-compartment-oral"', 'name = "mine"'), encoding="utf-8"
    )
    (home / "s.study.toml").write_text(GOOD.replace('"isotretinoin"', '"mine.toml"'), encoding="utf-8")
    study = read_study(home / "s.study.toml")
    assert (study.name, study.model.name) == ("s", "mine")


@pytest.mark.parametrize("name", studies())
def test_every_study_of_the_library_reads(name):
    assert read_study(name).regimens


def test_a_byte_order_mark_and_windows_lines_are_no_mistake():
    Path("s.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_study("s.toml").head.title == "Three people"


# ------------------------------------------------------------------ mistakes

FIVE = """
[study]
titel = "Five mistakes"
model = "isotretinon"

[cohort]
WT = { from = 40, to = 120, count = 3.5, unit = "kg" }
AGE = 30

[regimens]
low = "20 mg once dayly for 20 weeks"
high = 40

[sweep]
times = "1 L"
meal = "feed"

[plots]
"""


def test_every_mistake_is_told_at_once():
    with pytest.raises(StudyError) as caught:
        read(FIVE)
    assert (
        str(caught.value)
        == f"""\
s.toml: unknown section [plots]
  sections: study, cohort, regimens, sweep, adherence, population, solver
s.toml [study]: 'title' is missing
  add title = ...: a few words in quotes
s.toml [study]: unknown key 'titel'
  did you mean 'title'? known here: title, model, question
s.toml [sweep] times: '1 L' is volume
  expected time, in a unit such as h
s.toml [study]: unknown model 'isotretinon'
  did you mean 'isotretinoin'? models: {LISTED}
  a model of your own: give its path, such as './isotretinon.toml'
s.toml [cohort.WT]: count = 3.5
  expected how many people, a whole number from 1 to 50000000
s.toml [cohort.AGE]: found 30
  {FORMS}
s.toml [regimens] 'low': found 'dayly', expected how often, an end, or ', then'
    20 mg once dayly for 20 weeks
               ^^^^^
  write '40 mg twice daily fed for 20 weeks, then 20 mg once daily for 4 weeks'
s.toml [regimens]: 'high' is 40
  expected a regimen in quotes"""
    )
    assert len(caught.value.problems) == 9


def test_what_does_not_fit_the_model_is_told_at_once():
    text = GOOD.replace("WT =", "wt =").replace('["fed", "fasted"]', '["fed", "feed"]\nformulation = "lidos"')
    with pytest.raises(StudyError) as caught:
        read(text)
    assert (
        str(caught.value)
        == """\
s.toml [cohort]: isotretinoin has no covariate 'wt'
  did you mean 'WT'? covariates and body sizes: WT, BSA
s.toml [cohort]: the cohort has no WT, only wt
  isotretinoin needs it: add WT, body weight, in kg, to the cohort
s.toml [sweep] formulation: unknown formulation 'lidos'
  did you mean 'lidose'? isotretinoin has: generic, lidose
s.toml [sweep] meal: unknown meal 'feed'
  did you mean 'fed'? isotretinoin has: fed, fasted, light"""
    )


def test_an_empty_file():
    with pytest.raises(StudyError) as caught:
        read("# nothing yet\n")
    assert (
        str(caught.value)
        == """\
s.toml [study]: 'title' is missing
  add title = ...: a few words in quotes
s.toml [study]: 'model' is missing
  add model = ...: a name of the library, or the path of a model file, in quotes
s.toml [sweep]: 'times' is missing
  add times = ...: a step in quotes, such as "1 h"
s.toml [cohort]: there are no people
  add a covariate, such as WT = { values = [60, 80], unit = "kg" }
s.toml [regimens]: there is no regimen
  add one, such as "low" = "20 mg once daily for 20 weeks\""""
    )


VALUES = '{ values = [45, 62, 90], unit = "kg" }'
REFUSED = [
    # TOML
    ({"[regimens]": "[regimens"}, "s.toml: not readable as TOML: "
     "Expected ']' at the end of a table declaration (at line 9, column 10)\n"
     "  texts stand in quotes, each key = value on a line of its own"),
    ({'"6 h"': "6 h"}, "s.toml: not readable as TOML: "
     "Expected newline or end of document after a statement (at line 13, column 11)\n"
     "  texts stand in quotes, each key = value on a line of its own"),
    ({GOOD: "a = " + "[" * 3000}, "s.toml: brackets nested too deeply\n  a study file needs three levels"),
    # sections of a wrong type
    ({"[study]": "[[study]]"}, "s.toml [study]: found a list\n  expected a table"),
    ({GOOD[GOOD.index("[sweep]"):]: "", "[study]": "sweep = 3\n[study]"},
     "s.toml [sweep]: found 3\n  expected a table"),
    ({"[study]": "cohort = 3\n[study]", f"[cohort]\nWT = {VALUES}": ""}, "s.toml [cohort]: there are no people\n"
     '  add a covariate, such as WT = { values = [60, 80], unit = "kg" }'),
    # [study]
    ({'"Three people"': '""'}, "s.toml [study]: title = ''\n  expected a few words in quotes"),
    ({'"isotretinoin"': "3"}, "s.toml [study]: model = 3\n"
     "  expected a name of the library, or the path of a model file, in quotes"),
    ({'"isotretinoin"': '"mine.toml"'}, "s.toml [study]: model = 'mine.toml': no such file\n"
     f"  look at the path, or give the name of a model: {EVERY}\n"
     "  a path starts at the folder of the study, or at the current one"),
    # [cohort]
    ({VALUES: "70"}, f"s.toml [cohort.WT]: found 70\n  {FORMS}"),
    ({VALUES: '"70 L"'}, "s.toml [cohort.WT]: '70 L' is volume\n  expected mass, in a unit such as kg"),
    ({VALUES: "[45, 62]"}, f"s.toml [cohort.WT]: found a list\n  {FORMS}"),
    ({', unit = "kg"': ""},
     "s.toml [cohort.WT]: 'unit' is missing\n  add unit = ...: a unit in quotes, such as \"kg\""),
    ({'"kg"': '"L"'}, "s.toml [cohort.WT]: 'L' is volume\n  expected mass, in a unit such as kg"),
    ({"[45, 62, 90]": "[]"}, "s.toml [cohort.WT]: WT has no values\n  a cohort needs at least one subject"),
    ({"[45, 62, 90]": "45"}, "s.toml [cohort.WT]: values = 45\n  expected numbers in brackets"),
    ({"45": '"45"'}, "s.toml [cohort.WT.values]: entry 1 = '45'\n  expected a number, without quotes"),
    ({"45": "0"}, "s.toml [cohort.WT]: found 0 kg (subject 1 of 3)\n  expected a value above 0"),
    ({"62": "nan"}, "s.toml [cohort.WT.values]: entry 2 = nan\n  expected a finite number"),
    ({"values = [45, 62, 90]": "from = -40, to = 120, count = 3"},
     "s.toml [cohort.WT]: found -40 kg (subject 1 of 3)\n  expected a value above 0"),
    ({"values = [45, 62, 90]": "from = 40, to = 120, count = 0"}, "s.toml [cohort.WT]: count = 0\n"
     "  expected how many people, a whole number from 1 to 50000000"),
    ({"values = [45, 62, 90]": "to = 120, count = 3"},
     "s.toml [cohort.WT]: 'from' is missing\n  add from = ...: the first value, a number"),
    ({"[regimens]": 'BSA = { values = [1.5, 1.8], unit = "m2" }\n[regimens]'},
     "s.toml [cohort]: lengths differ: WT 3, BSA 2\n"
     "  give one value a subject for each covariate, or a single one for all subjects"),
    ({"[regimens]": 'AGE = { values = [20, 30, 40], unit = "year" }\n[regimens]'},
     "s.toml [cohort]: isotretinoin has no covariate 'AGE'\n  covariates and body sizes: WT, BSA"),
    # [regimens]
    ({"low =": '" " ='}, "s.toml [regimens]: a regimen has no name: '20 mg once daily for 1 week'\n"
     '  write a name before the "="'),
    ({"20 mg": "20 mg/m2"},
     "s.toml [regimens] 'low': '20 mg/m2' needs BSA, and the cohort has none\n"
     "  add BSA (in m2) to the cohort"),
    ({"once daily": "once daily with brunch"}, "s.toml [regimens] 'low': unknown meal 'brunch'\n"
     "  formulation 'generic' of isotretinoin has: fed, fasted, light"),
    ({"once daily": "once daily by iv"},
     "s.toml [regimens] 'low': unknown route 'iv'\n  isotretinoin has: oral"),
    # [sweep]
    ({'"6 h"': "6"}, 's.toml [sweep]: times = 6\n  expected a step in quotes, such as "1 h"'),
    ({'"6 h"': '"0 h"'}, f"s.toml [sweep] times: the step is 0 h\n  expected a step above 0: {STEP}"),
    ({'["fed", "fasted"]': "3"},
     's.toml [sweep]: meal = 3\n  expected a meal in quotes, or a list of them: ["fed", "fasted"]'),
    ({'["fed", "fasted"]': "[1]"},
     's.toml [sweep]: meal = a list\n  expected a meal in quotes, or a list of them: ["fed", "fasted"]'),
    ({'["fed", "fasted"]': "[]"},
     "s.toml [sweep] meal: found []\n  give a name, such as meal='fed', or a list of names"),
    ({'"fasted"': '"fed"'}, "s.toml [sweep] meal: found ['fed', 'fed']\n  give every name once"),
    ({"meal =": "meals ="}, "s.toml [sweep]: unknown key 'meals'\n"
     "  did you mean 'meal'? known here: times, meal, formulation"),
]  # fmt: skip


@pytest.mark.parametrize(("pieces", "message"), REFUSED, ids=[row[1].splitlines()[0][:60] for row in REFUSED])
def test_one_mistake(pieces, message):
    with pytest.raises(StudyError) as caught:
        read(pieces=pieces)
    assert str(caught.value) == message


def test_mistakes_of_the_model_beside_it_have_its_name():
    Path("mine.toml").write_text("x = 3\n", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        read(pieces={'"isotretinoin"': '"mine.toml"'})
    assert {problem.place for problem in caught.value.problems} == {"mine.toml"}


# ------------------------------------------------------------------ no study at all


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("isotretinon", "unknown study 'isotretinon'\n"
         "  did you mean 'isotretinoin'? studies: isotretinoin, isotretinoin-population\n"
         "  a study of your own: give its file, such as my_study.toml"),
        ("", "unknown study ''\n  studies: isotretinoin, isotretinoin-population\n"
         "  a study of your own: give its file, such as my_study.toml"),
        ("one-compartment-oral", "'one-compartment-oral' is a model, not a study\n"
         "  `doseline show one-compartment-oral` prints it; "
         'a study names it: [study] model = "one-compartment-oral"'),
        ("nosuch.toml", "nosuch.toml: no such file\n"
         "  give the path of a study file, or the name of a study: isotretinoin, isotretinoin-population"),
        ("isotretinoin.study.toml", "isotretinoin.study.toml: no such file\n"
         "  `doseline run isotretinoin` runs the one that comes with doseline"),
        ("./", ".: this is a folder\n"
         "  give the path of a study file, or the name of a study: isotretinoin, isotretinoin-population"),
        ("x" * 300 + ".toml", "x" * 300 + ".toml: no such file\n"
         "  give the path of a study file, or the name of a study: isotretinoin, isotretinoin-population"),
    ],
)  # fmt: skip
def test_no_such_study(name, message):
    with pytest.raises(InputError) as caught:
        read_study(name)
    assert str(caught.value) == message


def test_a_model_is_no_study():
    Path("m.toml").write_bytes(library()["isotretinoin"].read_bytes())
    with pytest.raises(StudyError) as caught:
        read_study("m.toml")
    assert str(caught.value) == (
        "m.toml: this is a model, not a study\n"
        '  `doseline show m.toml` prints it; a study names it: [study] model = "m.toml"'
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "s.toml: byte 0 is not UTF-8 text\n  save the file as UTF-8"),
        (b"#" * 1_000_001, "s.toml: 1000001 bytes\n  a study file has at most 1000000"),
    ],
)
def test_no_text_at_all(content, message):
    Path("s.toml").write_bytes(content)
    with pytest.raises(StudyError) as caught:
        read_study("s.toml")
    assert str(caught.value) == message
