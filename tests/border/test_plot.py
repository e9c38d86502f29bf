"""Pictures at the border: any Dataset of levels can be drawn, axes say what they show, and mistakes are explained."""

import sys
from subprocess import run

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

import doseline as dl
from doseline import plot
from doseline.errors import InputError
from doseline.scene import read_sweep

STEP_UP = "0.5 mg/kg/day in 2 doses for 4 weeks, then 1 mg/kg/day in 2 doses for 2 weeks"
REGIMENS = {
    "twice": "40 mg twice daily for 6 weeks",
    "step-up": STEP_UP,
    "once": "20 mg once daily for 6 weeks",
}


@pytest.fixture(scope="module")
def levels():
    people = dl.cohort(WT=[50.0, 60.0, 75.0, 90.0])
    return dl.simulate("isotretinoin", REGIMENS, people, meal=["fed", "fasted"], times="2 h")


@pytest.fixture(scope="module")
def single():
    return dl.simulate("isotretinoin", "80 mg once fed", times="0.5 h for 72 h")


def pictures(levels):
    table = dl.exposure(levels)
    yield plot.course_picture(levels)
    yield plot.meals_picture(levels)
    if any("subject" in value.dims or not value.dims for name, value in table.coords.items() if name == "WT"):
        yield plot.exposure_picture(table)


def drawn(figure):
    """Every text of a figure, after all of it has been drawn once."""
    FigureCanvasAgg(figure).draw()
    return " | ".join(text.get_text() for text in figure.findobj(lambda found: hasattr(found, "get_text")))


def ends(axes):
    """Legend and axes as boxes on the page."""
    FigureCanvasAgg(axes.figure).draw()
    return axes.get_legend().get_window_extent(), axes.get_window_extent()


CHOICES = {
    "everything": {},
    "one meal": {"meal": 1, "regimen": [2]},
    "one subject": {"subject": [2], "regimen": 0},
    "one line": {"regimen": 1, "meal": 0, "subject": 0},
    "a day only": {"time": slice(0, 13), "regimen": 2},
    "two times": {"time": slice(0, 2), "regimen": 0},
    "late times": {"time": slice(300, 420), "regimen": 1},
}


@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
def test_any_choice_can_be_drawn(levels, chosen):
    for figure in pictures(levels.isel(chosen)):
        told = drawn(figure)
        assert "(ng/mL)" in told or "(h·ng/mL)" in told or "no dosing interval is complete" in told


MODELS = {
    "single dose": ("isotretinoin", "80 mg once fed", {"times": "0.25 h for 72 h"}),
    "formulations": (
        "isotretinoin",
        {"a": "40 mg daily for 2 weeks", "b": "40 mg daily for 1 week", "c": "80 mg once"},
        {"times": "2 h", "formulation": ["generic", "lidose"], "meal": ["fed", "fasted"]},
    ),
    "no meals": ("one-compartment-oral", "100 mg every 12 h x 14", {"times": "1 h"}),
    "every other day": ("isotretinoin", "40 mg every other day for 8 weeks", {"times": "1 h"}),
    "a pause": ("isotretinoin", "40 mg twice daily for 2 weeks, then nothing for 8 weeks", {"times": "2 h"}),
    "weeks apart": ("isotretinoin", "40 mg daily for 8 weeks", {"times": "48 h"}),
    "times end early": ("isotretinoin", "40 mg twice daily for 8 weeks", {"times": "0.5 h for 5 h"}),
}


@pytest.mark.parametrize("asked", MODELS.values(), ids=MODELS)
def test_any_model_can_be_drawn(asked):
    model, regimens, how = asked
    for figure in pictures(dl.simulate(model, regimens, **how)):
        assert drawn(figure)


def test_a_bolus_into_the_blood(single):
    """Truth: a level that starts at its peak and falls to 1/37 of it fits on the semi-log axis, with room below."""
    time = single["time"].to_numpy()
    iv = single[["plasma", "dose_time", "doses_taken"]].drop_vars(("meal", "formulation", "WT"))
    iv["plasma"] = iv["plasma"].copy(data=np.exp(-0.05 * time)[None, :] * 500)
    axes = plot.course(iv, log=True)
    low, high = axes.get_ylim()
    assert high > 500
    assert low == pytest.approx(0.7 * 500 * np.exp(-3.6))


def test_axes_carry_names_and_units(levels):
    axes = plot.course(levels)
    assert axes.get_ylabel() == "isotretinoin in plasma (ng/mL)"
    assert axes.get_xlabel() == "time (weeks)"
    assert axes.get_xlim() == (0.0, 6.0)
    assert plot.course(levels, days=(1, 3)).get_xlabel() == "day of the course"
    assert plot.course(levels, days=(3, 3)).get_xlabel() == "hours from the start of day 3"
    assert plot.course(levels, output="oxo").get_ylabel() == "4-oxo-isotretinoin in plasma (ng/mL)"
    assert plot.course(levels.isel(time=slice(0, 145))).get_xlabel() == "time (days)"
    assert plot.course(levels.isel(time=slice(0, 40))).get_xlabel() == "time (hours)"


@pytest.mark.parametrize("log", [False, True])
def test_the_legend_covers_no_data(levels, log):
    shown = [
        plot.course(levels, log=log),
        plot.course(levels, days=(1, 2), log=log),
        plot.meals(levels, log=log),
    ]
    for axes in [*shown, plot.exposure(dl.exposure(levels), log=log)]:
        legend, panel = ends(axes)
        assert legend.y1 < panel.y0
        assert legend.y0 > 0


def test_one_line_for_each_regimen_and_meal(levels):
    """Truth: the lines of a zoom are the levels themselves."""
    axes = plot.course(levels, days=(2, 3), subject=1)
    lines = [line.get_ydata() for line in axes.get_lines() if len(line.get_xdata()) == 25]
    wanted = levels["plasma"].sel(subject=1, time=slice(24, 72)).to_numpy().reshape(6, -1)
    np.testing.assert_array_equal(lines, wanted)


def test_doses_are_marked_where_they_are_taken(levels):
    """Truth: two doses a day at 0 and 12 h, one at 0 h."""
    axes = plot.course(levels.isel(regimen=[0, 2]), days=(2, 3))
    marks = [line.get_xdata().tolist() for line in axes.get_lines() if line.get_marker() == "^"]
    assert marks == [[0.0, 12.0, 24.0, 36.0], [0.0, 24.0]]


def test_a_band_holds_every_level_of_its_day(levels):
    """Truth: highest and lowest level of each day, by xarray; the average lies between."""
    own = levels.sel(regimen="twice", meal="fed", subject=3)
    axes = plot.course(own)
    (band,) = axes.collections[-1:]
    edges = band.get_paths()[0].vertices[:, 1]
    per_day = own["plasma"].isel(time=slice(0, 504)).to_numpy().reshape(42, 12)
    assert set(np.round(per_day.max(axis=1), 9)) <= set(np.round(edges, 9))
    (line,) = (line for line in axes.get_lines() if len(line.get_ydata()) == 42)
    assert (line.get_ydata() <= per_day.max(axis=1)).all()
    # the trapezoid of a day ends at the next day's first level, which a mean of twelve values leaves out
    np.testing.assert_allclose(line.get_ydata()[7:], per_day[7:].mean(axis=1), rtol=2e-3)


def test_the_subject_of_median_weight_is_shown(levels):
    assert plot.course(levels.isel(subject=slice(0, 3))).get_title(loc="left").endswith("subject 2, 60 kg")
    assert plot.course(levels, subject="4").get_title(loc="left").endswith("subject 4, 90 kg")
    assert "subject 3" in plot.course(levels.drop_vars("WT")).get_title(loc="left")


def test_what_was_not_solved_is_said(levels):
    failed = levels.copy(deep=True)
    failed["plasma"][:, :, 1] = np.nan
    assert "subject 1" in plot.course(failed.isel(subject=slice(0, 3))).get_title(loc="left")
    failed["plasma"][0] = np.nan
    assert "twice (could not be solved)" in drawn(plot.course_picture(failed))
    failed["plasma"][:] = np.nan
    for figure in (
        plot.course_picture(failed),
        plot.meals_picture(failed),
        plot.exposure_picture(dl.exposure(failed)),
    ):
        assert "could not be solved" in drawn(figure) or "no dosing interval is complete" in drawn(figure)


def test_the_legend_of_meals_has_their_averages(levels):
    """Truth: in the steady state the average is the dose's AUC over the interval; here from `exposure`."""
    table = dl.exposure(levels).sel(regimen="once", subject=2).isel(interval=41)
    told = drawn(plot.meals(levels, regimen="once", subject=2).figure)
    for meal in ("fed", "fasted"):
        average = float(table["Cavg"].sel(meal=meal))
        shown = float(told.split(f"{meal}: ")[1].split(" ng/mL on average")[0])
        assert shown == pytest.approx(
            average, rel=0.02
        )  # linear here, logarithmic down there, points 2 h apart


def test_exposure_is_that_of_the_table(levels):
    """Truth: AUC of the last interval, scaled to 24 h because the regimens have 12 h and 24 h between doses."""
    table = dl.exposure(levels)
    axes = plot.exposure(table)
    assert axes.get_ylabel() == "AUC per 24 h (h·ng/mL)"
    assert axes.get_xlabel() == "body weight (kg)"
    lines = [line.get_ydata() for line in axes.get_lines()]
    twice, once = table["AUC"].sel(regimen="twice"), table["AUC"].sel(regimen="once")
    np.testing.assert_allclose(lines[0], 2 * twice.sel(meal="fed").isel(interval=83))
    np.testing.assert_allclose(lines[5], once.sel(meal="fasted").isel(interval=41))
    alone = plot.exposure(table.sel(regimen="twice"))
    assert alone.get_ylabel() == "AUC (h·ng/mL)"
    np.testing.assert_allclose(alone.get_lines()[0].get_ydata(), twice.sel(meal="fed").isel(interval=83))
    assert plot.exposure(table, metric="course_Cmax").get_ylabel() == "Cmax (ng/mL)"


def test_subjects_that_differ_in_more_than_one_covariate_are_points(levels):
    table = dl.exposure(levels).assign_coords(AGE=("subject", [20.0, 35.0, 18.0, 50.0], {"units": "year"}))
    axes = plot.exposure(table, against="AGE")
    assert axes.get_xlabel() == "age (year)"
    assert {line.get_linestyle() for line in axes.get_lines()} == {"None"}


@pytest.mark.parametrize(("scale", "most"), [(1.0, 1e3), (1e-12, 1e3), (1e9, 1e3)])
def test_semi_log_axes_keep_to_three_decades(levels, scale, most):
    """Truth: day 1 starts from nothing, which would stretch the axis by a dozen decades."""
    low, high = plot.course(
        levels.assign(plasma=(levels["plasma"] * scale).assign_attrs(levels["plasma"].attrs)), log=True
    ).get_ylim()
    assert 10 < high / low <= 2 * most
    assert high > float(levels["plasma"].sel(subject=2).max()) * scale


def test_it_draws_on_axes_of_the_user(levels):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert plot.course(levels, ax=axes) is axes
    assert plot.meals(levels, ax=axes) is axes
    assert plot.exposure(dl.exposure(levels), ax=axes) is axes


def test_more_regimens_than_fit_are_counted(single):
    many = dl.simulate(
        "isotretinoin", {f"r{k}": f"{k}0 mg daily for 1 week" for k in range(1, 9)}, times="2 h"
    )
    assert "(5 of 8 regimens)" in drawn(plot.course_picture(many))


def test_pictures_need_no_pyplot():
    code = (
        "import sys; from doseline import plot; "
        "sys.exit('matplotlib.pyplot' in sys.modules or 'doseline.simulation' in sys.modules)"
    )
    assert run([sys.executable, "-c", code], check=False).returncode == 0


MISTAKES = {
    "subject": (
        lambda levels: plot.course(levels, subject=7),
        "subject: unknown subject '7'\n  subjects: 1, 2, 3, 4",
    ),
    "output": (
        lambda levels: plot.course_picture(levels, output="plasm"),
        "output: unknown output 'plasm'\n  did you mean 'plasma'? outputs here: plasma, oxo",
    ),
    "days beyond": (
        lambda levels: plot.course(levels, days=(40, 43)),
        "days: found (40, 43)\n  the levels reach from day 1 to day 42: give first and last, in that order",
    ),
    "days turned round": (
        lambda levels: plot.course_picture(levels, days=(3, 1)),
        "days: found (3, 1)\n  the levels reach from day 1 to day 42: give first and last, in that order",
    ),
    "half days": (
        lambda levels: plot.course(levels, days=(1, 2.5)),
        "days: found (1, 2.5)\n  give the first and the last day, counted from 1: days=(1, 3)",
    ),
    "one day": (
        lambda levels: plot.course(levels, days=3),
        "days: found 3\n  give the first and the last day, counted from 1: days=(1, 3)",
    ),
    "covariate": (
        lambda levels: plot.exposure(dl.exposure(levels), against="wt"),
        "against: unknown covariate 'wt'\n  did you mean 'WT'? covariates: WT",
    ),
    "metric": (
        lambda levels: plot.exposure_picture(dl.exposure(levels), metric="Cmx"),
        "metric: unknown metric 'Cmx'\n  did you mean 'Cmax'? metrics: Cmax, Tmax, Cmin, Cavg, AUC, "
        "course_Cmax, course_Tmax, course_Cmin, course_Cavg, course_AUC",
    ),
    "levels for exposure": (
        lambda levels: plot.exposure(levels),
        "metric: unknown metric 'AUC'\n  give the Dataset from dl.exposure",
    ),
    "exposure for levels": (
        lambda levels: plot.course(dl.exposure(levels)),
        "levels: there are no levels over time\n  give the Dataset from dl.simulate",
    ),
    "one output": (
        lambda levels: plot.course(levels["plasma"]),
        "levels: there are no levels over time\n  give the Dataset from dl.simulate",
    ),
    "regimen": (
        lambda levels: plot.meals(levels, regimen="twic"),
        "regimen: unknown regimen 'twic'\n  did you mean 'twice'? known here: twice, step-up, once",
    ),
    "nothing positive": (
        lambda levels: plot.course(levels.assign(plasma=levels["plasma"] * 0), log=True),
        "log: no value is above 0\n  draw it with log=False",
    ),
    "not solved": (
        lambda levels: plot.course(levels.assign(plasma=levels["plasma"] * np.nan), subject=2),
        "plot: subject 2, 60 kg could not be solved\n"
        "  look at levels['status'], and at whether the times are close enough",
    ),
}


@pytest.mark.parametrize(("wrong", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told(levels, wrong, told):
    with xr.set_options(keep_attrs=True), pytest.raises(InputError) as caught:
        wrong(levels)
    assert str(caught.value) == told


def test_subjects_with_random_effects_are_not_joined():
    """Truth: a line says that nothing but the weight differs, and here the clearance does too."""
    model = dl.load_model("one-compartment-oral")
    for chosen, joined in ((model, True), (model.edit(variability={"CL": "30 %"}), False)):
        people = dl.cohort(WT=[50, 60, 70], seed=7)
        levels = dl.simulate(chosen, "20 mg daily for 2 days", people, times="2 h")
        assert read_sweep(dl.exposure(levels), metric="AUC", against="WT").joined is joined
