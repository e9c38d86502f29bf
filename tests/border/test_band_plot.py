"""Pictures of many subjects: lines and bands are the quantiles of the levels, and the picture says what it shows."""

import sys
from subprocess import run

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import doseline as dl
from doseline import plot
from doseline.errors import InputError

WT = [42.0, 50.0, 58.0, 66.0, 75.0, 84.0, 90.0, 110.0]


@pytest.fixture(scope="module")
def levels():
    regimens = {"twice": "40 mg twice daily for 4 weeks", "once": "20 mg once daily for 4 weeks"}
    return dl.simulate("isotretinoin", regimens, dl.cohort(WT=WT), meal=["fed", "fasted"], times="2 h")


@pytest.fixture(scope="module")
def single():
    levels = dl.simulate("isotretinoin", "80 mg once fed", dl.cohort(WT=WT), times="0.5 h for 72 h")
    told = {"units": "ng/mL", "long_name": "typical prediction"}
    return levels.assign(plasma_typical=(levels["plasma"].dims, 0.9 * levels["plasma"].data, told))


def fills(axes):
    """Lower and upper edge of each band, in the order in which they were drawn."""
    found = []
    for band in axes.collections:
        if isinstance(band, PolyCollection):
            x, y = band.get_paths()[0].vertices.T
            at = np.unique(x)
            found.append(
                (np.array([y[x == each].min() for each in at]), np.array([y[x == each].max() for each in at]))
            )
    return found


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def lines(axes, count):
    return [line.get_ydata() for line in axes.get_lines() if len(line.get_xdata()) == count]


def test_line_and_band_are_quantiles(single):
    """Truth: numpy.quantile of the levels; the typical prediction is that of the subject in the middle."""
    axes = single.pk.plot(band=(10, 90))
    middle, typical = lines(axes, 145)
    np.testing.assert_allclose(middle, np.quantile(single["plasma"], 0.5, axis=0), rtol=1e-14)
    np.testing.assert_allclose(typical, 0.9 * middle, rtol=1e-14)
    ((low, high),) = fills(axes)
    np.testing.assert_allclose(low, np.quantile(single["plasma"], 0.1, axis=0), rtol=1e-14)
    np.testing.assert_allclose(high, np.quantile(single["plasma"], 0.9, axis=0), rtol=1e-14)
    assert legend(axes) == [
        "line and band: median and 10 % to 90 % of the subjects",
        "typical prediction, without random effects",
        "dose",
    ]


def test_a_colour_for_each_regimen_and_a_style_for_each_meal(levels):
    axes = levels.pk.plot(days=(26, 28))
    expected = np.quantile(levels["plasma"].sel(time=slice(600, 672)), 0.5, axis=2).reshape(4, -1)
    drawn = [line for line in axes.get_lines() if line.get_linewidth() > 1 and len(line.get_xdata()) == 37]
    np.testing.assert_allclose([line.get_ydata() for line in drawn], expected, rtol=1e-14)
    assert len({line.get_linestyle() for line in drawn}) == 2
    assert len({line.get_color() for line in drawn}) == 4
    assert legend(axes)[:4] == ["twice", "once", "fed", "fasted"]
    assert len(fills(axes)) == 4
    assert fills(levels.pk.plot(days=(26, 28), band=None)) == []


def test_a_long_course_is_condensed_to_days(levels):
    """Truth: the paler band holds the lowest 5 % and the highest 95 % of each day, by numpy; averages lie inside."""
    own = levels.sel(regimen="twice", meal="fed")
    axes = own.pk.plot()
    quantiles = np.quantile(own["plasma"], [0.05, 0.5, 0.95], axis=0)
    days = quantiles[:, :336].reshape(3, 28, 12)
    (lowest, highest), (low, high) = fills(axes)
    np.testing.assert_allclose(lowest[:-1], days[0].min(axis=1)[:-1], rtol=1e-14)
    np.testing.assert_allclose(highest[:-1], days[2].max(axis=1)[:-1], rtol=1e-14)
    (middle,) = lines(axes, 28)
    # the trapezoid of a day ends at the next day's first level, which a mean of twelve values leaves out
    np.testing.assert_allclose(middle[7:], days[1, 7:].mean(axis=1), rtol=2e-3)
    np.testing.assert_allclose(low[7:], days[0, 7:].mean(axis=1), rtol=2e-3)
    np.testing.assert_allclose(high[7:], days[2, 7:].mean(axis=1), rtol=2e-3)
    assert legend(axes)[:2] == [
        "line and band: median and 5 % to 95 % of the subjects, averaged over each day",
        "pale: from the lowest 5 % to the highest 95 % within each day",
    ]
    # several regimens have no paler bands, which would cover each other
    assert len(fills(levels.pk.plot())) == 4


def test_axes_say_what_they_show(levels, single):
    axes = levels.pk.plot("oxo", log=True)
    assert axes.get_ylabel() == "4-oxo-isotretinoin in plasma (ng/mL)"
    assert axes.get_xlabel() == "time (days)"
    assert axes.get_title(loc="left") == "4-oxo-isotretinoin in plasma: 8 subjects"
    assert axes.get_yscale() == "log"
    alone = single.pk.plot()
    assert alone.get_title(loc="left") == "Isotretinoin in plasma: 8 subjects\n80 mg once fed"
    assert (
        single.isel(subject=2).pk.plot().get_title(loc="left").startswith("Isotretinoin in plasma: subject 3")
    )
    assert fills(single.isel(subject=2).pk.plot()) == []


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("window", [(100, 400), (390, 391), (3000, 9000), (0, 50)])
def test_the_window_is_seen_and_named(single, log, window):
    """Truth: some of the window lies inside the axis, as does every level on a linear one."""
    axes = single.pk.plot(window=window, log=log)
    low, high = axes.get_ylim()
    assert low < window[1]
    assert window[0] < high
    assert high > np.quantile(single["plasma"], 0.95, axis=0).max()
    assert f"therapeutic window, {window[0]:,} to {window[1]:,} ng/mL" in legend(axes)
    ends = [text for text in axes.texts if text.get_text() in (f"{window[0]:,}", f"{window[1]:,}")]
    assert ends
    FigureCanvasAgg(axes.figure).draw()
    boxes = [text.get_window_extent() for text in ends]
    assert all(box.x0 > axes.get_window_extent().x1 and box.x1 < axes.figure.bbox.x1 for box in boxes)
    assert len(boxes) < 2 or not boxes[0].overlaps(boxes[1])


@pytest.mark.parametrize("log", [False, True])
def test_the_legend_covers_no_data(levels, single, log):
    for axes in (
        levels.pk.plot(log=log),
        single.pk.plot(log=log, window=(100, 400)),
        single.pk.plot(doses=False),
    ):
        FigureCanvasAgg(axes.figure).draw()
        box, panel = axes.get_legend().get_window_extent(), axes.get_window_extent()
        assert box.y1 < panel.y0
        assert box.y0 > 0
        assert box.x1 < axes.figure.bbox.x1


def test_doses_are_marked_where_the_regimen_has_them(levels):
    marks = [
        line.get_xdata().tolist()
        for line in levels.pk.plot(days=(2, 3)).get_lines()
        if line.get_marker() == "^"
    ]
    assert marks == [[0.0, 12.0, 24.0, 36.0], [0.0, 24.0]]
    without = levels.pk.plot(days=(2, 3), doses=False)
    assert not [line for line in without.get_lines() if line.get_marker() == "^"]
    assert "dose" not in legend(without)


def test_replicates_are_drawn_together(single):
    """Truth: numpy.quantile of all rows."""
    values = np.stack([single["plasma"], 1.2 * single["plasma"], 0.7 * single["plasma"]])
    many = single.drop_vars("plasma_typical").assign(
        plasma=(("replicate", "subject", "time"), values, single["plasma"].attrs)
    )
    axes = many.pk.plot()
    (middle,) = lines(axes, 145)
    np.testing.assert_allclose(middle, np.quantile(values, 0.5, axis=(0, 1)), rtol=1e-14)
    assert axes.get_title(loc="left").startswith(
        "Isotretinoin in plasma: 8 subjects in 3 replicates, all together"
    )


def test_who_could_not_be_solved_is_said(single, levels):
    failed = single.copy(deep=True)
    failed["plasma"][[1, 4]] = np.nan
    axes = failed.pk.plot()
    assert axes.get_title(loc="left").startswith("Isotretinoin in plasma: 8 subjects; 2 could not be solved")
    rest = np.delete(single["plasma"].to_numpy(), [1, 4], axis=0)
    np.testing.assert_allclose(lines(axes, 145)[0], np.quantile(rest, 0.5, axis=0), rtol=1e-14)
    some = levels.copy(deep=True)
    some["plasma"][0, 0, 1] = np.nan
    some["plasma"][1] = np.nan
    axes = some.pk.plot()
    assert axes.get_title(loc="left") == "Isotretinoin in plasma: 8 subjects; up to 8 could not be solved"
    assert "once (could not be solved)" in legend(axes)


def test_event_tables_on_a_grid_can_be_drawn():
    """Truth: levels of an event table have subjects and times, and no regimens."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"ID": [1, 2, 3], "TIME": 0, "EVID": 1, "AMT": [50, 100, 200], "CMT": 1, "WT": 70})
    levels = dl.simulate("one-compartment-oral", dl.read_records(frame), times="1 h for 24 h")
    (middle,) = lines(levels.pk.plot(), 25)
    np.testing.assert_array_equal(middle, levels["plasma"].sel(subject=2))


CHOICES = {
    "one meal": {"meal": 1, "regimen": [1]},
    "one subject": {"subject": [2], "regimen": 0},
    "one line": {"regimen": 1, "meal": 0, "subject": 0},
    "a day only": {"time": slice(0, 13), "regimen": 1},
    "one time": {"time": [5]},
    "late times": {"time": slice(100, 220), "regimen": 1},
}


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
def test_any_choice_can_be_drawn(levels, chosen, log):
    axes = levels.isel(chosen).pk.plot(log=log, window=(100, 400))
    FigureCanvasAgg(axes.figure).draw()
    assert axes.get_ylabel() == "isotretinoin in plasma (ng/mL)"


def test_it_draws_on_axes_of_the_user(levels):
    axes = Figure().add_subplot()
    assert levels.pk.plot(ax=axes) is axes


def test_pictures_need_no_pyplot():
    code = "import sys; from doseline import band_plot; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


PERCENTAGES = "give percentages on both sides of the median, such as band=(5, 95), or None for no band"
ENDS = "give its two ends in the unit of the output, the lower one first: window=(100, 400)"
MISTAKES = {
    "band turned round": ({"band": (95, 5)}, f"band: found (95, 5)\n  {PERCENTAGES}"),
    "parts of one": ({"band": (0.05, 0.95)}, f"band: found (0.05, 0.95)\n  {PERCENTAGES}"),
    "one number": ({"band": 90}, f"band: found 90\n  {PERCENTAGES}"),
    "three numbers": ({"band": (5, 50, 95)}, f"band: found (5, 50, 95)\n  {PERCENTAGES}"),
    "window turned round": ({"window": (400, 100)}, f"window: found (400, 100)\n  {ENDS}"),
    "negative window": ({"window": (-1, 100)}, f"window: found (-1, 100)\n  {ENDS}"),
    "open window": ({"window": (100, None)}, f"window: found (100, None)\n  {ENDS}"),
    "no numbers": ({"window": ("100", "400")}, f"window: found ('100', '400')\n  {ENDS}"),
    "days": (
        {"days": (28, 29)},
        "days: found (28, 29)\n  the levels reach from day 1 to day 28: give first and last, in that order",
    ),
    "output": (
        {"output": "plasm"},
        "output: unknown output 'plasm'\n  did you mean 'plasma'? outputs here: plasma, oxo",
    ),
}


@pytest.mark.parametrize(("wrong", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told(levels, wrong, told):
    with pytest.raises(InputError) as caught:
        levels.pk.plot(**wrong)
    assert str(caught.value) == told


def test_what_cannot_be_drawn_is_told(levels):
    nothing = levels.copy(deep=True)
    nothing["plasma"][:] = 0.0
    with pytest.raises(InputError, match="no value is above 0"):
        nothing.pk.plot(log=True)
    nothing["plasma"][:] = np.nan
    with pytest.raises(InputError, match="plot: there are no levels of 8 subjects; 8 could not be solved"):
        nothing.pk.plot()
    with pytest.raises(InputError, match="there are no levels over time"):
        dl.exposure(levels).pk.plot()
    with pytest.raises(InputError, match="no times in these days"):
        levels.isel(time=[0, 300]).pk.plot(days=(3, 4))


def test_pictures_of_one_subject_name_the_way_out(levels):
    many = xr.concat([levels["plasma"]] * 2, "replicate").assign_attrs(levels["plasma"].attrs)
    told = (
        "levels: there are 2 replicates, and this picture shows one\n  choose one with .isel(replicate=0), "
    )
    for draw in (plot.course, plot.meals, plot.course_picture, plot.meals_picture):
        with pytest.raises(InputError) as caught:
            draw(levels.assign(plasma=many))
        assert str(caught.value) == told + "or draw all of them with levels.pk.plot()"
    table = dl.exposure(levels.assign(plasma=many))
    for draw in (plot.exposure, plot.exposure_picture):
        with pytest.raises(InputError) as caught:
            draw(table)
        assert str(caught.value) == told + "or sum them up with table.pk.bands(over=['subject', 'replicate'])"


def test_a_dimension_that_no_picture_shows(levels):
    with pytest.raises(InputError) as caught:
        plot.course(levels.pk.bands())
    assert str(caught.value) == (
        "levels: there are 3 quantiles, and this picture shows one\n  choose one with .isel(quantile=0)"
    )
    for bands in (levels.pk.bands(), levels.pk.bands().sel(quantile=50)):
        assert bands.pk.plot().get_title(loc="left").startswith("Isotretinoin in plasma: 8 subjects")
    with pytest.raises(InputError, match="these bands have no quantile 10 %"):
        levels.pk.bands().pk.plot(band=(10, 90))


def test_missed_doses_are_not_marked(single, levels):
    """Truth: doses at 0, 12, 24 and 36 h, of which the second is missed and the last is an hour late."""
    dims = ("regimen", "subject", "dose")
    shape = (2, 8, levels.sizes["dose"])
    taken = np.ones(shape, bool)
    taken[0, 2, 1] = False
    at = np.broadcast_to(levels["dose_time"].to_numpy()[:, None], shape).copy()
    at[0, 2, 3] += 1.0
    own = levels.assign(dose_taken=(dims, taken), dose_taken_at=(dims, at))
    axes = plot.course(own, subject=3, days=(1, 2))
    marks = [line.get_xdata().tolist() for line in axes.get_lines() if line.get_marker() == "^"]
    assert marks == [[0.0, 24.0, 37.0], [0.0, 24.0]]
