-- derived.observation_end
-- what:   The last day on which anything that happened to the patient counts.
-- grain:  one row a patient with a row of follow-up
-- inputs: staging.follow_up, staging.patient_record, ledger.current_submission, the variable analysis_cutoff_date
-- rule:   a dead patient was last seen on the day of death (of last contact, where that day is not recorded). A living
--         one was last seen on the day of last contact or, if something is recorded later, on that later day: who had
--         a relapse on a day was seen on it. Observation ends on the day last seen or on the cutoff, whichever is
--         earlier. The cutoff is the site's data cutoff, or analysis_cutoff_date where it is set and earlier.
--         contact_date is the day of death of the dead and the day of last contact, as reported, of the living.
-- source: README.md, rules of time.
create or replace table derived.observation_end as
with contact as (
    select
        follow_up.patient_id,
        follow_up.vital_status,
        follow_up.cause_of_death,
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

latest_record as (
    select
        record.patient_id,
        record.record_date,
        record.is_imputed,
        record.source_table,
        record.submission_id,
        record.source_file,
        record.source_line,
        row_number() over (
            partition by record.patient_id
            order by
                record.record_date desc,
                record.source_table asc,
                record.source_file asc,
                record.source_line asc
        ) as position
    from staging.patient_record as record
    inner join contact
        on
            record.patient_id = contact.patient_id
            and record.record_date > contact.contact_date
    where contact.vital_status = 'alive'
),

last_seen as (
    select
        contact.patient_id,
        contact.vital_status,
        contact.cause_of_death,
        contact.contact_date,
        contact.is_imputed as contact_date_is_imputed,
        coalesce(latest_record.record_date, contact.contact_date) as last_seen_date,
        coalesce(latest_record.is_imputed, contact.is_imputed) as last_seen_date_is_imputed,
        contact.submission_id as follow_up_submission_id,
        contact.source_file as follow_up_source_file,
        contact.source_line as follow_up_source_line,
        coalesce(latest_record.source_table, 'follow_up') as source_table,
        coalesce(latest_record.submission_id, contact.submission_id) as submission_id,
        coalesce(latest_record.source_file, contact.source_file) as source_file,
        coalesce(latest_record.source_line, contact.source_line) as source_line
    from contact
    left join latest_record
        on
            contact.patient_id = latest_record.patient_id
            and latest_record.position = 1
)

select
    last_seen.patient_id,
    last_seen.vital_status,
    last_seen.cause_of_death,
    last_seen.contact_date,
    last_seen.contact_date_is_imputed,
    last_seen.last_seen_date,
    last_seen.last_seen_date_is_imputed,
    least(submission.data_cutoff_date, cast(getvariable('analysis_cutoff_date') as date)) as cutoff_date,
    least(
        last_seen.last_seen_date,
        submission.data_cutoff_date,
        cast(getvariable('analysis_cutoff_date') as date)
    ) as observation_end_date,
    last_seen.follow_up_submission_id,
    last_seen.follow_up_source_file,
    last_seen.follow_up_source_line,
    last_seen.source_table,
    last_seen.submission_id,
    last_seen.source_file,
    last_seen.source_line
from last_seen
inner join ledger.current_submission as submission on last_seen.follow_up_submission_id = submission.submission_id;
