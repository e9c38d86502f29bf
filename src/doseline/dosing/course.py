"""From a parse tree to blocks laid end to end.

Each stage (between one "then" and the next) starts where the one before it ends. "for" ends a stage at that
time, "x 14" and "until" with the last period they begin, "once" after 24 h or, as a loading dose, after one
interval of the doses that follow.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from doseline.dosing.amounts import SIZES, TOLERANCE, Sizes, doses_to_reach, in_mg
from doseline.dosing.dose import LIMIT, Block, Dose, Target, repeated
from doseline.dosing.grammar import Node, Source, Span, read_tree
from doseline.dosing.items import DAY, HOURS, Item, Reader
from doseline.dosing.regimen import Regimen

Entries = list[tuple[float, Dose]]
"""Offsets within a period [h] and doses."""

LONGEST_UNTIL = 2000 * DAY
"""Where the end differs between subjects, nobody is dosed longer than this. [h]"""

EXTREMES: Sizes = {
    None: np.ones(4),
    "WT": np.array([1.0, 300.0, 1.0, 300.0]),
    "BSA": np.array([0.1, 0.1, 4.0, 4.0]),
}
"""Body sizes between which every subject is assumed to lie when the longest course is looked for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Doses that share an end."""

    items: tuple[Item, ...]
    span: Span
    end: Node | None

    @property
    def clocked(self) -> bool:
        """Whether any dose has a time of day."""
        return any(item.clocks for item in self.items)


@dataclass(frozen=True, slots=True)
class Course:
    """Blocks and where they end [h]; no block at all is a pause. ``until`` is the clause of an open end."""

    blocks: tuple[Block, ...]
    length: float
    until: Node | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Reads the stages of one text, then lays them end to end."""

    source: Source
    reader: Reader

    def course(self, tree: Node) -> Course:
        """All stages joined by 'then'."""
        stages = [self.stage(node) for node in tree.children]
        blocks: list[Block] = []
        start, until = 0.0, None
        for node, stage, following in zip(tree.children, stages, [*stages[1:], None], strict=True):
            if until is not None:
                self.refuse_open_end(until, "nothing can follow it")
            if isinstance(stage, Stage):
                placed = self.place(stage, start=start, earlier=blocks, following=following)
            else:
                placed = stage
                if placed.until is not None and blocks:
                    self.refuse_open_end(
                        placed.until, "in parentheses it would not count the doses before them"
                    )
                placed = replace(stage, blocks=tuple(block.shifted(start) for block in stage.blocks))
            blocks.extend(placed.blocks)
            start += placed.length
            until = placed.until
            self.check_count(sum(block.count for block in blocks), node)
            if start > HOURS[1]:
                advice = "write a shorter time, or fewer repeats"
                self.source.refuse(node, f"the course reaches {start:g} h here", advice)
        return Course(tuple(blocks), start, until)

    def stage(self, node: Node) -> Stage | Course:
        """One stage as read; only doses outside of parentheses still have to be placed in time."""
        if node.data == "nothing":
            if not node.children:
                self.source.refuse(node, "'nothing' does not say how long", "write 'nothing for 8 weeks'")
            return Course((), self.reader.hours(*node.children[0].children))
        if node.data == "groups":
            return self.groups(node)
        read = [self.reader.item(child) for child in node.children]
        for _, end in read[:-1]:
            if end is not None:
                words = self.source.words(end)
                advice = (
                    "say the end once, after the last dose; courses with their own ends are '(...) and (...)'"
                )
                self.source.refuse(end, f"'{words}' stands before 'and'", advice)
        return Stage(tuple(item for item, _ in read), self.source.piece(node), read[-1][1])

    # -- courses in parentheses

    def groups(self, node: Node) -> Course:
        """Courses that share their time zero."""
        courses = [self.group(child) for child in node.children]
        for course in courses:
            if course.until is not None and len(courses) > 1:
                self.refuse_open_end(course.until, "no other course can go with it")
        blocks = tuple(block for course in courses for block in course.blocks)
        return Course(blocks, max(course.length for course in courses), courses[0].until)

    def group(self, node: Node) -> Course:
        """One course, repeated, with the meal and the like that its doses leave open."""
        inner, *clauses = node.children
        course = self.course(inner)
        blocks, length = list(course.blocks), course.length
        settled = self.reader.clauses(clauses)
        if (times := settled.pop("the end", None)) is not None:
            if course.until is not None:
                self.refuse_open_end(course.until, "it cannot be repeated")
            n = self.reader.count(times.children[0])
            self.check_count(n * sum(block.count for block in blocks), times)
            blocks, length = repeated(blocks, length=length, n=n), n * length
        choices = self.reader.choices(settled)
        return Course(tuple(block.filled(**choices) for block in blocks), length, course.until)

    # -- doses in time

    def place(
        self, stage: Stage, *, start: float, earlier: Sequence[Block], following: Stage | Course | None
    ) -> Course:
        """The blocks of a stage from ``start`` on."""
        rhythms: dict[float, Entries] = {}
        single: Entries = []
        for item in stage.items:
            entries = single if item.once else rhythms.setdefault(item.period, [])
            entries.extend(item.pattern(start))
        if not rhythms and stage.end is not None:
            dose, end = self.source.words(stage.span), self.source.words(stage.end)
            problem = f"'once' is a single dose, and '{end}' asks for more"
            advice = (
                f"write '{re.sub('once', 'once daily', dose, flags=re.IGNORECASE)}', or leave '{end}' out"
            )
            self.source.refuse(stage.end, problem, advice)
        if not rhythms:
            length = self.single_length(stage, following, last=max(at for at, _ in single))
            return Course((Block(start, tuple(single), length, 1),), length)
        if stage.end is None:
            words = self.source.words(stage.span)
            shown = words if len(words) <= 50 else "..."
            advice = f"write '{shown} for 20 weeks', '{shown} x 14' or '{shown} until 120 mg/kg'"
            self.source.refuse((stage.span[1], stage.span[1]), "it is not said how long this goes on", advice)
        if stage.end.data == "lasting":
            length = self.reader.hours(*stage.end.children)
            blocks: list[Block] = []
            for period, pattern in rhythms.items():
                self.check_count(length / period * len(pattern), stage.end)
                blocks += bounded(start, pattern, period=period, length=length)
            if any(at >= length for at, _ in single):
                words = self.source.words(stage.end)
                self.source.refuse(stage.end, f"'{words}' ends before the single dose", "write a longer time")
            if single:
                blocks += bounded(start, single, period=DAY, length=min(length, DAY))
            if not blocks:
                words = self.source.words(stage.end)
                self.source.refuse(stage.end, f"'{words}' ends before the first dose", "write a longer time")
            return Course(tuple(blocks), length)
        period, pattern = self.one_rhythm(stage, stage.end, rhythms, single)
        if stage.end.data == "times":
            return counted(start, pattern, period=period, count=self.reader.count(stage.end.children[0]))
        return self.until(stage.end, Block(start, tuple(pattern), period, 1), earlier)

    def single_length(self, stage: Stage, following: Stage | Course | None, *, last: float) -> float:
        """How long a single dose lasts: a day, or as a loading dose one interval of the doses that follow."""
        if (
            not isinstance(following, Stage)
            or following.clocked
            or all(item.once for item in following.items)
        ):
            return DAY
        return last + min(item.period for item in following.items if not item.once)

    def one_rhythm(
        self, stage: Stage, end: Node, rhythms: dict[float, Entries], single: Entries
    ) -> tuple[float, Entries]:
        """The only rhythm of a stage whose end counts doses: period and pattern."""
        words = self.source.words(end)
        if end.data == "times" and len(stage.items) > 1:
            problem = f"'{words}' does not say which of the {len(stage.items)} doses it counts"
            self.source.refuse(end, problem, "write a time, as in 'for 2 weeks'")
        if single or len(rhythms) > 1:
            problem = f"'{words}' needs doses with one rhythm, and these come at different intervals"
            self.source.refuse(
                end, problem, "write a time, as in 'for 20 weeks', or times of day, as in 'at 08:00'"
            )
        return next(iter(rhythms.items()))

    def until(self, node: Node, block: Block, earlier: Sequence[Block]) -> Course:
        """The doses up to the one that reaches the target, counted from the start of the course."""
        amount, per, daily = self.reader.amount(*node.children)
        if daily:
            advice = "write a total, as in 'until 120 mg/kg'"
            self.source.refuse(node, f"'{self.source.words(node)}' is a daily amount, not a total", advice)
        target = Target(amount, per=per)
        same = all(dose.per == per for used in (*earlier, block) for _, dose in used.pattern)
        sizes: Sizes = {per: np.ones(())} if same else EXTREMES
        place = "until"
        before = sum(
            (used.repeats * in_mg(dose, sizes, place=place) for used in earlier for _, dose in used.pattern),
            start=np.zeros(()),
        )
        missing = in_mg(target, sizes, place=place) * (1.0 - TOLERANCE) - before
        if same and missing <= 0.0:
            unit = f"mg/{SIZES[per]}" if per else "mg"
            problem = (
                f"{target} is reached before these doses: the earlier ones add up to {before:.6g} {unit}"
            )
            self.source.refuse(node, problem, "write a higher target, or leave these doses out")
        pattern = [in_mg(dose, sizes, place=place) for _, dose in block.pattern]
        count = float(np.max(doses_to_reach(missing, pattern)))
        if same:
            self.check_count(count, node)
            return counted(block.start, block.pattern, period=block.period, count=int(count))
        repeats = max(min(count / len(pattern), LONGEST_UNTIL / block.period), 1.0)
        self.check_count(repeats * len(pattern), node)
        block = replace(block, repeats=math.ceil(repeats - TOLERANCE), until=target)
        return Course((block,), block.repeats * block.period, node)

    # -- refusals

    def check_count(self, count: float, span: Span) -> None:
        """Refuse more doses than a regimen may hold, before they are written out."""
        if count > LIMIT:
            problem = f"these are {count:,.0f} doses" if count < 1e15 else "these are too many doses to count"
            self.source.refuse(
                span, problem, f"a regimen holds at most {LIMIT:,}: write a shorter time or a longer interval"
            )

    def refuse_open_end(self, until: Node, consequence: str) -> NoReturn:
        """Refuse what cannot be done with an end that differs between subjects."""
        words = self.source.words(until)
        problem = f"'{words}' ends on a different day for each subject: {consequence}"
        advice = "give doses and target both per kg or both in mg, or write a time, as in 'for 20 weeks'"
        self.source.refuse(until, problem, advice)


def bounded(
    start: float, pattern: Sequence[tuple[float, Dose]], *, period: float, length: float
) -> list[Block]:
    """The doses before ``length`` [h]: whole periods, then the beginning of one more."""
    counts = [max(math.ceil((length * (1.0 - TOLERANCE) - at) / period), 0) for at, _ in pattern]
    full, most = min(counts), max(counts)
    blocks = [Block(start, tuple(pattern), period, full)] if full else []
    if most > full:
        rest = tuple(entry for entry, count in zip(pattern, counts, strict=True) if count > full)
        blocks.append(Block(start + full * period, rest, period, 1))
    return blocks


def counted(start: float, pattern: Sequence[tuple[float, Dose]], *, period: float, count: int) -> Course:
    """The first ``count`` doses: whole periods, then the beginning of one more, which still lasts."""
    ordered = Block(start, tuple(pattern), period, 1).pattern
    full, rest = divmod(count, len(ordered))
    blocks = [Block(start, ordered, period, full)] if full else []
    if rest:
        blocks.append(Block(start + full * period, ordered[:rest], period, 1))
    return Course(tuple(blocks), (full + bool(rest)) * period)


def parse(text: str) -> Regimen:
    """Read a regimen text; `RegimenError` with a caret where that fails."""
    source = Source(text)
    course = Layout(source, Reader(source)).course(read_tree(source))
    if not course.blocks:
        advice = "add a dose, as in 'nothing for 2 weeks, then 40 mg once daily for 4 weeks'"
        source.refuse((0, len(text)), "there is no dose in this regimen", advice)
    return Regimen(course.blocks, course.length, " ".join(text.split()))
