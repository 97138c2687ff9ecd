-- derived.after_response
-- what:   What came first after the response: relapse, a transplant, cells, death, or nothing until the last contact.
-- grain:  one row a patient with a response
-- inputs: derived.origin_exposure, derived.endpoint_decision, staging.drug_exposure
-- rule:   the earliest counts; of one day relapse (or progression) before transplant before cells before death. Nothing
--         after the end of observation counts; without follow-up nothing is known.
-- source: 2020 multicenter real-world study, Response: responders without transplant who continued, had CAR-T cells or
--         donor lymphocytes, or relapsed.
create or replace table derived.after_response as
with happened as (
    select
        patient_id,
        case event when 1 then 'relapse' else 'death' end as what,
        case event when 1 then 10 else 30 end as priority,
        deciding_date as happened_date
    from derived.endpoint_decision
    where
        endpoint = 'duration_of_remission'
        and event > 0
    union all
    select
        patient_id,
        'allo_hct' as what,
        20 as priority,
        allo_hct_date as happened_date
    from derived.origin_exposure
    where
        origin = 'response'
        and allo_hct_date is not null
    union all
    select
        origin.patient_id,
        drug.agent_class as what,
        case drug.agent_class when 'car_t' then 21 else 22 end as priority,
        drug.start_date as happened_date
    from derived.origin_exposure as origin
    inner join staging.drug_exposure as drug
        on
            origin.patient_id = drug.patient_id
            and drug.start_date between origin.origin_date and origin.observation_end_date
    where
        origin.origin = 'response'
        and drug.agent_class in ('car_t', 'donor_lymphocytes')
    union all
    select
        patient_id,
        'nothing' as what,
        90 as priority,
        observation_end_date as happened_date
    from derived.origin_exposure
    where
        origin = 'response'
        and observation_end_date is not null
),

numbered as (
    select
        patient_id,
        what,
        happened_date,
        row_number() over (
            partition by patient_id
            order by happened_date, priority
        ) as position
    from happened
)

select
    patient_id,
    what,
    happened_date
from numbered
where position = 1;
