"""Faults of values that are allowed one by one and cannot be, or can hardly be, together."""

from __future__ import annotations

from types import MappingProxyType

import polars as pl

from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.synthetic.faults.declaring import ALWAYS, EMPTY, Edit, Kind, Target, as_text, changes, pick, text

c = pl.col
_AT_START = c("timepoint") == "blinatumomab_start"
_IS_DATED = _AT_START | ((c("timepoint") == "transplant") & (c("p_n_transplants") == 1))
_REMISSION = ("cr", "crh", "cri", "mlfs")

#: Terms that Lee 2014 does not grade: it is a scale of cytokine release syndrome.
_NOT_GRADED_BY_LEE = tuple(term for term, category in TERM_CATEGORY.items() if category not in {"crs", "neurotoxicity"})


def _several(table: str, column: str, values: dict[str, pl.Expr], where: pl.Expr, *, around: bool = False) -> Target:
    return Target(table=table, column=column, values=MappingProxyType(values), where=where, looks_around=around)


_UNITS = (
    Kind(
        name="white_cells_per_ul",
        targets=(
            changes(
                "baseline",
                "wbc_1e9_per_l",
                as_text((c("wbc_1e9_per_l") * 1000).round(1)),
                c("wbc_1e9_per_l") * 1000 > 1000,
            ),
        ),
    ),
    Kind(
        name="white_cells_too_many",
        targets=(
            changes(
                "baseline",
                "wbc_1e9_per_l",
                pick("240.5", "310.0", "410.0"),
                (c("wbc_1e9_per_l") <= 100) & _AT_START,
            ),
        ),
    ),
    Kind(
        name="age_in_months",
        targets=(changes("baseline", "age_years", as_text(c("age_years") * 12), c("age_years") * 12 > 110),),
    ),
    Kind(
        name="blasts_as_fraction",
        targets=(
            changes(
                "baseline",
                "marrow_blast_percent",
                as_text((c("marrow_blast_percent") / 100).round(3)),
                (c("marrow_blast_percent") >= 10) & (c("marrow_disease") == "yes") & _AT_START,
            ),
        ),
    ),
    Kind(
        name="dose_in_mg",
        targets=(
            changes(
                "treatment_cycle",
                "dose",
                as_text((c("dose") / 1000).round(6)),
                (c("agent") == "blinatumomab") & (c("dose_unit") == "ug_per_day") & (c("dose") > 0),
            ),
        ),
    ),
    Kind(
        name="dose_without_unit",
        targets=(changes("treatment_cycle", "dose_unit", EMPTY, c("dose").is_not_null()),),
    ),
    Kind(
        name="platelets_per_nl",
        targets=(
            changes(
                "disease_assessment",
                "platelets_per_ul",
                as_text((c("platelets_per_ul") / 1000).round(1)),
                (c("platelets_per_ul") >= 5000) & ~c("response").is_in(_REMISSION),
            ),
        ),
    ),
    Kind(
        name="neutrophils_per_nl",
        targets=(
            changes(
                "disease_assessment",
                "anc_per_ul",
                as_text((c("anc_per_ul") / 1000).round(2)),
                (c("anc_per_ul") >= 500) & ~c("response").is_in(_REMISSION),
            ),
        ),
    ),
)

_PATIENT = (
    Kind(
        name="karnofsky_of_the_dead",
        targets=(changes("baseline", "karnofsky_percent", text("0"), ALWAYS),),
    ),
    Kind(
        name="karnofsky_not_by_tens",
        targets=(
            changes("baseline", "karnofsky_percent", as_text(c("karnofsky_percent") - 5), c("karnofsky_percent") >= 10),
        ),
    ),
    Kind(name="ecog_of_the_dead", targets=(changes("baseline", "ecog", text("5"), ALWAYS),)),
    Kind(
        name="age_contradicts_birth_year",
        targets=(
            changes(
                "baseline",
                "age_years",
                as_text(c("age_years") + pl.when(c("age_years") > 60).then(-12).otherwise(12)),
                c("p_birth_year").is_not_null() & _IS_DATED,
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="age_differs_from_birth_year",
        targets=(
            changes(
                "baseline",
                "age_years",
                as_text(c("age_years") + pl.when(c("age_years") > 60).then(-3).otherwise(3)),
                c("p_birth_year").is_not_null() & _IS_DATED,
                looks_around=True,
            ),
        ),
    ),
)

_SAFETY = (
    Kind(
        name="grade_without_scale",
        targets=tuple(
            _several(table, "grade", {"grade_scale": EMPTY}, c("grade").is_not_null() & c("grade_scale").is_not_null())
            for table in ("adverse_event", "gvhd")
        ),
    ),
    Kind(
        name="scale_without_grade",
        targets=tuple(
            _several(table, "grade_scale", {"grade": EMPTY}, is_graded)
            for table, is_graded in (
                ("adverse_event", c("grade_scale").is_not_null() & (c("grade") < 5)),
                ("gvhd", c("grade_scale").is_not_null() & c("grade").is_not_null()),
            )
        ),
    ),
    Kind(
        name="grade_out_of_range",
        targets=(
            changes("adverse_event", "grade", pick("0", "6", "9"), ALWAYS),
            changes("gvhd", "grade", pick("0", "5", "9"), ALWAYS),
        ),
    ),
    Kind(
        name="grade_above_scale",
        targets=(changes("gvhd", "grade", text("4"), c("grade_scale") == "nih_2014"),),
    ),
    Kind(
        name="scale_of_another_term",
        targets=(changes("adverse_event", "grade_scale", text("lee_2014"), c("term").is_in(_NOT_GRADED_BY_LEE)),),
    ),
    Kind(
        name="fatal_event_of_the_living",
        targets=(
            _several(
                "adverse_event",
                "grade",
                {"grade": text("5"), "outcome": text("fatal"), "resolution_date": EMPTY},
                ~c("p_is_dead") & c("grade").is_not_null(),
                around=True,
            ),
        ),
    ),
    Kind(
        name="grade_5_survived",
        targets=(changes("adverse_event", "outcome", text("resolved"), (c("grade") == 5) & c("p_is_dead")),),
    ),
    Kind(
        name="fatal_below_grade_5",
        targets=(
            _several(
                "adverse_event",
                "outcome",
                {"outcome": text("fatal"), "resolution_date": EMPTY, "is_serious": text("yes")},
                (c("grade") < 5) & c("p_is_dead"),
                around=True,
            ),
        ),
    ),
    Kind(
        name="event_in_a_cycle_that_was_not_sent",
        targets=(
            changes("adverse_event", "cycle_number", text("9"), c("x_cycle_start").is_not_null(), looks_around=True),
        ),
    ),
)

_OUTCOME = (
    Kind(
        name="alive_with_death_date",
        targets=(
            _several(
                "follow_up",
                "death_date",
                {"vital_status": text("alive"), "cause_of_death": EMPTY},
                (c("vital_status") == "dead") & c("death_date").is_not_null(),
            ),
        ),
    ),
    Kind(
        name="dead_without_date",
        targets=(changes("follow_up", "death_date", EMPTY, c("vital_status") == "dead"),),
    ),
    Kind(
        name="cause_of_death_of_the_living",
        targets=(
            _several(
                "follow_up",
                "cause_of_death",
                {"cause_of_death": pick("disease", "infection")},
                (c("vital_status") == "alive") & c("cause_of_death").is_null(),
            ),
        ),
    ),
    Kind(
        name="end_reason_of_the_dead",
        targets=(
            _several(
                "follow_up",
                "end_reason",
                {"end_reason": pick("lost", "cutoff")},
                (c("vital_status") == "dead") & c("end_reason").is_null(),
            ),
        ),
    ),
)

_RESPONSE = (
    Kind(
        name="response_without_marrow",
        targets=(
            changes(
                "disease_assessment",
                "marrow_blast_percent",
                EMPTY,
                c("response").is_in(_REMISSION),
            ),
        ),
    ),
    Kind(
        name="remission_with_blasts",
        targets=(
            _several(
                "disease_assessment",
                "response",
                {"marrow_blast_percent": pick("20.0", "45.0", "6.0")},
                c("response").is_in(_REMISSION) & (c("marrow_blast_percent") <= 5),
            ),
        ),
    ),
    Kind(
        name="complete_remission_with_low_counts",
        targets=(
            _several(
                "disease_assessment",
                "response",
                {"platelets_per_ul": pick("45000.0", "22000.0"), "anc_per_ul": pick("400.0", "250.0")},
                (c("response") == "cr") & c("platelets_per_ul").is_not_null() & c("anc_per_ul").is_not_null(),
            ),
        ),
    ),
    Kind(
        name="relapse_without_remission",
        targets=(
            Target(
                table="follow_up",
                into="disease_event",
                column="event_type",
                rule_table="disease_event",
                edit=Edit.INSERT,
                values=MappingProxyType(
                    {
                        "patient_id": c("patient_id"),
                        "event_date": c("last_disease_assessment_date"),
                        "event_type": text("relapse"),
                        "is_marrow": text("yes"),
                        "is_cns": text("no"),
                        "is_extramedullary": text("no"),
                        "cd19_status": text("positive"),
                    }
                ),
                where=~c("p_had_remission") & c("last_disease_assessment_date").is_not_null(),
                looks_around=True,
            ),
        ),
    ),
    Kind(
        name="relapse_nowhere",
        targets=(
            _several(
                "disease_event",
                "is_marrow",
                {"is_marrow": text("no"), "is_cns": text("no"), "is_extramedullary": text("no")},
                c("event_type") == "relapse",
            ),
        ),
    ),
    Kind(
        name="negative_above_the_limit",
        targets=(
            _several(
                "mrd_assessment",
                "level",
                {"level": pick("0.02", "0.015")},
                (c("result") == "negative") & (c("sensitivity") < 0.01),
            ),
        ),
    ),
    Kind(
        name="positive_at_level_zero",
        targets=(changes("mrd_assessment", "level", text("0.0"), c("result") == "positive"),),
    ),
)

_TRANSPLANT = (
    Kind(
        name="gvhd_without_transplant",
        targets=(
            Target(
                table="follow_up",
                into="gvhd",
                rule_table="gvhd",
                edit=Edit.INSERT,
                values=MappingProxyType(
                    {
                        "patient_id": c("patient_id"),
                        "transplant_number": text("1"),
                        "gvhd_type": text("acute"),
                        "onset_date": c("p_first_dose").dt.strftime("%Y-%m-%d"),
                        "grade": text("2"),
                        "grade_scale": text("magic"),
                    }
                ),
                where=(c("p_n_transplants") == 0) & c("p_first_dose").is_not_null(),
                looks_around=True,
            ),
        ),
    ),
)

CLINICAL_KINDS: tuple[Kind, ...] = (*_UNITS, *_PATIENT, *_SAFETY, *_OUTCOME, *_RESPONSE, *_TRANSPLANT)
