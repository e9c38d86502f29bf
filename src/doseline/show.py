"""What the terminal shows: a model, its checks, and the exposure table of a study."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.box import SIMPLE_HEAVY
from rich.table import Table

from doseline.analysis.exposure import OF_STEADY
from doseline.compile import ENTRY
from doseline.dataset import middle
from doseline.model.spec import Block, Effect, Formulation, Model, Residual
from doseline.planned import Plan
from doseline.study import Results, Study
from doseline.verify import Outcome, check_model

if TYPE_CHECKING:
    import pandas as pd

RESULT_COLUMNS = ("interval (h)", "Cmax (", "Cmin (", "Cavg (", "AUC (", "total dose (mg/kg)", "AUC ")
"""Beginnings of the columns of the exposure table that are shown, in this order."""

FINE = 6
"""Fewer times than this in a dosing interval are told to be rough."""


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
    for number, (name, compartment) in enumerate(model.compartments.items(), start=1):
        structure.add_row(f"compartment {number}", f"{name}: {compartment.label}")
    for flow in model.flows:
        structure.add_row(f"{flow.source} -> {flow.target or 'out'}", flow.rate.text)
    for name, expression in model.rates.items():
        structure.add_row(f"rate of {name}", expression.text)
    for name, expression in model.variables.items():
        structure.add_row(f"{name} over time", expression.text)
    for name, expression in model.individual.items():
        structure.add_row(f"{name} of a subject", expression.text)
    for name, route in model.routes.items():
        given = {word: getattr(route, word) for word in ENTRY}
        told = ", ".join(f"{word} {value.text}" for word, value in given.items() if value is not None)
        structure.add_row(f"route {name}", f"into {route.into}" + (f", {told}" if told else ""))
    for name, expression in model.initial.items():
        structure.add_row(f"{name} before the first dose", expression.text)
    yield structure
    outputs = _table("outputs", "name", "unit", "value", "what")
    for name, output in model.outputs.items():
        outputs.add_row(name, output.unit, output.value.text, output.label)
    yield outputs
    meals = _table("formulations and meals", "name", "meal", "what it sets", "whence")
    for name, formulation in model.formulations.items():
        _add_formulation(meals, name, formulation)
    yield from [meals] if model.formulations else []
    yield from _spreads(model)


def _spreads(model: Model) -> Iterator[Table]:
    """How far subjects, occasions and observations differ, and how well the parameters are known."""
    spreads = _table("variability", "of", "between", "distribution", "size", "status", "whence")
    for name, effect in model.variability.items():
        spreads.add_row(name, "subjects", effect.distribution, _size(effect), effect.status, effect.source)
    for name, each in model.occasions.items():
        spreads.add_row(name, f"each {each.every}", each.distribution, _size(each), each.status, each.source)
    for name, block in model.blocks.items():
        spreads.add_row(name, block.between, "together", _together(block), block.status, block.source)
    yield from [spreads] if spreads.rows else []
    residual = _table("residual error", "output", "error", "size", "status", "whence")
    for name, error in model.residual.items():
        residual.add_row(name, error.error, _size(error), error.status, error.source)
    yield from [residual] if model.residual else []
    known = model.uncertainty
    if known is not None:
        count = len(next(iter(known.draws.values()), ()))
        errors = zip(known.names, known.sds(), strict=False)
        se = ", ".join(f"{name} {value:.3g}" for name, value in errors)
        told = f"{count} draws of {', '.join(known.names)}" if count else f"standard errors {se}"
        uncertainty = _table("uncertainty", "scale", "size", "status", "whence")
        uncertainty.add_row(known.scale, told, known.status, known.source)
        yield uncertainty


def _size(entry: Effect | Residual) -> str:
    """The numbers of an entry as its file has them."""
    rest = ("distribution", "error", "every", "source", "status")
    given = ((key, getattr(entry, key)) for key in type(entry).model_fields if key not in rest)
    return ", ".join(f"{key} {_written(value)}" for key, value in given if value not in (None, ()))


def _together(block: Block) -> str:
    """Correlations of a block, and the variances where it has them."""
    rows, names = block.correlation(), block.effects
    told = [
        f"{names[j]} and {names[i]} {rows[i][j]:.3g}"
        for i in range(len(names))
        for j in range(i)
        if rows[i][j]
    ]
    variances = zip(names, block.omega2 or (), strict=False)
    return ", ".join([*(f"omega2 of {name} {row[-1]:.3g}" for name, row in variances), *told])


def _written(value: float | str | tuple[float, ...]) -> str:
    if isinstance(value, str):
        return value
    return " ".join(f"{each:g}" for each in value) if isinstance(value, tuple) else f"{value:g}"


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
    """The table a physician reads: a row for each regimen and meal, the middle subject and the range over all.

    Where people are drawn it has their median, and from where to where nine of ten reach.
    """
    frame = results.table
    keys = [name for name in ("regimen", "formulation", "meal") if name == "regimen" or _several(frame, name)]
    shown = [name for start in RESULT_COLUMNS for name in frame.columns if name.startswith(start)]
    shown = list(dict.fromkeys(shown))
    table = Table(
        title=study.head.title,
        title_justify="left",
        box=SIMPLE_HEAVY,
        collapse_padding=True,
        pad_edge=False,
    )
    for name in keys:
        table.add_column(name, overflow="fold")
    for name in shown:
        table.add_column(_heading(name), justify="right", overflow="fold")  # no digit may be lost
    at = None if study.drawn else _middle(frame)
    previous = None
    for labels, group in frame.groupby(keys, sort=False):
        if previous not in (None, labels[0]):
            table.add_section()
        first = "" if labels[0] == previous else str(labels[0])
        previous = labels[0]
        table.add_row(first, *map(str, labels[1:]), *[_cell(group[name], at) for name in shown])
    return table


def plan_table(study: Study, plan: Plan) -> Table:
    """What running a study would be: a line for each number."""
    table = Table(
        title=study.head.title, title_justify="left", box=SIMPLE_HEAVY, pad_edge=False, show_header=False
    )
    for what, text in plan.told():
        table.add_row(what, text)
    return table


def _several(frame: "pd.DataFrame", name: str) -> bool:
    return name in frame and bool(frame[name].nunique() > 1)


def _heading(name: str) -> str:
    """A column name in two lines, the unit in the second."""
    if " (" in name:
        return name.replace(" (", "\n").rstrip(")").replace(" * ", "·")
    return name.replace(" / ", "\n/ ")


def _middle(frame: "pd.DataFrame") -> int:
    """Position of the subject that stands for all, the same one as in the pictures."""
    people = frame["subject"].nunique()
    return middle(people, frame["WT (kg)"].values[:people] if "WT (kg)" in frame else None)


def _cell(values: "pd.Series", at: int | None) -> str:
    """The value of the subject at ``at``, and below it the range over all subjects where there is one.

    Without a subject, the median and the range from 5 % to 95 %.
    """
    if at is None:
        low, own, high = map(_round, values.quantile([0.05, 0.5, 0.95]))
    else:
        own, low, high = _round(values.iloc[at]), _round(values.min()), _round(values.max())
    return own if low == high else f"{own}\n{low}-{high}"


def _round(value: float) -> str:
    """Three significant digits, without an exponent; a dash for what is not known."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def results_caption(study: Study, results: Results) -> str:
    """What the numbers of the table are, and how far they can be trusted."""
    frame, times = results.table, results.levels["time"].values
    people = frame["subject"].nunique()
    if study.drawn:
        again = frame["replicate"].nunique() if "replicate" in frame else 1
        whose = f"{people} subjects" + (f" in {again} replicates" if again > 1 else "")
        several = " (second line: from 5 % to 95 %)" if people * again > 1 else ""
        told = [f"Last dosing interval of the course. Median of {whose}{several}."]
    else:
        several = f" (second line: from the lowest to the highest of {people} subjects)" if people > 1 else ""
        told = [f"Last dosing interval of the course. Subject: {_who(frame)}{several}."]
    if "taken" in frame:
        told.append(
            "Doses may be missed, late or with another meal: no interval need be like the one before."
        )
    else:
        told += _settled(frame)
    if not frame[next(name for name in frame.columns if name.startswith("AUC ("))].notna().all():
        told.append("-: the times of the study do not reach over a whole dosing interval.")
    return "\n".join([*told, *_rough(frame, times)])


def _who(frame: "pd.DataFrame") -> str:
    """Covariates of the subject that stands for all; the identifier where there are none."""
    chosen, columns = frame.iloc[_middle(frame)], list(frame.columns)
    first = next(at for at, name in enumerate(columns) if name.startswith("Cmax ("))
    own = [name.partition(" (") for name in columns[columns.index("subject") + 1 : first]]
    told = [(name, unit, chosen[f"{name}{bracket}{unit}"]) for name, bracket, unit in own]
    known = [
        f"{name} {value if isinstance(value, str) else f'{value:g}'} {unit.rstrip(')')}"
        for name, unit, value in told
    ]
    return ", ".join(map(str.rstrip, known)) or str(chosen["subject"])


def _settled(frame: "pd.DataFrame") -> Iterator[str]:
    """Which regimens have come to steady state, and which have not."""
    known = frame[next(name for name in frame.columns if name.startswith("AUC ("))].notna()
    change = frame["change of AUC from the interval before (%)"].abs()
    if OF_STEADY in frame:
        yield from _reached(100.0 * (frame[OF_STEADY] - 1.0).abs(), frame["regimen"])
        return
    worst = change.groupby(frame["regimen"], sort=False).max()
    moving = [f"{name} (AUC changes by up to {value:.2g} %)" for name, value in worst.items() if value >= 1]
    lone = frame["regimen"][known & change.isna()].unique()
    if moving:
        yield f"Not at steady state: {', '.join(moving)}."
    if len(lone):
        yield f"No interval before to compare with: {', '.join(map(str, lone))}."
    steady = worst[worst < 1]
    if len(steady):
        which = "" if len(steady) == len(worst) else f" for {', '.join(map(str, steady.index))}"
        limit = max(steady.max(), 0.1)
        yield f"Steady state{which}: AUC differs by less than {limit:.1g} % from the interval before."


def _reached(away: "pd.Series", regimen: "pd.Series") -> Iterator[str]:
    """The same where it is known what each regimen would come to."""
    worst = away.groupby(regimen, sort=False).max().dropna()
    moving = [
        f"{name} (its average is up to {value:.2g} % away)" for name, value in worst.items() if value >= 1
    ]
    if moving:
        yield f"Not at steady state: {', '.join(moving)}."
    steady = worst[worst < 1]
    if len(steady):
        which = "" if len(steady) == len(worst) else f" for {', '.join(map(str, steady.index))}"
        yield f"Steady state{which}: averages differ by less than {max(steady.max(), 0.1):.1g} % from it."
    yield "Found while solving, between the times of the levels too."


def _rough(frame: "pd.DataFrame", times: np.ndarray) -> Iterator[str]:
    """A warning where highest and lowest levels fall between the times."""
    apart = float(np.diff(times).max(initial=0.0))
    if OF_STEADY in frame:
        return  # found while solving, whatever the times
    if apart * FINE > frame["interval (h)"].min() * (1 + 1e-9):
        yield f"Rough: the times are up to {apart:g} h apart, so peaks and troughs are missed. Take a smaller step."


def _table(title: str, *headings: str) -> Table:
    return Table(
        *headings, title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
