"""Lines that need each other: nothing can be worked out first."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

MOST_SHOWN = 8
"""Names of one circle that are told."""


def in_circles(lines: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Give the lines that need each other: for each of them the shortest way back to it.

    Parameters
    ----------
    lines : dict of names   What each line needs; names of no line are left aside.

    >>> in_circles({"A": ["B", "K"], "B": ["C"], "C": ["A"], "D": ["A"]})["A"]
    ['A', 'B', 'C', 'A']
    """
    needs = {
        name: [other for other in dict.fromkeys(others) if other in lines] for name, others in lines.items()
    }
    reached = _reached(needs)
    return {name: _way_back(needs, name) for name in needs if name in reached[name]}


def _reached(needs: Mapping[str, Collection[str]]) -> dict[str, Collection[str]]:
    """All that each line needs, by way of others too (Warshall 1962; a set of lines is the bits of a number)."""
    place = {name: position for position, name in enumerate(needs)}
    bits = [sum(1 << place[other] for other in others) for others in needs.values()]
    for middle in range(len(bits)):
        through = bits[middle]
        bits = [each | through if each >> middle & 1 else each for each in bits]
    return {name: [other for other in needs if bits[place[name]] >> place[other] & 1] for name in needs}


def _way_back(needs: Mapping[str, Collection[str]], name: str) -> list[str]:
    """Give the shortest way from a line to itself; there is one."""
    came_from: dict[str, str] = {}
    waiting = deque([name])
    while name not in came_from:
        here = waiting.popleft()
        for other in needs[here]:
            if other not in came_from:
                came_from[other] = here
                waiting.append(other)
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
