-- analysis.exposure
-- what:   When each time-dependent exposure began, counted from each origin, and when ever/never is known.
-- grain:  one row a patient, origin and exposure
-- inputs: derived.exposure_start
-- rule:   "never exposed" is known only at the end of observation: a group of the ever exposed looks into the future,
--         because its members had to live until the exposure (immortal time).
-- source: README.md, rules of time.
create view analysis.exposure as
select
    patient_id,
    origin,
    origin_date,
    exposure,
    exposure_date,
    cast(date_diff('day', origin_date, exposure_date) as double) as exposure_days,
    case when exposure_date is not null then 1 else 0 end as ever,
    coalesce(exposure_date, observation_end_date) as known_date
from derived.exposure_start;
