"""Landmark analyses: groups frozen as they are at a landmark, several landmarks in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import polars as pl

from blinreg.analyses.inputs import CountingProcess, Floats, Integers, Missing, Rows, counting_process
from blinreg.analyses.intervals import ConfType, check_interval
from blinreg.analyses.log_rank import chi_squared_p
from blinreg.analyses.log_rank_sums import log_rank_sums
from blinreg.analyses.observation import EVERYBODY, ObservedRows, after_landmark, coded
from blinreg.analyses.survival_curves import SurvivalCurves, survival_curves
from blinreg.schemas.errors import AnalysisError, InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.plotting.curves import FigureOptions


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkAnalysis:
    """Landmark analyses at one or several landmarks.

    Attributes
    ----------
    table : polars.DataFrame
        landmark, group, n, n_events, expected, median, lower, upper, chi_squared, df, p_value;
        a row for each landmark and group, the log-rank test repeated in each row of a landmark.
    survival : polars.DataFrame
        landmark, group, time, n_at_risk, survival, se, lower, upper at the times asked for;
        conditional on being event-free at the landmark.
    hazard_ratios : polars.DataFrame
        landmark, term, coef, se, hazard_ratio, lower, upper, p_value; empty unless asked for.
    patients : polars.DataFrame
        landmark, n (analysed), n_ended (event or end of follow-up at or before the landmark), n_not_observed
        (under observation later, but not at the landmark: their state then is unknown).
    landmarks : tuple of float
    curves : tuple of SurvivalCurves
        One a landmark, with `.quantile` and `.plot`.
    exposure : str
    strata : tuple of str
    n, n_events : int
        Subjects and events in the rows given; those of each landmark are in `patients` and `table`.
    n_missing : int
        Rows left out as incomplete.
    ties : str
        "hypergeometric" in the log-rank test, "efron" in the hazard ratios.
    conf_type, conf_level, time_unit
        Of the curves, and what times count. Times are counted from the origin, not from the landmark.
    notes : tuple of str
        Landmarks with one group only, or without a hazard ratio, and why.
    """

    table: pl.DataFrame
    survival: pl.DataFrame
    hazard_ratios: pl.DataFrame
    patients: pl.DataFrame
    landmarks: tuple[float, ...]
    curves: tuple[SurvivalCurves, ...]
    exposure: str
    strata: tuple[str, ...]
    n: int
    n_events: int
    n_missing: int
    ties: str
    conf_type: ConfType
    conf_level: float
    time_unit: str
    notes: tuple[str, ...]

    def plot(self, ax: Axes | None = None, *, landmark: float | None = None, **options: Unpack[FigureOptions]) -> Axes:
        """Draw the curves of one landmark.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        landmark : float, optional
            Which of the landmarks; by default the first.
        **options
            labels, axis_unit, until, title and more: see `blinreg.analyses.plotting.curves.draw_curves`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        wanted = self.landmarks[0] if landmark is None else float(landmark)
        if wanted not in self.landmarks:
            raise InputError(
                f"there is no analysis at landmark {wanted:g}",
                next_step=f"use one of {', '.join(f'{value:g}' for value in self.landmarks)}",
            )
        return self.curves[self.landmarks.index(wanted)].plot(ax, **options)


def landmark(
    rows: Rows,
    exposure: str = "allo_hct",
    *,
    landmarks: Sequence[float],
    times: Sequence[float] = (),
    hazard_ratio: bool = False,
    covariates: Sequence[str] = (),
    strata: Sequence[str] = (),
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    conf_type: ConfType = "log-log",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> LandmarkAnalysis:
    """Compare groups formed by the exposure at a landmark, among those event-free then.

    The group is the state just after the landmark and stays so: who is transplanted
    later remains in the group of the untransplanted. The result depends on the landmark, and speaks only
    of those who reach it.

    Parameters
    ----------
    rows : Rows
        (start, stop] intervals with the value of the exposure during each. An
        exposure that starts on day t belongs to the row from t on.
    exposure : str
        Column of the state.
    landmarks : sequence of float
        Times from the origin; each is an analysis of its own. Fix them before seeing the data.
    times : sequence of float
        Times from the origin at which the curves are read off.
    hazard_ratio : bool
        Fit a Cox model of the frozen groups too (Efron's ties).
    covariates : sequence of str
        Columns that the hazard ratio is adjusted for, at their values at the landmark.
    strata : sequence of str
        Columns of the strata of the test and the Cox model, at their values at the landmark.
    id, start, stop, event, conf_type, conf_level, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    LandmarkAnalysis

    Raises
    ------
    InputError
        The rows break a rule, nobody is under observation at a landmark, or covariates are
        named without ``hazard_ratio=True``.

    Notes
    -----
    Anderson, Cain and Gelber, Journal of Clinical Oncology 1983;1:710-719. R: on the rows with
    ``start <= L & stop > L``, each with the last stop and the event of its subject,
    ``survdiff(Surv(last - L, died) ~ exposure)``. Rows with stop > L are used from
    max(start, L) on: an event on the landmark day itself is before it.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 1, 2, 3, 4], "tstart": [0, 20, 0, 0, 0], "tstop": [20, 90, 50, 60, 15],
    ...                      "event": [0, 1, 1, 0, 1], "allo_hct": [0, 1, 0, 0, 0]})
    >>> landmark(rows, landmarks=[10, 30]).table.select("landmark", "group", "n", "n_events").rows()
    [(10.0, 0, 4, 3), (30.0, 0, 2, 1), (30.0, 1, 1, 1)]
    """
    check_interval(conf_type, conf_level)
    wanted = _checked(landmarks, hazard_ratio=hazard_ratio, covariates=covariates)
    strata = tuple(strata)
    named = [exposure, *strata, *(part for name in covariates for part in name.split(":"))]
    process, values = counting_process(rows, id=id, start=start, stop=stop, event=event, extra=named, missing=missing)
    frozen = [_freeze(process, values, value) for value in wanted]
    options: Any = {"conf_type": conf_type, "conf_level": conf_level, "time_unit": time_unit}
    parts = [_analyse(one, exposure, strata, times, options) for one in frozen]
    ratios = [_hazard_ratios(one, exposure, [*covariates], strata, conf_level) for one in frozen if hazard_ratio]
    return LandmarkAnalysis(
        table=pl.concat([part.table for part in parts]),
        survival=pl.concat([part.survival for part in parts]),
        hazard_ratios=pl.concat([part[0] for part in ratios]) if ratios else pl.DataFrame(schema=_RATIO_SCHEMA),
        patients=pl.DataFrame([one.patients() for one in frozen]),
        landmarks=wanted,
        curves=tuple(part.curves for part in parts),
        exposure=exposure,
        strata=strata,
        n=process.n_subjects,
        n_events=int(np.count_nonzero(process.event)),
        n_missing=process.n_missing,
        ties="hypergeometric" + (", hazard ratio efron" if hazard_ratio else ""),
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=time_unit,
        notes=tuple(note for part in parts for note in part.notes) + tuple(note for _, note in ratios if note),
    )


_RATIO_SCHEMA = {"landmark": pl.Float64, "term": pl.String} | dict.fromkeys(
    ("coef", "se", "hazard_ratio", "lower", "upper", "p_value"), pl.Float64
)


@dataclass(frozen=True, slots=True, eq=False)
class _Frozen:
    """Follow-up after one landmark; `values` are those at the landmark, row for row."""

    landmark: float
    process: CountingProcess
    values: pl.DataFrame
    n_ended: int
    n_not_observed: int

    def patients(self) -> dict[str, float]:
        return {
            "landmark": self.landmark,
            "n": self.process.n_subjects,
            "n_ended": self.n_ended,
            "n_not_observed": self.n_not_observed,
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One landmark's share of the result."""

    table: pl.DataFrame
    survival: pl.DataFrame
    curves: SurvivalCurves
    notes: tuple[str, ...]


def _checked(landmarks: Sequence[float], *, hazard_ratio: bool, covariates: Sequence[str]) -> tuple[float, ...]:
    wanted = tuple(float(value) for value in landmarks)
    if not wanted or len(set(wanted)) < len(wanted) or not np.isfinite(wanted).all():
        raise InputError(
            "landmarks must be one or more different times, counted from the origin",
            next_step="for example landmarks=[60, 90]",
        )
    if covariates and not hazard_ratio:
        raise InputError("covariates adjust a hazard ratio that was not asked for", next_step="pass hazard_ratio=True")
    return wanted


def _freeze(process: CountingProcess, values: pl.DataFrame, at: float) -> _Frozen:
    after, kept = after_landmark(process, at)
    spans = np.flatnonzero(process.start[kept] <= at)
    row_at = np.full(after.n_subjects, -1, dtype=np.int64)
    row_at[after.subject[spans]] = kept[spans]
    observed = row_at[after.subject] >= 0
    if not observed.any():
        raise InputError(f"nobody is under observation at the landmark {at:g}", next_step="choose another landmark")
    subject = np.unique(after.subject[observed], return_inverse=True)[1].astype(np.int64)
    n_subjects = int(subject.max()) + 1
    frozen = replace(
        after,
        subject=subject,
        start=after.start[observed],
        stop=after.stop[observed],
        event=after.event[observed],
        n_subjects=n_subjects,
    )
    return _Frozen(
        landmark=at,
        process=frozen,
        values=values[row_at[after.subject[observed]].tolist()],
        n_ended=process.n_subjects - after.n_subjects,
        n_not_observed=after.n_subjects - n_subjects,
    )


def _analyse(one: _Frozen, exposure: str, strata: tuple[str, ...], times: Sequence[float], options: Any) -> _Part:
    n_rows = one.values.height
    group, labels = coded(one.values, [exposure], n_rows=n_rows)
    stratum, strata_labels = coded(one.values, strata, n_rows=n_rows)
    groups = tuple(label[0] for label in labels)
    seen = ObservedRows(one.process, group, stratum, groups=groups, strata=strata_labels if strata else (EVERYBODY,))
    sums = log_rank_sums(seen.sum())
    chi_squared, df = sums.chi_squared()
    undivided = replace(seen, stratum=np.zeros_like(stratum), strata=(EVERYBODY,)).sum()
    curves = survival_curves(undivided, landmark=one.landmark, **options)
    table = curves.median.select(
        pl.lit(one.landmark).alias("landmark"),
        "group",
        "n",
        "n_events",
        pl.Series("expected", sums.counted_expected),
        "median",
        "lower",
        "upper",
        pl.lit(chi_squared, dtype=pl.Float64).alias("chi_squared"),
        pl.lit(df, dtype=pl.Int64).alias("df"),
        pl.lit(chi_squared_p(chi_squared, df), dtype=pl.Float64).alias("p_value"),
    )
    alone = len(groups) == 1
    notes = (f"landmark {one.landmark:g}: all are in one group of {exposure}, nothing is compared",) if alone else ()
    survival = curves.at(times).select(pl.lit(one.landmark).alias("landmark"), pl.all())
    return _Part(table, survival, curves, notes + curves.notes)


def _hazard_ratios(
    one: _Frozen, exposure: str, covariates: list[str], strata: tuple[str, ...], conf_level: float
) -> tuple[pl.DataFrame, str | None]:
    """Fit the frozen groups; where that cannot be done, say why instead."""
    from blinreg.analyses.cox import cox

    values = one.values
    if values[exposure].n_unique() > 2 or not (
        values[exposure].dtype.is_numeric() or values[exposure].dtype == pl.Boolean
    ):
        values = values.with_columns(pl.col(exposure).cast(pl.String))
    rows = values.with_columns(
        pl.Series(name, column) for name, column in _named(one.process, taken=values.columns).items()
    )
    names = list(_named(one.process, taken=values.columns))
    try:
        fit = cox(
            rows,
            [exposure, *covariates],
            id=names[0],
            start=names[1],
            stop=names[2],
            event=names[3],
            strata=strata,
            conf_level=conf_level,
        )
    except (InputError, AnalysisError) as error:
        return pl.DataFrame(schema=_RATIO_SCHEMA), f"landmark {one.landmark:g}: no hazard ratio ({error})"
    return fit.table.select(pl.lit(one.landmark).alias("landmark"), *list(_RATIO_SCHEMA)[1:]), None


def _named(process: CountingProcess, *, taken: Sequence[str]) -> dict[str, Integers | Floats]:
    """Name the columns of the process so that they do not meet those of the caller."""
    columns: dict[str, Integers | Floats] = {
        "subject": process.subject,
        "start": process.start,
        "stop": process.stop,
        "event": process.event,
    }
    while set(columns) & set(taken):
        columns = {f"_{name}": column for name, column in columns.items()}
    return columns
