"""Check a study plan, or say in words and SQL what it will do, before it is run.

`plan check PLAN` needs no registry: it reads the plan, names what is wrong with the nearest right names, and
lists the analyses; with --registry it says of each whether it looks into the future (immortal time).
`plan explain PLAN ANALYSIS` says who is analysed, from when time counts and what must be known by then, and
gives the SQL with the same rows, for any DuckDB client; with --registry also the patients left at each step.
`plan schema` writes the JSON Schema of plans, for editors.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blinreg.analyses.plans import Plan, load_plan
from blinreg.analyses.plans.explain import Explanation, explain_analysis
from blinreg.analyses.plans.guard import Outcome, Verdict, judge_plan
from blinreg.analyses.plans.model import Entry
from blinreg.analyses.plans.options import Role, names_of
from blinreg.analyses.plans.schema import plan_schema
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.cli.source import analysis_views
from blinreg.registry.store import Registry
from blinreg.schemas.errors import GuardRefusal, UsageError, nearest

NAME = "plan"
HELP = "check or explain a study plan before it is run"
EXAMPLE = "blinreg plan check realworld-2020"

_ACTIONS = ("check", "explain", "schema")
_INDENT = "\n              "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", choices=_ACTIONS, help="what to do")
    parser.add_argument("plan", metavar="PLAN", nargs="?", help="name of a shipped plan or path of a TOML file")
    parser.add_argument("analysis", metavar="ANALYSIS", nargs="?", help="explain this one only, with its SQL")
    parser.add_argument("--variant", metavar="NAME", help="explain this variant of the analysis")
    parser.add_argument("--registry", type=Path, metavar="R", help="registry: verdicts of the guard, attrition")
    parser.add_argument("--sql", action="store_true", help="write the SQL only, to pipe into a DuckDB client")


def run(args: argparse.Namespace, console: Console) -> int:
    """Check, explain or write the schema."""
    if args.action == "schema":
        console.result(json.dumps(plan_schema(), indent=2), plan_schema())
        return 0
    if args.plan is None:
        raise UsageError("no plan is named", next_step=f"blinreg plan {args.action} realworld-2020")
    plan = load_plan(args.plan)
    with _views(args.registry) as views:
        if args.action == "check":
            if args.analysis is not None:
                raise UsageError(
                    "a plan is checked whole", next_step=f"blinreg plan explain {args.plan} {args.analysis}"
                )
            return _check(plan, views, console)
        return _explain(plan, _chosen(plan, args.analysis, args.variant), views, console, only_sql=args.sql)


@contextmanager
def _views(path: Path | None) -> Iterator[ViewFrames | None]:
    """Open the registry, if one is named, for as long as its views are read."""
    if path is None:
        yield None
        return
    with Registry.open(path) as registry:
        yield read_views(analysis_views(registry))


def _check(plan: Plan, views: ViewFrames | None, console: Console) -> int:
    verdicts = {} if views is None else judge_plan(plan, views)
    refused = [verdict for verdict in verdicts.values() if verdict.outcome is Outcome.REFUSED]
    code = GuardRefusal.exit_code if refused else 0
    n_variants = len(plan.judged) - len(plan.entries)
    said = [
        f"{plan.file}: {len(plan.entries)} analyses, {n_variants} variants, "
        + (
            f"{len(refused)} refused (immortal time)"
            if refused
            else "none refused"
            if verdicts
            else "no error in the text"
        ),
        "",
        text_table(
            ["analysis", "method", "population", "endpoint", "guard"], [_row(one, verdicts) for one in plan.judged]
        ),
    ]
    said += [f"\n{verdict.entry.spoken_name} ({verdict.reason}\n  next: {verdict.next_step}" for verdict in refused]
    if views is None:
        said.append("\nThe guard needs data: add --registry R to see what looks into the future.")
    console.result(
        "\n".join(said),
        {
            "plan": plan.name,
            "analyses": [_as_json(one, verdicts) for one in plan.judged],
            "n_refused": len(refused),
            "exit_code": code,
        },
    )
    return code


def _row(entry: Entry, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    name = f"  {entry.variant}" if entry.variant else entry.name
    verdict = verdicts.get(entry.spoken_name)
    declared = "biased, as declared" if entry.biased else ""
    return (
        name,
        entry.method.name,
        entry.options.population,
        ", ".join(names_of(entry.options, Role.ENDPOINT)),
        declared if verdict is None else verdict.outcome.value,
    )


def _as_json(entry: Entry, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    verdict = verdicts.get(entry.spoken_name)
    return {
        "analysis": entry.name,
        "variant": entry.variant,
        "method": entry.method.name,
        "population": entry.options.population,
        "endpoints": list(names_of(entry.options, Role.ENDPOINT)),
        "is_biased": entry.biased,
        "verdict": None if verdict is None else verdict.outcome.value,
        "reason": "" if verdict is None else verdict.reason,
        "next_step": "" if verdict is None else verdict.next_step,
    }


def _chosen(plan: Plan, analysis: str | None, variant: str | None) -> tuple[Entry, ...]:
    """Find the analysis or variant that is asked for; without a name, every analysis."""
    if analysis is None:
        if variant is not None:
            raise UsageError("a variant is one of an analysis", next_step="name the analysis before it")
        return plan.entries
    names = [entry.name for entry in plan.entries]
    if analysis not in names:
        raise UsageError(f"{plan.file} has no analysis {analysis!r}", next_step=nearest(analysis, names))
    entry = plan.entry(analysis)
    if variant is None:
        return (entry,)
    found = {one.variant: one for one in entry.variants}
    if variant not in found:
        raise UsageError(f"analysis {analysis} has no variant {variant!r}", next_step=nearest(variant, list(found)))
    return (found[variant],)


def _explain(
    plan: Plan, entries: tuple[Entry, ...], views: ViewFrames | None, console: Console, *, only_sql: bool
) -> int:
    found = [explain_analysis(plan, entry, views) for entry in entries]
    if only_sql:
        text = "\n".join(one.sql for one in found)
    else:
        text = "\n\n".join(_in_words(one, with_sql=len(found) == 1) for one in found)
    console.result(text, {"plan": plan.name, "analyses": [_explanation_as_json(one) for one in found]})
    return 0


def _in_words(found: Explanation, *, with_sql: bool) -> str:
    entry = found.entry
    lines = [f"{entry.spoken_name}: {entry.title}", f"  method      {entry.method.name}"]
    lines.append(f"  population  {_INDENT.join(found.population)}")
    lines.append(f"  clock       {_INDENT.join(found.clock)}")
    if found.uses:
        lines.append(f"  uses        {_INDENT.join(found.uses)}")
    if entry.biased:
        lines.append("  biased      as the plan says")
    if entry.variants:
        lines.append(f"  variants    {_INDENT.join(variant.variant for variant in entry.variants)}")
    if found.verdict is not None:
        lines.append(f"  guard       {_verdict(found.verdict)}")
    if found.failure:
        lines.append(f"  would fail  {found.failure}")
    if found.attrition is not None:
        steps = found.attrition.select("step", "n_patients", "n_excluded", "reason").rows()
        lines.append("")
        lines.append(text_table(["step", "patients", "excluded", "why"], steps))
    if with_sql:
        lines.append(f"\nThe same rows in any DuckDB client:\n\n{found.sql}")
    return "\n".join(lines)


def _verdict(verdict: Verdict) -> str:
    said = [verdict.outcome.value]
    said += [f"{early.how} {early.variable}: {early.sentence}" for early in verdict.early]
    said += list(verdict.cautions)
    if verdict.outcome is Outcome.REFUSED:
        said.append(verdict.next_step.replace("\n    ", f"{_INDENT}  "))
    return _INDENT.join(said)


def _explanation_as_json(found: Explanation) -> dict[str, Any]:
    verdict = found.verdict
    return {
        "analysis": found.entry.name,
        "variant": found.entry.variant,
        "title": found.entry.title,
        "method": found.entry.method.name,
        "population": list(found.population),
        "clock": list(found.clock),
        "uses": list(found.uses),
        "is_biased": found.entry.biased,
        "verdict": None if verdict is None else verdict.outcome.value,
        "reason": "" if verdict is None else verdict.reason,
        "attrition": None if found.attrition is None else found.attrition.to_dicts(),
        "failure": found.failure,
        "sql": found.sql,
    }
