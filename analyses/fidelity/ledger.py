"""The ledger: every printed number with what the cohort has, and why not where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import polars as pl

from blinreg.analyses.fidelity.agreement import Tolerance, agrees
from blinreg.analyses.fidelity.check import check_models, check_targets
from blinreg.analyses.fidelity.cohort import Cohort, Read
from blinreg.analyses.fidelity.measure import Achieved, Measures, measured
from blinreg.analyses.fidelity.reasons import Proof, Reasons
from blinreg.analyses.fidelity.target import NOT_REACHED, Definitions, Target

HIT, CONTRADICTED, RESIDUAL, NOT_COMPARED = "hit", "contradicted", "residual", "not compared"
_SCHEMA = {
    "id": pl.String,
    "section": pl.String,
    "label": pl.String,
    "estimand": pl.String,
    "population": pl.String,
    "printed": pl.String,
    "achieved": pl.Float64,
    "achieved_text": pl.String,
    "n": pl.Int64,
    "of": pl.Int64,
    "hit": pl.Boolean,
    "status": pl.String,
    "explanation": pl.String,
    "conflict": pl.String,
    "source": pl.String,
}


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Published against achieved.

    Attributes
    ----------
    table : polars.DataFrame
        A row a target: ``id, section, label, estimand, population, printed, achieved`` (null: not reached, or not to be
        had), ``achieved_text`` (in full precision, or NR), ``n, of`` (patients counted and of how many), ``hit, status,
        explanation, conflict, source``. Status is ``hit``, ``contradicted`` (other printed numbers exclude it, and the
        explanation says how), ``residual``, or ``not compared`` (ranges, limits, ratios and P values in a population).
    summary : polars.DataFrame
        ``section, n, n_hit, n_contradicted, n_residual, hit_percent, attainable_percent``: hits in percent of all
        and of those that nothing contradicts; the last row is the total.
    conflicts : mapping of str to str
        A sentence for each group.
    study, title : str
    n_patients : int
    tolerance : {"printed", "population"}
    """

    table: pl.DataFrame
    summary: pl.DataFrame
    conflicts: Mapping[str, str]
    study: str
    title: str
    n_patients: int
    tolerance: Tolerance

    @property
    def misses(self) -> pl.DataFrame:
        """Rows of the misses, in the order of the targets."""
        return self.table.filter(pl.col("status").is_in([CONTRADICTED, RESIDUAL]))


def score(
    targets: Sequence[Target],
    definitions: Definitions,
    read: Read,
    *,
    proofs: Sequence[Proof] = (),
    given_up: Mapping[str, str] = MappingProxyType({}),
    tolerance: Tolerance = "printed",
    on_progress: Callable[[int, int], None] | None = None,
) -> Ledger:
    """Measure every target on a cohort and classify the misses.

    Parameters
    ----------
    targets : sequence of Target
        Numbers to measure.
    definitions : Definitions
        What they name.
    read : callable
        Gives the frames ``patient``, ``endpoint`` and ``counting_process`` by name.
    proofs : sequence of Proof
        That printed numbers contradict one another.
    given_up : mapping of str to str
        What this cohort does not aim at although nothing printed excludes it, with the reason, by id.
    tolerance : {"printed", "population"}
        See `blinreg.analyses.fidelity.agreement.agrees`.
    on_progress : callable, optional
        Called with the number of targets measured and of all.

    Returns
    -------
    Ledger

    Raises
    ------
    InputError
        A target, model or condition names what is not there.

    Notes
    -----
    A miss is ``contradicted`` where a proof gives it up, or names it and the cohort has all the other numbers of the
    proof; or by arithmetic on printed numbers alone: the same thing printed twice, a
    percentage that its counts do not give, a P value that its interval does not give.

    Examples
    --------
    >>> fields = dict.fromkeys(Target.__slots__, "") | {"printed_count": None, "printed_of": None, "half_unit": 0.0}
    >>> women = Target(**fields | {"id": "women", "printed": "2", "measure": "count", "population": "all",
    ...                            "where": "sex = 'female'", "section": "baseline"})
    >>> definitions = Definitions(study="s", title="", days_per_month=30.4375, populations={"all": "true"},
    ...                           titles={"all": "everybody"}, terms={}, models={}, conflicts={})
    >>> patient = pl.DataFrame({"patient_id": ["a", "b"], "sex": ["female", "male"]})
    >>> ledger = score([women], definitions, lambda name: patient)
    >>> ledger.table.select("printed", "achieved", "status").row(0)
    ('2', 1.0, 'residual')
    """
    cohort = Cohort.read(definitions, read)
    check_models(definitions)
    check_targets(targets, cohort)
    measures = Measures(cohort)
    found: list[tuple[Target, Achieved, bool | None]] = []
    for number, target in enumerate(targets, start=1):
        achieved = measured(measures, target)
        found.append((target, achieved, agrees(target, achieved, tolerance)))
        if on_progress is not None:
            on_progress(number, len(targets))
    known = list(proofs)
    if tolerance == "population":
        known += [Proof.from_mapping(proof) for proof in definitions.impossible]
    reasons = Reasons(found, known, tolerance, definitions.titles, given_up)
    table = pl.DataFrame([_row(*entry, reasons) for entry in found], schema=_SCHEMA, orient="row")
    return Ledger(
        table=table,
        summary=_summary(table),
        conflicts={name: definitions.conflicts[name] for name in _in_order(table["conflict"])},
        study=definitions.study,
        title=definitions.title,
        n_patients=cohort.patient.height,
        tolerance=tolerance,
    )


def _in_order(names: pl.Series) -> list[str]:
    return [name for name in names.unique(maintain_order=True) if name]


def _row(target: Target, achieved: Achieved, hit: bool | None, reasons: Reasons) -> tuple[Any, ...]:
    status, explanation = NOT_COMPARED if hit is None else HIT, ""
    if hit is False:
        explanation = reasons.contradiction(target)
        status = CONTRADICTED if explanation else RESIDUAL
        explanation = explanation or reasons.residual(target, achieved)
    missing = "not to be had" if achieved.problem else NOT_REACHED
    return (
        target.id,
        target.section,
        target.label,
        target.estimand,
        reasons.titles[target.population],
        target.printed,
        achieved.value,
        missing if achieved.value is None else f"{achieved.value:.10g}",
        achieved.n,
        achieved.of,
        bool(hit),
        status,
        explanation,
        target.conflict,
        target.source,
    )


def _summary(table: pl.DataFrame) -> pl.DataFrame:
    """Count by section, in the order of the targets, and in all."""
    compared = table.filter(pl.col("status") != NOT_COMPARED)
    count = [
        pl.len().alias("n"),
        *((pl.col("status") == s).sum().alias(f"n_{s}") for s in (HIT, CONTRADICTED, RESIDUAL)),
    ]
    parts = compared.group_by("section", maintain_order=True).agg(count)
    total = compared.select(pl.lit("all").alias("section"), *count)
    attainable = pl.col("n") - pl.col("n_contradicted")
    return pl.concat([parts, total]).with_columns(
        (100 * pl.col("n_hit") / pl.col("n")).alias("hit_percent"),
        pl.when(attainable > 0).then(100 * pl.col("n_hit") / attainable).alias("attainable_percent"),
    )
