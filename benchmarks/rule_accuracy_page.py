"""The page of what the quality rules find: rendered from the figures of ``rule_accuracy.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from blinreg.analyses.response_rate import clopper_pearson

_HEAD = """\
# What the quality rules find

Written by `python benchmarks/rule_accuracy.py`; all data are synthetic.

{n:,} patients of the multi-state model of `realworld-2020` (seed {seed}) were checked twice: as they are, and with
faults planted in them ({n_planted:,} faults that a rule must find, a rate of {rate:g} of the rows). The answer key
names for each fault the rule that must fire, and those that may follow: a missing patient leaves orphans. Every rule:
[figures/rule_accuracy.synthetic.csv](figures/rule_accuracy.synthetic.csv).

| rules | with a fault | faults | found | sensitivity (95%) | findings | false alarms | precision | in clean data |
|---|---|---|---|---|---|---|---|---|
{totals}

- **Sensitivity** is the share of planted faults that the rule found, with exact 95% limits (Clopper and Pearson). A
  fault that a row shows by itself must be found on that row; one that takes two rows, on any row of the patient.
- **Precision** is the share of findings that a planted fault explains, itself or as a consequence, among those that
  clean data do not have too. Rules that report a share list no rows and cannot raise a false alarm on one: their
  verdict is on the submission. Their bad rows were listed for this page, and only their sensitivity is given.
- **What may follow** was written down by reading what fired beside the faults, in cohorts of this and of other seeds,
  and asking each time whether the rule is right. It is no blind test: another seed may show a rare consequence that is
  not in the lists, and `--seed` looks for one.
- **Without a fault** here are rules on columns that no model patient fills, such as days of registration and arms, and
  those for which a submission is refused whole, below. Each of them has its kind of fault.
- **Clean data** have the missing values, late visits and rare findings of real ones, so that warnings fire there:
  doubtful is not wrong. A rule that rejects must not.

"""

_REFUSED = """\
## Refused whole

Each in a submission of its own, in {n_seeds} cohorts of 239 patients. No clean submission and none with
faults in its rows only was refused.

| planted | rule | submissions | refused |
|---|---|---|---|
{rows}
"""

_SECTION = """\
## {title}

| rule | faults | found | sensitivity (95%) | findings | explained | false alarms | clean rows | in clean data |
|---|---|---|---|---|---|---|---|---|
{rows}
"""

_TITLES = {
    ("reject_row", "rows"): "Rules that reject a row",
    ("reject_submission", "rows"): "Rules on values for which a submission is refused",
    ("warn", "rows"): "Warnings",
    ("warn", "share"): "Shares",
}


def render(table: pl.DataFrame, refused: pl.DataFrame, about: Mapping[str, float | int]) -> str:
    """Render the page from the figures.

    Parameters
    ----------
    table : polars.DataFrame
        One row a rule, as `figures` gives it.
    refused : polars.DataFrame
        As `refused_figures` gives it.
    about : mapping
        ``patients``, ``seed``, ``rate`` and ``refused_cohorts`` of the run.
    """
    groups = {key: part for key, part in ((key, _of(table, key)) for key in _TITLES) if part.height}
    totals = "\n".join(_total(_TITLES[key], part) for key, part in groups.items() if part["planted"].sum())
    parts = [
        _HEAD.format(
            n=about["patients"],
            seed=about["seed"],
            rate=about["rate"],
            n_planted=table["planted"].sum(),
            totals=totals,
        ),
        _REFUSED.format(
            n_seeds=about["refused_cohorts"],
            rows="\n".join(
                f"| {kind.replace('_', ' ')} | `{rule}` | {n} | {found} |" for kind, rule, n, found in refused.rows()
            ),
        ),
    ]
    for key, part in groups.items():
        rows = [_row(name, members) for (name,), members in part.group_by("declaration", maintain_order=True)]
        parts.append(_SECTION.format(title=_TITLES[key], rows="\n".join(rows)))
    return "\n".join(parts).rstrip() + "\n"


def _of(table: pl.DataFrame, key: tuple[str, str]) -> pl.DataFrame:
    return table.filter(pl.col("severity") == key[0], pl.col("report") == key[1])


def _sensitivity(found: int, planted: int) -> str:
    if not planted:
        return "not planted"
    low, high = clopper_pearson(np.array([float(found)]), np.array([float(planted)]), conf_level=0.95)
    return f"{100 * found / planted:.4g}% ({100 * low[0]:.4g} to {100 * high[0]:.4g})"


def _total(title: str, part: pl.DataFrame) -> str:
    found, planted, alarms = (int(part[name].sum()) for name in ("found", "planted", "fired_alarm"))
    of_faults = int(part["fired_planted"].sum() + part["fired_follows"].sum())
    is_share = part["report"][0] == "share"
    precision = "-" if is_share else f"{100 * of_faults / (of_faults + alarms):.5g}%"
    n_planted = part.filter(pl.col("planted") > 0).height
    cells = [title, f"{n_planted} of {part.height}", f"{planted:,}", f"{found:,}", _sensitivity(found, planted)]
    cells += [
        f"{part['fired'].sum():,}",
        "-" if is_share else f"{alarms:,}",
        precision,
        f"{part['clean_fired'].sum():,}",
    ]
    return f"| {' | '.join(cells)} |"


def _row(name: object, members: pl.DataFrame) -> str:
    shown = str(name).split("#")[0] + (f" ({members.height} rules)" if members.height > 1 else "")
    found, planted = int(members["found"].sum()), int(members["planted"].sum())
    checked, fired = int(members["clean_checked"].sum()), int(members["clean_fired"].sum())
    is_share = members["report"][0] == "share"
    of_faults = members["fired_planted"].sum() + members["fired_follows"].sum()
    base = f"{fired:,}" + (f" ({100 * fired / checked:.2g}%)" if fired else "")
    cells = [f"`{shown.split(' (')[0]}`" + shown[len(shown.split(" (")[0]) :], f"{planted:,}", f"{found:,}"]
    cells += [_sensitivity(found, planted), f"{members['fired'].sum():,}"]
    cells += ["-", "-"] if is_share else [f"{of_faults:,}", f"{members['fired_alarm'].sum():,}"]
    return f"| {' | '.join([*cells, f'{checked:,}', base])} |"


FIGURES = "rule_accuracy.synthetic.csv"
REFUSED_FIGURES = "rule_accuracy_refused.synthetic.csv"
ABOUT = "rule_accuracy.json"


def rendered(folder: Path) -> str:
    """Render the page from the files of figures in a folder."""
    return render(
        pl.read_csv(folder / FIGURES),
        pl.read_csv(folder / REFUSED_FIGURES),
        json.loads((folder / ABOUT).read_text(encoding="utf-8")),
    )
