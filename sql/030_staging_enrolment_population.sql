-- staging.enrolment_population
-- what:   Membership in the analysis populations of a study.
-- grain:  one row a patient, study and population
-- inputs: current.enrolment_population
-- rule:   none; no dates to complete.
create or replace table staging.enrolment_population as
select
    patient_id,
    study_id,
    population,
    is_member,
    reason,
    submission_id,
    source_file,
    source_line
from current.enrolment_population;
