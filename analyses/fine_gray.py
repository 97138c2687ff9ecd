"""Regression on the subdistribution hazard of one cause (Fine and Gray)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from blinreg.analyses.cox import Ties, cox
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.analyses.design import covariate_columns
from blinreg.analyses.fine_gray_weights import weighted_rows
from blinreg.analyses.inputs import CountingProcess, Missing, Rows, counting_process
from blinreg.analyses.observation import coded
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MADE = ("fg_row", "fg_subject", "fg_start", "fg_stop", "fg_event", "fg_weight")


@dataclass(frozen=True, slots=True, eq=False)
class FineGray:
    """A fitted subdistribution hazards model.

    Attributes
    ----------
    table : polars.DataFrame
        A row a term: ``term, coef, se, robust_se, subdistribution_hazard_ratio, lower,
        upper, z, p_value``. Limits, z and P use ``robust_se``.
    weighted_fit : CoxResult
        The Cox model on the weighted rows: tests, variances, log-likelihood.
    cause : int
        The event modelled; all other causes compete.
    n, n_events, n_competing, n_missing : int
        Subjects, events of the cause, competing events, rows left out as incomplete.
    n_weighted_rows : int
        Rows of the weighted Cox fit.
    largest_weight : float
        1 without delayed entry; far above 1 where few were under observation early, so
        that single subjects stand for many.
    se_type : str
        "sandwich": robust between subjects (or the clusters named), the weights
        taken as known.
    ties, interval_type, conf_level, time_unit
        See `blinreg.analyses.cox_regression.result.CoxResult`.
    strata : tuple of str
        Columns of the strata.
    """

    table: pl.DataFrame
    weighted_fit: CoxResult
    cause: int
    n: int
    n_events: int
    n_competing: int
    n_missing: int
    n_weighted_rows: int
    largest_weight: float
    se_type: str
    ties: str
    interval_type: str
    conf_level: float
    time_unit: str
    strata: tuple[str, ...]

    def plot(
        self,
        ax: Axes | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        title: str | None = None,
        note: str | None = None,
    ) -> Axes:
        """Draw the subdistribution hazard ratios and their intervals as a forest plot.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        labels : mapping, optional
            Text for each term.
        title, note : str, optional
            Text above the figure; small print under it, such as "Synthetic data".
        """
        from blinreg.analyses.plotting.forest import forest_plot

        return forest_plot(
            self.table,
            estimate="subdistribution_hazard_ratio",
            ax=ax,
            labels=labels,
            conf_level=self.conf_level,
            title=title,
            note=note,
        )


def fine_gray(
    rows: Rows,
    covariates: Sequence[str],
    *,
    cause: int = 1,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    strata: Sequence[str] = (),
    cluster: str | None = None,
    weights: str | None = None,
    reference: Mapping[str, str] | None = None,
    ties: Ties = "efron",
    missing: Missing = "refuse",
    conf_level: float = 0.95,
    time_unit: str = "days",
) -> FineGray:
    """Fit a subdistribution hazards model to the cumulative incidence of one cause.

    The hazard ratio says in which direction, and how strongly, a covariate moves the
    cumulative incidence; it is not the effect on those still at risk (for that fit
    `cox` with the other causes censored). Covariates must be known at the origin:
    after a competing event a time-dependent covariate has no value, and the last
    one would be carried on.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; rows are (start, stop]
        without gaps within a subject.
    covariates, reference, ties, missing, conf_level, time_unit
        See `blinreg.analyses.cox`.
    cause : int
        The code in `event` that is modelled.
    id, start, stop : str
        See `blinreg.analyses.cox`. Subjects may enter late.
    event : str
        Column with 0 = censored, else the code of the cause (1, 2, ...).
    strata : sequence of str
        Columns, fixed within subjects; each combination has its own baseline and its own censoring.
    cluster : str, optional
        Column for the robust variance; by default the subject.
    weights : str, optional
        Column of positive case weights; they do not enter the estimate of censoring.

    Returns
    -------
    FineGray

    Raises
    ------
    InputError
        The rows or arguments break a rule, or nobody has an event of the cause.
    AnalysisError
        A coefficient is infinite (monotone likelihood), named by term.

    Notes
    -----
    Fine and Gray, JASA 1999;94:496-509; delayed entry as Geskus, Biometrics 2011;67:39-49. R:
    ``coxph(Surv(fgstart, fgstop, fgstatus) ~ x + cluster(id), finegray(Surv(tstop,
    factor(event)) ~ ., data), weights = fgwt)``. ``cmprsk::crr`` has the same coefficients with
    ``ties="breslow"`` where no event and censoring share a time, and a variance
    that also counts the estimation of the weights.

    Examples
    --------
    >>> rows = pl.DataFrame({"days": [2, 3, 5, 6, 8, 9], "cause": [1, 2, 0, 1, 1, 2], "age": [60, 45, 50, 30, 55, 40]})
    >>> fit = fine_gray(rows, ["age"], id=None, start=None, stop="days", event="cause")
    >>> round(fit.table["coef"][0], 4), fit.n_events, fit.n_competing
    (0.0426, 3, 2)
    """
    strata = (strata,) if isinstance(strata, str) else tuple(strata)
    named = [*covariate_columns(covariates), *strata, *(name for name in (cluster, weights) if name is not None)]
    process, frame = _process(
        rows, id=id, start=start, stop=stop, event=event, cause=cause, extra=named, missing=missing
    )
    weighted = _weighted(process, frame, strata, cause)
    largest_weight = float(weighted["fg_weight"].to_numpy().max())
    if weights is not None:
        weighted = weighted.with_columns(fg_weight=pl.col("fg_weight") * pl.col(weights))
    fit = cox(
        weighted,
        covariates,
        id="fg_subject",
        start="fg_start",
        stop="fg_stop",
        event="fg_event",
        strata=strata,
        cluster="fg_subject" if cluster is None else cluster,
        weights="fg_weight",
        reference=reference,
        ties=ties,
        conf_level=conf_level,
        time_unit=time_unit,
    )
    return FineGray(
        table=fit.table.rename({"hazard_ratio": "subdistribution_hazard_ratio"}),
        weighted_fit=fit,
        cause=cause,
        n=process.n_subjects,
        n_events=int((process.event == cause).sum()),
        n_competing=int(((process.event != 0) & (process.event != cause)).sum()),
        n_missing=process.n_missing,
        n_weighted_rows=weighted.height,
        largest_weight=largest_weight,
        se_type="sandwich",
        ties=fit.ties,
        interval_type=fit.interval_type,
        conf_level=fit.conf_level,
        time_unit=time_unit,
        strata=strata,
    )


def fine_gray_rows(
    rows: Rows,
    columns: Sequence[str] = (),
    *,
    cause: int = 1,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    strata: Sequence[str] = (),
    missing: Missing = "refuse",
) -> pl.DataFrame:
    """Make the weighted rows on which `fine_gray` fits its Cox model.

    They serve other weighted estimators too: a weighted Kaplan-Meier curve of them is
    1 - the cumulative incidence.

    Parameters
    ----------
    rows, cause, id, start, stop, event, strata, missing
        See `fine_gray`.
    columns : sequence of str
        Further columns to carry along.

    Returns
    -------
    polars.DataFrame
        fg_row (row number among the rows used, from 0), fg_subject (0, 1, ...), fg_start, fg_stop,
        fg_event (1 = the cause), fg_weight; then `strata` and `columns`.

    Raises
    ------
    InputError
        As `fine_gray`.

    Examples
    --------
    >>> rows = pl.DataFrame({"days": [1, 2, 3, 4], "cause": [2, 0, 1, 1]})
    >>> made = fine_gray_rows(rows, id=None, start=None, stop="days", event="cause")
    >>> made.select("fg_row", "fg_stop", "fg_weight").rows()[:3]
    [(0, 2.0, 1.0), (0, 4.0, 0.6666666666666667), (1, 2.0, 1.0)]
    """
    strata = (strata,) if isinstance(strata, str) else tuple(strata)
    process, frame = _process(
        rows, id=id, start=start, stop=stop, event=event, cause=cause, extra=[*strata, *columns], missing=missing
    )
    return _weighted(process, frame, strata, cause)


def _process(
    rows: Rows,
    *,
    id: str | None,  # noqa: A002
    start: str | None,
    stop: str,
    event: str,
    cause: int,
    extra: Sequence[str],
    missing: Missing,
) -> tuple[CountingProcess, pl.DataFrame]:
    taken = [name for name in extra if name in _MADE]
    if taken:
        raise InputError(f"columns are called {', '.join(taken)}, as the weighted rows'", next_step="rename them")
    process, frame = counting_process(
        rows, id=id, start=start, stop=stop, event=event, extra=extra, missing=missing, causes=True
    )
    if not (process.event == cause).any():
        raise InputError(
            f"nobody of {process.n_subjects} subjects has the event {cause} ({event} is never {cause})",
            next_step="check the endpoint and `cause`",
        )
    return process, frame


def _weighted(process: CountingProcess, frame: pl.DataFrame, strata: Sequence[str], cause: int) -> pl.DataFrame:
    stratum, _ = coded(frame, list(strata), n_rows=process.stop.size)
    made = weighted_rows(process, stratum, cause)
    columns = pl.DataFrame(
        {
            "fg_row": made.row,
            "fg_subject": process.subject[made.row],
            "fg_start": made.start,
            "fg_stop": made.stop,
            "fg_event": (process.event[made.row] == cause).astype(np.int64),
            "fg_weight": made.weight,
        }
    )
    return columns if not frame.columns else columns.hstack(frame[made.row.tolist()])
