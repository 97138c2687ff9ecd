-- analysis.transplant
-- what:   The transplant from which time is counted, as it was on its day.
-- grain:  one row a patient with the origin transplant
-- inputs: derived.origin, staging.transplant
-- rule:   donor, graft and conditioning describe the transplanted and nobody else: they are known on the day of
--         transplant, and before it nobody has them.
-- source: 2020 multicenter real-world study, Table 4.
create or replace table analysis.transplant as
select
    origin.patient_id,
    origin.origin_date as transplant_date,
    transplant.donor,
    transplant.graft_source,
    transplant.conditioning,
    transplant.n_alkylators,
    transplant.remission_status
from derived.origin
inner join staging.transplant as transplant
    on
        origin.patient_id = transplant.patient_id
        and origin.submission_id = transplant.submission_id
        and origin.source_file = transplant.source_file
        and origin.source_line = transplant.source_line
where origin.origin = 'transplant';
