"""From named columns to the terms of a regression: one place for cox and logistic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.errors import InputError, nearest

Array = NDArray[np.float64]

# An error that lists levels stays readable; levels are codes or categories, never identifiers.
MAX_LEVELS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Terms and their values.

    Attributes
    ----------
    terms : tuple of str
        ``age``; ``donor[haploidentical]`` for a level against the reference; ``age:allo_hct``.
    matrix : array (n, p)
        Columns contiguous.
    reference : dict of str to str
        The reference level of every categorical covariate.
    factors : tuple of Term
        How each term is made from columns.
    covariates : tuple of Covariate
        Those columns.
    """

    terms: tuple[str, ...]
    matrix: Array
    reference: dict[str, str]
    factors: tuple[Term, ...]
    covariates: tuple[Covariate, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """A column as it enters a term: the number itself, or 1 where the text is ``level`` and else 0."""

    column: str
    level: str | None


@dataclass(frozen=True, slots=True)
class Term:
    """One coefficient: the product of its factors."""

    name: str
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Covariate:
    """A column named as covariate: its type, and its levels in sorted order where it is text."""

    name: str
    dtype: pl.DataType
    levels: tuple[str, ...] | None


def covariate_columns(covariates: Sequence[str]) -> list[str]:
    """List the columns that covariates name; ``a:b`` names a and b.

    Raises
    ------
    InputError
        No covariate, or one named twice.

    Examples
    --------
    >>> covariate_columns(["age", "age:allo_hct"])
    ['age', 'allo_hct']
    """
    return list(dict.fromkeys(part for name in _listed(covariates) for part in name.split(":")))


def build_design(
    frame: pl.DataFrame,
    covariates: Sequence[str],
    *,
    reference: Mapping[str, str] | None = None,
) -> Design:
    """Make the design matrix.

    Numbers stay numbers, booleans are 0 and 1, text and categories become one
    indicator a level other than the reference (treatment contrasts, as in R).

    Parameters
    ----------
    frame : polars.DataFrame
        Complete rows.
    covariates : sequence of str
        Columns, or interactions ``a:b`` of columns.
    reference : mapping of str to str, optional
        Reference level of categorical covariates; otherwise the first level in sorted order.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        A reference for something that is no categorical covariate, an unknown
        level, a type that is neither number, boolean nor text, an infinite value.

    Examples
    --------
    >>> frame = pl.DataFrame({"age": [40, 50, 60], "sex": ["female", "male", "female"]})
    >>> build_design(frame, ["age", "sex"]).terms
    ('age', 'sex[male]')
    """
    columns = [_covariate(frame[name]) for name in covariate_columns(covariates)]
    terms, chosen = list_terms(columns, covariates, reference)
    matrix = term_matrix(frame, terms)
    return Design(tuple(term.name for term in terms), matrix, chosen, terms, tuple(columns))


def term_matrix(frame: pl.DataFrame, terms: Sequence[Term]) -> Array:
    """Work out terms for the rows of a frame.

    Parameters
    ----------
    frame : polars.DataFrame
        Complete rows with the columns of the terms.
    terms : sequence of Term
        From `list_terms`.

    Returns
    -------
    array (n, p)
        Columns contiguous.

    Raises
    ------
    InputError
        An infinite value.
    """
    values: dict[Factor, Array] = {}
    for factor in dict.fromkeys(factor for term in terms for factor in term.factors):
        column = frame[factor.column]
        taken = column if factor.level is None else column.cast(pl.String) == factor.level
        values[factor] = taken.cast(pl.Float64).to_numpy()
    matrix = np.empty((frame.height, len(terms)), order="F")
    for j, term in enumerate(terms):
        matrix[:, j] = reduce(np.multiply, (values[factor] for factor in term.factors))
        check_finite(term.name, matrix[:, j])
    return matrix


def list_terms(
    columns: Sequence[Covariate], covariates: Sequence[str], reference: Mapping[str, str] | None
) -> tuple[tuple[Term, ...], dict[str, str]]:
    """List the terms that covariates make, without looking at a row.

    Parameters
    ----------
    columns : sequence of Covariate
        What `covariate_columns` lists.
    covariates : sequence of str
        Columns, or interactions ``a:b`` of columns.
    reference : mapping of str to str, optional
        Reference level of categorical covariates.

    Returns
    -------
    tuple of Term
        The first part of an interaction has the levels that vary fastest, as in R.
    dict of str to str
        The reference level of every categorical covariate.

    Raises
    ------
    InputError
        As `build_design`, except for values.

    Examples
    --------
    >>> donor = Covariate("donor", pl.String(), ("haploidentical", "matched"))
    >>> terms, _ = list_terms([donor], ["donor"], None)
    >>> terms[0].name, terms[0].factors
    ('donor[matched]', (Factor(column='donor', level='matched'),))
    """
    wanted = dict(reference or {})
    chosen: dict[str, str] = {}
    parts = {column.name: _factors(column, wanted.pop(column.name, None), chosen) for column in columns}
    if wanted:
        unknown = ", ".join(sorted(wanted))
        raise InputError(
            f"reference names {unknown}, not among the covariates", next_step=nearest(unknown, list(parts))
        )
    terms: list[Term] = []
    for name in _listed(covariates):
        products: list[tuple[Factor, ...]] = [()]
        for part in name.split(":"):
            products = [(*product, factor) for factor in parts[part] for product in products]
        terms += [Term(":".join(_label(factor) for factor in factors), factors) for factors in products]
    return tuple(terms), chosen


def standardise(
    matrix: Array,
    stratum: NDArray[np.intp] | None = None,
    *,
    n_strata: int = 1,
    rows: NDArray[np.intp] | None = None,
) -> tuple[Array, Array]:
    """Centre each column within strata and scale it to unit spread.

    Parameters
    ----------
    matrix : array (n, p)
        Covariates.
    stratum : int array (n,), optional
        0 .. n_strata - 1; needed for more than one.
    n_strata : int
        Number of strata.
    rows : int array, optional
        Take these rows only; ``stratum`` is of them.

    Returns
    -------
    array (n, p)
        Columns contiguous. A column that is constant in every stratum is exactly zero.
    array (p,)
        The spread divided out (1 for a constant column).

    Examples
    --------
    >>> standardise(np.array([[1.0], [3.0]]))[0].ravel().tolist()
    [-1.0, 1.0]
    """
    n_terms = matrix.shape[1]
    out = np.empty((len(matrix) if rows is None else len(rows), n_terms), order="F")
    scale = np.ones(n_terms)
    for j in range(n_terms):
        column = matrix[:, j] if rows is None else matrix[rows, j]
        centred = centre(column, stratum, n_strata=n_strata)
        largest = float(np.abs(column).max(initial=0.0))
        spread = float(np.abs(centred).max(initial=0.0))
        # A constant column keeps only the rounding of its mean.
        if spread <= 1e-13 * largest:
            out[:, j] = 0.0
            continue
        centred /= spread
        unit = float(np.sqrt(np.mean(centred * centred)))
        out[:, j] = centred / unit
        scale[j] = spread * unit
    return out, scale


def centre(column: Array, stratum: NDArray[np.intp] | None = None, *, n_strata: int = 1) -> Array:
    """Subtract the mean of each stratum from a column (n,)."""
    if stratum is None or n_strata == 1:
        return np.asarray(column - column.mean())
    size = np.maximum(np.bincount(stratum, minlength=n_strata), 1)
    mean = np.bincount(stratum, weights=column, minlength=n_strata) / size
    return np.asarray(column - mean[stratum])


def _listed(covariates: Sequence[str]) -> list[str]:
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    if not names:
        raise InputError("no covariate is named", next_step='name at least one, covariates=["age"]')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"covariates name {', '.join(twice)} more than once", next_step="name each once")
    return names


def _label(factor: Factor) -> str:
    return factor.column if factor.level is None else f"{factor.column}[{factor.level}]"


def is_text(dtype: pl.DataType) -> bool:
    """Tell whether a covariate of this type is categorical.

    Examples
    --------
    >>> is_text(pl.String()), is_text(pl.Int64())
    (True, False)
    """
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def check_covariate_type(name: str, dtype: pl.DataType) -> None:
    """Refuse a covariate that is neither number, boolean nor text."""
    if not (dtype.is_numeric() or dtype == pl.Boolean or is_text(dtype)):
        raise InputError(
            f"covariate {name} is {dtype}; a covariate is a number, a boolean or text",
            next_step="turn a date into days from the origin",
        )


def _covariate(column: pl.Series) -> Covariate:
    levels = tuple(column.cast(pl.String).unique().sort().to_list()) if is_text(column.dtype) else None
    return Covariate(column.name, column.dtype, levels)


def _factors(column: Covariate, reference: str | None, chosen: dict[str, str]) -> list[Factor]:
    name, levels = column.name, column.levels
    if levels is not None:
        chosen[name] = _reference(name, levels, reference)
        return [Factor(name, level) for level in levels if level != chosen[name]]
    if reference is not None:
        raise InputError(
            f"covariate {name} is {column.dtype}, so it has no reference level",
            next_step=f"leave {name} out of reference, or give it as text",
        )
    check_covariate_type(name, column.dtype)
    return [Factor(name, None)]


def _reference(name: str, levels: tuple[str, ...], reference: str | None) -> str:
    if len(levels) > MAX_LEVELS:
        raise InputError(
            f"covariate {name} has {len(levels)} different texts, more than {MAX_LEVELS}",
            next_step="group its levels, or use it as strata or cluster if it identifies",
        )
    base = levels[0] if reference is None else reference
    if base not in levels:
        raise InputError(f"reference {base!r} is not a level of {name}", next_step=nearest(base, list(levels)))
    if len(levels) == 1:
        raise InputError(
            f"covariate {name} is constant (one level in all rows), so it has no estimable effect",
            next_step=f"leave {name} out",
        )
    return base


def check_finite(name: str, values: Array) -> None:
    """Refuse infinite values of a covariate or term."""
    endless = int(np.count_nonzero(~np.isfinite(values)))
    if endless:
        raise InputError(f"covariate {name} has {endless} infinite values", next_step="correct them or leave them out")
