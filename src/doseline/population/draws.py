"""What is random in a simulation: the seed, which effects vary, and how often all of it is repeated."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from doseline.errors import DoselineError, InputError
from doseline.model.spec import Model
from doseline.population.uncertainty import estimates_of, read_table, refuse_few_rows
from doseline.population.variability import occasional, wanted_effects
from doseline.streams import Streams, seed_of
from doseline.times import WAYS, read_times

MOST_REPLICATES = 1_000_000
BY_TABLE = (0.0, 1.0)
"""Visits that the event table has: more than one, and nobody asked for them."""
VISITS = "give a step such as '4 weeks', or an array of hours"


@dataclass(frozen=True)
class Draws:
    """What a call asks for, settled. Without a seed nothing is random.

    ``first`` is the number of the first of the replicates, where these are only some of those that were asked for.
    """

    seed: int | None = None
    sobol: bool = False
    effects: tuple[str, ...] = ()
    replicates: int | None = None
    table: Mapping[str, tuple[float, ...]] | None = None
    visits: tuple[float, ...] = (0.0,)
    observed: bool = False
    typical: bool = False
    first: int = 1

    def streams(self, replicate: int) -> Streams:
        """Random numbers of one replicate, counted from 1; 0 where there is only one."""
        return Streams(self.seed or 0, replicate, self.sobol)

    def estimates(self, model: Model, replicate: int) -> dict[str, float]:
        """Typical values of one replicate, in coherent units."""
        independent = Streams(self.seed or 0, replicate)
        return {} if self.replicates is None else estimates_of(model, independent, self.table)

    @property
    def labels(self) -> tuple[int, ...]:
        """All replicates."""
        return (0,) if self.replicates is None else tuple(range(self.first, self.first + self.replicates))

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Draws":
        """What `to_dict` gave, also through JSON."""
        table = plain["table"]
        told = dict(plain, effects=tuple(plain["effects"]), visits=tuple(plain["visits"]))
        return cls(**dict(told, table=None if table is None else {k: tuple(v) for k, v in table.items()}))


def read_draws(
    model: Model,
    asked: Mapping[str, Any],
    *,
    cohort_seed: int | None,
    sobol: bool,
    end: float,
    others: bool,
    frames: int = 3,
) -> Draws:
    """What a call asks for; ``asked`` holds seed, effects, replicates, uncertainty, visits, observed and typical.

    ``cohort_seed`` is that of the people; ``end`` [h] is how far a step of ``visits`` reaches; ``others`` says whether
    anything else is random, such as missed doses; ``frames`` how far up the call is that warnings are of.

    Raises
    ------
    InputError : what was given; randomness without a seed; replicates that would all be the same.
    """
    given = asked["seed"]
    seed = cohort_seed if given is None else seed_of(given)
    for name in ("observed", "typical"):
        if not isinstance(asked[name], (bool, np.bool_)):
            raise InputError(f"found {asked[name]!r:.60}", place=name, advice="expected True or False")
    replicates = _replicates(asked["replicates"])
    wanted = wanted_effects(model, asked["effects"])
    if seed is None:
        _refuse_without_seed(asked, others=others)
        return Draws(typical=bool(asked["typical"]))
    if asked["observed"] and not model.residual:
        raise InputError(
            f"{model.name} has no residual error",
            place="observed",
            advice=f"add [residual.{model.default_output}] to its file, or say "
            f"model.edit(residual={{'{model.default_output}': '15 %'}})",
        )
    uncertain = asked["uncertainty"] is not None or model.uncertainty is not None
    if replicates is not None and not (wanted or others or uncertain or asked["observed"]):
        raise InputError(
            "all replicates would be the same",
            place="replicates",
            advice=f"{model.name} has no variability and no uncertainty: leave replicates out"
            if asked["effects"] is None
            else f"no effect was asked for, and {model.name} has no uncertainty: leave replicates out",
        )
    table = None
    if asked["uncertainty"] is not None:
        if replicates is None:
            raise InputError(
                "draws of the estimates without replicates",
                place="uncertainty",
                advice="add replicates=..., one for each row that is to be used",
            )
        table = read_table(asked["uncertainty"], model, replicates=replicates)
    elif replicates is not None and model.uncertainty is not None and model.uncertainty.draws:
        refuse_few_rows(model.uncertainty.draws, replicates, place="replicates")
    if given is not None and not (wanted or others or replicates or asked["observed"]):
        # a seed by itself was meant to do something
        warnings.warn(f"seed: nothing is random here, for {model.name} has no variability", stacklevel=frames)
    visits = _visits(asked["visits"], end)
    visited = "visit" in occasional(model, wanted).values()
    if asked["visits"] is not None and asked["visits"] is not BY_TABLE and not visited:
        warnings.warn(f"visits: nothing in {model.name} varies from visit to visit", stacklevel=frames)
    if asked["visits"] is None and visited:
        raise InputError(
            f"{model.name} varies from visit to visit, and nothing says when these are",
            place="visits",
            advice="give a step such as visits='4 weeks', or an array of hours",
        )
    return Draws(
        seed, sobol, wanted, replicates, table, visits, bool(asked["observed"]), bool(asked["typical"])
    )


def record_draws(model: Model, asked: Mapping[str, Any], adherence: Any) -> Draws:
    """The same for an event table, which says itself what was taken, and when visits were."""
    for name, given, advice in (
        ("adherence", adherence, "an event table says what was taken: leave adherence out"),
        ("visits", asked["visits"], "an event table says it itself: number the visits in a column OCC"),
    ):
        if given is not None:
            raise InputError(f"found {given!r:.60}", place=name, advice=advice)
    by_table = dict(asked, visits=BY_TABLE)
    found = read_draws(model, by_table, cohort_seed=None, sobol=False, end=0.0, others=False, frames=5)
    return replace(found, visits=(0.0,))


def _refuse_without_seed(asked: Mapping[str, Any], *, others: bool) -> None:
    """What asks for random numbers needs a seed."""
    wants = [name for name in ("replicates", "uncertainty") if asked[name] is not None]
    wants += ["visits"] if asked["visits"] is not None and asked["visits"] is not BY_TABLE else []
    wants += ["effects"] if asked["effects"] is not None and len(asked["effects"]) else []
    wants += ["observed"] if asked["observed"] else []
    wants += ["adherence"] if others else []
    if wants:
        raise InputError(
            "there is no seed",
            place=wants[0],
            advice="add seed=7, or draw the cohort with one: dl.cohort(1000, seed=7)",
        )


def _replicates(given: Any) -> int | None:
    if given is None:
        return None
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not whole or not 1 <= given <= MOST_REPLICATES:
        raise InputError(
            f"found {given!r:.60}",
            place="replicates",
            advice=f"expected a whole number from 1 to {MOST_REPLICATES:,}",
        )
    return int(given)


def _visits(given: Any, end: float) -> tuple[float, ...]:
    """When visits are, the first at the beginning. [h]"""
    if given is None:
        return (0.0,)
    try:
        times = read_times(given, end=end)
    except DoselineError as error:
        error.place, error.advice = "visits", error.advice.replace(WAYS, VISITS)
        raise
    if times[0] < 0.0:
        raise InputError(f"found {times[0]:g} h", place="visits", advice="expected times from 0 h on")
    return (0.0, *times[times > 0.0].tolist())
