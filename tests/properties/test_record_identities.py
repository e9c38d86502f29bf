"""What every event table must pass, whatever is in it.

Truth: the identities themselves; nothing is computed a second time. Two ways to say the same records lead to other
roundings, a few dozen of them, each below 1.1e-16 of the largest amount; a steady state multiplies them by the doses
that are in the body at once: hence 1e-12 of the largest amount (``CLOSE``). Where the engine promises the same bits
(threads, neighbours), the bits are compared.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_identities import PEOPLE, TEXT, course, halves, some_blocks

import doseline as dl
from doseline.model.read import read_model

CLOSE = 1e-12
MORE = {
    "gut -> deep": "K02",
    "deep -> gut": "K20",
    "central -> gut": "K10",
    "gut -> tray": "K0X",
    "deep -> tray": "K2X",
}
ZERO = '{} = {{ value = 0, unit = "1/h", label = "x", source = "test", status = "assumption" }}\n'
ANY = TEXT.replace("[individual]", "".join(map(ZERO.format, MORE.values())) + "[individual]").replace(
    "[routes.oral]", "\n".join(f'"{flow}" = "{rate}"' for flow, rate in MORE.items()) + "\n[routes.oral]"
)
"""Every flow that three compartments and a tray can have; those that ``bodies`` do not give are 0."""
WITH_TRAY = read_model(ANY, place="tray")
MODEL = read_model(ANY.replace("-> tray", "-> out"), place="no tray")
"""Something that collects what leaves never comes to a steady state; here the tray stays empty."""
GUT, CENTRAL, DEEP = 1, 2, 3
F = 0.8  # of the route into the gut
GRID = np.arange(0.0, 96.5, 0.5)

quick = settings(max_examples=40, deadline=None)


some = st.sampled_from([0.0, 0.1, 0.1, 0.75]) | st.floats(1e-4, 4.0)
leaving = st.sampled_from([0.1, 0.12]) | st.floats(0.02, 2.0)
bodies = st.fixed_dictionaries(
    {name: some for name in ("KA", "K12", "K21", "K02", "K20", "K10")}
    | {name: leaving for name in ("KE", "K0X", "K2X")}
)
"""Rate constants [1/h] between any two of them, equal ones and none among them; all can leave the body."""


# -- tables as lists of rows, one dict a row, without the columns that are 0


@st.composite
def doses(draw, steady=True, evids=(1, 1, 1, 4)):
    """A bolus into gut, centre or depth, or an infusion into the centre."""
    row = {
        "TIME": draw(halves(0, 40)),
        "EVID": draw(st.sampled_from(evids)),
        "AMT": draw(st.floats(0.5, 500.0)),
    }
    form = draw(st.sampled_from(["bolus", "RATE", "DUR"]))
    row["CMT"] = draw(st.sampled_from([GUT, CENTRAL, DEEP])) if form == "bolus" else CENTRAL
    if form == "DUR":
        row["DUR"] = draw(halves(1, 30))
    if form == "RATE":
        row["RATE"] = draw(st.sampled_from([4.0, 25.0, 100.0]))
    row["ADDL"] = draw(st.just(0) | st.integers(1, 5))
    row["SS"] = draw(st.sampled_from([0, 1, 2])) if steady else 0
    return row | {"II": draw(halves(2, 16))} if row["ADDL"] or row["SS"] else row


others = st.one_of(
    st.builds(
        lambda at, cmt: {"TIME": at, "EVID": 2, "CMT": cmt}, halves(0, 40), st.sampled_from([-DEEP, DEEP, 0])
    ),
    st.builds(lambda at: {"TIME": at, "EVID": 3}, halves(0, 40)),
    st.builds(
        lambda at, x: {"TIME": at, "EVID": 8, "AMT": x, "CMT": DEEP}, halves(0, 40), st.floats(0.0, 90.0)
    ),
)
mixed = st.lists(doses() | others, min_size=1, max_size=5)
weights = st.lists(st.floats(40.0, 120.0), min_size=1, max_size=40)
COLUMNS = ("TIME", "EVID", "AMT", "RATE", "DUR", "II", "ADDL", "SS", "CMT")
PLAIN = {"WT": 70.0, "SLOW": 0.0}


def table(people, modes="nocb"):
    """The records of several subjects, each a list of rows, in order of time; same times stay in the order given."""
    rows = [
        (i, row) for i, own in enumerate(people, start=1) for row in sorted(own, key=lambda row: row["TIME"])
    ]
    columns = {name: [row.get(name, 0) for _, row in rows] for name in COLUMNS}
    columns |= {name: [row.get(name, usual) for _, row in rows] for name, usual in PLAIN.items()}
    return dl.read_records({"ID": [i for i, _ in rows], **columns}, modes=modes)


def watched(rows, times=GRID, **covariates):
    """With observations behind whatever happens at the same time."""
    return [row | covariates for row in [*rows, *({"TIME": float(time)} for time in times)]]


def levels(rates, people, *, model=MODEL, **how):
    """Every output (output, observation) of a body with these rate constants."""
    found = dl.simulate(model.with_(**rates), table(people), **how)
    return np.stack([found[name].values for name in model.outputs])


def close(found, truth, within=CLOSE):
    largest = max(np.abs(truth).max(), 1e-300)
    np.testing.assert_allclose(found / largest, truth / largest, rtol=0, atol=within)


def scaled(row, by):
    return row | {key: row[key] * by for key in ("AMT", "RATE") if key in row}


def varied(rows, own):
    """Each row with a weight of its own, in turn."""
    return [row | {"WT": own[at % len(own)]} for at, row in enumerate(rows)]


slow = st.sampled_from([0.0, 0.5, 9.0, 20.0])
"""The lag into the gut [h]; longer than some dosing intervals."""


# -- identities


@quick
@given(rates=bodies, rows=mixed, by=st.floats(1e-3, 1e3), lag=slow, own=weights)
def test_linear_in_dose(rates, rows, by, lag, own):
    """Amounts, rates and replaced amounts times a factor; weights change from record to record."""
    larger = [scaled(row, by) for row in rows]
    found = levels(rates, [varied(watched(larger, SLOW=lag), own)])
    close(found, by * levels(rates, [varied(watched(rows, SLOW=lag), own)]))


@quick
@given(rates=bodies, rows=mixed, hours=halves(0, 2000), lag=slow, own=weights)
def test_shift_in_time(rates, rows, hours, lag, own):
    before = varied(watched(rows, SLOW=lag), own)
    close(levels(rates, [[row | {"TIME": row["TIME"] + hours} for row in before]]), levels(rates, [before]))


@quick
@given(
    rates=bodies,
    one=st.lists(doses(evids=(1,)), min_size=1, max_size=3),
    other=st.lists(doses(evids=(1,)), max_size=3),
    lag=slow,
)
def test_courses_add_up(rates, one, other, lag):
    """With SS=2 in the place of SS=1: nothing is replaced."""
    one, other = ([row | {"SS": 2} if row["SS"] else row for row in rows] for rows in (one, other))
    parts = levels(rates, [watched(one, SLOW=lag)]) + levels(rates, [watched(other, SLOW=lag)])
    close(levels(rates, [watched([*one, *other], SLOW=lag)]), parts)


@quick
@given(rates=bodies, data=st.data(), rows=st.lists(doses(evids=(1,)), min_size=2, max_size=5), lag=slow)
def test_order_of_entry_is_irrelevant(rates, data, rows, lag):
    """Doses at the same time, SS=2 among them, in any order; what replaces (SS=1, resets) is an order of its own."""
    together = [row | {"TIME": 6.0, "SS": 2 if row["SS"] else 0} for row in rows]
    again = data.draw(st.permutations(together))
    close(levels(rates, [watched(again, SLOW=lag)]), levels(rates, [watched(together, SLOW=lag)]))


@quick
@given(rates=bodies, rows=mixed, share=st.floats(0.05, 0.95), lag=slow)
def test_split_dose_is_one_dose(rates, rows, share, lag):
    """The second part of a dose with SS=1 joins the first, SS=2, and after a reset the second part does not reset."""
    parts = []
    for row in rows:
        if row["EVID"] in (1, 4):
            rest = {"EVID": 1, "SS": 2 if row["SS"] else 0}
            parts += [scaled(row, share), scaled(row, 1.0 - share) | rest]
        else:
            parts.append(row)
    close(levels(rates, [watched(parts, SLOW=lag)]), levels(rates, [watched(rows, SLOW=lag)]))


@quick
@given(
    rates=bodies,
    amount=st.floats(0.5, 500.0),
    pieces=st.integers(2, 6),
    hours=halves(1, 9),
    by_rate=st.booleans(),
)
def test_consecutive_infusions_are_one(rates, amount, pieces, hours, by_rate):
    way = {"RATE": amount / hours} if by_rate else {"DUR": hours}
    piece = {"EVID": 1, "AMT": amount, "CMT": CENTRAL, **way}
    row = [piece | {"TIME": 3.0 + k * hours} for k in range(pieces)]
    repeated = [piece | {"TIME": 3.0, "II": hours, "ADDL": pieces - 1}]
    whole = [piece | {"TIME": 3.0, "AMT": amount * pieces} | ({} if by_rate else {"DUR": hours * pieces})]
    truth = levels(rates, [watched(whole)])
    close(levels(rates, [watched(row)]), truth)
    close(levels(rates, [watched(repeated)]), truth)


@quick
@given(rates=bodies, rows=st.lists(doses(evids=(1,)), min_size=1, max_size=4), lag=slow)
def test_additional_doses_are_written_out(rates, rows, lag):
    """With SS=2 in the place of SS=1, which would cancel those that are still to come."""
    rows = [row | {"SS": 2} if row["SS"] else row for row in rows]
    written = [
        row | {"TIME": row["TIME"] + k * row.get("II", 0.0), "ADDL": 0, "SS": row["SS"] if k == 0 else 0}
        for row in rows
        for k in range(row["ADDL"] + 1)
    ]
    close(levels(rates, [watched(written, SLOW=lag)]), levels(rates, [watched(rows, SLOW=lag)]))


@quick
@given(rates=bodies, rows=st.lists(doses(steady=False, evids=(1,)), min_size=1, max_size=5), lag=slow)
def test_mass_balance(rates, rows, lag):
    """What is in the body and in the tray is what has arrived: all of it, once the last dose has gone in."""
    end = 40.0 + 5 * 16.0 + 20.0 + 125.0  # the last time, dosing intervals, the lag, the longest infusion
    found = levels(rates, [watched(rows, times=[end, end + 500.0], SLOW=lag)], model=WITH_TRAY)
    arrived = sum((row["ADDL"] + 1) * row["AMT"] * (F if row["CMT"] == GUT else 1.0) for row in rows)
    np.testing.assert_allclose(found[list(WITH_TRAY.outputs).index("all")], arrived, rtol=CLOSE)


@quick
@given(rates=bodies, rows=mixed)
def test_a_rate_is_a_duration(rates, rows):
    """Where F is 1 the duration is AMT / RATE."""
    by_duration = [
        {key: value for key, value in row.items() if key != "RATE"} | {"DUR": row["AMT"] / row["RATE"]}
        if "RATE" in row
        else row
        for row in rows
    ]
    close(levels(rates, [watched(by_duration)]), levels(rates, [watched(rows)]))


@quick
@given(rates=bodies, rows=mixed, lag=slow)
def test_a_reset_forgets(rates, rows, lag):
    """Behind EVID=4, with nothing still to come, only the new course is left."""
    rows = [row | {"ADDL": 0} for row in rows]
    new = {
        "TIME": 60.0,
        "EVID": 4,
        "AMT": 100.0,
        "CMT": GUT,
        "ADDL": 1,
        "II": 12.0,
    }  # 40 h and a lag of 20 h are over
    after = GRID[GRID >= 60.0]
    close(
        levels(rates, [watched([*rows, new], after, SLOW=lag)]),
        levels(rates, [watched([new], after, SLOW=lag)]),
    )


@quick
@given(
    rates=bodies,
    rows=mixed,
    lag=slow,
    times=st.lists(st.integers(0, 96 * 8), min_size=1, max_size=30, unique=True),
)
def test_a_grid_is_observations(rates, rows, lag, times):
    """At any times: behind whatever happens at the same time, and nothing before the first record."""
    grid = np.sort(times) / 8
    begin = min(row["TIME"] for row in rows)
    found = dl.simulate(MODEL.with_(**rates), table([[row | {"SLOW": lag} for row in rows]]), times=grid)
    found = np.stack([found[name].values.reshape(-1) for name in MODEL.outputs])
    seen = grid[grid >= begin]
    assert (found[:, grid < begin] == 0.0).all()
    if len(seen):
        close(found[:, grid >= begin], levels(rates, [watched(rows, seen, SLOW=lag)]))


@quick
@given(rates=bodies, parts=some_blocks)
def test_records_of_a_regimen(rates, parts):
    """Truth: the levels of the regimen itself, which the other walk computes."""
    regimen, model = course(parts), MODEL.with_(**rates)
    truth = dl.simulate(model, regimen, PEOPLE, times=GRID)
    truth = np.stack([truth[name].values for name in MODEL.outputs])
    observed = dl.simulate(model, regimen.to_records(PEOPLE, model=model, times=GRID))
    close(np.stack([observed[name].values.reshape(len(PEOPLE), -1) for name in MODEL.outputs]), truth)
    on_grid = dl.simulate(model, regimen.to_records(PEOPLE, model=model), times=GRID)
    close(np.stack([on_grid[name].values for name in MODEL.outputs]), truth)


@pytest.mark.parametrize(
    "text",
    [
        "0.5 mg/kg/day in 2 doses for 2 weeks by oral",
        "100 mg over 5 h every 8 h x 4 by vein",
        "(100 mg every 12 h x 5 by oral) and (60 mg over 5 h every 8 h x 4 by vein)",
        "1 mg/kg every 12 h by oral until 10 mg/kg",
    ],
)
def test_records_of_a_regimen_as_written(text):
    """Truth: the levels of the regimen itself; doses by weight, and courses that end with a target."""
    truth = dl.simulate(MODEL, text, PEOPLE, times=GRID)
    found = dl.simulate(MODEL, dl.regimen(text).to_records(PEOPLE, model=MODEL), times=GRID)
    for name in MODEL.outputs:
        close(found[name].values, truth[name].values)


# -- the same bits


def crowd_of(count):
    """Subjects with schedules of their own: any forms, lags, weights that change, and unequal numbers of records."""
    random = np.random.default_rng(11)
    people = []
    for _ in range(count):
        rows = []
        for _ in range(random.integers(1, 5)):
            row = {"TIME": random.integers(0, 60) / 2, "EVID": int(random.choice([1, 1, 4])), "II": 12.0}
            row |= {"AMT": random.uniform(1.0, 200.0), "ADDL": int(random.integers(0, 5)), "CMT": CENTRAL}
            row["SS"] = int(random.choice([0, 0, 1, 2]))
            rows.append(row | ({"RATE": 7.0} if random.random() < 0.5 else {"CMT": GUT}))
        whole = watched(rows, np.sort(random.uniform(0.0, 90.0, random.integers(3, 40))))
        people.append(
            varied(
                [row | {"SLOW": random.choice([0.0, 3.0, 14.0])} for row in whole], random.uniform(40, 120, 5)
            )
        )
    return people


CROWD = crowd_of(120)
ENDS = np.cumsum([0, *(sum("EVID" not in row for row in rows) for rows in CROWD)])


def columns_of(chosen):
    return np.concatenate([np.arange(ENDS[k], ENDS[k + 1]) for k in chosen])


@pytest.fixture(scope="module")
def crowd():
    return levels({}, CROWD, threads=1)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_no_bit(crowd, threads):
    np.testing.assert_array_equal(levels({}, CROWD, threads=threads), crowd)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_no_bit_of_a_grid(threads):
    alone = dl.simulate(MODEL, table(CROWD), times=GRID, threads=1)
    assert dl.simulate(MODEL, table(CROWD), times=GRID, threads=threads)["plasma"].equals(alone["plasma"])


@quick
@given(k=st.integers(0, len(CROWD) - 1))
def test_alone_as_in_the_crowd(crowd, k):
    np.testing.assert_array_equal(levels({}, [CROWD[k]]), crowd[:, columns_of([k])])


@quick
@given(chosen=st.lists(st.integers(0, len(CROWD) - 1), min_size=2, max_size=20, unique=True))
def test_any_neighbours_in_any_order(crowd, chosen):
    found = levels({}, [CROWD[k] for k in chosen], threads=2)
    np.testing.assert_array_equal(found, crowd[:, columns_of(chosen)])


def test_a_subject_that_fails_changes_no_neighbour(crowd):
    """Truth: the same subjects without the one whose lag is negative; its own levels are NaN."""
    people = list(CROWD[:20])
    people[7] = [row | {"SLOW": -1.0, "CMT": GUT if "AMT" in row else 0, "RATE": 0} for row in people[7]]
    found = levels({}, people, on_failure="mark")
    well = columns_of([k for k in range(20) if k != 7])
    np.testing.assert_array_equal(found[:, well], crowd[:, well])
    assert np.isnan(found[:, columns_of([7])]).all()
