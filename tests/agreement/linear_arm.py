"""Linear models made of rates, and one arm of a simulation of them: for tests of exposure while solving."""

import numpy as np

import doseline as dl
from doseline.arms import Arms
from doseline.asking import settle
from doseline.model.read import read_model

ENTRY = '{{ value = {!r}, unit = "{}", label = "x", source = "test", status = "assumption" }}'


def linear_model(rates, weights, lags, lengths, initial):
    """States s0, s1, ...; ``rates`` [1/h] from (source, target), None: out. A route r0, r1, ... enters each of them."""
    n, lines = (
        len(weights),
        ['name = "rates"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]'],
    )
    names = {}
    for k, (way, rate) in enumerate(rates.items()):
        names[way] = f"K{k}"
        lines.append(f"K{k} = {ENTRY.format(float(rate), '1/h')}")
    for i in range(n):
        lines.append(f"W{i} = {ENTRY.format(float(weights[i]), '1')}")
        lines.append(f"LAG{i} = {ENTRY.format(float(lags[i]), 'h')}")
        lines.append(f"D{i} = {ENTRY.format(float(lengths[i]), 'h')}")
        lines.append(f"A{i} = {ENTRY.format(float(initial[i]), 'mg')}")
    lines += ["[compartments]", *(f's{i} = {{ unit = "mg", label = "x" }}' for i in range(n)), "[flows]"]
    for (source, target), name in names.items():
        lines.append(f'"s{source} -> {"out" if target is None else f"s{target}"}" = "{name}"')
    if np.any(initial):
        lines += ["[initial]", *(f's{i} = "A{i}"' for i in range(n))]
    for i in range(n):
        lines.append(f'[routes.r{i}]\nlabel = "x"\ninto = "s{i}"\nlag = "LAG{i}"')
        if lengths[i] > 0.0:
            lines.append(f'duration = "D{i}"')
    total = " + ".join(f"W{i} * s{i}" for i in range(n) if weights[i] != 0.0)
    lines.append(f'[outputs.seen]\nvalue = "{total}"\nunit = "mg"\nlabel = "x"')
    return read_model("\n".join(lines), place="rates")


def arm_of(model, course, people, **asking):
    """The first arm of a simulation, from time zero to the end of the course."""
    cohort = people if isinstance(people, dl.Cohort) else dl.cohort(people)
    asked, times = settle(model, course, cohort, times=None, asking=asking, gridless=True)
    arms = Arms(asked.model, asked.people, asked.regimens, asked.axes, asked.draws, times, asked.solver)
    return arms.arm(asked.draws.labels[0], arms.keys[0])
