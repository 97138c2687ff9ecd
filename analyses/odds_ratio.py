"""Odds ratios with exact conditional or Woolf limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from blinreg.analyses.exact_conditional import hypergeometric_family
from blinreg.analyses.inference import check_conf_level, normal_quantile
from blinreg.analyses.inputs import Missing, Rows
from blinreg.analyses.two_groups import comparison_frame, group_counts
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OddsRatioMethod = Literal["exact", "woolf"]
_TESTS = {"exact": "fisher exact", "woolf": "wald"}
_Estimate = tuple[float | None, float | None, float | None, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class OddsRatio:
    """Odds ratios, each group against the reference.

    Attributes
    ----------
    table : polars.DataFrame
        A row for each group but the reference: ``group, reference, n, n_events,
        n_reference, n_events_reference, odds_ratio, lower, upper, p_value,
        sample_odds_ratio``. ``odds_ratio`` is the conditional maximum likelihood estimate
        with method "exact"; ``sample_odds_ratio`` is the cross-product of the counts, which
        most papers print, also beside exact limits. Infinity is a value here; null is
        where there is none.
    n, n_events, n_missing : int
        Subjects, subjects with the outcome, rows left out as incomplete.
    interval_type : str
        "exact" (conditional on the margins) or "woolf" (symmetric on the log scale).
    test : str
        "fisher exact" (two-sided: all tables no more likely) or "wald".
    conf_level : float
    """

    table: pl.DataFrame
    n: int
    n_events: int
    n_missing: int
    interval_type: OddsRatioMethod
    test: str
    conf_level: float

    def plot(
        self,
        ax: Axes | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        title: str | None = None,
        note: str | None = None,
    ) -> Axes:
        """Draw the odds ratios and their intervals as a forest plot.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        labels : mapping, optional
            Text for each group.
        title, note : str, optional
            Text above the figure; small print under it, such as "Synthetic data".
        """
        from blinreg.analyses.plotting.forest import forest_plot

        return forest_plot(
            self.table.rename({"group": "term"}),
            estimate="odds_ratio",
            ax=ax,
            labels=labels,
            conf_level=self.conf_level,
            title=title,
            note=note,
        )


def odds_ratio(
    rows: Rows,
    outcome: str,
    by: str,
    *,
    reference: str | None = None,
    count: str | None = None,
    method: OddsRatioMethod = "exact",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
) -> OddsRatio:
    """Compare the odds of an outcome between groups.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; one row a subject.
    outcome : str
        Column, boolean or 0/1.
    by : str
        Column of the groups.
    reference : str, optional
        The group divided by; by default the first in sorted order.
    count : str, optional
        Column of how many subjects a row stands for, to analyse a printed table.
    method : {"exact", "woolf"}
        Conditional on the margins (Fisher), or the large-sample log odds ratio.
    conf_level : float
        Of the limits.
    missing : {"refuse", "complete_case"}
        Who could not be assessed has no outcome only if the column says so.

    Returns
    -------
    OddsRatio

    Raises
    ------
    InputError
        The columns or arguments break a rule, or there is one group only.

    Notes
    -----
    Fisher, JRSS 1935;98:39-54; Woolf, Annals of Human Genetics 1955;19:251-253. R: ``fisher.test``, whose
    estimate and limits are found to about four digits (here to 1e-12); Woolf's are those of
    ``glm(outcome ~ by, binomial)``. Woolf's limits and P have no value with an empty cell.

    Examples
    --------
    >>> rows = pl.DataFrame({"negative": [1, 0, 1, 0], "arm": ["blin", "blin", "chemo", "chemo"],
    ...                      "n": [79, 26, 33, 70]})
    >>> table = odds_ratio(rows, "negative", "arm", reference="chemo", count="n").table
    >>> table.select(pl.col("sample_odds_ratio", "lower", "upper").round(1)).row(0)
    (6.4, 3.4, 12.4)
    """
    conf_level = check_conf_level(conf_level)
    if method not in get_args(OddsRatioMethod):
        raise InputError(f"method={method!r} is unknown", next_step="use 'exact' or 'woolf'")
    counts = group_counts(rows, outcome, by, reference=reference, count=count, missing=missing)
    table = comparison_frame(counts)
    estimate = _exact if method == "exact" else _woolf
    found: list[_Estimate] = []
    sample: list[float | None] = []
    for n, x, n0, x0 in table.select("n", "n_events", "n_reference", "n_events_reference").iter_rows():
        found.append(estimate(x, n, x0, n0, conf_level))
        sample.append(cross_product(x, n, x0, n0))
    names = ("odds_ratio", "lower", "upper", "p_value")
    columns = [pl.Series(name, [row[i] for row in found], dtype=pl.Float64) for i, name in enumerate(names)]
    return OddsRatio(
        table=table.with_columns(*columns, pl.Series("sample_odds_ratio", sample, dtype=pl.Float64)),
        n=int(counts.n.sum()),
        n_events=int(counts.n_events.sum()),
        n_missing=counts.n_missing,
        interval_type=method,
        test=_TESTS[method],
        conf_level=conf_level,
    )


def cross_product(x: int, n: int, x0: int, n0: int) -> float | None:
    """Odds ratio of the counts themselves; None where all or none have the outcome.

    Examples
    --------
    >>> cross_product(3, 4, 1, 2), cross_product(3, 3, 1, 2), cross_product(0, 3, 0, 2)
    (3.0, inf, None)
    """
    above, below = x * (n0 - x0), (n - x) * x0
    if below:
        return above / below
    return inf if above else None


def _exact(x: int, n: int, x0: int, n0: int, conf_level: float) -> _Estimate:
    family = hypergeometric_family(n, n0, x + x0)
    return family.ratio(x), *family.limits(x, conf_level), family.p_value(x)


def _woolf(x: int, n: int, x0: int, n0: int, conf_level: float) -> _Estimate:
    from scipy.special import ndtr

    ratio = cross_product(x, n, x0, n0)
    cells = (x, n - x, x0, n0 - x0)
    if ratio is None or min(cells) == 0:
        return ratio, None, None, None
    se = sqrt(sum(1 / cell for cell in cells))
    width = normal_quantile(conf_level) * se
    return ratio, exp(log(ratio) - width), exp(log(ratio) + width), float(2 * ndtr(-abs(log(ratio)) / se))
