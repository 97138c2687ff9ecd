-- analysis.endpoint_exclusion
-- what:   Patients who have the origin of an endpoint and leave its analysis, with the reason.
-- grain:  one row a patient and endpoint that cannot be counted
-- inputs: derived.endpoint_decision
-- rule:   censoring on the day of the origin leaves no time at risk; an end of observation before the origin leaves
--         less; without a row of follow-up nobody knows until when the patient was seen.
-- source: README.md, rules of time.
create view analysis.endpoint_exclusion as
select
    patient_id,
    endpoint,
    origin,
    origin_date,
    case
        when role is null then 'no_follow_up'
        when n_days < 0 then 'ends_before_origin'
        else 'censored_on_origin_day'
    end as reason
from derived.endpoint_decision
where
    role is null
    or (role = 'censoring' and n_days <= 0);
