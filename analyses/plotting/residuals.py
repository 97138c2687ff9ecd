"""The figure of a proportional-hazards test: residuals over transformed time, a smooth, a flat line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from blinreg.analyses import wording
from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.plotting.style import FONT_SIZE, GREY, OKABE_ITO, new_axes, write_notes
from blinreg.schemas.errors import InputError, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.proportional_hazards import ProportionalHazardsTest

#: Points at which the smooth is drawn.
SMOOTH_POINTS = 40
#: Transforms whose axis shows times at places that are not proportional to them.
_CURVED = ("km", "rank", "log")


def smooth_residuals(test: ProportionalHazardsTest, term: str, *, df: int = 4) -> pl.DataFrame:
    """Smooth a term's scaled Schoenfeld residuals by a natural cubic spline.

    Parameters
    ----------
    test : ProportionalHazardsTest
        The test to draw from.
    term : str
        A row of its table.
    df : int
        Degrees of freedom of the spline, at least 2 (a straight line).

    Returns
    -------
    polars.DataFrame
        transformed_time, estimate, lower, upper (two standard errors): 40 points from the first event to the last.

    Raises
    ------
    InputError
        Unknown term; fewer than ``df`` different event times.

    Notes
    -----
    R: ``plot(cox.zph(fit))``, with the same knots.

    Examples
    --------
    >>> from blinreg.analyses import cox, proportional_hazards_test
    >>> rows = pl.DataFrame({"patient_id": range(8), "tstop": [1, 2, 3, 4, 5, 6, 7, 8], "event": [1] * 8,
    ...                      "old": [1, 1, 1, 0, 0, 1, 0, 0]})
    >>> test = proportional_hazards_test(cox(rows, ["old"], start=None), transform="identity")
    >>> smooth_residuals(test, "old", df=2)["estimate"].round(2).to_list()[::39]
    [2.12, 0.73]
    """
    place = _place(test, term)
    if df < 2:
        raise InputError(f"a smooth needs at least 2 degrees of freedom, not {df}", next_step="use df=4")
    known = test.residuals.filter(pl.col(term).is_not_null())
    all_x = test.residuals["transformed_time"].to_numpy()
    x, y = known["transformed_time"].to_numpy(), known[term].to_numpy()
    drawn = np.linspace(all_x.min(), all_x.max(), SMOOTH_POINTS)
    knots = np.quantile(np.concatenate((drawn, all_x)), np.linspace(0, 1, df))
    if np.unique(x).size < df or np.unique(knots).size < df:
        raise InputError(
            f"{np.unique(x).size} different event times are too few for {df} degrees of freedom", next_step="lower df"
        )
    basis = natural_spline(x, knots)
    weights, *_ = np.linalg.lstsq(basis, y, rcond=None)
    at = natural_spline(drawn, knots)
    spread = ((at @ np.linalg.inv(basis.T @ basis)) * at).sum(axis=1)
    width = 2 * np.sqrt(test.residual_variance[place, place] * spread)
    estimate = at @ weights
    return pl.DataFrame(
        {"transformed_time": drawn, "estimate": estimate, "lower": estimate - width, "upper": estimate + width}
    )


def natural_spline(x: Array, knots: Array) -> Array:
    """Evaluate a basis of natural cubic splines (n, knots): linear beyond the outer knots.

    Parameters
    ----------
    x : array (n,)
        Where to evaluate.
    knots : array (k,)
        Increasing; the outer two are the boundary.

    Notes
    -----
    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, formulas 5.4 and 5.5. R:
    the same space as ``splines::ns(x, intercept = TRUE)``.

    Examples
    --------
    >>> natural_spline(np.array([0.0, 1.0]), np.array([0.0, 1.0])).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    low, high = knots[0], knots[-1]
    u, inner = (x - low) / (high - low), (knots - low) / (high - low)

    def bent(knot: float) -> Array:
        cubes = np.maximum(u - knot, 0.0) ** 3 - np.maximum(u - 1.0, 0.0) ** 3
        return np.asarray(cubes / (1.0 - knot), dtype=np.float64)

    last = bent(float(inner[-2]))
    columns = [np.ones_like(u), u] + [bent(float(knot)) - last for knot in inner[:-2]]
    return np.column_stack(columns)


def plot_proportional_hazards(
    test: ProportionalHazardsTest,
    ax: Axes | None = None,
    *,
    term: str | None = None,
    df: int = 4,
    title: str | None = None,
    note: str | None = None,
) -> Axes:
    """Draw scaled Schoenfeld residuals, their smooth with two standard errors, and the flat line of the fit.

    Parameters
    ----------
    test : ProportionalHazardsTest
        The test to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    term : str, optional
        By default the first of the test.
    df : int
        Degrees of freedom of the smooth; fewer are used where there are few event times.
    title, note : str, optional
        Text above the figure; small print under it, such as "Synthetic data".

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from blinreg.analyses import cox, proportional_hazards_test
    >>> rows = pl.DataFrame({"patient_id": range(8), "tstop": [1, 2, 3, 4, 5, 6, 7, 8], "event": [1] * 8,
    ...                      "old": [1, 1, 1, 0, 0, 1, 0, 0]})
    >>> proportional_hazards_test(cox(rows, ["old"], start=None)).plot().get_ylabel()
    'Coefficient of old'
    """
    chosen = test.table["term"][0] if term is None else term
    ax = ax if ax is not None else new_axes()
    known = test.residuals.filter(pl.col(chosen).is_not_null()) if _place(test, chosen) >= 0 else test.residuals
    x, blue, red = known["transformed_time"].to_numpy(), OKABE_ITO[0], OKABE_ITO[1]
    ax.plot(x, known[chosen].to_numpy(), "o", markersize=3.2, color=GREY, alpha=0.65, markeredgewidth=0, zorder=2)
    ax.axhline(0.0, color="#BBBBBB", linewidth=0.8, zorder=1)
    ax.axhline(test.flat[chosen], color=red, linewidth=1.3, linestyle=(0, (5, 2)), zorder=3)
    df = min(df, int(known["transformed_time"].n_unique()))
    if df >= 2:
        smooth = smooth_residuals(test, chosen, df=df)
        drawn = smooth["transformed_time"].to_numpy()
        ax.fill_between(
            drawn, smooth["lower"].to_numpy(), smooth["upper"].to_numpy(), color=blue, alpha=0.15, linewidth=0, zorder=1
        )
        ax.plot(drawn, smooth["estimate"].to_numpy(), color=blue, linewidth=1.8, zorder=4)
    _style(ax, test, chosen, x)
    if title:
        ax.set_title(title, loc="left", fontsize=FONT_SIZE + 2, fontweight="bold")
    p_value = test.table.filter(pl.col("term") == chosen)["p_value"][0]
    told = "" if p_value is None else f"Proportional hazards: {wording.p_value(p_value, sign=True)}\n"
    legend = f"{told}Solid: smooth with two standard errors. Dashed: coefficient of the fit"
    write_notes(ax, annotation=legend, note=note)
    return ax


def _place(test: ProportionalHazardsTest, term: str) -> int:
    terms = list(test.flat)
    if term not in terms:
        raise InputError(f"{term!r} is not a term of the test", next_step=nearest(term, terms))
    return terms.index(term)


def _style(ax: Axes, test: ProportionalHazardsTest, term: str, x: Array) -> None:
    """Label the axes; a transformed axis shows the times themselves."""
    joined = int(test.table.filter(pl.col("term") == term)["df"][0]) > 1
    label = f"Effect of {term} (fitted = 1)" if joined else f"Coefficient of {term}"
    ax.set_ylabel(label, fontsize=FONT_SIZE + 1)
    scale = {"km": "spaced by Kaplan-Meier", "rank": "spaced by rank", "log": "log scale"}.get(test.transform)
    ax.set_xlabel(f"Time ({test.time_unit}{'' if scale is None else ', ' + scale})", fontsize=FONT_SIZE + 1)
    if test.transform in _CURVED:
        places, times = _ticks(x, test.residuals)
        ax.set_xticks(places, [f"{time:g}" for time in times])
    ax.tick_params(labelsize=FONT_SIZE, colors="#222222")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _ticks(x: Array, residuals: pl.DataFrame) -> tuple[Array, Array]:
    """Find event times that lie evenly on the transformed axis."""
    pairs = residuals.select("transformed_time", "time").unique("transformed_time").sort("transformed_time")
    at, time = pairs["transformed_time"].to_numpy(), pairs["time"].to_numpy()
    wanted = np.linspace(x.min(), x.max(), 7)
    nearest_event = np.unique(np.abs(at[:, None] - wanted[None, :]).argmin(axis=0))
    return at[nearest_event], time[nearest_event]
