"""The same call on the workers of a Dask cluster and in one process.

Truth: the result of one process, bit for bit, whatever happens to the workers.
"""

import os
import signal

import dask
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

import doseline as dl
from doseline import sweep
from doseline.cluster import on_client
from doseline.errors import ClusterError, SolveError

COURSE = "40 mg twice daily for 3 days"


@pytest.fixture(scope="module")
def client():
    """Two workers of one thread each, in processes of their own."""
    with (
        # a task is given up when two workers have died of it: every death takes seconds
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def small(monkeypatch):
    """Small parts, so that there are many: of a store some 2 subjects, of bands and exposure some 20."""
    monkeypatch.setattr(sweep, "SHARE", 2_000)
    monkeypatch.setattr("doseline.banding.SHARE", 20_000)
    monkeypatch.setattr("doseline.exposure_dataset.WIDTH", 20)


@pytest.fixture(scope="module")
def people():
    return dl.cohort(60, seed=5, WT="normal(70 kg, 14 kg) within 40..120", SEX="F: 0.5, M: 0.5")


def same(one, other):
    """Every number, label and attribute."""
    assert one.identical(other)


def test_levels(client, people):
    asked = {"times": "6 h", "meal": ["fed", "fasted"]}
    courses = {"low": "20 mg once daily for 3 days", "high": COURSE}
    one = dl.simulate("isotretinoin", courses, people, **asked)
    same(dl.simulate("isotretinoin", courses, people, **asked, client=client), one)


def test_levels_with_everything_drawn(client, people):
    asked = {
        "times": "12 h", "meal": "fed", "seed": 3, "replicates": 2, "adherence": 0.8, "observed": True,
        "typical": True,
    }  # fmt: skip
    model = dl.load_model("isotretinoin").edit(residual={"plasma": "15 %"})
    one = dl.simulate(model, COURSE, people, **asked)
    same(dl.simulate(model, COURSE, people, **asked, client=client), one)


def test_levels_of_a_model_that_is_solved_in_steps(client):
    people = dl.cohort(9, seed=2, WT="uniform(50, 90 kg)")
    one = dl.simulate("michaelis-menten", "100 mg every 12 h x 4", people, times="6 h")
    same(dl.simulate("michaelis-menten", "100 mg every 12 h x 4", people, times="6 h", client=client), one)


def test_bands(client, people, small):
    asked = {"times": "12 h", "by": "SEX", "meal": ["fed", "fasted"]}
    one = dl.bands("isotretinoin", COURSE, people, **asked)
    same(dl.bands("isotretinoin", COURSE, people, **asked, client=client), one)


@pytest.mark.parametrize("over", ["subject", ["subject", "replicate"]])
def test_bands_of_replicates(client, people, small, over):
    asked = {"times": "12 h", "meal": "fed", "seed": 3, "replicates": 3, "over": over, "adherence": 0.8}
    one = dl.bands("isotretinoin", COURSE, people, **asked)
    same(dl.bands("isotretinoin", COURSE, people, **asked, client=client), one)


def test_exposure(client, people, small):
    asked = {
        "thresholds": [100, 300],
        "seed": 3,
        "adherence": 0.8,
        "meal": ["fed", "fasted"],
        "steady": False,
    }
    one = dl.exposure("isotretinoin", COURSE, people, **asked)
    same(dl.exposure("isotretinoin", COURSE, people, **asked, client=client), one)


def test_a_store(client, people, small, tmp_path):
    asked = {"times": "6 h", "meal": "fed", "dtype": "float32"}
    one = dl.simulate("isotretinoin", COURSE, people, store=tmp_path / "one.zarr", **asked)
    other = dl.simulate("isotretinoin", COURSE, people, store=tmp_path / "other.zarr", client=client, **asked)
    same(one.load(), other.load())


def test_rows_that_cannot_be_solved(client, people):
    # no number below 70 kg
    least = {"parameters": {"LEAST": "70 kg"}, "individual": {"CL": "CL * sqrt(WT / LEAST - 1)"}}
    broken = dl.load_model("isotretinoin").edit(**least)
    asked = {"times": "12 h", "meal": "fed"}
    one = dl.simulate(broken, COURSE, people, on_failure="mark", **asked)
    assert 0 < int((one["status"] != 0).sum()) < 60
    same(dl.simulate(broken, COURSE, people, on_failure="mark", client=client, **asked), one)
    with pytest.raises(SolveError) as here:
        dl.simulate(broken, COURSE, people, **asked)
    with pytest.raises(SolveError) as there:
        dl.simulate(broken, COURSE, people, client=client, **asked)
    assert str(there.value) == str(here.value)


def test_another_version_is_told(client, people, monkeypatch):
    monkeypatch.setattr("doseline.cluster.__version__", "9.9.0")
    with pytest.raises(ClusterError, match=rf"has doseline {dl.__version__}, and this process has 9\.9\.0\n"):
        dl.bands("isotretinoin", COURSE, people, times="6 h", client=client)


def test_a_folder_that_workers_do_not_see(client, people, monkeypatch, tmp_path):
    # each machine has a folder of that name: the workers look at one in which this process has left no mark
    monkeypatch.setattr("doseline.store.holder", lambda folder: "of another machine")
    with pytest.raises(OSError, match="does not find the store there") as caught:
        dl.simulate("isotretinoin", COURSE, people, times="6 h", store=tmp_path / "a.zarr", client=client)
    assert "give a folder that this process and all workers share" in str(caught.value)


def test_ctrl_c_cancels_what_was_handed_out(client, people, small, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(
        KeyboardInterrupt, match=r"a\.zarr: \d+ of \d+ parts are there; the same call goes on"
    ):
        dl.simulate(
            "isotretinoin",
            COURSE,
            people,
            times="6 h",
            store=tmp_path / "a.zarr",
            client=client,
            progress=stop,
        )
    assert not [state for state in client.futures.values() if state.status == "pending"]


def test_a_worker_that_is_killed_loses_nothing(client, people, small, tmp_path):
    asked = {"times": "6 h", "meal": "fed"}
    client.wait_for_workers(2)
    workers = sorted(client.run(os.getpid).values())
    deaths = []

    def kill(done, total):
        if not deaths and done < total:
            os.kill(workers[0], signal.SIGKILL)
            deaths.append(done)

    found = dl.simulate(
        "isotretinoin", COURSE, people, store=tmp_path / "a.zarr", client=client, progress=kill, **asked
    )
    assert len(deaths) == 1
    one = dl.simulate("isotretinoin", COURSE, people, **asked)
    for name in one.data_vars:
        np.testing.assert_array_equal(found[name].values, one[name].values)


class Deadly:
    """Work of which every worker dies."""

    most = 1

    def sent(self, tasks):
        return os._exit, [1 for _ in tasks]


def test_a_part_of_which_workers_die_is_told(client):
    client.wait_for_workers(2)
    with pytest.raises(ClusterError) as caught:
        list(on_client(client)(Deadly(), ["part 3"]))
    assert str(caught.value) == (
        "client: part 3: 2 workers died one after the other that had it, most likely for want of memory\n"
        "  give workers more memory, or fewer threads each; their logs say more"
    )
    client.wait_for_workers(2)


@pytest.mark.slow
def test_workers_with_too_little_memory_are_told(people):
    """Truth: the least worker takes some 270 MiB before it has any part; one of 21,000 times takes 100 more."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=1, threads_per_worker=1, memory_limit="350MB", dashboard_address=None
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(ClusterError, match="the worker died that had it, most likely for want of memory"),
    ):
        dl.bands("isotretinoin", "40 mg twice daily for 20 weeks", people, times="0.02 h", client=client)
