"""Sections of study files: their keys are checked, and mistakes become problems of the file, told all at once."""

import re
from collections.abc import Callable, Collection
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationError

from doseline.errors import DoselineError, Problem
from doseline.model.complaints import complaints
from doseline.model.entries import Entry, Text

_KEY = re.compile(r"'(\w+)': ")


def _names(given: Any) -> Any:
    if all(isinstance(each, str) for each in (given if isinstance(given, list) else [given])):
        return given
    raise ValueError


Names = Annotated[str | list[str] | None, PlainValidator(_names)]
"""One name, or a list of names; whether the model knows them is seen later."""


class Head(Entry):
    """``[study]``."""

    title: Text = Field(description="a few words in quotes")
    model: Text = Field(description="a name of the library, or the path of a model file, in quotes")
    question: Text | None = None


class Sweep(Entry):
    """``[sweep]``."""

    times: Text = Field(description='a step in quotes, such as "1 h"')
    meal: Names = Field(None, description='a meal in quotes, or a list of them: ["fed", "fasted"]')
    formulation: Names = Field(None, description="a formulation in quotes, or a list of them")


def entry(schema: Any, section: str, tables: dict[str, Any], problems: list[Problem], place: str) -> Any:
    """A section read by its schema; None where it has mistakes."""
    try:
        return schema.model_validate(tables.get(section, {}))
    except ValidationError as error:
        problems.extend(complaints(error, schema, place=place, inside=section))
        return None


def attempt(problems: list[Problem], read: Callable[[], Any], *, place: str = "") -> Any:
    """What ``read`` gives; a mistake of ours becomes a problem of the file, at ``place`` where that is given."""
    try:
        return read()
    except DoselineError as error:
        told = getattr(error, "problems", ()) or (Problem(error.place, error.problem, error.advice),)
        problems.extend(Problem(place or each.place, each.problem, in_toml(each.advice)) for each in told)
        return None


def attempt_section(
    problems: list[Problem], read: Callable[[], Any], *, place: str, section: str, keys: Collection[str]
) -> Any:
    """The same for a section whose own ``keys`` are arguments of ``read``: messages name the key.

    What else a message has behind the name of the section is a table in it, such as a covariate.
    """
    try:
        return read()
    except DoselineError as error:
        key = error.place.removeprefix(section).strip()
        own = key.partition(" ")[0] in keys
        where = f"[{section}] {key}" if own or not key else f"[{section}.{key}]"
        problems.append(Problem(f"{place} {where}".rstrip(), error.problem, in_toml(error.advice)))
        return None


def in_toml(advice: str) -> str:
    """Advice as a study file has to have it; calls of Python stay as they are.

    >>> in_toml("such as {'per_year': 6, 'days': 3}")
    'such as {per_year = 6, days = 3}'
    """
    return advice if ".edit(" in advice else _KEY.sub(r"\1 = ", advice)
