"""The site page and the steward's page in a real browser: sort, filter, open a finding, narrow screens, no requests.

Needs Chromium. The site page is that of a synthetic submission with planted faults. The pages are not changed: checks
run in a page that holds one of them in a frame, and write what they found into their own document, which the browser
prints.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.report.review import STEWARD_FRAMES
from blinreg.analyses.report.site_page import site_page
from blinreg.analyses.report.steward_page import steward_page
from blinreg.registry.loading import load_submission
from blinreg.registry.quality.review import Review, review_submission
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """A review of all sites."""

    sites: pl.DataFrame
    worst_rules: pl.DataFrame
    segments: pl.DataFrame
    is_synthetic: bool = True
    as_of: date = date(2019, 5, 31)
    late_after_days: int = 183


def write_faulty(clean: Path, folder: Path, *, seed: int) -> Path:
    """Write a submission with planted faults, like a clean one."""
    manifest = json.loads((clean / "submission.json").read_text(encoding="utf-8"))
    tables = {}
    for entry in manifest["files"]:
        kinds = frame_schema(table(entry["table"]))
        sent = pl.read_csv(clean / entry["path"], infer_schema=False)
        tables[entry["table"]] = sent.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    planted = plant(tables, rate=0.06, seed=seed, site=clean.name, created=CREATED)
    folder.mkdir()
    manifest["submission_id"] += f"-{seed}"
    manifest["files"] = []
    for name, frame in planted.tables.items():
        path = folder / f"{name}.synthetic.csv"
        written = write_faulty_file(frame, path, table_name=name, fault=None, write=pl.DataFrame.write_csv)
        manifest["files"].append({"table": name, "path": path.name, "sha256": written.sha256, "rows": written.rows})
    (folder / "submission.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Review:
    """A second submission of a site, beside two others."""
    top = tmp_path_factory.mktemp("review")
    first, *others = generate("realworld-2020", top / "clean").paths[:3]
    Registry.create(top / "registry.duckdb").close()
    with Registry.open(top / "registry.duckdb", write=True) as registry:
        for folder in (write_faulty(first, top / "before", seed=1), *others):
            load_submission(registry, folder)
    return review_submission(write_faulty(first, top / "after", seed=2), registry=top / "registry.duckdb")


@pytest.fixture(scope="module")
def site(review: Review, tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    segments = [
        {"site_id": f"site{number:02d}", "table": "patient", "year": year, "n_rows": 40, "n_bad": number}
        for number in range(5)
        for year in (2015, 2016, 2017, 2018, 2019, 2020, None)
    ]
    path = tmp_path_factory.mktemp("steward") / "steward.html"
    review = Sites(
        sites=pl.DataFrame(sites, schema=dict(STEWARD_FRAMES["sites"])),
        worst_rules=pl.DataFrame(rules, schema=dict(STEWARD_FRAMES["worst_rules"])),
        segments=pl.DataFrame(segments, schema=dict(STEWARD_FRAMES["segments"])),
    )
    path.write_text(steward_page(review), encoding="utf-8")
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


def test_findings_are_filtered_by_severity_table_status_and_words(site: Path, review: Review) -> None:
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


def test_a_rule_shows_its_findings_on_a_click(site: Path, review: Review) -> None:
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
        var before = more.checkVisibility();
        details.querySelector("summary").click();
        return [before, more.checkVisibility(), more.innerText];
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
        assert n_all > 8
        assert unreached == []
        assert unmarked == []


def test_rules_beyond_the_first_dozen_are_a_click_away(site: Path, review: Review) -> None:
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

    too_much = review.rules.filter(pl.col("verdict_by_threshold").is_in(["too_many", "too_few"]))["rule"]
    assert before == 12
    assert after == len(set(too_much) | set(review.findings["rule"]))


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


def test_ten_thousand_findings_stay_usable(review: Review, tmp_path: Path) -> None:
    line = pl.int_range(pl.len()) + 2
    many = pl.concat([review.findings] * (10_000 // review.findings.height + 1)).with_columns(line=line)
    page = tmp_path / "index.html"
    text = site_page(replace(review, findings=many))
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
