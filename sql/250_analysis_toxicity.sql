-- analysis.toxicity
-- what:   Highest grade of each category of toxicity in each period.
-- grain:  one row a patient, category, grade scale and period
-- inputs: derived.toxicity_period, derived.toxicity_event, derived.first_dose, staging.toxicity_assessment
-- rule:   scales are never pooled. A patient stated to be assessable who has no event of the category in the period has
--         one row with the scale no_event, so that denominators can be counted from the rows. An event without a grade
--         is counted as an event and has no grade.
-- source: 2020 multicenter real-world study, Table 3 (evaluable patients 236, 236, 238).
create or replace table analysis.toxicity as
with patient_period as (
    select distinct
        patient_id,
        period,
        assessed_period
    from derived.toxicity_period
),

assessed as (
    select
        patient_id,
        category,
        period as assessed_period,
        case evaluable when 'yes' then 1 when 'no' then 0 end as is_evaluable
    from staging.toxicity_assessment
),

graded as (
    select
        patient_id,
        category,
        grade_scale,
        period,
        grade,
        onset_date,
        max(grade) over (partition by patient_id, category, grade_scale, period) as max_grade
    from derived.toxicity_event
),

with_event as (
    select
        patient_id,
        category,
        grade_scale,
        period,
        count(*) as n_events,
        count(*) - count(grade) as n_ungraded,
        max(grade) as max_grade,
        min(case when grade = max_grade then onset_date end) as max_grade_date,
        min(onset_date) as first_onset_date
    from graded
    group by patient_id, category, grade_scale, period
),

without_event as (
    select
        patient_period.patient_id,
        assessed.category,
        patient_period.period
    from patient_period
    inner join assessed
        on
            patient_period.patient_id = assessed.patient_id
            and patient_period.assessed_period = assessed.assessed_period
    left join with_event
        on
            patient_period.patient_id = with_event.patient_id
            and patient_period.period = with_event.period
            and assessed.category = with_event.category
    where
        assessed.is_evaluable = 1
        and with_event.patient_id is null
)

select
    with_event.patient_id,
    with_event.category,
    with_event.grade_scale,
    with_event.period,
    assessed.is_evaluable,
    with_event.n_events,
    with_event.n_ungraded,
    with_event.max_grade,
    with_event.max_grade_date,
    with_event.first_onset_date,
    cast(date_diff('day', first_dose.index_date, with_event.first_onset_date) as double) as first_onset_days
from with_event
inner join derived.first_dose on with_event.patient_id = first_dose.patient_id
inner join patient_period
    on
        with_event.patient_id = patient_period.patient_id
        and with_event.period = patient_period.period
left join assessed
    on
        with_event.patient_id = assessed.patient_id
        and with_event.category = assessed.category
        and patient_period.assessed_period = assessed.assessed_period
union all
select
    patient_id,
    category,
    'no_event' as grade_scale,
    period,
    1 as is_evaluable,
    0 as n_events,
    0 as n_ungraded,
    cast(null as integer) as max_grade,
    cast(null as date) as max_grade_date,
    cast(null as date) as first_onset_date,
    cast(null as double) as first_onset_days
from without_event;
