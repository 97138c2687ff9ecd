-- Impossible orders of events in a cohort: each query gives the rows that break the rule above it.
-- A date is the first day that a partial date can mean; X_latest is the last. cutoff() is the data cutoff.
-- The table spine has one row a patient with the days that others are compared with; term_category gives the
-- category of each adverse-event term.

-- spine
create table spine as
select
    patient.patient_id,
    patient.birth_year,
    patient.ph_status,
    patient.diagnosis_date,
    cycle.index_date,
    cycle.is_mrd,
    cycle.last_start_date,
    cycle.last_stop_date,
    follow_up.last_contact_date,
    follow_up.death_date,
    follow_up.cause_of_death,
    relapse.failure_date,
    relapse.relapse_date,
    remission.first_remission_date,
    hct.hct_date,
    lines.line_number as blinatumomab_line,
    next_line.start_date as next_line_date
from patient
left join (
    select patient_id, min(start_date) as index_date, max(start_date) as last_start_date,
        max(stop_date) as last_stop_date, bool_or(indication = 'mrd') as is_mrd
    from treatment_cycle group by patient_id
) as cycle using (patient_id)
left join follow_up using (patient_id)
left join (
    select event.patient_id, min(event_date) as failure_date,
        min(event_date) filter (event_type = 'relapse') as relapse_date
    from disease_event as event
    inner join (select patient_id, min(start_date) as first_day from treatment_cycle group by patient_id) as dose
        on event.patient_id = dose.patient_id and event.event_date > dose.first_day
    where event_type in ('relapse', 'progression') group by event.patient_id
) as relapse using (patient_id)
left join (
    select patient_id, min(assessment_date) as first_remission_date from disease_assessment
    where response in ('cr', 'cri') group by patient_id
) as remission using (patient_id)
left join (
    select hct.patient_id, min(transplant_date) as hct_date
    from transplant as hct
    inner join (select patient_id, min(start_date) as first_day from treatment_cycle group by patient_id) as dose
        on hct.patient_id = dose.patient_id and hct.transplant_date > dose.first_day
    group by hct.patient_id
) as hct using (patient_id)
left join line_of_therapy as lines
    on patient.patient_id = lines.patient_id and lines.regimen like 'blinatumomab%'
left join line_of_therapy as next_line
    on patient.patient_id = next_line.patient_id and next_line.line_number = lines.line_number + 1;

-- ------------------------------------------------------------
-- patient and baseline

-- rule: diagnosed before birth
select *
from patient
where year(diagnosis_date_latest) < birth_year;

-- rule: adult at the first dose
select *
from baseline
where timepoint = 'blinatumomab_start' and age_years not between 18 and 85;

-- rule: age agrees with the year of birth
select *
from baseline join spine using (patient_id)
where timepoint = 'blinatumomab_start' and year(index_date) - birth_year - age_years not in (0, 1);

-- rule: no younger at transplant
select *
from baseline a join baseline b using (patient_id)
where a.timepoint = 'blinatumomab_start' and b.timepoint = 'transplant' and b.age_years < a.age_years;

-- rule: baseline shortly before the first dose
select *
from baseline join spine using (patient_id)
where timepoint = 'blinatumomab_start' and index_date - assessment_date not between 0 and 14;

-- rule: baseline shortly before transplant
select *
from baseline join spine using (patient_id)
where timepoint = 'transplant' and coalesce(hct_date - assessment_date not between 0 and 30, true);

-- rule: everybody has a first dose and a follow-up
select *
from spine
where index_date is null or last_contact_date is null or blinatumomab_line is null;

-- rule: accrual
select *
from spine
where index_date not between date '2014-12-01' and cutoff() - 30;

-- ------------------------------------------------------------
-- lines

-- rule: line numbers count from 1
select patient_id
from line_of_therapy
group by patient_id
having min(line_number) <> 1 or max(line_number) <> count(*);

-- rule: line ends after its start
select *
from line_of_therapy
where end_date_latest < start_date;

-- rule: line starts after diagnosis
select *
from line_of_therapy join spine using (patient_id)
where start_date_latest < diagnosis_date;

-- rule: lines follow each other
select a.patient_id
from line_of_therapy a join line_of_therapy b on a.patient_id = b.patient_id
    and b.line_number = a.line_number + 1
where b.start_date_latest < a.end_date or (a.end_date is null and b.line_number > 1);

-- rule: earlier lines end before the first dose
select *
from line_of_therapy join spine using (patient_id)
where line_number < blinatumomab_line and end_date_latest >= index_date;

-- rule: response to a line after its start
select *
from line_of_therapy
where response_date_latest < start_date;

-- rule: response to an earlier line before the first dose
select *
from line_of_therapy join spine using (patient_id)
where line_number < blinatumomab_line and response_date_latest >= index_date;

-- rule: blinatumomab line starts with the first dose
select *
from line_of_therapy join spine using (patient_id)
where line_number = blinatumomab_line and start_date <> index_date;

-- rule: number of prior lines
select *
from baseline join spine using (patient_id)
where timepoint = 'blinatumomab_start' and n_prior_lines <> blinatumomab_line - 1;

-- rule: next line after relapse or non-response only
select *
from spine
where next_line_date is not null and failure_date is null and first_remission_date is not null;

-- rule: next line after the failure
select *
from spine
where next_line_date <= failure_date;

-- rule: first remission as long as it lasted
select baseline.patient_id
from baseline join spine using (patient_id) join line_of_therapy line using (patient_id)
    join (select patient_id, min(event_date) as first_relapse from disease_event
    where event_type = 'relapse' group by patient_id) as event using (patient_id)
where timepoint = 'blinatumomab_start' and line.line_number = 1 and cr1_duration_days is not null
    and first_relapse - line.response_date <> cr1_duration_days;

-- rule: refractory to induction
select *
from baseline join line_of_therapy line using (patient_id)
where timepoint = 'blinatumomab_start' and line_number = 1
    and (primary_refractory = 'yes') = (line.best_response in ('cr', 'cri'));

-- ------------------------------------------------------------
-- cycles

-- rule: cycle numbers count from 1
select patient_id
from treatment_cycle
group by patient_id
having min(cycle_number) <> 1 or max(cycle_number) <> count(*) or max(cycle_number) > 5;

-- rule: cycle stops after its start
select *
from treatment_cycle
where stop_date < start_date;

-- rule: 28 days of infusion
select *
from treatment_cycle
where stop_date - start_date > 27;

-- rule: completed means 28 days
select *
from treatment_cycle
where stop_reason = 'completed' and stop_date - start_date <> 27;

-- rule: cycles 42 days apart or a little more
select a.patient_id
from treatment_cycle a join treatment_cycle b on a.patient_id = b.patient_id
    and b.cycle_number = a.cycle_number + 1
where b.start_date - a.start_date not between 42 and 56 or b.start_date <= a.stop_date or a.stop_date is null;

-- rule: no cycle after a cycle that was cut short
select a.patient_id
from treatment_cycle a join treatment_cycle b on a.patient_id = b.patient_id and b.cycle_number > a.cycle_number
where a.stop_reason <> 'completed';

-- rule: no cycle after relapse or progression
select *
from treatment_cycle join spine using (patient_id)
where start_date >= failure_date or stop_date > failure_date;

-- rule: no cycle within five days of the transplant or after it
select *
from treatment_cycle join spine using (patient_id)
where coalesce(stop_date, last_contact_date) > hct_date - 5;

-- rule: ongoing means not stopped
select *
from treatment_cycle
where (stop_reason = 'ongoing') <> (stop_date is null);

-- rule: ongoing at the last contact
select *
from treatment_cycle join spine using (patient_id)
where stop_date is null and last_contact_date - start_date > 27;

-- rule: stopped by death on the day of death
select *
from treatment_cycle join spine using (patient_id)
where stop_reason = 'death' and stop_date is distinct
from death_date;

-- rule: stopped for progression on its day
select *
from treatment_cycle join spine using (patient_id)
where stop_reason = 'progression' and stop_date is distinct
from failure_date;

-- rule: stopped for transplant, then transplanted
select *
from treatment_cycle join spine using (patient_id)
where stop_reason = 'transplant' and coalesce(hct_date, last_contact_date) - stop_date not between 0 and 30;

-- rule: stopped for adverse event, and there is one
select *
from treatment_cycle as cycle
where stop_reason = 'adverse_event' and not exists (select 1 from adverse_event as ae
    where ae.patient_id = cycle.patient_id and ae.cycle_number = cycle.cycle_number
    and action = 'discontinued');

-- ------------------------------------------------------------
-- interruptions and other drugs

-- rule: interruption resumed after its start
select *
from dose_interruption
where end_date <= start_date;

-- rule: interruption within an infusion
select *
from dose_interruption as held
where not exists ( select 1 from treatment_cycle as cycle where cycle.patient_id = held.patient_id
    and held.start_date between cycle.start_date and coalesce(cycle.stop_date, held.start_date)
    and coalesce(held.end_date <= cycle.stop_date, true));

-- rule: interruptions do not overlap
select a.patient_id
from dose_interruption a join dose_interruption b on a.patient_id = b.patient_id
    and b.interruption_number > a.interruption_number
where b.start_date <= coalesce(a.end_date, b.start_date);

-- rule: interruption and adverse event agree
select coalesce(held.patient_id, ae.patient_id) as patient_id
from (select patient_id, start_date from dose_interruption where cause = 'adverse_event') as held full
    join (select patient_id, onset_date from adverse_event
    where action = 'interrupted') as ae on held.patient_id = ae.patient_id
    and held.start_date = ae.onset_date
where held.patient_id is null or ae.patient_id is null;

-- rule: drug stops after its start
select *
from drug_exposure
where stop_date < start_date;

-- rule: kinase inhibitors in Ph-positive disease only
select *
from drug_exposure join patient using (patient_id)
where agent_class = 'tki' and ph_status <> 'positive';

-- rule: one kinase inhibitor at a time
select a.patient_id
from drug_exposure a join drug_exposure b on a.patient_id = b.patient_id
    and (a.start_date, a.agent) < (b.start_date, b.agent)
where a.agent_class = 'tki' and b.agent_class = 'tki' and b.start_date <= coalesce(a.stop_date, b.start_date);

-- rule: tocilizumab for an event that day
select *
from drug_exposure as drug
where agent_class = 'tocilizumab' and not exists (select 1 from adverse_event as ae
    where ae.patient_id = drug.patient_id and ae.onset_date = drug.start_date and ae.tocilizumab = 'yes');

-- rule: cells in remission before relapse and without transplant, or in a next line
select *
from drug_exposure join spine using (patient_id)
where agent_class in ('car_t', 'donor_lymphocytes') and coalesce(start_date < next_line_date, true)
    and (coalesce(start_date >= failure_date, false) or hct_date is not null
    or first_remission_date is null);

-- ------------------------------------------------------------
-- assessments

-- rule: remission has at most 5% blasts
select *
from disease_assessment
where response in ('cr', 'cri') and marrow_blast_percent > 5;

-- rule: complete remission has recovered counts
select *
from disease_assessment
where response = 'cr' and (platelets_per_ul <= 100000 or anc_per_ul <= 1000);

-- rule: incomplete recovery is incomplete
select *
from disease_assessment
where response = 'cri' and platelets_per_ul > 100000 and anc_per_ul > 1000;

-- rule: no remission with more than 5% blasts
select *
from disease_assessment
where response not in ('cr', 'cri') and marrow_blast_percent <= 5;

-- rule: first remission after some treatment
select *
from spine
where not is_mrd and first_remission_date - index_date < 14;

-- rule: first remission within four weeks of an infusion
select *
from spine
where first_remission_date > last_start_date + 56;

-- rule: no remission after relapse
select *
from disease_assessment join spine using (patient_id)
where response in ('cr', 'cri') and assessment_date >= failure_date;

-- rule: no assessment credited after the next line
select *
from disease_assessment join spine using (patient_id)
where assessment_date >= next_line_date;

-- rule: responses do not end without a relapse
select later.patient_id
from disease_assessment as later join spine using (patient_id)
where later.response not in ('cr', 'cri') and assessment_date > first_remission_date
    and assessment_date is distinct
from failure_date;

-- rule: end of cycle after its cycle
select *
from disease_assessment as seen
where timepoint like 'end_of_cycle%' and not exists (select 1 from treatment_cycle as cycle
    where cycle.patient_id = seen.patient_id and seen.timepoint = 'end_of_cycle_' || cycle.cycle_number
    and seen.assessment_date between cycle.start_date + 20 and cycle.start_date + 41);

-- ------------------------------------------------------------
-- residual disease

-- rule: residual disease only looked for in remission
select *
from mrd_assessment as sample join spine using (patient_id)
where not exists (select 1 from disease_assessment as seen where seen.patient_id = sample.patient_id
    and seen.response in ('cr', 'cri') and seen.assessment_date <= sample.sample_date) and not (is_mrd
    and sample_date < index_date);

-- rule: no sample after relapse
select *
from mrd_assessment join spine using (patient_id)
where sample_date >= failure_date;

-- rule: MRD indication is positive before
select *
from spine
where is_mrd and not exists ( select 1 from mrd_assessment as sample
    where sample.patient_id = spine.patient_id and result = 'positive' and sample_date < index_date);

-- rule: a level with positive results only
select *
from mrd_assessment
where (level is not null) <> (result = 'positive');

-- rule: level above the limit of detection
select *
from mrd_assessment
where level < sensitivity;

-- ------------------------------------------------------------
-- events

-- rule: one relapse or progression after the first dose
select event.patient_id
from disease_event as event join spine using (patient_id)
where event_type in ('relapse', 'progression') and event_date > index_date
group by event.patient_id
having count(*) > 1;

-- rule: relapse after a remission
select *
from spine
where relapse_date is not null and coalesce(first_remission_date >= relapse_date, true);

-- rule: progression without a remission
select *
from spine
where failure_date is not null and relapse_date is null and first_remission_date is not null;

-- rule: earlier relapse after a remission of an earlier line
select *
from disease_event as event join spine using (patient_id)
where event_type = 'relapse' and event_date < index_date and not exists ( select 1
    from line_of_therapy as line where line.patient_id = event.patient_id and best_response in ('cr', 'cri')
    and response_date < event_date);

-- rule: molecular relapse after negativity and before relapse
select *
from disease_event as event join spine using (patient_id)
where event_type = 'molecular_relapse' and ( coalesce(event_date >= relapse_date, false)
    or not exists ( select 1 from mrd_assessment as sample where sample.patient_id = event.patient_id
    and result = 'negative' and sample_date < event_date));

-- rule: treatment failure without remission
select *
from disease_event join spine using (patient_id)
where event_type = 'treatment_failure' and first_remission_date is not null;

-- ------------------------------------------------------------
-- adverse events

-- rule: event over after its onset
select *
from adverse_event
where resolution_date < onset_date;

-- rule: event numbers count from 1
select patient_id
from adverse_event
group by patient_id
having min(event_number) <> 1 or max(event_number) <> count(*);

-- rule: event during its cycle
select *
from adverse_event as ae
where cycle_number is not null and not exists ( select 1 from treatment_cycle as cycle
    where cycle.patient_id = ae.patient_id and cycle.cycle_number = ae.cycle_number
    and ae.onset_date between cycle.start_date and coalesce(cycle.stop_date, ae.onset_date));

-- rule: event outside a cycle after the transplant
select *
from adverse_event join spine using (patient_id)
where cycle_number is null and coalesce(onset_date <= hct_date, true);

-- rule: a scale with a grade
select *
from adverse_event
where (grade is null) <> (grade_scale is null);

-- rule: grade 5 is fatal, on the day of death
select *
from adverse_event join spine using (patient_id)
where (grade = 5 or outcome = 'fatal') and (coalesce(grade <> 5, true) or outcome <> 'fatal'
    or death_date is null or resolution_date <> death_date or cause_of_death <> 'blinatumomab_toxicity');

-- rule: death from toxicity has its event
select *
from spine
where cause_of_death = 'blinatumomab_toxicity' and not exists (select 1 from adverse_event as ae
    where ae.patient_id = spine.patient_id and outcome = 'fatal');

-- rule: nothing else resolves on the day of death
select *
from adverse_event join spine using (patient_id)
where outcome <> 'fatal' and resolution_date >= death_date;

-- rule: discontinued means the last cycle stops
select *
from adverse_event as ae
where action = 'discontinued' and not exists (select 1 from treatment_cycle as cycle
    join spine using (patient_id) where cycle.patient_id = ae.patient_id
    and cycle.start_date = last_start_date and stop_reason = 'adverse_event'
    and stop_date - onset_date between 0 and 1);

-- rule: severe CRS is acted on
select *
from adverse_event
where term = 'crs' and grade >= 3 and action = 'none' and corticosteroid <> 'yes';

-- rule: tocilizumab with steroids
select *
from adverse_event
where tocilizumab = 'yes' and corticosteroid <> 'yes';

-- rule: no event in a category that could not be assessed
select *
from adverse_event as ae
join term_category using (term)
join toxicity_assessment as assessed using (patient_id, category)
where evaluable = 'no';

-- rule: assessed after transplant if there was one
select *
from toxicity_assessment join spine using (patient_id)
where period = 'post_transplant' and hct_date is null;

-- ------------------------------------------------------------
-- transplants

-- rule: transplants in their order
select a.patient_id
from transplant a join transplant b on a.patient_id = b.patient_id and b.transplant_number > a.transplant_number
where b.transplant_date <= a.transplant_date;

-- rule: transplant after a response
select *
from spine
where hct_date is not null and coalesce(hct_date - first_remission_date < 5, true);

-- rule: transplant after relapse follows a next line
select *
from transplant join spine using (patient_id)
where transplant_date > relapse_date and coalesce(next_line_date >= transplant_date, true);

-- rule: transplant not on a day of relapse or death
select transplant.patient_id
from transplant join spine using (patient_id)
where transplant_date in (failure_date, death_date);

-- rule: earlier transplants are in the baseline
select spine.patient_id
from spine join baseline using (patient_id)
where timepoint = 'blinatumomab_start' and (prior_allo_hct = 'yes') <> exists ( select 1 from transplant
    where transplant.patient_id = spine.patient_id and transplant_date < index_date);

-- rule: earlier transplants in a remission
select transplant.patient_id
from transplant join spine using (patient_id)
where transplant_date < index_date and not exists ( select 1 from line_of_therapy as line
    where line.patient_id = transplant.patient_id and best_response in ('cr', 'cri')
    and response_date < transplant_date);

-- rule: a relapse between an earlier transplant and blinatumomab
select transplant.patient_id
from transplant join spine using (patient_id)
where transplant_date < index_date and not exists ( select 1 from disease_event as event
    where event.patient_id = transplant.patient_id and event_date between transplant_date + 1
    and index_date);

-- rule: recovery after the graft
select *
from transplant
where neutrophil_recovery_date - transplant_date not between 5 and 60
    or platelet_recovery_date < neutrophil_recovery_date;

-- rule: cord blood is cord blood
select *
from transplant
where (donor = 'cord_blood') <> (graft_source = 'cord');

-- rule: a death from transplant needs one
select *
from spine
where cause_of_death = 'transplant_related' and hct_date is null;

-- rule: gvhd after its transplant
select *
from gvhd join transplant using (patient_id, transplant_number)
where onset_date <= transplant_date;

-- rule: gvhd before the next transplant
select gvhd.patient_id
from gvhd join transplant as later on gvhd.patient_id = later.patient_id
    and later.transplant_number = gvhd.transplant_number + 1
where onset_date >= transplant_date;

-- rule: acute gvhd within 100 days, chronic after
select *
from gvhd join transplant using (patient_id, transplant_number)
where (gvhd_type = 'acute') <> (onset_date - transplant_date <= 100);

-- ------------------------------------------------------------
-- follow-up

-- rule: the dead have a day and a cause
select *
from follow_up
where (vital_status = 'dead') <> (death_date is not null and cause_of_death is not null and end_reason is null);

-- rule: the living have a reason for the end
select *
from follow_up
where (vital_status = 'alive') <> (end_reason is not null);

-- rule: the dead were last seen on the day of death
select *
from follow_up
where death_date <> last_contact_date;

-- rule: in contact at the cutoff, and seen in the two months before
select *
from follow_up
where end_reason = 'cutoff' and (vital_status <> 'alive' or cutoff() - last_contact_date not between 0 and 55);

-- rule: alive on the day of the cutoff means in contact
select *
from follow_up
where end_reason <> 'cutoff' and vital_status = 'alive' and last_contact_date = cutoff();

-- rule: last assessment is the last
select follow_up.patient_id
from follow_up left join ( select patient_id, max(assessment_date) as last_day
    from disease_assessment group by patient_id) as seen using (patient_id)
where last_disease_assessment_date is distinct
from last_day;

-- rule: first dose as enrolled
select *
from enrolment_event join spine using (patient_id)
where event_date <> index_date;
