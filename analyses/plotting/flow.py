"""The flow of patients through stages, drawn as bands as wide as their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from blinreg.analyses.plotting.style import FONT_SIZE, GREY, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

_BAR, _GAP = 0.06, 0.08
_BAND_ALPHA = 0.35


def plot_flow(
    flows: pl.DataFrame,
    ax: Axes | None = None,
    *,
    stages: Sequence[Sequence[str]],
    colours: Mapping[str, str],
    note: str | None = None,
) -> Axes:
    r"""Draw a flow from left to right.

    Parameters
    ----------
    flows : polars.DataFrame
        ``stage, source, target, n``: so many go from a node of stage - 1 to one of stage.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    stages : sequence of sequences of str
        Nodes of each stage, downwards; stage 0 first.
    colours : mapping of str to str
        Colours of nodes, and of the bands that enter them; grey for the others.
    note : str, optional
        Small print below.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> flows = pl.DataFrame({"stage": [1, 1], "source": ["Dose", "Dose"], "target": ["Yes", "No"], "n": [3, 1]})
    >>> axes = plot_flow(flows, stages=[["Dose"], ["Yes", "No"]], colours={"Yes": "#0072B2"})
    >>> [text.get_text() for text in axes.texts]
    ['Dose\n4', 'Yes\n3', 'No\n1']
    """
    axes = ax if ax is not None else new_axes(width=9.0, height=4.4)
    total = float(flows.filter(pl.col("stage") == 1)["n"].sum())
    tops = [_place(flows, nodes, place, total) for place, nodes in enumerate(stages)]
    for place in range(1, len(stages)):
        of_stage = flows.filter(pl.col("stage") == place)
        _bands(axes, of_stage, tops[place - 1 : place + 1], place, total=total, colours=colours)
    for place, nodes in enumerate(stages):
        for name in nodes:
            top, n = tops[place][name]
            if n:
                _node(axes, place, name, top, n / total, colour=colours.get(name, GREY), n=n)
    axes.set_xlim(-0.12, len(stages) - 1 + 0.75)
    lowest = min(top - n / total for nodes in tops for top, n in nodes.values())
    axes.set_ylim(lowest - _GAP, 0.04)
    axes.set_axis_off()
    if note:
        axes.text(0.0, 0.0, note, transform=axes.transAxes, fontsize=FONT_SIZE - 1.5, color=GREY, va="bottom")
    return axes


def _place(flows: pl.DataFrame, nodes: Sequence[str], place: int, total: float) -> dict[str, tuple[float, int]]:
    """Upper edge and number of each node of a stage."""
    column, stage = ("source", 1) if place == 0 else ("target", place)
    found, top = {}, 0.0
    for name in nodes:
        n = int(flows.filter((pl.col("stage") == stage) & (pl.col(column) == name))["n"].sum())
        found[name] = (top, n)
        top -= n / total + (_GAP if n else 0.0)
    return found


def _bands(
    axes: Axes,
    flows: pl.DataFrame,
    ends: Sequence[Mapping[str, tuple[float, int]]],
    place: int,
    *,
    total: float,
    colours: Mapping[str, str],
) -> None:
    """Draw the bands between two stages, stacked in the order of their nodes at both ends."""
    from matplotlib.patches import PathPatch

    leaves, enters = ({name: top for name, (top, _) in nodes.items()} for nodes in ends)
    number = {(source, target): n for source, target, n in flows.select("source", "target", "n").iter_rows()}
    for source in list(leaves):
        for target in list(enters):
            height = number.get((source, target), 0) / total
            if height:
                path = _band(place - 1 + _BAR, leaves[source], place, enters[target], height)
                colour = colours.get(target, GREY)
                axes.add_patch(PathPatch(path, facecolor=colour, alpha=_BAND_ALPHA, linewidth=0))
                leaves[source] -= height
                enters[target] -= height


def _band(x0: float, y0: float, x1: float, y1: float, height: float) -> Path:
    from matplotlib.path import Path

    middle = (x0 + x1) / 2
    upper = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    lower = [(x1, y1 - height), (middle, y1 - height), (middle, y0 - height), (x0, y0 - height)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return Path([*upper, *lower, (x0, y0)], codes)


def _node(axes: Axes, place: int, name: str, top: float, height: float, *, colour: str, n: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((place, top - height), _BAR, height, facecolor=colour, linewidth=0))
    middle = top - height / 2
    axes.text(place + _BAR + 0.02, middle, f"{name}\n{n}", fontsize=FONT_SIZE, va="center", color="#222222")
