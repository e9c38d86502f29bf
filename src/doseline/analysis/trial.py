"""The table of a bioequivalence study, read and checked: who took what in which period, and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from doseline.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

DESIGNS = {
    "parallel": "every subject takes one treatment",
    "2x2": "every subject takes both treatments, in either order",
    "crossover": "every subject takes each of three or more treatments once",
    "replicate": "subjects take a treatment more than once",
}
"""Designs that are analysed, and what they are."""
FEWEST = 2
"""Subjects that a sequence needs: from one alone nothing is known of how subjects differ."""


class Pair(NamedTuple):
    """The rows of one test and the reference by subject and period, with codes from 0 on.

    ``subject``, ``period``, ``sequence``, ``tested`` are (row,), ``logs`` (metric, row) holds natural logarithms.
    """

    subject: np.ndarray
    period: np.ndarray
    sequence: np.ndarray
    tested: np.ndarray
    logs: np.ndarray
    counts: np.ndarray
    """Subjects of every sequence (sequence,)."""
    names: tuple[str, ...]
    """Subjects that are left (subject,)."""
    left_out: tuple[str, ...]
    """Who has too few rows, and what is not there."""


@dataclass(frozen=True)
class Trial:
    """One row for each subject and period, checked."""

    design: str
    metrics: tuple[str, ...]
    reference: str
    tests: tuple[str, ...]
    sequences: tuple[str, ...]
    names: tuple[str, ...]
    """Subjects, in the order of the table."""
    subject: np.ndarray
    period: np.ndarray
    sequence: np.ndarray
    treatment: np.ndarray
    logs: np.ndarray

    def pair(self, test: str) -> Pair:
        """The rows of a test and the reference, without subjects that tell nothing of the difference."""
        rows = np.isin(self.treatment, [test, self.reference])
        taken = np.zeros((2, len(self.names)), dtype=int)
        for position, treatment in enumerate((test, self.reference)):
            np.add.at(taken[position], self.subject[self.treatment == treatment], 1)
        kept, left_out = taken.sum(axis=0) > 0, []
        if self.design in ("2x2", "crossover"):
            kept = (taken > 0).all(axis=0)
            for who in np.flatnonzero(~kept):
                lacks = [
                    name
                    for name, count in zip((test, self.reference), taken[:, who], strict=True)
                    if not count
                ]
                left_out.append(f"subject {self.names[who]} has no {' and no '.join(lacks)}")
        elif self.design == "replicate":
            kept = taken.sum(axis=0) > 1
            left_out = [f"subject {self.names[who]} has a single period" for who in np.flatnonzero(~kept)]
        chosen = np.flatnonzero(rows & kept[self.subject])
        chosen = chosen[np.lexsort((self.period[chosen], self.subject[chosen]))]
        counts = np.zeros(len(self.sequences), dtype=int)
        whose, first = np.unique(self.subject[chosen], return_index=True)
        np.add.at(counts, self.sequence[chosen][first], 1)
        in_question = [test, self.reference] if self.design == "parallel" else self.sequences
        for label, count in zip(self.sequences, counts.tolist(), strict=True):
            if label in in_question and count < FEWEST:
                what = "treatment" if self.design == "parallel" else "sequence"
                raise InputError(
                    f"found {count} subject{'s' * (count != 1)}"
                    + (f" ({'; '.join(left_out)})" if left_out else ""),
                    place=f"table, {what} {label}",
                    advice=f"give at least {FEWEST} subjects with all they need in every {what}",
                )
        return Pair(
            np.searchsorted(whose, self.subject[chosen]),
            self.period[chosen],
            self.sequence[chosen],
            self.treatment[chosen] == test,
            self.logs[:, chosen],
            counts,
            tuple(self.names[who] for who in whose),
            tuple(left_out),
        )


def read_trial(table: Any, metrics: Sequence[str], reference: Any, design: str | None) -> Trial:
    """Read what `equivalence` is given, and refuse what it cannot be made of."""
    import pandas as pd

    if design is not None and design not in DESIGNS:
        raise InputError(
            f"found {design!r}", place="design", advice=did_you_mean(str(design), DESIGNS, "there are")
        )
    try:
        frame = pd.DataFrame(table)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"found {type(table).__name__}, of which pandas makes no table: {error}",
            place="table",
            advice="give a data frame, or a mapping from column names to equally long lists",
        ) from error
    columns = [str(column) for column in frame.columns]
    frame.columns = pd.Index(columns)
    if len(set(columns)) < len(columns):
        raise InputError(
            f"found two columns '{next(name for name in columns if columns.count(name) > 1)}'",
            place="table",
            advice="give every column a name of its own",
        )
    for needed in ("subject", "treatment"):
        _need_column(needed, columns, "table")
    for metric in metrics:
        _need_column(metric, columns, "metric")
    keys = ["subject", "treatment", *(name for name in ("period", "sequence") if name in columns)]
    for key in keys:
        if frame[key].isna().any():
            raise InputError(
                "there is nothing",
                place=f"table '{key}', row {_row(frame, frame[key].isna())}",
                advice="fill it in, or leave out the row",
            )
    logs = np.array([_logarithms(frame, metric) for metric in metrics])
    subject, names = pd.factorize(frame["subject"])
    treatment = frame["treatment"].astype(str).to_numpy(dtype=str)
    treatments = sorted(set(treatment.tolist()))
    if len(treatments) < 2:
        raise InputError(
            f"found {'only ' + repr(treatments[0]) if treatments else 'no rows'}",
            place="table 'treatment'",
            advice="give rows of a test and of the reference",
        )
    if str(reference) not in treatments:
        raise InputError(
            f"unknown treatment '{reference}'",
            place="reference",
            advice=did_you_mean(str(reference), treatments, "treatments here"),
        )
    people = tuple(str(name) for name in names)
    if "period" in columns:
        period, periods = pd.factorize(frame["period"], sort=True)
    elif len(subject) > len(people):
        _need_column("period", columns, "table")
    else:
        period, periods = np.zeros(len(subject), dtype=int), pd.Index(["1"])
    found = _design(design, people, subject, period, treatment, [str(label) for label in periods])
    if found == "parallel":
        labels = [str(label) for label in treatment]
    elif "sequence" in columns:
        labels = _given_sequences(frame, subject, people, period, treatment)
    else:
        labels = _derived_sequences(subject, people, period, treatment)
    sequences = tuple(dict.fromkeys(sorted(labels)))
    if found != "parallel" and len(sequences) < 2:
        raise InputError(
            f"there is one sequence, {sequences[0]}",
            place="table",
            advice="with a single order of treatments nobody can tell them from the periods; give at least two",
        )
    return Trial(
        design=found,
        metrics=tuple(metrics),
        reference=str(reference),
        tests=tuple(name for name in treatments if name != str(reference)),
        sequences=sequences,
        names=people,
        subject=subject,
        period=period,
        sequence=np.array([sequences.index(label) for label in labels]),
        treatment=treatment,
        logs=logs,
    )


def _need_column(name: str, columns: Sequence[str], place: str) -> None:
    if name not in columns:
        raise InputError(
            f"there is no column '{name}'", place=place, advice=did_you_mean(name, columns, "columns here")
        )


def _row(frame: "pd.DataFrame", wrong: Any) -> Any:
    """Label of the first row that is wrong."""
    return frame.index[int(np.flatnonzero(wrong)[0])]


def _logarithms(frame: "pd.DataFrame", metric: str) -> np.ndarray:
    import pandas as pd

    numbers = pd.to_numeric(frame[metric], errors="coerce").to_numpy(dtype=float)
    wrong = ~(np.isfinite(numbers) & (numbers > 0))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        others = int(wrong.sum()) - 1
        raise InputError(
            f"found {frame[metric].iloc[first]}" + (f", and {others} more like it" if others else ""),
            place=f"table '{metric}', row {_row(frame, wrong)}",
            advice="expected a number above 0; leave out the rows in which nothing was measured",
        )
    return np.asarray(np.log(numbers))


def _design(
    asked: str | None,
    people: Sequence[str],
    subject: np.ndarray,
    period: np.ndarray,
    treatment: np.ndarray,
    periods: Sequence[str],
) -> str:
    """Which design the table has; refuse one that was asked for and is another."""
    seen: set[tuple[int, int]] = set()
    taken: set[tuple[int, str]] = set()
    twice: tuple[int, str] | None = None
    for who, when, what in zip(subject.tolist(), period.tolist(), treatment.tolist(), strict=True):
        if (who, when) in seen:
            raise InputError(
                f"found period {periods[when]} twice",
                place=f"table, subject {people[who]}",
                advice="give one row for each subject and period",
            )
        if (who, what) in taken and twice is None:
            twice = (who, what)
        seen.add((who, when))
        taken.add((who, what))
    several = len(set(treatment.tolist())) > 2
    if twice:
        found = "replicate"
    elif len(subject) == len(people):
        found = "parallel"
    else:
        found = "crossover" if several or len(periods) > 2 else "2x2"
    if asked in (None, found):
        return found
    if twice:
        raise InputError(
            f"found treatment '{twice[1]}' twice in a {asked} design",
            place=f"table, subject {people[twice[0]]}",
            advice="correct the row, or give design='replicate' if the treatment was taken again",
        )
    raise InputError(
        f"found {asked!r}, and the table has {len(set(treatment.tolist()))} treatments, {len(periods)} periods and "
        f"{len(subject) / len(people):.3g} rows for each subject",
        place="design",
        advice=f"leave it out, or give {found!r}: {DESIGNS[found]}",
    )


def _given_sequences(
    frame: "pd.DataFrame",
    subject: np.ndarray,
    people: Sequence[str],
    period: np.ndarray,
    treatment: np.ndarray,
) -> list[str]:
    """Sequences from the table, if each subject has one and each sequence one treatment in a period."""
    labels = [str(label) for label in frame["sequence"]]
    of_subject: dict[int, str] = {}
    of_cell: dict[tuple[str, int], str] = {}
    for row, (who, when, what) in enumerate(
        zip(subject.tolist(), period.tolist(), treatment.tolist(), strict=True)
    ):
        if of_subject.setdefault(who, labels[row]) != labels[row]:
            raise InputError(
                f"found the sequences {of_subject[who]} and {labels[row]}",
                place=f"table, subject {people[who]}",
                advice="give every subject one sequence",
            )
        if of_cell.setdefault((labels[row], when), what) != what:
            raise InputError(
                f"found '{what}' where others of sequence {labels[row]} have '{of_cell[labels[row], when]}'",
                place=f"table, subject {people[who]}",
                advice="correct the row, or leave out the column 'sequence': it is derived from the treatments",
            )
    return labels


def _derived_sequences(
    subject: np.ndarray, people: Sequence[str], period: np.ndarray, treatment: np.ndarray
) -> list[str]:
    """Treatments in the order of periods; who lacks a period has the one sequence of others that fits."""
    orders: list[dict[int, str]] = [{} for _ in people]
    for who, when, what in zip(subject.tolist(), period.tolist(), treatment.tolist(), strict=True):
        orders[who][when] = what
    between = "" if all(len(what) == 1 for what in treatment.tolist()) else " "
    full = {len(order) for order in orders}
    complete = {tuple(order[when] for when in sorted(order)) for order in orders if len(order) == max(full)}
    label = []
    for who, order in enumerate(orders):
        fitting = [
            whole
            for whole in sorted(complete)
            if all(when < len(whole) and whole[when] == what for when, what in order.items())
        ]
        if len(fitting) != 1:
            raise InputError(
                f"the sequence cannot be derived: {len(fitting)} fit what was taken",
                place=f"table, subject {people[who]}",
                advice="give a column 'sequence'",
            )
        label.append(between.join(fitting[0]))
    return [label[who] for who in subject.tolist()]
