-- derived.event_source
-- what:   Everything that can end a time to event, under the names that derived.endpoint_source uses.
-- grain:  one row a patient, source and row of a submitted table
-- inputs: staging.disease_event, staging.transplant, derived.observation_end
-- rule:   each type of disease_event is a source of that name. A death counts if the vital status says so; without a
--         day of death it is dated on the day of last contact, marked as imputed. last_contact is the day last seen,
--         analysis_cutoff the cutoff; both end observation, so they count even before an origin, and both point to
--         the row that shows until when the patient was seen. CAR-T cells and donor lymphocytes are no source: they
--         neither end nor censor anything.
-- source: README.md, endpoints.
create or replace table derived.event_source as
with observation as (
    select
        patient_id,
        vital_status,
        cause_of_death,
        contact_date,
        contact_date_is_imputed,
        last_seen_date,
        last_seen_date_is_imputed,
        cutoff_date,
        follow_up_submission_id,
        follow_up_source_file,
        follow_up_source_line,
        source_table,
        submission_id,
        source_file,
        source_line
    from derived.observation_end
),

death as (
    select
        patient_id,
        contact_date as event_date,
        contact_date_is_imputed as is_imputed,
        cause_of_death,
        follow_up_submission_id as submission_id,
        follow_up_source_file as source_file,
        follow_up_source_line as source_line
    from observation
    where vital_status = 'dead'
)

select
    patient_id,
    event_type as source,
    event_date,
    event_date_is_imputed as is_imputed,
    false as is_end_of_observation,
    'disease_event' as source_table,
    submission_id,
    source_file,
    source_line
from staging.disease_event
union all
select
    patient_id,
    'allo_hct' as source,
    transplant_date as event_date,
    transplant_date_is_imputed as is_imputed,
    false as is_end_of_observation,
    'transplant' as source_table,
    submission_id,
    source_file,
    source_line
from staging.transplant
where transplant_type = 'allogeneic'
union all
select
    patient_id,
    'death' as source,
    event_date,
    is_imputed,
    false as is_end_of_observation,
    'follow_up' as source_table,
    submission_id,
    source_file,
    source_line
from death
union all
select
    patient_id,
    case
        when cause_of_death = 'transplant_related' then 'transplant_related_death'
        else 'other_death'
    end as source,
    event_date,
    is_imputed,
    false as is_end_of_observation,
    'follow_up' as source_table,
    submission_id,
    source_file,
    source_line
from death
union all
select
    patient_id,
    'last_contact' as source,
    last_seen_date as event_date,
    last_seen_date_is_imputed as is_imputed,
    true as is_end_of_observation,
    source_table,
    submission_id,
    source_file,
    source_line
from observation
union all
select
    patient_id,
    'analysis_cutoff' as source,
    cutoff_date as event_date,
    false as is_imputed,
    true as is_end_of_observation,
    source_table,
    submission_id,
    source_file,
    source_line
from observation;
