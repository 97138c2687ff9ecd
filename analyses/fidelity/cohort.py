"""The cohort that is measured: frames, cut to populations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from blinreg.analyses.fidelity.target import Definitions, Model
from blinreg.schemas.errors import InputError

#: The one term that changes with time: it is a column of the counting process and not of the patient.
TIME_DEPENDENT = "allo_hct"
Read = Callable[[str], pl.DataFrame]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Frames of a registry, and what the definitions cut out of them.

    Parameters
    ----------
    definitions : Definitions
    patient : polars.DataFrame
        A row a patient, with ``patient_id`` and the columns that the conditions name.
    endpoint : polars.DataFrame
        ``patient_id, endpoint, time_days, event``; event is 0 or 1.
    counting_process : polars.DataFrame
        ``patient_id, endpoint, tstart, tstop, event, allo_hct``.
    """

    definitions: Definitions
    patient: pl.DataFrame
    endpoint: pl.DataFrame
    counting_process: pl.DataFrame
    _populations: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, definitions: Definitions, read: Read) -> Cohort:
        """Take the three frames from a function that gives them by name."""
        return cls(definitions, read("patient"), read("endpoint"), read("counting_process"))

    def patients(self, population: str) -> pl.DataFrame:
        """Rows of the patients of a population.

        Raises
        ------
        InputError
            The population is not defined, or its condition names a column that is not there.
        """
        if population not in self._populations:
            if population not in self.definitions.populations:
                raise InputError(f"no population is called {population!r}", next_step="define it beside the others")
            self._populations[population] = choose(self.patient, self.definitions.populations[population])
        return self._populations[population]

    def times(self, endpoint: str, population: str) -> pl.DataFrame:
        """Times to an endpoint in a population: ``patient_id, time_days, event``."""
        return (
            self.endpoint.filter(pl.col("endpoint") == endpoint)
            .drop("endpoint")
            .join(self.patients(population).select("patient_id"), on="patient_id", how="semi")
        )

    def with_term(self, rows: pl.DataFrame, population: str, *terms: str) -> pl.DataFrame:
        """Add terms to rows of patients: 1 where a condition holds and 0 where not, or a number."""
        values = self.patients(population).select(
            "patient_id", *(_as_term(self.definitions.terms[term]).alias(term) for term in terms)
        )
        return rows.join(values, on="patient_id", how="inner", maintain_order="left")

    def model_rows(self, model: Model) -> pl.DataFrame:
        """Rows of a model: a row a patient, or (tstart, tstop] for a Cox model."""
        fixed = [term for term in model.terms if term != TIME_DEPENDENT]
        if model.method == "cox":
            rows = self.counting_process.filter(pl.col("endpoint") == model.endpoint).drop("endpoint")
            return self.with_term(rows, model.population, *fixed)
        rows = self.patients(model.population).select("patient_id")
        return self.with_term(rows, model.population, *fixed, model.outcome)


def choose(frame: pl.DataFrame, condition: str) -> pl.DataFrame:
    """Rows for which an SQL condition is true; unknown is not true.

    Examples
    --------
    >>> choose(pl.DataFrame({"lines": [1, 3, None]}), "lines >= 2").height
    1
    """
    try:
        return frame.filter(pl.sql_expr(condition))
    except (pl.exceptions.PolarsError, pl.exceptions.SQLInterfaceError) as error:
        raise InputError(
            f"the condition {condition!r} cannot be applied: {type(error).__name__}",
            next_step="name columns of the frame of patients",
        ) from error


def _as_term(condition: str) -> pl.Expr:
    value = pl.sql_expr(condition)
    return value.cast(pl.Float64).fill_null(0.0)
