"""Small nonlinear models that break for some values of the covariate X."""

from doseline.model.read import read_model

HEAD = """
title = "A model that breaks"
version = "1"
source = { citation = "none" }
[covariates]
X = { unit = "1", reference = 1, low = -99, high = 99, label = "a number" }
[compartments]
central = { unit = "mg", label = "x" }
[routes]
iv = { into = "central", label = "x" }
[parameters]
"""
UNITS = {
    "V": "L",
    "K": "1/h",
    "VMAX": "mg/h",
    "KM": "mg/L",
    "G": "1/mg/h",
    "R": "mg/h",
    "LIMIT": "mg",
    "ONE": "h",
    "P": "1",
}
VALUES = {"V": 10, "K": 0.1, "VMAX": 4, "KM": 2, "G": 0.001, "R": 30, "LIMIT": 90, "ONE": 1, "P": 0.1}
LEVEL = "central / V"


def broken(*names, flow=None, rate=None, individual=None, output=LEVEL, unit="mg/L", more=""):
    """A model of one compartment with a volume and these parameters, and lines as a model file has them."""
    text = HEAD
    for name in ("V", *names):
        text += (
            f'{name} = {{ value = {VALUES[name]}, unit = "{UNITS[name]}", label = "x", source = "x", '
            'status = "assumption" }\n'
        )
    if individual:
        text += f"[individual]\n{individual}\n"
    if flow:
        text += f'[flows]\n"central -> out" = "{flow}"\n'
    if rate:
        text += f'[rates]\ncentral = "{rate}"\n'
    text += f'[outputs]\nplasma = {{ value = "{output}", unit = "{unit}", label = "x" }}\n'
    return read_model(text + more, place="broken")
