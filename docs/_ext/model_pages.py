"""Sphinx extension: writes one page for each model of the library, and the table of all of them in `reference/models`.

Tables and equations show what stands in the TOML files and not what a program made of it; only the diagram is drawn by
doseline. The pages are written into `reference/library` when the documentation is built, and git does not keep them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doseline.drawing import diagram
from doseline.model.read import read_model

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

PAGE, FOLDER = "reference/models", "reference/library"
STUDY_ENDING = ".study.toml"
ADVAN = re.compile(r"ADVAN\d+ TRANS\d+")
WRITTEN = "<!-- written from models/{}.toml when the documentation is built: change that file -->"

Table = Mapping[str, Any]


def prose(value: object) -> str:
    """Text as it is to be read: lines are joined, and what markdown would take for markup is escaped."""
    return re.sub(r"([\\`*_\[\]<>|$#{}~^])", r"\\\1", " ".join(str(value).split()))


def code(value: object) -> str:
    """Names, units and expressions."""
    text = " ".join(str(value).split()).replace("|", "\\|")
    return f"`{text}`" if text else ""


def number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else prose(value)


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A markdown table, or nothing when there is nothing to show; columns that stay empty are left out."""
    body = [list(row) for row in rows]
    kept = [i for i in range(len(heads)) if any(row[i] for row in body)]
    if not kept:
        return []
    lines = [heads, ["---"] * len(heads), *body]
    return ["| " + " | ".join(line[i] for i in kept) + " |" for line in lines] + [""]


def titled(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *lines] if lines else []


def reference(source: Table) -> list[str]:
    lines = [prose(source.get("citation", "")), ""]
    for key in ("doi", "pmid", "url"):
        if key in source:
            lines += [f"{key.upper()}: {code(source[key])}", ""]
    if "note" in source:
        lines += [prose(source["note"]), ""]
    return lines


def covariates(model: Table) -> list[str]:
    return grid(
        ["name", "unit", "reference", "from", "to", "meaning"],
        (
            [
                code(name),
                code(row.get("unit", "")),
                *(number(row.get(key, "")) for key in ("reference", "low", "high")),
                prose(row.get("label", "")),
            ]
            for name, row in model.get("covariates", {}).items()
        ),
    )


def parameter_row(name: str, row: Table) -> list[str]:
    told = [number(row.get("value", "")), code(row.get("unit", ""))]
    return [code(name), *told, *(prose(row.get(key, "")) for key in ("label", "status", "source"))]


PARAMETER_HEADS = ["name", "value", "unit", "meaning", "status", "source"]


def parameters(model: Table) -> list[str]:
    return grid(PARAMETER_HEADS, (parameter_row(*item) for item in model.get("parameters", {}).items()))


def individual(model: Table) -> list[str]:
    return grid(
        ["one person's", "is"],
        ([code(name), code(rule)] for name, rule in model.get("individual", {}).items()),
    )


def compartments(model: Table) -> list[str]:
    return grid(
        ["compartment", "unit", "meaning"],
        (
            [code(name), code(row.get("unit", "")), prose(row.get("label", ""))]
            for name, row in model.get("compartments", {}).items()
        ),
    ) + grid(
        ["flow", "rate constant"], ([code(path), code(rate)] for path, rate in model.get("flows", {}).items())
    )


def variables(model: Table) -> list[str]:
    return grid(
        ["variable", "is"], ([code(name), code(rule)] for name, rule in model.get("variables", {}).items())
    )


def factor(rate: str) -> str:
    """A rate constant as it is multiplied by an amount: sums in parentheses."""
    flat, inner = rate, ""
    while flat != inner:
        flat, inner = re.sub(r"\([^()]*\)", "", flat), flat
    return f"({rate})" if re.search(r"[-+]", flat) else rate


def slope(name: str, model: Table) -> str:
    """What flows and rates do to a compartment: a sum."""
    terms = []
    for path, rate in model.get("flows", {}).items():
        source, target = (end.strip() for end in path.split("->"))
        if name in (source, target):
            terms.append(f"{'-' if name == source else '+'} {factor(rate)} * {source}")
    rate = model.get("rates", {}).get(name)
    if rate is not None:
        terms.append(f"+ {rate}")
    total = " ".join(terms).removeprefix("+ ").replace("+ -", "- ")
    return re.sub(r"^- ", "-", total) or "0"


def equations(model: Table) -> list[str]:
    """What flows and rates come to for each compartment, between doses."""
    lines = [f"d {name} / dt = {slope(name, model)}" for name in model.get("compartments", {})]
    return ["```text", *lines, "```", ""]


def initial(model: Table) -> list[str]:
    return grid(
        ["compartment", "holds"],
        ([code(name), code(amount)] for name, amount in model.get("initial", {}).items()),
    )


def routes(model: Table) -> list[str]:
    return grid(
        ["route", "into", "bioavailability", "lag", "duration", "rate", "meaning"],
        (
            [
                code(name),
                *(code(row.get(key, "")) for key in ("into", "bioavailability", "lag", "duration", "rate")),
                prose(row.get("label", "")),
            ]
            for name, row in model.get("routes", {}).items()
        ),
    )


def meals(formulation: Table, typical: Table) -> Iterable[list[str]]:
    """One row for each number a meal changes; what it leaves out is as the parameter has it."""
    for name, meal in formulation.get("meals", {}).items():
        told = {key: meal[key] for key in ("label", "source", "into") if key in meal}
        changes = {key: row for key, row in meal.items() if key not in told}
        meaning, where = prose(told.get("label", "")), code(told.get("into", ""))
        if not changes:
            yield [code(name), meaning, where, "", "", "", "", prose(told.get("source", ""))]
        for key, row in changes.items():
            parameter, value, unit, _, status, source = parameter_row(key, typical[key] | row)
            yield [code(name), meaning, where, parameter, value, unit, status, source]


def formulations(model: Table) -> list[str]:
    lines: list[str] = []
    for name, row in model.get("formulations", {}).items():
        strengths = ", ".join(number(strength) for strength in row.get("strengths", ()))
        unit = prose(row.get("strength_unit", ""))
        told = f"**{prose(name)}**: {prose(row.get('label', ''))}"
        lines += [f"{told} ({strengths} {unit})" if strengths else told, ""]
        heads = ["meal", "meaning", "dose goes into", "sets", "value", "unit", "status", "source"]
        lines += grid(heads, meals(row, model["parameters"]))
    return lines


def outputs(model: Table) -> list[str]:
    return grid(
        ["output", "is", "unit", "meaning"],
        (
            [code(name), code(row.get("value", "")), code(row.get("unit", "")), prose(row.get("label", ""))]
            for name, row in model.get("outputs", {}).items()
        ),
    )


LOOKS = {"at": " at {}", "follow": ", followed for {}"}


def metric(check: Table) -> str:
    """Metric and output, when or how long it looks, and for a ratio what it is divided by."""
    told = " of ".join(code(check[key]) for key in ("metric", "output") if key in check)
    told += "".join(words.format(prose(check[key])) for key, words in LOOKS.items() if key in check)
    under = ", ".join(prose(value) for value in check.get("per", {}).values())
    return f"{told}, over that of: {under}" if under else told


def expected(check: Table) -> str:
    unit = check.get("unit", "1")
    return number(check.get("expect", "")) + ("" if unit == "1" else f" {code(unit)}")


def setting(check: Table) -> str:
    """What the check gives, to whom, and with which meal."""
    people = ", ".join(f"{name} = {number(value)}" for name, value in check.get("covariates", {}).items())
    parts = (check.get("regimen"), check.get("meal"), check.get("formulation"), people)
    return "; ".join(prose(part) for part in parts if part)


def checks(model: Table) -> list[str]:
    return grid(
        ["check", "kind", "given", "metric", "expected", "within", "status", "source"],
        (
            [
                prose(check.get("name", "")),
                prose(check.get("kind", "")),
                setting(check),
                metric(check),
                expected(check),
                prose(check.get("within", "")),
                prose(check.get("status", "")),
                prose(check.get("source", "")),
            ]
            for check in model.get("check", ())
        ),
    )


SECTIONS = {
    "Covariates": covariates,
    "Parameters": parameters,
    "Individual values": individual,
    "Compartments and flows": compartments,
    "What changes in time": variables,
    "Equations": equations,
    "Before the first dose": initial,
    "Routes": routes,
    "Formulations and meals": formulations,
    "Outputs": outputs,
    "Checks": checks,
}


def render(path: Path) -> list[str]:
    """The page of one model file."""
    text = path.read_text(encoding="utf-8")
    model = tomllib.loads(text)
    name = model.get("name", path.stem)
    lines = [
        WRITTEN.format(path.stem),
        "",
        f"# {prose(name)}",
        "",
        f"**{prose(model.get('title', name))}**",
        "",
    ]
    lines += [f'`dl.load_model("{name}")`, version {prose(model.get("version", "not given"))}', ""]
    lines += ["```{raw} html", diagram(read_model(text, place=str(path))).svg, "```", ""]
    lines += reference(model.get("source", {}))
    for title, section in SECTIONS.items():
        lines += titled(title, section(model))
    return lines


GROUPS = {
    "Drugs": ("indomethacin", "isotretinoin", "phenobarbital-*", "theophylline", "warfarin"),
    "Compartments": ("one-compartment-*", "two-compartment-*", "three-compartment-*"),
    "Absorption": ("*-absorption", "*-absorption-*"),
    "Metabolites, recycling, urine": ("*-metabolite", "*-metabolism", "*-recirculation", "*-excretion"),
    "Saturation, induction, targets": ("michaelis-menten*", "*-induction", "tmdd*"),
    "Effects": ("effect-*", "indirect-response-*", "turnover-*"),
    "Cells and tumours": ("*-myelosuppression", "tumour-*"),
    "Others": ("*",),
}
"""Patterns of names; a model is in the first group that has one for it."""


def group_of(path: Path) -> str:
    return next(group for group, names in GROUPS.items() if any(fnmatch(path.stem, name) for name in names))


def overview(files: Iterable[Path]) -> list[str]:
    """A table of models for each group."""
    grouped: dict[str, list[Path]] = {group: [] for group in GROUPS}
    for path in files:
        grouped[group_of(path)].append(path)
    lines: list[str] = []
    for group, paths in grouped.items():
        if paths:
            lines += ["", f"### {group}", "", *listed(paths)]
    return lines


def listed(files: Iterable[Path]) -> list[str]:
    """A table of models."""
    rows = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        model = tomllib.loads(text)
        source = " ".join(str(text) for text in model.get("source", {}).values())
        named = ", ".join(ADVAN.findall(source))
        inside = ", ".join(code(name) for name in model.get("compartments", {}))
        solved = "exactly" if read_model(text, place=str(path)).linear else "in steps"
        rows.append(
            [f"[{path.stem}](library/{path.stem}.md)", prose(model.get("title", "")), named, inside, solved]
        )
    return grid(["model", "what it is (parameters)", "in NONMEM", "compartments", "solved"], rows)


def model_files(folder: str | Path) -> list[Path]:
    found = (path for path in Path(folder).glob("*.toml") if not path.name.endswith(STUDY_ENDING))
    return sorted(found, key=lambda path: path.stem)


def write_pages(app: Sphinx) -> None:
    """Write the pages of all models, and remove those of models that are gone; what has not changed is left alone."""
    files = model_files(app.config.model_folder)
    if not files:
        raise FileNotFoundError(f"{app.config.model_folder}: no model file to document")
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    pages = {folder / f"{path.stem}.md": "\n".join(render(path)) for path in files}
    for old in set(folder.glob("*.md")) - set(pages):
        old.unlink()
    for page, text in pages.items():
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def write_table(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == PAGE:
        source[0] = "\n".join([source[0], *overview(model_files(app.config.model_folder))])


def always_again(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """The table depends on files that sphinx does not watch."""
    return [PAGE] if PAGE in env.found_docs else []


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("model_folder", "", "env")
    app.connect("builder-inited", write_pages)
    app.connect("source-read", write_table)
    app.connect("env-get-outdated", always_again)
    return {"version": "2.0", "parallel_read_safe": True, "parallel_write_safe": True}
