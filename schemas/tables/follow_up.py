"""How long the patient was seen, and how it ended."""

from __future__ import annotations

from blinreg.schemas.codes import code_list
from blinreg.schemas.columns import PATIENT_ID, PATIENT_KEY, code, date
from blinreg.schemas.model import Table

FOLLOW_UP = Table(
    name="follow_up",
    grain="one row a patient",
    description="Last contact and vital status; the source of every censoring.",
    key=("patient_id",),
    foreign_keys=(PATIENT_KEY,),
    required=True,
    columns=(
        PATIENT_ID,
        date(
            "last_contact_date",
            "Last day on which the patient was known to be alive, or the day of death.",
            required=True,
        ),
        date("last_disease_assessment_date", "Last day on which the disease was assessed."),
        code(
            "vital_status",
            code_list(alive="alive at last contact", dead="dead"),
            "Vital status.",
            required=True,
        ),
        date("death_date", "Day of death; only for the dead."),
        code(
            "cause_of_death",
            code_list(
                disease="leukaemia",
                transplant_related="transplant-related, without relapse",
                blinatumomab_toxicity="toxicity of blinatumomab",
                infection="infection, not attributed to transplant",
                other="other cause",
                unknown="not known",
            ),
            "Cause of death; only for the dead.",
        ),
        code(
            "end_reason",
            code_list(cutoff="alive at the data cutoff", lost="lost to follow-up", withdrew="withdrew consent"),
            "Why observation ended; only for the living.",
        ),
    ),
)
