-- staging.patient_record
-- what:   Every dated thing that shows that the patient was seen.
-- grain:  one row a row of a submitted table
-- inputs: staging.treatment_cycle, staging.line_of_therapy, staging.drug_exposure, staging.disease_assessment,
--         staging.mrd_assessment, staging.disease_event, staging.adverse_event, staging.transplant, staging.gvhd
-- rule:   who was given something, assessed or found to have something was seen on that day. The last contact and the
--         death cannot come before it.
-- source: README.md, partial dates and rules of time.
create or replace table staging.patient_record as
select
    patient_id,
    start_date as record_date,
    start_date_is_imputed as is_imputed,
    'treatment_cycle' as source_table,
    submission_id,
    source_file,
    source_line
from staging.treatment_cycle
union all
select
    patient_id,
    start_date as record_date,
    start_date_is_imputed as is_imputed,
    'line_of_therapy' as source_table,
    submission_id,
    source_file,
    source_line
from staging.line_of_therapy
where start_date is not null
union all
select
    patient_id,
    start_date as record_date,
    start_date_is_imputed as is_imputed,
    'drug_exposure' as source_table,
    submission_id,
    source_file,
    source_line
from staging.drug_exposure
union all
select
    patient_id,
    assessment_date as record_date,
    assessment_date_is_imputed as is_imputed,
    'disease_assessment' as source_table,
    submission_id,
    source_file,
    source_line
from staging.disease_assessment
union all
select
    patient_id,
    sample_date as record_date,
    sample_date_is_imputed as is_imputed,
    'mrd_assessment' as source_table,
    submission_id,
    source_file,
    source_line
from staging.mrd_assessment
union all
select
    patient_id,
    event_date as record_date,
    event_date_is_imputed as is_imputed,
    'disease_event' as source_table,
    submission_id,
    source_file,
    source_line
from staging.disease_event
union all
select
    patient_id,
    onset_date as record_date,
    onset_date_is_imputed as is_imputed,
    'adverse_event' as source_table,
    submission_id,
    source_file,
    source_line
from staging.adverse_event
union all
select
    patient_id,
    transplant_date as record_date,
    transplant_date_is_imputed as is_imputed,
    'transplant' as source_table,
    submission_id,
    source_file,
    source_line
from staging.transplant
union all
select
    patient_id,
    onset_date as record_date,
    onset_date_is_imputed as is_imputed,
    'gvhd' as source_table,
    submission_id,
    source_file,
    source_line
from staging.gvhd;
