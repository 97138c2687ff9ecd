"""Does a site that enters its data in REDCap get the submission that it would have written by hand?

`Project` stands for REDCap: it knows nothing of ours but the two files that `blinreg schema --redcap`
writes. It takes values only where its dictionary allows them, and exports as REDCap does.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from blinreg.registry.cli.main import main
from blinreg.registry.diffing import compare
from blinreg.registry.loading import load_submission
from blinreg.registry.read_redcap import read_redcap
from blinreg.registry.redcap_review import review_export
from blinreg.registry.redcap_submission import convert
from blinreg.registry.store import Registry
from blinreg.registry.submission_files import read_folder
from blinreg.schemas.errors import SubmissionRejected, UsageError
from blinreg.schemas.tables import table
from blinreg.synthetic import generate

Instance = tuple[str, str, int, dict[str, str]]
CUTOFF = date(2020, 5, 31)


@dataclass(slots=True)
class Project:
    """A REDCap project made from its data dictionary and its repeating instruments."""

    dictionary: list[dict[str, str]]
    repeating: set[str]
    instances: list[Instance] = field(default_factory=list)

    @classmethod
    def of(cls, dictionary: Path) -> Project:
        repeating = dictionary.with_name(f"{dictionary.stem}.repeating_instruments.csv")
        with (
            dictionary.open(encoding="utf-8", newline="") as file,
            repeating.open(encoding="utf-8", newline="") as list_,
        ):
            return cls(list(csv.DictReader(file)), {row["form_name"] for row in csv.DictReader(list_)})

    def fields(self, form: str) -> list[dict[str, str]]:
        return [row for row in self.dictionary[1:] if row["Form Name"] == form]

    @property
    def forms(self) -> list[str]:
        return list(dict.fromkeys(row["Form Name"] for row in self.dictionary))

    def enter(self, form: str, rows: Sequence[Mapping[str, str | None]]) -> None:
        """Enter rows of a table, each as REDCap would store it."""
        counts: dict[str, int] = {}
        for row in rows:
            record = str(row["patient_id"])
            counts[record] = counts.get(record, 0) + 1
            stored = {}
            for of in self.fields(form):
                value = row[of["Field Annotation"].split()[1].split(".")[1]]
                if value is not None:
                    stored[of["Variable / Field Name"]] = self.stored(of, value)
            self.refuse_hidden(form, stored)
            assert form in self.repeating or counts[record] == 1
            self.instances.append((record, form, counts[record], stored))

    def stored(self, of: Mapping[str, str], value: str) -> str:
        """Check a value as REDCap does when it is entered."""
        if of["Field Type"] == "yesno":
            return {"yes": "1", "no": "0"}[value]
        if of["Field Type"] in ("radio", "dropdown"):
            assert value in choices(of)
            return value
        kind = of["Text Validation Type OR Show Slider Number"]
        if kind == "date_ymd":
            date.fromisoformat(value)
        if kind == "integer":
            assert re.fullmatch("[+-]?[0-9]+", value)
        if kind in ("integer", "number"):
            assert float(of["Text Validation Min"]) <= float(value) <= float(of["Text Validation Max"])
        return value

    def refuse_hidden(self, form: str, stored: Mapping[str, str]) -> None:
        """Refuse a value of a field that branching hides: nobody could have entered it."""
        for of in self.fields(form):
            logic = of["Branching Logic (Show field only if...)"]
            if logic and of["Variable / Field Name"] in stored:
                found = re.fullmatch(r"\[(\w+)\] (=|<>) '(\w*)'", logic)
                assert found is not None
                is_equal = stored.get(found[1], "") == found[3]
                assert is_equal == (found[2] == "="), f"{of['Variable / Field Name']} is hidden"

    def export(
        self,
        *,
        header: str = "raw",
        cells: str = "raw",
        checkboxes: Sequence[str] = (),
        system: Mapping[str, str] | None = None,
    ) -> str:
        """Export all records as one flat file; fields named in ``checkboxes`` as a project with checkboxes would."""
        columns = ["redcap_repeat_instrument", "redcap_repeat_instance", *(system or {})]
        titles = {"redcap_repeat_instrument": "Repeat Instrument", "redcap_repeat_instance": "Repeat Instance"}
        titles |= {name: SYSTEM_LABELS[name] for name in system or {}}
        names = [self.dictionary[0]["Variable / Field Name"], *columns]
        labels = [self.dictionary[0]["Field Label"], *(titles[name] for name in columns)]
        for form in self.forms:
            for of in self.fields(form):
                for name, label in box_names(of) if of["Variable / Field Name"] in checkboxes else [plain_names(of)]:
                    names.append(name)
                    labels.append(label)
            names.append(f"{form}_complete")
            labels.append("Complete?")
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(names if header == "raw" else labels)
        for row in self.rows(cells, checkboxes, system or {}):
            writer.writerow([row.get(name, "") for name in names])
        return buffer.getvalue()

    def rows(self, cells: str, checkboxes: Sequence[str], system: Mapping[str, str]) -> list[dict[str, str]]:
        rows = []
        for record in dict.fromkeys(record for record, *_ in self.instances):
            base = {"patient_id": record, **system}
            rows.append(base)
            for of_record, form, number, stored in self.instances:
                if of_record != record:
                    continue
                row = base
                if form in self.repeating:
                    title = form if cells == "raw" else form.replace("_", " ").title()
                    row = {"patient_id": record, "redcap_repeat_instrument": title, **system}
                    row["redcap_repeat_instance"] = str(number)
                    rows.append(row)
                for of in self.fields(form):
                    row.update(shown(of, stored.get(of["Variable / Field Name"], ""), cells, checkboxes))
                row[f"{form}_complete"] = "2" if cells == "raw" else "Complete"
        return rows


SYSTEM_LABELS = {"redcap_event_name": "Event Name", "redcap_data_access_group": "Data Access Group"}


def choices(of: Mapping[str, str]) -> dict[str, str]:
    text = of["Choices, Calculations, OR Slider Labels"] or "1, Yes | 0, No"
    return {stored.strip(): label.strip() for stored, label in (choice.split(",", 1) for choice in text.split("|"))}


def plain_names(of: Mapping[str, str]) -> tuple[str, str]:
    return of["Variable / Field Name"], of["Field Label"]


def box_names(of: Mapping[str, str]) -> list[tuple[str, str]]:
    name, label = plain_names(of)
    return [(f"{name}___{stored}", f"{label} (choice={text})") for stored, text in choices(of).items()]


def shown(of: Mapping[str, str], stored: str, cells: str, checkboxes: Sequence[str]) -> dict[str, str]:
    name = of["Variable / Field Name"]
    if name in checkboxes:
        words = {True: "1", False: "0"} if cells == "raw" else {True: "Checked", False: "Unchecked"}
        return {f"{name}___{choice}": words[choice in stored.split("+")] for choice in choices(of)}
    if cells == "label" and stored and of["Field Type"] != "text":
        return {name: choices(of)[stored]}
    return {name: stored}


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("redcap") / "dictionary.csv"
    assert main(["schema", "--redcap", str(path), "--quiet"]) == 0
    return path


@pytest.fixture
def project(dictionary: Path) -> Project:
    return Project.of(dictionary)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "submissions"
    generate("realworld-2020", folder)
    return folder


@pytest.fixture
def small(project: Project) -> Project:
    """Give a project with two patients and an event."""
    add = table_rows("adverse_event", {"patient_id": "SYN-1", "event_number": "1", "term": "crs", "grade": "2"})
    project.enter(
        "patient", table_rows("patient", *({"patient_id": p, "sex": "female", "disease": "b_all"} for p in PAIR))
    )
    contact = {"last_contact_date": "2020-05", "vital_status": "alive"}
    project.enter("follow_up", table_rows("follow_up", *({"patient_id": p, **contact} for p in PAIR)))
    project.enter("adverse_event", [{**row, "onset_date": "2019-05-02", "action": "reduced"} for row in add])
    return project


PAIR = ("SYN-1", "SYN-2")


def table_rows(name: str, *rows: Mapping[str, str]) -> list[dict[str, str | None]]:
    return [{**dict.fromkeys(table(name).column_names), **row} for row in rows]


def read(text: str) -> Mapping[str, pl.DataFrame]:
    return read_redcap("export.csv", text.encode(), site_id="site-a").tables


def sorted_rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("source_line").sort(pl.all())


SITES = {"site01": ("raw", "raw"), "site02": ("label", "label"), "site03": ("raw", "label"), "site05": ("label", "raw")}


@pytest.mark.parametrize("site", SITES)
def test_round_trip_gives_identical_rows(cohort: Path, project: Project, tmp_path: Path, site: str) -> None:
    header, cells = SITES[site]
    sent = read_folder(cohort / site)
    for name, frame in sent.tables.items():
        project.enter(name, frame.to_dicts())
    text = project.export(header=header, cells=cells)
    (tmp_path / "export.csv").write_text(text, encoding="utf-8-sig", newline="")
    convert(
        tmp_path / "export.csv",
        tmp_path / "out",
        site_id=site,
        data_cutoff_date=sent.data_cutoff_date,
        created_at=datetime.now(UTC),
        is_synthetic=True,
    )
    back = read_folder(tmp_path / "out")
    assert compare(sent.tables, back.tables).is_same
    with_rows = {name: frame for name, frame in sent.tables.items() if frame.height}
    assert set(back.tables) == set(with_rows)
    assert len(with_rows) > 12
    for name, frame in with_rows.items():
        assert sorted_rows(frame).equals(sorted_rows(back.tables[name])), name
    assert back.is_synthetic
    assert (tmp_path / "out" / "patient.synthetic.csv").is_file()


def test_formats_of_the_cohort_are_all_tried(cohort: Path) -> None:
    endings = {path.suffix for site in SITES for path in (cohort / site).glob("patient.*")}
    assert endings == {".csv", ".parquet", ".xlsx"}


@pytest.mark.parametrize("cells", ["raw", "label"])
@pytest.mark.parametrize("header", ["raw", "label"])
def test_values_are_read_as_stored_or_as_shown(small: Project, header: str, cells: str) -> None:
    small.enter(
        "enrolment_population",
        table_rows(
            "enrolment_population",
            {"patient_id": "SYN-1", "study_id": "a-b", "population": "safety", "is_member": "no"},
        ),
    )
    tables = read(small.export(header=header, cells=cells))
    assert tables["patient"].select("patient_id", "site_id", "sex").rows() == [(p, "site-a", "female") for p in PAIR]
    assert tables["adverse_event"].select("event_number", "grade", "action").rows() == [("1", "2", "reduced")]
    assert tables["enrolment_population"]["is_member"].to_list() == ["no"]
    assert set(tables) == {"patient", "follow_up", "adverse_event", "enrolment_population"}


@pytest.mark.parametrize("cells", ["raw", "label"])
@pytest.mark.parametrize("header", ["raw", "label"])
def test_checkboxes_give_the_ticked_choice(small: Project, header: str, cells: str) -> None:
    event = {"patient_id": "SYN-2", "event_number": "1", "term": "pain", "onset_date": "2019-05-02"}
    small.enter("adverse_event", table_rows("adverse_event", event))
    boxes = ("ae_action", "ae_is_serious")
    tables = read(small.export(header=header, cells=cells, checkboxes=boxes))
    assert tables["adverse_event"].select("action", "is_serious").rows() == [("reduced", None), (None, None)]


def test_two_ticked_boxes_are_no_code(small: Project, registry: Registry, tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(small.export(checkboxes=("ae_action",)))))
    (event,) = [row for row in rows if row[1] == "adverse_event"]
    event[rows[0].index("ae_action___interrupted")] = "1"
    result = load_submission(registry, converted(tmp_path, "\n".join(",".join(row) for row in rows)))
    assert result.n_quarantined == 1
    assert result.violations.select("rule", "column").rows() == [("adverse_event.action.code", "action")]


def converted(tmp_path: Path, text: str, **options: bool) -> Path:
    (tmp_path / "export.csv").write_text(text, encoding="utf-8")
    moment = datetime(2020, 6, 1, 10, tzinfo=UTC)
    convert(
        tmp_path / "export.csv",
        tmp_path / "out",
        site_id="site-a",
        data_cutoff_date=CUTOFF,
        created_at=moment,
        **options,
    )
    return tmp_path / "out"


def test_what_is_no_choice_is_quarantined_and_not_lost(small: Project, registry: Registry, tmp_path: Path) -> None:
    text = small.export().replace(",reduced,", ",-99,")
    result = load_submission(registry, converted(tmp_path, text))
    assert (result.n_rows, result.n_quarantined) == (5, 1)
    with (tmp_path / "out/guide/redcap_rows.csv").open(encoding="utf-8", newline="") as file:
        origin = [row for row in csv.DictReader(file) if row["file"] == "adverse_event.csv"]
    (found,) = result.violations.filter(pl.col("column") == "action").rows(named=True)
    assert [(row["line"], row["patient_id"], row["instance"]) for row in origin] == [(str(found["line"]), "SYN-1", "1")]


def test_events_of_a_longitudinal_project_are_put_together(small: Project) -> None:
    """The same instrument in two events gives two rows; an event that holds nothing of a form gives none."""
    lines = small.export(system={"redcap_event_name": "start_arm_1"}).splitlines()
    names = lines[0].split(",")
    empty = dict.fromkeys(names, "") | {"patient_id": "SYN-1", "redcap_event_name": "later_arm_1"}
    later = empty | {"bl_timepoint": "transplant", "bl_age_years": "40", "redcap_repeat_instance": "2"}
    lines += [",".join(row.values()) for row in (empty, later)]
    tables = read("\n".join(lines))
    assert tables["patient"].height == tables["follow_up"].height == 2
    assert tables["baseline"].select("patient_id", "timepoint", "age_years").rows() == [("SYN-1", "transplant", "40")]


def test_columns_that_are_not_ours_never_reach_the_submission(small: Project, tmp_path: Path) -> None:
    lines = small.export().splitlines()
    text = "\n".join([f"{lines[0]},last_name,Home address", *(f"{line},Nachname,Weg 1" for line in lines[1:])])
    folder = converted(tmp_path, text)
    written = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())
    assert "Nachname" not in written
    assert "last_name" not in written
    assert read_redcap("e.csv", text.encode(), site_id="site-a").left_out == ("last_name", "Home address")


def test_opened_and_empty_instances_are_passed_over_and_counted(small: Project) -> None:
    small.instances.append(("SYN-2", "adverse_event", 1, {}))
    export = read_redcap("e.csv", small.export().encode(), site_id="site-a")
    assert export.tables["adverse_event"].height == 1
    assert export.n_empty == 1


def test_lines_of_the_export_are_told_where_a_cell_has_several_lines(small: Project) -> None:
    lines = small.export().splitlines()
    text = "\n".join(['"note\nof the site",' + lines[0], *('"a\nb",' + line for line in lines[1:])])
    origin = read_redcap("e.csv", text.encode(), site_id="site-a").origin
    assert origin["patient"]["export_line"].to_list() == [3, 7]
    assert origin["adverse_event"].rows() == [(None, "1", 5)]


def drop(text: str, dropped: Callable[[str], bool]) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    kept = [place for place, name in enumerate(rows[0]) if not dropped(name)]
    return "\n".join(",".join(row[place] for place in kept) for row in rows)


def test_an_instrument_that_is_not_exported_has_no_rows(small: Project) -> None:
    tables = read(drop(small.export(), lambda name: name.startswith(("ae_", "adverse_event"))))
    assert set(tables) == {"patient", "follow_up"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: drop(t, lambda n: n == "ae_grade"),
            r"^export.csv: adverse_event lacks ae_grade; export all variables",
        ),
        (lambda t: drop(t, lambda n: n.endswith("_date")), r"lacks .*identifiers and dates included"),
        (lambda t: drop(t, lambda n: n.startswith("fu_")), r"the instrument follow_up is missing"),
        (lambda t: drop(t, lambda n: n == "patient_id"), r"the record identifier patient_id is missing"),
        (lambda t: t.replace(",", ";"), r"is separated by semicolons"),
        (lambda t: "name,age\nx,3\n", r"not an export of a REDCap project .* its header has none of the variables"),
        (lambda t: "", r"export.csv is empty: it has no header"),
        (lambda t: t.replace("pt_sex", "pt_birth_year", 1), r"1 variables stand in the header more than once"),
        (lambda t: t.replace("SYN-1,", "SYN-1", 1), r"line 2 has 148 fields and the header 149"),
        (lambda t: t.replace("SYN-2,,", "SYN-2,adverse_event,"), r"line 4: values of patient in a row of another"),
    ],
)
def test_export_that_cannot_be_read_is_refused(small: Project, change: Callable[[str], str], message: str) -> None:
    with pytest.raises(SubmissionRejected, match=message):
        read(change(small.export()))


@pytest.mark.parametrize(
    ("coding", "message"), [("utf-16", "is UTF-16 text"), ("latin-1", r"is not UTF-8 text: byte \d+ on line 2")]
)
def test_other_codings_are_refused(small: Project, coding: str, message: str) -> None:
    text = small.export().replace("SYN-1,", "SYN-\u00e4,")
    with pytest.raises(SubmissionRejected, match=message):
        read_redcap("export.csv", text.encode(coding), site_id="site-a")


def test_patients_of_two_sites_are_refused(small: Project) -> None:
    text = small.export(system={"redcap_data_access_group": "site_a"})
    assert read(text)["patient"].height == 2
    with pytest.raises(SubmissionRejected, match="of 2 data access groups"):
        read(text.replace("SYN-2,,,site_a", "SYN-2,,,site_b"))


def test_no_message_holds_a_value(small: Project) -> None:
    text = small.export().replace("SYN-2,,", "SYN-2,adverse_event,")
    with pytest.raises(SubmissionRejected) as refused:
        read(text)
    assert "SYN-2" not in str(refused.value)


def test_command_converts_and_the_submission_loads(
    small: Project, registry_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e.csv").write_text(small.export(header="label", cells="label"), encoding="utf-8")
    words = [str(tmp_path / "e.csv"), "--site", "site-a", "--cutoff", "2020-05-31", "--out", str(tmp_path / "sub")]
    assert main(["redcap", *words, "--synthetic", "--submission-id", "first", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == {"patient": 2, "adverse_event": 1, "follow_up": 2}
    assert main(["load", str(tmp_path / "sub"), "--registry", str(registry_path), "--quiet"]) in (0, 1)
    assert main(["redcap", *words]) == 2
    assert "is not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["raw", "label"])
def test_validate_names_lines_and_columns_of_the_export(
    small: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str
) -> None:
    next(stored for _, form, _, stored in small.instances if form == "adverse_event")["ae_grade"] = "9"
    text = small.export(header=header)
    (tmp_path / "export.csv").write_text(text, encoding="utf-8")
    line = next(number for number, row in enumerate(text.splitlines(), start=1) if ",adverse_event," in row)
    place = small.export().split("\n")[0].split(",").index("ae_grade")
    column = next(csv.reader(text.splitlines()))[place]
    words = ["validate", str(tmp_path / "export.csv"), "--site", "site-a", "--cutoff", "2020-05-31", "--synthetic"]

    assert main([*words, "--out", str(tmp_path / "out"), "--json", "--quiet"]) == 3
    found = [row for row in json.loads(capsys.readouterr().out)["findings"] if row["severity"] == "reject_row"]
    keys = ("rule", "file", "line", "column", "instance")
    assert [tuple(row[key] for key in keys) for row in found] == [
        ("adverse_event.grade.range", "export.csv", line, column, "1")
    ]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "Correct the 1 row in REDCap" in page
    assert "Export again, and validate the new export" in page
    (row,) = pl.read_csv(tmp_path / "out/failing_rows/adverse_event.csv", infer_schema=False).to_dicts()
    assert (row["source_line"], row["instance"], row[column]) == (str(line), "1", "9")


def test_a_refused_export_is_told_with_its_own_places(small: Project, tmp_path: Path) -> None:
    text = small.export().replace("SYN-1", "Mary.Smith@clinic.example")
    (tmp_path / "export.csv").write_text(text, encoding="utf-8")
    review = review_export(tmp_path / "export.csv", site_id="site-a", data_cutoff_date=CUTOFF, is_synthetic=True)
    assert review.verdict == "rejected"
    assert "export.csv line 2 column patient_id" in review.rejection
    assert "patient.synthetic.csv" not in review.rejection
    assert "Mary" not in review.rejection
    assert "export again" in review.rejection


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--site", "site-a"], "does not say its site and data cutoff"), (["--cutoff", "June"], "not a date")],
)
def test_an_export_without_site_or_cutoff_is_wrong_usage(
    small: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    (tmp_path / "export.csv").write_text(small.export(), encoding="utf-8")
    assert main(["validate", str(tmp_path / "export.csv"), *words]) == 2
    assert said in capsys.readouterr().err


def test_nothing_is_written_where_the_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SubmissionRejected):
        converted(tmp_path, "name,age\nx,3\n")
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]
    with pytest.raises(UsageError, match=r"there is no file none\.csv"):
        convert(
            tmp_path / "none.csv",
            tmp_path / "out",
            site_id="site-a",
            data_cutoff_date=CUTOFF,
            created_at=datetime.now(UTC),
        )


def test_summary_counts_what_was_left_out_and_names_no_column(
    small: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = small.export().splitlines()
    (tmp_path / "e.csv").write_text("\n".join([f"{lines[0]},surname", *(f"{line},x" for line in lines[1:])]))
    words = [str(tmp_path / "e.csv"), "--site", "site-a", "--cutoff", "2020-05-31", "--out", str(tmp_path / "s")]
    assert main(["redcap", *words]) == 0
    said = capsys.readouterr().out
    assert "left out: 1 columns" in said
    assert "surname" not in said
    assert "next: blinreg load" in said
