-- staging.patient_bounds
-- what:   The whole dates of a patient between which the partial ones must lie.
-- grain:  one row a patient
-- inputs: current.patient, current.treatment_cycle, current.transplant, current.follow_up
-- rule:   only dates that need no completion bound others, so that no date depends on an imputed one in a circle. The
--         last day a patient can have been seen is the last day that the date of death or of last contact can mean.
-- source: README.md, partial dates.
create or replace table staging.patient_bounds as
with first_dose as (
    select
        patient_id,
        min(start_date_earliest) as first_dose_date
    from current.treatment_cycle
    where agent = 'blinatumomab'
    group by patient_id
),

first_transplant as (
    select
        patient_id,
        min(transplant_date_earliest) as first_transplant_date
    from current.transplant
    where
        transplant_type = 'allogeneic'
        and transplant_date_earliest = transplant_date_latest
    group by patient_id
),

last_seen as (
    select
        patient_id,
        case
            when vital_status = 'dead' and death_date_latest is not null then death_date_latest
            else last_contact_date_latest
        end as last_seen_date
    from current.follow_up
)

select
    patient.patient_id,
    case
        when patient.diagnosis_date_earliest = patient.diagnosis_date_latest then patient.diagnosis_date_earliest
    end as diagnosis_date,
    first_dose.first_dose_date,
    coalesce(first_dose.first_dose_date, first_transplant.first_transplant_date) as anchor_date,
    last_seen.last_seen_date
from current.patient as patient
left join first_dose on patient.patient_id = first_dose.patient_id
left join first_transplant on patient.patient_id = first_transplant.patient_id
left join last_seen on patient.patient_id = last_seen.patient_id;
