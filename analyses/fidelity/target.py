"""What is to be measured: targets, and the populations, terms and models that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from blinreg.schemas.errors import InputError

NOT_REACHED, NOT_SIGNIFICANT = "NR", "NS"
MEASURES = (
    "count",
    "share",
    "median",
    "minimum",
    "maximum",
    "kaplan_meier",
    "log_rank",
    "cox",
    "logistic",
    "mantel_byar",
    "follow_up",
)
_COLUMNS = (
    "id",
    "section",
    "label",
    "estimand",
    "printed",
    "half_unit",
    "population",
    "measure",
    "of",
    "statistic",
    "where",
    "printed_count",
    "printed_of",
    "source",
    "conflict",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A printed number.

    Attributes
    ----------
    id, label : str
        A name for machines and a short one for people, both unique.
    section, estimand, source : str
        Where it belongs, what it is, in words, and where it is printed.
    printed : str
        As printed; NR is a median or limit that is not reached, NS a P value above .05.
    half_unit : float
        Half a unit of the last printed digit; 0 where the number has to be exact.
    population : str
        Population of the definitions.
    measure : str
        One of `MEASURES`.
    of : str
        Column (SQL) of a median, minimum or maximum; endpoint of a test or curve; model.
    statistic : str
        "median", "lower", "upper", "at 24" (months) of a curve; "median", "shortest", "longest" of the follow-up;
        "TERM p", "TERM ratio", "TERM lower", "TERM upper" of a test or model.
    where : str
        Condition (SQL) of a count or share.
    printed_count, printed_of : int or None
        Patients behind a count or percentage.
    conflict : str
        Group of numbers that contradict one another; empty for none.
    """

    id: str
    section: str
    label: str
    estimand: str
    printed: str
    half_unit: float
    population: str
    measure: str
    of: str
    statistic: str
    where: str
    printed_count: int | None
    printed_of: int | None
    source: str
    conflict: str

    @property
    def number(self) -> float | None:
        """The printed number; None for NR and NS."""
        return None if self.printed in (NOT_REACHED, NOT_SIGNIFICANT) else float(self.printed)

    @property
    def quantity(self) -> tuple[str, ...]:
        """What is measured: equal for two numbers printed for the same thing."""
        return (self.population, self.measure, self.of, self.statistic, self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A regression model of the study.

    Attributes
    ----------
    name, title : str
    method : str
        "cox" or "logistic".
    population : str
    terms : tuple of str
        Terms of the definitions; ``allo_hct`` is the time-dependent transplant.
    endpoint : str
        Of a Cox model.
    outcome : str
        Term that is the outcome of a logistic model.
    """

    name: str
    title: str
    method: str
    population: str
    terms: tuple[str, ...]
    endpoint: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Populations and terms (SQL conditions by name), models, and the sentences of the conflicts.

    `titles` are those of the populations, in words. `impossible` are groups of numbers that no large population can
    have, each with its targets and the reason.
    """

    study: str
    title: str
    days_per_month: float
    populations: Mapping[str, str]
    titles: Mapping[str, str]
    terms: Mapping[str, str]
    models: Mapping[str, Model]
    conflicts: Mapping[str, str]
    impossible: tuple[Mapping[str, Any], ...] = ()


def parse_targets(table: pl.DataFrame) -> tuple[Target, ...]:
    """Read targets from a table of text.

    Raises
    ------
    InputError
        A column or measure is unknown, or an id stands twice.

    Examples
    --------
    >>> row = dict.fromkeys(_COLUMNS, "")
    >>> row |= {"id": "n", "label": "N", "printed": "239", "half_unit": "0", "measure": "count", "where": "true"}
    >>> parse_targets(pl.DataFrame([row]))[0].number
    239.0
    """
    if tuple(table.columns) != _COLUMNS:
        raise InputError(
            "the table of targets has other columns", next_step=f"its columns are {', '.join(_COLUMNS)}, in this order"
        )
    twice = table.filter(pl.col("id").is_duplicated() | pl.col("label").is_duplicated())["id"].to_list()
    unknown = table.filter(~pl.col("measure").is_in(MEASURES))["id"].to_list()
    if twice or unknown:
        raise InputError(
            f"targets that stand twice: {twice}; of an unknown measure: {unknown}",
            next_step=f"measures are {', '.join(MEASURES)}",
        )
    return tuple(_target(row) for row in table.iter_rows(named=True))


def _target(row: dict[str, str]) -> Target:
    texts = {name: row[name] for name in _COLUMNS if name not in {"half_unit", "printed_count", "printed_of"}}
    return Target(
        half_unit=float(row["half_unit"]),
        printed_count=int(row["printed_count"]) if row["printed_count"] else None,
        printed_of=int(row["printed_of"]) if row["printed_of"] else None,
        **texts,
    )


def parse_definitions(definitions: Mapping[str, Any], conflicts: Mapping[str, str]) -> Definitions:
    """Read definitions from the mapping that their TOML file is."""
    models = {
        name: Model(name=name, **(model | {"terms": tuple(model["terms"])}))
        for name, model in definitions["model"].items()
    }
    return Definitions(
        study=definitions["study"],
        title=definitions["title"],
        days_per_month=definitions["days_per_month"],
        populations={name: population["where"] for name, population in definitions["population"].items()},
        titles={name: population["title"] for name, population in definitions["population"].items()},
        terms=definitions["term"],
        models=models,
        conflicts=conflicts,
        impossible=tuple(definitions.get("impossible_in_a_population", ())),
    )
