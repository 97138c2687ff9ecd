-- derived.toxicity_category
-- what:   The category of every adverse-event term.
-- grain:  one row a term
-- inputs: none
-- rule:   a term belongs to one category; the terms are those of the submitted column adverse_event.term.
-- source: schemas/codes.py, TERM_CATEGORY; a test compares the two.
create or replace table derived.toxicity_category as
select
    term,
    category
from (
    values
    ('crs', 'crs'),
    ('encephalopathy', 'neurotoxicity'),
    ('headache', 'neurotoxicity'),
    ('seizure', 'neurotoxicity'),
    ('stroke', 'neurotoxicity'),
    ('tremor', 'neurotoxicity'),
    ('neurotoxicity_other', 'neurotoxicity'),
    ('transaminase_increase', 'hepatotoxicity'),
    ('bilirubin_increase', 'hepatotoxicity'),
    ('liver_failure', 'hepatotoxicity'),
    ('veno_occlusive_disease', 'hepatotoxicity'),
    ('infection', 'infection'),
    ('sepsis', 'infection'),
    ('febrile_neutropenia', 'infection'),
    ('pain', 'pain'),
    ('cytopenia', 'other'),
    ('tumour_lysis_syndrome', 'other'),
    ('other', 'other')
) as mapping (term, category);
