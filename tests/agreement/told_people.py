"""A model with everything that can happen to a dose, and what a Dataset of it says of each person.

Individual parameters, kappas, covariates and doses are read from the Dataset; what they do is written down here once
more, so that no code of ours stands between the Dataset and the levels.
"""

import numpy as np
from plain_people import Arrival, Stretch, levels

import doseline as dl

TYPICAL = {
    "KA": 1.1, "KS": 0.35, "CL": 9.0, "V": 60.0, "Q": 5.0, "VP": 80.0, "F": 0.8, "LAG": 0.4, "DUR": 1.5, "RATE": 20.0,
    "BASE": 0.0, "STANDARD": 70.0,
}  # fmt: skip
UNITS = {
    "KA": "1/h", "KS": "1/h", "CL": "L/h", "V": "L", "Q": "L/h", "VP": "L", "F": "1", "LAG": "h", "DUR": "h",
    "RATE": "mg/h", "BASE": "mg/L", "STANDARD": "kg",
}  # fmt: skip
MEALS = {"fed": {"F": 0.9, "LAG": 0.7}, "fasted": {"F": 0.5, "LAG": 0.2}}
"""What each meal changes; fasted doses go into the slow depot too."""
ACTING = ("KA", "KS", "CL", "V", "Q", "VP")
"""Parameters of the body."""
MADE = {"source": "test", "status": "assumption", "label": "x"}


def number(name, value):
    return {"value": value, "unit": UNITS[name], **MADE}


MODEL = dl.build_model(
    "people",
    covariates={"WT": {"unit": "kg", "reference": 70, "low": 3, "high": 300, "label": "body weight"}},
    parameters={name: number(name, value) for name, value in TYPICAL.items()},
    individual={"CL": "CL * (WT / STANDARD) ** 0.75", "V": "V * WT / STANDARD"},
    compartments={"gut": "mg", "slow": "mg", "central": "mg", "peripheral": "mg"},
    flows={
        "gut -> central": "KA",
        "slow -> central": "KS",
        "central -> out": "CL / V",
        "central -> peripheral": "Q / V",
        "peripheral -> central": "Q / VP",
    },
    initial={"central": "BASE * V"},
    routes={
        "oral": {"into": "gut", "bioavailability": "F", "lag": "LAG", "label": "x"},
        "iv": "central",
        "patch": {"into": "central", "duration": "DUR", "lag": "LAG", "label": "x"},
        "pump": {"into": "central", "rate": "RATE", "bioavailability": "F", "label": "x"},
    },
    formulations={
        "capsule": {
            "label": "x",
            "strengths": [1],
            "strength_unit": "mg",
            "meals": {
                meal: {
                    "label": "x",
                    "source": "test",
                    **({"into": "slow"} if meal == "fasted" else {}),
                    **{name: number(name, value) for name, value in changes.items()},
                }
                for meal, changes in MEALS.items()
            },
        }
    },
    outputs={"plasma": ("central / V", "mg/L"), "depots": ("gut + slow", "mg")},
)


class Person:
    """One subject of a Dataset, by position; every random effect is log-normal."""

    def __init__(self, told, position, course, *, every, visits=(0.0,)):
        self.told, self.position, self.every, self.visits = told, position, every, np.array(visits)
        self.course = course
        self.nominal = course.doses()[0]

    def own(self, name, default=None):
        return float(self.told[name].values[self.position]) if name in self.told else default

    def occasion(self, name, time, dose):
        """Number of the occasion of a parameter: the dose's own, the day, the stretch since a visit."""
        if self.every[name] == "dose":
            return dose
        if self.every[name] == "day":
            return int(time // 24.0)
        return int(np.searchsorted(self.visits, time, side="right")) - 1

    def value(self, name, time, dose, meal=None):
        """Value of a parameter at a time, or of a dose that is taken then."""
        value = self.own(name, TYPICAL[name])
        if name in MEALS.get(meal, {}):
            value = MEALS[meal][name] * np.exp(self.own(f"eta_{name}", 0.0))
        if name in self.every:
            kappa = self.told[f"kappa_{name}"].values[self.position]
            if self.every[name] != "course":
                kappa = kappa[self.occasion(name, time, dose)]
            value = value * np.exp(kappa)
        return value

    def arrivals(self, meal):
        """What was taken until the end of the grid; ``meal`` is that of doses that leave theirs open."""
        kind, doses = self.course.doses()[1:]
        weights = self.told["WT"].values
        planned = len(self.nominal)
        if self.course.until:
            planned = int(self.course.doses_taken(WT=weights)[self.position])
        for number_, (time, dose) in enumerate(
            zip(self.nominal[:planned], (doses[k] for k in kind[:planned]), strict=True)
        ):
            if "dose_taken" in self.told and not self.told["dose_taken"].values[self.position, number_]:
                continue
            at = self.dose("dose_taken_at", number_, float(time))
            if at <= self.told["time"].values[-1]:
                chosen = self.dose("dose_meal", number_, None)
                if chosen is not None:
                    chosen = self.told["dose_meal"].attrs["flag_meanings"].split()[int(chosen)]
                yield self.arrival(dose, number_, at, chosen or dose.meal or meal)

    def dose(self, name, number_, default):
        return float(self.told[name].values[self.position, number_]) if name in self.told else default

    def arrival(self, dose, number_, at, meal):
        route = dose.route or "oral"
        amount = dose.amount * (self.own("WT") if dose.per else 1.0)
        amount *= self.value("F", at, number_, meal) if route in ("oral", "pump") else 1.0
        begin = at + (self.value("LAG", at, number_, meal) if route in ("oral", "patch") else 0.0)
        hours = dose.duration or 0.0
        if dose.duration is None and route == "patch":
            hours = self.value("DUR", at, number_)
        if dose.duration is None and route == "pump":
            hours = amount / self.value("RATE", at, number_)
        into = 2 if route != "oral" else 1 if meal == "fasted" else 0
        return Arrival(begin, begin + hours, amount, into)

    def stretches(self):
        """The body from each change of an occasion that acts in it to the next; doses change it when they are due."""
        last = self.told["time"].values[-1]
        kinds = {every for name, every in self.every.items() if name in ACTING}
        begins = {0.0}
        begins |= set(np.arange(24.0, last + 1e-9, 24.0).tolist()) if "day" in kinds else set()
        begins |= set(self.visits.tolist()) if "visit" in kinds else set()
        begins |= set(self.nominal.tolist()) if "dose" in kinds else set()
        for begin in sorted(begin for begin in begins if begin <= last):
            dose = max(int(np.searchsorted(self.nominal, begin, side="right")) - 1, 0)
            p = {name: self.value(name, begin, dose) for name in ACTING}
            rates = {
                (0, 2): p["KA"],
                (1, 2): p["KS"],
                (2, None): p["CL"] / p["V"],
                (2, 3): p["Q"] / p["V"],
                (3, 2): p["Q"] / p["VP"],
            }
            matrix = np.zeros((4, 4))
            for (source, target), rate in rates.items():
                matrix[source, source] -= rate
                if target is not None:
                    matrix[target, source] += rate
            yield Stretch(begin, matrix, np.array([[0.0, 0.0, 1.0 / p["V"], 0.0], [1.0, 1.0, 0.0, 0.0]]))

    def levels(self, *, meal, base=0.0):
        """Levels (time, output) at the times of the Dataset, and the highest ones up to its end (output,)."""
        times = self.told["time"].values.tolist()
        arrivals = list(self.arrivals(meal))
        peaks = {time for one in arrivals for time in (one.begin, one.end) if time <= times[-1]}
        every = sorted({0.0, *times, *peaks})
        initial = [0.0, 0.0, base * self.value("V", 0.0, 0), 0.0]
        found = levels(list(self.stretches()), arrivals, initial, every)
        return found[np.searchsorted(every, times)], found.max(axis=0)
