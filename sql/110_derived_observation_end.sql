-- derived.observation_end
-- what:   The last day on which anything that happened to the patient counts.
-- grain:  one row a patient with a row of follow-up
-- inputs: staging.follow_up, staging.patient, staging.patient_record, ledger.current_submission, the variable
--         analysis_cutoff_date
-- rule:   a dead patient was last seen on the day of death (of last contact, where that day is not recorded). A living
--         one was last seen on the day of last contact or, if something is recorded later, on that later day: who had
--         a relapse on a day was seen on it. A partial date counts as later only if all of its days are; such a date
--         stands for its middle. Observation ends on the day last seen or on the cutoff, whichever is earlier. The
--         cutoff is the site's data cutoff, or analysis_cutoff_date where it is set and earlier.
-- source: README.md, rules of time.
create view derived.observation_end as
with contact as (
    select
        follow_up.patient_id,
        follow_up.vital_status,
        case
            when follow_up.vital_status = 'dead' then coalesce(follow_up.death_date, follow_up.last_contact_date)
            else follow_up.last_contact_date
        end as contact_date,
        case
            when follow_up.vital_status = 'dead' then coalesce(follow_up.death_date_is_imputed, true)
            else follow_up.last_contact_date_is_imputed
        end as is_imputed,
        follow_up.submission_id,
        follow_up.source_file,
        follow_up.source_line
    from staging.follow_up
),

later_record as (
    select
        record.patient_id,
        record.record_earliest
        + cast(date_diff('day', record.record_earliest, record.record_latest) // 2 as integer) as record_date,
        record.record_earliest < record.record_latest as is_imputed,
        record.source_table,
        record.submission_id,
        record.source_file,
        record.source_line
    from staging.patient_record as record
    inner join contact
        on
            record.patient_id = contact.patient_id
            and record.record_earliest > contact.contact_date
    where contact.vital_status = 'alive'
),

latest_record as (
    select
        patient_id,
        record_date,
        is_imputed,
        source_table,
        submission_id,
        source_file,
        source_line,
        row_number() over (
            partition by patient_id
            order by record_date desc, source_table, source_file, source_line
        ) as position
    from later_record
),

last_seen as (
    select
        contact.patient_id,
        coalesce(latest_record.record_date, contact.contact_date) as last_seen_date,
        coalesce(latest_record.is_imputed, contact.is_imputed) as is_imputed,
        coalesce(latest_record.source_table, 'follow_up') as source_table,
        coalesce(latest_record.submission_id, contact.submission_id) as submission_id,
        coalesce(latest_record.source_file, contact.source_file) as source_file,
        coalesce(latest_record.source_line, contact.source_line) as source_line
    from contact
    left join latest_record
        on
            contact.patient_id = latest_record.patient_id
            and latest_record.position = 1
),

cutoff as (
    select
        patient.patient_id,
        least(submission.data_cutoff_date, cast(getvariable('analysis_cutoff_date') as date)) as cutoff_date
    from staging.patient
    inner join ledger.current_submission as submission on patient.submission_id = submission.submission_id
)

select
    last_seen.patient_id,
    last_seen.last_seen_date,
    last_seen.is_imputed as last_seen_date_is_imputed,
    cutoff.cutoff_date,
    least(last_seen.last_seen_date, cutoff.cutoff_date) as observation_end_date,
    last_seen.source_table,
    last_seen.submission_id,
    last_seen.source_file,
    last_seen.source_line
from last_seen
inner join cutoff on last_seen.patient_id = cutoff.patient_id;
