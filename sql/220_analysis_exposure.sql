-- analysis.exposure
-- what:   When each time-dependent exposure began, counted from each origin, and when ever/never is known.
-- grain:  one row a patient, origin and exposure
-- inputs: derived.origin_exposure
-- rule:   "never exposed" is known only at the end of observation: a group of the ever exposed looks into the future,
--         because its members had to live until the exposure (immortal time). Origins after the end of observation, or
--         without follow-up, are left out.
-- source: README.md, rules of time.
create or replace table analysis.exposure as
with exposure_name as (
    select exposure
    from (
        values
        ('allo_hct'),
        ('allo_hct_in_remission'),
        ('acute_gvhd'),
        ('chronic_gvhd'),
        ('platelet_recovery'),
        ('tki'),
        ('second_cycle')
    ) as declaration (exposure)
),

start as (
    select
        origin_exposure.patient_id,
        origin_exposure.origin,
        origin_exposure.origin_date,
        exposure_name.exposure,
        case exposure_name.exposure
            when 'allo_hct' then origin_exposure.allo_hct_date
            when 'allo_hct_in_remission' then origin_exposure.allo_hct_in_remission_date
            when 'acute_gvhd' then origin_exposure.acute_gvhd_date
            when 'chronic_gvhd' then origin_exposure.chronic_gvhd_date
            when 'platelet_recovery' then origin_exposure.platelet_recovery_date
            when 'tki' then origin_exposure.tki_date
            when 'second_cycle' then origin_exposure.second_cycle_date
        end as exposure_date,
        origin_exposure.observation_end_date
    from derived.origin_exposure
    cross join exposure_name
    where origin_exposure.origin_date <= origin_exposure.observation_end_date
)

select
    patient_id,
    origin,
    origin_date,
    exposure,
    exposure_date,
    cast(date_diff('day', origin_date, exposure_date) as double) as exposure_days,
    case when exposure_date is not null then 1 else 0 end as ever,
    coalesce(exposure_date, observation_end_date) as known_date
from start;
