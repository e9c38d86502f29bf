"""Sections about spreads, with the two keys that all of them need; they are put behind the good model file."""

from __future__ import annotations

from model_example import GOOD, complaint


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
