"""What is said about effects of a model file that are wrong: [variability] and [occasions].

Truth: the texts below are what a person who made the mistake needs to read.
"""

from __future__ import annotations

import pytest
from model_example import changed, complaint
from spread_example import block, effect, occasion, said_of, section

from doseline.model.read import read_model

ONE = {
    "no source": (
        '[variability.CL]\ncv = "30 %"\n',
        "m.toml [variability.CL]: 'source' is missing\n"
        "  add source = ...: where the spread comes from, in quotes\n"
        "m.toml [variability.CL]: 'status' is missing\n"
        '  add status = ...: "R" read in the source, "R2" read in a source that quotes it, "D" derived, '
        '"M" from memory, "assumption" or "calibrated"',
    ),
    "unknown key": (
        effect('cv = "30 %"', "mean = 0"),
        "m.toml [variability.CL]: unknown key 'mean'\n"
        "  did you mean 'omega2'? known here: distribution, omega2, sd, cv, shape, low, high, values, "
        "probabilities, source, status",
    ),
    "unknown distribution": (
        effect('distribution = "lognormal"'),
        "m.toml [variability.CL]: distribution = 'lognormal'\n"
        "  expected 'log-normal', 'normal', 'logit-normal', 'box-cox', 'uniform' or 'discrete'",
    ),
    "a bare fraction": (
        effect("cv = 0.22"),
        "m.toml [variability.CL]: cv: found 0.22, without %\n"
        '  write "22 %" for a fraction, "0.22 %" for percent',
    ),
    "a bare number of percent": (
        effect("cv = 22"),
        'm.toml [variability.CL]: cv: found 22, without %\n  write "22 %"',
    ),
    "a bare number that is neither": (
        effect("cv = 2200"),
        'm.toml [variability.CL]: cv: found 2200, without %\n  write a text such as "22 %"',
    ),
    "a text without percent": (
        effect('cv = "0.3"'),
        "m.toml [variability.CL]: cv: found '0.3', without %\n"
        '  write "30 %" for a fraction, "0.3 %" for percent',
    ),
    "another unit": (
        effect('cv = "3 h"'),
        'm.toml [variability.CL]: cv: found no number of percent\n  expected a text such as "22 %"',
    ),
    "no percentage": (
        effect('cv = "large"'),
        'm.toml [variability.CL]: cv: found no number of percent\n  expected a text such as "22 %"',
    ),
    "true": (
        effect("cv = true"),
        'm.toml [variability.CL]: cv: found no number of percent\n  expected a text such as "22 %"',
    ),
    "negative CV": (
        effect('cv = "-5 %"'),
        "m.toml [variability.CL]: cv: found '-5 %'\n  expected 0 % or more",
    ),
    "CV over 500 %": (
        effect('cv = "501 %"'),
        "m.toml [variability.CL]: cv: found '501 %'\n  expected at most 500 %",
    ),
    "omega2 in percent": (
        effect("omega2 = 30"),
        "m.toml [variability.CL]: omega2 = 30 is a CV of more than 500 %\n"
        "  omega2 is on the scale of logarithms: a CV of 30 % is omega2 = 0.0862, sd = 0.294",
    ),
    "sd in percent": (
        effect("sd = 30"),
        "m.toml [variability.CL]: sd = 30 is a CV of more than 500 %\n"
        "  sd is on the scale of logarithms: a CV of 30 % is omega2 = 0.0862, sd = 0.294",
    ),
    "negative variance": (
        effect("omega2 = -0.09"),
        "m.toml [variability.CL]: omega2 = -0.09\n  expected 0 or more",
    ),
    "negative SD": (
        effect("sd = -0.3"),
        "m.toml [variability.CL]: sd = -0.3\n  expected 0 or more",
    ),
    "NaN": (
        effect("sd = nan"),
        "m.toml [variability.CL]: sd = nan\n  expected a finite number",
    ),
    "two spreads": (
        effect('cv = "30 %"', "omega2 = 0.09"),
        "m.toml [variability.CL]: both omega2 and cv\n  give one of them",
    ),
    "no spread": (
        effect(),
        "m.toml [variability.CL]: no omega2, sd or cv\n"
        "  add one of them, or name the effect in a block with omega2",
    ),
    "no spread of a logit": (
        effect('distribution = "logit-normal"', "low = -1", "high = 30", of="V"),
        "m.toml [variability.V]: no omega2 or sd\n"
        "  add one of them, or name the effect in a block with omega2\n"
        "m.toml [variability.V]: 200, the typical value, is not between low = -1 and high = 30\n"
        "  expected low < value < high",
    ),
    "a CV of a logit": (
        effect('distribution = "logit-normal"', 'cv = "30 %"', of="F"),
        "m.toml [variability.F]: cv with distribution = 'logit-normal'\n"
        "  give omega2 or sd, of eta: 'cv' goes with log-normal, normal",
    ),
    "a CV of a uniform distribution": (
        effect('distribution = "uniform"', 'cv = "30 %"', "low = 1", "high = 2"),
        "m.toml [variability.CL]: cv with distribution = 'uniform'\n"
        "  remove it: 'cv' goes with log-normal, normal",
    ),
    "a shape of a log-normal distribution": (
        effect('cv = "30 %"', "shape = 0.5"),
        "m.toml [variability.CL]: shape with distribution = 'log-normal'\n"
        "  remove it: 'shape' goes with box-cox",
    ),
    "no shape": (
        effect('distribution = "box-cox"', "sd = 0.3"),
        "m.toml [variability.CL]: distribution = 'box-cox' without 'shape'\n"
        "  add shape = ...: a number other than 0, the power",
    ),
    "a shape of 0": (
        effect('distribution = "box-cox"', "sd = 0.3", "shape = 0"),
        "m.toml [variability.CL]: shape = 0\n  the limit of a small shape is the log-normal distribution",
    ),
    "no bounds": (
        effect('distribution = "uniform"', "low = 1"),
        "m.toml [variability.CL]: distribution = 'uniform' without 'high'\n"
        "  add high = ...: the largest value, in the parameter's unit",
    ),
    "bounds the wrong way round": (
        effect('distribution = "uniform"', "low = 2", "high = 1"),
        "m.toml [variability.CL]: low = 2 and high = 1\n  expected low < high",
    ),
    "no values": (
        effect('distribution = "discrete"', "probabilities = [1]"),
        "m.toml [variability.CL]: distribution = 'discrete' without 'values'\n"
        "  add values = ...: a list of numbers in the parameter's unit",
    ),
    "values without probabilities": (
        effect('distribution = "discrete"', "values = [1, 2]", "probabilities = [1]"),
        "m.toml [variability.CL]: values has 2 numbers and probabilities 1\n"
        "  give each value its probability",
    ),
    "a probability above 1": (
        effect('distribution = "discrete"', "values = [1, 2]", "probabilities = [1.2, -0.2]"),
        "m.toml [variability.CL]: a probability of 1.2\n  expected 0 to 1",
    ),
    "probabilities that miss 1": (
        effect('distribution = "discrete"', "values = [1, 2]", "probabilities = [0.6, 0.3]"),
        "m.toml [variability.CL]: the probabilities add up to 0.9\n  expected 1",
    ),
    "a value that is no number": (
        effect('distribution = "discrete"', 'values = [1, "2"]', "probabilities = [0.6, 0.4]"),
        "m.toml [variability.CL.values]: entry 2 = '2'\n  expected a number, without quotes",
    ),
    "unknown parameter": (
        effect('cv = "30 %"', of="Cl"),
        "m.toml [variability.Cl]: unknown parameter 'Cl'\n"
        "  did you mean 'CL'? parameters: KA, CL, V, F, LAG, WT_STD",
    ),
    "effect on a covariate": (
        effect('cv = "30 %"', of="WT"),
        "m.toml [variability.WT]: unknown parameter 'WT'\n"
        "  'WT' is a covariate: how it differs is for the cohort to say",
    ),
    "effect on what is worked out": (
        effect('cv = "30 %"', of="KE"),
        "m.toml [variability.KE]: unknown parameter 'KE'\n"
        "  'KE' is worked out from CL, V, WT_STD: name one of these",
    ),
    "a name that is none": (
        effect('cv = "30 %"', of='"C L"'),
        "m.toml [variability.\"C L\"]: 'C L' cannot be a name\n"
        "  a name has a letter, then letters, digits and _, up to 60",
    ),
    "beyond a logit": (
        effect('distribution = "logit-normal"', "sd = 0.3", of="F"),
        "m.toml [variability.F]: 1, the typical value, is not between low = 0 and high = 1\n"
        "  expected low < value < high",
    ),
    "a meal beyond a logit": (
        effect('distribution = "logit-normal"', "sd = 0.3", "low = 0.5", "high = 1.5", of="F"),
        "m.toml [variability.F]: 0.4, what capsule fasted sets, is not between low = 0.5 and high = 1.5\n"
        "  expected low < value < high",
    ),
    "a lag of a meal beyond a logit, in another unit": (
        effect('distribution = "logit-normal"', "sd = 0.3", "low = 10", "high = 60", of="LAG"),
        "m.toml [variability.LAG]: 6, what capsule fasted sets, is not between low = 10 and high = 60\n"
        "  expected low < value < high",
    ),
    "a clearance of 0": (
        effect('distribution = "uniform"', "low = 0", "high = 1"),
        "m.toml [variability.CL]: a value of 0 L/h\n  expected a clearance above 0",
    ),
    "a volume below 0": (
        effect('distribution = "discrete"', "values = [100, -1]", "probabilities = [0.5, 0.5]", of="V"),
        "m.toml [variability.V]: a value of -1 L\n  expected a volume above 0",
    ),
    "a meal beside a uniform distribution": (
        effect('distribution = "uniform"', "low = 0", "high = 1", of="F"),
        "m.toml [variability.F]: a meal sets 'F', and 'uniform' would take the place of what it sets\n"
        "  take a distribution about the typical value, such as log-normal",
    ),
    "no occasion": (
        section("occasions.CL", 'cv = "30 %"'),
        'm.toml [occasions.CL]: \'every\' is missing\n  add every = ...: "dose", "day", "visit" or "course"',
    ),
    "unknown occasion": (
        occasion('cv = "30 %"', every="week"),
        'm.toml [occasions.CL]: every = \'week\'\n  expected "dose", "day", "visit" or "course"',
    ),
    "uniform occasions": (
        occasion('distribution = "uniform"', "low = 1", "high = 2"),
        "m.toml [occasions.CL]: distribution = 'uniform' takes the place of the subject's own value\n"
        "  between occasions, expected one of log-normal, normal, logit-normal, box-cox",
    ),
    "occasions of nothing": (
        occasion('cv = "30 %"', of="CLL"),
        "m.toml [occasions.CLL]: unknown parameter 'CLL'\n"
        "  did you mean 'CL'? parameters: KA, CL, V, F, LAG, WT_STD",
    ),
    "occasions beyond a logit": (
        effect("sd = 0.3", of="F")
        + occasion('distribution = "logit-normal"', "high = 2", "sd = 0.3", of="F"),
        "m.toml [occasions.F]: subjects' own values may not be between low = 0 and high = 2\n"
        "  give [variability.F] the same distribution, low and high",
    ),
    "effect of a parameter that reaches nothing": (
        effect('cv = "30 %"', of="SPARE")
        + section("parameters.SPARE", "value = 1", 'unit = "1"', 'label = "spare"'),
        "m.toml [variability.SPARE]: 'SPARE' reaches no formula that acts, so the effect would change "
        "nothing\n"
        "  use it in a flow, a rate, an initial amount, a route or an output",
    ),
    "effect about 0": (
        effect('cv = "30 %"', of="BASE")
        + section("parameters.BASE", "value = 0", 'unit = "mg"', 'label = "spare"')
        + '[initial]\ncentral = "BASE"\n',
        "m.toml [variability.BASE]: the typical value is 0, and so would be all others\n"
        "  normal with omega2 or sd adds to it",
    ),
    "CV of a normal distribution about 0": (
        effect('distribution = "normal"', 'cv = "30 %"', of="BASE")
        + section("parameters.BASE", "value = 0", 'unit = "mg"', 'label = "spare"')
        + '[initial]\ncentral = "BASE"\n',
        "m.toml [variability.BASE]: the typical value is 0, and so would be all others\n"
        "  normal with omega2 or sd adds to it",
    ),
    "a broken effect in a block": (
        effect("cv = 3") + effect('cv = "30 %"', of="V") + block("correlations = [[0.3]]"),
        'm.toml [variability.CL]: cv: found 3, without %\n  write "300 %" for a fraction, "3 %" for percent',
    ),
}


@pytest.mark.parametrize("mistake", ONE)
def test_one_mistake(mistake):
    sections, text = ONE[mistake]
    assert said_of(sections) == text


NAMES = {
    "plasma_observed": ("outputs", '{ value = "central / V", unit = "mg/L", label = "x" }'),
    "plasma_blq": ("outputs", '{ value = "central / V", unit = "mg/L", label = "x" }'),
    "plasma_typical": ("outputs", '{ value = "central / V", unit = "mg/L", label = "x" }'),
    "eta_CL": ("outputs", '{ value = "central / V", unit = "mg/L", label = "x" }'),
    "kappa_KA": ("covariates", '{ unit = "1", reference = 1, label = "x" }'),
    "dose_taken": ("outputs", '{ value = "central / V", unit = "mg/L", label = "x" }'),
    "replicate": ("covariates", '{ unit = "1", reference = 1, label = "x" }'),
}
DRAWN = effect('cv = "30 %"') + occasion('cv = "30 %"', of="KA")


@pytest.mark.parametrize("name", NAMES)
def test_names_that_results_make(name):
    inside, entry = NAMES[name]
    text = changed((f"[{inside}]\n", f"[{inside}]\n{name} = {entry}\n"))
    assert complaint(text + DRAWN) == (
        f"m.toml [{inside}.{name}]: '{name}': results use this name\n  choose another name"
    )


def test_names_that_results_make_only_of_others_are_free():
    """Truth: no effect on KA between subjects, none on CL between occasions, no output called serum."""
    names = ("eta_KA", "kappa_CL", "serum_observed")
    lines = "".join(f'{name} = {{ value = "central / V", unit = "mg/L", label = "x" }}\n' for name in names)
    model = read_model(changed(("[outputs]\n", f"[outputs]\n{lines}")) + DRAWN)
    assert set(names) < set(model.outputs)


CODES = {
    '{ "1" = 1 }': (
        "codes: '1' cannot be a word\n  a word has a letter, then up to 59 characters that are no comma and no colon"
    ),
    '{ "a, b" = 1 }': (
        "codes: 'a, b' cannot be a word\n"
        "  a word has a letter, then up to 59 characters that are no comma and no colon"
    ),
    "{ F = 0, M = 2 }": "codes: M = 2 is not between low = 0 and high = 1\n  expected low <= number <= high",
    "{ F = 0, M = 0 }": "codes: two words for one number\n  give each word a number of its own",
    "[0, 1]": "codes = a list\n  expected a table",
}


@pytest.mark.parametrize("codes", CODES)
def test_words_of_a_covariate(codes):
    line = f'SEX = {{ unit = "1", reference = 0, low = 0, high = 1, label = "sex", codes = {codes} }}\n'
    text = changed(("[covariates]\n", f"[covariates]\n{line}"))
    assert complaint(text) == f"m.toml [covariates.SEX]: {CODES[codes]}"


def test_a_word_that_stands_for_no_number():
    line = 'SEX = { unit = "1", reference = 0, label = "sex", codes = { F = "0" } }\n'
    assert complaint(changed(("[covariates]\n", f"[covariates]\n{line}"))) == (
        "m.toml [covariates.SEX.codes]: F = '0'\n  expected a number, without quotes"
    )


def test_several_mistakes_are_told_at_once():
    text = said_of(effect('cv = "30 %"', of="Cl") + block("correlations = [[0.3]]") + occasion("sd = -1"))
    assert [line for line in text.splitlines() if not line.startswith("  ")] == [
        "m.toml [occasions.CL]: sd = -1",
        "m.toml [blocks.one]: unknown effect 'CL'",
        "m.toml [blocks.one]: unknown effect 'V'",
        "m.toml [variability.Cl]: unknown parameter 'Cl'",
    ]
