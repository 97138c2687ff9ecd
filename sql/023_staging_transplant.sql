-- staging.transplant
-- what:   Every transplant of the patient, those before blinatumomab included, in their order.
-- grain:  one row a patient and transplant
-- inputs: current.transplant, staging.patient_bounds, current.baseline, current.gvhd
-- rule:   transplants come in the order of their numbers, after the diagnosis and before the recovery and the
--         graft-versus-host disease that follow them. Where the baseline says that there was no allogeneic transplant
--         before blinatumomab, none is placed before the first dose; where it says that there was one, the first is.
-- source: README.md, partial dates.
create or replace table staging.transplant as
with earlier as (
    select
        patient_id,
        prior_allo_hct
    from current.baseline
    where timepoint = 'blinatumomab_start'
),

first_gvhd as (
    select
        patient_id,
        transplant_number,
        min(onset_date_latest) as onset_date
    from current.gvhd
    group by patient_id, transplant_number
),

numbered as (
    select
        transplant.patient_id,
        transplant.transplant_number,
        transplant.transplant_date_earliest,
        transplant.transplant_date_latest,
        max(
            case
                when transplant.transplant_date_earliest = transplant.transplant_date_latest
                    then transplant.transplant_date_earliest
            end
        ) over (
            partition by transplant.patient_id
            order by transplant.transplant_number
            rows between unbounded preceding and 1 preceding
        ) as earlier_transplant_date,
        min(
            case
                when transplant.transplant_date_earliest = transplant.transplant_date_latest
                    then transplant.transplant_date_earliest
            end
        ) over (
            partition by transplant.patient_id
            order by transplant.transplant_number
            rows between 1 following and unbounded following
        ) as later_transplant_date,
        transplant.transplant_type,
        earlier.prior_allo_hct,
        row_number() over (
            partition by transplant.patient_id, transplant.transplant_type
            order by transplant.transplant_number
        ) as number_of_type,
        transplant.donor,
        transplant.graft_source,
        transplant.conditioning,
        transplant.n_alkylators,
        transplant.remission_status,
        transplant.neutrophil_recovery_date_earliest,
        transplant.neutrophil_recovery_date_latest,
        transplant.platelet_recovery_date_earliest,
        transplant.platelet_recovery_date_latest,
        transplant.submission_id,
        transplant.source_file,
        transplant.source_line
    from current.transplant as transplant
    left join earlier on transplant.patient_id = earlier.patient_id
),

ordered as (
    select
        transplant.patient_id,
        transplant.transplant_number,
        transplant.transplant_date_earliest,
        transplant.transplant_date_latest,
        greatest(
            known.diagnosis_date,
            transplant.earlier_transplant_date,
            case
                when transplant.transplant_type = 'allogeneic' and transplant.prior_allo_hct = 'no'
                    then known.first_dose_date
            end
        ) as not_before_date,
        least(
            transplant.later_transplant_date,
            transplant.neutrophil_recovery_date_latest,
            transplant.platelet_recovery_date_latest,
            first_gvhd.onset_date,
            case
                when
                    transplant.transplant_type = 'allogeneic'
                    and transplant.prior_allo_hct = 'yes'
                    and transplant.number_of_type = 1
                    then known.first_dose_date - 1
            end,
            known.last_seen_date
        ) as not_after_date,
        transplant.transplant_type,
        transplant.donor,
        transplant.graft_source,
        transplant.conditioning,
        transplant.n_alkylators,
        transplant.remission_status,
        transplant.neutrophil_recovery_date_earliest,
        transplant.neutrophil_recovery_date_latest,
        transplant.platelet_recovery_date_earliest,
        transplant.platelet_recovery_date_latest,
        known.last_seen_date,
        transplant.submission_id,
        transplant.source_file,
        transplant.source_line
    from numbered as transplant
    left join staging.patient_bounds as known on transplant.patient_id = known.patient_id
    left join first_gvhd
        on
            transplant.patient_id = first_gvhd.patient_id
            and transplant.transplant_number = first_gvhd.transplant_number
),

bounded as (
    select
        patient_id,
        transplant_number,
        transplant_date_earliest,
        transplant_date_latest,
        greatest(transplant_date_earliest, not_before_date) as transplant_date_first,
        least(transplant_date_latest, not_after_date) as transplant_date_last,
        transplant_type,
        donor,
        graft_source,
        conditioning,
        n_alkylators,
        remission_status,
        neutrophil_recovery_date_earliest,
        neutrophil_recovery_date_latest,
        greatest(
            neutrophil_recovery_date_earliest,
            transplant_date_earliest,
            not_before_date
        ) as neutrophil_recovery_date_first,
        least(neutrophil_recovery_date_latest, last_seen_date) as neutrophil_recovery_date_last,
        platelet_recovery_date_earliest,
        platelet_recovery_date_latest,
        greatest(
            platelet_recovery_date_earliest,
            transplant_date_earliest,
            not_before_date
        ) as platelet_recovery_date_first,
        least(platelet_recovery_date_latest, last_seen_date) as platelet_recovery_date_last,
        submission_id,
        source_file,
        source_line
    from ordered
)

select
    patient_id,
    transplant_number,
    case
        when transplant_date_first between transplant_date_earliest and transplant_date_last
            then
                transplant_date_first
                + cast(date_diff('day', transplant_date_first, transplant_date_last) // 2 as integer)
        else
            transplant_date_earliest
            + cast(date_diff('day', transplant_date_earliest, transplant_date_latest) // 2 as integer)
    end as transplant_date,
    transplant_date_earliest,
    transplant_date_latest,
    transplant_date_earliest < transplant_date_latest as transplant_date_is_imputed,
    transplant_type,
    donor,
    graft_source,
    conditioning,
    n_alkylators,
    remission_status,
    case
        when neutrophil_recovery_date_first between neutrophil_recovery_date_earliest and neutrophil_recovery_date_last
            then
                neutrophil_recovery_date_first
                + cast(date_diff('day', neutrophil_recovery_date_first, neutrophil_recovery_date_last) // 2 as integer)
        else
            neutrophil_recovery_date_earliest
            + cast(date_diff('day', neutrophil_recovery_date_earliest, neutrophil_recovery_date_latest) // 2 as integer)
    end as neutrophil_recovery_date,
    neutrophil_recovery_date_earliest,
    neutrophil_recovery_date_latest,
    neutrophil_recovery_date_earliest < neutrophil_recovery_date_latest as neutrophil_recovery_date_is_imputed,
    case
        when platelet_recovery_date_first between platelet_recovery_date_earliest and platelet_recovery_date_last
            then
                platelet_recovery_date_first
                + cast(date_diff('day', platelet_recovery_date_first, platelet_recovery_date_last) // 2 as integer)
        else
            platelet_recovery_date_earliest
            + cast(date_diff('day', platelet_recovery_date_earliest, platelet_recovery_date_latest) // 2 as integer)
    end as platelet_recovery_date,
    platelet_recovery_date_earliest,
    platelet_recovery_date_latest,
    platelet_recovery_date_earliest < platelet_recovery_date_latest as platelet_recovery_date_is_imputed,
    submission_id,
    source_file,
    source_line
from bounded;
