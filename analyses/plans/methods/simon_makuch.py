"""Simon-Makuch curves of a time-dependent exposure, with the Mantel-Byar test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.intervals import ConfType
from blinreg.analyses.plans.figure import curve_axes, figure_of, for_figure
from blinreg.analyses.plans.methods.base import Clock, Method, Tables
from blinreg.analyses.plans.methods.kaplan_meier import labelled, rates_table
from blinreg.analyses.plans.methods.survival_options import (
    CurveOptions,
    endpoint_words,
    integer_column,
    p_column,
    sentence_case,
    text_column,
)
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.vocabulary import spoken
from blinreg.analyses.wording import number, p_value


@dataclass(frozen=True, slots=True, kw_only=True)
class SimonMakuchOptions(CurveOptions):
    """Options of Simon-Makuch curves.

    Attributes
    ----------
    exposure : str
        Time-dependent exposure whose two states are compared.
    state_labels : tuple of str
        Words for before and after the exposure.
    strata : tuple of str
        Strata of the Mantel-Byar test.
    conf_type : {"log-log", "log", "plain"}
    """

    exposure: str = option(Role.EXPOSURE)
    state_labels: tuple[str, ...] = option(default=("not exposed", "exposed"), length=2)
    strata: tuple[str, ...] = option(Role.VARIABLE, default=(), use="stratifies by")
    conf_type: ConfType = "log-log"

    @property
    def labels(self) -> Mapping[int, str]:
        """Words for the values 0 and 1 of the exposure."""
        return dict(enumerate(self.state_labels))


def _run(options: SimonMakuchOptions, task: Task) -> Outcome:
    from blinreg.analyses import mantel_byar, simon_makuch
    from blinreg.analyses.plotting.curves import plot_survival

    landmark = options.landmark or 0
    data = task.follow_up(
        options.endpoint,
        fixed=options.strata,
        time_dependent=[options.exposure],
        landmark=options.landmark,
        missing=options.missing,
    )
    curves = simon_makuch(
        data.frame,
        options.exposure,
        landmark=landmark,
        conf_type=options.conf_type,
        conf_level=options.conf_level,
    )
    test = mantel_byar(data.frame, options.exposure, strata=options.strata, landmark=landmark)
    in_figure = for_figure(options.labels)
    axes = plot_survival(
        curves,
        curve_axes(in_figure.values()),
        labels=in_figure,
        axis_unit="months",
        until=options.until_months,
        y_label=sentence_case(endpoint_words(options.endpoint).split(" from ")[0]),
        annotation=f"Mantel-Byar {p_value(test.p_value, sign=True)}",
        note=task.mark,
    )
    return Outcome(
        tables=(
            _test_table(test.table, options, test.chi_squared, test.df, test.p_value),
            rates_table(labelled(curves.at(options.times_days), options.labels), options.conf_level, header="State"),
            ResultTable(part="curve", title="Every step", frame=labelled(curves.table, options.labels)),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description=(
                    f"Simon-Makuch curves of {endpoint_words(options.endpoint)} by {spoken(options.exposure)} as a "
                    "time-dependent state, with numbers at risk in each state"
                ),
                figure=figure_of(axes),
            ),
        ),
        conventions={
            "interval": f"{options.conf_type}, {100 * options.conf_level:g}%",
            "test": "Mantel-Byar, hypergeometric variance",
            "landmark": f"{landmark:g} days",
        },
        notes=curves.notes,
    )


def _test_table(
    states: pl.DataFrame, options: SimonMakuchOptions, chi_squared: float | None, df: int, p: float | None
) -> ResultTable:
    frame = labelled(states, options.labels, column="state").with_columns(
        pl.lit(chi_squared, dtype=pl.Float64).alias("chi_squared"),
        pl.lit(df).alias("df"),
        pl.lit(p, dtype=pl.Float64).alias("p_value"),
    )
    return ResultTable(
        title="Mantel-Byar test",
        frame=frame,
        shown=(
            text_column("State", "label"),
            integer_column("Ever in it", "n"),
            integer_column("Events observed", "observed"),
            Shown(header="Events expected", kind=Kind.NUMBER, columns=("expected",)),
            p_column(once=True),
        ),
        note="A patient counts in the first state until the exposure and in the second after it. "
        "Expected: if the exposure changed nothing.",
    )


def _summarise(options: SimonMakuchOptions, tables: Tables) -> str:
    exposed = tables[""].row(-1, named=True)
    return (
        f"{sentence_case(endpoint_words(options.endpoint))}: {exposed['observed']:g} events were observed in the state "
        f"'{exposed['label']}' and {number(exposed['expected'])} were expected if it changed nothing "
        f"(Mantel-Byar {p_value(exposed['p_value'], sign=True)})."
    )


def _exposed(table: pl.DataFrame) -> pl.DataFrame:
    """Narrow to the state of the exposed; what is missing there is in the other."""
    return table.tail(1)


SIMON_MAKUCH = Method(
    name="simon_makuch",
    options=SimonMakuchOptions,
    clock=Clock.ENDPOINT,
    run=_run,
    summarise=_summarise,
    main_rows=_exposed,
)
