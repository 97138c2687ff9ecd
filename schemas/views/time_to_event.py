"""Analysis views about time: endpoints and counting-process rows."""

from __future__ import annotations

from blinreg.schemas.codes import code_list
from blinreg.schemas.model import View
from blinreg.schemas.views.build import LINEAGE, VIEW_PATIENT_ID, day, days, flag, label, outcome, word
from blinreg.schemas.views.clinical import CUT_EXPOSURE, ORIGIN

ENDPOINT_NAME = code_list(
    os="overall survival from the first dose: death of any cause",
    os_from_response="overall survival from response",
    rfs="relapse-free survival from response: relapse, progression or death",
    rfs_molecular="relapse-free survival from response in which a molecular relapse is an event too",
    efs="event-free survival from the first dose: relapse, progression or death; non-response is not an event",
    duration_of_remission="from response to relapse or progression; death without it competes",
    allo_hct="allogeneic transplant after response; death without it competes",
    os_from_transplant="overall survival from transplant",
    pfs_from_transplant="progression-free survival from transplant: relapse, progression or death",
    non_relapse_mortality="death without relapse after transplant; relapse competes",
    transplant_related_mortality="death attributed to transplant; other deaths compete",
)

EVENT_CODE = {0: "censored", 1: "the event of the endpoint", 2: "a competing event"}

_EVENT = "1 = event of the endpoint, 2 = competing event, 0 = censored."

ENDPOINT = View(
    name="endpoint",
    grain="one row a patient and endpoint",
    description=(
        "Time to event for every endpoint, each declared by its origin and its named sources of events and "
        "censoring (derived.endpoint_source). Patients who leave are in analysis.endpoint_exclusion."
    ),
    key=("patient_id", "endpoint"),
    columns=(
        VIEW_PATIENT_ID,
        word("endpoint", ENDPOINT_NAME, "Endpoint."),
        word("origin", ORIGIN, "Origin of time."),
        day("origin_date", "Day 0.", required=True),
        day("deciding_date", "Day of the event or of censoring.", required=True),
        days(
            "time_days",
            "Days from origin to the deciding date; 0.5 for an event on day 0.",
            known_at="deciding_date",
        ),
        outcome("event", _EVENT, known_at="deciding_date"),
        label(
            "reason",
            "Name of the source that decided, such as death, relapse, last_contact, analysis_cutoff.",
        ),
        flag("is_origin_day_event", "1 if the event fell on day 0 and was moved to day 0.5."),
        flag("is_imputed_date", "1 if the deciding or the origin date was imputed from a partial date."),
        *LINEAGE,
    ),
)

ENDPOINT_EXCLUSION = View(
    name="endpoint_exclusion",
    grain="one row a patient and endpoint that cannot be counted",
    description="Patients who have the origin of an endpoint and leave its analysis, with the reason.",
    key=("patient_id", "endpoint"),
    columns=(
        VIEW_PATIENT_ID,
        word("endpoint", ENDPOINT_NAME, "Endpoint."),
        word("origin", ORIGIN, "Origin of time."),
        day("origin_date", "Day 0.", required=True),
        word(
            "reason",
            code_list(
                censored_on_origin_day="no follow-up after the origin: censored on day 0",
                ends_before_origin="last contact or cutoff lies before the origin",
                no_follow_up="no row of follow-up",
            ),
            "Why the patient leaves.",
        ),
    ),
)

COUNTING_PROCESS = View(
    name="counting_process",
    grain="one row a patient, endpoint and stretch of time with constant exposures",
    description=(
        "Rows (tstart, tstop] for time-dependent analyses. An exposure that starts on day t counts from just after "
        "t, so an event on that day is an event of the unexposed; an exposure on day 0 counts from the start. "
        "Exposures of analysis.exposure that have no column here are cut in by the plans that use them."
    ),
    key=("patient_id", "endpoint", "tstart"),
    columns=(
        VIEW_PATIENT_ID,
        word("endpoint", ENDPOINT_NAME, "Endpoint."),
        days("tstart", "Start of the stretch, not included."),
        days("tstop", "End of the stretch, included."),
        outcome("event", _EVENT + " Only the last row of a patient can have one."),
        *(
            flag(name, f"1 from just after the {meaning.removeprefix('first ')}.")
            for name, meaning in CUT_EXPOSURE.items()
        ),
    ),
)
