"""What each identity in the newer model files expects, worked out without doseline.

`NUMBERS` holds one for each check of kind identity, as functions, so that only those asked for are worked out. Units
are those of the check.
"""

import math

import mpmath as mp
from closed_forms import (
    BOLUS,
    COURSE,
    FAST,
    IV,
    LN2,
    MOUSE,
    PACLITAXEL,
    SLOW,
    THEO_K,
    WARFARIN_CL,
    E,
    area_with_linear,
    at,
    bateman,
    claret,
    end_of_infusion,
    extreme,
    free_of,
    held_down,
    implicit,
    induced_level,
    lambert,
    mixed,
    root,
    savic,
    savic_entry,
    steady_free,
    steady_occupancy,
    steady_target,
    swallowed_top,
    through_loss,
    top_of,
    untreated,
    warfarin_pca,
    weibull,
)
from plain_solutions import Dose, repeated

NUMBERS = {
    "michaelis-menten": {
        "level after 24 h, into a vein": lambda: lambert(24),
        "whole area, into a vein": lambda: 10 / 0.2 * (2 + 10 / 2),
        "ten times the dose, far more than ten times the area": lambda: 10 * (2 + 10 / 2) / (2 + 1 / 2),
        "level that an infusion settles at": lambda: 2 * 6 / (10 - 6),
        "height of the peak, by mouth": lambda: extreme(
            "michaelis-menten", "plasma", 1, 0.5, 8, Dose(0, 0, 500)
        )[0],
        "time of the peak, by mouth": lambda: extreme(
            "michaelis-menten", "plasma", 1, 0.5, 8, Dose(0, 0, 500)
        )[1],
    },
    "michaelis-menten-linear": {
        "level after 24 h, into a vein": lambda: implicit(24),
        "whole area, into a vein": lambda: area_with_linear(10.0),
        "ten times the dose, more than ten times the area": lambda: (
            area_with_linear(10.0) / area_with_linear(1.0)
        ),
        "level that an infusion settles at": lambda: root(lambda c: c + 10 * c / (2 + c) - 6, 2.0),
    },
    **{
        f"indirect-response-{number}": {
            "at rest": lambda: 100.0,
            "height of the drug's peak, by mouth": swallowed_top,
            "response that an infusion settles at": lambda settled=settled: settled,
            "response after 12 h, into a vein": lambda truth=truth: truth(),
            f"{word} response, into a vein": lambda n=number, s=sign: extreme(
                f"indirect-response-{n}", "response", s, 4, 30, IV
            )[0],
            f"time of the {word} response": lambda n=number, s=sign: extreme(
                f"indirect-response-{n}", "response", s, 4, 30, IV
            )[1],
        }
        for number, settled, truth, sign, word in (
            (1, 100 * 0.28, lambda: at("indirect-response-1", "response", 12, IV), -1, "lowest"),
            (2, 100 / 0.28, lambda: through_loss(12, mp.mpf("-0.9")), 1, "highest"),
            (3, 100 * 2.6, lambda: at("indirect-response-3", "response", 12, IV), 1, "highest"),
            (4, 100 / 2.6, lambda: through_loss(12, mp.mpf(2)), -1, "lowest"),
        )
    },
    "effect-compartment": {
        "height of the drug's peak, by mouth": swallowed_top,
        "height at the site, into a vein": lambda: float(bateman(top_of(0.4, 0.1), ka=0.4, k=0.1, dose=2)),
        "time of the largest effect, into a vein": lambda: top_of(0.4, 0.1),
        "effect at rest": lambda: 10.0,
        "effect that an infusion settles at": lambda: 10 + 80 * 2**2.5 / (0.8**2.5 + 2**2.5),
    },
    "turnover-feedback": {
        "height of the drug's peak, by mouth": swallowed_top,
        "at rest": lambda: 100.0,
        "response that an infusion settles at": lambda: 100 * math.sqrt(0.28),
        "moderator that an infusion settles at": lambda: 100 * math.sqrt(0.28),
        "lowest response, into a vein": lambda: extreme("turnover-feedback", "response", -1, 0.5, 12, IV)[0],
        "rebound, into a vein": lambda: extreme("turnover-feedback", "response", 1, 15, 120, IV)[0],
    },
    **{
        name: {
            "free drug just after a bolus": lambda first=first: first,
            "all drug just after a bolus": lambda: 100 / 3,
            "free target at rest": lambda: 1.0,
            "all of a dose leaves": lambda: 100.0,
            "free drug that an infusion settles at": lambda k=k: steady_free(k),
            "free target that an infusion settles at": lambda k=k: steady_target(k),
            "occupancy that an infusion settles at": lambda k=k: steady_occupancy(k),
            "free drug after 3 weeks": lambda name=name: at(name, "free", 504, BOLUS),
        }
        for name, first, k in (
            ("tmdd", 100 / 3, 0.14),
            ("tmdd-quasi-equilibrium", free_of(mp.mpf(100) / 3, 1, mp.mpf("0.1")), 0.1),
            ("tmdd-quasi-steady-state", free_of(mp.mpf(100) / 3, 1, mp.mpf("0.14")), 0.14),
        )
    },
    "tmdd-michaelis-menten": {
        "level just after a bolus": lambda: 100 / 3,
        "all of a dose leaves": lambda: 100.0,
        "level that an infusion settles at": lambda: root(
            lambda c: 0.01 * c + 0.06 * c / (0.14 + c) - 0.1, 4.0
        ),
        "level after 3 weeks": lambda: at("tmdd-michaelis-menten", "plasma", 504, BOLUS),
    },
    "transit-absorption-savic": {
        "AUC = F dose / clearance": lambda: 20 / 17.2,
        "average level at steady state": lambda: 20 / 17.2 / 12,
        "level after 1 h": lambda: savic(1),
        "level after 4 h": lambda: savic(4),
        "highest rate of entry": savic_entry,
    },
    "weibull-absorption": {
        "AUC = F dose / clearance": lambda: 20.0,
        "average level at steady state": lambda: 100 / 5 / 24,
        "what the scale means": lambda: 100 * E(-1),
        "level after 2 h": lambda: weibull(2),
        "level after 6 h": lambda: weibull(6),
    },
    "mixed-absorption": {
        "AUC = F dose / clearance": lambda: 20.0,
        "average level at steady state": lambda: 100 / 5 / 24,
        "level after 2 h": lambda: mixed(2),
        "level after 8 h": lambda: mixed(8),
        "still to be absorbed after 2 h": lambda: 40 * E(-1.6) + 60 / 3,
    },
    "auto-induction": {
        "clearance before the first dose": lambda: 1.75,
        "level that an infusion settles at": induced_level,
        "clearance that an infusion settles at": lambda: 10 / induced_level(),
        "level after 1 week": lambda: at(
            "auto-induction", "plasma", 168, *repeated(0, 0.8 * 600, every=12, count=14)
        ),
    },
    "tumour-growth-simeoni": {
        "untreated, exponential": lambda: 0.055 * E(0.273 * 5),
        "untreated, linear in the end": lambda: untreated(30),
        "level just after a dose": lambda: 30 / 0.81 * 1000,
        "treated, after 20 days": lambda: at("tumour-growth-simeoni", "tumour", 480, *MOUSE),
        "treated, after 40 days": lambda: at("tumour-growth-simeoni", "tumour", 960, *MOUSE),
    },
    "tumour-growth-claret": {
        "size at the end of treatment": lambda: claret(2016),
        "smallest size": lambda: extreme("tumour-growth-claret", "size", -1, 1000, 2300, *COURSE)[0],
        "largest shrinkage": lambda: (
            100 * (extreme("tumour-growth-claret", "size", -1, 1000, 2300, *COURSE)[0] / 60 - 1)
        ),
        "average level at steady state": lambda: 1000 / 10 / 24,
    },
    "friberg-myelosuppression": {
        "before the first dose": lambda: 7.21,
        "level at the end of an infusion": end_of_infusion,
        "lowest count": lambda: extreme("friberg-myelosuppression", "leukocytes", -1, 100, 400, PACLITAXEL)[
            0
        ],
        "time of the lowest count": lambda: extreme(
            "friberg-myelosuppression", "leukocytes", -1, 100, 400, PACLITAXEL
        )[1],
        "overshoot": lambda: extreme("friberg-myelosuppression", "leukocytes", 1, 400, 800, PACLITAXEL)[0],
        "count that a constant level settles at": held_down,
    },
    "theophylline": {
        "AUC = dose / clearance": lambda: 320 / 2.76,
        "half-life": lambda: LN2 / THEO_K,
        "time of the peak": lambda: top_of(1.57, THEO_K),
        "height of the peak": lambda: (
            float(bateman(top_of(1.57, THEO_K), ka=1.57, k=THEO_K, dose=320)) / 31.5
        ),
    },
    "warfarin": {
        "prothrombin complex activity at rest": lambda: E(4.57),
        "AUC = dose / clearance": lambda: 100 / WARFARIN_CL,
        "activity that a constant level settles at": warfarin_pca,
        "lowest activity": lambda: extreme("warfarin", "pca", -1, 20, 100, Dose(0, 0, 100))[0],
        "time of the lowest activity": lambda: extreme("warfarin", "pca", -1, 20, 100, Dose(0, 0, 100))[1],
    },
    "phenobarbital-neonates": {
        "AUC = dose / clearance": lambda: 30 / (0.004696 * 1.5),
        "half-life": lambda: LN2 * 0.98426 / 0.004696,
        "level just after a dose": lambda: 30 / (0.98426 * 1.5),
        "a low Apgar score dilutes": lambda: 1 / 1.159,
    },
    "indomethacin": {
        "level at once": lambda: 2.773 + 0.607,
        "level after 1 h": lambda: 2.773 * E(-FAST) + 0.607 * E(-SLOW),
        "level after 6 h": lambda: 2.773 * E(-6 * FAST) + 0.607 * E(-6 * SLOW),
        "whole area": lambda: 2.773 / FAST + 0.607 / SLOW,
        "half-life": lambda: LN2 / SLOW,
    },
}

AREAS = {"indirect-response-1": -0.9, "indirect-response-3": 2.0}
for name, size in AREAS.items():
    NUMBERS[name]["area of the response, into a vein"] = lambda size=size: (
        100 * 400 + 100 * size / 0.1 * math.log(1 + 2 / 0.5)
    )
