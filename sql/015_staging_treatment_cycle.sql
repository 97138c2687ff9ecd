-- staging.treatment_cycle
-- what:   Cycles of the agents under study. The first blinatumomab cycle defines the index date.
-- grain:  one row a patient, course and cycle
-- inputs: current.treatment_cycle, staging.patient_bounds
-- rule:   a cycle starts on a whole date; it stops on or after its start and not after the next cycle of the same agent
--         starts. An empty stop date means that the cycle goes on.
-- source: README.md, partial dates.
create or replace table staging.treatment_cycle as
with numbered as (
    select
        patient_id,
        course_number,
        cycle_number,
        agent,
        phase,
        indication,
        dosing,
        dose,
        dose_unit,
        start_date_earliest,
        start_date_latest,
        lead(start_date_earliest) over (
            partition by patient_id, agent
            order by start_date_earliest, course_number, cycle_number
        ) as next_start_date,
        stop_date_earliest,
        stop_date_latest,
        stop_reason,
        submission_id,
        source_file,
        source_line
    from current.treatment_cycle
),

bounded as (
    select
        cycle.patient_id,
        cycle.course_number,
        cycle.cycle_number,
        cycle.agent,
        cycle.phase,
        cycle.indication,
        cycle.dosing,
        cycle.dose,
        cycle.dose_unit,
        cycle.start_date_earliest,
        cycle.start_date_latest,
        cycle.stop_date_earliest,
        cycle.stop_date_latest,
        greatest(cycle.stop_date_earliest, cycle.start_date_earliest) as stop_date_first,
        least(cycle.stop_date_latest, cycle.next_start_date, known.last_seen_date) as stop_date_last,
        cycle.stop_reason,
        cycle.submission_id,
        cycle.source_file,
        cycle.source_line
    from numbered as cycle
    left join staging.patient_bounds as known on cycle.patient_id = known.patient_id
)

select
    patient_id,
    course_number,
    cycle_number,
    agent,
    phase,
    indication,
    dosing,
    dose,
    dose_unit,
    start_date_earliest as start_date,
    start_date_earliest,
    start_date_latest,
    start_date_earliest < start_date_latest as start_date_is_imputed,
    case
        when stop_date_first between stop_date_earliest and stop_date_last
            then stop_date_first + cast(date_diff('day', stop_date_first, stop_date_last) // 2 as integer)
        else stop_date_earliest + cast(date_diff('day', stop_date_earliest, stop_date_latest) // 2 as integer)
    end as stop_date,
    stop_date_earliest,
    stop_date_latest,
    stop_date_earliest < stop_date_latest as stop_date_is_imputed,
    stop_reason,
    submission_id,
    source_file,
    source_line
from bounded;
