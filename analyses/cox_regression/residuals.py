"""Residuals of a Cox model, by row, by subject or by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import polars as pl

from blinreg.analyses.cox_regression.kept import KeptRows, kept_rows
from blinreg.analyses.cox_regression.likelihood import CoxLikelihood, RiskSums
from blinreg.analyses.cox_regression.robust import score_residuals, tied_means
from blinreg.analyses.cox_regression.sums import Array, Index, bucket_sums
from blinreg.analyses.risk_table import Label
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from blinreg.analyses.cox_regression.result import CoxResult

ResidualKind: TypeAlias = Literal[
    "martingale", "deviance", "score", "dfbeta", "dfbetas", "schoenfeld", "scaled_schoenfeld"
]

_BY_EVENT = ("schoenfeld", "scaled_schoenfeld")
_WEIGHTED = ("dfbeta", "dfbetas")


def cox_residuals(
    result: CoxResult,
    kind: ResidualKind = "martingale",
    *,
    by: Literal["row", "id"] = "row",
    weighted: bool | None = None,
) -> pl.DataFrame:
    r"""Work out residuals of a Cox model.

    Parameters
    ----------
    result : CoxResult
        A fitted model with its rows kept.
    kind : str
        "martingale": events less expected events. "deviance": the same made symmetric.
        "score": contribution to the score, one a term. "dfbeta": change of each coefficient when
        the row is left out, to first order; "dfbetas": in standard errors. "schoenfeld": covariates
        of who fails less their mean over the risk set, one row an event; "scaled_schoenfeld": times
        variance and number of events, plus the coefficient, which makes it an estimate of
        the coefficient at that time.
    by : {"row", "id"}
        One row a row of the data, or their sums by subject.
    weighted : bool, optional
        Multiply by the case weight; by default so for dfbeta and dfbetas only.

    Returns
    -------
    polars.DataFrame
        By row: ``row`` (from 0, of the complete rows in the order given) and ``residual``, or a column a
        term. By subject: the id in place of ``row``. By event: ``row``, ``stratum``, ``time`` and a column
        a term, in order of stratum and time. Of columns of one name the term's keeps it; the other gets "_".

    Raises
    ------
    InputError
        Unknown kind; Schoenfeld residuals by subject; the fit kept no rows or knows no subjects.

    Notes
    -----
    Therneau, Grambsch and Fleming, Biometrika 1990;77:147-160; Schoenfeld, Biometrika 1982;69:239-241;
    Efron's ties as in Therneau and Grambsch, Modeling Survival Data, 2000. R: ``residuals(fit, type = ,
    collapse = id)`` with types martingale, deviance, score, dfbeta, dfbetas, schoenfeld and scaledsch.

    Examples
    --------
    >>> from blinreg.analyses import cox
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4, 4], "tstart": [0, 0, 0, 0, 3],
    ...     "tstop": [5, 6, 9, 3, 8], "event": [1, 0, 1, 0, 1], "allo_hct": [0, 0, 0, 0, 1]})
    >>> fit = cox(rows, ["allo_hct"])
    >>> fit.residuals("martingale", by="id")["residual"].round(3).to_list()[:3]
    [0.789, -0.211, -0.577]
    """
    if kind not in get_args(ResidualKind):
        raise InputError(f"kind={kind!r} is unknown", next_step=f"use one of {', '.join(get_args(ResidualKind))}")
    if by not in ("row", "id"):
        raise InputError(f"by={by!r} is unknown", next_step="use 'row' or 'id'")
    kept = kept_rows(result.kept, "a residual")
    coef = result.table["coef"].to_numpy()
    sums = kept.at(coef)
    use_weights = kind in _WEIGHTED if weighted is None else weighted
    if kind in _BY_EVENT:
        if by == "id":
            raise InputError("Schoenfeld residuals are one an event, not one a subject", next_step="leave out by='id'")
        return _by_event(result, kept, sums, kind=kind, weighted=use_weights)
    if kind in ("martingale", "deviance"):
        values = martingale_residuals(kept.likelihood, sums)[:, None]
    else:
        values = score_residuals(kept.likelihood, sums) * kept.likelihood.rows.scale
        values = values @ _influence(result, kind)
    values = kept.spread(values)
    # A row at risk at no event time lived through no hazard and has no event: its residuals are 0.
    if use_weights:
        values = values * kept.weight[:, None]
    events = kept.event.astype(np.float64)
    names = ["residual"] if kind in ("martingale", "deviance") else result.table["term"].to_list()
    if by == "id":
        subject, n = kept.process.subject, kept.process.n_subjects
        values = np.column_stack([bucket_sums(subject, column, n) for column in values.T])
        events = bucket_sums(subject, events, n)
    if kind == "deviance":
        values = _deviance(values, events[:, None])
    labels: dict[str, object] = {"row": np.arange(len(values))}
    if by == "id":
        labels = {kept.names.id or "row": labels["row"] if kept.ids is None else kept.ids}
    return residual_frame(labels, names, values)


def martingale_residuals(likelihood: CoxLikelihood, sums: RiskSums) -> Array:
    """Events less expected events of each row at risk (n,), without its case weight.

    Parameters
    ----------
    likelihood : CoxLikelihood
        The data and the rule for ties.
    sums : RiskSums
        ``likelihood.sums(coef)``.
    """
    rows = likelihood.rows
    lived = likelihood.hazard_lived(sums.c[0, 1], sums.c[1, 1])
    observed = np.zeros(len(lived))
    observed[rows.event_row] = 1.0
    return observed - sums.relative_risk / rows.weight * lived


def schoenfeld_residuals(likelihood: CoxLikelihood, sums: RiskSums) -> Array:
    """Covariates of who fails less their mean over the risk set (events, p), on the covariates' own scale.

    Parameters
    ----------
    likelihood : CoxLikelihood
        The data and the rule for ties.
    sums : RiskSums
        ``likelihood.sums(coef)``.

    Returns
    -------
    array (events, p)
        In the order of ``likelihood.rows.event_row``. Who fails together is compared with the mean
        over their tie terms.
    """
    rows = likelihood.rows
    scaled = rows.x[rows.event_row] - tied_means(likelihood, sums)[rows.event_slot]
    return np.asarray(scaled * rows.scale, dtype=np.float64)


def events_in_order(kept: KeptRows) -> tuple[pl.DataFrame, Index]:
    """List the events by stratum and time.

    Returns
    -------
    polars.DataFrame
        ``row``, ``stratum`` (text; null without strata), ``time``.
    int array (events,)
        Places in ``likelihood.rows.event_row``.
    """
    rows = kept.likelihood.rows
    order = np.argsort(rows.event_slot, kind="stable")
    slot = rows.event_slot[order]
    names = [stratum_text(label) if kept.names.strata else None for label in kept.strata_labels]
    frame = pl.DataFrame(
        {
            "row": rows.position[rows.event_row[order]],
            "stratum": pl.Series([names[code] for code in rows.slot_stratum[slot]], dtype=pl.String),
            "time": rows.slot_time[slot],
        }
    )
    return frame, order


def stratum_text(label: Label) -> str:
    """Write the values of the strata columns as one text.

    Examples
    --------
    >>> stratum_text(("site_a", 1))
    'site_a, 1'
    """
    return ", ".join(str(value) for value in label) if isinstance(label, tuple) else str(label)


def residual_frame(labels: dict[str, object], terms: list[str], values: Array) -> pl.DataFrame:
    """Lay residuals (n, p) beside what they belong to."""
    beside = {name + "_" * (name in terms): column for name, column in labels.items()}
    return pl.DataFrame(beside | {term: values[:, j] for j, term in enumerate(terms)})


def _by_event(result: CoxResult, kept: KeptRows, sums: RiskSums, *, kind: ResidualKind, weighted: bool) -> pl.DataFrame:
    frame, order = events_in_order(kept)
    values = schoenfeld_residuals(kept.likelihood, sums)[order]
    if weighted:
        values = values * kept.weight[frame["row"].to_numpy()][:, None]
    if kind == "scaled_schoenfeld":
        values = values @ result.variance * len(values) + result.table["coef"].to_numpy()
    return residual_frame(dict(frame.to_dict()), result.table["term"].to_list(), values)


def _influence(result: CoxResult, kind: ResidualKind) -> Array:
    """Give the matrix that turns score residuals (n, p) into the kind."""
    if kind == "score":
        return np.eye(len(result.variance))
    scale = np.sqrt(np.diag(result.variance)) if kind == "dfbetas" else np.ones(len(result.variance))
    return np.asarray(result.variance / scale, dtype=np.float64)


def _deviance(martingale: Array, events: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(events > 0, events * np.log(events - martingale), 0.0)
    return np.asarray(np.sign(martingale) * np.sqrt(np.maximum(-2 * (martingale + logs), 0.0)), dtype=np.float64)
