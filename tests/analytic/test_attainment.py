"""Which part of the subjects attains a target, and ratios to a reference.

Truth: scipy's own tests and intervals on the same counts and samples, counts that a hand can make, and closed forms.
"""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import doseline as dl

ORAL = dl.load_model("one-compartment-oral")


def made(values, **coords):
    """A Dataset of one metric (subject,), as from anywhere."""
    value = xr.DataArray(np.asarray(values, dtype=float), dims="subject", attrs={"units": "ng/mL * h"})
    more = {name: ("subject", each) for name, each in coords.items()}
    return xr.Dataset({"AUC": value}, {"subject": np.arange(1, len(value) + 1), **more})


@pytest.mark.parametrize(
    ("compare", "expected"), [(">=", 3), (">", 2), ("<=", 3), ("<", 2)], ids=[">=", ">", "<=", "<"]
)
def test_counts_at_the_very_target(compare, expected):
    """Truth: of 1, 2, 3, 4, 5 without the 5th, held against 2 and 3 by hand."""
    part = dl.attainment(made([1.0, 2.0, 3.0, 4.0, 5.0]), "AUC", 3.0, compare=compare)
    assert int(part["attained"]) == expected
    assert float(part["probability"]) == expected / 5


def test_a_range_has_both_ends_and_those_without_value_do_not_count():
    """Truth: 2, 3 and 4 of 1, 2, 3, 4, 5 are from 2 to 4; the sixth has no value."""
    found = made([1.0, 2.0, 3.0, 4.0, 5.0, np.nan])
    part = dl.attainment(found, "AUC", [(2.0, 4.0), ("4.5 mg/L * h", "5 mg/L * h")], compare="within")
    assert part["attained"].values.tolist() == [3, 0]
    assert (int(part["subjects"]), int(part["missing"])) == (5, 1)
    assert part["target"].values.tolist() == ["2 to 4", "4500 to 5000"]
    assert part["target_high"].values.tolist() == [4.0, 5000.0]


@pytest.mark.parametrize(
    ("count", "total"), [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (487, 1000), (2, 100_000)]
)
@pytest.mark.parametrize("confidence", [50, 95, 99.9])
@pytest.mark.parametrize(("method", "name"), [("clopper-pearson", "exact"), ("wilson", "wilson")])
def test_intervals(method, name, confidence, count, total):
    """Truth: `scipy.stats.binomtest`, which finds the exact ends by a search that stops at 2e-12."""
    values = np.where(np.arange(total) < count, 2.0, 1.0)
    part = dl.attainment(made(values), "AUC", 1.5, confidence=confidence, method=method)
    truth = stats.binomtest(count, total).proportion_ci(confidence / 100, method=name)
    np.testing.assert_allclose([part["low"], part["high"]], truth, rtol=1e-12, atol=4e-12)
    assert 0.0 <= part["low"] <= part["probability"] <= part["high"] <= 1.0


def test_exact_intervals_by_hand():
    """Truth: with none of n the upper end solves (1 - p)^n = 2.5 %; with all of n the lower one p^n = 2.5 %."""
    none, every = (dl.attainment(made(np.full(7, each)), "AUC", 1.5) for each in (1.0, 2.0))
    assert float(none["high"]) == pytest.approx(1 - 0.025 ** (1 / 7), rel=1e-13)
    assert float(every["low"]) == pytest.approx(0.025 ** (1 / 7), rel=1e-13)
    assert float(none["low"]) == 0.0
    assert float(every["high"]) == 1.0


def test_exact_intervals_hold_what_they_promise():
    """Truth: the binomial distribution summed over all counts; the true probability is inside in 95 % or more."""
    total, counts = 25, np.arange(26)
    ends = [dl.attainment(made(np.where(np.arange(total) < k, 2.0, 1.0)), "AUC", 1.5) for k in counts]
    low, high = (np.array([float(each[name]) for each in ends]) for name in ("low", "high"))
    for p in np.linspace(0.01, 0.99, 99):
        assert stats.binom.pmf(counts, total, p)[(low <= p) & (p <= high)].sum() >= 0.95


def test_targets_in_other_units_are_the_same_targets():
    """Truth: 1 mg/L is 1,000 ng/mL and 60 min are an hour, so that 30 mg/L * min are 500 ng/mL * h."""
    found = made([400.0, 499.0, 501.0, 600.0])
    targets = {"low": "30 mg/L * min", "high": 0.55e3}
    part = dl.attainment(found, "AUC", targets)
    assert part["attained"].sel(target="low") == 2
    assert part["attained"].sel(target="high") == 1
    np.testing.assert_allclose(part["target_level"], [500.0, 550.0], rtol=1e-15)
    assert part["target_level"].attrs["units"] == "ng/mL * h"


def test_groups_part_the_counts():
    """Truth: counted by hand; 60 belongs to the group above it, and groups together are everybody."""
    found = made(
        [1.0, 2.0, 3.0, 4.0, np.nan, 6.0],
        WT=[50.0, 59.9, 60.0, 70.0, 80.0, 90.0],
        SEX=["F", "M", "F", "M", "F", "M"],
    )
    part = dl.attainment(found, "AUC", [2.0, 4.0], by={"WT": [60], "SEX": None})
    assert part["attained"].dims == ("WT", "SEX", "target")
    assert part["attained"].values.tolist() == [[[0, 0], [1, 0]], [[1, 0], [2, 2]]]
    assert part["subjects"].values.tolist() == [[1, 1], [1, 2]]
    assert part["missing"].values.tolist() == [[0, 0], [1, 0]]
    whole = dl.attainment(found, "AUC", [2.0, 4.0])
    np.testing.assert_array_equal(part["attained"].sum(["WT", "SEX"]), whole["attained"])


def test_the_order_of_subjects_and_the_scale_do_not_matter():
    rng = np.random.default_rng(3)
    found = made(rng.lognormal(3.0, 0.5, 200), WT=rng.uniform(40, 100, 200))
    mixed = found.isel(subject=rng.permutation(200))
    scaled = found.assign(AUC=(found["AUC"] / 1000).assign_attrs(units="mg/L * h"))
    first = dl.attainment(found, "AUC", ["20 ng/mL * h"], by={"WT": [70]})
    for other in (mixed, scaled):
        again = dl.attainment(other, "AUC", ["20 ng/mL * h"], by={"WT": [70]})
        np.testing.assert_array_equal(first["attained"], again["attained"])


@pytest.mark.parametrize("subjects", [20_000])
def test_probability_of_an_area_in_closed_form(subjects):
    """Truth: AUC over all time is F dose / CL. With CL log-normal its logarithm is normal with sd omega.

    At steady state the area of an interval is the same, so that P(AUC >= target) = Phi(ln(dose / (CL target)) / omega).
    Four standard errors of a binomial count; the intervals of 99.9 % hold it.
    """
    omega = 0.3
    model = ORAL.edit(variability={"CL": {"omega2": omega**2, "source": "test", "status": "assumption"}})
    doses = {"100": "100 mg every 12 h x 4", "150": "150 mg every 12 h x 4"}
    people = dl.cohort(subject=np.arange(1, subjects + 1), WT=70)
    found = dl.exposure(model, doses, people, seed=11, intervals="last")
    targets = ["5 mg/L * h", "6.5 mg/L * h", "9 mg/L * h"]
    part = dl.attainment(found, "steady_AUC", targets, confidence=99.9)
    dose = np.array([[100.0], [150.0]])
    truth = stats.norm.cdf(np.log(dose / (15.0 * np.array([5.0, 6.5, 9.0]))) / omega)
    error = np.sqrt(truth * (1 - truth) / subjects)
    assert part["probability"].dims == ("regimen", "target")
    assert (np.abs(part["probability"] - truth) < 4 * error).all()
    assert ((part["low"] <= truth) & (truth <= part["high"])).all()
    assert (part["subjects"] == subjects).all()


def test_replicates_spread():
    """Truth: numpy's quantiles of the replicates' own shares, counted from the values."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(40, 3, 25)) + rng.normal(size=(40, 1, 1))
    values[0, 0, :5] = np.nan
    found = xr.Dataset({"x": (("replicate", "regimen", "subject"), values)}, {"regimen": ["a", "b", "c"]})
    part = dl.attainment(found, "x", [0.0, 0.5], confidence=90)
    share = np.stack(
        [np.nanmean(np.where(np.isnan(values), np.nan, values >= t), axis=-1) for t in (0.0, 0.5)], -1
    )
    np.testing.assert_allclose(part["probability"], share, rtol=1e-15)
    assert part["replicate_low"].dims == ("regimen", "target")
    for name, q in (("replicate_low", 0.05), ("replicate_median", 0.5), ("replicate_high", 0.95)):
        np.testing.assert_allclose(part[name], np.quantile(share, q, axis=0), rtol=1e-12)


def test_metrics_with_thresholds_keep_them():
    """Truth: who spends at least half of a day above a threshold, counted from time_above itself."""
    people = dl.cohort(WT=np.linspace(40, 120, 9))
    found = dl.exposure(
        ORAL, "100 mg every 24 h x 3", people, thresholds=["0.1 mg/L", "0.3 mg/L"], intervals="last"
    )
    part = dl.attainment(found, "time_above", "0.5 day")
    expected = (found["time_above"].values >= 12.0).sum(axis=found["time_above"].dims.index("subject"))
    assert set(part["attained"].dims) == {"interval", "threshold"}
    np.testing.assert_array_equal(
        part["attained"].transpose("interval", "threshold").values.ravel(), expected.ravel()
    )


def test_never_is_later_than_any_time():
    """Truth: by hand. Two of four are above in time, one is late and one never; NaN has no value, infinity is one."""
    first = made([0.5, 1.0, 3.0, np.nan]).rename(AUC="first_above")
    assert float(dl.attainment(first, "first_above", 2.0, compare="<=")["probability"]) == 2 / 3
    never = first.fillna(np.inf).assign_coords(first.coords)
    assert float(dl.attainment(never, "first_above", 2.0, compare="<=")["probability"]) == 2 / 4


def test_exposure_of_levels_does_as_well():
    """Truth: counted from the table of exposure itself; intervals that one regimen does not have are missing there."""
    levels = dl.simulate(
        ORAL,
        {"short": "100 mg every 12 h x 2", "long": "100 mg every 12 h x 4"},
        dl.cohort(WT=[50.0, 70.0, 90.0, 110.0]),
        times="0.5 h",
    )
    found = dl.exposure(levels)
    part = dl.attainment(found, "Cmax", "0.4 mg/L")
    np.testing.assert_array_equal(part["attained"], (found["Cmax"] >= 0.4).sum("subject"))
    assert part["missing"].sel(regimen="short").values.tolist() == [0, 0, 4, 4]
    assert part["probability"].sel(regimen="short").isnull().values.tolist() == [False, False, True, True]
    assert 0 < int(part["attained"].sel(regimen="long", interval=1)) < 4


# ---------------------------------------------------------------- ratios
def test_pairs_are_compared_with_themselves():
    """Truth: `scipy.stats.ttest_rel` on the logarithms of those with both values."""
    rng = np.random.default_rng(8)
    values = np.exp(rng.normal([[0.0], [0.2], [-0.4]], 0.3, (3, 30)) + rng.normal(0, 1.0, 30))
    values[1, :4] = np.nan
    values[0, 29] = np.nan
    found = xr.Dataset(
        {"AUC": (("regimen", "subject"), values, {"units": "mg/L * h"})}, {"regimen": ["a", "b", "c"]}
    )
    ratios = dl.forest(found, "AUC", along="regimen", reference="a", confidence=95)
    for at, pairs in ((1, 25), (2, 29)):
        both = ~np.isnan(values[at]) & ~np.isnan(values[0])
        truth = stats.ttest_rel(*np.log(values[[at, 0]][:, both]))
        low, high = truth.confidence_interval(0.95)
        one = ratios.isel(regimen=at)
        assert int(one["pairs"]) == both.sum() == pairs
        mean = np.log(values[at, both] / values[0, both]).mean()
        np.testing.assert_allclose(
            [one["ratio"], one["ratio_low"], one["ratio_high"]], np.exp([mean, low, high]), rtol=1e-12
        )
    assert ratios["subjects"].values.tolist() == [29, 26, 30]
    assert ratios["missing"].values.tolist() == [1, 4, 0]
    np.testing.assert_allclose(
        ratios["geometric_mean"], stats.gmean(values, axis=1, nan_policy="omit"), rtol=1e-13
    )
    for name, q in (("q5", 0.05), ("median", 0.5), ("q95", 0.95)):
        np.testing.assert_allclose(ratios[name], np.nanquantile(values, q, axis=1), rtol=1e-13)
    assert ratios["median"].attrs["units"] == "mg/L * h"
    reference = ratios.sel(regimen="a")
    assert float(reference["ratio"]) == 1.0
    assert np.isnan(reference["ratio_low"])


def test_groups_have_variances_of_their_own():
    """Truth: `scipy.stats.ttest_ind` without equal variances, on the logarithms."""
    rng = np.random.default_rng(9)
    values, weight = rng.lognormal(2.0, 0.4, 60), rng.uniform(40, 110, 60)
    values[weight > 80] *= np.exp(rng.normal(0, 1, (weight > 80).sum()))
    found = made(values, WT=weight)
    ratios = dl.forest(found, "AUC", along={"WT": [60, 80]}, reference="60 to 80")
    parts = [values[weight < 60], values[(weight >= 60) & (weight < 80)], values[weight >= 80]]
    for at in (0, 2):
        test = stats.ttest_ind(np.log(parts[at]), np.log(parts[1]), equal_var=False)
        ends = test.confidence_interval(0.90)
        one = ratios.isel(WT=at)
        np.testing.assert_allclose([one["ratio_low"], one["ratio_high"]], np.exp(ends), rtol=1e-12)
        assert float(one["ratio"]) == pytest.approx(stats.gmean(parts[at]) / stats.gmean(parts[1]), rel=1e-13)
    assert ratios["subjects"].values.tolist() == list(map(len, parts))
    assert "pairs" not in ratios


def test_the_food_effect_of_a_linear_model():
    """Truth: AUC = F dose / CL for each subject, F is 1 fed and 0.4 fasted: the ratio is 0.4, with no spread at all."""
    found = dl.exposure(
        ORAL,
        {"one": "100 mg every 12 h x 4", "two": "200 mg every 12 h x 4"},
        dl.cohort(WT=[50.0, 70.0, 100.0]),
        meal=["fed", "fasted"],
        formulation="capsule",
        intervals="last",
    )
    meals = dl.forest(found, ["steady_AUC", "steady_Cmax"], along="meal", reference="fed")
    assert meals["ratio"].dims == ("metric", "regimen", "meal")
    for name in ("ratio", "ratio_low", "ratio_high"):
        np.testing.assert_allclose(meals[name].sel(meal="fasted"), 0.4, rtol=1e-12)
    doubled = dl.forest(found, "steady_AUC", along="regimen", reference="two")
    np.testing.assert_allclose(doubled["ratio"].sel(regimen="one"), 0.5, rtol=1e-12)


def test_turning_the_reference_round_turns_the_ratio_round():
    """Truth: log(a/b) = -log(b/a), so that ends are swapped and inverted."""
    rng = np.random.default_rng(10)
    found = made(rng.lognormal(0, 0.5, 40), SEX=np.where(np.arange(40) < 15, "F", "M"))
    there = dl.forest(found, "AUC", along="SEX", reference="F").sel(SEX="M")
    back = dl.forest(found, "AUC", along="SEX", reference="M").sel(SEX="F")
    np.testing.assert_allclose(
        [there["ratio"], there["ratio_low"], there["ratio_high"]],
        [1 / back["ratio"], 1 / back["ratio_high"], 1 / back["ratio_low"]],
        rtol=1e-13,
    )


def test_one_subject_has_a_ratio_and_no_interval():
    found = xr.Dataset({"AUC": (("meal", "subject"), [[2.0], [3.0]])}, {"meal": ["fed", "fasted"]})
    one = dl.forest(found, "AUC", along="meal", reference="fed").sel(meal="fasted")
    assert float(one["ratio"]) == pytest.approx(1.5, rel=1e-15)
    assert np.isnan(one["ratio_low"])
    assert np.isnan(one["ratio_high"])
