"""From a model back to the text of a model file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.items import SingleKey

from doseline.model.entries import Entry, Meal
from doseline.model.expression import Expression
from doseline.model.read import MOST_DOTS, read_toml
from doseline.model.sections import OUT

if TYPE_CHECKING:
    from doseline.model.spec import Model

SECTIONS = (
    *("source", "covariates", "parameters", "individual", "compartments", "variables", "flows", "rates"),
    *("initial", "routes", "formulations", "outputs"),
    *("variability", "occasions", "blocks", "residual", "uncertainty"),
)
"""Sections of a file in the order in which they are written; every one is a field of the model too."""

_ALWAYS = ("unit",)  # keys that are written even where they could be left out
_SPREAD: Mapping[str, int] = {"routes": 1, "formulations": 3, "blocks": 1}
"""Levels below a section whose tables have a header of their own; all others stand on one line each."""
_FEW_DOTS = MOST_DOTS // 2
_ROW = 20  # entries of a list that stand on one line


def text_of(model: Model) -> str:
    """Give TOML that reads back as the same model; that of its own file where nothing was changed."""
    if model.changes:
        return to_toml(tables_of(model))
    named = "name" in read_toml(model.text, place=model.path)
    return model.text if named else f"name = {_value(model.name)}\n{model.text}"


def tables_of(model: Model) -> dict[str, Any]:
    """Give the tables of a model file, as they would be read from it."""
    tables: dict[str, Any] = {"name": model.name, "title": model.title, "version": model.version}
    for section in SECTIONS:
        entries = getattr(model, section)
        if section == "flows":
            entries = {f"{flow.source} -> {flow.target or OUT}": flow.rate for flow in entries}
        tables[section] = plain(entries)
    for formulation in tables["formulations"].values():
        for meal in formulation.get("meals", {}).values():
            _leave_out_what_follows(meal, tables["parameters"])
    tables["check"] = [plain(check) for check in model.checks]
    return {name: table for name, table in tables.items() if table}


def plain(value: Any) -> Any:
    """Give an entry of a model as the file has it: texts, numbers, tables and lists, without what says nothing."""
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if not isinstance(value, Entry):
        return value
    fields = type(value).model_fields
    table = {
        name: plain(getattr(value, name))
        for name, field in fields.items()
        if field.is_required()
        or name in _ALWAYS
        or getattr(value, name) != field.get_default(call_default_factory=True)
    }
    return table | table.pop("overrides", {}) if isinstance(value, Meal) else table


def _leave_out_what_follows(meal: dict[str, Any], parameters: Mapping[str, Any]) -> None:
    """Label and status of what a meal sets are those of the parameter unless written."""
    for name, override in meal.items():
        if isinstance(override, dict):
            for key in ("label", "status"):
                if override[key] == parameters[name][key]:
                    del override[key]


# ---------------------------------------------------------------- text
def to_toml(tables: Mapping[str, Any]) -> str:
    """Write tables as TOML: an entry of a section is one line, unless that line would be too long to be read back."""
    return "\n".join(_lines((), tables)).lstrip("\n") + "\n"


def _lines(path: tuple[str, ...], table: Mapping[str, Any], *, header: str = "") -> Iterator[str]:
    """Lines of a table; those below it with a header of their own come last."""
    lists = {key: each for key, each in table.items() if _is_list_of_tables(each)}
    below = {key: each for key, each in table.items() if isinstance(each, Mapping)}
    short = {key: f"{_key(key)} = {_value(each)}" for key, each in table.items() if key not in lists}
    spread = len(path) <= (_SPREAD.get(path[0], 0) if path else 0)
    if not spread and all(_readable(short[key]) for key in below):
        below = {}
    shown = [line for key, line in short.items() if key not in below]
    if header and (shown or not below):
        yield from ("", header)
    yield from shown
    for key, each in below.items():
        yield from _lines((*path, key), each, header=f"[{_dotted((*path, key))}]")
    for key, tables in lists.items():
        for each in tables:
            yield from _lines((*path, key), each, header=f"[[{_dotted((*path, key))}]]")


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _readable(text: str) -> bool:
    return all(line.count(".") <= MOST_DOTS for line in text.split("\n"))


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(map(_key, path))


def _key(key: str) -> str:
    return SingleKey(key).as_string()


def _value(value: Any) -> str:
    """Write a value on one line; a text with many dots and a long list on several."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        written = [_value(each) for each in value]
        if any(isinstance(each, list) for each in value):
            return "[" + ",\n    ".join(written) + "]"
        rows = [", ".join(written[start : start + _ROW]) for start in range(0, len(written), _ROW)]
        return "[" + ",\n    ".join(rows) + "]"
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return tomlkit.item(int(value) if whole else value).as_string()


def _text(text: str) -> str:
    """Write a text; one with many dots goes on behind a backslash at the end of a line, which TOML reads over."""
    if text.count(".") <= _FEW_DOTS:
        return tomlkit.string(text).as_string()
    first, *rest = text.split(".")
    starts = range(0, len(rest), _FEW_DOTS)
    pieces = [first, *("." + ".".join(rest[start : start + _FEW_DOTS]) for start in starts)]
    escaped = (tomlkit.string(piece).as_string()[1:-1] for piece in pieces)
    return '"""' + "\\\n".join(escaped) + '"""'
