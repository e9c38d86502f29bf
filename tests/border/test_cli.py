"""The command line: what it prints and writes, and that a mistake is a sentence and exit code 2, without a traceback.

Truth: the scripting interface, asked the same; and the rule that nothing but the message stands in stderr.
"""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import doseline as dl
from doseline.cli import main
from doseline.model.read import library
from doseline.study import read_study

LISTED = ", ".join(list(library())[:24]) + f" and {len(library()) - 24} more"

STUDY = """
[study]
title = "Three people"
model = "isotretinoin"

[cohort]
WT = { values = [45, 62, 90], unit = "kg" }

[regimens]
low = "20 mg once daily for 1 week"
high = "40 mg twice daily for 2 days"

[sweep]
times = "6 h"
meal = ["fed", "fasted"]
"""
FILES = ["course.png", "exposure.csv", "exposure.png", "levels.nc", "meals.png", "study.toml"]


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run `doseline WORDS` in an empty folder; exit code, stdout and stderr come back."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["doseline", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        shown = capsys.readouterr()
        return int(caught.value.code or 0), shown.out, shown.err

    return run


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run, by another process: its folder and what it printed."""
    home = tmp_path_factory.mktemp("run")
    (home / "three.toml").write_text(STUDY, encoding="utf-8")
    source = str(Path(dl.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": source, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    outcome = subprocess.run(
        [sys.executable, "-m", "doseline", "run", "three.toml"],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return home / "results" / "three", outcome


# ------------------------------------------------------------------ run


def test_a_run_prints_a_table_and_writes_all_files(done):
    folder, outcome = done
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert [name for name in sorted(os.listdir(folder)) if not name.startswith(".")] == FILES
    assert f"Written to {Path('results/three')}: {', '.join(FILES)}" in outcome.stdout
    for word in ("Three people", "low", "high", "fasted", "Cmax", "Cmin", "Cavg", "AUC", "mg/kg", "ng/mL"):
        assert word in outcome.stdout
    assert "Rough: the times are up to 6 h apart, so peaks and troughs are missed." in outcome.stdout
    assert re.search(r"Not at steady state: high \(AUC changes by up to \d+(\.\d+)? %\)", outcome.stdout)
    assert "Steady state for low: AUC differs by less than" in outcome.stdout
    assert max(map(len, outcome.stdout.splitlines())) <= 120
    assert os.listdir(folder.parent) == ["three"]


def test_what_a_run_wrote_is_what_the_script_gives(done):
    folder, _ = done
    study = read_study(folder / "study.toml")
    assert study.text == STUDY
    levels = dl.simulate(
        study.model, study.regimens, study.people, times=study.sweep.times, meal=study.sweep.meal
    )
    with xr.open_dataset(folder / "levels.nc", engine="h5netcdf") as file:
        read = file.load()
    assert read.attrs.pop("study") == STUDY
    assert read.identical(levels)
    assert dl.replay(read).identical(levels)
    table = pd.read_csv(folder / "exposure.csv")
    pd.testing.assert_frame_equal(table, dl.exposure_table(levels), rtol=1e-5, check_dtype=False)


def test_a_store_is_written_and_gone_on_with(command, tmp_path):
    """Truth: the script's levels and exposure. Levels of another run are not computed again."""
    (tmp_path / "three.toml").write_text(STUDY, encoding="utf-8")
    code, out, err = command("run", "three.toml", "--store", "three.zarr", "--dtype", "float32")
    assert (code, err) == (0, "")
    assert "levels are in three.zarr" in out
    assert "Rough" not in out
    assert "Steady state for high" not in out
    assert re.search(r"Not at steady state: high \(its average is up to \d+ % away\)", " ".join(out.split()))
    assert not (tmp_path / "results" / "three" / "levels.nc").exists()
    study = read_study(tmp_path / "three.toml")
    levels = dl.simulate(study.model, study.regimens, study.people, **study.asked)
    with xr.open_zarr(tmp_path / "three.zarr") as kept:
        assert kept["plasma"].dtype == np.float32
        np.testing.assert_array_equal(kept["plasma"].values, levels["plasma"].values.astype(np.float32))
    table = pd.read_csv(tmp_path / "results" / "three" / "exposure.csv")
    exact = dl.exposure_table(dl.exposure(study.model, study.regimens, study.people, meal=study.sweep.meal))
    np.testing.assert_allclose(table["AUC (ng/mL * h)"], exact["AUC (ng/mL * h)"], rtol=1e-5)
    code, _, err = command("run", "three.toml", "--store", "three.zarr", "--dtype", "float32", "--force")
    assert (code, err) == (0, "three.zarr: 1 of 1 parts are there\n")
    code, out, err = command("export", "three.zarr", "three.parquet")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"Written to three.parquet: \d+\.\d MB\n", out)
    frame = pd.read_parquet(tmp_path / "three.parquet")
    assert len(frame) == levels["plasma"].size
    code, out, err = command("run", "three.toml", "--store", "three.zarr", "--force")
    assert code == 2
    assert err.startswith("three.zarr: it was made with another dtype (float32, now float64)")


def test_a_dry_run_writes_nothing(command, tmp_path):
    """Truth: 3 subjects x 2 regimens x 2 meals are 12 rows; one level every 6 h over 7 days and at its start: 29."""
    (tmp_path / "three.toml").write_text(STUDY, encoding="utf-8")
    code, out, err = command("run", "three.toml", "--dry-run")
    assert (code, err) == (0, "")
    for text in (
        "Three people",
        "12 (3 subjects x 4 arms)",
        "696 (2 outputs, 29 times)",
        "fits",
        "nothing was written",
    ):
        assert text in out
    assert os.listdir(tmp_path) == ["three.toml"]


def test_a_dry_run_of_what_does_not_fit(command, tmp_path, monkeypatch):
    (tmp_path / "three.toml").write_text(STUDY, encoding="utf-8")
    monkeypatch.setenv("DOSELINE_MEMORY", "6 kB")
    code, out, err = command("run", "three.toml", "--dry-run")
    assert code == 2
    assert "6.0 kB are free: DOES NOT FIT" in out
    assert err.startswith("simulate: 4 combinations x 2 outputs x 3 subjects x 29 times take 5.6 kB, ")
    assert "keep the levels on disk: add store='course.zarr'" in err
    assert os.listdir(tmp_path) == ["three.toml"]


def test_results_are_not_overwritten(done, command, tmp_path):
    folder, _ = done
    study = folder.parent.parent / "three.toml"
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    code, out, err = command("run", str(study), "--out", str(folder))
    assert (code, out) == (2, "")
    assert err == (
        f"{folder}: it holds results already\n  give --force to replace them, or choose another folder with --out\n"
    )
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_force_and_a_full_disk_leave_the_old_results(done, command, monkeypatch):
    folder, _ = done
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    code, out, err = command("run", str(folder / "study.toml"), "--out", str(folder), "--force")
    assert (code, out) == (2, "")
    assert err == (
        f"{folder}: the disk is full\n  free some space, or choose another folder with --out; "
        "the results that were there are untouched\n"
    )
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert os.listdir(folder.parent) == ["three"]


def test_ctrl_c_leaves_nothing(command, tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupt)
    (tmp_path / "three.toml").write_text(STUDY, encoding="utf-8")
    code, out, err = command("run", "three.toml")
    assert (code, out, err) == (130, "", f"stopped; {Path('results/three')} is as it was\n")
    assert os.listdir(tmp_path / "results") == []


def test_force_replaces(command, tmp_path):
    """One meal, one person, times that end too early: it runs, and the table says what it lacks."""
    text = STUDY.replace('meal = ["fed", "fasted"]', 'meal = "fasted"').replace("[45, 62, 90]", "[62]")
    for times, words in (("6 h", ()), ("1 h for 10 h", ("--force",))):
        (tmp_path / "s.toml").write_text(text.replace('"6 h"', f'"{times}"'), encoding="utf-8")
        code, out, err = command("run", "s.toml", "--out", "here", *words)
        assert (code, err) == (0, "")
    assert "-: the times of the study do not reach over a whole dosing interval." in out
    assert "nan" not in out
    assert "meals.png" not in out
    assert "levels.nc" in os.listdir("here")


# ------------------------------------------------------------------ models, show, help


def test_models_lists_the_library(command):
    code, out, err = command("models")
    assert (code, err) == (0, "")
    for name in dl.library():
        assert name in out
    assert "studies to run: isotretinoin" in out


def test_show_prints_values_units_and_sources(command):
    code, out, err = command("show", "isotretinoin")
    assert (code, err) == (0, "")
    model = dl.load_model("isotretinoin")
    for name, parameter in model.parameters.items():
        assert re.search(rf"^{name} +{parameter.value:g} +{re.escape(parameter.unit)} ", out, re.MULTILINE)
    for word in (
        "80 mg / 10004 ng.h/mL",
        "fasted",
        "lidose",
        "central / V1",
        "ng/mL",
        "gut -> central",
        "--checks",
    ):
        assert word in out


def test_show_checks(command):
    code, out, err = command("show", "one-compartment-oral", "--checks")
    assert (code, err) == (0, "")
    assert "FAILS" not in out
    assert out.count("identity") + out.count("calibration") > 0


@pytest.mark.parametrize("word", ["", "run", "export", "models", "show"])
def test_help_reads_well(command, word):
    code, out, err = command(*word.split(), "--help")
    assert (code, err) == (0, "")
    assert "Usage: doseline" in out


# ------------------------------------------------------------------ mistakes

MISTAKES = [
    (("run", "isotretinon"), "unknown study 'isotretinon'\n"
     "  did you mean 'isotretinoin'? studies: isotretinoin, isotretinoin-population\n"
     "  a study of your own: give its file, such as my_study.toml\n"),
    (("run", "nosuch.toml"), "nosuch.toml: no such file\n"
     "  give the path of a study file, or the name of a study: isotretinoin, isotretinoin-population\n"),
    (("run", "bad.toml"), "bad.toml [study]: unknown model 'isotretinon'\n"
     f"  did you mean 'isotretinoin'? models: {LISTED}\n"
     "  a model of your own: give its path, such as './isotretinon.toml'\n"
     "bad.toml [regimens] 'low': found 'dayly', expected how often, an end, or ', then'\n"
     "    20 mg once dayly for 1 week\n"
     "               ^^^^^\n"
     "  write '40 mg twice daily fed for 20 weeks, then 20 mg once daily for 4 weeks'\n"),
    (("run", "good.toml", "--out", "."), ".: it exists and was not written by doseline\n"
     "  --force replaces results of doseline only: choose another folder with --out\n"),
    (("run", "good.toml", "--out", ".", "--force"), ".: it exists and was not written by doseline\n"
     "  --force replaces results of doseline only: choose another folder with --out\n"),
    (("show", "isotretinon"), "unknown model 'isotretinon'\n"
     f"  did you mean 'isotretinoin'? models: {LISTED}\n"
     "  a model of your own: give its path, such as './isotretinon.toml'\n"),
    (("show", "good.toml"), "good.toml: this is a study, not a model\n  run it: doseline run good.toml\n"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(row[0]) for row in MISTAKES])
def test_a_mistake_is_told_in_a_sentence(command, tmp_path, words, message):
    (tmp_path / "good.toml").write_text(STUDY, encoding="utf-8")
    bad = STUDY.replace("once daily", "once dayly").replace('"isotretinoin"', '"isotretinon"')
    (tmp_path / "bad.toml").write_text(bad, encoding="utf-8")
    assert command(*words) == (2, "", message)
    assert sorted(os.listdir(tmp_path)) == ["bad.toml", "good.toml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rum",), "No such command 'rum'"),
        (("run",), "Missing argument"),
        (("run", "isotretinoin", "--frce"), "No such option"),
        (("run", "isotretinoin", "--out"), "requires an argument"),
    ],
)
def test_words_that_are_no_command(command, words, said):
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_no_words_at_all_print_the_help(command):
    _, out, err = command()
    assert "Usage: doseline" in out + err
