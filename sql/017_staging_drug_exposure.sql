-- staging.drug_exposure
-- what:   Other drugs and cells that bear on outcome.
-- grain:  one row a patient, agent and start
-- inputs: current.drug_exposure, staging.patient_bounds
-- rule:   a drug is given between diagnosis and the last day the patient was seen, and stops on or after its start. An
--         empty stop date means that it goes on.
-- source: README.md, partial dates.
create or replace table staging.drug_exposure as
with bounded as (
    select
        drug.patient_id,
        drug.agent,
        drug.start_date_earliest,
        drug.start_date_latest,
        greatest(drug.start_date_earliest, known.diagnosis_date) as start_date_first,
        least(drug.start_date_latest, drug.stop_date_latest, known.last_seen_date) as start_date_last,
        drug.agent_class,
        drug.stop_date_earliest,
        drug.stop_date_latest,
        greatest(drug.stop_date_earliest, drug.start_date_earliest, known.diagnosis_date) as stop_date_first,
        least(drug.stop_date_latest, known.last_seen_date) as stop_date_last,
        drug.submission_id,
        drug.source_file,
        drug.source_line
    from current.drug_exposure as drug
    left join staging.patient_bounds as known on drug.patient_id = known.patient_id
)

select
    patient_id,
    agent,
    case
        when start_date_first between start_date_earliest and start_date_last
            then start_date_first + cast(date_diff('day', start_date_first, start_date_last) // 2 as integer)
        else start_date_earliest + cast(date_diff('day', start_date_earliest, start_date_latest) // 2 as integer)
    end as start_date,
    start_date_earliest,
    start_date_latest,
    start_date_earliest < start_date_latest as start_date_is_imputed,
    agent_class,
    case
        when stop_date_first between stop_date_earliest and stop_date_last
            then stop_date_first + cast(date_diff('day', stop_date_first, stop_date_last) // 2 as integer)
        else stop_date_earliest + cast(date_diff('day', stop_date_earliest, stop_date_latest) // 2 as integer)
    end as stop_date,
    stop_date_earliest,
    stop_date_latest,
    stop_date_earliest < stop_date_latest as stop_date_is_imputed,
    submission_id,
    source_file,
    source_line
from bounded;
