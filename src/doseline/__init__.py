"""doseline: a pharmacokinetic simulation toolkit.

>>> import doseline as dl
>>> levels = dl.simulate("isotretinoin", "40 mg twice daily for 1 week", times="1 h", meal=["fed", "fasted"])
>>> levels["plasma"].dims
('meal', 'subject', 'time')
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from doseline.version import __version__ as __version__

if TYPE_CHECKING:
    from doseline.analysis.attainment import attainment as attainment
    from doseline.analysis.equivalence import equivalence as equivalence
    from doseline.analysis.exposure import exposure_table as exposure_table
    from doseline.analysis.forest import forest as forest
    from doseline.analysis.nca import nca_summary as nca_summary
    from doseline.analysis.nca import nca_table as nca_table
    from doseline.analysis.power import equivalence_power as equivalence_power
    from doseline.analysis.power import equivalence_subjects as equivalence_subjects
    from doseline.doses import dose_log as dose_log
    from doseline.dosing.adherence import Adherence as Adherence
    from doseline.dosing.adherence import adherence as adherence
    from doseline.dosing.dose import Dose as Dose
    from doseline.dosing.record_reading import read_records as read_records
    from doseline.dosing.records import Records as Records
    from doseline.dosing.regimen import Regimen as Regimen
    from doseline.dosing.regimen import regimen as regimen
    from doseline.drawing.picture import Diagram as Diagram
    from doseline.drawing.picture import diagram as diagram
    from doseline.errors import DoselineError as DoselineError
    from doseline.model.edit import build_model as build_model
    from doseline.model.read import library as library
    from doseline.model.read import load_model as load_model
    from doseline.model.spec import Model as Model
    from doseline.noncompartmental import nca as nca
    from doseline.planning import plan as plan
    from doseline.population.cohort import Cohort as Cohort
    from doseline.population.cohort import cohort as cohort
    from doseline.sensitivities import sensitivity as sensitivity
    from doseline.simulation import replay as replay
    from doseline.simulation import simulate as simulate
    from doseline.summaries import bands as bands
    from doseline.summaries import exposure as exposure

_WHERE = {
    "load_model": "model.read",
    "library": "model.read",
    "build_model": "model.edit",
    "diagram": "drawing.picture",
    "regimen": "dosing.regimen",
    "adherence": "dosing.adherence",
    "read_records": "dosing.record_reading",
    "cohort": "population.cohort",
    "plan": "planning",
    "simulate": "simulation",
    "bands": "summaries",
    "exposure": "summaries",
    "exposure_table": "analysis.exposure",
    "nca": "noncompartmental",
    "nca_table": "analysis.nca",
    "nca_summary": "analysis.nca",
    "attainment": "analysis.attainment",
    "forest": "analysis.forest",
    "dose_log": "doses",
    "sensitivity": "sensitivities",
    "equivalence": "analysis.equivalence",
    "equivalence_power": "analysis.power",
    "equivalence_subjects": "analysis.power",
    "replay": "simulation",
    "Model": "model.spec",
    "Diagram": "drawing.picture",
    "Regimen": "dosing.regimen",
    "Dose": "dosing.dose",
    "Adherence": "dosing.adherence",
    "Records": "dosing.records",
    "Cohort": "population.cohort",
    "DoselineError": "errors",
}
"""Public names in the order a user meets them, and the module of each: imported when first used, so that
``import doseline`` costs nothing."""

__all__ = list(_WHERE)

_OF_DATASETS = (
    "plan",
    "simulate",
    "bands",
    "exposure",
    "exposure_table",
    "nca",
    "nca_table",
    "nca_summary",
    "attainment",
    "forest",
    "dose_log",
    "sensitivity",
    "equivalence",
    "equivalence_power",
    "equivalence_subjects",
    "replay",
)
"""Names that need xarray anyway: from them on every Dataset has ``.pk``, also one that is read from a file."""


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'doseline' has no attribute '{name}'")
    if name in _OF_DATASETS or "xarray" in sys.modules:
        importlib.import_module("doseline.accessor")
    value = getattr(importlib.import_module(f"doseline.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])


if "xarray" in sys.modules:
    importlib.import_module("doseline.accessor")
