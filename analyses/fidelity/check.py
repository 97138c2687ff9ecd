"""Checking that targets can be measured on a cohort, before anything is."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from blinreg.analyses.fidelity.cohort import TIME_DEPENDENT, Cohort
from blinreg.analyses.fidelity.target import Definitions, Target
from blinreg.schemas.errors import InputError

_STATISTICS = {
    "kaplan_meier": {"median", "lower", "upper"},
    "follow_up": {"median", "shortest", "longest"},
    "mantel_byar": {"p"},
    "log_rank": {"p"},
    "cox": {"ratio", "lower", "upper", "p"},
    "logistic": {"ratio", "lower", "upper", "p"},
}


def check_targets(targets: Sequence[Target], cohort: Cohort) -> None:
    """Refuse targets that name what is not defined, and conditions that the frame of patients cannot answer.

    Raises
    ------
    InputError
        Says which targets and conditions.
    """
    definitions = cohort.definitions
    wrong = [target.id for target in targets if not _is_defined(target, definitions)]
    if wrong:
        raise InputError(
            f"{len(wrong)} targets name a population, term, model or statistic that is not defined: "
            + ", ".join(wrong[:5]),
            next_step="define it beside the others, or correct the target",
        )
    conditions = {
        *definitions.populations.values(),
        *definitions.terms.values(),
        *(target.where for target in targets if target.where),
        *(target.of for target in targets if target.measure in {"median", "minimum", "maximum"}),
    }
    refused = sorted(condition for condition in conditions if not _is_answered(condition, cohort.patient))
    if refused:
        raise InputError(
            f"{len(refused)} conditions cannot be applied to the frame of patients: {'; '.join(refused[:3])}",
            next_step="name its columns, in SQL",
        )


def _is_defined(target: Target, definitions: Definitions) -> bool:
    if target.population not in definitions.populations:
        return False
    if target.measure in {"cox", "logistic"}:
        model = definitions.models.get(target.of)
        if model is None or model.method != target.measure or target.statistic.split()[0] not in model.terms:
            return False
    if target.measure == "log_rank" and target.statistic.split()[0] not in definitions.terms:
        return False
    known = _STATISTICS.get(target.measure)
    if known is None or (target.measure == "kaplan_meier" and target.statistic.startswith("at ")):
        return True
    return target.statistic.split()[-1] in known


def _is_answered(condition: str, patient: pl.DataFrame) -> bool:
    try:
        patient.head(0).select(pl.sql_expr(condition))
    except pl.exceptions.PolarsError:
        return False
    return True


def check_models(definitions: Definitions) -> None:
    """Refuse models with terms or populations that are not defined.

    Raises
    ------
    InputError
    """
    known = {*definitions.terms, TIME_DEPENDENT}
    for model in definitions.models.values():
        missing = [term for term in (*model.terms, *([model.outcome] if model.outcome else [])) if term not in known]
        if missing or model.population not in definitions.populations:
            raise InputError(
                f"model {model.name} names what is not defined: {', '.join(missing) or model.population}",
                next_step="define it beside the others",
            )
