"""What was drawn and taken in all arms of a simulation, and what a Dataset says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np

from doseline.arms import Arms
from doseline.dataset import VARIABLES, More
from doseline.intakes import meals_of
from doseline.population.variability import KAPPA, effect_attrs, in_proportion, kappa_spread, occasional
from doseline.solve_intakes import Log


@dataclass
class Logs:
    """What was drawn and taken in all arms, and what a Dataset says of it."""

    arms: Arms
    total: np.ndarray  # (replicate, regimen, subject)
    count: np.ndarray
    taken: np.ndarray | None  # (replicate, regimen, subject, dose)
    at: np.ndarray | None
    meal: np.ndarray | None
    kappas: dict[str, np.ndarray]  # (replicate, subject, occasion)

    @classmethod
    def blank(cls, arms: Arms) -> "Logs":
        """Room for everything that there is to say."""
        people, regimens = len(arms.people), list(arms.regimens.values())
        shape = (len(arms.draws.labels), len(regimens), people)
        most = max(course.count for course in regimens)
        habits = [course.adherence for course in regimens if course.adherence is not None]
        last = max(float(course.doses()[0][-1]) for course in regimens)
        counts = arms.calendar.counts(most, max(last, float(arms.times[-1])))
        # arms of one length write all of it
        blank = (
            np.empty
            if len({course.count for course in regimens}) == 1
            else partial(np.full, fill_value=np.nan)
        )
        kappas = {
            name: blank((shape[0], people, counts[every]))
            for name, every in occasional(arms.model, arms.draws.effects).items()
            if every != "course"
        }
        return cls(
            arms,
            np.empty(shape),
            np.empty(shape, dtype=np.int64),
            np.zeros((*shape, most), dtype=bool) if habits else None,
            np.full((*shape, most), np.nan) if any(habit.late is not None for habit in habits) else None,
            np.full((*shape, most), -1, dtype=np.int8) if any(habit.meals for habit in habits) else None,
            kappas,
        )

    def of(self, replicate: int, regimen: int) -> Log:
        """The part of one arm; arms that differ in formulation or meal only write the same."""
        at = (replicate, regimen)
        return Log(
            self.total[at],
            self.count[at],
            None if self.taken is None else self.taken[at],
            None if self.at is None else self.at[at],
            None if self.meal is None else self.meal[at],
            {name: room[replicate] for name, room in self.kappas.items()},
        )

    def told(self) -> dict[str, np.ndarray]:
        """What `dataset.VARIABLES` has rows for."""
        told = {"total_dose": self.total, "doses_taken": self.count}
        planned = None
        if self.taken is not None:
            regimens, sizes = self.arms.regimens.values(), self.arms.subjects.sizes
            people = (len(self.arms.people),)
            own = [np.broadcast_to(course.doses_taken(**sizes), people) for course in regimens]
            planned = np.broadcast_to(np.stack(own), self.count.shape)
        optional = {
            "doses_planned": planned,
            "dose_taken": self.taken,
            "dose_taken_at": self.at,
        }
        return told | {name: each for name, each in optional.items() if each is not None}

    def variables(self) -> dict[str, More]:
        """Etas, kappas, estimates and individual parameters."""
        arms, found = self.arms, dict[str, More]()
        parameters = arms.model.parameters
        seen: dict[str, list[np.ndarray]] = {}
        own: dict[str, list[np.ndarray]] = {}
        shares: dict[str, list[np.ndarray]] = {name: [] for name in arms.model.occasions}
        for replicate in arms.draws.labels:
            etas = dict[str, np.ndarray]()
            compiled = arms.compiled(replicate)
            drawn = arms.between_subjects(replicate)
            with np.errstate(all="ignore"):
                values = compiled.parameters(arms.covariates, effects=drawn.effects(seen=etas))
            for name, effect in arms.model.occasions.items():
                if in_proportion(effect):
                    value = np.abs(values[name]) / parameters[name].to_coherent
                    shares[name].append(np.broadcast_to(value, (len(arms.people),)))
            for label, eta in etas.items():
                seen.setdefault(label, []).append(eta)
            for name in parameters:
                varies = name in arms.model.individual or name in drawn.subjects or name in compiled.estimates
                # what a meal sets has another value for each meal
                if varies and name not in arms.model.set_by_meals:
                    value = np.broadcast_to(values[name], (len(arms.people),)) / parameters[name].to_coherent
                    own.setdefault(name, []).append(value)
        for label, etas_of in seen.items():
            found[label] = More(("replicate", "subject"), np.stack(etas_of), effect_attrs(arms.model, label))
        for name, kappa in self.kappas.items():
            dims, label = ("replicate", "subject", arms.model.occasions[name].every), f"{KAPPA}_{name}"
            if shares[name]:
                kappa *= np.stack(shares[name])[..., np.newaxis]
            found[label] = More(dims, kappa, effect_attrs(arms.model, label))
        found |= self._courses({name: np.stack(each) for name, each in shares.items() if each})
        if self.meal is not None:
            row, known = VARIABLES["dose_meal"], meals_of(arms.model)
            flags = {"flag_values": list(range(len(known))), "flag_meanings": " ".join(known)}
            found["dose_meal"] = More(
                row.dims, self.meal, {"units": row.units, "long_name": row.label, **flags}
            )
        for name, values_of in own.items():
            found[name] = More(("replicate", "subject"), np.stack(values_of), effect_attrs(arms.model, name))
        return found

    def _courses(self, shares: Mapping[str, np.ndarray]) -> dict[str, More]:
        """Effects of whole courses (replicate, regimen, formulation, meal, subject).

        ``shares`` (replicate, subject) are what some of them are in proportion to.
        """
        arms, found = self.arms, dict[str, list[np.ndarray]]()
        if not any(effect.every == "course" for effect in arms.model.occasions.values()):
            return {}
        for replicate, key in product(arms.draws.labels, arms.keys):
            for name, each in arms.arm(replicate, key).drawn.occasions.items():
                sd: float | np.ndarray = kappa_spread(arms.model, name)
                if name in shares:
                    sd = sd * shares[name][arms.draws.labels.index(replicate)]
                found.setdefault(name, []).append(sd * each)
        dims = ("replicate", "regimen", "formulation", "meal", "subject")
        return {
            f"{KAPPA}_{name}": More(
                dims, np.stack(each).reshape(*arms.shape, -1), effect_attrs(arms.model, f"{KAPPA}_{name}")
            )
            for name, each in found.items()
        }
