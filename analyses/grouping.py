"""Groups of rows in a stable order, for tables that people read."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.observation import coded
from blinreg.schemas.errors import InputError

MAX_GROUPS = 100


def group_names(column: pl.Series) -> tuple[list[str], NDArray[np.intp]]:
    """Name the groups of a complete column and number the rows by them.

    Parameters
    ----------
    column : polars.Series
        Text, categories, whole numbers or booleans, without nulls.

    Returns
    -------
    list of str
        In the order of the categories for an Enum, otherwise sorted as values
        (2 before 10, false before true).
    int array (n,)
        Position in that list.

    Raises
    ------
    InputError
        A continuous column, or more than 100 groups.

    Examples
    --------
    >>> names, group = group_names(pl.Series("stage", [10, 2, 10]))
    >>> names, group.tolist()
    (['2', '10'], [1, 0, 1])
    """
    if column.dtype.is_float() and not bool((column == column.floor()).all()):
        raise InputError(
            f"column {column.name} has fractions and cannot form groups", next_step="cut it into classes first"
        )
    codes, labels = coded(column.to_frame(), [column.name], n_rows=column.len())
    if len(labels) > MAX_GROUPS:
        raise InputError(
            f"column {column.name} has {len(labels)} different values, too many for groups",
            next_step="cut it into classes first",
        )
    # Booleans as polars and SQL write them, not as Python does.
    names = [str(label).lower() if isinstance(label, bool) else str(label) for (label,) in labels]
    return names, codes.astype(np.intp, copy=False)
