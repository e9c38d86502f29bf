"""DOP853 for one subject, one number after another: to the bit, what a lane of the engine should say.

The course of it is that of `doseline.kernels.drive_lanes` and `lane_walk`, and the coefficients are those of `methods`;
everything else is written anew: no lanes, no blocks, no written code, no numpy, only Python's own floats. Sums run over
a table from left to right, as there. For one set of values, a regimen's doses, and a grid; moments that are not meant
to be the same must lie further apart than rounding.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from doseline.kernels import methods as m

TABLE = [*m.DOP853_A, m.DOP853_B, *m.DOP853_A_DENSE]
"""Row s leads to stage s: 0 to 11, then the end of the step, then the three of the dense output."""
TIMES = [*m.DOP853_C, 1.0, *m.DOP853_C_DENSE]


@dataclass(frozen=True)
class Dose:
    """``amount`` [mg] into a state, given at ``time``; arrives ``lag`` later, over ``duration``. [h]"""

    time: float
    amount: float
    into: int = 0
    lag: float = 0.0
    duration: float = 0.0


@dataclass(frozen=True)
class Model:
    """``rates(y, t, tad, dose)`` are the changes of the states but for infusions, ``outputs`` what is shown."""

    start: tuple[float, ...]
    rates: Callable
    outputs: Callable


def added(row, stages, i):
    """Sum of coefficient * stage for state ``i``, zeros left out."""
    total = None
    for coefficient, stage in zip(row, stages, strict=False):
        if coefficient:
            term = coefficient * stage[i]
            total = term if total is None else total + term
    return total


@dataclass
class Step:
    """From ``y`` at the time ``since`` over ``h``: the stages, where it ends, and how wrong it is (1: as allowed)."""

    y: list
    since: float
    h: float
    slope: Callable
    rtol: float
    atol: float

    def __post_init__(self):
        self.stages = [self.slope(self.y, self.since)]
        for s in range(1, 12):
            self.go_to(s)
        self.end = self.state(m.DOP853_B)
        fifth, third = self.squares(m.DOP853_E5), self.squares(m.DOP853_E3)
        n = len(self.y)
        self.miss = self.h * fifth / math.sqrt((fifth + 0.01 * third) * n + 1e-300)
        root = math.sqrt(math.sqrt(math.sqrt(self.miss)))
        self.growth = 0.9 / root if root > 0.0 else math.inf

    def state(self, row):
        return [y + self.h * added(row, self.stages, i) for i, y in enumerate(self.y)]

    def go_to(self, s):
        self.stages.append(self.slope(self.state(TABLE[s]), self.since + TIMES[s] * self.h))

    def squares(self, row):
        total = 0.0
        for i, (y, end) in enumerate(zip(self.y, self.end, strict=True)):
            scale = 1.0 / (self.atol + self.rtol * max(abs(y), abs(end)))
            error = scale * added(row, self.stages, i)
            total += error * error
        return total

    def look_between(self):
        """Stages of the dense output; where the last term of its polynomial is too large, the step is too long."""
        self.stages.append(self.slope(self.end, self.since + self.h))
        for s in (13, 14, 15):
            self.go_to(s)
        worst = 0.0
        for i, (y, end) in enumerate(zip(self.y, self.end, strict=True)):
            scale = self.atol + self.rtol * max(abs(y), abs(end))
            worst = max(worst, abs(self.h * added(m.DOP853_D[3], self.stages, i)) / scale)
        miss = worst * (1.2e-3 / 4.0)
        if miss > 1.0:
            self.miss, self.growth = miss, 0.9 / math.sqrt(math.sqrt(math.sqrt(miss)))

    def between(self, theta):
        """State at a fraction of the step: Hairer's polynomial of order 7."""
        h, rest, found = self.h, 1.0 - theta, []
        for i, (y, end) in enumerate(zip(self.y, self.end, strict=True)):
            first, last = self.stages[0][i], self.stages[12][i]
            moved = end - y
            factors = [moved, h * first - moved, 2.0 * moved - h * (last + first)]
            factors += [h * added(row, self.stages, i) for row in m.DOP853_D]
            value = factors[6] * theta
            for place in range(5, -1, -1):
                value = (value + factors[place]) * (theta if place % 2 == 0 else rest)
            found.append(y + value)
        return found


class Subject:
    """One subject on the way through its doses and the points of a grid."""

    def __init__(self, model, doses, grid, *, rtol=1e-8, atol=1e-10):
        self.model, self.grid, self.rtol, self.atol = model, grid, rtol, atol
        self.records = [None, *doses]  # at time zero nothing happens, but one stops there
        self.due = []  # (nominal, delay, what, dose), the soonest first
        self.y = list(model.start)
        self.now, self.past = 0.0, 0.0  # where the state stands, its time in two parts
        self.given, self.dose = 0.0, 0.0
        self.inflow, self.running = [0.0] * len(self.y), [0] * len(self.y)
        self.h, self.first, self.jumped = 0.0, 0.0, True
        self.steps, self.levels = 0, []

    def slope(self, y, t):
        changes = self.model.rates(y, t, t - self.given, self.dose)
        return [change + inflow for change, inflow in zip(changes, self.inflow, strict=True)]

    def show(self, y, t):
        self.levels.append(self.model.outputs(y, t, t - self.given, self.dose))

    def run(self):
        """Levels at the grid, one list a point."""
        fresh = True  # has anything but a point of the grid happened since the last point?
        while self.records or len(self.levels) < len(self.grid):
            k = len(self.levels)
            point = self.grid[k] if k < len(self.grid) else math.inf
            record = self.time_of_record()
            entry = self.due[0][0] + self.due[0][1] if self.due else math.inf
            if entry <= min(record, point):
                nominal, delay, what, dose = self.due.pop(0)
                self.go(nominal, delay, k)
                what(dose, nominal, delay)
                fresh = True
            elif record <= point:
                self.go(record, 0.0, k)
                dose = self.records.pop(0)
                if dose is not None:
                    self.plan(dose.time, dose.lag, self.arrive, dose)
                fresh = True
            else:
                goal = k
                if not fresh:
                    quiet = [at for at, time in enumerate(self.grid) if time < min(record, entry)]
                    last = quiet[-1]
                    if self.h * (last - k) > 4.0 * (self.grid[last] - point):
                        goal = last
                self.go(self.grid[goal], 0.0, goal)
                self.show(self.y, self.now)
                fresh = False
        return self.levels

    def time_of_record(self):
        if not self.records:
            return math.inf
        return 0.0 if self.records[0] is None else self.records[0].time

    def plan(self, nominal, delay, what, dose):
        self.due.append((nominal, delay, what, dose))
        self.due.sort(key=lambda each: each[0] + each[1])  # stable: first planned, first due

    def arrive(self, dose, nominal, delay):
        self.dose, self.given, self.jumped = dose.amount, nominal + delay, True
        if dose.duration > 0.0:
            rate = dose.amount / dose.duration
            self.dose = rate * dose.duration
            self.running[dose.into] += 1
            self.inflow[dose.into] += rate
            self.plan(nominal, delay + dose.duration, self.end, dose)
        else:
            self.y[dose.into] += dose.amount

    def end(self, dose, nominal, delay):
        self.running[dose.into] -= 1
        self.inflow[dose.into] -= dose.amount / dose.duration
        if self.running[dose.into] == 0:
            self.inflow[dose.into] = 0.0
        self.jumped = True

    def go(self, until, delay, goal):
        """Step to a moment; points of the grid before ``goal`` are read off on the way."""
        base, gone = self.now + self.past, 0.0
        ahead = (until - self.now) + (delay - self.past)
        over = goal > len(self.levels)
        while ahead > 0.0:
            if self.jumped:
                self.h = self.first
            if self.h <= 0.0:
                self.h = self.first_length(ahead, base + gone)
            h = self.h
            if h >= ahead * (1.0 - 1e-10):
                h = ahead
            elif h > 0.5 * ahead:
                h = 0.5 * ahead
            step = Step(self.y, base + gone, h, self.slope, self.rtol, self.atol)
            self.steps += 1
            if over and step.miss <= 1.0:
                step.look_between()
            if step.miss <= 1.0:
                self.read_off(step, gone, goal)
                self.accept(step, h)
                ahead = 0.0 if h >= ahead else ahead - h
                gone += h
            else:
                self.h = h * min(step.growth, 0.9) if step.growth > 0.2 else h * 0.2
                if self.jumped:
                    self.first = self.h
        self.now, self.past = until, delay

    def read_off(self, step, gone, goal):
        while len(self.levels) < goal:
            time = self.grid[len(self.levels)]
            at = (time - self.now) - self.past - gone
            if at > step.h:
                break
            self.show(step.between(at / step.h), time)

    def accept(self, step, h):
        grown = h * min(max(step.growth, 0.2), 10.0)
        if h < self.h and grown >= h:
            grown = max(grown, self.h)
        self.h = grown
        if self.jumped:
            self.first, self.jumped = grown, False
        self.y = step.end

    def first_length(self, ahead, since):
        """Hairer's first guess: a step over which the state would change by a hundredth."""
        size, speed = 0.0, 0.0
        for y, rate in zip(self.y, self.slope(self.y, since), strict=True):
            scale = self.atol + self.rtol * abs(y)
            size += (y / scale) * (y / scale)
            speed += (rate / scale) * (rate / scale)
        size, speed = math.sqrt(size / len(self.y)), math.sqrt(speed / len(self.y))
        return min(0.01 * size / speed if size > 1e-5 and speed > 1e-5 else 1e-6, ahead)
