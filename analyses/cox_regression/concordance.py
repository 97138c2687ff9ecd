"""Concordance of a Cox model: how often who fails first had the higher predicted risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from blinreg.analyses.cox_regression.grid import CoxRows
from blinreg.analyses.cox_regression.kept import kept_rows
from blinreg.analyses.cox_regression.sums import Array, Index, bucket_sums
from blinreg.analyses.inference import normal_quantile
from blinreg.analyses.ranked_sums import ranked_sums
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from blinreg.analyses.cox_regression.result import CoxResult


@dataclass(frozen=True, slots=True, eq=False)
class CoxConcordance:
    """Concordance of a fit with its own data.

    Attributes
    ----------
    table : polars.DataFrame
        One row: concordance, se, lower, upper, n_concordant, n_discordant, n_tied_risk (pairs with equal
        predicted risk), n_tied_time (two events at one time), n_tied_both. Pairs are weighted by the product
        of their case weights.
    concordance, se : float
        (concordant + tied_risk / 2) over the three kinds of comparable pairs.
    n, n_events : int
        Subjects, events.
    variance_by : str
        What is taken as independent in `se`: the fit's cluster column, else the subject.
    interval_type : str
        "plain".
    conf_level : float
    """

    table: pl.DataFrame
    concordance: float
    se: float
    n: int
    n_events: int
    variance_by: str
    interval_type: str
    conf_level: float


def cox_concordance(result: CoxResult) -> CoxConcordance:
    r"""Count concordant pairs of a Cox model.

    A pair is comparable when one has the event while the other is at risk, in the same stratum, and goes
    on beyond that time; it is concordant when the predicted risk of the first, with the covariates of that
    time, is higher.

    Parameters
    ----------
    result : CoxResult
        A fitted model with its rows kept.

    Returns
    -------
    CoxConcordance

    Raises
    ------
    InputError
        No pair is comparable; the fit kept no rows.

    Notes
    -----
    Harrell, Lee and Mark, Stat Med 1996;15:361-387; for time-dependent covariates Therneau and Watson
    (2015). The variance is the infinitesimal jackknife, summed by cluster, or by subject. R:
    ``concordance(fit, cluster = id)``; without ``cluster`` R takes the rows of one subject as
    independent, and its variance then depends on how rows are split. The concordance of a model with the data
    it was fitted to is optimistic, and with censoring it depends on how long people were followed.
    Cost: rows times the logarithm of the number of different risks.

    Examples
    --------
    >>> from blinreg.analyses import cox
    >>> rows = pl.DataFrame({"patient_id": range(8), "tstop": [1, 2, 3, 4, 5, 6, 7, 8], "event": [1] * 8,
    ...                      "old": [1, 1, 1, 0, 0, 1, 0, 0]})
    >>> round(cox(rows, ["old"], start=None).concordance().concordance, 4)
    0.7143
    """
    kept = kept_rows(result.kept, "the concordance")
    rows = kept.likelihood.rows
    rank = _ranks(rows, result.table["coef"].to_numpy() * rows.scale)
    pairs = _pairs(rows, rank)
    concordant, discordant, tied = (float(rows.weight @ pairs.as_event[:, kind]) for kind in range(3))
    n_pairs = concordant + discordant + tied
    if n_pairs <= 0:
        raise InputError(
            "no pair is comparable: whenever an event happens nobody else of the stratum goes on",
            next_step="leave the concordance out",
        )
    somers = (concordant - discordant) / n_pairs
    influence = pairs.as_event + pairs.as_other
    change = rows.weight * (influence[:, 0] - influence[:, 1] - somers * influence.sum(axis=1)) / n_pairs
    unit = kept.process.subject if kept.cluster is None else kept.cluster
    by_unit = bucket_sums(unit[rows.position].astype(np.intp, copy=False), change, int(unit.max()) + 1)
    concordance, se = (somers + 1) / 2, float(np.sqrt(by_unit @ by_unit)) / 2
    width = normal_quantile(result.conf_level) * se
    tied_time, tied_both = _tied_events(rows, rank)
    return CoxConcordance(
        table=pl.DataFrame(
            {
                "concordance": concordance,
                "se": se,
                "lower": max(concordance - width, 0.0),
                "upper": min(concordance + width, 1.0),
                "n_concordant": concordant,
                "n_discordant": discordant,
                "n_tied_risk": tied,
                "n_tied_time": tied_time,
                "n_tied_both": tied_both,
            }
        ),
        concordance=concordance,
        se=se,
        n=result.n_subjects,
        n_events=result.n_events,
        variance_by=kept.names.cluster or kept.names.id or "row",
        interval_type="plain",
        conf_level=result.conf_level,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Weights of each row's partners (n, 3): concordant, discordant, tied in risk.

    ``as_event``: the row has the event; ``as_other``: it goes on while the partner has it.
    """

    as_event: Array
    as_other: Array


def _ranks(rows: CoxRows, coef: Array) -> Index:
    """Rank the linear predictors; term by term, so that equal covariates give equal predictors to the last digit."""
    predictor = rows.offset.copy()
    for j, b in enumerate(coef.tolist()):
        predictor += b * rows.x[:, j]
    return np.unique(predictor, return_inverse=True)[1].astype(np.intp, copy=False)


def _pairs(rows: CoxRows, rank: Index) -> _Pairs:
    """Count the partners of each row.

    Row j is compared with the events of the slots first <= k < leave, where leave excludes the row's own
    event and those of its time. What lies beyond a slot is a sum over ends less a sum over beginnings: those who
    enter later, and other strata, cancel.
    """
    n, event = len(rank), rows.event_row
    first, leave = rows.intervals.first, rows.intervals.last.copy()
    leave[event] -= 1
    late = np.flatnonzero(first > 0)
    lower, equal, higher = _beyond(
        at=np.concatenate((leave, first[late])),
        rank=np.concatenate((rank, rank[late])),
        weight=np.concatenate((rows.weight, -rows.weight[late])),
        ask_at=rows.event_slot,
        ask_rank=rank[event],
    )
    as_event = np.zeros((n, 3))
    as_event[event] = np.column_stack((lower, higher, equal))
    asked = _beyond(
        at=rows.event_slot + 1,
        rank=rank[event],
        weight=rows.weight[event],
        ask_at=np.concatenate((first, leave)),
        ask_rank=np.concatenate((rank, rank)),
    )
    lower, equal, higher = (values[:n] - values[n:] for values in asked)
    return _Pairs(as_event, np.column_stack((higher, lower, equal)))


def _beyond(*, at: Index, rank: Index, weight: Array, ask_at: Index, ask_rank: Index) -> tuple[Array, Array, Array]:
    """Sum, for each question, the weights at places above it by how their rank compares (questions,)."""
    order = np.argsort(-np.concatenate((2 * at, 2 * ask_at + 1)), kind="stable")
    weights = np.concatenate((weight, np.zeros(len(ask_at))))
    sums = ranked_sums(np.concatenate((rank, ask_rank))[order], weights[order])
    asks = order >= len(at)
    found = []
    for values in sums:
        out = np.empty(len(ask_at))
        out[order[asks] - len(at)] = values[asks]
        found.append(out)
    return found[0], found[1], found[2]


def _tied_events(rows: CoxRows, rank: Index) -> tuple[float, float]:
    """Weigh the pairs of events at one time: of different risk, and of equal risk."""
    weight = rows.weight[rows.event_row]

    def within(group: Index) -> float:
        code = np.unique(group, return_inverse=True)[1].astype(np.intp, copy=False)
        total, squares = (bucket_sums(code, values, int(code.max()) + 1) for values in (weight, weight**2))
        return float((total**2 - squares).sum()) / 2

    both = within(rows.event_slot * (int(rank.max()) + 1) + rank[rows.event_row])
    return within(rows.event_slot) - both, both
