-- staging.adverse_event
-- what:   Adverse events. Grades keep their scale. An event without a grade is an event that was not graded, not one
--         of grade 0. Reasons for stopping come from here: one patient may have two.
-- grain:  one row a patient and event
-- inputs: current.adverse_event, staging.patient_bounds, current.treatment_cycle
-- rule:   an adverse event begins on or after the first dose and on or after the start of the cycle it is reported in;
--         it resolves on or after its onset.
-- source: README.md, partial dates.
create or replace table staging.adverse_event as
with bounded as (
    select
        event.patient_id,
        event.event_number,
        event.term,
        event.grade,
        event.grade_scale,
        event.onset_date_earliest,
        event.onset_date_latest,
        greatest(event.onset_date_earliest, known.first_dose_date, cycle.start_date_earliest) as onset_date_first,
        least(event.onset_date_latest, event.resolution_date_latest, known.last_seen_date) as onset_date_last,
        event.resolution_date_earliest,
        event.resolution_date_latest,
        greatest(
            event.resolution_date_earliest,
            event.onset_date_earliest,
            known.first_dose_date,
            cycle.start_date_earliest
        ) as resolution_date_first,
        least(event.resolution_date_latest, known.last_seen_date) as resolution_date_last,
        event.course_number,
        event.cycle_number,
        event.is_serious,
        event.relatedness,
        event.action,
        event.outcome,
        event.corticosteroid,
        event.tocilizumab,
        event.submission_id,
        event.source_file,
        event.source_line
    from current.adverse_event as event
    left join staging.patient_bounds as known on event.patient_id = known.patient_id
    left join current.treatment_cycle as cycle
        on
            event.patient_id = cycle.patient_id
            and event.course_number = cycle.course_number
            and event.cycle_number = cycle.cycle_number
            and cycle.agent = 'blinatumomab'
)

select
    patient_id,
    event_number,
    term,
    grade,
    grade_scale,
    case
        when onset_date_first between onset_date_earliest and onset_date_last
            then onset_date_first + cast(date_diff('day', onset_date_first, onset_date_last) // 2 as integer)
        else onset_date_earliest + cast(date_diff('day', onset_date_earliest, onset_date_latest) // 2 as integer)
    end as onset_date,
    onset_date_earliest,
    onset_date_latest,
    onset_date_earliest < onset_date_latest as onset_date_is_imputed,
    case
        when resolution_date_first between resolution_date_earliest and resolution_date_last
            then
                resolution_date_first
                + cast(date_diff('day', resolution_date_first, resolution_date_last) // 2 as integer)
        else
            resolution_date_earliest
            + cast(date_diff('day', resolution_date_earliest, resolution_date_latest) // 2 as integer)
    end as resolution_date,
    resolution_date_earliest,
    resolution_date_latest,
    resolution_date_earliest < resolution_date_latest as resolution_date_is_imputed,
    course_number,
    cycle_number,
    is_serious,
    relatedness,
    action,
    outcome,
    corticosteroid,
    tocilizumab,
    submission_id,
    source_file,
    source_line
from bounded;
