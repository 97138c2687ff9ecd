-- staging.patient_characteristic
-- what:   What only some studies record: race, region, CD22, karyotype, disease risk.
-- grain:  one row a patient and characteristic
-- inputs: current.patient_characteristic
-- rule:   none; no dates to complete.
create or replace table staging.patient_characteristic as
select
    patient_id,
    characteristic,
    value,
    submission_id,
    source_file,
    source_line
from current.patient_characteristic;
