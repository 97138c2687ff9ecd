"""Does the ledger's page show every number, say that the data are synthetic, and load nothing?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from blinreg.analyses.fidelity import Definitions, Ledger, parse_targets, score
from blinreg.analyses.report.ledger import ledger_page, ledger_section, ledger_style, verdict, write_ledger
from blinreg.schemas.errors import UsageError

COLUMNS = {
    "id": ["women", "women_text", "age", "lines", "hostile"],
    "section": ["baseline", "baseline", "baseline", "therapy", "therapy"],
    "label": ["women", "women (text)", "age", "lines", "<b>hostile</b>"],
    "estimand": ["women", "women", "age, years", "prior lines", "<script>alert(1)</script>"],
    "printed": ["2", "3", "48", "1.5", "NR"],
    "half_unit": ["0", "0", "0.05", "0.05", "0"],
    "population": ["all"] * 5,
    "measure": ["count", "count", "median", "median", "maximum"],
    "of": ["", "", "age", "lines", "lines"],
    "statistic": [""] * 5,
    "where": ["sex = 'female'", "sex = 'female'", "", "", ""],
    "printed_count": ["2", "3", "", "", ""],
    "printed_of": ["3", "3", "", "", ""],
    "source": ["Table 1"] * 5,
    "conflict": ["C_SEX", "C_SEX", "", "", ""],
}
PATIENT = pl.DataFrame({"patient_id": ["a", "b", "c"], "sex": ["female", "female", "male"], "age": [40, 48, 60]})


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    definitions = Definitions(
        study="study",
        title="a study",
        days_per_month=30.4375,
        populations={"all": "true"},
        titles={"all": "everybody & more"},
        terms={},
        models={},
        conflicts={"C_SEX": "two numbers of women", "C_OTHER": "never mentioned"},
    )
    patient = PATIENT.with_columns(lines=pl.Series([1, 2, 4]))
    return score(parse_targets(pl.DataFrame(COLUMNS)), definitions, lambda _: patient)


def test_page_has_a_row_a_number_with_class_and_reason(ledger: Ledger) -> None:
    page = ledger_page(ledger)
    rows = dict(re.findall(r'<tr class="([a-z-]+)" id="ledger-(\w+)"', page)[::-1])
    assert len(re.findall(r'<tr class="[a-z-]+" id="ledger-', page)) == 5
    assert set(rows) == {"hit", "contradicted", "residual"}
    assert "the same is printed as 2 (Table 1), which this cohort has" in page
    assert "0.45 beyond what rounds to the printed number" in page
    assert "two numbers of women" in page
    assert "never mentioned" not in page
    assert "everybody &amp; more" in page


def test_page_says_synthetic_and_loads_nothing(ledger: Ledger) -> None:
    page = ledger_page(ledger)
    assert page.count("SYNTHETIC DATA: these patients do not exist.") == 2
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;".lower() in page.lower()


def test_filters_have_a_rule_for_every_section(ledger: Ledger) -> None:
    section, style = ledger_section(ledger), ledger_style()
    parts = re.findall(r'<tbody data-part="(\d+)"', section)
    assert parts == ["1", "2"]
    for part in parts:
        assert f'id="ledger-part-{part}"' in section
        assert f"#ledger-part-{part}:checked" in style
    for name in re.findall(r'name="ledger-what" id="([\w-]+)"', section):
        assert name == "ledger-all" or f"#{name}:checked" in style


def test_bars_add_up(ledger: Ledger) -> None:
    for bar in re.findall(
        r'<span class="bar">(.*?)</span></span>|<span class="bar">(.*?)</span>\n', ledger_section(ledger)
    ):
        widths = [float(width) for width in re.findall(r"width: ([\d.]+)%", "".join(bar))]
        assert sum(widths) == pytest.approx(100, abs=0.01)


def test_verdict_counts_what_is_attainable(ledger: Ledger) -> None:
    assert verdict(ledger).startswith("The synthetic cohort meets 2 of the 4 printed numbers")
    assert verdict(ledger).endswith("50.0%. The other one is excluded by other printed numbers.")


def test_writes_the_same_bytes_twice_and_marks_every_file(ledger: Ledger, tmp_path: Path) -> None:
    first = write_ledger(ledger, tmp_path / "one", frames={"patient": PATIENT})
    second = write_ledger(ledger, tmp_path / "other", frames={"patient": PATIENT})
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    for path in first:
        assert "synthetic" in path.name or "SYNTHETIC DATA" in path.read_text(encoding="utf-8")
    table = pl.read_csv(tmp_path / "one" / "fidelity.csv")
    assert table["achieved"].to_list() == ledger.table["achieved"].to_list()
    assert json.loads((tmp_path / "one" / "fidelity.json").read_text())["summary"][-1]["n"] == 5


def test_a_folder_that_cannot_be_written_is_an_error(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        write_ledger(ledger, tmp_path / "file", frames={})
