"""Analysis views about patients: cohort, response, course, transplant, exposure, toxicity, attrition."""

from __future__ import annotations

from blinreg.schemas.codes import (
    ADVERSE_EVENT_TERM,
    GRADE_SCALE,
    HAEMATOLOGIC_RESPONSE,
    TOXICITY_CATEGORY,
    code_list,
)
from blinreg.schemas.columns import SITE_ID_PATTERN
from blinreg.schemas.model import Column, Privacy, Type, View
from blinreg.schemas.views.build import VIEW_PATIENT_ID, count, day, days, flag, label, taken, word

ORIGIN = code_list(
    index="first dose of blinatumomab",
    response="first CR, CRh or CRi after it (MRD indication: first MRD negativity)",
    transplant="first allogeneic transplant after the first dose; without blinatumomab, the first",
)

EXPOSURE = code_list(
    allo_hct="first allogeneic transplant after the origin, also after relapse",
    allo_hct_in_remission="the same, if no relapse or progression since the origin came before it or that day",
    acute_gvhd="first acute graft-versus-host disease after the origin",
    chronic_gvhd="first chronic graft-versus-host disease after the origin",
    platelet_recovery="first platelet recovery after a transplant, after the origin",
    tki="first day of a tyrosine kinase inhibitor on or after the origin; the origin itself if taken on it",
    second_cycle="second cycle of the first course of blinatumomab; the origin itself if begun before it",
)

#: Exposures at whose beginning the rows of ``analysis.counting_process`` are cut.
CUT_EXPOSURE = {name: meaning for name, meaning in EXPOSURE.items() if name not in {"tki", "second_cycle"}}

TKI_AGENT = code_list(
    none="none on the index date",
    imatinib="imatinib",
    dasatinib="dasatinib",
    nilotinib="nilotinib",
    bosutinib="bosutinib",
    ponatinib="ponatinib",
    other="another one",
    several="more than one",
)

AFTER_RESPONSE = code_list(
    nothing="none of these until the end of observation",
    allo_hct="allogeneic transplant",
    car_t="chimeric antigen receptor T cells",
    donor_lymphocytes="donor lymphocyte infusion",
    relapse="relapse or progression",
    death="death",
    no_response="there was no response",
)

COHORT = View(
    name="cohort",
    grain="one row a patient with a first dose of blinatumomab",
    description="Everything known of the patient at the first dose (the index date), and nothing that came later.",
    key=("patient_id",),
    columns=(
        VIEW_PATIENT_ID,
        Column(
            name="site_id",
            type=Type.TEXT,
            description="Site of the patient.",
            pattern=SITE_ID_PATTERN,
            privacy=Privacy.ADMINISTRATIVE,
            known_at="index_date",
        ),
        day("index_date", "Day of the first dose of blinatumomab.", required=True),
        taken("treatment_cycle", "indication", known_at="index_date"),
        taken("treatment_cycle", "dosing", known_at="index_date"),
        taken("baseline", "age_years", known_at="index_date", description="Age at the first dose."),
        taken("patient", "sex", known_at="index_date"),
        taken("patient", "disease", known_at="index_date"),
        # Genetics of the diagnosis sample count as known at the index date however late the report came.
        taken("patient", "ph_status", known_at="index_date"),
        taken("patient", "kmt2a_rearranged", known_at="index_date"),
        taken("patient", "cytogenetic_abnormality", known_at="index_date"),
        taken("patient", "cns_at_diagnosis", known_at="index_date"),
        taken("baseline", "karnofsky_percent", known_at="index_date"),
        taken("baseline", "ecog", known_at="index_date"),
        taken("baseline", "wbc_1e9_per_l", known_at="index_date"),
        taken("baseline", "blood_blast_percent", known_at="index_date"),
        taken("baseline", "marrow_blast_percent", known_at="index_date"),
        taken("baseline", "marrow_disease", known_at="index_date"),
        taken(
            "baseline",
            "cns_disease",
            known_at="index_date",
            description="Active CNS disease at the first dose.",
        ),
        word(
            "cns_history",
            code_list(yes="yes", no="no", unknown="not known"),
            "CNS disease at diagnosis, at an earlier relapse or at the first dose.",
            known_at="index_date",
        ),
        flag(
            "cns_at_earlier_event",
            "1 if CNS disease was recorded at a relapse or progression before the first dose.",
            known_at="index_date",
        ),
        taken("baseline", "extramedullary_disease", known_at="index_date"),
        taken("baseline", "n_prior_lines", known_at="index_date"),
        count(
            "n_earlier_lines",
            "Prior lines as the baseline says; where it does not, the lines of therapy before that of blinatumomab.",
            of="lines",
            known_at="index_date",
        ),
        taken("baseline", "prior_allo_hct", known_at="index_date"),
        taken("baseline", "primary_refractory", known_at="index_date"),
        taken("baseline", "cr1_duration_days", known_at="index_date"),
        flag("prior_inotuzumab", "Inotuzumab ozogamicin before the first dose.", known_at="index_date"),
        flag("tki_at_start", "A tyrosine kinase inhibitor given on the index date.", known_at="index_date"),
        word("tki_agent_at_start", TKI_AGENT, "Which one.", known_at="index_date"),
        day("registration_date", "Day on which the site registered the patient; empty if not recorded."),
    ),
)

RESPONSE = View(
    name="response",
    grain="one row a patient of the cohort",
    description=(
        "Response to blinatumomab: haematologic for relapsed or refractory disease, MRD negativity for the MRD "
        "indication. Assessments count from the index date to the day before the next line of therapy or re-treatment, "
        "or to the day of the next transplant, whichever is first."
    ),
    key=("patient_id",),
    columns=(
        VIEW_PATIENT_ID,
        taken("treatment_cycle", "indication", known_at="index_date"),
        word(
            "response_basis",
            code_list(haematologic="best haematologic response", mrd="MRD negativity"),
            "What decides about response.",
            known_at="index_date",
        ),
        word(
            "best_response",
            HAEMATOLOGIC_RESPONSE,
            "Best haematologic response.",
            known_at="best_response_known_date",
        ),
        flag("is_evaluable", "1 if any assessment could be evaluated.", known_at="evaluable_known_date"),
        flag(
            "is_responder",
            "1 for CR, CRh or CRi (MRD indication: MRD negativity), else 0.",
            known_at="response_known_date",
        ),
        day(
            "response_date",
            "First day of CR, CRh or CRi (MRD indication: first MRD-negative sample); empty for non-responders.",
        ),
        word(
            "mrd_at_response",
            code_list(
                negative="negative within the window",
                positive="positive within the window",
                not_assessed="no usable sample: not counted as negative unless an option says so",
            ),
            "Residual disease from 14 days before to 42 days after the response date, before the next treatment; "
            "negative if any sample was.",
            known_at="mrd_known_date",
        ),
        day("mrd_negative_date", "First MRD-negative sample that counts for the response."),
        day("index_date", "Day of the first dose of blinatumomab.", required=True),
        day(
            "best_response_known_date",
            "Day of the best response if it is CR; a lesser one is known as best when assessments stop to count, and "
            "none at last contact.",
        ),
        day(
            "response_known_date",
            "Day on which response is known: the response; for non-responders the last contact.",
        ),
        day(
            "evaluable_known_date",
            "Day of the best response of a patient who could be evaluated; for the others the last contact.",
        ),
        day(
            "mrd_known_date",
            "Day of the first negative sample near the response (the sample counts, not its report); without one, the "
            "day on which samples stop to count; without response, last contact.",
        ),
    ),
)

COURSE = View(
    name="course",
    grain="one row a patient of the cohort",
    description=(
        "What became of the patient after the first dose, as single values. Each looks into the future from the first "
        "dose: as a group, covariate or condition it needs a clock that starts when it is known."
    ),
    key=("patient_id",),
    columns=(
        VIEW_PATIENT_ID,
        day("index_date", "Day of the first dose of blinatumomab.", required=True),
        taken("enrolment", "arm", known_at="randomization_date", description="Arm of the first study that randomized."),
        day("randomization_date", "Day of that randomization."),
        count("n_cycles", "Cycles of the first course of blinatumomab.", of="cycles", known_at="n_cycles_known_date"),
        day(
            "n_cycles_known_date",
            "Day on which the course is over for good: the next line, re-treatment, transplant or last contact, or the "
            "first day of a later cycle.",
        ),
        count(
            "n_interruptions",
            "Interruptions of the first course of blinatumomab for an adverse event.",
            of="interruptions",
            known_at="n_cycles_known_date",
        ),
        flag(
            "chemotherapy_with_course",
            "Systemic chemotherapy given with the first course of blinatumomab.",
            known_at="n_cycles_known_date",
        ),
        flag(
            "intrathecal_with_course",
            "Intrathecal therapy given with the first course of blinatumomab.",
            known_at="n_cycles_known_date",
        ),
        flag(
            "anti_cd20_with_course",
            "An antibody against CD20 given with the first course of blinatumomab.",
            known_at="n_cycles_known_date",
        ),
        flag(
            "combination",
            "A tyrosine kinase inhibitor or chemotherapy, intrathecal included, given with the first course of "
            "blinatumomab.",
            known_at="combination_known_date",
        ),
        day(
            "combination_known_date",
            "First day of such a drug on or after the first dose; for the others n_cycles_known_date.",
        ),
        word(
            "after_response",
            AFTER_RESPONSE,
            "What came first after the response; of one day relapse before transplant before cells before death.",
            known_at="after_response_date",
        ),
        day("after_response_date", "Day of it; for none of these and for non-responders the end of observation."),
        days(
            "follow_up_days",
            "Days from the first dose to death, last contact or cutoff.",
            known_at="observation_end_date",
        ),
        day("observation_end_date", "Day of death, of last contact or of the cutoff, whichever is earliest."),
        taken(
            "follow_up",
            "cause_of_death",
            known_at="observation_end_date",
            description="Cause of a death within observation; empty for the living.",
        ),
    ),
)

TRANSPLANT = View(
    name="transplant",
    grain="one row a patient with the origin transplant",
    description=(
        "The transplant from which time is counted, as it was on its day. Only the transplanted have these values: "
        "they are for analyses that start at the transplant."
    ),
    key=("patient_id",),
    columns=(
        VIEW_PATIENT_ID,
        day("transplant_date", "Day of the first allogeneic transplant after the first dose.", required=True),
        taken("transplant", "donor", known_at="transplant_date"),
        taken("transplant", "graft_source", known_at="transplant_date"),
        taken("transplant", "conditioning", known_at="transplant_date"),
        taken("transplant", "n_alkylators", known_at="transplant_date"),
        taken("transplant", "remission_status", known_at="transplant_date"),
    ),
)

EXPOSURE_VIEW = View(
    name="exposure",
    grain="one row a patient, origin and exposure",
    description=(
        "When each time-dependent exposure began, counted from each origin the patient has. 'Never exposed' is "
        "known only at last contact: that is why an ever/never grouping is biased by immortal time."
    ),
    key=("patient_id", "origin", "exposure"),
    columns=(
        VIEW_PATIENT_ID,
        word("origin", ORIGIN, "Origin from which time is counted."),
        day("origin_date", "Day of the origin.", required=True),
        word("exposure", EXPOSURE, "Exposure."),
        day("exposure_date", "First day of the exposure on or after the origin; empty if it never began."),
        days("exposure_days", "Days from origin to exposure; empty if it never began.", known_at="known_date"),
        flag(
            "ever",
            "1 if the exposure began by last contact. Biased as a group or covariate.",
            known_at="known_date",
        ),
        day(
            "known_date",
            "Day on which ever/never is known: the exposure, or for the never exposed the last contact.",
        ),
    ),
)

TOXICITY = View(
    name="toxicity",
    grain="one row a patient, category, grade scale and period",
    description=(
        "Highest grade of each category of toxicity. Scales are kept apart. Patients who could be assessed and had "
        "no event have one row with grade_scale 'no_event', so that denominators are rows."
    ),
    key=("patient_id", "category", "grade_scale", "period"),
    columns=(
        VIEW_PATIENT_ID,
        word("category", TOXICITY_CATEGORY, "Category of toxicity."),
        word(
            "grade_scale",
            code_list(**GRADE_SCALE, no_scale="events without a scale", no_event="no event in the period"),
            "Scale of the grades.",
        ),
        word(
            "period",
            code_list(
                on_treatment="from the first day of a course of blinatumomab to 30 days after its last day",
                cycle_1="onset in cycle 1 (until the day before cycle 2)",
                cycle_2_or_later="onset from the start of cycle 2, within the on-treatment window",
                post_transplant="from the day of the first allogeneic transplant after the index date",
            ),
            "Window in which the event began.",
        ),
        flag(
            "is_evaluable",
            "1 if the patient could be assessed for the category in the period; empty if not stated.",
        ),
        count("n_events", "Events in the window.", of="events"),
        count("n_ungraded", "Events without a grade.", of="events"),
        Column(
            name="max_grade",
            type=Type.INTEGER,
            description="Highest grade; empty if no event was graded.",
            minimum=1,
            maximum=5,
            known_at="max_grade_date",
        ),
        day("max_grade_date", "First onset of an event of the highest grade."),
        day("first_onset_date", "First onset in the window."),
        days("first_onset_days", "Days from first dose to the first onset.", known_at="first_onset_date"),
    ),
)

TOXICITY_TERM = View(
    name="toxicity_term",
    grain="one row a patient, term, grade scale and period",
    description=(
        "Single adverse events: highest grade, treatment, death of it. Only patients with an event have rows; the "
        "denominators are those of the category in the view toxicity."
    ),
    key=("patient_id", "term", "grade_scale", "period"),
    columns=(
        VIEW_PATIENT_ID,
        word("term", ADVERSE_EVENT_TERM, "What happened."),
        *(
            TOXICITY.column(name)
            for name in (
                "category",
                "grade_scale",
                "period",
                "n_events",
                "n_ungraded",
                "max_grade",
                "max_grade_date",
                "first_onset_date",
            )
        ),
        flag("corticosteroid", "1 if a corticosteroid was given for such an event.", known_at="first_onset_date"),
        flag("tocilizumab", "1 if tocilizumab was given for such an event.", known_at="first_onset_date"),
        flag("is_fatal", "1 if such an event was fatal (outcome, or grade 5).", known_at="max_grade_date"),
    ),
)

DISCONTINUATION = View(
    name="discontinuation",
    grain="one row a patient and category of adverse event that led to permanent discontinuation",
    description="Reasons for stopping blinatumomab for toxicity; a patient may have two, so rows are not patients.",
    key=("patient_id", "category"),
    columns=(
        VIEW_PATIENT_ID,
        word("category", TOXICITY_CATEGORY, "Category of the adverse event."),
        day("discontinuation_date", "Onset of the first such event."),
        count("n_events", "Adverse events of the category with action discontinued.", of="events"),
    ),
)

ATTRITION = View(
    name="attrition",
    grain="one row a step",
    description="From what was submitted to what is analysed: patients left at each step and why they left.",
    key=("step_number",),
    columns=(
        Column(
            name="step_number",
            type=Type.INTEGER,
            description="Order of the step.",
            minimum=1,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        label("step", "Name of the step."),
        label("description", "What the step keeps, in words."),
        count("n_patients", "Patients left after the step.", of="patients"),
        count("n_excluded", "Patients lost at the step.", of="patients"),
    ),
)
