"""What the patient was given: lines, cycles, interruptions, other drugs."""

from __future__ import annotations

from blinreg.schemas.codes import HAEMATOLOGIC_RESPONSE, INDICATION, code_list
from blinreg.schemas.columns import PATIENT_ID, PATIENT_KEY, code, date, integer, number, text, yes_no_unknown
from blinreg.schemas.model import Table

AGENT_PATTERN = "[a-z][a-z0-9_]{1,39}"

LINE_OF_THERAPY = Table(
    name="line_of_therapy",
    grain="one row a patient and line",
    description="Lines of therapy in their order; blinatumomab is one of them.",
    key=("patient_id", "line_number"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        integer("line_number", "Order of the line, first induction = 1.", minimum=1, maximum=20, required=True),
        date("start_date", "First day of the line."),
        date("end_date", "Last day of the line; empty while it goes on."),
        text(
            "regimen",
            "Regimen, lower case generic names joined by underscores.",
            pattern="[a-z0-9][a-z0-9_+-]{1,59}",
        ),
        code(
            "intent",
            code_list(
                induction="first induction",
                consolidation="consolidation",
                maintenance="maintenance",
                salvage="treatment of relapsed or refractory disease",
                bridging="bridge to transplant or cells",
            ),
            "Intent of the line.",
        ),
        code("best_response", HAEMATOLOGIC_RESPONSE, "Best response to the line."),
        date("response_date", "Date of the best response."),
    ),
)

TREATMENT_CYCLE = Table(
    name="treatment_cycle",
    grain="one row a patient, course and cycle",
    description="Cycles of the agents under study. The first blinatumomab cycle defines the index date.",
    key=("patient_id", "course_number", "cycle_number"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        integer(
            "course_number",
            "Course of the agent: 1, and 2 for a later re-treatment.",
            minimum=1,
            maximum=9,
            required=True,
        ),
        integer("cycle_number", "Cycle within the course.", minimum=1, maximum=12, required=True),
        text(
            "agent",
            "Agent, lower-case generic name: blinatumomab, inotuzumab_ozogamicin, flag ...",
            required=True,
            pattern=AGENT_PATTERN,
        ),
        code(
            "phase",
            code_list(
                induction="induction",
                consolidation="consolidation",
                maintenance="maintenance",
                reinduction="reinduction",
            ),
            "Phase of treatment.",
        ),
        code("indication", INDICATION, "Why the agent was given."),
        code(
            "dosing",
            code_list(
                standard="9 then 28 ug/day in cycle 1",
                mrd="28 ug/day from the first day",
                reduced="reduced because of anticipated tolerance",
            ),
            "Dosing scheme of blinatumomab.",
            citation="2020 multicenter real-world study, Table 1 footnotes (printed per kg; it is per day)",
        ),
        number("dose", "Highest dose of the cycle.", minimum=0, maximum=10000, unit="see dose_unit"),
        code(
            "dose_unit",
            code_list(
                ug_per_day="micrograms per day",
                ug_per_m2_per_day="micrograms per square metre and day",
                mg_per_m2="milligrams per square metre",
                mg="milligrams",
            ),
            "Unit of dose.",
        ),
        date(
            "start_date",
            "First day of the cycle; the whole date, because time is counted from it.",
            required=True,
            partial=False,
        ),
        date("stop_date", "Last day of the cycle; empty while it goes on."),
        code(
            "stop_reason",
            code_list(
                completed="completed as planned",
                adverse_event="stopped for an adverse event",
                progression="stopped for progression or no response",
                transplant="stopped for transplant",
                death="stopped by death",
                choice="stopped by choice of patient or physician",
                other="stopped for another reason",
                ongoing="not stopped at last contact",
            ),
            "Why the cycle ended; reasons in detail come from adverse_event.action.",
        ),
    ),
)

DOSE_INTERRUPTION = Table(
    name="dose_interruption",
    grain="one row a patient and interruption",
    description="Interruptions of an infusion within a cycle.",
    key=("patient_id", "interruption_number"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        integer("interruption_number", "Order of the interruption.", minimum=1, maximum=50, required=True),
        text("agent", "Agent that was interrupted.", pattern=AGENT_PATTERN),
        date("start_date", "First day without the agent."),
        date("end_date", "Day on which it was resumed; empty if it was not."),
        code(
            "cause",
            code_list(
                adverse_event="adverse event",
                technical="pump, line or supply",
                choice="choice",
                other="other",
                unknown="unknown",
            ),
            "Why it was interrupted.",
        ),
        yes_no_unknown("resumed", "Whether the agent was resumed."),
    ),
)

DRUG_EXPOSURE = Table(
    name="drug_exposure",
    grain="one row a patient, agent and start",
    description="Other drugs and cells that bear on outcome.",
    key=("patient_id", "agent", "start_date"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        text("agent", "Agent, lower-case generic name.", required=True, pattern=AGENT_PATTERN),
        date("start_date", "First day.", required=True),
        code(
            "agent_class",
            code_list(
                tki="tyrosine kinase inhibitor",
                chemotherapy="chemotherapy",
                anti_cd20="antibody against CD20",
                anti_cd22="antibody against CD22",
                corticosteroid="corticosteroid",
                tocilizumab="tocilizumab",
                intrathecal="intrathecal therapy",
                car_t="chimeric antigen receptor T cells",
                donor_lymphocytes="donor lymphocyte infusion",
            ),
            "Class of the agent.",
            required=True,
        ),
        date("stop_date", "Last day; empty while it goes on."),
    ),
)
