"""What `simulate` takes and refuses as method and tolerances, in Python and in study files.

Truth: for what is read, what the Dataset says of the method and the same simulation written another way; for messages,
the rule that they name place, value found, what was expected and what to do next.
"""

from pathlib import Path

import numpy as np
import pytest

import doseline as dl
from doseline.errors import InputError, StudyError, UnitError
from doseline.study import read_study, run_study
from doseline.units import registry

MODEL = "michaelis-menten"
NAN, HUGE = float("nan"), 10**400
METHODS = "methods: dop853, tsit5, rodas5p, exact"
RTOL = "expected a number from 1e-13 to 0.1, such as 1e-8"
ATOL = "expected a number above 0, such as 1e-10, or one for each of some compartments"
STEPS = "expected a whole number from 1 on"


def levels(model=MODEL, **how):
    return dl.simulate(model, "500 mg once", times="4 h for 24 h", **how)


REFUSED = [
    *((dict(method=given), InputError, f"method: unknown method {given!r}\n  {METHODS}")
      for given in ("radau", "", 3, True, {"a": 1})),
    (dict(method="DOP853"), InputError, f"method: unknown method 'DOP853'\n  did you mean 'dop853'? {METHODS}"),
    (dict(method=["tsit5"]), InputError, f"method: unknown method ['tsit5']\n  did you mean 'tsit5'? {METHODS}"),
    (dict(method="exact"), InputError,
     "method: michaelis-menten is not linear\n  the exact engine solves linear models only: leave method out"),
    *((dict(rtol=given), InputError, f"rtol: found {given!r:.60}\n  {RTOL}")
      for given in (0, -1e-8, NAN, float("inf"), 0.2, 1e-14, "1e-8", None, True, [1e-8], {"central": 1e-8}, HUGE)),
    *((dict(atol=given), InputError, f"atol: found {given!r:.60}\n  {ATOL}")
      for given in (0, -1e-8, NAN, float("inf"), "1e-9", "1 ng", None, True, [1e-8], np.array([1e-8]), HUGE)),
    *((dict(atol={"central": given}), InputError, f"atol central: found {given!r:.60}\n  {ATOL}")
      for given in (0, -1, NAN, [1, 2], HUGE)),
    (dict(atol={"centrl": 1e-8}), InputError,
     "atol: unknown compartment 'centrl'\n  did you mean 'central'? known here: depot, central"),
    (dict(atol={3: 1e-8}), InputError, "atol: unknown compartment '3'\n  known here: depot, central"),
    (dict(atol={"central": "1e-9"}), UnitError,
     "atol central: found '1e-9' without a unit\n  expected mass: add the unit, such as '... mg'"),
    (dict(atol={"central": "1 ng/mL"}), UnitError,
     "atol central: '1 ng/mL' is mass / volume\n  expected mass, in a unit such as mg"),
    (dict(atol={"central": None}), InputError,
     "atol central: found None (NoneType)\n  expected numbers in mg, or a text such as '1 mg'"),
    (dict(atol={"central": True}), InputError,
     "atol central: found True (bool)\n  expected numbers in mg, or a text such as '1 mg'"),
    *((dict(max_steps=given), InputError, f"max_steps: found {given!r}\n  {STEPS}")
      for given in (0, -1, 1.5, 100.0, True, "100", None, NAN, [5])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "kind", "message"), REFUSED, ids=[f"{at}-{next(iter(row[0]))}" for at, row in enumerate(REFUSED)]
)
def test_what_is_refused(how, kind, message):
    with pytest.raises(kind) as caught:
        levels(**how)
    assert str(caught.value) == message


def test_what_is_refused_is_refused_of_linear_models_too():
    for how in (dict(method="radau"), dict(rtol=0), dict(atol=0), dict(max_steps=0)):
        with pytest.raises(InputError):
            levels("one-compartment-oral", **how)


TAKEN = [
    (dict(atol={"central": "1 ng"}), dict(atol={"central": 1e-6})),
    (dict(atol={"central": registry().Quantity(1, "ug")}), dict(atol={"central": np.float32(0.001)})),
    (dict(atol={}), {}),
    (dict(atol=1e-10, rtol=np.float64(1e-8), method=None, max_steps=np.int64(100_000)), {}),
]


@pytest.mark.parametrize(("how", "other"), TAKEN)
def test_what_is_taken(how, other):
    one, two = levels(**how), levels(**other)
    np.testing.assert_allclose(one["plasma"], two["plasma"], rtol=1e-12)
    np.testing.assert_array_equal(one["steps"], two["steps"])


def test_more_steps_than_a_number_of_the_machine_holds():
    assert levels(max_steps=10**30)["plasma"].identical(levels()["plasma"])


def test_the_dataset_says_how_it_was_solved():
    said = levels(method="tsit5", rtol=1e-6, atol={"central": 1e-7}).attrs["engine"]
    assert (
        said == "Tsit5: explicit, order 5, for loose tolerances; rtol 1e-06, atol central 1e-07, others 1e-10"
    )
    assert levels(rtol=1e-5).attrs["engine"].startswith("Tsit5")
    assert levels().attrs["engine"].startswith("DOP853: explicit, order 8; where stiff, Rodas5P")


# ------------------------------------------------------------------ study files

STUDY = """
[study]
title = "One person"
model = "michaelis-menten-linear"
[cohort]
WT = { values = [70], unit = "kg" }
[regimens]
once = "500 mg every 24 h x 2"
[sweep]
times = "1 h"
"""


def written(folder, solver):
    path = Path(folder) / "s.study.toml"
    path.write_text(STUDY + solver, encoding="utf-8")
    return path


def test_a_study_says_how_it_is_solved(tmp_path):
    """Truth: the same call in Python."""
    section = '[solver]\nmethod = "tsit5"\nrtol = 1e-6\natol = { central = 1e-7, depot = "1 ng" }\nmax_steps = 5000\n'
    results = run_study(read_study(written(tmp_path, section)), tmp_path / "results")
    same = dl.simulate(
        "michaelis-menten-linear", {"once": "500 mg every 24 h x 2"}, dl.cohort(WT=[70]), times="1 h",
        method="tsit5", rtol=1e-6, atol={"central": 1e-7, "depot": 1e-6}, max_steps=5000,
    )  # fmt: skip
    for name in same.data_vars:
        np.testing.assert_array_equal(results.levels[name], same[name])
    assert results.levels.attrs["engine"] == same.attrs["engine"]


@pytest.mark.parametrize("section", ["", "[solver]\n", "[solver]\nrtol = 1e-8\n"])
def test_a_study_may_leave_it_out(tmp_path, section):
    assert dict(read_study(written(tmp_path, section)).solving) == {
        "method": None, "rtol": 1e-8, "atol": 1e-10, "max_steps": 100_000,
    }  # fmt: skip


WRONG = {
    'method = "radau"\n': f" method: unknown method 'radau'\n  {METHODS}",
    'method = "exact"\n': " method: michaelis-menten-linear is not linear\n"
    "  the exact engine solves linear models only: leave method out",
    'rtol = "1e-8"\n': f" rtol: found '1e-8'\n  {RTOL}",
    "atol = -1\n": f" atol: found -1\n  {ATOL}",
    "atol = { central = 0 }\n": f" atol: found 0\n  {ATOL}",
    "atol = { blood = 1 }\n": " atol: unknown compartment 'blood'\n  known here: depot, central",
    "max_steps = 1.5\n": f" max_steps: found 1.5\n  {STEPS}",
    "rtoll = 1e-8\n": ": unknown key 'rtoll'\n  did you mean 'rtol'? known here: method, rtol, atol, max_steps",
}


@pytest.mark.parametrize("line", WRONG)
def test_mistakes_of_a_study(tmp_path, line):
    path = written(tmp_path, f"[solver]\n{line}")
    with pytest.raises(StudyError) as caught:
        read_study(path)
    assert str(caught.value) == f"{path} [solver]{WRONG[line]}"


def test_every_mistake_is_told_at_once(tmp_path):
    path = written(tmp_path, '[solver]\nmethod = "x"\nrtol = 0\nmax_steps = 0\n')
    with pytest.raises(StudyError) as caught:
        read_study(path)
    assert [each.place.removeprefix(f"{path} ") for each in caught.value.problems] == [
        "[solver] method", "[solver] rtol", "[solver] max_steps",
    ]  # fmt: skip


def test_a_section_that_is_no_table(tmp_path):
    path = tmp_path / "s.study.toml"
    path.write_text("solver = 3\n" + STUDY, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        read_study(path)
    assert str(caught.value) == f"{path} [solver]: found 3\n  expected a table"
