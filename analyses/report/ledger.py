"""The fidelity ledger as a page: published against synthetic, with every miss explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from blinreg.analyses.fidelity.agreement import MEDIAN_SHARE, PERCENT_POINTS
from blinreg.analyses.fidelity.ledger import CONTRADICTED, HIT, NOT_COMPARED, RESIDUAL, Ledger
from blinreg.analyses.results import write_json
from blinreg.schemas.errors import UsageError

MARK = "SYNTHETIC DATA"
NOTICE = f"{MARK}: these patients do not exist."
#: What a status is called on the page, and the sign that says it without colour.
_WORDS = {
    HIT: ("met", "✓"),
    CONTRADICTED: ("contradicted", "≠"),
    RESIDUAL: ("missed", "✗"),
    NOT_COMPARED: ("not compared", "·"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A number of the page."""

    id: str
    what: str
    population: str
    source: str
    printed: str
    here: str
    exactly: str
    status: str
    word: str
    sign: str
    explanation: str
    conflict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPart:
    """A section of the page: its counts, widths of its bar in percent, and its numbers."""

    anchor: str
    title: str
    n: int
    counts: tuple[tuple[str, str, int, float], ...]
    attainable: str
    rows: tuple[LedgerRow, ...]


def ledger_section(ledger: Ledger) -> str:
    """Compose the ledger as a piece of HTML to stand in a page.

    Needs the rules of `ledger_style` in the page's style, and no script: the filters are rules as well.

    Parameters
    ----------
    ledger : Ledger
        Of synthetic data.

    Returns
    -------
    str
        One ``<section>``.
    """
    return str(
        _environment()
        .get_template("ledger_section.html")
        .render(
            ledger=ledger,
            parts=_parts(ledger),
            total=ledger.summary.row(-1, named=True),
            verdict=verdict(ledger),
            rule=_rule(ledger),
            conflicts=_conflicts(ledger),
            mark=MARK,
        )
    )


def ledger_style() -> str:
    """Give the rules that `ledger_section` needs."""
    text = _asset("ledger.css")
    sections = "".join(
        f'.ledger:has(#ledger-part-{n}:checked) [data-part]:not([data-part="{n}"]) {{ display: none; }}\n'
        for n in range(1, 13)
    )
    return text + sections


def ledger_page(ledger: Ledger) -> str:
    """Compose a page of its own; it loads nothing.

    Returns
    -------
    str
        The same ledger gives the same text.
    """
    return str(
        _environment()
        .get_template("ledger.html")
        .render(
            title="Published against synthetic",
            study=ledger.title[:1].upper() + ledger.title[1:],
            notice=NOTICE,
            mark=MARK,
            style=Markup(_asset("report.css").replace("{{mark}}", MARK) + ledger_style()),  # noqa: S704 - our own text
            section=Markup(ledger_section(ledger)),  # noqa: S704 - escaped where it was made
        )
    )


def write_ledger(ledger: Ledger, out: Path, *, frames: Mapping[str, pl.DataFrame]) -> list[Path]:
    """Write fidelity.csv, fidelity.json and index.html, and frames as CSV.

    Returns
    -------
    list of Path

    Raises
    ------
    UsageError
        The folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = [out / "fidelity.csv", out / "fidelity.json", out / "index.html"]
        ledger.table.with_columns(pl.lit(MARK).alias("data")).write_csv(written[0], line_terminator="\n")
        write_json(out, "fidelity.json", ledger_json(ledger))
        written[2].write_text(ledger_page(ledger), encoding="utf-8", newline="\n")
        for name, frame in frames.items():
            (out / "frames").mkdir(exist_ok=True)
            written.append(out / "frames" / f"{name}.synthetic.csv")
            frame.write_csv(written[-1], line_terminator="\n")
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})", next_step="name another folder") from error
    return written


def ledger_json(ledger: Ledger) -> dict[str, Any]:
    """Give the ledger as plain values."""
    return {
        "data": MARK,
        "study": ledger.study,
        "n_patients": ledger.n_patients,
        "tolerance": ledger.tolerance,
        "summary": ledger.summary.to_dicts(),
        "numbers": ledger.table.to_dicts(),
        "conflicts": dict(ledger.conflicts),
    }


def verdict(ledger: Ledger) -> str:
    """Say the result in a sentence."""
    total = ledger.summary.row(-1, named=True)
    attainable = total["n"] - total["n_contradicted"]
    share = f", {total['attainable_percent']:.1f}%" if attainable else ""
    excluded = (
        f" The other {total['n_contradicted']} are excluded by other printed numbers."
        if total["n_contradicted"] > 1
        else " The other one is excluded by other printed numbers."
        if total["n_contradicted"]
        else ""
    )
    return (
        f"The synthetic cohort meets {total['n_hit']} of the {attainable} printed numbers that nothing printed "
        f"contradicts{share}.{excluded}"
    )


def _rule(ledger: Ledger) -> str:
    if ledger.tolerance == "printed":
        return (
            "Met: counts exactly; other numbers where they round to what is printed. Computed from the submission "
            "files, through the registry's own tables and estimators."
        )
    return (
        f"Met, as in a sample of {ledger.n_patients} patients: counts as percentages of what they were printed of, and "
        f"percentages, within {PERCENT_POINTS:g} points; medians within {100 * MEDIAN_SHARE:g}%. Ranges, limits, "
        "ratios and P values depend on the number of patients and are not compared."
    )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("blinreg.analyses.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    return (resources.files("blinreg.analyses.report") / "templates" / name).read_text(encoding="utf-8")


def _parts(ledger: Ledger) -> list[LedgerPart]:
    sections = ledger.table["section"].unique(maintain_order=True)
    return [
        _part(number, section, ledger.table.filter(pl.col("section") == section))
        for number, section in enumerate(sections, start=1)
    ]


def _part(number: int, section: str, table: pl.DataFrame) -> LedgerPart:
    n_of = dict(table["status"].value_counts().iter_rows())
    attainable = sum(n for status, n in n_of.items() if status in (HIT, RESIDUAL))
    return LedgerPart(
        anchor=str(number),
        title=section[:1].upper() + section[1:],
        n=table.height,
        counts=tuple(
            (status.replace(" ", "-"), word, n_of[status], 100 * n_of[status] / table.height)
            for status, (word, _) in _WORDS.items()
            if status in n_of
        ),
        attainable=f"{100 * n_of.get(HIT, 0) / attainable:.1f}%" if attainable else "",
        rows=tuple(_row(row) for row in table.iter_rows(named=True)),
    )


def _row(row: Mapping[str, Any]) -> LedgerRow:
    word, sign = _WORDS[row["status"]]
    return LedgerRow(
        id=row["id"],
        what=row["estimand"][:1].upper() + row["estimand"][1:],
        population=row["population"],
        source=row["source"],
        printed=row["printed"],
        here=_here(row),
        exactly=row["achieved_text"],
        status=row["status"].replace(" ", "-"),
        word=word,
        sign=sign,
        explanation=row["explanation"],
        conflict=row["conflict"],
    )


def _here(row: Mapping[str, Any]) -> str:
    """Show two digits more than are printed; a count as it is."""
    if row["achieved"] is None:
        return str(row["achieved_text"])
    if float(row["achieved"]).is_integer() and "." not in row["printed"]:
        return f"{row['achieved']:.0f}"
    digits = len(row["printed"].partition(".")[2]) + 2
    return f"{row['achieved']:.{digits}f}"


def _conflicts(ledger: Ledger) -> list[tuple[str, str, str]]:
    """Give the groups with numbers that are not met: name, sentence, and which those are."""
    misses = ledger.misses.filter(pl.col("conflict") != "")
    return [
        (name, sentence, _listed(misses.filter(pl.col("conflict") == name)["label"]))
        for name, sentence in ledger.conflicts.items()
    ]


def _listed(labels: Iterable[str]) -> str:
    return "; ".join(labels)
