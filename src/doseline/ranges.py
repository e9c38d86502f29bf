"""What a sensitivity varies: parameters and covariates, each with a distribution or a part of its value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.distribution import Distribution, is_distribution, read_distribution
from doseline.errors import InputError, UnitError, did_you_mean
from doseline.model.entries import positive_kind
from doseline.model.spec import Model
from doseline.units import QUANTITY, read_quantity

DEFAULT = "20 %"
"""How far parameters are varied to either side where nothing else is said."""
TAIL = 0.005
"""Part at an end without a bound that a grid over the whole range leaves out: the value there would be infinite."""
INNER = (0.05, 0.95)
"""Quantiles that stand for the ends of a distribution, where it is not uniform."""
LEAST = 2.0**-31
"""Half of the resolution of a Sobol sequence: no draw is nearer to 0 or 1, where a value may be infinite."""
_WAYS = (
    'expected a part of its value such as "30 %", two ends such as (5, 10), or a distribution such as '
    '"lognormal(8 L/h, 30 %)"'
)


@dataclass(frozen=True)
class Range:
    """How one parameter or covariate is varied.

    Attributes
    ----------
    name, unit, label : str   As the model has them.
    share : float             Uniform, by this part of the value to either side; 0 where there is a distribution.
    distribution : Distribution or None
    coded : bool              A covariate whose numbers stand for words.
    """

    name: str
    unit: str
    label: str
    share: float = 0.0
    distribution: Distribution | None = None
    coded: bool = False

    def at(self, u: np.ndarray, base: float) -> np.ndarray:
        """Values [unit] at uniform numbers; ``base`` is the value that is varied."""
        if self.distribution is None:
            return base + (2.0 * u - 1.0) * self.share * abs(base)
        return self.distribution.quantile(np.clip(u, LEAST, 1.0 - LEAST))

    def on_grid(self, u: np.ndarray) -> np.ndarray:
        """Uniform numbers for a grid that holds 0 and 1, without the tails that have no end."""
        known = self.distribution
        if known is None or known.family in ("uniform", "discrete"):
            return u
        low, high = (TAIL if np.isinf(end) else 0.0 for end in (known.low, known.high))
        return low + u * (1.0 - low - high)

    def ends(self, base: float) -> tuple[float, float]:
        """Low and high end [unit]; of a distribution that is not uniform its 5 % and 95 % quantiles; NaN for words."""
        known = self.distribution
        if known is None or known.family == "uniform":
            low, high = self.at(np.array([0.0, 1.0]), base) if known is None else known.support
            return float(low), float(high)
        if known.words:
            return np.nan, np.nan
        low, high = known.support if known.family == "discrete" else known.quantile(np.array(INNER))
        return float(low), float(high)

    def __str__(self) -> str:
        """As people would write it."""
        return f"± {100.0 * self.share:g} %" if self.distribution is None else str(self.distribution)


def read_range(model: Model, name: str, given: Any) -> Range:
    """Read how one parameter or covariate is varied; numbers without a unit are in that of the model.

    Raises
    ------
    InputError, UnitError : an unknown name, or nothing that could be varied.

    >>> from doseline.model.read import load_model
    >>> model = load_model("one-compartment-oral")
    >>> print(read_range(model, "CL", "30 %"), read_range(model, "WT", ("50 kg", 80)), sep="; ")
    ± 30 %; uniform(50 kg, 80 kg)
    """
    place = f"over {name}"
    known: Any = model.parameters.get(name, model.covariates.get(name))
    if known is None:
        names = [*model.parameters, *model.covariates]
        raise InputError(
            f"unknown name '{name}'",
            place="over",
            advice=did_you_mean(str(name), names, f"{model.name} has"),
        )
    coded = bool(getattr(known, "codes", None))

    def made(share: float = 0.0, distribution: Distribution | None = None) -> Range:
        return Range(name, known.unit, known.label, share, distribution, coded)

    if is_distribution(given):
        found = read_distribution(given, place=place, unit=known.unit)
        if found.words and not coded:
            raise InputError(f"found words in '{given:.60}'", place=place, advice=f"{name} has numbers")
        return made(distribution=found)
    if isinstance(given, str):
        return made(share=_share(given, known.unit, place))
    ends = read_quantity(given, known.unit, place=place) if _two(given) else None
    if not isinstance(ends, np.ndarray) or ends.shape != (2,):
        raise InputError(f"found {given!r:.60}", place=place, advice=_WAYS)
    low, high = ends.tolist()
    if not low < high:
        raise InputError(f"found {low:g} to {high:g}", place=place, advice="give the lower end first")
    kind = positive_kind(known.unit)
    if kind and low <= 0.0:
        raise InputError(f"found {low:g} {known.unit}", place=place, advice=f"expected a {kind} above 0")
    return made(distribution=Distribution("uniform", (low, high), known.unit))


def read_names(model: Model, over: Any) -> dict[str, Any]:
    """Names with what is said of each: a mapping, a list of names, or one name."""
    if isinstance(over, Mapping):
        given = {str(name): value for name, value in over.items()}
    elif isinstance(over, str):
        given = {over: DEFAULT}
    elif isinstance(over, Sequence) and all(isinstance(name, str) for name in over):
        given = dict.fromkeys(over, DEFAULT)
        if len(given) < len(over):
            raise InputError(f"found {list(over)}"[:200], place="over", advice="give every name once")
    else:
        raise InputError(
            f"found {over!r:.60}",
            place="over",
            advice="give a list of names, or a mapping such as {'CL': '30 %', 'KA': (0.1, 0.6)}",
        )
    if not given:
        raise InputError(
            "nothing is varied", place="over", advice=f"name some of: {', '.join(model.parameters)}"
        )
    return given


def _two(given: Any) -> bool:
    return isinstance(given, (tuple, list)) or hasattr(given, "magnitude") or isinstance(given, np.ndarray)


def _share(given: str, unit: str, place: str) -> float:
    """A part of the value, from "30 %"."""
    match = QUANTITY.fullmatch(given.strip())
    if match is None or match[2].strip() != "%":
        raise InputError(f"found '{given:.60}'", place=place, advice=_WAYS)
    share = float(match[1]) / 100.0
    if not 0.0 < share < 1.0:
        raise UnitError(
            f"found '{given:.60}'",
            place=place,
            advice="expected more than 0 % and less than 100 %; for a wider range give its ends, "
            f"such as ('1 {unit}', '10 {unit}')",
        )
    return share
