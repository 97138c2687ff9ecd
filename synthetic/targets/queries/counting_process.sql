-- counting_process: rows (tstart, tstop] of the endpoints of the models, cut where a transplant begins
select
    patient_id,
    endpoint,
    tstart,
    tstop,
    event,
    allo_hct
from analysis.counting_process
where endpoint in ('os', 'rfs', 'os_from_response')
order by patient_id, endpoint, tstart
