"""Figures of very many patients: no more steps than can be seen, no marks that run into one another."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from blinreg.analyses.plotting.curves import draw_curves
from blinreg.analyses.plotting.style import new_axes, steps_from


def curve(n_days: int) -> pl.DataFrame:
    survival = np.exp(-np.arange(1, n_days + 1) / n_days)
    return pl.DataFrame({"group": "all", "time": np.arange(1.0, n_days + 1), "n_censored": 1, "survival": survival})


def test_few_steps_are_all_shown() -> None:
    time, values = np.arange(1.0, 900.0), np.linspace(1, 0, 899)

    x, y = steps_from(time, values, first=1.0, origin=0.0, end=1000.0)

    assert_array_equal(x[1:], time)
    assert_array_equal(y[1:], values)


@pytest.mark.parametrize("end", [5000.0, 3000.0])
def test_many_steps_are_thinned_by_less_than_a_thousandth_of_the_axis(end: float) -> None:
    time = np.arange(1.0, 5001.0)
    values = np.exp(-time / 900)

    x, y = steps_from(time, values, first=1.0, origin=0.0, end=end)

    assert x.size <= 1002
    assert (x[0], y[0], x[-1]) == (0.0, 1.0, end)
    assert np.diff(x).max() < 2 * end / 1000
    # What is shown are points of the curve, which lies within one thousandth of the axis of the steps.
    assert np.isin(y[1:], values).all()
    assert np.isin(x[1:], time).all()
    shown = y[np.searchsorted(x, time[time <= end], side="right") - 1]
    earlier = np.exp(-np.maximum(time[time <= end] - end / 1000, 0) / 900)
    assert (shown <= earlier + 1e-12).all()
    assert (shown >= values[time <= end] - 1e-12).all()


@pytest.mark.parametrize(("n_days", "n_lines"), [(300, 2), (301, 1)])
def test_marks_of_censoring_that_would_run_together_are_left_out(n_days: int, n_lines: int) -> None:
    table = curve(n_days).with_columns(lower=pl.col("survival") * 0.9, upper=pl.col("survival"))

    assert len(draw_curves(new_axes(), table).get_lines()) == n_lines


@pytest.mark.parametrize("number", [239, 1_000_000])
def test_the_first_number_at_risk_does_not_touch_its_name(number: int) -> None:
    table = curve(20).with_columns(lower=pl.col("survival"), upper=pl.col("survival"))

    def at_risk(times: object) -> pl.DataFrame:
        return pl.DataFrame({"group": "all", "time": times, "n_at_risk": number})

    axes = draw_curves(new_axes(), table, at_risk=at_risk)
    figure = axes.get_figure()
    assert figure is not None
    figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in reversed(axes.texts)}
    points = figure.get_dpi() / 72
    assert boxes[str(number)].x0 - boxes["Number at risk"].x1 > 4 * points
