"""What the figures share: colours, time axes, and numbers at risk under an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Floats
from blinreg.analyses.risk_table import Label
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AxisUnit = Literal["days", "months", "years"]

#: Okabe and Ito's colours that the common colour-vision deficiencies tell apart,
#: without the yellow that vanishes on white.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#555555"
DAYS_PER_UNIT: Mapping[str, float] = {"days": 1.0, "months": 30.4375, "years": 365.25}
FONT_SIZE = 9.0

#: Distances below the axis, in points: first line of the numbers at risk, and between lines.
AT_RISK_TOP = 46.0
AT_RISK_LINE = 13.0

#: Steps of a curve that a figure shows; a pixel of a printed figure is not narrower.
_MOST_STEPS = 1000
#: Width of a digit, of the size of its font.
_DIGIT_WIDTH = 0.64

_TICK_STEPS: Mapping[str, Sequence[float]] = {
    "days": (1, 2, 5, 10, 20, 30, 50, 100, 200, 250, 500, 1000, 2000),
    "months": (1, 2, 3, 6, 12, 24, 36, 60, 120),
    "years": (0.5, 1, 2, 3, 5, 10),
}


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time axis of a figure: its unit, where it ends and its ticks.

    Attributes
    ----------
    unit : str
        Unit shown.
    scale : float
        Units of the data per unit shown.
    end : float
        In the unit shown.
    ticks : tuple of float
        In the unit shown.
    """

    unit: str
    scale: float
    end: float
    ticks: tuple[float, ...]


def time_axis(last: float, *, time_unit: str, axis_unit: AxisUnit | None, until: float | None) -> TimeAxis:
    """Choose unit, end and ticks of a time axis.

    Parameters
    ----------
    last : float
        Last time of the data, in `time_unit`.
    time_unit : str
        Unit of the data.
    axis_unit : {"days", "months", "years"}, optional
        Unit to show; by default that of the data. A month is 30.4375 days.
    until : float, optional
        End of the axis in the unit shown.

    Returns
    -------
    TimeAxis

    Raises
    ------
    InputError
        A unit cannot be converted into the other, or the axis ends at or before 0.

    Examples
    --------
    >>> time_axis(730.5, time_unit="days", axis_unit="months", until=None).ticks
    (0.0, 6.0, 12.0, 18.0, 24.0)
    """
    unit = axis_unit or time_unit
    if unit != time_unit and (unit not in get_args(AxisUnit) or time_unit not in get_args(AxisUnit)):
        raise InputError(f"times in {time_unit} cannot be shown in {unit}", next_step="use days, months or years")
    scale = DAYS_PER_UNIT[unit] / DAYS_PER_UNIT[time_unit] if unit != time_unit else 1.0
    end = last / scale if until is None else float(until)
    if not end > 0:
        raise InputError(f"the time axis would end at {end:g}", next_step="pass until= after 0")
    steps = _TICK_STEPS.get(unit, _TICK_STEPS["days"])
    step = next((step for step in steps if end / step <= 7), end / 6)
    ticks = np.arange(0, end + step * 1e-9, step)
    return TimeAxis(unit, scale, end, tuple(float(tick) for tick in ticks))


def new_axes(width: float = 6.6, height: float = 4.6) -> Axes:
    """Make axes in a figure of their own, outside pyplot's global state.

    Examples
    --------
    >>> new_axes().get_figure() is not None
    True
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    return axes


def colours(labels: Sequence[Label]) -> dict[Label, str]:
    """Give each label a colour, in order.

    Examples
    --------
    >>> colours(["a", "b"])["b"]
    '#D55E00'
    """
    return {label: OKABE_ITO[index % len(OKABE_ITO)] for index, label in enumerate(labels)}


def style_axes(ax: Axes, axis: TimeAxis, *, y_label: str, title: str | None) -> None:
    """Apply the house style: no box, percentages upwards, the unit in the time label."""
    from matplotlib.ticker import PercentFormatter

    ax.set_xlim(0, axis.end)
    ax.set_ylim(0, 1.02)
    ax.set_xticks(list(axis.ticks))
    ax.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    ax.set_ylabel(y_label, fontsize=FONT_SIZE + 1)
    ax.set_xlabel(f"Time ({axis.unit})", fontsize=FONT_SIZE + 1)
    ax.tick_params(labelsize=FONT_SIZE, colors="#222222")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#222222")
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    if title:
        ax.set_title(title, loc="left", fontsize=FONT_SIZE + 2, fontweight="bold")


def label_ends(ax: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each curve's name beside the right edge, at the height where it ends.

    Names that would touch are moved apart; the colour says which curve is meant.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With its limits set.
    ends : sequence of (height, text, colour)
        Height in data units.
    """
    top = ax.get_ylim()[1]
    heights = spread([height / top for height, _, _ in ends], gap=0.065)
    for place, (_, text, colour) in zip(heights, ends, strict=True):
        ax.annotate(
            text,
            xy=(1.0, place),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            fontsize=FONT_SIZE,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )


def spread(heights: Sequence[float], *, gap: float) -> list[float]:
    """Move heights apart to at least `gap`, keeping their order, within 0 and 1 if they fit.

    Examples
    --------
    >>> [round(height, 3) for height in spread([0.5, 0.5], gap=0.1)]
    [0.45, 0.55]
    """
    order = np.argsort(heights, kind="stable")
    placed = np.asarray(heights, dtype=np.float64)[order]
    for _ in range(200):
        distance = np.diff(placed)
        tight = np.flatnonzero(distance < gap - 1e-9)
        if not tight.size:
            break
        for index in tight:
            push = (gap - (placed[index + 1] - placed[index])) / 2
            if push > 0:
                placed[index] -= push
                placed[index + 1] += push
    placed = placed + max(0.0, 0.02 - float(placed[0])) if placed.size else placed
    result = np.empty_like(placed)
    result[order] = placed
    return [float(height) for height in result]


def numbers_at_risk(
    ax: Axes, axis: TimeAxis, rows: Sequence[tuple[str, str, Sequence[int | None]]], *, heading: str = "Number at risk"
) -> None:
    """Write the numbers at risk under the ticks they belong to.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The numbers hang below it at a fixed distance in points, at any figure size.
    axis : TimeAxis
        Its ticks are the columns.
    rows : sequence of (text, colour, numbers)
        One number a tick; None where there is none (before a landmark).
    heading : str
        Written above the rows; none leaves no line for it.
    """
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    figure: Any = ax.get_figure()
    under = blended_transform_factory(ax.transData, ax.transAxes)
    beside = ax.transAxes

    widest = max((len(str(number)) for _, _, numbers in rows for number in numbers[:1]), default=0)
    # Half of the first number stands to the left of the axis.
    left = -max(20.0, 11 + widest * FONT_SIZE * _DIGIT_WIDTH / 2)

    def below(base: Any, x: float, line: int) -> Any:
        down = -(AT_RISK_TOP + line * AT_RISK_LINE) / 72
        return base + ScaledTranslation(x / 72, down, figure.dpi_scale_trans)

    ax.text(
        0, 0, heading, transform=below(beside, left, 0), fontsize=FONT_SIZE - 0.5, color=GREY, ha="right", va="center"
    )
    for line, (text, colour, numbers) in enumerate(rows, start=1 if heading else 0):
        ax.text(
            0,
            0,
            text,
            transform=below(beside, left, line),
            fontsize=FONT_SIZE,
            color=colour,
            fontweight="bold",
            ha="right",
            va="center",
        )
        for tick, number in zip(axis.ticks, numbers, strict=True):
            ax.text(
                tick,
                0,
                "–" if number is None else f"{number:d}",
                transform=below(under, 0, line),
                fontsize=FONT_SIZE,
                color="#222222",
                ha="center",
                va="center",
            )


def write_notes(ax: Axes, *, annotation: str | None, note: str | None) -> None:
    """Write a test's result above the axes, where no curve is, and a note ("Synthetic data") under the figure."""
    if annotation:
        ax.annotate(
            annotation,
            xy=(1, 1),
            xycoords="axes fraction",
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=FONT_SIZE,
            color="#222222",
            ha="right",
            va="bottom",
            annotation_clip=False,
        )
        if title := ax.get_title(loc="left"):
            lines = annotation.count("\n") + 1
            ax.set_title(title, loc="left", fontsize=FONT_SIZE + 2, fontweight="bold", pad=6 + 1.4 * FONT_SIZE * lines)
    if note:
        figure: Any = ax.get_figure()
        figure.supxlabel(note, fontsize=FONT_SIZE - 1.5, color=GREY, x=0.995, ha="right")


def steps_from(time: Floats, values: Floats, *, first: float, origin: float, end: float) -> tuple[Floats, Floats]:
    """Extend a step function to the left to its origin, and cut it at the end of the axis.

    Of more than `_MOST_STEPS` steps those are left out that no eye and no printer can tell from the next one: of all
    steps in a thousandth of the axis the last stays.

    Examples
    --------
    >>> steps_from(np.array([2.0, 9.0]), np.array([0.5, 0.1]), first=1.0, origin=0.0, end=5.0)
    (array([0., 2., 5.]), array([1. , 0.5, 0.5]))
    """
    shown = time <= end
    x = np.concatenate(([origin], time[shown]))
    y = np.concatenate(([first], values[shown]))
    if not shown.all():
        x, y = np.append(x, end), np.append(y, y[-1])
    if x.size <= _MOST_STEPS:
        return x, y
    place = np.floor((x - origin) / (end - origin) * _MOST_STEPS)
    kept = np.append(place[1:] > place[:-1], True)
    kept[0] = True
    return x[kept], y[kept]


def without_stretches(x: Floats, y: Floats, stretches: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Leave stretches out of a step function, for drawing: its value there is NaN.

    Parameters
    ----------
    x, y : ndarray of float64, shape (k,)
        The value is ``y[i]`` from ``x[i]`` on.
    stretches : sequence of (from, to)
        In the unit of `x`.

    Examples
    --------
    >>> without_stretches(np.array([0.0, 4.0]), np.array([1.0, 0.5]), [(0.0, 2.0)])
    (array([0., 2., 4.]), array([nan, 1. , 0.5]))
    """
    ends = [place for stretch in stretches for place in stretch if x[0] < place < x[-1]]
    finer = np.union1d(x, ends)
    values = y[np.searchsorted(x, finer, side="right") - 1].astype(np.float64)
    for begin, end in stretches:
        values[(finer >= begin) & (finer < end)] = np.nan
    return finer, values


def text_of(labels: Mapping[Any, str] | None, label: Label, default: str | None = None) -> str:
    """Look up the text shown for a label.

    Examples
    --------
    >>> text_of({1: "allo-HCT"}, 1), text_of(None, 1)
    ('allo-HCT', '1')
    """
    return (labels or {}).get(label, str(label) if default is None else default)


def in_order(table: pl.DataFrame, column: str) -> list[Any]:
    """List the values of a column in order of appearance.

    Examples
    --------
    >>> in_order(pl.DataFrame({"group": ["b", "a", "b"]}), "group")
    ['b', 'a']
    """
    return table[column].unique(maintain_order=True).to_list()
