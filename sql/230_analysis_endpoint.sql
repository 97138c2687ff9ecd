-- analysis.endpoint
-- what:   Time to event for every declared endpoint, with the row of the submitted table that decided.
-- grain:  one row a patient and endpoint
-- inputs: derived.endpoint_decision
-- rule:   days from the origin to the deciding date; an event on the day of the origin is on day 0.5 and marked. Who
--         cannot be counted is in analysis.endpoint_exclusion.
-- source: README.md, rules of time; derived.endpoint_source declares the endpoints.
create or replace table analysis.endpoint as
select
    patient_id,
    endpoint,
    origin,
    origin_date,
    deciding_date,
    time_days,
    event,
    reason,
    case when deciding_date = origin_date then 1 else 0 end as is_origin_day_event,
    case when is_imputed_date then 1 else 0 end as is_imputed_date,
    source_table,
    submission_id as source_submission_id,
    source_file,
    source_line
from derived.endpoint_decision
where exclusion_reason is null;
