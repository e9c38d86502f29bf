"""What the terminal shows: a model, its checks, and the exposure table of a study."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.table import Table

from doseline.model.spec import Formulation, Model
from doseline.study import Results, Study
from doseline.verify import Outcome, check_model

if TYPE_CHECKING:
    import pandas as pd

RESULT_COLUMNS = ("interval (h)", "Cmax (", "Cmin (", "Cavg (", "AUC (", "total dose (mg/kg)", "AUC ")
"""Beginnings of the columns of the exposure table that are shown, in this order."""


def model_tables(model: Model) -> Iterator[Any]:
    """A model as texts and tables: values, units, sources, structure, outputs, formulations."""
    yield f"{model.name} {model.version}: {model.title}"
    yield "\n".join(filter(None, (model.source.citation, model.source.note)))
    parameters = _table("parameters", "name", "value", "unit", "status", "what and whence")
    for name, entry in model.parameters.items():
        parameters.add_row(
            name, f"{entry.value:g}", entry.unit, entry.status, f"{entry.label}: {entry.source}"
        )
    yield parameters
    covariates = _table("covariates", "name", "reference", "range", "what")
    for name, known in model.covariates.items():
        covariates.add_row(
            name, f"{known.reference:g} {known.unit}", f"{known.low:g} to {known.high:g}", known.label
        )
    yield from [covariates] if model.covariates else []
    structure = _table("structure", "what", "value")
    for flow in model.flows:
        structure.add_row(f"{flow.source} -> {flow.target or 'out'}", flow.rate.text)
    for name, expression in model.individual.items():
        structure.add_row(f"{name} of a subject", expression.text)
    for name, route in model.routes.items():
        given = {word: getattr(route, word) for word in ("bioavailability", "lag", "duration")}
        told = ", ".join(f"{word} {value.text}" for word, value in given.items() if value is not None)
        structure.add_row(f"route {name}", f"into {route.into}" + (f", {told}" if told else ""))
    yield structure
    outputs = _table("outputs", "name", "unit", "value", "what")
    for name, output in model.outputs.items():
        outputs.add_row(name, output.unit, output.value.text, output.label)
    yield outputs
    meals = _table("formulations and meals", "name", "meal", "what it sets", "whence")
    for name, formulation in model.formulations.items():
        _add_formulation(meals, name, formulation)
    yield from [meals] if model.formulations else []


def _add_formulation(table: Table, name: str, formulation: Formulation) -> None:
    strengths = ", ".join(f"{strength:g}" for strength in formulation.strengths)
    table.add_row(
        name, "", f"{strengths} {formulation.strength_unit}" if strengths else "", formulation.label
    )
    for meal_name, meal in formulation.meals.items():
        sets = [
            f"{key} = {entry.value:g} {entry.unit}".removesuffix(" 1")
            for key, entry in meal.overrides.items()
        ]
        table.add_row(
            "", meal_name, ", ".join([*sets, *([f"into {meal.into}"] if meal.into else [])]), meal.source
        )


def check_table(model: Model) -> Table:
    """Every ``[[check]]`` of the model: what was expected, what the model gives, and how far it misses."""
    rows = _table("checks", "kind", "what", "expected", "model", "miss", "within", "")
    rows.caption = (
        "calibration: the model was fitted to it; comparison: it was not, misses tell how far it reaches"
    )
    rows.caption_justify = "left"
    for outcome in check_model(model):
        check = outcome.check
        verdict = "" if outcome.passed else "misses" if check.kind == "comparison" else "FAILS"
        expected = f"{check.expect:g} {check.unit}".removesuffix(" 1")
        rows.add_row(
            check.kind, check.name, expected, _digits(outcome.value), _miss(outcome), check.within, verdict
        )
    return rows


def _digits(value: float) -> str:
    """Four significant digits, whole numbers from 1000 on."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _miss(outcome: Outcome) -> str:
    """How far off: in hours where the check allows hours, else in percent."""
    # adding 0.0 turns a rounded -0.0 into 0.0
    if outcome.check.within.endswith(" h"):
        return f"{round(outcome.value - outcome.check.expect, 2) + 0.0:+.2f} h"
    return f"{round(100 * outcome.miss, 1) + 0.0:+.1f} %"


def results_table(study: Study, results: Results) -> Table:
    """The table a physician reads: a row for each regimen and meal, the middle subject and the range over all."""
    frame = results.table
    keys = [name for name in ("regimen", "formulation", "meal") if name == "regimen" or _several(frame, name)]
    shown = [name for start in RESULT_COLUMNS for name in frame.columns if name.startswith(start)]
    shown = [name for name in dict.fromkeys(shown) if name.startswith("AUC (") or "ratio" not in name]
    table = Table(
        title=study.head.title, caption=_caption(frame), title_justify="left", caption_justify="left"
    )
    for name in keys:
        table.add_column(name)
    for name in shown:
        table.add_column(_heading(name), justify="right")
    previous = None
    for labels, group in frame.groupby(keys, sort=False):
        if previous not in (None, labels[0]):
            table.add_section()
        first = "" if labels[0] == previous else str(labels[0])
        previous = labels[0]
        table.add_row(first, *map(str, labels[1:]), *[_cell(group[name]) for name in shown])
    return table


def _several(frame: "pd.DataFrame", name: str) -> bool:
    return name in frame and bool(frame[name].nunique() > 1)


def _heading(name: str) -> str:
    """A column name in two lines, the unit in the second."""
    if " (" in name:
        return name.replace(" (", "\n").rstrip(")").replace(" * ", "·")
    return name.replace(" / ", "\n/ ")


def _cell(values: "pd.Series") -> str:
    """The middle subject's value, and below it the range over all subjects where there is one."""
    middle, low, high = _round(values.iloc[len(values) // 2]), _round(values.min()), _round(values.max())
    return middle if low == high else f"{middle}\n{low}-{high}"


def _round(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _caption(frame: "pd.DataFrame") -> str:
    """What the numbers of the table are."""
    people = frame["subject"].nunique()
    middle = frame.iloc[people // 2]
    columns = list(frame.columns)
    own = columns[
        columns.index("subject") + 1 : next(i for i, name in enumerate(columns) if name.startswith("Cmax ("))
    ]
    who = ", ".join(
        f"{name.split(' (')[0]} {middle[name]:g} {name.split('(')[1].rstrip(')')}" for name in own
    )
    several = f" (second line: from the lowest to the highest of {people} subjects)" if people > 1 else ""
    change = float(frame["change of AUC from the interval before (%)"].abs().max())
    if change < 1:
        settled = f"steady state: AUC differs by less than {max(change, 0.1):.1g} % from the interval before"
    else:
        settled = (
            f"not at steady state everywhere: AUC differs by up to {change:.2g} % from the interval before"
        )
    return f"Last dosing interval of the course; {settled}. Subject: {who or middle['subject']}{several}."


def _table(title: str, *headings: str) -> Table:
    return Table(
        *headings, title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
