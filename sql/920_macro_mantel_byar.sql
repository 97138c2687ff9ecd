-- analysis.mantel_byar
-- what:   Do the hazards differ between the states of an exposure that starts during follow-up?
-- grain:  one row a state (group_label); the test itself is repeated on each
-- inputs: table_name: as text, the name of a table, a view or a CTE with the columns
--         tstart, tstop, event, group_label (group_label: state during the row; event at tstop: 1 or 0).
--         A row is the interval (tstart, tstop].
-- rule:   at each event time those at risk are counted by their state just before it, so an event on the day the
--         exposure starts is an unexposed event. Variance: hypergeometric. Two states: chi_squared, p_value and Peto's
--         log hazard ratio (observed - expected) / variance of the state against the other; more: observed, expected
--         and the row of the covariance matrix, in the order of group_label. Null where no event time had two states
--         at risk. With a landmark, follow-up after it counts. Subjects are not counted: no step needs their id.
-- source: Mantel and Byar, JASA 1974;69:81-86; erfc: Cody, Mathematics of Computation 1969;23:631-637.
--         R: the score test of coxph(Surv(tstart, tstop, event) ~ group_label, ties = "exact").
-- note:   sums over rows are of whole numbers; sums of fractions run over the few rows by time, in the order of time,
--         so that the result does not depend on the number of threads. Each macro is complete in itself, because one
--         that calls another breaks when the file is attached under an alias; a test holds repeated parts together.
-- sqlfluff:rules:references.keywords:ignore_words:time,event
create macro analysis.mantel_byar(table_name, landmark := 0) as table
    with input_row as (
        select
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
            count_if(tstart is null) as n_missing,
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
        where tstart > landmark
        group by group_label, tstart
    ),

    fault as (
        select
            case
                when count(*) = 0
                    then 'mantel_byar: there are no rows to analyse'
                when sum(n_missing) + count_if(group_label is null or time is null or event is null) > 0
                    then
                        'mantel_byar: no null allowed in tstart, tstop, event, group_label'
                when count_if(event not in (0, 1)) > 0
                    then 'mantel_byar: event must be 0 or 1; for several causes use cumulative_incidence'
                when count_if(not isfinite(time)) + sum(n_endless) > 0
                    then 'mantel_byar: a time is infinite: use the day of last contact for open follow-up'
                when sum(n_backward) > 0
                    then
                        'mantel_byar: rows in which tstop is not after tstart: ' || sum(n_backward)
                        || '; an event on the origin day belongs at day 0.5'
                when count_if(time > landmark) = 0
                    then 'mantel_byar: nobody is at risk after the landmark: choose an earlier one'
                when count(distinct group_label) filter (where time > landmark) < 2
                    then 'mantel_byar: group_label has one value among those at risk: nothing to compare'
            end as message
        from ended
    ),

    -- Who is at risk at the landmark: rows that end after it, less those that begin after it.
    present as (
        select
            group_label,
            sum(n_rows) as n_rows
        from (
            select
                group_label,
                n_rows
            from ended
            where time > landmark
            union all
            select
                group_label,
                -n_rows as n_rows
            from begun
        ) as counted
        group by group_label
    ),

    member as (
        select distinct group_label
        from ended
        where time > landmark
    ),

    event_time as (
        select distinct time
        from ended
        where event > 0 and time > landmark
    ),

    move as (
        select
            group_label,
            time,
            0 as n_begun,
            n_rows as n_ended,
            case when event > 0 then n_rows else 0 end as n_events
        from ended
        where time > landmark
        union all
        select
            group_label,
            time,
            n_rows as n_begun,
            0 as n_ended,
            0 as n_events
        from begun
        union all
        select
            member.group_label,
            event_time.time,
            0 as n_begun,
            0 as n_ended,
            0 as n_events
        from event_time
        cross join member
        union all
        select
            group_label,
            cast(landmark as double) as time,
            n_rows as n_begun,
            0 as n_ended,
            0 as n_events
        from present
    ),

    moved as (
        select
            group_label,
            time,
            sum(n_begun) as n_begun,
            sum(n_ended) as n_ended,
            sum(n_events) as n_events
        from move
        group by group_label, time
    ),

    running as (
        select
            group_label,
            time,
            cast(n_events as double) as n_events,
            cast(coalesce(sum(n_begun - n_ended) over earlier, 0) as double) as n_at_risk
        from moved
        window earlier as (partition by group_label order by time rows between unbounded preceding and 1 preceding)
    ),

    total as (
        select
            time,
            sum(n_at_risk) as n_at_risk,
            sum(n_events) as n_events
        from running
        group by time
        having sum(n_events) > 0
    ),

    -- With one subject at risk the event is certain to be theirs: no variance.
    step as (
        select
            running.group_label,
            running.time,
            running.n_events,
            total.n_events as n_events_of_all,
            running.n_at_risk / total.n_at_risk as own_share,
            (total.n_at_risk - running.n_at_risk) / total.n_at_risk as others_share,
            total.n_events * (total.n_at_risk - total.n_events) / greatest(total.n_at_risk - 1, 1) as weight
        from running
        inner join total on running.time = total.time
    ),

    observation as (
        select
            group_label,
            cast(sum(n_events) as bigint) as observed,
            sum(n_events_of_all * own_share order by time) as expected
        from step
        group by group_label
    ),

    share_product as (
        select
            this_step.group_label,
            other_step.group_label as other_label,
            sum(
                case
                    when this_step.group_label = other_step.group_label
                        then this_step.weight * this_step.own_share * this_step.others_share
                    else -this_step.weight * this_step.own_share * other_step.own_share
                end
                order by this_step.time
            ) as covariance
        from step as this_step
        inner join step as other_step on this_step.time = other_step.time
        group by this_step.group_label, other_step.group_label
    ),

    covariance_row as (
        select
            this_member.group_label,
            max(share_product.covariance) filter (
                where this_member.group_label = other_member.group_label
            ) as variance,
            list(coalesce(share_product.covariance, 0) order by other_member.group_label) as covariance
        from member as this_member
        cross join member as other_member
        left join share_product
            on
                this_member.group_label = share_product.group_label
                and other_member.group_label = share_product.other_label
        group by this_member.group_label
    ),

    summed as (
        select
            covariance_row.group_label,
            covariance_row.covariance,
            coalesce(observation.observed, 0) as observed,
            coalesce(observation.expected, 0) as expected,
            coalesce(covariance_row.variance, 0) as variance
        from covariance_row
        left join observation on covariance_row.group_label = observation.group_label
    ),

    -- Two groups: the statistic, from the last of them. More have no closed form here.
    statistic as (
        select
            case
                when count(*) = 2 and max(variance) > 0
                    then pow(max_by(observed - expected, group_label), 2) / max_by(variance, group_label)
            end as chi_squared
        from summed
    ),

    -- With one degree of freedom P is erfc(sqrt(chi_squared / 2)), here by Cody's approximations: DuckDB has no erfc.
    half as (
        select
            chi_squared,
            chi_squared / 2 as s,
            sqrt(chi_squared / 2) as y,
            2 / greatest(chi_squared, 1) as r
        from statistic
    ),

    test as (
        select
            chi_squared,
            case
                when y <= 0.46875
                    then
                        1 - y * ((((
                            1.85777706184603153e-1 * s + 3.16112374387056560e0
                        ) * s + 1.13864154151050156e2) * s + 3.77485237685302021e2
                        ) * s + 3.20937758913846947e3)
                        / ((((
                            s + 2.36012909523441209e1
                        ) * s + 2.44024637934444173e2) * s + 1.28261652607737228e3
                        ) * s + 2.84423683343917062e3)
                when y <= 4
                    then
                        exp(-s) * ((((((((
                            2.15311535474403846e-8 * y + 5.64188496988670089e-1
                        ) * y + 8.88314979438837594e0) * y + 6.61191906371416295e1
                        ) * y + 2.98635138197400131e2) * y + 8.81952221241769090e2
                        ) * y + 1.71204761263407058e3) * y + 2.05107837782607147e3
                        ) * y + 1.23033935479799725e3)
                        / ((((((((
                            y + 1.57449261107098347e1
                        ) * y + 1.17693950891312499e2) * y + 5.37181101862009858e2
                        ) * y + 1.62138957456669019e3) * y + 3.29079923573345963e3
                        ) * y + 4.36261909014324716e3) * y + 3.43936767414372164e3
                        ) * y + 1.23033935480374942e3)
                when y > 4
                    then
                        exp(-s) / y * (0.56418958354775628695 - r * (((((
                            1.63153871373020978e-2 * r + 3.05326634961232344e-1
                        ) * r + 3.60344899949804439e-1) * r + 1.25781726111229246e-1
                        ) * r + 1.60837851487422766e-2) * r + 6.58749161529837803e-4)
                        / (((((
                            r + 2.56852019228982242e0
                        ) * r + 1.87295284992346725e0) * r + 5.27905102951428412e-1
                        ) * r + 6.05183413124413191e-2) * r + 2.33520497626869185e-3))
            end as p_value,
            case when chi_squared is not null then 1 end as df
        from half
    ),

    peto as (
        select
            summed.group_label,
            summed.observed,
            summed.expected,
            summed.variance,
            summed.covariance,
            test.chi_squared,
            test.df,
            test.p_value,
            case when test.df = 1 then (summed.observed - summed.expected) / summed.variance end as log_hazard_ratio,
            case when test.df = 1 then 1 / sqrt(summed.variance) end as log_hazard_ratio_se
        from fault
        left join summed on true
        cross join test
        where error(fault.message) is null
    )

    select
        group_label,
        observed,
        expected,
        variance,
        covariance,
        chi_squared,
        df,
        p_value,
        log_hazard_ratio,
        log_hazard_ratio_se
    from peto
    order by group_label;

comment on macro table analysis.mantel_byar is  -- noqa: PRS
'Mantel-Byar test of a time-dependent state. table_name: as text, of rows (tstart, tstop, event, group_label)';
