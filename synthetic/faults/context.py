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
``p_has_car_t``             whether CAR T cells are on record
``p_site``                  site that submits the patient
``p_indication``            why blinatumomab was given
``p_n_cycles``              cycles on record
``p_first_line``            best response to the first line of therapy
``p_n_blinatumomab_lines``  lines of therapy with blinatumomab
``p_relapsed_last``         whether a relapse or progression follows the last transplant
``p_n_fatal``               fatal adverse events
``p_had_crs``               whether cytokine release syndrome is on record
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

from blinreg.schemas.codes import TERM_CATEGORY
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
        pl.col("site_id").alias("p_site"),
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
        .agg(
            earliest("start_date").min().alias("p_first_dose"),
            pl.len().alias("p_n_cycles"),
            pl.col("indication").first().alias("p_indication"),
        )
    )
    transplants = (
        tables["transplant"]
        .group_by("patient_id")
        .agg(pl.len().alias("p_n_transplants"), latest("transplant_date").max().alias("last_transplant"))
    )
    relapses = (
        tables["disease_event"]
        .filter(pl.col("event_type").is_in(["relapse", "progression"]))
        .group_by("patient_id")
        .agg(earliest("event_date").max().alias("last_relapse"))
    )
    lines = (
        tables["line_of_therapy"]
        .group_by("patient_id")
        .agg(
            pl.col("best_response").filter(pl.col("line_number") == 1).first().alias("p_first_line"),
            pl.col("regimen").str.contains("blinatumomab").sum().alias("p_n_blinatumomab_lines"),
        )
    )
    events = (
        tables["adverse_event"]
        .group_by("patient_id")
        .agg(
            ((pl.col("grade") == 5) | (pl.col("outcome") == "fatal")).sum().alias("p_n_fatal"),
            (pl.col("term") == "crs").any().alias("p_had_crs"),
        )
    )
    drugs = (
        tables["drug_exposure"]
        .group_by("patient_id")
        .agg(
            (pl.col("agent_class") == "tki").any().alias("p_takes_tki"),
            (pl.col("agent_class") == "car_t").any().alias("p_has_car_t"),
        )
    )
    for part in (seen, dose, transplants, relapses, lines, events, drugs, _in_remission(tables)):
        patient = patient.join(part, on="patient_id", how="left", maintain_order="left")
    return patient.with_columns(
        (pl.col("last_relapse") > pl.col("last_transplant")).alias("p_relapsed_last"),
    ).with_columns(
        pl.col("p_n_transplants", "p_n_cycles", "p_n_blinatumomab_lines", "p_n_fatal").fill_null(0),
        pl.col("p_had_remission", "p_is_dead", "p_takes_tki", "p_has_car_t", "p_had_crs", "p_relapsed_last").fill_null(
            value=False
        ),
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
    begun = cycles.select(
        "patient_id",
        "course_number",
        "cycle_number",
        start.alias("x_cycle_start"),
        pl.col("x_next_start").alias("x_next_cycle_start"),
    )
    lines = tables["line_of_therapy"].with_columns(
        start.shift(1).over("patient_id", order_by="line_number").alias("x_previous_start"),
        pl.col("line_number").shift(-1).over("patient_id", order_by="line_number").alias("x_next_number"),
    )
    with_events = (
        tables["adverse_event"]
        .select("patient_id", pl.col("term").replace_strict(dict(TERM_CATEGORY), default=None).alias("category"))
        .unique()
        .with_columns(pl.lit(value=True).alias("x_has_events"))
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
        "line_of_therapy": lines,
        "treatment_cycle": cycles,
        "toxicity_assessment": tables["toxicity_assessment"]
        .join(with_events, on=["patient_id", "category"], how="left", maintain_order="left")
        .with_columns(pl.col("x_has_events").fill_null(value=False)),
        "adverse_event": tables["adverse_event"].join(
            begun.unique(["patient_id", "course_number", "cycle_number"], keep="first", maintain_order=True),
            on=["patient_id", "course_number", "cycle_number"],
            how="left",
            maintain_order="left",
        ),
        "transplant": transplants,
        "gvhd": tables["gvhd"].join(grafted, on=parent, how="left", maintain_order="left"),
    }
