"""Pictures of sensitivities show the numbers of their Datasets."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import doseline as dl
from doseline.errors import InputError
from doseline.sensitivity_plot import bars, effects, tornado

MODEL = "one-compartment-oral"
OVER = {"CL": "30 %", "KA": (0.3, 1.8), "V": "20 %"}
BOTH = {"once": "100 mg once", "twice": "50 mg every 12 h x 2"}


@pytest.fixture(scope="module")
def local():
    return dl.sensitivity(MODEL, "100 mg once", over=OVER, metric=["Cmax", "AUC"])


@pytest.fixture(scope="module")
def shares():
    pytest.importorskip("SALib")
    return dl.sensitivity(MODEL, "100 mg once", over=OVER, metric="Cmax", method="sobol", samples=64, seed=1)


@pytest.fixture(scope="module")
def morris():
    pytest.importorskip("SALib")
    return dl.sensitivity(MODEL, BOTH, over=OVER, metric="Cmax", method="morris", samples=8, seed=1)


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_tornado_has_the_strongest_on_top(local):
    axes = local.pk.plot()
    change = 100 * (local[["value_low", "value_high"]] / local["value"] - 1).sel(metric="Cmax")
    size = np.maximum(abs(change["value_low"]), abs(change["value_high"]))
    order = [str(name) for name in size.sortby(size, ascending=False)["parameter"].values]
    assert [name.split(":")[0] for name in names(axes)] == order
    assert "CL: 10.5 to 19.5 L/h" in names(axes)
    widths = [patch.get_width() for patch in axes.patches]
    truth = [change[f"value_{end}"].sel(parameter=name).item() for end in ("low", "high") for name in order]
    np.testing.assert_allclose(widths, truth, atol=1e-12)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_xlabel() == "change of Cmax (%)"
    assert axes.get_title(loc="left").startswith("Highest level (Cmax) in the last dosing interval: 0.")


def test_metrics_are_chosen_by_name(local):
    assert local.pk.plot("AUC").get_xlabel() == "change of AUC (%)"
    assert tornado(local.sel(metric="AUC")).get_xlabel() == "change of AUC (%)"
    assert len(names(tornado(local, most=2))) == 2
    assert "without 1 that does less" in tornado(local, most=2).get_title(loc="left").replace("\n", " ")


def test_bars_are_indices_with_intervals(shares):
    axes = shares.pk.plot()
    order = [name.split(":")[0] for name in names(axes)]
    for first, name in ((0, "S1"), (3, "ST")):
        widths = [patch.get_width() for patch in axes.patches[first : first + 3]]
        np.testing.assert_allclose(widths, shares[name].sel(parameter=order))
    assert legend(axes)[-1] == "interval of 95 %"
    low = [segment[0][0] for segment in axes.collections[1].get_segments()]
    np.testing.assert_allclose(low, shares["ST_low"].sel(parameter=order))


def test_effects_are_points(morris):
    axes = morris.pk.plot()
    points = np.concatenate([line.get_xydata() for line in axes.lines])
    for regimen in BOTH:
        own = np.column_stack([morris[name].sel(regimen=regimen) for name in ("mu_star", "sigma")])
        distance = np.abs(points[:, None] - own[None]).sum(axis=-1).min(axis=0)
        assert (distance < 1e-12).all()
    assert legend(axes)[-2:] == ["once", "twice"]
    assert {"CL", "KA", "V"} & {text.get_text() for text in axes.texts}


def test_several_rows_are_told_apart():
    found = dl.sensitivity(MODEL, BOTH, over=OVER, metric="Cmax", meal=["fed", "fasted"])
    axes = found.pk.plot()
    assert legend(axes)[2:] == ["once, fed", "once, fasted", "twice, fed", "twice, fasted"]
    assert len(axes.patches) == 2 * 4 * 3
    assert len({patch.get_facecolor() for patch in axes.patches}) == 8


def test_axes_of_ones_own(local):
    axes = Figure().add_subplot()
    assert local.pk.plot(ax=axes) is axes


def test_what_pictures_refuse(local, shares):
    with pytest.raises(InputError) as error:
        bars(local)
    assert str(error.value) == "bars: there is no 'ST' in it\n  draw it with tornado"
    with pytest.raises(InputError, match="tornado: there is no 'elasticity' in it"):
        tornado(shares)
    with pytest.raises(InputError, match=r"give the Dataset from dl\.sensitivity"):
        effects(dl.simulate(MODEL, "100 mg once", times="6 h"))
    with pytest.raises(InputError) as error:
        local.pk.plot(log=True)
    assert str(error.value) == (
        "plot: band, window, log, days and doses are for levels over time\n"
        "  a picture of a sensitivity takes the metric and ax"
    )
    with pytest.raises(InputError, match="unknown metric 'Cmin'"):
        local.pk.plot("Cmin")
    flat = local.assign(value=local["value"] * 0.0)
    with pytest.raises(InputError, match="'Cmax' is 0, and changes are drawn in percent of it"):
        tornado(flat)
