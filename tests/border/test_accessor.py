"""`.pk` of Datasets: it is there wherever doseline and xarray meet, and does what the functions do."""

import sys
from subprocess import run

import pytest
import xarray as xr

import doseline as dl

MEETINGS = {
    "xarray first": "import xarray as xr; import doseline; xr.Dataset().pk",
    "doseline first": "import doseline as dl; dl.bands; import xarray as xr; xr.Dataset().pk",
    "both, then any name": "import doseline as dl; import xarray as xr; dl.load_model; xr.Dataset().pk",
    "what simulate makes": (
        "from doseline.simulation import simulate; "
        "simulate('one-compartment-oral', '10 mg once', times='12 h for 24 h').pk"
    ),
    "what an event table makes": (
        "from doseline.simulation import simulate; from doseline.dosing.record_reading import read_records; "
        "import pandas as pd; "
        "table = {'ID': [1, 1], 'TIME': [0, 1], 'EVID': [1, 0], 'AMT': [10, 0], 'CMT': [1, 1], 'WT': [70, 70]}; "
        "simulate('one-compartment-oral', read_records(pd.DataFrame(table))).pk"
    ),
    "named": "import doseline.accessor; import xarray as xr; xr.Dataset().pk",
}


@pytest.mark.parametrize("code", MEETINGS.values(), ids=MEETINGS)
def test_it_is_there(code):
    assert run([sys.executable, "-W", "error::RuntimeWarning", "-c", code], check=False).returncode == 0


def test_importing_doseline_costs_nothing():
    """Truth: neither xarray nor pandas is there after the import, nor for models, regimens and cohorts."""
    code = (
        "import sys, doseline as dl; dl.load_model, dl.regimen, dl.cohort; "
        "sys.exit('xarray' in sys.modules or 'pandas' in sys.modules)"
    )
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_does_what_the_functions_do(tmp_path):
    levels = dl.simulate(
        "isotretinoin",
        "20 mg daily for 3 days",
        dl.cohort(WT=[50, 60, 80]),
        meal=["fed", "fasted"],
        times="1 h",
    )
    assert levels.pk.bands([10, 50], output="oxo").identical(dl.bands(levels, [10, 50], output="oxo"))
    assert levels.pk.exposure().identical(dl.exposure(levels))
    assert levels.pk.exposure("oxo").identical(dl.exposure(levels, output="oxo"))
    assert levels.pk.plot("oxo").get_ylabel() == "4-oxo-isotretinoin in plasma (ng/mL)"
    levels.to_netcdf(tmp_path / "levels.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "levels.nc", engine="h5netcdf") as read:
        assert read.pk.bands().equals(levels.pk.bands())
    assert repr(levels.pk) == "levels.pk: .plot(), .bands(), .exposure(), .to_parquet()"
