"""What follows from the newer models' equations: closed forms by mpmath, and scipy where there is none.

Truth: formulas derived by hand from the balance equations, with the values of the parameters typed in again.
"""

import math
from functools import cache

import mpmath as mp
import numpy as np
from nonlinear_references import MODELS
from plain_solutions import Dose, repeated, solution

E = math.exp
LN2 = math.log(2)


@cache
def at(name, output, time, *given):
    """Level at a time after these doses, by the integration."""
    return float(solution(MODELS[name], [time], given=list(given))[output][-1])


@cache
def extreme(name, output, sign, begin, end, *given):
    """Height and time of the highest (sign 1) or lowest (-1) level between two times, by looking closer three times."""
    for _ in range(3):
        times = np.linspace(begin, end, 101)
        levels = sign * solution(MODELS[name], times, given=list(given))[output]
        top = int(np.argmax(levels))
        if top in (0, 100):
            return float(sign * levels[top]), float(times[top])
        begin, end = times[top - 1], times[top + 1]
    before, peak, after = levels[top - 1 : top + 2]
    shift = 0.5 * (before - after) / (before - 2 * peak + after)
    height = peak - 0.25 * (before - after) * shift
    return float(sign * height), float(times[top] + shift * (times[1] - times[0]))


def root(function, near):
    """Where a function is 0, at 30 digits."""
    with mp.workdps(30):
        return float(mp.findroot(function, near))


def integral(function, *edges):
    """A quadrature at 30 digits."""
    with mp.workdps(30):
        return mp.quad(function, [mp.mpf(edge) for edge in edges])


def bateman(t, *, ka, k, dose=1.0):
    """Amount in the body after a dose into the depot."""
    return dose * ka / (ka - k) * (mp.exp(-k * t) - mp.exp(-ka * t))


def top_of(ka, k):
    """When the amount in the body is highest."""
    return math.log(ka / k) / (ka - k)


# ------------------------------------------------------------------ saturable elimination


def lambert(t):
    """VMAX / V = 0.2 mg/L/h, KM 2 mg/L, from 10 mg/L."""
    return float((2 * mp.lambertw(5 * mp.exp(5 - mp.mpf(2) / 20 * t))).real)


def implicit(t):
    """The same with K = 0.02 /h beside: t(c) is a sum of two logarithms."""
    k, v, km = mp.mpf(1) / 50, mp.mpf(1) / 5, 2

    def time(c):
        return km / (k * km + v) * mp.log(c) + (1 / k - km / (k * km + v)) * mp.log(k * km + v + k * c)

    return root(lambda c: time(mp.mpf(10)) - time(c) - t, 3.0)


def area_with_linear(c0, k=0.02, v=0.2, km=2.0):
    """Integral of (km + c) / (k (km + c) + v) over c from 0 to c0."""
    return c0 / k - v / k**2 * math.log((k * (km + c0) + v) / (k * km + v))


# ------------------------------------------------------------------ indirect responses after 2 mg/L at once, K = 0.1 /h


def swallowed_top():
    """Highest level of 100 mg by mouth: KA 1 /h, K 0.1 /h, 50 L."""
    return float(bateman(top_of(1, 0.1), ka=1, k=0.1, dose=2))


def through_loss(t, size):
    """Response with KOUT (1 + size c / (0.5 + c)), KIN 10, KOUT 0.1: an integrating factor, then a quadrature."""

    def grown(s):
        """KOUT times the integral of 1 + size c / (0.5 + c) from 0 to s, where c falls from 2."""
        return s / 10 + size * mp.log((mp.mpf(1) / 2 + 2) / (mp.mpf(1) / 2 + 2 * mp.exp(-s / 10)))

    whole = grown(mp.mpf(t))
    return float(100 * mp.exp(-whole) + 10 * integral(lambda s: mp.exp(grown(s) - whole), 0, t))


IV = Dose(0, 1, 100)

# ------------------------------------------------------------------ target-mediated disposition


def free_of(total, target, k):
    """Free drug at equilibrium."""
    with mp.workdps(30):
        gap = mp.mpf(total) - mp.mpf(target) - mp.mpf(k)
        return float((gap + mp.sqrt(gap**2 + 4 * k * mp.mpf(total))) / 2)


def steady_free(k, rate=0.1):
    """Free drug under an infusion [mg/h]: rate = CL c + KINT V c r / k, with r = KSYN / V / (KDEG + KINT c / k)."""
    return root(lambda c: 0.01 * c + 0.06 * c / k * 0.01 / (0.01 + 0.02 * c / k) - rate, 5.0)


def steady_target(k):
    """Free target then."""
    return 0.01 / (0.01 + 0.02 * steady_free(k) / k)


def steady_occupancy(k):
    """Percent of the target that is bound then: c / (k + c)."""
    c = steady_free(k)
    return 100 * c / (k + c)


BOLUS = Dose(0, 0, 100)

# ------------------------------------------------------------------ absorption


def savic(t, dose=20):
    """A gamma-distributed entry into the gut and Bateman after it."""
    n, ktr, k = mp.mpf("20.1"), mp.mpf("21.1") / mp.mpf("0.37"), mp.mpf("17.2") / mp.mpf("45.1")

    def entering(s):
        return ktr * mp.exp(n * mp.log(ktr * s) - ktr * s - mp.loggamma(n + 1))

    got = integral(
        lambda s: entering(s) * bateman(t - s, ka=mp.mpf("0.38"), k=k), 1e-9, 0.2, 0.4, 0.6, 0.8, t
    )
    return float(dose * got / mp.mpf("45.1"))


def savic_entry():
    """Highest rate of entry, mg/h: the mode of the gamma distribution."""
    n, ktr = 20.1, 21.1 / 0.37
    return 20 * ktr * math.exp(n * math.log(n) - n - math.lgamma(n + 1))


def weibull(t, dose=100):
    """The density of the absorption times, and the fall after it."""

    def density(s):
        return mp.mpf("2.2") / 3 * (s / 3) ** mp.mpf("1.2") * mp.exp(-((s / 3) ** mp.mpf("2.2")))

    return float(dose / mp.mpf(50) * integral(lambda s: density(s) * mp.exp(-(t - s) / 10), 0, 1, t))


def mixed(t):
    """0.4 of 100 mg by Bateman with 0.8 /h, 0.6 of it evenly over 3 h; K 0.1 /h, 50 L."""
    inside = min(t, 3)
    even = 60 / 3 / 0.1 * (1 - E(-0.1 * inside)) * E(-0.1 * (t - inside))
    return (float(bateman(t, ka=0.8, k=0.1, dose=40)) + even) / 50


# ------------------------------------------------------------------ a drug that raises its own clearance


def induced_level(rate=10.0):
    """Steady level under an infusion [mg/h]: rate = 1.75 (1 + 2 c / (2 + c)) c."""
    return root(lambda c: 1.75 * (1 + 2 * c / (2 + c)) * c - rate, 3.0)


# ------------------------------------------------------------------ cells


def untreated(days):
    """Tumour without drug, in g: the time to a weight is an integral over weights."""
    l0, l1 = mp.mpf("0.273"), mp.mpf("0.814")

    def time(w):
        return integral(
            lambda x: (1 + (l0 / l1 * x) ** 20) ** (mp.mpf(1) / 20) / (l0 * x), "0.055", 2, 3, 4, w
        )

    return root(lambda w: time(w) - days, 10.0)


def claret(t, count=84):
    """Diameter in mm at a time [h] not before the last dose: the exposure is a sum of exponentials."""
    lam, week = mp.mpf("0.1") / 168, mp.mpf(168)

    def killed(begin):
        """Integral of exp(-lam s) c(s) for one dose of 1000 mg into 100 L."""
        reach = t - begin

        def part(k):
            return (1 - mp.exp(-(k + lam) * reach)) / (k + lam)

        return mp.exp(-lam * begin) * 10 * 1 / mp.mpf("0.9") * (part(mp.mpf("0.1")) - part(mp.mpf(1)))

    whole = sum(killed(24 * i) for i in range(count) if 24 * i <= t)
    return float(60 * mp.exp(mp.mpf("0.02") / week * t - mp.mpf("0.03") / week * whole))


COURSE = tuple(repeated(0, 1000, every=24, count=84))
MOUSE = tuple(repeated(0, 30 * 0.025, every=96, count=3, begin=192))
PACLITAXEL = Dose(0, 0, 300, 3)


def end_of_infusion():
    """Paclitaxel after 100 mg/h for 3 h, umol/L: two exponentials."""
    k, k12, k21 = (mp.mpf(x) / y for x, y in ((285, 290), (204, 290), (204, 995)))
    total, product = k + k12 + k21, k * k21
    fast = (total + mp.sqrt(total**2 - 4 * product)) / 2
    slow = product / fast
    parts = [
        ((fast - k21) / (fast - slow), fast),
        ((k21 - slow) / (fast - slow), slow),
    ]
    amount = sum(100 * share / rate * (1 - mp.exp(-3 * rate)) for share, rate in parts)
    return float(amount / 290 / mp.mpf("853.9") * 1000)


def held_down():
    """Leukocytes under 1 mg/h for good, 10^9/L: (1 - SLOPE c) (CIRC0 / x)^GAMMA = 1."""
    c = 1 / 285 / 853.9 * 1000
    return 7.21 * (1 - 28.9 * c) ** (1 / 0.239)


# ------------------------------------------------------------------ drugs

THEO_K = 2.76 / 31.5
WARFARIN_CL = E(-2.03)


def warfarin_pca(rate=0.5):
    """Under 0.5 mg/h for good."""
    c = rate / WARFARIN_CL
    return E(4.57) * (1 - c / (E(0.00724) + c) / (1 + E(-3.4)))


FAST, SLOW = E(0.886), E(-1.092)
