"""Every form of a steady state against the doses that it stands for, both by the engine.

Truth: SS is short for an endless train of doses, so 400 explicit ones (ADDL=399) before the record give the same
levels. The two sides share no path: one is algebra on a single interval, the other a walk from dose to dose. Tolerance:
1e-10 of the largest level; the slowest rate here, 0.0155 /h, leaves exp(-0.0155 * 400 * 6) = 7e-17 of the first dose,
and 400 steps round by less than 1e-13.
"""

import numpy as np
import pytest

import doseline as dl
from doseline.model.read import read_model

# boluses and infusions of the model into one compartment are what is tested; users are asked whether they mean it
pytestmark = pytest.mark.filterwarnings("ignore:.*doses with RATE = 0 are boluses")

CLOSE = 1e-10
TRAIN = 400
ENTRY = '{} = {{ value = {}, unit = "{}", label = "x", source = "test", status = "assumption" }}'
UNITS = {"KA": "1/h", "KE": "1/h", "K12": "1/h", "K21": "1/h", "F": "1", "LAG": "h", "R": "mg/h", "D": "h"}
VALUES = {"KA": 1.5, "KE": 0.12, "K12": 0.3, "K21": 0.06, "F": 1.0, "LAG": 0.0, "R": 8.0, "D": 3.0}
GUT, CENTRAL = 1, 2

MODEL = read_model(
    "\n".join(
        [
            'name = "settles"\ntitle = "gut, centre, deep"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]',
            *(ENTRY.format(name, value, UNITS[name]) for name, value in VALUES.items()),
            '[compartments]\ngut = { label = "x" }\ncentral = { label = "x" }\ndeep = { label = "x" }',
            '[flows]\n"gut -> central" = "KA"\n"central -> out" = "KE"\n"central -> deep" = "K12"\n'
            '"deep -> central" = "K21"',
            '[routes.oral]\nlabel = "x"\ninto = "gut"\nbioavailability = "F"\nlag = "LAG"\nduration = "D"',
            '[routes.vein]\nlabel = "x"\ninto = "central"\nbioavailability = "F"\nlag = "LAG"\nrate = "R"',
            '[outputs]\ncentral = { value = "central", unit = "mg", label = "x" }',
            'gut = { value = "gut", unit = "mg", label = "x" }\ndeep = { value = "deep", unit = "mg", label = "x" }',
        ]
    ),
    place="settles",
)

bolus = {"AMT": 100.0, "II": 12.0, "CMT": CENTRAL}
oral = {"AMT": 100.0, "II": 12.0, "CMT": GUT}
FORMS = {
    "bolus": (bolus, {}),
    "bolus, often": (bolus | {"II": 6.0}, {}),
    "first-order absorption": (oral, {}),
    "bioavailability": (oral, {"F": 0.37}),
    "infusion shorter than II": (bolus | {"RATE": 25.0}, {}),
    "infusion as long as II": (bolus | {"RATE": 10.0, "AMT": 120.0}, {}),
    "infusion longer than II": (bolus | {"RATE": 10.0, "AMT": 175.0}, {}),
    "infusion twice as long as II": (bolus | {"RATE": 10.0, "AMT": 240.0}, {}),
    "infusion several times longer than II": (bolus | {"RATE": 2.0, "AMT": 105.0}, {}),
    "infusion whose duration F scales": (bolus | {"RATE": 2.0, "AMT": 100.0}, {"F": 0.824}),
    "infusion by DUR": (bolus | {"DUR": 7.0}, {}),
    "zero order into the gut, RATE=-2": (oral | {"RATE": -2}, {"F": 0.61}),
    "zero order into the gut, longer than II": (oral | {"RATE": -2}, {"D": 41.0}),
    "rate of the model, RATE=-1": (bolus | {"RATE": -1}, {"F": 0.61}),
    "rate of the model, longer than II": (bolus | {"RATE": -1}, {"R": 3.0}),
    "lag": (bolus, {"LAG": 4.0}),
    "lag, absorption": (oral, {"LAG": 2.6}),
    "lag as long as II": (bolus, {"LAG": 12.0}),
    "lag longer than II": (oral, {"LAG": 17.5}),
    "lag of three II": (bolus, {"LAG": 36.0}),
    "lag longer than three II": (oral, {"LAG": 40.0}),
    "lag and infusion": (bolus | {"RATE": 25.0}, {"LAG": 3.0}),
    "lag and infusion, together beyond II": (bolus | {"RATE": 10.0}, {"LAG": 5.0}),
    "lag and infusion, each longer than II": (bolus | {"RATE": 4.0}, {"LAG": 29.0}),
    "lag and zero order": (oral | {"RATE": -2}, {"LAG": 13.0, "D": 14.0}),
}
ON_TOP = {"EVID": 1, "AMT": 333.0, "CMT": CENTRAL, "RATE": 20.0, "ADDL": 1, "II": 12.0}
"""Another course that has begun a while before: its infusion is running, and a dose is still to come."""
WAYS = {
    "alone": ({"EVID": 1, "SS": 1}, False, False),
    "SS=1 ends what was before": ({"EVID": 1, "SS": 1}, True, False),
    "SS=2 on top of what was before": ({"EVID": 1, "SS": 2}, True, True),
    "EVID=4 with SS=1": ({"EVID": 4, "SS": 1}, True, False),
}
"""What the record says, whether there is another course before it, and whether that other course goes on."""

COLUMNS = ("TIME", "EVID", "AMT", "RATE", "DUR", "II", "ADDL", "SS", "CMT")
WATCHED = np.concatenate([np.arange(0.0, 64.0, 0.5), [100.0, 300.0]])


def levels(rows, parameters):
    """Levels (output, observation) of one subject's rows, in order of time."""
    rows = sorted(rows, key=lambda row: row["TIME"])
    table = {name: [row.get(name, 0) for row in rows] for name in COLUMNS}
    found = dl.simulate(MODEL.with_(**parameters), dl.read_records(table))
    return np.stack([found[name].values for name in MODEL.outputs])


def close(found, truth):
    largest = truth.max()
    assert largest > 1.0
    np.testing.assert_allclose(found / largest, truth / largest, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_steady_state_is_400_doses(form, way):
    """The dose of the record and its three additional ones are ordinary doses on both sides."""
    dose, parameters = FORMS[form]
    said, other, goes_on = WAYS[way]
    begin = TRAIN * dose["II"]  # when the record comes; the train begins at 0
    watched = [{"TIME": begin + hours} for hours in WATCHED]
    before = [ON_TOP | {"TIME": begin - 7.0}] if other else []
    short = [*before, dose | said | {"TIME": begin, "ADDL": 3}, *watched]
    train = [{**dose, "TIME": 0.0, "EVID": 1, "ADDL": TRAIN - 1}]
    written = [*train, *(before if goes_on else []), dose | {"TIME": begin, "EVID": 1, "ADDL": 3}, *watched]
    close(levels(short, parameters), levels(written, parameters))


@pytest.mark.parametrize("said", [{"SS": 1}, {"SS": 2}, {"SS": 1, "EVID": 4}], ids=str)
@pytest.mark.parametrize("rate", [10.0, -1])
def test_constant_infusion_is_a_long_one(said, rate):
    """AMT=0, RATE>0, II=0: the levels after an infusion of 4000 h that ends at the record, without F and lag."""
    begin, amount = 4000.0, (10.0 if rate == 10.0 else VALUES["R"]) * 4000.0
    watched = [{"TIME": begin + hours} for hours in WATCHED]
    before = [ON_TOP | {"TIME": begin - 7.0}]
    record = {"EVID": 1, "AMT": 0.0, "RATE": rate, "CMT": CENTRAL, "TIME": begin} | said
    found = levels([*before, record, *watched], {"F": 0.5, "LAG": 3.0})
    whole = {"TIME": 0.0, "EVID": 1, "AMT": amount, "DUR": begin, "CMT": CENTRAL}
    truth = levels([whole, *watched], {})
    if said["SS"] == 2:
        truth = truth + levels([*before, *watched], {"F": 0.5, "LAG": 3.0})
    close(found, truth)
