-- analysis.cohort
-- what:   Everything known of the patient at the first dose of blinatumomab, and nothing that came later.
-- grain:  one row a patient with a first dose
-- inputs: derived.first_dose, staging.patient, staging.baseline, staging.disease_event, staging.transplant,
--         staging.treatment_cycle, staging.drug_exposure, staging.line_of_therapy
-- rule:   the state of the patient (performance, blood, marrow, disease sites) comes from the baseline of
--         blinatumomab_start if it was assessed by the index date; history comes from it whenever it was written down.
--         A recorded allogeneic transplant before the index date outweighs a baseline that says no. Earlier lines are
--         those of the baseline or, if it does not say, the lines numbered before that of blinatumomab. CNS history is
--         no only if diagnosis, first dose and every earlier event of the disease say no.
-- source: 2020 multicenter real-world study, Table 1.
create or replace table analysis.cohort as
with baseline as (
    select
        baseline.patient_id,
        baseline.assessment_date is null or baseline.assessment_date <= first_dose.index_date as is_state_known,
        baseline.age_years,
        baseline.karnofsky_percent,
        baseline.ecog,
        baseline.wbc_1e9_per_l,
        baseline.blood_blast_percent,
        baseline.marrow_blast_percent,
        baseline.marrow_disease,
        baseline.cns_disease,
        baseline.extramedullary_disease,
        baseline.n_prior_lines,
        baseline.prior_allo_hct,
        baseline.primary_refractory,
        baseline.cr1_duration_days
    from derived.first_dose
    inner join staging.baseline as baseline on first_dose.patient_id = baseline.patient_id
    where baseline.timepoint = 'blinatumomab_start'
),

earlier_event as (
    select
        event.patient_id,
        max(case when event.is_cns = 'yes' then 1 else 0 end) as has_cns,
        max(case when event.is_cns = 'no' then 0 else 1 end) as has_cns_not_excluded
    from derived.first_dose
    inner join staging.disease_event as event
        on
            first_dose.patient_id = event.patient_id
            and event.event_date < first_dose.index_date
    where event.event_type in ('relapse', 'progression', 'treatment_failure')
    group by event.patient_id
),

earlier_transplant as (
    select distinct transplant.patient_id
    from derived.first_dose
    inner join staging.transplant as transplant
        on
            first_dose.patient_id = transplant.patient_id
            and transplant.transplant_date < first_dose.index_date
    where transplant.transplant_type = 'allogeneic'
),

inotuzumab as (
    select
        patient_id,
        start_date
    from staging.treatment_cycle
    where agent like '%inotuzumab%'
    union all
    select
        patient_id,
        start_date
    from staging.drug_exposure
    where agent like '%inotuzumab%'
    union all
    select
        patient_id,
        start_date
    from staging.line_of_therapy
    where regimen like '%inotuzumab%'
),

earlier_inotuzumab as (
    select distinct inotuzumab.patient_id
    from derived.first_dose
    inner join inotuzumab
        on
            first_dose.patient_id = inotuzumab.patient_id
            and inotuzumab.start_date < first_dose.index_date
),

earlier_line as (
    select
        patient_id,
        min(line_number) - 1 as n_lines
    from staging.line_of_therapy
    where regimen like '%blinatumomab%'
    group by patient_id
),

tki as (
    select
        drug.patient_id,
        count(distinct drug.agent) as n_agents,
        min(drug.agent) as agent
    from derived.first_dose
    inner join staging.drug_exposure as drug
        on
            first_dose.patient_id = drug.patient_id
            and drug.start_date <= first_dose.index_date
            and (drug.stop_date is null or drug.stop_date >= first_dose.index_date)
    where drug.agent_class = 'tki'
    group by drug.patient_id
),

known as (
    select
        first_dose.patient_id,
        patient.site_id,
        first_dose.index_date,
        first_dose.indication,
        first_dose.dosing,
        baseline.age_years,
        patient.sex,
        patient.disease,
        patient.ph_status,
        patient.kmt2a_rearranged,
        patient.cytogenetic_abnormality,
        patient.cns_at_diagnosis,
        case when baseline.is_state_known then baseline.karnofsky_percent end as karnofsky_percent,
        case when baseline.is_state_known then baseline.ecog end as ecog,
        case when baseline.is_state_known then baseline.wbc_1e9_per_l end as wbc_1e9_per_l,
        case when baseline.is_state_known then baseline.blood_blast_percent end as blood_blast_percent,
        case when baseline.is_state_known then baseline.marrow_blast_percent end as marrow_blast_percent,
        case when baseline.is_state_known then baseline.marrow_disease end as marrow_disease,
        case when baseline.is_state_known then baseline.cns_disease end as cns_disease,
        coalesce(earlier_event.has_cns, 0) as has_cns_event,
        coalesce(earlier_event.has_cns_not_excluded, 0) as has_cns_not_excluded,
        case when baseline.is_state_known then baseline.extramedullary_disease end as extramedullary_disease,
        baseline.n_prior_lines,
        coalesce(baseline.n_prior_lines, earlier_line.n_lines) as n_earlier_lines,
        case when earlier_transplant.patient_id is not null then 'yes' else baseline.prior_allo_hct end
            as prior_allo_hct,
        baseline.primary_refractory,
        baseline.cr1_duration_days,
        case when earlier_inotuzumab.patient_id is not null then 1 else 0 end as prior_inotuzumab,
        case when tki.patient_id is not null then 1 else 0 end as tki_at_start,
        case
            when tki.patient_id is null then 'none'
            when tki.n_agents > 1 then 'several'
            when tki.agent in ('imatinib', 'dasatinib', 'nilotinib', 'bosutinib', 'ponatinib') then tki.agent
            else 'other'
        end as tki_agent_at_start,
        patient.registration_date
    from derived.first_dose
    inner join staging.patient as patient on first_dose.patient_id = patient.patient_id
    left join baseline on first_dose.patient_id = baseline.patient_id
    left join earlier_event on first_dose.patient_id = earlier_event.patient_id
    left join earlier_transplant on first_dose.patient_id = earlier_transplant.patient_id
    left join earlier_inotuzumab on first_dose.patient_id = earlier_inotuzumab.patient_id
    left join earlier_line on first_dose.patient_id = earlier_line.patient_id
    left join tki on first_dose.patient_id = tki.patient_id
)

select
    patient_id,
    site_id,
    index_date,
    indication,
    dosing,
    age_years,
    sex,
    disease,
    ph_status,
    kmt2a_rearranged,
    cytogenetic_abnormality,
    cns_at_diagnosis,
    karnofsky_percent,
    ecog,
    wbc_1e9_per_l,
    blood_blast_percent,
    marrow_blast_percent,
    marrow_disease,
    cns_disease,
    case
        when cns_at_diagnosis = 'yes' or cns_disease = 'yes' or has_cns_event = 1 then 'yes'
        when cns_at_diagnosis = 'no' and cns_disease = 'no' and has_cns_not_excluded = 0 then 'no'
        else 'unknown'
    end as cns_history,
    has_cns_event as cns_at_earlier_event,
    extramedullary_disease,
    n_prior_lines,
    n_earlier_lines,
    prior_allo_hct,
    primary_refractory,
    cr1_duration_days,
    prior_inotuzumab,
    tki_at_start,
    tki_agent_at_start,
    registration_date
from known;
