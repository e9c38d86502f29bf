"""The equations of the newer models of the library once more, by hand.

Truth: each paper's balance equations as a plain Python function, with the values of the parameters typed in again; the
model files are not looked at. Time is in h, amounts in mg, volumes in L; outputs are in the unit that the file names.
`MODELS` holds one entry for each file.
"""

import math

from drug_references import indomethacin, phenobarbital, theophylline, warfarin
from plain_solutions import Dose, Reference, repeated

# ------------------------------------------------------------------ saturable elimination


def michaelis_menten(cl=0.0):
    """Depot and central amount: VMAX 10 mg/h, KM 2 mg/L, KA 1 /h, V 50 L; `cl` [L/h] beside it."""

    def rates(t, y, age, last):
        depot, central = y
        c = central / 50
        return [-1 * depot, 1 * depot - 10 * c / (2 + c) - cl * c]

    return rates, lambda t, y, age, last: {"plasma": y[1] / 50}


def saturable(cl):
    rates, outputs = michaelis_menten(cl)
    given = [*repeated(0, 200, every=12, count=4), Dose(48, 1, 500), Dose(96, 1, 300, 2)]
    text = (
        "200 mg every 12 h x 4, then 500 mg every 48 h by iv x 1, then 300 mg over 2 h every 24 h by iv x 1"
    )
    return Reference([0, 0], rates, outputs, text, given, until=140)


# ------------------------------------------------------------------ responses
# All of these have KA 1 /h, CL 5 L/h, V 50 L, and get 100 mg twice by mouth and once into a vein.

PULSES = "100 mg every 24 h x 2, then 100 mg every 24 h by iv x 1"
PULSED = [Dose(0, 0, 100), Dose(24, 0, 100), Dose(48, 1, 100)]


def with_response(start, response, outputs):
    """One compartment with first-order absorption, and behind it states that are driven by its concentration."""

    def rates(t, y, age, last):
        depot, central, *rest = y
        c = central / 50
        return [-1 * depot, 1 * depot - 5 * c, *response(t, c, *rest)]

    def all_outputs(t, y, age, last):
        return {"plasma": y[1] / 50} | outputs(y[1] / 50, *y[2:])

    return Reference([0, 0, *start], rates, all_outputs, PULSES, PULSED, until=120)


def inhibits(c):
    return 1 - 0.9 * c / (0.5 + c)


def stimulates(c):
    return 1 + 2.0 * c / (0.5 + c)


def indirect(on_kin=lambda c: 1.0, on_kout=lambda c: 1.0):
    """Dayneka, Garg & Jusko 1993: KIN 10 ng/mL/h, KOUT 0.1 /h."""
    return with_response(
        [100.0],
        lambda t, c, r: [10 * on_kin(c) - 0.1 * on_kout(c) * r],
        lambda c, r: {"response": r},
    )


def effect_compartment():
    """Sheiner et al. 1979: KE0 0.4 /h; effect 10 + 80 % at 0.8 mg/L, Hill 2.5."""
    return with_response(
        [0.0],
        lambda t, c, ce: [0.4 * (c - ce)],
        lambda c, ce: {"site": ce, "effect": 10 + 80 * ce**2.5 / (0.8**2.5 + ce**2.5)},
    )


def feedback():
    """Gabrielsson & Peletier 2008: KIN 1 /h, KOUT 1 /h, KTOL 0.02 /h; the moderator divides the production."""
    return with_response(
        [1.0, 1.0],
        lambda t, c, r, m: [1 * inhibits(c) / m - 1 * r, 0.02 * (r - m)],
        lambda c, r, m: {"response": 100 * r, "moderator": 100 * m},
    )


# ------------------------------------------------------------------ target-mediated disposition
# CL 0.01 L/h, V 3 L, Q 0.02 L/h, VT 3 L; KON 0.5 L/mg/h, KOFF 0.05 /h, KINT 0.02 /h, KDEG 0.01 /h, KSYN 0.03 mg/h

BINDING = "100 mg every 504 h by iv x 1, then 10 mg every 168 h by iv x 1"
BOUND = [Dose(0, 0, 100), Dose(504, 0, 10)]


def tmdd():
    """Mager & Jusko 2001, in concentrations: free drug, tissue, free target, complex."""

    def rates(t, y, age, last):
        central, tissue, target, bound = y
        c, ct, r, rc = central / 3, tissue / 3, target / 3, bound / 3
        binding = 0.5 * c * r - 0.05 * rc
        return [
            -0.01 * c - 0.02 * (c - ct) - 3 * binding,
            0.02 * (c - ct),
            3 * (0.03 / 3 - 0.01 * r - binding),
            3 * (binding - 0.02 * rc),
        ]

    def outputs(t, y, age, last):
        c, r, rc = y[0] / 3, y[2] / 3, y[3] / 3
        return {
            **{"free": c, "total": c + rc, "target": r, "occupancy": 100 * rc / (r + rc)},
            "elimination": 0.01 * c + 0.02 * 3 * rc,
        }

    return Reference([0, 0, 3, 0], rates, outputs, BINDING, BOUND, until=900)


def tmdd_by_totals(k):
    """Total drug, tissue, total target; the complex is at equilibrium, or steady, with the constant k [mg/L]."""

    def free(total, target):
        """The positive root of c^2 + (k + target - total) c = k total, written without cancellation."""
        half = (total - target - k) / 2
        root = math.hypot(half, math.sqrt(k * total))
        return half + root if half >= 0 else k * total / (root - half)

    def rates(t, y, age, last):
        total, ct, target = y[0] / 3, y[1] / 3, y[2] / 3
        c = free(total, target)
        rc = total - c
        return [
            -0.01 * c - 0.02 * (c - ct) - 0.02 * 3 * rc,
            0.02 * (c - ct),
            3 * (0.03 / 3 - 0.01 * (target - rc) - 0.02 * rc),
        ]

    def outputs(t, y, age, last):
        total, target = y[0] / 3, y[2] / 3
        c = free(total, target)
        rc = total - c
        return {
            **{"free": c, "total": total, "target": target - rc, "occupancy": 100 * rc / target},
            "elimination": 0.01 * c + 0.02 * 3 * rc,
        }

    return Reference([0, 0, 3], rates, outputs, BINDING, BOUND, until=900)


def tmdd_michaelis_menten():
    """Gibiansky et al. 2008: VMAX = KINT * 3 mg, KM = KSS."""

    def rates(t, y, age, last):
        c, ct = y[0] / 3, y[1] / 3
        return [-0.01 * c - 0.02 * (c - ct) - 0.06 * c / (0.14 + c), 0.02 * (c - ct)]

    def outputs(t, y, age, last):
        c = y[0] / 3
        return {"plasma": c, "elimination": 0.01 * c + 0.06 * c / (0.14 + c)}

    return Reference([0, 0], rates, outputs, BINDING, BOUND, until=900)


# ------------------------------------------------------------------ absorption
# CL 5 L/h, V 50 L where nothing else is said


def savic():
    """Savic et al. 2007, table 3: N 20.1, MTT 0.37 h, KA 0.38 /h, CL 17.2 L/h, V 45.1 L; the gamma function by math."""
    n, ktr = 20.1, 21.1 / 0.37

    def entering(age, last):
        if age <= 0.0 or last == 0.0:
            return 0.0
        return last * ktr * math.exp(n * math.log(ktr * age) - ktr * age - math.lgamma(n + 1))

    def rates(t, y, age, last):
        _, gut, central = y
        into = entering(age, last)
        return [-into, into - 0.38 * gut, 0.38 * gut - 17.2 / 45.1 * central]

    def outputs(t, y, age, last):
        return {"plasma": y[2] / 45.1, "entry": entering(age, last)}

    text = "20 mg every 12 h x 3"
    return Reference([0, 0, 0], rates, outputs, text, repeated(0, 20, every=12, count=3), until=48)


def weibull():
    """TD 3 h, BETA 2.2: exp(-(age / TD)^BETA) of a dose is still in the depot."""

    def rates(t, y, age, last):
        depot, central = y
        hazard = 2.2 / 3 * (age / 3) ** 1.2
        return [-hazard * depot, hazard * depot - 0.1 * central]

    def outputs(t, y, age, last):
        return {"plasma": y[1] / 50, "depot": y[0]}

    text = "100 mg every 24 h x 3"
    return Reference([0, 0], rates, outputs, text, repeated(0, 100, every=24, count=3), until=96)


def mixed():
    """0.4 of a dose with KA 0.8 /h, the rest evenly over 3 h."""

    def rates(t, y, age, last):
        depot, central = y
        even = 0.6 * last / 3 if age < 3 else 0.0
        kept = 0.6 * last * (1 - age / 3) if age < 3 else 0.0
        first_order = 0.8 * (depot - kept)
        return [-first_order - even, first_order + even - 0.1 * central]

    def outputs(t, y, age, last):
        return {"plasma": y[1] / 50, "depot": y[0]}

    given = repeated(0, 100, every=24, count=3)
    return Reference([0, 0], rates, outputs, "100 mg every 24 h x 3", given, until=96, corners=(3.0,))


# ------------------------------------------------------------------ a drug that raises its own clearance


def auto_induction():
    """KA 0.3 /h, F 0.8, V 98 L, CL 1.75 L/h of the enzyme at rest; EMAX 2, EC50 2 mg/L, KENZ 0.01 /h."""

    def rates(t, y, age, last):
        depot, central, enzyme = y
        c = central / 98
        return [
            -0.3 * depot,
            0.3 * depot - 1.75 * enzyme * c,
            0.01 * (1 + 2 * c / (2 + c)) - 0.01 * enzyme,
        ]

    def outputs(t, y, age, last):
        return {"plasma": y[1] / 98, "clearance": 1.75 * y[2]}

    given = repeated(0, 0.8 * 600, every=12, count=28)
    return Reference([0, 0, 1], rates, outputs, "600 mg every 12 h x 28", given, until=600)


# ------------------------------------------------------------------ cells


def simeoni():
    """Simeoni et al. 2004, paclitaxel: tumour in g, in a mouse of 0.025 kg given 30 mg/kg; the paper counts in days."""

    def rates(t, y, age, last):
        central, peripheral, x1, x2, x3, x4 = y
        c = 1000 * central / (0.81 * 0.025)  # ng/mL
        w = x1 + x2 + x3 + x4
        growth = 0.273 * x1 / (1 + (0.273 / 0.814 * w) ** 20) ** (1 / 20)
        kill = 6.29e-4 * c * x1
        per_day = [growth - kill, kill - 0.968 * x2, 0.968 * (x2 - x3), 0.968 * (x3 - x4)]
        return [
            -(0.868 + 0.006) * central + 0.0838 * peripheral,
            0.006 * central - 0.0838 * peripheral,
            *(rate / 24 for rate in per_day),
        ]

    def outputs(t, y, age, last):
        return {"tumour": sum(y[2:]), "plasma": 1000 * y[0] / (0.81 * 0.025)}

    text = "nothing for 8 days, then 30 mg/kg every 4 days x 3"
    given = repeated(0, 30 * 0.025, every=96, count=3, begin=192)
    start = [0, 0, 0.055, 0, 0, 0]
    return Reference(start, rates, outputs, text, given, until=960, people={"WT": 0.025})


def claret():
    """Claret et al. 2009: KL 0.02 /week, KD 0.03 L/mg/week falling by LAMBDA 0.1 /week; KA 1 /h, CL 10 L/h, V 100 L."""

    def rates(t, y, age, last):
        depot, central, size = y
        week = t / 168
        kill = 0.03 * math.exp(-0.1 * week) * central / 100
        return [-1 * depot, 1 * depot - 0.1 * central, (0.02 - kill) * size / 168]

    def outputs(t, y, age, last):
        return {"size": y[2], "change": 100 * (y[2] / 60 - 1), "plasma": y[1] / 100}

    given = repeated(0, 1000, every=24, count=28)
    return Reference([0, 0, 60], rates, outputs, "1000 mg once daily for 4 weeks", given, until=1700)


def friberg():
    """Friberg et al. 2002, paclitaxel and leukocytes [10^9/L]: 7.21 at rest, MTT 124 h, 28.9 L/umol, GAMMA 0.239."""
    ktr = 4 / 124

    def rates(t, y, age, last):
        central, peripheral, prol, t1, t2, t3, circ = y
        c = central / 290 / 853.9 * 1000  # umol/L
        return [
            -(285 + 204) / 290 * central + 204 / 995 * peripheral,
            204 / 290 * central - 204 / 995 * peripheral,
            ktr * prol * ((1 - 28.9 * c) * (7.21 / circ) ** 0.239 - 1),
            ktr * (prol - t1),
            ktr * (t1 - t2),
            ktr * (t2 - t3),
            ktr * (t3 - circ),
        ]

    def outputs(t, y, age, last):
        return {"leukocytes": y[6], "plasma": y[0] / 290 / 853.9 * 1000}

    text = "300 mg over 3 h every 3 weeks x 2"
    given = repeated(0, 300, every=504, count=2, duration=3)
    return Reference([0, 0, *[7.21] * 5], rates, outputs, text, given, until=1500)


MODELS = {
    "michaelis-menten": saturable(cl=0.0),
    "michaelis-menten-linear": saturable(cl=1.0),
    "indirect-response-1": indirect(on_kin=inhibits),
    "indirect-response-2": indirect(on_kout=inhibits),
    "indirect-response-3": indirect(on_kin=stimulates),
    "indirect-response-4": indirect(on_kout=stimulates),
    "effect-compartment": effect_compartment(),
    "turnover-feedback": feedback(),
    "tmdd": tmdd(),
    "tmdd-quasi-equilibrium": tmdd_by_totals(k=0.1),
    "tmdd-quasi-steady-state": tmdd_by_totals(k=0.14),
    "tmdd-michaelis-menten": tmdd_michaelis_menten(),
    "transit-absorption-savic": savic(),
    "weibull-absorption": weibull(),
    "mixed-absorption": mixed(),
    "auto-induction": auto_induction(),
    "tumour-growth-simeoni": simeoni(),
    "tumour-growth-claret": claret(),
    "friberg-myelosuppression": friberg(),
    "theophylline": theophylline(),
    "warfarin": warfarin(),
    "phenobarbital-neonates": phenobarbital(),
    "indomethacin": indomethacin(),
}
