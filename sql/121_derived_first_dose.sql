-- derived.first_dose
-- what:   The first dose of blinatumomab: the index date of the patient.
-- grain:  one row a patient with a first dose
-- inputs: staging.treatment_cycle
-- rule:   the first cycle of blinatumomab on record decides about index date, indication and dosing; a later
--         re-treatment does not. A missing indication is read as relapsed or refractory wherever a rule needs one.
-- source: 2020 multicenter real-world study, Methods and Table 1.
create or replace table derived.first_dose as
with numbered as (
    select
        patient_id,
        course_number,
        start_date,
        lead(start_date) over (
            partition by patient_id
            order by start_date, course_number, cycle_number
        ) as second_cycle_date,
        indication,
        dosing,
        submission_id,
        source_file,
        source_line,
        row_number() over (
            partition by patient_id
            order by start_date, course_number, cycle_number
        ) as position
    from staging.treatment_cycle
    where agent = 'blinatumomab'
)

select
    patient_id,
    course_number,
    start_date as index_date,
    second_cycle_date,
    indication,
    dosing,
    case when indication = 'mrd' then 'mrd' else 'haematologic' end as response_basis,
    submission_id,
    source_file,
    source_line
from numbered
where position = 1;
