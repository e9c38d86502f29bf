"""From the tables of a TOML file to entries, one by one, so that one mistake hides no other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from doseline.errors import ModelError, Problem, UnitError, did_you_mean
from doseline.model.block import Block
from doseline.model.checks import Check
from doseline.model.complaints import at, complaints, found
from doseline.model.entries import (
    NAME,
    Compartment,
    Covariate,
    Entry,
    Flow,
    Formulation,
    Header,
    Meal,
    Output,
    Parameter,
    Route,
    Source,
)
from doseline.model.expression import Expression, parse
from doseline.model.residual import Residual
from doseline.model.uncertainty import Uncertainty
from doseline.model.variability import Effect, Occasional
from doseline.units import dimension

OUT = "out"
"""Where a flow that leaves the body goes."""
MOST_ENTRIES = 300
"""Entries of one section."""

_NEEDED = ("source", "parameters", "compartments", "routes", "outputs")
_MEAL_KEYS = ("label", "source", "into")
_FLOW = re.compile(r"\s*(\S+)\s*->\s*(\S+)\s*")
_BARE = re.compile(r"[A-Za-z0-9_-]{1,60}")

Schema = TypeVar("Schema", bound=Entry)


@dataclass
class Draft:
    """A model file as far as it could be read, and what is wrong with the rest."""

    place: str
    header: Header | None = None
    source: Source | None = None
    covariates: dict[str, Covariate] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    individual: dict[str, Expression] = field(default_factory=dict)
    compartments: dict[str, Compartment] = field(default_factory=dict)
    variables: dict[str, Expression] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    rates: dict[str, Expression] = field(default_factory=dict)
    initial: dict[str, Expression] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    formulations: dict[str, Formulation] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    variability: dict[str, Effect] = field(default_factory=dict)
    occasions: dict[str, Occasional] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    residual: dict[str, Residual] = field(default_factory=dict)
    uncertainty: Uncertainty | None = None
    checks: list[tuple[str, Check]] = field(default_factory=list)  # with the section that messages name
    broken: dict[str, list[str]] = field(default_factory=dict)  # section: names whose entry could not be read
    problems: list[Problem] = field(default_factory=list)

    def complain(self, section: str, problem: str, advice: str = "") -> None:
        """Write down one mistake."""
        self.problems.append(Problem(at(self.place, section), problem, advice))

    def known(self, *sections: str) -> list[str]:
        """Names of these sections, broken entries included."""
        names = [[*getattr(self, section), *self.broken.get(section, ())] for section in sections]
        return list(dict.fromkeys(name for each in names for name in each))


def quoted(key: str) -> str:
    """A key as it would stand in the file."""
    return key if _BARE.fullmatch(key) else f'"{key[:60]}"'


def read_sections(raw: dict[str, Any], place: str) -> Draft:
    """Read all entries of a file."""
    return _Reader(raw, place).read()


class _Reader:
    """Fills a draft; each method reads one kind of section or entry."""

    def __init__(self, raw: dict[str, Any], place: str) -> None:
        self.raw = raw
        self.draft = Draft(place)
        self.readers: dict[str, Callable[[str, Any, str], Any]] = {
            "covariates": self.reader(Covariate),
            "parameters": self.reader(Parameter),
            "individual": self.formula,
            "compartments": self.reader(Compartment),
            "variables": self.formula,
            "flows": self.flow,
            "rates": self.formula,
            "initial": self.formula,
            "routes": self.reader(Route),
            "formulations": self.formulation,
            "outputs": self.reader(Output),
            "variability": self.reader(Effect),
            "occasions": self.reader(Occasional),
            "blocks": self.reader(Block),
            "residual": self.reader(Residual),
        }

    def read(self) -> Draft:
        """Read the file from top to bottom."""
        draft, sections = self.draft, ("source", *self.readers, "uncertainty", "check")
        if len(self.raw) > MOST_ENTRIES:
            draft.complain("", f"{len(self.raw)} sections", f"at most {MOST_ENTRIES}")
            return draft
        lines = {key: value for key, value in self.raw.items() if key not in sections}
        for key in [key for key, value in lines.items() if isinstance(value, (dict, list))]:
            del lines[key]
            draft.complain(quoted(key), "unknown section", did_you_mean(key, sections, "sections"))
        draft.header = self.entry(Header, lines, "")
        for key in _NEEDED:
            if not self.raw.get(key):
                draft.complain(
                    "", f"section [{key}] is missing or empty", f"add [{key}] with at least one entry"
                )
        if self.raw.get("source"):
            draft.source = self.entry(Source, self.raw["source"], "source")
        for section, reader in self.readers.items():
            self.table(section, reader)
        if "uncertainty" in self.raw:
            draft.uncertainty = self.entry(Uncertainty, self.raw["uncertainty"], "uncertainty")
        self.checks()
        return draft

    def entry(self, schema: type[Schema], value: Any, section: str) -> Schema | None:
        """Validate one table; complain and give None where it cannot be read."""
        if not isinstance(value, dict):
            keys = ", ".join(
                f"{key} = ..." for key, each in schema.model_fields.items() if each.is_required()
            )
            self.draft.complain(section, f"found {found(value)}", f"expected a table {{ {keys} }}")
            return None
        try:
            return schema.model_validate(value)
        except ValidationError as error:
            self.draft.problems += complaints(error, schema, place=self.draft.place, inside=section)
            return None

    def reader(self, schema: type[BaseModel]) -> Callable[[str, Any, str], Any]:
        """For sections whose entries are tables of one schema."""
        return lambda name, value, section: self.entry(schema, value, section)

    def table(self, section: str, read: Callable[[str, Any, str], Any]) -> None:
        """Read each entry of a section; the names of broken ones are remembered."""
        table = self.raw.get(section, {})
        if not isinstance(table, dict):
            return self.draft.complain(section, f"found {found(table)}", "expected a table of entries")
        if len(table) > MOST_ENTRIES:
            return self.draft.complain(section, f"{len(table)} entries", f"at most {MOST_ENTRIES}")
        for name, value in table.items():
            where = f"{section}.{quoted(name)}"
            if section != "flows" and not self.is_name(name, where):
                continue
            entry = read(name, value, where)
            if entry is None:
                self.draft.broken.setdefault(section, []).append(name)
            else:
                getattr(self.draft, section)[name] = entry
        return None

    def is_name(self, name: str, section: str) -> bool:
        """Whether a key can be a name; complain if not."""
        if NAME.fullmatch(name) and len(name) <= 60:
            return True
        self.draft.complain(
            section,
            f"'{name[:60]}' cannot be a name",
            "a name has a letter, then letters, digits and _, up to 60",
        )
        return False

    def formula(self, name: str, value: Any, section: str) -> Expression | None:
        """Read an expression that is the whole of a line; a number is one too."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not isinstance(value, str) and not number:
            self.draft.complain(section, f"found {found(value)}", 'expected an expression, such as "CL / V"')
            return None
        try:
            return parse(str(value), self.draft.place and at(self.draft.place, section))
        except ModelError as error:
            self.draft.problems += error.problems
            return None

    def flow(self, name: str, value: Any, section: str) -> Flow | None:
        """Read "gut -> central" = "KA"."""
        arrow = _FLOW.fullmatch(name)
        if arrow is None:
            self.draft.complain(
                section, "not a flow", f'write "from -> to", or "from -> {OUT}" to leave the body'
            )
        rate = self.formula(name, value, section)
        if arrow is None or rate is None:
            return None
        return Flow(source=arrow[1], target=None if arrow[2] == OUT else arrow[2], rate=rate)

    def formulation(self, name: str, value: Any, section: str) -> Formulation | None:
        """Read a formulation and its meals."""
        meals = value.get("meals", {}) if isinstance(value, dict) else {}
        if not isinstance(meals, dict) or len(meals) > MOST_ENTRIES:
            self.draft.complain(
                f"{section}.meals", f"found {found(meals)}", f"expected at most {MOST_ENTRIES} tables"
            )
            return None
        known = {meal: self.meal(meals[meal], f"{section}.meals.{quoted(meal)}") for meal in meals}
        named = [self.is_name(meal, f"{section}.meals.{quoted(meal)}") for meal in meals]
        rest = value | {"meals": {}} if isinstance(value, dict) else value
        formulation = self.entry(Formulation, rest, section)
        if formulation is None or not all(named) or None in known.values():
            return None
        return formulation.model_copy(update={"meals": known})

    def meal(self, value: Any, section: str) -> Meal | None:
        """Read a meal: its own keys, and the parameters it sets."""
        if not isinstance(value, dict) or len(value) > MOST_ENTRIES:
            self.draft.complain(
                section, f"found {found(value)}", "expected a table with label, source and values"
            )
            return None
        typical = self.raw.get("parameters")
        typical = typical if isinstance(typical, dict) else {}
        meal = self.entry(Meal, {key: value[key] for key in _MEAL_KEYS if key in value}, section)
        overrides: dict[str, Parameter | None] = {}
        for key in [key for key in value if key not in _MEAL_KEYS]:
            if key in typical:
                overrides[key] = self.override(value[key], typical[key], f"{section}.{quoted(key)}")
            else:
                overrides[key] = None
                self.draft.complain(
                    section, f"unknown key '{key}'", did_you_mean(key, [*_MEAL_KEYS, *typical])
                )
        if meal is None or None in overrides.values():
            return None
        return meal.model_copy(update={"overrides": overrides})

    def override(self, value: Any, typical: Any, section: str) -> Parameter | None:
        """Read the value a meal sets; label and status are those of the parameter unless given."""
        if not isinstance(value, dict):
            self.draft.complain(
                section, f"found {found(value)}", "expected a table { value = ..., unit = ..., source = ... }"
            )
            return None
        if isinstance(typical, dict):
            kept = {key: typical[key] for key in ("label", "status") if key in typical}
            value = kept | _plain_unit(typical.get("unit")) | value
        return self.entry(Parameter, value, section)

    def checks(self) -> None:
        """Read every [[check]]."""
        tables = self.raw.get("check", [])
        if not isinstance(tables, list):
            return self.draft.complain(
                "check", f"found {found(tables)}", "write [[check]], with two brackets"
            )
        if len(tables) > MOST_ENTRIES:
            return self.draft.complain("check", f"{len(tables)} entries", f"at most {MOST_ENTRIES}")
        for number, table in enumerate(tables, start=1):
            name = table.get("name") if isinstance(table, dict) else None
            where = f'check "{name[:60]}"' if isinstance(name, str) and name else f"check {number}"
            check = self.entry(Check, table, where)
            if check is not None:
                self.draft.checks.append((where, check))
        return None


def _plain_unit(unit: Any) -> dict[str, str]:
    """Let the unit be left out where the parameter is a plain number."""
    try:
        return {"unit": unit} if isinstance(unit, str) and not dimension(unit).powers else {}
    except UnitError:
        return {}
