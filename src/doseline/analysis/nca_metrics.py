"""Metrics of a noncompartmental analysis: code, names, unit, what each is made of, and how it is summed up.

Codes and names are those of CDISC's controlled terminology for pharmacokinetic parameters (PKPARMCD, PKPARM). CLSTP,
which has no code there, is the level that the terminal slope gives at the last measured time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

EXTRAVASCULAR, INFUSION, BOLUS = ROUTES = ("extravascular", "infusion", "bolus")
INTRAVASCULAR = (INFUSION, BOLUS)

REASONS = (
    "known",
    "no level was measured",
    "there are too few measured levels for a terminal slope",
    "the last levels do not fall",
    "the times do not reach the end, and there is no terminal slope to go on with",
    "no level was sampled in the dosing interval",
    "no dose was given, or it was not taken",
    "the formula has no finite value",
    "there is no such dose",
)
"""Why a value is missing, in the order of the numbers that the kernel writes, and behind them three more."""
NO_DOSE, NOT_FINITE, NO_SUCH_DOSE = 6, 7, 8

GEOMETRIC, MEDIAN, MEAN = "geometric mean and CV", "median and range", "mean and SD"
"""How values of several subjects are summed up."""

CLEARANCE, VOLUME = "clearance", "volume"


@dataclass(frozen=True)
class Row:
    """One metric. Without a formula it comes from the points themselves.

    ``units`` are made of those of level, time and dose; "clearance" and "volume" are brought to L/h and L.
    ``periodic`` ones are there with a dosing interval only, and ``single`` ones without: at steady state the area to
    infinity holds what earlier doses left. ``needs`` names what the formula is given: metrics, and ``dose``, ``tau``
    and ``duration``.
    """

    code: str
    name: str
    alias: str
    units: str
    summary: str = GEOMETRIC
    needs: tuple[str, ...] = ()
    formula: Callable[..., np.ndarray] | None = None
    routes: tuple[str, ...] = ROUTES
    periodic: bool = False
    single: bool = False


_AREA, _MOMENT = "{level} * {time}", "{level} * {time}**2"


def _mean_time(moment: np.ndarray, area: np.ndarray, duration: float) -> np.ndarray:
    """Half of an infusion's duration is the mean time of coming in."""
    return moment / area - duration / 2


PRIMARY = (
    Row("CMAX", "Max Conc", "Cmax", "{level}"),
    Row("TMAX", "Time of CMAX", "Tmax", "{time}", MEDIAN),
    Row("TLAG", "Time Until First Nonzero Conc", "Tlag", "{time}", MEDIAN, routes=(EXTRAVASCULAR,)),
    Row("CLST", "Last Nonzero Conc", "Clast", "{level}"),
    Row("TLST", "Time of Last Nonzero Conc", "Tlast", "{time}", MEDIAN),
    Row("C0", "Initial Conc", "C0", "{level}", routes=(BOLUS,)),
    Row("AUCLST", "AUC to Last Nonzero Conc", "AUClast", _AREA),
    Row("AUCALL", "AUC All", "AUCall", _AREA),
    Row("AUMCLST", "AUMC to Last Nonzero Conc", "AUMClast", _MOMENT),
    Row("LAMZ", "Lambda z", "Lambda_z", "1/{time}"),
    Row("CLSTP", "Last Nonzero Conc Predicted", "Clast_pred", "{level}"),
    Row("LAMZLL", "Lambda z Lower Limit", "Lambda_z_lower", "{time}", MEDIAN),
    Row("LAMZUL", "Lambda z Upper Limit", "Lambda_z_upper", "{time}", MEDIAN),
    Row("LAMZNPT", "Number of Points for Lambda z", "No_points_lambda_z", "1", MEDIAN),
    Row("R2", "R Squared", "Rsq", "1", MEDIAN),
    Row("R2ADJ", "R Squared Adjusted", "Rsq_adjusted", "1", MEDIAN),
    Row("CORRXY", "Correlation Between TimeX and Log ConcY", "Corr_XY", "1", MEDIAN),
    Row("AUCTAU", "AUC Over Dosing Interval", "AUC_TAU", _AREA, periodic=True),
    Row("CMIN", "Min Conc", "Cmin", "{level}", periodic=True),
    Row("TMIN", "Time of CMIN Observation", "Tmin", "{time}", MEDIAN, periodic=True),
    Row("CTROUGH", "Conc Trough", "Ctau", "{level}", periodic=True),
)
"""From the points, in the order of the columns of the kernel."""

DERIVED = (
    Row("LAMZHL", "Half-Life Lambda z", "HL_Lambda_z", "{time}", needs=("LAMZ",), formula=lambda k: math.log(2) / k),
    Row(
        "AUCIFO", "AUC Infinity Obs", "AUCINF_obs", _AREA,
        needs=("AUCLST", "CLST", "LAMZ"), formula=lambda area, level, k: area + level / k,
    ),
    Row(
        "AUCIFP", "AUC Infinity Pred", "AUCINF_pred", _AREA,
        needs=("AUCLST", "CLSTP", "LAMZ"), formula=lambda area, level, k: area + level / k,
    ),
    Row(
        "AUCPEO", "AUC %Extrapolation Obs", "AUC_%Extrap_obs", "percent", MEAN,
        needs=("AUCIFO", "AUCLST"), formula=lambda whole, area: 100 * (whole - area) / whole,
    ),
    Row(
        "AUCPEP", "AUC %Extrapolation Pred", "AUC_%Extrap_pred", "percent", MEAN,
        needs=("AUCIFP", "AUCLST"), formula=lambda whole, area: 100 * (whole - area) / whole,
    ),
    Row(
        "AUMCIFO", "AUMC Infinity Obs", "AUMCINF_obs", _MOMENT, needs=("AUMCLST", "CLST", "TLST", "LAMZ"),
        formula=lambda moment, level, time, k: moment + level * time / k + level / k**2,
    ),
    Row(
        "AUMCIFP", "AUMC Infinity Pred", "AUMCINF_pred", _MOMENT, needs=("AUMCLST", "CLSTP", "TLST", "LAMZ"),
        formula=lambda moment, level, time, k: moment + level * time / k + level / k**2,
    ),
    Row(
        "MRTEVLST", "MRT Extravasc to Last Nonzero Conc", "MRTlast", "{time}",
        needs=("AUMCLST", "AUCLST"), formula=lambda moment, area: moment / area, routes=(EXTRAVASCULAR,), single=True,
    ),
    Row(
        "MRTEVIFO", "MRT Extravasc Infinity Obs", "MRTINF_obs", "{time}",
        needs=("AUMCIFO", "AUCIFO"), formula=lambda moment, area: moment / area, routes=(EXTRAVASCULAR,), single=True,
    ),
    *(
        Row(code, f"MRT {told}", alias, "{time}", needs=(*needs, "duration"), formula=_mean_time,
            routes=(route,), single=True)
        for code, told, alias, needs, route in (
            ("MRTIBLST", "IV Bolus to Last Nonzero Conc", "MRTlast", ("AUMCLST", "AUCLST"), BOLUS),
            ("MRTIBIFO", "IV Bolus Infinity Obs", "MRTINF_obs", ("AUMCIFO", "AUCIFO"), BOLUS),
            ("MRTICLST", "IV Cont Inf to Last Nonzero Conc", "MRTlast", ("AUMCLST", "AUCLST"), INFUSION),
            ("MRTICIFO", "IV Cont Inf Infinity Obs", "MRTINF_obs", ("AUMCIFO", "AUCIFO"), INFUSION),
        )
    ),
    Row(
        "CMAXD", "Max Conc Norm by Dose", "Cmax_D", "{level} / {dose}",
        needs=("CMAX", "dose"), formula=lambda level, dose: level / dose,
    ),
    Row(
        "AUCIFOD", "AUC Infinity Obs Norm by Dose", "AUCINF_D_obs", "{level} * {time} / {dose}",
        needs=("AUCIFO", "dose"), formula=lambda area, dose: area / dose, single=True,
    ),
    *(
        Row(code, f"Total CL {told}", alias, CLEARANCE, needs=("dose", area), formula=lambda dose, area: dose / area,
            routes=routes, single=True)
        for code, told, alias, area, routes in (
            ("CLFO", "Obs by F", "Cl_F_obs", "AUCIFO", (EXTRAVASCULAR,)),
            ("CLFP", "Pred by F", "Cl_F_pred", "AUCIFP", (EXTRAVASCULAR,)),
            ("CLO", "Obs", "Cl_obs", "AUCIFO", INTRAVASCULAR),
            ("CLP", "Pred", "Cl_pred", "AUCIFP", INTRAVASCULAR),
        )
    ),
    *(
        Row(code, f"Vz {told}", alias, VOLUME, needs=("dose", area, "LAMZ"),
            formula=lambda dose, area, k: dose / (area * k), routes=routes, single=True)
        for code, told, alias, area, routes in (
            ("VZFO", "Obs by F", "Vz_F_obs", "AUCIFO", (EXTRAVASCULAR,)),
            ("VZFP", "Pred by F", "Vz_F_pred", "AUCIFP", (EXTRAVASCULAR,)),
            ("VZO", "Obs", "Vz_obs", "AUCIFO", INTRAVASCULAR),
            ("VZP", "Pred", "Vz_pred", "AUCIFP", INTRAVASCULAR),
        )
    ),
    Row(
        "VSSO", "Vol Dist Steady State Obs", "Vss_obs", VOLUME, needs=("dose", "AUMCIFO", "AUCIFO", "duration"),
        formula=lambda dose, moment, area, duration: dose / area * _mean_time(moment, area, duration),
        routes=INTRAVASCULAR, single=True,
    ),
    Row(
        "CAVG", "Average Concentration", "Cavg", "{level}",
        needs=("AUCTAU", "tau"), formula=lambda area, tau: area / tau, periodic=True,
    ),
    Row(
        "FLUCP", "Fluctuation%", "Fluctuation%", "percent", MEAN, needs=("CMAX", "CMIN", "CAVG"),
        formula=lambda high, low, mean: 100 * (high - low) / mean, periodic=True,
    ),
    Row(
        "SWING", "Swing", "Swing", "1", MEAN,
        needs=("CMAX", "CMIN"), formula=lambda high, low: (high - low) / low, periodic=True,
    ),
    Row(
        "CLFTAU", "Total CL by F for Dose Int", "CLss_F", CLEARANCE, needs=("dose", "AUCTAU"),
        formula=lambda dose, area: dose / area, routes=(EXTRAVASCULAR,), periodic=True,
    ),
    Row(
        "CLTAU", "Total CL for Dose Int", "CLss", CLEARANCE, needs=("dose", "AUCTAU"),
        formula=lambda dose, area: dose / area, routes=INTRAVASCULAR, periodic=True,
    ),
    Row(
        "VZFTAU", "Vz for Dose Int by F", "Vz_F", VOLUME, needs=("dose", "AUCTAU", "LAMZ"),
        formula=lambda dose, area, k: dose / (area * k), routes=(EXTRAVASCULAR,), periodic=True,
    ),
    Row(
        "VZTAU", "Vz for Dose Int", "Vz", VOLUME, needs=("dose", "AUCTAU", "LAMZ"),
        formula=lambda dose, area, k: dose / (area * k), routes=INTRAVASCULAR, periodic=True,
    ),
    Row(
        "AILAMZ", "Accumulation Index using Lambda z", "Accumulation_Index", "1", needs=("LAMZ", "tau"),
        formula=lambda k, tau: 1 / -np.expm1(-k * tau), periodic=True,
    ),
)  # fmt: skip
"""From others, each after all that it needs."""

WINDOW = Row("AUCINT", "AUC from T1 to T2", "AUClower_upper", _AREA)
"""Areas within windows that were asked for: they have a dimension ``window``."""

ROWS = {row.code: row for row in (*PRIMARY, *DERIVED, WINDOW)}
