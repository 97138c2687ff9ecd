"""What has to be known of a row to say whether a fault in it would be an error: its patient and its neighbours.

Columns added to every table: ``row`` (position in the table), ``patient`` (position in the table of patients) and

========================== ========================================================================
``p_created``               day on which the submission was made
``p_n_patients``            patients of the part
``p_birth_year``            of the patient
``p_diagnosed``             first day that the diagnosis can mean; ``p_diagnosed_latest`` the last
``p_first_dose``            first blinatumomab cycle
``p_last_contact``          first day that the last contact can mean
``p_is_dead``, ``p_died``   vital status, and the last day that the death can mean
``p_n_transplants``         transplants on record
``p_had_remission``         whether any remission is on record
``p_takes_tki``             whether a tyrosine kinase inhibitor is on record
``x_...``                   of neighbouring rows, in some tables
========================== ========================================================================
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.model import Table, Type
from blinreg.schemas.tables import TABLES
from blinreg.synthetic.faults.dates import earliest, latest

_KIND = {Type.INTEGER: pl.Int64(), Type.NUMBER: pl.Float64()}
_REMISSION = ("cr", "crh", "cri", "mlfs")


@dataclass(frozen=True, slots=True)
class Context:
    """Tables of whole patients with what has to be known beside each row.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Tables with the columns added, by name; those without rows are left out.
    numbers : array of int
        Number of each patient, as the end of the patient's name says.
    """

    tables: Mapping[str, pl.DataFrame]
    numbers: NDArray[np.int64]


def frame_schema(definition: Table) -> dict[str, pl.DataType]:
    """Types of a table's columns: whole numbers, numbers, and text for all else."""
    return {column.name: _KIND.get(column.type, pl.String()) for column in definition.columns}


def make_context(tables: Mapping[str, pl.DataFrame], created: dt.date) -> Context:
    """Add what has to be known to every table.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Clean tables of whole patients, named ``...-<number>``.
    created : date
        Day on which the submission is made.

    Raises
    ------
    ValueError
        If a patient's name does not end in a number, or a row's patient is not in ``patient``.
    """
    whole = {item.name: tables.get(item.name, pl.DataFrame(schema=frame_schema(item))) for item in TABLES}
    spine = _spine(whole, created)
    numbers = whole["patient"]["patient_id"].str.extract(r"([0-9]{1,18})$").cast(pl.Int64)
    if numbers.null_count():
        raise ValueError("faults are planted in synthetic patients only: their names end in a number")
    with_neighbours = {**whole, **_neighbours(whole)}
    joined = {}
    for name, frame in with_neighbours.items():
        if frame.height:
            joined[name] = frame.with_row_index("row").join(spine, on="patient_id", how="left", maintain_order="left")
            if joined[name]["patient"].null_count():
                raise ValueError(f"{name}: rows of patients who are not in the table patient")
    return Context(joined, numbers.to_numpy())


def _spine(tables: Mapping[str, pl.DataFrame], created: dt.date) -> pl.DataFrame:
    patient = tables["patient"].select(
        "patient_id",
        pl.int_range(pl.len(), dtype=pl.Int64).alias("patient"),
        pl.lit(created).alias("p_created"),
        pl.len().alias("p_n_patients"),
        pl.col("birth_year").alias("p_birth_year"),
        earliest("diagnosis_date").alias("p_diagnosed"),
        latest("diagnosis_date").alias("p_diagnosed_latest"),
    )
    seen = tables["follow_up"].select(
        "patient_id",
        earliest("last_contact_date").alias("p_last_contact"),
        (pl.col("vital_status") == "dead").alias("p_is_dead"),
        latest("death_date").alias("p_died"),
    )
    dose = (
        tables["treatment_cycle"]
        .filter(pl.col("agent") == "blinatumomab")
        .group_by("patient_id")
        .agg(earliest("start_date").min().alias("p_first_dose"))
    )
    transplants = tables["transplant"].group_by("patient_id").agg(pl.len().alias("p_n_transplants"))
    inhibited = (
        tables["drug_exposure"]
        .filter(pl.col("agent_class") == "tki")
        .select("patient_id")
        .unique()
        .with_columns(pl.lit(value=True).alias("p_takes_tki"))
    )
    return (
        patient.join(seen, on="patient_id", how="left", maintain_order="left")
        .join(dose, on="patient_id", how="left", maintain_order="left")
        .join(transplants, on="patient_id", how="left", maintain_order="left")
        .join(_in_remission(tables), on="patient_id", how="left", maintain_order="left")
        .join(inhibited, on="patient_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("p_n_transplants").fill_null(0),
            pl.col("p_had_remission", "p_is_dead", "p_takes_tki").fill_null(value=False),
        )
    )


def _in_remission(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """List the patients for whom some row says that they were once in remission."""
    found = [
        tables["disease_assessment"].filter(pl.col("response").is_in(_REMISSION)),
        tables["line_of_therapy"].filter(pl.col("best_response").is_in(_REMISSION)),
        tables["baseline"].filter(pl.col("cr1_duration_days").is_not_null()),
        tables["transplant"].filter(~pl.col("remission_status").is_in(["not_in_remission", "unknown"])),
        tables["treatment_cycle"].filter(pl.col("indication") == "mrd"),
    ]
    patients = pl.concat([frame.select("patient_id") for frame in found]).unique()
    return patients.with_columns(pl.lit(value=True).alias("p_had_remission"))


def _neighbours(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Add to rows that have an order what their neighbours say, and to children what their parents say."""
    course = ["patient_id", "agent", "course_number"]
    start = earliest("start_date")
    cycles = tables["treatment_cycle"].with_columns(
        start.shift(1).over(course, order_by="cycle_number").alias("x_previous_start"),
        start.shift(-1).over(course, order_by="cycle_number").alias("x_next_start"),
        pl.col("cycle_number").shift(1).over(course, order_by="cycle_number").alias("x_previous_number"),
    )
    begun = tables["treatment_cycle"].select(
        "patient_id", "course_number", "cycle_number", earliest("start_date").alias("x_cycle_start")
    )
    parent = ["patient_id", "transplant_number"]
    with_gvhd = tables["gvhd"].select(parent).unique().with_columns(pl.lit(value=True).alias("x_has_gvhd"))
    day = earliest("transplant_date")
    transplants = (
        tables["transplant"]
        .with_columns(
            day.shift(1).over("patient_id", order_by="transplant_number").alias("x_previous_date"),
            day.shift(-1).over("patient_id", order_by="transplant_number").alias("x_next_date"),
        )
        .join(with_gvhd, on=parent, how="left", maintain_order="left")
        .with_columns(pl.col("x_has_gvhd").fill_null(value=False))
    )
    grafted = tables["transplant"].select(*parent, day.alias("x_transplanted"))
    return {
        "treatment_cycle": cycles,
        "adverse_event": tables["adverse_event"].join(
            begun.unique(["patient_id", "course_number", "cycle_number"], keep="first", maintain_order=True),
            on=["patient_id", "course_number", "cycle_number"],
            how="left",
            maintain_order="left",
        ),
        "transplant": transplants,
        "gvhd": tables["gvhd"].join(grafted, on=parent, how="left", maintain_order="left"),
    }
