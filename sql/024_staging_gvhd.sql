-- staging.gvhd
-- what:   Graft-versus-host disease, first onset of each type after each transplant.
-- grain:  one row a patient, transplant and type
-- inputs: current.gvhd, staging.patient_bounds, staging.transplant
-- rule:   graft-versus-host disease begins on or after the day of its transplant.
-- source: README.md, partial dates.
create or replace table staging.gvhd as
with bounded as (
    select
        gvhd.patient_id,
        gvhd.transplant_number,
        gvhd.gvhd_type,
        gvhd.onset_date_earliest,
        gvhd.onset_date_latest,
        greatest(gvhd.onset_date_earliest, transplant.transplant_date) as onset_date_first,
        least(gvhd.onset_date_latest, known.last_seen_date) as onset_date_last,
        gvhd.grade,
        gvhd.grade_scale,
        gvhd.submission_id,
        gvhd.source_file,
        gvhd.source_line
    from current.gvhd as gvhd
    left join staging.patient_bounds as known on gvhd.patient_id = known.patient_id
    left join staging.transplant as transplant
        on
            gvhd.patient_id = transplant.patient_id
            and gvhd.transplant_number = transplant.transplant_number
)

select
    patient_id,
    transplant_number,
    gvhd_type,
    case
        when onset_date_first between onset_date_earliest and onset_date_last
            then onset_date_first + cast(date_diff('day', onset_date_first, onset_date_last) // 2 as integer)
        else onset_date_earliest + cast(date_diff('day', onset_date_earliest, onset_date_latest) // 2 as integer)
    end as onset_date,
    onset_date_earliest,
    onset_date_latest,
    onset_date_earliest < onset_date_latest as onset_date_is_imputed,
    grade,
    grade_scale,
    submission_id,
    source_file,
    source_line
from bounded;
