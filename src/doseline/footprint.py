"""What a run takes of memory, told by its shapes alone: before anything is allocated, and in no time."""

import math

from doseline.arms import Arms
from doseline.errors import InputError
from doseline.memory import lacking
from doseline.ode import MOST_OF_A_BLOCK
from doseline.population.variability import COUNTED, occasional
from doseline.solve_intakes import ROWS
from doseline.times import even_step
from doseline.unsolved import too_large

REAL = 8
DRAWING = 3
"""Arrays like the levels of one output in one arm that are there while its observations are drawn."""
OF_A_DOSE, OF_A_RECORD = 8 * REAL, 36 * REAL
"""What is known of a dose of a block of subjects while they are solved, and where doses are written as records: columns
of these, copies of some."""


def peak(arms: Arms, *, threads: int) -> int:
    """Memory at the height of a run, its result included. [byte]"""
    return room(arms) + of_subjects(arms) + of_blocks(arms, threads)


def room(arms: Arms) -> int:
    """What the rows of a result take. [byte]"""
    model, subjects, points = arms.model, len(arms.people), len(arms.people) * len(arms.times)
    replicates, combinations = arms.shape[0], math.prod(arms.shape[1:])
    arrays = REAL * len(model.outputs) * combinations * (replicates + arms.draws.typical)
    if arms.draws.observed:
        limited = sum(each.lloq is not None for each in model.residual.values())
        arrays += (REAL * len(model.residual) + limited) * combinations * replicates + REAL * DRAWING
    of_rows = combinations * _of_a_row(arms) + arms.shape[1] * _of_doses(arms)
    return arrays * points + subjects * replicates * of_rows


def _of_a_row(arms: Arms) -> int:
    """Beside the levels of a row: its status, and how it was solved. [byte]"""
    stepped = not arms.solver.exact(arms.model)
    return 1 + stepped * REAL * (6 + len(arms.model.compartments))


def _of_doses(arms: Arms) -> int:
    """What is said of the doses of a subject under one regimen, and of occasions. [byte]"""
    regimens = arms.regimens.values()
    most, length = max(course.count for course in regimens), float(arms.times[-1])
    habits = [course.adherence for course in regimens if course.adherence is not None]
    told = (
        bool(habits)
        + REAL * any(each.late is not None for each in habits)
        + any(each.meals for each in habits)
    )
    every = occasional(arms.model, arms.draws.effects).values()
    counts = arms.calendar.counts(most, length) | {"course": math.prod(arms.shape[2:])}
    kappas = sum(2 * REAL * counts[kind] for kind in every)
    return 2 * REAL + told * most + kappas // arms.shape[1]


def of_subjects(arms: Arms) -> int:
    """What is worked out for each subject, one replicate at a time. [byte]"""
    states, model = len(arms.model.compartments), arms.model
    names = len(model.parameters) + len(model.individual) + len(arms.people.covariates)
    drawn = len(arms.draws.effects) * arms.shape[0]
    return REAL * len(arms.people) * (6 * states + 2 * states**2 + 2 * (names + drawn))


def of_blocks(arms: Arms, threads: int) -> int:
    """What is worked out for each dose, of as many subjects as are solved at a time. [byte]"""
    exact, every = arms.solver.exact(arms.model), occasional(arms.model, arms.draws.effects).values()
    personal = any(course.adherence is not None for course in arms.regimens.values()) or any(
        kind in COUNTED for kind in every
    )
    if exact and not personal:
        return 0
    rows = min(len(arms.people), (ROWS if personal else MOST_OF_A_BLOCK) * threads)
    recorded = not exact or even_step(arms.times) == 0.0 or bool(every)
    most = max(course.count for course in arms.regimens.values())
    return (OF_A_RECORD if recorded else OF_A_DOSE) * most * rows


def refuse_what_does_not_fit(arms: Arms, *, threads: int) -> None:
    """Refuse a run for which there is not enough memory, before it takes any.

    Raises
    ------
    InputError : with the sizes, what is free, and what to do instead.
    """
    free = lacking(peak(arms, threads=threads))
    if free is not None:
        raise refusal(arms, free, threads=threads)


def refusal(arms: Arms, free: int | None = None, *, threads: int) -> InputError:
    """What is said of a run that does not fit; ``free`` is how much memory there is, where anybody asked."""
    combinations = math.prod(arms.shape) * (2 if arms.draws.typical else 1)
    sizes = ((len(arms.people), "subjects"), (len(arms.times), "times"))
    return too_large(
        combinations,
        len(arms.model.outputs),
        *sizes,
        needed=peak(arms, threads=threads),
        free=free,
        parted=True,
    )
