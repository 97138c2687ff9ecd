"""Rates with their intervals, one line a group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from blinreg.analyses.plotting.style import FONT_SIZE, OKABE_ITO, new_axes, write_notes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def rate_plot(
    table: pl.DataFrame,
    ax: Axes | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    conf_level: float = 0.95,
    title: str | None = None,
    note: str | None = None,
) -> Axes:
    """Draw rates as points with intervals on an axis from 0 to 100%, counts beside the names.

    Parameters
    ----------
    table : polars.DataFrame
        group, n, n_responders, rate, lower, upper; drawn from the top.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of a height that fits.
    labels : mapping, optional
        Text for each group.
    conf_level : float
        Level of the intervals, for the axis.
    title, note : str, optional
        Text above the figure; small print under it, such as "Synthetic data".

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> table = pl.DataFrame({"group": ["all"], "n": [4], "n_responders": [3], "rate": [0.75],
    ...                       "lower": [0.19], "upper": [0.99]})
    >>> rate_plot(table).get_yticklabels()[0].get_text()
    'all (3/4)'
    """
    from matplotlib.ticker import PercentFormatter

    ax = ax if ax is not None else new_axes(width=6.6, height=1.2 + 0.36 * table.height)
    names = []
    for place, row in enumerate(table.iter_rows(named=True)):
        ax.hlines(place, row["lower"], row["upper"], color=OKABE_ITO[0], linewidth=1.5)
        ax.plot(row["rate"], place, marker="s", color=OKABE_ITO[0], markersize=6.5, clip_on=False)
        names.append(f"{(labels or {}).get(row['group'], row['group'])} ({row['n_responders']}/{row['n']})")
    ax.set_yticks(range(table.height), names)
    ax.set_ylim(table.height - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    ax.set_xlabel(f"Rate ({100 * conf_level:g}% CI)", fontsize=FONT_SIZE + 0.5)
    ax.tick_params(labelsize=FONT_SIZE, colors="#222222")
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    if title:
        ax.set_title(title, loc="left", fontsize=FONT_SIZE + 2, fontweight="bold")
    write_notes(ax, annotation=None, note=note)
    return ax
