"""Dose times and amounts of every documented text, against lists worked out by hand."""

import numpy as np
import pytest

from doseline.dosing.regimen import Block, Dose, Regimen, Target, regimen
from doseline.errors import InputError


def every(hours, count, start=0.0):
    """``count`` times from ``start``: i * hours, as one would write them on paper."""
    return [start + i * hours for i in range(count)]


def alternating(first, second, days):
    """Two clock times a day."""
    return [24.0 * day + clock for day in range(days) for clock in (first, second)]


MORNING = Dose(40, meal="fed")
EVENING = Dose(20, meal="fasted")
WRITTEN_OUT = [
    # text, times [h], doses (one for all, or one each), length [h]
    ("80 mg once", [0.0], Dose(80), 24),
    ("80 mg once fasted", [0.0], Dose(80, meal="fasted"), 24),
    ("80 mg once fed at 08:30", [8.5], Dose(80, meal="fed"), 24),
    ("100 mg every 12 h x 14", every(12, 14), Dose(100), 168),
    ("100 mg every 12 h × 14", every(12, 14), Dose(100), 168),
    ("100mg every 12h x14 doses", every(12, 14), Dose(100), 168),
    ("500 mg over 30 min every 8 h for 5 days", every(8, 15), Dose(500, duration=0.5), 120),
    ("20 mg once daily for 20 weeks", every(24, 140), Dose(20), 3360),
    ("20 mg daily for 2 weeks", every(24, 14), Dose(20), 336),
    ("40 mg twice daily for 20 weeks", every(12, 280), Dose(40), 3360),
    ("40 mg twice a day for two weeks", every(12, 28), Dose(40), 336),
    ("40 mg three times daily for 1 week", every(8, 21), Dose(40), 168),
    ("40 mg 3 times daily for 7 days", every(8, 21), Dose(40), 168),
    ("40 mg 4 times a day for 1 day", every(6, 4), Dose(40), 24),
    ("10 mg once weekly for 4 weeks", every(168, 4), Dose(10), 672),
    ("10 mg twice a week for 2 weeks", every(84, 4), Dose(10), 336),
    ("20 mg every other day for 8 weeks", every(48, 28), Dose(20), 1344),
    ("40 mg every 2 days x 10", every(48, 10), Dose(40), 480),
    ("40 mg every day for 3 days", every(24, 3), Dose(40), 72),
    ("40 mg every 12 h for 5 h", [0.0], Dose(40), 5),
    ("40 mg every 12 h for 25 h", [0.0, 12.0, 24.0], Dose(40), 25),
    ("1 mg/kg/day for 3 days", every(24, 3), Dose(1, per="WT"), 72),
    ("0.5 mg/kg/day in 2 doses for 4 weeks", every(12, 56), Dose(0.25, per="WT"), 672),
    ("0.5 mg / kg / day in two divided doses for 1 day", [0.0, 12.0], Dose(0.25, per="WT"), 24),
    ("60 mg/day in 3 doses x 4", every(8, 4), Dose(20), 32),
    ("60 mg/day at 08:00 and 20:00 for 2 days", alternating(8.0, 20.0, 2), Dose(30), 48),
    ("1.5 g/m2 over 2 h every 3 weeks x 4 by iv",
     every(504, 4), Dose(1500, per="BSA", duration=2, route="iv"), 2016),
    ("250 ug once", [0.0], Dose(0.25), 24),
    ("250 mcg once", [0.0], Dose(0.25), 24),
    ("40 mg twice daily with light_meal as lidose x 2", [0.0, 12.0],
     Dose(40, meal="light_meal", formulation="lidose"), 24),
    ("40 mg at 08:00 and 20:00 x 3", [8.0, 20.0, 32.0], Dose(40), 48),
    ("40 mg at 20:00 and 08:00 for 36 h", [8.0, 20.0, 32.0], Dose(40), 36),
    ("40 mg once daily at 08:00 for 3 days", every(24, 3, start=8), Dose(40), 72),
    ("40 mg every other day at 08:00 x 3", every(48, 3, start=8), Dose(40), 144),
    ("40 mg at 08:00 fed and 20 mg at 20:00 fasted for 20 weeks",
     alternating(8.0, 20.0, 140), [MORNING, EVENING] * 140, 3360),
    ("40 mg once daily and 10 mg every 8 h for 1 day",
     [0, 0, 8, 16], [Dose(10), Dose(40), Dose(10), Dose(10)], 24),
    ("200 mg once and 100 mg every 12 h for 1 day", [0, 0, 12], [Dose(100), Dose(200), Dose(100)], 24),
    ("80 mg once, then 40 mg once", [0, 24], [Dose(80), Dose(40)], 48),
    ("200 mg once, then 100 mg every 8 h x 2", [0, 8, 16], [Dose(200), Dose(100), Dose(100)], 24),
    ("80 mg once, then nothing for 1 week, then 80 mg once", [0, 192], Dose(80), 216),
    ("nothing for 12 h, then 40 mg twice daily x 2", [12, 24], Dose(40), 36),
    ("40 mg once daily for 2 days; then nothing for 8 weeks then 20 mg once daily for 1 day", [0, 24, 1392],
     [Dose(40), Dose(40), Dose(20)], 1416),
    ("40 mg every 12 h x 7, then 20 mg at 08:00 x 2",
     [*every(12, 7), 104, 128], [Dose(40)] * 7 + [Dose(20)] * 2, 132),
    ("(100 mg once daily for 3 weeks, then nothing for 1 week) x 2 fed",
     [*every(24, 21), *every(24, 21, start=672)],
     Dose(100, meal="fed"), 1344),
    ("(40 mg every 12 h x 2) and (nothing for 6 h, then 20 mg once)",
     [0, 6, 12], [Dose(40), Dose(20), Dose(40)], 30),
    ("(80 mg once) x 3", every(24, 3), Dose(80), 72),
    ("40 MG Twice Daily FED FOR 1 Day", [0, 12], MORNING, 24),
    # targets: 56 doses of 0.25 bring 14 mg/kg, 212 of 0.5 the other 106
    ("0.5 mg/kg/day in 2 doses for 4 weeks, then 1 mg/kg/day in 2 doses until 120 mg/kg", every(12, 268),
     [Dose(0.25, per="WT")] * 56 + [Dose(0.5, per="WT")] * 212, 3216),
    ("0.1 mg/kg once daily until 1 mg/kg", every(24, 10), Dose(0.1, per="WT"), 240),
    ("40 mg twice daily until 1 g", every(12, 25), Dose(40), 300),
    ("40 mg at 08:00 fed and 20 mg at 20:00 fasted until 100 mg",
     [8, 20, 32], [MORNING, EVENING, MORNING], 48),
    ("40 mg at 08:00 fed and 20 mg at 20:00 fasted until 40 mg", [8], MORNING, 24),
    ("40 mg twice daily until 100 mg, then 20 mg once", [0, 12, 24, 36], [Dose(40)] * 3 + [Dose(20)], 60),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "times", "doses", "length"), WRITTEN_OUT, ids=[row[0] for row in WRITTEN_OUT]
)
def test_written_out(text, times, doses, length):
    """Truth: the lists above, by hand. Exact: these times and halves are whole in binary."""
    course = regimen(text)
    found, kind, kinds = course.doses()
    assert found.tolist() == times
    assert [kinds[i] for i in kind] == (doses if isinstance(doses, list) else [doses] * len(times))
    assert course.length == length
    assert course.count == len(times)
    assert course.until is None


def test_times_are_not_accumulated():
    """Truth: i * 0.1 as one multiplication; a running sum is off in the 12th digit by then."""
    times, _, _ = regimen("1 mg every 0.1 h x 100001").doses()
    assert times[-1] == 100000 * 0.1


def test_seven_a_day_stay_inside_their_days():
    """Truth: 7 doses a day for 7 days are 49, although 49 * (24/7) is not 168 in binary."""
    assert regimen("1 mg 7 times daily for 7 days").count == 49


def test_until_that_differs_between_subjects():
    """Truth: 120 mg/kg are 6000 mg for 50 kg, 300 doses of 20 mg, and 6012 mg for 50.1 kg, 301 doses."""
    course = regimen("20 mg once daily until 120 mg/kg")
    assert course.until == Target(120)
    assert course.count == 1800  # 300 kg
    weights = np.array([50.0, 50.1, 300.0])
    np.testing.assert_array_equal(course.doses_taken(WT=weights), [300, 301, 1800])
    np.testing.assert_array_equal(course.total(WT=weights), [6000.0, 6020.0, 36000.0])


def test_a_target_out_of_reach_is_refused():
    """Truth: 120 mg/kg are 2400 doses of 20 mg for 400 kg, and 1800 are the most that 300 kg need."""
    course = regimen("20 mg once daily until 120 mg/kg")
    with pytest.raises(InputError) as caught:
        course.total(WT=[50.0, 400.0])
    assert str(caught.value) == (
        "total: 20 mg once daily until 120 mg/kg: 120 mg/kg is not reached within 1800 doses "
        "(the first of 1: WT 400 kg)\n"
        "  such a course would last longer than 1800 days, the most that is followed: write a time, "
        "as in 'for 20 weeks', or higher doses"
    )


def test_until_counts_what_came_before():
    """Truth: 560 mg come before; 6 mg/kg are 600 mg for 100 kg (2 more), 540 for 90 kg, 561 for 93.5 kg."""
    course = regimen("40 mg once daily for 2 weeks, then 20 mg once daily until 6 mg/kg")
    assert course.doses_taken(WT=[100.0, 90.0, 93.5]).tolist() == [16, 14, 15]


def test_until_in_mg_with_doses_per_kg():
    """Truth: at 40 kg the doses are 20 and 40 mg in turn: 20, 60, 80, 120, 140; 100 mg fall with dose 4."""
    course = regimen("0.5 mg/kg at 08:00 and 1 mg/kg at 20:00 until 100 mg")
    assert course.doses_taken(WT=[40.0, 100.0]).tolist() == [4, 2]
    assert course.total(WT=[40.0, 100.0]).tolist() == [120.0, 150.0]
    assert course.count == 134  # for 1 kg: 66 whole days bring 99 mg, day 67 the rest


def test_until_is_never_longer_than_2000_days():
    """Truth: 5 mg a day would need 7200 days for 300 kg."""
    assert regimen("5 mg once daily until 120 mg/kg").count == 2000


def test_total_without_until():
    """Truth: 14 doses of 0.5 mg/kg."""
    assert regimen("0.5 mg/kg twice daily x 14").total(WT=[40.0, 80.0]).tolist() == [280.0, 560.0]
    assert float(regimen("40 mg twice daily x 14").total()) == 560.0


def test_with_fills_only_what_is_open():
    """Truth: the evening dose keeps its own meal."""
    course = regimen("40 mg at 08:00 and 20 mg at 20:00 fasted for 1 day")
    _, kind, kinds = course.with_(meal="fed", formulation="lidose").doses()
    assert [kinds[i] for i in kind] == [
        Dose(40, meal="fed", formulation="lidose"),
        Dose(20, meal="fasted", formulation="lidose"),
    ]


def test_preview():
    """Truth: by hand, for 62 kg."""
    table = regimen("0.5 mg/kg over 30 min at 08:00 fed and 20 mg at 20:00 by iv for 2 days").preview(WT=62)
    assert table["day"].tolist() == [1, 1, 2, 2]
    assert table["time (h)"].tolist() == [8.0, 20.0, 32.0, 44.0]
    assert table["amount (mg)"].tolist() == [31.0, 20.0, 31.0, 20.0]
    assert table["meal"].tolist() == ["fed", "", "fed", ""]
    assert table["formulation"].tolist() == ["", "", "", ""]
    assert table["route"].tolist() == ["", "iv", "", "iv"]
    assert table["duration (h)"].fillna(0.0).tolist() == [0.5, 0.0, 0.5, 0.0]
    assert table["cumulative (mg)"].tolist() == [31.0, 51.0, 82.0, 102.0]
    np.testing.assert_allclose(
        table["cumulative (mg/kg)"], np.array([31.0, 51.0, 82.0, 102.0]) / 62.0, rtol=1e-15
    )


def test_preview_stops_at_the_target():
    """Truth: 62 kg reach 120 mg/kg, 7440 mg, with dose 372 of 20 mg."""
    table = regimen("20 mg once daily until 120 mg/kg").preview(WT=62)
    assert len(table) == 372
    assert table["cumulative (mg/kg)"].iloc[-1] == 120.0


def test_preview_without_weight_where_none_is_needed():
    """Truth: the columns named in the docstring."""
    table = regimen("40 mg twice daily x 2").preview()
    assert list(table.columns) == [
        "day", "time (h)", "amount (mg)", "meal", "formulation", "route", "duration (h)", "cumulative (mg)",
    ]  # fmt: skip


def test_built_by_hand():
    """Truth: the same course as text. Mass units are kept in mg."""
    pattern = ((20.0, Dose(0.02, "g", meal="fasted")), (8.0, Dose(40, meal="fed")))
    by_hand = Regimen((Block(0.0, pattern, 24.0, 140),), 3360.0)
    assert by_hand == regimen("40 mg at 08:00 fed and 20 mg at 20:00 fasted for 20 weeks")
    assert hash(by_hand) == hash(regimen("40 mg at 08:00 fed and 20 mg at 20:00 fasted for 140 days"))


def test_text_is_kept_and_shown():
    """Truth: the text, on one line."""
    course = regimen("40 mg\n  twice daily  for 20 weeks")
    assert repr(course) == "Regimen('40 mg twice daily for 20 weeks')"
    assert str(course) == course.text == "40 mg twice daily for 20 weeks"
    assert regimen(course) is course
