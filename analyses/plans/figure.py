"""Figures as SVG text and PNG: the same bytes for the same figure, and identifiers unique in a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

T = TypeVar("T")
_LONGEST_LABEL = 60
#: What journals ask of figures.
_PNG_DPI = 300
# Verdana has the widths of matplotlib's DejaVu Sans, which few readers have installed.
_FONTS = "'DejaVu Sans', Verdana, sans-serif"
_ID = re.compile(r'\bid="([^"]+)"')
_REFERENCE = re.compile(r'(href="#|url\(#)([^")]+)')


def curve_axes(labels: Iterable[str]) -> Axes:
    """Make axes for curves that stay of one size whatever room the labels beside them take.

    Examples
    --------
    >>> float(curve_axes(["transplanted"]).get_figure().get_figheight())
    3.8
    """
    from blinreg.analyses.plotting.style import new_axes

    longest = max((len(label) for label in labels), default=0)
    return new_axes(width=4.2 + 0.14 * longest, height=3.8)


def for_figure(labels: Mapping[T, str]) -> dict[T, str]:
    """Shorten labels to what a figure has room for; tables have them in full.

    Examples
    --------
    >>> len(for_figure({0: "short", 1: "x" * 90})[1])
    60
    """
    return {
        key: label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
        for key, label in labels.items()
    }


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes are in."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes are in no figure")
    return figure


def render_svg(figure: Figure, *, name: str) -> str:
    """Render a figure as SVG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn and ready.
    name : str
        Salt of the hashed identifiers and prefix of all; unique among the figures of a page.

    Returns
    -------
    str
        Without date, so that the same figure is the same text. Words stay text: they can
        be searched and read out.

    Examples
    --------
    >>> from blinreg.analyses.plotting.style import new_axes
    >>> render_svg(new_axes().get_figure(), name="empty").count('id="empty-figure_1"')
    1
    """
    from matplotlib import rc_context

    stream = StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(
            stream,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
            bbox_inches="tight",
            pad_inches=0.08,
        )
    text = stream.getvalue()
    text = _ID.sub(lambda found: f'id="{name}-{found[1]}"', text)
    text = _REFERENCE.sub(lambda found: f"{found[1]}{name}-{found[2]}", text)
    return re.sub(r"'DejaVu Sans'(, sans-serif)?", _FONTS, text)


def render_png(figure: Figure) -> bytes:
    """Render a figure as PNG, for where SVG cannot be shown.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn and ready.

    Returns
    -------
    bytes
        At 300 dots an inch, without date or program: the same figure is the same bytes.

    Examples
    --------
    >>> from blinreg.analyses.plotting.style import new_axes
    >>> render_png(new_axes().get_figure())[1:4]
    b'PNG'
    """
    stream = BytesIO()
    figure.savefig(
        stream, format="png", dpi=_PNG_DPI, metadata={"Software": None}, bbox_inches="tight", pad_inches=0.08
    )
    return stream.getvalue()
