"""Cohorts: the subjects of a simulation and their covariates, given or drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from doseline.distribution import is_distribution
from doseline.errors import InputError
from doseline.population.anthropometry import FILLED, read_body
from doseline.population.copula import read_correlations
from doseline.population.given import Given, is_count, read_columns, read_count, read_covariate, read_subjects
from doseline.population.grid import crossed_values
from doseline.population.inclusion import Rejected, Rules, draw_until_kept, leave_out
from doseline.population.recipe import Recipe, read_drawn, refuse_twice, refuse_without
from doseline.streams import Streams, numbers_of, seed_of
from doseline.units import factor

_SHOWN_WORDS = 4
_DRAWS = ("random", "sobol")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Subjects and their covariates; made by `cohort`.

    Attributes
    ----------
    subject : array (subject,)            Their identifiers.
    covariates : dict of array (subject,) Values, one array a covariate; of words, or of numbers.
    units : dict of str or None           Unit of each; None: the unit that the model file gives.
    seed : int or None                    Seed of what was drawn.
    sobol : bool                          Draws are points of a Sobol sequence.
    rejected : Rejected or None           What inclusion rules rejected: ``rejected.share``, ``rejected.rules``.

    ``people[0]``, ``people[:100]`` and ``people[mask]`` are cohorts of some of the subjects, with their identifiers.

    >>> people = cohort(WT=[50, 70])
    >>> len(people), people.units["WT"], people[1].covariates["WT"]
    (2, 'kg', array([70.]))
    """

    subject: np.ndarray
    covariates: Mapping[str, np.ndarray]
    units: Mapping[str, str | None] = field(default_factory=dict)
    seed: int | None = None
    sobol: bool = False
    rejected: Rejected | None = None

    def __len__(self) -> int:
        return len(self.subject)

    def __repr__(self) -> str:
        """A line a covariate would be long: the range of each, or how often each word occurs."""
        told = [self._told(name) for name in self.covariates]
        count = "1 subject" if len(self) == 1 else f"{len(self)} subjects"
        how = "" if self.seed is None else f", seed {self.seed}{', Sobol' if self.sobol else ''}"
        rejected = "" if self.rejected is None else f"; {self.rejected}"
        return f"Cohort({count}{how}{': ' if told else ''}{', '.join(told)}{rejected})"

    def _told(self, name: str) -> str:
        values = self.covariates[name]
        if self.is_words(name):
            words, counts = np.unique(values, return_counts=True)
            if len(words) > _SHOWN_WORDS:
                return f"{name} {len(words)} words"
            return f"{name} " + " ".join(f"{word} {n}" for word, n in zip(words, counts, strict=True))
        low, high, unit = values.min(), values.max(), self.units[name]
        return f"{name} {low:g}" + (f"..{high:g}" if low < high else "") + (f" {unit}" if unit else "")

    def __getitem__(self, which: Any) -> Cohort:
        """Some of the subjects, by position, slice, mask or positions."""
        at = np.atleast_1d(np.asarray(which)) if not isinstance(which, slice) else which
        try:
            if not isinstance(at, slice) and at.dtype.kind not in "iub":
                raise IndexError
            subject = self.subject[at]
        except IndexError:
            raise InputError(
                f"found {which!r:.60}",
                place="cohort[...]",
                advice=f"expected positions from 0 to {len(self) - 1}, a slice, or a mask of {len(self)} truth values",
            ) from None
        if len(np.unique(subject)) < len(subject):
            raise InputError(
                "a subject is asked for twice", place="cohort[...]", advice="give every position once"
            )
        if not len(subject):
            raise InputError(
                "nobody is left", place="cohort[...]", advice="a cohort needs at least one subject"
            )
        return replace(
            self, subject=subject, covariates={name: each[at] for name, each in self.covariates.items()}
        )

    def __iter__(self) -> Iterator[Cohort]:
        """Every subject, as a cohort of one."""
        return (self[at] for at in range(len(self)))

    def is_words(self, name: str) -> bool:
        """Whether a covariate has words and not numbers."""
        return self.covariates[name].dtype.kind in "UOT"  # files give texts back as objects

    def values(self, name: str, unit: str) -> np.ndarray:
        """Values of a covariate of numbers in ``unit``, shape (subject,)."""
        own = self.units[name]
        return (
            self.covariates[name]
            if own is None
            else self.covariates[name] * factor(own, unit, place=f"cohort {name}")
        )


def cohort(
    people: Any = None,
    *,
    subject: Any = None,
    seed: Any = None,
    correlations: Any = None,
    include: Any = None,
    draws: str = "random",
    bootstrap: Any = None,
    body: str | None = None,
    crossed: bool = False,
    **covariates: Any,
) -> Cohort:
    """Subjects with the covariates given, one value each or one for all, or drawn from distributions.

    Parameters
    ----------
    people : int, data frame or mapping, optional
        How many subjects to make, called 1, 2, 3, ...; or columns that are covariates, where a column ``ID`` names the
        subjects.
    subject : array (subject,), optional      Identifiers; 1, 2, 3, ... where nothing is said.
    seed : int                                A whole number from 0 on, needed where anything is drawn.
    correlations : mapping, optional          As in ``{("WT", "HT"): 0.6}``: of the normal scores of covariates that are
        drawn (a Gaussian copula, which leaves each distribution as it is). Pairs left out have 0.
    include : rule or list of rules, optional
        Comparisons such as ``"AGE >= 18"`` or ``"SEX == F"``, in the units of the cohort. Where ``people`` is a number,
        subjects are drawn again until they are kept; others are left out.
    draws : "random" or "sobol"               Independent, or points of a Sobol sequence, which fill space evenly.
    bootstrap : data frame or mapping, optional   Each subject gets one of its rows, drawn with replacement.
    body : "CDC 2000", optional               Height and weight that belong to the AGE and SEX of each subject.
    crossed : bool                            A subject for every combination of the values given.
    **covariates : number, array, word, text such as "70 kg", pint quantity, or distribution
        Plain numbers are in kg (WT), cm (HT), m**2 (BSA), year (AGE), mL/min (CRCL); others in the unit of the model.
        Distributions: "normal(70 kg, 14 kg) within 40..120", "lognormal(70 kg, 20 %)", "uniform(12, 50 year)",
        "exponential(4 h)", "beta(0.8, 0.1)", "F: 0.5, M: 0.5". A weight or an age is never drawn at or below 0.

    Raises
    ------
    InputError : no subjects, unequal lengths, values that are not finite, or not above zero where they must be, rules
        or correlations that nobody can meet. UnitError : units that do not fit.

    >>> cohort(WT=np.linspace(40, 120, 81))
    Cohort(81 subjects: WT 40..120 kg)
    >>> cohort(WT="70 kg", AGE=[18, 25])
    Cohort(2 subjects: WT 70 kg, AGE 18..25 year)
    >>> cohort(100, seed=7, SEX="F: 0.5, M: 0.5", AGE="uniform(12, 50 year)")
    Cohort(100 subjects, seed 7: SEX F 54 M 46, AGE 12.0228..49.6978 year)
    """
    count, columns = None, {}
    if is_count(people):
        count = read_count(people)
    elif people is not None:
        columns = read_columns(people, place="cohort")
        if "ID" in columns and subject is not None:
            raise InputError(
                "subjects are named twice",
                place="cohort",
                advice="give the column ID or subject=..., not both",
            )
        subject = columns.pop("ID", subject)
    if draws not in _DRAWS:
        raise InputError(f"found {draws!r:.40}", place="cohort draws", advice="expected 'random' or 'sobol'")
    refuse_twice(columns, covariates)
    recipe = _plan({**columns, **covariates}, bootstrap, body, correlations, crossed and count is None)
    if crossed and (count is not None or recipe.draws):
        raise InputError(
            "a grid is not drawn",
            place="cohort crossed",
            advice="give lists of values only, or leave crossed out",
        )
    size = _count(recipe, count, subject)
    ids = np.arange(1, size + 1) if subject is None else read_subjects(subject)
    recipe = replace(recipe, given={name: _wide(each, size) for name, each in recipe.given.items()})
    if recipe.draws and seed is None:
        raise InputError(
            "covariates are drawn, and there is no seed",
            place="cohort",
            advice="give one, such as seed=7: the same one gives the same people",
        )
    seed = None if seed is None else seed_of(seed, place="cohort seed")
    streams = None if seed is None else Streams(seed, sobol=draws == "sobol")
    number = numbers_of(ids) if recipe.draws else np.zeros(size, dtype=np.uint64)

    def sample(rows: np.ndarray, attempt: int) -> dict[str, np.ndarray]:
        return recipe.sample(streams if recipe.draws else None, number, rows, attempt)

    rejected = None
    rules = None if include is None else Rules(include, recipe.order, recipe.words())
    if rules is None or not rules.given:
        values = sample(np.arange(size), 0)
    elif count is not None and recipe.draws:
        values, rejected = draw_until_kept(sample, size, rules)
    else:
        everyone = sample(np.arange(size), 0)
        good, rejected = leave_out(everyone, size, rules)
        ids, values = ids[good], {name: each[good] for name, each in everyone.items()}
    units = {name: recipe.unit(name) for name in recipe.order}
    return Cohort(ids, values, units, seed=seed, sobol=draws == "sobol", rejected=rejected)


def _plan(given: Mapping[str, Any], bootstrap: Any, body: Any, correlations: Any, crossed: bool) -> Recipe:
    """Sort what was given by how it comes about, and read it."""
    texts = {name: value for name, value in given.items() if is_distribution(value)}
    distributions = {name: read_drawn(name, value) for name, value in texts.items()}
    known = {name: read_covariate(name, value) for name, value in given.items() if name not in texts}
    table: dict[str, Given] = {}
    if bootstrap is not None:
        columns = read_columns(bootstrap, place="cohort bootstrap")
        columns.pop("ID", None)
        table = {name: read_covariate(name, value) for name, value in columns.items()}
        rows = _agreed(_lengths(table), place="cohort bootstrap")
        if not table:
            raise InputError(
                "there are no columns", place="cohort bootstrap", advice="give at least one covariate"
            )
        table = {name: _wide(each, rows or 1) for name, each in table.items()}
        refuse_twice(given, table)
    if body is not None:
        body = read_body(body)
    recipe = Recipe(
        crossed_values(known) if crossed else known,
        distributions,
        [] if correlations is None else read_correlations(correlations, distributions),
        table,
        body,
        (*given, *table, *(FILLED if body else ())),
    )
    refuse_without(recipe)
    return recipe


def _wide(given: Given, size: int) -> Given:
    """One value a subject, in an array of its own."""
    return Given(np.ascontiguousarray(np.broadcast_to(given.values, (size,))), given.unit)


def _count(recipe: Recipe, count: int | None, subject: Any) -> int:
    """Number of subjects that everything agrees on."""
    lengths = _lengths(recipe.given)
    if subject is not None:
        lengths["subject"] = len(read_subjects(subject))
    found = _agreed({"cohort": count, **lengths} if count is not None else lengths, place="cohort")
    if found is not None:
        return found
    if recipe.draws:
        raise InputError(
            "nothing says how many subjects to draw",
            place="cohort",
            advice="say it first, as in cohort(1000, seed=7, ...)",
        )
    if not recipe.given:
        raise InputError(
            "no covariates", place="cohort", advice="give at least one, such as cohort(WT=[50, 70])"
        )
    return 1


def _lengths(given: Mapping[str, Given]) -> dict[str, int]:
    """Lengths of those that have one value a subject."""
    return {name: values.size for name, (values, _) in given.items() if values.ndim}


def _agreed(lengths: Mapping[str, int], *, place: str) -> int | None:
    """The one length of all; None where there are none."""
    for name, length in lengths.items():
        if length == 0:
            raise InputError(
                f"{name} has no values", place=place, advice="a cohort needs at least one subject"
            )
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(
            f"lengths differ: {told}",
            place=place,
            advice="give one value a subject for each covariate, or a single one for all subjects",
        )
    return next(iter(lengths.values()), None)
