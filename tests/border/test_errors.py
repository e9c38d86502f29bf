"""Exceptions: their texts, their ancestry, and that they travel between processes."""

from __future__ import annotations

import pickle

import pytest

from doseline.errors import (
    SHOWN_NAMES,
    STATUS,
    DoselineError,
    InputError,
    ModelError,
    Problem,
    RegimenError,
    ResultError,
    SolveError,
    Status,
    StudyError,
    UnitError,
    did_you_mean,
)

EVERY = [InputError, UnitError, RegimenError, ModelError, StudyError, SolveError, ResultError]


@pytest.mark.parametrize("kind", EVERY)
def test_message_has_place_problem_and_indented_advice(kind):
    error = kind("found -62 kg", place="cohort(WT=...)", advice="give weights above 0 kg\nor leave them out")
    expected = "cohort(WT=...): found -62 kg\n  give weights above 0 kg\n  or leave them out"
    assert str(error) == expected
    assert (error.problem, error.place) == ("found -62 kg", "cohort(WT=...)")


def test_message_without_place_or_advice_is_the_problem():
    assert str(InputError("nobody to simulate")) == "nobody to simulate"


@pytest.mark.parametrize("kind", EVERY)
def test_every_exception_is_doselines_own(kind):
    assert issubclass(kind, DoselineError)


@pytest.mark.parametrize("kind", [InputError, UnitError, RegimenError, ModelError, StudyError])
def test_bad_input_is_also_a_value_error(kind):
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", EVERY)
def test_pickling_keeps_the_message(kind):
    """Workers of a process pool send their exceptions back pickled."""
    error = kind("problem", place="place", advice="advice")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)


def test_pickling_keeps_every_mistake_of_a_file():
    error = ModelError.collect([Problem("a.toml [x]", "one", "fix one"), Problem("a.toml [y]", "two")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_mistakes_of_a_file_are_one_paragraph_each():
    error = StudyError.collect([Problem("a.toml [x]", "one", "fix one"), Problem("a.toml [y]", "two")])
    assert str(error) == "a.toml [x]: one\n  fix one\na.toml [y]: two"
    assert (error.place, error.problem, error.advice) == ("a.toml [x]", "one", "fix one")


def test_one_mistake_is_in_problems_too():
    assert ModelError("one", place="a.toml", advice="fix").problems == (("a.toml", "one", "fix"),)


def test_a_flood_of_mistakes_is_counted():
    error = ModelError.collect(Problem("a.toml", f"mistake {n}") for n in range(ModelError.shown + 12))
    assert str(error).splitlines()[-2:] == [
        f"a.toml: mistake {ModelError.shown - 1}",
        "... and 12 more mistakes",
    ]
    assert len(error.problems) == ModelError.shown + 12


@pytest.mark.parametrize(
    ("name", "known", "advice"),
    [
        ("Kel", ["CL", "KA", "KE", "V"], "did you mean 'KE'? known here: CL, KA, KE, V"),
        ("cl", ["V", "CL"], "did you mean 'CL'? known here: V, CL"),
        ("weight", ["CL", "V"], "known here: CL, V"),
        ("x", [], "known here: nothing"),
        (
            "a7",
            [f"q{n}" for n in range(SHOWN_NAMES + 3)],
            "known here: " + ", ".join(f"q{n}" for n in range(SHOWN_NAMES)) + " and 3 more",
        ),
    ],
)
def test_did_you_mean(name, known, advice):
    assert did_you_mean(name, known) == advice


def test_every_status_has_a_sentence_and_all_but_ok_have_advice():
    assert set(STATUS) == set(Status)
    assert all(entry.sentence for entry in STATUS.values())
    assert [status for status, entry in STATUS.items() if not entry.advice] == [Status.OK]
