"""Models made and changed in Python: the tables of a file are put together, written as text, and read as a file is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.errors import ModelError, Problem, did_you_mean
from doseline.model.complaints import at, found
from doseline.model.entries import Entry
from doseline.model.expression import Expression
from doseline.model.read import LARGEST, read_model
from doseline.model.sections import MOST_ENTRIES, quoted
from doseline.model.write import SECTIONS, plain, tables_of, to_toml
from doseline.units import QUANTITY, dimension

if TYPE_CHECKING:
    from doseline.model.spec import Model

FIRST_LINES = ("name", "title", "version")
DEEPEST = 8
"""Tables within tables: a meal of a formulation has four."""
_SPREADS = ("variability", "occasions", "residual")  # sections whose entries may be a CV
MOST_DRAWS = 10_000
"""Draws of one parameter."""
_MATRICES = ("blocks.", "uncertainty.")  # sections whose entries may have arrays
_LONGEST = 200  # characters of a short form


def build_model(name: str, **sections: Any) -> Model:
    """Build a model from nothing, checked as a file is.

    Parameters
    ----------
    name : str                   Letters, digits, - and _.
    title, version, source       The name, "1" and "built in Python" if left out.
    parameters, compartments, flows, routes, outputs, ... : dict
        The sections of a model file, entries as a file has them or in the short forms of :meth:`Model.edit`.

    Raises
    ------
    ModelError : with every mistake, each with its section.

    >>> model = build_model(
    ...     "bolus",
    ...     parameters={"CL": "5 L/h", "V": "50 L"},
    ...     compartments={"central": "mg"},
    ...     flows={"central -> out": "CL / V"},
    ...     routes={"iv": "central"},
    ...     outputs={"plasma": ("central / V", "mg/L")},
    ... )
    >>> print(model.outputs["plasma"].value, model.parameters["CL"].source)
    central / V given in Python
    """
    made = {"title": name, "version": "1", "source": {"citation": "built in Python"}}
    return _Hand("build_model(...)").model(made, {"name": name, **sections})


def edited(model: Model, sections: Mapping[str, Any]) -> Model:
    """See :meth:`doseline.model.spec.Model.edit`."""
    tables = tables_of(model)
    tables.pop("check", None)
    return _Hand(f"{model.name}.edit(...)").model(tables, sections)


class _Hand:
    """Brings what was given into the form of a file; what cannot stand in one is told, all of it at once."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self.left = LARGEST  # characters

    def model(self, tables: Mapping[str, Any], sections: Mapping[str, Any]) -> Model:
        """Put the two together and read the text of it."""
        known = (*FIRST_LINES, *SECTIONS)
        whole = dict(tables)
        for section, given in sections.items():
            if section not in known:
                self.complain(section, "unknown section", did_you_mean(section, known, "sections"))
            elif given is not None:
                whole[section] = self.section(section, whole.get(section, {}), given)
        if self.problems:
            raise ModelError.collect(self.problems)
        ordered = {name: whole[name] for name in known if whole.get(name) not in (None, {})}
        made = read_model(to_toml(ordered), place=self.place)
        # written once more, so that it reads the same however it was given
        return made.model_copy(update={"text": to_toml(tables_of(made))})

    def complain(self, section: str, problem: str, advice: str) -> None:
        self.problems.append(Problem(at(self.place, section), problem, advice))

    def section(self, section: str, old: Any, given: Any) -> Any:
        """Give a section with what was given in it."""
        if section in FIRST_LINES:
            return self.plain(given, section)
        if section == "source" and isinstance(given, str):
            given = {"citation": given}
        if isinstance(given, Entry):
            given = plain(given)
        if not isinstance(given, Mapping):
            self.complain(
                section, f"found {type(given).__name__}", f"expected entries, as in {_EXAMPLES[section]}"
            )
            return old
        if len(given) > MOST_ENTRIES:
            self.complain(section, f"{len(given)} entries", f"at most {MOST_ENTRIES}")
            return old
        if section == "uncertainty":
            old = {}  # one thing: its keys go together
        new: dict[str, Any] = {}
        for key, value in given.items():
            name = _arrow(key) if section == "flows" and isinstance(key, str) else key
            where = f"{section}.{quoted(name) if isinstance(name, str) else type(name).__name__}"
            if not isinstance(name, str):
                self.complain(where, f"found {type(key).__name__} as a name", "names are texts")
            elif not self.fits(name, where):
                continue
            elif name in new:
                self.complain(where, "stands here twice", "give it once")
            elif value is not None:
                new[name] = self.entry(section, value, old.get(name), name, where)
            elif name in old:
                new[name] = None
            else:
                self.complain(where, "there is nothing to take out", did_you_mean(name, old))
        merged = {name: new[name] if name in new else old[name] for name in _order(old, new)}
        return {name: value for name, value in merged.items() if value is not None}

    def entry(self, section: str, value: Any, old: Any, name: str, where: str) -> Any:
        """Give one entry in the form of a file, from its short form where it has one."""
        label = old.get("label", name) if isinstance(old, Mapping) else name
        if section == "parameters" and hasattr(value, "magnitude") and hasattr(value, "units"):
            value = f"{value.magnitude} {value.units:~C}"
        if section == "parameters" and isinstance(value, str):
            return self.quantity(value, old, label, where)
        if section == "compartments" and isinstance(value, str):
            value = {"unit": value, "label": label}
        elif section == "outputs" and isinstance(value, (tuple, list)) and len(value) == 2:
            value = {"value": value[0], "unit": value[1], "label": label}
        elif section in _SPREADS and not isinstance(value, (Mapping, Entry)):
            return self.spread(section, value, where)
        elif section in _SPREADS and isinstance(value, (int, float, str, tuple, list)):
            return self.complain(
                where, f"found {found(value)}", f"expected {_EXAMPLES[section]}, or a table of its keys"
            )
        elif section == "routes" and isinstance(value, str):
            value = {"into": value, "label": label}
        return self.plain(value, where)

    def quantity(self, text: str, old: Any, label: str, where: str) -> Any:
        """Read "7.5 L/h" as a parameter."""
        match = QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            shown = repr(text) if len(text) <= 60 else repr(text[:57]) + "..."
            return self.complain(where, f"found {shown}", f"expected {_QUANTITY}, or a table of its keys")
        number, unit = float(match[1]), match[2].strip()
        needed = old["unit"] if isinstance(old, Mapping) else "1"
        if not unit and dimension(needed).powers:
            return self.complain(
                where,
                f"found '{text.strip()}' without a unit",
                f"expected {dimension(needed).words}: add the unit, such as '... {needed}'",
            )
        return {
            "value": number,
            "unit": unit or "1",
            "label": label,
            "source": "given in Python",
            "status": "assumption",
        }

    def spread(self, section: str, value: Any, where: str) -> Any:
        """Read "30 %" as the CV of an effect or of an observation, and ("20 %", "dose") as that of occasions."""
        first: dict[str, Any] = {"error": "proportional"} if section == "residual" else {}
        cv = value
        if section == "occasions" and isinstance(value, (tuple, list)) and len(value) == 2:
            cv, first["every"] = value
        if not isinstance(cv, str) or (section == "occasions" and not first):
            expected = f"expected {_EXAMPLES[section]}, or a table of its keys"
            return self.complain(where, f"found {value!r:.60}", expected)
        table = {**first, "cv": cv, "source": "given in Python", "status": "assumption"}
        return self.plain(table, where)

    def plain(self, value: Any, where: str, levels: int = DEEPEST) -> Any:
        """Give a value as texts, numbers, tables and lists, or say why it is none."""
        if isinstance(value, (Entry, Expression)):
            return plain(value)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, np.ndarray) and where.startswith(_MATRICES) and self.has_room(value.size, where):
            value = value.tolist()
        if isinstance(value, str):
            return value if self.fits(value, where) else None
        if not self.has_room(1, where):
            return None
        if isinstance(value, int) and value.bit_length() >= 64:
            return self.complain(where, f"found a whole number of {value.bit_length()} bits", "at most 63")
        if isinstance(value, (int, float)):
            return value
        if not isinstance(value, (Mapping, list, tuple)):
            return self.complain(
                where, f"found {type(value).__name__}", "expected a text, a number or a table"
            )
        if levels == 0:
            return self.complain(where, "nested too deeply", f"at most {DEEPEST} levels")
        most = MOST_DRAWS if where.startswith("uncertainty.") else MOST_ENTRIES
        if len(value) > most:
            return self.complain(where, f"{len(value)} entries", f"at most {most}")
        if not isinstance(value, Mapping):
            return [self.plain(each, where, levels - 1) for each in value]
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            return self.complain(where, f"found {type(odd[0]).__name__} as a key", "keys are texts")
        # None in an entry is what is left out, as in `lag=None`
        return {
            key: self.plain(each, where, levels - 1)
            for key, each in value.items()
            if each is not None and self.fits(key, where)
        }

    def fits(self, text: str, where: str) -> bool:
        """Whether a text can stand in a file; complain if not."""
        if not self.has_room(len(text), where):
            return False
        try:
            text.encode()
        except UnicodeEncodeError as error:
            self.complain(where, f"character {error.start} is half of one", "expected text that is UTF-8")
            return False
        return True

    def has_room(self, characters: int, where: str) -> bool:
        """Count what a file would have to hold; complain once where it is too much."""
        before, self.left = self.left, self.left - characters
        if self.left < 0 <= before:
            self.complain(where, f"more than {LARGEST} characters", "a model file has no room for them")
        return self.left >= 0


_QUANTITY = "a number and a unit, such as '7.5 L/h'"
_EXAMPLES: Mapping[str, str] = {
    "source": 'source={"citation": "..."}, or a text',
    "covariates": 'covariates={"WT": {"unit": "kg", "reference": 70, "label": "body weight"}}',
    "parameters": 'parameters={"CL": "7.5 L/h"}',
    "individual": 'individual={"KE": "CL / V"}',
    "compartments": 'compartments={"central": "mg"}',
    "variables": 'variables={"CP": "central / V"}',
    "flows": 'flows={"central -> out": "CL / V"}',
    "rates": 'rates={"effect": "KIN - KOUT * effect"}',
    "initial": 'initial={"effect": "KIN / KOUT"}',
    "routes": 'routes={"iv": "central"}',
    "formulations": 'formulations={"capsule": {"label": "capsule", "strengths": [10, 20]}}',
    "outputs": 'outputs={"plasma": ("central / V", "mg/L")}',
    "variability": 'variability={"CL": "30 %"}',
    "occasions": 'occasions={"F": ("20 %", "dose")}',
    "blocks": 'blocks={"disposition": {"effects": ["CL", "V"], "correlations": [[0.3]], ...}}',
    "residual": 'residual={"plasma": "15 %"}',
    "uncertainty": 'uncertainty={"parameters": ["CL", "V"], "covariance": [[0.2], [0.1, 0.4]], ...}',
}


def _arrow(key: str) -> str:
    """A flow as it is written: "a->b" is "a -> b"."""
    return " -> ".join(part.strip() for part in key.split("->"))


def _order(old: Iterable[str], new: Mapping[str, Any]) -> list[str]:
    """Old names in their order; a new one before the next name that is given with it, or at the end."""
    order = list(old)
    following: str | None = None
    for name in reversed([name for name, value in new.items() if value is not None]):
        if name not in order:
            order.insert(len(order) if following is None else order.index(following), name)
        following = name
    return order
