-- derived.endpoint_decision
-- what:   The source that decides each endpoint of each patient who has its origin, and the time until then.
-- grain:  one row a patient and endpoint
-- inputs: derived.origin_exposure, derived.endpoint_source, derived.event_source
-- rule:   what happened counts from the day of the origin on; the end of observation counts whenever it was, so that
--         one before the origin is seen. The row that made the origin is not its own event. Of the sources of one
--         day the one with the smallest priority decides. An event on the day of the origin is moved to day 0.5, so
--         that somebody is at risk when it happens. Censoring on that day leaves no time at risk, an end of
--         observation before it leaves less, and without a row of follow-up nobody knows until when the patient was
--         seen: these have an exclusion_reason and no time.
-- source: README.md, rules of time.
create or replace table derived.endpoint_decision as
with origin as (
    select
        patient_id,
        origin,
        origin_date,
        is_imputed,
        observation_end_date,
        allo_hct_date,
        allo_hct_in_remission_date,
        acute_gvhd_date,
        chronic_gvhd_date,
        platelet_recovery_date,
        source_table,
        source_file,
        source_line
    from derived.origin_exposure
),

candidate as (
    select
        origin.patient_id,
        declared.endpoint,
        origin.origin,
        origin.origin_date,
        origin.is_imputed as origin_date_is_imputed,
        origin.allo_hct_date,
        origin.allo_hct_in_remission_date,
        origin.acute_gvhd_date,
        origin.chronic_gvhd_date,
        origin.platelet_recovery_date,
        declared.role,
        declared.source,
        event.event_date,
        event.is_imputed as event_date_is_imputed,
        event.source_table,
        event.submission_id,
        event.source_file,
        event.source_line,
        date_diff('day', origin.origin_date, event.event_date) as n_days,
        row_number() over (
            partition by origin.patient_id, declared.endpoint
            order by event.event_date, declared.priority, event.source_table, event.source_file, event.source_line
        ) as position
    from origin
    inner join derived.endpoint_source as declared on origin.origin = declared.origin
    inner join derived.event_source as event
        on
            origin.patient_id = event.patient_id
            and declared.source = event.source
    where
        origin.observation_end_date is not null
        and (
            event.is_end_of_observation
            or (
                event.event_date >= origin.origin_date
                and (
                    event.source_table <> origin.source_table
                    or event.source_file <> origin.source_file
                    or event.source_line <> origin.source_line
                )
            )
        )
)

select
    patient_id,
    endpoint,
    origin,
    origin_date,
    event_date as deciding_date,
    case
        when n_days > 0 then cast(n_days as double)
        when role <> 'censoring' then cast(0.5 as double)
    end as time_days,
    case role when 'event' then 1 when 'competing' then 2 else 0 end as event,
    source as reason,
    case
        when n_days > 0 or role <> 'censoring' then null
        when n_days = 0 then 'censored_on_origin_day'
        else 'ends_before_origin'
    end as exclusion_reason,
    origin_date_is_imputed or event_date_is_imputed as is_imputed_date,
    allo_hct_date,
    allo_hct_in_remission_date,
    acute_gvhd_date,
    chronic_gvhd_date,
    platelet_recovery_date,
    source_table,
    submission_id,
    source_file,
    source_line
from candidate
where position = 1
union all
select distinct
    origin.patient_id,
    declared.endpoint,
    origin.origin,
    origin.origin_date,
    cast(null as date) as deciding_date,
    cast(null as double) as time_days,
    cast(null as integer) as event,
    cast(null as varchar) as reason,
    'no_follow_up' as exclusion_reason,
    cast(null as boolean) as is_imputed_date,
    origin.allo_hct_date,
    origin.allo_hct_in_remission_date,
    origin.acute_gvhd_date,
    origin.chronic_gvhd_date,
    origin.platelet_recovery_date,
    cast(null as varchar) as source_table,
    cast(null as varchar) as submission_id,
    cast(null as varchar) as source_file,
    cast(null as integer) as source_line
from origin
inner join derived.endpoint_source as declared on origin.origin = declared.origin
where origin.observation_end_date is null;
