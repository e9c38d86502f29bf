"""``[cohort]`` of a study file: people who are listed, spaced evenly, or drawn."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from pydantic import Field

from doseline.distribution import is_distribution
from doseline.errors import Problem
from doseline.model.complaints import found
from doseline.model.entries import Entry, Real, Text
from doseline.population.cohort import Cohort, cohort
from doseline.population.recipe import read_drawn
from doseline.study_reading import attempt, attempt_section, entry
from doseline.units import STANDARD_UNITS, factor, parse_unit, registry

MOST = 50_000_000
"""People in a study."""

NO_COVARIATES = ("people", "subject", "bootstrap", "crossed")
"""Other arguments of `cohort`, which mean nothing in a study file."""

FORMS = (
    'expected { from = ..., to = ..., count = ..., unit = "..." }, { values = [...], unit = "..." }, '
    'or a text such as "70 kg", "normal(70 kg, 14 kg)" or "F: 0.5, M: 0.5"'
)


class Drawing(Entry):
    """Keys of ``[cohort]`` that are no covariates; `cohort` says whether they can be used."""

    count: int | None = Field(
        None, strict=True, ge=1, le=MOST, description=f"how many people, a whole number from 1 to {MOST}"
    )
    seed: Any = None
    draws: Any = "random"
    include: Any = None
    correlations: Any = None
    body: Any = None


class Range(Entry):
    """Evenly spaced values of a covariate: ``{ from = 40, to = 120, count = 81, unit = "kg" }``."""

    start: Real = Field(alias="from", description="the first value, a number")
    stop: Real = Field(alias="to", description="the last value, a number")
    count: int = Field(
        strict=True, ge=1, le=MOST, description=f"how many people, a whole number from 1 to {MOST}"
    )
    unit: Text = Field(description='a unit in quotes, such as "kg"')

    def values(self) -> np.ndarray:
        """All values."""
        return np.linspace(self.start, self.stop, self.count)


class Listed(Entry):
    """Values of a covariate, one a subject: ``{ values = [45, 62, 90], unit = "kg" }``."""

    listed: list[Real] = Field(alias="values", description="numbers in brackets")
    unit: Text = Field(description='a unit in quotes, such as "kg"')

    def values(self) -> np.ndarray:
        """All values."""
        return np.array(self.listed)


class Words(Entry):
    """Words, one a subject: ``{ values = ["F", "M", "F"] }``."""

    listed: list[Text] = Field(alias="values", description="words in quotes")


def people_of(section: Any, problems: list[Problem], place: str) -> Cohort | None:
    """The cohort of a study; None where there are mistakes."""
    keys = [key for key in section if key in Drawing.model_fields] if isinstance(section, dict) else []
    if not isinstance(section, dict) or not section:
        problems.append(
            Problem(
                f"{place} [cohort]",
                "there are no people",
                'add a covariate, such as WT = { values = [60, 80], unit = "kg" }',
            )
        )
        return None
    before = len(problems)
    how = entry(Drawing, "cohort", {"cohort": {key: section[key] for key in keys}}, problems, place)
    covariates = {name: given for name, given in section.items() if name not in keys}
    values = {name: _covariate(name, given, problems, place) for name, given in covariates.items()}
    pairs = None
    if how is not None and how.correlations is not None:
        pairs = _pairs(how.correlations, problems, f"{place} [cohort] correlations")
    if len(problems) > before:
        return None
    _refuse_incomplete(how, values, problems, f"{place} [cohort]")
    if len(problems) > before:
        return None
    asked = dict(dict(how), correlations=pairs)
    count = asked.pop("count")
    made = partial(cohort, values, **asked) if count is None else partial(cohort, count, **asked, **values)
    own = list(Drawing.model_fields)
    people: Cohort | None = attempt_section(problems, made, place=place, section="cohort", keys=own)
    return people


def _covariate(name: str, given: Any, problems: list[Problem], place: str) -> Any:
    """What `cohort` takes for one covariate, tried alone so that a mistake is told with its own line."""
    where = f"cohort.{name}"
    at = f"{place} [{where}]"
    if name in NO_COVARIATES:
        problems.append(Problem(at, f"'{name}' cannot be a covariate", "give it another name"))
    elif isinstance(given, str):
        alone = read_drawn if is_distribution(given) else lambda name, given: cohort({name: given})
        attempt(problems, lambda: alone(name, given), place=at)
        return given
    elif not isinstance(given, dict):
        problems.append(Problem(at, f"found {found(given)}", FORMS))
    else:
        read = entry(_form(given), where, {where: given}, problems, place)
        return None if read is None else attempt(problems, partial(_values, name, read), place=at)
    return None


def _form(given: Mapping[str, Any]) -> type[Entry]:
    """Which of the forms of a covariate is meant."""
    listed = given.get("values")
    if (
        "unit" not in given
        and isinstance(listed, list)
        and listed
        and all(isinstance(v, str) for v in listed)
    ):
        return Words
    return Listed if "values" in given else Range


def _values(name: str, read: Any) -> Any:
    """Values in the covariate's standard unit; a quantity where it has none, so that the cohort sees the unit."""
    if isinstance(read, Words):
        given: Any = read.listed
    elif name in STANDARD_UNITS:
        given = read.values() * factor(read.unit, STANDARD_UNITS[name])
    else:
        given = registry().Quantity(read.values(), parse_unit(read.unit))
    cohort({name: given})
    return given


def _pairs(given: Any, problems: list[Problem], place: str) -> dict[tuple[str, str], Any]:
    """Correlations as `cohort` takes them, from ``{ "WT and HT" = 0.6 }``."""
    example = 'such as { "WT and HT" = 0.6 }'
    if not isinstance(given, dict):
        problems.append(
            Problem(place, f"found {found(given)}", f"give a correlation for each pair, {example}")
        )
        return {}
    pairs = {}
    for text, value in given.items():
        names = tuple(text.split(" and "))
        if len(names) != 2 or not all(name.isidentifier() for name in names) or names[0] == names[1]:
            problems.append(Problem(place, f"found '{text:.60}'", f"expected two names, {example}"))
        else:
            pairs[names[0], names[1]] = value
    return pairs


def _refuse_incomplete(how: Drawing, values: Mapping[str, Any], problems: list[Problem], place: str) -> None:
    """What is drawn needs a number of people and a seed."""
    drawn = [name for name, given in values.items() if is_distribution(given)]
    drawn += ["HT"] if how.body is not None else []
    sized = how.count is not None or any(not isinstance(given, str) for given in values.values())
    if drawn and not sized:
        problems.append(
            Problem(place, f"{drawn[0]} is drawn, and nothing says for how many people", "add count = 1000")
        )
    if drawn and how.seed is None:
        problems.append(
            Problem(
                place,
                f"{drawn[0]} is drawn, and there is no seed",
                "add seed = 7: the same one gives the same people",
            )
        )
