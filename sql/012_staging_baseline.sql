-- staging.baseline
-- what:   State of patient and disease at a timepoint, from the last assessment on or before it.
-- grain:  one row a patient and timepoint
-- inputs: current.baseline, staging.patient_bounds, current.enrolment, current.transplant
-- rule:   a baseline is assessed on or before its timepoint, and after the diagnosis.
-- source: README.md, partial dates.
create or replace table staging.baseline as
with randomization as (
    select
        patient_id,
        max(randomization_date_latest) as randomization_date
    from current.enrolment
    group by patient_id
),

last_transplant as (
    select
        patient_id,
        max(transplant_date_latest) as transplant_date
    from current.transplant
    group by patient_id
),

bounded as (
    select
        baseline.patient_id,
        baseline.timepoint,
        baseline.assessment_date_earliest,
        baseline.assessment_date_latest,
        greatest(baseline.assessment_date_earliest, known.diagnosis_date) as assessment_date_first,
        least(
            baseline.assessment_date_latest,
            case baseline.timepoint
                when 'blinatumomab_start' then known.first_dose_date
                when 'randomization' then randomization.randomization_date
                when 'transplant' then last_transplant.transplant_date
            end,
            known.last_seen_date
        ) as assessment_date_last,
        baseline.age_years,
        baseline.karnofsky_percent,
        baseline.ecog,
        baseline.wbc_1e9_per_l,
        baseline.blood_blast_percent,
        baseline.marrow_blast_percent,
        baseline.marrow_disease,
        baseline.cns_disease,
        baseline.extramedullary_disease,
        baseline.n_prior_lines,
        baseline.prior_allo_hct,
        baseline.primary_refractory,
        baseline.cr1_duration_days,
        baseline.submission_id,
        baseline.source_file,
        baseline.source_line
    from current.baseline as baseline
    left join staging.patient_bounds as known on baseline.patient_id = known.patient_id
    left join randomization on baseline.patient_id = randomization.patient_id
    left join last_transplant on baseline.patient_id = last_transplant.patient_id
)

select
    patient_id,
    timepoint,
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
    age_years,
    karnofsky_percent,
    ecog,
    wbc_1e9_per_l,
    blood_blast_percent,
    marrow_blast_percent,
    marrow_disease,
    cns_disease,
    extramedullary_disease,
    n_prior_lines,
    prior_allo_hct,
    primary_refractory,
    cr1_duration_days,
    submission_id,
    source_file,
    source_line
from bounded;
