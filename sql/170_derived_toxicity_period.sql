-- derived.toxicity_period
-- what:   The stretches of days in which an adverse event belongs to a period.
-- grain:  one row a patient, period and stretch of days
-- inputs: derived.first_dose, derived.blinatumomab_course, derived.observation_end, staging.transplant
-- rule:   on_treatment runs from the first day of a course of blinatumomab to 30 days after its last day; a year
--         between course and re-treatment is not on treatment. It falls into cycle_1, up to the day before the second
--         cycle, and cycle_2_or_later. post_transplant runs from the first allogeneic transplant on or after the
--         index date. Every period ends with observation at the latest. Who could be assessed is stated by the site
--         for on_treatment as a whole and for post_transplant (assessed_period).
-- source: schemas/views, toxicity: the windows are declared with the codes of the column period.
create or replace table derived.toxicity_period as
with observed as (
    select
        first_dose.patient_id,
        first_dose.index_date,
        first_dose.second_cycle_date,
        coalesce(observation_end.observation_end_date, cast('9999-12-31' as date)) as observation_end_date
    from derived.first_dose
    left join derived.observation_end on first_dose.patient_id = observation_end.patient_id
),

on_treatment as (
    select
        observed.patient_id,
        observed.second_cycle_date,
        course.first_day,
        least(course.last_day + 30, observed.observation_end_date) as last_day
    from observed
    inner join derived.blinatumomab_course as course on observed.patient_id = course.patient_id
),

post_transplant as (
    select
        observed.patient_id,
        min(transplant.transplant_date) as first_day,
        observed.observation_end_date as last_day
    from observed
    inner join staging.transplant as transplant
        on
            observed.patient_id = transplant.patient_id
            and observed.index_date <= transplant.transplant_date
    where transplant.transplant_type = 'allogeneic'
    group by observed.patient_id, observed.observation_end_date
),

stretch as (
    select
        patient_id,
        'on_treatment' as period,
        'on_treatment' as assessed_period,
        first_day,
        last_day
    from on_treatment
    union all
    select
        patient_id,
        'cycle_1' as period,
        'on_treatment' as assessed_period,
        first_day,
        least(last_day, second_cycle_date - 1) as last_day
    from on_treatment
    union all
    select
        patient_id,
        'cycle_2_or_later' as period,
        'on_treatment' as assessed_period,
        greatest(first_day, second_cycle_date) as first_day,
        last_day
    from on_treatment
    where second_cycle_date is not null
    union all
    select
        patient_id,
        'post_transplant' as period,
        'post_transplant' as assessed_period,
        first_day,
        last_day
    from post_transplant
)

select
    patient_id,
    period,
    assessed_period,
    first_day,
    last_day
from stretch
where first_day <= last_day;
