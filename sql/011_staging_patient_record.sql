-- staging.patient_record
-- what:   Every dated thing that shows that the patient was seen, as the interval of days that its date can mean.
-- grain:  one row a row of a submitted table
-- inputs: current.treatment_cycle, current.line_of_therapy, current.drug_exposure, current.disease_assessment,
--         current.mrd_assessment, current.disease_event, current.adverse_event, current.transplant, current.gvhd
-- rule:   who was given something, assessed or found to have something was seen on that day. The last contact and the
--         death cannot come before it.
-- source: README.md, partial dates and rules of time.
create view staging.patient_record as
select
    patient_id,
    start_date_earliest as record_earliest,
    start_date_latest as record_latest,
    'treatment_cycle' as source_table,
    submission_id,
    source_file,
    source_line
from current.treatment_cycle
union all
select
    patient_id,
    start_date_earliest as record_earliest,
    start_date_latest as record_latest,
    'line_of_therapy' as source_table,
    submission_id,
    source_file,
    source_line
from current.line_of_therapy
where start_date_earliest is not null
union all
select
    patient_id,
    start_date_earliest as record_earliest,
    start_date_latest as record_latest,
    'drug_exposure' as source_table,
    submission_id,
    source_file,
    source_line
from current.drug_exposure
union all
select
    patient_id,
    assessment_date_earliest as record_earliest,
    assessment_date_latest as record_latest,
    'disease_assessment' as source_table,
    submission_id,
    source_file,
    source_line
from current.disease_assessment
union all
select
    patient_id,
    sample_date_earliest as record_earliest,
    sample_date_latest as record_latest,
    'mrd_assessment' as source_table,
    submission_id,
    source_file,
    source_line
from current.mrd_assessment
union all
select
    patient_id,
    event_date_earliest as record_earliest,
    event_date_latest as record_latest,
    'disease_event' as source_table,
    submission_id,
    source_file,
    source_line
from current.disease_event
union all
select
    patient_id,
    onset_date_earliest as record_earliest,
    onset_date_latest as record_latest,
    'adverse_event' as source_table,
    submission_id,
    source_file,
    source_line
from current.adverse_event
union all
select
    patient_id,
    transplant_date_earliest as record_earliest,
    transplant_date_latest as record_latest,
    'transplant' as source_table,
    submission_id,
    source_file,
    source_line
from current.transplant
union all
select
    patient_id,
    onset_date_earliest as record_earliest,
    onset_date_latest as record_latest,
    'gvhd' as source_table,
    submission_id,
    source_file,
    source_line
from current.gvhd;
