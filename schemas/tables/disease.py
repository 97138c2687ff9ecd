"""How the disease answered: assessments, residual disease, relapse."""

from __future__ import annotations

from blinreg.schemas.codes import HAEMATOLOGIC_RESPONSE, code_list
from blinreg.schemas.columns import PATIENT_ID, PATIENT_KEY, code, date, number, text, yes_no_unknown
from blinreg.schemas.model import Table

DISEASE_ASSESSMENT = Table(
    name="disease_assessment",
    grain="one row a patient and assessment date",
    description="Haematologic response as assessed. Complete remission allows exactly 5% marrow blasts.",
    key=("patient_id", "assessment_date"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        date("assessment_date", "Date of the marrow or clinical assessment.", required=True),
        text("timepoint", "Planned timepoint, such as end_of_cycle_1.", pattern="[a-z0-9][a-z0-9_]{1,39}"),
        code(
            "response",
            HAEMATOLOGIC_RESPONSE,
            "Response at this assessment.",
            required=True,
            citation="2020 multicenter real-world study, Methods: CR is marrow blasts of 5% or less",
        ),
        number("marrow_blast_percent", "Blasts in marrow.", minimum=0, maximum=100, unit="%"),
        number("platelets_per_ul", "Platelets.", minimum=0, maximum=5_000_000, unit="1/uL"),
        number("anc_per_ul", "Absolute neutrophil count.", minimum=0, maximum=500_000, unit="1/uL"),
        code("extramedullary_response", HAEMATOLOGIC_RESPONSE, "Response of extramedullary disease."),
        code("assessor", code_list(site="the site", central="central review"), "Who assessed."),
    ),
)

MRD_ASSESSMENT = Table(
    name="mrd_assessment",
    grain="one row a patient, sample date and method",
    description="Measurable residual disease. The date is the sample's, not the report's.",
    key=("patient_id", "sample_date", "method"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        date("sample_date", "Date on which the sample was taken.", required=True),
        code(
            "method",
            code_list(
                flow="multicolour flow cytometry",
                pcr="polymerase chain reaction",
                ngs="next-generation sequencing",
            ),
            "Method.",
            required=True,
        ),
        code("tissue", code_list(marrow="marrow", blood="peripheral blood"), "Tissue."),
        code(
            "result",
            code_list(
                negative="below the limit of detection",
                positive="detected",
                indeterminate="not decidable",
                not_assessed="planned and not done",
            ),
            "Result.",
            required=True,
        ),
        number("level", "Level as a fraction of cells.", minimum=0, maximum=1, unit="fraction"),
        number("sensitivity", "Limit of detection as a fraction of cells.", minimum=0, maximum=1, unit="fraction"),
        code("laboratory", code_list(local="local", central="central"), "Laboratory."),
    ),
)

DISEASE_EVENT = Table(
    name="disease_event",
    grain="one row a patient, date and type of event",
    description="Relapse, progression and other events of the disease.",
    key=("patient_id", "event_date", "event_type"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        date("event_date", "Date on which the event was documented.", required=True),
        code(
            "event_type",
            code_list(
                relapse="haematologic or extramedullary relapse after remission",
                progression="progression without remission",
                molecular_relapse="residual disease detectable again; an RFS event only where declared",
                treatment_failure="no remission by the end of the planned treatment",
                second_malignancy="second malignancy",
            ),
            "Type of event.",
            required=True,
        ),
        yes_no_unknown("is_marrow", "Marrow involved."),
        yes_no_unknown("is_cns", "Central nervous system involved."),
        yes_no_unknown("is_extramedullary", "Other extramedullary site involved."),
        code(
            "cd19_status",
            code_list(positive="CD19 positive", negative="CD19 negative", unknown="not known"),
            "CD19 on the blasts at the event.",
        ),
    ),
)
