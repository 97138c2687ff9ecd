-- staging.enrolment
-- what:   Enrolment in a study; the arm is empty where there are none.
-- grain:  one row a patient and study
-- inputs: current.enrolment
-- rule:   the day of randomization is always whole.
create or replace table staging.enrolment as
with bounded as (
    select
        enrolment.patient_id,
        enrolment.study_id,
        enrolment.arm,
        enrolment.randomization_date_earliest,
        enrolment.randomization_date_latest,
        enrolment.submission_id,
        enrolment.source_file,
        enrolment.source_line
    from current.enrolment as enrolment
)

select
    patient_id,
    study_id,
    arm,
    randomization_date_earliest as randomization_date,
    randomization_date_earliest,
    randomization_date_latest,
    randomization_date_earliest < randomization_date_latest as randomization_date_is_imputed,
    submission_id,
    source_file,
    source_line
from bounded;
