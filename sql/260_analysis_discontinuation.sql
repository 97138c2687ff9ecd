-- analysis.discontinuation
-- what:   Reasons for stopping blinatumomab for toxicity.
-- grain:  one row a patient and category of adverse event that led to permanent discontinuation
-- inputs: staging.adverse_event, derived.toxicity_category, derived.first_dose, derived.observation_end
-- rule:   a patient who stopped for two categories has two rows. Events count from the index date to the end of
--         observation.
-- source: 2020 multicenter real-world study, Table 3 (discontinuation by cause).
create or replace table analysis.discontinuation as
select
    event.patient_id,
    category.category,
    min(event.onset_date) as discontinuation_date,
    count(*) as n_events
from derived.first_dose
inner join staging.adverse_event as event
    on
        first_dose.patient_id = event.patient_id
        and first_dose.index_date <= event.onset_date
inner join derived.toxicity_category as category on event.term = category.term
left join derived.observation_end on event.patient_id = observation_end.patient_id
where
    event.action = 'discontinued'
    and (observation_end.patient_id is null or event.onset_date <= observation_end.observation_end_date)
group by event.patient_id, category.category;
