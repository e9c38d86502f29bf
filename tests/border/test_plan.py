"""What a plan says of a run, and what is refused before it runs.

Truth: the run itself, whose Dataset has its ``nbytes`` and whose memory Python's own `tracemalloc` counts; products of
sizes written out here; for messages, the rule that they name place, value and what to do next. Seconds are told by a
clock that is put in here: how long a run really takes is for the machine to say.
"""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline import planning
from doseline.arms import Arms
from doseline.asking import settle
from doseline.errors import InputError, SolveError
from doseline.footprint import peak
from doseline.results import arms_of
from doseline.sampling import OFFSETS, records_of_some, spread
from doseline.spread import on_threads
from doseline.sweep import in_memory

COURSE = "40 mg twice daily for 2 weeks"
TWO = {"fixed": COURSE, "by weight": "1 mg/kg/day until 12 mg/kg"}
WEIGHTS = dl.cohort(WT=np.linspace(45, 110, 60))
DRAWN = dl.cohort(60, seed=3, WT="normal(70 kg, 10 kg) within 40..120", SEX="F: 0.5, M: 0.5")
SAID = {"source": "a test", "status": "assumption"}
NOT_FITTING = (
    "  keep the levels on disk: add store='course.zarr'\n"
    "  or take what is made of them without keeping any: dl.exposure(model, ...) or dl.bands(model, ...)\n"
    "  or fewer times, as in times='4 h'\n"
    "  or levels of half the size: store='course.zarr' and dtype='float32'\n"
)


@pytest.fixture(autouse=True)
def small_samples(monkeypatch):
    """Sizes are the same from any sample; only times need large ones."""
    monkeypatch.setattr("doseline.sampling.BUDGET", 0.05)


@pytest.fixture(scope="module")
def noisy():
    """A model with residual error, and a limit of quantification."""
    return dl.load_model("isotretinoin").edit(
        residual={
            "plasma": {
                "error": "proportional",
                "cv": "15 %",
                "lloq": 5,
                "source": "a test",
                "status": "assumption",
            }
        }
    )


@pytest.fixture(scope="module")
def table():
    """Event table of 40 subjects: some with one observation, some with six, two with none."""
    rows = []
    for subject in range(1, 41):
        seen = 0 if subject in (7, 20) else 1 + 5 * (subject % 2)
        rows += [
            {"ID": subject, "TIME": 0.0, "AMT": 40.0, "EVID": 1, "II": 12.0, "ADDL": 3, "WT": 50.0 + subject}
        ]
        rows += [
            {"ID": subject, "TIME": 2.0 * k, "AMT": 0.0, "EVID": 0, "WT": 50.0 + subject}
            for k in range(1, seen + 1)
        ]
    return dl.read_records(pd.DataFrame(rows).fillna(0.0))


# ------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    ("model", "regimens", "people", "asked"),
    [
        ("isotretinoin", COURSE, None, {}),
        ("isotretinoin", TWO, WEIGHTS, {"meal": ["fed", "fasted"]}),
        ("isotretinoin", COURSE, DRAWN, {"meal": "fed", "replicates": 3, "typical": True}),
        ("isotretinoin", TWO, DRAWN, {"adherence": 0.8, "meal": "fed"}),
        (
            "isotretinoin",
            COURSE,
            dl.cohort(WT=[70] * 40),
            {"formulation": ["generic", "lidose"], "meal": "fed"},
        ),
        ("warfarin", "100 mg every 12 h for 10 days", dl.cohort(50), {}),
        ("michaelis-menten", "100 mg once", dl.cohort(40), {"method": "dop853"}),
    ],
    ids=["one row", "linear", "replicates", "adherence", "formulations", "warfarin", "nonlinear"],
)
def test_every_variable_has_the_size_that_was_told(model, regimens, people, asked):
    """Truth: ``nbytes`` of the run's own variables."""
    made = dl.plan(model, regimens, people, times="6 h", **asked)
    levels = dl.simulate(model, regimens, people, times="6 h", **asked)
    assert made.sizes == {name: value.nbytes for name, value in levels.variables.items()}
    assert made.bytes == levels.nbytes
    assert made.rows == levels["status"].size
    assert made.values == sum(levels[name].size for name in dl.load_model(model).outputs)


def test_observations_too(noisy):
    asked = {"times": "6 h", "meal": "fed", "observed": True}
    made, levels = dl.plan(noisy, COURSE, DRAWN, **asked), dl.simulate(noisy, COURSE, DRAWN, **asked)
    assert made.sizes == {name: value.nbytes for name, value in levels.variables.items()}


@pytest.mark.parametrize(
    "asked", [{}, {"times": "1 h for 24 h", "meal": ["fed", "fasted"]}], ids=["records", "grid"]
)
def test_event_tables_too(table, asked):
    made, levels = dl.plan("isotretinoin", table, **asked), dl.simulate("isotretinoin", table, **asked)
    assert made.sizes == {name: value.nbytes for name, value in levels.variables.items()}
    assert made.doses == 40 * 4 * (2 if asked else 1)  # a record with three additional doses
    assert "observation" in str(made) or asked


def test_some_subjects_of_a_table_are_simulated_as_in_the_whole(table):
    """Truth: the rows of these subjects in the whole."""
    which = np.array([0, 5, 39])
    few = dl.simulate("isotretinoin", records_of_some(table, which))
    whole = dl.simulate("isotretinoin", table)
    kept = np.isin(whole["subject"].values, table.subject[which])
    assert np.array_equal(few["plasma"].values, whole["plasma"].values[kept])


@pytest.mark.parametrize("of", ["exposure", "bands"])
def test_sizes_of_summaries(of):
    """Truth: ``nbytes`` of the verb's own variables."""
    asked = {"times": "6 h"} if of == "bands" else {}
    made = dl.plan("isotretinoin", TWO, WEIGHTS, of=of, **asked)
    summary = getattr(dl, of)("isotretinoin", TWO, WEIGHTS, **asked)
    assert made.sizes == {name: value.nbytes for name, value in summary.variables.items()}


def test_levels_in_a_store_may_be_half_as_large(tmp_path):
    path = tmp_path / "course.zarr"
    whole = dl.plan("isotretinoin", TWO, WEIGHTS, times="6 h", store=path)
    half = dl.plan("isotretinoin", TWO, WEIGHTS, times="6 h", store=path, dtype="float32")
    assert 2 * half.sizes["plasma"] == whole.sizes["plasma"]
    assert half.sizes["total_dose"] == whole.sizes["total_dose"]
    assert (whole.parts, whole.files >= len(whole.sizes)) == (1, True)
    assert not path.exists()


def test_parts_hold_what_a_store_writes_at_a_time(monkeypatch):
    """Truth: 60 subjects in parts of 7, twice: 18 parts."""
    asked = {"times": "6 h", "meal": "fed", "replicates": 2, "store": "x.zarr"}
    levels_of_a_subject = 8 * 2 * 57  # bytes, outputs, times
    monkeypatch.setattr("doseline.sweep.SHARE", 7 * levels_of_a_subject)
    assert dl.plan("isotretinoin", COURSE, DRAWN, threads=1, **asked).parts == 18


def _arms(model, regimens, people, *, times, **asked):
    return arms_of(*settle(model, regimens, people, times=times, asking=asked))


@pytest.mark.parametrize(
    ("asked", "times", "people"),
    [
        ({"meal": "fed"}, "1 h", dl.cohort(WT=np.linspace(45, 110, 2000))),
        ({"meal": "fed", "replicates": 2, "typical": True}, "2 h", dl.cohort(1000, seed=1, WT="70 kg")),
        ({"meal": "fed", "adherence": 0.8}, "1 h", dl.cohort(2000, seed=1, WT="70 kg")),
    ],
    ids=["plain", "replicates", "adherence"],
)
def test_memory_at_the_height_of_a_run(asked, times, people):
    """Truth: what `tracemalloc` counts. Less would let runs fail, much more would refuse runs that fit."""
    given = ("isotretinoin", COURSE, people)
    dl.simulate("isotretinoin", COURSE, people[:20], times=times, threads=2, **asked)  # compiles
    tracemalloc.start()
    try:
        dl.simulate(*given, times=times, threads=2, **asked)
        _, height = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert height <= 1.02 * peak(_arms(*given, times=times, **asked), threads=2) <= 1.4 * height


# ------------------------------------------------------------------ samples


def test_samples_are_spread_and_differ():
    """Truth: every subject is in one of the samples of a quarter, and none in two."""
    samples = [spread(400, 100, offset) for offset in range(OFFSETS)]
    assert np.array_equal(np.sort(np.concatenate(samples)), np.arange(400))


@pytest.mark.parametrize("count", [1, 2, 3, 17, 100])
def test_no_sample_is_larger_than_the_run(monkeypatch, count):
    from doseline import sampling

    seen, plain = [], sampling.Whole.part

    def part(self, wanted, **which):
        some = plain(self, wanted, **which)
        seen.append(len(some.people))
        return some

    monkeypatch.setattr(sampling.Whole, "part", part)
    dl.plan("isotretinoin", COURSE, dl.cohort(WT=[70] * count), times="6 h", meal="fed")
    assert max(seen) <= max(1, count // 2)


def test_a_million_subjects_are_planned_in_little_memory():
    """Truth: `tracemalloc`; their levels would take 5.4 GB, one array of theirs over doses 224 MB."""
    people = dl.cohort(1_000_000, seed=1, WT="normal(70 kg, 10 kg) within 40..120")
    tracemalloc.start()
    try:
        made = dl.plan("isotretinoin", COURSE, people, times="1 h", meal="fed")
        _, height = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.sizes["plasma"] == 8 * 1_000_000 * 337
    assert made.doses == 28_000_000
    assert made.sampled <= 100_000
    assert height < 4e8


def test_seconds_are_those_of_everybody(monkeypatch):
    """Truth: a clock by which a run takes 20 ms and 1 ms a subject, 2,000 of them 2.02 s, the first run 3 s more."""
    monkeypatch.setattr("doseline.sampling.BUDGET", 1.5)
    plain, clock = planning.RUNS["levels"], [0.0]

    def run(asked, times, threads):
        clock[0] += 0.02 + 0.001 * len(asked.people) + (3.0 if clock[0] == 0.0 else 0.0)
        return plain(asked, times, threads)

    monkeypatch.setattr("doseline.sampling.time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setitem(planning.RUNS, "levels", run)
    made = dl.plan("isotretinoin", "40 mg once", dl.cohort(WT=[70] * 2000), times="24 h", meal="fed")
    assert made.seconds == pytest.approx(2.02)
    assert made.compiling == pytest.approx(3.0)
    # one sample of the largest size, so that nobody knows how far two differ: twice 15 %
    assert made.between == pytest.approx((0.7 * 2.02, 1.3 * 2.02))


def test_a_subject_that_cannot_be_solved_does_not_stop_a_plan():
    people = dl.cohort(WT=70, CL=[8.0, -1.0, 8.0, 8.0])
    with pytest.raises(SolveError):
        dl.simulate("isotretinoin", COURSE, people, times="6 h")
    assert dl.plan("isotretinoin", COURSE, people, times="6 h").rows == 4


# ------------------------------------------------------------------ what it says


def test_a_plan_reads_as_a_table(monkeypatch):
    monkeypatch.setenv("DOSELINE_MEMORY", "8 GB")
    made = dl.plan("isotretinoin", TWO, WEIGHTS, times="6 h", meal=["fed", "fasted"])
    assert str(made).splitlines()[:4] == [
        "levels of isotretinoin",
        "  rows      240 (60 subjects x 4 arms)",
        f"  levels    {made.values:,} (2 outputs, {made.times} times)",
        f"  doses     {made.doses:,}",
    ]
    assert "8.0 GB are free: fits" in str(made)
    assert "instead" not in str(made)
    assert repr(made).startswith("Plan(levels of isotretinoin: 240 rows, ")
    assert repr(made).endswith("fits into memory)")


def test_a_plan_that_does_not_fit_says_what_to_do(monkeypatch):
    monkeypatch.setenv("DOSELINE_MEMORY", "100 kB")
    made = dl.plan("isotretinoin", COURSE, WEIGHTS, times="1 h", meal="fed")
    assert not made.fits
    assert "100.0 kB are free: DOES NOT FIT" in str(made)
    assert "  instead   keep the levels on disk: add store='course.zarr'" in str(made)
    with pytest.raises(InputError) as caught:
        dl.simulate("isotretinoin", COURSE, WEIGHTS, times="1 h", meal="fed")
    assert str(made.refusal) == str(caught.value)


def test_a_plan_of_exposure_that_does_not_fit_says_what_to_do(monkeypatch):
    """Truth: 20 metrics and more of 60 subjects and 56 intervals, at 8 bytes, are some 10 kB a subject."""
    monkeypatch.setenv("DOSELINE_MEMORY", "150 kB")
    made = dl.plan("isotretinoin", COURSE, WEIGHTS, of="exposure", meal="fed")
    assert not made.fits
    assert "  instead   give intervals='last', or some numbers; the course is summed up all the same" in str(
        made
    )
    assert "            or fewer subjects at once: " in str(made)
    with pytest.raises(InputError, match=r"intervals='last'.*\n  or fewer subjects at once: .* fit"):
        dl.exposure("isotretinoin", COURSE, WEIGHTS, meal="fed")


# ------------------------------------------------------------------ what is refused


def test_what_does_not_fit_is_refused_before_anything_is_allocated(monkeypatch):
    """Truth: 8 bytes x 2 outputs x 60 subjects x 57 times are 54.7 kB."""
    monkeypatch.setenv("DOSELINE_MEMORY", "50 kB")
    monkeypatch.setattr(Arms, "solve", lambda *_, **__: pytest.fail("it was solved"))
    with pytest.raises(InputError) as caught:
        dl.simulate("isotretinoin", COURSE, WEIGHTS, times="6 h", meal="fed")
    head, advice = str(caught.value).split("\n", 1)
    assert head.startswith("simulate: 1 combination x 2 outputs x 60 subjects x 57 times take 54.7 kB, ")
    assert head.endswith(" with all beside them, and 50.0 kB of memory are free")
    assert advice.startswith(NOT_FITTING + "  or fewer subjects at once: ")
    assert advice.endswith(" fit")


def test_so_is_what_others_solve_and_send_back(monkeypatch):
    """Truth: as above; what is put together here is as large, whoever solves it."""
    monkeypatch.setenv("DOSELINE_MEMORY", "50 kB")
    monkeypatch.setattr(Arms, "solve", lambda *_, **__: pytest.fail("it was solved"))
    settled = settle("isotretinoin", COURSE, WEIGHTS, times="6 h", asking={"meal": "fed"})
    with pytest.raises(InputError, match=r"2 outputs x 60 subjects x 57 times take 54\.7 kB, "):
        in_memory(settled, spread=on_threads(2), progress=False)


def test_so_are_bands_also_by_their_plan(monkeypatch):
    """Truth: the two say the same; a sketch has more than a byte for each of 2 x 57 cells."""
    monkeypatch.setenv("DOSELINE_MEMORY", "100 kB")
    said = []
    for verb, more in ((dl.bands, {}), (dl.plan, {"of": "bands"})):
        with pytest.raises(InputError) as caught:
            verb("isotretinoin", COURSE, WEIGHTS, times="6 h", meal="fed", threads=1, **more)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith("bands: 1 combination x 1 group x 2 outputs x 57 times take ")
    assert said[0].endswith("give fewer times, as in times='4 h'\n  or one output: output='plasma'")


def test_so_is_an_event_table(monkeypatch, table):
    """Truth: 8 bytes x 2 outputs x 40 subjects x 25 times are 16 kB; half of that is half of the subjects."""
    monkeypatch.setenv("DOSELINE_MEMORY", "8 kB")
    with pytest.raises(InputError) as caught:
        dl.simulate("isotretinoin", table, times="1 h for 24 h")
    assert str(caught.value) == (
        "simulate: 1 combination x 2 outputs x 40 subjects x 25 times take 16.0 kB, and 8.0 kB of memory are free\n"
        "  give fewer times\n  or fewer subjects at once: 20 fit"
    )


def test_memory_that_runs_out_all_the_same_is_told_alike(monkeypatch):
    """Truth: 8 bytes x 2 outputs x 60 subjects x 3361 times are 3.2 MB."""
    times, told = np.arange(3361) / 10.0, "3.2 MB"

    def refuse(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Arms, "solve", refuse)
    with pytest.raises(InputError) as caught:
        dl.simulate("isotretinoin", COURSE, WEIGHTS, times=times, meal="fed")
    assert str(caught.value) == (
        f"simulate: 1 combination x 2 outputs x 60 subjects x {len(times):,} times take {told}, "
        "and there is not so much memory\n" + NOT_FITTING + "  or fewer subjects at once"
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"of": "curves"}, "of: found 'curves'\n  expected 'levels' or 'exposure' or 'bands'"),
        ({"store": "x", "dtype": "f4"}, "dtype: found 'f4'\n  expected 'float64' or 'float32'"),
        (
            {"dtype": "float32"},
            "dtype: found 'float32', and levels in memory are float64\n  add store='course.zarr', or leave it out",
        ),
        (
            {"store": "x", "of": "bands"},
            "store: a store holds levels, not bands\n  leave it out, or leave out of=...",
        ),
        ({"times": None}, "times: there are none\n  give a step such as '2 h'"),
    ],
)
def test_what_cannot_be_planned(asked, message):
    with pytest.raises(InputError) as caught:
        dl.plan("isotretinoin", COURSE, **{"times": "6 h", **asked})
    assert str(caught.value).startswith(message)


def test_an_argument_that_nobody_knows():
    with pytest.raises(InputError, match=r"sede: dl.plan has no such argument\n  did you mean 'seed'\?"):
        dl.plan("isotretinoin", COURSE, times="6 h", sede=1)


def test_an_event_table_gives_levels(table):
    with pytest.raises(InputError, match="of: an event table is simulated in memory, and gives levels"):
        dl.plan("isotretinoin", table, of="bands")


def test_not_even_one_subject(monkeypatch):
    monkeypatch.setenv("DOSELINE_MEMORY", "1 kB")
    with pytest.raises(InputError, match=r"60 subjects x 57 times take 54\.7 kB"):
        dl.plan("isotretinoin", COURSE, WEIGHTS, times="6 h", meal="fed")
