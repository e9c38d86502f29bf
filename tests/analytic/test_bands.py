"""Bands against numpy's quantiles, and against distributions whose quantiles are known."""

import warnings

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import doseline as dl
from doseline.analysis import bands as module
from doseline.errors import InputError

ROUNDING = {"rtol": 4 * np.finfo(float).eps, "atol": 0.0}
"""Both sides interpolate between the same two numbers; the order of a few operations is all that may differ."""
Q = [0, 2.5, 5, 50, 90, 100]


@pytest.fixture(scope="module")
def levels():
    """Two regimens, two meals, 31 subjects, two outputs."""
    return dl.simulate(
        "isotretinoin",
        {"twice": "20 mg twice daily for 3 days", "once": "1 mg/kg daily for 3 days"},
        dl.cohort(WT=np.random.default_rng(1).uniform(40, 120, 31)),
        meal=["fed", "fasted"],
        times="3 h",
    )


def of(values, dims=("subject", "time"), **beside):
    """A Dataset as `simulate` would make it, of these levels."""
    told = {"units": "mg/L", "long_name": "plasma", "jumps_at_doses": 0}
    return xr.Dataset({"plasma": (dims, values, told), **beside})


def test_every_output_has_the_quantiles_of_numpy(levels):
    """Truth: numpy.quantile, along the axis of subjects."""
    found = dl.bands(levels, Q)
    assert found["plasma"].dims == ("quantile", "regimen", "meal", "time")
    for name in ("plasma", "oxo"):
        expected = np.quantile(levels[name].to_numpy(), np.array(Q) / 100, axis=2)
        np.testing.assert_allclose(found[name], expected, **ROUNDING)
    assert found["quantile"].to_numpy().tolist() == Q
    assert (found["subjects"] == 31).all()


def test_known_quantiles_of_log_normal_levels():
    """Truth: exp(sigma z): subject i of 0 to 2000 stands at the quantile i/2000, so no interpolation is left."""
    z = norm.ppf(np.arange(1, 2000) / 2000)
    deviation = np.concatenate([[-5.0], z, [5.0]])[np.random.default_rng(2).permutation(2001)]
    profile = np.array([3.0, 2.0, 0.5])
    found = dl.bands(of(np.exp(0.3 * deviation)[:, None] * profile), [5, 25, 50, 95])
    expected = np.exp(0.3 * norm.ppf([0.05, 0.25, 0.5, 0.95]))[:, None] * profile
    np.testing.assert_allclose(found["plasma"], expected, rtol=1e-13)


def test_definition_seven():
    """Truth: Hyndman and Fan's type 7 of 1, 2, 3, 4, 10 at p: between the neighbours of 1 + 4 p, by hand."""
    found = dl.bands(of(np.array([[10.0], [2.0], [4.0], [1.0], [3.0]])), [10, 25, 60, 90])
    np.testing.assert_allclose(found["plasma"][:, 0], [1.4, 2.0, 3.4, 7.6], **ROUNDING)


def test_failed_rows_are_left_out_and_counted(levels):
    """Truth: the bands of those who are left."""
    failed = levels.copy(deep=True)
    for name in ("plasma", "oxo"):
        failed[name][0, 1, [3, 17]] = np.nan
    found = dl.bands(failed, Q)
    assert found["subjects"].to_numpy().tolist() == [[31, 29], [31, 31]]
    rest = levels.isel(subject=np.setdiff1d(np.arange(31), [3, 17]))
    np.testing.assert_array_equal(found["plasma"][:, 0, 1], dl.bands(rest, Q)["plasma"][:, 0, 1])
    np.testing.assert_array_equal(found["plasma"][:, 1], dl.bands(levels, Q)["plasma"][:, 1])


def test_single_missing_numbers_are_left_out_at_their_times():
    """Truth: numpy.nanquantile; where nobody has a number there is none."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(40, 60))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, 7] = np.nan
    values[11] = np.nan
    with warnings.catch_warnings(action="ignore"):
        expected = np.nanquantile(values, np.array(Q) / 100, axis=0)
    found = dl.bands(of(values), Q)
    np.testing.assert_allclose(found["plasma"], expected, **ROUNDING)
    assert int(found["subjects"]) == 39


def test_replicates_and_subjects_together_or_each_for_themselves():
    """Truth: numpy.quantile over both axes, or over one."""
    values = np.random.default_rng(4).lognormal(size=(5, 20, 6))
    levels = of(values, ("replicate", "subject", "time"))
    both = dl.bands(levels, [10, 50], over=["subject", "replicate"])
    np.testing.assert_allclose(both["plasma"], np.quantile(values, [0.1, 0.5], axis=(0, 1)), **ROUNDING)
    assert both["plasma"].dims == ("quantile", "time")
    assert int(both["subjects"]) == 100
    medians = dl.bands(dl.bands(levels, [50]).sel(quantile=50), [5, 95], over="replicate")
    expected = np.quantile(np.quantile(values, 0.5, axis=1), [0.05, 0.95], axis=0)
    np.testing.assert_allclose(medians["plasma"], expected, **ROUNDING)
    between = dl.bands(levels, [10, 50], over="replicate")
    np.testing.assert_allclose(between["plasma"], np.quantile(values, [0.1, 0.5], axis=0), **ROUNDING)
    assert between["plasma"].dims == ("quantile", "subject", "time")


@pytest.mark.parametrize("block", [1, 70, 500, 10**9])
def test_how_the_work_is_cut_changes_nothing(levels, monkeypatch, block):
    """Truth: the same bits from one piece; and the levels are as they were."""
    expected, before = dl.bands(levels, Q), levels.copy(deep=True)
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "LEAST", 1)
    assert dl.bands(levels, Q).identical(expected)
    assert levels.identical(before)


def test_dimensions_do_not_matter(levels):
    """Truth: the same Dataset turned, cut before or after, or at one time only."""
    whole = dl.bands(levels, Q)
    turned = dl.bands(levels.transpose(), Q)["plasma"]
    np.testing.assert_array_equal(turned.transpose(*whole["plasma"].dims), whole["plasma"])
    part = dl.bands(levels.sel(meal="fed", regimen="once"), Q)
    np.testing.assert_array_equal(part["plasma"], whole["plasma"].sel(meal="fed", regimen="once"))
    late = dl.bands(levels.isel(time=-1), Q)
    np.testing.assert_array_equal(late["plasma"], whole["plasma"].isel(time=-1))
    # both sides round to single precision once, before and after they interpolate
    single = dl.bands(levels.astype(np.float32), Q)["plasma"]
    np.testing.assert_allclose(single, whole["plasma"], rtol=2 * np.finfo(np.float32).eps, atol=1e-30)


def test_exposure_has_bands_too(levels):
    """Truth: xarray's own quantile of the table."""
    table = dl.exposure(levels)
    found = dl.bands(table, [5, 50])
    for name in ("AUC", "course_Cmax"):
        expected = table[name].quantile([0.05, 0.5], "subject")
        np.testing.assert_allclose(found[name], expected, **ROUNDING)
    assert "interval_start" in found


def test_what_levels_say_of_themselves_stays(levels, tmp_path):
    found = dl.bands(levels, [5, 95])
    assert found["plasma"].attrs == levels["plasma"].attrs
    assert found["quantile"].attrs["units"] == "%"
    assert found.attrs["provenance"] == levels.attrs["provenance"]
    assert found.attrs["bands"].startswith("subject: quantiles by linear interpolation")
    assert set(found.data_vars) == {"plasma", "oxo", "subjects", "dose_time", "course_end"}
    assert "WT" not in found.coords
    found.to_netcdf(tmp_path / "bands.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "bands.nc", engine="h5netcdf") as read:
        np.testing.assert_array_equal(read["plasma"], found["plasma"])


def test_one_output_and_what_would_be_observed(levels):
    observed = levels.assign(plasma_observed=levels["plasma"] * 1.5, plasma_typical=levels["plasma"])
    assert "oxo" not in dl.bands(observed, [50], output="plasma")
    assert "plasma_observed" not in dl.bands(observed, [50])
    found = dl.bands(observed, [50], output="plasma_observed")["plasma_observed"]
    np.testing.assert_allclose(found, 1.5 * dl.bands(levels, [50])["plasma"], rtol=1e-15)


ASCENDING = "give percentages, ascending: q=[5, 50, 95]"
MISTAKES = {
    "no quantiles": ({"q": []}, f"q: found []\n  {ASCENDING}"),
    "one number": ({"q": 50}, f"q: found 50\n  {ASCENDING}"),
    "text": ({"q": "5, 95"}, f"q: found '5, 95'\n  {ASCENDING}"),
    "texts": ({"q": ["5", 95]}, f"q: found ['5', 95]\n  {ASCENDING}"),
    "truth": ({"q": [True, 95]}, f"q: found [True, 95]\n  {ASCENDING}"),
    "outside": ({"q": [5, 101]}, f"q: 101 is not from 0 to 100\n  {ASCENDING}"),
    "below": ({"q": [-1, 50]}, f"q: -1 is not from 0 to 100\n  {ASCENDING}"),
    "nan": ({"q": [5, np.nan]}, f"q: nan is not from 0 to 100\n  {ASCENDING}"),
    "parts of one": ({"q": [0.05, 0.5, 0.95]}, f"q: all of [0.05, 0.5, 0.95] are below 1 %\n  {ASCENDING}"),
    "unsorted": ({"q": [50, 5]}, f"q: found [50, 5], which does not ascend\n  {ASCENDING}"),
    "twice": ({"q": [5, 5]}, f"q: found [5, 5], which does not ascend\n  {ASCENDING}"),
    "output": (
        {"output": "plasm"},
        "output: unknown output 'plasm'\n  did you mean 'plasma'? outputs here: plasma, oxo",
    ),
    "dimension": (
        {"over": "subjects"},
        "over: plasma has no dimension 'subjects'\n"
        "  did you mean 'subject'? dimensions here: regimen, meal, subject",
    ),
    "time": (
        {"over": "time"},
        "over: plasma has no dimension 'time'\n  dimensions here: regimen, meal, subject",
    ),
    "no dimension": (
        {"over": []},
        "over: found []\n  give dimensions: over=['subject', 'replicate']",
    ),
    "twice the same": (
        {"over": ["subject", "subject"]},
        "over: found ['subject', 'subject']\n  give dimensions: over=['subject', 'replicate']",
    ),
}


@pytest.mark.parametrize(("wrong", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told(levels, wrong, told):
    with pytest.raises(InputError) as caught:
        dl.bands(levels, **wrong)
    assert str(caught.value) == told


def test_levels_without_subjects(levels):
    with pytest.raises(InputError) as caught:
        dl.bands(levels.isel(subject=0, regimen=0, meal=0))
    assert str(caught.value) == (
        "over: plasma has no dimension 'subject'\n  give a Dataset with several subjects: these are the levels of one"
    )
    with pytest.raises(InputError, match="give the whole Dataset"):
        dl.bands(levels["plasma"])
    with pytest.raises(InputError, match="there are no levels in this Dataset"):
        dl.bands(levels[["status"]])


def test_bands_of_bands_need_one_of_them(levels):
    with pytest.raises(InputError) as caught:
        dl.bands(dl.bands(levels, [5, 50]), over="meal")
    assert str(caught.value) == "levels: plasma has quantiles already\n  choose one, as in .sel(quantile=50)"


def test_levels_at_observations_are_refused():
    told = {"units": "mg/L", "jumps_at_doses": 0}
    records = xr.Dataset({"plasma": ("record", np.ones(3), told)}, {"subject": ("record", [1, 1, 2])})
    with pytest.raises(InputError) as caught:
        dl.bands(records)
    assert str(caught.value) == (
        "over: plasma has no dimension 'subject'\n  simulate the table on a grid: times='1 h'"
    )
