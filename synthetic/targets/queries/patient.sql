-- patient: all that the published tables count, one row a patient with a first dose of blinatumomab
-- rule: yes, no and unknown stay words; what was derived here is 0 or 1. What the analysis views have
--       is taken from them. Toxicity of blinatumomab has its onset from the first dose to 30 days after the
--       course and not after a transplant; what began after the transplant is counted there. The published table pools
--       the scales of grades, and so does this. A month is 30.4375 days.
with first_dose as (
    select
        first_dose.patient_id,
        first_dose.course_number,
        first_dose.index_date,
        coalesce(course.last_day, date '9999-12-31') as last_day
    from derived.first_dose as first_dose
    inner join derived.blinatumomab_course as course
        on
            first_dose.patient_id = course.patient_id
            and first_dose.course_number = course.course_number
),

remission as (
    select
        patient_id,
        origin_date as response_date,
        case when event = 1 then 1 else 0 end as relapsed,
        case when event = 1 then deciding_date else date '9999-12-31' end as relapse_date
    from analysis.endpoint
    where endpoint = 'duration_of_remission'
),

cell_therapy as (
    select
        drug.patient_id,
        max(case when drug.agent_class = 'car_t' then 1 else 0 end) as car_t_in_remission,
        max(case when drug.agent_class = 'donor_lymphocytes' then 1 else 0 end) as donor_lymphocytes_in_remission
    from staging.drug_exposure as drug
    inner join remission on drug.patient_id = remission.patient_id
    where
        drug.agent_class in ('car_t', 'donor_lymphocytes')
        and drug.start_date >= remission.response_date
        and drug.start_date < remission.relapse_date
    group by drug.patient_id
),

transplant_numbered as (
    select
        transplant.patient_id,
        transplant.transplant_number,
        transplant.transplant_date,
        transplant.donor,
        row_number() over (
            partition by transplant.patient_id
            order by transplant.transplant_date, transplant.transplant_number
        ) as position
    from staging.transplant as transplant
    inner join first_dose on transplant.patient_id = first_dose.patient_id
    where
        transplant.transplant_type = 'allogeneic'
        and transplant.transplant_date >= first_dose.index_date
),

transplant as (
    select
        patient_id,
        transplant_number,
        transplant_date,
        donor
    from transplant_numbered
    where position = 1
),

gvhd as (
    select
        gvhd.patient_id,
        max(case when gvhd.gvhd_type = 'acute' then 1 else 0 end) as acute_gvhd,
        max(case when gvhd.gvhd_type = 'chronic' then 1 else 0 end) as chronic_gvhd
    from staging.gvhd as gvhd
    inner join transplant
        on
            gvhd.patient_id = transplant.patient_id
            and gvhd.transplant_number = transplant.transplant_number
    group by gvhd.patient_id
),

transplant_related_death as (
    select
        patient_id,
        1 as transplant_related_death_100_days
    from analysis.endpoint
    where
        endpoint = 'transplant_related_mortality'
        and event = 1
        and time_days <= 100
),

discontinuation as (
    select
        patient_id,
        1 as discontinued,
        max(case when category = 'neurotoxicity' then 1 else 0 end) as discontinued_neurotoxicity,
        max(case when category = 'hepatotoxicity' then 1 else 0 end) as discontinued_hepatotoxicity,
        max(case when category = 'crs' then 1 else 0 end) as discontinued_crs,
        max(case when category = 'infection' then 1 else 0 end) as discontinued_infection,
        max(case when category = 'pain' then 1 else 0 end) as discontinued_pain
    from analysis.discontinuation
    group by patient_id
),

event as (
    select
        event.patient_id,
        event.term,
        category.category,
        coalesce(event.grade, 0) as grade,
        event.onset_date,
        event.corticosteroid,
        event.tocilizumab,
        event.outcome,
        event.action,
        transplant.transplant_date,
        transplant.transplant_date is not null and event.onset_date > transplant.transplant_date as is_after_transplant,
        event.onset_date between first_dose.index_date and first_dose.last_day + interval 30 day as is_on_treatment
    from staging.adverse_event as event
    inner join derived.toxicity_category as category on event.term = category.term
    inner join first_dose on event.patient_id = first_dose.patient_id
    left join transplant on event.patient_id = transplant.patient_id
),

toxicity as (
    select
        patient_id,
        max(case when category = 'crs' then grade end) as grade_crs,
        max(case when category = 'neurotoxicity' then grade end) as grade_neurotoxicity,
        max(case when term = 'encephalopathy' then grade end) as grade_encephalopathy,
        max(case when term = 'headache' then grade end) as grade_headache,
        max(case when term = 'seizure' then grade end) as grade_seizure,
        max(case when term = 'stroke' then grade end) as grade_stroke,
        max(case when category = 'hepatotoxicity' then grade end) as grade_hepatotoxicity,
        max(case when term = 'transaminase_increase' then grade end) as grade_transaminases,
        max(case when term = 'bilirubin_increase' then grade end) as grade_bilirubin,
        max(case when term = 'veno_occlusive_disease' then grade end) as grade_veno_occlusive_disease,
        max(case when term = 'liver_failure' then grade end) as grade_liver_failure,
        max(case when term = 'sepsis' then grade end) as grade_sepsis,
        max(case when term = 'crs' and corticosteroid = 'yes' then 1 else 0 end) as crs_corticosteroid,
        max(case when term = 'crs' and tocilizumab = 'yes' then 1 else 0 end) as crs_tocilizumab
    from event
    where
        is_on_treatment
        and not is_after_transplant
    group by patient_id
),

after_transplant as (
    select
        patient_id,
        max(case when term = 'veno_occlusive_disease' then 1 else 0 end) as veno_occlusive_disease_after_transplant,
        max(case when category = 'infection' then 1 else 0 end) as infection_after_transplant
    from event
    where is_after_transplant
    group by patient_id
),

evaluable as (
    select
        patient_id,
        max(case when category = 'crs' and evaluable = 'yes' then 1 else 0 end) as evaluable_crs,
        max(case when category = 'neurotoxicity' and evaluable = 'yes' then 1 else 0 end) as evaluable_neurotoxicity,
        max(case when category = 'hepatotoxicity' and evaluable = 'yes' then 1 else 0 end) as evaluable_hepatotoxicity
    from staging.toxicity_assessment
    where period = 'on_treatment'
    group by patient_id
)

select
    cohort.patient_id,
    cohort.indication,
    cohort.dosing,
    cohort.age_years,
    cohort.sex,
    cohort.karnofsky_percent,
    cohort.wbc_1e9_per_l,
    cohort.blood_blast_percent,
    cohort.ph_status,
    cohort.kmt2a_rearranged,
    cohort.cytogenetic_abnormality,
    cohort.cns_at_diagnosis,
    cohort.cns_at_earlier_event as cns_at_relapse,
    cohort.cns_disease,
    cohort.cns_history,
    cohort.marrow_disease,
    cohort.extramedullary_disease,
    cohort.n_prior_lines,
    cohort.n_earlier_lines as salvage_line,
    cohort.prior_allo_hct,
    cohort.primary_refractory,
    cohort.cr1_duration_days,
    cohort.prior_inotuzumab,
    course.n_cycles,
    cohort.tki_at_start as tki,
    cohort.tki_agent_at_start as tki_agent,
    course.chemotherapy_with_course as chemotherapy,
    course.anti_cd20_with_course as rituximab,
    course.intrathecal_with_course as intrathecal,
    course.combination,
    response.best_response,
    response.is_evaluable,
    response.is_responder,
    response.mrd_at_response,
    coalesce(remission.relapsed, 0) as relapsed,
    coalesce(cell_therapy.car_t_in_remission, 0) as car_t_in_remission,
    coalesce(cell_therapy.donor_lymphocytes_in_remission, 0) as donor_lymphocytes_in_remission,
    case when transplant.patient_id is not null then 1 else 0 end as allo_hct,
    case
        when response.is_responder = 1
            then date_diff('day', response.response_date, transplant.transplant_date) / cast(30.4375 as double)
    end as response_to_transplant_months,
    coalesce(transplant.donor, 'none') as donor,
    coalesce(gvhd.acute_gvhd, 0) as acute_gvhd,
    coalesce(gvhd.chronic_gvhd, 0) as chronic_gvhd,
    coalesce(after_transplant.veno_occlusive_disease_after_transplant, 0) as veno_occlusive_disease_after_transplant,
    coalesce(after_transplant.infection_after_transplant, 0) as infection_after_transplant,
    coalesce(transplant_related_death.transplant_related_death_100_days, 0) as transplant_related_death_100_days,
    coalesce(course.cause_of_death, 'none') as cause_of_death,
    coalesce(evaluable.evaluable_crs, 0) as evaluable_crs,
    coalesce(evaluable.evaluable_neurotoxicity, 0) as evaluable_neurotoxicity,
    coalesce(evaluable.evaluable_hepatotoxicity, 0) as evaluable_hepatotoxicity,
    toxicity.grade_crs,
    toxicity.grade_neurotoxicity,
    toxicity.grade_encephalopathy,
    toxicity.grade_headache,
    toxicity.grade_seizure,
    toxicity.grade_stroke,
    toxicity.grade_hepatotoxicity,
    toxicity.grade_transaminases,
    toxicity.grade_bilirubin,
    toxicity.grade_veno_occlusive_disease,
    toxicity.grade_liver_failure,
    toxicity.grade_sepsis,
    coalesce(toxicity.crs_corticosteroid, 0) as crs_corticosteroid,
    coalesce(toxicity.crs_tocilizumab, 0) as crs_tocilizumab,
    course.n_interruptions,
    coalesce(discontinuation.discontinued, 0) as discontinued,
    coalesce(discontinuation.discontinued_neurotoxicity, 0) as discontinued_neurotoxicity,
    coalesce(discontinuation.discontinued_hepatotoxicity, 0) as discontinued_hepatotoxicity,
    coalesce(discontinuation.discontinued_crs, 0) as discontinued_crs,
    coalesce(discontinuation.discontinued_infection, 0) as discontinued_infection,
    coalesce(discontinuation.discontinued_pain, 0) as discontinued_pain
from analysis.cohort as cohort
inner join analysis.response as response on cohort.patient_id = response.patient_id
inner join analysis.course as course on cohort.patient_id = course.patient_id
left join remission on cohort.patient_id = remission.patient_id
left join cell_therapy on cohort.patient_id = cell_therapy.patient_id
left join transplant on cohort.patient_id = transplant.patient_id
left join gvhd on cohort.patient_id = gvhd.patient_id
left join after_transplant on cohort.patient_id = after_transplant.patient_id
left join transplant_related_death on cohort.patient_id = transplant_related_death.patient_id
left join evaluable on cohort.patient_id = evaluable.patient_id
left join toxicity on cohort.patient_id = toxicity.patient_id
left join discontinuation on cohort.patient_id = discontinuation.patient_id
order by cohort.patient_id
