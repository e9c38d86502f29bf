"""What the words of one dose mean: amounts, times, and how often.

Every clause settles one thing, and a dose settles each thing once; what is missing or said twice is refused.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from doseline.dosing.amounts import MASS, SIZES, TOLERANCE, milligrams
from doseline.dosing.dose import LIMIT, Dose
from doseline.dosing.grammar import COUNTS, Node, Source, Span

DAY = 24.0

TIME = {
    **dict.fromkeys(("min", "mins", "minute", "minutes"), (1.0, 60.0)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), (1.0, 1.0)),
    **dict.fromkeys(("d", "day", "days"), (24.0, 1.0)),
    **dict.fromkeys(("wk", "wks", "week", "weeks"), (168.0, 1.0)),
}
"""Each unit of time in hours, as (multiply by, divide by)."""

HOURS = (1e-9, 1e9)
MILLIGRAMS = (1e-12, 1e12)
"""What a text may ask for: far beyond any use, and far from where sums and products stop being finite."""

DIVISORS = {"kg": "WT", "m2": "BSA", "m²": "BSA", "m^2": "BSA", "day": "day", "d": "day"}
"""What an amount can be divided by."""

SLOTS = {
    **dict.fromkeys(("every", "often", "once", "split"), "how often"),
    **dict.fromkeys(("lasting", "times", "until"), "the end"),
    "at": "the time of day",
    "over": "the infusion time",
    "fed": "the meal",
    "with": "the meal",
    "as": "the formulation",
    "by": "the route",
}
"""What each clause settles; a dose may settle it once."""


@dataclass(frozen=True, slots=True)
class Item:
    """One dose and when: ``times`` a ``span`` [h], at ``clocks`` [h from midnight] where there are any."""

    dose: Dose
    times: int
    span: float
    clocks: tuple[float, ...]
    once: bool

    @property
    def period(self) -> float:
        """Length of the pattern that repeats. [h]"""
        return self.span if self.clocks else self.span / self.times

    def pattern(self, start: float) -> list[tuple[float, Dose]]:
        """Offsets after ``start`` and doses; a clock time is the next one, at whatever hour ``start`` is."""
        if not self.clocks:
            return [(0.0, self.dose)]
        waits = [(clock - start) % DAY for clock in self.clocks]
        return [(0.0 if DAY - wait < TOLERANCE * max(start, 1.0) else wait, self.dose) for wait in waits]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the pieces of one text."""

    source: Source

    # -- numbers, times, amounts

    def number(self, token: Node, advice: str) -> float:
        word = token.lower()
        value = float(COUNTS.index(word) + 1) if word in COUNTS else float(token)
        if not (math.isfinite(value) and value > 0.0):
            self.source.refuse(token, f"found {token}, expected a finite number above 0", advice)
        return value

    def count(self, token: Node) -> int:
        advice = "write a whole number from 1 on, as in 'x 14' or 'in 2 doses'"
        value = self.number(token, advice)
        if value != math.floor(value):
            self.source.refuse(token, f"found {token}, expected a whole number", advice)
        if value > LIMIT:
            self.source.refuse(
                token, f"{token} is more than a regimen can hold", f"write at most {LIMIT:,}".replace(",", "")
            )
        return int(value)

    def hours(self, number: Node | None, unit: Node) -> float:
        value = (
            1.0 if number is None else self.number(number, "write a time above 0, as in '12 h' or '4 weeks'")
        )
        if unit.lower() not in TIME:
            advice = "write min, h, days or weeks, as in '12 h' or '4 weeks'"
            if unit.lower().startswith("mo") or unit.lower().startswith("year"):
                advice = f"{unit} differ in length: write days or weeks, as in '4 weeks'"
            self.source.refuse(unit, f"'{unit}' is not a unit of time", advice)
        multiply, divide = TIME[unit.lower()]
        span = (unit if number is None else number).start_pos, unit.end_pos
        return self.reachable(value * multiply / divide, span, limits=HOURS, what="a time", unit="h")

    def amount(self, number: Node, unit: Node) -> tuple[float, str | None, bool]:
        """Milligrams, what they are per, and whether they are a daily amount."""
        value = self.number(number, "write '40 mg' or '0.5 mg/kg'; a pause is 'nothing for 2 weeks'")
        mass, *divisors = [part.strip().lower() for part in unit.split("/")]
        if mass not in MASS:
            advice = (
                "write ng, ug (or mcg), mg or g, then /kg, /m2 or /day where meant: '40 mg', '0.5 mg/kg/day'"
            )
            self.source.refuse(
                (unit.start_pos, unit.start_pos + len(mass)), f"'{mass}' is not a unit of mass", advice
            )
        meant = [DIVISORS.get(part) for part in divisors]
        sizes = [part for part in meant if part in SIZES]
        if None in meant or len(set(meant)) < len(meant) or len(sizes) > 1:
            advice = "divide by kg or m2, by day, or by both: '0.5 mg/kg', '40 mg/day', '0.5 mg/kg/day'"
            self.source.refuse(unit, f"'{unit}' is not an amount that can be given", advice)
        span = number.start_pos, unit.end_pos
        mg = self.reachable(milligrams(value, mass), span, limits=MILLIGRAMS, what="an amount", unit="mg")
        return mg, sizes[0] if sizes else None, "day" in meant

    def reachable(
        self, value: float, span: Span, *, limits: tuple[float, float], what: str, unit: str
    ) -> float:
        if not limits[0] <= value <= limits[1]:
            advice = f"write {what} from {limits[0]:g} to {limits[1]:g} {unit}"
            self.source.refuse(span, f"'{self.source.words(span)}' is out of reach", advice)
        return value

    def clock(self, token: Node) -> float:
        hour, minute = (int(part) for part in token.split(":"))
        if hour > 23 or minute > 59:
            self.source.refuse(
                token, f"{token} is not a time of day", "write a time from 00:00 to 23:59, as in 'at 20:00'"
            )
        return hour + minute / 60.0

    # -- one dose

    def clauses(self, nodes: list[Node]) -> dict[str, Node]:
        """The clauses by what they settle."""
        settled: dict[str, Node] = {}
        for node in nodes:
            slot = SLOTS[node.data]
            if slot in settled:
                first = self.source.words(settled[slot])
                problem = f"'{self.source.words(node)}' says {slot} again, after '{first}'"
                self.source.refuse(
                    node, problem, "keep one of the two; another dose is joined with 'and' or ', then'"
                )
            settled[slot] = node
        return settled

    def item(self, tree: Node) -> tuple[Item, Node | None]:
        number, unit, *nodes = tree.children
        clauses = self.clauses(nodes)
        amount, per, daily = self.amount(number, unit)
        often = clauses.get("how often")
        at = clauses.get("the time of day")
        clocks = tuple(sorted(self.clock(token) for token in at.children)) if at else ()
        if len(set(clocks)) < len(clocks):
            self.source.refuse(
                at, "a time of day stands here twice", "write each time once, as in 'at 08:00 and 20:00'"
            )
        written = (number.start_pos, unit.end_pos)
        if daily or (often is not None and often.data == "split"):
            times, span = self.daily(written, often, daily=daily, clocks=clocks), DAY
        elif often is not None:
            times, span = self.frequency(often)
        elif clocks:
            times, span = len(clocks), DAY
        else:
            words = self.source.words(written)
            advice = f"write '{words} once daily', '{words} every 12 h' or, for a single dose, '{words} once'"
            self.source.refuse(written, f"'{words}' does not say how often", advice)
        if clocks and (times != len(clocks) or (span % DAY if times == 1 else span != DAY)):
            said = self.source.words(often if often is not None else written)
            problem = f"'{said}' does not go with {len(clocks)} time{'s' * (len(clocks) > 1)} of day"
            self.source.refuse(
                at, problem, "name a time for each dose of a day, as in 'twice daily at 08:00 and 20:00'"
            )
        over = clauses.get("the infusion time")
        dose = Dose(
            amount / times if daily else amount,
            per=per,
            duration=self.hours(*over.children) if over is not None else None,
            **self.choices(clauses),
        )
        once = often is not None and often.data == "once"
        return Item(dose, times, span, clocks, once), clauses.get("the end")

    def daily(self, written: Span, often: Node | None, *, daily: bool, clocks: tuple[float, ...]) -> int:
        """In how many doses a daily amount is given."""
        if often is None:
            return len(clocks) or 1
        words, said = self.source.words(written), self.source.words(often)
        if not daily:
            problem = f"'{said}' divides a daily amount, and '{words}' is none"
            self.source.refuse(
                often, problem, f"write '{words}/day {said}', or '{words} twice daily' for {words} each time"
            )
        if often.data != "split":
            each = re.sub(r"\s*/\s*d(ay)?$", "", words, flags=re.IGNORECASE)
            problem = f"two frequencies: '{words}' is a daily amount, and '{said}' says how often as well"
            self.source.refuse(
                often, problem, f"write '{words} in 2 doses', or '{each} {said}' for {each} each time"
            )
        return self.count(often.children[0])

    def frequency(self, node: Node) -> tuple[int, float]:
        """How many doses in how many hours."""
        if node.data == "once":
            return 1, DAY
        if node.data == "every":
            *number, unit = node.children
            if number and number[0].type == "OTHER":
                return 1, 2.0 * self.hours(None, unit)
            return 1, self.hours(number[0] if number else None, unit)
        words = node.children[0].lower().split()
        span = 7.0 * DAY if words[-1] in ("week", "weekly") else DAY
        known = {"once": 1, "twice": 2, "daily": 1, "weekly": 1}
        if words[0] in known:
            return known[words[0]], span
        times = COUNTS.index(words[0]) + 1 if words[0] in COUNTS else int(min(float(words[0]), 1e9))
        if not 0 < times <= LIMIT:
            self.source.refuse(
                node, f"{words[0]} times is no frequency", "write 'once daily' or 'three times daily'"
            )
        return times, span

    def choices(self, clauses: dict[str, Node]) -> dict[str, Any]:
        """Meal, formulation and route, None where a clause is missing."""
        words: dict[str, Any] = {}
        for choice in ("meal", "formulation", "route"):
            node = clauses.get(f"the {choice}")
            if node is None:
                words[choice] = None
            else:
                words[choice] = str(node.children[0]).lower() if node.data == "fed" else str(node.children[0])
        return words
