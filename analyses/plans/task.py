"""The rows of one analysis: population, endpoint, covariates, landmark, complete cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from blinreg.analyses.plans.model import Entry, Plan
from blinreg.analyses.plans.selection import Attrition, select
from blinreg.analyses.plans.time_rows import censored_at_transplant, cut_at_exposure, entered_at_registration
from blinreg.analyses.plans.values import (
    INDEX,
    flags_as_words,
    patient_values,
    unknown_as_missing,
    with_derived,
)
from blinreg.analyses.plans.views import ViewFrames
from blinreg.analyses.plans.vocabulary import endpoints, known_variables, spoken
from blinreg.schemas.errors import AnalysisError
from blinreg.schemas.views import view

Missing: TypeAlias = Literal["refuse", "complete_case"]
LabelOf: TypeAlias = Callable[[str], str]
COMPETING = 2
ORIGIN_WORDS = {"index": "first dose", "response": "response", "transplant": "transplant"}


@dataclass(frozen=True, slots=True, eq=False)
class TaskRows:
    """Rows of an analysis and how its patients were arrived at."""

    frame: pl.DataFrame
    attrition: Attrition


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Task:
    """One analysis of a plan with the views it may read.

    Attributes
    ----------
    plan : Plan
    entry : Entry
    views : ViewFrames
    mark : str
        What figures say about their data ("Synthetic data").
    """

    plan: Plan
    entry: Entry
    views: ViewFrames
    mark: str

    def patients(self, names: Sequence[str], *, words: bool) -> TaskRows:
        """One row a patient of the population, with variables as counted from the first dose.

        Parameters
        ----------
        names : sequence of str
            Variables of the plan; a value that is not known is null.
        words : bool
            Whether 0/1 variables become no and yes.
        """
        chosen, attrition = select(self.plan, self.entry.options.population, self.views, origin=INDEX)
        return TaskRows(self._join(chosen, names, origin=INDEX, landmark=None, words=words), attrition)

    def follow_up(
        self,
        endpoint: str,
        *,
        fixed: Sequence[str] = (),
        time_dependent: Sequence[str] = (),
        landmark: float | None = None,
        missing: Missing = "refuse",
        competing: bool = False,
        words: bool = True,
    ) -> TaskRows:
        """Rows (tstart, tstop] of the population for one endpoint, in days from its origin.

        Parameters
        ----------
        endpoint : str
            Endpoint of the analysis views.
        fixed : sequence of str
            Variables with one value a patient.
        time_dependent : sequence of str
            Exposures that change from row to row; without any, one row a patient.
        landmark : float, optional
            Follow-up after this day only; exposures among `fixed` are frozen on it.
        missing : {"refuse", "complete_case"}
            What to do with patients of whom a variable is not known.
        competing : bool
            Whether the method knows competing events.
        words : bool
            Whether 0/1 variables become no and yes.

        Raises
        ------
        AnalysisError
            Nobody is left, values are missing, or the endpoint has competing events
            and the method cannot take them.
        """
        origin = endpoint_origin(self.views, endpoint)
        chosen, attrition = select(self.plan, self.entry.options.population, self.views, origin=origin)
        rows = self._endpoint_rows(chosen, endpoint, origin, time_dependent, attrition)
        if self.entry.censor_at:
            rows = censored_at_transplant(rows, self.views, origin, attrition)
        if self.entry.enters_at:
            rows = entered_at_registration(rows, self.views, endpoint, attrition, drop_unknown=missing != "refuse")
        if landmark is not None:
            rows = _after_landmark(rows, landmark, attrition)
        values = self._join(
            rows.select("patient_id").unique(maintain_order=True), fixed, origin=origin, landmark=landmark, words=words
        )
        values = complete(values, fixed, missing, attrition, label=self.plan.label)
        frame = rows.join(values, on="patient_id", how="inner", maintain_order="left")
        if not frame.height:
            raise AnalysisError(
                f"nobody of population {self.entry.options.population} is left to analyse",
                next_step="look at the conditions of the population and the missing values",
            )
        if not competing and (frame["event"] == COMPETING).any():
            raise AnalysisError(
                f"endpoint {endpoint} has competing events, which method {self.entry.method.name} would censor",
                next_step="use method cumulative_incidence (1 - Kaplan-Meier is too high)",
            )
        return TaskRows(frame, attrition)

    def _join(
        self, patients: pl.DataFrame, names: Sequence[str], *, origin: str, landmark: float | None, words: bool
    ) -> pl.DataFrame:
        wanted = list(dict.fromkeys(names))
        sources = [known_variables()[source].name for name in wanted for source in self.plan.sources(name)]
        values = patient_values(self.views, sources, origin=origin, landmark=landmark)
        values = with_derived(values, self.plan, wanted)
        # A bare exposure stands for its ever/never form and keeps the name the plan used.
        values = values.with_columns(
            pl.col(known_variables()[name].name).alias(name) for name in wanted if name not in self.plan.variables
        )
        values = unknown_as_missing(values, self.plan, wanted)
        if words:
            values = flags_as_words(values, self.plan, wanted)
        return patients.join(values.select("patient_id", *wanted), on="patient_id", how="left", maintain_order="left")

    def _endpoint_rows(
        self,
        chosen: pl.DataFrame,
        endpoint: str,
        origin: str,
        time_dependent: Sequence[str],
        attrition: Attrition,
    ) -> pl.DataFrame:
        of_endpoint = self.views.endpoint(endpoint).select("patient_id", "time_days", "event")
        counted = chosen.join(of_endpoint, on="patient_id", how="inner", maintain_order="left")
        excluded = (
            self.views["endpoint_exclusion"]
            .filter(pl.col("endpoint") == endpoint)
            .join(chosen, on="patient_id", how="semi")
        )
        without_origin = attrition.steps[-1][1] - counted.height - excluded.height
        reasons = excluded["reason"].value_counts(sort=False).sort("reason").rows()
        if without_origin:
            reasons = [(f"no {ORIGIN_WORDS[origin]}", without_origin), *reasons]
        attrition.keep(
            f"Followed from {ORIGIN_WORDS[origin]}",
            counted.height,
            "; ".join(f"{spoken(reason)}: {n}" for reason, n in reasons),
        )
        if not time_dependent:
            return counted.select(
                "patient_id", pl.lit(0.0).alias("tstart"), pl.col("time_days").alias("tstop"), "event"
            )
        stored = [name for name in time_dependent if name in view("counting_process").column_names]
        rows = self.views.counting_process(endpoint, stored).join(counted, on="patient_id", how="semi")
        for name in time_dependent:
            if name not in stored:
                rows = cut_at_exposure(rows, self.views, origin, name)
        return rows


def endpoint_origin(views: ViewFrames, endpoint: str) -> str:
    """Origin of an endpoint, as its rows say.

    Raises
    ------
    AnalysisError
        The view has no row of the endpoint.
    """
    found = views.once(("origin", endpoint), lambda: views.endpoint(endpoint)["origin"].unique().sort().to_list())
    if len(found) != 1:
        raise AnalysisError(
            f"endpoint {endpoint} ({endpoints()[endpoint]}) has {len(found)} origins in the data instead of one",
            next_step="load submissions with patients who have it, or leave the analysis out",
        )
    return str(found[0])


def complete(
    values: pl.DataFrame,
    names: Sequence[str],
    missing: Missing,
    attrition: Attrition,
    *,
    label: LabelOf = spoken,
) -> pl.DataFrame:
    """Keep patients of whom every variable is known, if the plan says so.

    Raises
    ------
    AnalysisError
        Values are missing and the plan does not say ``missing = "complete_case"``.
    """
    if not names:
        return values
    gaps = {name: values[name].null_count() for name in dict.fromkeys(names)}
    kept = values.drop_nulls(list(gaps))
    listed = "; ".join(f"{label(name)} not known: {count}" for name, count in gaps.items() if count)
    if listed and missing == "refuse":
        raise AnalysisError(
            f"values are missing in {values.height - kept.height} of {values.height} patients ({listed})",
            next_step='write missing = "complete_case" to leave these patients out, counted',
        )
    attrition.keep("Every covariate and group known", kept.height, listed)
    return kept


def _after_landmark(rows: pl.DataFrame, landmark: float, attrition: Attrition) -> pl.DataFrame:
    """Keep follow-up after the landmark; times stay counted from the origin."""
    after = rows.filter(pl.col("tstop") > landmark).with_columns(
        pl.max_horizontal(pl.col("tstart"), pl.lit(float(landmark))).alias("tstart")
    )
    attrition.keep(
        f"Still followed after day {landmark:g} (landmark)",
        after["patient_id"].n_unique(),
        f"event or end of follow-up by day {landmark:g}",
    )
    return after
