-- endpoint: time to event from its origin, one row a patient and endpoint; event is 1, competing events are censored
select
    patient_id,
    endpoint,
    time_days,
    case when event = 1 then 1 else 0 end as event
from analysis.endpoint
where endpoint in ('os', 'rfs', 'efs', 'os_from_response', 'os_from_transplant', 'pfs_from_transplant')
order by patient_id, endpoint
