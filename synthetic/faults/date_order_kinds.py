"""Faults of dates that are good dates and cannot be right beside other dates of the patient."""

from __future__ import annotations

from types import MappingProxyType

import polars as pl

from blinreg.synthetic.faults.dates import earliest, is_whole, iso, latest, shifted, swapped
from blinreg.synthetic.faults.declaring import ALWAYS, EMPTY, Kind, Target, changes, inserts, sets, text

c = pl.col
DAY = pl.duration(days=1)

#: First and last day of what lasts.
SPANS = (
    ("line_of_therapy", "start_date", "end_date"),
    ("treatment_cycle", "start_date", "stop_date"),
    ("dose_interruption", "start_date", "end_date"),
    ("drug_exposure", "start_date", "stop_date"),
    ("adverse_event", "onset_date", "resolution_date"),
)


def _swapped_span(table: str, first: str, last: str) -> Target:
    return Target(
        table=table,
        column=last,
        values=MappingProxyType({first: c(last), last: c(first)}),
        where=earliest(last) > latest(first),
        looks_around=True,
    )


def _swap_that_shows(table: str, first: str, last: str) -> Target:
    """Month and day of the last day swapped, so that it falls before the first."""
    day = swapped(last).str.to_date("%Y-%m-%d", strict=False)
    return changes(table, last, swapped(last), day < earliest(first), looks_around=True)


def _swap_that_hides(table: str, column: str) -> Target:
    """Month and day swapped to another day of the time in which the patient was seen."""
    day = swapped(column).str.to_date("%Y-%m-%d", strict=False)
    return changes(table, column, swapped(column), day.is_between("p_first_dose", "p_last_contact"), looks_around=True)


def _year_before_birth(column: str) -> pl.Expr:
    """Move a date to the year before birth, where no year lacks the day."""
    day = c(column).str.slice(4)
    return (c("p_birth_year") - 1).cast(pl.String) + pl.when(day == "-02-29").then(pl.lit("-02-28")).otherwise(day)


def _before_birth(table: str, column: str, *earlier: str, emptied: tuple[str, ...] = ()) -> Target:
    """Move a date, and with it those that must not come after it, or without those that can be empty."""
    moved = {name: _year_before_birth(name) for name in (*earlier, column)}
    where = c("p_birth_year").is_not_null() & c(column).is_not_null()
    for name in earlier:
        where &= c(name).str.slice(4) <= c(column).str.slice(4)
    return sets(table, column, {**moved, **dict.fromkeys(emptied, EMPTY)}, where)


def _new_before_birth(table: str, column: str, values: dict[str, pl.Expr], where: pl.Expr) -> Target:
    """Write a date where there was none."""
    day = (c("p_birth_year") - 1).cast(pl.String) + text("-05-14")
    return sets(table, column, {column: day, **values}, where & c("p_birth_year").is_not_null())


def _cycle_before_birth(column: str) -> Target:
    """Add a cycle of another agent: blinatumomab has not been there for so long."""
    year = (c("p_birth_year") - 1).cast(pl.String)
    values = {
        "course_number": text("9"),
        "cycle_number": text("1"),
        "agent": text("flag"),
        "dosing": EMPTY,
        "start_date": year + text("-05-14"),
        "stop_date": year + text("-06-10"),
    }
    return inserts("treatment_cycle", column, values, c("p_birth_year").is_not_null() & (c("cycle_number") == 1))


def _after_death(table: str, column: str, *emptied: str) -> Target:
    where = c("p_is_dead") & (c("p_died") + 30 * DAY <= c("p_created"))
    return _later(table, column, emptied, shifted(c("p_died"), 1, 30), where)


def _after_last_contact(table: str, column: str, *emptied: str) -> Target:
    where = ~c("p_is_dead") & (c("p_last_contact") + 30 * DAY <= c("p_created"))
    return _later(table, column, emptied, shifted(c("p_last_contact"), 1, 30), where)


def _later(table: str, column: str, emptied: tuple[str, ...], day: pl.Expr, where: pl.Expr) -> Target:
    """Move a first day; the dates that would then lie before it are emptied."""
    return Target(
        table=table,
        column=column,
        values=MappingProxyType({column: day, **dict.fromkeys(emptied, EMPTY)}),
        where=where & c(column).is_not_null(),
        looks_around=True,
    )


def _before_diagnosis(table: str, column: str, where: pl.Expr) -> Target:
    """One to three years before the diagnosis, and after the year of birth."""
    is_born = (c("p_diagnosed").dt.year() - 5) > c("p_birth_year")
    return changes(table, column, shifted(c("p_diagnosed"), -1000, -400), where & is_born, looks_around=True)


def _before_transplant(column: str) -> Target:
    day = shifted(earliest("transplant_date"), -20, -2)
    return changes("transplant", column, day, is_whole("transplant_date"), looks_around=True)


_SEEN = (("disease_assessment", "assessment_date"), ("mrd_assessment", "sample_date"))

#: First days of what is observed or done, each with the dates that follow it.
_BEGINNINGS = (
    *_SEEN,
    ("line_of_therapy", "start_date", "end_date", "response_date"),
    ("treatment_cycle", "start_date", "stop_date"),
    ("drug_exposure", "start_date", "stop_date"),
    ("adverse_event", "onset_date", "resolution_date"),
    ("transplant", "transplant_date", "neutrophil_recovery_date", "platelet_recovery_date"),
    ("gvhd", "onset_date"),
)

#: Days after the first that only the living reach.
_LATER_DAYS = (
    ("line_of_therapy", "response_date"),
    ("treatment_cycle", "stop_date"),
    ("adverse_event", "resolution_date"),
    ("transplant", "neutrophil_recovery_date"),
    ("transplant", "platelet_recovery_date"),
)

DATE_ORDER_KINDS: tuple[Kind, ...] = (
    Kind(name="swapped_dates", targets=tuple(_swapped_span(*span) for span in SPANS)),
    Kind(name="day_and_month_swapped", targets=tuple(_swap_that_shows(*span) for span in SPANS)),
    Kind(name="day_and_month_swapped_unseen", targets=tuple(_swap_that_hides(*column) for column in _SEEN)),
    Kind(
        name="date_before_birth",
        targets=(
            _before_birth("patient", "diagnosis_date"),
            _new_before_birth("patient", "registration_date", {"diagnosis_date": EMPTY}, ALWAYS),
            *(_before_birth(*column) for column in _SEEN),
            _before_birth("baseline", "assessment_date"),
            _before_birth("line_of_therapy", "start_date"),
            _before_birth("line_of_therapy", "end_date", emptied=("start_date",)),
            _before_birth("line_of_therapy", "response_date", emptied=("start_date",)),
            _cycle_before_birth("start_date"),
            _cycle_before_birth("stop_date"),
            _before_birth("dose_interruption", "start_date"),
            _before_birth("dose_interruption", "end_date", emptied=("start_date",)),
            _before_birth("drug_exposure", "start_date"),
            _before_birth("drug_exposure", "stop_date", "start_date"),
            _before_birth("disease_event", "event_date"),
            _before_birth("adverse_event", "onset_date"),
            _before_birth("adverse_event", "resolution_date", "onset_date"),
            _before_birth("transplant", "transplant_date"),
            _before_birth("transplant", "neutrophil_recovery_date", "transplant_date"),
            _before_birth("transplant", "platelet_recovery_date", "transplant_date"),
            _before_birth("gvhd", "onset_date"),
            _before_birth("follow_up", "last_contact_date"),
            _before_birth("follow_up", "last_disease_assessment_date"),
            _before_birth("follow_up", "death_date", "last_contact_date", emptied=("last_disease_assessment_date",)),
            _new_before_birth("enrolment", "randomization_date", {}, ALWAYS),
            _before_birth("enrolment_event", "event_date"),
        ),
    ),
    Kind(
        name="event_after_death",
        targets=(
            *(_after_death(*columns) for columns in _BEGINNINGS),
            *(_after_death(*column) for column in _LATER_DAYS),
            _after_death("baseline", "assessment_date"),
            _after_death("dose_interruption", "start_date", "end_date"),
            _after_death("follow_up", "last_disease_assessment_date"),
        ),
    ),
    Kind(name="disease_event_after_death", targets=(_after_death("disease_event", "event_date"),)),
    Kind(
        name="end_after_death",
        targets=tuple(
            _after_death(table, column)
            for table, column in (
                ("line_of_therapy", "end_date"),
                ("drug_exposure", "stop_date"),
                ("dose_interruption", "end_date"),
            )
        ),
    ),
    Kind(
        name="event_after_last_contact",
        targets=(
            *(_after_last_contact(*columns) for columns in _BEGINNINGS),
            _after_last_contact("baseline", "assessment_date"),
            _after_last_contact("treatment_cycle", "stop_date"),
            _after_last_contact("disease_event", "event_date"),
            _after_last_contact("follow_up", "last_disease_assessment_date"),
        ),
    ),
    Kind(
        name="last_contact_after_death",
        targets=(
            changes(
                "follow_up",
                "last_contact_date",
                shifted(c("p_died"), 1, 20),
                c("p_is_dead") & (c("p_died") + 20 * DAY <= c("p_created")),
            ),
        ),
    ),
    Kind(
        name="treatment_before_diagnosis",
        targets=(
            Target(
                table="patient",
                column="start_date",
                rule_table="treatment_cycle",
                values=MappingProxyType({"diagnosis_date": shifted(c("p_first_dose"), 5, 25)}),
                where=c("diagnosis_date").is_not_null() & (c("p_first_dose") + 25 * DAY <= c("p_created")),
                looks_around=True,
            ),
        ),
    ),
    Kind(name="relapse_before_diagnosis", targets=(_before_diagnosis("disease_event", "event_date", ALWAYS),)),
    Kind(
        name="line_or_assessment_before_diagnosis",
        targets=(
            _before_diagnosis("line_of_therapy", "start_date", c("line_number") == 1),
            _before_diagnosis("disease_assessment", "assessment_date", ALWAYS),
            _before_diagnosis("mrd_assessment", "sample_date", ALWAYS),
        ),
    ),
    Kind(
        name="transplant_before_diagnosis",
        targets=(_before_diagnosis("transplant", "transplant_date", (c("transplant_number") == 1) & ~c("x_has_gvhd")),),
    ),
    Kind(
        name="response_before_line",
        targets=(
            changes(
                "line_of_therapy",
                "response_date",
                shifted(earliest("start_date"), -40, -10),
                c("start_date").is_not_null() & (earliest("start_date") - 40 * DAY > c("p_diagnosed_latest")),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="recovery_before_transplant",
        targets=(_before_transplant("neutrophil_recovery_date"), _before_transplant("platelet_recovery_date")),
    ),
    Kind(
        name="gvhd_before_transplant",
        targets=(
            changes(
                "gvhd",
                "onset_date",
                shifted(c("x_transplanted"), -20, -2),
                c("x_transplanted").is_not_null(),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="transplants_out_of_order",
        targets=(
            Target(
                table="transplant",
                column="transplant_date",
                values=MappingProxyType(
                    {
                        "transplant_date": shifted(c("x_previous_date"), -30, -20),
                        "neutrophil_recovery_date": EMPTY,
                        "platelet_recovery_date": EMPTY,
                    }
                ),
                where=c("x_previous_date") - 30 * DAY > c("p_diagnosed_latest"),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="onset_before_its_cycle",
        targets=(
            changes(
                "adverse_event",
                "onset_date",
                shifted(c("x_cycle_start"), -9, -2),
                c("x_cycle_start").is_not_null() & (c("x_cycle_start") - 9 * DAY > c("p_diagnosed_latest")),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="cycles_out_of_order",
        targets=(
            Target(
                table="treatment_cycle",
                column="start_date",
                values=MappingProxyType(
                    {
                        "start_date": iso(c("x_previous_start") - 45 * DAY),
                        "stop_date": iso(c("x_previous_start") - 18 * DAY),
                    }
                ),
                where=c("x_previous_start") - 45 * DAY > c("p_diagnosed_latest"),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="overlapping_cycles",
        targets=(
            Target(
                table="treatment_cycle",
                column="start_date",
                values=MappingProxyType({"stop_date": shifted(c("x_next_start"), 1, 6)}),
                where=c("stop_date").is_not_null() & (c("x_next_start") + 6 * DAY < c("p_last_contact")),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="infusion_too_long",
        targets=(
            changes(
                "treatment_cycle",
                "stop_date",
                shifted(earliest("start_date"), 45, 60),
                c("x_next_start").is_null() & (earliest("start_date") + 60 * DAY < c("p_last_contact")),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="cycle_long_after_the_last",
        targets=(
            Target(
                table="treatment_cycle",
                column="start_date",
                values=MappingProxyType(
                    {
                        "start_date": iso(earliest("start_date") + 70 * DAY),
                        "stop_date": iso(earliest("stop_date") + 70 * DAY),
                    }
                ),
                where=c("x_next_start").is_null()
                & (earliest("start_date") + 70 * DAY > c("x_previous_start") + 84 * DAY)
                & (earliest("stop_date") + 70 * DAY < c("p_last_contact")),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="cycle_without_end",
        targets=(
            sets(
                "treatment_cycle",
                "stop_date",
                {"stop_date": EMPTY, "stop_reason": text("ongoing")},
                c("stop_date").is_not_null() & (earliest("start_date") + 90 * DAY < c("p_last_contact")),
            ),
        ),
    ),
)
