"""Noncompartmental analysis against published numbers, closed forms and profiles that can be reckoned by hand."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

import doseline as dl

HERE = Path(__file__).parent / "data"

PUBLISHED = json.loads((HERE / "nca_published.json").read_text())
"""What other programs print for two data sets that come with R.

"theoph, linear" (subjects 1 to 6, dose 320) and "indometh, linear" (a bolus of 25) are NonCompart's, with all digits,
in chapter 3 of an open book on noncompartmental analysis with R (asancpt/book-ncar); "theoph, linear up, log down" is
ncappc's, whose areas to infinity PKNCA gives too, in its chapter on other programs.
"""
LINEAR, LOG, BOLUS = (
    PUBLISHED["theoph, linear"],
    PUBLISHED["theoph, linear up, log down"],
    PUBLISHED["indometh, linear"],
)


def table(name):
    """A data set of R, as `subject`, `time` and `conc`."""
    with (HERE / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        "subject": [int(row["subject"]) for row in rows],
        "time": [float(row["time"]) for row in rows],
        "conc": [float(row["conc"]) for row in rows],
    }


@pytest.mark.parametrize("code", LINEAR)
def test_theophylline_linear(code):
    """All printed digits."""
    found = dl.nca(table("theoph"), dose=320, area="linear")
    np.testing.assert_allclose(found[code].values[:6], LINEAR[code], rtol=2e-12)


@pytest.mark.parametrize("code", LOG)
def test_theophylline_log_down(code):
    """All printed digits, seven or eight of them."""
    found = dl.nca(table("theoph"), dose=320)
    np.testing.assert_allclose(found[code].values, LOG[code], rtol=1e-6)


@pytest.mark.parametrize("code", BOLUS)
def test_indomethacin(code):
    """All printed digits."""
    found = dl.nca(table("indometh"), dose=25, route="bolus", area="linear")
    np.testing.assert_allclose(found[code].values, BOLUS[code], rtol=2e-12)


def test_partial_areas():
    """Truth: NonCompart prints 91.7355220 until 12 h and 147.6945866 until 24 h, of Theoph's subject 1."""
    found = dl.nca(table("theoph"), dose=320, area="linear", windows=[(0, 12), (0, 24), (12, 24)])
    np.testing.assert_allclose(
        found["AUCINT"].values[0], [91.7355220, 147.6945866, 147.6945866 - 91.7355220], rtol=2e-9
    )


CL, V, DOSE = 5.0, 50.0, 100.0
K = CL / V


def test_a_bolus_in_one_compartment():
    """Truth: C = D/V exp(-kt); areas, moments and slope are exact with exponential pieces, wherever samples lie."""
    time = np.array([0.3, 1.0, 2.5, 7.0, 13.0, 24.0])
    level = DOSE / V * np.exp(-K * time)
    one = {"subject": np.ones(6), "time": time, "conc": level}
    found = dl.nca(one, dose=DOSE, route="bolus", windows=[(1.7, 30.0)]).isel(subject=0)
    exact = {
        "C0": DOSE / V, "LAMZ": K, "LAMZHL": math.log(2) / K, "AUCIFO": DOSE / CL, "AUMCIFO": DOSE / V / K**2,
        "CLO": CL, "VZO": V, "VSSO": V, "MRTIBIFO": 1 / K, "AUCPEO": 100 * math.exp(-K * 24),
        "AUCLST": DOSE / CL * (1 - math.exp(-K * 24)),
    }  # fmt: skip
    for code, value in exact.items():
        assert float(found[code]) == pytest.approx(value, rel=1e-12), code
    window = DOSE / CL * (math.exp(-K * 1.7) - math.exp(-K * 30))
    assert float(found["AUCINT"][0]) == pytest.approx(window, rel=1e-12)


def test_an_infusion_has_half_its_duration_less():
    """Truth: the mean residence time of a short infusion into one compartment is that of the bolus, 1/k; with fine
    samples the straight pieces while it runs are good to 1e-6."""
    duration = 2.0
    time = np.concatenate([np.linspace(0, duration, 2001), np.linspace(duration, 60, 300)[1:]])
    rising = (1 - np.exp(-K * np.minimum(time, duration))) * DOSE / duration / CL
    level = rising * np.exp(-K * np.maximum(time - duration, 0))
    one = {"subject": np.ones(len(time)), "time": time, "conc": level}
    found = dl.nca(one, dose=DOSE, route="infusion", duration="2 h").isel(subject=0)
    assert float(found["MRTICIFO"]) == pytest.approx(1 / K, rel=1e-6)
    assert float(found["VSSO"]) == pytest.approx(V, rel=1e-6)


def test_at_steady_state():
    """Truth: for a bolus at steady state AUCTAU = D/CL, Cavg = D/CL/tau, trough = D/V e/(1-e), e = exp(-k tau)."""
    time, tau = np.array([0.0, 1.0, 4.0, 8.0, 12.0]), 12.0
    e = math.exp(-K * tau)
    level = DOSE / V / (1 - e) * np.exp(-K * time)
    one = {"subject": np.ones(5), "time": time, "conc": level}
    found = dl.nca(one, dose=DOSE, route="bolus", tau="12 h").isel(subject=0)
    high, low = DOSE / V / (1 - e), DOSE / V * e / (1 - e)
    exact = {
        "AUCTAU": DOSE / CL, "CAVG": DOSE / CL / tau, "CMIN": low, "CTROUGH": low, "TMIN": 12.0, "CLTAU": CL,
        "FLUCP": 100 * (high - low) / (DOSE / CL / tau), "SWING": (high - low) / low, "AILAMZ": 1 / (1 - e),
    }  # fmt: skip
    for code, value in exact.items():
        assert float(found[code]) == pytest.approx(value, rel=1e-12), code


def test_by_hand():
    """Truth: reckoned on paper. 0, 4, 8, 4, 1 at 0, 1, 2, 4, 8 h: trapezoids 2, 6, 12, 10."""
    found = dl.nca({"subject": [1] * 5, "time": [0, 1, 2, 4, 8], "conc": [0, 4, 8, 4, 1]}, area="linear")
    assert float(found["AUCLST"][0]) == 30.0
    assert float(found["AUMCLST"][0]) == 0.5 * 4 + 0.5 * (4 + 16) + (16 + 16) + 2 * (16 + 8)


# ------------------------------------------------------------------ below the limit of quantification

BELOW = {"subject": [1] * 8, "time": [0, 1, 2, 3, 4, 5, 6, 8], "conc": [0, 0.4, 8, 4, 0.2, 2, 0.1, 0]}
"""With a limit of 0.5: measured are 8, 4 and 2, at 2, 3 and 5 h."""


@pytest.mark.parametrize(
    ("blq", "last", "whole"),
    [
        # 0-2 h: zeros at 0 and 1; 3-5 h as one piece; zero at 6
        ({"before": "zero", "between": "drop", "after": "zero"}, 4 + 6 + 6, 4 + 6 + 6 + 1),
        # 0 at 0 h is put there, as nothing is left before 2 h
        ("drop", 8 + 6 + 6, 8 + 6 + 6),
        ("zero", 4 + 6 + 2 + 1, 4 + 6 + 2 + 1 + 1),
        # 0.25 at 0, 1, 4, 6 and 8 h
        ("half", 0.25 + 4.125 + 6 + 2.125 + 1.125, 0.25 + 4.125 + 6 + 2.125 + 1.125 + 1.125 + 0.5),
    ],
)
def test_rules_of_what_lies_below(blq, last, whole):
    """Truth: trapezoids by hand."""
    found = dl.nca(BELOW, area="linear", lloq=0.5, blq=blq).isel(subject=0)
    assert float(found["AUCLST"]) == pytest.approx(last, rel=1e-14)
    assert float(found["AUCALL"]) == pytest.approx(whole, rel=1e-14)
    assert (float(found["CMAX"]), float(found["TLAG"]), float(found["CLST"]), float(found["TLST"])) == (
        8,
        1,
        2,
        5,
    )


def test_a_sample_before_a_bolus_is_not_its_level():
    """Truth: exp(-kt) goes back to 1 at 0 h, where the sample before the dose was 0."""
    time = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    one = {"subject": np.ones(5), "time": time, "conc": np.where(time > 0, np.exp(-time), 0.0)}
    found = dl.nca(one, dose=1, route="bolus").isel(subject=0)
    assert float(found["C0"]) == pytest.approx(1.0, rel=1e-14)
    assert float(found["AUCIFO"]) == pytest.approx(1.0, rel=1e-14)


# ------------------------------------------------------------------ why values are missing


def reasons(found, code):
    """Why a metric of the first profile is missing."""
    told = found["reason"].sel(metric=code).values.ravel()[0]
    return found["reason"].attrs["flag_meanings"].split("; ")[int(told)]


@pytest.mark.parametrize(
    ("conc", "reason"),
    [
        ([0, 0, 0, 0, 0], "no level was measured"),
        ([0, 0, 5, 2, 0], "there are too few measured levels for a terminal slope"),
        ([1, 8, 2, 3, 4], "the last levels do not fall"),
    ],
)
def test_a_reason_travels(conc, reason):
    found = dl.nca({"subject": [1] * 5, "time": [0, 1, 2, 4, 8], "conc": conc}, dose=10)
    for code in ("LAMZ", "R2ADJ", "LAMZHL", "AUCIFO", "AUCPEO", "AUMCIFO", "MRTEVIFO", "CLFO", "VZFO"):
        assert np.isnan(found[code].values).all(), code
        assert reasons(found, code) == reason, code
    missing = np.isnan(np.stack([found[str(code)].values for code in found["metric"].values]))
    np.testing.assert_array_equal(missing, found["reason"].values > 0)


def test_one_point():
    found = dl.nca({"subject": [1], "time": [2.0], "conc": [8.0]}, dose=10, area="linear")
    assert (float(found["CMAX"][0]), float(found["TMAX"][0]), float(found["AUCLST"][0])) == (8, 2, 8)
    assert reasons(found, "CLFO") == "there are too few measured levels for a terminal slope"


def test_without_a_dose():
    found = dl.nca(table("theoph"))
    assert (
        reasons(found, "CLFO")
        == reasons(found, "VZFO")
        == reasons(found, "CMAXD")
        == "no dose was given, or it was not taken"
    )
    assert found["AUCIFO"].notnull().all()


def test_a_short_profile_at_steady_state():
    found = dl.nca(
        {"subject": [1] * 3, "time": [0, 2, 4], "conc": [1, 3, 2]}, tau=12, windows=[(0, 6), (0, 4)]
    )
    why = "the times do not reach the end, and there is no terminal slope to go on with"
    assert reasons(found, "AUCTAU") == reasons(found, "CAVG") == reasons(found, "CTROUGH") == why
    assert np.isnan(found["AUCINT"].values[0, 0])
    assert found["window_reason"].values.tolist() == [[4, 0]]


def test_the_table_and_the_summary():
    """Truth: geometric mean and CV of 2, 4, 8 by hand; medians are not made of logarithms."""
    three = {"subject": np.repeat([1, 2, 3], 2), "time": [0, 1, 0, 2, 0, 3], "conc": [0, 2, 0, 4, 0, 8]}
    found = dl.nca(three, dose=10)
    told = dl.nca_table(found).set_index(["PPTESTCD", "subject"])
    assert told.loc[("CMAX", 2), ["PPTEST", "PPORRES", "PPORRESU", "PPREASND"]].tolist() == [
        "Max Conc",
        4.0,
        "mg/L",
        "",
    ]
    assert told.loc[("LAMZ", 2), "PPREASND"] == "there are too few measured levels for a terminal slope"
    summary = dl.nca_summary(found).set_index("metric")
    assert summary.loc["CMAX", "typical"] == pytest.approx(4.0, rel=1e-14)
    assert summary.loc["CMAX", "spread"] == pytest.approx(
        100 * math.sqrt(math.exp(math.log(2) ** 2) - 1), rel=1e-14
    )
    assert summary.loc["TMAX", ["typical", "low", "high", "n", "missing"]].tolist() == [2, 1, 3, 3, 0]
    assert summary.loc["LAMZ", ["n", "missing"]].tolist() == [0, 3]


# ------------------------------------------------------------------ simulations


def test_a_simulated_profile():
    """Truth: areas and peaks found while solving; the grid is fine enough for 0.1 %."""
    model = dl.load_model("one-compartment-oral")
    levels = dl.simulate(model, "100 mg once", {"WT": [50.0, 70.0]}, times=np.linspace(0, 400, 4001))
    found = dl.nca(levels)
    exact = dl.exposure(model, "100 mg once", {"WT": [50.0, 70.0]}, until="400 h")
    np.testing.assert_allclose(found["AUCLST"], exact["course_AUC"], rtol=1e-3)
    np.testing.assert_allclose(found["CMAX"], exact["course_Cmax"], rtol=1e-3)
    np.testing.assert_allclose(found["CLFO"], 100 / exact["course_AUC"], rtol=1e-3)


@pytest.mark.parametrize(
    ("after", "begin", "amount"), [("first", 0, 20.0), (2, 12, 20.0), ("last", 36, 40.0)]
)
def test_which_dose_a_profile_follows(after, begin, amount):
    """Truth: the same samples in a table, with times from that dose on until the next, and its own amount."""
    levels = dl.simulate(
        "isotretinoin", "20 mg twice daily for 1 day, then 40 mg twice daily for 1 day", {"WT": [50, 70]},
        times="1 h", meal=["fed", "fasted"],
    )  # fmt: skip
    found = dl.nca(levels, after=after, tau=12)
    time = levels["time"].values
    own = (time >= begin) & (time <= begin + 12)
    for meal in ("fed", "fasted"):
        for subject in (1, 2):
            level = levels["plasma"].sel(meal=meal, subject=subject).values[own]
            one = {"subject": np.ones(own.sum()), "time": time[own] - begin, "conc": level}
            alone = dl.nca(one, dose=amount, tau=12, units={"level": "ng/mL"}).isel(subject=0)
            for code in ("CMAX", "TMAX", "AUCTAU", "CMAXD", "CLFTAU"):
                assert float(found[code].sel(meal=meal, subject=subject)) == float(alone[code]), (code, meal)
    assert found["CLFTAU"].attrs["units"] == "L/h"


def test_regimens_of_different_lengths():
    """Truth: the second has no third dose; the first is as alone."""
    asked = {"times": "1 h", "meal": "fed"}
    three, two = "40 mg twice daily for 4 days", "40 mg once daily for 2 days"
    both = dl.nca(dl.simulate("isotretinoin", {"a": three, "b": two}, {"WT": [70]}, **asked), after=3)
    alone = dl.nca(dl.simulate("isotretinoin", three, {"WT": [70]}, **asked), after=3)
    assert float(both["CMAX"].sel(regimen="a")[0]) == float(alone["CMAX"][0])
    lacking = both.sel(regimen="b")
    for code in both["metric"].values:
        assert np.isnan(lacking[str(code)].values).all()
        assert reasons(lacking, str(code)) == "there is no such dose"


def test_doses_that_were_missed_or_late():
    """Truth: the dose log says what became of the last dose; late ones begin when they were taken."""
    habit = dl.adherence(0.5, late="uniform(1 h, 2 h)")
    people = dl.cohort(20, seed=1, WT="normal(70 kg, 5 kg)")
    levels = dl.simulate(
        "isotretinoin",
        "40 mg twice daily for 4 days",
        people,
        times="0.25 h",
        adherence=habit,
        seed=3,
        meal="fed",
    )
    found = dl.nca(levels)
    last = dl.dose_log(levels).groupby("subject").last()
    taken = last["taken"].to_numpy(dtype=bool)
    assert 0 < taken.sum() < 20
    np.testing.assert_array_equal(np.isnan(found["CMAXD"].values), ~taken)
    assert set(found["reason"].sel(metric="CMAXD").values[~taken]) == {6}
    at = np.where(taken, last["taken at (h)"], last["time (h)"])
    time = levels["time"].values
    for row in np.flatnonzero(taken):
        own = time >= at[row]
        level = levels["plasma"].values[row]
        assert float(found["TMAX"][row]) == pytest.approx(
            time[own][np.argmax(level[own])] - at[row], abs=1e-12
        )


def test_units_are_brought_together():
    """Truth: 1 mg / (1 ug/L x h) is 1000 L/h; doses per kg give clearances per kg."""
    one = {"subject": [1] * 4, "time": [0, 1, 2, 3], "conc": [8.0, 4.0, 2.0, 1.0]}
    small = dl.nca(one, dose=1, route="bolus", units={"level": "ug/L"})
    large = dl.nca(one, dose=1, route="bolus", units={"level": "mg/L", "dose": "mg/kg"})
    assert float(small["CLO"][0]) == pytest.approx(1000 * float(large["CLO"][0]), rel=1e-14)
    assert (small["CLO"].attrs["units"], large["CLO"].attrs["units"]) == ("L/h", "L/h/kg")
    assert small["VZO"].attrs["units"] == "L"


def test_the_points_of_the_slope():
    """Truth: NonCompart marks 9.05, 12.12 and 24.37 h of Theoph's subject 1."""
    found = dl.nca(table("theoph"), slope_points=True).isel(subject=0)
    assert found["sample_time"].values[found["slope_point"].values].tolist() == [9.05, 12.12, 24.37]


def test_a_span_that_was_asked_for():
    """Truth: numpy's regression over the same four points."""
    data = table("theoph")
    found = dl.nca(data, terminal=(7, 25)).isel(subject=0)
    slope = np.polyfit(data["time"][7:11], np.log(data["conc"][7:11]), 1)[0]
    assert float(found["LAMZ"]) == pytest.approx(-slope, rel=1e-12)
    assert int(found["LAMZNPT"]) == 4


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.Generator(np.random.Philox(7))
    many = 40_000
    time = np.tile([0.0, 1, 2, 4, 8, 12], many)
    data = {"subject": np.repeat(np.arange(many), 6), "time": time, "conc": rng.lognormal(size=6 * many)}
    one, two = dl.nca(data, dose=1, threads=1), dl.nca(data, dose=1, threads=2)
    assert one.equals(two)


def test_the_order_of_subjects_and_lines_of_others_between_do_not_matter():
    data = table("theoph")
    order = np.argsort(np.array(data["time"]), kind="stable")
    mixed = {name: np.asarray(values)[order] for name, values in data.items()}
    one, other = dl.nca(data, dose=320), dl.nca(mixed, dose=320)
    assert one.equals(other.sel(subject=one["subject"]))


def test_parts_of_a_window_add_up():
    """Truth: by hand; a piece that falls to 0 is straight, wherever it is cut."""
    one = {"subject": [1] * 3, "time": [0, 4, 8], "conc": [0, 8, 0]}
    found = dl.nca(one, windows=[(0, 4), (4, 6), (6, 8), (0, 8)], tau=6)
    np.testing.assert_allclose(found["AUCINT"].values[0], [16, 12, 4, 32], rtol=1e-14)
    assert float(found["AUCTAU"][0]) == pytest.approx(28, rel=1e-14)


def test_the_peak_at_steady_state_is_that_of_the_interval():
    """Truth: within 12 h the levels reach 8 and 2."""
    one = {"subject": [1] * 8, "time": [0, 1, 4, 8, 12, 13, 16, 24], "conc": [2, 8, 6, 4, 2, 9, 7, 3]}
    found = dl.nca(one, tau=12).isel(subject=0)
    assert (float(found["CMAX"]), float(found["SWING"])) == (8.0, 3.0)


def test_a_bolus_goes_back_through_measured_levels():
    """Truth: from 8 at 1 h and 4 at 3 h, a factor of the root of 2 each hour."""
    one = {"subject": [1] * 6, "time": [1, 2, 3, 4, 6, 7], "conc": [8, 0.1, 4, 3, 2, 1]}
    for between in ("half", "zero", "drop"):
        found = dl.nca(one, route="bolus", lloq=0.5, blq={"between": between})
        assert float(found["C0"][0]) == pytest.approx(8 * math.sqrt(2), rel=1e-14)


@pytest.mark.parametrize("fall", [1e-8, 1.1e-6, 1e-3, 0.04, 0.06, 1.0])
def test_moments_of_levels_that_hardly_fall(fall):
    """Truth: mpmath, with 50 digits."""
    import mpmath

    last = 10 * (1 - fall) if fall < 1 else 1.0
    one = {"subject": [1] * 2, "time": [3, 5], "conc": [10, last]}
    found = dl.nca({**one, "time": [0, 2]}, route="bolus").isel(subject=0)
    with mpmath.workdps(50):
        k = mpmath.log(mpmath.mpf(10) / mpmath.mpf(last)) / 2
        area = (10 - mpmath.mpf(last)) / k
        moment = -2 * mpmath.mpf(last) / k + (10 - mpmath.mpf(last)) / k**2
    assert float(found["AUCLST"]) == pytest.approx(float(area), rel=1e-9)
    assert float(found["AUMCLST"]) == pytest.approx(float(moment), rel=1e-8)


def test_what_is_not_finite_has_its_reason():
    """Truth: going back over 10 h from a fall by four orders in 4 s leaves the range of numbers."""
    one = {"subject": [1] * 5, "time": [10, 10.001, 12, 14, 16], "conc": [10, 1e-3, 5e-4, 2e-4, 1e-4]}
    found = dl.nca(one, route="bolus", dose=1)
    assert reasons(found, "C0") == reasons(found, "AUCLST") == "the formula has no finite value"
    missing = np.isnan(np.stack([found[str(code)].values for code in found["metric"].values]))
    np.testing.assert_array_equal(missing, found["reason"].values > 0)


def test_the_interval_ends_where_rounding_puts_it():
    """Truth: the sample 12 h after a dose at 8.1 h, which is at 20.1 h, has the lowest level."""
    records = dl.read_records(
        {"ID": [1] * 5, "TIME": [8.1, 9.1, 12.1, 16.1, 20.1], "AMT": [10, 0, 0, 0, 0], "EVID": [1, 0, 0, 0, 0],
         "DV": [np.nan, 8, 5, 3, 2]}
    )  # fmt: skip
    assert float(dl.nca(records, tau=12)["CMIN"][0]) == 2.0


def test_one_of_two_doses_was_missed():
    """Truth: the dose log."""
    habit = dl.adherence(0.5)
    asked = {"times": "1 h", "adherence": habit, "meal": "fed"}
    levels = dl.simulate("isotretinoin", "40 mg twice daily for 1 day", {"WT": [70.0] * 20}, seed=1, **asked)
    taken = dl.dose_log(levels).groupby("subject")["taken"].last().to_numpy(dtype=bool)
    assert 0 < taken.sum() < 20
    np.testing.assert_array_equal(np.isnan(dl.nca(levels)["CMAXD"].values), ~taken)


def test_one_subject_alone():
    levels = dl.simulate(
        "isotretinoin", "40 mg twice daily for 2 days", {"WT": [50.0, 70.0]}, times="1 h", meal="fed"
    )
    alone, both = dl.nca(levels.isel(subject=1)), dl.nca(levels)
    assert float(alone["CLFO"]) == float(both["CLFO"][1])
    assert len(dl.nca_table(alone)) == both.sizes["metric"]
