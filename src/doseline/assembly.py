"""A Dataset in memory that is filled part by part, wherever these come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from doseline.store_layout import CUT, Layout, layout_of

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Assembly:
    """Room for all rows; what lies where is as in a store."""

    first: "xr.Dataset"  # one subject, who has everything that no row differs in
    layout: Layout
    known: Mapping[str, np.ndarray]  # in full length
    values: Mapping[str, np.ndarray]  # by and by

    @classmethod
    def of(cls, first: "xr.Dataset", known: Mapping[str, np.ndarray], *, rows_each: int) -> Self:
        """Room for as many rows as are known."""
        layout = layout_of(first, known, rows_each=rows_each, dtype="float64")
        stored = {name: layout.variables[name] for name in layout.parted}
        return cls(
            first, layout, known, {name: np.empty(own.shape, own.dtype) for name, own in stored.items()}
        )

    def place(self, number: int, own: "xr.Dataset") -> None:
        """Put a part where it belongs."""
        for name, values in self.values.items():
            region = self.layout.region(name, self.layout.place(number))
            if region is not None:
                values[region] = own[name].values

    def dataset(self, attrs: Mapping[str, str]) -> "xr.Dataset":
        """All of it."""
        first, full = self.first, {**self.known, **self.values}
        cut = [name for name, value in first.variables.items() if any(dim in CUT for dim in value.dims)]
        made: dict[Any, Any] = {
            name: (first[name].dims, full[str(name)], first[name].attrs)
            if name in cut
            else first[name].variable
            for name in first.variables
        }
        data = {name: made[name] for name in first.data_vars}
        return first.__class__(data, {name: made[name] for name in first.coords}, dict(attrs))
