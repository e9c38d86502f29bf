"""What every Dataset can do itself: ``levels.pk.plot()``, ``levels.pk.bands()``, ``levels.pk.exposure()``.

Registered with xarray when this module is imported: with the first Dataset that doseline makes, and where xarray and
doseline meet.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from doseline.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Pharmacokinetics"]


@xr.register_dataset_accessor("pk")
class Pharmacokinetics:
    """A Dataset from `doseline.simulate`, and what can be made of it.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "40 mg once fed", dl.cohort(WT=[50, 70, 90]), times="1 h for 24 h")
    >>> levels.pk.bands([50])["plasma"].dims
    ('quantile', 'time')
    """

    def __init__(self, levels: xr.Dataset) -> None:
        self._levels = levels

    def __repr__(self) -> str:
        return "levels.pk: .plot(), .bands(), .exposure(), .to_parquet()"

    def plot(
        self,
        output: str | None = None,
        *,
        band: tuple[float, float] | None = (5, 95),
        window: tuple[float, float] | None = None,
        log: bool = False,
        days: tuple[int, int] | None = None,
        doses: bool = True,
        ax: "Axes | None" = None,
    ) -> "Axes":
        """The median over time within a band, of every regimen and meal: see `doseline.band_plot.population`.

        Of a Dataset from `doseline.sensitivity` the picture of its method, see `doseline.sensitivity_plot`; of one
        from `doseline.forest` a forest plot, see `doseline.forest_plot`. ``output`` is then the metric, and but for
        ``ax`` nothing else applies.
        """
        kind = next((kind for kind in ("sensitivity", "forest") if kind in self._levels.attrs), None)
        if kind is not None:
            if (band, window, log, days, doses) != ((5, 95), None, False, None, True):
                raise InputError(
                    "band, window, log, days and doses are for levels over time",
                    place="plot",
                    advice=f"a picture of a {kind} takes the metric and ax",
                )
            return self._sensitivity(output, ax) if kind == "sensitivity" else self._forest(output, ax)
        from doseline.band_plot import population

        return population(
            self._levels, output=output, band=band, window=window, log=log, days=days, doses=doses, ax=ax
        )

    def _sensitivity(self, metric: str | None, ax: "Axes | None") -> "Axes":
        from doseline.sensitivity_plot import picture

        return picture(self._levels, metric=metric, ax=ax)

    def _forest(self, metric: str | None, ax: "Axes | None") -> "Axes":
        from doseline.forest_plot import ratios

        return ratios(self._levels, metric=metric, ax=ax)

    def bands(
        self,
        q: Sequence[float] = (5, 50, 95),
        *,
        output: str | None = None,
        over: str | Sequence[str] = "subject",
    ) -> xr.Dataset:
        """Quantiles over subjects: see `doseline.bands`."""
        from doseline.analysis.bands import bands

        return bands(self._levels, q, output=output, over=over)

    def exposure(self, output: str | None = None) -> xr.Dataset:
        """Cmax, Tmax, Cmin, Cavg and AUC of every dosing interval and of the course: see `doseline.exposure`."""
        from doseline.analysis.exposure import exposure

        return exposure(self._levels, output=output)

    def to_parquet(self, path: str | Path) -> Path:
        """Write levels as a long Parquet table, piece by piece: see `doseline.parquet.export_parquet`."""
        from doseline.parquet import export_parquet

        return export_parquet(self._levels, path)
