"""Solutions of balance equations written in plain Python, by scipy at 1e-13."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.integrate import solve_ivp


@dataclass(frozen=True)
class Dose:
    """Into which state (from 0), when [h], how much [mg], over how long [h]."""

    time: float
    state: int
    amount: float
    duration: float = 0.0


@dataclass(frozen=True)
class Reference:
    """A model's equations, and one course to compare on.

    ``rates(t, y, age, last)`` and ``outputs(t, y, age, last)`` get the time, the states, the time since the last
    dose (or since time zero) and its amount. ``corners`` are ages at which the right-hand side has a corner.
    """

    start: list[float]
    rates: Callable
    outputs: Callable
    regimen: str
    given: list[Dose]
    until: float
    corners: tuple[float, ...] = ()
    people: dict[str, float] = field(default_factory=dict)

    @property
    def times(self) -> np.ndarray:
        """Times to compare at [h]: uneven, from soon after the first dose on, and at every dose."""
        spread = self.until * np.linspace(0.0, 1.0, 41) ** 2
        return np.unique(np.concatenate([spread, [dose.time for dose in self.given]]))


def solution(reference, times, *, given=None, method="DOP853", rtol=1e-13):
    """Outputs at the times, name: array (time,), by an integration that begins anew at every corner and every time."""
    given = reference.given if given is None else given
    times = np.asarray(times, dtype=float)
    ends = [dose.time + dose.duration for dose in given]
    corners = [dose.time + age for dose in given for age in reference.corners]
    edges = np.unique(np.concatenate([[0.0], times, [dose.time for dose in given], ends, corners]))
    edges = edges[edges <= times[-1]]
    y = np.array(reference.start, dtype=float)
    begin, last = 0.0, 0.0
    found = []
    for edge, following in zip(edges, [*edges[1:], None], strict=True):
        for dose in (dose for dose in given if dose.time == edge):
            begin, last = edge, dose.amount
            y[dose.state] += dose.amount if dose.duration == 0.0 else 0.0
        if edge in times:
            found.append(reference.outputs(edge, y, edge - begin, last))
        if following is None:
            break
        flowing = np.zeros(len(y))
        for dose in given:
            if dose.time <= edge < dose.time + dose.duration:
                flowing[dose.state] += dose.amount / dose.duration

        def slope(t, y, begin=begin, last=last, flowing=flowing):
            return np.array(reference.rates(t, y, t - begin, last)) + flowing

        solved = solve_ivp(slope, (edge, following), y, method=method, rtol=rtol, atol=1e-15)
        assert solved.success, solved.message
        y = solved.y[:, -1].copy()
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def repeated(state, amount, *, every, count, begin=0.0, duration=0.0):
    """The same dose again and again."""
    return [Dose(begin + i * every, state, amount, duration) for i in range(count)]
