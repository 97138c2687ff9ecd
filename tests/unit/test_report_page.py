"""The report: every number is that of a result file, every text is escaped, nothing is loaded from outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from blinreg.analyses import wording
from blinreg.analyses.plans import InputSubmission, Provenance, RunResult, load_plan, run_plan
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.report import write_report

Views = dict[str, pl.DataFrame]
PROVENANCE = Provenance(
    submissions=(InputSubmission(site_id="site_a", submission_id="a-1", content_sha256="a" * 64, is_synthetic=True),)
)
VOID = {"meta", "br", "link", "img", "input", "hr"}
NUMBER = re.compile(r"\d*\.\d+|\d+")


@dataclass
class Element:
    """An element of the page, with its text and its children."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> Iterator[Element]:
        for child in self.children:
            if child.tag == tag and all(child.attributes.get(name) == value for name, value in attributes.items()):
                yield child
            yield from child.all(tag, **attributes)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()


class Page(HTMLParser):
    """A page as a tree; unclosed or crossed tags are errors."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("page", {})
        self.open = [self.root]
        self.feed(html)
        assert [element.tag for element in self.open] == ["page"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.texts.append(data)


@pytest.fixture(scope="module")
def run(invented_views: Callable[..., Views], tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    out = tmp_path_factory.mktemp("run")
    return run_plan(load_plan("realworld-2020"), invented_views(239, seed=5), provenance=PROVENANCE, out=out)


@pytest.fixture(scope="module")
def html(run: RunResult) -> str:
    return write_report(run, run.out / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    return Page(html).root


def numbers(text: str) -> list[float]:
    return [float(found) for found in NUMBER.findall(text)]


def agrees(shown: float, text: str, value: float | None) -> bool:
    """Whether a shown number is the value, rounded to the digits shown."""
    digits = len(text.partition(".")[2])
    return value is not None and abs(shown - value) <= 0.5 * 10**-digits + 1e-9


#: What a number of the cell is, from the values of its columns: months from days, percent from shares.
EXPECTED: dict[str, Callable[..., list[float | None]]] = {
    "integer": lambda value: [value],
    "number": lambda value: [value],
    "count_of": lambda n, of: [n, 100 * n / of if of else None],
    "share_interval": lambda *values: [None if value is None else 100 * value for value in values],
    "months": lambda value: [value / 30.4375],
    # Whole and half months as such, any other time by its day.
    "time_point": lambda days: [days / 30.4375 if 2 * days / 30.4375 % 1 == 0 else days],
    "months_interval": lambda *values: [None if value is None else value / 30.4375 for value in values],
    "ratio_interval": lambda *values: list(values),
    "p_value": lambda value: [value],
    "description": lambda n, of, median, low, high: (
        [median, low, high] if median is not None else [n, 100 * n / of if of else None]
    ),
}


def check_cell(kind: str, text: str, values: list[float | None]) -> int:
    """Compare the numbers of a cell with those of the file; return how many there were."""
    if kind == "p_value" and text[:1] in "<>":
        [value] = values
        assert value is not None
        assert value < 0.001 if text == "<.001" else value > 0.99
        return 1
    shown = NUMBER.findall(text)
    if not shown:
        return 0
    expected = [value for value in EXPECTED[kind](*values) if value is not None]
    assert len(shown) == len(expected), (kind, text, values)
    assert all(agrees(float(part), part, value) for part, value in zip(shown, expected, strict=True)), (text, values)
    return len(shown)


def test_every_number_of_every_table_is_in_its_file(run: RunResult, page: Element) -> None:
    n_checked = 0
    shown_tables = list(page.all("table", **{"class": "sortable"}))
    for table in shown_tables:
        frame = pl.read_parquet(run.out / f"results/{table.attributes['data-table']}.parquet")
        headers = list(next(table.all("thead")).all("th"))
        body = list(next(table.all("tbody")).all("tr"))
        assert len(body) == frame.height
        for row in body:
            values = frame.row(int(row.attributes["data-row"]), named=True)
            for header, cell in zip(headers, row.all("td"), strict=True):
                columns = header.attributes["data-columns"].split()
                kind = header.attributes["data-kind"]
                if kind == "text":
                    assert cell.text == str(values[columns[0]])
                elif cell.text:
                    n_checked += check_cell(kind, cell.text, [values[column] for column in columns])
    assert len(shown_tables) == sum(1 for found in run.analyses for spec, _ in found.tables if spec.shown)
    assert n_checked > 500


def test_every_attrition_step_is_in_its_file(run: RunResult, page: Element) -> None:
    flows = [element for element in page.all("div") if element.attributes.get("class") == "flow"]
    assert len(flows) == len(run.analyses) - 1
    for flow in flows:
        frame = pl.read_parquet(run.out / f"results/{flow.attributes['data-table']}.parquet")
        shown = [int(found.text) for found in flow.all("span", **{"class": "n"})]
        assert shown == frame["n_patients"].to_list()


def test_the_first_screen_is_in_its_files(run: RunResult, page: Element) -> None:
    cards = [element for element in page.all("a") if element.attributes.get("class", "").startswith("card")]
    assert len(cards) == 3
    for card in cards:
        frame = pl.read_parquet(run.out / f"results/{card.attributes['data-table']}.parquet")
        row = frame.row(int(card.attributes["data-row"]), named=True)
        values = [row[column] for column in card.attributes["data-columns"].split()]
        text = " ".join(span.text for span in card.all("span") if span.attributes["class"] != "card-label")
        shown = NUMBER.findall(text)
        matched = [any(agrees(float(part), part, value) for value in values) for part in shown]
        assert all(matched) or "<" in text or ">" in text, text
    assert sum("biased" in card.attributes["class"] for card in cards) == 1


def test_the_sentences_are_made_of_the_tables(run: RunResult, page: Element) -> None:
    row = run.analysis("transplant_cox").table().row(0, named=True)
    effect = wording.ratio_interval(row["hazard_ratio"], row["lower"], row["upper"])
    article = next(page.all("article", id="analysis-transplant_cox"))

    assert effect in next(article.all("p", **{"class": "sentence"})).text
    assert next(page.all("span", **{"class": "card-value"})).text == effect


def test_the_verdict_follows_the_interval(run: RunResult, page: Element) -> None:
    row = run.analysis("transplant_cox").table().row(0, named=True)
    verdict = next(page.all("p", **{"class": "verdict"})).text

    # The invented transplant does nothing.
    assert row["lower"] < 1 < row["upper"]
    assert verdict == (
        "A benefit of transplant after response is not shown in these synthetic data: the interval includes no effect."
    )


def test_biased_analyses_say_so_and_why(run: RunResult, page: Element) -> None:
    for analysis in run.analyses:
        article = next(page.all("article", id=f"analysis-{analysis.entry.name}"))
        if not analysis.entry.biased:
            assert "biased" not in article.attributes.get("class", "")
            continue
        [early] = analysis.early_uses
        box = next(article.all("p", **{"class": "bias"})).text
        assert article.attributes["class"] == "biased"
        assert box.startswith("Biased on purpose")
        assert f"a median of {early.median_days:g} days later in {early.n_after - early.n_never} patients" in box
        assert ("immortal time" in box) == ("immortal time" in early.bias)


def test_it_says_that_the_data_are_synthetic(page: Element) -> None:
    assert "Synthetic data" in next(page.all("p", **{"class": "ribbon"})).text
    assert "Synthetic data" in next(page.all("footer")).text
    figures = list(page.all("figure"))
    assert len(figures) > 10
    for figure in figures:
        assert "Synthetic data" in next(figure.all("figcaption")).text
        assert "Synthetic data" in next(figure.all("svg")).text
    assert "synthetic data" in next(page.all("title")).text


def test_nothing_is_loaded_from_outside(html: str, page: Element) -> None:
    assert len(html) < 5_000_000
    elements = list(every(page))
    for element in elements:
        for name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
            assert element.attributes.get(name, "#").startswith("#"), (element.tag, name)
    assert not {element.tag for element in elements} & {"link", "img", "iframe", "object", "embed", "base", "image"}
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    policy = next(element for element in elements if element.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'")


def every(element: Element) -> Iterator[Element]:
    for child in element.children:
        yield child
        yield from every(child)


def test_identifiers_are_unique_and_links_resolve(page: Element) -> None:
    ids = [element.attributes["id"] for element in every(page) if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in every(page):
        for name in ("href", "xlink:href", "aria-labelledby"):
            target = element.attributes.get(name, "").removeprefix("#")
            assert not target or target in ids, target


def test_headings_do_not_skip_a_level(page: Element) -> None:
    levels = [int(element.tag[1]) for element in every(page) if re.fullmatch("h[1-6]", element.tag)]

    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}$x_$"


def test_hostile_texts_are_escaped(invented_views: Callable[..., Views], tmp_path: Path) -> None:
    quoted = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    plan = parse_plan(
        f"""
[study]
name = "hostile"
title = "{quoted}"
question = "{quoted}"
source = "{quoted}"
key_findings = ["os"]

[label]
sex = "{quoted}"

[words.sex]
female = "{quoted}"

[[analysis]]
name = "os"
title = "{quoted}"
section = "{quoted}"
note = "{quoted}"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"
group = "sex"

[[analysis]]
name = "model"
title = "{quoted}"
method = "cox"
population = "cohort"
endpoint = "os"
covariates = ["sex"]
""",
        file="hostile.toml",
    )
    hostile = Provenance(
        submissions=(
            InputSubmission(site_id=HOSTILE, submission_id=HOSTILE, content_sha256="b" * 64, is_synthetic=True),
        )
    )

    result = run_plan(plan, invented_views(80), provenance=hostile, out=tmp_path)
    html = write_report(result, tmp_path / "report.html").read_text(encoding="utf-8")

    assert result.failures == ()
    assert "<script>alert" not in html
    assert next(Page(html).root.all("h1")).text == HOSTILE
    scripts = list(Page(html).root.all("script"))
    assert len(scripts) == 1
    assert html.count(HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:24]) > 10
    # In a figure a dollar sign is a dollar sign.
    assert "$x_$" in (tmp_path / "figures/os.svg").read_text()


def test_a_plan_without_headline_has_a_report_too(invented_views: Callable[..., Views], tmp_path: Path) -> None:
    plan = parse_plan(
        '[study]\nname = "plain"\ntitle = "Plain"\n'
        '[[analysis]]\nname = "steps"\ntitle = "Steps"\nmethod = "attrition"\n',
        file="plain.toml",
    )

    result = run_plan(plan, invented_views(5), provenance=PROVENANCE, out=tmp_path)
    page = Page(write_report(result, tmp_path / "report.html").read_text(encoding="utf-8")).root

    assert next(page.all("h1")).text == "Plain"
    assert not list(page.all("p", **{"class": "verdict"}))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.03, ".03"),
        (0.0299, ".03"),
        (0.0449, ".04"),
        (0.0451, ".045"),
        (0.0499, ".0499"),
        (0.05, ".05"),
        (0.0501, ".05"),
        (0.0099, ".010"),
        (0.001, ".001"),
        (0.00099, "<.001"),
        (0.99, ".99"),
        (0.9901, ">.99"),
        (1.0, ">.99"),
    ],
)
def test_p_values_are_written_as_journals_do(value: float, shown: str) -> None:
    assert wording.p_value(value) == shown


def test_the_first_screen_says_which_numbers_are_adjusted(page: Element) -> None:
    labels = [element.text for element in page.all("span", **{"class": "card-label"})]
    assert labels[:2] == [
        "Hazard ratio, time-dependent Cox model, adjusted",
        "Mantel-Byar test, Simon-Makuch curves, not adjusted",
    ]


def test_codes_are_written_as_a_clinician_writes_them(page: Element) -> None:
    text = " ".join(page.text.split())
    for wanted in ("× 10⁹/L", "MRD negativity: ", "Lee 2014"):
        assert wanted in text
    for unwanted in ("10^9/L", "LEE 2014"):
        assert unwanted not in text


def test_the_first_screen_says_how_sure_we_are(run: RunResult, page: Element) -> None:
    variants = run.analysis("transplant_cox").table("variants")
    ratios = variants["hazard_ratio"].to_list()[1:]
    n_open = sum(
        low <= 1 <= high
        for low, high in zip(variants["lower"].to_list()[1:], variants["upper"].to_list()[1:], strict=True)
    )

    text = next(page.all("p", **{"class": "sureness"})).text

    assert variants["variant"][0] == "as planned"
    assert not variants["is_biased"].any()
    assert text == (
        f"How sure? In {len(ratios)} variants of this model the hazard ratio is "
        f"{min(ratios):.2f} to {max(ratios):.2f}; {n_open} of their intervals include no effect. See them"
    )
