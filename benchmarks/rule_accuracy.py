"""How often each quality rule finds its planted fault, and fires on anything else: writes docs/rule_accuracy.md.

    python benchmarks/rule_accuracy.py                     # 100,000 patients with faults and without; some minutes
    python benchmarks/rule_accuracy.py --patients 5000 --out /some/folder

Two cohorts of the same model patients are checked as submissions are: one clean, one with faults and their answer key.
A fault is found if the rule that the key names fires on its row, or on another row of its patient where it takes two
rows to see it. A finding is explained if the key names its rule for the patient, as the rule that must fire or as one
that may follow. What fires on the same patient in the clean cohort as well is doubtful by nature. All else is a false
alarm. Rules that report a share list no rows; here their bad rows are listed for once, and counted.

Faults for which a submission is refused whole stand in submissions of their own, in cohorts of 239.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl
from rule_accuracy_page import ABOUT, FIGURES, REFUSED_FIGURES, rendered

from blinreg.registry.loading import load_submission
from blinreg.registry.manifest import ManifestFile
from blinreg.registry.quality.check import SubmissionContext, check_submission
from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.engine import RESULT_SCHEMA, is_related, run_rules
from blinreg.registry.quality.staging import PERSON_SCHEMA, persons
from blinreg.registry.reading import SubmittedTable
from blinreg.registry.store import Registry
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.rules import RULES, Origin, Rule
from blinreg.schemas.rules.sql import SubmissionFacts
from blinreg.schemas.tables import TABLES
from blinreg.synthetic import generate
from blinreg.synthetic.studies import load_study

TOP = Path(__file__).parents[1]
STUDY = "realworld-2020"
FINDING = pl.Schema(
    {
        "rule": pl.String(),
        "site": pl.String(),
        "table": pl.String(),
        "line": pl.Int64(),
        "patient_id": pl.String(),
    }
)

#: What is put behind the names of patients who are copies of others; they are judged with the patient copied.
_COPY = r"(?:-[2-6]|9X)?\s*$"

_OF_SHARES = [replace(rule, report="rows") for rule in RULES if rule.report == "share" and rule.predicate]

#: Rules that look beyond the row; what they find may lie in another row of the patient.
LOOKING_AROUND = [rule.id for rule in RULES if is_related(rule) or rule.origin is Origin.TABLE]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of a cohort: ``findings`` row by row, and ``results`` counted by rule."""

    findings: pl.DataFrame
    results: pl.DataFrame


def check_cohort(sites: Iterable[tuple[str, Mapping[str, pl.DataFrame]]], say: Say) -> Judged:
    """Check the tables of sites, one site after the other, as loading does.

    Parameters
    ----------
    sites : iterable of (str, mapping)
        Each site with its tables, every value as text.
    say : callable
        Told each site.
    """
    study = load_study(STUDY)
    claimed, described, found, counted = pl.Series(dtype=pl.String), PERSON_SCHEMA.to_frame(), [], []
    for site, tables in sites:
        context = SubmissionContext(
            site_id=site,
            created_date=dt.datetime.fromisoformat(study.created_at).date(),
            data_cutoff_date=study.data_cutoff_date,
            claimed=claimed,
            persons=described,
        )
        checked = check_submission(_submitted(tables), context)
        findings = _of_submission(checked, context, tables)
        found.append(findings)
        counted.append(checked.results)
        claimed = claimed.append(_accepted(checked, "patient")["patient_id"])
        described = pl.concat([described, persons(_persons(checked))])
        checked.tables[0].connection.close()
        say(f"{site}: {sum(frame.height for frame in tables.values()):,} rows, {findings.height:,} findings")
    results = pl.concat([RESULT_SCHEMA.to_frame(), *counted]).group_by("rule").agg(pl.col("n_checked", "n_bad").sum())
    return Judged(pl.concat([FINDING.to_frame(), *found]), results)


def _submitted(tables: Mapping[str, pl.DataFrame]) -> list[SubmittedTable]:
    submitted = []
    for definition in TABLES:
        if definition.name in tables:
            frame = tables[definition.name].select(
                pl.col(definition.column_names).cast(pl.String),
                pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias("source_line"),
            )
            file = ManifestFile(table=definition.name, path=f"{definition.name}.csv", sha256="", rows=frame.height)
            submitted.append(SubmittedTable(definition=definition, file=file, frame=frame))
    return submitted


def _of_submission(
    checked: CheckedSubmission, context: SubmissionContext, tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """List the findings with the patient of each, those of the rules that report a share too."""
    facts = SubmissionFacts(
        site_id=context.site_id,
        created_date=context.created_date,
        data_cutoff_date=context.data_cutoff_date,
        sent_tables=tuple(table.name for table in checked.tables),
    )
    rules = [rule for rule in _OF_SHARES if rule.table in facts.sent_tables]
    shares = run_rules(checked.tables[0].connection, rules, facts, schema="sound").findings
    place = ("rule", "table", "line")
    findings = pl.concat([checked.violations.select(place), shares.select(place)]).unique()
    named = []
    for (name,), part in findings.group_by("table"):
        lines = (part["line"] - 2).to_numpy()
        named.append(part.with_columns(site=pl.lit(context.site_id), patient_id=tables[str(name)]["patient_id"][lines]))
    return pl.concat([FINDING.to_frame(), *(part.select(FINDING.names()) for part in named)])


def _accepted(checked: CheckedSubmission, name: str) -> pl.DataFrame:
    return next(table.accepted for table in checked.tables if table.name == name)


def _persons(checked: CheckedSubmission) -> pl.DataFrame:
    doses = (
        _accepted(checked, "treatment_cycle")
        .filter(pl.col("agent") == "blinatumomab")
        .group_by("patient_id")
        .agg(pl.col("start_date").min().str.to_date("%Y-%m-%d").alias("first_dose"))
    )
    known = _accepted(checked, "patient").filter(
        pl.col("birth_year").is_not_null(), pl.col("sex") != "unknown", pl.col("diagnosis_date").str.len_chars() == 10
    )
    return known.join(doses, on="patient_id").with_columns(pl.col("diagnosis_date").str.to_date("%Y-%m-%d"))


def read_sites(folders: Sequence[Path]) -> Iterator[tuple[str, dict[str, pl.DataFrame]]]:
    """Read the submissions of a cohort in Parquet, one after the other."""
    for folder in folders:
        yield (
            folder.name,
            {path.name.split(".")[0]: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))},
        )


def _person(name: str) -> pl.Expr:
    """Name of the patient of whom this one is a copy, or a spelling."""
    return pl.col(name).str.to_uppercase().str.replace(_COPY, "").alias("person")


def found_faults(key: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Say of every fault whether its rule found it.

    Parameters
    ----------
    key : polars.DataFrame
        The answer key.
    findings : polars.DataFrame
        What fired.

    Returns
    -------
    polars.DataFrame
        ``fault, kind, certain, rule, is_found``.
    """
    faults = key.filter(pl.col("rule") != "").with_columns(_person("patient_id"))
    at_line = faults.join(findings, on=["rule", "site", "table", "line"], how="semi")["fault"]
    by_person = findings.select("rule", "site", _person("patient_id")).unique()
    in_person = faults.join(by_person, on=["rule", "site", "person"], how="semi")["fault"]
    shows_itself = ~pl.col("rule").is_in(LOOKING_AROUND)
    return (
        faults.select("fault", "kind", "certain", "rule")
        .unique()
        .with_columns(
            is_found=pl.col("fault").is_in(at_line.implode())
            | (~shows_itself & pl.col("fault").is_in(in_person.implode()))
        )
    )


def explained(key: pl.DataFrame, findings: pl.DataFrame, clean: pl.DataFrame) -> pl.DataFrame:
    """Say of every finding why it fired: ``planted``, ``clean`` (there too), ``follows``, ``counted`` or ``alarm``.

    Counted are the rows of rules that report a share: what fires is the verdict on a submission, and not on a row.
    """
    faults = key.with_columns(_person("patient_id"))
    fired = findings.with_columns(_person("patient_id")).with_row_index("finding")
    by_line = fired.join(faults, on=["site", "table", "line"])
    by_person = fired.join(faults, on=["site", "person"])
    pairs = pl.concat(
        part.select("finding", "rule", pl.col("rule_right").alias("must"), "may_follow", "kind")
        for part in (by_line, by_person)
    ).unique()
    follows = pairs.select("rule", "may_follow").unique()
    follows = follows.with_columns(
        pl.struct("rule", "may_follow")
        .map_elements(
            lambda at: any(fnmatchcase(at["rule"], pattern) for pattern in at["may_follow"].split()),
            return_dtype=pl.Boolean,
        )
        .alias("may")
    )
    said = (
        pairs.join(follows, on=["rule", "may_follow"])
        .group_by("finding")
        .agg((pl.col("rule") == pl.col("must")).any().alias("must"), pl.col("may").any(), pl.col("kind").first())
    )
    before = clean.select("rule", _person("patient_id")).unique().with_columns(pl.lit(value=True).alias("in_clean"))
    why = (
        pl.when(pl.col("must"))
        .then(pl.lit("planted"))
        .when(pl.col("in_clean"))
        .then(pl.lit("clean"))
        .when(pl.col("may"))
        .then(pl.lit("follows"))
        .when(pl.col("rule").is_in([rule.id for rule in _OF_SHARES]))
        .then(pl.lit("counted"))
        .otherwise(pl.lit("alarm"))
    )
    return (
        fired.join(said, on="finding", how="left")
        .join(before, on=["rule", "person"], how="left")
        .with_columns(why=why)
        .select("rule", "site", "table", "line", "kind", "why")
    )


def figures(key: pl.DataFrame, faulty: Judged, clean: Judged) -> pl.DataFrame:
    """Count for every rule that judges rows what was planted and found, what fired, and why.

    Returns
    -------
    polars.DataFrame
        One row a rule, with the columns of docs/figures/rule_accuracy.synthetic.csv.
    """
    sent = set(faulty.results["rule"]) | set(clean.results["rule"])
    rules = pl.DataFrame(
        [(rule.id, _group(rule), rule.severity.value, rule.report) for rule in RULES if rule.id in sent],
        schema=["rule", "declaration", "severity", "report"],
        orient="row",
    )
    planted = (
        found_faults(key, faulty.findings)
        .group_by("rule")
        .agg(pl.len().alias("planted"), pl.col("is_found").sum().alias("found"), pl.col("certain").first())
    )
    fired = (
        explained(key, faulty.findings, clean.findings)
        .group_by("rule")
        .agg(pl.len().alias("fired"), *((pl.col("why") == why).sum().alias(f"fired_{why}") for why in WHY))
    )
    base = clean.results.select("rule", clean_checked="n_checked", clean_fired="n_bad")
    counts = ["planted", "found", "fired", *(f"fired_{why}" for why in WHY), "clean_checked", "clean_fired"]
    return (
        rules.join(planted, on="rule", how="left", maintain_order="left")
        .join(fired, on="rule", how="left", maintain_order="left")
        .join(base, on="rule", how="left", maintain_order="left")
        .with_columns(pl.col(counts).fill_null(0).cast(pl.Int64), pl.col("certain").fill_null(value=False))
    )


#: Why a rule fired.
WHY = ("planted", "follows", "clean", "counted", "alarm")


def _group(rule: Rule) -> str:
    """Name the declaration of a rule; declarations of one name differ by their place."""
    return rule.id if rule.origin is Origin.DECLARED and not rule.member else f"{rule.family}#{rule.declaration}"


def refused_figures(seeds: Sequence[int], folder: Path, say: Say) -> pl.DataFrame:
    """Count, by kind of fault for which a submission is refused whole, how many of them were refused."""
    rows = []
    for seed in seeds:
        out = folder / f"refused-{seed}"
        generate(STUDY, out, faults=0.02, seed=seed)
        key = pl.read_parquet(out / "answer_key.parquet").filter(pl.col("file").str.starts_with("attempt-"))
        Registry.create(out / "registry.duckdb").close()
        with Registry.open(out / "registry.duckdb", write=True) as registry:
            for kind, rule, file in key.select("kind", "rule", "file").unique(maintain_order=True).rows():
                rows.append((kind, rule, _is_refused(registry, out / file.split("/")[0], rule)))
        say(f"seed {seed}: {len(rows)} submissions that must be refused")
    found = pl.DataFrame(rows, schema=["kind", "rule", "is_found"], orient="row")
    return (
        found.group_by("kind", "rule")
        .agg(pl.len().alias("planted"), pl.col("is_found").sum().alias("found"))
        .sort("kind")
    )


def _is_refused(registry: Registry, folder: Path, rule: str) -> bool:
    """Tell whether a submission is refused, or loses the rows of the rule where that is what must happen."""
    fired: set[str] = set()
    try:
        load_submission(
            registry, folder, on_checked=lambda checked: fired.update(checked.violations["rule"]), is_derived=False
        )
    except SubmissionRejected:
        return rule.startswith("file.") or rule in fired
    return rule in fired and not rule.startswith("file.")


def measure(n_patients: int, *, seed: int, rate: float, folder: Path, say: Say) -> pl.DataFrame:
    """Make the two cohorts on disk and compare them."""
    judged = {}
    for name, faults in (("clean", None), ("faulty", rate)):
        started = time.perf_counter()
        cohort = generate(STUDY, folder / name, seed=seed, patients=n_patients, faults=faults)
        say(f"{name}: {n_patients:,} patients written in {time.perf_counter() - started:.0f} s")
        judged[name] = check_cohort(read_sites(cohort.paths), say)
    key = rows_of_key(pl.read_parquet(folder / "faulty" / "answer_key.parquet"))
    alarms = explained(key, judged["faulty"].findings, judged["clean"].findings).filter(pl.col("why") == "alarm")
    for row in alarms.group_by("rule", "kind").len().sort("rule", "kind").rows():
        say(f"false alarm: {row}")
    return figures(key, judged["faulty"], judged["clean"])


def rows_of_key(key: pl.DataFrame) -> pl.DataFrame:
    """Keep the faults in rows of submissions that are meant to be loaded."""
    return key.filter(pl.col("action") != "file", ~pl.col("file").str.starts_with("attempt-"))


def main() -> None:
    """Measure, and write the figures and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=100_000, help="more than 5,000: all sites send Parquet then")
    parser.add_argument("--seed", type=int, default=2020)
    parser.add_argument("--rate", type=float, default=0.02, help="share of the rows that get a fault")
    parser.add_argument("--refused-cohorts", type=int, default=5)
    parser.add_argument("--out", type=Path, default=TOP / "docs")
    given = parser.parse_args()
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - started:6.0f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        table = measure(given.patients, seed=given.seed, rate=given.rate, folder=Path(scratch), say=say)
        seeds = range(given.seed, given.seed + given.refused_cohorts)
        refused = refused_figures(seeds, Path(scratch), say)
    folder = given.out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    table.write_csv(folder / FIGURES)
    refused.write_csv(folder / REFUSED_FIGURES)
    about = {"synthetic": True, "patients": given.patients, "seed": given.seed, "rate": given.rate}
    about["refused_cohorts"] = given.refused_cohorts
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    (given.out / "rule_accuracy.md").write_text(rendered(folder), encoding="utf-8")
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    say(f"wrote {given.out / 'rule_accuracy.md'}; at most {gigabytes:.1f} GB of memory")


if __name__ == "__main__":
    main()
