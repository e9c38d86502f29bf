"""What a mistake in a regimen says. The texts are the specification: read them aloud.

Truth: what a pharmacologist would have to be told to write the line correctly.
"""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doseline.dosing.regimen import regimen
from doseline.errors import RegimenError

MISTAKES = {
    "unit": """
regimen, column 4: 'tablets' is not a unit of mass
    40 tablets twice daily for 4 weeks
       ^^^^^^^
  write ng, ug (or mcg), mg or g, then /kg, /m2 or /day where meant: '40 mg', '0.5 mg/kg/day'""",
    "no unit": """
regimen, column 4: found 'twice', expected a unit of mass
    40 twice daily for 4 weeks
       ^^^^^
  write '40 mg', '0.5 mg/kg' or '1 mg/kg/day'""",
    "divisor": """
regimen, column 4: 'mg/week' is not an amount that can be given
    40 mg/week for 5 weeks
       ^^^^^^^
  divide by kg or m2, by day, or by both: '0.5 mg/kg', '40 mg/day', '0.5 mg/kg/day'""",
    "two sizes": """
regimen, column 3: 'mg/kg/m2' is not an amount that can be given
    1 mg/kg/m2 once
      ^^^^^^^^
  divide by kg or m2, by day, or by both: '0.5 mg/kg', '40 mg/day', '0.5 mg/kg/day'""",
    "zero": """
regimen, column 1: found 0, expected a finite number above 0
    0 mg once
    ^
  write '40 mg' or '0.5 mg/kg'; a pause is 'nothing for 2 weeks'""",
    "negative": """
regimen, column 1: found -40, expected a finite number above 0
    -40 mg once
    ^^^
  write '40 mg' or '0.5 mg/kg'; a pause is 'nothing for 2 weeks'""",
    "nan": """
regimen, column 1: found NaN, expected a finite number above 0
    NaN mg once
    ^^^
  write '40 mg' or '0.5 mg/kg'; a pause is 'nothing for 2 weeks'""",
    "infinite": """
regimen, column 1: found inf, expected a finite number above 0
    inf mg once
    ^^^
  write '40 mg' or '0.5 mg/kg'; a pause is 'nothing for 2 weeks'""",
    "comma": """
regimen, column 2: found ',', expected a unit of mass
    0,5 mg/kg twice daily for 2 weeks
     ^
  a decimal has a point and thousands have nothing: write '0.5' or '1000'""",
    "no frequency": """
regimen, column 1: '40 mg' does not say how often
    40 mg for 20 weeks
    ^^^^^
  write '40 mg once daily', '40 mg every 12 h' or, for a single dose, '40 mg once'""",
    "two frequencies, one in the amount": """
regimen, column 14: two frequencies: '40 mg/kg/day' is a daily amount, and 'every 12 h' says how often as well
    40 mg/kg/day every 12 h for 5 days
                 ^^^^^^^^^^
  write '40 mg/kg/day in 2 doses', or '40 mg/kg every 12 h' for 40 mg/kg each time""",
    "two frequencies": """
regimen, column 19: 'every 12 h' says how often again, after 'twice daily'
    40 mg twice daily every 12 h for 5 days
                      ^^^^^^^^^^
  keep one of the two; another dose is joined with 'and' or ', then'""",
    "division without a daily amount": """
regimen, column 7: 'in 2 doses' divides a daily amount, and '40 mg' is none
    40 mg in 2 doses for 3 days
          ^^^^^^^^^^
  write '40 mg/day in 2 doses', or '40 mg twice daily' for 40 mg each time""",
    "no end": """
regimen, column 18: it is not said how long this goes on
    40 mg twice daily
                     ^
  write '40 mg twice daily for 20 weeks', '40 mg twice daily x 14' or '40 mg twice daily until 120 mg/kg'""",
    "no end before then": """
regimen, column 18: it is not said how long this goes on
    40 mg twice daily, then 20 mg once
                     ^
  write '40 mg twice daily for 20 weeks', '40 mg twice daily x 14' or '40 mg twice daily until 120 mg/kg'""",
    "two ends": """
regimen, column 31: 'x 14' says the end again, after 'for 4 weeks'
    40 mg twice daily for 4 weeks x 14
                                  ^^^^
  keep one of the two; another dose is joined with 'and' or ', then'""",
    "once with an end": """
regimen, column 12: 'once' is a single dose, and 'for 20 weeks' asks for more
    40 mg once for 20 weeks
               ^^^^^^^^^^^^
  write '40 mg once daily for 20 weeks', or leave 'for 20 weeks' out""",
    "no time": """
regimen, column 23: found 0, expected a finite number above 0
    40 mg twice daily for 0 weeks
                          ^
  write a time above 0, as in '12 h' or '4 weeks'""",
    "unit of time": """
regimen, column 25: 'L' is not a unit of time
    40 mg twice daily for 2 L
                            ^
  write min, h, days or weeks, as in '12 h' or '4 weeks'""",
    "months": """
regimen, column 25: 'months' is not a unit of time
    40 mg twice daily for 5 months
                            ^^^^^^
  months differ in length: write days or weeks, as in '4 weeks'""",
    "no unit of time": """
regimen, column 16: found 'for', expected a unit of time
    40 mg every 12 for 3 days
                   ^^^
  write 'min', 'h', 'days' or 'weeks', as in 'for 4 weeks'""",
    "count of days": """
regimen, column 24: found 'days', expected how often, an end, or ', then'
    40 mg twice daily x 14 days
                           ^^^^
  'x 14' counts doses; for a time write 'for 14 days'""",
    "half a dose": """
regimen, column 21: found 2.5, expected a whole number
    40 mg twice daily x 2.5
                        ^^^
  write a whole number from 1 on, as in 'x 14' or 'in 2 doses'""",
    "too many": """
regimen, column 19: these are 5,241,600 doses
    40 mg every 1 min for 520 weeks
                      ^^^^^^^^^^^^^
  a regimen holds at most 5,000,000: write a shorter time or a longer interval""",
    "longer than time": """
regimen, column 23: '1e30 weeks' is out of reach
    40 mg twice daily for 1e30 weeks
                          ^^^^^^^^^^
  write a time from 1e-09 to 1e+09 h""",
    "longer than time by repeating": """
regimen, column 18: the course reaches 1.2e+11 h here
    40 mg once, then (nothing for 1000 days) x 5000000
                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  write a shorter time, or fewer repeats""",
    "more than can be weighed": """
regimen, column 1: '1e30 g' is out of reach
    1e30 g once
    ^^^^^^
  write an amount from 1e-12 to 1e+12 mg""",
    "far too many": """
regimen, column 19: 5000001 is more than a regimen can hold
    40 mg every 1 h x 5000001
                      ^^^^^^^
  write at most 5000000""",
    "too many repeats": """
regimen, column 26: these are 14,000,000 doses
    (40 mg twice daily x 14) x 1000000
                             ^^^^^^^^^
  a regimen holds at most 5,000,000: write a shorter time or a longer interval""",
    "after an open end": """
regimen, column 18: 'until 120 mg/kg' ends on a different day for each subject: nothing can follow it
    20 mg once daily until 120 mg/kg, then 40 mg once
                     ^^^^^^^^^^^^^^^
  give doses and target both per kg or both in mg, or write a time, as in 'for 20 weeks'""",
    "repeated open end": """
regimen, column 14: 'until 120 mg/kg' ends on a different day for each subject: it cannot be repeated
    (20 mg daily until 120 mg/kg) x 2
                 ^^^^^^^^^^^^^^^
  give doses and target both per kg or both in mg, or write a time, as in 'for 20 weeks'""",
    "open end beside another course": """
regimen, column 14: 'until 120 mg/kg' ends on a different day for each subject: no other course can go with it
    (20 mg daily until 120 mg/kg) and (40 mg once)
                 ^^^^^^^^^^^^^^^
  give doses and target both per kg or both in mg, or write a time, as in 'for 20 weeks'""",
    "target reached before": """
regimen, column 47: 10 mg/kg is reached before these doses: the earlier ones add up to 14 mg/kg
    1 mg/kg daily for 2 weeks, then 1 mg/kg daily until 10 mg/kg
                                                  ^^^^^^^^^^^^^^
  write a higher target, or leave these doses out""",
    "daily target": """
regimen, column 18: 'until 1 mg/kg/day' is a daily amount, not a total
    20 mg once daily until 1 mg/kg/day
                     ^^^^^^^^^^^^^^^^^
  write a total, as in 'until 120 mg/kg'""",
    "count of two doses": """
regimen, column 39: 'x 14' does not say which of the 2 doses it counts
    40 mg at 08:00 fed and 20 mg at 20:00 x 14
                                          ^^^^
  write a time, as in 'for 2 weeks'""",
    "target of two rhythms": """
regimen, column 34: 'until 3 g' needs doses with one rhythm, and these come at different intervals
    40 mg every 12 h and 20 mg daily until 3 g
                                     ^^^^^^^^^
  write a time, as in 'for 20 weeks', or times of day, as in 'at 08:00'""",
    "end before and": """
regimen, column 19: 'for 4 weeks' stands before 'and'
    40 mg twice daily for 4 weeks and 20 mg once daily for 4 weeks
                      ^^^^^^^^^^^
  say the end once, after the last dose; courses with their own ends are '(...) and (...)'""",
    "clock without minutes": """
regimen, column 10: found '8', expected a clock time
    40 mg at 8 fed for 3 days
             ^
  write hours and minutes, as in 'at 08:00'""",
    "clock out of the day": """
regimen, column 10: 25:00 is not a time of day
    40 mg at 25:00 for 3 days
             ^^^^^
  write a time from 00:00 to 23:59, as in 'at 20:00'""",
    "twelve-hour clock": """
regimen, column 15: found 'pm', expected how often, an end, or ', then'
    40 mg at 8:00 pm for 3 days
                  ^^
  write times from 00:00 to 23:59: 'at 20:00'""",
    "clock twice": """
regimen, column 7: a time of day stands here twice
    40 mg at 08:00 and 08:00 for 3 days
          ^^^^^^^^^^^^^^^^^^
  write each time once, as in 'at 08:00 and 20:00'""",
    "clock against frequency": """
regimen, column 13: 'daily' does not go with 2 times of day
    40 mg daily at 08:00 and 20:00 for 3 days
                ^^^^^^^^^^^^^^^^^^
  name a time for each dose of a day, as in 'twice daily at 08:00 and 20:00'""",
    "ends before the first dose": """
regimen, column 16: 'for 5 h' ends before the first dose
    40 mg at 20:00 for 5 h
                   ^^^^^^^
  write a longer time""",
    "abbreviation": """
regimen, column 7: found 'bid', expected how often, an end, or ', then'
    40 mg bid for 2 weeks
          ^^^
  write 'twice daily'""",
    "no infusion time": """
regimen, column 13: found 0, expected a finite number above 0
    500 mg over 0 min once
                ^
  write a time above 0, as in '12 h' or '4 weeks'""",
    "meal twice": """
regimen, column 11: 'fasted' says the meal again, after 'fed'
    40 mg fed fasted once
              ^^^^^^
  keep one of the two; another dose is joined with 'and' or ', then'""",
    "negated meal": """
regimen, column 12: found 'without', expected how often, an end, or ', then'
    40 mg once without food
               ^^^^^^^
  write 'fed', 'fasted', or 'with' and the name of a meal from the model""",
    "name missing": """
regimen, column 14: expected a name from the model, but the text ends here
    40 mg once as
                 ^
  write 'with light_meal' (meal), 'as lidose' (formulation) or 'by iv' (route)""",
    "comma without then": """
regimen, column 30: found ',', expected how often, an end, or ', then'
    40 mg twice daily for 4 weeks, 20 mg daily for 3 weeks
                                 ^
  a comma stands before 'then' only: ', then 20 mg once daily for 4 weeks'""",
    "nothing after then": """
regimen, column 36: expected a dose, but the text ends here
    40 mg twice daily for 20 weeks then
                                       ^
  write '40 mg twice daily for 20 weeks'; a pause is 'nothing for 2 weeks'""",
    "dose at the end": """
regimen, column 1: found 'twice', expected a dose
    twice daily 40 mg for 4 weeks
    ^^^^^
  write '40 mg twice daily for 20 weeks'; a pause is 'nothing for 2 weeks'""",
    "only a pause": """
regimen, column 1: there is no dose in this regimen
    nothing for 8 weeks
    ^^^^^^^^^^^^^^^^^^^
  add a dose, as in 'nothing for 2 weeks, then 40 mg once daily for 4 weeks'""",
    "pause without a length": """
regimen, column 18: 'nothing' does not say how long
    40 mg once, then nothing, then 40 mg once
                     ^^^^^^^
  write 'nothing for 8 weeks'""",
    "open parenthesis": """
regimen, column 12: expected ')', but the text ends here
    (40 mg once
               ^
  a '(' is still open: close it with ')'""",
    "closed parenthesis": """
regimen, column 11: found ')', expected the end of the text
    40 mg once)
              ^
  no '(' is open here: leave it out""",
}


WORDS = [
    "40 mg", "1e300 g", "0.5 mg/kg", "1 mg/kg/day", "1e-300 ng", "twice daily", "9 times a day", "once",
    "every 12 h", "every other week", "every 1e-300 min", "at 08:00", "at 20:00 and 08:00", "over 30 min",
    "in 3 doses", "fed", "with food", "as lidose", "by iv", "for 4 weeks", "for 1e307 weeks", "for 5 h",
    "x 14", "x 5000000", "until 120 mg/kg", "until 5 g", "nothing", "and", "and", "then", "; then", "(",
    "(", ")", ")", ",", "7", "mg", "$",
]  # fmt: skip


def shown_text(message):
    """The regimen that a message quotes."""
    return message.splitlines()[-3].strip()


@pytest.mark.parametrize("name", MISTAKES)
def test_message(name):
    message = MISTAKES[name].lstrip("\n")
    with pytest.raises(RegimenError) as caught:
        regimen(shown_text(message))
    assert str(caught.value) == message


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_any_words_are_read_or_refused_with_a_place(text):
    """Truth: the two things that may happen."""
    try:
        found = regimen(text).count > 0
    except RegimenError as error:
        found = error.place.startswith("regimen") and error.advice
    assert found


def test_caret_block_is_part_of_the_problem():
    with pytest.raises(RegimenError) as caught:
        regimen("40 tablets once")
    assert caught.value.place == "regimen, column 4"
    assert caught.value.problem.endswith("\n    40 tablets once\n       ^^^^^^^")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_empty(text):
    with pytest.raises(RegimenError) as caught:
        regimen(text)
    assert str(caught.value) == "regimen: the text is empty\n  write '40 mg twice daily for 20 weeks'"


def test_caret_stands_right_in_text_of_several_lines():
    with pytest.raises(RegimenError) as caught:
        regimen("40 mg\n\ttwice daily\n\tfor 4 moons")
    assert str(caught.value).splitlines()[1:3] == [
        "    40 mg  twice daily  for 4 moons",
        "                              ^^^^^",
    ]


def test_caret_stands_right_in_long_text():
    """Truth: the caret lies under the wrong word; what surrounds it is cut to one line."""
    stage = "40 mg twice daily for 4 weeks, then "
    with pytest.raises(RegimenError) as caught:
        regimen(stage * 20 + "40 mg bid for 4 weeks, then " + stage * 20 + "1 mg once")
    _, line, marks, _ = str(caught.value).splitlines()
    assert line[marks.index("^") :].startswith("bid for")
    assert marks.strip() == "^^^"
    assert len(line) < 120


def test_parentheses_have_a_limit():
    with pytest.raises(RegimenError) as caught:
        regimen("(" * 2000 + "40 mg once" + ")" * 2000)
    assert caught.value.place == "regimen, column 51"
    assert caught.value.advice == "write the course in fewer levels"
