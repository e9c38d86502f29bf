"""Where the spreads between subjects in models/isotretinoin.toml come from, without the simulator.

    python benchmarks/spread_isotretinoin.py
        prints the derived spreads beside those of the file, and four tables
    python benchmarks/spread_isotretinoin.py --page docs/theory/isotretinoin.md
        also rewrites the tables of that page

What is known: the CVs of AUC and Cmax, fed and fasted, of Tmax and of the half-life (one dose of 80 mg, 74
healthy adults, US label). What is not: weights, and anything about single subjects, such as whether those with
high levels fed are those with high levels fasted.

Three spreads, of CL, KA and F_FASTED, are solved for from four CVs, in the sense of least squares. The fasted CV
of Cmax needs F_FASTED to go with KA, or with CL, which makes those with high levels fed the ones with low levels
fasted: the first table printed here. The correlations 0.9 and 0.3 were chosen from it. Then the spread of V2 from
the half-life, and that of the lag from the SD of Tmax fed.

Expectations are averages over 8,192 points of a Sobol sequence, each moved to the middle of its cell. What
depends on chance (1,000 adults, 41 and 16 patients) is repeated 400 or 4,000 times with numbers of fixed seeds.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from calibrate_isotretinoin import MODEL
from scipy.optimize import brentq, least_squares
from scipy.special import ndtr, ndtri
from scipy.stats import qmc, t

DOSE = 80.0  # [mg]
CVS = {"AUC fed": 22, "AUC fasted": 46, "Cmax fed": 22, "Cmax fasted": 63}  # US label [%]
SECONDARY = {"Tmax fed": 77, "Tmax fasted": 56, "half-life fed": 39, "half-life fasted": 30}  # US label [%]
MEANS = {"AUC fed": 10004, "AUC fasted": 3703, "Cmax fed": 862, "Cmax fasted": 301,
         "Tmax fed": 5.3, "Tmax fasted": 3.2, "half-life fed": 21}  # US label [ng*h/mL, ng/mL, h]  # fmt: skip
UNITS = {"AUC": "ng·h/mL", "Cmax": "ng/mL", "Tmax": "h", "half-life": "h"}

EVERYBODY, VOLUNTEERS, WIDER = (
    (70.0, 0.0),
    (70.0, 7.0),
    (70.0, 10.0),
)  # mean and SD of weight, 50 to 90 kg [kg]
PATIENTS = (70.0, 14.0)  # 45 to 110 kg [kg]
EFFECTS = ("CL", "KA", "F_FASTED", "V2", "TLAG")
HABITS = {"with high-fat meals": "fed", "with standard breakfasts": "light", "on an empty stomach": "fasted"}


@dataclass(frozen=True)
class Spreads:
    """Standard deviations of eta, and the correlations of F_FASTED."""

    CL: float
    KA: float
    F_FASTED: float
    V2: float
    TLAG: float
    with_CL: float = 0.3  # chosen
    with_KA: float = 0.9  # chosen


def held(model: dict) -> Spreads:
    """The spreads of the file."""
    rows = model["blocks"]["absorption"]["correlations"]
    if rows[0] != [0.0]:
        raise SystemExit(f"this script expects no correlation of CL and KA; found {rows}")
    spreads = {name: model["variability"][name]["sd"] for name in EFFECTS}
    return Spreads(**spreads, with_CL=rows[1][0], with_KA=rows[1][1])


def sobol(power: int = 13) -> np.ndarray:
    """Uniform numbers for six quantities."""
    return qmc.Sobol(6, scramble=False).random_base2(power) + 0.5 / 2**power


class Adults:
    """Subjects, of the closed-form solution: (subject,) each."""

    def __init__(self, model: dict, spreads: Spreads, uniform: np.ndarray, *, weight, within=(50.0, 90.0)):
        typical = {name: entry["value"] for name, entry in model["parameters"].items()}
        self.meals = {
            meal: {key: held["value"] for key, held in said.items() if isinstance(held, dict)}
            for meal, said in model["formulations"]["generic"]["meals"].items()
        }
        mean, sd = weight
        low, high = (ndtr((end - mean) / sd) for end in within) if sd else (0.0, 0.0)
        self.WT = mean + (sd * ndtri(low + (high - low) * uniform[:, 0]) if sd else np.zeros(len(uniform)))
        z = ndtri(uniform)
        of_CL, of_KA = spreads.with_CL, spreads.with_KA
        shared = of_CL * z[:, 1] + of_KA * z[:, 2] + np.sqrt(1 - of_CL**2 - of_KA**2) * z[:, 3]
        size = self.WT / typical["WT_STD"]
        slow, large = size ** typical["ALLO_CL"], size ** typical["ALLO_V"]
        self.CL = typical["CL"] * slow * np.exp(spreads.CL * z[:, 1])
        self.KA = typical["KA"] * np.exp(spreads.KA * z[:, 2])
        high = model["variability"]["F_FASTED"]["high"]  # logit-normal between 0 and this, around 1
        self.F_FASTED = high / (1 + (high - 1) * np.exp(-spreads.F_FASTED * shared))
        V1, Q = typical["V1"] * large, typical["Q"] * slow
        V2 = typical["V2"] * large * np.exp(spreads.V2 * z[:, 4])
        self.late = np.exp(spreads.TLAG * z[:, 5])

        total, product = self.CL / V1 + Q / V1 + Q / V2, self.CL / V1 * Q / V2
        beta = 2 * product / (total + np.sqrt(total**2 - 4 * product))
        self.rate = np.stack([product / beta, beta, self.KA], axis=-1)  # [1/h]
        apart = self.rate[:, None, :] - self.rate[:, :, None] + np.eye(3)
        self.coefficient = (self.KA / V1)[:, None] * ((Q / V2)[:, None] - self.rate) / apart.prod(axis=2)

    def F(self, meal: str) -> np.ndarray:
        said = self.meals[meal]
        return said["F"] * self.F_FASTED ** said.get("FASTED", 0.0)

    def lag(self, meal: str) -> np.ndarray:
        return self.meals[meal]["TLAG"] * self.late

    def peak(self) -> tuple[np.ndarray, np.ndarray]:
        """Highest level after 1 mg, and when, from the start of absorption on. [mg/L], [h]"""
        grid = np.geomspace(0.05, 48.0, 300)
        early = sum(self.coefficient[:, [k]] * np.exp(-self.rate[:, [k]] * grid) for k in range(3))
        at = np.argmax(early, axis=1)
        low, high = grid[np.maximum(at - 1, 0)], grid[np.minimum(at + 1, len(grid) - 1)]
        time = grid[at]
        for _ in range(6):  # Newton on the slope
            terms = self.coefficient * np.exp(-self.rate * time[:, None])
            slope, bend = -(terms * self.rate).sum(-1), (terms * self.rate**2).sum(-1)
            time = np.clip(time - np.where(bend < 0, slope / bend, 0.0), low, high)
        return (self.coefficient * np.exp(-self.rate * time[:, None])).sum(-1), time

    def label(self) -> dict[str, np.ndarray]:
        """What the label reports, for every subject. [ng*h/mL], [ng/mL], [h]"""
        height, time = self.peak()
        found = {}
        for meal in ("fed", "fasted"):
            reached = 1000 * DOSE * self.F(meal)
            found |= {f"AUC {meal}": reached / self.CL, f"Cmax {meal}": reached * height}
            found |= {
                f"Tmax {meal}": self.lag(meal) + time,
                f"half-life {meal}": np.log(2) / self.rate.min(-1),
            }
        return found

    def settled(self, hours: np.ndarray, *, every: float = 12.0) -> np.ndarray:
        """Level after 1 mg every 12 h for ever, at a time since absorption began. [mg/L]"""
        settled = self.coefficient / -np.expm1(-self.rate * every)
        return (settled * np.exp(-self.rate * (hours % every)[:, None])).sum(-1)


def cv(values: np.ndarray) -> float:
    """Standard deviation over mean. [%]"""
    return float(100 * values.std() / values.mean())


def solve(model: dict, **correlations: float) -> Spreads:
    """The spreads that give the CVs of the label in volunteers, unrounded."""
    uniform = sobol()

    def misses(numbers):
        found = Adults(model, Spreads(*numbers, **correlations), uniform, weight=VOLUNTEERS).label()
        wanted = [cv(found[name]) - percent for name, percent in CVS.items()]
        middle = (SECONDARY["half-life fed"] + SECONDARY["half-life fasted"]) / 2
        sd = MEANS["Tmax fed"] * SECONDARY["Tmax fed"] / 100
        return [*wanted, cv(found["half-life fed"]) - middle, found["Tmax fed"].std() - sd]

    found = least_squares(misses, [0.2, 0.3, 0.9, 0.3, 0.8], bounds=([0.01] * 5, [1.0, 1.0, 3.0, 1.0, 2.0]))
    return Spreads(*map(float, found.x), **correlations)


def choice_table(model: dict) -> str:
    """What the two correlations do; the CVs are of the spreads that fit best."""
    lines = ["| with CL | with KA | AUC fed | AUC fasted | Cmax fed | Cmax fasted | r of the two AUC |",
             "|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for of_CL, of_KA in ((0.0, 0.0), (0.0, 0.9), (0.2, 0.9), (0.3, 0.9), (0.4, 0.9), (0.63, 0.63)):
        spreads = solve(model, with_CL=of_CL, with_KA=of_KA)
        found = Adults(model, spreads, sobol(), weight=VOLUNTEERS).label()
        cells = [f"{of_CL:.2g}", f"{of_KA:.2g}", *(f"{cv(found[name]):.1f} %" for name in CVS)]
        r = np.corrcoef(found["AUC fed"], found["AUC fasted"])[0, 1]
        lines.append(f"| {' | '.join(cells)} | {r:.2f} |")
    return "\n".join(lines)


def label_table(model: dict, spreads: Spreads) -> str:
    """CVs and means of the label, and what adults of three kinds have."""
    kinds = [Adults(model, spreads, sobol(), weight=w).label() for w in (VOLUNTEERS, EVERYBODY, WIDER)]
    random = np.random.default_rng(1)
    cohorts = [
        Adults(model, spreads, random.random((1000, 6)), weight=VOLUNTEERS).label() for _ in range(400)
    ]
    lines = ["| after 80 mg once | label | model | miss | 1,000 adults vary by | all 70 kg | 70 ± 10 kg |",
             "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for name, target in (CVS | SECONDARY).items():
        found, equal, wide = (cv(kind[name]) for kind in kinds)
        chance = np.std([cv(cohort[name]) for cohort in cohorts])
        cells = (f"CV of {name}", f"{target} %", f"{found:.1f} %", f"{found - target:+.1f} points",
                 f"{chance:.1f} points", f"{equal:.1f} %", f"{wide:.1f} %")  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
        if name in CVS:
            outside = np.mean([abs(cv(cohort[name]) - target) > 4 for cohort in cohorts])
            print(f"1,000 adults: CV of {name} more than 4 points off in {100 * outside:.1f} %")
    for name, target in MEANS.items():
        found, equal, wide = (kind[name].mean() for kind in kinds)
        chance = np.std([cohort[name].mean() for cohort in cohorts])
        unit = UNITS[name.split()[0]]
        shown = (f"{each:.{1 if unit == 'h' else 0}f}" for each in (target, found, chance, equal, wide))
        label, found_, chance_, equal_, wide_ = (f"{each} {unit}" for each in shown)
        miss = f"{100 * (found / target - 1):+.1f} %"
        lines.append(f"| mean {name} | {label} | {found_} | {miss} | {chance_} | {equal_} | {wide_} |")
    return "\n".join(lines)


def patients(model: dict, spreads: Spreads, uniform: np.ndarray) -> Adults:
    return Adults(model, spreads, uniform, weight=PATIENTS, within=(45.0, 110.0))


def steady_table(model: dict, spreads: Spreads) -> str:
    """41 patients on 0.75 to 1 mg/kg/day in two doses, at steady state."""
    random = np.random.default_rng(2)
    people = patients(model, spreads, random.random((4000 * 41, 6)))
    each = 1000 * random.uniform(0.75, 1.0, len(people.WT)) * people.WT / 2  # one dose [1e-3 mg]
    hours = random.uniform(0.0, 12.0, len(people.WT))
    published = 404  # Almond-Roesler 1998 [ng/mL]
    heads = ("taken", "average level", "before the next dose", "4 h after a dose", "at any time",
             f"its mean against {published}", "95 % of means of 41")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---|---:|---:|---:|---:|---:|---:|"]
    for words, meal in HABITS.items():
        reached, lag = each * people.F(meal), people.lag(meal)
        anytime = reached * people.settled(hours)
        levels = (
            reached / people.CL / 12,
            reached * people.settled(12 - lag),
            reached * people.settled(4 - lag),
            anytime,
        )
        groups = anytime.reshape(4000, 41).mean(axis=1)
        low, high = np.quantile(groups, [0.025, 0.975])
        cells = [f"{level.mean():.0f} ± {level.std():.0f}" for level in levels]
        cells += [f"{100 * (anytime.mean() / published - 1):+.0f} %", f"{low:.0f} to {high:.0f}"]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def without_correlation(levels: np.ndarray, dose: np.ndarray) -> tuple[float, float]:
    """Mean correlation of level and dose, and how many groups have none at p < 0.05; (group, patient) both."""
    centred = [each - each.mean(axis=1, keepdims=True) for each in (levels, dose)]
    r = (centred[0] * centred[1]).sum(1) / np.sqrt((centred[0] ** 2).sum(1) * (centred[1] ** 2).sum(1))
    freedom = levels.shape[1] - 2
    limit = t.ppf(0.975, freedom)
    return float(r.mean()), float(np.mean(np.abs(r) < limit / np.sqrt(freedom + limit**2)))


def dose_table(model: dict, spreads: Spreads) -> str:
    """16 patients on 0.47 to 1.7 mg/kg/day: is the average level seen to rise with the dose?"""
    random = np.random.default_rng(3)
    people = patients(model, spreads, random.random((4000 * 16, 6)))
    dose = random.uniform(0.47, 1.7, len(people.WT))
    share, z = random.random(len(dose)), random.standard_normal(len(dose))
    rows = {words: people.F(meal) for words, meal in HABITS.items()}
    rows["each with a share of fed doses of their own, 0 to 1, the rest fasted"] = share * people.F("fed") + (
        1 - share
    ) * people.F("fasted")
    lines = ["| taken | CV of level per mg/kg | mean correlation | of 16 patients, no correlation seen |",
             "|---|---:|---:|---:|"]  # fmt: skip

    def groups(per_dose: np.ndarray) -> tuple[float, float]:
        return without_correlation((dose * per_dose).reshape(4000, 16), dose.reshape(4000, 16))

    for words, F in rows.items():
        per_dose = people.WT * F / people.CL
        r, none = groups(per_dose)
        lines.append(f"| {words} | {cv(per_dose):.0f} % | {r:.2f} | {100 * none:.1f} % |")
    half = brentq(lambda sd: groups(np.exp(sd * z))[1] - 0.5, 0.2, 1.5, xtol=1e-3)
    r, none = groups(np.exp(half * z))
    needed = 100 * np.sqrt(np.expm1(half**2))
    lines.append(
        f"| *what it would take to see none half of the time* | {needed:.0f} % | {r:.2f} | {100 * none:.1f} % |"
    )
    return "\n".join(lines)


TABLES: dict[str, Callable[[dict, Spreads], str]] = {
    "correlations": lambda model, _: choice_table(model),
    "label": label_table,
    "steady state": steady_table,
    "dose": dose_table,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description="Derive the spreads of the isotretinoin model.")
    arguments.add_argument(
        "--page", type=Path, help="Markdown page whose four tables of spreads are rewritten"
    )
    page = arguments.parse_args().page
    model = tomllib.loads(MODEL.read_text(encoding="utf-8"))
    file = held(model)
    derived = solve(model, with_CL=file.with_CL, with_KA=file.with_KA)

    print("spread        derived   in the file")
    stale = []
    for name in EFFECTS:
        found, kept = getattr(derived, name), getattr(file, name)
        same = abs(found - kept) <= 0.005 + 1e-4  # two decimals, and what the solution is known to
        stale += [] if same else [name]
        print(f"{name:12} {found:8.4f} {kept:8}{'' if same else '   differs'}")

    text = page.read_text(encoding="utf-8") if page else ""
    for kind, table in TABLES.items():
        rows = table(model, file)
        print(f"\n{kind}\n{rows}")
        between = re.compile(f"(<!-- spread: {kind} -->\n).*?(<!-- /spread -->)", re.DOTALL)
        text = between.sub(lambda found, rows=rows: f"{found[1]}{rows}\n{found[2]}", text)
    if page:
        page.write_text(text, encoding="utf-8")
    if stale:
        raise SystemExit(f"the file does not hold the derived spreads of: {', '.join(stale)}")


if __name__ == "__main__":
    main()
