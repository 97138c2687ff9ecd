"""Kaplan-Meier curves from a risk table, and the result the curve functions share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Flags, Floats, Integers
from blinreg.analyses.intervals import ConfType, pointwise_limits
from blinreg.analyses.risk_table import EVENTS_FIRST, Label, RiskTable
from blinreg.analyses.steps import at_risk_on, enough_at_risk, step_values
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.plotting.curves import FigureOptions

#: R's tolerance for "the curve is at exactly one half" (sqrt of machine epsilon).
FLAT_TOLERANCE = float(np.finfo(np.float64).eps ** 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurves:
    """Survival curves of one or several groups.

    Attributes
    ----------
    table : polars.DataFrame
        group, time, n_at_risk, n_entered, n_crossed, n_events, n_censored,
        survival, se, lower, upper; one row per group and time at which
        somebody leaves the group. `n_entered` joined the risk set since the
        row before (at its time or later), `n_crossed` went on in another group,
        `n_censored` counts subjects. So in each group: at risk = at risk, events,
        crossed and censored of the row before, the last three taken off, plus entered.
    median : polars.DataFrame
        group, n, n_events, median, lower, upper (null: not reached).
    n, n_events : int
        Subjects (each once) and events.
    n_missing : int
        Rows left out as incomplete.
    ties : str
        What comes first at one time: "events before censorings".
    conf_type, conf_level, time_unit
        How the limits were made, and what `time` counts.
    landmark : float
        Curves are conditional on being event-free here; 0 for none.
    min_at_risk : int
        Below it a curve says little; 0 where no such limit was set.
    enough_at_risk : polars.DataFrame
        group, from_time, until, most_at_risk: when the risk set first has `min_at_risk` subjects,
        and when last. Before `from_time` the curve of an exposure that begins during follow-up
        rests on a handful of people; `plot` draws it dashed. Null: it never has so many.
    notes : tuple of str
        What a reader must know: a risk set that empties and fills again.
    risk : RiskTable
        The sums behind the curves.
    """

    table: pl.DataFrame
    median: pl.DataFrame
    n: int
    n_events: int
    n_missing: int
    ties: str
    conf_type: ConfType
    conf_level: float
    time_unit: str
    landmark: float
    min_at_risk: int
    enough_at_risk: pl.DataFrame
    notes: tuple[str, ...]
    risk: RiskTable

    def quantile(self, probs: Sequence[float]) -> pl.DataFrame:
        """Read off the times by which given shares of each group have had the event.

        Parameters
        ----------
        probs : sequence of float
            Shares strictly between 0 and 1; 0.25 is the time at which survival falls to 75%.

        Returns
        -------
        polars.DataFrame
            group, prob, quantile, lower, upper; null where not reached. The limits are the
            times at which the pointwise limits of the curve reach the same height.

        Raises
        ------
        InputError
            A share is not strictly between 0 and 1.

        Notes
        -----
        Brookmeyer and Crowley, Biometrics 1982;38:29-41. R: ``quantile(survfit(...), probs)``, with the
        midpoint where a curve is flat at exactly the height. Where it stays there to its end this gives
        the start of the stretch, as `median` and R's ``print`` do; R's ``quantile`` takes the middle to the end.
        """
        outside = [prob for prob in probs if not 0 < prob < 1]
        if outside:
            raise InputError(
                f"probs must be shares strictly between 0 and 1, not {outside[0]!r}", next_step="0.5 gives the median"
            )
        found: list[dict[str, Any]] = []
        for label in self.risk.groups:
            curve = self.table.filter(pl.col("group") == label)
            time = curve["time"].to_numpy()
            found += [{"group": label, "prob": float(prob), **_crossing(time, curve, 1 - prob)} for prob in probs]
        floats = dict.fromkeys(("prob", "quantile", "lower", "upper"), pl.Float64)
        return pl.DataFrame(found, schema_overrides=floats)

    def at(self, times: Sequence[float], *, extend: bool = False) -> pl.DataFrame:
        """Read the curves off at given times.

        Parameters
        ----------
        times : sequence of float
            In the unit of `time_unit`, counted from the origin.
        extend : bool
            Carry the last value beyond the last follow-up of the group, as R's
            ``summary(survfit, extend=TRUE)``. Otherwise the values there are null.

        Returns
        -------
        polars.DataFrame
            group, time, n_at_risk, survival, se, lower, upper. `n_at_risk`
            counts those under observation just before the time; at the origin
            (or landmark) those who start there; before it, all values are null.
        """
        wanted = np.asarray(times, dtype=np.float64)
        frames = []
        for index, label in enumerate(self.risk.groups):
            curve = self.table.filter(pl.col("group") == label)
            values = step_values(
                curve["time"].to_numpy(),
                {name: curve[name].to_numpy() for name in ("survival", "se", "lower", "upper")},
                wanted,
                before={"survival": 1.0, "se": 0.0, "lower": np.nan, "upper": np.nan},
                origin=self.landmark,
                extend=extend,
            )
            n_at_risk = at_risk_on(self.risk, index, wanted, origin=self.landmark)
            frames.append(_frame(label, {"time": wanted, "n_at_risk": n_at_risk, **values}))
        return pl.concat(frames)

    def plot(self, ax: Axes | None = None, **options: Unpack[FigureOptions]) -> Axes:
        """Draw the curves with bands, names and numbers at risk.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **options
            labels, axis_unit, until, title and more: see `blinreg.analyses.plotting.curves.draw_curves`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from blinreg.analyses.plotting.curves import plot_survival

        return plot_survival(self, ax, **options)


def survival_curves(
    risk: RiskTable,
    *,
    conf_type: ConfType,
    conf_level: float,
    time_unit: str,
    landmark: float = 0.0,
    min_at_risk: int = 0,
    n_missing: int = 0,
    ties: str = EVENTS_FIRST,
) -> SurvivalCurves:
    """Estimate one product-limit curve per group of a risk table.

    Parameters
    ----------
    risk : RiskTable
        One stratum.
    conf_type, conf_level, time_unit, landmark, min_at_risk, n_missing, ties
        Stamped on the result.

    Returns
    -------
    SurvivalCurves

    Notes
    -----
    S(t) is the product of 1 - d/n over the event times up to t; its standard error is
    Greenwood's, S sqrt(sum d / (n (n - d))). Medians: Brookmeyer and Crowley,
    Biometrics 1982;38:29-41, with R's midpoint where a curve is flat at one half.
    R: ``survfit(Surv(start, stop, event) ~ group)``.

    Examples
    --------
    >>> from blinreg.analyses.observation import observe
    >>> rows = pl.DataFrame({"stop": [3, 5], "event": [1, 0]})
    >>> seen = observe(rows, by=None, id=None, start=None, stop="stop", event="event", missing="refuse")
    >>> curves = survival_curves(seen.risk, conf_type="plain", conf_level=0.95, time_unit="days")
    >>> curves.table["survival"].to_list()
    [0.5, 0.5]
    """
    at_risk, left = risk.n_at_risk(), risk.n_left()
    joined = np.cumsum(risk.n_entered, axis=0) - risk.n_entered
    frames, medians, notes = [], [], []
    for index, label in enumerate(risk.groups):
        rows = np.flatnonzero(left[:, index])
        n, events = at_risk[rows, index], risk.n_events[rows, index].sum(axis=1)
        survival, se = product_limit(n, events)
        lower, upper = pointwise_limits(survival, se, conf_type, conf_level)
        time = risk.time[rows]
        columns = {
            "time": time,
            "n_at_risk": n,
            "n_entered": np.diff(joined[rows, index], prepend=0),
            "n_crossed": risk.n_crossed[rows, index],
            "n_events": events,
            "n_censored": risk.n_censored[rows, index],
            "survival": survival,
            "se": se,
            "lower": lower,
            "upper": upper,
        }
        frames.append(_frame(label, columns))
        medians.append(
            {
                "group": label,
                "n": int(risk.n_subjects[index]),
                "n_events": int(events.sum()),
                "median": first_time_below(time, survival, 0.5),
                "lower": first_time_below(time, lower, 0.5),
                "upper": first_time_below(time, upper, 0.5),
            }
        )
        notes += _gaps(label, time, n == left[rows, index], time_unit)
    floats = {"median": pl.Float64, "lower": pl.Float64, "upper": pl.Float64}
    return SurvivalCurves(
        table=pl.concat(frames),
        median=pl.DataFrame(medians, schema_overrides=floats),
        n=risk.n,
        n_events=int(risk.n_events.sum()),
        n_missing=n_missing,
        ties=ties,
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=time_unit,
        landmark=landmark,
        min_at_risk=min_at_risk,
        enough_at_risk=enough_at_risk(risk, min_at_risk, origin=landmark),
        notes=tuple(notes),
        risk=risk,
    )


def product_limit(n_at_risk: Integers, n_events: Integers) -> tuple[Floats, Floats]:
    """Kaplan-Meier survival and Greenwood standard error after each time.

    Parameters
    ----------
    n_at_risk, n_events : ndarray of int64, shape (k,)
        In order of time.

    Returns
    -------
    survival, se : ndarray of float64, shape (k,)
        `se` is 0 while survival is 1 and NaN once it is 0.

    Examples
    --------
    >>> survival, se = product_limit(np.array([2, 1]), np.array([1, 1]))
    >>> survival.tolist(), se.round(4).tolist()
    ([0.5, 0.0], [0.3536, nan])
    """
    survivors = n_at_risk - n_events
    survival: Floats = np.cumprod(survivors / n_at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(n_events / (n_at_risk * survivors.astype(np.float64)))
        se: Floats = np.where(survival > 0, survival * np.sqrt(greenwood), np.nan)
    return survival, se


def first_time_below(time: Floats, values: Floats, level: float) -> float | None:
    """Find where a falling curve reaches a level; None if it does not.

    Where the curve is flat at exactly the level, the midpoint of the flat
    stretch is returned, as R's survival does; a curve that stays there to its
    end gives the start of the stretch.

    Examples
    --------
    >>> first_time_below(np.array([1.0, 2.0, 4.0]), np.array([0.8, 0.5, 0.2]), 0.5)
    3.0
    """
    known = ~np.isnan(values)
    reached = np.flatnonzero(known & (np.where(known, values, 1.0) < level + FLAT_TOLERANCE))
    if not reached.size:
        return None
    first = reached[0]
    lower_still = reached[values[reached] < values[first] - FLAT_TOLERANCE]
    if abs(values[first] - level) < FLAT_TOLERANCE and lower_still.size:
        return float(time[first] + time[lower_still[0]]) / 2
    return float(time[first])


def _crossing(time: Floats, curve: pl.DataFrame, level: float) -> dict[str, float | None]:
    """Find where a curve and its limits reach a height."""
    columns = {"quantile": "survival", "lower": "lower", "upper": "upper"}
    return {name: first_time_below(time, curve[column].to_numpy(), level) for name, column in columns.items()}


def _frame(label: Label, columns: dict[str, Any]) -> pl.DataFrame:
    height = len(columns["time"])
    frame = pl.DataFrame({"group": pl.Series([label] * height, dtype=pl.Series([label]).dtype), **columns})
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _gaps(label: Label, time: Floats, emptied: Flags, time_unit: str) -> list[str]:
    """Say where a risk set with delayed entry empties before the last time."""
    times = time[:-1][emptied[:-1]]
    if not times.size:
        return []
    listed = ", ".join(f"{value:g}" for value in times)
    return [
        f"group {label}: nobody is left at risk after {listed} {time_unit}, and more enter later; the curve "
        "goes on from the value it had (it stays 0 once it is 0), as in R's survfit"
    ]
