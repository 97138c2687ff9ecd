"""The site page and the steward's page in a real browser: sort, filter, open a finding, narrow screens, no requests.

Needs Chromium. The findings are those of a synthetic submission with planted faults. The pages are not changed: checks
run in a page that holds one of them in a frame, and write what they found into their own document, which the browser
prints.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.report.review import SITE_FRAMES, STEWARD_FRAMES
from blinreg.analyses.report.site_page import site_page
from blinreg.analyses.report.steward_page import steward_page
from blinreg.registry.loading import load_submission
from blinreg.registry.store import Registry
from blinreg.schemas.rules import RULES
from blinreg.schemas.tables import table
from blinreg.synthetic import generate
from blinreg.synthetic.faults import plant, write_faulty_file
from blinreg.synthetic.faults.context import frame_schema

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
CREATED = date(2019, 7, 1)
HARNESS = """<!DOCTYPE html>
<html><body style="margin:0">
<iframe id="frame" src="%(name)s" style="width:%(width)dpx;height:2000px;border:0"></iframe>
<pre id="found"></pre>
<script>
var frame = document.getElementById("frame");
frame.addEventListener("load", function () {
  var page = frame.contentDocument, view = frame.contentWindow;
  function all(selector) { return Array.from(page.querySelectorAll(selector)); }
  function choose(by, value) {
    var control = page.querySelector('[data-by="' + by + '"]');
    control.value = value;
    control.dispatchEvent(new view.Event("input", { bubbles: true }));
  }
  function seen() {
    return all('table[data-table="findings"] tbody tr').filter(function (row) { return row.offsetHeight > 0; });
  }
  function check() { %(check)s }
  document.getElementById("found").textContent = JSON.stringify(check());
});
</script></body></html>
"""


def none(name: str) -> Any:
    return pl.DataFrame(schema=dict(SITE_FRAMES[name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A review of a submission of one site."""

    findings: pl.DataFrame
    rules: pl.DataFrame
    completeness: pl.DataFrame
    distributions: pl.DataFrame
    changes: pl.DataFrame
    effects: pl.DataFrame
    timeliness: pl.DataFrame
    resolved: pl.DataFrame
    verdict: str = "quarantined"
    submission_id: str = "syn-site01"
    site_id: str = "site01"
    is_synthetic: bool = True
    created_at: str = CREATED.isoformat()
    rejection: str = ""
    n_rows_by_table: Mapping[str, int] = field(default_factory=lambda: {"patient": 42})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """A review of all sites."""

    sites: pl.DataFrame
    worst_rules: pl.DataFrame
    is_synthetic: bool = True
    as_of: date = date(2019, 5, 31)
    late_after_days: int = 183


def faulty_submission(top: Path) -> tuple[Path, dict[str, pl.DataFrame]]:
    """Write a submission of a synthetic site with planted faults; give its tables as they were sent, too."""
    clean = generate("realworld-2020", top / "clean").paths[0]
    manifest = json.loads((clean / "submission.json").read_text(encoding="utf-8"))
    tables = {}
    for entry in manifest["files"]:
        kinds = frame_schema(table(entry["table"]))
        sent = pl.read_csv(clean / entry["path"], infer_schema=False)
        tables[entry["table"]] = sent.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    planted = plant(tables, rate=0.06, seed=2020, site=clean.name, created=CREATED)
    folder = top / "faulty"
    folder.mkdir()
    manifest["files"] = []
    for name, frame in planted.tables.items():
        path = folder / f"{name}.synthetic.csv"
        written = write_faulty_file(frame, path, table_name=name, fault=None, write=pl.DataFrame.write_csv)
        manifest["files"].append({"table": name, "path": path.name, "sha256": written.sha256, "rows": written.rows})
    (folder / "submission.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder, dict(planted.tables)


def findings_of(violations: pl.DataFrame, sent: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Add the values and the patients of the lines, and call every other finding new."""
    rows = []
    for place, found in enumerate(violations.iter_rows(named=True)):
        frame = sent.get(found["table"])
        line = found["line"]
        row = {} if frame is None or line is None else frame.row(line - 2, named=True)
        value, words = row.get(found["column"]), found["message"].partition(": ")
        rows.append(
            found
            | {
                "value": None if value is None else str(value),
                "patient_id": row.get("patient_id"),
                "message": words[0],
                "how_to_fix": words[2],
                "status": "persisting" if place % 2 else "new",
            }
        )
    return pl.DataFrame(rows, schema=dict(SITE_FRAMES["findings"]))


def rules_of(findings: pl.DataFrame) -> pl.DataFrame:
    n_bad = dict(findings["rule"].value_counts().iter_rows())
    rows = [
        {
            "rule": rule.id,
            "title": rule.title,
            "category": rule.category.value,
            "severity": rule.severity.value,
            "n_checked": 60,
            "n_bad": n_bad.get(rule.id, 0),
            "n_unknown": 3,
            "verdict_by_threshold": "too_many" if rule.id in n_bad else "passed",
            "reason": rule.reason,
        }
        for rule in RULES
    ]
    return pl.DataFrame(rows, schema=dict(SITE_FRAMES["rules"]))


def completeness_of(sent: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    rows = [
        {
            "table": name,
            "column": column.name,
            "title": column.description,
            "n_rows": frame.height,
            "n_missing": frame[column.name].null_count(),
            "percent_other_sites": 12.5,
            "required": column.required,
        }
        for name, frame in sent.items()
        for column in table(name).columns
    ]
    return pl.DataFrame(rows, schema=dict(SITE_FRAMES["completeness"]))


def beside_others(sent: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Invent what needs other sites and an earlier submission."""
    ages = sent["baseline"]["age_years"].cast(pl.Float64, strict=False).drop_nulls()
    quantiles = {f"p{q}": ages.quantile(q / 100) for q in (5, 25, 50, 75, 95)}
    boxes = {f"{who}_{name}": value for who in ("site", "others") for name, value in quantiles.items()}
    age = {"variable": "age_years", "title": "Age", "unit": "years", "kind": "number"} | boxes
    sex = {"variable": "sex", "title": "Sex", "kind": "code", "site_n": 20, "site_percent": 48.0}
    sexes = [sex | {"level": "female", "others_percent": 51.0}, sex | {"level": "male"}]
    change = {"table": "baseline", "column": "ecog", "before": "1", "after": "2", "kind": "changed"}
    before_after = {"n_patients": (41, 42), "events": (21, 24), "person_days": (17_211, 18_640)}
    effect = {f"{name}_{when}": n for name, both in before_after.items() for when, n in zip(WHEN, both, strict=True)}
    rows: dict[str, list[dict[str, Any]]] = {
        "distributions": [age, *sexes],
        "changes": [change | {"key": name} for name in sent["patient"]["patient_id"]],
        "effects": [effect | {"endpoint": "overall survival", "median_months_before": 11.2}],
        "timeliness": [{"measure": "Days since data cutoff", "value": 31, "unit": "days", "sites_median": 45.0}],
        "resolved": [{"rule": RULES[0].id, "table": "patient", "severity": "warn"}],
    }
    return {name: pl.DataFrame(content, schema=dict(SITE_FRAMES[name])) for name, content in rows.items()}


WHEN = ("before", "after")


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Site:
    top = tmp_path_factory.mktemp("review")
    folder, sent = faulty_submission(top)
    Registry.create(top / "registry.duckdb").close()
    with Registry.open(top / "registry.duckdb", write=True) as registry:
        violations = load_submission(registry, folder).violations
    findings = findings_of(violations, sent)
    return Site(findings=findings, rules=rules_of(findings), completeness=completeness_of(sent), **beside_others(sent))


@pytest.fixture(scope="module")
def site(review: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert CHROMIUM, "these tests need Chromium"
    path = tmp_path_factory.mktemp("site") / "index.html"
    path.write_text(site_page(review), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def steward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert CHROMIUM, "these tests need Chromium"
    sites = [
        {
            "site_id": f"site{number:02d}",
            "submission_id": f"syn-realworld-2020-2020-site{number:02d}-2",
            "created_at": CREATED.isoformat(),
            "verdict": "quarantined",
            "days_since": 100 * number,
            "n_patients": 25,
            "n_rows": 1000,
            "n_findings": 40 - 7 * number,
            "n_quarantined": 3,
            "n_findings_before": 20,
            "n_rows_before": 1000,
            "is_late": number > 1,
            "is_worse": 40 - 7 * number > 20,
        }
        for number in range(5)
    ]
    rules = [
        {"site_id": "site04", "rule": rule.id, "title": rule.title, "severity": "warn", "n_bad": 3}
        for rule in RULES[:5]
    ]
    path = tmp_path_factory.mktemp("steward") / "steward.html"
    frames = {"sites": sites, "worst_rules": rules}
    made = {name: pl.DataFrame(rows, schema=dict(STEWARD_FRAMES[name])) for name, rows in frames.items()}
    path.write_text(steward_page(Sites(**made)), encoding="utf-8")
    return path


def browse(page: Path, *options: str) -> str:
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        f"--user-data-dir={page.parent / 'profile'}",
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def found_in(page: Path, check: str, *, width: int = 1280) -> Any:
    """Run JavaScript (`page`, `view`) on a page at a width; give what it returns."""
    harness = page.with_name("harness.html")
    harness.write_text(HARNESS % {"name": page.name, "width": width, "check": check}, encoding="utf-8")
    dom = browse(page, "--dump-dom", "--virtual-time-budget=5000", f"--window-size={width + 40},2100", harness.as_uri())
    match = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert match is not None, "the page did not load"
    return json.loads(unescape(match[1]))


def test_findings_sort_by_file_and_line_and_back(site: Path) -> None:
    up, down, said = found_in(
        site,
        """
        var header = all('table[data-table="findings"] th')[1], button = header.querySelector("button");
        function order() { return seen().map(function (row) { return row.cells[1].dataset.sort.split(" "); }); }
        button.click();
        var up = order(), said = header.getAttribute("aria-sort");
        button.click();
        return [up, order(), [said, header.getAttribute("aria-sort")]];
        """,
    )

    files = [file for file, _ in up]
    assert len(up) > 50
    assert len(set(files)) == 1 + sum(file != before for before, file in pairwise(files))
    assert all(int(line) <= int(following) for (file, line), (same, following) in pairwise(up) if file == same)
    assert [file for file, _ in down] == files[::-1]
    assert said == ["ascending", "descending"]


def test_findings_are_filtered_by_severity_table_status_and_words(site: Path, review: Site) -> None:
    counts = found_in(
        site,
        """
        var tables = all('[data-by="table"] option').map(function (option) { return option.value; }).slice(1);
        var counts = { tables: {} };
        choose("severity", "warn"); counts.warn = seen().length;
        choose("status", "new"); counts.both = seen().length; counts.tally = page.querySelector(".tally").textContent;
        page.querySelector(".clear").click(); counts.all = seen().length;
        tables.forEach(function (name) { choose("table", name); counts.tables[name] = seen().length; });
        page.querySelector(".clear").click();
        choose("words", "FOLLOW_UP.synthetic.csv"); counts.words = seen().length;
        choose("words", "no such words"); counts.none = page.querySelector(".tally").textContent;
        return counts;
        """,
    )

    findings, warns = review.findings, review.findings.filter(pl.col("severity") == "warn")
    both = warns.filter(pl.col("status") == "new").height
    assert counts["warn"] == warns.height > 5
    assert counts["both"] == both
    assert counts["tally"] == f"{both} findings of {findings.height}"
    assert counts["all"] == findings.height
    assert counts["tables"] == dict(findings["table"].value_counts().iter_rows())
    assert counts["words"] == findings.filter(pl.col("file") == "follow_up.synthetic.csv").height
    assert counts["none"] == "No finding matches."


def test_a_rule_shows_its_findings_on_a_click(site: Path, review: Site) -> None:
    rule, titles = found_in(
        site,
        """
        var link = page.querySelector('table[data-table="rules"] a[data-filter="rule"]');
        link.click();
        return [link.closest("tr").cells[0].querySelector(".file").textContent,
                seen().map(function (row) { return row.querySelector("summary").textContent; })];
        """,
    )

    of_it = review.findings.filter(pl.col("rule") == rule)
    assert len(titles) == of_it.height
    assert set(titles) == {next(each.title for each in RULES if each.id == rule)}


def test_a_finding_opens_and_says_why_it_matters(site: Path) -> None:
    before, after, text = found_in(
        site,
        """
        var details = seen()[0].querySelector("details"), more = details.querySelector(".more");
        var hidden = { contentVisibilityAuto: true }, before = more.checkVisibility(hidden);
        details.querySelector("summary").click();
        return [before, more.checkVisibility(hidden), more.innerText];
        """,
    )

    assert (before, after) == (False, True)
    assert "Why it matters" in text


def test_everything_that_can_be_pressed_is_reached_by_keyboard_and_shows_it(site: Path, steward: Path) -> None:
    for page in (site, steward):
        n_all, unreached, unmarked = found_in(
            page,
            """
            var parts = all("a[href], button, select, input, summary").filter(function (part) {
              return part.checkVisibility();
            });
            var unreached = [], unmarked = [];
            parts.forEach(function (part) {
              part.focus({ focusVisible: true });
              if (page.activeElement !== part || part.tabIndex < 0) { unreached.push(part.outerHTML); }
              if (view.getComputedStyle(part).outlineStyle === "none") { unmarked.push(part.outerHTML); }
            });
            return [parts.length, unreached, unmarked];
            """,
        )
        assert n_all > 10
        assert unreached == []
        assert unmarked == []


def test_rules_beyond_the_first_dozen_are_a_click_away(site: Path, review: Site) -> None:
    before, after = found_in(
        site,
        """
        var rows = all('table[data-table="rules"] tbody tr');
        function n() { return rows.filter(function (row) { return row.offsetHeight; }).length; }
        var before = n();
        page.querySelector(".all-rules").click();
        return [before, n()];
        """,
    )

    assert before == 12
    assert after == review.findings["rule"].n_unique()


def test_only_incomplete_columns_are_left_when_asked_for(site: Path) -> None:
    before, after, n_incomplete = found_in(
        site,
        """
        function n() { return all(".tile").filter(function (tile) { return tile.offsetHeight; }).length; }
        var before = n(), incomplete = all(".tile:not(.step-0)").length;
        page.querySelector(".incomplete-only").click();
        return [before, n(), incomplete];
        """,
    )

    assert before > 100
    assert 0 < after == n_incomplete < before


@pytest.mark.parametrize("width", [400, 768, 1280])
@pytest.mark.parametrize("name", ["site", "steward"])
def test_nothing_is_wider_than_the_screen_or_over_something_else(
    request: pytest.FixtureRequest, name: str, width: int
) -> None:
    page_width, outside, covered = found_in(
        request.getfixturevalue(name),
        """
        all("details").forEach(function (details) { details.open = true; });
        var parts = all("main *, .ribbon").filter(function (part) { return part.getClientRects().length; });
        var outside = parts.filter(function (part) {
          return !part.closest("svg") && part.getBoundingClientRect().right > view.innerWidth + 1;
        });
        var covered = all("td, th, .tile, .card, .chart").filter(function (box) {
          if (box.scrollWidth > box.clientWidth + 1 && box.clientWidth) { return true; }
          var next = box.nextElementSibling;
          if (!next || !next.getClientRects().length || !box.getClientRects().length) { return false; }
          var a = box.getBoundingClientRect(), b = next.getBoundingClientRect();
          return a.bottom > b.top + 1 && a.right > b.left + 1 && b.right > a.left + 1 && b.bottom > a.top + 1;
        });
        function name(part) { return part.tagName + "." + part.className + ": " + part.textContent.slice(0, 60); }
        return [page.documentElement.scrollWidth, outside.map(name), covered.map(name)];
        """,
        width=width,
    )

    assert outside == []
    assert covered == []
    assert page_width <= width


@pytest.mark.parametrize(
    ("width", "parts"), [(400, ["h1", ".steps"]), (1280, ["h1", ".steps", ".card-value", ".worst"])]
)
def test_the_verdict_and_what_to_do_are_on_the_first_screen(site: Path, width: int, parts: list[str]) -> None:
    bottoms = found_in(
        site,
        f"return {json.dumps(parts)}"
        """
        .map(function (selector) {
          var bottoms = all(selector).map(function (part) { return part.getBoundingClientRect().bottom; });
          return Math.max.apply(null, bottoms);
        });
        """,
        width=width,
    )

    assert max(bottoms) < 800


def test_the_steward_filters_and_sorts_sites_and_opens_one(steward: Path) -> None:
    late, worse, order, opened = found_in(
        steward,
        """
        function sites() {
          return all('table[data-table="sites"] tbody tr').filter(function (row) { return row.offsetHeight; })
            .map(function (row) { return row.cells[0].dataset.sort; });
        }
        choose("state", "late"); var late = sites();
        choose("state", "worse"); var worse = sites();
        choose("state", "");
        all('table[data-table="sites"] th button')[2].click();
        var details = page.querySelector("details");
        details.querySelector("summary").click();
        return [late, worse, sites(), details.querySelectorAll("li").length];
        """,
    )

    assert set(late) == {"site02", "site03", "site04"}
    assert set(worse) == {"site00", "site01", "site02"}
    assert order == [f"site{number:02d}" for number in range(5)]
    assert opened == 5


def test_ten_thousand_findings_stay_usable(review: Site, tmp_path: Path) -> None:
    line = pl.int_range(pl.len()) + 2
    many = pl.concat([review.findings] * (10_000 // review.findings.height + 1)).with_columns(line=line)
    page = tmp_path / "index.html"
    text = site_page(Site(**{name: getattr(review, name) for name in SITE_FRAMES} | {"findings": many}))
    page.write_text(text, encoding="utf-8")

    rows, first, more, milliseconds = found_in(
        page,
        """
        var rows = all('table[data-table="findings"] tbody tr').length, first = seen().length;
        page.querySelector(".more-findings").click();
        var more = seen().length, start = view.performance.now();
        choose("severity", "warn"); choose("words", "csv"); seen();
        return [rows, first, more, view.performance.now() - start];
        """,
    )

    assert 3_500 < rows <= 4_000
    assert (first, more) == (100, 200)
    assert milliseconds < 2_000
    assert len(text) < 8_000_000


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Answer requests on this machine, and keep their paths."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["site", "steward"])
def test_no_request_leaves_the_page_even_if_something_in_it_tries(request: pytest.FixtureRequest, name: str) -> None:
    with listening() as (address, asked):
        n_resources = found_in(
            request.getfixturevalue(name),
            f"""
            all("button, summary").forEach(function (part) {{ part.click(); }});
            var n = view.performance.getEntriesByType("resource").length;
            ["img", "script", "iframe"].forEach(function (tag) {{
              var part = page.createElement(tag);
              part.src = "{address}/page-" + tag;
              page.body.appendChild(part);
            }});
            try {{ view.fetch("{address}/page-fetch").catch(function () {{}}); }} catch (error) {{ n += 0; }}
            // What the holding page asks for arrives: the address answers.
            var own = document.createElement("img");
            own.src = "{address}/holding-page";
            document.body.appendChild(own);
            return n;
            """,
        )

    assert n_resources == 0
    assert asked == ["/holding-page"]


def test_it_prints_on_a4(site: Path, tmp_path: Path) -> None:
    printed = tmp_path / "site.pdf"

    browse(site, "--no-pdf-header-footer", f"--print-to-pdf={printed}", site.as_uri())

    boxes = set(re.findall(rb"/MediaBox\s*\[([^\]]+)\]", printed.read_bytes()))
    sizes = {tuple(round(float(number)) for number in box.split()) for box in boxes}
    assert sizes == {(0, 0, 595, 842)}
