"""Who the patient is and what was known before and at the start."""

from __future__ import annotations

from blinreg.schemas.codes import POSITIVE_NEGATIVE_UNKNOWN, code_list
from blinreg.schemas.columns import (
    PATIENT_ID,
    PATIENT_KEY,
    SITE_ID_PATTERN,
    code,
    date,
    integer,
    number,
    text,
    yes_no_unknown,
)
from blinreg.schemas.model import Privacy, Table

PATIENT = Table(
    name="patient",
    grain="one row a patient",
    description="Who is in the registry: identity as a pseudonym, disease and genetics at diagnosis.",
    key=("patient_id",),
    required=True,
    columns=(
        PATIENT_ID,
        text(
            "site_id",
            "Site that submits the patient; the same as in submission.json.",
            required=True,
            pattern=SITE_ID_PATTERN,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        integer(
            "birth_year",
            "Year of birth; a full date of birth must not be sent.",
            minimum=1900,
            maximum=2100,
            unit="calendar year",
            privacy=Privacy.QUASI_IDENTIFIER,
        ),
        code(
            "sex",
            code_list(female="female", male="male", unknown="not recorded"),
            "Sex as recorded by the site.",
            required=True,
        ),
        code(
            "disease",
            code_list(
                b_all="B-cell acute lymphoblastic leukaemia",
                mpal="mixed-phenotype acute leukaemia",
                b_lbl="B-cell lymphoblastic lymphoma",
                aml="acute myeloid leukaemia (transplant studies only)",
            ),
            "Disease under treatment.",
            required=True,
        ),
        date("diagnosis_date", "Date of first diagnosis of the disease."),
        code(
            "ph_status",
            POSITIVE_NEGATIVE_UNKNOWN,
            "Philadelphia chromosome t(9;22) or BCR-ABL1 at diagnosis.",
        ),
        yes_no_unknown("kmt2a_rearranged", "KMT2A (MLL) rearrangement, t(4;11) included, at diagnosis."),
        yes_no_unknown("cytogenetic_abnormality", "Any cytogenetic abnormality at diagnosis."),
        yes_no_unknown("cns_at_diagnosis", "Leukaemia of the central nervous system at diagnosis."),
        date(
            "registration_date",
            "Date on which the site registered the patient; later than the index date means delayed entry.",
        ),
    ),
)

BASELINE = Table(
    name="baseline",
    grain="one row a patient and timepoint",
    description="State of patient and disease at a timepoint, from the last assessment on or before it.",
    key=("patient_id", "timepoint"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        code(
            "timepoint",
            code_list(
                blinatumomab_start="start of blinatumomab",
                randomization="randomization in a trial",
                transplant="transplant",
            ),
            "Timepoint that the row describes.",
            required=True,
        ),
        date("assessment_date", "Date of the assessment."),
        integer(
            "age_years",
            "Age at the timepoint.",
            minimum=0,
            maximum=110,
            unit="years",
            privacy=Privacy.QUASI_IDENTIFIER,
        ),
        integer(
            "karnofsky_percent",
            "Karnofsky (from 16 years) or Lansky performance status.",
            minimum=0,
            maximum=100,
            unit="%",
        ),
        integer("ecog", "ECOG performance status.", minimum=0, maximum=5),
        number(
            "wbc_1e9_per_l",
            "White blood cells; above 1000 is a unit error (cells per uL).",
            minimum=0,
            maximum=1000,
            unit="10^9/L",
        ),
        number("blood_blast_percent", "Blasts in peripheral blood.", minimum=0, maximum=100, unit="%"),
        number("marrow_blast_percent", "Blasts in marrow.", minimum=0, maximum=100, unit="%"),
        yes_no_unknown("marrow_disease", "Disease in marrow."),
        yes_no_unknown("cns_disease", "Active disease of the central nervous system."),
        yes_no_unknown("extramedullary_disease", "Extramedullary disease outside the central nervous system."),
        integer(
            "n_prior_lines",
            "Lines of therapy before the timepoint, induction included.",
            minimum=0,
            maximum=20,
            unit="lines",
        ),
        yes_no_unknown("prior_allo_hct", "Allogeneic transplant before the timepoint."),
        yes_no_unknown("primary_refractory", "No complete remission with first induction."),
        integer(
            "cr1_duration_days",
            "Length of the first complete remission; empty if there was none.",
            minimum=0,
            maximum=20000,
            unit="days",
        ),
    ),
)

PATIENT_CHARACTERISTIC = Table(
    name="patient_characteristic",
    grain="one row a patient and characteristic",
    description="What only some studies record: race, region, CD22, karyotype, disease risk.",
    key=("patient_id", "characteristic"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        text(
            "characteristic",
            "Name of the characteristic, lower case with underscores.",
            required=True,
            pattern="[a-z][a-z0-9_]{1,39}",
        ),
        text("value", "Value as the study defines it; short, no free text about the patient.", required=True),
    ),
)
