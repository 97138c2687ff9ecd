-- analysis.endpoint
-- what:   Time to event for every declared endpoint, with the row of the submitted table that decided.
-- grain:  one row a patient and endpoint
-- inputs: derived.endpoint_decision
-- rule:   days from the origin to the deciding date. An event on the day of the origin is moved to day 0.5, so that
--         somebody is at risk when it happens, and marked. Who is censored on or before that day has no follow-up and
--         leaves: analysis.endpoint_exclusion.
-- source: README.md, rules of time; derived.endpoint_source declares the endpoints.
create view analysis.endpoint as
select
    patient_id,
    endpoint,
    origin,
    origin_date,
    event_date as deciding_date,
    case when n_days = 0 then cast(0.5 as double) else cast(n_days as double) end as time_days,
    case role when 'event' then 1 when 'competing' then 2 else 0 end as event,
    source as reason,
    case when n_days = 0 then 1 else 0 end as is_origin_day_event,
    case when origin_date_is_imputed or event_date_is_imputed then 1 else 0 end as is_imputed_date,
    source_table,
    submission_id as source_submission_id,
    source_file,
    source_line
from derived.endpoint_decision
where
    role in ('event', 'competing')
    or n_days > 0;
