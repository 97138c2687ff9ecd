"""The figure of a multi-state analysis: stacked areas, named where they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Floats
from blinreg.analyses.plotting.curves import FigureOptions
from blinreg.analyses.plotting.style import (
    GREY,
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
    write_notes,
)
from blinreg.analyses.risk_table import Label
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.multistate import MultiState

#: Areas lie beside one another, so their boundary is drawn too.
_AREA_ALPHA = 0.55


def plot_multistate(
    found: MultiState, ax: Axes | None = None, *, group: Label | None = None, **options: Unpack[FigureOptions]
) -> Axes:
    """Draw one group of a multi-state analysis.

    Parameters
    ----------
    found : MultiState
        The result to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    group : Label, optional
        By default the first.
    **options
        labels of the states, axis_unit, until, title and more: see `draw_state_occupation`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        There is no such group.

    Examples
    --------
    >>> from blinreg.analyses import multistate
    >>> rows = pl.DataFrame({"patient_id": [1, 2], "tstop": [10, 20], "to_state": ["relapse", None]})
    >>> plot_multistate(multistate(rows, from_state=None, start=None)).get_ylabel()
    'Probability of being in each state'
    """
    groups = in_order(found.initial, "group")
    chosen = groups[0] if group is None else group
    if chosen not in groups:
        raise InputError(f"{chosen!r} is not a group", next_step=f"use one of {', '.join(map(repr, groups))}")
    return draw_state_occupation(
        ax if ax is not None else new_axes(),
        found.table.filter(pl.col("group") == chosen),
        found.initial.filter(pl.col("group") == chosen),
        time_unit=found.time_unit,
        **options,
    )


def draw_state_occupation(
    ax: Axes,
    table: pl.DataFrame,
    initial: pl.DataFrame,
    *,
    time_unit: str = "days",
    labels: Mapping[Any, str] | None = None,
    axis_unit: Any = None,
    until: float | None = None,
    y_label: str = "Probability of being in each state",
    title: str | None = None,
    annotation: str | None = None,
    note: str | None = None,
) -> Axes:
    """Draw state occupation probabilities as stacked areas with the numbers in each state.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    table : polars.DataFrame
        time, state, n_in_state, n_entered, probability of one group, as `MultiState.table`.
    initial : polars.DataFrame
        state, probability: before the first transition; its order is that of the areas, upwards.
    time_unit, labels, axis_unit, until, y_label, title, annotation, note
        See `blinreg.analyses.plotting.curves.draw_curves`; labels are of the states.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> table = pl.DataFrame({"time": [10.0, 10.0], "state": ["well", "dead"], "n_in_state": [2, 0],
    ...                       "n_entered": [0, 1], "probability": [0.5, 0.5]})
    >>> initial = pl.DataFrame({"state": ["well", "dead"], "probability": [1.0, 0.0]})
    >>> draw_state_occupation(new_axes(), table, initial).get_xlabel()
    'Time (days)'
    """
    axis = time_axis(max(table["time"].to_list()), time_unit=time_unit, axis_unit=axis_unit, until=until)
    states = initial["state"].to_list()
    palette = _palette(table, states)
    style_axes(ax, axis, y_label=y_label, title=title)
    ax.set_ylim(0, 1)
    below: Floats | None = None
    ends = []
    for state, probability in initial.select("state", "probability").iter_rows():
        curve = table.filter(pl.col("state") == state)
        time = curve["time"].to_numpy() / axis.scale
        x, height = steps_from(time, curve["probability"].to_numpy(), first=probability, origin=0.0, end=axis.end)
        base = np.zeros_like(height) if below is None else below
        below = base + height
        ax.fill_between(x, base, below, step="post", facecolor=palette[state], alpha=_AREA_ALPHA, linewidth=0, zorder=2)
        ax.step(x, below, where="post", color="white", linewidth=1.0, zorder=3)
        ends.append((float(base[-1] + height[-1] / 2), text_of(labels, state), palette[state]))
    label_ends(ax, ends)
    _write_numbers(ax, axis, table, palette, labels)
    write_notes(ax, annotation=annotation, note=note)
    return ax


def _palette(table: pl.DataFrame, states: list[Label]) -> dict[Label, str]:
    """Colour the states; the last one that nobody leaves (death, as a rule) is grey."""
    left = set(table.filter(pl.col("n_in_state") > 0)["state"])
    ends = [state for state in states if state not in left]
    palette = colours([state for state in states if state not in ends[-1:]])
    return {state: palette.get(state, GREY) for state in states}


def _write_numbers(
    ax: Axes, axis: TimeAxis, table: pl.DataFrame, palette: Mapping[Any, str], labels: Mapping[Any, str] | None
) -> None:
    """Write how many are under observation in each state that can be left."""
    rows = []
    for state, colour in palette.items():
        curve = table.filter(pl.col("state") == state)
        if (curve["n_in_state"] > 0).any():
            time, number = curve["time"].to_numpy(), curve["n_in_state"].to_numpy()
            # In the state until the next time; after the last one nobody is under observation.
            place = np.searchsorted(time, np.asarray(axis.ticks) * axis.scale)
            counts = np.append(number, 0)[place].tolist()
            rows.append((text_of(labels, state), colour, counts))
    numbers_at_risk(ax, axis, rows, heading="Number in state")
