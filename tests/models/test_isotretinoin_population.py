"""Simulated adults differ as much as those of the US label, and the typical ones have not moved.

Truth: the label's CVs after 80 mg once in 74 healthy adults (AUC 22 % fed and 46 % fasted, Cmax 22 % and 63 %); and
benchmarks/spread_isotretinoin.py, closed forms without the simulator, whose tables the page holds.
"""

import re
from pathlib import Path

import numpy as np
import pytest

import doseline as dl
from doseline.model.read import load_model

PAGE = Path(__file__).resolve().parents[2] / "docs" / "theory" / "isotretinoin.md"
WEIGHTS = "normal(70 kg, 7 kg) within 50..90"
CVS = {("AUC", "fed"): 22, ("AUC", "fasted"): 46, ("Cmax", "fed"): 22, ("Cmax", "fasted"): 63}
TIMES = np.concatenate(
    [
        np.arange(0.0, 48.0, 0.25),  # a peak between two of these is some 0.1 % above the higher one
        np.geomspace(48.0, 5000.0, 150),  # 5,000 h: 40 half-lives of the slowest subject, and of the latest
    ]
)


def single_dose(people, *, seed, meal=("fed", "fasted"), **more):
    levels = dl.simulate(
        "isotretinoin", "80 mg once", people, times=TIMES, meal=list(meal), seed=seed, **more
    )
    table = dl.exposure(levels, output="plasma")
    return levels, {"AUC": table["course_AUC"], "Cmax": table["course_Cmax"], "Tmax": table["course_Tmax"]}


def cvs(found):
    """[%]"""
    return {(m, meal): 100 * float(v.std() / v.mean()) for m, meal in CVS for v in [found[m].sel(meal=meal)]}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_thousand_adults_have_the_label_s_cvs(seed):
    """Within 4 points. The expected CVs are 21.6, 46.5, 22.2 and 62.4 %, and those of 1,000 adults vary around them
    with SDs of 0.5, 1.0, 0.5 and 1.5 points: a seed fails by chance in 1.0 % (page; nearly all of it Cmax fasted).
    """
    _, found = single_dose(dl.cohort(1000, seed=seed, WT=WEIGHTS), seed=seed)
    misses = {key: round(value - CVS[key], 1) for key, value in cvs(found).items()}
    assert {key: miss for key, miss in misses.items() if abs(miss) > 4} == {}


def rows(kind):
    """First cell to the others, of a table of the page."""
    found = re.search(
        rf"<!-- spread: {kind} -->\n(.*?)<!-- /spread -->", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found is not None
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in found[1].splitlines()[2:]]
    return {first: others for first, *others in cells}


def number(cell):
    return float(cell.split()[0])


@pytest.fixture(scope="module")
def smooth():
    """4,096 adults of a Sobol sequence."""
    return single_dose(dl.cohort(4096, seed=1, WT=WEIGHTS, draws="sobol"), seed=1)


@pytest.mark.parametrize("key", list(CVS), ids=" ".join)
def test_the_page_holds_the_cvs_of_the_simulator(smooth, key):
    """Closed forms against the simulator. CVs of 4,096 random adults would have standard errors of half of the 0.5 to
    1.5 points of 1,000, so 0.75 points are three of these for the quiet CVs and one for Cmax fasted, where a random
    seed would fail once in three. Sobol points do better in all that single effects decide; here all are within 0.5.
    """
    assert cvs(smooth[1])[key] == pytest.approx(number(rows("label")[f"CV of {' '.join(key)}"][1]), abs=0.75)


def test_the_page_holds_tmax_and_half_life(smooth):
    """The misses are told as they are. Standard errors with 1,000 random adults, 4.8 points (a few late lags decide),
    1.6 and 1.0, are half with 4,096: three of these, which chance exceeds once in 120, all together.
    """
    levels, found = smooth
    page = rows("label")
    Tmax = found["Tmax"]
    for meal, slack in (("fed", 7.2), ("fasted", 2.4)):
        seen = 100 * float(Tmax.sel(meal=meal).std() / Tmax.sel(meal=meal).mean())
        assert seen == pytest.approx(number(page[f"CV of Tmax {meal}"][1]), abs=slack)
    CL, V1, Q, V2 = (levels[name].values for name in ("CL", "V1", "Q", "V2"))
    total, product = CL / V1 + Q / V1 + Q / V2, CL / V1 * Q / V2
    half_life = np.log(2) * (total + np.sqrt(total**2 - 4 * product)) / (2 * product)
    seen = 100 * half_life.std() / half_life.mean()
    assert seen == pytest.approx(number(page["CV of half-life fed"][1]), abs=1.5)


def test_the_steady_state_of_the_page():
    """0.75 to 1 mg/kg/day: the average level is linear in the dose, so people on 1 mg/kg/day, times 0.75 to 1.

    A mean of 2,000 with a CV of 22 % (fed) and 47 % (fasted) has a standard error of 0.5 and 1.0 %; four of these are
    allowed, which chance exceeds once in 16,000.
    """
    people = dl.cohort(2000, seed=4, WT="normal(70 kg, 14 kg) within 45..110")
    share = np.random.default_rng(4).uniform(0.75, 1.0, 2000)
    habits = {"with high-fat meals": ("fed", 0.02), "on an empty stomach": ("fasted", 0.04)}
    for words, (meal, slack) in habits.items():
        # after 8 weeks a half-life of 70 h, which one subject in a thousand has, leaves 0.2 %
        levels = dl.simulate(
            "isotretinoin",
            "1 mg/kg/day in 2 doses for 8 weeks",
            people,
            times=np.arange(1332.0, 1344.1, 0.5),
            meal=meal,
            seed=4,
        )
        average = dl.exposure(levels, output="plasma")["Cavg"].isel(interval=-1).values * share
        assert average.mean() == pytest.approx(number(rows("steady state")[words][0]), rel=slack)


# ------------------------------------------------------------------ what draws leave alone


def test_nothing_is_drawn_without_a_seed():
    """Truth: doses of 80 mg over CL = 7.997 L/h, times F; everybody of 70 kg is the same."""
    _, found = single_dose(dl.cohort(WT=[70.0, 70.0, 70.0]), seed=None, meal=["fed", "fasted", "light"])
    typical = 80e3 / 7.997 * np.array([1.0, 0.3702, 0.6478])
    # trapezoids over a rise in steps of 0.25 h
    np.testing.assert_allclose(found["AUC"].values, np.outer(typical, np.ones(3)), rtol=2e-3)
    assert (found["Cmax"] == found["Cmax"].isel(subject=0)).all()


def test_the_default_meal_is_still_the_high_fat_one():
    model = load_model("isotretinoin")
    assert list(model.formulations["generic"].meals) == ["fed", "fasted", "light"]
    assert list(model.formulations["lidose"].meals) == ["fed", "fasted"]


def test_light_lies_between_fasted_and_fed_for_everybody():
    """F of a subject with a breakfast is 1 to their own fasted F, on the logarithm; 2.7 * 0.3702 < 1 is the bound."""
    levels, found = single_dose(dl.cohort(WT=np.full(200, 70.0)), seed=5, meal=["fasted", "light", "fed"])
    assert (np.diff(found["AUC"].values, axis=0) > 0).all()
    fasted = 0.3702 * levels["F_FASTED"].values
    ratio = (found["AUC"].sel(meal="light") / found["AUC"].sel(meal="fed")).values
    np.testing.assert_allclose(
        np.log(ratio), 0.44 * np.log(fasted), atol=0.005
    )  # 0.44 is rounded; trapezoids


def test_every_spread_says_that_it_is_derived():
    model = load_model("isotretinoin")
    assert list(model.variability) == ["CL", "KA", "F_FASTED", "V2", "TLAG"]
    assert {effect.status for effect in model.variability.values()} == {"D"}
    assert {block.status for block in model.blocks.values()} == {"D"}
