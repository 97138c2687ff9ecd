-- analysis.response
-- what:   Response to the first course of blinatumomab.
-- grain:  one row a patient of the cohort
-- inputs: derived.response
-- rule:   who was not assessed is no responder and not evaluable. Residual disease at response is negative if any
--         sample near it was; without a usable sample it is not_assessed, never negative. A value is known when nothing
--         that can still come would change it: CR and a negative sample on their day, a lesser best response when
--         assessments stop to count, residual disease that was not found negative when samples stop to count. No
--         response, and that a patient could not be evaluated, are known at the end of observation.
-- source: 2020 multicenter real-world study, Methods and Table 2.
create or replace table analysis.response as
select
    patient_id,
    indication,
    response_basis,
    best_response,
    is_evaluable,
    case when response_date is not null then 1 else 0 end as is_responder,
    response_date,
    case
        when response_date is null then null
        when mrd_negative_near_date is not null then 'negative'
        when mrd_positive_near_date is not null then 'positive'
        else 'not_assessed'
    end as mrd_at_response,
    mrd_negative_date,
    index_date,
    case
        when best_response = 'cr' then best_response_date
        when best_response is null then observation_end_date
        when observation_end_date is not null then window_end_date
    end as best_response_known_date,
    coalesce(response_date, observation_end_date) as response_known_date,
    case
        when is_evaluable = 1 then coalesce(best_response_date, response_date, observation_end_date)
        else observation_end_date
    end as evaluable_known_date,
    case
        when response_date is null then observation_end_date
        when mrd_negative_near_date is not null then mrd_negative_near_date
        else least(response_date + 42, window_end_date)
    end as mrd_known_date
from derived.response;
