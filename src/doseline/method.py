"""The methods that solve a model: one table says all there is to know of each."""

from typing import NamedTuple


class Method(NamedTuple):
    """One row of the table of methods."""

    number: int  # in the Dataset, and in kernels
    title: str


METHODS = {
    "dop853": Method(0, "DOP853: explicit, order 8"),
    "tsit5": Method(1, "Tsit5: explicit, order 5, for loose tolerances"),
    "rodas5p": Method(2, "Rodas5P: implicit, order 5, for stiff models"),
    "exact": Method(3, "propagators of the state matrix: linear models"),
}
