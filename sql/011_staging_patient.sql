-- staging.patient
-- what:   Who is in the registry: identity as a pseudonym, disease and genetics at diagnosis.
-- grain:  one row a patient
-- inputs: current.patient, staging.patient_bounds, current.treatment_cycle, current.line_of_therapy, current.transplant
-- rule:   the diagnosis comes before the first treatment whose day is known; registration comes after the diagnosis and
--         may come after the death, because charts are read later.
-- source: README.md, partial dates.
create or replace table staging.patient as
with treatment_day as (
    select
        patient_id,
        start_date_earliest as treatment_date
    from current.treatment_cycle
    union all
    select
        patient_id,
        start_date_earliest as treatment_date
    from current.line_of_therapy
    where start_date_earliest = start_date_latest
    union all
    select
        patient_id,
        transplant_date_earliest as treatment_date
    from current.transplant
    where transplant_date_earliest = transplant_date_latest
),

first_treatment as (
    select
        patient_id,
        min(treatment_date) as first_treatment_date
    from treatment_day
    group by patient_id
),

bounded as (
    select
        patient.patient_id,
        patient.site_id,
        patient.birth_year,
        patient.sex,
        patient.disease,
        patient.diagnosis_date_earliest,
        patient.diagnosis_date_latest,
        patient.diagnosis_date_earliest as diagnosis_date_first,
        least(
            patient.diagnosis_date_latest,
            first_treatment.first_treatment_date,
            known.last_seen_date
        ) as diagnosis_date_last,
        patient.ph_status,
        patient.kmt2a_rearranged,
        patient.cytogenetic_abnormality,
        patient.cns_at_diagnosis,
        patient.registration_date_earliest,
        patient.registration_date_latest,
        greatest(patient.registration_date_earliest, known.diagnosis_date) as registration_date_first,
        patient.registration_date_latest as registration_date_last,
        patient.submission_id,
        patient.source_file,
        patient.source_line
    from current.patient as patient
    left join staging.patient_bounds as known on patient.patient_id = known.patient_id
    left join first_treatment on patient.patient_id = first_treatment.patient_id
)

select
    patient_id,
    site_id,
    birth_year,
    sex,
    disease,
    case
        when diagnosis_date_first between diagnosis_date_earliest and diagnosis_date_last
            then
                diagnosis_date_first
                + cast(date_diff('day', diagnosis_date_first, diagnosis_date_last) // 2 as integer)
        else
            diagnosis_date_earliest
            + cast(date_diff('day', diagnosis_date_earliest, diagnosis_date_latest) // 2 as integer)
    end as diagnosis_date,
    diagnosis_date_earliest,
    diagnosis_date_latest,
    diagnosis_date_earliest < diagnosis_date_latest as diagnosis_date_is_imputed,
    ph_status,
    kmt2a_rearranged,
    cytogenetic_abnormality,
    cns_at_diagnosis,
    case
        when registration_date_first between registration_date_earliest and registration_date_last
            then
                registration_date_first
                + cast(date_diff('day', registration_date_first, registration_date_last) // 2 as integer)
        else
            registration_date_earliest
            + cast(date_diff('day', registration_date_earliest, registration_date_latest) // 2 as integer)
    end as registration_date,
    registration_date_earliest,
    registration_date_latest,
    registration_date_earliest < registration_date_latest as registration_date_is_imputed,
    submission_id,
    source_file,
    source_line
from bounded;
