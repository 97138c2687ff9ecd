"""Say findings so that a site can act on them: where, what stands there, what is wrong, how to fix it.

A value that a privacy rule was broken by is never said, by no finding about its cell; nor is the patient of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import polars as pl

from blinreg.registry.quality.check import CheckedSubmission
from blinreg.registry.quality.delta import key_text
from blinreg.schemas.rules import RULES, Category, Origin, Rule, Severity
from blinreg.schemas.tables import table as table_named

#: Columns of what is found, as a review has them; ``key`` is for comparing.
FOUND_SCHEMA = pl.Schema(
    {
        "rule": pl.String(),
        "severity": pl.String(),
        "table": pl.String(),
        "file": pl.String(),
        "line": pl.Int64(),
        "column": pl.String(),
        "value": pl.String(),
        "message": pl.String(),
        "how_to_fix": pl.String(),
        "patient_id": pl.String(),
        "key": pl.String(),
    }
)

#: Columns of the counts of the rules.
RULES_SCHEMA = pl.Schema(
    {
        "rule": pl.String(),
        "title": pl.String(),
        "category": pl.String(),
        "severity": pl.String(),
        "n_checked": pl.Int64(),
        "n_bad": pl.Int64(),
        "n_unknown": pl.Int64(),
        "percent": pl.Float64(),
        "verdict_by_threshold": pl.String(),
        "reason": pl.String(),
    }
)

#: Worst first.
SEVERITIES = (Severity.REJECT_SUBMISSION, Severity.REJECT_ROW, Severity.WARN)

#: Between the columns of a finding about several.
AND = ", "

_NAME = "patient_id"

#: What to do where the message of a rule does not say it, by the kind of the rule.
_FIXES = {
    "code": "write the code as it stands in the data dictionary",
    "date": "write the date in that form; leave out what is not known of it",
    "calendar": "look the day up; leave out what is not known of it",
    "orphan": "send the row that it belongs to, or correct the key",
}


@cache
def advice() -> pl.DataFrame:
    """Give what is wrong and how to fix it apart, by rule: ``rule, wrong, how_to_fix, is_private``."""
    rows = [(rule.id, *_parts(rule), rule.category is Category.PRIVACY) for rule in RULES]
    return pl.DataFrame(
        rows,
        schema={"rule": pl.String, "wrong": pl.String, "how_to_fix": pl.String, "is_private": pl.Boolean},
        orient="row",
    )


def _parts(rule: Rule) -> tuple[str, str]:
    kind = rule.id.rsplit(".", 1)[1]
    if kind == "required" and rule.origin is Origin.COLUMN:
        return "empty", "give a value: the row cannot be used without it"
    wrong, _, fix = rule.message.partition(": ")
    return wrong, fix or _FIXES.get(kind, "correct the row")


def found_in(violations: pl.DataFrame, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Add to findings what stands in their rows, and how to fix it.

    Parameters
    ----------
    violations : polars.DataFrame
        ``rule, severity, table, file, line, column, message``.
    frames : mapping of str to polars.DataFrame
        The rows as sent, by table: text, and ``source_line``.

    Returns
    -------
    polars.DataFrame
        With the columns of `FOUND_SCHEMA`, in the same order.
    """
    numbered = violations.with_row_index("place").with_columns(pl.col("line").cast(pl.Int64))
    parts = [pl.DataFrame(schema={"place": pl.UInt32, "value": pl.String, _NAME: pl.String, "key": pl.String})]
    for (name, columns), part in numbered.group_by("table", "column"):
        frame = frames[str(name)]
        rows = frame.select(
            pl.col("source_line").cast(pl.Int64).alias("line"),
            _value(frame.columns, columns).alias("value"),
            pl.col(_NAME),
            key_text(table_named(str(name))),
        )
        parts.append(part.select("place", "line").join(rows, on="line", how="left").drop("line"))
    told = numbered.join(pl.concat(parts), on="place", how="left").join(advice(), on="rule", how="left")
    return _withheld(told.sort("place")).select(
        pl.col("wrong").fill_null(pl.col("message")).alias(name) if name == "message" else pl.col(name).cast(kind)
        for name, kind in FOUND_SCHEMA.items()
    )


def _value(known: Iterable[str], columns: object) -> pl.Expr:
    """Give the value of a finding's column; of several, each with its name."""
    names = [name for name in str(columns or "").split(AND) if name in set(known)]
    if not names:
        return pl.lit(None, pl.String)
    if len(names) == 1:
        return pl.col(names[0])
    return pl.concat_str(
        [pl.concat_str([pl.lit(f"{name}="), pl.col(name).fill_null("(empty)")]) for name in names], separator=AND
    )


def private_cells(found: pl.DataFrame) -> pl.DataFrame:
    """Name the cells that broke a privacy rule: ``table, line, column``, a row each."""
    private = advice().filter("is_private").select("rule")
    return (
        found.join(private, on="rule", how="semi")
        .select("table", pl.col("line").cast(pl.Int64), pl.col("column").str.split(AND))
        .explode("column")
        .unique()
    )


def _withheld(told: pl.DataFrame) -> pl.DataFrame:
    """Empty the values of cells that broke a privacy rule, and the names of patients where such a cell was the name."""
    cells = private_cells(told)
    if cells.is_empty():
        return told
    split = told.select("place", "table", "line", pl.col("column").str.split(AND)).explode("column")
    beside = split.join(cells, on=["table", "line", "column"], how="semi", nulls_equal=True)["place"]
    # An identifier in one row of a patient may stand in every other row under the same name.
    names = told.join(cells.filter(pl.col("column") == _NAME), on=["table", "line"], how="semi")[_NAME].drop_nulls()
    of_such = pl.col(_NAME).is_in(names.unique().implode())
    names_the_patient = pl.col("column").str.split(AND).list.contains(_NAME)
    hides_value = pl.col("is_private") | pl.col("place").is_in(beside.implode()) | (of_such & names_the_patient)
    hides_name = pl.col("is_private") | of_such
    return told.with_columns(
        value=pl.when(hides_value.fill_null(True)).then(None).otherwise("value"),
        patient_id=pl.when(hides_name.fill_null(True)).then(None).otherwise(_NAME),
    )


def worst_first(found: pl.DataFrame) -> pl.DataFrame:
    """Order findings by severity; within, they keep their order of table and line."""
    rank = {severity.value: place for place, severity in enumerate(SEVERITIES)}
    return found.sort(
        pl.col("severity").replace_strict(rank, default=len(rank), return_dtype=pl.Int32), maintain_order=True
    )


def rule_counts(results: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Say what every rule that was run counted.

    Parameters
    ----------
    results : polars.DataFrame
        ``rule, table, n_rows, n_checked, n_bad, n_unknown``.
    verdicts : polars.DataFrame
        ``rule, verdict``; rules that are missing were not judged.
    """
    words = pl.DataFrame(
        [(rule.id, rule.title, rule.category.value, rule.severity.value, rule.reason) for rule in RULES],
        schema=["rule", "title", "category", "severity", "reason"],
        orient="row",
    )
    counted = results.group_by("rule", maintain_order=True).agg(pl.col("n_checked", "n_bad", "n_unknown").sum())
    return (
        counted.join(words, on="rule", how="left", maintain_order="left")
        .join(verdicts.rename({"verdict": "verdict_by_threshold"}), on="rule", how="left", maintain_order="left")
        .with_columns(
            percent=pl.when(pl.col("n_checked") > 0).then(100.0 * pl.col("n_bad") / pl.col("n_checked")),
            verdict_by_threshold=pl.col("verdict_by_threshold").fill_null("not_judged"),
        )
        .select(pl.col(name).cast(kind) for name, kind in RULES_SCHEMA.items())
    )


def failing_rows(checked: CheckedSubmission) -> Mapping[str, pl.DataFrame]:
    """Collect the rows that are not accepted, as sent, with the rules that they break.

    Returns
    -------
    mapping of str to polars.DataFrame
        By table: ``file, source_line, disposition`` (quarantined, held_back, refused), ``rules``, then the columns of
        the table. Cells that broke a privacy rule are empty. Tables without such rows are left out.
    """
    serious = checked.violations.filter(pl.col("severity") != Severity.WARN.value)
    cells = private_cells(checked.violations)
    rows = {}
    for table in checked.tables:
        name = table.source.definition.name
        broken = (
            serious.filter(pl.col("table") == name)
            .group_by("line")
            .agg(pl.col("rule").unique(maintain_order=True).str.join(AND).alias("rules"))
            .rename({"line": "source_line"})
        )
        frame = table.source.frame.with_columns(pl.col("source_line").cast(pl.Int64), table.typed["disposition"])
        failing = frame.join(broken, on="source_line", how="left", maintain_order="left").filter(
            (pl.col("disposition") != "accepted") | pl.col("rules").is_not_null()
        )
        if failing.is_empty():
            continue
        refused = pl.when(pl.col("disposition") == "accepted").then(pl.lit("refused")).otherwise("disposition")
        shown = _without(failing, cells.filter(pl.col("table") == name))
        columns = [pl.col(column.name) for column in table.source.definition.columns]
        file = pl.lit(table.source.file.path).alias("file")
        rows[name] = shown.select(file, "source_line", refused.alias("disposition"), "rules", *columns)
    return rows


def _without(rows: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Empty cells that broke a privacy rule, and every other cell of their column with the same text."""
    for (name,), part in cells.group_by("column"):
        texts = rows.filter(pl.col("source_line").is_in(part["line"].implode()))[str(name)].drop_nulls()
        is_such = pl.col(str(name)).is_in(texts.unique().implode())
        rows = rows.with_columns(pl.when(~is_such.fill_null(False)).then(pl.col(str(name))).alias(str(name)))
    return rows
