"""What a wrong adherence is told, and adherence on its way through regimens, dictionaries and files.

Truth: place, value found, and what to give instead; and what was given.
"""

import json
import pickle

import pytest

import doseline as dl
from doseline.dosing.adherence import Adherence, adherence
from doseline.dosing.regimen import Regimen, regimen
from doseline.errors import InputError, UnitError

SPELLS = {"good": 0.95, "bad": 0.3, "good_lasts": "14 days", "bad_lasts": "3 days"}
COURSE = regimen("40 mg twice daily for 1 week")

REFUSED = [
    (lambda: adherence(1.2), InputError,
     "adherence taken: found 1.2\n  a probability lies between 0 and 1: write 0.8, or '80 %'"),
    (lambda: adherence(80), InputError,
     "adherence taken: found 80\n  a probability lies between 0 and 1: write 0.8, or '80 %'"),
    (lambda: adherence("-5 %"), InputError,
     "adherence taken: found '-5 %'\n  a probability lies between 0 and 1: write 0.8, or '80 %'"),
    (lambda: adherence(float("nan")), InputError,
     "adherence taken: found nan\n  give a probability, such as 0.8 or '80 %'"),
    (lambda: adherence([0.8, 0.9]), InputError,
     "adherence taken: found [0.8, 0.9]\n  give a probability, such as 0.8 or '80 %'"),
    (lambda: adherence(True), InputError,
     "adherence taken: found True (bool)\n  give a probability, such as 0.8 or '80 %'"),
    (lambda: adherence("80 mg"), UnitError,
     "adherence taken: '80 mg' is mass\n  expected a plain number"),
    (lambda: adherence("often"), InputError,
     "adherence taken: found 'often'\n  give a probability, such as 0.8 or '80 %'"),
    (lambda: adherence("normal(0.8, 0.1)"), InputError,
     "adherence taken: 'normal(0.8, 0.1)' goes below 0\n"
     "  a probability lies between 0 and 1: add 'within 0..1'"),
    (lambda: adherence("uniform(0.6, 1.1)"), InputError,
     "adherence taken: 'uniform(0.6, 1.1)' goes above 1\n"
     "  a probability lies between 0 and 1: add 'within 0..1'"),
    (lambda: adherence("good: 0.5, bad: 0.5"), InputError,
     "adherence taken: 'good: 0.5, bad: 0.5' is a distribution of words\n"
     "  give numbers, such as 'uniform(0.6, 1)'"),
    (lambda: adherence({"morning": 0.9}), InputError,
     "adherence taken: 'evening' is missing\n"
     "  give all of it, as in {'morning': 0.95, 'evening': 0.8}"),
    (lambda: adherence({"morning": 0.9, "evenings": 0.9}), InputError,
     "adherence taken: unknown name 'evenings'\n  did you mean 'evening'? known here: morning, evening"),
    (lambda: adherence({"morning": 0.9, "evening": 9}), InputError,
     "adherence taken evening: found 9\n  a probability lies between 0 and 1: write 0.8, or '80 %'"),
    (lambda: adherence(0.8, spells=SPELLS), InputError,
     "adherence: taken and spells are both given\n"
     "  leave taken out: the spells say how likely a dose is taken"),
    (lambda: adherence(spells=0.5), InputError,
     "adherence spells: found 0.5\n  give a mapping, such as "
     "{'good': 0.95, 'bad': 0.3, 'good_lasts': '14 days', 'bad_lasts': '3 days'}"),
    (lambda: adherence(spells={**SPELLS, "good": 2}), InputError,
     "adherence spells good: found 2\n  a probability lies between 0 and 1: write 0.8, or '80 %'"),
    (lambda: adherence(spells={**SPELLS, "bad_lasts": 3}), UnitError,
     "adherence spells bad_lasts: found 3 without a unit\n  expected time: add the unit, such as '... h'"),
    (lambda: adherence(spells={**SPELLS, "bad_lasts": "0 days"}), InputError,
     "adherence spells bad_lasts: found '0 days'\n  give a time above 0, such as '14 days'"),
    (lambda: adherence(spells={**SPELLS, "bad_lasts": "3 kg"}), UnitError,
     "adherence spells bad_lasts: '3 kg' is mass\n  expected time, in a unit such as h"),
    (lambda: adherence(holidays={"per_year": 400, "days": 3}), InputError,
     "adherence holidays per_year: found 400\n  give how many begin in a year, from 0 to 365.25"),
    (lambda: adherence(holidays={"per_year": 6, "days": 2.5}), InputError,
     "adherence holidays days: found 2.5\n  give a whole number of days, from 1 to 366; "
     "a break that everybody makes stands in the regimen, as in 'nothing for 4 weeks'"),
    (lambda: adherence(holidays={"per_year": 6, "days": 0}), InputError,
     "adherence holidays days: found 0\n  give a whole number of days, from 1 to 366; "
     "a break that everybody makes stands in the regimen, as in 'nothing for 4 weeks'"),
    (lambda: adherence(holidays={"per_yaer": 6, "days": 3}), InputError,
     "adherence holidays: unknown name 'per_yaer'\n  did you mean 'per_year'? known here: per_year, days"),
    (lambda: adherence(late="1 h"), InputError,
     "adherence late: found '1 h'\n  give a distribution, such as 'normal(0 h, 1 h) within -2..4'"),
    (lambda: adherence(late=1), InputError,
     "adherence late: found 1\n  give a distribution, such as 'normal(0 h, 1 h) within -2..4'"),
    (lambda: adherence(holidays={"per_year": "often", "days": 3}), InputError,
     "adherence holidays per_year: found 'often'\n  give how many begin in a year, from 0 to 365.25"),
    (lambda: adherence(late="normal(0 h, 1 h) within 4..-2"), InputError,
     "adherence late: found 'within 4..-2'\n  the first bound has to be below the second"),
    (lambda: adherence(late="normal(0 mg, 1 mg)"), UnitError,
     "adherence late: '0 mg' is mass\n  expected time, in a unit such as h"),
    (lambda: adherence(late="early: 0.5, late: 0.5"), InputError,
     "adherence late: 'early: 0.5, late: 0.5' is a distribution of words\n"
     "  give numbers, such as 'normal(0 h, 1 h) within -2..4'"),
    (lambda: adherence(meals={"fed": 0.7, "fasted": 0.2}), InputError,
     "adherence meals: the probabilities add up to 0.9\n"
     "  they have to add up to 1; 'rest' fills up what is missing"),
    (lambda: adherence(meals={"fed": 0.7, "fasted": 0.7, "snack": "rest"}), InputError,
     "adherence meals: the probabilities add up to 1.4\n"
     "  they have to add up to 1; 'rest' fills up what is missing"),
    (lambda: adherence(meals={"fed": "uniform(0.4, 1)", "snack": 0.1, "fasted": "rest"}), InputError,
     "adherence meals: the probabilities add up to as much as 1.1\n"
     "  they have to add up to 1; 'rest' fills up what is missing"),
    (lambda: adherence(meals={"fed": "rest", "fasted": "rest"}), InputError,
     "adherence meals: two meals are 'rest'\n  give numbers, one distribution at most, and 'rest' once, "
     "as in {'fed': 'uniform(0.4, 1)', 'fasted': 'rest'}"),
    (lambda: adherence(meals={"fed": "uniform(0, 0.4)", "snack": "uniform(0, 0.2)", "none": "rest"}), InputError,
     "adherence meals: two meals differ between subjects\n"
     "  give numbers, one distribution at most, and 'rest' once, "
     "as in {'fed': 'uniform(0.4, 1)', 'fasted': 'rest'}"),
    (lambda: adherence(meals={"fed": "uniform(0.4, 1)", "fasted": 0.3}), InputError,
     "adherence meals: 'uniform(0.4, 1)' and fixed probabilities do not add up to 1 for each subject\n"
     "  write 'rest' for one of the meals, as in {'fed': 'uniform(0.4, 1)', 'fasted': 'rest'}"),
    (lambda: adherence(meals={"fed": 1.5}), InputError,
     "adherence meals fed: found 1.5\n  a probability lies between 0 and 1: write 0.8, or '80 %'"),
    (lambda: adherence(meals={"with food": 1}), InputError,
     "adherence meals: meal is 'with food'\n  a meal is one word, such as 'fed'"),
    (lambda: adherence(meals={}), InputError,
     "adherence meals: found {}\n  give the probability of each of up to 100 meals, "
     "such as {'fed': 0.7, 'fasted': 0.3}"),
    (lambda: adherence(meals="fed"), InputError,
     "adherence meals: found 'fed'\n  give the probability of each of up to 100 meals, "
     "such as {'fed': 0.7, 'fasted': 0.3}"),
    (lambda: adherence(meals={"fed": 1}, meals_by="week"), InputError,
     "adherence meals_by: found 'week'\n  known here: dose, day"),
    (lambda: adherence(adherence(0.8), late="normal(0 h, 1 h)"), InputError,
     "adherence: an Adherence and more beside it\n  give all of it to one dl.adherence(...)"),
    (lambda: Adherence.from_dict({"probability": 0.8}), InputError,
     "from_dict: not an adherence written by to_dict: "
     "adherence() got an unexpected keyword argument 'probability'\n  pass on what to_dict returned"),
    (lambda: COURSE.taken(2), InputError,
     "adherence taken: found 2\n  a probability lies between 0 and 1: write 0.8, or '80 %'"),
    (lambda: COURSE.taken(0.8).then("80 mg once"), InputError,
     "then: the courses are taken in different ways: Adherence(taken=0.8); as prescribed\n"
     "  join the courses first and say .taken(...) of the whole"),
    (lambda: COURSE.taken(0.8) + COURSE.taken(0.7), InputError,
     "+: the courses are taken in different ways: Adherence(taken=0.8); Adherence(taken=0.7)\n"
     "  join the courses first and say .taken(...) of the whole"),
    (lambda: COURSE.taken(0.8).to_records(), InputError,
     "to_records: not every dose is taken as prescribed: Adherence(taken=0.8)\n"
     "  write the course as a table before .taken(...); for what each subject took, "
     "simulate it and use dl.dose_log"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    REFUSED,
    ids=[f"{i} {row[2].splitlines()[0]}" for i, row in enumerate(REFUSED)],
)
def test_what_is_refused(act, kind, message):
    with pytest.raises(kind) as caught:
        act()
    assert str(caught.value) == message


EVERY = [
    {"taken": 0.8},
    {"taken": {"morning": 0.95, "evening": 0.8}},
    {"taken": "uniform(0.6, 1)"},
    {"taken": "0: 0.1, 0.9: 0.9"},
    {"spells": SPELLS},
    {"taken": 0.1 + 0.2, "holidays": {"per_year": 6, "days": 3}},
    {"late": "normal(0 h, 20 min) within -2..4"},
    {"meals": {"fed": 0.7, "fasted": "rest"}, "meals_by": "day"},
    {
        "spells": SPELLS,
        "late": "exponential(1 h)",
        "meals": {"fed": "uniform(40 %, 100 %)", "fasted": "rest"},
    },
]


@pytest.mark.parametrize("habits", EVERY, ids=str)
def test_there_and_back(habits):
    made = adherence(**habits)
    written = json.loads(json.dumps(made.to_dict()))
    back = Adherence.from_dict(written)
    assert back == made
    assert hash(back) == hash(made)
    assert repr(back) == repr(made)
    assert pickle.loads(pickle.dumps(made)) == made
    # what to_dict writes can be typed
    assert adherence(**made.to_dict()) == made
    course = COURSE.taken(**habits)
    assert Regimen.from_dict(json.loads(json.dumps(course.to_dict()))) == course


def test_two_ways_to_say_the_same():
    assert adherence("80 %") == adherence(0.8) == adherence(adherence(0.8))
    assert adherence(spells={**SPELLS, "good_lasts": "2 weeks"}) == adherence(spells=SPELLS)
    assert adherence(holidays={"per_year": 6, "days": "1 week"}).holidays.days == 7
    assert adherence(0.8) != adherence(0.8, late="normal(0 h, 1 h)")


def test_as_people_see_it():
    assert repr(adherence(taken="70 %", meals={"fed": "rest", "fasted": 0.3}, meals_by="day")) == (
        "Adherence(taken=0.7, meals={'fasted': 0.3, 'fed': 'rest'}, meals_by='day')"
    )
    assert repr(COURSE.taken(0.8)) == "Regimen('40 mg twice daily for 1 week', Adherence(taken=0.8))"
    assert str(COURSE.taken(0.8)) == "40 mg twice daily for 1 week"


def test_public_names():
    assert dl.adherence is adherence
    assert dl.Adherence is Adherence
    assert dl.regimen("40 mg once").taken(0.8).adherence == dl.adherence(0.8)


def test_what_a_course_keeps():
    habits = adherence(0.8, late="normal(0 h, 1 h)")
    course = COURSE.taken(habits)
    assert course.adherence == habits
    assert COURSE.adherence is None
    for changed in (course.repeat(3), course.delayed(24), course.with_(meal="fed"), course + course):
        assert changed.adherence == habits
    assert course.then(COURSE.taken(habits)) == COURSE.then(COURSE).taken(habits)
    assert course.repeat(1) == course.delayed(0) == course


def test_saying_it_again_replaces():
    assert COURSE.taken(0.8).taken(late="normal(0 h, 1 h)") == COURSE.taken(late="normal(0 h, 1 h)")


def test_courses_taken_in_another_way_are_not_equal():
    assert COURSE.taken(0.8) != COURSE
    assert COURSE.taken(0.8) == COURSE.taken("80 %")
    assert len({COURSE, COURSE.taken(0.8), COURSE.taken("80 %")}) == 2
    assert "adherence" not in COURSE.to_dict()


def test_what_is_prescribed_stays():
    """Counts, totals and the preview are those of the prescription."""
    course = regimen("0.5 mg/kg twice daily until 120 mg/kg")
    habits = course.taken(0.5)
    assert habits.count == course.count
    assert habits.doses_taken(WT=[50, 60]).tolist() == course.doses_taken(WT=[50, 60]).tolist()
    assert habits.total(WT=60) == course.total(WT=60)
    assert habits.preview(WT=60).equals(course.preview(WT=60))
