"""Forest plots of hazard or odds ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from blinreg.analyses import wording
from blinreg.analyses.plotting.style import FONT_SIZE, OKABE_ITO, new_axes, write_notes
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES = {
    "hazard_ratio": "Hazard ratio",
    "subdistribution_hazard_ratio": "Subdistribution hazard ratio",
    "odds_ratio": "Odds ratio",
}
#: Intervals are cut, with an arrow, at this factor beyond the outermost estimate.
_CUT_FACTOR = 8.0
_TICKS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000)


def forest_plot(
    table: pl.DataFrame,
    *,
    estimate: str = "hazard_ratio",
    ax: Axes | None = None,
    labels: Mapping[str, str] | None = None,
    conf_level: float = 0.95,
    lower_means: str | None = None,
    higher_means: str | None = None,
    title: str | None = None,
    note: str | None = None,
) -> Axes:
    """Draw ratios and their intervals on a logarithmic axis, with the numbers beside.

    Parameters
    ----------
    table : polars.DataFrame
        term, the estimate, lower, upper, p_value; one row a term, drawn from the top.
    estimate : str
        Column of the ratio: "hazard_ratio", "subdistribution_hazard_ratio" or "odds_ratio".
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of a height that fits.
    labels : mapping, optional
        Text for each term.
    conf_level : float
        Level of the intervals, for the heading.
    lower_means, higher_means : str, optional
        What a ratio below and above 1 means, written under the axis.
    title, note : str, optional
        Text above the figure; small print under it, such as "Synthetic data".

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        The table has no rows or lacks a column.

    Examples
    --------
    >>> table = pl.DataFrame({"term": ["age"], "hazard_ratio": [1.5], "lower": [1.1], "upper": [2.0],
    ...                       "p_value": [0.01]})
    >>> forest_plot(table).get_xscale()
    'log'
    """
    absent = {"term", estimate, "lower", "upper", "p_value"} - set(table.columns)
    if absent or not table.height:
        problem = f"lacks {', '.join(sorted(absent))}" if absent else "has no rows"
        raise InputError(f"the table of a forest plot {problem}", next_step="pass .table of a fitted model")
    ax = ax if ax is not None else _axes_for([(labels or {}).get(term, term) for term in table["term"]])
    values = {name: table[name].cast(pl.Float64).to_numpy() for name in (estimate, "lower", "upper")}
    left, right = _limits(values[estimate], values["lower"], values["upper"])
    ax.set_xscale("log")
    ax.set_xlim(left, right)
    ax.axvline(1, color="#888888", linewidth=0.9, zorder=1)
    for place in range(table.height):
        _draw_row(ax, place, values[estimate][place], values["lower"][place], values["upper"][place])
    _write_columns(ax, table, estimate, labels, conf_level)
    _style(ax, table.height, (left, right), _NAMES.get(estimate, estimate), title)
    _write_meanings(ax, lower_means, higher_means)
    write_notes(ax, annotation=None, note=note)
    return ax


def _axes_for(labels: Sequence[str]) -> Axes:
    """Make axes as wide beside long labels as beside short ones."""
    return new_axes(width=5.2 + 0.068 * max(len(label) for label in labels), height=1.3 + 0.34 * len(labels))


def p_text(p_value: float | None) -> str:
    """Write a P value as the tables beside the figure do; nothing where there is none.

    Examples
    --------
    >>> p_text(0.0004), p_text(0.0312), p_text(0.47), p_text(None)
    ('<.001', '.03', '.47', '')
    """
    return "" if p_value is None or np.isnan(p_value) else wording.p_value(p_value)


def _limits(estimate: Any, lower: Any, upper: Any) -> tuple[float, float]:
    """Choose an axis that holds every estimate and 1, and intervals within reason."""
    usable = estimate[np.isfinite(estimate) & (estimate > 0)]
    low, high = min(1.0, *usable, 0.5), max(1.0, *usable, 2.0)
    lows, highs = lower[np.isfinite(lower)], upper[np.isfinite(upper)]
    left = max(low / _CUT_FACTOR, min([low, *lows[lows > 0]]))
    right = min(high * _CUT_FACTOR, max([high, *highs]))
    return left / 1.15, right * 1.15


def _draw_row(ax: Axes, place: int, estimate: float, lower: float, upper: float) -> None:
    if np.isnan(estimate):
        return
    left, right = ax.get_xlim()
    colour = OKABE_ITO[0]
    if not np.isnan(lower) and not np.isnan(upper):
        ax.hlines(place, max(lower, left), min(upper, right), color=colour, linewidth=1.5, zorder=2)
        for limit, edge, marker in ((lower, left, "<"), (upper, right, ">")):
            if not left <= limit <= right:
                ax.plot(edge, place, marker=marker, color=colour, markersize=6, clip_on=False, zorder=3)
    # An exact estimate may be 0 or infinite: then the interval alone can be shown.
    if 0 < estimate < np.inf:
        ax.plot(estimate, place, marker="s", color=colour, markersize=6.5, zorder=3)


def _write_columns(
    ax: Axes, table: pl.DataFrame, estimate: str, labels: Mapping[str, str] | None, conf_level: float
) -> None:
    short = "".join(word[0].upper() for word in estimate.split("_"))

    def write(x: float, place: float, text: str, *, ha: str, bold: bool = False) -> None:
        edge, points = (0.0, x) if x < 0 else (1.0, x)
        ax.annotate(
            text,
            xy=(edge, place),
            xycoords=("axes fraction", "data"),
            xytext=(points, 0),
            textcoords="offset points",
            ha=ha,
            va="center",
            fontsize=FONT_SIZE,
            fontweight="bold" if bold else "normal",
            annotation_clip=False,
        )

    write(14, -0.95, f"{short} ({100 * conf_level:g}% CI)", ha="left", bold=True)
    write(148, -0.95, "P", ha="right", bold=True)
    for place, row in enumerate(table.iter_rows(named=True)):
        write(-10, place, (labels or {}).get(row["term"], row["term"]), ha="right")
        write(14, place, _ratio_text(row[estimate], row["lower"], row["upper"]), ha="left")
        write(148, place, p_text(row["p_value"]), ha="right")


def _ratio_text(estimate: float | None, lower: float | None, upper: float | None) -> str:
    if estimate is None or np.isnan(estimate):
        return "not estimable"
    if lower is None or upper is None:
        return wording.ratio(estimate)
    return wording.ratio_interval(estimate, lower, upper)


def _style(ax: Axes, n_rows: int, limits: tuple[float, float], name: str, title: str | None) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    ax.set_ylim(n_rows - 0.4, -1.4)
    ax.set_yticks([])
    ticks = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{tick:g}" for tick in ticks])
    ax.tick_params(labelsize=FONT_SIZE, colors="#222222")
    ax.set_xlabel(f"{name} (logarithmic axis)", fontsize=FONT_SIZE + 0.5)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    if title:
        ax.set_title(title, loc="left", fontsize=FONT_SIZE + 2, fontweight="bold")


def _write_meanings(ax: Axes, lower_means: str | None, higher_means: str | None) -> None:
    for text, shift, ha in ((lower_means, -8, "right"), (higher_means, 8, "left")):
        if text:
            ax.annotate(
                f"← {text}" if ha == "right" else f"{text} →",
                xy=(1, 0),
                xycoords=("data", "axes fraction"),
                xytext=(shift, -44),
                textcoords="offset points",
                ha=ha,
                va="center",
                fontsize=FONT_SIZE - 0.5,
                color="#555555",
                annotation_clip=False,
            )
