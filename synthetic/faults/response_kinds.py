"""Doubtful things said of response, residual disease, transplant and graft-versus-host disease."""

from __future__ import annotations

import polars as pl

from blinreg.synthetic.faults.dates import earliest, is_whole, shifted
from blinreg.synthetic.faults.declaring import EMPTY, Edit, Kind, Target, as_text, inserts, one, pick, sets, text

c = pl.col
DAY = pl.duration(days=1)
_FAILURE = c("response").is_in(["no_response", "stable", "progression"])
_COUNTED = c("platelets_per_ul").is_not_null() & c("anc_per_ul").is_not_null()


def _only_early(table: str, column: str, indication: str) -> Target:
    """Delete the only assessment in the ten weeks after the first dose of a patient who lived on."""
    is_early = earliest(column).is_between(c("p_first_dose"), c("p_first_dose") + 70 * DAY)
    lived_on = pl.min_horizontal(c("p_last_contact"), c("p_created") - 40 * DAY) > c("p_first_dose") + 75 * DAY
    return Target(
        table=table,
        column=table,
        rule_table="patient",
        edit=Edit.DELETE,
        where=is_early
        & (is_early.sum().over("patient") == 1)
        & (pl.len().over("patient") > 1)
        & (c("p_indication") == indication)
        & lived_on,
        looks_around=True,
    )


def _copy(number: int) -> tuple[tuple[str, dict[str, pl.Expr]], ...]:
    """Give the row to another pseudonym, of whom nothing else is known."""
    name = {"patient_id": c("patient_id") + text(f"-{number}")}
    copied = ("assessment_date", "response", "marrow_blast_percent", "platelets_per_ul", "anc_per_ul")
    return (
        ("patient", {**name, "site_id": c("p_site"), "sex": text("unknown"), "disease": text("b_all")}),
        ("disease_assessment", {**name, **{column: as_text(c(column)) for column in copied}}),
    )


_RESPONSE = (
    one(
        "partial_recovery_without_counts",
        sets(
            "disease_assessment",
            "response",
            {"response": text("crh"), "platelets_per_ul": text("22000.0"), "anc_per_ul": text("300.0")},
            c("response") == "cri",
            looks_around=False,
        ),
    ),
    one(
        "full_recovery_called_incomplete",
        sets(
            "disease_assessment",
            "response",
            {"response": pick("cri", "crh")},
            (c("response") == "cr") & (c("platelets_per_ul") > 100_000) & (c("anc_per_ul") > 1000),
            looks_around=False,
        ),
    ),
    one(
        "failure_without_blasts",
        sets(
            "disease_assessment",
            "response",
            {"marrow_blast_percent": pick("2.0", "4.0")},
            _FAILURE & (c("marrow_blast_percent") > 5) & c("extramedullary_response").is_null(),
            looks_around=False,
        ),
    ),
    one(
        "platelets_above_two_million",
        sets(
            "disease_assessment",
            "platelets_per_ul",
            {"platelets_per_ul": pick("2500000.0", "3400000.0")},
            c("response") == "cr",
            looks_around=False,
        ),
    ),
    one(
        "assessment_copied_to_others",
        inserts(
            "disease_assessment",
            "row",
            {"patient_id": c("patient_id") + text("-5")},
            c("marrow_blast_percent").is_not_null() & _COUNTED & is_whole("assessment_date"),
            also=(_copy(5)[0], *_copy(6)),
        ),
    ),
    one(
        "level_of_sample_not_assessed",
        sets("mrd_assessment", "level", {"result": text("not_assessed")}, c("level").is_not_null()),
    ),
    one(
        "method_not_sensitive_enough",
        sets(
            "mrd_assessment",
            "sensitivity",
            {"sensitivity": pick("0.001", "0.01")},
            (c("result") == "negative") & c("level").is_null(),
            looks_around=False,
        ),
    ),
    one(
        "negative_in_a_full_marrow",
        inserts(
            "disease_assessment",
            "result",
            {
                "patient_id": c("patient_id"),
                "sample_date": c("assessment_date"),
                "method": text("ngs"),
                "tissue": text("marrow"),
                "result": text("negative"),
                "sensitivity": text("0.0001"),
            },
            (c("marrow_blast_percent") > 20) & is_whole("assessment_date"),
            into="mrd_assessment",
        ),
    ),
    one(
        "no_assessment_after_first_cycle",
        _only_early("disease_assessment", "assessment_date", "relapsed_refractory"),
    ),
    one("no_residual_disease_sample", _only_early("mrd_assessment", "sample_date", "mrd")),
)

_TRANSPLANT = (
    one(
        "same_transplant_twice",
        inserts(
            "transplant",
            "transplant_date",
            {
                "transplant_number": as_text(c("transplant_number") + 1),
                "transplant_date": shifted(earliest("transplant_date"), 1, 9),
                "neutrophil_recovery_date": EMPTY,
                "platelet_recovery_date": EMPTY,
            },
            c("x_next_date").is_null()
            & is_whole("transplant_date")
            & (earliest("transplant_date") + 9 * DAY < c("p_last_contact")),
        ),
    ),
    one(
        "autologous_with_donor",
        sets(
            "transplant",
            "donor",
            {"transplant_type": text("autologous")},
            (c("donor") != "unknown") & ~c("x_has_gvhd"),
        ),
    ),
    one(
        "gvhd_after_autologous_transplant",
        sets(
            "transplant",
            "transplant_number",
            {"transplant_type": text("autologous"), "donor": EMPTY},
            c("x_has_gvhd"),
            rule_table="gvhd",
        ),
    ),
    one(
        "chronic_gvhd_in_the_first_month",
        sets(
            "gvhd",
            "onset_date",
            {"onset_date": shifted(c("x_transplanted"), 10, 25)},
            (c("gvhd_type") == "chronic") & c("x_transplanted").is_not_null(),
        ),
    ),
)

RESPONSE_KINDS: tuple[Kind, ...] = (*_RESPONSE, *_TRANSPLANT)
