"""What an analysis takes from a registry: its views as relations, and which submissions are behind them."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from blinreg.analyses.inputs import Rows
from blinreg.analyses.plans.provenance import InputSubmission, Provenance
from blinreg.registry.derive import derive_as_of
from blinreg.registry.store import CATALOG, Registry
from blinreg.schemas.errors import UsageError
from blinreg.schemas.views import VIEWS

_CURRENT = """
select
    submission.site_id,
    submission.submission_id,
    submission.content_sha256,
    submission.data_cutoff_date,
    submission.is_synthetic
from ledger.submission as submission
inner join ledger.current_submission as newest on submission.sequence = newest.sequence
order by submission.site_id
"""


def set_as_of(registry: Registry, submission_id: str | None) -> None:
    """Turn the registry's views back to what they were after a submission; ``None`` is now."""
    if submission_id is None:
        return
    known = registry.connection.execute(
        "select count(*) from ledger.submission where submission_id = ? and outcome = 'accepted'", [submission_id]
    ).fetchall()
    if not known[0][0]:
        raise UsageError(
            f"no accepted submission is called {submission_id!r}",
            next_step=f"`blinreg status {registry.path.name}` lists them",
        )
    registry.connection.execute("set variable as_of = ?", [submission_id])


def analysis_views(registry: Registry, as_of: str | None = None) -> Mapping[str, Rows]:
    """Give every table of the ``analysis`` schema as a relation, by name.

    Parameters
    ----------
    registry : Registry
        Open for reading or writing.
    as_of : str, optional
        An accepted submission: the tables are then derived as they were after it.

    Raises
    ------
    UsageError
        If another version of blinreg derived the tables, or loading was cut short before it did.
    """
    if as_of is not None:
        session = registry.cursor()
        derive_as_of(session, CATALOG, as_of)
        return _relations(session)
    if not registry.is_derivation_current():
        raise UsageError(
            f"the analysis tables of {registry.path.name} are not those of its rows: "
            "another version of blinreg derived them, or loading was cut short before they were derived",
            next_step=f"blinreg refresh {registry.path.name}",
        )
    return _relations(registry.connection)


def _relations(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Rows]:
    return {view.name: connection.sql(f"select * from analysis.{view.name}") for view in VIEWS}


def provenance(registry: Registry) -> Provenance:
    """Say which submissions are behind the views, by content.

    Raises
    ------
    UsageError
        If there is none: there is nothing to analyse.
    """
    rows = registry.connection.execute(_CURRENT).fetchall()
    if not rows:
        raise UsageError(
            f"{registry.path.name} holds no submission",
            next_step=f"load one first: blinreg load SUBMISSION --registry {registry.path.name}",
        )
    return Provenance(
        submissions=tuple(
            InputSubmission(
                site_id=site_id,
                submission_id=submission_id,
                content_sha256=content,
                data_cutoff_date=cutoff,
                is_synthetic=bool(is_synthetic),
            )
            for site_id, submission_id, content, cutoff, is_synthetic in rows
        )
    )
