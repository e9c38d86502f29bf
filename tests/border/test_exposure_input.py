"""What `exposure` takes: Datasets from `simulate`, cut down or not; and what it says to anything else.

Truth: for what is cut down, the same part of the whole table.
"""

import numpy as np
import pytest
import xarray as xr

import doseline as dl
from doseline.errors import InputError

WHOLE = "give the Dataset as dl.simulate made it; .sel and .isel may cut it down"


@pytest.fixture(scope="module")
def levels():
    return dl.simulate(
        "isotretinoin",
        {"twice": "40 mg twice daily for 3 days", "until": "20 mg daily until 1 mg/kg"},
        dl.cohort(WT=[45.0, 90.0]),
        meal=["fed", "fasted"],
        times="1 h",
    )


@pytest.mark.parametrize(
    "cut",
    [
        {"meal": "fed"},
        {"regimen": "until"},
        {"regimen": ["until"], "subject": [2]},
        {"regimen": "twice", "meal": "fasted", "subject": 1},
    ],
)
def test_a_part_has_its_part_of_the_table(cut, levels):
    part, whole = dl.exposure(levels.sel(cut)), dl.exposure(levels).sel(cut)
    for name in ("Cmax", "AUC", "course_AUC", "interval_start"):
        count = part.sizes["interval"] if "interval" in part[name].dims else None
        expected = whole[name].isel(interval=slice(count)) if count else whole[name]
        np.testing.assert_array_equal(part[name].transpose(*expected.dims), expected)


def test_a_regimen_without_its_label(levels):
    lone = levels.sel(regimen="twice", drop=True)
    assert (
        dl.exposure(lone)
        .drop_vars("interval")
        .drop_attrs()
        .identical(dl.exposure(levels.sel(regimen="twice")).drop_vars(["interval", "regimen"]).drop_attrs())
    )
    assert "regimen" not in dl.exposure_table(lone)


def test_too_few_times_give_nan_and_say_why(levels):
    table = dl.exposure(levels.isel(time=[0]))
    assert table["AUC"].isnull().all()
    assert "NaN where the times do not reach the end of the window" in table.attrs["method"]


def test_rows_that_could_not_be_solved_stay_nan(levels):
    marked = levels.copy(deep=True)
    marked["plasma"][:, :, 0] = np.nan
    table = dl.exposure(marked)
    assert table.isel(subject=0)[["Cmax", "AUC", "course_AUC"]].to_array().isnull().all()
    np.testing.assert_array_equal(table["AUC"].isel(subject=1), dl.exposure(levels)["AUC"].isel(subject=1))


REFUSED = [
    (lambda ds: {"levels": ds["plasma"]}, "levels: found DataArray\n  give the whole Dataset from dl.simulate; "
     "xr.open_dataset(path) reads one from a file"),
    (lambda ds: {"levels": None}, "levels: found NoneType\n  give the whole Dataset from dl.simulate; "
     "xr.open_dataset(path) reads one from a file"),
    (lambda ds: {"levels": "levels.nc"}, "levels: found str\n  give the whole Dataset from dl.simulate; "
     "xr.open_dataset(path) reads one from a file"),
    (lambda ds: {"levels": xr.Dataset({"a": ("time", [1.0])})},
     "output: there are no levels in this Dataset\n  give a Dataset from dl.simulate"),
    (lambda ds: {"levels": ds, "output": "plasm"},
     "output: unknown output 'plasm'\n  did you mean 'plasma'? outputs here: plasma, oxo"),
    (lambda ds: {"levels": ds, "output": "status"},
     "output: unknown output 'status'\n  outputs here: plasma, oxo"),
    (lambda ds: {"levels": ds[["plasma"]]}, f"levels: there is no 'dose_time'\n  {WHOLE}"),
    (lambda ds: {"levels": ds.drop_vars("course_end")}, f"levels: there is no 'course_end'\n  {WHOLE}"),
    (lambda ds: {"levels": ds.drop_vars("doses_taken")}, f"levels: there is no 'doses_taken'\n  {WHOLE}"),
    (lambda ds: {"levels": ds.isel(time=0)}, f"levels: the level has no times\n  {WHOLE}"),
    (lambda ds: {"levels": ds.drop_vars("time")}, f"levels: the level has no times\n  {WHOLE}"),
    (lambda ds: {"levels": ds.isel(time=[])}, "levels: there are no times\n  give at least one"),
    (lambda ds: {"levels": ds.isel(time=slice(None, None, -1))},
     "levels: the times do not ascend\n  sort them: levels.sortby('time')"),
    (lambda ds: {"levels": (2 * ds).assign({name: (2 * ds)[name].assign_attrs(ds[name].attrs) for name in ds})},
     "levels: doses_taken goes up to 12, and there are fewer dose times\n"
     "  change single levels, as in levels['plasma'] * 2: arithmetic on a Dataset changes all of it"),
]  # fmt: skip


@pytest.mark.parametrize("measure", [dl.exposure, dl.exposure_table])
@pytest.mark.parametrize(("given", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(measure, given, message, levels):
    arguments = given(levels)
    with pytest.raises(InputError) as caught:
        measure(arguments.pop("levels"), **arguments)
    assert str(caught.value) == message
