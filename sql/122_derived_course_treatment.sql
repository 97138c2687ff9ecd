-- derived.course_treatment
-- what:   What was given together with the first course of blinatumomab, and how often its infusion was interrupted.
-- grain:  one row a patient with a first dose
-- inputs: derived.first_dose, derived.blinatumomab_course, derived.observation_end, staging.drug_exposure,
--         staging.dose_interruption
-- rule:   a drug is given with the course if it is taken on a day from the first dose to the last day of the course;
--         its date is the first such day. Only interruptions for an adverse event are counted. Nothing after the end of
--         observation counts. A course without a last day goes on until then.
-- source: 2020 multicenter real-world study, Table 1 and Table 3; its logistic model has one term for a tyrosine kinase
--         inhibitor or chemotherapy, which includes intrathecal chemotherapy.
create or replace table derived.course_treatment as
with course as (
    select
        first_dose.patient_id,
        first_dose.index_date,
        least(
            course.last_day,
            observation_end.observation_end_date,
            cast('9999-12-31' as date)
        ) as last_day
    from derived.first_dose
    inner join derived.blinatumomab_course as course
        on
            first_dose.patient_id = course.patient_id
            and first_dose.course_number = course.course_number
    left join derived.observation_end on first_dose.patient_id = observation_end.patient_id
),

drug as (
    select
        course.patient_id,
        drug.agent_class,
        min(greatest(drug.start_date, course.index_date)) as first_day
    from course
    inner join staging.drug_exposure as drug
        on
            course.patient_id = drug.patient_id
            and drug.start_date <= course.last_day
            and (drug.stop_date is null or drug.stop_date >= course.index_date)
    where drug.agent_class in ('tki', 'chemotherapy', 'intrathecal', 'anti_cd20')
    group by course.patient_id, drug.agent_class
),

given as (
    select
        patient_id,
        min(case when agent_class = 'chemotherapy' then first_day end) as chemotherapy_date,
        min(case when agent_class = 'intrathecal' then first_day end) as intrathecal_date,
        min(case when agent_class = 'anti_cd20' then first_day end) as anti_cd20_date,
        min(case when agent_class in ('tki', 'chemotherapy', 'intrathecal') then first_day end) as combination_date
    from drug
    group by patient_id
),

interrupted as (
    select
        course.patient_id,
        count(*) as n_interruptions
    from course
    inner join staging.dose_interruption as interruption
        on
            course.patient_id = interruption.patient_id
            and interruption.start_date between course.index_date and course.last_day
    where
        interruption.agent = 'blinatumomab'
        and interruption.cause = 'adverse_event'
    group by course.patient_id
)

select
    course.patient_id,
    given.chemotherapy_date,
    given.intrathecal_date,
    given.anti_cd20_date,
    given.combination_date,
    coalesce(interrupted.n_interruptions, 0) as n_interruptions
from course
left join given on course.patient_id = given.patient_id
left join interrupted on course.patient_id = interrupted.patient_id;
