-- analysis.kaplan_meier
-- what:   Survival by the product-limit method in each group, with delayed entry and with groups that change.
-- grain:  one row a group and time at which somebody leaves the group
-- inputs: table_name: as text, the name of a table, a view or a CTE with the columns
--         id, tstart, tstop, event, group_label (event at tstop: 1 or 0).
--         A row is the interval (tstart, tstop].
-- rule:   rows of one id that follow each other in one group without a gap are one spell, so that splitting a row
--         changes nothing; n_censored counts subjects and not ends of rows; who goes on in another group has crossed;
--         n_entered joined the risk set since the row before. se is 0 at survival 1 and null at 0, limits are null at
--         both. conf_type is 'log-log', 'log' or 'plain'. Rows are not checked for overlap: see docs/sql.md.
-- source: Kaplan and Meier, JASA 1958;53:457-481; normal quantile: Wichura, algorithm AS 241, Applied Statistics
--         1988;37:477-484. R: survfit(Surv(tstart, tstop, event) ~ group_label, id = id, conf.type = "log-log").
-- note:   sums over rows are of whole numbers; sums of fractions run over the few rows by time, in the order of time,
--         so that the result does not depend on the number of threads. Each macro is complete in itself, because one
--         that calls another breaks when the file is attached under an alias; a test holds repeated parts together.
-- sqlfluff:rules:references.keywords:ignore_words:time,event
create macro analysis.kaplan_meier(table_name, conf_level := 0.95, conf_type := 'log-log') as table
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
                    then 'kaplan_meier: there are no rows to analyse'
                when sum(n_missing) + count_if(group_label is null or time is null or event is null) > 0
                    then
                        'kaplan_meier: no null allowed in id, tstart, tstop, event, group_label'
                when count_if(event not in (0, 1)) > 0
                    then 'kaplan_meier: event must be 0 or 1; for several causes use cumulative_incidence'
                when count_if(not isfinite(time)) + sum(n_endless) > 0
                    then 'kaplan_meier: a time is infinite: use the day of last contact for open follow-up'
                when sum(n_backward) > 0
                    then
                        'kaplan_meier: rows in which tstop is not after tstart: ' || sum(n_backward)
                        || '; an event on the origin day belongs at day 0.5'
                when coalesce(conf_type, '') not in ('log-log', 'log', 'plain')
                    then 'kaplan_meier: conf_type must be one of log-log, log, plain'
                when not coalesce(conf_level > 0 and conf_level <= 0.999999, false)
                    then 'kaplan_meier: conf_level must be a share such as 0.95, at most 0.999999'
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

    step as (
        select
            group_label,
            time,
            cast(n_begun_before - n_left_before as bigint) as n_at_risk,
            cast(n_begun_before - coalesce(lag(n_begun_before) over earlier, 0) as bigint) as n_entered,
            cast(n_crossed as bigint) as n_crossed,
            cast(n_events as bigint) as n_events,
            cast(n_left - n_events - n_crossed as bigint) as n_censored
        from running
        where n_left > 0
        window earlier as (partition by group_label order by time)
    ),

    product_limit as (
        select
            group_label,
            time,
            n_at_risk,
            n_entered,
            n_crossed,
            n_events,
            n_censored,
            product(cast(n_at_risk - n_events as double) / n_at_risk) over so_far as survival,
            sum(
                case when n_at_risk > n_events then n_events / (cast(n_at_risk as double) * (n_at_risk - n_events)) end
            ) over so_far as greenwood
        from step
        window so_far as (partition by group_label order by time rows between unbounded preceding and current row)
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
            product_limit.group_label,
            product_limit.time,
            product_limit.n_at_risk,
            product_limit.n_entered,
            product_limit.n_crossed,
            product_limit.n_events,
            product_limit.n_censored,
            product_limit.survival,
            quantile.z,
            case when product_limit.survival > 0 then product_limit.survival * sqrt(product_limit.greenwood) end as se,
            case
                when product_limit.survival > 1e-12 and product_limit.survival < 1 - 1e-12 then product_limit.survival
            end as p
        from fault
        left join product_limit on true
        cross join quantile
        where error(fault.message) is null
    )

    select
        group_label,
        time,
        n_at_risk,
        n_entered,
        n_crossed,
        n_events,
        n_censored,
        survival,
        se,
        case
            when p is null then null
            when conf_type = 'plain' then greatest(p - z * se, 0.0)
            when conf_type = 'log' then p / exp(z * se / p)
            else pow(p, exp(-z * se / (p * ln(p))))
        end as lower,
        case
            when p is null then null
            when conf_type = 'plain' then least(p + z * se, 1.0)
            when conf_type = 'log' then least(p * exp(z * se / p), 1.0)
            else pow(p, 1 / exp(-z * se / (p * ln(p))))
        end as upper
    from estimate
    order by group_label, time;

comment on macro table analysis.kaplan_meier is  -- noqa: PRS
'Kaplan-Meier curve of each group. table_name: as text, of rows (id, tstart, tstop, event, group_label)';
