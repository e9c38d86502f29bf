"""Exposure while solving is each subject's own: neighbours, threads and cuts of the cohort change no bit."""

import numpy as np
import pytest
from lane_courses import arm_of, exposed, windows_of

import doseline as dl
from doseline.dosing.dose import Block, Dose
from doseline.errors import Status
from doseline.lane_exposure import expose_lanes
from doseline.lane_steady import steady_lanes
from doseline.model.read import load_model, read_model
from doseline.solve_intakes import Log

EDGES = [(0, 24), (24, 48), (60, 72)]
"""With a gap, and an end of the course behind the last one."""
LOGARITHM = read_model(
    str(load_model("michaelis-menten"))
    + '\n[covariates]\nX = { unit = "1", reference = 1, low = -99, high = 99, label = "x" }\n'
    + '[outputs.shown]\nvalue = "log(X + central / (KM * V))"\nunit = "1"\nlabel = "x"\n',
    place="logarithm",
)


def spread(count):
    """A cohort whose doses differ widely: 0.2 to 6 mg/kg of people of 70 kg."""
    return dl.cohort(WT=np.geomspace(10.0, 300.0, count))


@pytest.mark.parametrize(
    "model", ["michaelis-menten", pytest.param("tmdd-michaelis-menten", marks=pytest.mark.slow)]
)
def test_threads_and_cuts(model):
    """Truth: the same rows, asked for otherwise."""
    people, course = spread(45), "2 mg/kg every 12 h x 6"
    asked = {"edges": EDGES, "thresholds": (1.0, 5.0), "end": 80.0}
    one = exposed(model, course, people, threads=1, **asked)
    two = exposed(model, course, people, threads=2, **asked)
    parts = [exposed(model, course, people[a:b], threads=1, **asked) for a, b in ((0, 7), (7, 8), (8, 45))]
    assert (one.status == Status.OK).all()
    for name in ("inside", "course"):
        whole = getattr(one, name)
        np.testing.assert_array_equal(getattr(two, name), whole)
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), whole)


def test_adherence_and_late_doses():
    """Doses that are late make windows that no dose begins. Truth: windows that touch add up to the course."""
    people = dl.cohort(WT=np.full(20, 70.0))
    habits = dl.adherence("80 %", late="normal(0 h, 1 h)")
    edges = [(12.0 * k, 12.0 * (k + 1)) for k in range(8)]
    one = exposed("michaelis-menten", "100 mg every 12 h x 8", people, edges=edges, adherence=habits, seed=3)
    two = exposed(
        "michaelis-menten", "100 mg every 12 h x 8", people[5:9], edges=edges, adherence=habits, seed=3
    )
    np.testing.assert_array_equal(two.inside, one.inside[5:9])
    np.testing.assert_allclose(one.inside[:, :, 3].sum(axis=1), one.course[:, 3], rtol=1e-12)
    np.testing.assert_array_equal(one.inside[:, :, 0].max(axis=1), one.course[:, 0])
    np.testing.assert_array_equal(one.inside[:, :, 2].min(axis=1), one.course[:, 2])


def test_a_linear_model_in_steps():
    """Truth: Bateman's function, its peak and its area, dose / CL; tolerance: 1e-7, as for levels."""
    ka, cl, v = (dl.load_model("one-compartment-oral").parameters[name].value for name in ("KA", "CL", "V"))
    ke = cl / v
    for method in ("dop853", "rodas5p"):
        found = exposed("one-compartment-oral", "100 mg once", edges=[(0, 24)], end=1000.0, method=method)
        unit = found.course[0, 3] / (100 / cl)
        when = np.log(ka / ke) / (ka - ke)
        top = 100 / v * ka / (ka - ke) * (np.exp(-ke * when) - np.exp(-ka * when))
        np.testing.assert_allclose(found.inside[0, 0, 0], unit * top, rtol=1e-7)
        np.testing.assert_allclose(found.inside[0, 0, 1], when, rtol=1e-5)
        assert abs(np.log10(unit) - round(np.log10(unit))) < 1e-7


def test_failures_stay_alone():
    """A level that is no number though the state is one, here a logarithm: NaN, a status, and sound neighbours."""
    people = dl.cohort(X=[1.0, -1.0, 2.0])
    found = exposed(LOGARITHM, "100 mg once", people, edges=[(0, 12)], thresholds=(1.0,), output=1)
    assert list(found.status) == [Status.OK, Status.NOT_FINITE, Status.OK]
    assert np.isnan(found.inside[1]).all()
    assert np.isnan(found.course[1]).all()
    assert np.isfinite(found.course[[0, 2], :5]).all()
    assert found.ended.time[1] == 0.0
    assert found.ended.output[1] == 1
    alone = exposed(LOGARITHM, "100 mg once", people[2:], edges=[(0, 12)], thresholds=(1.0,), output=1)
    np.testing.assert_array_equal(alone.course[0], found.course[2])


def test_too_many_steps():
    """The status of the steps is that of the exposure."""
    found = exposed("michaelis-menten", "100 mg once", edges=[(0, 1000)], max_steps=3)
    assert list(found.status) == [Status.TOO_MANY_STEPS]
    assert np.isnan(found.course).all()


def test_what_was_taken_is_logged():
    """Truth: 6 doses of 2 mg/kg."""
    people = spread(5)
    arm = arm_of("michaelis-menten", "2 mg/kg every 12 h x 6", people, end=72.0)
    log = Log.unread(5)
    expose_lanes(arm, windows_of([(0, 72)]), log, threads=1)
    np.testing.assert_allclose(log.total, 12 * np.geomspace(10.0, 300.0, 5), rtol=1e-12)
    assert list(log.count) == [6] * 5


def test_steady_states_alone():
    """No bit of a steady state depends on the neighbours either, though some take more periods to settle."""
    people = spread(9)
    for pattern in (((0.0, Dose(0.5, per="WT")),), ((0.0, Dose(0.3, per="WT")), (9.0, Dose(0.2, per="WT")))):
        stage = Block(0.0, pattern, 24.0, 2)
        windows = windows_of([(0, 24)], thresholds=(1.0,))
        whole, part = (
            steady_lanes(arm_of("michaelis-menten", "1 mg/kg once", who), stage, windows, threads=2)
            for who in (people, people[3:5])
        )
        np.testing.assert_array_equal(part.inside, whole.inside[3:5])
        np.testing.assert_array_equal(part.once, whole.once[3:5])
