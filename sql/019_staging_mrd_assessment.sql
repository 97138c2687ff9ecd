-- staging.mrd_assessment
-- what:   Measurable residual disease. The date is the sample's, not the report's.
-- grain:  one row a patient, sample date and method
-- inputs: current.mrd_assessment, staging.patient_bounds
-- rule:   a sample whose interval holds days from the first dose on is one of them; see staging.disease_assessment.
-- source: README.md, partial dates.
create or replace table staging.mrd_assessment as
with bounded as (
    select
        sample.patient_id,
        sample.sample_date_earliest,
        sample.sample_date_latest,
        greatest(sample.sample_date_earliest, known.first_dose_date) as sample_date_first,
        least(sample.sample_date_latest, known.last_seen_date) as sample_date_last,
        sample.method,
        sample.tissue,
        sample.result,
        sample.level,
        sample.sensitivity,
        sample.laboratory,
        sample.submission_id,
        sample.source_file,
        sample.source_line
    from current.mrd_assessment as sample
    left join staging.patient_bounds as known on sample.patient_id = known.patient_id
)

select
    patient_id,
    case
        when sample_date_first between sample_date_earliest and sample_date_last
            then sample_date_first + cast(date_diff('day', sample_date_first, sample_date_last) // 2 as integer)
        else sample_date_earliest + cast(date_diff('day', sample_date_earliest, sample_date_latest) // 2 as integer)
    end as sample_date,
    sample_date_earliest,
    sample_date_latest,
    sample_date_earliest < sample_date_latest as sample_date_is_imputed,
    method,
    tissue,
    result,
    level,
    sensitivity,
    laboratory,
    submission_id,
    source_file,
    source_line
from bounded;
