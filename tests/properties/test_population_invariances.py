"""What must not move a bit of a population: threads, who else is there, what else is random, what is asked for beside.

Truth: the run without the change; every bit has to be the same. That runs differ where they should is tested too, for
equal bits of a constant would prove nothing.
"""

import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import xarray as xr

import doseline as dl

MANY = 1100
"""Subjects of three blocks."""
WAIT = 120
MADE = {"source": "test", "status": "assumption"}
SPREADS = {"CL": "30 %", "V": "20 %", "KA": "40 %"}
HABIT = {
    "taken": 0.8,
    "late": "normal(0 h, 2 h) within -6..6",
    "meals": {"fed": 0.6, "fasted": 0.4},
    "holidays": {"per_year": 40, "days": 2},
}
COURSE = dl.regimen("1 mg/kg twice daily for 4 days")
TAKEN = COURSE.taken(**HABIT)
PLAIN = dl.load_model("one-compartment-oral").edit(variability=SPREADS, residual={"plasma": "15 %"})
STILL = PLAIN.edit(occasions={"F": ("20 %", "dose")})
MOVING = PLAIN.edit(occasions={"F": ("20 %", "dose"), "CL": ("20 %", "day"), "V": ("10 %", "course")})
SATURABLE = dl.build_model(
    "saturable",
    parameters={"KA": "0.8 1/h", "VM": "9 mg/h", "KM": "1.5 mg/L", "V": "30 L"},
    compartments={"gut": "mg", "central": "mg"},
    flows={"gut -> central": "KA"},
    rates={"central": "-VM * (central / V) / (KM + central / V)"},
    routes={"oral": "gut"},
    outputs={"plasma": ("central / V", "mg/L")},
    variability={"KA": "30 %", "VM": "20 %"},
    occasions={"VM": ("30 %", "day")},
    residual={"plasma": "15 %"},
)
SIMPLE = COURSE.taken(taken=0.8, late=HABIT["late"])
UNEVEN = np.unique(np.concatenate([np.arange(0.0, 96.0, 5.3), [50.0, 96.0]]))

WAYS = {
    "scattered": (STILL, TAKEN, "3 h"),
    "records": (MOVING, TAKEN, "3 h"),
    "uneven": (STILL, TAKEN, UNEVEN),
    "as prescribed": (PLAIN, COURSE, "3 h"),
    "lanes": (SATURABLE, SIMPLE, "6 h"),
}
"""Model, course and times of each way to levels."""


def people(count=7):
    return dl.cohort(count, seed=5, WT="uniform(40 kg, 100 kg)")


def run(way="scattered", who=None, **more):
    model, course, times = WAYS[way]
    asked = {"times": times, "seed": 5, "observed": True} | more
    return dl.simulate(
        asked.pop("model", model), asked.pop("course", course), people() if who is None else who, **asked
    )


def different(one, other, names=None):
    """Variables of one that the other lacks, or that differ in any bit."""
    return [
        name
        for name in names or one.variables
        if name not in other.variables
        or one[name].dtype != other[name].dtype
        or one[name].shape != other[name].shape
        or one[name].values.tobytes() != other[name].values.tobytes()
    ]


@pytest.fixture(scope="module")
def many():
    """A run of three blocks for each way, alone and by one thread."""
    return {way: run(way, people(MANY), threads=1) for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
def test_threads(many, way):
    for threads in (2, 3):
        assert different(many[way], run(way, people(MANY), threads=threads)) == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "part", [slice(0, 5), slice(1024, 1025), slice(None, None, -1), slice(3, MANY, 37)], ids=str
)
def test_parts_and_order_of_subjects(many, way, part):
    """The 1025th subject, alone, is the first of the third block."""
    alone = run(way, people(MANY)[part], threads=2)
    assert different(many[way].isel(subject=part), alone) == []


@pytest.mark.parametrize("way", WAYS)
def test_subjects_differ(many, way):
    """Otherwise equal bits would prove nothing. Some have missed all doses: about 1 in 80, on two holidays in a row."""
    last = many[way]["plasma"].values[:, -1]
    assert len(np.unique(last[last > 0.0])) == (last > 0.0).sum() > 0.97 * MANY


def test_an_effect_more():
    """Neither its draws nor those of an occasion or a residual error more move the others, whatever acts in between."""
    base = run(model=PLAIN.edit(variability={"V": None, "KA": None}))
    for more in (
        {"variability": {"F": "20 %"}},
        {"variability": {"V": "25 %"}, "occasions": {"KA": ("30 %", "day"), "F": ("10 %", "dose")}},
        {
            "residual": {
                "plasma": {
                    "error": "combined",
                    "sd": 0.1,
                    "cv": "20 %",
                    "source": "t",
                    "status": "assumption",
                }
            }
        },
    ):
        other = run(model=PLAIN.edit(variability={"V": None, "KA": None}).edit(**more))
        assert (
            different(base, other, ["eta_CL", "CL", *(name for name in base if name.startswith("dose_"))])
            == []
        )
    assert different(base, other, ["plasma"]) == []
    assert different(base, other, ["plasma_observed"]) == ["plasma_observed"]


def test_an_effect_that_is_not_wanted():
    """`effects` leaves one out as a model without it does."""
    without = run(model=PLAIN.edit(variability={"V": None}))
    left_out = run(model=PLAIN, effects=["CL", "KA"])
    assert different(without, left_out, ["plasma", "plasma_observed", "eta_CL", "eta_KA", "CL", "KA"]) == []
    assert "eta_V" not in left_out


def test_an_effect_of_no_spread_changes_no_level():
    """exp(0) is 1: levels with a spread of 0 are those without the effect, also where the body changes by day."""
    nothing = {"sd": 0.0, **MADE}
    flat = run(model=PLAIN.edit(variability={"F": nothing}, occasions={"F": {**nothing, "every": "dose"}}))
    assert different(run(model=PLAIN), flat, ["plasma", "plasma_observed"]) == []


def test_adherence_of_everything():
    """People who take all doses in time are those without a habit: in what is drawn, and in levels up to rounding."""
    prescribed, taken = run(course=COURSE, meal="fed"), run(course=COURSE.taken(1.0), meal="fed")
    assert different(prescribed, taken, ["eta_CL", "kappa_F", "CL", "V", "total_dose", "doses_taken"]) == []
    np.testing.assert_allclose(taken["plasma"], prescribed["plasma"], rtol=1e-13)


def test_habits_do_not_move_each_other():
    """Which doses are taken does not depend on when, nor on meals; nor do the effects on any of it."""
    whole = run()
    for name in ("late", "meals"):
        other = run(course=COURSE.taken(**{key: value for key, value in HABIT.items() if key != name}))
        assert different(whole, other, ["dose_taken", "eta_CL", "kappa_F"]) == []
    assert different(whole, run(course=TAKEN, effects=[]), ["dose_taken", "dose_taken_at", "dose_meal"]) == []


def test_courses_side_by_side():
    """What people make of one course is not what they make of the one beside it, which all take as prescribed."""
    alone = run(course={"taken": TAKEN}).isel(regimen=0)
    both = run(course={"taken": TAKEN, "prescribed": COURSE.with_(meal="fed")})
    assert different(alone, both.sel(regimen="taken"), [name for name in alone if name != "regimen"]) == []
    other = both.sel(regimen="prescribed")
    assert other["dose_taken"].values.all()
    assert (other["dose_taken_at"].values == COURSE.doses()[0]).all()
    assert (other["dose_meal"].values == other["dose_meal"].attrs["flag_meanings"].split().index("fed")).all()
    assert (other["doses_taken"].values == 8).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_typical_run_is_one_without_a_seed(way):
    model, _, times = WAYS[way]
    who = dl.cohort(WT=people().values("WT", "kg"))
    plainly = dl.simulate(model, COURSE, who, times=times)
    beside = run(way, typical=True)
    assert different(plainly, beside.rename(plasma="x", plasma_typical="plasma"), ["plasma"]) == []
    nothing = dl.simulate(model, COURSE, who, times=times, seed=5, effects=[], observed=True)
    assert different(plainly, nothing, ["plasma", "status"]) == []


@pytest.mark.parametrize("way", WAYS)
def test_more_replicates(way):
    """Replicate r of 3 is replicate r of 5; and no two are alike."""
    three, five = run(way, replicates=3), run(way, replicates=5)
    assert different(three, five.isel(replicate=slice(0, 3))) == []
    assert len(np.unique(five["plasma"].values[:, :, -1])) == 5 * 7


def test_replicates_of_uncertain_estimates():
    model = STILL.edit(uncertainty={"parameters": ["CL", "V"], "covariance": [[4.0], [5.0, 400.0]], **MADE})
    three, five = run(model=model, replicates=3), run(model=model, replicates=5)
    assert different(three, five.isel(replicate=slice(0, 3))) == []
    certain = run(replicates=5)
    assert different(five, certain, ["eta_CL", "eta_V", "kappa_F", "dose_taken"]) == []
    assert different(five, certain, ["CL"]) == ["CL"]


@pytest.mark.parametrize("way", ["scattered", "records", "as prescribed"])
def test_more_times(way):
    """Errors at shared times are the same, so observations differ by no more than the rounding of levels."""
    few, more = run(way, times=np.arange(0.0, 97.0, 12.0)), run(way, times=np.arange(0.0, 97.0, 3.0))
    shared = more.sel(time=few["time"])
    with np.errstate(invalid="ignore"):
        error = few["plasma_observed"] / few["plasma"], shared["plasma_observed"] / shared["plasma"]
    np.testing.assert_allclose(error[0].values, error[1].values, rtol=1e-12)
    assert (
        different(
            few, shared, ["eta_CL", "dose_taken", "dose_taken_at", "CL"] if "dose_taken" in few else ["CL"]
        )
        == []
    )


@pytest.mark.parametrize("way", ["scattered", "records", "lanes"])
def test_a_longer_course(way):
    """The first doses are taken as in the short course, and the first occasions are the same.

    A course is known by its name, so both have the same one.
    """
    habit = {key: value for key, value in HABIT.items() if way != "lanes" or key != "meals"}
    short, long = (
        run(way, course={"it": COURSE.repeat(times).taken(**habit)}, times="3 h for 90 h").isel(regimen=0)
        for times in (1, 2)
    )
    first = long.isel({name: slice(0, short.sizes[name]) for name in ("dose", "day") if name in short.sizes})
    names = [name for name in short if name.startswith(("dose_taken", "dose_meal", "kappa", "eta"))]
    assert different(short, first, names) == []
    np.testing.assert_allclose(long["plasma"], short["plasma"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_replay(way, tmp_path):
    """Also of a part, of replicates, and from a file."""
    told = run(way, replicates=2, typical=True)
    assert dl.replay(told).identical(told)
    part = told.isel(subject=[4, 1], replicate=[1])
    assert different(part, dl.replay(part)) == []
    lone = told.isel(subject=[2]).sel(replicate=2)
    again = dl.replay(lone)
    assert different(lone, again.sel(replicate=2) if "replicate" in again.dims else again) == []
    told.to_netcdf(tmp_path / "told.nc")
    with xr.open_dataset(tmp_path / "told.nc") as kept:
        assert different(told, dl.replay(kept.load())) == []


def test_pickled():
    told = run("records", replicates=2)
    kept = pickle.loads(pickle.dumps(told))
    assert kept.identical(told)
    assert dl.replay(kept).identical(told)


def test_two_runs_at_once(many):
    """Both of three blocks, by two threads each."""
    together = Barrier(4)

    def start(way):
        together.wait(WAIT)
        return run(way, people(MANY), threads=2)

    ways = ["scattered", "records", "uneven", "lanes"]
    with ThreadPoolExecutor(4) as pool:
        for way, told in zip(ways, pool.map(start, ways, timeout=WAIT), strict=True):
            assert different(many[way], told) == []
