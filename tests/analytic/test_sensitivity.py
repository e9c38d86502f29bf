"""Sensitivities of exposure against closed forms.

Truth: Bateman's function for one compartment, its peak and its area, differentiated by mpmath at 50 digits. Doses add
up: the area of the last of n equal intervals is that of a single dose until n intervals after it, and F dose / CL once
levels have settled. Variances of products of independent factors are products of moments.

Metrics are found while solving, to 1e-12, and nine points 2 % apart lose less than 1e-11 of what is as smooth as this:
elasticities hold 1e-10 of the closed form of the same course.
"""

import mpmath
import numpy as np
import pytest
import xarray as xr

import doseline as dl

MODEL, STEADY = "one-compartment-oral", "100 mg every 12 h x 20"
BASE = {"CL": 15, "F": 1, "KA": 0.9, "V": 200}
SETTLED = 4e-7
"""With KE = 0.075 / h the area of the 20th interval lacks KA / (KA - KE) exp(-18), 1.7e-8, of its settled value, and
its elasticities are off by up to 18 times that."""


def rates(changes):
    """KA, KE, and F dose / V of 100 mg."""
    own = {**{name: mpmath.mpf(value) for name, value in BASE.items()}, **changes}
    return own["KA"], own["CL"] / own["V"], own["F"] * 100 / own["V"]


def area(until=240, **changes):
    """Under Bateman's function, until a time [h]: with doses every 12 h, of the interval that ends there."""
    ka, ke, c = rates(changes)
    return c * ka / (ka - ke) * (-mpmath.expm1(-ke * until) / ke + mpmath.expm1(-ka * until) / ka)


def peak_time(**changes):
    ka, ke, _ = rates(changes)
    return mpmath.log(ka / ke) / (ka - ke)


def peak(**changes):
    ka, ke, c = rates(changes)
    t = peak_time(**changes)
    return c * ka / (ka - ke) * (mpmath.exp(-ke * t) - mpmath.exp(-ka * t))


def elasticities(metric):
    """Of a closed form, for each parameter."""
    with mpmath.workdps(50):
        slopes = {
            name: mpmath.diff(lambda x, name=name: metric(**{name: x}), mpmath.mpf(value))
            for name, value in BASE.items()
        }
        return [float(slopes[name] * value / metric()) for name, value in BASE.items()]


def test_elasticities_of_the_area():
    found = dl.sensitivity(MODEL, STEADY, over=list(BASE), metric="AUC")
    np.testing.assert_allclose(found["elasticity"], elasticities(area), atol=1e-10)
    np.testing.assert_allclose(found["elasticity"], [-1.0, 1.0, 0.0, 0.0], atol=SETTLED)
    np.testing.assert_allclose(found["value"], float(area()), rtol=1e-12)
    np.testing.assert_allclose(found["value_high"].sel(parameter="CL"), float(area(CL=18)), rtol=1e-12)
    assert found["elasticity"].dims == ("parameter",)
    assert found["value"].attrs["units"] == "mg/L * h"
    assert found.attrs["runs"] == 41


def test_elasticities_of_a_covariate_follow_its_exponent():
    """CL grows with weight to the power 0.75, and so does the area fall; a dose per kg adds 1."""
    found = dl.sensitivity(
        MODEL, {"fixed": STEADY, "per kg": "1 mg/kg every 12 h x 20"}, {"WT": 90}, over="WT", metric="AUC"
    )
    np.testing.assert_allclose(found["elasticity"].values.ravel(), [-0.75, 0.25], atol=SETTLED)
    np.testing.assert_allclose(found["low"].values.ravel(), 72.0)


def test_elasticities_of_the_peak():
    found = dl.sensitivity(MODEL, "100 mg once", over=list(BASE), metric=["course_Cmax", "course_Tmax"])
    for name, metric in (("course_Cmax", peak), ("course_Tmax", peak_time)):
        own = found["elasticity"].sel(metric=name, parameter=list(BASE))
        np.testing.assert_allclose(own, elasticities(metric), atol=1e-10)
    assert (found["elasticity_error"] < 1e-11).all()


def test_shares_of_a_product():
    """Var(XY) = E X^2 E Y^2 - (E X E Y)^2, and the share of X alone is Var(X) (E Y)^2 of it."""
    pytest.importorskip("SALib")
    over = {"F": "uniform(0.4, 1)", "CL": "lognormal(15 L/h, 40 %)", "V": "20 %"}
    found = dl.sensitivity(MODEL, STEADY, over=over, metric="AUC", method="sobol", samples=1024, seed=2)
    s2 = np.log(1 + 0.4**2)
    mean_f, var_f = 0.7, 0.6**2 / 12
    mean_i = np.exp(s2 / 2) / 15
    var_i = mean_i**2 * (np.exp(s2) - 1)
    whole = (var_f + mean_f**2) * (var_i + mean_i**2) - (mean_f * mean_i) ** 2
    alone = np.array([var_f * mean_i**2, var_i * mean_f**2, 0.0]) / whole
    both = var_f * var_i / whole
    np.testing.assert_allclose(found["S1"], alone, atol=0.03)
    np.testing.assert_allclose(found["ST"], alone + np.array([both, both, 0.0]), atol=0.03)
    np.testing.assert_allclose(found["mean"], 100 * mean_f * mean_i, rtol=0.01)
    np.testing.assert_allclose(found["sd"], 100 * np.sqrt(whole), rtol=0.02)
    quantiles = 15 * np.exp(np.sqrt(s2) * np.array([-1, 1]) * 1.6448536269514722)
    ends = found[["low", "high"]].sel(parameter="CL")
    np.testing.assert_allclose([ends["low"], ends["high"]], quantiles, rtol=1e-12)
    assert found["range"].values.tolist() == ["uniform(0.4, 1)", "lognormal(15 L/h, 40 %)", "± 20 %"]
    assert found["unit"].values.tolist() == ["1", "L/h", "L"]


def test_effects_have_the_unit_of_the_metric():
    """The area is linear in F: each effect of going from 0.4 to 1 is 0.6 of it [mg/L h].

    Draws stay 2**-31 of a range away from its ends, and a step goes over two thirds of it: 7e-10.
    """
    pytest.importorskip("SALib")
    found = dl.sensitivity(
        MODEL, STEADY, over={"F": (0.4, 1)}, metric="AUC", method="morris", samples=5, seed=1
    )
    np.testing.assert_allclose(found["mu"], 0.6 * float(area()), rtol=1e-9)
    assert found["mu"].attrs["units"] == "mg/L * h"


def test_units_of_ranges():
    """5 L/h are 83.33 mL/min, as text, in a distribution and with pint."""
    ureg = pytest.importorskip("pint").get_application_registry()
    told = [
        ("10 L/h", "20 L/h"),
        (10.0, 20.0),
        "uniform(10 L/h, 20 L/h)",
        (10 * ureg("L/h"), 20 * ureg("L/h")),
        np.array([10.0, 20.0]) * ureg("L/h"),
    ]
    results = [dl.sensitivity(MODEL, "100 mg once", over={"CL": each}, metric="course_AUC") for each in told]
    assert all(each.identical(results[0]) for each in results)
    minutes = dl.sensitivity(MODEL, "100 mg once", over={"CL": ("10 L/h", "333.333333333333 mL/min")})
    np.testing.assert_allclose(minutes["high"], 20.0, rtol=1e-12)


def test_regimens_and_meals_are_each_by_itself():
    """What a list of regimens gives for one of them is what this one gives alone, to the last bit."""
    pytest.importorskip("SALib")
    regimens = {"once": "100 mg once", "twice": "50 mg every 12 h x 4"}
    for told in (
        {},
        {"method": "sobol", "samples": 16, "seed": 1},
        {"method": "morris", "samples": 4, "seed": 1},
    ):
        whole = dl.sensitivity(MODEL, regimens, over=["CL", "F"], meal=["fed", "fasted"], **told)
        one = dl.sensitivity(
            MODEL, "50 mg every 12 h x 4", over=["CL", "F"], meal="fasted", threads=1, **told
        )
        for name, own in one.data_vars.items():
            np.testing.assert_array_equal(own, whole[name].sel(regimen="twice", meal="fasted"))
    assert whole["mu_star"].dims == ("metric", "regimen", "meal", "parameter")


def test_a_part_of_a_value_is_of_what_the_meal_sets():
    """F is 1 fed and 0.4 fasted; ends given outright hold for both, so that the meals do not differ any more."""
    found = dl.sensitivity(MODEL, STEADY, over={"F": "25 %"}, metric="AUC", meal=["fed", "fasted"])
    np.testing.assert_allclose(found["base"].values.ravel(), [1.0, 0.4])
    np.testing.assert_allclose(found["low"].values.ravel(), [0.75, 0.3])
    np.testing.assert_allclose(found["elasticity"], 1.0, atol=1e-10)
    own = dl.sensitivity(
        MODEL, "100 mg at 08:00 fed and 100 mg at 20:00 fasted for 8 days", over={"F": (0.4, 0.8)}
    )
    np.testing.assert_allclose(own["base"], 0.6)
    # 8 days settle to exp(-0.075 * 192), 6e-7
    np.testing.assert_allclose(own["value"].sel(metric="AUC"), 0.6 * 100 / 15.0, rtol=1e-6)


def test_the_default_says_what_it_leaves_out():
    """Parameters of the metabolite do nothing to the drug; a fraction of 1 has no values above."""
    found = dl.sensitivity("isotretinoin", "40 mg once", meal="fed")
    assert not {"CLM", "VM", "FM", "FASTED"} & set(found["parameter"].values.tolist())
    assert {"CL", "V1", "KA", "F", "TLAG"} <= set(found["parameter"].values.tolist())
    assert "FM: cannot be varied: runs with other values fail" in found.attrs["left_out"]
    assert "FASTED: it is 0, of which there is no part" in found.attrs["left_out"]
    oxo = dl.sensitivity("isotretinoin", "40 mg once", meal="fed", output="oxo")
    assert {"CLM", "VM"} <= set(oxo["parameter"].values.tolist())


def test_the_persons_own_values_count():
    found = dl.sensitivity(MODEL, STEADY, dl.cohort(WT=[70], CL=[5.0]), over=["CL", "F"], metric="AUC")
    np.testing.assert_allclose(found["base"].values, [5.0, 1.0])
    np.testing.assert_allclose(found["value"], float(area(CL=5)), rtol=1e-12)


@pytest.mark.slow
def test_steps_give_the_same_as_the_exact_engine():
    """Solutions in steps hold 1e-8: elasticities 1e-5."""
    exact, stepped = (
        dl.sensitivity(MODEL, "100 mg once", over=["CL", "KA"], solver=solver, metric="course_AUC")
        for solver in (None, "dop853")
    )
    np.testing.assert_allclose(stepped["elasticity"], exact["elasticity"], atol=1e-5)


def test_words_are_drawn():
    """A covariate with codes: half of the runs have each word, and what is linear in it has its variance."""
    pytest.importorskip("SALib")
    model = dl.load_model(MODEL).edit(
        covariates={"SEX": {"unit": "1", "reference": 0, "label": "sex", "codes": {"F": 0, "M": 1}}},
        individual={"F": "F * (1 - 0.5 * SEX)"},
    )
    found = dl.sensitivity(
        model, STEADY, {"WT": 70, "SEX": "F"}, over={"SEX": "F: 0.5, M: 0.5", "KA": "20 %"}, metric="AUC",
        method="sobol", samples=64, seed=1,
    )  # fmt: skip
    np.testing.assert_allclose(found["S1"], [1.0, 0.0], atol=0.05)
    np.testing.assert_allclose(found["sd"], 0.25 * 100 / 15.0, rtol=0.05)


def test_it_can_be_written_and_read(tmp_path):
    pytest.importorskip("SALib")
    found = dl.sensitivity(
        MODEL, "100 mg once", over=["CL", "V"], method="sobol", samples=16, seed=1, second_order=True
    )
    found.to_netcdf(tmp_path / "found.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "found.nc", engine="h5netcdf") as read:
        xr.testing.assert_equal(read, found)
        assert read.attrs["seed"] == 1
