-- staging.disease_assessment
-- what:   Haematologic response as assessed. Complete remission allows exactly 5% marrow blasts.
-- grain:  one row a patient and assessment date
-- inputs: current.disease_assessment, staging.patient_bounds
-- rule:   an assessment whose interval holds days from the first dose on is one of them: it answers the question how
--         the disease responded. An interval that ends before the first dose keeps its own middle.
-- source: README.md, partial dates.
create or replace table staging.disease_assessment as
with bounded as (
    select
        assessment.patient_id,
        assessment.assessment_date_earliest,
        assessment.assessment_date_latest,
        greatest(assessment.assessment_date_earliest, known.first_dose_date) as assessment_date_first,
        least(assessment.assessment_date_latest, known.last_seen_date) as assessment_date_last,
        assessment.timepoint,
        assessment.response,
        assessment.marrow_blast_percent,
        assessment.platelets_per_ul,
        assessment.anc_per_ul,
        assessment.extramedullary_response,
        assessment.assessor,
        assessment.submission_id,
        assessment.source_file,
        assessment.source_line
    from current.disease_assessment as assessment
    left join staging.patient_bounds as known on assessment.patient_id = known.patient_id
)

select
    patient_id,
    case
        when assessment_date_first between assessment_date_earliest and assessment_date_last
            then
                assessment_date_first
                + cast(date_diff('day', assessment_date_first, assessment_date_last) // 2 as integer)
        else
            assessment_date_earliest
            + cast(date_diff('day', assessment_date_earliest, assessment_date_latest) // 2 as integer)
    end as assessment_date,
    assessment_date_earliest,
    assessment_date_latest,
    assessment_date_earliest < assessment_date_latest as assessment_date_is_imputed,
    timepoint,
    response,
    marrow_blast_percent,
    platelets_per_ul,
    anc_per_ul,
    extramedullary_response,
    assessor,
    submission_id,
    source_file,
    source_line
from bounded;
