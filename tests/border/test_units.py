"""Units at the border: what is read, what it becomes, and what is refused in which words."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from time import perf_counter

import numpy as np
import pint
import pytest
import xarray as xr

from doseline import units
from doseline.errors import InputError, UnitError
from doseline.unit_table import KNOWN
from doseline.units import (
    COMMON,
    coherent,
    dimension,
    dimension_words,
    factor,
    parse_unit,
    read_quantity,
    registry,
)


@pytest.mark.parametrize(
    ("unit_from", "unit_to", "expected"),
    [
        # truth: definitions of the SI prefixes and of minute, hour, day, week
        ("mg/L", "ng/mL", 1000.0),
        ("ng/mL", "mg/L", 0.001),
        ("g", "mg", 1000.0),
        ("kg", "mg", 1e6),
        ("mcg", "mg", 0.001),
        ("ug/mL", "mg/L", 1.0),
        ("day", "h", 24.0),
        ("week", "h", 168.0),
        ("min", "h", 1 / 60),
        ("mL/min", "L/h", 0.06),
        ("%", "1", 0.01),
        ("ng*h/mL", "mg*h/L", 0.001),
        ("1/min", "1/h", 60.0),
        ("h", "h", 1.0),
    ],
)
def test_factors_are_the_nearest_floats(unit_from, unit_to, expected):
    assert factor(unit_from, unit_to) == expected


@pytest.mark.parametrize("unit", COMMON)
def test_there_and_back_is_one(unit):
    number, inside = coherent(unit)
    assert number * factor(inside, unit) == pytest.approx(1.0, rel=1e-15)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("mL/min", (0.06, "L/h")),
        ("kg", (1e6, "mg")),
        ("1/day", (1 / 24, "1/h")),
        ("m2", (100.0, "dm**2")),
        ("kg/m2", (1e4, "mg/dm**2")),
        ("umol/L", (0.001, "mmol/L")),
        ("1/(kg*h)", (1e-6, "1/(mg*h)")),
        ("", (1.0, "1")),
    ],
)
def test_coherent_units(unit, expected):
    assert coherent(unit) == expected


@pytest.mark.parametrize(
    ("written", "tidy"),
    [
        (" mg / L ", "mg/L"),
        ("mg h/L", "mg*h/L"),
        ("mg·h/L", "mg*h/L"),
        ("kg^0.75", "kg**0.75"),
        ("m2", "m**2"),
        ("µg/mL", "µg/mL"),
        ("", "1"),
        ("dimensionless", "1"),
    ],
)
def test_one_spelling(written, tidy):
    assert parse_unit(written) == tidy
    assert parse_unit(tidy) == tidy


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("h", "time"),
        ("L/h", "volume / time"),
        ("m2", "area"),
        ("cm", "length"),
        ("mmol", "substance"),
        ("mg/kg", "a plain number (mass / mass)"),
        ("%", "a plain number"),
        ("1/(kg*h)", "1 / (mass * time)"),
    ],
)
def test_kinds_in_words(unit, words):
    assert dimension_words(unit) == words


def test_kinds_multiply_as_pint_says():
    """Truth: pint's own products of quantities."""
    q = registry().Quantity
    product = dimension("mg") / dimension("L") * dimension("h") ** 2.0
    of_pint = (q(1, "mg") / q(1, "L") * q(1, "h") ** 2).to(product.unit)
    assert float(of_pint.magnitude) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("2 h", "h", 2.0),
        ("30 min", "h", 0.5),
        ("2 days", "h", 48.0),
        ("7.5L/h", "L/h", 7.5),
        ("1e3 ug", "mg", 1.0),
        ("-1.5 h", "h", -1.5),
        ("50 %", "1", 0.5),
        ("0.4", "1", 0.4),
        (3, "h", 3.0),
        (np.float32(0.5), "h", 0.5),
        (Fraction(1, 4), "h", 0.25),
        (Decimal("0.25"), "h", 0.25),
        (pint.Quantity(90, "min"), "h", 1.5),
    ],
)
def test_one_value(value, unit, expected):
    read = read_quantity(value, unit)
    assert isinstance(read, float)
    assert read == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 2.5], [1.0, 2.5]),
        (np.array([1, 2]), [1.0, 2.0]),
        (range(3), [0.0, 1.0, 2.0]),
        (pint.Quantity([1, 2], "day"), [24.0, 48.0]),
        (["1 h", "30 min", 2], [1.0, 0.5, 2.0]),
        ([pint.Quantity(1, "day"), "1 h"], [24.0, 1.0]),
        (xr.DataArray([1.0, 2.0], attrs={"units": "day"}), [24.0, 48.0]),
        (xr.DataArray([1.0, 2.0]), [1.0, 2.0]),
    ],
)
def test_several_values(value, expected):
    assert read_quantity(value, "h").tolist() == expected


def test_quantities_of_another_registry_fit():
    assert read_quantity(pint.UnitRegistry().Quantity(2.0, "day"), "h") == 48.0


REFUSED = [
    (("2 L", "h"), UnitError, "times: '2 L' is volume\n  expected time, in a unit such as h"),
    (
        ("40 mg/kg", "mg"),
        UnitError,
        "times: '40 mg/kg' is a plain number (mass / mass)\n  expected mass, in a unit such as mg",
    ),
    (("3 mg", "1"), UnitError, "times: '3 mg' is mass\n  expected a plain number"),
    (
        ("2", "h"),
        UnitError,
        "times: found '2' without a unit\n  expected time: add the unit, such as '... h'",
    ),
    (("20 degC", "K"), UnitError, "times: 'degC' and 'K' count from different zeros\n  give it in K"),
    (("nan h", "h"), InputError, "times: found nan\n  expected finite numbers in h"),
    ((float("inf"), "h"), InputError, "times: found inf\n  expected finite numbers in h"),
    (
        ([1.0, float("nan")], "h"),
        InputError,
        "times: found nan at position 1\n  expected finite numbers in h",
    ),
    (("h", "h"), InputError, "times: found 'h'\n  expected a number and a unit, such as '1 h'"),
    (("", "h"), InputError, "times: found ''\n  expected a number and a unit, such as '1 h'"),
    ((True, "h"), InputError, "times: found True (bool)\n  expected numbers in h, or a text such as '1 h'"),
    (
        (None, "h"),
        InputError,
        "times: found None (NoneType)\n  expected numbers in h, or a text such as '1 h'",
    ),
    (({}, "h"), InputError, "times: found {} (dict)\n  expected numbers in h, or a text such as '1 h'"),
    (
        (1 + 2j, "h"),
        InputError,
        "times: found (1+2j) (complex)\n  expected numbers in h, or a text such as '1 h'",
    ),
    (
        (pint.Quantity(2, "L"), "h"),
        UnitError,
        "times: 'liter' is volume\n  expected time, in a unit such as h",
    ),
    ((["1 h", "1 mg"], "h"), UnitError, "times: '1 mg' is mass\n  expected time, in a unit such as h"),
]


@pytest.mark.parametrize(("given", "kind", "text"), REFUSED, ids=[str(case[0]) for case in REFUSED])
def test_refused_values(given, kind, text):
    with pytest.raises(kind) as caught:
        read_quantity(*given, place="times")
    assert str(caught.value) == text


def test_a_bare_number_is_refused_where_a_unit_is_required():
    with pytest.raises(UnitError) as caught:
        read_quantity(3.0, "mg", place="dose", require_unit=True)
    assert (
        str(caught.value) == "dose: found 3.0 without a unit\n  expected mass: add the unit, such as '... mg'"
    )
    assert read_quantity(3.0, "1", require_unit=True) == 3.0


def test_an_unknown_unit_is_named_with_near_ones():
    with pytest.raises(UnitError) as caught:
        parse_unit("ng/mLL", place="m.toml [outputs.plasma]")
    often = ", ".join(COMMON)
    assert str(caught.value) == (
        f"m.toml [outputs.plasma]: unknown unit 'ng/mLL'\n  did you mean 'ng/mL'? often used: {often}"
    )


def test_a_unit_is_a_text():
    with pytest.raises(UnitError) as caught:
        parse_unit(5, place="unit")
    assert str(caught.value) == 'unit: found 5 (int) where a unit is needed\n  write a text, such as "mg/L"'


@pytest.mark.parametrize(
    "hostile",
    [
        "m**9**9**9",
        "9**99999999",
        "m**99999999",
        "a" * 10**6,
        "a" * 79 + "!",
        "(" * 79,
        "__import__('os')",
        "5 mg",
        "\0",
    ],
)
def test_hostile_units_are_refused_at_once(hostile):
    registry()
    started = perf_counter()
    with pytest.raises(UnitError):
        parse_unit(hostile)
    assert perf_counter() - started < 1.0  # a millisecond; working out the powers would take for ever


def test_pint_waits_until_it_is_needed():
    """Truth: pint takes a quarter of a second, and `doseline --help` needs no unit."""
    code = "import sys, doseline.units, doseline.errors; sys.exit('pint' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


@pytest.mark.parametrize(
    "unit",
    [
        *sorted(set(KNOWN) - {"1", "%"}),
        *("ng/mL", "L/h", "mg*h/L", "ng/mL*h", "kg/m**2", "1/h", "mL/min", "mg/kg/day"),
    ],
)
def test_the_table_of_common_units_is_pints(unit):
    """Truth: pint, for the kind and for the factor to the coherent unit."""
    kind, factor = units._common(unit)
    pint_unit = units.registry().parse_units(unit)
    assert kind == units.Dimension.of(
        (name.strip("[]"), power) for name, power in pint_unit.dimensionality.items()
    )
    there = units.registry().Quantity(1.0, pint_unit).to(kind.unit).magnitude
    assert float(factor) == pytest.approx(there, rel=1e-14)


@pytest.mark.parametrize("unit", ["mg//L", "mg**2**2", "*mg", "mg/", "mgL", "(mg)", "hh", "", "mg L"])
def test_the_table_of_common_units_leaves_the_rest_to_pint(unit):
    """Truth: none of these is a product or quotient of units in the table."""
    assert units._common(unit) is None
