"""Survival that a Cox model predicts along a path of covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np
import polars as pl

from blinreg.analyses.cox_regression.baseline import FittedHazard
from blinreg.analyses.cox_regression.columns import CoxColumns, finite_numbers
from blinreg.analyses.cox_regression.kept import KeptRows, kept_rows
from blinreg.analyses.cox_regression.residuals import stratum_text
from blinreg.analyses.cox_regression.sums import Array, Index
from blinreg.analyses.design import is_text, term_matrix
from blinreg.analyses.inference import check_conf_level
from blinreg.analyses.inputs import Rows, complete_rows, to_frame
from blinreg.analyses.intervals import ConfType, check_interval, pointwise_limits
from blinreg.analyses.observation import coded
from blinreg.analyses.risk_table import Label
from blinreg.analyses.steps import step_values
from blinreg.schemas.errors import InputError, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.cox_regression.result import CoxResult
    from blinreg.analyses.plotting.curves import FigureOptions

#: The label of the one path, where none was asked for.
ONE_PATH = "path"
_READ = ("cumulative_hazard", "survival", "se", "lower", "upper")


@dataclass(frozen=True, slots=True, eq=False)
class PredictedSurvival:
    """Predicted survival curves, one a path.

    Attributes
    ----------
    table : polars.DataFrame
        group (the path), time, stratum (null without strata), n_at_risk, n_events (of the data behind the
        curve), cumulative_hazard, survival, se (of the survival), lower, upper; one row an event time of the
        stratum within the path, and one where the path ends, or the follow-up of its stratum before it.
    start : polars.DataFrame
        group, start: where each path begins, with survival 1.
    n, n_events : int
        Subjects and events of the fit.
    ties : str
    conf_type, conf_level, time_unit
        How the limits were made, and what `time` counts.
    variance_type : str
        "model" or "robust": the variance of the coefficients in `se`.
    """

    table: pl.DataFrame
    start: pl.DataFrame
    n: int
    n_events: int
    ties: str
    conf_type: ConfType
    conf_level: float
    time_unit: str
    variance_type: str

    def at(self, times: Sequence[float]) -> pl.DataFrame:
        """Read the curves off at given times.

        Parameters
        ----------
        times : sequence of float
            In the unit of `time_unit`, counted from the origin.

        Returns
        -------
        polars.DataFrame
            group, time, cumulative_hazard, survival, se, lower, upper; null before a path and after its end.
        """
        wanted = np.asarray(times, dtype=np.float64)
        frames = []
        before = {"cumulative_hazard": 0.0, "survival": 1.0, "se": 0.0, "lower": np.nan, "upper": np.nan}
        for label, start in self.start.iter_rows():
            curve = self.table.filter(pl.col("group") == label)
            columns = {name: curve[name].to_numpy() for name in _READ}
            read = step_values(curve["time"].to_numpy(), columns, wanted, before=before, origin=start, extend=False)
            frames.append(pl.DataFrame({"group": [label] * len(wanted), "time": wanted, **read}))
        return pl.concat(frames).with_columns(pl.col(pl.Float64).fill_nan(None))

    def plot(self, ax: Axes | None = None, **options: Unpack[FigureOptions]) -> Axes:
        """Draw the curves.

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
        from blinreg.analyses.plotting.curves import draw_curves, new_axes

        options.setdefault("y_label", "Predicted survival")
        return draw_curves(
            ax if ax is not None else new_axes(),
            self.table.with_columns(n_censored=pl.lit(0)),
            time_unit=self.time_unit,
            origin=float(self.start["start"].to_numpy().min()),
            **options,
        )


def predict_survival(
    result: CoxResult,
    path: Rows,
    *,
    by: str | None = None,
    conf_type: ConfType = "log-log",
    conf_level: float | None = None,
) -> PredictedSurvival:
    r"""Predict survival along paths of covariates.

    Parameters
    ----------
    result : CoxResult
        A fitted model with its rows kept.
    path : Rows
        Rows (start, stop] with the covariates, strata and offset of the fit under the names they have there,
        and times in the columns named to the fit (``start=None``: entry at 0). A patient transplanted on
        day 60 is two rows: (0, 60] with ``allo_hct`` 0 and (60, 365] with 1. The rows of a path
        follow each other without a gap. A path that begins later is conditional on survival to its start.
    by : str, optional
        Column that tells several paths apart; otherwise all rows are one path.
    conf_type, conf_level
        Of the pointwise limits; ``conf_level`` by default that of the fit.

    Returns
    -------
    PredictedSurvival

    Raises
    ------
    InputError
        A column is absent or a value missing; a level or stratum was not in the fit; rows
        of a path overlap or leave a gap; the fit kept no rows.

    Notes
    -----
    The survival is exp(-H), H the baseline hazard added up over the path, each increment times
    exp(x'b) with the covariates of that time. Only a path that is fixed in advance ("external") has this
    reading as a probability; of a patient's own future it says what happens if the path is followed.
    The variance adds the derivative of H by the coefficients over the path (Tsiatis, Ann Stat 1981;9:93-108;
    Therneau and Grambsch, Modeling Survival Data, 2000, section 10.2). R:
    ``survfit(fit, newdata = path, id = id)``; survival and H agree with every version, the standard
    error of a path that changes since 3.8-0: earlier versions take the last row's covariates for
    the whole path in its second part.

    Examples
    --------
    >>> from blinreg.analyses import cox
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4, 4], "tstart": [0, 0, 0, 0, 3],
    ...     "tstop": [5, 6, 9, 3, 8], "event": [1, 0, 1, 0, 1], "allo_hct": [0, 0, 0, 0, 1]})
    >>> path = pl.DataFrame({"tstart": [0, 6], "tstop": [6, 9], "allo_hct": [0, 1]})
    >>> cox(rows, ["allo_hct"]).predict_survival(path).table["survival"].round(4).to_list()
    [0.8095, 0.4294, 0.076]
    """
    conf_level = result.conf_level if conf_level is None else check_conf_level(conf_level)
    check_interval(conf_type, conf_level)
    kept = kept_rows(result.kept, "a predicted survival")
    names = kept.names
    optional = [name for name in (by, names.start, names.offset) if name is not None]
    columns = [*optional, names.stop, *names.covariates, *names.strata]
    frame, _ = complete_rows(to_frame(path, columns), "refuse")
    pieces = _pieces(kept, names, frame)
    group, labels = coded(frame, [] if by is None else [by], n_rows=frame.height)
    fitted = FittedHazard(result, kept)
    frames, starts = [], []
    for code, label in enumerate(labels):
        name = label[0] if by is not None else ONE_PATH
        rows = np.flatnonzero(group == code)
        rows = rows[np.argsort(pieces.start[rows], kind="stable")]
        _check_path(pieces, rows, name, by)
        frames.append(_curve(fitted, pieces, rows, name, conf_type=conf_type, conf_level=conf_level))
        starts.append({"group": name, "start": float(pieces.start[rows[0]])})
    return PredictedSurvival(
        table=pl.concat(frames),
        start=pl.DataFrame(starts),
        n=result.n_subjects,
        n_events=result.n_events,
        ties=result.ties,
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=result.time_unit,
        variance_type="model" if result.robust_variance is None else "robust",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Rows of paths: times, covariates (n, p), offset and stratum of the fit."""

    start: Array
    stop: Array
    x: Array
    offset: Array
    stratum: Index


def _pieces(kept: KeptRows, names: CoxColumns, frame: pl.DataFrame) -> _Pieces:
    for covariate in kept.covariates:
        _check_covariate(frame[covariate.name], covariate.levels)
    start = np.zeros(frame.height) if names.start is None else finite_numbers(frame[names.start], "start")
    stop = finite_numbers(frame[names.stop], "stop")
    wrong = int(np.count_nonzero(stop <= start))
    if wrong:
        raise InputError(f"{names.stop} must be after the start: {wrong} rows of the path are not")
    return _Pieces(
        start=start,
        stop=stop,
        x=term_matrix(frame, kept.terms),
        offset=np.zeros(frame.height) if names.offset is None else finite_numbers(frame[names.offset], "offset"),
        stratum=_strata(kept, frame),
    )


def _check_covariate(column: pl.Series, levels: tuple[str, ...] | None) -> None:
    if levels is None:
        if is_text(column.dtype):
            raise InputError(f"covariate {column.name} is text in the path, and was a number in the fit")
        return
    unknown = sorted(set(column.cast(pl.String).unique().to_list()) - set(levels))
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is not a level of {column.name} in the fit", next_step=nearest(unknown[0], list(levels))
        )


def _strata(kept: KeptRows, frame: pl.DataFrame) -> Index:
    codes, labels = coded(frame, kept.names.strata, n_rows=frame.height)
    known = {label: code for code, label in enumerate(kept.strata_labels)}
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise InputError(
            f"stratum {stratum_text(unknown[0])} was not in the fit", next_step="give strata as they are in the data"
        )
    return np.array([known[label] for label in labels], dtype=np.intp)[codes]


def _check_path(pieces: _Pieces, rows: Index, name: Label, by: str | None) -> None:
    apart = int(np.count_nonzero(pieces.start[rows[1:]] != pieces.stop[rows[:-1]]))
    if apart:
        raise InputError(
            f"the rows of path {name!r} must follow each other: {apart} overlap or leave a gap",
            next_step="let each row start where the one before it stops"
            + ("; name the column of several paths by=" if by is None else ""),
        )


def _curve(
    fitted: FittedHazard, pieces: _Pieces, rows: Index, name: Label, *, conf_type: ConfType, conf_level: float
) -> pl.DataFrame:
    kept = fitted.kept
    slot, of = _slots_along(fitted, pieces, rows)
    hazard = fitted.along(slot, pieces.x[of], pieces.offset[of])
    time, cumulative, se = kept.likelihood.rows.slot_time[slot], hazard.cumulative, hazard.se
    n_at_risk, n_events, stratum = fitted.n_at_risk[slot], fitted.n_events[slot], pieces.stratum[of]
    end, last = _end(kept, pieces, rows), int(pieces.stratum[rows[-1]])
    if not time.size or end > time[-1]:
        time, stratum = np.append(time, end), np.append(stratum, last)
        n_at_risk, n_events = np.append(n_at_risk, _at_risk(kept, last, end)), np.append(n_events, 0)
        cumulative, se = (np.append(values, values[-1:] if values.size else 0.0) for values in (cumulative, se))
    survival = np.exp(-cumulative)
    lower, upper = pointwise_limits(survival, survival * se, conf_type, conf_level)
    strata = [stratum_text(kept.strata_labels[code]) if kept.names.strata else None for code in stratum.tolist()]
    frame = pl.DataFrame(
        {
            "group": pl.Series([name] * len(survival), dtype=pl.Series([name]).dtype),
            "time": time,
            "stratum": pl.Series(strata, dtype=pl.String),
            "n_at_risk": n_at_risk,
            "n_events": n_events,
            "cumulative_hazard": cumulative,
            "survival": survival,
            "se": survival * se,
            "lower": lower,
            "upper": upper,
        }
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _slots_along(fitted: FittedHazard, pieces: _Pieces, rows: Index) -> tuple[Index, Index]:
    """List the slots a path lives through, and the row of the path at each."""
    time = fitted.kept.likelihood.rows.slot_time
    chosen, owner = [], []
    for row in rows.tolist():
        slots = fitted.slots(int(pieces.stratum[row]))
        within = slots[(time[slots] > pieces.start[row]) & (time[slots] <= pieces.stop[row])]
        chosen.append(within)
        owner.append(np.full(len(within), row))
    return np.concatenate(chosen), np.concatenate(owner)


def _end(kept: KeptRows, pieces: _Pieces, rows: Index) -> float:
    """Find where the curve ends: with its path, or with the follow-up of the last stratum it is in."""
    followed = float(kept.process.stop[kept.stratum == pieces.stratum[rows[-1]]].max())
    return max(min(float(pieces.stop[rows[-1]]), followed), float(pieces.start[rows[0]]))


def _at_risk(kept: KeptRows, stratum: int, time: float) -> int:
    process = kept.process
    return int(np.count_nonzero((kept.stratum == stratum) & (process.start < time) & (time <= process.stop)))
