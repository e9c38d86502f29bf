"""Event tables by the engine against the plain simulator: any linear model, any records, several subjects at once.

Truth: tests/agreement/plain_records.py, which shares no code and no idea with the engine. Tolerance: 1e-10 of the
largest amount that is given to a subject or found in it. The truth leaves out of a steady state what has decayed by
exp(-45), 3e-20 of it, and its hundreds of steps are good to some 1e-14 each; they add up to less than 1e-12 where
amounts pile up tenfold, and a compartment that holds next to nothing has no digits of its own there. Times, lags and
durations are multiples of 1/64 h, and rates and F powers of two, so that both sides agree on which of two moments is
the earlier one.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_records import Record
from plain_records import simulate as plainly

import doseline as dl
from doseline.model.read import read_model

# boluses and infusions of the model into one compartment are what is tested; users are asked whether they mean it
pytestmark = pytest.mark.filterwarnings("ignore:.*doses with RATE = 0 are boluses")

CLOSE = 1e-10
ENTRY = '{} = {{ value = {!r}, unit = "{}", label = "x", source = "test", status = "assumption" }}'
COLUMNS = ("TIME", "EVID", "AMT", "RATE", "DUR", "II", "ADDL", "SS", "CMT", "S1", "S2", "FX", "LX")
CHANGES = ("S1", "S2", "FX", "LX")
"""Covariates, all plain numbers: factors of odd and of even flows, of F, R, D and initial amounts, and of lags."""


def sixty_fourths(low, high):
    return st.integers(64 * low, 64 * high).map(lambda k: k / 64)


def half_the_time(other, strategy):
    return st.just(other) | strategy


powers = st.sampled_from([0.25, 0.5, 1.0])


@st.composite
def bodies(draw):
    """2 to 5 compartments, rates between any of them, also in circles, and what a model file says of doses into each.

    Something leaves every compartment, at 0.1 /h or more: without that there is no steady state.
    """
    n = draw(st.integers(2, 5))
    between = [(i, j) for i in range(n) for j in range(n) if i != j]
    chosen = draw(st.lists(st.sampled_from(between), max_size=8, unique=True))
    rates = st.sampled_from([0.0, 0.1, 0.75]) | st.floats(1e-4, 4.0)
    flows = {pair: draw(rates) for pair in chosen}
    flows |= {(i, None): draw(st.sampled_from([0.1, 0.2]) | st.floats(0.1, 2.0)) for i in range(n)}
    # an infusion adds a state: more of them take long to compile
    infused = draw(st.sampled_from([set(), {1}, {2}, {1, 2}, {n}]))
    entries = {
        number: {
            "F": draw(powers),
            "LAG": draw(half_the_time(0.0, sixty_fourths(0, 10))),
            "R": draw(st.sampled_from([2.0, 16.0])) if draw(st.booleans()) else None,
            "D": draw(sixty_fourths(1, 12)),
            "B": draw(half_the_time(0.0, st.floats(0.1, 300.0))),
            "infused": number in infused,
        }
        for number in range(1, n + 1)
    }
    return n, flows, entries


def blank(**given):
    return dict.fromkeys(COLUMNS, 0) | given


@st.composite
def doses(draw, entries):
    """EVID 1 or 4 in any form."""
    infused = [number for number, entry in entries.items() if entry["infused"]]
    cmt = draw(st.sampled_from([*entries, *infused, *infused, *infused]))
    entry, evid = entries[cmt], draw(st.sampled_from([1, 1, 1, 4]))
    amount = draw(half_the_time(100.0, st.floats(0.5, 500.0)))
    row = blank(EVID=evid, CMT=draw(st.sampled_from([0, 1])) if cmt == 1 else cmt, AMT=amount)
    forms = ["bolus", "RATE", "DUR", "model", "model", "constant"]
    form = draw(st.sampled_from(forms if entry["infused"] else ["bolus"]))
    if form == "constant":
        rate = -1 if entry["R"] and draw(st.booleans()) else draw(st.floats(0.1, 50.0))
        return row | {"AMT": 0.0, "RATE": rate, "SS": draw(st.sampled_from([1, 2]))}
    hours = draw(st.sampled_from([1.0, 4.0, 12.0]) | sixty_fourths(1, 40))
    if form == "RATE":
        rate = draw(st.sampled_from([0.5, 4.0, 32.0]))
        row |= {"RATE": rate, "AMT": rate * hours}
    if form == "DUR":
        row |= {"DUR": hours}
    if form == "model":
        row |= {"RATE": -1, "AMT": entry["R"] * hours} if entry["R"] else {"RATE": -2}
    row["SS"] = draw(st.sampled_from([0, 0, 1, 2]))
    row["ADDL"] = draw(half_the_time(0, st.integers(1, 6)))
    if row["SS"] or row["ADDL"] or draw(st.booleans()):
        row["II"] = draw(st.sampled_from([1.0, 4.0, 12.0]) | sixty_fourths(1, 16))
    return row


def others(n):
    """Observations, switches, resets, replacements."""
    switched = st.sampled_from([-1, -2, -1, -2, 1, 2, -n, n, 0])  # few, so that off is often followed by on
    return st.one_of(
        st.builds(lambda cmt: blank(CMT=cmt), switched),
        st.builds(lambda cmt: blank(EVID=2, CMT=cmt), switched),
        st.builds(lambda cmt: blank(EVID=2, CMT=cmt), switched),
        st.just(blank(EVID=3)),
        st.builds(lambda cmt, x: blank(EVID=8, CMT=cmt, AMT=x), st.integers(1, n), st.floats(0.0, 200.0)),
    )


@st.composite
def tables(draw, n, entries):
    """The rows of one subject; an observation every now and then, and some at the end."""
    gaps = st.sampled_from([0.0, 0.0, 1.0, 4.0]) | sixty_fourths(0, 12)
    changes = {
        "S1": st.sampled_from([0.5, 1.0, 1.5]),
        "S2": st.sampled_from([0.5, 1.0, 1.5]),
        "FX": st.sampled_from([0.5, 1.0, 2.0]),
        "LX": st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    }
    changing = draw(st.booleans())
    now, rows = draw(st.sampled_from([0.0, 3.0])), []
    covariates = {name: draw(values) for name, values in changes.items()}
    kinds = st.sampled_from([doses(entries), doses(entries), others(n)]).flatmap(lambda kind: kind)
    events = draw(st.lists(kinds, min_size=draw(st.sampled_from([1, 4, 8])), max_size=10))
    # on again, whatever was switched off: what flows there is kept from then on
    events += draw(st.sampled_from([[], [blank(EVID=2, CMT=1), blank(EVID=2, CMT=2)]]))
    for event in [*events, *(blank() for _ in range(draw(st.integers(1, 5))))]:
        if changing:
            covariates = {name: draw(values) for name, values in changes.items()}
        for row in (event, blank()) if draw(st.booleans()) else (event,):
            rows.append(row | {"TIME": now} | covariates)
        now += draw(gaps)
    return rows


def model_of(n, flows, entries):
    """The same model as a file; every compartment is an output."""
    rows = [
        'name = "random"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[covariates]',
        *(f'{name} = {{ unit = "1", reference = 1, label = "x" }}' for name in CHANGES),
        "[parameters]",
        *(ENTRY.format(f"K{k}", rate, "1/h") for k, rate in enumerate(flows.values())),
    ]
    for number, entry in entries.items():
        units = {"F": "1", "LAG": "h", "R": "mg/h", "D": "h", "B": "mg"}
        rows += [ENTRY.format(f"{key}{number}", entry[key] or 0.0, unit) for key, unit in units.items()]
    rows += [
        "[compartments]",
        *(f'c{number} = {{ unit = "mg", label = "x" }}' for number in entries),
        "[flows]",
    ]
    rows += [
        f'"c{i + 1} -> {"out" if j is None else f"c{j + 1}"}" = "K{k} * S{1 + k % 2}"'
        for k, (i, j) in enumerate(flows)
    ]
    rows += [
        "[initial]",
        *(f'c{number} = "B{number} * FX"' for number, entry in entries.items() if entry["B"]),
    ]
    for number, entry in entries.items():
        modelled = f'rate = "R{number} * FX"' if entry["R"] else f'duration = "D{number} * FX"'
        rows += [f'[routes.r{number}]\nlabel = "x"\ninto = "c{number}"\nbioavailability = "F{number} * FX"']
        rows += [f'lag = "LAG{number} * LX"\n{modelled}']
    rows += [f'[outputs.y{number}]\nvalue = "c{number}"\nunit = "mg"\nlabel = "x"' for number in entries]
    return read_model("\n".join(rows), place="random")


def plain_table(rows, body, modes):
    """The rows of one subject for the plain simulator."""
    _, flows, entries = body

    def scaled(odd, even):
        return {pair: rate * (even if k % 2 else odd) for k, (pair, rate) in enumerate(flows.items())}

    records, before = [], rows[0]
    for row in rows:
        entry = entries.get(row["CMT"] or 1, entries[1])
        held = [row[name] if modes[name] == "nocb" else before[name] for name in ("S1", "S2")]
        dosed = row["EVID"] in (1, 4)
        records.append(Record(
            time=row["TIME"], flows=scaled(*held), own_flows=scaled(row["S1"], row["S2"]), evid=row["EVID"],
            compartment=row["CMT"] or (1 if dosed else 0), amount=row["AMT"], rate=row["RATE"], duration=row["DUR"],
            interval=row["II"], additional=row["ADDL"], steady=row["SS"], F=entry["F"] * row["FX"],
            lag=entry["LAG"] * row["LX"], R=(entry["R"] or 0.0) * row["FX"], D=entry["D"] * row["FX"],
            initial=tuple(each["B"] * row["FX"] for each in entries.values()),
        ))  # fmt: skip
        before = row
    return records


@st.composite
def studies(draw):
    """A model, one to four subjects with records of their own, and how covariates go on between records."""
    body = draw(bodies())
    people = draw(st.lists(tables(body[0], body[2]), min_size=1, max_size=4))
    return body, people, {name: draw(st.sampled_from(["nocb", "locf"])) for name in CHANGES}


def read(people, modes):
    """The table of all subjects; IDs do not begin at 1."""
    columns = {
        name: np.array([row[name] for rows in people for row in rows], dtype=float) for name in COLUMNS
    }
    columns["ID"] = np.repeat(3 * np.arange(len(people)) + 7, [len(rows) for rows in people])
    return dl.read_records(columns, modes=modes)


def scale_of(rows, body, found):
    """The largest amount that is given, there from the start, or found. [mg]"""
    most = max(max(row["AMT"] * row["FX"] for row in rows), max(each["B"] * 2 for each in body[2].values()))
    return max(most, np.max(found), 1e-300)


def agree(study):
    body, people, modes = study
    levels = dl.simulate(model_of(*body), read(people, modes))
    found = np.stack([levels[f"y{number}"].values for number in body[2]], axis=1)
    for at, rows in enumerate(people):
        truth = np.array(plainly(plain_table(rows, body, modes), body[0]))
        own = levels["subject"].values == 3 * at + 7
        largest = scale_of(rows, body, truth)
        assert levels["time"].values[own].tolist() == [row["TIME"] for row in rows if row["EVID"] == 0]
        np.testing.assert_allclose(found[own] / largest, truth / largest, rtol=0, atol=CLOSE)


def agree_on_a_grid(study, times):
    """Every point of the grid as an observation behind all records that are due by then."""
    body, people, modes = study
    levels = dl.simulate(model_of(*body), read(people, modes), times=times)
    for at, rows in enumerate(people):
        looks, records, waiting = [], [], list(times[times >= rows[0]["TIME"]])
        for row in [*rows, None]:
            while waiting and (row is None or waiting[0] < row["TIME"]):
                # covariates of the stretch, which the next record ends; behind the last record its own
                held = {"locf": records[-1], "nocb": row or rows[-1]}
                looks.append(len(records))
                records.append(
                    blank(TIME=waiting.pop(0)) | {name: held[modes[name]][name] for name in CHANGES}
                )
            if row is not None:
                records.append(row)
        plain = plainly(plain_table(records, body, modes), body[0])
        observed = np.cumsum([row["EVID"] == 0 for row in records]) - 1
        truth = np.array([plain[observed[look]] for look in looks]).reshape(len(looks), body[0])
        before = int(np.sum(times < rows[0]["TIME"]))
        whole = np.vstack([np.zeros((before, body[0])), truth])
        found = np.stack([levels[f"y{k}"].sel(subject=3 * at + 7).values for k in body[2]], axis=-1)
        largest = scale_of(rows, body, whole)
        np.testing.assert_allclose(found / largest, whole / largest, rtol=0, atol=CLOSE)


even = st.builds(
    lambda start, step, count: start + step * np.arange(count),
    sixty_fourths(0, 6), st.integers(8, 200).map(lambda k: k / 64), st.integers(1, 60),
)  # fmt: skip
uneven = st.lists(st.integers(0, 90 * 64), min_size=1, max_size=25, unique=True).map(
    lambda k: np.sort(k) / 64
)


@settings(max_examples=150, deadline=None)
@given(study=studies())
def test_agrees(study):
    agree(study)


@settings(max_examples=30, deadline=None)
@given(study=studies(), times=even | uneven)
def test_agrees_on_a_grid(study, times):
    agree_on_a_grid(study, times)


def test_every_way_to_switch():
    """One after another, an hour apart and watched between: random tables seldom have what shows a switch."""
    entry = {"F": 0.5, "LAG": 0.0, "R": 2.0, "D": 1.0, "B": 40.0, "infused": True}
    flows = {(0, 1): 0.75, (1, 2): 0.3, (2, 1): 0.06, (0, None): 0.1, (1, None): 0.2, (2, None): 0.1}
    off, on = {"EVID": 2, "CMT": -2}, {"EVID": 2, "CMT": 2}
    dose = {"EVID": 1, "CMT": 1, "AMT": 100.0}
    events = [
        off, on,  # what flows there is lost, then kept
        {"CMT": -2}, dose | {"CMT": 2},  # off by an observation, on by a dose
        off, dose | {"CMT": 2, "RATE": 8.0}, off,  # on by an infusion, which the next one ends
        {"EVID": 8, "CMT": 2, "AMT": 30.0},
        off, dose | {"SS": 1, "II": 6.0},  # a train through a body without it
        dose | {"SS": 2, "II": 6.0, "CMT": 2}, off, dose | {"SS": 1, "RATE": -1, "II": 4.0, "CMT": 2},
        off, {"EVID": 1, "CMT": 2, "RATE": 5.0, "SS": 2},
        off, {"EVID": 3}, off, dose | {"EVID": 4},
        {"EVID": 2, "CMT": -1}, dose | {"DUR": 3.0}, {"EVID": 2, "CMT": -1}, {"EVID": 2, "CMT": 1},
    ]  # fmt: skip
    rows = [dose]
    for event in events:
        rows += [{}, event]
    covariates = {"S1": 1.0, "S2": 1.0, "FX": 1.0, "LX": 1.0}
    rows = [blank(**row) | covariates | {"TIME": float(at)} for at, row in enumerate([*rows, {}, {}])]
    agree(((3, flows, {k: dict(entry) for k in (1, 2, 3)}), [rows], dict.fromkeys(CHANGES, "nocb")))


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(study=studies())
def test_agrees_at_length(study):
    agree(study)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(study=studies(), times=even | uneven)
def test_agrees_on_a_grid_at_length(study, times):
    agree_on_a_grid(study, times)
