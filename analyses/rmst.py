"""Restricted mean survival time: the area under a Kaplan-Meier curve up to a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np
import polars as pl

from blinreg.analyses.inference import check_conf_level, normal_quantile
from blinreg.analyses.inputs import Floats, Integers, Missing, Rows
from blinreg.analyses.observation import observe
from blinreg.analyses.risk_table import Label
from blinreg.analyses.survival_curves import SurvivalCurves, survival_curves
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.plotting.curves import FigureOptions


@dataclass(frozen=True, slots=True, eq=False)
class RestrictedMean:
    """Restricted mean survival times and their comparison.

    Attributes
    ----------
    table : polars.DataFrame
        group, n, n_events (up to tau), rmst, se, lower, upper.
    contrasts : polars.DataFrame
        group, reference, difference, se, lower, upper, p_value, ratio, ratio_lower,
        ratio_upper, ratio_p_value: each group against the reference; empty for one group.
    tau : float
        End of the area, counted from the origin.
    landmark : float
        Start of the area; 0 for none.
    counted_from : str
        "origin", or "landmark": then `rmst` is the mean time lived between landmark and tau by
        those event-free at the landmark. R's number for the same rows is larger by the landmark.
    reference : Label or None
    n, n_events, n_missing : int
        Subjects, events at any time, rows left out as incomplete.
    ties : str
        What comes first at one time: "events before censorings".
    interval_type : str
        "plain" for means and differences, the log scale for ratios.
    conf_level : float
    time_unit : str
    notes : tuple of str
        What a reader must know: a risk set that empties and fills again.
    curves : SurvivalCurves
        Under which the areas lie.
    """

    table: pl.DataFrame
    contrasts: pl.DataFrame
    tau: float
    landmark: float
    counted_from: str
    reference: Label | None
    n: int
    n_events: int
    n_missing: int
    ties: str
    interval_type: str
    conf_level: float
    time_unit: str
    notes: tuple[str, ...]
    curves: SurvivalCurves

    def plot(self, ax: Axes | None = None, **options: Unpack[FigureOptions]) -> Axes:
        """Draw the curves up to tau; the means are the areas under them.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **options
            labels, axis_unit, title and more: see `blinreg.analyses.plotting.curves.draw_curves`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from blinreg.analyses.plotting.curves import plot_survival
        from blinreg.analyses.plotting.style import time_axis

        unit = options.get("axis_unit")
        axis = time_axis(self.tau, time_unit=self.time_unit, axis_unit=unit, until=None)
        options["until"] = axis.end
        return plot_survival(self.curves, ax, **options)


def rmst(
    rows: Rows,
    *,
    tau: float,
    by: str | None = None,
    reference: Label | None = None,
    landmark: float | None = None,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> RestrictedMean:
    """Estimate the mean time without the event up to `tau`.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; rows are (start, stop].
    tau : float
        Time up to which survival counts, from the origin. Fix it before seeing the data.
    by : str, optional
        Column of the groups; the value may change within a subject (Simon-Makuch curves).
    reference : value of `by`, optional
        Group that the others are compared with; by default the first.
    landmark : float, optional
        Only follow-up after it, of those event-free then; `tau` stays counted from the origin.
    id, start, stop, event, conf_level, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    RestrictedMean

    Raises
    ------
    InputError
        The rows break a rule; `tau` is not after the start, or a group is not
        followed up to it (the area is then unknown).

    Notes
    -----
    Royston and Parmar, BMC Medical Research Methodology 2013;13:152. The variance is the sum over event
    times of A(t)^2 d / (n (n - d)), A(t) the area from t to tau. R: ``summary(survfit(...), rmean =
    tau)$table``; with a landmark R counts the days before it as lived: subtract them.
    Differences are tested on the plain scale, ratios on the log scale; groups are taken
    as independent (states of one exposure are so asymptotically).

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4], "days": [10, 20, 30, 40], "event": [1, 1, 1, 0]})
    >>> rmst(rows, tau=30, start=None, stop="days").table.select("n", "n_events", "rmst").rows()
    [(4, 3, 22.5)]
    """
    check_conf_level(conf_level)
    origin = landmark or 0.0
    if not origin < tau < np.inf:
        raise InputError(
            f"tau={tau:g} is not after the {'landmark' if landmark else 'origin'} at {origin:g}",
            next_step="count tau from the origin",
        )
    seen = observe(rows, by=by, id=id, start=start, stop=stop, event=event, missing=missing, landmark=landmark)
    curves = survival_curves(
        seen.risk,
        conf_type="log-log",
        conf_level=conf_level,
        time_unit=time_unit,
        landmark=origin,
        n_missing=seen.n_missing,
    )
    if reference is not None and reference not in seen.risk.groups:
        raise InputError(
            f"reference={reference!r} is not a group of column {by}",
            next_step=f"use one of {', '.join(map(repr, seen.risk.groups))}",
        )
    table = _table(curves, seen.risk.n_subjects, tau=float(tau), origin=origin)
    against = seen.risk.groups[0] if reference is None else reference
    return RestrictedMean(
        table=table,
        contrasts=_contrasts(table, against, conf_level),
        tau=float(tau),
        landmark=origin,
        counted_from="landmark" if landmark else "origin",
        reference=against if by else None,
        n=seen.risk.n,
        n_events=curves.n_events,
        n_missing=seen.n_missing,
        ties=curves.ties,
        interval_type="plain (ratio: log)",
        conf_level=conf_level,
        time_unit=time_unit,
        notes=curves.notes,
        curves=curves,
    )


def restricted_area(
    time: Floats, survival: Floats, n_at_risk: Integers, n_events: Integers, *, origin: float, tau: float
) -> tuple[float, float]:
    """Area under one product-limit curve from the origin to tau, and its standard error.

    Parameters
    ----------
    time, survival, n_at_risk, n_events : ndarray, shape (k,)
        A curve, in order of time.
    origin, tau : float
        Where the area begins and ends.

    Returns
    -------
    area, se : float

    Examples
    --------
    >>> area, se = restricted_area(np.array([1.0, 3.0]), np.array([0.5, 0.0]), np.array([2, 1]), np.array([1, 1]),
    ...                            origin=0.0, tau=2.0)
    >>> area, round(se, 4)
    (1.5, 0.3536)
    """
    within = time <= tau
    heights = np.concatenate(([1.0], survival[within]))
    pieces = heights * np.diff(np.concatenate(([origin], time[within], [tau])))
    # The area right of each time; at the last event of all survival is 0 and so is the area.
    right = np.cumsum(pieces[::-1])[::-1][1:]
    n, d = n_at_risk[within].astype(np.float64), n_events[within].astype(np.float64)
    survivors = n - d
    greenwood = np.divide(d, n * survivors, out=np.zeros_like(n), where=survivors > 0)
    return float(pieces.sum()), float(np.sqrt(np.sum(right**2 * greenwood)))


def _table(curves: SurvivalCurves, n_subjects: Integers, *, tau: float, origin: float) -> pl.DataFrame:
    width = normal_quantile(curves.conf_level)
    found = []
    for label, n in zip(curves.risk.groups, n_subjects.tolist(), strict=True):
        curve = curves.table.filter(pl.col("group") == label)
        time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
        if tau > time[-1] and survival[-1] > 0:
            raise InputError(
                f"tau={tau:g} is after the last follow-up of group {label}: the area up to it is unknown",
                next_step="choose a tau within the follow-up of every group",
            )
        events = curve["n_events"].to_numpy()
        mean, se = restricted_area(time, survival, curve["n_at_risk"].to_numpy(), events, origin=origin, tau=tau)
        found.append(
            {
                "group": label,
                "n": n,
                "n_events": int(events[time <= tau].sum()),
                "rmst": mean,
                "se": se,
                "lower": mean - width * se,
                "upper": mean + width * se,
            }
        )
    return pl.DataFrame(found)


_CONTRAST_COLUMNS: Sequence[str] = (
    "difference",
    "se",
    "lower",
    "upper",
    "p_value",
    "ratio",
    "ratio_lower",
    "ratio_upper",
    "ratio_p_value",
)


def _contrasts(table: pl.DataFrame, reference: Label, conf_level: float) -> pl.DataFrame:
    from scipy.special import ndtr

    width = normal_quantile(conf_level)
    base = table.filter(pl.col("group") == reference)
    others = table.filter(pl.col("group") != reference)
    mean, se, base_mean, base_se = others["rmst"], others["se"], base["rmst"][0], base["se"][0]
    frame = others.select("group").with_columns(base["group"].gather([0] * others.height).alias("reference"))
    difference = (mean - base_mean).to_numpy()
    spread = np.sqrt(se.to_numpy() ** 2 + base_se**2)
    log_ratio = np.log(mean.to_numpy() / base_mean)
    log_spread = np.sqrt((se / mean).to_numpy() ** 2 + (base_se / base_mean) ** 2)
    # Without any event before tau neither group varies and there is nothing to test.
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value, ratio_p = 2 * ndtr(-np.abs(difference / spread)), 2 * ndtr(-np.abs(log_ratio / log_spread))
    columns = (
        difference,
        spread,
        difference - width * spread,
        difference + width * spread,
        p_value,
        np.exp(log_ratio),
        np.exp(log_ratio - width * log_spread),
        np.exp(log_ratio + width * log_spread),
        ratio_p,
    )
    values = dict(zip(_CONTRAST_COLUMNS, columns, strict=True))
    return frame.with_columns(pl.Series(name, column).fill_nan(None) for name, column in values.items())
