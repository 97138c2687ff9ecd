"""What a Cox fit takes from columns beside times, events and covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class CoxColumns:
    """The columns a call names."""

    id: str | None
    start: str | None
    stop: str
    event: str
    covariates: tuple[str, ...]
    strata: tuple[str, ...]
    cluster: str | None
    weights: str | None
    offset: str | None

    @property
    def named(self) -> tuple[str, ...]:
        """Every column once, in the order in which a message lists them."""
        names = (self.id, self.start, self.stop, self.event, *self.extra)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @property
    def extra(self) -> tuple[str, ...]:
        """The columns beside the counting process."""
        optional = (self.cluster, self.weights, self.offset)
        return (*self.covariates, *self.strata, *(name for name in optional if name is not None))


def positive_weights(column: pl.Series) -> NDArray[np.float64]:
    """Take case weights (n,).

    Raises
    ------
    InputError
        Not numbers, infinite, or not positive.
    """
    values = finite_numbers(column, "weights")
    wrong = int(np.count_nonzero(values <= 0))
    if wrong:
        raise InputError(
            f"weights {column.name} are not positive in {wrong} of {len(values)} rows",
            next_step="leave out rows of weight zero",
        )
    return values


def finite_numbers(column: pl.Series, role: str) -> NDArray[np.float64]:
    """Take numbers (n,) for "weights" or "offset".

    Raises
    ------
    InputError
        Not numbers, or infinite.
    """
    if not column.dtype.is_numeric():
        raise InputError(f"{role} {column.name} is {column.dtype}, not a number", next_step="give a numeric column")
    values = np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{role} {column.name} has infinite values", next_step="correct them or leave them out")
    return values


def check_clusters(codes: NDArray[np.integer], name: str) -> None:
    """Refuse a cluster column with one value only."""
    if not codes.any():
        raise InputError(
            f"cluster {name} has one value only; a robust variance needs many clusters",
            next_step="use the subject's id, or leave cluster out",
        )
