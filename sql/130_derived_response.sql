-- derived.response
-- what:   Response to the first course of blinatumomab, with the row that shows it.
-- grain:  one row a patient with a first dose
-- inputs: derived.first_dose, derived.blinatumomab_course, derived.observation_end, staging.line_of_therapy,
--         staging.transplant, staging.disease_assessment, staging.mrd_assessment
-- rule:   an assessment tells about the response from the index date until the first of: the day before the next line
--         of therapy, the day before re-treatment with blinatumomab, the day of the first transplant from the index
--         date on (the marrow of that day was taken before the graft), the end of observation. Blinatumomab's own line
--         is no next line. What is found after a transplant or another line is not credited to blinatumomab.
--         Relapsed or refractory disease responds by its first CR, CRh or CRi. The MRD indication, where the marrow
--         is in remission from the start, responds by its first MRD-negative sample, whatever the method. The best
--         response is the first assessment of the best category; the site's category counts, and CR allows exactly 5%
--         marrow blasts. Residual disease near response is that of the samples from 14 days before to 42 days after
--         it. A sample that was planned and not done, or could not be decided, is no evidence either way.
-- source: 2020 multicenter real-world study, Methods (CR is marrow blasts of 5% or less; MRD by local flow cytometry)
--         and Results (149 of 227 by remission; 9 of 12 by MRD negativity).
create or replace table derived.response as
with first_dose as (
    select
        patient_id,
        course_number,
        index_date,
        indication,
        response_basis,
        submission_id,
        source_file,
        source_line
    from derived.first_dose
),

course as (
    select
        course.patient_id,
        max(case when course.course_number = first_dose.course_number then course.last_cycle_date end)
            as last_cycle_date,
        min(case when course.first_day > first_dose.index_date then course.first_day end) as next_course_date
    from first_dose
    inner join derived.blinatumomab_course as course on first_dose.patient_id = course.patient_id
    group by course.patient_id
),

next_line as (
    select
        first_dose.patient_id,
        min(line.start_date) as start_date
    from first_dose
    inner join course on first_dose.patient_id = course.patient_id
    inner join staging.line_of_therapy as line
        on
            first_dose.patient_id = line.patient_id
            and first_dose.index_date < line.start_date
    where
        line.start_date > course.last_cycle_date
        or line.regimen is null
        or line.regimen not like '%blinatumomab%'
    group by first_dose.patient_id
),

next_transplant as (
    select
        first_dose.patient_id,
        min(transplant.transplant_date) as transplant_date
    from first_dose
    inner join staging.transplant as transplant
        on
            first_dose.patient_id = transplant.patient_id
            and first_dose.index_date <= transplant.transplant_date
    group by first_dose.patient_id
),

response_window as (
    select
        first_dose.patient_id,
        first_dose.response_basis,
        first_dose.index_date,
        observation_end.observation_end_date,
        coalesce(
            least(
                next_line.start_date - 1,
                course.next_course_date - 1,
                next_transplant.transplant_date,
                observation_end.observation_end_date
            ),
            cast('9999-12-31' as date)
        ) as window_end_date
    from first_dose
    inner join course on first_dose.patient_id = course.patient_id
    left join next_line on first_dose.patient_id = next_line.patient_id
    left join next_transplant on first_dose.patient_id = next_transplant.patient_id
    left join derived.observation_end on first_dose.patient_id = observation_end.patient_id
),

assessment as (
    select
        assessment.patient_id,
        assessment.response,
        assessment.assessment_date,
        assessment.assessment_date_is_imputed,
        assessment.submission_id,
        assessment.source_file,
        assessment.source_line,
        case assessment.response
            when 'cr' then 1
            when 'crh' then 2
            when 'cri' then 3
            when 'mlfs' then 4
            when 'pr' then 5
            when 'stable' then 6
            when 'no_response' then 7
            when 'progression' then 8
            else 9
        end as place
    from response_window
    inner join staging.disease_assessment as assessment
        on
            response_window.patient_id = assessment.patient_id
            and assessment.assessment_date between response_window.index_date and response_window.window_end_date
),

best_numbered as (
    select
        patient_id,
        response,
        assessment_date,
        place,
        row_number() over (
            partition by patient_id
            order by place, assessment_date, source_file, source_line
        ) as position
    from assessment
),

best as (
    select
        patient_id,
        response as best_response,
        assessment_date as best_response_date,
        case when place < 9 then 1 else 0 end as is_evaluable
    from best_numbered
    where position = 1
),

sample as (
    select
        sample.patient_id,
        sample.sample_date,
        sample.sample_date_is_imputed,
        sample.result,
        sample.submission_id,
        sample.source_file,
        sample.source_line
    from response_window
    inner join staging.mrd_assessment as sample
        on
            response_window.patient_id = sample.patient_id
            and sample.sample_date between response_window.index_date and response_window.window_end_date
    where sample.result in ('negative', 'positive')
),

sampled as (
    select
        patient_id,
        min(case when result = 'negative' then sample_date end) as mrd_negative_date
    from sample
    group by patient_id
),

evidence as (
    select
        response_window.patient_id,
        assessment.assessment_date as response_date,
        assessment.assessment_date_is_imputed as response_date_is_imputed,
        'disease_assessment' as source_table,
        assessment.submission_id,
        assessment.source_file,
        assessment.source_line
    from response_window
    inner join assessment on response_window.patient_id = assessment.patient_id
    where
        response_window.response_basis = 'haematologic'
        and assessment.response in ('cr', 'crh', 'cri')
    union all
    select
        response_window.patient_id,
        sample.sample_date as response_date,
        sample.sample_date_is_imputed as response_date_is_imputed,
        'mrd_assessment' as source_table,
        sample.submission_id,
        sample.source_file,
        sample.source_line
    from response_window
    inner join sample on response_window.patient_id = sample.patient_id
    where
        response_window.response_basis = 'mrd'
        and sample.result = 'negative'
),

evidence_numbered as (
    select
        patient_id,
        response_date,
        response_date_is_imputed,
        source_table,
        submission_id,
        source_file,
        source_line,
        row_number() over (
            partition by patient_id
            order by response_date, source_file, source_line
        ) as position
    from evidence
),

first_response as (
    select
        patient_id,
        response_date,
        response_date_is_imputed,
        source_table,
        submission_id,
        source_file,
        source_line
    from evidence_numbered
    where position = 1
),

near_response as (
    select
        first_response.patient_id,
        min(case when sample.result = 'negative' then sample.sample_date end) as mrd_negative_near_date,
        min(case when sample.result = 'positive' then sample.sample_date end) as mrd_positive_near_date
    from first_response
    inner join sample
        on
            first_response.patient_id = sample.patient_id
            and sample.sample_date between first_response.response_date - 14 and first_response.response_date + 42
    group by first_response.patient_id
)

select
    first_dose.patient_id,
    first_dose.index_date,
    first_dose.indication,
    first_dose.response_basis,
    first_dose.submission_id as index_submission_id,
    first_dose.source_file as index_source_file,
    first_dose.source_line as index_source_line,
    response_window.window_end_date,
    response_window.observation_end_date,
    best.best_response,
    best.best_response_date,
    case
        when first_dose.response_basis = 'mrd' then case when sampled.patient_id is not null then 1 else 0 end
        else coalesce(best.is_evaluable, 0)
    end as is_evaluable,
    sampled.mrd_negative_date,
    near_response.mrd_negative_near_date,
    near_response.mrd_positive_near_date,
    first_response.response_date,
    first_response.response_date_is_imputed,
    first_response.source_table,
    first_response.submission_id,
    first_response.source_file,
    first_response.source_line
from first_dose
inner join response_window on first_dose.patient_id = response_window.patient_id
left join best on first_dose.patient_id = best.patient_id
left join sampled on first_dose.patient_id = sampled.patient_id
left join first_response on first_dose.patient_id = first_response.patient_id
left join near_response on first_dose.patient_id = near_response.patient_id;
