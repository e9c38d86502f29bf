"""Lines that need each other: nothing can be worked out first."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

MOST_SHOWN = 8
"""Names of one circle that are told."""


def circle(lines: Mapping[str, Collection[str]], name: str, needs: str, given: Collection[str]) -> list[str]:
    """Give the shortest way from a line that needs another one back to it; nothing where there is none.

    Parameters
    ----------
    lines : dict of names      What each line needs.
    name, needs : str          The line, and the line it needs.
    given : names              What is known without these lines.

    >>> circle({"A": ["B", "K"], "B": ["C"], "C": ["A"]}, "A", "B", ["K"])
    ['A', 'B', 'C', 'A']
    """
    came_from = {needs: name}
    waiting = deque([needs] if needs in lines else [])
    while waiting and waiting[0] != name:
        for other in lines[waiting[0]]:
            if other in lines and other not in came_from and other not in given:
                came_from[other] = waiting[0]
                waiting.append(other)
        waiting.popleft()
    if not waiting:
        return []
    way = [name, came_from[name]]
    while way[-1] != name:
        way.append(came_from[way[-1]])
    return way[::-1]


def in_words(way: Sequence[str]) -> str:
    """Write a circle down, a long one without its middle.

    >>> in_words(["A", "B", "A"])
    'A -> B -> A'
    """
    shown = way if len(way) <= MOST_SHOWN else [*way[: MOST_SHOWN - 2], "...", way[-1]]
    return " -> ".join(shown)
