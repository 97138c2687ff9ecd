"""A yes/no column as 0 and 1: one gate for response rates and logistic regression."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.errors import InputError


def binary_outcome(column: pl.Series) -> NDArray[np.float64]:
    """Read a complete boolean or 0/1 column (n,).

    Raises
    ------
    InputError
        Text, or a number that is neither 0 nor 1.

    Examples
    --------
    >>> binary_outcome(pl.Series("responded", [True, False])).tolist()
    [1.0, 0.0]
    """
    if not (column.dtype == pl.Boolean or column.dtype.is_numeric()):
        raise InputError(
            f"outcome {column.name} is {column.dtype}; an outcome is a boolean, or 1 and 0",
            next_step=f'derive it first, for instance pl.col("{column.name}") == "cr"',
        )
    values = np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)
    wrong = int(np.count_nonzero((values != 0) & (values != 1)))
    if wrong:
        raise InputError(
            f"outcome {column.name} is neither 0 nor 1 in {wrong} of {len(values)} rows",
            next_step="derive a yes/no column from it first",
        )
    return values
