"""Doubtful things said of adverse events, of who could be assessed for them, and of the end of follow-up."""

from __future__ import annotations

import polars as pl

from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.synthetic.faults.dates import is_whole, iso, latest, shifted
from blinreg.synthetic.faults.declaring import EMPTY, Edit, Kind, Target, as_text, inserts, one, sets, text

c = pl.col
DAY = pl.duration(days=1)
_NEUROTOXICITY = [term for term, category in TERM_CATEGORY.items() if category == "neurotoxicity"]
_ON_TREATMENT = c("period") == "on_treatment"

#: Up to this day of the past an open follow-up is more than a year behind the data cutoff.
_LONG_AGO = c("p_created") - 430 * DAY

#: Number of an event that no patient has.
_ANOTHER_EVENT = as_text(pl.lit(900, dtype=pl.Int64))


def _of_event(name: str, column: str, values: dict[str, pl.Expr], where: pl.Expr) -> Kind:
    return one(name, sets("adverse_event", column, values, where))


_EVENTS = (
    _of_event(
        "fatal_long_before_death",
        "grade",
        {
            "grade": text("5"),
            "outcome": text("fatal"),
            "is_serious": text("yes"),
            "grade_scale": text("ctcae_5"),
            "resolution_date": EMPTY,
        },
        c("p_is_dead") & (latest("onset_date") + 122 * DAY < c("p_died")) & (c("term") != "crs"),
    ),
    _of_event(
        "ongoing_and_resolved",
        "outcome",
        {"outcome": text("ongoing")},
        c("resolution_date").is_not_null() & (c("grade") < 5),
    ),
    _of_event(
        "fatal_and_not_serious",
        "is_serious",
        {"is_serious": text("no")},
        (c("grade") == 5) & c("p_is_dead"),
    ),
    _of_event(
        "severe_crs_and_nothing_done",
        "action",
        {"action": text("none")},
        (c("term") == "crs") & (c("grade") >= 3),
    ),
    _of_event(
        "life_threatening_neurotoxicity_and_nothing_done",
        "action",
        {"grade": text("4"), "action": text("none")},
        c("term").is_in(_NEUROTOXICITY) & (c("grade") < 4) & (c("relatedness") != "unrelated"),
    ),
    _of_event(
        "onset_after_the_next_cycle_began",
        "onset_date",
        {"onset_date": shifted(c("x_next_cycle_start"), 2, 9), "resolution_date": EMPTY, "outcome": text("ongoing")},
        (c("x_next_cycle_start") + 9 * DAY <= c("p_last_contact")) & (c("grade") < 5),
    ),
    _of_event(
        "crs_outside_every_infusion",
        "onset_date",
        {
            "onset_date": shifted(c("p_first_dose"), -60, -40),
            "resolution_date": EMPTY,
            "outcome": text("ongoing"),
            "course_number": EMPTY,
            "cycle_number": EMPTY,
        },
        (c("term") == "crs") & ~c("p_has_car_t") & (c("grade") < 5),
    ),
    one(
        "event_sent_twice",
        inserts(
            "adverse_event",
            "row",
            {"event_number": _ANOTHER_EVENT},
            ~c("term").is_in(["other", "infection", "neurotoxicity_other"]) & is_whole("onset_date"),
        ),
    ),
    _of_event(
        "event_not_graded",
        "grade",
        {"grade": EMPTY, "grade_scale": EMPTY},
        (c("grade") < 5),
    ),
)

_ASSESSED = (
    one(
        "not_evaluable_with_events",
        sets("toxicity_assessment", "evaluable", {"evaluable": text("no")}, _ON_TREATMENT & c("x_has_events")),
    ),
    one(
        "evaluable_after_no_transplant",
        inserts(
            "toxicity_assessment",
            "period",
            {"period": text("post_transplant"), "evaluable": text("yes")},
            _ON_TREATMENT & (c("p_n_transplants") == 0),
        ),
    ),
    one(
        "crs_not_asked_for",
        Target(
            table="toxicity_assessment",
            column="toxicity_assessment",
            rule_table="patient",
            edit=Edit.DELETE,
            where=_ON_TREATMENT & (c("category") == "crs"),
            looks_around=True,
        ),
    ),
    one(
        "fever_sent_as_crs",
        inserts(
            "toxicity_assessment",
            "evaluable",
            {
                "patient_id": c("patient_id"),
                "event_number": _ANOTHER_EVENT,
                "term": text("crs"),
                "grade": text("1"),
                "grade_scale": text("astct_2019"),
                "onset_date": iso(c("p_first_dose")),
                "resolution_date": iso(c("p_first_dose")),
                "outcome": text("resolved"),
            },
            _ON_TREATMENT & (c("category") == "crs") & (c("evaluable") == "yes") & ~c("p_had_crs"),
            into="adverse_event",
            rule_table="toxicity_assessment",
        ),
    ),
)


def _of_follow_up(name: str, column: str, values: dict[str, pl.Expr], where: pl.Expr) -> Kind:
    return one(name, sets("follow_up", column, values, where))


_END = (
    _of_follow_up(
        "cause_of_death_not_recorded",
        "cause_of_death",
        {"cause_of_death": pl.when(c("u") < 0.5).then(EMPTY).otherwise(text("unknown"))},
        (c("vital_status") == "dead") & (c("cause_of_death") != "unknown"),
    ),
    _of_follow_up(
        "followed_to_the_cutoff_and_not_seen",
        "end_reason",
        {"end_reason": text("cutoff")},
        (c("vital_status") == "alive") & (c("end_reason") != "cutoff") & (latest("last_contact_date") < _LONG_AGO),
    ),
    _of_follow_up(
        "follow_up_not_brought_up",
        "last_contact_date",
        {"last_contact_date": iso(c("p_first_dose")), "last_disease_assessment_date": EMPTY, "end_reason": EMPTY},
        (c("vital_status") == "alive") & (c("p_first_dose") < _LONG_AGO) & (latest("last_contact_date") >= _LONG_AGO),
    ),
    _of_follow_up(
        "transplant_related_after_relapse",
        "cause_of_death",
        {"cause_of_death": text("transplant_related")},
        c("p_is_dead") & c("p_relapsed_last"),
    ),
    _of_follow_up(
        "toxic_death_without_event",
        "cause_of_death",
        {"cause_of_death": text("blinatumomab_toxicity")},
        c("p_is_dead") & (c("p_n_fatal") == 0),
    ),
)

SAFETY_KINDS: tuple[Kind, ...] = (*_EVENTS, *_ASSESSED, *_END)
