"""What every verb takes: one list of arguments, and the same defaults.

Truth: signatures, as Python sees them.
"""

from inspect import Parameter, signature

import pytest

import doseline as dl
from doseline.asking import DEFAULTS, OF_VERBS, Asking

FIRST = {"model", "levels_or_model", "regimens", "people"}


def own(verb):
    """Arguments by name; what stands for those of `Asking` is not among them."""
    every = signature(verb).parameters.values()
    return {each.name: each.default for each in every if each.kind is not Parameter.VAR_KEYWORD}


def test_simulate_spells_out_what_all_verbs_take():
    assert set(Asking.__annotations__) == set(DEFAULTS)
    given = own(dl.simulate)
    assert {name: given[name] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("verb", ["simulate", "exposure", "bands", "plan"])
def test_every_verb_has_the_arguments_that_messages_say_it_has(verb):
    beside = set(own(getattr(dl, verb))) - set(DEFAULTS) - FIRST
    assert beside == {name for name, verbs in OF_VERBS.items() if verb in verbs}


@pytest.mark.parametrize("verb", ["exposure", "bands", "plan"])
def test_no_verb_has_another_default(verb):
    assert not set(own(getattr(dl, verb))) & set(DEFAULTS)
    assert any(
        each.kind is Parameter.VAR_KEYWORD for each in signature(getattr(dl, verb)).parameters.values()
    )


TABLE = {"ID": [1, 1], "TIME": [0, 4], "AMT": [40, 0], "EVID": [1, 0], "WT": [70, 70]}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"progress": True},
            "progress: levels in memory are solved in one piece\n"
            "  add store='course.zarr', which is written in parts, or leave it out",
        ),
        (
            {"dtype": "float32"},
            "dtype: found 'float32', and levels in memory are float64\n  add store='course.zarr', or leave it out",
        ),
        ({"dtype": "f4"}, "dtype: found 'f4'\n  expected 'float64' or 'float32'"),
        ({"dtype": 8, "store": "a.zarr"}, "dtype: found 8\n  expected 'float64' or 'float32'"),
    ],
)
def test_what_is_for_levels_in_parts(given, told):
    with pytest.raises(dl.DoselineError) as caught:
        dl.simulate("isotretinoin", "40 mg once", times="6 h for 24 h", **given)
    assert str(caught.value) == told


@pytest.mark.parametrize("given", [{"dtype": "float32"}, {"progress": True}])
def test_event_tables_have_no_parts(given):
    (name,) = given
    with pytest.raises(
        dl.DoselineError, match=f"{name}: an event table is simulated as a whole\n  leave {name} out"
    ):
        dl.simulate("isotretinoin", dl.read_records(TABLE), **given)


def test_event_tables_are_checked_alike():
    with pytest.raises(
        dl.DoselineError, match=r"sede: dl\.plan has no such argument\n  did you mean 'seed'\?"
    ):
        dl.plan("isotretinoin", dl.read_records(TABLE), sede=1)


def test_a_store_that_goes_on_says_so_unless_it_is_to_be_quiet(tmp_path, capsys):
    asked = {"times": "6 h for 24 h", "store": tmp_path / "a.zarr"}
    said = []
    for progress in (None, None, False):
        dl.simulate("isotretinoin", "40 mg once", progress=progress, **asked)
        said.append(capsys.readouterr().err)
    assert said == ["", f"{asked['store']}: 1 of 1 parts are there\n", ""]
