-- analysis.counting_process
-- what:   Rows (tstart, tstop] for time-dependent analyses.
-- grain:  one row a patient, endpoint and stretch of time with constant exposures
-- inputs: analysis.endpoint, analysis.exposure
-- rule:   time is cut where an exposure begins. An exposure of day t counts from just after t: the row that ends on t
--         is unexposed, so a death on the day of transplant is a death without transplant. An exposure of day 0 counts
--         from the start. The event stands in the last row.
-- source: Mantel and Byar, J Am Stat Assoc 1974;69:81-86; Simon and Makuch, Stat Med 1984;3:35-44.
create view analysis.counting_process as
with start as (
    select
        patient_id,
        origin,
        exposure,
        exposure_days
    from analysis.exposure
),

exposure as (
    select
        patient_id,
        origin,
        max(case when exposure = 'allo_hct' then exposure_days end) as allo_hct_days,
        max(case when exposure = 'allo_hct_in_remission' then exposure_days end) as allo_hct_in_remission_days,
        max(case when exposure = 'acute_gvhd' then exposure_days end) as acute_gvhd_days,
        max(case when exposure = 'chronic_gvhd' then exposure_days end) as chronic_gvhd_days,
        max(case when exposure = 'platelet_recovery' then exposure_days end) as platelet_recovery_days
    from start
    group by patient_id, origin
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
        exposure_days as tstart
    from start
    where exposure_days is not null
),

stretch as (
    select
        cut.patient_id,
        cut.origin,
        cut.tstart,
        lead(cut.tstart) over (
            partition by cut.patient_id, cut.origin
            order by cut.tstart
        ) as next_tstart,
        case when exposure.allo_hct_days <= cut.tstart then 1 else 0 end as allo_hct,
        case when exposure.allo_hct_in_remission_days <= cut.tstart then 1 else 0 end as allo_hct_in_remission,
        case when exposure.acute_gvhd_days <= cut.tstart then 1 else 0 end as acute_gvhd,
        case when exposure.chronic_gvhd_days <= cut.tstart then 1 else 0 end as chronic_gvhd,
        case when exposure.platelet_recovery_days <= cut.tstart then 1 else 0 end as platelet_recovery
    from cut
    inner join exposure
        on
            cut.patient_id = exposure.patient_id
            and cut.origin = exposure.origin
)

select
    endpoint.patient_id,
    endpoint.endpoint,
    stretch.tstart,
    least(stretch.next_tstart, endpoint.time_days) as tstop,
    case when stretch.next_tstart < endpoint.time_days then 0 else endpoint.event end as event,
    stretch.allo_hct,
    stretch.allo_hct_in_remission,
    stretch.acute_gvhd,
    stretch.chronic_gvhd,
    stretch.platelet_recovery
from analysis.endpoint
inner join stretch
    on
        endpoint.patient_id = stretch.patient_id
        and endpoint.origin = stretch.origin
        and stretch.tstart < endpoint.time_days;
