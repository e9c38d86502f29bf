"""The numbers of one text, such as those in "normal(70 kg, 14)": neighbours share a unit that is written once."""

from __future__ import annotations

import re

from doseline.errors import InputError, UnitError
from doseline.units import QUANTITY, dimension, factor, parse_unit, read_quantity


class Figures:
    """Reads numbers into one unit.

    Parameters
    ----------
    place : str           What messages call the text.
    unit : str or None    Unit of the numbers read; None: the first one written counts, see `learn`.

    >>> figures = Figures("dose time", "h")
    >>> figures.learn(["30", "90 min"])
    >>> figures.read("30"), figures.read("2 h")
    (0.5, 2.0)
    """

    def __init__(self, place: str, unit: str | None) -> None:
        self.place = place
        self.unit = None if unit is None else parse_unit(unit, place=place)
        self._plain = self.unit or "1"

    def wrong(self, problem: str, advice: str) -> InputError:
        """Make an error about this text."""
        return InputError(problem, place=self.place, advice=advice)

    def learn(self, parts: list[str]) -> None:
        """Note the first unit in ``parts``: numbers without one are in it."""
        bearing = [part for part in parts if unit_in(part)]
        written = unit_in(bearing[0]) if bearing else ""
        if written and self.unit is None:
            self.unit = parse_unit(written, place=self.place)
        for part in bearing:
            self.read(part)  # a unit that does not fit is told with its own number
        self._plain = self._shared(written)

    def read(self, text: str, *, beside: str = "") -> float:
        """Give one number; ``beside`` is the unit of a neighbour, for a number without one."""
        match = QUANTITY.fullmatch(text)
        if match is None:
            told = f" in {self.unit}" if self.unit not in (None, "1") else ""
            raise self.wrong(f"found '{text:.60}'", f"expected a number{told}")
        own = match[2].strip()
        if (own or beside) and self.unit is None:
            raise UnitError(
                f"found the unit '{own or beside:.40}' behind numbers without one",
                place=self.place,
                advice="write the unit behind the first number",
            )
        plain = self._shared(beside) if beside else self._plain
        return float(
            read_quantity(text if own else f"{match[1]} {plain}", self.unit or "1", place=self.place)
        )

    def _shared(self, written: str) -> str:
        """Unit of a number without one beside one in ``written``: 0.5 beside 80 % stays a plain number."""
        shared = bool(written) and bool(dimension(written, place=self.place).powers)
        return written if shared else self.unit or "1"

    def fractions(self, shown: str) -> float:
        """Give what 1 is in the unit, which has to be that of a plain number: 1, or 100 %."""
        if self.unit is not None and dimension(self.unit).powers:
            raise UnitError(
                f"'{shown}' is in {self.unit}",
                place=self.place,
                advice="a beta distribution is of fractions, from 0 to 1",
            )
        return factor("1", self.unit) if self.unit else 1.0

    def percent(self, text: str, shown: str) -> float:
        """Give "20 %" or "cv 20 %" as a fraction; 0.2 alone could be an SD."""
        match = QUANTITY.fullmatch(re.sub(r"^\s*cv\b", "", text, flags=re.IGNORECASE))
        if match is None or match[2].strip() != "%":
            raise self.wrong(f"found '{text:.40}' in '{shown}'", "write the CV in percent, such as 'cv 20 %'")
        return float(match[1]) / 100.0

    def share(self, text: str) -> float:
        """Give one probability, 0.5 or 50 %."""
        match = QUANTITY.fullmatch(text)
        if match is None or match[2].strip() not in ("", "%"):
            raise self.wrong(f"found '{text:.60}'", "expected a probability, such as 0.5 or 50 %")
        share = float(match[1]) / (100.0 if match[2].strip() else 1.0)
        if not 0.0 < share <= 1.0:
            raise self.wrong(f"found '{text:.60}'", "expected a probability above 0 and up to 1")
        return share


def unit_in(text: str) -> str:
    """Unit behind a number; nothing where there is none, or no number."""
    match = QUANTITY.fullmatch(text)
    return match[2].strip() if match is not None else ""
