"""A rule as an expectation of Great Expectations: no row of the batch is bad.

Importing this module imports Great Expectations, which takes seconds; import it inside functions.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy

from blinreg.registry.quality.expectations.quiet import quietly

with quietly():
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
    from great_expectations.execution_engine.execution_engine import ExecutionEngine
    from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.expectations.expectation import BatchExpectation
    from great_expectations.expectations.metrics.metric_provider import metric_partial
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

_METRIC = "blinreg.rule"


class RuleVerdict(TableMetricProvider):
    """What a rule says of all rows of a batch; the rules of a batch are asked in one query."""

    metric_name = _METRIC
    value_keys = ("bad", "about", "place")

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls,  # noqa: N805 - Great Expectations registers it as a method of the class
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        sql = verdict_sql(**{name: metric_value_kwargs[name] for name in ("bad", "about", "place")})
        return sqlalchemy.literal_column(sql), metric_domain_kwargs, {}


def verdict_sql(*, bad: str, about: str, place: str) -> str:
    """Render the aggregate: rows, rows that the rule is about, bad and unknown ones, and where the bad ones are.

    Parameters
    ----------
    bad : str
        SQL that is true for a bad row, null if that cannot be known, false for others.
    about : str
        SQL that is true for a row that the rule is about; empty for every row.
    place : str
        SQL that says where a row is; empty if bad rows are only counted.
    """
    n_about = f"count(*) filter ({about})" if about else "count(*)"
    places = f"coalesce(list({place}) filter ({bad}), [])" if place else "null"
    return (
        f"struct_pack(n_rows := count(*), n_about := {n_about}, n_bad := count(*) filter ({bad}), "
        f"n_unknown := count(*) - count({bad}), places := {places})"
    )


class ExpectRuleToHold(BatchExpectation):
    """Expect that no row of the batch is bad, or that no more of them are than the rule allows.

    Its result has numbers of rows and lines of files; never a value.
    """

    rule: str
    bad: str
    about: str = ""
    place: str = ""
    max_rows: int | None = None
    max_percent: float | None = None
    min_percent: float | None = None
    min_checked: int = 1

    metric_dependencies: ClassVar[tuple[str, ...]] = (_METRIC,)
    # What the metric is given; the limits are read off the expectation itself.
    success_keys: ClassVar[tuple[str, ...]] = ("bad", "about", "place")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        found = metrics[_METRIC]
        n_checked, n_bad = found["n_about"] - found["n_unknown"], found["n_bad"]
        return {
            "success": self.is_met(n_checked=n_checked, n_bad=n_bad),
            "result": {
                "observed_value": n_bad,
                "element_count": found["n_rows"],
                "n_checked": n_checked,
                "unexpected_count": n_bad,
                "unexpected_percent": 100 * n_bad / n_checked if n_checked else None,
                "missing_count": found["n_unknown"],
                "places": found["places"],
            },
        }

    def is_met(self, *, n_checked: int, n_bad: int) -> bool:
        """Tell whether so many bad rows are still right."""
        if n_checked < self.min_checked:
            return True
        percent = 100 * n_bad / n_checked if n_checked else 0.0
        return not (
            (self.max_rows is not None and n_bad > self.max_rows)
            or (self.max_percent is not None and percent > self.max_percent)
            or (self.min_percent is not None and percent < self.min_percent)
        )
