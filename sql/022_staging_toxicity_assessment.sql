-- staging.toxicity_assessment
-- what:   Who could be assessed for a category of toxicity: the denominators of the toxicity tables.
-- grain:  one row a patient, category and period
-- inputs: current.toxicity_assessment
-- rule:   none; no dates to complete.
create or replace table staging.toxicity_assessment as
select
    patient_id,
    category,
    period,
    evaluable,
    submission_id,
    source_file,
    source_line
from current.toxicity_assessment;
