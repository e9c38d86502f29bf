"""What is said where a cluster cannot be used, or ends while it is used.

Truth: the rule that a message says what was found and what to do next; levels of one process.
"""

import numpy as np
import pytest
import xarray as xr
from dask.distributed import Client, LocalCluster

import doseline as dl
from doseline import sweep
from doseline.cli import main
from doseline.cluster import on_client
from doseline.cluster_faults import Watch, explained
from doseline.cluster_task import keep_memory
from doseline.errors import ClusterError, InputError
from doseline.parts import Part
from doseline.sweep import in_memory

COURSE, PEOPLE = "40 mg once fed", {"WT": np.linspace(50.0, 90.0, 40)}


def local():
    """One worker of two threads, in this process."""
    return LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)


def client_of(cluster, **given):
    """One that dask does not take for its own: it would still look for it when it is closed."""
    return Client(cluster, set_as_default=False, **given)


def simulate(**given):
    return dl.simulate("isotretinoin", COURSE, PEOPLE, times="6 h for 48 h", **given)


@pytest.mark.parametrize("verb", [dl.simulate, dl.bands, dl.exposure])
def test_no_client(verb):
    times = {} if verb is dl.exposure else {"times": "6 h"}
    with pytest.raises(InputError) as caught:
        verb("isotretinoin", COURSE, PEOPLE, client="tcp://host:8786", **times)
    assert str(caught.value) == (
        "client: found 'tcp://host:8786'\n"
        "  expected a dask.distributed.Client, such as Client('tcp://host:8786')"
    )


def test_client_beside_levels():
    with pytest.raises(InputError, match="client: these are levels, and this is for a model"):
        dl.bands(simulate(), client="any")
    with pytest.raises(InputError, match="client: these are levels, and this is for a model"):
        dl.exposure(simulate(), client="any")


def test_client_and_an_event_table():
    table = dl.read_records({"ID": [1, 1], "TIME": [0, 4], "AMT": [40, 0], "EVID": [1, 0], "WT": [70, 70]})
    with pytest.raises(InputError, match="client: an event table is simulated as a whole"):
        dl.simulate("isotretinoin", table, client="any")


def test_two_threads_of_one_worker_and_a_client_that_is_closed_midway(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "SHARE", 1_000)
    one = simulate()
    with local() as cluster, client_of(cluster) as client:
        assert on_client(client).threads == 2
        assert simulate(client=client).identical(one)
        with pytest.raises(InputError, match="threads: the workers of a client have threads of their own"):
            simulate(client=client, threads=2)
        with pytest.raises(ClusterError) as caught:
            simulate(store=tmp_path / "a.zarr", client=client, progress=lambda done, total: client.close())
        said = str(caught.value).splitlines()
        assert (
            said[0] == "client: the client was closed, or its scheduler has ended, while parts were under way"
        )
        assert said[1] == "  start it again, and make the same call with a new client"
        assert said[2].endswith("parts are there; the same call goes on with the rest")
        with pytest.raises(ClusterError) as caught:
            simulate(client=client)
        assert str(caught.value) == (
            "client: this client is closed\n  make a new one: Client('tcp://host:8786')"
        )
    # what was written stays, and another kind of call goes on with it
    found = simulate(store=tmp_path / "a.zarr")
    np.testing.assert_array_equal(found["plasma"].values, one["plasma"].values)


def test_a_scheduler_that_is_closed_midway(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "SHARE", 1_000)
    with local() as cluster, client_of(cluster.scheduler_address, timeout=5) as client:
        with pytest.raises(ClusterError) as caught:
            simulate(store=tmp_path / "a.zarr", client=client, progress=lambda done, total: cluster.close())
        assert "the same call goes on with the rest" in str(caught.value)
    with local() as cluster, client_of(cluster) as client:
        found = simulate(store=tmp_path / "a.zarr", client=client)
    np.testing.assert_array_equal(found["plasma"].values, simulate()["plasma"].values)


class Doubled:
    """A client of which the workers are made up."""

    status = "running"

    def __init__(self, *workers):
        self.workers = dict(enumerate(workers))
        self.scheduler = self

    def identity(self):
        return {"workers": self.workers}

    def sync(self, function):
        return function()


def test_why_nothing_comes_is_told(monkeypatch, capsys):
    clock = iter([0.0, 1.0, 6.0, 7.0]).__next__
    monkeypatch.setattr("doseline.cluster_faults.time.monotonic", clock)
    watch = Watch(Doubled())
    for _ in range(3):
        watch.look()
    assert capsys.readouterr().err == "the cluster has no workers: waiting for one\n"


def test_workers_that_are_there_are_seen():
    with local() as cluster, client_of(cluster) as client:
        (worker,) = client.sync(client.scheduler.identity)["workers"].values()
    assert worker["status"] == "running"


def test_workers_without_memory_are_given_up(monkeypatch):
    paused, working = {"status": "paused"}, {"status": "running"}
    monkeypatch.setattr("doseline.cluster_faults.time.monotonic", iter([0.0, 1.0, 40.0]).__next__)
    watch = Watch(Doubled(paused, working))
    watch.look()
    watch.look()
    monkeypatch.setattr("doseline.cluster_faults.time.monotonic", iter([0.0, 1.0, 40.0]).__next__)
    watch = Watch(Doubled(paused, paused))
    watch.look()
    with pytest.raises(ClusterError, match="all 2 workers have been paused for 30 s for want of memory"):
        watch.look()


def test_a_worker_without_doseline_is_told():
    error = ModuleNotFoundError("No module named 'doseline'", name="doseline")
    told = explained(error, Doubled(), [Part(3, None, slice(0, 100))])
    assert str(told) == (
        "client: a worker has no doseline\n"
        "  install the same version of doseline there as here, and start the workers again"
    )
    fault = ZeroDivisionError()
    assert explained(fault, Doubled(), []) is fault


def test_a_study_on_the_workers_of_a_scheduler(tmp_path, monkeypatch, capsys):
    study = """
[study]
title = "Three people"
model = "isotretinoin"
[cohort]
WT = { values = [45, 62, 90], unit = "kg" }
[regimens]
low = "20 mg once daily for 1 week"
[sweep]
times = "6 h"
meal = ["fed", "fasted"]
"""
    (tmp_path / "three.toml").write_text(study)
    monkeypatch.chdir(tmp_path)
    seen = []
    monkeypatch.setattr(
        sweep, "in_memory", lambda *given, **more: seen.append(1) or in_memory(*given, **more)
    )
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        monkeypatch.setattr(
            "sys.argv", ["doseline", "run", "three.toml", "--scheduler", cluster.scheduler_address]
        )
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    assert seen == [1]
    with xr.open_dataset(tmp_path / "results" / "three" / "levels.nc") as found:
        asked = {"times": "6 h", "meal": ["fed", "fasted"]}
        one = dl.simulate(
            "isotretinoin", {"low": "20 mg once daily for 1 week"}, {"WT": [45, 62, 90]}, **asked
        )
        np.testing.assert_array_equal(found["plasma"].values, one["plasma"].values)


def test_a_scheduler_that_does_not_answer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("doseline.cluster.ANSWER", 0.2)
    monkeypatch.setattr("sys.argv", ["doseline", "run", "isotretinoin", "--scheduler", "tcp://127.0.0.1:1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "scheduler: no scheduler answers at tcp://127.0.0.1:1\n"
        "  give the address that `dask scheduler` has printed, such as tcp://host:8786\n"
    )


class Allocator:
    """Takes down what it is told."""

    def __init__(self):
        self.told = []

    def mallopt(self, name, value):
        self.told.append((name, value))


def test_only_workers_of_dask_keep_memory(monkeypatch):
    """Truth: mallopt(3): M_TRIM_THRESHOLD is -1, M_MMAP_THRESHOLD -3 and at most 4 MiB * sizeof(long)."""
    allocator = Allocator()
    monkeypatch.setattr("doseline.cluster_task.ctypes.CDLL", lambda name: allocator)
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    keep_memory.__wrapped__()
    assert allocator.told == []
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    keep_memory.__wrapped__()
    assert allocator.told == [(-3, 4 * 2**20 * 8), (-1, 2**28)]
    monkeypatch.setattr("doseline.cluster_task.ctypes.CDLL", lambda name: object())
    keep_memory.__wrapped__()
