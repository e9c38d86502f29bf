"""Who takes part: rules such as "AGE >= 18", and drawing again until they are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.model.expression import Expression, parse
from doseline.model.tree import RULES, Apply, Name

ATTEMPTS = 1000
"""Times that one subject is drawn before the rules are held to be impossible."""
PLACE = "cohort include"

Values = dict[str, np.ndarray]

_ADVICE = (
    (
        re.compile(r"\b(and|or|not)\b"),
        "give one comparison a rule, and the rules in a list: all of them have to hold",
    ),
    (re.compile(r"[\"']"), "write words without quotes, such as 'SEX == F'"),
)
"""What people bring along from Python."""


@dataclass(frozen=True)
class Rejected:
    """What inclusion rules have rejected.

    Attributes
    ----------
    drawn : int                      Candidates looked at.
    kept : int                       Those that became subjects.
    rules : dict of float            For each rule the share of all candidates that break it; one may break several.
    """

    drawn: int
    kept: int
    rules: Mapping[str, float]

    @property
    def share(self) -> float:
        """Share of the candidates that were rejected."""
        return 1.0 - self.kept / self.drawn

    def __str__(self) -> str:
        """In words."""
        told = ", ".join(f"{rule} {_percent(rate)}" for rule, rate in self.rules.items())
        return f"{_percent(self.share)} of {self.drawn} rejected ({told})"


class Rules:
    """Inclusion rules, parsed."""

    def __init__(self, given: Any, known: Collection[str], words: Mapping[str, Collection[str]]) -> None:
        """Read rules over covariates ``known``, some of them of ``words``."""
        self.given = _listed(given)
        self._codes = {
            word: float(at) for at, word in enumerate(sorted({w for each in words.values() for w in each}))
        }
        self._worded = set(words)
        self._rules = {text: self._read(text, known) for text in self.given}

    def _read(self, text: str, known: Collection[str]) -> Expression:
        for foreign, advice in _ADVICE:
            if foreign.search(text):
                raise InputError(f"found '{text}'", place=PLACE, advice=advice)
        rule = parse(text, PLACE)
        tree = rule.tree
        if not isinstance(tree, Apply) or RULES[tree.rule].kind != "comparison":
            raise InputError(
                f"'{text}' compares nothing", place=PLACE, advice="write a comparison, such as 'AGE >= 18'"
            )
        for name in rule.names:
            if name not in known and name not in self._codes:
                raise InputError(
                    f"'{text}' has the unknown name '{name}'",
                    place=PLACE,
                    advice=did_you_mean(name, [*known, *self._codes]),
                )
        if not any(name in known for name in rule.names):
            raise InputError(
                f"'{text}' has no covariate in it", place=PLACE, advice=did_you_mean("", known, "covariates")
            )
        worded = [name for name in rule.names if name in self._worded or name not in known]
        if worded and not (tree.rule in ("==", "!=") and all(isinstance(arg, Name) for arg in tree.args)):
            raise InputError(
                f"'{text}' computes with words", place=PLACE, advice="words are compared with == and !="
            )
        return rule

    def broken(self, values: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        """For each rule, who breaks it: (subject,)."""
        numbers = dict(self._codes)
        coded = {
            name: self._coded(array) if name in self._worded else array for name, array in values.items()
        }
        return {
            text: np.broadcast_to(np.asarray(rule.evaluate({**numbers, **coded})) == 0.0, (count,))
            for text, rule in self._rules.items()
        }

    def _coded(self, words: np.ndarray) -> np.ndarray:
        unique, which = np.unique(words, return_inverse=True)
        return np.array([self._codes[str(word)] for word in unique])[which]


def draw_until_kept(
    sample: Callable[[np.ndarray, int], Values], count: int, rules: Rules
) -> tuple[Values, Rejected]:
    """Draw every subject again and again until it breaks no rule.

    ``sample(rows, attempt)`` gives the covariates of the subjects at ``rows``. A subject that is kept is drawn no
    more, so those who are kept at the first attempt are the same as without rules.
    """
    left = np.arange(count)
    values = sample(left, 0)
    found, tally = values, _Tally(rules)
    for attempt in range(ATTEMPTS):
        if attempt:
            found = sample(left, attempt)
        good = tally.kept(found, len(left))
        if attempt:
            for name, array in found.items():
                values[name][left[good]] = array[good]
        left = left[~good]
        if not left.size:
            return values, tally.report()
    raise tally.hopeless(count - left.size, count)


def leave_out(values: Values, count: int, rules: Rules) -> tuple[np.ndarray, Rejected]:
    """Who breaks no rule, (subject,), of people who cannot be drawn again."""
    tally = _Tally(rules)
    good = tally.kept(values, count)
    if not good.any():
        raise InputError(
            f"no subject is left of {count}: {tally.told()}",
            place=PLACE,
            advice="give other people, or wider rules",
        )
    return good, tally.report()


class _Tally:
    """Counts of candidates and of those that break each rule."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._drawn = self._kept = 0
        self._broken = dict.fromkeys(rules.given, 0)

    def kept(self, values: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        """Who breaks no rule; counted."""
        good = np.ones(count, dtype=bool)
        for text, bad in self._rules.broken(values, count).items():
            self._broken[text] += int(bad.sum())
            good &= ~bad
        self._drawn += count
        self._kept += int(good.sum())
        return good

    def report(self) -> Rejected:
        rates = {text: broken / self._drawn for text, broken in self._broken.items()}
        return Rejected(self._drawn, self._kept, rates)

    def told(self) -> str:
        worst = max(self._broken, key=lambda text: self._broken[text])
        return f"'{worst}' rejects {_percent(self._broken[worst] / self._drawn)}"

    def hopeless(self, kept: int, count: int) -> InputError:
        return InputError(
            f"{kept} of {count} subjects are kept after {ATTEMPTS} attempts each: {self.told()}",
            place=PLACE,
            advice="give distributions that are nearer to the rules, or wider rules",
        )


def _listed(given: Any) -> tuple[str, ...]:
    """One rule or several."""
    several: Iterable[Any] = (given,) if isinstance(given, str) else given
    if not isinstance(several, (list, tuple)) or not all(isinstance(each, str) for each in several):
        raise InputError(
            f"found {given!r:.60}",
            place=PLACE,
            advice="give a rule as text, such as 'AGE >= 18', or a list of them",
        )
    return tuple(dict.fromkeys(several))


def _percent(share: float) -> str:
    """A share as people read it: never 0 % for something, nor 100 % for less than all."""
    if 0.0 < share < 0.01:
        return f"{100.0 * share:.2g} %"
    return f"{min(100.0 * share, 99.9):.3g} %" if share < 1.0 else "100 %"
