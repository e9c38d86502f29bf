"""Metrics of checks: what they are, and which key goes with which.

Truth: one compartment after a bolus, and a turnover fed by it, both linear, so that sums of exponentials say it all.
"""

import math

import pytest

from doseline.errors import DoselineError
from doseline.model.read import read_model
from doseline.verify import check_model

LINEAR = """
name = "linear"
title = "one compartment, and one behind it"
version = "1"
[source]
citation = "made for this test"
[parameters]
K = { value = 0.2, unit = "1/h", label = "elimination", source = "chosen", status = "assumption" }
KE0 = { value = 0.5, unit = "1/h", label = "equilibration", source = "chosen", status = "assumption" }
V = { value = 50, unit = "L", label = "volume", source = "chosen", status = "assumption" }
[compartments]
central = { label = "central" }
second = { label = "second" }
[flows]
"central -> second" = "K"
"second -> out" = "KE0"
[routes]
iv = { into = "central", label = "into a vein" }
[outputs]
plasma = { value = "central / V", unit = "mg/L", label = "plasma" }
lost = { value = "-second", unit = "mg", label = "less than nothing, so that its lowest is inside the course" }
[[check]]
name = "x"
kind = "identity"
regimen = "100 mg every 12 h by iv x 2"
output = "%s"
metric = "%s"
%s
expect = 1
unit = "%s"
within = "1 %%"
source = "closed form"
status = "D"
"""
K, KE0 = 0.2, 0.5
TWICE = 1 + math.exp(-12 * K)


def second(t):
    return 100 * K / (KE0 - K) * (math.exp(-K * t) - math.exp(-KE0 * t))


def total(t):
    return second(t) + (second(t - 12) if t >= 12 else 0.0)


def valley():
    """Time after the second dose at which the derivative of the second compartment is 0."""
    slow, fast = 1 + math.exp(-12 * K), 1 + math.exp(-12 * KE0)
    return 12 + math.log(KE0 * fast / (K * slow)) / (KE0 - K)


@pytest.mark.parametrize(
    ("output", "metric", "key", "unit", "truth"),
    [
        ("plasma", "level", 'at = "5 h"', "mg/L", 2 * math.exp(-5 * K)),
        ("plasma", "level", 'at = "0 min"', "mg/L", 2.0),
        ("plasma", "level", 'at = "12 h"', "mg/L", 2 * TWICE),
        ("plasma", "lowest", 'follow = "20 h"', "mg/L", 2 * TWICE * math.exp(-20 * K)),
        ("plasma", "t_lowest", 'follow = "20 h"', "h", 32.0),
        ("plasma", "lowest", 'follow = "1 h"', "mg/L", 2 * math.exp(-12 * K)),
        ("plasma", "t_lowest", 'follow = "1 h"', "h", 12.0),
        ("lost", "lowest", "", "mg", -total(valley())),
        ("lost", "t_lowest", "", "h", valley()),
    ],
)
def test_levels_and_lowest(output, metric, key, unit, truth):
    """Truth: the exponentials. The lowest level before a dose is read 1e-7 h before it, and the rest is exact."""
    (outcome,) = check_model(read_model(LINEAR % (output, metric, key, unit), place="linear.toml"))
    assert outcome.value == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "key", "unit", "told"),
    [
        (
            "level",
            "",
            "mg/L",
            "metric = 'level' without 'at'\n  say when, counted from time zero: at = \"24 h\"",
        ),
        ("Cmax", 'at = "5 h"', "mg/L", "at = '5 h' with metric = 'Cmax'\n  remove it: 'at' goes with level"),
        (
            "Cmin",
            'follow = "5 h"',
            "mg/L",
            "follow = '5 h' with metric = 'Cmin'\n  remove it: 'follow' goes with Cmax, Tmax, lowest, t_lowest",
        ),
        ("level", 'at = "-5 h"', "mg/L", "at = '-5 h'\n  expected a time from 0 on"),
        ("level", 'at = "5"', "mg/L", "found '5' without a unit"),
        ("lowest", 'follow = "5 mg"', "mg/L", "'5 mg' is mass"),
    ],
)
def test_keys_that_do_not_fit(metric, key, unit, told):
    """Truth: the table of metrics in docs/reference/model_files.md."""
    with pytest.raises(DoselineError) as caught:
        read_model(LINEAR % ("plasma", metric, key, unit), place="linear.toml")
    assert told in str(caught.value)
    assert "linear.toml [check" in str(caught.value)


@pytest.mark.parametrize(("metric", "unit"), [("AUCinf", "mg*h/L"), ("half_life", "h")])
def test_nonlinear_models_have_no_half_life(metric, unit):
    """Truth: where the rate moves with the amount, no straight line is the last one for certain."""
    text = LINEAR.replace(
        '"central -> second" = "K"', '"central -> second" = "K * central / (central + second)"'
    )
    with pytest.raises(DoselineError) as caught:
        read_model(text % ("plasma", metric, "", unit), place="bent.toml")
    assert f'bent.toml [check "x"]: the model is not linear, so it has no {metric}' in str(caught.value)
    assert "ask for AUCtau with a long last interval" in str(caught.value)
