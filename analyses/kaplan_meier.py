"""Kaplan-Meier survival, with delayed entry and changing groups."""

from __future__ import annotations

from blinreg.analyses.inputs import Missing, Rows
from blinreg.analyses.intervals import ConfType, check_interval
from blinreg.analyses.observation import observe
from blinreg.analyses.survival_curves import SurvivalCurves, survival_curves


def kaplan_meier(
    rows: Rows,
    *,
    by: str | None = None,
    landmark: float | None = None,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    conf_type: ConfType = "log-log",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> SurvivalCurves:
    """Estimate survival by the product-limit method.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; rows are (start, stop].
    by : str, optional
        Column of the groups. A group known only later than the origin gives
        immortal time; give such rows as (start, stop] intervals, or use `simon_makuch`.
    landmark : float, optional
        Curves are conditional on being event-free at this time: rows with
        stop > landmark, from the landmark on. Times stay counted from the origin.
    id : str or None
        Column of the subject; None for one row a subject.
    start : str or None
        Column of the entry time; None for entry at 0.
    stop, event : str
        Columns of the time and of 1 = event, 0 = censored.
    conf_type : {"log-log", "log", "plain"}
        Scale of the confidence limits. R's and Stata's defaults are log and log-log.
    conf_level : float
        0.95 for 95% limits.
    missing : {"refuse", "complete_case"}
        Refuse rows with a missing value, or leave them out and count them in `n_missing`.
    time_unit : str
        What the times count; stamped on the result.

    Returns
    -------
    SurvivalCurves

    Raises
    ------
    InputError
        The rows break a rule; the message says which, and how many.

    Notes
    -----
    Kaplan and Meier, JASA 1958;53:457-481. R: ``survfit(Surv(start, stop, event) ~ by,
    conf.type = "log-log")``. Ties are exact equality of times. At survival 1
    the standard error is 0; at survival 0 or 1 the limits are null.

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3], "days": [10, 20, 30], "event": [1, 0, 1]})
    >>> kaplan_meier(rows, start=None, stop="days").table["survival"].round(3).to_list()
    [0.667, 0.667, 0.0]
    """
    check_interval(conf_type, conf_level)
    seen = observe(rows, by=by, id=id, start=start, stop=stop, event=event, missing=missing, landmark=landmark)
    return survival_curves(
        seen.risk,
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=time_unit,
        landmark=landmark or 0.0,
        n_missing=seen.n_missing,
    )
