-- analysis.toxicity_term
-- what:   Single adverse events in each period: how often, how severe, how treated.
-- grain:  one row a patient, term, grade scale and period
-- inputs: derived.toxicity_event, derived.first_dose
-- rule:   scales are never pooled. Only patients with an event have rows: who could be assessed is in
--         analysis.toxicity, for the category of the term. A drug counts as given for the event only if the site said
--         yes.
-- source: 2020 multicenter real-world study, Table 3 and Adverse events of interest (treatment of CRS).
create or replace table analysis.toxicity_term as
with graded as (
    select
        patient_id,
        term,
        category,
        grade_scale,
        period,
        grade,
        onset_date,
        corticosteroid,
        tocilizumab,
        is_fatal,
        max(grade) over (partition by patient_id, term, grade_scale, period) as max_grade
    from derived.toxicity_event
)

select
    graded.patient_id,
    graded.term,
    graded.category,
    graded.grade_scale,
    graded.period,
    count(*) as n_events,
    count(*) - count(graded.grade) as n_ungraded,
    max(graded.grade) as max_grade,
    min(case when graded.grade = graded.max_grade then graded.onset_date end) as max_grade_date,
    min(graded.onset_date) as first_onset_date,
    max(graded.corticosteroid) as corticosteroid,
    max(graded.tocilizumab) as tocilizumab,
    max(graded.is_fatal) as is_fatal
from graded
inner join derived.first_dose on graded.patient_id = first_dose.patient_id
group by graded.patient_id, graded.term, graded.category, graded.grade_scale, graded.period;
