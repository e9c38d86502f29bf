"""What `attainment` and `forest` take, what they say to anything else, and what a forest plot shows."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import doseline as dl
from doseline.errors import InputError, UnitError
from doseline.forest_plot import ratios as plot


@pytest.fixture(scope="module")
def found():
    """Four subjects under two regimens; the last has no value."""
    values = np.array([[1.0, 2.0, 3.0, np.nan], [2.0, 3.0, 8.0, np.nan]])
    return xr.Dataset(
        {
            "AUC": (("regimen", "subject"), values, {"units": "ng/mL * h"}),
            "Cmin": (("regimen", "subject"), values - 1.0, {"units": "ng/mL"}),
            "none": (("regimen", "subject"), values * np.nan),
            "endless": (("regimen", "subject"), np.where(values == 3.0, np.inf, values)),
            "word": ("subject", ["a", "b", "c", "d"]),
            "course_end": ("regimen", [24.0, 48.0]),
        },
        {
            "regimen": ["low", "high"],
            "subject": [1, 2, 3, 4],
            "SEX": ("subject", ["F", "F", "M", "M"]),
            "WT": ("subject", [50.0, 60.0, 70.0, 80.0]),
            "AGE": ("subject", [20.0, np.nan, 40.0, 50.0]),
        },
    )


HERE = "metrics here: AUC, Cmin, none, endless"
BOTH = [
    ({"found": None}, "found: found NoneType\n  give the whole Dataset from dl.exposure; xr.open_dataset(path) reads "
     "one from a file"),
    ({"metric": "AUCC"}, f"metric: unknown metric 'AUCC'\n  did you mean 'AUC'? {HERE}"),
    ({"metric": "course_end"}, f"metric: 'course_end' has no dimension 'subject'\n  {HERE}"),
    ({"metric": "word"}, f"metric: 'word' does not hold numbers\n  {HERE}"),
    ({"metric": "none"}, "metric: 'none' has no value for anybody\n"
     "  look at found['status'], and at whether intervals are complete"),
    ({"confidence": 0.95}, "confidence: found 0.95\n  expected percent, from 1 to below 100: confidence=95"),
    ({"confidence": 100}, "confidence: found 100\n  expected percent, from 1 to below 100: confidence=95"),
    ({"confidence": True}, "confidence: found True\n  expected percent, from 1 to below 100: confidence=95"),
]  # fmt: skip
PROBABILITY = [
    ({"target": float("nan")}, "target: found nan\n  expected finite numbers in ng/mL * h"),
    ({"target": "many"}, "target: found 'many'\n  expected a number and a unit, such as '1 ng/mL * h'"),
    ({"target": []}, "target: there are none\n  give at least one, such as '1 ng/mL * h'"),
    ({"target": [1.0, 2.0, 1]}, "target: 1.0 is there twice\n  give each target once"),
    ({"target": [1.0, None]}, "target 2: found None (NoneType)\n  expected numbers in ng/mL * h, or a text such as "
     "'1 ng/mL * h'"),
    ({"target": [[1.0, 2.0]]}, "target 1: found [1.0, 2.0]\n  give one number, or a text such as '1 ng/mL * h'"),
    ({"target": (1.0, 2.0)}, "target: found (1.0, 2.0), with compare='>='\n"
     "  of a range say compare='within'; several targets are a list"),
    ({"target": 1.0, "compare": "within"}, "target: found 1.0, with compare='within'\n"
     "  give both ends, the lower one first: (1, 2) or ('1 ng/mL * h', '2 ng/mL * h')"),
    ({"target": {"a": (3, 2)}, "compare": "within"}, "target 'a': found (3, 2), which goes down\n"
     "  give the lower end first"),
    ({"compare": "withn"}, "compare: unknown comparison 'withn'\n"
     "  did you mean 'within'? comparisons: >=, >, <=, <, within"),
    ({"method": "wilsom"}, "method: unknown method 'wilsom'\n"
     "  did you mean 'wilson'? methods: clopper-pearson, wilson"),
    ({"method": ["wilson"]}, "method: unknown method ['wilson']\n"
     "  did you mean 'wilson'? methods: clopper-pearson, wilson"),
    ({"by": "SEXE"}, "by: the cohort has no SEXE\n  did you mean 'SEX'? it has: SEX, WT, AGE"),
    ({"by": {"WT": [40, 60]}}, "by WT: nobody is in the group 'below 40'\n"
     "  WT goes from 50 to 80: part groups between these"),
    ({"by": {"AGE": [30]}}, "by AGE: AGE is NaN for subject 2\n"
     "  leave them out: found.sel(subject=found['AGE'].notnull())"),
]  # fmt: skip
RATIO = [
    ({"along": "regime"}, "along: found 'regime'\n  did you mean 'regimen'? dimensions and covariates here: regimen, "
     "SEX, WT, AGE\n  give one of them; numbers part at edges, as in along={'WT': [60, 80]}"),
    ({"along": "subject"}, "along: found 'subject'\n  dimensions and covariates here: regimen, SEX, WT, AGE\n"
     "  give one of them; numbers part at edges, as in along={'WT': [60, 80]}"),
    ({"reference": "lo"}, "reference: unknown reference 'lo'\n  did you mean 'low'? regimen here: low, high"),
    ({"along": {"WT": [90]}, "reference": "below 90"}, "along WT: nobody is in the group '90 and above'\n"
     "  WT goes from 50 to 80: part groups between these"),
    ({"along": {"SEX": [1]}, "reference": "F"}, "along SEX: found [1], and SEX has words\n"
     "  give its name alone: along='SEX'"),
    ({"metric": "Cmin"}, "metric: 'Cmin' is 0 for a subject in 'low'\n"
     "  ratios need finite values above 0: choose another metric, or leave those subjects out"),
    ({"metric": "endless"}, "metric: 'endless' is inf for a subject in 'low'\n"
     "  ratios need finite values above 0: choose another metric, or leave those subjects out"),
    ({"metric": []}, "metric: there are none\n  give one, such as 'AUC', or a list"),
    ({"metric": ["AUC", "AUC"]}, "metric: found ['AUC', 'AUC']\n  give each metric once"),
    ({"along": {"WT": [80]}, "reference": "80 and above"}, "reference: 'AUC' has no value for anybody in "
     "'80 and above'\n  choose another reference"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BOTH + PROBABILITY, ids=range(len(BOTH + PROBABILITY)))
def test_what_attainment_refuses(given, message, found):
    arguments = {"found": found, "metric": "AUC", "target": 2.0} | given
    with pytest.raises(InputError) as caught:
        dl.attainment(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(("given", "message"), BOTH + RATIO, ids=range(len(BOTH + RATIO)))
def test_what_forest_refuses(given, message, found):
    arguments = {"found": found, "metric": "AUC", "along": "regimen", "reference": "low"} | given
    with pytest.raises(InputError) as caught:
        dl.forest(arguments.pop("found"), arguments.pop("metric"), **arguments)
    assert str(caught.value) == message


def test_a_target_in_another_unit_is_refused(found):
    with pytest.raises(UnitError) as caught:
        dl.attainment(found, "AUC", {"low": "300 ng/mL"})
    assert str(caught.value) == (
        "target 'low': '300 ng/mL' is mass / volume\n"
        "  expected mass * time / volume, in a unit such as ng/mL * h"
    )
    with pytest.raises(UnitError, match="unknown unit 'ngg'"):
        dl.attainment(found, "AUC", "300 ngg")


def test_a_dataset_without_subjects(found):
    lone = found.isel(subject=0)
    message = (
        "found: nothing in this Dataset has a dimension 'subject'\n"
        "  give the Dataset from dl.exposure; .isel(subject=[0]) keeps the dimension where one is chosen"
    )
    for call in (
        lambda: dl.attainment(lone, "AUC", 1.0),
        lambda: dl.forest(lone, "AUC", along="regimen", reference="low"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == message
    assert int(dl.attainment(found.isel(subject=[0]), "AUC", 2.0).sel(regimen="high")["attained"]) == 1


def test_a_reference_that_stands_alone(found):
    with pytest.raises(InputError) as caught:
        dl.forest(found.isel(regimen=[0]), "AUC", along="regimen", reference="low")
    assert str(caught.value) == (
        "reference: there is only 'low', and nothing to compare it with\n"
        "  give a Dataset with several along regimen"
    )


def test_a_cell_without_anybody_has_no_probability(found):
    """Of two covariates some combinations may be empty: nobody under 65 kg is a man here."""
    part = dl.attainment(found, "AUC", 2.0, by={"SEX": None, "WT": [65]}).sel(SEX="M", WT="below 65")
    assert part["subjects"].values.tolist() == [0, 0]
    for name in ("probability", "low", "high"):
        assert np.isnan(part[name]).all()


def test_results_of_either_can_be_kept_in_a_file(found, tmp_path):
    for at, result in enumerate(
        (
            dl.attainment(found, "AUC", {"low": 1.0, "high": 2.0}, by="SEX"),
            dl.forest(found, ["AUC"], along="regimen", reference="low"),
        )
    ):
        path = tmp_path / f"{at}.nc"
        result.to_netcdf(path, engine="h5netcdf")
        with xr.open_dataset(path, engine="h5netcdf") as again:
            xr.testing.assert_equal(again.load(), result)
            assert again.attrs["confidence"] == result.attrs["confidence"]
    assert plot(again).get_xlabel() == "ratio to low"


# ---------------------------------------------------------------- pictures
@pytest.fixture(scope="module")
def both(found):
    return dl.forest(found.assign(Cmax=found["AUC"] * 2), ["AUC", "Cmax"], along="regimen", reference="low")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_a_forest_plot_shows_the_numbers(both):
    """Truth: the Dataset; the ratio is that of geometric means, (2 3 8 / 1 2 3)^(1/3) = 2."""
    axes = both.pk.plot("AUC")
    lines = [line.get_xydata() for line in axes.lines]
    one = both.sel(metric="AUC", regimen="high")
    np.testing.assert_allclose(lines[1][:, 0], [one["ratio_low"], one["ratio_high"]])
    np.testing.assert_allclose(lines[2][:, 0], [2.0])
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["high"]
    assert "3" in texts(axes)
    assert any(text.startswith("2.00 (") for text in texts(axes))
    assert "ratio (90 % interval)" in texts(axes)
    shade = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    np.testing.assert_allclose([shade.x0, shade.x1], [0.8, 1.25], rtol=1e-9)
    low, high = axes.get_xlim()
    assert low < min(0.8, float(one["ratio_low"]))
    assert high > float(one["ratio_high"])


def test_metrics_stand_below_each_other(both):
    axes = both.pk.plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["high", "high"]
    assert {"AUC", "Cmax"} <= set(texts(axes))
    assert axes.get_title(loc="left").startswith("AUC, Cmax: ratio to low")
    assert len(plot(both, shade=None).patches) == 0


def test_groups_are_named_with_their_covariate(found):
    axes = dl.forest(found, "AUC", along="SEX", reference="F").pk.plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["low, SEX M", "high, SEX M"]
    assert axes.get_xlabel() == "ratio to SEX F"
    assert "1, 2" in texts(axes)


def test_axes_of_ones_own(both):
    axes = Figure().add_subplot()
    assert both.pk.plot(ax=axes) is axes


def test_what_forest_plots_refuse(both, found):
    refused = [
        (lambda: plot(found), "forest: there are no ratios in it\n  give the Dataset from dl.forest"),
        (lambda: plot(both, metric="AUCC"), "metric: unknown metric 'AUCC'\n"
         "  did you mean 'AUC'? known here: AUC, Cmax"),
        (lambda: plot(both, shade=(1.25, 0.8)), "shade: found (1.25, 0.8)\n"
         "  give two ratios above 0: shade=(0.8, 1.25)"),
        (lambda: plot(both.sel(regimen=["low"])), "forest: there is no ratio to draw\n"
         "  look at ratios['subjects'] and ['missing']"),
        (lambda: plot(both.expand_dims(replicate=np.arange(30))), 
         "forest: there are 60 ratios, and a picture holds 40\n  choose some: .sel(regimen=...), .isel(interval=-1)"),
        (lambda: both.pk.plot(log=True), "plot: band, window, log, days and doses are for levels over time\n"
         "  a picture of a forest takes the metric and ax"),
    ]  # fmt: skip
    for call, message in refused:
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == message
