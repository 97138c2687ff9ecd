-- derived.endpoint_decision
-- what:   The source that decides each endpoint of each patient who has its origin, and the time until then.
-- grain:  one row a patient and endpoint
-- inputs: derived.endpoint_candidate, derived.origin_exposure, derived.endpoint_source
-- rule:   an event on the day of the origin is moved to day 0.5, so that somebody is at risk when it happens.
--         Censoring on that day leaves no time at risk, an end of observation before it leaves less, and without a
--         row of follow-up nobody knows until when the patient was seen: these have an exclusion_reason and no time.
-- source: README.md, rules of time.
create or replace table derived.endpoint_decision as
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
from derived.endpoint_candidate
where verdict = 'decides'
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
from derived.origin_exposure as origin
inner join derived.endpoint_source as declared on origin.origin = declared.origin
where origin.observation_end_date is null;
