"""What pydantic found wrong with a file, in our words: file and key, what was found, what was expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from doseline.errors import DoselineError, Problem, did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_EXPECTED: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "bool_type": lambda ctx: "true or false",
    "dict_type": lambda ctx: "a table",
    "finite_number": lambda ctx: "a finite number",
    "float_parsing": lambda ctx: "a number, without quotes",
    "float_type": lambda ctx: "a number, without quotes",
    "greater_than": lambda ctx: f"a number above {ctx['gt']:g}",
    "greater_than_equal": lambda ctx: f"{ctx['ge']:g} or more",
    "int_type": lambda ctx: "a whole number",
    "less_than": lambda ctx: f"a number below {ctx['lt']:g}",
    "less_than_equal": lambda ctx: f"{ctx['le']:g} or less",
    "literal_error": lambda ctx: str(ctx["expected"]),
    "model_attributes_type": lambda ctx: "a table",
    "model_type": lambda ctx: "a table",
    "string_too_short": lambda ctx: "some text",
    "string_type": lambda ctx: "a text, in quotes",
    "tuple_type": lambda ctx: "a list",
}
"""What was expected, for each type of pydantic's errors; others keep pydantic's sentence."""


def complaints(
    error: ValidationError, schema: type[BaseModel], *, place: str, inside: str = ""
) -> list[Problem]:
    """Every mistake of a validation as (place, problem, advice).

    Parameters
    ----------
    error : ValidationError     As raised.
    schema : type of BaseModel  What was validated: its keys are suggested, its descriptions are the hints.
    place : str                 The file.
    inside : str                The section that was validated, such as "parameters.CL".
    """
    return [_complaint(entry, schema, place=place, inside=inside) for entry in error.errors()]


def at(place: str, section: str) -> str:
    """Place of a section of a file: ``models/a.toml [outputs.plasma]``."""
    return f"{place} [{section}]" if section else place


def found(value: Any) -> str:
    """Tell a value of a TOML file in few characters."""
    names = {dict: "a table", list: "a list", bool: "true" if value is True else "false"}
    text = names.get(type(value), repr(value))
    return text if len(text) <= 60 else text[:57] + "..."


def _complaint(entry: Any, schema: type[BaseModel], *, place: str, inside: str) -> Problem:
    *above, last = entry["loc"] or ("",)
    key = f"entry {last + 1}" if isinstance(last, int) else last
    where = at(place, ".".join(str(part) for part in (inside, *above) if part != ""))
    fields = _fields(schema, above)
    hint = fields.get(key, "")
    if entry["type"] == "missing":
        return Problem(
            where, f"'{key}' is missing", f"add {key} = ...: {hint}" if hint else f"add {key} = ..."
        )
    if entry["type"] == "extra_forbidden":
        return Problem(where, f"unknown key '{key}'", did_you_mean(key, fields))
    cause = entry.get("ctx", {}).get("error")
    if isinstance(cause, DoselineError):
        told = key or cause.place
        return Problem(where, f"{told}: {cause.problem}" if told else cause.problem, cause.advice)
    expected = hint or _EXPECTED.get(entry["type"], lambda ctx: entry["msg"])(entry.get("ctx", {}))
    named = f"{key} = {found(entry['input'])}" if key else f"found {found(entry['input'])}"
    return Problem(where, named, f"expected {expected}")


def _fields(schema: type[BaseModel], above: Sequence[str | int]) -> dict[str, str]:
    """Keys that may stand at a spot of the schema, with their hints; none where any key may stand."""
    for step in above:
        field = schema.model_fields.get(str(step))
        inner = (
            [each for each in get_args(field.annotation) if hasattr(each, "model_fields")] if field else []
        )
        if not inner:
            return {}
        schema = inner[0]
    return {field.alias or name: field.description or "" for name, field in schema.model_fields.items()}
