-- derived.blinatumomab_course
-- what:   The courses of blinatumomab with their first and last day.
-- grain:  one row a patient and course
-- inputs: staging.treatment_cycle
-- rule:   courses are numbered as the site numbers them: 1, and 2 for a later re-treatment. A cycle without a stop date
--         goes on until the day before the next cycle; if there is no next cycle, the course goes on and last_day is
--         empty.
-- source: 2020 multicenter real-world study, Methods: cycles of 6 weeks, 28 days of infusion.
create or replace table derived.blinatumomab_course as
with cycle as (
    select
        patient_id,
        course_number,
        start_date,
        stop_date,
        lead(start_date) over (
            partition by patient_id
            order by start_date, course_number, cycle_number
        ) as next_start_date
    from staging.treatment_cycle
    where agent = 'blinatumomab'
),

closed as (
    select
        patient_id,
        course_number,
        start_date,
        coalesce(stop_date, next_start_date - 1) as stop_date
    from cycle
)

select
    patient_id,
    course_number,
    min(start_date) as first_day,
    case when count(stop_date) = count(*) then max(stop_date) end as last_day,
    max(start_date) as last_cycle_date
from closed
group by patient_id, course_number;
