"""The test of proportional hazards of a fitted Cox model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import polars as pl

from blinreg.analyses.cox_regression.kept import KeptRows, kept_rows
from blinreg.analyses.cox_regression.residuals import events_in_order, residual_frame, schoenfeld_residuals
from blinreg.analyses.cox_regression.sums import Array, Index
from blinreg.analyses.inference import quadratic_test
from blinreg.analyses.newton import SINGULAR_SHARE
from blinreg.analyses.observation import EVERYBODY
from blinreg.analyses.risk_table import risk_table
from blinreg.analyses.survival_curves import product_limit
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.cox_regression.result import CoxResult

Transform: TypeAlias = Literal["km", "rank", "identity", "log"]

#: The row of the table that tests all terms together.
GLOBAL = "GLOBAL"


@dataclass(frozen=True, slots=True, eq=False)
class ProportionalHazardsTest:
    """A test of proportional hazards.

    Attributes
    ----------
    table : polars.DataFrame
        term, chi_squared, df, p_value: one row a covariate, and GLOBAL. A small P value speaks against
        proportional hazards; a large one does not prove them where events are few. Null: the
        covariate varies at too few event times for a test.
    residuals : polars.DataFrame
        row, stratum, time, transformed_time and a column a term: scaled Schoenfeld residuals plus the
        coefficient, each an estimate of the coefficient at that time (of a categorical covariate: in units of
        its fitted effect, so around 1). Null where a covariate is constant in the stratum.
    flat : dict of str to float
        What the residuals of each term would scatter about under proportional hazards.
    residual_variance : ndarray, shape (terms, terms)
        Covariance of a residual, as the smooth in the plot uses it.
    transform : str
    n, n_events : int
    ties, time_unit : str
    """

    table: pl.DataFrame
    residuals: pl.DataFrame
    flat: dict[str, float]
    residual_variance: Array
    transform: str
    n: int
    n_events: int
    ties: str
    time_unit: str

    def plot(self, ax: Axes | None = None, *, term: str | None = None, **options: Any) -> Axes:
        """Draw a term's scaled Schoenfeld residuals against transformed time.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        term : str, optional
            By default the first.
        **options
            df, title, note: see `blinreg.analyses.plotting.residuals.plot_proportional_hazards`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from blinreg.analyses.plotting.residuals import plot_proportional_hazards

        return plot_proportional_hazards(self, ax, term=term, **options)


def proportional_hazards_test(
    fit: CoxResult, *, transform: Transform = "km", per: Literal["covariate", "coefficient"] = "covariate"
) -> ProportionalHazardsTest:
    r"""Test whether hazard ratios change with time.

    For each covariate: the score test of adding its product with g(time), centred at the mean of g over events.

    Parameters
    ----------
    fit : CoxResult
        From `blinreg.analyses.cox`.
    transform : {"km", "rank", "identity", "log"}
        g: one minus the Kaplan-Meier curve of all rows just before the time, which spreads the events
        evenly; the rank among the rows' stops (it depends on how rows are split); the time; its logarithm.
    per : {"covariate", "coefficient"}
        Test the levels of a categorical covariate together, or each coefficient alone.

    Returns
    -------
    ProportionalHazardsTest

    Raises
    ------
    InputError
        Unknown transform; a logarithm of times not above 0; one event time only; the fit kept no rows.

    Notes
    -----
    Grambsch and Therneau, Biometrika 1994;81:515-526, as the exact score test that R's ``cox.zph(fit,
    transform = , terms = )`` does since survival 3.0 (before, an approximation with other numbers).
    Strata share g. The variance takes rows as independent also where the fit is clustered, as R does. The
    case weights of the fit enter, but not the curve of "km".

    Examples
    --------
    >>> from blinreg.analyses import cox
    >>> rows = pl.DataFrame({"patient_id": range(8), "tstop": [1, 2, 3, 4, 5, 6, 7, 8], "event": [1] * 8,
    ...                      "old": [1, 1, 1, 0, 0, 1, 0, 0]})
    >>> test = proportional_hazards_test(cox(rows, ["old"], start=None), transform="rank")
    >>> test.table["term"].to_list(), round(test.table["chi_squared"][0], 4)
    (['old', 'GLOBAL'], 0.5196)
    """
    if transform not in get_args(Transform):
        raise InputError(
            f"transform={transform!r} is unknown", next_step=f"use one of {', '.join(get_args(Transform))}"
        )
    if per not in ("covariate", "coefficient"):
        raise InputError(f"per={per!r} is unknown", next_step="use 'covariate' or 'coefficient'")
    kept = kept_rows(fit.kept, "the test of proportional hazards")
    model = _Model(fit, kept)
    groups = covariate_groups(fit) if per == "covariate" else {name: [j] for j, name in enumerate(fit.table["term"])}
    transformed = _transformed(kept, transform)
    frame, order = events_in_order(kept)
    g = transformed[frame["row"].to_numpy()]
    if not (g != g[0]).any():
        raise InputError(
            "all events are at one time, so nothing can change with time", next_step="the test needs two event times"
        )
    centred = g - g.mean()
    score, information = model.score_and_information(centred, order)
    labels = {"row": frame["row"], "stratum": frame["stratum"], "time": frame["time"], "transformed_time": g}
    scaled, variance = _scaled(model, kept, information, order, groups)
    return ProportionalHazardsTest(
        table=_table(score, information, groups),
        residuals=residual_frame(labels, list(groups), scaled).with_columns(pl.col(list(groups)).fill_nan(None)),
        flat={name: model.coef[at[0]] if len(at) == 1 else 1.0 for name, at in groups.items()},
        residual_variance=variance,
        transform=transform,
        n=fit.n_subjects,
        n_events=fit.n_events,
        ties=fit.ties,
        time_unit=fit.time_unit,
    )


def covariate_groups(fit: CoxResult) -> dict[str, list[int]]:
    """Group the coefficients of a fit by the covariate, or interaction, they belong to.

    Parameters
    ----------
    fit : CoxResult
        With its rows kept.
    """
    groups: dict[str, list[int]] = {}
    for j, term in enumerate(kept_rows(fit.kept, "a test by covariate").terms):
        groups.setdefault(":".join(factor.column for factor in term.factors), []).append(j)
    return groups


class _Model:
    """A fit at its estimate, in covariates as they were given."""

    def __init__(self, fit: CoxResult, kept: KeptRows) -> None:
        self.kept = kept
        self.coef = fit.table["coef"].to_numpy()
        self.sums = kept.at(self.coef)
        self.schoenfeld = schoenfeld_residuals(kept.likelihood, self.sums)

    def score_and_information(self, g: Array, order: Index) -> tuple[Array, Array]:
        """Score (p,) of the products with g, and information (2p, 2p) of covariates and products.

        ``g`` is of the events in the order ``order``; those of one slot have one time, so one g.
        """
        rows = self.kept.likelihood.rows
        weighted = self.schoenfeld[order] * rows.weight[rows.event_row[order]][:, None]
        at_slot = np.zeros(rows.intervals.n_slots)
        at_slot[rows.event_slot[order]] = g
        blocks = [self._information(at_slot**power) for power in range(3)]
        information = np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]])
        return weighted.T @ g, information

    def _information(self, factor: Array) -> Array:
        """Information (p, p) with each event time counted ``factor`` times (slots,)."""
        likelihood = self.kept.likelihood
        c = {key: value * factor for key, value in self.sums.c.items()}
        unscaled = np.outer(likelihood.scale, likelihood.scale)
        return np.asarray(likelihood.information(replace(self.sums, c=c)) * unscaled, dtype=np.float64)


def _transformed(kept: KeptRows, transform: Transform) -> Array:
    """Transform the stop of every row (n,)."""
    stop = kept.process.stop
    if transform == "identity":
        return stop
    if transform == "rank":
        from scipy.stats import rankdata

        return np.asarray(rankdata(stop), dtype=np.float64)
    if transform == "log":
        early = int(np.count_nonzero(stop <= 0))
        if early:
            raise InputError(
                f"{early} rows stop at or before time 0, which has no logarithm", next_step="use transform='km'"
            )
        return np.log(stop)
    together = np.zeros(len(stop), dtype=np.int64)
    risk = risk_table(kept.process, together, together, groups=(EVERYBODY,))
    at = np.flatnonzero(risk.n_events[:, 0, 0])
    survival, _ = product_limit(risk.n_at_risk()[at, 0], risk.n_events[at, 0, 0])
    before = np.searchsorted(risk.time[at], stop, side="left")
    return np.asarray(1 - np.concatenate(([1.0], survival))[before], dtype=np.float64)


def _table(score: Array, information: Array, groups: dict[str, list[int]]) -> pl.DataFrame:
    """Test the products with g, given the covariates themselves."""
    p = len(score)
    explained = information[p:, :p] @ np.linalg.solve(information[:p, :p], information[:p, p:])
    left = information[p:, p:] - explained
    # A covariate that varies at one event time only has no trend: rounding is not information.
    lost = np.diag(left) <= SINGULAR_SHARE * np.diag(information[p:, p:])
    left[lost] = left[:, lost] = 0.0
    tests = []
    for term, at in {**groups, GLOBAL: list(range(p))}.items():
        found = quadratic_test(np.where(lost, 0.0, score)[at], left[np.ix_(at, at)])
        tests.append((term, found.statistic, found.df, found.p_value) if found.df else (term, None, 0, None))
    schema = {"term": pl.String, "chi_squared": pl.Float64, "df": pl.Int64, "p_value": pl.Float64}
    return pl.DataFrame(tests, schema=schema, orient="row")


def _scaled(
    model: _Model, kept: KeptRows, information: Array, order: Index, groups: dict[str, list[int]]
) -> tuple[Array, Array]:
    """Scale the Schoenfeld residuals to coefficients at a time (events, terms), and give their covariance.

    The information of an event is averaged over those strata in which both covariates vary.
    """
    rows = kept.likelihood.rows
    p, stratum = len(model.coef), rows.slot_stratum[rows.event_slot[order]]
    n_events = np.bincount(stratum, minlength=rows.n_strata)
    used = _varies(kept) * n_events[:, None]
    for at in groups.values():
        used[:, at] = used[:, at].max(axis=1, keepdims=True)
    pairs = np.minimum(used[:, :, None], used[:, None, :]).sum(axis=0)
    average = information[:p, :p] / np.maximum(pairs, 1)
    joined = np.zeros((p, len(groups)))
    for column, at in enumerate(groups.values()):
        joined[at, column] = 1.0 if len(at) == 1 else model.coef[at]
    residuals = model.schoenfeld[order] @ joined
    average = joined.T @ average @ joined
    of_group = used[:, [at[0] for at in groups.values()]]
    scaled = np.full(residuals.shape, np.nan)
    for code in np.flatnonzero(of_group.max(axis=1)):
        here, varying = np.flatnonzero(stratum == code), np.flatnonzero(of_group[code])
        inner = average[np.ix_(varying, varying)]
        scaled[np.ix_(here, varying)] = np.linalg.solve(inner, residuals[np.ix_(here, varying)].T).T
    flat = [model.coef[at[0]] if len(at) == 1 else 1.0 for at in groups.values()]
    return scaled + np.array(flat), np.linalg.inv(average)


def _varies(kept: KeptRows) -> Array:
    """Flag the covariates that vary in each stratum (strata, p) as 0 or 1."""
    rows = kept.likelihood.rows
    shape = (rows.n_strata, rows.x.shape[1])
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.minimum.at(low, rows.stratum, rows.x)
    np.maximum.at(high, rows.stratum, rows.x)
    return (low < high).astype(np.int64)
