-- derived.endpoint_candidate
-- what:   Everything that could decide each endpoint of each patient who has its origin, with what becomes of it: the
--         row with verdict 'decides' is the one in analysis.endpoint. `blinreg explain PATIENT ENDPOINT` shows these.
-- grain:  one row a patient, endpoint, source and row of a submitted table
-- inputs: derived.origin_exposure, derived.endpoint_source, derived.event_source
-- rule:   what happened counts from the day of the origin on; the end of observation counts whenever it was, so that
--         one before the origin is seen. The row that made the origin is not its own event. Of what counts the
--         earliest decides, and of the sources of one day the one with the smallest priority. A view: it is read for
--         one patient at a time.
-- source: README.md, rules of time.
create or replace view derived.endpoint_candidate as
with candidate as (
    select
        origin.patient_id,
        declared.endpoint,
        origin.origin,
        origin.origin_date,
        origin.is_imputed as origin_date_is_imputed,
        origin.source_table as origin_source_table,
        origin.source_file as origin_source_file,
        origin.source_line as origin_source_line,
        origin.allo_hct_date,
        origin.allo_hct_in_remission_date,
        origin.acute_gvhd_date,
        origin.chronic_gvhd_date,
        origin.platelet_recovery_date,
        declared.role,
        declared.source,
        declared.priority,
        event.event_date,
        event.is_imputed as event_date_is_imputed,
        event.source_table,
        event.submission_id,
        event.source_file,
        event.source_line,
        date_diff('day', origin.origin_date, event.event_date) as n_days,
        case
            when event.is_end_of_observation then 'counts'
            when event.event_date < origin.origin_date then 'before_origin'
            when
                event.source_table = origin.source_table
                and event.source_file = origin.source_file
                and event.source_line = origin.source_line
                then 'is_the_origin'
            else 'counts'
        end as standing
    from derived.origin_exposure as origin
    inner join derived.endpoint_source as declared on origin.origin = declared.origin
    inner join derived.event_source as event
        on
            origin.patient_id = event.patient_id
            and declared.source = event.source
    where origin.observation_end_date is not null
),

ranked as (
    select
        patient_id,
        endpoint,
        origin,
        origin_date,
        origin_date_is_imputed,
        origin_source_table,
        origin_source_file,
        origin_source_line,
        role,
        source,
        priority,
        event_date,
        event_date_is_imputed,
        n_days,
        standing,
        source_table,
        submission_id,
        source_file,
        source_line,
        allo_hct_date,
        allo_hct_in_remission_date,
        acute_gvhd_date,
        chronic_gvhd_date,
        platelet_recovery_date,
        row_number() over (
            partition by patient_id, endpoint, standing
            order by event_date, priority, source_table, source_file, source_line
        ) as position
    from candidate
)

select
    patient_id,
    endpoint,
    origin,
    origin_date,
    origin_date_is_imputed,
    origin_source_table,
    origin_source_file,
    origin_source_line,
    role,
    source,
    priority,
    event_date,
    event_date_is_imputed,
    n_days,
    source_table,
    submission_id,
    source_file,
    source_line,
    allo_hct_date,
    allo_hct_in_remission_date,
    acute_gvhd_date,
    chronic_gvhd_date,
    platelet_recovery_date,
    case
        when standing <> 'counts' then standing
        when position = 1 then 'decides'
        else 'comes_later'
    end as verdict
from ranked;
