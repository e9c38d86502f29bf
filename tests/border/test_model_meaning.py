"""What is said about entries of a model file that do not fit each other.

Truth: the texts below are what a person who made the mistake needs to read.
"""

from __future__ import annotations

import pytest
from model_example import changed, complaint

ONE = {
    "name of a function": (
        ("[individual]", '[individual]\nexp = "CL"'),
        "m.toml [individual.exp]: 'exp' has a meaning in expressions\n  choose another name",
    ),
    "name of time": (
        ("[compartments]", '[compartments]\nt = { label = "t" }'),
        "m.toml [compartments.t]: 't' has a meaning in expressions\n  choose another name",
    ),
    "name taken twice": (
        ("[compartments]", '[compartments]\nF = { label = "F" }'),
        "m.toml [compartments.F]: 'F' also stands in [parameters]\n  choose another name",
    ),
    "individual covariate": (
        ("[individual]", '[individual]\nWT = "WT"'),
        "m.toml [individual.WT]: 'WT' also stands in [covariates]\n  choose another name",
    ),
    "name that results use": (
        ("[outputs]", '[outputs]\nmeal = { value = "gut", unit = "mg", label = "gut" }'),
        "m.toml [outputs.meal]: 'meal': results use this name\n  choose another name",
    ),
    "unknown name": (
        ('value = "central / V"', 'value = "central / V1"'),
        "m.toml [outputs.plasma]: unknown name 'V1'\n"
        "  did you mean 'V'? known here: KA, CL, V, F, LAG, WT_STD, WT, KE, delay, gut, central, t, tad, dose",
    ),
    "name from further down": (
        ('KE = "CL / V"', 'KE = "CL / V * delay / delay"'),
        "m.toml [individual.KE]: unknown name 'delay'\n  'delay' is set further down: move it up",
    ),
    "not of the language": (
        ('KE = "CL / V"', 'KE = "CL ^ V"'),
        "m.toml [individual.KE]: '^' in 'CL ^ V' is not part of the language\n  write ** for a power",
    ),
    "code": (
        ('KE = "CL / V"', 'KE = "__import__(CL)"'),
        "m.toml [individual.KE]: unknown function '__import__'\n  known here: exp, log, sqrt, min, max, where",
    ),
    "individual of another kind": (
        ('CL = "CL * (WT / WT_STD) ** 0.75"', 'CL = "CL * WT"'),
        "m.toml [individual.CL]: 'CL * WT' is mass * volume / time\n  expected volume / time",
    ),
    "a number with a hidden unit": (
        ('CL = "CL * (WT / WT_STD) ** 0.75"', 'CL = "CL * (WT - 70)"'),
        "m.toml [individual.CL]: in 'WT - 70', 'WT' is mass and '70' is a plain number\n"
        "  what '-' takes must be of one kind; make a number that has a unit a parameter",
    ),
    "rate of another kind": (
        ('"central -> out" = "KE"', '"central -> out" = "CL"'),
        "m.toml [flows.\"central -> out\"]: the rate 'CL' is volume / time\n  expected 1 / time",
    ),
    "flow of an unknown compartment": (
        ('"central -> out" = "KE"', '"centrl -> out" = "KE"'),
        "m.toml [flows.\"centrl -> out\"]: unknown compartment 'centrl'\n"
        "  did you mean 'central'? compartments: gut, central",
    ),
    "flow without an arrow": (
        ('"central -> out" = "KE"', '"central to out" = "KE"'),
        'm.toml [flows."central to out"]: not a flow\n  write "from -> to", or "from -> out" to leave the body',
    ),
    "flow twice": (
        ('"central -> out" = "KE"', '"central -> out" = "KE"\n"central->out" = "KE"'),
        'm.toml [flows."central->out"]: this flow stands here twice\n  add the two rates',
    ),
    "flow in a circle": (
        ('"central -> out" = "KE"', '"central -> central" = "KE"'),
        'm.toml [flows."central -> central"]: from a compartment into itself\n  remove it',
    ),
    "route into nowhere": (
        ('into = "gut"', 'into = "guts"'),
        "m.toml [routes.oral]: unknown compartment 'guts'\n  did you mean 'gut'? compartments: gut, central",
    ),
    "lag of another kind": (
        ('lag = "delay"', 'lag = "delay * KA"'),
        "m.toml [routes.oral]: lag = 'delay * KA' is a plain number\n  expected time",
    ),
    "bioavailability of another kind": (
        ('bioavailability = "F"', 'bioavailability = "F * CL"'),
        "m.toml [routes.oral]: bioavailability = 'F * CL' is volume / time\n  expected a plain number",
    ),
    "meal that reaches the body": (
        ("F = { value = 0.4", 'KA = { value = 0.4, unit = "1/h", source = "test" }\nF = { value = 0.4'),
        "m.toml [formulations.capsule.meals.fasted.KA]: 'KA' acts in the body (a flow, a rate or an output), where "
        "doses of several meals mix\n  let the dose enter a compartment of its own: into = ..., with a flow of its own",
    ),
    "meal that changes nothing": (
        ('lag = "delay"\n', ""),
        "m.toml [formulations.capsule.meals.fasted.LAG]: 'LAG' reaches no route, so the meal would change nothing\n"
        "  use it in the bioavailability, lag, duration or rate of a route",
    ),
    "meal into nowhere": (
        ('label = "without"', 'label = "without"\ninto = "depot"'),
        "m.toml [formulations.capsule.meals.fasted]: unknown compartment 'depot'\n  compartments: gut, central",
    ),
    "output of another kind": (
        ('value = "central / V"', 'value = "central"'),
        "m.toml [outputs.plasma]: 'central' is mass\n  expected mass / volume",
    ),
    "check of an unknown meal": (
        ('meal = "fed"', 'meal = "fd"'),
        "m.toml [check \"AUC\"]: unknown meal 'fd'\n  did you mean 'fed'? meals of capsule: fed, fasted",
    ),
    "check of an unknown formulation": (
        ('meal = "fed"', 'formulation = "tablet"'),
        "m.toml [check \"AUC\"]: unknown formulation 'tablet'\n  formulations: capsule",
    ),
    "check of an unknown output": (
        ('output = "plasma"', 'output = "plasm"'),
        "m.toml [check \"AUC\"]: unknown output 'plasm'\n  did you mean 'plasma'? outputs: plasma",
    ),
    "check of an unknown metric": (
        ('metric = "AUCinf"', 'metric = "AUC"'),
        "m.toml [check \"AUC\"]: metric: unknown metric 'AUC'\n"
        "  did you mean 'AUCtau'? metrics: Cmax, Tmax, lowest, t_lowest, level, Cmin, Cavg, AUCtau, AUCinf, half_life",
    ),
    "check in another kind of unit": (
        ('unit = "ng*h/mL"', 'unit = "ng/mL"'),
        "m.toml [check \"AUC\"]: unit = 'ng/mL' is mass / volume\n  expected mass * time / volume",
    ),
    "check within another kind": (
        ('within = "2 %"', 'within = "2 h"'),
        "m.toml [check \"AUC\"]: within: '2 h' is time\n  expected mass * time / volume, in a unit such as ng*h/mL",
    ),
    "check within nothing": (
        ('within = "2 %"', 'within = "0 %"'),
        "m.toml [check \"AUC\"]: within = '0 %'\n  expected more than 0",
    ),
    "check of an unknown covariate": (
        ('meal = "fed"', "covariates = { AGE = 3 }"),
        "m.toml [check \"AUC\"]: unknown covariate 'AGE'\n  covariates: WT",
    ),
    "check with a covariate of another kind": (
        ('meal = "fed"', 'covariates = { WT = "3 L" }'),
        "m.toml [check \"AUC\"]: WT: '3 L' is volume\n  expected mass, in a unit such as kg",
    ),
    "check per something unknown": (
        ('meal = "fed"', 'per = { meel = "fed" }'),
        "m.toml [check \"AUC\".per]: unknown key 'meel'\n"
        "  did you mean 'meal'? known here: regimen, meal, formulation, output, covariates",
    ),
    "ratio with a unit": (
        ('meal = "fed"', 'per = { meal = "fasted" }'),
        "m.toml [check \"AUC\"]: unit = 'ng*h/mL' is mass * time / volume\n  expected a plain number",
    ),
    "one bracket": (
        ("[[check]]", "[check]"),
        "m.toml [check]: found a table\n  write [[check]], with two brackets",
    ),
}


@pytest.mark.parametrize("mistake", ONE)
def test_one_mistake(mistake):
    edit, text = ONE[mistake]
    assert complaint(changed(edit)) == text


def test_names_of_results_are_reserved():
    """Truth: the schema of results, which the model layer may not import."""
    from doseline.dataset import COORDINATES, VARIABLES
    from doseline.model.validate import RESERVED

    assert set(RESERVED) >= {*VARIABLES, *COORDINATES, "dose", "interval"}
