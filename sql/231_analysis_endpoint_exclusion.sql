-- analysis.endpoint_exclusion
-- what:   Patients who have the origin of an endpoint and leave its analysis, with the reason.
-- grain:  one row a patient and endpoint that cannot be counted
-- inputs: derived.endpoint_decision
-- rule:   censored on the day of the origin, observed only until before it, or without a row of follow-up.
-- source: README.md, rules of time.
create or replace table analysis.endpoint_exclusion as
select
    patient_id,
    endpoint,
    origin,
    origin_date,
    exclusion_reason as reason
from derived.endpoint_decision
where exclusion_reason is not null;
