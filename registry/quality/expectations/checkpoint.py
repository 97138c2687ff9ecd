"""The rules as suites of Great Expectations, one a batch, and a checkpoint that runs them all.

Great Expectations is imported when it is needed, and is told first to say nothing to anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import duckdb

from blinreg.registry.quality.expectations.batches import Batch, Judgement
from blinreg.registry.quality.expectations.quiet import quietly
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.rules import Severity

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite, ValidationDefinition
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource

    from blinreg.registry.quality.expectations.rule_expectation import ExpectRuleToHold

#: Name of the checkpoint.
CHECKPOINT = "quality_rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRun:
    """What the checkpoint said.

    Parameters
    ----------
    version : str
        Version of Great Expectations.
    suites : mapping of str to mapping
        Every suite as JSON, by name.
    results : mapping of str to mapping
        The result of every suite as JSON, by its name: numbers of rows and lines of files, no values.
    """

    version: str
    suites: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def success(self) -> bool:
        """Whether every expectation is met."""
        return all(result["success"] for result in self.results.values())


def run_checkpoint(connection: duckdb.DuckDBPyConnection, batches: Sequence[Batch]) -> CheckpointRun:
    """Run the rules of every batch on its rows.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Database with the rows of the batches.
    batches : sequence of Batch
        What is to be run; see `make_batches`.

    Raises
    ------
    BlinregError
        If an expectation cannot be evaluated. It is a fault of blinreg.
    """
    with quietly():
        import great_expectations as gx

        from blinreg.registry.quality.expectations.dialect import hold

        with hold(connection) as address:
            context = _context()
            source = _source(context, address, batches)
            definitions = [_validation(context, source, batch) for batch in batches]
            # Running adds it to the project; what adding gives back would read every suite again.
            checkpoint = gx.Checkpoint(name=CHECKPOINT, validation_definitions=definitions)
            ran = list(checkpoint.run().run_results.values())
        _require_evaluated(ran)
        return CheckpointRun(
            version=gx.__version__,
            suites=MappingProxyType({each.name: each.suite.to_json_dict() for each in definitions}),
            results=MappingProxyType({str(result.suite_name): _as_json(result) for result in ran}),
        )


def suite(batch: Batch) -> ExpectationSuite:
    """Render the rules of a batch as a suite."""
    with quietly():
        from great_expectations import ExpectationSuite

        return ExpectationSuite(name=batch.name, expectations=[expectation(each) for each in batch.judgements])


def expectation(judgement: Judgement) -> ExpectRuleToHold:
    """Render a rule as an expectation."""
    with quietly():
        from great_expectations.expectations.metadata_types import FailureSeverity

        from blinreg.registry.quality.expectations.rule_expectation import ExpectRuleToHold

        rule = judgement.rule
        return ExpectRuleToHold(
            rule=rule.id,
            bad=judgement.bad,
            about=judgement.about,
            place=judgement.place,
            max_rows=rule.threshold.max_rows,
            max_percent=rule.threshold.max_percent,
            min_percent=rule.threshold.min_percent,
            min_checked=rule.threshold.min_checked,
            description=rule.title,
            severity=FailureSeverity.WARNING if rule.severity is Severity.WARN else FailureSeverity.CRITICAL,
            meta={
                "table": rule.table,
                "columns": list(rule.columns),
                "category": rule.category.value,
                "consequence": rule.severity.value,
                "message": rule.message,
                "reason": rule.reason,
                "source": rule.source,
            },
        )


def _context() -> EphemeralDataContext:
    """Open a project that is in memory only."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _source(context: EphemeralDataContext, address: str, batches: Sequence[Batch]) -> SQLDatasource:
    """Declare the batches at once: each that is added later has the whole project written again."""
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource

    assets = [
        {
            "name": batch.name,
            "type": "query",
            "query": f"select * from {batch.relation}",
            "batch_definitions": [{"name": batch.name}],
        }
        for batch in batches
    ]
    described = {"name": "staged", "type": "sql", "connection_string": address, "assets": assets}
    return context.data_sources.add_sql(datasource=SQLDatasource.parse_obj(described))


def _validation(context: EphemeralDataContext, source: SQLDatasource, batch: Batch) -> ValidationDefinition:
    from blinreg.registry.quality.expectations.staged_validation import StagedValidation

    return context.validation_definitions.add(
        StagedValidation(
            name=batch.name,
            data=source.get_asset(batch.name).get_batch_definition(batch.name),
            suite=context.suites.add(suite(batch)),
        )
    )


def _as_json(result: ExpectationSuiteValidationResult) -> dict[str, Any]:
    to_json: Callable[[], dict[str, Any]] = result.to_json_dict
    return to_json()


def _require_evaluated(ran: Sequence[ExpectationSuiteValidationResult]) -> None:
    """Refuse results with errors in them; the message of an error may quote a value, so it goes no further."""
    failed = [
        str(result.expectation_config.kwargs["rule"])
        for suite_result in ran
        for result in suite_result.results
        if result.expectation_config is not None and _has_error(result)
    ]
    if failed:
        raise BlinregError(
            f"Great Expectations could not evaluate {len(failed)} rules, the first of them {failed[0]}",
            next_step="report this line; the rules themselves were run and their findings hold",
        )


def _has_error(result: ExpectationValidationResult) -> bool:
    """Tell whether an error was raised: it is told of the expectation, or of each metric that it needs."""
    told = result.exception_info or {}
    parts = [told, *(part for part in told.values() if isinstance(part, dict))]
    return any(part.get("raised_exception") for part in parts)
