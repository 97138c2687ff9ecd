-- derived.endpoint_source
-- what:   The declaration of every endpoint: its origin and the named sources that end it.
-- grain:  one row an endpoint and source
-- inputs: none
-- rule:   the earliest source from the origin on decides. On one day the smaller priority decides: relapse before
--         death, because the death followed it; transplant before death, because both happened; event before
--         censoring. role says what the source means: the event (1), a competing event (2), censoring (0).
--         To add an endpoint, add its rows here and its name to schemas/views/time_to_event.py.
-- source: 2020 multicenter real-world study, Methods (overall, relapse-free and event-free survival, transplant with
--         death competing); competing risks are never read as 1 - Kaplan-Meier.
create or replace table derived.endpoint_source as
select
    endpoint,
    origin,
    role,
    source,
    priority
from (
    values
    ('os', 'index', 'event', 'death', 30),
    ('os', 'index', 'censoring', 'last_contact', 90),
    ('os', 'index', 'censoring', 'analysis_cutoff', 91),

    ('os_from_response', 'response', 'event', 'death', 30),
    ('os_from_response', 'response', 'censoring', 'last_contact', 90),
    ('os_from_response', 'response', 'censoring', 'analysis_cutoff', 91),

    ('rfs', 'response', 'event', 'relapse', 10),
    ('rfs', 'response', 'event', 'progression', 11),
    ('rfs', 'response', 'event', 'death', 30),
    ('rfs', 'response', 'censoring', 'last_contact', 90),
    ('rfs', 'response', 'censoring', 'analysis_cutoff', 91),

    ('rfs_molecular', 'response', 'event', 'relapse', 10),
    ('rfs_molecular', 'response', 'event', 'progression', 11),
    ('rfs_molecular', 'response', 'event', 'molecular_relapse', 12),
    ('rfs_molecular', 'response', 'event', 'death', 30),
    ('rfs_molecular', 'response', 'censoring', 'last_contact', 90),
    ('rfs_molecular', 'response', 'censoring', 'analysis_cutoff', 91),

    ('efs', 'index', 'event', 'relapse', 10),
    ('efs', 'index', 'event', 'progression', 11),
    ('efs', 'index', 'event', 'death', 30),
    ('efs', 'index', 'censoring', 'last_contact', 90),
    ('efs', 'index', 'censoring', 'analysis_cutoff', 91),

    ('duration_of_remission', 'response', 'event', 'relapse', 10),
    ('duration_of_remission', 'response', 'event', 'progression', 11),
    ('duration_of_remission', 'response', 'competing', 'death', 30),
    ('duration_of_remission', 'response', 'censoring', 'last_contact', 90),
    ('duration_of_remission', 'response', 'censoring', 'analysis_cutoff', 91),

    ('allo_hct', 'response', 'event', 'allo_hct', 20),
    ('allo_hct', 'response', 'competing', 'death', 30),
    ('allo_hct', 'response', 'censoring', 'last_contact', 90),
    ('allo_hct', 'response', 'censoring', 'analysis_cutoff', 91),

    ('os_from_transplant', 'transplant', 'event', 'death', 30),
    ('os_from_transplant', 'transplant', 'censoring', 'last_contact', 90),
    ('os_from_transplant', 'transplant', 'censoring', 'analysis_cutoff', 91),

    ('pfs_from_transplant', 'transplant', 'event', 'relapse', 10),
    ('pfs_from_transplant', 'transplant', 'event', 'progression', 11),
    ('pfs_from_transplant', 'transplant', 'event', 'death', 30),
    ('pfs_from_transplant', 'transplant', 'censoring', 'last_contact', 90),
    ('pfs_from_transplant', 'transplant', 'censoring', 'analysis_cutoff', 91),

    ('non_relapse_mortality', 'transplant', 'competing', 'relapse', 10),
    ('non_relapse_mortality', 'transplant', 'competing', 'progression', 11),
    ('non_relapse_mortality', 'transplant', 'event', 'death', 30),
    ('non_relapse_mortality', 'transplant', 'censoring', 'last_contact', 90),
    ('non_relapse_mortality', 'transplant', 'censoring', 'analysis_cutoff', 91),

    ('transplant_related_mortality', 'transplant', 'event', 'transplant_related_death', 30),
    ('transplant_related_mortality', 'transplant', 'competing', 'other_death', 31),
    ('transplant_related_mortality', 'transplant', 'censoring', 'last_contact', 90),
    ('transplant_related_mortality', 'transplant', 'censoring', 'analysis_cutoff', 91)
) as declaration (endpoint, origin, role, source, priority);
