-- staging.disease_event
-- what:   Relapse, progression and other events of the disease.
-- grain:  one row a patient, date and type of event
-- inputs: current.disease_event, staging.patient_bounds, current.disease_assessment
-- rule:   an event whose interval holds days from the anchor (first dose or, without blinatumomab, first transplant)
--         on is one of them; a relapse comes on or after the first remission since then whose day is known, because it
--         is defined as relapse after remission.
-- source: README.md, partial dates.
create or replace table staging.disease_event as
with known as (
    select
        patient_id,
        anchor_date,
        last_seen_date
    from staging.patient_bounds
),

remission as (
    select
        assessment.patient_id,
        min(assessment.assessment_date_earliest) as remission_date
    from current.disease_assessment as assessment
    inner join known on assessment.patient_id = known.patient_id
    where
        assessment.response in ('cr', 'crh', 'cri')
        and assessment.assessment_date_earliest = assessment.assessment_date_latest
        and assessment.assessment_date_earliest >= known.anchor_date
    group by assessment.patient_id
),

bounded as (
    select
        event.patient_id,
        event.event_date_earliest,
        event.event_date_latest,
        greatest(
            event.event_date_earliest,
            case
                when
                    event.event_type in ('relapse', 'molecular_relapse')
                    and remission.remission_date <= event.event_date_latest
                    then remission.remission_date
                else known.anchor_date
            end
        ) as event_date_first,
        least(event.event_date_latest, known.last_seen_date) as event_date_last,
        event.event_type,
        event.is_marrow,
        event.is_cns,
        event.is_extramedullary,
        event.cd19_status,
        event.submission_id,
        event.source_file,
        event.source_line
    from current.disease_event as event
    left join known on event.patient_id = known.patient_id
    left join remission on event.patient_id = remission.patient_id
)

select
    patient_id,
    case
        when event_date_first between event_date_earliest and event_date_last
            then event_date_first + cast(date_diff('day', event_date_first, event_date_last) // 2 as integer)
        else event_date_earliest + cast(date_diff('day', event_date_earliest, event_date_latest) // 2 as integer)
    end as event_date,
    event_date_earliest,
    event_date_latest,
    event_date_earliest < event_date_latest as event_date_is_imputed,
    event_type,
    is_marrow,
    is_cns,
    is_extramedullary,
    cd19_status,
    submission_id,
    source_file,
    source_line
from bounded;
