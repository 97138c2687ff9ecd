"""The report in a real browser: sorting, narrow screens, links, and nothing asked from the network.

Needs Chromium. The page is not changed: checks run in a page that holds the report in a
frame, and write what they found into their own document, which the browser prints.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.plans import InputSubmission, Provenance, load_plan, run_plan
from blinreg.analyses.report import write_report

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)

HARNESS = """<!DOCTYPE html>
<html><body style="margin:0">
<iframe id="report" src="%(page)s" style="width:%(width)dpx;height:2000px;border:0"></iframe>
<pre id="found"></pre>
<script>
var frame = document.getElementById("report");
frame.addEventListener("load", function () {
  var page = frame.contentDocument, view = frame.contentWindow;
  function check() { %(check)s }
  document.getElementById("found").textContent = JSON.stringify(check());
});
</script></body></html>
"""


@pytest.fixture(scope="module")
def report(invented_views: Callable[..., dict[str, pl.DataFrame]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert CHROMIUM, "these tests need Chromium"
    out = tmp_path_factory.mktemp("browser")
    provenance = Provenance(
        submissions=(
            InputSubmission(site_id="site_a", submission_id="a-1", content_sha256="a" * 64, is_synthetic=True),
        )
    )
    run = run_plan(load_plan("realworld-2020"), invented_views(239, seed=7), provenance=provenance, out=out)
    return write_report(run, out / "report.html")


def browse(report: Path, *options: str) -> str:
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        f"--user-data-dir={report.parent / 'profile'}",
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def found_in(report: Path, check: str, *, width: int = 1280) -> Any:
    """Run JavaScript (`page`, `view`) on a page at a width; give what it returns."""
    harness = report.with_name("harness.html")
    harness.write_text(HARNESS % {"page": report.name, "width": width, "check": check}, encoding="utf-8")
    dom = browse(
        report, "--dump-dom", "--virtual-time-budget=5000", f"--window-size={width + 40},2100", harness.as_uri()
    )
    match = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert match is not None, "the page did not load"
    return json.loads(unescape(match[1]))


def test_tables_sort_by_number_on_a_click_and_back_on_another(report: Path) -> None:
    order = found_in(
        report,
        """
        var table = page.querySelector('table[data-table="response_rr"]');
        function column() {
          return Array.from(table.tBodies[0].rows).map(function (row) { return +row.cells[1].dataset.sort; });
        }
        var header = table.tHead.rows[0].cells[1], button = header.querySelector("button"), seen = [];
        seen.push([header.getAttribute("aria-sort"), column()]);
        button.click(); seen.push([header.getAttribute("aria-sort"), column()]);
        button.click(); seen.push([header.getAttribute("aria-sort"), column()]);
        return seen;
        """,
    )

    [_, unsorted], [up, ascending], [down, descending] = order
    assert (up, down) == ("ascending", "descending")
    assert ascending == sorted(unsorted) != unsorted
    assert descending == sorted(unsorted, reverse=True)


def test_tables_sort_by_text_and_say_so_on_one_column_only(report: Path) -> None:
    words, sorted_headers = found_in(
        report,
        """
        var table = page.querySelector('table[data-table="response_rr"]'), cells = table.tHead.rows[0].cells;
        cells[1].querySelector("button").click();
        cells[0].querySelector("button").click();
        return [
          Array.from(table.tBodies[0].rows).map(function (row) { return row.cells[0].textContent; }),
          table.querySelectorAll("[aria-sort]").length
        ];
        """,
    )

    assert [word.lower() for word in words] == sorted(word.lower() for word in words)
    assert sorted_headers == 1


def test_headers_are_reached_by_keyboard(report: Path) -> None:
    n_headers, n_focusable = found_in(
        report,
        """
        page.querySelectorAll("details").forEach(function (folded) { folded.open = true; });
        var buttons = Array.from(page.querySelectorAll("table.sortable th button"));
        var focused = buttons.filter(function (button) { button.focus(); return page.activeElement === button; });
        return [page.querySelectorAll("table.sortable th").length, focused.length];
        """,
    )

    assert n_headers == n_focusable > 30


@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_is_wider_than_the_screen(report: Path, width: int) -> None:
    page_width, outside = found_in(
        report,
        """
        var outside = Array.from(page.querySelectorAll("main *, nav, .ribbon")).filter(function (element) {
          if (element.closest(".scroll") && !element.classList.contains("scroll")) { return false; }
          if (element.closest("svg") || element.closest("nav ul")) { return false; }
          return element.getBoundingClientRect().right > view.innerWidth + 1;
        });
        return [page.documentElement.scrollWidth, outside.map(function (e) { return e.tagName + "." + e.className; })];
        """,
        width=width,
    )

    assert page_width <= width
    assert outside == []


def test_wide_tables_scroll_in_their_box_and_curves_shrink_on_a_phone(report: Path) -> None:
    scrolls, curve = found_in(
        report,
        """
        var box = page.querySelector('table[data-table="adverse_events"]').closest(".scroll");
        var svg = page.querySelector("#analysis-os_rr svg").getBoundingClientRect();
        return [[box.scrollWidth > box.clientWidth, view.getComputedStyle(box).overflowX, box.tabIndex],
                [svg.width, svg.height]];
        """,
        width=400,
    )

    assert scrolls == [True, "auto", 0]
    assert 250 < curve[0] <= 400
    assert curve[1] < curve[0]


def test_every_link_leads_somewhere(report: Path) -> None:
    n_links, broken = found_in(
        report,
        """
        var links = Array.from(page.querySelectorAll("a[href]"));
        var broken = links.filter(function (link) {
          return !page.getElementById(decodeURIComponent(link.getAttribute("href").slice(1)));
        });
        return [links.length, broken.map(function (link) { return link.getAttribute("href"); })];
        """,
    )

    assert n_links > 8
    assert broken == []


def test_the_contents_stay_in_sight(report: Path) -> None:
    top = found_in(
        report,
        """
        view.scrollTo(0, 3000);
        return [view.scrollY, page.querySelector("nav").getBoundingClientRect().top];
        """,
    )

    assert top[0] > 2000
    assert abs(top[1]) < 2


def test_the_answer_is_on_the_first_screen(report: Path) -> None:
    bottoms = found_in(
        report,
        """
        return ["h1", ".verdict", ".card-value"].map(function (selector) {
          return Math.max.apply(null, Array.from(page.querySelectorAll(selector)).map(function (element) {
            return element.getBoundingClientRect().bottom;
          }));
        });
        """,
    )

    assert max(bottoms) < 720


def test_nothing_is_asked_from_the_network(report: Path) -> None:
    n_resources, policy = found_in(
        report,
        """
        return [view.performance.getEntriesByType("resource").length,
                page.querySelector("meta[http-equiv=Content-Security-Policy]").content];
        """,
    )

    assert n_resources == 0
    assert "default-src 'none'" in policy


def test_the_policy_lets_only_our_own_script_run(report: Path) -> None:
    ran = found_in(
        report,
        """
        var script = page.createElement("script");
        script.textContent = "window.injected = true";
        page.body.appendChild(script);
        return Boolean(view.injected);
        """,
    )

    assert ran is False


def test_what_overflows_on_a_phone_is_scrolled_by_keyboard(report: Path) -> None:
    n_boxes, unreachable = found_in(
        report,
        """
        page.querySelectorAll("details").forEach(function (folded) { folded.open = true; });
        var boxes = Array.from(page.querySelectorAll(".scroll")).filter(function (box) {
          return box.scrollWidth > box.clientWidth;
        });
        var unreachable = boxes.filter(function (box) { box.focus(); return page.activeElement !== box; });
        return [boxes.length, unreachable.map(function (box) { return box.textContent.trim().slice(0, 60); })];
        """,
        width=400,
    )

    assert n_boxes > 30
    assert unreachable == []


def test_the_first_stop_of_the_keyboard_skips_the_contents(report: Path) -> None:
    before, after, target = found_in(
        report,
        """
        var skip = page.querySelector("a, button, summary, [tabindex]");
        var before = skip.getBoundingClientRect().right;
        skip.focus();
        return [before, skip.getBoundingClientRect().left, skip.getAttribute("href")];
        """,
    )

    assert before < 0 <= after
    assert target == "#main"


def test_words_of_figures_are_of_one_size(report: Path) -> None:
    sizes = found_in(
        report,
        """
        return Array.from(page.querySelectorAll("article:not(.pair *) .picture svg")).map(function (svg) {
          return svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        });
        """,
        width=1800,
    )

    assert len(sizes) > 10
    # The widest has the width of the page.
    assert max(sizes) < 1.05 * min(sizes)


def test_it_prints_on_a4(report: Path, tmp_path: Path) -> None:
    printed = tmp_path / "report.pdf"

    browse(report, "--no-pdf-header-footer", f"--print-to-pdf={printed}", report.as_uri())

    content = printed.read_bytes()
    boxes = set(re.findall(rb"/MediaBox\s*\[([^\]]+)\]", content))
    sizes = {tuple(round(float(number)) for number in box.split()) for box in boxes}
    assert sizes == {(0, 0, 595, 842)}
    # 58 analyses with every printed number: more would be empty space.
    assert 40 < len(re.findall(rb"/Type\s*/Page\b", content)) < 110


def test_on_paper_nothing_is_cut_and_what_is_folded_on_a_screen_is_shown(report: Path) -> None:
    # A4 less its margins is 182 mm; the rules for print are made to hold on this screen.
    paper = report.with_name("paper.html")
    paper.write_text(report.read_text(encoding="utf-8").replace("@media print", "@media all"), encoding="utf-8")

    width, outside, n_folded, hidden, headers = found_in(
        paper,
        """
        var outside = Array.from(page.querySelectorAll("main *")).filter(function (element) {
          return !element.closest("svg *") && element.getBoundingClientRect().right > view.innerWidth + 1;
        });
        var folded = Array.from(page.querySelectorAll("details"));
        return [
          page.documentElement.scrollWidth,
          outside.map(function (e) { return e.tagName + "." + e.className; }),
          folded.length,
          folded.filter(function (one) { return one.querySelector("table").offsetHeight < 20; }).length,
          Array.from(page.querySelectorAll("thead")).filter(function (head) {
            return view.getComputedStyle(head).display !== "table-header-group";
          }).length
        ];
        """,
        width=688,
    )

    assert width <= 688
    assert outside == []
    assert n_folded > 10
    assert hidden == 0
    assert headers == 0


def test_side_by_side_on_a_desk_no_number_is_hidden_behind_a_scroll(report: Path) -> None:
    n_boxes, cut = found_in(
        report,
        """
        var boxes = Array.from(page.querySelectorAll(".pair .scroll")).filter(function (box) {
          return !box.closest("details");  // folded: who opens it has chosen a long table
        });
        var cut = boxes.filter(function (box) { return box.scrollWidth > box.clientWidth + 1; });
        return [boxes.length, cut.map(function (box) {
          return [box.querySelector("table").dataset.table, box.scrollWidth - box.clientWidth];
        })];
        """,
    )

    assert n_boxes > 4
    assert cut == []
