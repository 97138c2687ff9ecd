-- analysis.course
-- what:   What became of the patient after the first dose, as single values, each with the day on which it was known.
-- grain:  one row a patient of the cohort
-- inputs: derived.response, derived.first_dose, derived.course_treatment, derived.after_response,
--         derived.observation_end, staging.treatment_cycle, staging.enrolment
-- rule:   cycles are those of the first course. Their number is final when the course is over for good: on the day on
--         which assessments stop to count for the response (derived.response), or on the first day of a later cycle. Of
--         several studies the first that randomized counts. Follow-up is known in length only when it ends. That no
--         drug was given with the course is known when the course is over; that one was, on the day of the drug. A
--         cause of death counts if the death came within observation.
-- source: README.md, rules of time.
create or replace table analysis.course as
with cycle as (
    select
        first_dose.patient_id,
        count(*) as n_cycles,
        max(cycle.start_date) as last_cycle_date
    from derived.first_dose
    inner join staging.treatment_cycle as cycle
        on
            first_dose.patient_id = cycle.patient_id
            and first_dose.course_number = cycle.course_number
    where cycle.agent = 'blinatumomab'
    group by first_dose.patient_id
),

enrolment_numbered as (
    select
        patient_id,
        arm,
        randomization_date,
        row_number() over (
            partition by patient_id
            order by randomization_date nulls last, study_id
        ) as position
    from staging.enrolment
    where arm is not null
)

select
    response.patient_id,
    response.index_date,
    enrolment.arm,
    enrolment.randomization_date,
    cycle.n_cycles,
    case
        when response.observation_end_date is not null
            then greatest(response.window_end_date, cycle.last_cycle_date)
    end as n_cycles_known_date,
    treatment.n_interruptions,
    case when treatment.chemotherapy_date is not null then 1 else 0 end as chemotherapy_with_course,
    case when treatment.intrathecal_date is not null then 1 else 0 end as intrathecal_with_course,
    case when treatment.anti_cd20_date is not null then 1 else 0 end as anti_cd20_with_course,
    case when treatment.combination_date is not null then 1 else 0 end as combination,
    case
        when treatment.combination_date is not null then treatment.combination_date
        when response.observation_end_date is not null
            then greatest(response.window_end_date, cycle.last_cycle_date)
    end as combination_known_date,
    case
        when response.response_date is null and response.observation_end_date is not null then 'no_response'
        else after_response.what
    end as after_response,
    coalesce(after_response.happened_date, response.observation_end_date) as after_response_date,
    cast(date_diff('day', response.index_date, response.observation_end_date) as double) as follow_up_days,
    response.observation_end_date,
    case
        when
            observation_end.vital_status = 'dead'
            and observation_end.contact_date <= observation_end.observation_end_date
            then coalesce(observation_end.cause_of_death, 'unknown')
    end as cause_of_death
from derived.response
inner join cycle on response.patient_id = cycle.patient_id
inner join derived.course_treatment as treatment on response.patient_id = treatment.patient_id
left join derived.after_response on response.patient_id = after_response.patient_id
left join derived.observation_end on response.patient_id = observation_end.patient_id
left join enrolment_numbered as enrolment
    on
        response.patient_id = enrolment.patient_id
        and enrolment.position = 1;
