"""State occupation: who is in response, transplanted, in relapse or dead, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

import numpy as np
import polars as pl

from blinreg.analyses.inference import normal_quantile
from blinreg.analyses.inputs import CountingProcess, Floats, Integers, Missing, Rows, counting_process, to_frame
from blinreg.analyses.intervals import check_interval, pointwise_limits
from blinreg.analyses.observation import EVERYBODY, coded
from blinreg.analyses.risk_table import Label
from blinreg.analyses.row_sequence import RowSequence, row_sequence
from blinreg.analyses.state_occupation import NONE, Occupation, Spells, Variance, state_occupation
from blinreg.analyses.steps import step_values
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.plotting.curves import FigureOptions

OccupationConfType = Literal["log-log", "log", "plain"]


@dataclass(frozen=True, slots=True, eq=False)
class MultiState:
    """Probabilities of the states over time.

    Attributes
    ----------
    table : polars.DataFrame
        group, time, state, n_in_state, n_entered, probability, se, lower, upper; for each time
        at which somebody of the group leaves a state or observation. `n_in_state` are
        under observation in the state just before the time, `n_entered` enter it then.
    initial : polars.DataFrame
        group, state, probability, se: before the first transition.
    transitions : polars.DataFrame
        group, from_state, to_state, n.
    mean_time : polars.DataFrame
        group, state, mean_time, se, lower, upper: days in the state from 0 to `tau`; empty without tau.
    states : tuple of str
    n, n_transitions, n_missing : int
        Subjects, changes of state, rows left out as incomplete.
    ties : str
        What comes first at one time: "transitions before censorings".
    se_type : str
        "infinitesimal_jackknife" (as R's survfit) or "greenwood".
    conf_type, conf_level, time_unit
        Of the limits of the probabilities (those of mean times are plain), and what times count.
    tau : float or None
    """

    table: pl.DataFrame
    initial: pl.DataFrame
    transitions: pl.DataFrame
    mean_time: pl.DataFrame
    states: tuple[str, ...]
    n: int
    n_transitions: int
    n_missing: int
    ties: str
    se_type: Variance
    conf_type: OccupationConfType
    conf_level: float
    time_unit: str
    tau: float | None

    def at(self, times: Sequence[float], *, extend: bool = False) -> pl.DataFrame:
        """Read the probabilities off at given times.

        Parameters
        ----------
        times : sequence of float
            In the unit of `time_unit`, counted from the origin.
        extend : bool
            Carry the last value beyond the last follow-up of the group; otherwise null there.

        Returns
        -------
        polars.DataFrame
            group, state, time, probability, se, lower, upper.
        """
        wanted = np.asarray(times, dtype=np.float64)
        frames = []
        for row in self.initial.iter_rows(named=True):
            curve = self.table.filter((pl.col("group") == row["group"]) & (pl.col("state") == row["state"]))
            values = step_values(
                curve["time"].to_numpy(),
                {name: curve[name].to_numpy() for name in ("probability", "se", "lower", "upper")},
                wanted,
                before={"probability": row["probability"], "se": row["se"], "lower": np.nan, "upper": np.nan},
                origin=0.0,
                extend=extend,
            )
            columns = {"time": wanted, **values}
            frames.append(_frame({"group": row["group"], "state": row["state"]}, columns))
        return pl.concat(frames)

    def plot(self, ax: Axes | None = None, *, group: Label | None = None, **options: Unpack[FigureOptions]) -> Axes:
        """Draw the probabilities as stacked areas, each named at the right edge.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        group : Label, optional
            Which group; by default the first.
        **options
            labels, axis_unit, until, title and more: see
            `blinreg.analyses.plotting.states.draw_state_occupation`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from blinreg.analyses.plotting.states import plot_multistate

        return plot_multistate(self, ax, group=group, **options)


def multistate(
    rows: Rows,
    *,
    from_state: str | None = "from_state",
    to_state: str = "to_state",
    states: Sequence[str] | None = None,
    initial: str = "start",
    censored: str | None = None,
    by: str | None = None,
    tau: float | None = None,
    variance: Variance = "infinitesimal_jackknife",
    id: str = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    conf_type: OccupationConfType = "log-log",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> MultiState:
    """Estimate the probability of being in each state over time.

    Parameters
    ----------
    rows : Rows
        (start, stop] intervals, each in one state.
    from_state : str or None
        Column of the state during the row. None carries on the last state
        entered, from `initial` on, as R's survfit does with ``id``.
    to_state : str
        Column of the state entered at `stop`; null or empty: none (censored, or the row goes on).
        Entering the state one is in is no transition.
    states : sequence of str, optional
        All states, in the order of the table and the figure. By default those in which subjects
        begin, then the others, each by name.
    initial : str
        Name of the first state of everybody where ``from_state=None``.
    censored : str, optional
        Value of `to_state` that also means none.
    by : str, optional
        Column of the groups.
    tau : float, optional
        Restricted mean times in the states, from the origin to tau.
    variance : {"infinitesimal_jackknife", "greenwood"}
        Of the probabilities. The first is R's; it takes time in proportion to
        subjects x transition times. The second needs sums only; mean times have no standard error with it.
    id, start, stop, conf_type, conf_level, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    MultiState

    Raises
    ------
    InputError
        The rows break a rule: overlaps, a row in another state than the row before led to, a state
        that `states` does not list, or a `tau` beyond the follow-up of a group.

    Notes
    -----
    Aalen and Johansen, Scandinavian Journal of Statistics 1978;5:141-150. R: ``survfit(Surv(start, stop,
    factor(to)) ~ by, id = id, istate = from)``. Subjects who begin in different states: the initial
    distribution is that of those at risk at the first transition; R counts its uncertainty in the
    standard errors only with ``influence = TRUE``, here it always counts. Probabilities do not need
    the Markov property where observation is complete (Datta and Satten, 2001).

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 1, 2, 3, 4], "tstart": [0, 20, 0, 0, 0], "tstop": [20, 90, 50, 60, 95],
    ...     "from_state": ["response", "transplant", "response", "response", "response"],
    ...     "to_state": ["transplant", "death", "relapse", None, None]})
    >>> found = multistate(rows)
    >>> found.at([50]).select("state", "probability").rows()
    [('response', 0.5), ('death', 0.0), ('relapse', 0.25), ('transplant', 0.25)]
    """
    check_interval(conf_type, conf_level)
    if variance not in get_args(Variance):
        raise InputError(f"variance={variance!r} is unknown", next_step=f"use one of {', '.join(get_args(Variance))}")
    frame = _recorded(rows, [id, start, stop, from_state, by], to_state, censored)
    extra = [name for name in (from_state, to_state, by) if name is not None]
    process, values = counting_process(
        frame, id=id, start=start, stop=stop, event=_ENTERED, extra=extra, missing=missing, terminal=False
    )
    sequence = row_sequence(process.subject, process.start, process.stop)
    now, to, names = _states(sequence, values, from_state=from_state, to_state=to_state, initial=initial, states=states)
    _check_states(sequence, process, now, to)
    group, labels = coded(values, [by] if by else [], n_rows=now.size)
    groups = tuple(label[0] for label in labels) if by else (EVERYBODY,)
    spells, spell_group = _spells(sequence, process, now, to, group)
    parts = []
    for index, label in enumerate(groups):
        found = state_occupation(spells.of(spell_group == index), len(names), variance=variance, tau=tau)
        _check_tau(found, tau, label)
        parts.append(_Part(label, names, found))
    limits = (conf_type, conf_level)
    return MultiState(
        table=pl.concat([part.table(*limits) for part in parts]),
        initial=pl.concat([part.initial() for part in parts]),
        transitions=pl.concat([part.transitions() for part in parts]),
        mean_time=pl.concat([part.mean_time(conf_level) for part in parts]),
        states=names,
        n=process.n_subjects,
        n_transitions=int(sum(part.found.transitions.sum() for part in parts)),
        n_missing=process.n_missing,
        ties="transitions before censorings",
        se_type=variance,
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=time_unit,
        tau=tau,
    )


#: Name of the column that tells whether a state was entered; not one a caller would have.
_ENTERED = "state entered (0 or 1)"


def _recorded(rows: Rows, names: Sequence[str | None], to_state: str, censored: str | None) -> pl.DataFrame:
    """Take the columns; in that of the state entered a null becomes the text that means none."""
    frame = to_frame(rows, [*(name for name in names if name is not None), to_state])
    entered = pl.col(to_state).cast(pl.String)
    none = entered.is_null() if censored is None else entered.is_null() | (entered == censored)
    return frame.with_columns(
        pl.when(none).then(pl.lit("")).otherwise(entered).alias(to_state), (~none).cast(pl.Int64).alias(_ENTERED)
    )


def _states(
    sequence: RowSequence,
    values: pl.DataFrame,
    *,
    from_state: str | None,
    to_state: str,
    initial: str,
    states: Sequence[str] | None,
) -> tuple[Integers, Integers, tuple[str, ...]]:
    """Code the state during each row and the one entered at its end."""
    entered = values[to_state]
    now = _carried(sequence, entered, initial) if from_state is None else values[from_state].cast(pl.String)
    first = np.flatnonzero(sequence.is_first())
    beginning = now[first if sequence.order is None else sequence.order[first]].unique().sort().to_list()
    others = sorted(({*now.unique(), *entered.unique()} - {""}) - set(beginning))
    names = tuple(states) if states is not None else (*beginning, *others)
    unlisted = {*beginning, *others} - set(names)
    if unlisted or len(set(names)) < len(names):
        raise InputError(
            f"states lists {len(names)} states but not {', '.join(sorted(unlisted))}" if unlisted else "states repeats",
            next_step="list each state of the rows once",
        )
    codes = {name: code for code, name in enumerate(names)} | {"": NONE}
    state, to = (column.replace_strict(codes, return_dtype=pl.Int64).to_numpy() for column in (now, entered))
    return state, np.where(to == state, NONE, to), names


def _carried(sequence: RowSequence, entered: pl.Series, initial: str) -> pl.Series:
    ordered = entered if sequence.order is None else entered.gather(sequence.order)
    last = sequence.last_before((ordered != "").to_numpy())
    carried = pl.Series(np.where(last >= 0, ordered.to_numpy()[last], initial).tolist(), dtype=pl.String)
    return carried if sequence.order is None else carried.gather(np.argsort(sequence.order))


def _check_states(sequence: RowSequence, process: CountingProcess, now: Integers, to: Integers) -> None:
    teleports, jumps = sequence.displaced(now, to)
    wrong = np.concatenate((teleports, jumps))
    if wrong.size:
        n_subjects = np.unique(process.subject[wrong]).size
        raise InputError(
            f"{wrong.size} rows of {n_subjects} subjects are in another state than the row before led to "
            f"({teleports.size} follow at once, {jumps.size} after a gap)",
            next_step="give the state entered at the end of the row before, or correct the state of the row",
        )


def _check_tau(found: Occupation, tau: float | None, label: Label) -> None:
    if tau is None:
        return
    left = found.n_in_state.any(axis=0)
    undecided = float(found.probability[-1][left].sum())
    if not 0 < tau < np.inf or (tau > found.time[-1] and undecided > 0):
        raise InputError(
            f"tau={tau:g} is not within the follow-up of group {label}",
            next_step="choose a tau that every group reaches",
        )


def _spells(
    sequence: RowSequence, process: CountingProcess, now: Integers, to: Integers, group: Integers
) -> tuple[Spells, Integers]:
    """Join rows that go on in the same state and group, so that splitting a row changes nothing."""
    state, entered, of = (sequence.sorted(column) for column in (now, to, group))
    goes_on = sequence.same & (sequence.start[1:] == sequence.stop[:-1]) & (entered[:-1] == NONE)
    goes_on &= of[1:] == of[:-1]
    begins, ends = np.concatenate(([True], ~goes_on)), np.concatenate((~goes_on, [True]))
    spells = Spells(sequence.subject[begins], sequence.start[begins], sequence.stop[ends], state[begins], entered[ends])
    return spells, of[begins]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One group's share of the result."""

    label: Label
    names: tuple[str, ...]
    found: Occupation

    def table(self, conf_type: OccupationConfType, conf_level: float) -> pl.DataFrame:
        found, n_states = self.found, len(self.names)
        lower, upper = pointwise_limits(found.probability, found.se, conf_type, conf_level)
        columns: dict[str, Any] = {
            "time": np.repeat(found.time, n_states),
            "state": list(self.names) * found.time.size,
            "n_in_state": found.n_in_state.ravel(),
            "n_entered": found.n_entered.ravel(),
            "probability": found.probability.ravel(),
            "se": found.se.ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
        }
        return _frame({"group": self.label}, columns)

    def initial(self) -> pl.DataFrame:
        columns = {"state": list(self.names), "probability": self.found.initial, "se": self.found.initial_se}
        return _frame({"group": self.label}, columns)

    def transitions(self) -> pl.DataFrame:
        leaving, entering = np.nonzero(self.found.transitions)
        columns: dict[str, Any] = {
            "from_state": pl.Series([self.names[code] for code in leaving], dtype=pl.String),
            "to_state": pl.Series([self.names[code] for code in entering], dtype=pl.String),
            "n": self.found.transitions[leaving, entering],
        }
        return _frame({"group": self.label}, columns)

    def mean_time(self, conf_level: float) -> pl.DataFrame:
        none: Floats = np.empty(0)
        mean = none if self.found.mean_time is None else self.found.mean_time
        unknown = np.full(mean.size, np.nan)
        se = unknown if self.found.mean_time_se is None else self.found.mean_time_se
        width = normal_quantile(conf_level) * se
        names = pl.Series(self.names if mean.size else (), dtype=pl.String)
        columns: dict[str, Any] = {
            "state": names,
            "mean_time": mean,
            "se": se,
            "lower": mean - width,
            "upper": mean + width,
        }
        return _frame({"group": self.label}, columns)


def _frame(labels: dict[str, Any], columns: dict[str, Any]) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    named = [pl.Series(name, [label] * frame.height, dtype=pl.Series([label]).dtype) for name, label in labels.items()]
    return frame.select(*named, pl.all()).with_columns(pl.col(pl.Float64).fill_nan(None))
