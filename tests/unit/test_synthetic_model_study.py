"""Are studies read as their parameter files say, and is a wrong file refused?"""

from __future__ import annotations

import datetime as dt

import pytest

from blinreg.schemas.errors import UsageError
from blinreg.synthetic.courses import SCHEMA, TERM_CATEGORY
from blinreg.synthetic.model.baseline import Baseline
from blinreg.synthetic.studies import STUDIES, load_study
from blinreg.synthetic.studies.loading import read_study, study_text

NAME = "realworld-2020"


def test_every_study_loads() -> None:
    for name in STUDIES:
        assert load_study(name).id == name


def test_design_is_the_printed_one() -> None:
    study = load_study(NAME)
    assert (study.n_patients, study.n_mrd_indication, len(study.sites)) == (239, 12, 11)
    assert study.accrual_start == dt.date(2014, 12, 1)
    shares = [site.karnofsky_missing for site in study.sites]
    assert (min(shares), max(shares)) == (0.06, 0.73)
    weighted = sum(site.karnofsky_missing * site.n_patients for site in study.sites) / study.n_patients
    assert weighted == pytest.approx(83 / 239, abs=0.01)  # printed


def test_unknown_study_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="realworld-2020"):
        load_study("realword-2020")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ponatinib = ", "ponatanib = ", "unknown \\['ponatanib'\\]"),
        ("n_patients = 42", "n_patients = 43", "do not add up"),
        ("cuts = [180]", "cuts = [180, 360]", "one rate more"),
    ],
)
def test_a_wrong_file_is_refused(before: str, after: str, message: str) -> None:
    text = study_text(NAME)
    assert before in text
    with pytest.raises(ValueError, match=message):
        read_study(text.replace(before, after, 1))


def test_codes_are_those_of_a_course() -> None:
    study = load_study(NAME)

    def codes(column: str) -> list[str]:
        return list(SCHEMA[column].categories)  # type: ignore[attr-defined]

    assert set(study.baseline.cr1_class.names) == set(codes("cr1_class")) - {"ongoing"}
    assert ["none", *study.transplant.donor.names] == codes("donor")
    assert ["none", *study.safety.fatal_term.names] == codes("fatal_term")
    assert set(study.response.non_responder.names) < set(codes("best_response"))
    assert set(study.records.onset) == set(TERM_CATEGORY)
    assert set(Baseline.__dataclass_fields__) >= {"tki", "is_kmt2a_rearranged"}
