"""How the values of a submission are spread, beside the other sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import polars as pl

from blinreg.registry.quality.other_sites import OtherSites
from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.tables import TABLES

#: Name of a quantile and its share.
QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}

DISTRIBUTION_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("variable", "title", "unit", "kind", "level"), pl.String()),
        **dict.fromkeys(("site_n", "others_n"), pl.Int64()),
        **dict.fromkeys(("site_percent", "others_percent"), pl.Float64()),
        **{f"{who}_{name}": pl.Float64() for who in ("site", "others") for name in QUANTILES},
    }
)

_NUMBERS = (Type.INTEGER, Type.NUMBER)


def distributions(
    own: duckdb.DuckDBPyConnection, submission_id: str, others: OtherSites | None, *, tables: Sequence[str]
) -> pl.DataFrame:
    """Compare every number and code of the accepted rows.

    Parameters
    ----------
    own : duckdb.DuckDBPyConnection
        Where the accepted rows of the submission are.
    submission_id : str
        The submission.
    others : OtherSites, optional
        Current submissions of the other sites.
    tables : sequence of str
        Tables that were sent.

    Returns
    -------
    polars.DataFrame
        With the columns of `DISTRIBUTION_SCHEMA`: a row a number, with quantiles over rows; a row a level of a code,
        with the patients who have it in any row, and their share among those with any. Of the others, what stands
        on too few patients is null.
    """
    rows: list[dict[str, Any]] = []
    for definition in TABLES:
        columns = [column for column in definition.columns if column.name not in definition.key]
        if definition.name not in tables:
            continue
        numbers = [column for column in columns if column.type in _NUMBERS]
        codes = [column for column in columns if column.type is Type.CODE]
        here = _of_table(own, definition, numbers, codes, [submission_id])
        there = {} if others is None else _of_table(others.cursor, definition, numbers, codes, others.submission_ids)
        fewest = 1 if others is None else others.fewest
        for column in columns:
            name = column.name
            if name in here and column.type in _NUMBERS:
                rows.append(_number_row(definition, column, here[name], told_quantiles(there.get(name, {}), fewest)))
            elif name in here:
                rows += _code_rows(definition, column, here[name], told_levels(there.get(name, {}), fewest))
    return pl.DataFrame(rows, schema=DISTRIBUTION_SCHEMA)


def _of_table(
    connection: duckdb.DuckDBPyConnection,
    definition: Table,
    numbers: Sequence[Column],
    codes: Sequence[Column],
    submission_ids: Sequence[str],
) -> Mapping[str, dict[str, Any]]:
    """Give, by column, the patients with a value, and quantiles or patients by level; columns with any."""
    source = f"from submitted.{definition.name} where submission_id in (select unnest($ids))"
    names = {"ids": list(submission_ids)}
    found: dict[str, dict[str, Any]] = {}
    if numbers:
        shares = ", ".join(str(share) for share in QUANTILES.values())
        asked = ", ".join(
            f"count(distinct patient_id) filter ({column.name} is not null), "
            f"quantile_cont(cast({column.name} as double), [{shares}])"
            for column in numbers
        )
        values = connection.execute(f"select {asked} {source}", names).fetchall()[0]
        for place, column in enumerate(numbers):
            if values[2 * place]:
                quantiles = dict(zip(QUANTILES, values[2 * place + 1], strict=True))
                found[column.name] = {"n": values[2 * place], **quantiles}
    if codes:
        asked = " union all ".join(
            f"select '{column.name}' as name, {column.name} as level, count(distinct patient_id) as n {source} "
            f"and {column.name} is not null group by grouping sets (({column.name}), ())"
            for column in codes
        )
        for name, level, n in connection.execute(asked, names).fetchall():
            if n:
                found.setdefault(name, {})["n" if level is None else f"level {level}"] = n
    return found


def told_quantiles(found: Mapping[str, Any], fewest: int) -> Mapping[str, Any]:
    """Leave out quantiles with too few patients on either side.

    Examples
    --------
    >>> found = {"n": 50, "p5": 20.0, "p25": 31.0, "p50": 40.0, "p75": 55.0, "p95": 70.0}
    >>> told_quantiles(found, 11)
    {'n': 50, 'p25': 31.0, 'p50': 40.0, 'p75': 55.0}
    """
    n = found.get("n", 0)
    if n < fewest:
        return {}
    kept = {
        name: found[name] for name, share in QUANTILES.items() if fewest == 1 or n * min(share, 1 - share) >= fewest
    }
    return {"n": n, **kept}


def told_levels(found: Mapping[str, int], fewest: int) -> Mapping[str, int | None]:
    """Leave out levels with too few patients, and so many more that these cannot be worked out.

    Examples
    --------
    >>> told_levels({"n": 100, "level yes": 4, "level no": 80, "level unknown": 16}, 11)
    {'level yes': None, 'level unknown': None, 'level no': 80, 'n': 100}
    """
    levels = sorted((n, name) for name, n in found.items() if name != "n")
    hidden: list[int] = []
    for n, _ in levels:
        if n < fewest or (hidden and (len(hidden) == 1 or sum(hidden) < fewest)):
            hidden.append(n)
    shown = dict.fromkeys((name for _, name in levels[: len(hidden)]), None) | {
        name: n for n, name in levels[len(hidden) :]
    }
    return {**shown, "n": found["n"]} if found.get("n", 0) >= fewest else dict.fromkeys(shown, None)


def _words(definition: Table, column: Column, kind: str) -> dict[str, str]:
    return {
        "variable": f"{definition.name}.{column.name}",
        "title": column.description,
        "unit": column.unit,
        "kind": kind,
    }


def _number_row(definition: Table, column: Column, here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {**_words(definition, column, "number"), "site_n": here["n"], "others_n": there.get("n")}
    for name in QUANTILES:
        row |= {f"site_{name}": here[name], f"others_{name}": there.get(name)}
    return row


def _code_rows(
    definition: Table, column: Column, here: Mapping[str, int], there: Mapping[str, int | None]
) -> Iterator[dict[str, Any]]:
    n_others = there.get("n")
    for code in column.codes:
        level = f"level {code}"
        if level not in here and level not in there:
            continue
        others_n = there.get(level, 0 if n_others else None)
        yield {
            **_words(definition, column, "code"),
            "level": code,
            "site_n": here.get(level, 0),
            "site_percent": 100 * here.get(level, 0) / here["n"],
            "others_n": others_n,
            "others_percent": 100 * others_n / n_others if n_others and others_n is not None else None,
        }
