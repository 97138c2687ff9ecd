"""Faults of whole rows: twice, missing, of nobody, or of a patient who is in the registry already."""

from __future__ import annotations

from types import MappingProxyType

import polars as pl

from blinreg.schemas.tables import TABLES
from blinreg.synthetic.faults.dates import is_whole
from blinreg.synthetic.faults.declaring import ALWAYS, OTHERS_REMAIN, Edit, Kind, Target, changes

c = pl.col
_CHILDREN = tuple(definition for definition in TABLES if definition.foreign_keys)

ROW_KINDS: tuple[Kind, ...] = (
    Kind(
        name="duplicate_row",
        targets=tuple(Target(table=table.name, edit=Edit.INSERT, where=ALWAYS) for table in _CHILDREN),
    ),
    Kind(name="duplicate_patient", targets=(Target(table="patient", edit=Edit.INSERT, where=ALWAYS),)),
    Kind(
        name="orphan_row",
        targets=tuple(
            Target(
                table=table.name,
                edit=Edit.INSERT,
                column=parent.table,
                values=MappingProxyType({"patient_id": c("patient_id") + pl.lit("9X")}),
                where=ALWAYS,
            )
            for table in _CHILDREN
            for parent in table.foreign_keys
        ),
    ),
    Kind(
        name="patient_id_in_other_case",
        targets=tuple(
            Target(
                table=table.name,
                column=parent.table,
                values=MappingProxyType({"patient_id": c("patient_id").str.to_lowercase()}),
                where=ALWAYS,
            )
            for table in _CHILDREN
            for parent in table.foreign_keys
        ),
    ),
    Kind(
        name="missing_patient",
        targets=(Target(table="patient", edit=Edit.DELETE, rule_table="follow_up", where=OTHERS_REMAIN),),
    ),
    Kind(
        name="missing_follow_up",
        targets=(Target(table="follow_up", edit=Edit.DELETE, rule_table="patient", where=OTHERS_REMAIN),),
    ),
    Kind(
        name="missing_cycle",
        targets=(
            Target(
                table="treatment_cycle",
                edit=Edit.DELETE,
                column="cycle_number",
                where=c("x_next_start").is_not_null() & c("x_previous_start").is_not_null(),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="missing_transplant",
        targets=(
            Target(
                table="transplant",
                edit=Edit.DELETE,
                column="transplant_number",
                where=c("x_next_date").is_not_null() & ~c("x_has_gvhd"),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="patient_of_another_site",
        targets=(changes("patient", "site_id", c("site_id") + pl.lit("-2"), ALWAYS),),
    ),
    Kind(
        name="same_person_under_two_ids",
        targets=(
            Target(
                table="patient",
                edit=Edit.REPEAT_PATIENT,
                where=c("birth_year").is_not_null() & is_whole("diagnosis_date") & c("p_first_dose").is_not_null(),
            ),
        ),
    ),
    Kind(
        name="patient_claimed_by_later_site",
        targets=(Target(table="patient", edit=Edit.CLAIM_PATIENT, where=pl.lit(value=False)),),
    ),
    Kind(
        name="same_person_at_other_site",
        targets=(Target(table="patient", edit=Edit.MOVE_PATIENT, where=pl.lit(value=False)),),
    ),
)
