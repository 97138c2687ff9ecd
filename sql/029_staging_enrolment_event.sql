-- staging.enrolment_event
-- what:   The flow through a study, as a CONSORT diagram counts it.
-- grain:  one row a patient, study and milestone
-- inputs: current.enrolment_event, staging.patient_bounds
-- rule:   a milestone lies between diagnosis and the last day the patient was seen.
-- source: README.md, partial dates.
create or replace table staging.enrolment_event as
with bounded as (
    select
        event.patient_id,
        event.study_id,
        event.milestone,
        event.event_date_earliest,
        event.event_date_latest,
        greatest(event.event_date_earliest, known.diagnosis_date) as event_date_first,
        least(event.event_date_latest, known.last_seen_date) as event_date_last,
        event.reason,
        event.submission_id,
        event.source_file,
        event.source_line
    from current.enrolment_event as event
    left join staging.patient_bounds as known on event.patient_id = known.patient_id
)

select
    patient_id,
    study_id,
    milestone,
    case
        when event_date_first between event_date_earliest and event_date_last
            then event_date_first + cast(date_diff('day', event_date_first, event_date_last) // 2 as integer)
        else event_date_earliest + cast(date_diff('day', event_date_earliest, event_date_latest) // 2 as integer)
    end as event_date,
    event_date_earliest,
    event_date_latest,
    event_date_earliest < event_date_latest as event_date_is_imputed,
    reason,
    submission_id,
    source_file,
    source_line
from bounded;
