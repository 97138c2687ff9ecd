-- derived.event_source
-- what:   Everything that can end a time to event, under the names that derived.endpoint_source uses.
-- grain:  one row a patient, source and row of a submitted table
-- inputs: staging.disease_event, staging.transplant, staging.follow_up, derived.observation_end
-- rule:   each type of disease_event is a source of that name. A death counts if the vital status says so; without a
--         day of death it is dated on the day of last contact, marked as imputed. last_contact is the day last seen,
--         analysis_cutoff the cutoff; both end observation, so they count even before an origin, and both point to
--         the row that shows until when the patient was seen. CAR-T cells and donor lymphocytes are no source: they
--         neither end nor censor anything.
-- source: README.md, endpoints.
create view derived.event_source as
with death as (
    select
        patient_id,
        coalesce(death_date, last_contact_date) as event_date,
        coalesce(death_date_is_imputed, true) as is_imputed,
        cause_of_death,
        submission_id,
        source_file,
        source_line
    from staging.follow_up
    where vital_status = 'dead'
),

observation as (
    select
        patient_id,
        last_seen_date,
        last_seen_date_is_imputed,
        cutoff_date,
        source_table,
        submission_id,
        source_file,
        source_line
    from derived.observation_end
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
