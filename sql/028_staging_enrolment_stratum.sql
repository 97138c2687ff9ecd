-- staging.enrolment_stratum
-- what:   Stratification factors of a study as they were at enrolment.
-- grain:  one row a patient, study and factor
-- inputs: current.enrolment_stratum
-- rule:   none; no dates to complete.
create or replace table staging.enrolment_stratum as
select
    patient_id,
    study_id,
    factor,
    level,
    submission_id,
    source_file,
    source_line
from current.enrolment_stratum;
