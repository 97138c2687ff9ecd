-- derived.exposure_start
-- what:   The day on which each time-dependent exposure begins, seen from each origin; empty if it never began.
-- grain:  one row a patient, origin and exposure
-- inputs: derived.origin, derived.observation_end, staging.transplant, staging.gvhd, staging.disease_event
-- rule:   allo_hct is the first allogeneic transplant on or after the origin, also after relapse; from the origin
--         transplant it is the next one. allo_hct_in_remission is the same transplant, if no relapse or progression
--         lies between origin and transplant, the days themselves included (relapse and transplant on one day: relapse
--         first). Graft-versus-host disease and platelet recovery count after transplants on or after the origin.
--         Nothing after the end of observation counts; an origin after it has no rows.
-- source: README.md, rules of time.
create view derived.exposure_start as
with observed_origin as (
    select
        origin.patient_id,
        origin.origin,
        origin.origin_date,
        observation_end.observation_end_date
    from derived.origin
    inner join derived.observation_end
        on
            origin.patient_id = observation_end.patient_id
            and origin.origin_date <= observation_end.observation_end_date
),

allo_hct as (
    select
        observed_origin.patient_id,
        observed_origin.origin,
        observed_origin.origin_date,
        min(transplant.transplant_date) as exposure_date
    from observed_origin
    inner join staging.transplant as transplant on observed_origin.patient_id = transplant.patient_id
    where
        transplant.transplant_type = 'allogeneic'
        and transplant.transplant_date <= observed_origin.observation_end_date
        and (
            transplant.transplant_date > observed_origin.origin_date
            or (transplant.transplant_date = observed_origin.origin_date and observed_origin.origin <> 'transplant')
        )
    group by observed_origin.patient_id, observed_origin.origin, observed_origin.origin_date
),

out_of_remission as (
    select distinct
        allo_hct.patient_id,
        allo_hct.origin
    from allo_hct
    inner join staging.disease_event as event
        on
            allo_hct.patient_id = event.patient_id
            and event.event_date between allo_hct.origin_date and allo_hct.exposure_date
    where event.event_type in ('relapse', 'progression')
),

gvhd as (
    select
        observed_origin.patient_id,
        observed_origin.origin,
        case gvhd.gvhd_type when 'acute' then 'acute_gvhd' else 'chronic_gvhd' end as exposure,
        min(gvhd.onset_date) as exposure_date
    from observed_origin
    inner join staging.transplant as transplant
        on
            observed_origin.patient_id = transplant.patient_id
            and observed_origin.origin_date <= transplant.transplant_date
    inner join staging.gvhd as gvhd
        on
            transplant.patient_id = gvhd.patient_id
            and transplant.transplant_number = gvhd.transplant_number
    where gvhd.onset_date between observed_origin.origin_date and observed_origin.observation_end_date
    group by observed_origin.patient_id, observed_origin.origin, gvhd.gvhd_type
),

platelet_recovery as (
    select
        observed_origin.patient_id,
        observed_origin.origin,
        min(transplant.platelet_recovery_date) as exposure_date
    from observed_origin
    inner join staging.transplant as transplant
        on
            observed_origin.patient_id = transplant.patient_id
            and observed_origin.origin_date <= transplant.transplant_date
    where
        transplant.platelet_recovery_date
        between observed_origin.origin_date and observed_origin.observation_end_date
    group by observed_origin.patient_id, observed_origin.origin
),

started as (
    select
        patient_id,
        origin,
        'allo_hct' as exposure,
        exposure_date
    from allo_hct
    union all
    select
        allo_hct.patient_id,
        allo_hct.origin,
        'allo_hct_in_remission' as exposure,
        allo_hct.exposure_date
    from allo_hct
    left join out_of_remission
        on
            allo_hct.patient_id = out_of_remission.patient_id
            and allo_hct.origin = out_of_remission.origin
    where out_of_remission.patient_id is null
    union all
    select
        patient_id,
        origin,
        exposure,
        exposure_date
    from gvhd
    union all
    select
        patient_id,
        origin,
        'platelet_recovery' as exposure,
        exposure_date
    from platelet_recovery
),

exposure_name as (
    select exposure
    from (
        values ('allo_hct'), ('allo_hct_in_remission'), ('acute_gvhd'), ('chronic_gvhd'), ('platelet_recovery')
    ) as declaration (exposure)
)

select
    observed_origin.patient_id,
    observed_origin.origin,
    observed_origin.origin_date,
    observed_origin.observation_end_date,
    exposure_name.exposure,
    started.exposure_date
from observed_origin
cross join exposure_name
left join started
    on
        observed_origin.patient_id = started.patient_id
        and observed_origin.origin = started.origin
        and exposure_name.exposure = started.exposure;
