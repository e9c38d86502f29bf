"""The text form of regimens: words to doses, and every mistake under a caret.

The lark grammar is lenient on purpose: it takes the clauses of a dose in any order and number, so that
`doseline.dosing.items` can say "no frequency" or "two frequencies" in words instead of as a list of tokens.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from doseline.errors import RegimenError

if TYPE_CHECKING:
    from lark import Lark

Node = Any
"""A token or a branch of the parse tree; lark types every child as either of them."""

Span = tuple[int, int] | Node
"""A stretch of the text: start and end, or a piece of the parse tree."""

GRAMMAR = r"""
?start: course
course: stage (_THEN stage)*
?stage: together | nothing | groups
together: item (_AND item)*
nothing: _NOTHING (lasting)?
groups: group (_AND group)*
group: "(" course ")" (times | fed | with | as | by)*

item: NUMBER AMOUNT clause*
?clause: every | often | once | at | split | over | fed | with | as | by | lasting | times | until

every: _EVERY (NUMBER | OTHER)? TIME
often: OFTEN
once: ONCE
at: _AT CLOCK (_ALSO CLOCK)*
split: _IN NUMBER _DOSES
over: _OVER NUMBER TIME
fed: FED
with: _WITH NAME
as: _AS NAME
by: _BY NAME
lasting: _FOR NUMBER TIME
times: _TIMES NUMBER _DOSES?
until: _UNTIL NUMBER AMOUNT

_THEN.3: /([,;]\s*)?(and\s+)?then(?!\w)/i
_ALSO.3: /(,\s*(and\s+)?|and\s+)(at\s+)?(?=\d{1,2}:)/i
OFTEN.3: /((once|twice|(\d+|COUNTS)\s+times)\s+(daily|weekly|(a|per|every)\s+(day|week))|daily|weekly)(?!\w)/i
_AND.2: /and(?!\w)/i
ONCE.2: /once(?!\w)/i
OTHER.2: /other(?!\w)/i
FED.2: /(fed|fasted)(?![\w-])/i
_NOTHING.2: /nothing(?!\w)/i
_EVERY: /every(?![^\W\d])/i
_AT: /at(?![^\W\d])/i
_IN: /in(?![^\W\d])/i
_OVER: /over(?![^\W\d])/i
_WITH: /with(?!\w)/i
_AS: /as(?!\w)/i
_BY: /by(?!\w)/i
_FOR: /for(?![^\W\d])/i
_TIMES: /x(?![^\W\d])|×/i
_UNTIL: /until(?![^\W\d])/i
_DOSES: /(divided\s+)?doses?(?!\w)/i
CLOCK: /\d{1,2}:\d{2}(?!\d)/
NUMBER.2: /[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|(nan|inf|infinity|COUNTS)(?!\w))/i
AMOUNT: /(?!WORDS)[^\s\d,;()\/+.-][^\s,;()\/]*(\s*\/\s*[^\s,;()\/]+)*/i
TIME: /(?!WORDS)[^\W\d_]+/i
NAME: /(?!WORDS)[^\W\d][\w-]*/i

%ignore /\s+/
"""

COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
"""Numbers that may be written as words, from 1 on."""

WORDS = r"(and|as|at|by|daily|every|for|in|once|over|then|twice|until|weekly|with)(?!\w)"
"""Words that are never a unit or a name, so that a missing one is missed where it should stand."""

EXPECTED = (
    ("AMOUNT", "a unit of mass", "write '40 mg', '0.5 mg/kg' or '1 mg/kg/day'"),
    ("OTHER", "a time between doses", "write 'every 12 h', 'every 2 days' or 'every other day'"),
    ("TIME", "a unit of time", "write 'min', 'h', 'days' or 'weeks', as in 'for 4 weeks'"),
    ("CLOCK", "a clock time", "write hours and minutes, as in 'at 08:00'"),
    (
        "NAME",
        "a name from the model",
        "write 'with light_meal' (meal), 'as lidose' (formulation) or 'by iv' (route)",
    ),
    (
        "_IN",
        "how often, an end, or ', then'",
        "write '40 mg twice daily fed for 20 weeks, then 20 mg once daily for 4 weeks'",
    ),
    ("_NOTHING", "a dose", "write '40 mg twice daily for 20 weeks'; a pause is 'nothing for 2 weeks'"),
    ("_DOSES", "the word 'doses'", "write 'in 2 doses', as in '1 mg/kg/day in 2 doses for 4 weeks'"),
    (
        "_TIMES",
        "'x' and a number, a meal, ')' or ', then'",
        "write '(100 mg once daily for 3 weeks) x 4 fed, then ...'",
    ),
    ("_FOR", "how long", "write 'nothing for 8 weeks'"),
    (
        "LPAR",
        "a course in parentheses",
        "write '(40 mg twice daily for 4 weeks) and (20 mg once daily for 2 weeks)'",
    ),
    ("_THEN", "', then' or the end", "write ', then 40 mg twice daily for 4 weeks'"),
    ("NUMBER", "a number", "write it in digits, with a point for decimals: '14', '0.5'"),
    ("RPAR", "')'", "a '(' is still open: close it with ')'"),
    ("$END", "the end of the text", "leave it out, or join another course with ', then'"),
)
"""What can stand at a place: a terminal that marks the place, the place in words, and what to write there."""

HINTS = (
    (r"(?<=\d),\d", "a decimal has a point and thousands have nothing: write '0.5' or '1000'"),
    (r"\(", "courses in parentheses are joined with each other: '(...) and (...)', '(...), then (...)'"),
    (r"\)", "no '(' is open here: leave it out"),
    (r"[ap]\.?m\b", "write times from 00:00 to 23:59: 'at 20:00'"),
    (r"[,;]", "a comma stands before 'then' only: ', then 20 mg once daily for 4 weeks'"),
    (r"(?<=\d )days?\b|(?<=\d )weeks?\b", "'x 14' counts doses; for a time write 'for 14 days'"),
    (r"(qd|od)\b", "write 'once daily'"),
    (r"b\.?i\.?d\b", "write 'twice daily'"),
    (r"t\.?i\.?d\b", "write 'three times daily'"),
    (r"q\.?i\.?d\b", "write 'four times daily'"),
    (r"q\s*\d+\s*h\b", "write 'every 12 h'"),
    (r"p\.?o\b|i\.?v\b|orally|oral\b", "name the model's route after 'by', as in 'by iv'"),
    (r"per\b", "write a slash: 'mg/kg', '1 mg/kg/day'"),
    (
        r"without\b|after\b|before\b|on\b",
        "write 'fed', 'fasted', or 'with' and the name of a meal from the model",
    ),
)
"""What to write instead of things that people write here: a pattern for the text found, and the advice."""

DEEPEST = 50
"""Parentheses within parentheses."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text being read, for messages that point into it."""

    text: str

    def piece(self, span: Span) -> tuple[int, int]:
        """Where ``span`` starts and ends."""
        if isinstance(span, tuple):
            return span
        found = span if hasattr(span, "start_pos") else span.meta
        return found.start_pos, found.end_pos

    def words(self, span: Span) -> str:
        """The text of ``span`` on one line."""
        start, end = self.piece(span)
        return " ".join(self.text[start:end].split())

    def refuse(self, span: Span, problem: str, advice: str) -> NoReturn:
        """Raise a `RegimenError` with a caret under ``span``."""
        start, end = self.piece(span)
        line = re.sub(r"\s", " ", self.text)  # one character for one, so that columns stay
        first = 0 if start < 80 else start - 40
        last = len(line) if len(line) - first <= 100 else max(end, first + 95)
        shown = ("..." if first else "") + line[first:last] + ("..." if last < len(line) else "")
        marks = " " * (start - first + (3 if first else 0)) + "^" * max(end - start, 1)
        raise RegimenError(
            f"{problem}\n    {shown}\n    {marks}", place=f"regimen, column {start + 1}", advice=advice
        )


@lru_cache(maxsize=1)
def parser() -> "Lark":
    """The parser, built once."""
    from lark import Lark

    grammar = GRAMMAR.replace("COUNTS", "|".join(COUNTS)).replace("WORDS", WORDS)
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def read_tree(source: Source) -> Node:
    """The parse tree of a regimen text, or a `RegimenError` with a caret."""
    from lark import UnexpectedCharacters, UnexpectedToken

    if not source.text.strip():
        raise RegimenError(
            "the text is empty", place="regimen", advice="write '40 mg twice daily for 20 weeks'"
        )
    depth = 0
    for at, character in enumerate(source.text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth > DEEPEST:
            source.refuse(
                (at, at + 1), f"more than {DEEPEST} parentheses are open", "write the course in fewer levels"
            )
    try:
        return parser().parse(source.text)
    except UnexpectedCharacters as error:
        start, expected = error.pos_in_stream or 0, error.allowed
    except UnexpectedToken as error:
        start, expected = error.token.start_pos or 0, error.expected
        if error.token.type == "$END":
            start = len(source.text.rstrip())
    _refuse_found(source, start, frozenset(expected or ()))


def _refuse_found(source: Source, start: int, expected: frozenset[str]) -> NoReturn:
    """Say what stands at ``start`` and what could stand there instead."""
    words, advice = next((words, advice) for terminal, words, advice in EXPECTED if terminal in expected)
    found = re.compile(r"[^\s,;()]+|.", re.DOTALL).match(source.text, start)
    if found is None:
        source.refuse((start, start), f"expected {words}, but the text ends here", advice)
    hints = (hint for pattern, hint in HINTS if re.compile(pattern, re.IGNORECASE).match(source.text, start))
    source.refuse(found.span(), f"found '{found.group()}', expected {words}", next(hints, advice))
