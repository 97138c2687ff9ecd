"""Fixtures for tests in more than one folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import settings

from blinreg.registry.cli.main import main
from blinreg.registry.derive import sql_files
from blinreg.schemas.model import Type
from blinreg.schemas.views import VIEWS

# The suite draws the same examples every time; `pytest --hypothesis-profile=explore` looks for new ones.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("suite")

Views = dict[str, pl.DataFrame]
MakeOnce = Callable[[str, Callable[[Path], None]], Path]
#: The one event of a category that invented patients have.
TERMS = {"crs": "crs", "neurotoxicity": "headache", "hepatotoxicity": "bilirubin_increase"}
DTYPES = {Type.INTEGER: pl.Int64, Type.NUMBER: pl.Float64, Type.DATE: pl.Date}


class Course(NamedTuple):
    """What endpoints and exposures of a patient are made from; days from the index date."""

    patient: str
    index: date
    transplant: int | None
    end: int


class InventedPatients:
    """Small, invented analysis views with the columns of the definitions: enough to carry out the shipped plan.

    Times are drawn, not simulated from a disease; the transplant has no effect on death.
    """

    def __init__(self, n: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.rows: dict[str, list[dict[str, Any]]] = {view.name: [] for view in VIEWS}
        for number in range(n):
            self.add(f"SYN{number:04d}")
        self.rows["attrition"] = [
            {
                "step_number": 1,
                "step": "submitted",
                "description": "in a submission",
                "n_patients": n + 3,
                "n_excluded": 0,
            },
            {"step_number": 2, "step": "accepted", "description": "not quarantined", "n_patients": n, "n_excluded": 3},
        ]

    def frames(self) -> Views:
        frames = {}
        for view in VIEWS:
            schema = {column.name: DTYPES.get(column.type, pl.String) for column in view.columns}
            frames[view.name] = pl.DataFrame(self.rows[view.name], schema=schema)
        return frames

    def pick(self, *values: str, p: list[float] | None = None) -> str:
        return str(self.random.choice(values, p=p))

    def add(self, patient: str) -> None:
        index = date(2016, 1, 1) + timedelta(days=int(self.random.integers(0, 900)))
        indication = self.pick("relapsed_refractory", "mrd", p=[0.9, 0.1])
        death = int(self.random.exponential(500)) + 1
        end = min(death, int(self.random.integers(100, 1500)))
        responds = bool(self.random.random() < 0.65)
        response = 21 + int(self.random.integers(0, 30)) if responds else None
        if response is not None and response >= end:
            response = None
        transplant = None
        if response is not None and self.random.random() < 0.6:
            transplant = response + int(self.random.integers(5, 150))
            transplant = None if transplant >= end else transplant
        relapse = None
        if response is not None and self.random.random() < 0.4:
            relapse = response + int(self.random.integers(10, 400))
            relapse = None if relapse > end else relapse
        died = int(death == end)
        course = Course(patient, index, transplant, end)
        self._cohort(patient, index, indication)
        self._response(patient, index, indication, response, end)
        self._toxicity(patient, index)
        origins = {"index": 0, "response": response, "transplant": transplant}
        for origin, day in origins.items():
            if day is not None:
                self._exposures(course, origin, day)
        add = self._endpoint
        add(course, "os", "index", (0, end), died)
        reason = "relapse" if relapse else ""
        add(course, "efs", "index", (0, relapse or end), int(died or relapse is not None), reason=reason)
        self._course(course)
        if response is not None:
            add(course, "os_from_response", "response", (response, end), died)
            failed = min(end, relapse or end)
            for endpoint in ("rfs", "rfs_molecular"):
                add(course, endpoint, "response", (response, failed), int(died or relapse is not None))
            stop, event = (transplant, 1) if transplant is not None else (end, 2 * died)
            add(course, "allo_hct", "response", (response, stop), event)
        if transplant is not None:
            add(course, "os_from_transplant", "transplant", (transplant, end), died)
            late = relapse is not None and relapse > transplant
            stop, event = (relapse, 2) if late and relapse is not None else (end, died)
            add(course, "non_relapse_mortality", "transplant", (transplant, stop), event)
            add(course, "pfs_from_transplant", "transplant", (transplant, stop), min(event, 1))
            related = int(self.random.integers(1, 3)) if died else 0
            add(course, "transplant_related_mortality", "transplant", (transplant, end), related)
            self._transplant(course, transplant)

    def _cohort(self, patient: str, index: date, indication: str) -> None:
        refractory = self.pick("yes", "no", p=[0.25, 0.75])
        self.rows["cohort"].append(
            {
                "patient_id": patient,
                "site_id": self.pick("site_a", "site_b"),
                "index_date": index,
                "indication": indication,
                "dosing": "mrd" if indication == "mrd" else "standard",
                "age_years": int(self.random.integers(18, 80)),
                "sex": self.pick("female", "male"),
                "disease": "b_all",
                "ph_status": self.pick("positive", "negative", "unknown", p=[0.25, 0.7, 0.05]),
                "kmt2a_rearranged": self.pick("yes", "no", p=[0.2, 0.8]),
                "cytogenetic_abnormality": self.pick("yes", "no"),
                "cns_at_diagnosis": self.pick("yes", "no", p=[0.1, 0.9]),
                "karnofsky_percent": int(self.random.choice([70, 80, 90])) if self.random.random() < 0.7 else None,
                "wbc_1e9_per_l": round(float(self.random.lognormal(1.4, 1)), 2),
                "blood_blast_percent": round(float(self.random.uniform(0, 90)), 1),
                "marrow_blast_percent": round(float(self.random.uniform(6, 95)), 1),
                "cns_disease": self.pick("yes", "no", p=[0.1, 0.9]),
                "cns_history": self.pick("yes", "no", p=[0.2, 0.8]),
                "extramedullary_disease": self.pick("yes", "no", p=[0.1, 0.9]),
                "n_prior_lines": int(self.random.integers(1, 5)),
                "n_earlier_lines": len(self.rows["cohort"]) % 4,
                "marrow_disease": "no" if len(self.rows["cohort"]) % 7 == 3 else "yes",
                "cns_at_earlier_event": len(self.rows["cohort"]) % 5 // 4,
                "prior_allo_hct": self.pick("yes", "no", p=[0.2, 0.8]),
                "primary_refractory": refractory,
                "cr1_duration_days": None if refractory == "yes" else int(self.random.integers(40, 1400)),
                "prior_inotuzumab": int(self.random.random() < 0.1),
                "tki_at_start": int(self.random.random() < 0.2),
            }
        )

    def _response(self, patient: str, index: date, indication: str, response: int | None, end: int) -> None:
        known = index + timedelta(days=end if response is None else response)
        self.rows["response"].append(
            {
                "patient_id": patient,
                "indication": indication,
                "response_basis": "mrd" if indication == "mrd" else "haematologic",
                "best_response": self.pick("cr", "cri") if response is not None else self.pick("pr", "no_response"),
                "is_evaluable": 1,
                "is_responder": int(response is not None),
                "response_date": known if response is not None else None,
                "mrd_at_response": self.pick("negative", "positive", "not_assessed") if response is not None else None,
                "index_date": index,
                "best_response_known_date": known,
                "response_known_date": known,
                "mrd_known_date": known + timedelta(days=7),
            }
        )

    def _course(self, course: Course) -> None:
        number = len(self.rows["course"])
        self.rows["course"].append(
            {
                "patient_id": course.patient,
                "index_date": course.index,
                "n_cycles": int(self.random.integers(1, 5)),
                "n_cycles_known_date": course.index + timedelta(days=course.end),
                "n_interruptions": number % 6 % 4,
                **dict.fromkeys(("chemotherapy_with_course", "intrathecal_with_course", "anti_cd20_with_course"), 0),
                "combination": number % 3 // 2,
                "combination_known_date": course.index + timedelta(days=2 if number % 3 == 2 else course.end),
                "after_response": "nothing",
                "after_response_date": course.index + timedelta(days=course.end),
                "follow_up_days": float(course.end),
                "observation_end_date": course.index + timedelta(days=course.end),
            }
        )

    def _transplant(self, course: Course, day: int) -> None:
        self.rows["transplant"].append(
            {
                "patient_id": course.patient,
                "transplant_date": course.index + timedelta(days=day),
                "donor": self.pick("matched_related", "matched_unrelated"),
                "graft_source": self.pick("peripheral_blood", "bone_marrow"),
                "conditioning": self.pick("myeloablative", "reduced_intensity"),
                "remission_status": self.pick("cr1", "cr2_or_later"),
            }
        )

    def _toxicity(self, patient: str, index: date) -> None:
        for category in ("crs", "neurotoxicity", "hepatotoxicity"):
            grade = int(self.random.integers(-2, 5))
            scale = self.pick("ctcae_4", "lee_2014") if category == "crs" else "ctcae_4"
            event = grade >= 0
            self.rows["toxicity"].append(
                {
                    "patient_id": patient,
                    "category": category,
                    "grade_scale": scale if event else "no_event",
                    "period": "on_treatment",
                    "is_evaluable": int(self.random.random() < 0.97),
                    "n_events": int(event),
                    "n_ungraded": int(grade == 0),
                    "max_grade": grade if grade > 0 else None,
                    "first_onset_date": index + timedelta(days=3) if event else None,
                }
            )
            if event:
                self.rows["toxicity_term"].append(
                    {
                        "patient_id": patient,
                        "term": TERMS[category],
                        "category": category,
                        "grade_scale": scale,
                        "period": "on_treatment",
                        "n_events": 1,
                        "n_ungraded": int(grade == 0),
                        "max_grade": grade if grade > 0 else None,
                        "first_onset_date": index + timedelta(days=3),
                        "corticosteroid": int(grade > 2),
                        "tocilizumab": 0,
                        "is_fatal": 0,
                    }
                )

    def _exposures(self, course: Course, origin: str, day: int) -> None:
        patient, index, transplant, end = course
        began = transplant if origin != "transplant" else None
        for exposure in ("allo_hct", "allo_hct_in_remission", "acute_gvhd", "chronic_gvhd", "platelet_recovery"):
            at = began if exposure.startswith("allo_hct") else None
            self.rows["exposure"].append(
                {
                    "patient_id": patient,
                    "origin": origin,
                    "origin_date": index + timedelta(days=day),
                    "exposure": exposure,
                    "exposure_date": None if at is None else index + timedelta(days=at),
                    "exposure_days": None if at is None else float(at - day),
                    "ever": int(at is not None),
                    "known_date": index + timedelta(days=end if at is None else at),
                }
            )

    def _endpoint(
        self, course: Course, endpoint: str, origin: str, days: tuple[int, int], event: int, *, reason: str = ""
    ) -> None:
        patient, index, transplant, _ = course
        start, stop = days
        cut = None if origin == "transplant" else transplant
        key = {"patient_id": patient, "endpoint": endpoint}
        if stop <= start:
            self.rows["endpoint_exclusion"].append(
                key
                | {
                    "origin": origin,
                    "origin_date": index + timedelta(days=start),
                    "reason": "censored_on_origin_day",
                }
            )
            return
        self.rows["endpoint"].append(
            key
            | {
                "origin": origin,
                "origin_date": index + timedelta(days=start),
                "deciding_date": index + timedelta(days=stop),
                "time_days": float(stop - start),
                "event": event,
                "reason": reason or ("death" if event else "last_contact"),
            }
        )
        never = {"acute_gvhd": 0, "chronic_gvhd": 0, "platelet_recovery": 0}
        times = [0, stop - start] if cut is None or cut >= stop else [0, cut - start, stop - start]
        for place, (tstart, tstop) in enumerate(pairwise(times)):
            self.rows["counting_process"].append(
                key
                | {
                    "tstart": float(tstart),
                    "tstop": float(tstop),
                    "event": event if tstop == stop - start else 0,
                    "allo_hct": int(place > 0),
                    "allo_hct_in_remission": int(place > 0),
                }
                | never
            )


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Make a folder once for all processes of a run: ``make_once(name, fill)``; to be read, and never written to."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder = base / f"once_{name}"
        with (base / f"once_{name}.lock").open("w") as lock:
            # Released when the file is closed, also by a process that dies.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                draft = Path(tempfile.mkdtemp(prefix=f"draft_{name}_", dir=base))
                fill(draft)
                draft.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def demo(make_once: MakeOnce) -> Path:
    """Give what `blinreg demo` writes, among it the registry of the calibrated cohort and its submissions.

    Its exit code stands two folders above in ``exit_code``: who needs the registry alone needs no complete report.
    """

    def fill(folder: Path) -> None:
        code = main(["demo", "--out", str(folder / "here" / "demo"), "--quiet"])
        (folder / "exit_code").write_text(str(code), encoding="utf-8")

    return make_once("demo", fill) / "here" / "demo"


@pytest.fixture(scope="session")
def invented_views() -> Callable[..., Views]:
    """Make analysis views of invented patients: ``invented_views(n=150, seed=1)``."""

    def make(n: int = 150, seed: int = 1) -> Views:
        return InventedPatients(n, seed).frames()

    return make


@pytest.fixture(scope="session")
def macros() -> duckdb.DuckDBPyConnection:
    """A database in memory that holds nothing but the macros of ``sql/``, in the schema `analysis`."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("create schema analysis")
    for name, text in sql_files():
        if "_macro_" in name:
            connection.execute(text)
    return connection


@pytest.fixture(scope="session")
def equal_to_python() -> Callable[[pl.DataFrame, pl.DataFrame], None]:
    """Assert that a macro's result is an estimator's table: floats to 1e-12 (relative, and absolute), the rest equal.

    A standard error that is the root of a difference which cancels to almost nothing is compared as a variance.
    """

    def compare(found: pl.DataFrame, expected: pl.DataFrame) -> None:
        expected = expected.rename({name: "group_label" for name in ("group", "state") if name in expected.columns})
        assert found.columns == expected.columns
        assert found.height == expected.height
        for name in found.columns:
            ours, theirs = found[name], expected[name]
            if not theirs.dtype.is_float():
                assert ours.to_list() == theirs.to_list(), name
                continue
            assert ours.is_null().to_list() == theirs.is_null().to_list(), name
            left, right = ours.drop_nulls().to_numpy(), theirs.drop_nulls().to_numpy()
            close = np.isclose(left, right, rtol=1e-12, atol=1e-12)
            if name == "se":
                close |= np.isclose(left**2, right**2, rtol=1e-12, atol=1e-15)
            assert close.all(), (name, float(np.abs(left - right).max()))

    return compare
