"""Doubtful or impossible things said of lines of therapy, cycles, interruptions, other drugs and studies."""

from __future__ import annotations

import polars as pl

from blinreg.synthetic.faults.dates import earliest, is_whole, iso, shifted
from blinreg.synthetic.faults.declaring import ALWAYS, EMPTY, Edit, Kind, Target, inserts, one, pick, sets, text

c = pl.col
DAY = pl.duration(days=1)
_FIRST_CYCLE = (c("course_number") == 1) & (c("cycle_number") == 1)

#: A course that no patient has: what is put there is beside the cycles and not among them.
_ANOTHER_COURSE = {"course_number": text("9"), "cycle_number": text("1")}


_LINES = (
    one(
        "lines_out_of_order",
        sets(
            "line_of_therapy",
            "start_date",
            {"start_date": shifted(c("x_previous_start"), -40, -20)},
            (c("x_previous_start") - 40 * DAY > c("p_diagnosed_latest")) & c("start_date").is_not_null(),
        ),
    ),
    one(
        "missing_line",
        Target(
            table="line_of_therapy",
            column="line_number",
            edit=Edit.DELETE,
            where=(c("line_number") > 1)
            & c("x_next_number").is_not_null()
            & ~c("regimen").str.contains("blinatumomab"),
            looks_around=True,
        ),
    ),
    one(
        "salvage_at_first",
        sets("line_of_therapy", "intent", {"intent": text("salvage")}, c("line_number") == 1, looks_around=False),
    ),
    one(
        "induction_again",
        sets("line_of_therapy", "intent", {"intent": text("induction")}, c("line_number") > 1, looks_around=False),
    ),
    one(
        "response_date_without_response",
        sets("line_of_therapy", "best_response", {"best_response": EMPTY}, c("response_date").is_not_null()),
    ),
    one(
        "blinatumomab_line_under_another_name",
        sets(
            "line_of_therapy",
            "regimen",
            {"regimen": text("hyper_cvad")},
            c("regimen").str.contains("blinatumomab") & (c("p_n_blinatumomab_lines") == 1),
        ),
    ),
)

_CYCLES = (
    one(
        "first_course_not_sent",
        sets("treatment_cycle", "course_number", {"course_number": text("2")}, c("p_n_cycles") == 1),
    ),
    one(
        "more_cycles_than_the_label_has",
        sets(
            "treatment_cycle",
            "cycle_number",
            {"cycle_number": pick("10", "11")},
            c("x_next_start").is_null() & (c("agent") == "blinatumomab"),
        ),
    ),
    one(
        "treated_before_approval",
        inserts(
            "treatment_cycle",
            "start_date",
            {
                "patient_id": c("patient_id") + text("-4"),
                "start_date": pick("2013-02-11", "2014-03-19"),
                "stop_date": pick("2013-03-10", "2014-04-15"),
                "stop_reason": text("completed"),
            },
            _FIRST_CYCLE,
            also=(
                (
                    "patient",
                    {
                        "patient_id": c("patient_id") + text("-4"),
                        "site_id": c("p_site"),
                        "sex": text("unknown"),
                        "disease": text("b_all"),
                    },
                ),
            ),
        ),
    ),
    one(
        "treated_before_anybody",
        sets(
            "treatment_cycle",
            "start_date",
            {"start_date": text("19") + c("start_date").str.slice(2)},
            _FIRST_CYCLE & (c("agent") == "blinatumomab"),
        ),
    ),
    one(
        "dose_in_mg_and_its_unit",
        sets(
            "treatment_cycle",
            "dose_unit",
            {"dose": (c("dose") / 1000).round(6).cast(pl.String), "dose_unit": text("mg")},
            (c("agent") == "blinatumomab") & (c("dose_unit") == "ug_per_day") & (c("dose") > 0),
        ),
    ),
    one(
        "dosing_scheme_of_another_agent",
        inserts(
            "treatment_cycle",
            "dosing",
            {
                **_ANOTHER_COURSE,
                "agent": text("inotuzumab_ozogamicin"),
                "dosing": text("standard"),
                "start_date": iso(c("p_last_contact")),
                "stop_date": EMPTY,
                "stop_reason": text("ongoing"),
            },
            _FIRST_CYCLE,
        ),
    ),
    one(
        "stopped_on_no_day",
        sets(
            "treatment_cycle",
            "stop_reason",
            {"stop_date": EMPTY},
            c("stop_reason").is_not_null() & c("stop_date").is_not_null() & (c("stop_reason") != "ongoing"),
        ),
    ),
    one(
        "stopped_for_transplant_not_sent",
        sets(
            "treatment_cycle",
            "stop_reason",
            {"stop_reason": text("transplant")},
            (c("p_n_transplants") == 0) & c("stop_date").is_not_null(),
        ),
    ),
)

_OTHERS = (
    one(
        "interruption_outside_cycles",
        sets(
            "dose_interruption",
            "start_date",
            {"start_date": shifted(c("p_first_dose"), -30, -20), "end_date": iso(c("p_first_dose") - 19 * DAY)},
            c("p_first_dose").is_not_null(),
        ),
    ),
    one(
        "interruption_too_long",
        sets(
            "dose_interruption",
            "end_date",
            {"end_date": shifted(earliest("start_date"), 32, 50)},
            is_whole("start_date") & (earliest("start_date") + 50 * DAY < c("p_last_contact")),
        ),
    ),
    one(
        "trade_name_of_an_inhibitor",
        sets("drug_exposure", "agent", {"agent": pick("sprycel", "gleevec", "iclusig")}, c("agent_class") == "tki"),
    ),
    one(
        "two_inhibitors_at_once",
        inserts(
            "drug_exposure",
            "agent",
            {"agent": text("nilotinib"), "start_date": iso(earliest("start_date") + 3 * DAY)},
            (c("agent_class") == "tki")
            & (c("agent") != "nilotinib")
            & is_whole("start_date")
            & (earliest("stop_date") > earliest("start_date") + 20 * DAY),
        ),
    ),
    one(
        "blinatumomab_among_other_drugs",
        sets("drug_exposure", "agent", {"agent": text("blinatumomab")}, c("agent_class") == "corticosteroid"),
    ),
)

_TREATED = c("milestone") == "treated"
_TRIAL = text("syn-trial")

_STUDY = (
    one(
        "treated_before_consent",
        inserts(
            "enrolment_event",
            "event_date",
            {"milestone": text("consented"), "event_date": shifted(earliest("event_date"), 1, 20)},
            _TREATED & is_whole("event_date") & (earliest("event_date") + 20 * DAY < c("p_created")),
        ),
    ),
    one(
        "treated_before_randomization",
        sets(
            "enrolment",
            "event_date",
            {"randomization_date": shifted(c("p_first_dose"), 1, 14)},
            c("p_first_dose") + 14 * DAY < c("p_created"),
            rule_table="enrolment_event",
        ),
    ),
    one(
        "two_days_of_randomization",
        inserts(
            "enrolment",
            "event_date",
            {"study_id": _TRIAL, "randomization_date": iso(c("p_first_dose") - 3 * DAY), "arm": EMPTY},
            c("p_first_dose").is_not_null(),
            rule_table="enrolment_event",
            also=(
                (
                    "enrolment_event",
                    {
                        "patient_id": c("patient_id"),
                        "study_id": _TRIAL,
                        "milestone": text("randomized"),
                        "event_date": shifted(c("p_first_dose"), -20, -5),
                    },
                ),
            ),
        ),
    ),
    one(
        "arm_without_randomization",
        sets("enrolment", "arm", {"arm": text("blinatumomab")}, c("randomization_date").is_null(), looks_around=False),
    ),
    one(
        "sentence_about_the_patient",
        sets(
            "patient_characteristic",
            "text",
            {"value": text("seen again at home and felt well since then")},
            ALWAYS,
            looks_around=False,
        ),
    ),
)

TREATMENT_KINDS: tuple[Kind, ...] = (*_LINES, *_CYCLES, *_OTHERS, *_STUDY)
