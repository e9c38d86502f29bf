"""Groups of subjects by their covariates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from doseline.errors import InputError, did_you_mean

MOST_VALUES = 50
"""Values of a covariate of numbers that are taken for groups without being told where they part."""


class People(Protocol):
    """Subjects with covariates: a cohort, or what a Dataset says of its own."""

    @property
    def covariates(self) -> Mapping[str, np.ndarray]:
        """Values (subject,) of each covariate."""

    def __len__(self) -> int: ...

    def is_words(self, name: str) -> bool:
        """Whether a covariate is of words."""


@dataclass(frozen=True)
class Groups:
    """Groups of subjects, one dimension for each covariate that they are made by."""

    names: tuple[str, ...] = ()
    labels: tuple[tuple[str, ...], ...] = ()
    code: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))  # (subject,) or (1,)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many groups there are along each dimension."""
        return tuple(len(each) for each in self.labels)

    @property
    def count(self) -> int:
        """How many groups there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    def of(self, span: slice) -> np.ndarray:
        """The groups of some of the subjects."""
        return (
            self.code[span] if len(self.code) > 1 else np.broadcast_to(self.code, (span.stop - span.start,))
        )


def read_groups(by: Any, people: People, *, argument: str = "by") -> Groups:
    """Groups by covariates: words, or numbers with the edges that part them.

    Messages call what was given by the name of the ``argument``.

    Raises
    ------
    InputError : an unknown covariate, numbers without edges, edges that do not ascend.
    """
    if by is None:
        return Groups()
    asked: dict[str, Any]
    if isinstance(by, str):
        asked = {by: None}
    elif isinstance(by, Mapping):
        asked = {str(name): edges for name, edges in by.items()}
    elif isinstance(by, (list, tuple)) and by and all(isinstance(each, str) for each in by):
        asked = dict.fromkeys(by)
    else:
        raise InputError(
            f"found {by!r:.60}",
            place=argument,
            advice=f"give a covariate, such as {argument}='SEX', or {argument}={{'WT': [60, 80]}}",
        )
    names, labels, code = [], [], np.zeros(len(people), dtype=np.int64)
    for name, edges in asked.items():
        if name not in people.covariates:
            raise InputError(
                f"the cohort has no {name}",
                place=argument,
                advice=did_you_mean(name, people.covariates, "it has"),
            )
        own, which = _grouped(name, people, edges, argument)
        names.append(name)
        labels.append(own)
        code = code * len(own) + which
    return Groups(tuple(names), tuple(labels), code)


def _grouped(name: str, people: People, edges: Any, argument: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of the groups by one covariate, and the group of each subject."""
    values, place = people.covariates[name], f"{argument} {name}"
    if people.is_words(name):
        if edges is not None:
            raise InputError(
                f"found {edges!r:.60}, and {name} has words",
                place=place,
                advice=f"give its name alone: {argument}='{name}'",
            )
        words, which = np.unique(values.astype(str), return_inverse=True)
        return tuple(words.tolist()), which
    if edges is None:
        distinct, which = np.unique(values, return_inverse=True)
        if len(distinct) > MOST_VALUES:
            middle = float(f"{np.median(values):.2g}")
            raise InputError(
                f"{name} has {len(distinct):,} different values",
                place=place,
                advice=f"say where groups part: {argument}={{'{name}': [{middle:g}]}}",
            )
        return tuple(f"{value:g}" for value in distinct), which
    try:
        parted = np.atleast_1d(np.asarray(edges, dtype=np.float64))
    except (TypeError, ValueError):
        parted = np.empty(0)
    if parted.ndim != 1 or not parted.size or not np.isfinite(parted).all() or (np.diff(parted) <= 0).any():
        raise InputError(
            f"found {edges!r:.60}",
            place=place,
            advice="give the numbers at which groups part, ascending: [60, 80]",
        )
    told = [f"{edge:g}" for edge in parted]
    inner = [f"{low} to {high}" for low, high in pairwise(told)]
    return (f"below {told[0]}", *inner, f"{told[-1]} and above"), np.searchsorted(
        parted, values, side="right"
    )
