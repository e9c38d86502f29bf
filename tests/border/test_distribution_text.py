"""What is no distribution, and in which words it is refused."""

import pytest

from doseline.distribution import read_distribution
from doseline.errors import InputError, UnitError

EXAMPLES = 'such as "normal(70 kg, 14 kg) within 40..120", "lognormal(70 kg, 20 %)" or "F: 0.5, M: 0.5"'
LOGNORMAL, BETA = "expected lognormal(median, CV)", "expected beta(mean, SD)"
KNOWN = "there are: normal, lognormal, uniform, exponential, beta, or A: 0.5, B: 0.5"

REFUSED = [
    (70, InputError, f"found 70 (int)\n  expected a distribution as text, {EXAMPLES}"),
    (None, InputError, f"found None (NoneType)\n  expected a distribution as text, {EXAMPLES}"),
    ("70 kg", InputError, f"found '70 kg'\n  expected a distribution, {EXAMPLES}"),
    ("", InputError, f"found ''\n  expected a distribution, {EXAMPLES}"),
    ("normal", InputError, f"found 'normal'\n  expected a distribution, {EXAMPLES}"),
    ("normal(70, 14", InputError, f"found 'normal(70, 14'\n  expected a distribution, {EXAMPLES}"),
    ("x" * 3000, InputError, "a text of 3000 characters\n  at most 2000 for one distribution"),
    ("norml(70, 14)", InputError, f"unknown distribution 'norml'\n  did you mean 'normal'? {KNOWN}"),
    ("log-normal(70, 20 %)", InputError, f"unknown distribution 'log-normal'\n  did you mean 'lognormal'? {KNOWN}"),
    ("normal(70)", InputError, "'normal(70)' has 1 number\n  expected normal(mean, SD)"),
    ("normal()", InputError, "'normal()' has 0 numbers\n  expected normal(mean, SD)"),
    ("exponential(1, 2)", InputError, "'exponential(1, 2)' has 2 numbers\n  expected exponential(mean)"),
    ("normal(a, b)", InputError, "found 'a'\n  expected a number in kg"),
    ("normal(70, )", InputError, "found ''\n  expected a number in kg"),
    ("normal(70, nan)", InputError, "found nan\n  expected finite numbers in kg"),
    ("normal(inf, 1)", InputError, "found inf\n  expected finite numbers in kg"),
    ("normal(70, 0)", InputError, "'normal(70, 0)': the SD is not above 0\n  expected normal(mean, SD)"),
    ("normal(70, -14 kg)", InputError, "'normal(70, -14 kg)': the SD is not above 0\n  expected normal(mean, SD)"),
    ("normal(0, cv 20 %)", InputError, "'normal(0, cv 20 %)': the SD is not above 0\n  expected normal(mean, SD)"),
    ("normal(70, 20 %)", UnitError, "'20 %' is a plain number\n  expected mass, in a unit such as kg"),
    ("normal(70, 14 h)", UnitError, "'14 h' is time\n  expected mass, in a unit such as kg"),
    ("normal(70, 14 stoned)", UnitError,
     "unknown unit 'stoned'\n  often used: h, min, day, week, ug, mg, g, kg, mL, L, mg/L, ng/mL, L/h, 1/h, 1, %"),
    ("lognormal(70, 0.2)", InputError,
     "found '0.2' in 'lognormal(70, 0.2)'\n  write the CV in percent, such as 'cv 20 %'"),
    ("lognormal(70, 14 kg)", InputError,
     "found '14 kg' in 'lognormal(70, 14 kg)'\n  write the CV in percent, such as 'cv 20 %'"),
    ("lognormal(0, 20 %)", InputError, f"'lognormal(0, 20 %)': the median is not above 0\n  {LOGNORMAL}"),
    ("lognormal(70, 0 %)", InputError, f"'lognormal(70, 0 %)': the CV is not above 0 and up to 500 %\n  {LOGNORMAL}"),
    ("lognormal(70, 501 %)", InputError,
     f"'lognormal(70, 501 %)': the CV is not above 0 and up to 500 %\n  {LOGNORMAL}"),
    ("uniform(3, 3)", InputError,
     "'uniform(3, 3)': the first number is not below the second\n  expected uniform(lowest, highest)"),
    ("uniform(-1e308, 1e308)", InputError,
     "'uniform(-1e308, 1e308)': the numbers are too far apart\n  expected uniform(lowest, highest)"),
    ("uniform(3, cv 20 %)", InputError,
     "found 'cv 20 %' in 'uniform(3, cv 20 %)'\n  expected uniform(lowest, highest)"),
    ("exponential(-1)", InputError, "'exponential(-1)': the mean is not above 0\n  expected exponential(mean)"),
    ("beta(0.8, 0.1)", UnitError, "'beta(0.8, 0.1)' is in kg\n  a beta distribution is of fractions, from 0 to 1"),
    # probabilities
    ("F: 0.5, M: 0.4", InputError, "the probabilities of 'F: 0.5, M: 0.4' add up to 0.9\n  they have to add up to 1"),
    ("F: 0.5, M", InputError,
     "found 'F: 0.5, M'\n  expected values with their probabilities, such as 'F: 0.5, M: 0.5'"),
    ("F: 0.5, : 0.5", InputError,
     "found 'F: 0.5, : 0.5'\n  expected values with their probabilities, such as 'F: 0.5, M: 0.5'"),
    ("F: half, M: half", InputError, "found 'half'\n  expected a probability, such as 0.5 or 50 %"),
    ("F: 1.5, M: -0.5", InputError, "found '1.5'\n  expected a probability above 0 and up to 1"),
    ("F: 0, M: 1", InputError, "found '0'\n  expected a probability above 0 and up to 1"),
    ("F: nan, M: 1", InputError, "found 'nan'\n  expected a probability above 0 and up to 1"),
    ("F: 0.5, 2: 0.5", InputError,
     "'F: 0.5, 2: 0.5' has numbers and words\n  give all values as numbers, or all as words"),
    ("F: 0.5, F: 0.5", InputError, "'F' occurs twice in 'F: 0.5, F: 0.5'\n  give every value once"),
    ("1 kg: 0.5, 1000 g: 0.5", InputError,
     "'1000 g' occurs twice in '1 kg: 0.5, 1000 g: 0.5'\n  give every value once"),
    # bounds
    ("normal(70, 14) within 40", InputError, "found 'within 40'\n  expected two bounds, such as 'within 40..120'"),
    ("normal(70, 14) within ..", InputError, "found 'within ..'\n  expected two bounds, such as 'within 40..120'"),
    ("normal(70, 14) within 40...120", InputError,
     "found 'within 40...120'\n  expected two bounds, such as 'within 40..120'"),
    ("normal(70, 14) within a..b", InputError, "found 'a'\n  expected a number in kg"),
    ("normal(70, 14) within 120..40", InputError,
     "found 'within 120..40'\n  the first bound has to be below the second"),
    ("normal(70, 14) within 40..120 within 5..6", InputError,
     "found 'normal(70, 14) within 40..120 within 5..6'\n  give one 'within'"),
    ("normal(70, 14) within 40..120 h", UnitError, "'40 h' is time\n  expected mass, in a unit such as kg"),
    ("normal(70, 1) within 90..91", InputError,
     "'within 90..91' leaves 2.8e-89 of 'normal(70 kg, 1 kg)'\n"
     "  widen the bounds: they have to leave a probability of at least 1e-12"),
    ("uniform(1, 2) within 3..4", InputError,
     "'within 3..4' leaves nothing of 'uniform(1 kg, 2 kg)'\n"
     "  widen the bounds: they have to leave a probability of at least 1e-12"),
    ("1: 0.5, 2: 0.5 within 3..4", InputError,
     "'within 3..4' leaves no value of '1 kg: 0.5, 2 kg: 0.5'\n  widen the bounds"),
    ("F: 0.5, M: 0.5 within 1..2", InputError,
     "found 'within 1..2' behind words\n  leave it out: words have no bounds"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "message"), REFUSED, ids=[str(row[0])[:50] for row in REFUSED])
def test_what_is_refused(text, kind, message):
    with pytest.raises(kind) as caught:
        read_distribution(text, place="cohort WT", unit="kg")
    assert str(caught.value) == f"cohort WT: {message}"


def test_a_unit_behind_numbers_without_one():
    """Truth: bounds in kg say nothing about numbers of no unit."""
    with pytest.raises(UnitError) as caught:
        read_distribution("normal(70, 14) within 40..120 kg", place="cohort X")
    assert str(caught.value) == (
        "cohort X: found the unit 'kg' behind numbers without one\n  write the unit behind the first number"
    )
