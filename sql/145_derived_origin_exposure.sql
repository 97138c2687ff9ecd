-- derived.origin_exposure
-- what:   The origins with the day on which each time-dependent exposure begins, seen from the origin.
-- grain:  one row a patient and origin
-- inputs: derived.origin, derived.observation_end, derived.first_dose, staging.transplant, staging.gvhd,
--         staging.disease_event, staging.drug_exposure, staging.treatment_cycle
-- rule:   allo_hct is the first allogeneic transplant on or after the origin, also after relapse; from the origin
--         transplant it is the next one. allo_hct_in_remission is the same transplant, if no relapse or progression
--         lies between origin and transplant, the days themselves included (relapse and transplant on one day: relapse
--         first). Graft-versus-host disease and platelet recovery count after transplants on or after the origin.
--         A tyrosine kinase inhibitor that is taken on the origin, and a second cycle of blinatumomab (first course)
--         that began before it, are there from the origin on.
--         Nothing after the end of observation counts; what never began is empty. An empty observation_end_date means
--         that there is no follow-up.
-- source: README.md, rules of time.
create or replace table derived.origin_exposure as
with observed as (
    select
        origin.patient_id,
        origin.origin,
        origin.origin_date,
        origin.is_imputed,
        observation_end.observation_end_date,
        origin.source_table,
        origin.source_file,
        origin.source_line
    from derived.origin
    left join derived.observation_end on origin.patient_id = observation_end.patient_id
),

transplant as (
    select
        observed.patient_id,
        observed.origin,
        observed.origin_date,
        observed.observation_end_date,
        transplant.transplant_number,
        transplant.transplant_date,
        transplant.transplant_type,
        transplant.platelet_recovery_date
    from observed
    inner join staging.transplant as transplant
        on
            observed.patient_id = transplant.patient_id
            and transplant.transplant_date between observed.origin_date and observed.observation_end_date
),

allo_hct as (
    select
        patient_id,
        origin,
        origin_date,
        min(transplant_date) as allo_hct_date
    from transplant
    where
        transplant_type = 'allogeneic'
        and (origin <> 'transplant' or transplant_date > origin_date)
    group by patient_id, origin, origin_date
),

out_of_remission as (
    select distinct
        allo_hct.patient_id,
        allo_hct.origin
    from allo_hct
    inner join staging.disease_event as event
        on
            allo_hct.patient_id = event.patient_id
            and event.event_date between allo_hct.origin_date and allo_hct.allo_hct_date
    where event.event_type in ('relapse', 'progression')
),

gvhd as (
    select
        transplant.patient_id,
        transplant.origin,
        min(case when gvhd.gvhd_type = 'acute' then gvhd.onset_date end) as acute_gvhd_date,
        min(case when gvhd.gvhd_type = 'chronic' then gvhd.onset_date end) as chronic_gvhd_date
    from transplant
    inner join staging.gvhd as gvhd
        on
            transplant.patient_id = gvhd.patient_id
            and transplant.transplant_number = gvhd.transplant_number
            and gvhd.onset_date between transplant.origin_date and transplant.observation_end_date
    group by transplant.patient_id, transplant.origin
),

platelet_recovery as (
    select
        patient_id,
        origin,
        min(platelet_recovery_date) as platelet_recovery_date
    from transplant
    where platelet_recovery_date between origin_date and observation_end_date
    group by patient_id, origin
),

tki as (
    select
        observed.patient_id,
        observed.origin,
        min(greatest(drug.start_date, observed.origin_date)) as tki_date
    from observed
    inner join staging.drug_exposure as drug
        on
            observed.patient_id = drug.patient_id
            and drug.start_date <= observed.observation_end_date
            and (drug.stop_date is null or drug.stop_date >= observed.origin_date)
    where drug.agent_class = 'tki'
    group by observed.patient_id, observed.origin
),

cycle as (
    select
        cycle.patient_id,
        cycle.start_date,
        row_number() over (
            partition by cycle.patient_id
            order by cycle.start_date, cycle.cycle_number
        ) as position
    from derived.first_dose
    inner join staging.treatment_cycle as cycle
        on
            first_dose.patient_id = cycle.patient_id
            and first_dose.course_number = cycle.course_number
    where cycle.agent = 'blinatumomab'
),

second_cycle as (
    select
        observed.patient_id,
        observed.origin,
        greatest(cycle.start_date, observed.origin_date) as second_cycle_date
    from observed
    inner join cycle
        on
            observed.patient_id = cycle.patient_id
            and cycle.start_date <= observed.observation_end_date
    where cycle.position = 2
)

select
    observed.patient_id,
    observed.origin,
    observed.origin_date,
    observed.is_imputed,
    observed.observation_end_date,
    allo_hct.allo_hct_date,
    case when out_of_remission.patient_id is null then allo_hct.allo_hct_date end as allo_hct_in_remission_date,
    gvhd.acute_gvhd_date,
    gvhd.chronic_gvhd_date,
    platelet_recovery.platelet_recovery_date,
    tki.tki_date,
    second_cycle.second_cycle_date,
    observed.source_table,
    observed.source_file,
    observed.source_line
from observed
left join allo_hct
    on
        observed.patient_id = allo_hct.patient_id
        and observed.origin = allo_hct.origin
left join out_of_remission
    on
        observed.patient_id = out_of_remission.patient_id
        and observed.origin = out_of_remission.origin
left join gvhd
    on
        observed.patient_id = gvhd.patient_id
        and observed.origin = gvhd.origin
left join platelet_recovery
    on
        observed.patient_id = platelet_recovery.patient_id
        and observed.origin = platelet_recovery.origin
left join tki
    on
        observed.patient_id = tki.patient_id
        and observed.origin = tki.origin
left join second_cycle
    on
        observed.patient_id = second_cycle.patient_id
        and observed.origin = second_cycle.origin;
