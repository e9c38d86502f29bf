"""The Dataset of a simulation: its dimensions, units and attrs, its way through a file, and its replay.

Truth: the table of dims that the schema promises; for replay and files, the Dataset itself, equal to the bit.
"""

import json
from itertools import product

import numpy as np
import pytest
import xarray as xr

import doseline as dl
from doseline import plot
from doseline.dataset import COORDINATES, DIMENSIONS, HABITUAL, SCHEMA, STEPPED, VARIABLES
from doseline.errors import InputError

ISO = "isotretinoin"
ONE = "40 mg twice daily for 2 days"
UNTIL = "20 mg daily until 2 mg/kg"


def levels(regimens=ONE, **changes):
    given = {"people": dl.cohort(WT=[45.0, 62.0, 90.0]), "times": "12 h"} | changes
    return dl.simulate(given.pop("model", ISO), regimens, given.pop("people"), **given)


@pytest.fixture(scope="module")
def swept():
    """Several of everything, with subjects who stop on days of their own, and names."""
    return levels(
        {
            "until": UNTIL,
            "mixed": "40 mg at 08:00 fed and 20 mg at 20:00 fasted as lidose for 1 day",
            "plain": ONE,
        },
        model=dl.load_model(ISO).with_(CL="140 mL/min", KA=0.31),
        people=dl.cohort(WT=[45.0, 62.0, 90.0], AGE="31 year", subject=["ann", "ben", "zoë"]),
        meal=["fasted", "fed"],
        formulation=["generic", "lidose"],
    )


# ------------------------------------------------------------------ dimensions

ASKED = {
    "regimen": (ONE, [ONE], {"a": ONE, "b": "80 mg once"}),
    "formulation": (None, "lidose", ["lidose"], ["generic", "lidose"]),
    "meal": (None, "fasted", ["fasted"], ["fed", "fasted"]),
}


@pytest.mark.parametrize(("regimens", "formulation", "meal"), list(product(*ASKED.values())))
def test_a_list_becomes_a_dimension_and_a_name_a_scalar(regimens, formulation, meal):
    result = levels(regimens, formulation=formulation, meal=meal, times=[0.0, 24.0])
    shown = {"regimen": not isinstance(regimens, str)}
    shown |= {name: isinstance(given, list) for name, given in (("formulation", formulation), ("meal", meal))}
    dims = tuple(name for name in DIMENSIONS[1:] if shown.get(name, True))
    assert result["plasma"].dims == dims
    assert result["status"].dims == dims[:-1]
    for name in ("total_dose", "doses_taken"):
        assert result[name].dims == (("regimen", "subject") if shown["regimen"] else ("subject",))
    assert result["dose_time"].dims == (("regimen", "dose") if shown["regimen"] else ("dose",))
    for name, given, default in (("formulation", formulation, "generic"), ("meal", meal, "fed")):
        assert result[name].to_numpy().tolist() == (default if given is None else given)
    expected = list(regimens) if shown["regimen"] else regimens
    assert result["regimen"].to_numpy().tolist() == expected


def test_each_combination_is_the_simulation_of_it_alone(swept):
    """Truth: one regimen, one formulation, one meal at a time, equal to the bit."""
    model = dl.load_model(ISO).with_(CL="140 mL/min", KA=0.31)
    for meal, formulation in product(["fed", "fasted"], ["generic", "lidose"]):
        alone = levels(ONE, model=model, meal=meal, formulation=formulation, times=swept["time"].to_numpy())
        part = swept.sel(regimen="plain", meal=meal, formulation=formulation)
        np.testing.assert_array_equal(part["plasma"], alone["plasma"])
        np.testing.assert_array_equal(part["oxo"], alone["oxo"])


def test_a_dose_that_names_its_meal_does_not_follow_the_sweep(swept):
    mixed = swept.sel(regimen="mixed", formulation="generic")["plasma"]
    np.testing.assert_array_equal(mixed.sel(meal="fed"), mixed.sel(meal="fasted"))


# ------------------------------------------------------------------ units and attrs


def test_every_variable_and_coordinate_has_a_unit(swept):
    units = {str(name): variable.attrs["units"] for name, variable in swept.variables.items()}
    assert units == {
        "plasma": "ng/mL",
        "oxo": "ng/mL",
        **{name: row.units for name, row in VARIABLES.items() if name not in (*STEPPED, *HABITUAL)},
        **{name: row.units for name, row in COORDINATES.items() if name != "replicate"},
        "WT": "kg",
        "AGE": "year",
    }
    assert all(variable.attrs["long_name"] for variable in swept.variables.values())


def test_attrs_tell_how_it_was_made(swept):
    attrs = swept.attrs
    assert (attrs["model"], attrs["model_version"]) == (ISO, dl.load_model(ISO).version)
    assert attrs["doseline_version"] == dl.__version__
    assert "linear" in attrs["engine"]
    told = json.loads(attrs["provenance"])
    assert told["schema"] == SCHEMA
    assert told["changes"] == {"CL": 8.4, "KA": 0.31}
    assert list(told["regimens"]) == ["until", "mixed", "plain"]


def test_doses_and_totals(swept):
    """Truth: 2 mg/kg in doses of 20 mg: the first whole number of doses at or above 2 * WT / 20."""
    np.testing.assert_array_equal(swept["doses_taken"].sel(regimen="until"), [5, 7, 9])
    np.testing.assert_array_equal(swept["total_dose"].sel(regimen="until"), [100, 140, 180])
    np.testing.assert_array_equal(swept["total_dose"].sel(regimen="mixed"), [60, 60, 60])
    assert swept["dose_time"].sel(regimen="mixed").dropna("dose").to_numpy().tolist() == [8, 20]
    assert (swept["status"] == 0).all()


# ------------------------------------------------------------------ files and replay

MADE = {
    "one": lambda: levels(),
    "a name": lambda: levels(meal="fasted", formulation="lidose"),
    "lists": lambda: levels([ONE, "80 mg once"], meal=["fed"], formulation=["lidose"]),
    "until": lambda: levels({"until": UNTIL, "per kg": "1 mg/kg/day in 2 doses until 3 mg/kg"}),
    "nobody in particular": lambda: levels(people=None),
    "infusion": lambda: levels("40 mg over 90 min every 12 h x 3", model="one-compartment-oral"),
    "parts": lambda: levels(
        dl.regimen("40 mg once fed").then("nothing for 1 day, then 20 mg daily x 2").delayed(0.1)
    ),
    "grams": lambda: levels(
        people=dl.cohort(WT=["45000 g", "137 lb"]), times=[0.1, 0.30000000000000004, 1e3]
    ),
    "other covariates": lambda: levels(people=dl.cohort(WT=[50.0], CRP="0.3 mg/dL", ARM=2)),
}


@pytest.mark.parametrize("name", MADE)
def test_replay_gives_the_same_bits(name):
    made = MADE[name]()
    assert dl.replay(made).identical(made)


def test_replay_of_changed_models_and_sweeps(swept):
    assert dl.replay(swept).identical(swept)


def test_a_file_gives_back_the_dataset_and_its_replay(swept, tmp_path):
    swept.to_netcdf(tmp_path / "levels.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "levels.nc", engine="h5netcdf") as file:
        read = file.load()
    assert read.identical(swept)
    assert dl.replay(read).identical(swept)


@pytest.mark.parametrize(
    "cut",
    [
        {"regimen": [1]},
        {"regimen": 2, "meal": 0},
        {"meal": [1, 0], "formulation": 1},
        {"subject": [2, 0]},
        {"subject": 1},
        {"time": slice(None, None, -1)},
    ],
)
def test_what_was_cut_down_replays_as_it_is(cut, swept):
    """But not `until`: where it ends depends on who is there."""
    part = swept.isel(cut).drop_vars("course_end")
    assert dl.replay(part).drop_vars("course_end").identical(part)


@pytest.mark.parametrize("cut", [{"time": [0, 3, 4]}, {"time": 5, "subject": 0}])
def test_fewer_times_replay_up_to_rounding(cut, swept):
    """The steps of the engine follow the grid: the last bits may differ."""
    part = swept.isel(cut)
    xr.testing.assert_allclose(
        dl.replay(part).drop_vars("course_end"), part.drop_vars("course_end"), rtol=1e-13
    )


def test_another_version_is_told():
    made = levels()
    made.attrs["doseline_version"] = "0.0.1"
    with pytest.warns(
        UserWarning, match=f"made by doseline 0.0.1, run again by {dl.__version__}: numbers may differ"
    ):
        dl.replay(made)


SPOILT = [
    (lambda ds: None, "levels: found NoneType\n  give the whole Dataset from dl.simulate; "
     "xr.open_dataset(path) reads one from a file"),
    (lambda ds: ds["plasma"], "levels: found DataArray\n  give the whole Dataset from dl.simulate; "
     "xr.open_dataset(path) reads one from a file"),
    (lambda ds: ds.drop_attrs(), "attrs['provenance']: this Dataset does not say how it was made\n"
     "  give one from dl.simulate, with the attrs that it came with"),
    (lambda ds: ds.assign_attrs(provenance="{"),
     "attrs['provenance']: found '{'\n  give a Dataset as dl.simulate made it"),
    (lambda ds: ds.assign_attrs(provenance="[]"),
     "attrs['provenance']: found '[]'\n  give a Dataset as dl.simulate made it"),
    (lambda ds: ds.assign_attrs(provenance='{"schema": "99"}', doseline_version="9.0"),
     "attrs['provenance']: this Dataset has schema '99'\n  expected '1': read it with doseline 9.0"),
    (lambda ds: ds.assign_attrs(provenance='{"schema": "1"}'),
     "attrs['provenance']: 'model_name' is missing\n  give a Dataset as dl.simulate made it"),
    (lambda ds: ds.drop_vars("WT"),
     "levels: the coordinate 'WT' is missing\n  give a Dataset as dl.simulate made it"),
    (lambda ds: ds.drop_vars("time"),
     "levels: the coordinate 'time' is missing\n  give a Dataset as dl.simulate made it"),
    (lambda ds: ds.isel(subject=[]), "levels: there are no subjects\n  give a Dataset with at least one"),
    (lambda ds: ds.isel(time=[]), "levels: there are no times\n  give a Dataset with at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), SPOILT, ids=range(len(SPOILT)))
def test_replay_of_something_else(spoil, message, swept):
    with pytest.raises(InputError) as caught:
        dl.replay(spoil(swept))
    assert str(caught.value) == message


# ------------------------------------------------------------------ nonlinear models


MM = "michaelis-menten"
TABLE = {
    "ID": [1, 1, 1, 2, 2], "TIME": [0, 6, 30, 0, 6], "AMT": [500, 0, 0, 250, 0], "EVID": [1, 0, 0, 1, 0],
    "CMT": [1, 0, 0, 2, 0], "ADDL": [1, 0, 0, 0, 0], "II": [12, 0, 0, 0, 0],
}  # fmt: skip


def stiff():
    """An effect site a million times faster than what drives it."""
    return dl.load_model(MM).edit(
        name="fast-site",
        parameters={"KE0": "1e6 1/h"},
        compartments={"site": "mg/L"},
        rates={"site": "KE0 * (central / V - site)"},
        outputs={"effect": ("site", "mg/L")},
    )


NONLINEAR = {
    "plain": lambda: levels("500 mg daily x 3", model=MM),
    "several": lambda: levels(
        {"a": "500 mg daily x 3", "b": "250 mg over 2 h once by iv"}, model=dl.load_model(MM).with_(VMAX="12 mg/h")
    ),
    "tolerances": lambda: levels(
        "500 mg daily x 3", model=MM, method="tsit5", rtol=1e-5, atol={"central": "1 ug"}, max_steps=900
    ),
    "implicit": lambda: levels("500 mg daily x 3", model=MM, method="rodas5p", rtol=1e-6),
    "a linear model in steps": lambda: levels(method="dop853"),
    "stiff": lambda: levels("500 mg daily x 3", model=stiff()),
    "marked": lambda: levels("500 mg daily x 3", model=MM, max_steps=5, on_failure="mark"),
    "table": lambda: dl.simulate(MM, dl.read_records(TABLE), atol={"depot": 1e-8}, rtol=1e-6),
    "table on a grid": lambda: dl.simulate(stiff(), dl.read_records(TABLE), times="2 h", method="rodas5p"),
}  # fmt: skip


@pytest.fixture(scope="module", params=NONLINEAR)
def solved(request):
    return NONLINEAR[request.param]()


def test_how_equations_were_solved_stands_beside_the_status(solved):
    for name in STEPPED:
        assert solved[name].dims == solved["status"].dims
        assert solved[name].attrs["units"] == VARIABLES[name].units
        assert solved[name].attrs["long_name"] == VARIABLES[name].label
    assert solved["method"].attrs["flag_values"] == [0, 1, 2, 3]
    assert solved["method"].attrs["flag_meanings"] == "dop853 tsit5 rodas5p exact"
    assert (solved["steps"] > 0).all()


def test_nonlinear_results_replay_also_from_a_file(solved, tmp_path):
    assert dl.replay(solved).identical(solved)
    solved.to_netcdf(tmp_path / "levels.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "levels.nc", engine="h5netcdf") as file:
        read = file.load()
    assert read.identical(solved)
    assert dl.replay(read).identical(solved)


def test_which_method_solved_whom():
    """Truth: what the call asks for; a site a million times faster than the rest is stiff, the rest alone is not."""
    assert (levels("500 mg daily x 3", model=MM)["method"] == 0).all()
    assert (levels("500 mg daily x 3", model=MM, rtol=1e-4)["method"] == 1).all()
    fast = levels("500 mg daily x 3", model=stiff())
    assert (fast["method"] == 2).all()
    assert (fast["stiff_since"] < 1.0).all()
    assert np.isnan(levels("500 mg daily x 3", model=MM)["stiff_since"]).all()
    np.testing.assert_allclose(fast["effect"][:, 1:], fast["plasma"][:, 1:], rtol=1e-5)


def test_exposure_and_doses_of_a_nonlinear_model():
    """Truth: the balance equations of each person, integrated by scipy, with the area as a third state."""
    from scipy.integrate import solve_ivp

    made = levels("500 mg every 24 h x 3", model=MM, times="0.05 h")
    table = dl.exposure(made)
    state, areas = np.zeros(3), []
    for _ in range(3):
        state = np.add(state, [500, 0, 0])
        before = state[2]
        state = solve_ivp(
            lambda t, y: [-y[0], y[0] - 10 * y[1] / (2 * 50 + y[1]), y[1] / 50], (0, 24), state,
            method="DOP853", rtol=1e-11, atol=1e-12,
        ).y[:, -1]  # fmt: skip
        areas.append(state[2] - before)
    # the trapezoids of a grid of 0.05 h miss a curved line by less than a part in ten thousand
    np.testing.assert_allclose(table["AUC"][0], areas, rtol=1e-4)
    np.testing.assert_allclose(made["plasma"].sel(time=72.0), state[1] / 50, rtol=1e-7)
    assert dl.dose_log(made)["time (h)"].tolist() == [0, 24, 48] * 3


def test_pictures_of_nonlinear_models(tmp_path):
    made = levels("500 mg every 24 h x 3", model=stiff(), times="1 h")
    for picture in (plot.course_picture(made), plot.exposure_picture(dl.exposure(made))):
        picture.savefig(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").stat().st_size > 0
