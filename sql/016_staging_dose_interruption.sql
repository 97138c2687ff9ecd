-- staging.dose_interruption
-- what:   Interruptions of an infusion within a cycle.
-- grain:  one row a patient and interruption
-- inputs: current.dose_interruption, staging.patient_bounds
-- rule:   an interruption begins on or after the first dose and ends on or after its start.
-- source: README.md, partial dates.
create or replace table staging.dose_interruption as
with bounded as (
    select
        interruption.patient_id,
        interruption.interruption_number,
        interruption.agent,
        interruption.start_date_earliest,
        interruption.start_date_latest,
        greatest(interruption.start_date_earliest, known.first_dose_date) as start_date_first,
        least(interruption.start_date_latest, interruption.end_date_latest, known.last_seen_date) as start_date_last,
        interruption.end_date_earliest,
        interruption.end_date_latest,
        greatest(
            interruption.end_date_earliest,
            interruption.start_date_earliest,
            known.first_dose_date
        ) as end_date_first,
        least(interruption.end_date_latest, known.last_seen_date) as end_date_last,
        interruption.cause,
        interruption.resumed,
        interruption.submission_id,
        interruption.source_file,
        interruption.source_line
    from current.dose_interruption as interruption
    left join staging.patient_bounds as known on interruption.patient_id = known.patient_id
)

select
    patient_id,
    interruption_number,
    agent,
    case
        when start_date_first between start_date_earliest and start_date_last
            then start_date_first + cast(date_diff('day', start_date_first, start_date_last) // 2 as integer)
        else start_date_earliest + cast(date_diff('day', start_date_earliest, start_date_latest) // 2 as integer)
    end as start_date,
    start_date_earliest,
    start_date_latest,
    start_date_earliest < start_date_latest as start_date_is_imputed,
    case
        when end_date_first between end_date_earliest and end_date_last
            then end_date_first + cast(date_diff('day', end_date_first, end_date_last) // 2 as integer)
        else end_date_earliest + cast(date_diff('day', end_date_earliest, end_date_latest) // 2 as integer)
    end as end_date,
    end_date_earliest,
    end_date_latest,
    end_date_earliest < end_date_latest as end_date_is_imputed,
    cause,
    resumed,
    submission_id,
    source_file,
    source_line
from bounded;
