"""Transplants and graft-versus-host disease."""

from __future__ import annotations

from blinreg.schemas.codes import GVHD_SCALE, code_list
from blinreg.schemas.columns import PATIENT_ID, PATIENT_KEY, code, date, integer
from blinreg.schemas.model import ForeignKey, Table

TRANSPLANT = Table(
    name="transplant",
    grain="one row a patient and transplant",
    description="Every transplant of the patient, those before blinatumomab included, in their order.",
    key=("patient_id", "transplant_number"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        integer("transplant_number", "Order of the transplant.", minimum=1, maximum=9, required=True),
        date("transplant_date", "Day of stem cell infusion (day 0).", required=True),
        code(
            "transplant_type",
            code_list(allogeneic="allogeneic", autologous="autologous"),
            "Type of transplant.",
            required=True,
        ),
        code(
            "donor",
            code_list(
                matched_related="HLA-matched related",
                mismatched_related="HLA-mismatched related, not haploidentical",
                matched_unrelated="HLA-matched unrelated",
                mismatched_unrelated="HLA-mismatched unrelated",
                haploidentical="haploidentical related",
                cord_blood="cord blood",
                unknown="not recorded",
            ),
            "Donor.",
        ),
        code(
            "graft_source",
            code_list(marrow="marrow", blood="peripheral blood", cord="cord blood"),
            "Source of the graft.",
        ),
        code(
            "conditioning",
            code_list(
                myeloablative="myeloablative",
                reduced_intensity="reduced intensity",
                nonmyeloablative="nonmyeloablative",
                unknown="not recorded",
            ),
            "Intensity of conditioning.",
        ),
        integer("n_alkylators", "Alkylating agents in the conditioning.", minimum=0, maximum=4, unit="agents"),
        code(
            "remission_status",
            code_list(
                cr1="first complete remission",
                cr2="second complete remission",
                cr3_or_later="third or later complete remission",
                not_in_remission="not in remission",
                unknown="not recorded",
            ),
            "Remission at transplant.",
        ),
        date("neutrophil_recovery_date", "First of three days with neutrophils above 500/uL."),
        date("platelet_recovery_date", "First day with platelets at a self-sustaining level."),
    ),
)

GVHD = Table(
    name="gvhd",
    grain="one row a patient, transplant and type",
    description="Graft-versus-host disease, first onset of each type after each transplant.",
    key=("patient_id", "transplant_number", "gvhd_type"),
    foreign_keys=(
        PATIENT_KEY,
        ForeignKey(
            columns=("patient_id", "transplant_number"),
            table="transplant",
            parent_columns=("patient_id", "transplant_number"),
        ),
    ),
    columns=(
        PATIENT_ID,
        integer("transplant_number", "Transplant after which it began.", minimum=1, maximum=9, required=True),
        code("gvhd_type", code_list(acute="acute", chronic="chronic"), "Type.", required=True),
        date("onset_date", "First day of the disease.", required=True),
        integer("grade", "Highest grade, 1 to 4; empty = not graded.", minimum=1, maximum=4),
        code("grade_scale", GVHD_SCALE, "Scale of the grade."),
    ),
)
