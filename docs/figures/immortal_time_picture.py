"""The picture of docs/immortal_time.md: two data sets, four ways; drawn by ``immortal_time.py``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from blinreg.analyses.plans.figure import render_svg
from blinreg.analyses.plotting.style import FONT_SIZE, GREY, OKABE_ITO
from blinreg.analyses.wording import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from blinreg.analyses.survival_curves import SurvivalCurves

LANDMARK_DAY = 90
#: Simon-Makuch curves start here: while nobody is transplanted yet, the curve after transplant cannot fall.
CURVES_FROM_DAY = 30
PANELS = (
    ("naive", "A  Naive: ever or never"),
    ("landmark", f"B  Landmark: by day {LANDMARK_DAY}"),
    ("simon_makuch", f"C  Simon-Makuch, from day {CURVES_FROM_DAY}"),
)
FOREST = (
    ("naive", "Ever or never (A)"),
    ("landmark", f"Landmark, day {LANDMARK_DAY} (B)"),
    ("time_dependent", "Time-dependent Cox (C)"),
)
LABELS = {0: "no HCT", 1: "HCT"}
#: End of the time axes.
MONTHS = 24


class Compared(Protocol):
    """What is drawn of one data set; see ``immortal_time.Compared``."""

    @property
    def curves(self) -> Mapping[str, SurvivalCurves]:
        """Of A, B and C."""

    @property
    def ratios(self) -> Mapping[str, Mapping[str, float]]:
        """Of D."""

    @property
    def counts(self) -> Mapping[str, float]:
        """Patients."""


def draw(simulated: Compared, synthetic: Compared) -> Figure:
    """Draw both data sets, one a row: three pairs of curves and the hazard ratios."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.2, 8.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(4, 4, height_ratios=(0.08, 1, 0.08, 1), width_ratios=(1, 1, 1, 0.92), wspace=0.03)
    headings = (
        f"Simulated data, n = {simulated.counts['patients']:.0f}. The truth: transplant has no effect on survival",
        f"Synthetic data, n = {synthetic.counts['patients']:.0f}: "
        "responders of the cohort realworld-2020, overall survival from response",
    )
    for place, (one, heading) in enumerate(zip((simulated, synthetic), headings, strict=True)):
        top = figure.add_subplot(grid[2 * place, :])
        top.axis("off")
        top.text(0, 0.5, heading, transform=top.transAxes, fontsize=FONT_SIZE + 3, fontweight="bold", va="center")
        for column, (name, title) in enumerate(PANELS):
            axes = figure.add_subplot(grid[2 * place + 1, column])
            one.curves[name].plot(
                axes, labels=LABELS, axis_unit="months", until=MONTHS, title=title, y_label="Overall survival"
            )
            axes.set_xlabel("Months from response", fontsize=FONT_SIZE + 1)
            for marks in [line for line in axes.lines if line.get_marker() == "|"]:
                marks.remove()  # censorings: thousands of ticks would hide the curves; the numbers at risk tell
            if column:
                _leave_scale_to_the_left(axes)
        forest = figure.add_subplot(grid[2 * place + 1, 3])
        _draw_ratios(forest, one, truth_is_known=place == 0)
    figure.supxlabel(
        "No real patients. HCT: allogeneic transplant. Bands and bars: 95% confidence limits. "
        f"Dashed: fewer than 10 at risk. B: those alive and followed on day {LANDMARK_DAY}; "
        f"later transplants stay in “no HCT”. C: those alive on day {CURVES_FROM_DAY}.",
        fontsize=FONT_SIZE - 0.5,
        color=GREY,
        x=0.005,
        ha="left",
    )
    return figure


def picture(simulated: Compared, synthetic: Compared) -> str:
    """Draw, as SVG with coordinates to a hundredth of a point: no eye sees more."""
    text = render_svg(draw(simulated, synthetic), name="immortal-time")

    def shortened(path: re.Match[str]) -> str:
        return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path[0]).replace(" \n", " ")

    return re.sub(r' d="[^"]*"', shortened, text)


def _leave_scale_to_the_left(axes: Axes) -> None:
    """Take off what the panel at the left says for the whole row."""
    axes.set_ylabel("")
    axes.tick_params(labelleft=False)
    for text in [text for text in axes.texts if text.get_horizontalalignment() == "right"]:
        text.remove()


def _draw_ratios(axes: Axes, one: Compared, *, truth_is_known: bool) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(0.19, 2.4)
    axes.set_ylim(len(FOREST) - 0.35, -0.75)
    axes.axvline(1, color="#222222", linewidth=1.0, zorder=1)
    for place, (name, label) in enumerate(FOREST):
        found = one.ratios[name]
        biased = name == "naive"
        colour = GREY if biased else OKABE_ITO[2]
        axes.hlines(place, found["lower"], found["upper"], color=colour, linewidth=2, zorder=2)
        axes.plot(
            found["hazard_ratio"],
            place,
            marker="s",
            markersize=7.5,
            color=colour,
            markerfacecolor="white" if biased else colour,
            markeredgewidth=1.8,
            zorder=3,
        )
        words = f"{ratio(found['hazard_ratio'])} ({ratio(found['lower'])} to {ratio(found['upper'])})"
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        for height, text, weight in ((0.42, label, "bold"), (0.23, words + (", biased" if biased else ""), "normal")):
            axes.text(
                0.2, place - height, text, fontsize=FONT_SIZE, fontweight=weight, va="center", bbox=behind, zorder=2
            )
    axes.set_yticks([])
    axes.xaxis.set_major_locator(FixedLocator([0.25, 0.5, 1, 2]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(["0.25", "0.5", "1", "2"])
    axes.tick_params(labelsize=FONT_SIZE, colors="#222222")
    axes.set_xlabel("Hazard ratio of death (95% CI)", fontsize=FONT_SIZE + 1)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_title("D  Effect of transplant", loc="left", fontsize=FONT_SIZE + 2, fontweight="bold")
    if truth_is_known:
        axes.text(1.04, len(FOREST) - 0.45, "the truth", fontsize=FONT_SIZE, va="center")
