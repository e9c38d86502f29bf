"""A second simulator, slow and obvious: what the engine should say, without any of its ideas.

Between two moments at which anything changes, inflows are constant and the rest is linear, so one matrix exponential
(scipy's Padé approximation, not ours) carries the amounts on. Moments are doses, ends of infusions and the times asked
for, taken one after another; the numbers are Python's own.
"""

from dataclasses import dataclass

from scipy.linalg import expm


@dataclass(frozen=True)
class Dose:
    """``amount`` [mg] into a compartment at ``time`` [h]; ``F`` of it arrives ``lag`` later, over ``duration``."""

    time: float
    amount: float
    into: int
    duration: float = 0.0
    lag: float = 0.0
    F: float = 1.0

    @property
    def start(self):
        return self.time + self.lag

    @property
    def end(self):
        return self.start + self.duration


def state_matrix(flows, n):
    """Rows of x' = A x from ``{(source, target): rate}``; target None leaves the body."""
    matrix = [[0.0] * n for _ in range(n)]
    for (source, target), rate in flows.items():
        matrix[source][source] -= rate
        if target is not None:
            matrix[target][source] += rate
    return matrix


def exponential(matrix, inflow, hours, known):
    """exp of the matrix with the constant inflow as one more column; ``known`` keeps the ones computed before."""
    key = (hours, *inflow)
    if key not in known:
        n = len(matrix)
        wide = [[*matrix[i], inflow[i]] for i in range(n)] + [[0.0] * (n + 1)]
        known[key] = expm([[rate * hours for rate in row] for row in wide]).tolist()
    return known[key]


def simulate(flows, n, doses, times):
    """Amounts in the ``n`` compartments at each of ``times``; at the time of a dose those after it."""
    matrix = state_matrix(flows, n)
    changes = {dose.start for dose in doses} | {dose.end for dose in doses}
    wanted = set(times)
    amounts = [0.0] * n
    now = min(changes | wanted)
    found = {}
    known = {}
    for moment in sorted(changes | wanted):
        inflow = [0.0] * n
        for dose in doses:
            if dose.start <= now and moment <= dose.end and dose.duration > 0:
                inflow[dose.into] += dose.F * dose.amount / dose.duration
        if moment > now:
            moved = exponential(matrix, inflow, moment - now, known)
            amounts = [sum(moved[i][j] * amounts[j] for j in range(n)) + moved[i][n] for i in range(n)]
        for dose in doses:
            if dose.start == moment and dose.duration == 0:
                amounts[dose.into] += dose.F * dose.amount
        if moment in wanted:
            found[moment] = list(amounts)
        now = moment
    return [found[time] for time in times]
