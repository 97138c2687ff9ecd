-- derived.origin
-- what:   The days from which time is counted.
-- grain:  one row a patient and origin
-- inputs: derived.response, staging.transplant
-- rule:   index is the first dose of blinatumomab. response is the first response to it. transplant is the first
--         allogeneic transplant on or after the index date; for a patient without blinatumomab, the first one.
--         A transplant before blinatumomab is history, not an origin.
-- source: README.md, rules of time.
create or replace table derived.origin as
with response as (
    select
        patient_id,
        index_date,
        index_submission_id,
        index_source_file,
        index_source_line,
        response_date,
        response_date_is_imputed,
        source_table,
        submission_id,
        source_file,
        source_line
    from derived.response
),

transplant as (
    select
        transplant.patient_id,
        transplant.transplant_date,
        transplant.transplant_date_is_imputed,
        transplant.submission_id,
        transplant.source_file,
        transplant.source_line,
        row_number() over (
            partition by transplant.patient_id
            order by transplant.transplant_date, transplant.transplant_number
        ) as position
    from staging.transplant as transplant
    left join response on transplant.patient_id = response.patient_id
    where
        transplant.transplant_type = 'allogeneic'
        and (response.patient_id is null or transplant.transplant_date >= response.index_date)
)

select
    patient_id,
    'index' as origin,
    index_date as origin_date,
    false as is_imputed,
    'treatment_cycle' as source_table,
    index_submission_id as submission_id,
    index_source_file as source_file,
    index_source_line as source_line
from response
union all
select
    patient_id,
    'response' as origin,
    response_date as origin_date,
    response_date_is_imputed as is_imputed,
    source_table,
    submission_id,
    source_file,
    source_line
from response
where response_date is not null
union all
select
    patient_id,
    'transplant' as origin,
    transplant_date as origin_date,
    transplant_date_is_imputed as is_imputed,
    'transplant' as source_table,
    submission_id,
    source_file,
    source_line
from transplant
where position = 1;
