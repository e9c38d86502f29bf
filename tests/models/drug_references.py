"""The equations of drugs with published values, by hand; see nonlinear_references.py."""

import math

from plain_solutions import Dose, Reference, repeated


def theophylline():
    """nlmixr2: KA 1.57 /h, CL 2.76 L/h, V 31.5 L."""

    def rates(t, y, age, last):
        return [-1.57 * y[0], 1.57 * y[0] - 2.76 / 31.5 * y[1]]

    def outputs(t, y, age, last):
        return {"plasma": y[1] / 31.5}

    given = repeated(0, 320, every=8, count=3)
    return Reference([0, 0], rates, outputs, "320 mg every 8 h x 3", given, until=48)


def warfarin():
    """Turnover as fitted with nlmixr and kept in posologyr's tests: values on the log scale, the logit for emax."""
    ktr, ka, cl, v = (math.exp(x) for x in (0.106, -0.087, -2.03, 2.07))
    emax, ec50, kout, e0 = 1 / (1 + math.exp(-3.4)), math.exp(0.00724), math.exp(-2.9), math.exp(4.57)

    def rates(t, y, age, last):
        depot, gut, central, effect = y
        c = central / v
        return [
            -ktr * depot,
            ktr * depot - ka * gut,
            ka * gut - cl * c,
            e0 * kout * (1 - emax * c / (ec50 + c)) - kout * effect,
        ]

    def outputs(t, y, age, last):
        return {"plasma": y[2] / v, "pca": y[3]}

    given = [Dose(0, 0, 100), *repeated(0, 5, every=24, count=4, begin=24)]
    text = "100 mg every 24 h x 1, then 5 mg once daily x 4"
    return Reference([0, 0, 0, e0], rates, outputs, text, given, until=240)


def phenobarbital():
    """NONMEM in pharmpy: CL 0.004696 WGT, V 0.98426 WGT 1.159 below APGR 5; here 1.8 kg and APGR 4."""
    cl, v = 0.004696 * 1.8, 0.98426 * 1.8 * 1.159

    def rates(t, y, age, last):
        return [-cl / v * y[0]]

    def outputs(t, y, age, last):
        return {"plasma": y[0] / v}

    given = [Dose(0, 0, 30), *repeated(0, 4, every=12, count=4, begin=12)]
    text = "30 mg every 12 h x 1, then 4 mg every 12 h x 4"
    people = {"WGT": 1.8, "APGR": 4}
    return Reference([0], rates, outputs, text, given, until=200, people=people)


def indomethacin():
    """Pooled nls of Indometh as two modes that each fall for themselves after 25 mg: no rate constants are derived."""
    fast, slow = math.exp(0.886), math.exp(-1.092)

    def rates(t, y, age, last):
        return [0.0, *(-rate * mode for rate, mode in zip((fast, slow), y[1:], strict=True))]

    def outputs(t, y, age, last):
        return {"plasma": y[1] + y[2]}

    return Reference([0, 2.773, 0.607], rates, outputs, "25 mg once", [Dose(0, 0, 25)], until=16)
