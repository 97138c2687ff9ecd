-- analysis.attrition
-- what:   From what was submitted to what is analysed: patients left at each step.
-- grain:  one row a step
-- inputs: ledger.current_submission, quality.quarantine_patient, staging.patient, analysis.response,
--        , analysis.endpoint
-- rule:   every step is a subset of the one before. A patient claimed by two sites was submitted twice, and one of the
--         claims is held out; a quarantined row whose patient was accepted from another line is no second patient.
-- source: STROBE statement, item 13: numbers at each stage, and reasons.
create or replace table analysis.attrition as
with submitted as (
    select
        submission_id,
        patient_id
    from staging.patient
    union
    select
        held.submission_id,
        coalesce(held.patient_id, 'line ' || cast(held.source_line as varchar)) as patient_id
    from quality.quarantine_patient as held
    inner join ledger.current_submission as submission on held.submission_id = submission.submission_id
),

endpoint as (
    select
        patient_id,
        endpoint
    from analysis.endpoint
    where endpoint in ('os', 'os_from_response')
),

treated as (
    select
        response.patient_id,
        case when response.indication = 'relapsed_refractory' then 1 else 0 end as is_relapsed_refractory,
        response.is_responder,
        max(case when endpoint.endpoint = 'os' then 1 else 0 end) as has_follow_up,
        max(case when endpoint.endpoint = 'os_from_response' then 1 else 0 end) as has_follow_up_after_response
    from analysis.response
    left join endpoint on response.patient_id = endpoint.patient_id
    group by response.patient_id, response.indication, response.is_responder
),

accepted as (
    select count(*) as n_patients
    from staging.patient
),

treated_count as (
    select
        count(*) as n_treated,
        count(case when is_relapsed_refractory = 1 then 1 end) as n_relapsed_refractory,
        count(case when is_relapsed_refractory * has_follow_up = 1 then 1 end) as n_followed,
        count(case when is_relapsed_refractory * has_follow_up * is_responder = 1 then 1 end) as n_responder,
        count(
            case
                when is_relapsed_refractory * has_follow_up * is_responder * has_follow_up_after_response = 1 then 1
            end
        ) as n_followed_responder
    from treated
),

step as (
    select
        1 as step_number,
        'submitted' as step,
        'Patients in the current submissions, rows that were not accepted included.' as description,
        count(*) as n_patients
    from submitted
    union all
    select
        2 as step_number,
        'accepted' as step,
        'Patients whose row was accepted; the others are quarantined or held back.' as description,
        n_patients
    from accepted
    union all
    select
        3 as step_number,
        'with_blinatumomab' as step,
        'Patients with a first dose of blinatumomab.' as description,
        n_treated as n_patients
    from treated_count
    union all
    select
        4 as step_number,
        'relapsed_refractory' as step,
        'Patients treated for relapsed or refractory disease; the MRD indication is analysed apart.' as description,
        n_relapsed_refractory as n_patients
    from treated_count
    union all
    select
        5 as step_number,
        'with_follow_up' as step,
        'Patients seen after the day of the first dose.' as description,
        n_followed as n_patients
    from treated_count
    union all
    select
        6 as step_number,
        'responder' as step,
        'Patients with CR, CRh or CRi.' as description,
        n_responder as n_patients
    from treated_count
    union all
    select
        7 as step_number,
        'responder_with_follow_up' as step,
        'Responders seen after the day of response: those of the transplant question.' as description,
        n_followed_responder as n_patients
    from treated_count
)

select
    step_number,
    step,
    description,
    n_patients,
    coalesce(lag(n_patients) over (order by step_number) - n_patients, 0) as n_excluded
from step;
