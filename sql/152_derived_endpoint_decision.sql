-- derived.endpoint_decision
-- what:   The source that decides each endpoint of each patient who has its origin.
-- grain:  one row a patient and endpoint
-- inputs: derived.origin, derived.endpoint_source, derived.event_source
-- rule:   what happened counts from the day of the origin on; the end of observation counts whenever it was, so that one
--         before the origin is seen. The row that made the origin is not its own event. Of the sources of one day the
--         one with the smallest priority decides. A patient without follow-up has no deciding source.
-- source: README.md, rules of time.
create view derived.endpoint_decision as
with event as (
    select
        patient_id,
        source,
        event_date,
        is_imputed,
        is_end_of_observation,
        source_table,
        submission_id,
        source_file,
        source_line
    from derived.event_source
),

followed as (
    select distinct patient_id
    from event
    where source = 'last_contact'
),

origin as (
    select
        origin.patient_id,
        origin.origin,
        origin.origin_date,
        origin.is_imputed,
        followed.patient_id is not null as has_follow_up,
        origin.source_table,
        origin.source_file,
        origin.source_line
    from derived.origin
    left join followed on origin.patient_id = followed.patient_id
),

candidate as (
    select
        origin.patient_id,
        declared.endpoint,
        origin.origin,
        origin.origin_date,
        origin.is_imputed as origin_date_is_imputed,
        declared.role,
        declared.source,
        event.event_date,
        event.is_imputed as event_date_is_imputed,
        event.source_table,
        event.submission_id,
        event.source_file,
        event.source_line,
        row_number() over (
            partition by origin.patient_id, declared.endpoint
            order by event.event_date, declared.priority, event.source_table, event.source_file, event.source_line
        ) as position
    from origin
    inner join derived.endpoint_source as declared on origin.origin = declared.origin
    inner join event
        on
            origin.patient_id = event.patient_id
            and declared.source = event.source
    where
        origin.has_follow_up
        and (
            event.is_end_of_observation
            or (
                event.event_date >= origin.origin_date
                and (
                    event.source_table <> origin.source_table
                    or event.source_file <> origin.source_file
                    or event.source_line <> origin.source_line
                )
            )
        )
)

select
    patient_id,
    endpoint,
    origin,
    origin_date,
    origin_date_is_imputed,
    role,
    source,
    event_date,
    event_date_is_imputed,
    date_diff('day', origin_date, event_date) as n_days,
    source_table,
    submission_id,
    source_file,
    source_line
from candidate
where position = 1
union all
select distinct
    origin.patient_id,
    declared.endpoint,
    origin.origin,
    origin.origin_date,
    origin.is_imputed as origin_date_is_imputed,
    cast(null as varchar) as role,
    cast(null as varchar) as source,
    cast(null as date) as event_date,
    cast(null as boolean) as event_date_is_imputed,
    cast(null as bigint) as n_days,
    cast(null as varchar) as source_table,
    cast(null as varchar) as submission_id,
    cast(null as varchar) as source_file,
    cast(null as integer) as source_line
from origin
inner join derived.endpoint_source as declared on origin.origin = declared.origin
where not origin.has_follow_up;
