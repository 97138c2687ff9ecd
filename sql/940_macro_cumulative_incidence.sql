-- analysis.cumulative_incidence
-- what:   Probability of each cause over time, the other causes competing: never 1 - Kaplan-Meier, which is too high.
-- grain:  one row a group, cause and time at which somebody leaves the group
-- inputs: table_name: as text, the name of a table, a view or a CTE with the columns
--         id, tstart, tstop, event, group_label (event at tstop: 0 or the number of a cause).
--         A row is the interval (tstart, tstop].
-- rule:   rows of one id that follow each other in one group without a gap are one spell, as in kaplan_meier. n_events
--         counts the cause. Limits are null where the incidence is 0 or 1. conf_type is 'log-log' (symmetric on
--         log(-log F)) or 'plain'. Without any event the curve of cause 1 stays 0. Rows are not checked for overlap.
-- source: Aalen and Johansen, Scandinavian Journal of Statistics 1978;5:141-150; Greenwood-type variance: Andersen,
--         Borgan, Gill and Keiding, Statistical Models Based on Counting Processes (1993), chapter IV; normal quantile:
--         Wichura, algorithm AS 241, Applied Statistics 1988;37:477-484.
--         R: survfit(Surv(tstart, tstop, factor(event)) ~ group_label, id = id).
-- note:   sums over rows are of whole numbers; sums of fractions run over the few rows by time, in the order of time,
--         so that the result does not depend on the number of threads. Each macro is complete in itself, because one
--         that calls another breaks when the file is attached under an alias; a test holds repeated parts together.
-- sqlfluff:rules:references.keywords:ignore_words:time,event
create macro analysis.cumulative_incidence(table_name, conf_level := 0.95, conf_type := 'log-log') as table
    with input_row as (
        select
            id,
            tstart,
            tstop,
            event,
            group_label
        from query_table(table_name)
    ),

    ended as (
        select
            group_label,
            cast(tstop as double) as time,
            cast(event as double) as event,
            count(*) as n_rows,
            count_if(cast(tstop as double) <= cast(tstart as double)) as n_backward,
            count_if(id is null or tstart is null) as n_missing,
            count_if(not isfinite(cast(tstart as double))) as n_endless
        from input_row
        group by group_label, tstop, event
    ),

    begun as (
        select
            group_label,
            cast(tstart as double) as time,
            count(*) as n_rows
        from input_row
        group by group_label, tstart
    ),

    -- The only step that needs the subject: rows that go on where another row of it ends. The earliest start cannot.
    continued as (
        select
            ended_row.group_label,
            cast(ended_row.tstop as double) as time,
            next_row.group_label = ended_row.group_label as is_same_group,
            count(*) as n_rows
        from input_row as ended_row
        inner join input_row as next_row
            on
                ended_row.id = next_row.id
                and ended_row.tstop = next_row.tstart
        where
            ended_row.event = 0
            and next_row.tstart > (select min(input_row.tstart) from input_row)
        group by ended_row.group_label, next_row.group_label, ended_row.tstop
    ),

    fault as (
        select
            case
                when count(*) = 0
                    then 'cumulative_incidence: there are no rows to analyse'
                when sum(n_missing) + count_if(group_label is null or time is null or event is null) > 0
                    then
                        'cumulative_incidence: no null allowed in id, tstart, tstop, event, group_label'
                when count_if(event < 0 or event > 99 or event != floor(event)) > 0
                    then 'cumulative_incidence: event must be 0 or the whole number of a cause, up to 99'
                when count_if(not isfinite(time)) + sum(n_endless) > 0
                    then
                        'cumulative_incidence: a time is infinite: use the day of last contact for open follow-up'
                when sum(n_backward) > 0
                    then
                        'cumulative_incidence: rows in which tstop is not after tstart: ' || sum(n_backward)
                        || '; an event on the origin day belongs at day 0.5'
                when coalesce(conf_type, '') not in ('log-log', 'plain')
                    then 'cumulative_incidence: conf_type must be one of log-log, plain'
                when not coalesce(conf_level > 0 and conf_level <= 0.999999, false)
                    then 'cumulative_incidence: conf_level must be a share such as 0.95, at most 0.999999'
            end as message
        from ended
    ),

    move as (
        select
            group_label,
            time,
            0 as n_begun,
            n_rows as n_ended,
            case when event > 0 then n_rows else 0 end as n_events,
            0 as n_kept,
            0 as n_crossed
        from ended
        union all
        select
            group_label,
            time,
            n_rows as n_begun,
            0 as n_ended,
            0 as n_events,
            0 as n_kept,
            0 as n_crossed
        from begun
        union all
        select
            group_label,
            time,
            0 as n_begun,
            0 as n_ended,
            0 as n_events,
            case when is_same_group then n_rows else 0 end as n_kept,
            case when is_same_group then 0 else n_rows end as n_crossed
        from continued
    ),

    moved as (
        select
            group_label,
            time,
            sum(n_begun - n_kept) as n_begun,
            sum(n_ended - n_kept) as n_left,
            sum(n_events) as n_events,
            sum(n_crossed) as n_crossed
        from move
        group by group_label, time
    ),

    running as (
        select
            group_label,
            time,
            n_left,
            n_events,
            n_crossed,
            coalesce(sum(n_begun) over earlier, 0) as n_begun_before,
            coalesce(sum(n_left) over earlier, 0) as n_left_before
        from moved
        window earlier as (partition by group_label order by time rows between unbounded preceding and 1 preceding)
    ),

    cause as (
        select distinct cast(event as integer) as cause
        from ended
        where event > 0
        union
        select 1 as cause
        from ended
        having coalesce(max(event), 0) = 0
    ),

    of_cause as (
        select
            group_label,
            time,
            cast(event as integer) as cause,
            sum(n_rows) as n_events
        from ended
        where event > 0
        group by group_label, time, event
    ),

    step as (
        select
            running.group_label,
            running.time,
            cause.cause,
            cast(running.n_begun_before - running.n_left_before as double) as n_at_risk,
            cast(running.n_events as double) as n_events_of_all,
            cast(coalesce(of_cause.n_events, 0) as double) as n_events
        from running
        cross join cause
        left join of_cause
            on
                running.group_label = of_cause.group_label
                and running.time = of_cause.time
                and cause.cause = of_cause.cause
        where running.n_left > 0
    ),

    -- Survival before each time, and the sum of Greenwood's formula; once survival is 0 nothing more can happen.
    before as (
        select
            group_label,
            cause,
            time,
            n_at_risk,
            n_events,
            n_events / n_at_risk as hazard,
            coalesce(product(1 - n_events_of_all / n_at_risk) over earlier, 1) as survival,
            coalesce(
                sum(
                    case
                        when n_at_risk > n_events_of_all
                            then n_events_of_all / (n_at_risk * (n_at_risk - n_events_of_all))
                    end
                ) over earlier,
                0
            ) as greenwood
        from step
        window
            earlier as (
                partition by group_label, cause order by time rows between unbounded preceding and 1 preceding
            )
    ),

    covaried as (
        select
            group_label,
            cause,
            time,
            n_at_risk,
            n_events,
            hazard,
            survival,
            case when survival > 0 then greenwood else 0 end as greenwood,
            survival * coalesce(
                sum(
                    survival * hazard * (case when survival > 0 then greenwood else 0 end - 1 / n_at_risk)
                ) over earlier,
                0
            ) as covariance
        from before
        window
            earlier as (
                partition by group_label, cause order by time rows between unbounded preceding and 1 preceding
            )
    ),

    aalen_johansen as (
        select
            group_label,
            cause,
            time,
            n_at_risk,
            n_events,
            sum(survival * hazard) over so_far as incidence,
            sum(
                2 * hazard * covariance
                + pow(survival * hazard, 2) * greenwood
                + pow(survival, 2) * hazard * (1 - hazard) / n_at_risk
            ) over so_far as variance
        from covaried
        window
            so_far as (
                partition by group_label, cause order by time rows between unbounded preceding and current row
            )
    ),

    -- The normal quantile of conf_level, by AS 241.
    scaled as (
        select
            0.5 + cast(conf_level as double) / 2 - 0.5 as q,
            1 - (0.5 + cast(conf_level as double) / 2) as tail
    ),

    quantile as (
        select
            case
                when q <= 0.425
                    then
                        q * (((((((
                            2.5090809287301226727e3 * r + 3.3430575583588128105e4
                        ) * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4
                        ) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3
                        ) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080e0)
                        / (((((((
                            5.2264952788528545610e3 * r + 2.8729085735721942674e4
                        ) * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4
                        ) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2
                        ) * r + 4.2313330701600911252e1) * r + 1.0)
                else
                    (((((((
                        7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
                    ) * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0
                    ) * r + 3.64784832476320460504e0) * r + 5.76949722146069140550e0
                    ) * r + 4.63033784615654529590e0) * r + 1.42343711074968357734e0)
                    / (((((((
                        1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
                    ) * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1
                    ) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0
                    ) * r + 2.05319162663775882187e0) * r + 1.0)
            end as z
        from (
            select
                q,
                case when q <= 0.425 then 0.180625 - q * q else sqrt(-ln(tail)) - 1.6 end as r
            from scaled
        ) as central_or_tail
    ),

    estimate as (
        select
            aalen_johansen.group_label,
            aalen_johansen.cause,
            aalen_johansen.time,
            aalen_johansen.incidence as cumulative_incidence,
            quantile.z,
            cast(aalen_johansen.n_at_risk as bigint) as n_at_risk,
            cast(aalen_johansen.n_events as bigint) as n_events,
            sqrt(greatest(aalen_johansen.variance, 0)) as se,
            case
                when aalen_johansen.incidence > 1e-12 and aalen_johansen.incidence < 1 - 1e-12
                    then aalen_johansen.incidence
            end as p
        from fault
        left join aalen_johansen on true
        cross join quantile
        where error(fault.message) is null
    )

    select
        group_label,
        cause,
        time,
        n_at_risk,
        n_events,
        cumulative_incidence,
        se,
        case
            when p is null then null
            when conf_type = 'plain' then greatest(p - z * se, 0.0)
            else pow(p, exp(-z * se / (p * ln(p))))
        end as lower,
        case
            when p is null then null
            when conf_type = 'plain' then least(p + z * se, 1.0)
            else pow(p, 1 / exp(-z * se / (p * ln(p))))
        end as upper
    from estimate
    order by group_label, cause, time;

comment on macro table analysis.cumulative_incidence is  -- noqa: PRS
'Cumulative incidence by cause. table_name: as text, of rows (id, tstart, tstop, event, group_label)';
