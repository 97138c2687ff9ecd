"""What the treatment did to the patient: adverse events and who could be assessed for them."""

from __future__ import annotations

from blinreg.schemas.codes import (
    ADVERSE_EVENT_TERM,
    GRADE_SCALE,
    TOXICITY_CATEGORY,
    YES_NO_UNKNOWN,
    code_list,
)
from blinreg.schemas.columns import PATIENT_ID, PATIENT_KEY, code, date, integer, yes_no_unknown
from blinreg.schemas.model import Table

ADVERSE_EVENT = Table(
    name="adverse_event",
    grain="one row a patient and event",
    description=(
        "Adverse events. Grades keep their scale. An event without a grade is an event that was not graded, "
        "not one of grade 0. Reasons for stopping come from here: one patient may have two."
    ),
    key=("patient_id", "event_number"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        integer("event_number", "Number of the event within the patient.", minimum=1, maximum=999, required=True),
        code("term", ADVERSE_EVENT_TERM, "What happened.", required=True),
        integer("grade", "Grade, 1 to 5; empty = not graded.", minimum=1, maximum=5),
        code("grade_scale", GRADE_SCALE, "Scale of the grade."),
        date("onset_date", "First day of the event.", required=True),
        date("resolution_date", "Day on which it was over; empty while it goes on."),
        integer("course_number", "Course of blinatumomab in which it began.", minimum=1, maximum=9),
        integer("cycle_number", "Cycle of that course.", minimum=1, maximum=12),
        yes_no_unknown("is_serious", "Serious by regulatory definition."),
        code(
            "relatedness",
            code_list(related="related", possibly="possibly related", unrelated="not related", unknown="unknown"),
            "Relation to blinatumomab in the physician's view.",
        ),
        code(
            "action",
            code_list(
                none="none",
                interrupted="infusion interrupted",
                reduced="dose reduced",
                discontinued="permanently discontinued",
            ),
            "What was done with blinatumomab.",
        ),
        code(
            "outcome",
            code_list(
                resolved="resolved",
                resolved_sequelae="resolved with sequelae",
                ongoing="ongoing",
                fatal="fatal",
                unknown="unknown",
            ),
            "Outcome.",
        ),
        yes_no_unknown("corticosteroid", "Corticosteroid given for the event."),
        yes_no_unknown("tocilizumab", "Tocilizumab given for the event."),
    ),
)

TOXICITY_ASSESSMENT = Table(
    name="toxicity_assessment",
    grain="one row a patient, category and period",
    description="Who could be assessed for a category of toxicity: the denominators of the toxicity tables.",
    key=("patient_id", "category", "period"),
    foreign_keys=(PATIENT_KEY,),
    columns=(
        PATIENT_ID,
        code("category", TOXICITY_CATEGORY, "Category of toxicity.", required=True),
        code(
            "period",
            code_list(
                on_treatment="from first dose to 30 days after the last",
                post_transplant="after allogeneic transplant",
            ),
            "Period that was assessed.",
            required=True,
        ),
        code("evaluable", YES_NO_UNKNOWN, "Whether the patient could be assessed.", required=True),
    ),
)
