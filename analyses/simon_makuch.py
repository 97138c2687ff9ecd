"""Simon-Makuch curves: survival by an exposure that starts during follow-up."""

from __future__ import annotations

from blinreg.analyses.inputs import Missing, Rows
from blinreg.analyses.intervals import ConfType, check_interval
from blinreg.analyses.observation import observe
from blinreg.analyses.survival_curves import SurvivalCurves, survival_curves
from blinreg.schemas.errors import InputError


def simon_makuch(
    rows: Rows,
    exposure: str = "allo_hct",
    *,
    landmark: float = 0,
    min_at_risk: int = 10,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    conf_type: ConfType = "log-log",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> SurvivalCurves:
    """Estimate survival in each state of a time-dependent exposure.

    A subject counts in the unexposed curve until the exposure starts and in the
    exposed curve after it, so the time survived until the exposure is not
    credited to it (no immortal time). An exposed curve is that of a
    changing group of people: read its early part, where few are at risk, with care.

    Parameters
    ----------
    rows : Rows
        (start, stop] intervals with the value of the exposure during each. An
        exposure that starts on day t belongs to the row from t on.
    exposure : str
        Column of the state, usually 0 and 1.
    landmark : float
        Curves are conditional on being event-free at this time: rows with
        stop > landmark, from the landmark on. Times stay counted from the origin.
    min_at_risk : int
        A state with fewer subjects at risk says little: `enough_at_risk` of the result tells from
        which time on each state has so many, and `plot` dashes the curve where it has not.
    id, start, stop, event, conf_type, conf_level, missing, time_unit
        See `kaplan_meier`.

    Returns
    -------
    SurvivalCurves
        As `kaplan_meier`; group is the value of the exposure.

    Raises
    ------
    InputError
        The rows break a rule, nobody is at risk after the landmark, or `min_at_risk` is negative.

    Notes
    -----
    Simon and Makuch, Statistics in Medicine 1984;3:35-44. R: ``survfit(Surv(start, stop,
    event) ~ exposure)``; its ``start.time = L`` also counts events at exactly L, ours does not.

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame({"patient_id": [1, 1, 2, 3], "tstart": [0, 30, 0, 0], "tstop": [30, 90, 50, 60],
    ...                      "event": [0, 1, 1, 0], "allo_hct": [0, 1, 0, 0]})
    >>> simon_makuch(rows).table.select("group", "time", "n_at_risk", "n_crossed", "survival").rows()
    [(0, 30.0, 3, 1, 1.0), (0, 50.0, 2, 0, 0.5), (0, 60.0, 1, 0, 0.5), (1, 90.0, 1, 0, 0.0)]
    """
    check_interval(conf_type, conf_level)
    if min_at_risk < 0:
        raise InputError(f"min_at_risk={min_at_risk!r} is negative", next_step="use 10, or 0 for no limit")
    seen = observe(
        rows,
        by=exposure,
        id=id,
        start=start,
        stop=stop,
        event=event,
        missing=missing,
        landmark=landmark,
    )
    return survival_curves(
        seen.risk,
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=time_unit,
        landmark=landmark,
        min_at_risk=min_at_risk,
        n_missing=seen.n_missing,
    )
