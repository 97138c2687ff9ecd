"""Faults that only a reader of the field would notice: values that hardly go together, or do not belong there."""

from __future__ import annotations

from types import MappingProxyType

import polars as pl

from blinreg.synthetic.faults.dates import earliest, is_whole, shifted
from blinreg.synthetic.faults.declaring import EMPTY, Kind, Target, as_text, changes, one, text

c = pl.col
DAY = pl.duration(days=1)
_TKI = ("imatinib", "dasatinib", "nilotinib", "bosutinib", "ponatinib")


UNLIKELY_KINDS: tuple[Kind, ...] = (
    one(
        "stopped_by_death_and_alive",
        changes("treatment_cycle", "stop_reason", text("death"), ~c("p_is_dead"), looks_around=True),
    ),
    one(
        "ongoing_with_stop_date",
        changes("treatment_cycle", "stop_reason", text("ongoing"), c("stop_date").is_not_null()),
    ),
    one(
        "agent_in_wrong_class",
        changes("drug_exposure", "agent_class", text("anti_cd20"), c("agent").is_in(_TKI)),
    ),
    one(
        "tyrosine_kinase_inhibitor_without_ph",
        Target(
            table="patient",
            column="agent_class",
            rule_table="drug_exposure",
            values=MappingProxyType({"ph_status": text("negative")}),
            where=c("p_takes_tki") & (c("ph_status") == "positive"),
            looks_around=True,
        ),
    ),
    one(
        "first_remission_longer_than_disease",
        changes(
            "baseline",
            "cr1_duration_days",
            as_text((c("p_first_dose") - c("p_diagnosed")).dt.total_days() + 900),
            (c("timepoint") == "blinatumomab_start") & c("p_first_dose").is_not_null() & c("p_diagnosed").is_not_null(),
            looks_around=True,
        ),
    ),
    one(
        "residual_disease_in_percent",
        changes("mrd_assessment", "level", as_text((c("level") * 100).round(6)), c("level").is_between(0.001, 0.01)),
    ),
    one(
        "acute_gvhd_after_day_100",
        changes(
            "gvhd",
            "onset_date",
            shifted(c("x_transplanted"), 125, 160),
            (c("gvhd_type") == "acute") & (c("x_transplanted") + 160 * DAY < c("p_last_contact")),
            looks_around=True,
        ),
    ),
    one(
        "scale_of_the_other_gvhd",
        Target(
            table="gvhd",
            column="grade_scale",
            values=MappingProxyType({"grade_scale": text("nih_2014")}),
            where=(c("gvhd_type") == "acute") & c("grade").is_between(1, 3),
        ),
    ),
    one(
        "graft_that_the_donor_cannot_give",
        changes("transplant", "graft_source", text("cord"), c("donor").is_in(["matched_related", "haploidentical"])),
    ),
    one(
        "neutrophil_recovery_after_months",
        changes(
            "transplant",
            "neutrophil_recovery_date",
            shifted(earliest("transplant_date"), 90, 120),
            is_whole("transplant_date") & (earliest("transplant_date") + 120 * DAY < c("p_last_contact")),
            looks_around=True,
        ),
    ),
    one(
        "transplant_related_death_without_transplant",
        changes(
            "follow_up",
            "cause_of_death",
            text("transplant_related"),
            c("p_is_dead") & (c("p_n_transplants") == 0),
            looks_around=True,
        ),
    ),
    one(
        "tocilizumab_without_crs",
        changes("adverse_event", "tocilizumab", text("yes"), ~c("term").is_in(["crs", "other"])),
    ),
    one(
        "unusual_dose",
        changes("treatment_cycle", "dose", text("42.0"), (c("agent") == "blinatumomab") & (c("dose") < 40)),
    ),
    one(
        "resumed_without_end",
        changes("dose_interruption", "end_date", EMPTY, c("resumed") == "yes"),
    ),
    one(
        "blasts_of_failure_as_fraction",
        changes(
            "disease_assessment",
            "marrow_blast_percent",
            as_text((c("marrow_blast_percent") / 100).round(3)),
            (c("marrow_blast_percent") >= 10) & c("response").is_in(["progression", "no_response"]),
        ),
    ),
    one("white_cells_gone", changes("baseline", "wbc_1e9_per_l", text("0.005"), c("wbc_1e9_per_l") > 0.5)),
)
