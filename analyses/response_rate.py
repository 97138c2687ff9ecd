"""Response rates with exact confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.binary_outcome import binary_outcome
from blinreg.analyses.grouping import group_names
from blinreg.analyses.inference import check_conf_level
from blinreg.analyses.inputs import Missing, Rows, complete_rows, to_frame
from blinreg.analyses.observation import EVERYBODY
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ResponseRateResult:
    """Response rates.

    Attributes
    ----------
    table : polars.DataFrame
        A row a group (``all`` without ``by``, as text): ``group, n, n_responders, rate, lower, upper``.
    n_rows, n_events, n_missing : int
        Rows used, responders, and rows left out, on request only.
    interval_type : str
        "clopper-pearson".
    conf_level : float
    """

    table: pl.DataFrame
    n_rows: int
    n_events: int
    n_missing: int
    interval_type: str
    conf_level: float

    def plot(
        self,
        ax: Axes | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        title: str | None = None,
        note: str | None = None,
    ) -> Axes:
        """Draw the rates and their intervals, one line a group.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        labels : mapping, optional
            Text for each group.
        title, note : str, optional
            Text above the figure; small print under it, such as "Synthetic data".
        """
        from blinreg.analyses.plotting.rates import rate_plot

        return rate_plot(self.table, ax, labels=labels, conf_level=self.conf_level, title=title, note=note)


def clopper_pearson(responders: Array, n: Array, *, conf_level: float) -> tuple[Array, Array]:
    """Exact binomial limits (Clopper and Pearson, Biometrika 1934;26:404-413).

    Parameters
    ----------
    responders : array (groups,)
        Successes.
    n : array (groups,)
        Trials, at least one.
    conf_level : float
        At least this coverage.

    Returns
    -------
    lower, upper : array (groups,)
        0 without responders, 1 without others.

    Examples
    --------
    >>> low, high = clopper_pearson(np.array([0.0]), np.array([10.0]), conf_level=0.95)
    >>> float(low[0]), round(float(high[0]), 4)
    (0.0, 0.3085)
    """
    from scipy.special import betaincinv

    tail = (1 - conf_level) / 2
    # The beta distribution needs positive shapes; the edges have closed limits.
    lower = np.where(responders > 0, betaincinv(np.maximum(responders, 1), n - responders + 1, tail), 0.0)
    upper = np.where(responders < n, betaincinv(responders + 1, np.maximum(n - responders, 1), 1 - tail), 1.0)
    return lower, upper


def response_rate(
    rows: Rows,
    outcome: str,
    *,
    by: str | None = None,
    conf_level: float = 0.95,
    method: Literal["clopper-pearson"] = "clopper-pearson",
    missing: Missing = "refuse",
) -> ResponseRateResult:
    """Estimate the share of responders, one row a patient.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation.
    outcome : str
        Column, boolean or 0/1.
    by : str, optional
        Column of groups.
    conf_level : float
        Of the limits.
    method : {"clopper-pearson"}
        Exact interval.
    missing : {"refuse", "complete_case"}
        Who could not be assessed is a non-responder only if the outcome says so.

    Returns
    -------
    ResponseRateResult

    Raises
    ------
    InputError
        The columns or arguments break a rule.

    Notes
    -----
    R: ``binom.test(x, n)$conf.int``.

    Examples
    --------
    >>> rows = pl.DataFrame({"responded": [True, True, False, True]})
    >>> response_rate(rows, "responded").table.select("n", "n_responders", "rate").row(0)
    (4, 3, 0.75)
    """
    conf_level = check_conf_level(conf_level)
    if method != "clopper-pearson":
        raise InputError(f"method={method!r} is unknown", next_step="use 'clopper-pearson'")
    frame, n_missing = complete_rows(to_frame(rows, [outcome, *([] if by is None else [by])]), missing)
    responded = binary_outcome(frame[outcome])
    names, group = ([EVERYBODY], np.zeros(frame.height, dtype=np.intp)) if by is None else group_names(frame[by])
    n = np.bincount(group, minlength=len(names)).astype(np.float64)
    responders = np.bincount(group, weights=responded, minlength=len(names)).astype(np.float64)
    lower, upper = clopper_pearson(responders, n, conf_level=conf_level)
    table = pl.DataFrame(
        {
            "group": names,
            "n": n.astype(np.int64),
            "n_responders": responders.astype(np.int64),
            "rate": responders / n,
            "lower": lower,
            "upper": upper,
        }
    )
    return ResponseRateResult(
        table=table,
        n_rows=frame.height,
        n_events=int(responded.sum()),
        n_missing=n_missing,
        interval_type=method,
        conf_level=conf_level,
    )
