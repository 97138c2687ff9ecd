"""Doubtful or impossible things said of the patient and of the state at the start."""

from __future__ import annotations

import polars as pl

from blinreg.synthetic.faults.dates import earliest, iso, shifted
from blinreg.synthetic.faults.declaring import ALWAYS, EMPTY, Edit, Kind, Target, inserts, one, pick, sets, text

c = pl.col
DAY = pl.duration(days=1)
_AT_START = c("timepoint") == "blinatumomab_start"
_RELAPSED = _AT_START & (c("p_indication") == "relapsed_refractory")

#: Values whose absence is counted, by table.
NOT_KNOWN = {
    "patient": ("birth_year", "diagnosis_date", "ph_status", "kmt2a_rearranged", "cytogenetic_abnormality"),
    "baseline": (
        "age_years",
        "karnofsky_percent",
        "wbc_1e9_per_l",
        "marrow_blast_percent",
        "n_prior_lines",
        "prior_allo_hct",
        "primary_refractory",
        "cns_disease",
        "extramedullary_disease",
    ),
}


def _of_baseline(name: str, column: str, value: pl.Expr, where: pl.Expr, **others: pl.Expr) -> Kind:
    return one(name, sets("baseline", column, {column: value, **others}, where))


def _not_known() -> Kind:
    targets = []
    for table, columns in NOT_KNOWN.items():
        where = _AT_START if table == "baseline" else ALWAYS
        targets += [
            sets(table, column, {column: EMPTY}, where & c(column).is_not_null() & (c(column).cast(str) != "unknown"))
            for column in columns
        ]
    return Kind(name="value_not_recorded", targets=tuple(targets))


_PERSON = (
    one("born_too_long_ago", sets("patient", "birth_year", {"birth_year": pick("1921", "1917")}, ALWAYS)),
    one("aml_and_blinatumomab", sets("patient", "disease", {"disease": text("aml")}, c("p_n_cycles") > 0)),
    one(
        "registered_before_diagnosis",
        sets(
            "patient",
            "registration_date",
            {"registration_date": shifted(c("p_diagnosed"), -60, -10)},
            c("p_diagnosed").dt.year() > c("p_birth_year") + 1,
        ),
    ),
    one(
        "rearranged_without_abnormality",
        sets(
            "patient",
            "kmt2a_rearranged",
            {"cytogenetic_abnormality": text("no")},
            ((c("ph_status") == "positive") | (c("kmt2a_rearranged") == "yes"))
            & (c("cytogenetic_abnormality") != "no"),
        ),
    ),
    one(
        "rearranged_and_philadelphia_positive",
        sets(
            "patient",
            "kmt2a_rearranged",
            {"kmt2a_rearranged": text("yes")},
            (c("ph_status") == "positive") & (c("cytogenetic_abnormality") == "yes"),
        ),
    ),
    _not_known(),
    one(
        "patient_without_treatment",
        inserts("patient", "treatment_cycle", {"patient_id": c("patient_id") + text("-4")}, ALWAYS),
    ),
    one(
        "record_number_as_pseudonym",
        inserts(
            "patient",
            "patient_id",
            {"patient_id": text("90") + c("patient_id").str.extract("([0-9]+)$").str.zfill(10)},
            ALWAYS,
        ),
    ),
)

_STATE = (
    one(
        "state_at_start_not_sent",
        Target(table="baseline", column="baseline", rule_table="patient", edit=Edit.DELETE, where=_AT_START),
    ),
    _of_baseline("ecog_against_karnofsky", "ecog", text("4"), _AT_START, karnofsky_percent=text("90")),
    one(
        "age_over_90",
        inserts(
            "baseline",
            "age_years",
            {"timepoint": text("randomization"), "age_years": pick("93", "96")},
            _AT_START & c("age_years").is_not_null(),
        ),
    ),
    _of_baseline(
        "few_blasts_in_relapse",
        "marrow_blast_percent",
        pick("2.0", "4.5"),
        _RELAPSED & (c("extramedullary_disease") == "no") & (c("cns_disease") == "no"),
    ),
    _of_baseline(
        "many_blasts_in_residual_disease",
        "marrow_blast_percent",
        pick("35.0", "12.0"),
        _AT_START & (c("p_indication") == "mrd"),
        marrow_disease=text("yes"),
    ),
    _of_baseline("blasts_without_marrow_disease", "marrow_disease", text("no"), c("marrow_blast_percent") > 5),
    _of_baseline("relapsed_and_never_treated", "n_prior_lines", text("0"), _RELAPSED),
    _of_baseline("prior_transplant_not_sent", "prior_allo_hct", text("yes"), _AT_START & (c("p_n_transplants") == 0)),
    _of_baseline(
        "refractory_with_response_to_first_line",
        "primary_refractory",
        text("yes"),
        c("p_first_line").is_in(["cr", "cri"]),
        cr1_duration_days=EMPTY,
    ),
    _of_baseline(
        "refractory_with_first_remission",
        "cr1_duration_days",
        pick("60", "100"),
        _AT_START & (c("primary_refractory") == "yes") & (c("p_first_dose") > c("p_diagnosed_latest") + 101 * DAY),
    ),
    _of_baseline(
        "assessed_after_first_dose",
        "assessment_date",
        shifted(c("p_first_dose"), 2, 9),
        _AT_START & (c("p_first_dose") + 9 * DAY <= c("p_last_contact")),
    ),
    _of_baseline(
        "assessed_long_before_first_dose", "assessment_date", shifted(c("p_first_dose"), -120, -70), _AT_START
    ),
    one(
        "state_at_what_was_not_sent",
        inserts("baseline", "timepoint", {"timepoint": text("transplant")}, _AT_START & (c("p_n_transplants") == 0)),
    ),
)


def _next_first(name: str) -> pl.Expr:
    """First day of the month after a date."""
    return iso(earliest(name).dt.offset_by("1mo").dt.truncate("1mo"))


def _filled_in(table: str, column: str, where: pl.Expr, value: pl.Expr | None = None, *emptied: str) -> Target:
    """Declare a day that was not known and filled in as the first of a month."""
    day = pl.col(column)
    first = _next_first(column) if value is None else value
    is_open = (day.str.len_chars() == 10) & ~day.str.slice(8).is_in(["01", "15"])
    return sets(table, column, {column: first, **dict.fromkeys(emptied, EMPTY)}, where & is_open)


_COME = pl.col("p_created") - 32 * DAY
_SEEN = pl.col("p_last_contact") - 32 * DAY

_DAYS = (
    Kind(
        name="day_filled_in",
        targets=(
            _filled_in("patient", "diagnosis_date", ALWAYS, c("diagnosis_date").str.slice(0, 8) + text("01")),
            _filled_in("disease_event", "event_date", earliest("event_date") < _SEEN),
            _filled_in(
                "transplant",
                "transplant_date",
                ~c("x_has_gvhd") & c("x_next_date").is_null() & (earliest("transplant_date") < _SEEN),
                None,
                "neutrophil_recovery_date",
                "platelet_recovery_date",
            ),
            _filled_in("follow_up", "last_contact_date", ~c("p_is_dead") & (earliest("last_contact_date") < _COME)),
            _filled_in("follow_up", "death_date", c("p_is_dead") & (earliest("death_date") < _COME)),
        ),
    ),
)

PATIENT_KINDS: tuple[Kind, ...] = (*_PERSON, *_STATE, *_DAYS)
