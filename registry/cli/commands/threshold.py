"""Show or change how many findings of a rule are too many, for every site or for one.

Verdicts follow at once: nothing is run again. Limits that are set replace the usual ones whole. Without a
limit the command says how the newest submissions stand. It never decides which rows are accepted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.quality.thresholds import Limits, remove_limits, set_limits, verdicts
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError
from blinreg.schemas.rules import rule as rule_called
from blinreg.schemas.rules.store import EVERY_SITE

NAME = "threshold"
HELP = "show or change how many findings of a rule are too many"
EXAMPLE = "blinreg threshold registry.duckdb baseline.karnofsky_percent.not_known --site site04 --percent 75"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("registry", type=Path, metavar="R", help="registry")
    parser.add_argument("rule", metavar="RULE", help="id of the rule, as docs/rules.md lists them")
    parser.add_argument("--site", default=EVERY_SITE, metavar="S", help="site (default: every site without its own)")
    parser.add_argument("--percent", type=float, metavar="P", help="a higher share of bad rows is too high, in %%")
    parser.add_argument("--min-percent", type=float, metavar="P", help="a lower share is too low, in %%")
    parser.add_argument("--count", type=int, metavar="N", help="more bad rows are too many")
    parser.add_argument("--min-checked", type=int, metavar="N", help="with fewer checked rows nothing is said")
    parser.add_argument("--reset", action="store_true", help="go back to the usual limits")


def _change(args: argparse.Namespace) -> bool:
    """Change the limits if that was asked for."""
    given = [args.percent, args.min_percent, args.count, args.min_checked]
    is_set = any(value is not None for value in given)
    if args.reset and is_set:
        raise UsageError("--reset and a limit cannot be given together", next_step="choose one")
    if not args.reset and not is_set:
        return False
    limits = Limits(
        max_rows=args.count,
        max_percent=args.percent,
        min_percent=args.min_percent,
        min_checked=rule_called(args.rule).threshold.min_checked if args.min_checked is None else args.min_checked,
    )
    with Registry.open(args.registry, write=True) as registry:
        if args.reset:
            remove_limits(registry, args.rule, site_id=args.site)
        else:
            set_limits(registry, args.rule, limits, site_id=args.site)
    return True


def describe(rule: str, found: pl.DataFrame, *, is_changed: bool) -> str:
    """Lay the verdicts out for a terminal."""
    lines = [f"{rule}: {rule_called(rule).title}"]
    lines += ["the limits were changed; the verdicts of now:"] if is_changed else []
    if found.is_empty():
        return "\n".join([*lines, "no current submission was checked by this rule"])
    shown = found.with_columns(pl.col("percent_bad").round(1)).drop("submission_id")
    header = ["site", "checked", "bad", "%", "max rows", "max %", "min %", "min checked", "verdict"]
    return "\n".join([*lines, text_table(header, shown.rows())])


def run(args: argparse.Namespace, console: Console) -> int:
    """Change the limits, and say how the sites stand."""
    rule_called(args.rule)
    is_changed = _change(args)
    with Registry.open(args.registry) as registry:
        found = verdicts(registry, args.rule)
    if args.site != EVERY_SITE and not found.is_empty():
        found = found.filter(pl.col("site_id") == args.site)
    data = {"rule": args.rule, "site": args.site, "is_changed": is_changed, "verdicts": found.to_dicts()}
    console.result(describe(args.rule, found, is_changed=is_changed), data)
    return 0
