-- derived.toxicity_event
-- what:   The adverse events of each period, with their category.
-- grain:  one row a patient, event and period
-- inputs: derived.toxicity_period, derived.toxicity_category, staging.adverse_event
-- rule:   an event belongs to every period that its onset falls into. Events without a scale have the scale no_scale.
-- source: schemas/views, toxicity: the windows are declared with the codes of the column period.
create or replace table derived.toxicity_event as
select distinct
    event.patient_id,
    event.event_number,
    event.term,
    category.category,
    coalesce(event.grade_scale, 'no_scale') as grade_scale,
    period.period,
    event.grade,
    event.onset_date,
    case when event.corticosteroid = 'yes' then 1 else 0 end as corticosteroid,
    case when event.tocilizumab = 'yes' then 1 else 0 end as tocilizumab,
    case when event.outcome = 'fatal' or event.grade = 5 then 1 else 0 end as is_fatal
from staging.adverse_event as event
inner join derived.toxicity_category as category on event.term = category.term
inner join derived.toxicity_period as period
    on
        event.patient_id = period.patient_id
        and event.onset_date between period.first_day and period.last_day;
