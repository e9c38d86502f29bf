"""Sections about spreads, with the two keys that all of them need; they are put behind the good model file."""

from __future__ import annotations

from model_example import GOOD, changed, complaint


def section(name, *lines):
    """A section of a file."""
    return f"[{name}]\n" + "\n".join(lines) + '\nsource = "test"\nstatus = "M"\n'


def effect(*lines, of="CL"):
    """How a parameter differs between subjects."""
    return section(f"variability.{of}", *lines)


def occasion(*lines, of="CL", every="dose"):
    """How it differs between occasions."""
    return section(f"occasions.{of}", f'every = "{every}"', *lines)


def block(*lines, name="one", effects="CL V"):
    """Effects that go together."""
    return section(f"blocks.{name}", f"effects = {effects.split()}", *lines)


def error(*lines, of="plasma"):
    """A residual error."""
    return section(f"residual.{of}", *lines)


def unsure(*lines):
    """What is uncertain."""
    return section("uncertainty", *lines)


def said_of(text):
    """What is said about these sections behind the good file."""
    return complaint(f"{GOOD}\n{text}")


CL_V = effect() + effect(of="V")
"""Two effects whose spread is for a block to say."""
SIZED = effect('cv = "30 %"') + effect('cv = "20 %"', of="V")
"""Two effects with spreads."""

BASE = 'BASE = { value = -40, unit = "mg", label = "x", source = "test", status = "M" }\n'
"""A line of [parameters]: an amount below 0."""
POPULATION = "\n".join(
    [
        changed(
            ("[individual]\n", f"{BASE}[individual]\n"),
            ("[compartments]\n", '[initial]\ngut = "-BASE"\n[compartments]\n'),
            ('label = "body weight"', 'label = "body weight", codes = { small = 50, large = 90 }'),
        ),
        effect(),
        effect(of="V"),
        effect('distribution = "box-cox"', "omega2 = 0.25", "shape = -0.5", of="KA"),
        effect('distribution = "logit-normal"', "high = 1.2", "sd = 0.4", of="F"),
        effect('distribution = "normal"', 'cv = "25.5%"', of="BASE"),
        effect('distribution = "discrete"', "values = [60, 70]", "probabilities = [0.3, 0.7]", of="WT_STD"),
        occasion('cv = "20 %"', of="KA"),
        occasion("sd = 0.1", of="CL"),
        block("omega2 = [[0.09, 0.03], [0.03, 0.04]]"),
        block('between = "occasions"', "correlations = [[-0.5]]", name="two", effects="KA CL"),
        error('error = "combined"', "sd = 2.5", 'cv = "15 %"', "lloq = 5"),
        unsure('parameters = ["CL", "V"]', 'scale = "log"', "covariance = [[0.01], [0.002, 0.04]]"),
    ]
)
"""A model with all that may be said about spreads."""
FROM = {"source": "test", "status": "M"}
