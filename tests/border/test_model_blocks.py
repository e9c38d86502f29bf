"""What is said about blocks, residual errors and uncertainty of a model file that are wrong.

Truth: the texts below are what a person who made the mistake needs to read. The correlations that contradict each
other are the example of Rebonato and Jaeckel (see test_model_spreads.py).
"""

from __future__ import annotations

import pytest
from spread_example import CL_V, SIZED, block, effect, error, occasion, said_of, unsure

ONE = {
    "block of one": (
        effect() + block("omega2 = [[0.09]]", effects="CL"),
        "m.toml [blocks.one]: effects: a block of fewer than 2\n  a lone effect has its own omega2, sd or cv",
    ),
    "block with one twice": (
        effect() + block("omega2 = [[0.09], [0.01, 0.09]]", effects="CL CL"),
        "m.toml [blocks.one]: effects: 'CL' stands here twice\n  name each effect once",
    ),
    "block without numbers": (
        SIZED + block(),
        "m.toml [blocks.one]: neither omega2 nor correlations\n"
        "  give omega2, the covariance of the etas, or correlations beside the spreads of the effects",
    ),
    "block with both": (
        CL_V + block("omega2 = [[0.09], [0.01, 0.04]]", "correlations = [[0.3]]"),
        "m.toml [blocks.one]: both omega2 and correlations\n"
        "  give omega2, the covariance of the etas, or correlations beside the spreads of the effects",
    ),
    "block of an unknown effect": (
        SIZED + block("correlations = [[0.3]]", effects="CL Vd"),
        "m.toml [blocks.one]: unknown effect 'Vd'\n  did you mean 'V'? effects between subjects: CL, V",
    ),
    "block of a parameter without effect": (
        SIZED + block("correlations = [[0.3]]", effects="CL KA"),
        "m.toml [blocks.one]: unknown effect 'KA'\n"
        "  add [variability.KA]: a block joins effects that stand there",
    ),
    "block of effects between subjects as occasions": (
        SIZED + block('between = "occasions"', "correlations = [[0.3]]"),
        "m.toml [blocks.one]: unknown effect 'CL'\n"
        "  add [occasions.CL]: a block joins effects that stand there\n"
        "m.toml [blocks.one]: unknown effect 'V'\n"
        "  add [occasions.V]: a block joins effects that stand there",
    ),
    "block of something discrete": (
        effect('cv = "30 %"')
        + effect('distribution = "uniform"', "low = 1", "high = 2", of="V")
        + block("correlations = [[0.3]]"),
        "m.toml [blocks.one]: 'V' is uniform\n"
        "  a block joins effects that are log-normal, normal, logit-normal, box-cox",
    ),
    "two blocks": (
        SIZED
        + effect("sd = 1", of="KA")
        + block("correlations = [[0.3]]")
        + block("correlations = [[0.3]]", name="two", effects="KA V"),
        "m.toml [blocks.two]: 'V' also stands in [blocks.one]\n  put all that go together in one block",
    ),
    "block of other occasions": (
        occasion("sd = 0.1")
        + occasion("sd = 0.1", of="V", every="day")
        + block('between = "occasions"', "correlations = [[0.3]]"),
        "m.toml [blocks.one]: 'CL' changes every dose and 'V' every day\n"
        "  effects of a block have the same occasions",
    ),
    "block beside a spread": (
        effect('cv = "30 %"') + effect(of="V") + block("omega2 = [[0.09], [0.01, 0.04]]"),
        "m.toml [variability.CL]: cv, and [blocks.one] gives omega2\n  remove one of them",
    ),
    "correlations without spreads": (
        CL_V + block("correlations = [[0.3]]"),
        "m.toml [variability.CL]: no omega2, sd or cv\n"
        "  add one of them, or name the effect in a block with omega2\n"
        "m.toml [variability.V]: no omega2, sd or cv\n"
        "  add one of them, or name the effect in a block with omega2",
    ),
    "omega2 of a block in percent": (
        CL_V + block("omega2 = [[900], [0, 0.04]]"),
        "m.toml [blocks.one]: omega2 of CL = 900 is a CV of more than 500 %\n"
        "  omega2 of CL is on the scale of logarithms: a CV of 30 % is omega2 = 0.0862, sd = 0.294",
    ),
    "too few rows": (
        CL_V + block("omega2 = [[0.09]]"),
        "m.toml [blocks.one]: omega2: 1 row for 2 names\n"
        "  expected a lower triangle, [[a], [b, c], [d, e, f]], or the full matrix",
    ),
    "a row too long": (
        CL_V + block("omega2 = [[0.09], [0.01, 0.04, 0.3]]"),
        "m.toml [blocks.one]: omega2: row 2 has 3 numbers\n"
        "  expected a lower triangle, [[a], [b, c], [d, e, f]], or the full matrix",
    ),
    "not symmetric": (
        CL_V + block("omega2 = [[0.09, 0.02], [0.01, 0.04]]"),
        "m.toml [blocks.one]: omega2: row 2 has 0.01 in column 1, and row 1 has 0.02 in column 2\n"
        "  a full matrix is symmetric; its lower triangle is enough",
    ),
    "a variance of 0": (
        CL_V + block("omega2 = [[0.09], [0, 0]]"),
        "m.toml [blocks.one]: omega2: the variance of V is 0\n"
        "  expected more than 0: what does not vary is no effect",
    ),
    "a text in a matrix": (
        CL_V + block('omega2 = [[0.09], [0.01, "0.04"]]'),
        "m.toml [blocks.one.omega2.1]: entry 2 = '0.04'\n  expected a number, without quotes",
    ),
    "no matrix": (
        CL_V + block("omega2 = 0.09"),
        "m.toml [blocks.one]: omega2 = 0.09\n  expected a list",
    ),
    "correlation above 1": (
        SIZED + block("correlations = [[1.3]]"),
        "m.toml [blocks.one]: correlations: the correlation of CL and V is 1.3\n"
        "  expected a number from -1 to 1",
    ),
    "correlation with itself": (
        SIZED + block("correlations = [[0.9], [0.3, 1]]"),
        "m.toml [blocks.one]: correlations: the correlation of CL with itself is 0.9\n"
        "  expected 1 on the diagonal; the lower triangle may also be written without it",
    ),
    "a correlation of 1": (
        SIZED + block("correlations = [[1]]"),
        "m.toml [blocks.one]: correlations: not positive definite: an eigenvalue of the correlations is "
        "0\n"
        "  the nearest that is: [[1], [0.9999, 1]]",
    ),
    "covariance above what variances allow": (
        CL_V + block("omega2 = [[0.09], [0.08, 0.04]]"),
        "m.toml [blocks.one]: omega2: not positive definite: the covariance 0.08 of CL and V is a "
        "correlation of 1.33\n"
        "  the nearest that is: [[0.09], [0.05999, 0.04]]",
    ),
    "correlations that contradict each other": (
        SIZED + effect("sd = 1", of="KA") + block("correlations = [[0.9], [0.7, 0.3]]", effects="CL V KA"),
        "m.toml [blocks.one]: correlations: not positive definite: an eigenvalue of the correlations is "
        "-0.0074\n"
        "  the nearest that is: [[1], [0.8939, 1], [0.6963, 0.301, 1]]",
    ),
    "covariances that contradict each other": (
        CL_V
        + effect(of="KA")
        + block("omega2 = [[0.04], [0.054, 0.09], [0.056, 0.036, 0.16]]", effects="CL V KA"),
        "m.toml [blocks.one]: omega2: not positive definite: an eigenvalue of the correlations is "
        "-0.0074\n"
        "  the nearest that is: [[0.04], [0.05364, 0.09], [0.0557, 0.03612, 0.16]]",
    ),
    "unknown output": (
        error('error = "additive"', "sd = 1", of="plasm"),
        "m.toml [residual.plasm]: unknown output 'plasm'\n  did you mean 'plasma'? outputs: plasma",
    ),
    "no error": (
        error("sd = 1"),
        "m.toml [residual.plasma]: 'error' is missing\n"
        '  add error = ...: "additive", "proportional", "combined", "power" or "log-normal"',
    ),
    "unknown error": (
        error('error = "exponential"'),
        "m.toml [residual.plasma]: error = 'exponential'\n"
        '  expected "additive", "proportional", "combined", "power" or "log-normal"',
    ),
    "error without its size": (
        error('error = "additive"'),
        "m.toml [residual.plasma]: error = 'additive' without 'sd'\n"
        "  add sd = ...: a number in the output's unit",
    ),
    "error with another size": (
        error('error = "additive"', 'cv = "15 %"'),
        "m.toml [residual.plasma]: cv with error = 'additive'\n"
        "  remove it: 'cv' goes with proportional, combined, power, log-normal",
    ),
    "half a combined error": (
        error('error = "combined"', "sd = 1"),
        "m.toml [residual.plasma]: error = 'combined' without 'cv'\n  add cv = ...: a text such as \"15 %\"",
    ),
    "error without a power": (
        error('error = "power"', 'cv = "15 %"'),
        "m.toml [residual.plasma]: error = 'power' without 'power'\n"
        "  add power = ...: a number, 1 for errors in proportion to the level",
    ),
    "log-normal error without a size": (
        error('error = "log-normal"'),
        "m.toml [residual.plasma]: error = 'log-normal' without a size\n"
        '  give one of log_sd = ... and cv = "15 %"',
    ),
    "log-normal error with two": (
        error('error = "log-normal"', 'cv = "15 %"', "log_sd = 0.15"),
        'm.toml [residual.plasma]: both log_sd and cv\n  give one of log_sd = ... and cv = "15 %"',
    ),
    "log-normal error in percent": (
        error('error = "log-normal"', "log_sd = 15"),
        "m.toml [residual.plasma]: log_sd = 15 is a CV of more than 500 %\n"
        "  log_sd is on the scale of logarithms: a CV of 30 % is omega2 = 0.0862, sd = 0.294",
    ),
    "negative error": (
        error('error = "additive"', "sd = -1"),
        "m.toml [residual.plasma]: sd = -1\n  expected 0 or more",
    ),
    "a bare CV of an error": (
        error('error = "proportional"', "cv = 0.15"),
        "m.toml [residual.plasma]: cv: found 0.15, without %\n"
        '  write "15 %" for a fraction, "0.15 %" for percent',
    ),
    "a limit of 0": (
        error('error = "additive"', "sd = 1", "lloq = 0"),
        "m.toml [residual.plasma]: lloq = 0\n  expected a number above 0",
    ),
    "uncertainty of nothing": (
        unsure(),
        "m.toml [uncertainty]: neither a covariance nor draws\n"
        "  add covariance = [[...], ...] with parameters = [...], or draws = { CL = [...], V = [...] }",
    ),
    "uncertainty of both": (
        unsure('parameters = ["CL"]', "covariance = [[1]]", "draws = { CL = [1] }"),
        "m.toml [uncertainty]: both a covariance and draws\n  give one of them",
    ),
    "uncertainty of a covariance without names": (
        unsure("covariance = [[1]]"),
        "m.toml [uncertainty]: covariance without 'parameters'\n"
        '  name them in the order of its rows: parameters = ["CL", "V"]',
    ),
    "uncertainty of a name twice": (
        unsure('parameters = ["CL", "CL"]', "covariance = [[1], [0, 1]]"),
        "m.toml [uncertainty]: parameters: 'CL' stands here twice\n  name each parameter once",
    ),
    "uncertainty of an unknown parameter": (
        unsure('parameters = ["CLL"]', "covariance = [[1]]"),
        "m.toml [uncertainty]: unknown parameter 'CLL'\n"
        "  did you mean 'CL'? parameters: KA, CL, V, F, LAG, WT_STD",
    ),
    "uncertainty of what is worked out": (
        unsure("draws = { KE = [1] }"),
        "m.toml [uncertainty]: unknown parameter 'KE'\n"
        "  'KE' is worked out from CL, V, WT_STD: name one of these",
    ),
    "uncertainty with too few rows": (
        unsure('parameters = ["CL", "V"]', "covariance = [[1]]"),
        "m.toml [uncertainty]: covariance: 1 row for 2 names\n"
        "  expected a lower triangle, [[a], [b, c], [d, e, f]], or the full matrix",
    ),
    "uncertainty of 0": (
        unsure('parameters = ["CL", "V"]', "covariance = [[1], [0, 0]]"),
        "m.toml [uncertainty]: covariance: the variance of V is 0\n"
        "  expected more than 0: leave out what is certain",
    ),
    "uncertainty that contradicts itself": (
        unsure('parameters = ["CL", "V"]', "covariance = [[1], [40, 400]]"),
        "m.toml [uncertainty]: covariance: not positive definite: the covariance 40 of CL and V is a "
        "correlation of 2\n"
        "  the nearest that is: [[1], [19.99, 400]]",
    ),
    "uncertainty on another scale": (
        unsure('scale = "ln"', "draws = { CL = [1] }"),
        "m.toml [uncertainty]: scale = 'ln'\n  expected 'natural' or 'log'",
    ),
    "uncertainty of draws with names": (
        unsure('parameters = ["CL"]', "draws = { CL = [1] }"),
        "m.toml [uncertainty]: parameters with draws\n"
        "  remove parameters: draws name their parameters, and have their units",
    ),
    "uncertainty of draws of logarithms": (
        unsure('scale = "log"', "draws = { CL = [1] }"),
        "m.toml [uncertainty]: scale with draws\n"
        "  remove scale: draws name their parameters, and have their units",
    ),
    "uncertainty of unequal draws": (
        unsure("draws = { CL = [14, 15, 16], V = [190, 210] }"),
        "m.toml [uncertainty]: 3 draws of CL and 2 of V\n  a draw is one number for each parameter",
    ),
    "uncertainty of no draws": (
        unsure("draws = { CL = [] }"),
        "m.toml [uncertainty]: neither a covariance nor draws\n"
        "  add covariance = [[...], ...] with parameters = [...], or draws = { CL = [...], V = [...] }",
    ),
    "uncertainty of draws below 0": (
        unsure("draws = { CL = [14, -1] }"),
        "m.toml [uncertainty]: a draw of CL is -1 L/h\n  expected a clearance above 0",
    ),
}


@pytest.mark.parametrize("mistake", ONE)
def test_one_mistake(mistake):
    sections, text = ONE[mistake]
    assert said_of(sections) == text
