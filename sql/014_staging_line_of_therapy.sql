-- staging.line_of_therapy
-- what:   Lines of therapy in their order; blinatumomab is one of them.
-- grain:  one row a patient and line
-- inputs: current.line_of_therapy, staging.patient_bounds
-- rule:   lines start in the order of their numbers, between diagnosis and the last day the patient was seen; a line
--         ends, and its response comes, on or after its start.
-- source: README.md, partial dates.
create or replace table staging.line_of_therapy as
with numbered as (
    select
        patient_id,
        line_number,
        start_date_earliest,
        start_date_latest,
        max(case when start_date_earliest = start_date_latest then start_date_earliest end) over (
            partition by patient_id
            order by line_number
            rows between unbounded preceding and 1 preceding
        ) as earlier_line_date,
        min(case when start_date_earliest = start_date_latest then start_date_earliest end) over (
            partition by patient_id
            order by line_number
            rows between 1 following and unbounded following
        ) as later_line_date,
        end_date_earliest,
        end_date_latest,
        regimen,
        intent,
        best_response,
        response_date_earliest,
        response_date_latest,
        submission_id,
        source_file,
        source_line
    from current.line_of_therapy
),

bounded as (
    select
        line.patient_id,
        line.line_number,
        line.start_date_earliest,
        line.start_date_latest,
        greatest(line.start_date_earliest, known.diagnosis_date, line.earlier_line_date) as start_date_first,
        least(
            line.start_date_latest,
            line.later_line_date,
            line.end_date_latest,
            line.response_date_latest,
            known.last_seen_date
        ) as start_date_last,
        line.end_date_earliest,
        line.end_date_latest,
        greatest(
            line.end_date_earliest,
            line.start_date_earliest,
            known.diagnosis_date,
            line.earlier_line_date
        ) as end_date_first,
        least(line.end_date_latest, known.last_seen_date) as end_date_last,
        line.regimen,
        line.intent,
        line.best_response,
        line.response_date_earliest,
        line.response_date_latest,
        greatest(
            line.response_date_earliest,
            line.start_date_earliest,
            known.diagnosis_date,
            line.earlier_line_date
        ) as response_date_first,
        least(line.response_date_latest, known.last_seen_date) as response_date_last,
        line.submission_id,
        line.source_file,
        line.source_line
    from numbered as line
    left join staging.patient_bounds as known on line.patient_id = known.patient_id
)

select
    patient_id,
    line_number,
    case
        when start_date_first between start_date_earliest and start_date_last
            then start_date_first + cast(date_diff('day', start_date_first, start_date_last) // 2 as integer)
        else start_date_earliest + cast(date_diff('day', start_date_earliest, start_date_latest) // 2 as integer)
    end as start_date,
    start_date_earliest,
    start_date_latest,
    start_date_earliest < start_date_latest as start_date_is_imputed,
    case
        when end_date_first between end_date_earliest and end_date_last
            then end_date_first + cast(date_diff('day', end_date_first, end_date_last) // 2 as integer)
        else end_date_earliest + cast(date_diff('day', end_date_earliest, end_date_latest) // 2 as integer)
    end as end_date,
    end_date_earliest,
    end_date_latest,
    end_date_earliest < end_date_latest as end_date_is_imputed,
    regimen,
    intent,
    best_response,
    case
        when response_date_first between response_date_earliest and response_date_last
            then response_date_first + cast(date_diff('day', response_date_first, response_date_last) // 2 as integer)
        else
            response_date_earliest
            + cast(date_diff('day', response_date_earliest, response_date_latest) // 2 as integer)
    end as response_date,
    response_date_earliest,
    response_date_latest,
    response_date_earliest < response_date_latest as response_date_is_imputed,
    submission_id,
    source_file,
    source_line
from bounded;
