-- staging.follow_up
-- what:   Last contact and vital status; the source of every censoring.
-- grain:  one row a patient
-- inputs: current.follow_up, staging.patient_bounds, staging.patient_record
-- rule:   the last contact comes on or after everything on record and on or before death; death comes on or after the
--         last contact and everything on record; the disease was last assessed between first dose and last contact.
-- source: README.md, partial dates.
create or replace table staging.follow_up as
with unclear as (
    select
        patient_id,
        coalesce(death_date_latest, last_contact_date_latest) as last_day
    from current.follow_up
    where
        last_contact_date_earliest < last_contact_date_latest
        or death_date_earliest < death_date_latest
),

last_record as (
    select
        record.patient_id,
        max(record.record_date) as record_date
    from staging.patient_record as record
    inner join unclear
        on
            record.patient_id = unclear.patient_id
            and record.record_date <= unclear.last_day
    group by record.patient_id
),

bounded as (
    select
        follow_up.patient_id,
        follow_up.last_contact_date_earliest,
        follow_up.last_contact_date_latest,
        greatest(follow_up.last_contact_date_earliest, last_record.record_date) as last_contact_date_first,
        least(follow_up.last_contact_date_latest, follow_up.death_date_latest) as last_contact_date_last,
        follow_up.last_disease_assessment_date_earliest,
        follow_up.last_disease_assessment_date_latest,
        greatest(
            follow_up.last_disease_assessment_date_earliest,
            known.first_dose_date
        ) as last_disease_assessment_date_first,
        least(
            follow_up.last_disease_assessment_date_latest,
            follow_up.last_contact_date_latest,
            follow_up.death_date_latest
        ) as last_disease_assessment_date_last,
        follow_up.vital_status,
        follow_up.death_date_earliest,
        follow_up.death_date_latest,
        greatest(
            follow_up.death_date_earliest,
            follow_up.last_contact_date_earliest,
            last_record.record_date
        ) as death_date_first,
        follow_up.death_date_latest as death_date_last,
        follow_up.cause_of_death,
        follow_up.end_reason,
        follow_up.submission_id,
        follow_up.source_file,
        follow_up.source_line
    from current.follow_up as follow_up
    left join staging.patient_bounds as known on follow_up.patient_id = known.patient_id
    left join last_record on follow_up.patient_id = last_record.patient_id
)

select
    patient_id,
    case
        when last_contact_date_first between last_contact_date_earliest and last_contact_date_last
            then
                last_contact_date_first
                + cast(date_diff('day', last_contact_date_first, last_contact_date_last) // 2 as integer)
        else
            last_contact_date_earliest
            + cast(date_diff('day', last_contact_date_earliest, last_contact_date_latest) // 2 as integer)
    end as last_contact_date,
    last_contact_date_earliest,
    last_contact_date_latest,
    last_contact_date_earliest < last_contact_date_latest as last_contact_date_is_imputed,
    case
        when
            last_disease_assessment_date_first
            between last_disease_assessment_date_earliest and last_disease_assessment_date_last
            then
                last_disease_assessment_date_first
                + cast(
                    date_diff('day', last_disease_assessment_date_first, last_disease_assessment_date_last) // 2
                    as integer
                )
        else
            last_disease_assessment_date_earliest
            + cast(
                date_diff('day', last_disease_assessment_date_earliest, last_disease_assessment_date_latest) // 2
                as integer
            )
    end as last_disease_assessment_date,
    last_disease_assessment_date_earliest,
    last_disease_assessment_date_latest,
    last_disease_assessment_date_earliest < last_disease_assessment_date_latest
        as last_disease_assessment_date_is_imputed,
    vital_status,
    case
        when death_date_first between death_date_earliest and death_date_last
            then death_date_first + cast(date_diff('day', death_date_first, death_date_last) // 2 as integer)
        else death_date_earliest + cast(date_diff('day', death_date_earliest, death_date_latest) // 2 as integer)
    end as death_date,
    death_date_earliest,
    death_date_latest,
    death_date_earliest < death_date_latest as death_date_is_imputed,
    cause_of_death,
    end_reason,
    submission_id,
    source_file,
    source_line
from bounded;
