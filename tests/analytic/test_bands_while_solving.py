"""Bands of a model while solving.

Truth: numpy's quantiles of the levels of the same people, all of them held in memory.
"""

import numpy as np
import pytest

import doseline as dl
from doseline.times import WAYS

COURSES = {"low": "20 mg twice daily for 3 days", "high": "40 mg twice daily for 3 days"}
PARTS = [0, 2.5, 50, 97.5, 100]


@pytest.fixture(scope="module")
def people():
    return dl.cohort(700, seed=5, WT="normal(70 kg, 14 kg) within 40..120", SEX="F: 0.5, M: 0.5")


@pytest.fixture(scope="module")
def levels(people):
    return dl.simulate("isotretinoin", COURSES, people, times="6 h", meal=["fed", "fasted"])


@pytest.fixture(scope="module")
def found(people):
    return dl.bands("isotretinoin", COURSES, people, q=PARTS, times="6 h", meal=["fed", "fasted"])


def close(found, truth, error=0.005):
    """Within the stated error of each value; zeros are zeros."""
    # interpolation between two order statistics, each within the error
    assert found.shape == truth.shape
    assert (np.abs(found - truth) <= error * np.abs(truth) * (1 + 1e-12)).all()


def test_quantiles_are_within_the_stated_error(levels, found):
    for name in ("plasma", "oxo"):
        level = levels[name].transpose("subject", "regimen", "meal", "time").values
        assert found[name].dims == ("quantile", "regimen", "meal", "time")
        close(found[name].values, np.quantile(level, np.array(PARTS) / 100, axis=0))
    assert found["subjects"].values.tolist() == [[700, 700], [700, 700]]
    assert found["plasma"].attrs["units"] == "ng/mL"


def test_ends_are_exact(levels, found):
    assert found["plasma"].sel(quantile=0).values.tolist() == levels["plasma"].min("subject").values.tolist()
    assert (
        found["plasma"].sel(quantile=100).values.tolist() == levels["plasma"].max("subject").values.tolist()
    )


def test_a_smaller_error_is_kept(people, levels):
    fine = dl.bands("isotretinoin", COURSES["low"], people, times="6 h", output="plasma", error=0.0005)
    assert set(fine.data_vars) >= {"plasma"}
    assert "oxo" not in fine
    truth = np.quantile(levels["plasma"].sel(regimen="low", meal="fed").values, [0.05, 0.5, 0.95], axis=0)
    close(fine["plasma"].values, truth, 0.0005)


def test_the_bits_do_not_depend_on_threads(people, found):
    other = dl.bands("isotretinoin", COURSES, people, q=PARTS, times="6 h", meal=["fed", "fasted"], threads=1)
    assert other.identical(found)


def test_groups_by_words_and_numbers(people, levels):
    by = {"SEX": None, "WT": [60, 80]}
    grouped = dl.bands("isotretinoin", COURSES["low"], people, times="6 h", output="plasma", by=by)
    assert grouped["plasma"].dims == ("quantile", "SEX", "WT", "time")
    assert grouped["WT"].values.tolist() == ["below 60", "60 to 80", "80 and above"]
    level = levels["plasma"].sel(regimen="low", meal="fed")
    weight, sex = people.covariates["WT"], people.covariates["SEX"]
    for which, chosen in (("below 60", weight < 60), ("60 to 80", (weight >= 60) & (weight < 80))):
        for word in "FM":
            own = level.values[chosen & (sex == word)]
            assert int(grouped["subjects"].sel(SEX=word, WT=which)) == len(own)
            close(
                grouped["plasma"].sel(SEX=word, WT=which).values, np.quantile(own, [0.05, 0.5, 0.95], axis=0)
            )


def test_replicates_apart_and_together(people):
    asked = {"times": "12 h", "seed": 8, "replicates": 3, "output": "plasma"}
    some = people[:60]
    levels = dl.simulate("isotretinoin", COURSES["low"], some, times="12 h", seed=8, replicates=3)[
        "plasma"
    ].values
    apart = dl.bands("isotretinoin", COURSES["low"], some, **asked)
    assert apart["plasma"].dims == ("quantile", "replicate", "time")
    close(apart["plasma"].values, np.quantile(levels, [0.05, 0.5, 0.95], axis=1))
    together = dl.bands("isotretinoin", COURSES["low"], some, over=["subject", "replicate"], **asked)
    assert together["plasma"].dims == ("quantile", "time")
    close(together["plasma"].values, np.quantile(levels.reshape(180, -1), [0.05, 0.5, 0.95], axis=0))
    assert int(together["subjects"]) == 180


def test_observations_are_counted_too(people):
    model = dl.load_model("isotretinoin").edit(residual={"plasma": "20 %"})
    asked = {"times": "12 h", "observed": True}
    levels = dl.simulate(model, COURSES["low"], people, **asked)
    found = dl.bands(model, COURSES["low"], people, output="plasma_observed", **asked)
    truth = np.quantile(levels["plasma_observed"].values, [0.05, 0.5, 0.95], axis=0)
    close(found["plasma_observed"].values, truth)


def test_observations_have_to_be_asked_for(people):
    model = dl.load_model("isotretinoin").edit(residual={"plasma": "20 %"})
    with pytest.raises(dl.DoselineError) as caught:
        dl.bands(model, COURSES["low"], people, output="plasma_observed", times="12 h")
    assert str(caught.value) == "output: unknown output 'plasma_observed'\n  add observed=True"


def test_rows_that_fail_are_left_out_or_told():
    broken = dl.load_model("one-compartment-oral-lag")
    people = dl.cohort(CL=np.where(np.arange(40) == 7, -1.0, 8.0))
    asked = {"times": "6 h for 24 h"}
    with pytest.raises(dl.DoselineError, match="1 of 40 rows could not be solved"):
        dl.bands(broken, "100 mg once", people, **asked)
    kept = dl.bands(broken, "100 mg once", people, on_failure="mark", **asked)
    assert int(kept["subjects"]) == 39
    levels = dl.simulate(broken, "100 mg once", people, on_failure="mark", **asked)["plasma"].values
    close(kept["plasma"].values, np.nanquantile(levels, [0.05, 0.5, 0.95], axis=0))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"by": "AGE"}, "by: the cohort has no AGE\n  it has: WT, SEX"),
        ({"by": "WT"}, "by WT: WT has 700 different values\n  say where groups part: by={'WT': [70]}"),
        (
            {"by": {"WT": [80, 60]}},
            "by WT: found [80, 60]\n  give the numbers at which groups part, ascending: [60, 80]",
        ),
        ({"by": {"SEX": [1]}}, "by SEX: found [1], and SEX has words\n  give its name alone: by='SEX'"),
        ({"by": 3}, "by: found 3\n  give a covariate, such as by='SEX', or by={'WT': [60, 80]}"),
        (
            {"error": 2},
            "error: found 2\n  expected a relative error from 0.0001 to 0.1; 0.005 is 0.5 %",
        ),
        ({"over": "replicate"}, "over: found 'replicate'\n  while solving it is over='subject'"),
        ({"output": "urine"}, "output: unknown output 'urine'\n  isotretinoin has: plasma, oxo"),
        (
            {"q": [50, 5]},
            "q: found [50, 5], which does not ascend\n  give percentages, ascending: q=[5, 50, 95]",
        ),
        ({"times": None}, f"times: there are none\n  {WAYS}"),
        (
            {"store": "a.zarr"},
            "store: dl.bands has no such argument\n  it is for dl.simulate and dl.plan; leave it out",
        ),
        (
            {"thresholds": 3},
            "thresholds: dl.bands has no such argument\n  it is for dl.exposure; leave it out",
        ),
    ],
)
def test_what_cannot_be_used_is_told(people, given, told):
    with pytest.raises(dl.DoselineError) as caught:
        dl.bands("isotretinoin", "40 mg once", people, **{"times": "6 h for 24 h", **given})
    assert str(caught.value) == told


def test_arguments_of_the_verb_are_known(people):
    with pytest.raises(dl.DoselineError) as caught:
        dl.bands("isotretinoin", "40 mg once", people, tims="6 h")
    problem, advice = str(caught.value).splitlines()
    assert problem == "tims: dl.bands has no such argument"
    assert advice.startswith("  did you mean 'times'? known here: meal, formulation, on_failure, ")
    assert advice.endswith(", typical, times, threads, progress, client, output, q, over, by, error")


def test_levels_take_no_arguments_of_a_simulation(levels):
    with pytest.raises(dl.DoselineError) as caught:
        dl.bands(levels, by="SEX")
    assert str(caught.value) == (
        "by: these are levels, and this is for a model\n"
        "  leave it out, or give the model: dl.bands(model, regimens, people, ...) finds it while solving"
    )
    with pytest.raises(dl.DoselineError, match="error: these are levels, and this is for a model"):
        dl.bands(levels, error=0.001)
    with pytest.raises(dl.DoselineError, match=r"store: dl\.bands has no such argument"):
        dl.bands(levels, store="a.zarr")


def test_of_levels_the_second_argument_may_be_the_quantiles(levels):
    assert dl.bands(levels, [5, 50]).identical(dl.bands(levels, q=[5, 50], over="subject", error=0.005))
    with pytest.raises(dl.DoselineError) as caught:
        dl.bands(levels, [5, 50], q=[5])
    assert str(caught.value) == "q: found twice\n  of levels give it once: dl.bands(levels, [5, 95])"


def test_sketches_that_do_not_fit_are_refused_before_they_are_made(people, monkeypatch):
    monkeypatch.setenv("DOSELINE_MEMORY", "1 kB")
    monkeypatch.setattr("doseline.banding.Sketches", lambda **_: pytest.fail("it was made"))
    with pytest.raises(dl.DoselineError) as caught:
        dl.bands("isotretinoin", COURSES, people, times="6 h", by="SEX", threads=2)
    head, advice = str(caught.value).split("\n", 1)
    counted = "bands: 2 combinations x 2 groups x 2 outputs x 13 times, counted 2 times at once, take "
    assert head.startswith(counted)
    assert head.endswith(", and 1.0 kB of memory are free")
    assert advice == (
        "  give fewer times, as in times='4 h'\n  or fewer groups in by=...\n  or one output: output='plasma'"
    )
