"""Figures of curves: survival and cumulative incidence.

Each function draws on matplotlib Axes and returns them. Colours are told apart
with colour-vision deficiency, curves are named where they end, and numbers at
risk stand under the ticks they belong to. The functions take tables, so a
figure can be drawn again from a stored result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Floats
from blinreg.analyses.plotting.forest import forest_plot
from blinreg.analyses.plotting.style import (
    GREY,
    AxisUnit,
    TimeAxis,
    colours,
    in_order,
    label_ends,
    new_axes,
    numbers_at_risk,
    steps_from,
    style_axes,
    text_of,
    time_axis,
    without_stretches,
    write_notes,
)
from blinreg.analyses.steps import stretches_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.cumulative_incidence import CumulativeIncidence
    from blinreg.analyses.survival_curves import SurvivalCurves

__all__ = [
    "FigureOptions",
    "IncidenceOptions",
    "draw_cumulative_incidence",
    "draw_curves",
    "forest_plot",
    "new_axes",
    "plot_cumulative_incidence",
    "plot_survival",
]

#: Gives the numbers at risk at times in the unit of the data: `.at` of a result.
AtRisk = Callable[[Sequence[float]], pl.DataFrame]

#: Marks of censoring on one curve, beyond which they run into a band.
_MOST_MARKS = 300
_LINE_STYLES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))


class FigureOptions(TypedDict, total=False):
    """What `plot_survival` accepts; see `draw_curves`."""

    labels: Mapping[Any, str] | None
    axis_unit: AxisUnit | None
    until: float | None
    y_label: str
    title: str | None
    annotation: str | None
    note: str | None


class IncidenceOptions(FigureOptions, total=False):
    """What `plot_cumulative_incidence` accepts; see `draw_cumulative_incidence`."""

    cause_labels: Mapping[int, str] | None
    causes: Sequence[int] | None


def plot_survival(curves: SurvivalCurves, ax: Axes | None = None, **options: Unpack[FigureOptions]) -> Axes:
    """Draw the curves of `kaplan_meier` or `simon_makuch` with their numbers at risk.

    Parameters
    ----------
    curves : SurvivalCurves
        The result to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    **options
        labels, axis_unit, until, title and more: see `draw_curves`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from blinreg.analyses import kaplan_meier
    >>> rows = pl.DataFrame({"days": [10, 20, 30], "event": [1, 0, 1]})
    >>> plot_survival(kaplan_meier(rows, id=None, start=None, stop="days")).get_xlabel()
    'Time (days)'
    """
    few = {
        label: stretches_below(curves.risk, index, curves.min_at_risk, origin=curves.landmark)
        for index, label in enumerate(curves.risk.groups)
    }
    if any(few.values()):
        told = f"Dashed: fewer than {curves.min_at_risk} at risk"
        options["note"] = f"{told}. {options['note']}" if options.get("note") else told
    return draw_curves(
        ax if ax is not None else new_axes(),
        curves.table,
        time_unit=curves.time_unit,
        origin=curves.landmark,
        at_risk=partial(curves.at, extend=True),
        few_at_risk=few,
        **options,
    )


def plot_cumulative_incidence(
    found: CumulativeIncidence, ax: Axes | None = None, **options: Unpack[IncidenceOptions]
) -> Axes:
    """Draw the curves of `cumulative_incidence` with their numbers at risk.

    Parameters
    ----------
    found : CumulativeIncidence
        The result to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    **options
        labels, cause_labels, causes, axis_unit, until and more: see `draw_cumulative_incidence`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from blinreg.analyses import cumulative_incidence
    >>> rows = pl.DataFrame({"days": [10, 20, 30], "event": [1, 0, 2]})
    >>> found = cumulative_incidence(rows, id=None, start=None, stop="days")
    >>> plot_cumulative_incidence(found, axis_unit="months").get_xlabel()
    'Time (months)'
    """
    return draw_cumulative_incidence(
        ax if ax is not None else new_axes(),
        found.table,
        time_unit=found.time_unit,
        at_risk=partial(found.at, extend=True),
        **options,
    )


def draw_curves(
    ax: Axes,
    table: pl.DataFrame,
    *,
    time_unit: str = "days",
    labels: Mapping[Any, str] | None = None,
    origin: float = 0.0,
    at_risk: AtRisk | None = None,
    few_at_risk: Mapping[Any, Sequence[tuple[float, float]]] | None = None,
    axis_unit: AxisUnit | None = None,
    until: float | None = None,
    y_label: str = "Survival",
    title: str | None = None,
    annotation: str | None = None,
    note: str | None = None,
) -> Axes:
    """Draw survival curves with bands, names, censoring marks and numbers at risk.

    Marks that would run into one another, of very many patients, are left out.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw. For the numbers at risk to fit, its figure needs the
        constrained layout (`new_axes` has it) or room below.
    table : polars.DataFrame
        group, time, n_censored, survival, lower, upper, as `SurvivalCurves.table`.
    time_unit : str
        Unit of `time`.
    labels : mapping, optional
        Text for each group.
    origin : float
        Where the curves start at 1: 0, or the landmark.
    at_risk : callable, optional
        `SurvivalCurves.at`; without it the figure has no numbers at risk.
    few_at_risk : mapping of group to sequence of (from, to), optional
        Stretches of time, in `time_unit`, in which a curve is drawn dashed.
    axis_unit : {"days", "months", "years"}, optional
        Unit of the axis (a month is 30.4375 days); by default `time_unit`.
    until : float, optional
        End of the axis, in the unit of the axis.
    y_label, title : str
        Texts of the axis and above the figure.
    annotation : str, optional
        A test's result, written where the curves leave room.
    note : str, optional
        Small print under the figure, such as "Synthetic data".

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> table = pl.DataFrame({"group": ["all"], "time": [10.0], "n_censored": [0],
    ...                       "survival": [0.5], "lower": [0.2], "upper": [0.8]})
    >>> draw_curves(new_axes(), table).get_xlabel()
    'Time (days)'
    """
    axis = _axis(table, origin, time_unit, axis_unit, until)
    groups = in_order(table, "group")
    palette = colours(groups)
    ends = []
    censored = table.filter((pl.col("n_censored") > 0) & (pl.col("time") <= axis.end * axis.scale))
    are_marks_apart = all(censored.filter(pl.col("group") == group).height <= _MOST_MARKS for group in groups)
    for group in groups:
        curve = table.filter(pl.col("group") == group)
        height = _draw_steps(
            ax,
            curve,
            "survival",
            axis,
            colour=palette[group],
            first=1.0,
            origin=origin,
            faint=(few_at_risk or {}).get(group, ()),
        )
        if are_marks_apart:
            _mark_censored(ax, censored.filter(pl.col("group") == group), axis, palette[group])
        ends.append((height, text_of(labels, group), palette[group]))
    if origin > 0:
        ax.axvline(origin / axis.scale, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    style_axes(ax, axis, y_label=y_label, title=title)
    if len(groups) > 1:
        label_ends(ax, ends)
    if at_risk:
        _write_at_risk(ax, axis, at_risk, palette, labels)
    write_notes(ax, annotation=annotation, note=note)
    return ax


def draw_cumulative_incidence(
    ax: Axes,
    table: pl.DataFrame,
    *,
    time_unit: str = "days",
    labels: Mapping[Any, str] | None = None,
    cause_labels: Mapping[int, str] | None = None,
    causes: Sequence[int] | None = None,
    at_risk: AtRisk | None = None,
    axis_unit: AxisUnit | None = None,
    until: float | None = None,
    y_label: str = "Cumulative incidence",
    title: str | None = None,
    annotation: str | None = None,
    note: str | None = None,
) -> Axes:
    """Draw cumulative incidence curves with bands, names and numbers at risk.

    Colours tell the groups apart and line styles the causes; with one group,
    colours tell the causes apart.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        See `draw_curves`.
    table : polars.DataFrame
        group, cause, time, cumulative_incidence, lower, upper, as `CumulativeIncidence.table`.
    cause_labels : mapping, optional
        Text for each cause.
    causes : sequence of int, optional
        The causes to draw; by default all.
    at_risk : callable, optional
        `CumulativeIncidence.at`.
    time_unit, labels, axis_unit, until, y_label, title, annotation, note
        See `draw_curves`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> table = pl.DataFrame({"group": ["all"], "cause": [1], "time": [10.0],
    ...                       "cumulative_incidence": [0.5], "lower": [0.2], "upper": [0.8]})
    >>> draw_cumulative_incidence(new_axes(), table).get_ylabel()
    'Cumulative incidence'
    """
    axis = _axis(table, 0.0, time_unit, axis_unit, until)
    groups = in_order(table, "group")
    drawn = list(causes) if causes is not None else in_order(table, "cause")
    by_cause = colours(drawn)
    by_group = colours(groups)
    ends = []
    for group in groups:
        for index, cause in enumerate(drawn):
            curve = table.filter((pl.col("group") == group) & (pl.col("cause") == cause))
            alone = len(groups) == 1
            colour = by_cause[cause] if alone else by_group[group]
            style = "-" if alone else _LINE_STYLES[index % len(_LINE_STYLES)]
            height = _draw_steps(
                ax, curve, "cumulative_incidence", axis, colour=colour, first=0.0, origin=0.0, style=style
            )
            names = [] if alone else [text_of(labels, group)]
            if len(drawn) > 1 or alone:
                names.append(text_of(cause_labels, cause, f"cause {cause}"))
            ends.append((height, ", ".join(names), colour))
    style_axes(ax, axis, y_label=y_label, title=title)
    label_ends(ax, ends)
    if at_risk:
        _write_at_risk(ax, axis, at_risk, by_group, labels)
    write_notes(ax, annotation=annotation, note=note)
    return ax


def _axis(
    table: pl.DataFrame, origin: float, time_unit: str, axis_unit: AxisUnit | None, until: float | None
) -> TimeAxis:
    last = max(origin, *table["time"].to_list())
    return time_axis(last, time_unit=time_unit, axis_unit=axis_unit, until=until)


def _draw_steps(
    ax: Axes,
    curve: pl.DataFrame,
    column: str,
    axis: TimeAxis,
    *,
    colour: str,
    first: float,
    origin: float,
    style: Any = "-",
    faint: Sequence[tuple[float, float]] = (),
) -> float:
    """Draw one curve and its band, dashed over the faint stretches; return the height at which it ends."""
    time = curve["time"].to_numpy() / axis.scale
    start = origin / axis.scale

    def shown(name: str, before: float) -> tuple[Floats, Floats]:
        values = curve[name].cast(pl.Float64).to_numpy()
        return steps_from(time, values, first=before, origin=start, end=axis.end)

    x, lower = shown("lower", np.nan)
    _, upper = shown("upper", np.nan)
    ax.fill_between(x, lower, upper, step="post", color=colour, alpha=0.13, linewidth=0)
    x, y = shown(column, first)
    height = float(y[-1])
    if faint:
        # The dashes lie under the whole curve, so that no riser is lost where a stretch begins or ends.
        ax.step(x, y, where="post", color=colour, linewidth=1.2, linestyle=(0, (2.5, 2)), alpha=0.75)
        x, y = without_stretches(x, y, [(begin / axis.scale, end / axis.scale) for begin, end in faint])
    # Not clipped: a curve may fall to 0 at the very edge.
    ax.step(x, y, where="post", color=colour, linewidth=1.7, linestyle=style, solid_joinstyle="miter", clip_on=False)
    return height


def _mark_censored(ax: Axes, marked: pl.DataFrame, axis: TimeAxis, colour: str) -> None:
    ax.plot(
        marked["time"].to_numpy() / axis.scale,
        marked["survival"].to_numpy(),
        linestyle="none",
        marker="|",
        markersize=5,
        markeredgewidth=0.9,
        color=colour,
    )


def _write_at_risk(
    ax: Axes,
    axis: TimeAxis,
    at_risk: AtRisk,
    palette: Mapping[Any, str],
    labels: Mapping[Any, str] | None,
) -> None:
    counts = at_risk([tick * axis.scale for tick in axis.ticks]).unique(
        ["group", "time"], keep="first", maintain_order=True
    )
    alone = len(palette) == 1
    rows = []
    for group, colour in palette.items():
        numbers = counts.filter(pl.col("group") == group)["n_at_risk"].to_list()
        text = "Number at risk" if alone else text_of(labels, group)
        rows.append((text, "#222222" if alone else colour, numbers))
    numbers_at_risk(ax, axis, rows, heading="" if alone else "Number at risk")
