"""Draw the picture of docs/immortal_time.md, and write down its numbers.

Two data sets, each analysed in the same four ways:

- simulated patients in whom transplant does nothing, so that every departure from a hazard ratio of 1 is
  an error of the method or chance;
- the responders of the synthetic cohort ``realworld-2020`` (relapsed or refractory disease), from the
  registry's own counting-process rows in ``immortal_time.synthetic.csv``.

Run ``python docs/figures/immortal_time.py`` to write ``immortal_time.json``, ``immortal_time.svg`` and the
results in the page again; with ``--registry demo/registry.duckdb``, the synthetic rows too.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from immortal_time_picture import CURVES_FROM_DAY, FOREST, LANDMARK_DAY, draw, picture

from blinreg.analyses import cox, kaplan_meier, landmark, mantel_byar, simon_makuch
from blinreg.analyses.wording import p_value, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from blinreg.analyses.survival_curves import SurvivalCurves

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "immortal_time.md"
ROWS = FOLDER / "immortal_time.synthetic.csv"
NUMBERS = FOLDER / "immortal_time.json"
PICTURE = FOLDER / "immortal_time.svg"

SEED = 2020
N_SIMULATED = 2000
N_REPEATS = 200
#: Half of the simulated patients die within this many days; transplant does not change it.
MEDIAN_DAYS = 183
#: Share of the simulated patients for whom a transplant is arranged, and its first and last possible day.
SHARE_ARRANGED, FIRST_DAY, LAST_DAY = 0.6, 31, 190
#: Follow-up of the simulated patients ends between these days.
SHORTEST, LONGEST = 365, 1095

#: The registry's rows of responders; the page shows the same query.
QUERY = """
select patient_id, tstart, tstop, event, allo_hct
from analysis.counting_process join analysis.cohort using (patient_id)
where endpoint = 'os_from_response' and indication = 'relapsed_refractory'
order by patient_id, tstart
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One data set, analysed as it should not be and as it should.

    Attributes
    ----------
    curves : mapping of str to SurvivalCurves
        "naive", "landmark", "simon_makuch".
    ratios : mapping of str to dict
        "naive", "landmark", "time_dependent", "mantel_byar": hazard_ratio, lower, upper, p_value.
    counts : mapping of str to int or float
        Patients, deaths, transplants, days.
    at_one_year : mapping of str to dict
        Simon-Makuch survival of the two states, drawn from day 0 and from the landmark.
    """

    curves: Mapping[str, SurvivalCurves]
    ratios: Mapping[str, dict[str, float]]
    counts: Mapping[str, float]
    at_one_year: Mapping[str, dict[str, float]]


def simulate(n: int, seed: int) -> pl.DataFrame:
    """Simulate patients from response to death; a transplant happens to those who live to its day, and does nothing."""
    uniform = np.random.default_rng(seed).random((n, 4))
    death = np.ceil(-np.log1p(-uniform[:, 0]) * MEDIAN_DAYS / np.log(2)).astype(np.int64)
    end = SHORTEST + np.ceil(uniform[:, 1] * (LONGEST - SHORTEST)).astype(np.int64)
    arranged = FIRST_DAY + np.floor(uniform[:, 3] * (LAST_DAY - FIRST_DAY + 1)).astype(np.int64)
    last = np.minimum(death, end)
    transplanted = (uniform[:, 2] < SHARE_ARRANGED) & (arranged < last)
    one_row = pl.DataFrame({"patient_id": np.arange(n), "tstop": last, "event": (death <= end).astype(np.int64)})
    before = one_row.with_columns(
        tstart=pl.lit(0, pl.Int64),
        tstop=pl.Series(np.where(transplanted, arranged, last)),
        event=pl.col("event") * pl.Series(1 - transplanted),
        allo_hct=pl.lit(0, pl.Int64),
    )
    after = one_row.with_columns(tstart=pl.Series(arranged), allo_hct=pl.lit(1, pl.Int64)).filter(transplanted)
    return pl.concat([before, after], how="diagonal").sort("patient_id", "tstart")


def ever_or_never(rows: pl.DataFrame) -> pl.DataFrame:
    """Make one row a patient, as the naive analysis does: exposed from day 0 if ever transplanted."""
    return (
        rows.group_by("patient_id", maintain_order=True)
        .agg(pl.col("tstart").min(), pl.col("tstop", "event", "allo_hct").max())
        .rename({"allo_hct": "ever"})
    )


def hazard_ratios(rows: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Estimate the effect of transplant in four ways; the first is wrong."""
    frozen = landmark(rows, landmarks=[LANDMARK_DAY], hazard_ratio=True)
    test = mantel_byar(rows)
    names = ("hazard_ratio", "lower", "upper", "p_value")
    return {
        "naive": cox(ever_or_never(rows), ["ever"]).table.select(names).row(0, named=True),
        "landmark": frozen.hazard_ratios.select(names).row(0, named=True),
        "time_dependent": cox(rows, ["allo_hct"]).table.select(names).row(0, named=True),
        "mantel_byar": {
            "observed": float(test.observed),
            "expected": float(test.expected),
            "p_value": float(test.p_value or 1),
        },
    }


def one_year(rows: pl.DataFrame, landmark_day: int) -> dict[str, float]:
    """Read the Simon-Makuch curves off at 365 days."""
    read = simon_makuch(rows, landmark=landmark_day).at([365])
    return dict(zip(("no_hct", "hct"), read["survival"], strict=True))


def compare(rows: pl.DataFrame) -> Compared:
    """Analyse one data set in every way, and count."""
    ever = ever_or_never(rows)
    frozen = landmark(rows, landmarks=[LANDMARK_DAY])
    waited = rows.filter(pl.col("allo_hct") == 1).group_by("patient_id").agg(pl.col("tstart").min())["tstart"]
    exposed = ever.filter(pl.col("ever") == 1)
    at_landmark = dict(frozen.table.select("group", "n").iter_rows())
    return Compared(
        curves={
            "naive": kaplan_meier(ever, by="ever"),
            "landmark": frozen.curves[0],
            "simon_makuch": simon_makuch(rows, landmark=CURVES_FROM_DAY),
        },
        ratios=hazard_ratios(rows),
        counts={
            "patients": ever.height,
            "deaths": int(ever["event"].sum()),
            "transplanted": exposed.height,
            "median_day_of_transplant": float(np.median(waited.to_numpy())),
            "immortal_days": float(waited.sum()),
            "days_of_ever_transplanted": float(exposed["tstop"].sum()),
            "ended_by_landmark": int(frozen.patients["n_ended"][0]),
            "transplanted_by_landmark": int(at_landmark[1]),
            "not_transplanted_by_landmark": int(at_landmark[0]),
            "transplanted_after_landmark": int((waited > LANDMARK_DAY).sum()),
        },
        at_one_year={f"from_day_{day}": one_year(rows, day) for day in (0, CURVES_FROM_DAY)},
    )


def repeat() -> dict[str, dict[str, float]]:
    """Simulate again and again: the hazard ratios of each method, and how often P is below .05."""
    found = [hazard_ratios(simulate(N_SIMULATED, seed)) for seed in range(1, N_REPEATS + 1)]
    summary = {}
    for name in ("naive", "landmark", "time_dependent"):
        ratios = [one[name]["hazard_ratio"] for one in found]
        summary[name] = {
            "hazard_ratio": float(np.exp(np.mean(np.log(ratios)))),
            "lowest": min(ratios),
            "highest": max(ratios),
            "share_below_5_percent": float(np.mean([one[name]["p_value"] < 0.05 for one in found])),
        }
    return summary


def rounded(value: Any) -> Any:
    """Keep six significant digits: what a reader may check, and the same on every machine."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value


def numbers(simulated: Compared, synthetic: Compared) -> dict[str, Any]:
    """Collect every number of the page."""
    return {
        name: rounded({**one.counts, **one.ratios, "simon_makuch_at_one_year": one.at_one_year})
        for name, one in (("simulated", simulated), ("synthetic", synthetic))
    } | {
        "repeated": rounded(repeat()),
    }


# The page ------------------------------------------------------------------------------------


def table(found: Mapping[str, Any]) -> str:
    """Write the hazard ratios as a Markdown table."""
    again = f"{N_REPEATS} such data sets: average, share with P < .05"
    lines = [f"| hazard ratio of transplant | simulated, no effect | {again} | synthetic cohort |"]
    lines.append("|---|---|---|---|")
    for name, label in FOREST:
        cells = [_ratio_cell(found[data][name]) for data in ("simulated", "synthetic")]
        repeated = found["repeated"][name]
        share = f"{repeated['hazard_ratio']:.2f}, {100 * repeated['share_below_5_percent']:.0f}%"
        lines.append(f"| {label} | {cells[0]} | {share} | {cells[1]} |")
    tests = [_test_cell(found[data]["mantel_byar"]) for data in ("simulated", "synthetic")]
    lines.append(f"| Mantel-Byar test: deaths after transplant | {tests[0]} | | {tests[1]} |")
    return "\n".join(lines)


def _ratio_cell(one: Mapping[str, float]) -> str:
    limits = f"{ratio(one['lower'])} to {ratio(one['upper'])}"
    return f"{ratio(one['hazard_ratio'])} ({limits}), {p_value(one['p_value'], sign=True)}"


def _test_cell(one: Mapping[str, float]) -> str:
    return f"{one['observed']:.0f} observed, {one['expected']:.1f} expected, {p_value(one['p_value'], sign=True)}"


def refusal(counts: Mapping[str, float]) -> str:
    """Say what the guard of plans says of the naive analysis of the synthetic cohort."""
    return (
        f"allo_hct becomes known {counts['median_day_of_transplant']:g} days (median) after the origin in "
        f"{counts['transplanted']} patients and is known to be 'never' only at last contact in "
        f"{counts['patients'] - counts['transplanted']}: immortal time"
    )


def sql_results(page: str, connection: duckdb.DuckDBPyConnection) -> str:
    """Run the page's SQL in order and put what it gives into the tables that follow it."""

    def run(found: re.Match[str]) -> str:
        sql, shown = found[1], found[2]
        result = connection.sql(sql)
        if result is None or not shown:
            return found[0]
        rows = [result.columns, ["---"] * len(result.columns), *result.fetchall()]
        lines = ["| " + " | ".join(str(value) for value in row) + " |\n" for row in rows]
        return f"```sql\n{sql}```\n\n{''.join(lines)}"

    return re.sub(r"```sql\n(.*?)```\n(?:\n((?:\|[^\n]*\n)+))?", run, page, flags=re.S)


def small_registry() -> duckdb.DuckDBPyConnection:
    """Make a database with the synthetic rows and the macros of a registry, to run the page's SQL in."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("create schema analysis")
    for macro in sorted((FOLDER.parents[1] / "sql").glob("9*_macro_*.sql")):
        connection.execute(macro.read_text(encoding="utf-8"))
    connection.execute(
        "create table analysis.counting_process as select *, 'os_from_response' as endpoint "
        "from read_csv(?, types = {'tstart': 'double', 'tstop': 'double', 'event': 'integer', 'allo_hct': 'integer'})",
        [str(ROWS)],
    )
    connection.execute(
        "create table analysis.cohort as "
        "select distinct patient_id, 'relapsed_refractory' as indication from analysis.counting_process"
    )
    return connection


def rewritten(page: str, found: Mapping[str, Any]) -> str:
    """Put the present numbers into the page: the table, the refusal, the results of its SQL."""
    marked = {"numbers": table(found), "refusal": f"```text\n{refusal(found['synthetic'])}\n```"}
    for name, text in marked.items():
        between = re.compile(rf"(<!-- {name} -->\n\n).*?(\n\n<!-- /{name} -->)", re.S)
        page = between.sub(lambda marks, text=text: f"{marks[1]}{text}{marks[2]}", page)
    with small_registry() as connection:
        return sql_results(page, connection)


def write_rows(registry: Path) -> None:
    """Take the synthetic rows from a registry that holds the eleven submissions."""
    import duckdb

    with duckdb.connect(str(registry), read_only=True) as connection:
        connection.sql(QUERY).pl().write_csv(ROWS)


def main() -> None:
    """Write the numbers, the picture and the table of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registry", type=Path, help="take the synthetic rows from it, as `blinreg demo` made it")
    parser.add_argument("--png", type=Path, help="write the picture there too, to look at")
    args = parser.parse_args()
    if args.registry:
        write_rows(args.registry)
    simulated, synthetic = compare(simulate(N_SIMULATED, SEED)), compare(pl.read_csv(ROWS))
    found = numbers(simulated, synthetic)
    NUMBERS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    PICTURE.write_text(picture(simulated, synthetic), encoding="utf-8")
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    if args.png:
        draw(simulated, synthetic).savefig(args.png, dpi=110)


if __name__ == "__main__":
    main()
