"""How many steps an error costs: the methods of doseline beside scipy's, on stiff problems and models of the library.

    python benchmarks/work_precision.py [NAME ...]
        prints a table for each problem
    python benchmarks/work_precision.py --page docs/theory/ode_engine.md
        also writes them there, between the marks

A cell is the achieved error and the number of steps. The error is the largest over all times and outputs, each divided
by the output's largest value. rtol is in the first column; atol is a thousandth of it, of the smallest of the states'
largest values, the same for all methods. Doseline counts steps tried, scipy steps taken. `-`: not solved with 100 000
steps. Truth: stiff_problems.py, and nonlinear_references.py at 1e-13, of tests/models.
"""

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "models"))
from nonlinear_references import MODELS
from plain_solutions import Dose, Reference, solution
from stiff_problems import PROBLEMS

import doseline as dl

RTOLS = tuple(10.0**-k for k in range(4, 12))
LIBRARY = ("indirect-response-1", "auto-induction", "tmdd", "friberg-myelosuppression")
OWN = ("dop853", "tsit5", "rodas5p")
SCIPY = ("LSODA", "Radau", "BDF")
STEPS = 100_000
BEGIN, END = "<!-- work-precision -->\n", "<!-- /work-precision -->"


@dataclass(frozen=True)
class Course:
    """A model, its doses, and what is known of its levels."""

    name: str
    model: str | Path
    by_hand: Reference
    times: np.ndarray  # [h]
    truth: np.ndarray  # (time, output)
    largest: np.ndarray  # (output,)
    outputs: tuple[str, ...]
    least: float  # the smallest of the states' largest values
    unit: float  # of a state in the file, over that by hand

    def error(self, levels: np.ndarray) -> float:
        return float((np.abs(levels - self.truth) / self.largest).max())


Method = Callable[[Course, float], tuple[float, int] | None]
"""The achieved error and the number of steps; None where it did not succeed."""


def stiff(name: str) -> Course:
    problem = PROBLEMS[name]
    by_hand = Reference(
        list(problem.initial),
        lambda t, y, age, last: problem.slopes(y),
        lambda t, y, age, last: dict(zip(problem.states, y, strict=True)),
        problem.regimen,
        [Dose(time, problem.dosed, amount) for time, amount in problem.doses],
        problem.times[-1],
    )
    largest = np.array(problem.largest)
    unit = 1000.0 if problem.regimen.startswith("1 g ") else 1.0
    return Course(
        name, problem.file, by_hand, np.array(problem.times), np.array(problem.reference), largest,
        problem.states, largest.min(), unit,
    )  # fmt: skip


def from_library(name: str) -> Course:
    by_hand = MODELS[name]
    found = solution(by_hand, by_hand.times)
    truth = np.stack(list(found.values()), axis=-1)
    states, _ = integrated(by_hand, by_hand.times, "LSODA", 1e-6, 1e-6)
    largest = np.abs(states).max(axis=0)
    return Course(
        name, name, by_hand, by_hand.times, truth, np.abs(truth).max(axis=0), tuple(found),
        largest[largest > 0].min(), 1.0,
    )  # fmt: skip


def integrated(
    by_hand: Reference, times: np.ndarray, method: str, rtol: float, atol: float
) -> tuple[np.ndarray, int]:
    """States (time, state) by scipy, from one corner to the next, and the number of steps."""
    given = by_hand.given
    ends = [dose.time + dose.duration for dose in given]
    corners = [dose.time + age for dose in given for age in by_hand.corners]
    edges = np.unique([0.0, times[-1], *(dose.time for dose in given), *ends, *corners])
    edges = edges[edges <= times[-1]]
    y, states, steps = np.array(by_hand.start, dtype=float), np.zeros((len(times), len(by_hand.start))), 0
    begin, last = 0.0, 0.0
    for edge, following in zip(edges, [*edges[1:], edges[-1]], strict=True):
        for dose in (dose for dose in given if dose.time == edge):
            begin, last = edge, dose.amount
            y[dose.state] += 0.0 if dose.duration else dose.amount
        states[times == edge] = y
        if following == edge:
            break
        flowing = np.zeros(len(y))
        for dose in given:
            if dose.time <= edge < dose.time + dose.duration:
                flowing[dose.state] += dose.amount / dose.duration

        def slopes(t, y, begin=begin, last=last, flowing=flowing):
            return np.array(by_hand.rates(t, y, t - begin, last)) + flowing

        solved = solve_ivp(slopes, (edge, following), y, method, rtol=rtol, atol=atol, dense_output=True)
        if not solved.success or steps > STEPS:
            raise ArithmeticError(solved.message)
        inside = (times > edge) & (times <= following)
        if inside.any():
            states[inside] = solved.sol(times[inside]).T
        steps += len(solved.t) - 1
        y = solved.y[:, -1].copy()
    return states, steps


def by_scipy(method: str) -> Method:
    def run(course: Course, rtol: float) -> tuple[float, int] | None:
        try:
            states, steps = integrated(course.by_hand, course.times, method, rtol, 1e-3 * rtol * course.least)
        except ArithmeticError:
            return None
        arrived = np.array(
            [max([0.0, *(d.time for d in course.by_hand.given if d.time <= t)]) for t in course.times]
        )
        amounts = {dose.time: dose.amount for dose in course.by_hand.given}
        levels = [
            list(course.by_hand.outputs(t, y, t - begin, amounts.get(begin, 0.0)).values())
            for t, y, begin in zip(course.times, states, arrived, strict=True)
        ]
        return course.error(np.array(levels)), steps

    return run


def by_doseline(method: str) -> Method:
    def run(course: Course, rtol: float) -> tuple[float, int] | None:
        levels = dl.simulate(
            course.model,
            course.by_hand.regimen,
            course.by_hand.people or None,
            times=course.times,
            method=method,
            rtol=rtol,
            atol=1e-3 * rtol * course.least * course.unit,
            max_steps=STEPS,
            on_failure="mark",
        )
        if levels["status"].item() != 0:
            return None
        found = np.stack([levels[name].values.ravel() for name in course.outputs], axis=-1)
        return course.error(found), int(levels["steps"].item())

    return run


METHODS: dict[str, Method] = {name: by_doseline(name) for name in OWN} | {
    f"scipy {name}": by_scipy(name) for name in SCIPY
}


def cell(found: tuple[float, int] | None) -> str:
    return "-" if found is None else f"{found[0]:.0e}, {found[1]}"


def table(course: Course) -> str:
    lines = [f"| {course.name} | " + " | ".join(METHODS) + " |", "|" + " --- |" * (1 + len(METHODS))]
    for rtol in RTOLS:
        cells = [cell(run(course, rtol)) for run in METHODS.values()]
        lines.append(f"| {rtol:.0e} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(page: Path, tables: str) -> None:
    text = page.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"{page}: no lines between {BEGIN.strip()} and {END}; put both there")
    page.write_text(pattern.sub(lambda _: f"{BEGIN}\n{tables}\n{END}", text), encoding="utf-8")


def main() -> None:
    courses = {name: stiff for name in PROBLEMS} | {name: from_library for name in LIBRARY}
    parser = argparse.ArgumentParser(description="Error and number of steps, by method and tolerance.")
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help=f"all where none is given: {', '.join(courses)}"
    )
    parser.add_argument("--page", type=Path, help="a page with marks to write the tables between")
    asked = parser.parse_args()
    unknown = sorted(set(asked.name) - set(courses))
    if unknown:
        parser.error(f"unknown problem '{unknown[0]}'; known: {', '.join(courses)}")
    tables = []
    for name in asked.name or courses:
        tables.append(table(courses[name](name)))
        print(tables[-1], flush=True)
    if asked.page:
        write(asked.page, "\n".join(tables))


if __name__ == "__main__":
    main()
