"""What a model says about its compartments, as lines of a picture: what moves where, what acts on what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from doseline.drawing.parts import short
from doseline.drawing.terms import Formulas, Term
from doseline.model.spec import Model

MOST_OPEN = 2
"""Terms of one rate that get arrows from or to nowhere of their own; more share one."""


class Link(NamedTuple):
    """A line to be drawn.

    `sort` is one of "flow": an entry of [flows]; "rate": from [rates], between two compartments or from or to
    nowhere; "drive": a gain that comes with one compartment, which loses nothing; "influence": a compartment acts on
    the pace of another; "dose". Nowhere is None.
    """

    sort: str
    texts: tuple[str, ...]
    tooltip: str
    source: str | None
    target: str | None


def links_of(model: Model) -> list[Link]:
    """All lines of a model."""
    formulas = Formulas(model)
    return [*_flows(model), *_rates(model, formulas), *_doses(model)]


def _flows(model: Model) -> Iterator[Link]:
    for flow in model.flows:
        told = f"{flow.source} → {flow.target or 'out'}: {flow.rate}"
        yield Link("flow", (short(str(flow.rate)),), told, flow.source, flow.target)


def _doses(model: Model) -> Iterator[Link]:
    """One arrow for each route, and one for each compartment that meals send doses into."""
    for name, route in model.routes.items():
        entry = {"": route.bioavailability, "lag ": route.lag, "over ": route.duration, "at ": route.rate}
        told = ", ".join(f"{word}{formula}" for word, formula in entry.items() if formula is not None)
        texts = (short(name), short(told)) if told else (short(name),)
        yield Link("dose", texts, f"{name}: {route.label}" + (f" ({told})" if told else ""), None, route.into)
    meals = [each for formulation in model.formulations.values() for each in formulation.meals.items()]
    for into in dict.fromkeys(meal.into for _, meal in meals if meal.into is not None):
        named = ", ".join(dict.fromkeys(name for name, meal in meals if meal.into == into))
        yield Link("dose", (short(named),), f"{model.default_route}, {named}", None, into)


def _rates(model: Model, formulas: Formulas) -> Iterator[Link]:
    """What the rates move, then what acts on rates and flows.

    A term that one compartment loses and another gains has moved from the one to the other. Of what is left, a loss
    leads out; a gain comes from nowhere, or with the one compartment that it follows.
    """
    terms = {name: formulas.terms(name) for name in model.rates}
    gains, losses = _by_what_moves(terms, gain=True), _by_what_moves(terms, gain=False)
    moved, driven = (
        defaultdict[tuple[str, str], list[str]](list),
        defaultdict[tuple[str, str], list[str]](list),
    )
    made, lost = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    acting = _Acting()
    for flow in model.flows:
        acting.add(formulas.acting(flow.rate.tree) - {flow.source}, flow.source, str(flow.rate))
    for name, term in ((name, term) for name, parts in terms.items() for term in parts):
        there = [other for other in (losses if term.gain else gains)[term.moves] if other != name]
        if not term.gain:
            for other in there:
                moved[name, other].append(term.text)
            if not there:
                lost[name].append(term.text)
            # what binds to one another does not act on itself: all that is lost at once is in it
            partners = losses[term.moves] if there else [name]
            acting.add(term.acting - {name, *partners}, name, term.text)
        elif not there:
            driver = _driver(term, name)
            if driver is None:
                made[name].append(term.text)
            else:
                driven[driver, name].append(term.text)
            acting.add(term.acting - {name, driver or name}, name, term.text)
    for (source, target), texts in moved.items():
        yield _rate(source, target, texts)
    for name in model.rates:
        for texts in _shared(made[name]):
            yield _rate(None, name, texts)
        for texts in _shared(lost[name]):
            yield _rate(name, None, texts)
    for (source, target), texts in driven.items():
        whole = " + ".join(texts)
        yield Link("drive", (short(whole),), f"{source} drives {target}: {whole}", source, target)
    for (source, target), texts in acting.found.items():
        if (source, target) not in driven:
            yield Link("influence", (), f"{source} acts on {target}: {'; '.join(texts)}", source, target)


def _by_what_moves(terms: dict[str, list[Term]], *, gain: bool) -> defaultdict[object, list[str]]:
    """Compartments that gain or lose something, by what it is."""
    found = defaultdict[object, list[str]](list)
    for name, parts in terms.items():
        for term in parts:
            if term.gain == gain and name not in found[term.moves]:
                found[term.moves].append(name)
    return found


def _driver(term: Term, gaining: str) -> str | None:
    """The one compartment that a gain comes with: no other acts, and without it there is none."""
    return (
        next(iter(term.acting))
        if term.acting == term.follows != {gaining} and len(term.acting) == 1
        else None
    )


def _shared(texts: list[str]) -> list[list[str]]:
    """An arrow for each term, or one for all."""
    return [[text] for text in texts] if len(texts) <= MOST_OPEN else [texts]


def _rate(source: str | None, target: str | None, texts: Iterable[str]) -> Link:
    whole = " + ".join(texts)
    return Link("rate", (short(whole),), f"{source or 'in'} → {target or 'out'}: {whole}", source, target)


class _Acting:
    """Which compartment acts on which other one, and in what."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], list[str]] = {}

    def add(self, names: Iterable[str], on: str, text: str) -> None:
        for name in sorted(names):
            texts = self.found.setdefault((name, on), [])
            texts += [text] * (text not in texts)
