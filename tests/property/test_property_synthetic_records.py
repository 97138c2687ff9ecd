"""Does a registry give back the courses that records were written from, whatever the courses?

Random courses, edge cases more often than in life, are written as submissions and loaded; what the analysis
views say is compared with the courses, patient by patient.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from blinreg.registry.frames import query_frame
from blinreg.registry.loading import load_submissions
from blinreg.registry.store import Registry
from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.schemas.tables import TABLES
from blinreg.synthetic.courses import NULLABLE, SCHEMA, Courses, Placement
from blinreg.synthetic.courses import TERM_CATEGORY as COURSE_TERMS
from blinreg.synthetic.records import records
from blinreg.synthetic.studies import load_study

STUDY = load_study("realworld-2020")
SITES = (0, 2)
SoundCourses = Callable[..., Courses]
CATEGORIES = ("neurotoxicity", "hepatotoxicity", "crs", "infection", "pain")
CUTOFF = np.datetime64("2020-05-31")

#: Warnings about what random courses say, and not about how it is written.
ABOUT_THE_COURSES = {
    "adverse_event.action.crs_not_interrupted",
    "adverse_event.action.neurotoxicity_not_stopped",
    "adverse_event.outcome.fatal_below_grade_5",
    "baseline.wbc_1e9_per_l.high",
    "follow_up.cause_of_death.transplant_related_after_relapse",
    "patient.birth_year.over_89",
    "patient.disease_assessment.late",
    "toxicity_assessment.evaluable.no_with_events",
    "treatment_cycle.stop_date.absent",  # ongoing
}


def place(courses: Courses, seed: int) -> Placement:
    """Put the courses at sites, and the first doses so that all is over by the cutoff."""
    random = np.random.default_rng(seed)
    site = np.array(SITES)[random.integers(0, len(SITES), len(courses))]
    later = np.where(courses.is_code("end_reason", "cutoff"), 0, random.integers(0, 900, len(courses)))
    return Placement(site, CUTOFF - (courses.whole("end_day") + later).astype("timedelta64[D]"))


def write_submission(folder: Path, tables: Mapping[str, pl.DataFrame], site_id: str) -> Path:
    """Write the rows of a site's patients as it would send them."""
    folder.mkdir()
    own = tables["patient"].filter(pl.col("site_id") == site_id).select("patient_id")
    files = []
    for name, frame in tables.items():
        path = folder / f"{name}.synthetic.parquet"
        rows = frame.join(own, on="patient_id", how="semi", maintain_order="left")
        rows.write_parquet(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append({"table": name, "path": path.name, "sha256": digest, "rows": rows.height})
    said = {
        "submission_id": f"random-{site_id}",
        "site_id": site_id,
        "created_at": "2020-06-01T10:00:00Z",
        "data_cutoff_date": str(CUTOFF),
        "schema_version": "1.0",
        "synthetic": True,
        "files": files,
    }
    (folder / "submission.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


class Loaded:
    """Courses, and the registry that their records were loaded into."""

    def __init__(self, folder: Path, courses: Courses, placement: Placement, *, seed: int) -> None:
        self.courses = courses
        self.placement = placement
        self.tables = records(courses, self.placement, study=STUDY, seed=seed)
        registry = Registry.create(folder / "registry.duckdb")
        self.registry = registry
        sites = [STUDY.sites[site].id for site in np.unique(self.placement.site)]
        written = [write_submission(folder / site_id, self.tables, site_id) for site_id in sites]
        self.found = load_submissions(registry, written)
        names = pl.select(pl.format("SYN-{}", pl.Series(courses.numbers + 1).cast(pl.String).str.zfill(4))).to_series()
        index = pl.Series("index_date", self.placement.index_date).cast(pl.Date)
        self.expected = courses.frame.with_columns(names.alias("patient_id"), index)

    def query(self, text: str) -> pl.DataFrame:
        """Read from the registry, with the names of patients."""
        return query_frame(self.registry.connection, text)

    def differences(self, view: str, expected: pl.DataFrame, key: tuple[str, ...] = ("patient_id",)) -> list[str]:
        """Columns in which a query's answer is not as expected, or what is wrong with its rows."""
        found = self.query(view)
        if len(found) != len(expected):
            return [f"{len(found)} rows for {len(expected)}"]
        both = expected.join(found, on=list(key), how="inner", suffix="_found")
        if len(both) != len(expected):
            return ["other rows"]
        wrong = []
        for name in expected.columns:
            if name not in key:
                is_same = both[name].cast(pl.String).eq_missing(both[f"{name}_found"].cast(pl.String))
                if not is_same.all():
                    wrong.append(f"{name}: {(~is_same).sum()} {both.filter(~is_same).row(0, named=True)}")
        return wrong


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, sound_courses: SoundCourses) -> Iterator[Loaded]:
    courses = sound_courses(2020)
    made = Loaded(tmp_path_factory.mktemp("records"), courses, place(courses, 2020), seed=2020)
    yield made
    made.registry.close()


def yes_no(name: str) -> pl.Expr:
    return pl.when(pl.col(name)).then(pl.lit("yes")).otherwise(pl.lit("no"))


def date_of(name: str) -> pl.Expr:
    return pl.col("index_date") + pl.duration(days=pl.col(name))


def expected_cohort(frame: pl.DataFrame) -> pl.DataFrame:
    has_cns = pl.any_horizontal("has_cns_at_diagnosis", "has_cns_at_relapse", "has_active_cns")
    return frame.select(
        "patient_id",
        "index_date",
        "age_years",
        "dosing",
        "karnofsky_percent",
        "wbc_1e9_per_l",
        "blood_blast_percent",
        "cytogenetic_abnormality",
        "prior_allo_hct",
        indication=pl.when("is_mrd_indication").then(pl.lit("mrd")).otherwise(pl.lit("relapsed_refractory")),
        sex=pl.when("is_female").then(pl.lit("female")).otherwise(pl.lit("male")),
        ph_status=pl.when("is_ph_positive").then(pl.lit("positive")).otherwise(pl.lit("negative")),
        kmt2a_rearranged=yes_no("is_kmt2a_rearranged"),
        cns_at_diagnosis=yes_no("has_cns_at_diagnosis"),
        marrow_disease=yes_no("has_marrow_disease"),
        cns_disease=yes_no("has_active_cns"),
        cns_history=pl.when(has_cns).then(pl.lit("yes")).otherwise(pl.lit("no")),
        extramedullary_disease=yes_no("has_extramedullary"),
        n_prior_lines=pl.when("is_n_prior_lines_recorded").then("n_prior_lines"),
        primary_refractory=pl.when(pl.col("cr1_class") == "primary_refractory")
        .then(pl.lit("yes"))
        .otherwise(pl.lit("no")),
        cr1_duration_days=pl.col("cr1_days"),
        prior_inotuzumab=pl.col("has_prior_inotuzumab").cast(pl.Int64),
        tki_at_start=(pl.col("tki") != "none").cast(pl.Int64),
    )


def expected_response(frame: pl.DataFrame) -> pl.DataFrame:
    result = pl.col("mrd_result").cast(pl.String)
    responds = pl.col("response_day").is_not_null()
    is_evaluable = (
        pl.when("is_mrd_indication")
        .then(pl.col("mrd_result").is_in(["negative", "positive"]))
        .otherwise(pl.col("best_response") != "not_evaluable")
    )
    return frame.select(
        "patient_id",
        "best_response",
        is_evaluable=is_evaluable.cast(pl.Int64),
        is_responder=responds.cast(pl.Int64),
        response_date=date_of("response_day"),
        mrd_at_response=pl.when(responds).then(result),
        mrd_negative_date=pl.when(result == "negative").then(date_of("response_day")),
    )


#: Endpoints: origin, and what decides before the end of observation; the value is the event, 2 for a competing one.
ENDPOINTS = {
    "os": ("index", {"death": 1}),
    "os_from_response": ("response", {"death": 1}),
    "rfs": ("response", {"relapse": 1, "death": 1}),
    "rfs_molecular": ("response", {"relapse": 1, "molecular_relapse": 1, "death": 1}),
    "efs": ("index", {"relapse": 1, "progression": 1, "death": 1}),
    "duration_of_remission": ("response", {"relapse": 1, "death": 2}),
    "allo_hct": ("response", {"transplant": 1, "death": 2}),
    "os_from_transplant": ("transplant", {"death": 1}),
    "pfs_from_transplant": ("transplant", {"relapse": 1, "death": 1}),
    "non_relapse_mortality": ("transplant", {"relapse": 2, "death": 1}),
    "transplant_related_mortality": ("transplant", {"related_death": 1, "other_death": 2}),
}


def expected_endpoint(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Days and event of an endpoint, straight from the courses."""
    origin, deciding = ENDPOINTS[name]
    death = pl.when("is_dead").then("end_day")
    is_related = pl.col("cause_of_death") == "transplant_related"
    days = {
        "death": death,
        "related_death": pl.when(is_related).then(death),
        "other_death": pl.when(~is_related).then(death),
        **{event: pl.col(f"{event}_day") for event in ("relapse", "progression", "molecular_relapse", "transplant")},
    }
    start = pl.lit(0) if origin == "index" else pl.col(f"{origin}_day")
    rows = frame.filter(start.is_not_null()) if origin != "index" else frame
    after = {event: pl.when(days[event] > start).then(days[event]) for event in deciding}
    first = pl.min_horizontal(*after.values())
    event = pl.coalesce(*(pl.when(day == first).then(deciding[name]) for name, day in after.items()), pl.lit(0))
    return rows.select(
        "patient_id",
        time_days=(pl.coalesce(first, pl.col("end_day")) - start).cast(pl.Float64),
        event=event.cast(pl.Int64),
    )


def test_everything_is_accepted(loaded: Loaded) -> None:
    for found in loaded.found:
        assert set(found.violations["rule"].to_list()) <= ABOUT_THE_COURSES
        assert (found.n_quarantined, found.n_held_back) == (0, 0)
    assert set(loaded.tables) == {table.name for table in TABLES} - {"enrolment_stratum", "enrolment_population"}


def test_the_courses_hold_what_makes_records_hard(loaded: Loaded) -> None:
    frame = loaded.courses.frame
    for name, kind in SCHEMA.items():
        if isinstance(kind, pl.Enum):
            assert frame[name].n_unique() == len(kind.categories), name
        elif kind == pl.Boolean():
            assert frame[name].n_unique() == 2, name
        if name in NULLABLE:
            assert frame[name].null_count() > 0, name
            assert frame[name].count() > 0, name
    hard = {
        "over on day 3 of the only cycle": pl.col("end_day") == 3,
        "death on the day after transplant": pl.col("is_dead") & (pl.col("end_day") == pl.col("transplant_day") + 1),
        "relapse on the day after response": pl.col("relapse_day") == pl.col("response_day") + 1,
        "transplant after relapse": pl.col("transplant_day") > pl.col("relapse_day"),
        "progression on the day of death": pl.col("is_dead") & (pl.col("progression_day") == pl.col("end_day")),
        "three interruptions": pl.col("n_interruptions") == 3,
        "MRD indication without response": pl.col("is_mrd_indication") & pl.col("response_day").is_null(),
        "two reasons": pl.sum_horizontal(f"stopped_for_{name}" for name in CATEGORIES) == 2,
    }
    counts = frame.select(rule.sum().alias(name) for name, rule in hard.items()).row(0, named=True)
    assert min(counts.values()) > 0, counts


def test_cohort(loaded: Loaded) -> None:
    assert loaded.differences("select * from analysis.cohort", expected_cohort(loaded.expected)) == []


def test_response(loaded: Loaded) -> None:
    assert loaded.differences("select * from analysis.response", expected_response(loaded.expected)) == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_endpoints(loaded: Loaded, endpoint: str) -> None:
    query = f"select * from analysis.endpoint where endpoint = '{endpoint}'"
    assert loaded.differences(query, expected_endpoint(loaded.expected, endpoint)) == []


def test_exposures_and_graft_versus_host_disease(loaded: Loaded) -> None:
    def of(origin: str) -> str:
        return f"""
            pivot (select patient_id, exposure, exposure_date from analysis.exposure where origin = '{origin}')
            on exposure in ('allo_hct', 'allo_hct_in_remission', 'acute_gvhd', 'chronic_gvhd') using max(exposure_date)
            group by patient_id
        """

    before_relapse = pl.col("relapse_day").is_null() | (pl.col("transplant_day") < pl.col("relapse_day"))
    from_response = loaded.expected.filter(pl.col("response_day").is_not_null()).select(
        "patient_id",
        allo_hct=date_of("transplant_day"),
        allo_hct_in_remission=pl.when(before_relapse).then(date_of("transplant_day")),
        acute_gvhd=date_of("acute_gvhd_day"),
        chronic_gvhd=date_of("chronic_gvhd_day"),
    )
    assert loaded.differences(of("response"), from_response) == []
    from_transplant = loaded.expected.filter(pl.col("transplant_day").is_not_null()).select(
        "patient_id", allo_hct=date_of("second_transplant_day"), acute_gvhd=date_of("acute_gvhd_day")
    )
    assert loaded.differences(of("transplant"), from_transplant) == []
    donors = """
        select patient_id, arg_min(donor, transplant_date) as donor, min(transplant_date) as day
        from staging.transplant join analysis.cohort using (patient_id) where transplant_date > index_date group by all
    """
    expected = loaded.expected.filter(pl.col("transplant_day").is_not_null())
    expected = expected.select("patient_id", "donor", day=date_of("transplant_day"))
    assert loaded.differences(donors, expected) == []


def expected_toxicity(frame: pl.DataFrame) -> pl.DataFrame:
    """Highest grade by category on treatment, and whether there were events with and without a grade."""
    parts = []
    for category in CATEGORIES:
        grades = [f"grade_{term}" for term in COURSE_TERMS if TERM_CATEGORY[term] == category]
        highest = pl.max_horizontal(grades)
        parts.append(
            frame.select(
                "patient_id",
                category=pl.lit(category),
                max_grade=pl.when(highest > 0).then(highest),
                has_ungraded=pl.min_horizontal(grades) < 0,
                has_event=pl.any_horizontal(pl.col(name) != 0 for name in grades),
            )
        )
    return pl.concat(parts)


def test_toxicity_on_treatment(loaded: Loaded) -> None:
    query = """
        select patient_id, category, max(max_grade) as max_grade, coalesce(sum(n_ungraded), 0) > 0 as has_ungraded,
            coalesce(sum(n_events), 0) > 0 as has_event
        from analysis.toxicity where period = 'on_treatment' and n_events > 0 group by all
    """
    assert (
        loaded.differences(
            query, expected_toxicity(loaded.expected).filter("has_event"), key=("patient_id", "category")
        )
        == []
    )
    in_cycles = """
        select patient_id, term, max(coalesce(grade, -1)) as grade
        from staging.adverse_event where cycle_number is not null group by all
    """
    by_term = [
        loaded.expected.filter(pl.col(f"grade_{term}") != 0).select(
            "patient_id", term=pl.lit(term), grade=pl.col(f"grade_{term}")
        )
        for term in COURSE_TERMS
    ]
    assert loaded.differences(in_cycles, pl.concat(by_term), key=("patient_id", "term")) == []


def test_who_could_be_assessed(loaded: Loaded) -> None:
    query = """
        select distinct patient_id, category, is_evaluable
        from analysis.toxicity
        where period = 'on_treatment' and category in ('crs', 'neurotoxicity', 'hepatotoxicity')
    """
    expected = pl.concat(
        loaded.expected.select(
            "patient_id", category=pl.lit(name), is_evaluable=pl.col(f"evaluable_{name}").cast(pl.Int64)
        )
        for name in ("crs", "neurotoxicity", "hepatotoxicity")
    )
    shown = expected_toxicity(loaded.expected).filter("has_event").select("patient_id", "category")
    # Who was not assessable and had no event has no row at all.
    with_event = expected.join(shown, on=["patient_id", "category"], how="semi")
    without = expected.join(shown, on=["patient_id", "category"], how="anti").filter(pl.col("is_evaluable") == 1)
    assert loaded.differences(query, pl.concat([with_event, without]), key=("patient_id", "category")) == []


def test_toxicity_after_transplant(loaded: Loaded) -> None:
    query = """
        select patient_id, category, min(first_onset_date) as day from analysis.toxicity
        where period = 'post_transplant' and n_events > 0 group by all
    """
    expected = pl.concat(
        loaded.expected.filter(pl.col(f"transplant_{name}_day").is_not_null()).select(
            "patient_id", category=pl.lit(TERM_CATEGORY[name]), day=date_of(f"transplant_{name}_day")
        )
        for name in ("veno_occlusive_disease", "infection")
    )
    assert loaded.differences(query, expected, key=("patient_id", "category")) == []


def test_reasons_for_stopping(loaded: Loaded) -> None:
    expected = pl.concat(
        loaded.expected.filter(f"stopped_for_{category}").select("patient_id", category=pl.lit(category))
        for category in CATEGORIES
    )
    query = "select patient_id, category from analysis.discontinuation"
    assert loaded.differences(query, expected, key=("patient_id", "category")) == []
    stops = """
        select patient_id, max(cycle_number) as n, bool_or(stop_reason = 'adverse_event') as stopped
        from current.treatment_cycle group by all
    """
    stopped = pl.any_horizontal(f"stopped_for_{category}" for category in CATEGORIES)
    assert loaded.differences(stops, loaded.expected.select("patient_id", n="n_cycles", stopped=stopped)) == []


def test_interruptions_and_what_was_given_for_events(loaded: Loaded) -> None:
    held = "select patient_id, count(*) as n from current.dose_interruption group by all"
    expected = loaded.expected.filter(pl.col("n_interruptions") > 0).select("patient_id", n="n_interruptions")
    assert loaded.differences(held, expected) == []
    given = """
        select patient_id, bool_or(corticosteroid = 'yes') as steroid, bool_or(tocilizumab = 'yes') as tocilizumab
        from staging.adverse_event where term = 'crs' group by all
    """
    had = loaded.expected.filter(pl.col("grade_crs") != 0)
    assert (
        loaded.differences(given, had.select("patient_id", steroid="crs_corticosteroid", tocilizumab="crs_tocilizumab"))
        == []
    )
    fatal = "select patient_id, term as fatal_term from staging.adverse_event where outcome = 'fatal'"
    died = loaded.expected.filter(pl.col("fatal_term") != "none")
    assert loaded.differences(fatal, died.select("patient_id", "fatal_term")) == []


def test_end_of_observation_and_cells(loaded: Loaded) -> None:
    query = """
        select patient_id, coalesce(cause_of_death, 'none') as cause_of_death,
            coalesce(end_reason, 'death') as end_reason
        from staging.follow_up
    """
    assert loaded.differences(query, loaded.expected.select("patient_id", "cause_of_death", "end_reason")) == []
    in_remission = loaded.expected.filter(pl.col("dli_day").is_not_null())
    query = "select patient_id, start_date as day from staging.drug_exposure where agent_class = 'donor_lymphocytes'"
    assert loaded.differences(query, in_remission.select("patient_id", day=date_of("dli_day"))) == []


# Courses of another seed are no simpler: there is nothing to shrink.
@settings(max_examples=2, phases=(Phase.explicit, Phase.generate))
@given(seed=st.integers(0, 2**32 - 1))
def test_any_courses_come_back(sound_courses: SoundCourses, seed: int) -> None:
    courses = sound_courses(seed, 200)
    placement = place(courses, seed)
    one_site = Placement(np.full(len(courses), SITES[seed % 2]), placement.index_date)
    with TemporaryDirectory() as folder:
        loaded = Loaded(Path(folder), courses, one_site, seed=seed)
        with loaded.registry:
            test_everything_is_accepted(loaded)
            test_cohort(loaded)
            test_response(loaded)
            for endpoint in ENDPOINTS:
                test_endpoints(loaded, endpoint)
            test_toxicity_on_treatment(loaded)
            test_reasons_for_stopping(loaded)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**63 - 1), data=st.data())
def test_a_patient_does_not_depend_on_the_others(sound_courses: SoundCourses, seed: int, data: st.DataObject) -> None:
    """Any choice of the patients, in any order, has the rows that they have among all."""
    courses = sound_courses(7, 250)
    placement = place(courses, 7)
    whole = records(courses, placement, study=STUDY, seed=seed)
    chosen = np.array(data.draw(st.lists(st.integers(0, len(courses) - 1), min_size=1, max_size=40, unique=True)))
    part = Courses(courses.frame[chosen])
    some = records(part, Placement(placement.site[chosen], placement.index_date[chosen]), study=STUDY, seed=seed)
    names = some["patient"].select("patient_id")
    for name, frame in whole.items():
        expected = names.join(frame, on="patient_id", how="inner", maintain_order="left_right").select(frame.columns)
        if expected.is_empty():
            assert name not in some
        else:
            assert some[name].equals(expected), name
