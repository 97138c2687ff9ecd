-- analysis.counting_process
-- what:   Rows (tstart, tstop] for time-dependent analyses.
-- grain:  one row a patient, endpoint and stretch of time with constant exposures
-- inputs: derived.endpoint_decision
-- rule:   time is cut where an exposure begins. An exposure of day t counts from just after t: the row that ends on t
--         is unexposed, so a death on the day of transplant is a death without transplant. An exposure of day 0 counts
--         from the start. The event stands in the last row.
-- source: Mantel and Byar, J Am Stat Assoc 1974;69:81-86; Simon and Makuch, Stat Med 1984;3:35-44.
create or replace table analysis.counting_process as
with endpoint as (
    select
        patient_id,
        endpoint,
        origin,
        time_days,
        event,
        cast(date_diff('day', origin_date, allo_hct_date) as double) as allo_hct_days,
        cast(date_diff('day', origin_date, allo_hct_in_remission_date) as double) as allo_hct_in_remission_days,
        cast(date_diff('day', origin_date, acute_gvhd_date) as double) as acute_gvhd_days,
        cast(date_diff('day', origin_date, chronic_gvhd_date) as double) as chronic_gvhd_days,
        cast(date_diff('day', origin_date, platelet_recovery_date) as double) as platelet_recovery_days
    from derived.endpoint_decision
    where exclusion_reason is null
),

exposure as (
    select distinct
        patient_id,
        origin,
        allo_hct_days,
        allo_hct_in_remission_days,
        acute_gvhd_days,
        chronic_gvhd_days,
        platelet_recovery_days
    from endpoint
),

cut as (
    select
        patient_id,
        origin,
        cast(0 as double) as tstart
    from exposure
    union
    select
        patient_id,
        origin,
        allo_hct_days as tstart
    from exposure
    where allo_hct_days is not null
    union
    select
        patient_id,
        origin,
        acute_gvhd_days as tstart
    from exposure
    where acute_gvhd_days is not null
    union
    select
        patient_id,
        origin,
        chronic_gvhd_days as tstart
    from exposure
    where chronic_gvhd_days is not null
    union
    select
        patient_id,
        origin,
        platelet_recovery_days as tstart
    from exposure
    where platelet_recovery_days is not null
),

stretch as (
    select
        patient_id,
        origin,
        tstart,
        lead(tstart) over (
            partition by patient_id, origin
            order by tstart
        ) as next_tstart
    from cut
)

select
    endpoint.patient_id,
    endpoint.endpoint,
    stretch.tstart,
    least(stretch.next_tstart, endpoint.time_days) as tstop,
    case when stretch.next_tstart < endpoint.time_days then 0 else endpoint.event end as event,
    case when endpoint.allo_hct_days <= stretch.tstart then 1 else 0 end as allo_hct,
    case when endpoint.allo_hct_in_remission_days <= stretch.tstart then 1 else 0 end as allo_hct_in_remission,
    case when endpoint.acute_gvhd_days <= stretch.tstart then 1 else 0 end as acute_gvhd,
    case when endpoint.chronic_gvhd_days <= stretch.tstart then 1 else 0 end as chronic_gvhd,
    case when endpoint.platelet_recovery_days <= stretch.tstart then 1 else 0 end as platelet_recovery
from endpoint
inner join stretch
    on
        endpoint.patient_id = stretch.patient_id
        and endpoint.origin = stretch.origin
        and stretch.tstart < endpoint.time_days;
