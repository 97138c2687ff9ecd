"""Studies: who is in which, by which stratum, through which milestones, in which population."""

from __future__ import annotations

from blinreg.schemas.codes import code_list
from blinreg.schemas.columns import PATIENT_ID, PATIENT_KEY, code, date, text
from blinreg.schemas.model import ForeignKey, Privacy, Table

STUDY_ID = text(
    "study_id",
    "Study, lower case with hyphens.",
    required=True,
    pattern="[a-z0-9][a-z0-9-]{1,39}",
    privacy=Privacy.ADMINISTRATIVE,
)

ENROLMENT_KEY = ForeignKey(
    columns=("patient_id", "study_id"), table="enrolment", parent_columns=("patient_id", "study_id")
)

ENROLMENT = Table(
    name="enrolment",
    grain="one row a patient and study",
    description="Enrolment in a study; the arm is empty where there are none.",
    key=("patient_id", "study_id"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        STUDY_ID,
        text("arm", "Randomized arm, lower case.", pattern="[a-z0-9][a-z0-9_-]{0,39}"),
        date("randomization_date", "Day of randomization.", partial=False),
    ),
)

ENROLMENT_STRATUM = Table(
    name="enrolment_stratum",
    grain="one row a patient, study and factor",
    description="Stratification factors of a study as they were at enrolment.",
    key=("patient_id", "study_id", "factor"),
    foreign_keys=(ENROLMENT_KEY,),
    columns=(
        PATIENT_ID,
        STUDY_ID,
        text("factor", "Name of the factor.", required=True, pattern="[a-z][a-z0-9_]{1,39}"),
        text("level", "Level of the factor.", required=True, pattern="[a-z0-9][a-z0-9_.<>=-]{0,39}"),
    ),
)

ENROLMENT_EVENT = Table(
    name="enrolment_event",
    grain="one row a patient, study and milestone",
    description="The flow through a study, as a CONSORT diagram counts it.",
    key=("patient_id", "study_id", "milestone"),
    foreign_keys=(ENROLMENT_KEY,),
    columns=(
        PATIENT_ID,
        STUDY_ID,
        code(
            "milestone",
            code_list(
                screened="screened",
                consented="consented",
                randomized="randomized",
                treated="received the first dose",
                completed="completed treatment",
                discontinued="discontinued treatment",
                withdrew="withdrew from the study",
                excluded="excluded",
            ),
            "Milestone.",
            required=True,
        ),
        date("event_date", "Date of the milestone."),
        text("reason", "Reason, as a short coded phrase.", pattern="[a-z0-9][a-z0-9_]{1,59}"),
    ),
)

ENROLMENT_POPULATION = Table(
    name="enrolment_population",
    grain="one row a patient, study and population",
    description="Membership in the analysis populations of a study.",
    key=("patient_id", "study_id", "population"),
    foreign_keys=(ENROLMENT_KEY,),
    columns=(
        PATIENT_ID,
        STUDY_ID,
        text(
            "population",
            "Population, such as intention_to_treat.",
            required=True,
            pattern="[a-z][a-z0-9_]{1,39}",
        ),
        code(
            "is_member",
            code_list(yes="member", no="not a member"),
            "Whether the patient belongs to it.",
            required=True,
        ),
        text("reason", "Why not, as a short coded phrase.", pattern="[a-z0-9][a-z0-9_]{1,59}"),
    ),
)
