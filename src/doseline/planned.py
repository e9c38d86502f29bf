"""What a plan says of a run, and how it says it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from doseline.errors import InputError
from doseline.memory import UNKNOWN, size_told
from doseline.progress import duration


@dataclass(frozen=True)
class Plan:
    """What a run would be; made by `plan`.

    Attributes
    ----------
    of : str                        "levels", "exposure" or "bands".
    model : str                     Its name.
    subjects, replicates : int      How many there are; 1 replicate where nothing is repeated.
    arms : int                      Combinations of regimen, formulation and meal.
    outputs, times : int            Of the model; and at how many times, or observations of an event table.
    doses : int                     Doses prescribed, in all rows.
    sizes : mapping of str to int   Bytes of each variable of the result.
    memory : int                    Memory at the height of the run, the result included. [byte]
    available : int                 Memory that there is. [byte]
    seconds : float                 How long it takes, told from samples, without writing files. [s]
    between : (float, float)        From where to where that may be. [s]
    compiling : float               What compiling took, or reading compiled code: plan has done it. [s]
    sampled : int                   Subjects of all samples.
    parts, files : int or None      Of a store.
    at : str                        What ``times`` counts: "time", or "observation" of an event table.
    refusal : InputError or None    What `simulate` or `exposure` will say, where it does not fit.

    >>> from doseline.planning import plan
    >>> made = plan("isotretinoin", "40 mg once daily x 28", {"WT": [50, 70]}, times="2 h", meal=["fed", "fasted"])
    >>> made.rows, made.values, made.fits
    (4, 2696, True)
    """

    of: str
    model: str
    subjects: int
    replicates: int
    arms: int
    outputs: int
    times: int
    values: int
    doses: int
    sizes: Mapping[str, int]
    memory: int
    available: int
    seconds: float
    between: tuple[float, float]
    compiling: float
    sampled: int
    parts: int | None = None
    files: int | None = None
    at: str = "time"
    refusal: InputError | None = None

    @property
    def rows(self) -> int:
        """Subjects, once for each replicate and arm."""
        return self.subjects * self.replicates * self.arms

    @property
    def bytes(self) -> int:
        """Size of the result: its ``nbytes``."""
        return sum(self.sizes.values())

    @property
    def fits(self) -> bool:
        """Whether there is enough memory."""
        return self.memory <= self.available

    def told(self) -> Iterator[tuple[str, str]]:
        """What there is to say, line by line: what, and how much."""
        again = f" x {_count(self.replicates, 'replicate')}" if self.replicates > 1 else ""
        yield (
            "rows",
            f"{self.rows:,} ({_count(self.subjects, 'subject')} x {_count(self.arms, 'arm')}{again})",
        )
        yield "levels", f"{self.values:,} ({_count(self.outputs, 'output')}, {_count(self.times, self.at)})"
        yield "doses", f"{self.doses:,}"
        largest = max(self.sizes, key=self.sizes.__getitem__)
        yield "result", f"{size_told(self.bytes)}, most of it {largest}: {size_told(self.sizes[largest])}"
        if self.parts is not None:
            yield "store", f"{self.parts:,} parts, {self.files:,} files, before compression"
        there = (
            "nobody knows how much there is"
            if self.available == UNKNOWN
            else f"{size_told(self.available)} are free"
        )
        yield (
            "memory",
            f"{size_told(self.memory)} at its height, {there}: {'fits' if self.fits else 'DOES NOT FIT'}",
        )
        least, most = self.between
        between = f"from {duration(least)} to {duration(most)}"
        yield "time", f"{duration(self.seconds)} ({between}, told by {_count(self.sampled, 'subject')})"
        if self.compiling >= 0.5:
            yield "compiling", f"{duration(self.compiling)}, done now"

    def __str__(self) -> str:
        """A line for each number; where it does not fit, what to do instead."""
        advice = self.refusal.advice.splitlines() if self.refusal is not None else []
        told = [*self.told(), *(("" if at else "instead", text) for at, text in enumerate(advice))]
        return "\n".join([f"{self.of} of {self.model}", *(f"  {what:<10}{text}" for what, text in told)])

    def __repr__(self) -> str:
        """The numbers that matter most."""
        fits = "fits" if self.fits else "does not fit"
        return (
            f"Plan({self.of} of {self.model}: {self.rows:,} rows, {size_told(self.bytes)}, "
            f"{duration(self.seconds)}, {fits} into memory)"
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
