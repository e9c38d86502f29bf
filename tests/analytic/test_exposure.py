"""Exposure against closed forms of the one-compartment model, and against windows worked out by hand."""

import numpy as np
import pytest
import xarray as xr

import doseline as dl
from doseline.kernels.exposure import area, between, windows
from doseline.model.read import read_model

IV_AND_ORAL = """
name = "iv-and-oral"
title = "one compartment, iv and oral"
version = "1"
[source]
citation = "made for this test"
[parameters]
CL = { value = 5, unit = "L/h", label = "clearance", source = "chosen", status = "assumption" }
V = { value = 50, unit = "L", label = "volume", source = "chosen", status = "assumption" }
KA = { value = 1, unit = "1/h", label = "absorption", source = "chosen", status = "assumption" }
[compartments]
gut = { label = "gut" }
central = { label = "central" }
[flows]
"gut -> central" = "KA"
"central -> out" = "CL / V"
[routes]
oral = { into = "gut", label = "by mouth" }
iv = { into = "central", label = "into a vein" }
[outputs]
plasma = { value = "central / V", unit = "mg/L", label = "plasma" }
"""

KA, CL, V, DOSE, TAU = 0.9, 15.0, 200.0, 100.0, 12.0
KE = CL / V


def steady_state(t):
    """Level [mg/L] `t` h after a dose at steady state: sums of geometric series of the two exponentials."""
    scale = DOSE * KA / (V * (KA - KE))
    return scale * (np.exp(-KE * t) / (1 - np.exp(-KE * TAU)) - np.exp(-KA * t) / (1 - np.exp(-KA * TAU)))


@pytest.fixture(scope="module")
def levels():
    return dl.simulate(
        "one-compartment-oral", "100 mg every 12 h for 4 weeks", meal=["fed", "fasted"], times="0.05 h"
    )


def test_area_at_steady_state_is_dose_over_clearance(levels):
    """Truth: AUCtau = F dose / CL. A step h of linear-up trapezoids errs by (KA h)^2 / 12 = 2e-4 of the rising part."""
    table = dl.exposure(levels).isel(interval=-1)
    assert float(table["AUC"].sel(meal="fed")[0]) == pytest.approx(DOSE / CL, rel=1e-4)
    assert float(table["AUC"].sel(meal="fasted")[0]) == pytest.approx(0.4 * DOSE / CL, rel=1e-4)
    assert float(table["Cavg"].sel(meal="fed")[0]) == pytest.approx(DOSE / CL / TAU, rel=1e-4)


def test_peak_and_trough_at_steady_state(levels):
    """Truth: the closed form at its analytic maximum; the grid of 0.05 h misses a smooth peak by (h/2)^2 C''/2."""
    ratio = KA * (1 - np.exp(-KE * TAU)) / (KE * (1 - np.exp(-KA * TAU)))
    peak = np.log(ratio) / (KA - KE)
    table = dl.exposure(levels).sel(meal="fed").isel(interval=-1, subject=0)
    assert float(table["Tmax"]) == pytest.approx(peak, abs=0.025 + 1e-9)
    assert float(table["Cmax"]) == pytest.approx(steady_state(peak), rel=2e-4)
    # the trough is a grid point, and 4 weeks leave exp(-KE 672 h) = 1e-22 to steady state
    assert float(table["Cmin"]) == pytest.approx(steady_state(TAU), rel=1e-11)


def test_course_is_the_sum_of_its_intervals(levels):
    """Truth: areas add up."""
    table = dl.exposure(levels)
    np.testing.assert_allclose(table["AUC"].sum("interval"), table["course_AUC"], rtol=1e-12)
    np.testing.assert_allclose(table["Cmax"].max("interval"), table["course_Cmax"], rtol=0)


def test_intervals_follow_the_doses():
    """Truth: dose times written by hand; the shorter regimen is padded with NaN."""
    levels = dl.simulate(
        "one-compartment-oral",
        {"two": "20 mg at 08:00 and 10 mg at 20:00 for 2 days", "one": "30 mg once daily x 2"},
        times="1 h",
    )
    table = dl.exposure(levels)
    assert table["interval_start"].sel(regimen="two").to_numpy().tolist() == [8.0, 20.0, 32.0, 44.0]
    # the last interval ends when the next dose would be due, at 08:00 of the third day
    assert table["interval_end"].sel(regimen="two").to_numpy().tolist() == [20.0, 32.0, 44.0, 56.0]
    assert np.isfinite(table["AUC"].sel(regimen="two")).all()
    assert np.isnan(table["interval_start"].sel(regimen="one").to_numpy()[2:]).all()
    assert np.isnan(table["AUC"].sel(regimen="one").to_numpy()[..., 2:]).all()


def test_trough_after_a_bolus_is_the_level_before_the_next_one():
    """Truth: C(t) = C0 exp(-KE t): the level just before the next bolus, though the grid shows the one after it."""
    time = np.arange(0.0, 25.0, 2.0)
    after = np.where(time < 12, time, np.where(time < 24, time - 12, time - 24))
    level = 10.0 * np.exp(-0.1 * after)
    out = np.empty((1, 2, 5))
    windows(time, level[None], np.array([[0.0, 12.0], [12.0, 24.0]]), np.array([True]), out)
    for cmax, tmax, cmin, cavg, auc in out[0]:
        assert (cmax, tmax) == (10.0, 0.0)
        assert cmin == pytest.approx(10.0 * np.exp(-1.2), rel=1e-12)
        # log trapezoids are exact on an exponential
        assert auc == pytest.approx(10.0 * (1 - np.exp(-1.2)) / 0.1, rel=1e-12)
        assert cavg == pytest.approx(auc / 12.0, rel=1e-15)


def test_pieces():
    """Truth: the trapezoid while rising; (y0 - y1) dt / ln(y0 / y1) while falling; both meet as y1 -> y0."""
    assert area(0.0, 1.0, 2.0, 3.0) == 4.0
    assert area(0.0, 4.0, 2.0, 1.0) == pytest.approx(3.0 * 2.0 / np.log(4.0), rel=1e-15)
    assert area(0.0, 1.0, 1.0, 0.0) == 0.5
    near = np.array([area(0.0, 1.0, 1.0, 1.0 - gap) for gap in 10.0 ** -np.arange(1.0, 16.0)])
    np.testing.assert_allclose(near, 1.0 - 10.0 ** -np.arange(1.0, 16.0) / 2, rtol=1e-3)
    assert between(0.0, 4.0, 2.0, 1.0, 1.0) == pytest.approx(2.0, rel=1e-15)
    assert between(0.0, 1.0, 2.0, 3.0, 0.5) == 1.5


def test_windows_beyond_the_times_are_nan_and_say_why(levels):
    """Truth: there is no level to read behind the last time."""
    short = levels.sel(time=slice(0, 660))
    table = dl.exposure(short)
    assert np.isnan(table["AUC"].isel(interval=-1)).all()
    assert np.isfinite(table["AUC"].isel(interval=-2)).all()
    assert "NaN" in table.attrs["method"]


def test_dimensions_do_not_matter(levels):
    """Truth: the same numbers, chosen before or after."""
    whole = dl.exposure(levels)
    part = dl.exposure(levels.sel(meal="fasted"))
    np.testing.assert_array_equal(part["AUC"], whole["AUC"].sel(meal="fasted"))
    named = dl.simulate("one-compartment-oral", {"a": "100 mg every 12 h x 4"}, times="1 h")
    one = dl.exposure(named.sel(regimen="a"))
    assert "regimen" not in one["AUC"].dims
    np.testing.assert_array_equal(one["AUC"], dl.exposure(named)["AUC"].sel(regimen="a"))


def test_who_stops_early_has_no_later_intervals():
    """Truth: 20 mg a day reach 1 mg/kg with dose 2 at 40 kg, dose 4 at 80 kg."""
    levels = dl.simulate(
        "one-compartment-oral", "20 mg once daily until 1 mg/kg", dl.cohort(WT=[40, 80]), times="1 h"
    )
    assert levels["doses_taken"].to_numpy().ravel().tolist() == [2, 4]
    assert levels["total_dose"].to_numpy().ravel().tolist() == [40.0, 80.0]
    assert float(levels["time"][-1]) == 96.0
    kept = np.isfinite(dl.exposure(levels)["AUC"].to_numpy())
    assert kept.sum(axis=-1).ravel().tolist() == [2, 4]


def test_only_a_bolus_into_the_output_jumps():
    """Truth: the trough of an oral course is the level at the next dose, whatever else is in the Dataset."""
    model = read_model(IV_AND_ORAL, place="iv-and-oral.toml")
    course = {"oral": "100 mg every 12 h x 3", "iv": "100 mg by iv every 12 h x 3"}
    levels = dl.simulate(model, course, times="3 h")
    assert levels["plasma_jumps"].to_numpy().ravel().tolist() == [False, True]
    both = dl.exposure(levels)
    alone = dl.exposure(dl.simulate(model, course["oral"], times="3 h"))
    np.testing.assert_array_equal(both["Cmin"].sel(regimen="oral"), alone["Cmin"])
    # one compartment: C(12-) = sum of dose/V exp(-k (12 + 12 j)), exact by the log line through two points
    trough = 100 / 50 * sum(np.exp(-0.1 * 12 * (j + 1)) for j in range(3))
    assert float(both["Cmin"].sel(regimen="iv").isel(interval=2)[0]) == pytest.approx(trough, rel=1e-12)


def test_unequal_doses_settle_day_by_day():
    """Truth: after 4 weeks each interval repeats the one of the day before, though morning and evening differ."""
    levels = dl.simulate("one-compartment-oral", "40 mg at 08:00 and 20 mg at 20:00 for 4 weeks", times="1 h")
    table = dl.exposure_table(levels)
    assert abs(table["change of AUC from the interval before (%)"]).max() < 1e-9


def test_a_pause_at_the_end_is_followed():
    """Truth: 1 week of doses and 2 of nothing are 504 h."""
    levels = dl.simulate(
        "one-compartment-oral", "40 mg twice daily for 1 week, then nothing for 2 weeks", times="1 h"
    )
    assert float(levels["time"][-1]) == 504.0
    assert float(levels["course_end"][0] if levels["course_end"].ndim else levels["course_end"]) == 168.0


def test_rounded_clock_times_keep_their_last_interval():
    """Truth: doses at 07:10 and 19:10 for 20 days make 40 intervals of 12 h, though 07:10 is no binary number."""
    levels = dl.simulate("one-compartment-oral", "20 mg at 07:10 and 19:10 for 20 days", times="10 min")
    table = dl.exposure(levels)
    assert np.isfinite(table["AUC"]).all()
    assert table.sizes["interval"] == 40
    np.testing.assert_allclose(table["interval_end"] - table["interval_start"], 12.0, rtol=1e-10)


def test_a_bolus_at_a_rounded_time_opens_its_window():
    """Truth: C = sum of dose / V exp(-k t) over the doses so far; 100 min is no binary number."""
    model = read_model(IV_AND_ORAL, place="iv-and-oral.toml")
    table = dl.exposure(dl.simulate(model, "10 mg every 100 min by iv x 100", times="10 min"))
    steps = np.arange(100)
    peak = 0.2 * np.cumsum(np.exp(-0.1 * 100 / 60 * steps))
    np.testing.assert_allclose(table["Cmax"].values.ravel(), peak, rtol=1e-9)
    np.testing.assert_allclose(table["Tmax"].values.ravel(), 0.0, atol=1e-9)


def test_the_end_of_an_infusion_is_seen():
    """Truth: C(12 h) = R / CL (1 - exp(-k 12)) sum exp(-12 k j): an infusion moves no level at once."""
    model = read_model(IV_AND_ORAL, place="iv-and-oral.toml")
    levels = dl.simulate(model, "100 mg over 12 h every 12 h by iv x 4", times="1 h")
    assert "plasma_jumps" not in levels
    table = dl.exposure(levels)
    rise = 100 / 12 / 5 * (1 - np.exp(-0.1 * 12 * np.arange(1, 5)))
    np.testing.assert_allclose(table["Cmax"].values.ravel(), rise, rtol=1e-12)


def test_doses_off_the_times_are_not_guessed_where_they_jump():
    """Truth: nothing at 8 h is known from levels at 6 and 9 h when a bolus came at 8 h."""
    model = read_model(IV_AND_ORAL, place="iv-and-oral.toml")
    table = dl.exposure(dl.simulate(model, "100 mg every 8 h by iv x 4", times="3 h"))
    assert np.isnan(table["AUC"].values.ravel()[1:3]).all()
    assert "boluses" in table.attrs["method"]


def test_failed_rows_have_no_tmax():
    """Truth: where there is no level there is no time of the highest."""
    out = np.empty((1, 1, 5))
    windows(np.arange(3.0), np.full((1, 3), np.nan), np.array([[0.0, 2.0]]), np.array([False]), out)
    assert np.isnan(out).all()


def test_the_order_of_dimensions_does_not_matter():
    """Truth: the same Dataset, turned."""
    levels = dl.simulate(
        "one-compartment-oral", {"a": "10 mg every 8 h x 2", "b": "10 mg every 12 h x 2"}, times="1 h"
    )
    turned = dl.exposure(levels.transpose())
    np.testing.assert_array_equal(
        turned["AUC"].transpose(*dl.exposure(levels)["AUC"].dims), dl.exposure(levels)["AUC"]
    )


def test_doses_of_two_rhythms_at_one_time_are_one_start():
    """Truth: 3 * 0.1 h is 0.3 h, so there are 10 starts and not 12."""
    levels = dl.simulate(
        "one-compartment-oral", "(10 mg every 0.1 h x 10) and (5 mg every 0.3 h x 3)", times="0.1 h"
    )
    assert dl.exposure(levels).sizes["interval"] == 10


@pytest.mark.parametrize("text", ["for 60 h", "x 5"])
def test_the_interval_after_an_unfinished_day(text):
    """Truth: after the morning dose of day 3 the evening dose would be due 12 h later."""
    levels = dl.simulate("one-compartment-oral", f"100 mg at 08:00 and 20:00 {text}", times="1 h")
    assert dl.exposure(levels)["interval_end"].values.ravel()[-1] == 68.0


def test_table_has_a_row_for_each_subject_and_condition(levels):
    """Truth: the Dataset's own numbers, and F = 0.4."""
    table = dl.exposure_table(levels)
    assert len(table) == 2
    ratio = table.set_index("meal")["AUC fed / this meal"]
    assert ratio["fed"] == 1.0
    assert ratio["fasted"] == pytest.approx(2.5, rel=1e-4)
    assert table["total dose (mg)"].tolist() == [5600.0, 5600.0]
    assert table["total dose (mg/kg)"].tolist() == [80.0, 80.0]
    assert isinstance(levels, xr.Dataset)


@pytest.fixture(scope="module")
def missed():
    """Hand-made: 2 replicates of 3 subjects with 4 doses of 2 regimens; who takes which dose, and with which meal."""
    levels = dl.simulate(
        "one-compartment-oral",
        {"a": "100 mg every 12 h x 4", "b": "(60 mg every 24 h x 2) and (40 mg every 24 h x 2)"},
        dl.cohort(WT=[50, 60, 70]),
        times="1 h",
    )
    draw = np.random.default_rng(8)
    dims = ("replicate", "regimen", "subject", "dose")
    taken, meal = draw.random((2, 2, 3, 4)) < 0.6, draw.integers(0, 2, (2, 2, 3, 4)).astype(np.int8)
    scaled = xr.concat([levels["plasma"], 2 * levels["plasma"]], "replicate").assign_coords(replicate=[1, 2])
    told = {"flag_values": [0, 1], "flag_meanings": "fed fasted"}
    return levels.assign(
        plasma=scaled.assign_attrs(levels["plasma"].attrs),
        dose_taken=(dims, taken),
        dose_meal=(dims, np.where(taken, meal, -1).astype(np.int8), told),
        doses_taken=(dims[:-1], taken.sum(axis=-1)),
        eta_CL=(("replicate", "subject"), draw.normal(size=(2, 3)), {"units": "1"}),
        CL=(("replicate", "subject"), draw.lognormal(size=(2, 3)), {"units": "L/h"}),
    )


def test_intervals_say_what_became_of_their_dose(missed):
    """Truth: dose k begins interval k of regimen a; of b two doses begin each, and both have to be taken."""
    table = dl.exposure(missed)
    assert table["taken"].dims == table["AUC"].dims == ("replicate", "regimen", "subject", "interval")
    taken, meal = missed["dose_taken"].to_numpy(), missed["dose_meal"].to_numpy()
    np.testing.assert_array_equal(table["taken"].sel(regimen="a"), taken[:, 0])
    np.testing.assert_array_equal(table["meal_taken"].sel(regimen="a"), meal[:, 0])
    both = taken[:, 1].reshape(2, 3, 2, 2).all(axis=-1)
    np.testing.assert_array_equal(table["taken"].sel(regimen="b", interval=[1, 2]), both)
    np.testing.assert_array_equal(table["meal_taken"].sel(regimen="b", interval=[1, 2]), meal[:, 1, :, ::2])
    # behind the last interval of a regimen there is no dose
    assert not table["taken"].sel(regimen="b", interval=[3, 4]).any()
    assert (table["meal_taken"].sel(regimen="b", interval=[3, 4]) == -1).all()
    assert table["meal_taken"].attrs["flag_meanings"] == "fed fasted"


def test_a_missed_dose_ends_no_course(missed):
    """Truth: areas of the levels as they are, whatever was taken; who took it is for `taken` to say."""
    table = dl.exposure(missed)
    plain = dl.exposure(
        missed.isel(replicate=0)
        .drop_vars(["dose_taken", "doses_taken"])
        .assign(doses_taken=("regimen", [4, 4]))
    )
    np.testing.assert_array_equal(table["AUC"].isel(replicate=0), plain["AUC"])
    # each subject's own last dose is respected where it is told
    planned = missed.assign(doses_planned=(("regimen", "subject"), [[4, 2, 4], [4, 4, 4]]))
    kept = np.isfinite(dl.exposure(planned)["AUC"].sel(regimen="a").isel(replicate=0))
    assert kept.sum("interval").to_numpy().tolist() == [4, 2, 4]


def test_replicates_are_measured_each_for_itself(missed):
    """Truth: the second replicate has twice the levels, at the same times."""
    table = dl.exposure(missed)
    for metric, factor in {"AUC": 2, "Cmax": 2, "Tmax": 1, "course_AUC": 2}.items():
        first, second = table[metric].isel(replicate=0), table[metric].isel(replicate=1)
        np.testing.assert_allclose(second, factor * first, rtol=1e-14)
    one = dl.exposure(missed.sel(replicate=2, regimen="b"))
    for name in ("AUC", "taken", "meal_taken", "eta_CL"):
        whole = table[name].sel(replicate=2)
        whole = whole.sel(regimen="b", interval=[1, 2]) if "interval" in whole.dims else whole
        np.testing.assert_array_equal(one[name], whole)
        assert one[name].dims == whole.dims


def test_what_belongs_to_subjects_goes_along(missed):
    table = dl.exposure(missed)
    for name in ("eta_CL", "CL", "doses_taken"):
        np.testing.assert_array_equal(table[name], missed[name])
    assert "status" not in table
    np.testing.assert_array_equal(table["WT"], missed["WT"])
    frame = dl.exposure_table(table)
    assert len(frame) == 2 * 2 * 3
    assert frame.columns[0] == "replicate"
    row = frame.set_index(["replicate", "regimen", "subject"]).loc[(2, "a", 3)]
    assert row["eta_CL"] == float(missed["eta_CL"][1, 2])
    assert row["CL (L/h)"] == float(missed["CL"][1, 2])
    assert row["taken"] == bool(missed["dose_taken"][1, 0, 2, 3])
    assert dl.exposure(missed.isel(subject=0))["eta_CL"].dims == ("replicate",)
