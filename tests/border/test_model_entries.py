"""What is said about an entry of a model file that is wrong by itself.

Truth: the texts below are what a person who made the mistake needs to read.
"""

from __future__ import annotations

import pytest
from model_example import changed, complaint

ONE = {
    "no TOML": (
        ('version = "1.0"', "version = = 1"),
        "m.toml: not readable as TOML: Invalid value (at line 3, column 11)\n"
        "  texts stand in quotes, each key = value on a line of its own",
    ),
    "missing key": (
        ('V = { value = 200, unit = "L", ', "V = { value = 200, "),
        "m.toml [parameters.V]: 'unit' is missing\n"
        '  add unit = ...: a unit in quotes, such as "L/h", or "1" for a plain number',
    ),
    "unknown key": (
        ("reference = 70", "reference = 70, heigh = 3"),
        "m.toml [covariates.WT]: unknown key 'heigh'\n"
        "  did you mean 'high'? known here: unit, reference, label, low, high, codes",
    ),
    "unknown key at the top": (
        ('version = "1.0"', 'version = "1.0"\nauthor = "me"'),
        "m.toml: unknown key 'author'\n  known here: name, title, version",
    ),
    "unknown section": (
        ("[covariates]\n", "[covariats]\nAGE = 3\n[covariates]\n"),
        "m.toml [covariats]: unknown section\n  did you mean 'covariates'? sections: source, covariates, parameters, "
        "individual, compartments, variables, flows, rates, initial, routes, formulations, "
        "outputs, variability, occasions, blocks, residual, uncertainty, check",
    ),
    "name": (
        ('name = "example"', 'name = "../example"'),
        "m.toml: name = '../example'\n  expected letters, digits, - and _",
    ),
    "text for a number": (
        ("V = { value = 200", 'V = { value = "200"'),
        "m.toml [parameters.V]: value = '200'\n  expected a finite number, without quotes",
    ),
    "NaN": (
        ("KA = { value = 0.9", "KA = { value = nan"),
        "m.toml [parameters.KA]: value = nan\n  expected a finite number, without quotes",
    ),
    "infinity": (
        ("KA = { value = 0.9", "KA = { value = inf"),
        "m.toml [parameters.KA]: value = inf\n  expected a finite number, without quotes",
    ),
    "true": (
        ("KA = { value = 0.9", "KA = { value = true"),
        "m.toml [parameters.KA]: value = true\n  expected a finite number, without quotes",
    ),
    "negative clearance": (
        ("CL = { value = 15", "CL = { value = -15"),
        "m.toml [parameters.CL]: value = -15 L/h\n  expected a clearance above 0",
    ),
    "no volume": (
        ("V = { value = 200", "V = { value = 0"),
        "m.toml [parameters.V]: value = 0 L\n  expected a volume above 0",
    ),
    "unknown unit": (
        ('value = 0.9, unit = "1/h"', 'value = 0.9, unit = "1/hq"'),
        "m.toml [parameters.KA]: unit: unknown unit '1/hq'\n  did you mean '1/h'? often used: h, min, day, week, ug, "
        "mg, g, kg, mL, L, mg/L, ng/mL, L/h, 1/h, 1, %",
    ),
    "unknown status": (
        ('source = "test", status = "M"', 'source = "test", status = "guess"'),
        "m.toml [formulations.capsule.meals.fasted.LAG]: status = 'guess'\n"
        '  expected "R" read in the source, "R2" read in a source that quotes it, "D" derived, "M" from memory, '
        '"assumption" or "calibrated"',
    ),
    "reference out of range": (
        ("low = 3", "low = 80"),
        "m.toml [covariates.WT]: reference = 70 is not between low = 80 and high = 300\n"
        "  expected low <= reference <= high",
    ),
    "no table": (
        ('gut = { unit = "mg", label = "gut" }', "gut = 1"),
        "m.toml [compartments.gut]: found 1\n  expected a table { label = ... }",
    ),
    "bad name": (
        ("[routes.iv]", '[routes."i.v."]'),
        "m.toml [routes.\"i.v.\"]: 'i.v.' cannot be a name\n"
        "  a name has a letter, then letters, digits and _, up to 60",
    ),
    "strength": (
        ("strengths = [10, 20]", "strengths = [10, -20]"),
        "m.toml [formulations.capsule.strengths]: entry 2 = -20\n  expected a number above 0",
    ),
    "unit of strengths": (
        ("strengths = [10, 20]", 'strengths = [10, 20]\nstrength_unit = "mL"'),
        "m.toml [formulations.capsule]: strength_unit: 'mL' is volume\n  expected mass, in a unit such as mg",
    ),
    "meal with an unknown parameter": (
        ("LAG = { value = 0.1", "LAGG = { value = 0.1"),
        "m.toml [formulations.capsule.meals.fasted]: unknown key 'LAGG'\n"
        "  did you mean 'LAG'? known here: label, source, into, KA, CL, V, F, LAG, WT_STD",
    ),
    "meal with a bare number": (
        ('F = { value = 0.4, source = "test" }', "F = 0.4"),
        "m.toml [formulations.capsule.meals.fasted.F]: found 0.4\n"
        "  expected a table { value = ..., unit = ..., source = ... }",
    ),
    "meal without a unit": (
        ('LAG = { value = 0.1, unit = "h"', "LAG = { value = 0.1"),
        "m.toml [formulations.capsule.meals.fasted.LAG]: 'unit' is missing\n"
        '  add unit = ...: a unit in quotes, such as "L/h", or "1" for a plain number',
    ),
    "meal with another kind": (
        ('LAG = { value = 0.1, unit = "h"', 'LAG = { value = 0.1, unit = "mg"'),
        "m.toml [formulations.capsule.meals.fasted.LAG]: 'mg' is mass\n  expected time",
    ),
}


@pytest.mark.parametrize("mistake", ONE)
def test_one_mistake(mistake):
    edit, text = ONE[mistake]
    assert complaint(changed(edit)) == text
