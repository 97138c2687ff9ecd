"""Reading the targets of a study."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import polars as pl

from blinreg.schemas.errors import UsageError

_QUERIES = ("patient", "endpoint", "counting_process")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTargets:
    """The printed numbers of a study.

    Attributes
    ----------
    study : str
    table : polars.DataFrame
        A row a number, all columns text: ``id, section, label, estimand, printed, half_unit, population, measure, of,
        statistic, where, printed_count, printed_of, source, conflict``. ``printed`` as the paper prints it, NR (not
        reached) and NS (not significant) included; ``half_unit`` half a unit of its last digit, 0 where it has to be
        exact; ``printed_count`` of ``printed_of`` patients behind a percentage or count; ``label`` a short name.
    not_targets : polars.DataFrame
        ``id, printed, where, reason``.
    conflicts : mapping of str to str
        A sentence for each group.
    definitions : mapping
        The TOML file: populations, terms, models.
    queries : mapping of str to str
        SQL over the tables of a registry, by the name of what it gives.
    """

    study: str
    table: pl.DataFrame
    not_targets: pl.DataFrame
    conflicts: Mapping[str, str]
    definitions: Mapping[str, Any]
    queries: Mapping[str, str]


def _text(package: str, *path: str) -> str:
    return resources.files(package).joinpath(*path).read_text(encoding="utf-8")


def _rows(name: str) -> pl.DataFrame:
    text = _text("blinreg.synthetic.targets", name)
    return pl.read_csv(text.encode(), infer_schema=False).fill_null("")


def load_targets(study: str) -> PublishedTargets:
    """Load the targets of a study.

    Parameters
    ----------
    study : str
        Such as ``realworld-2020``.

    Raises
    ------
    UsageError
        No targets are kept for it.

    Examples
    --------
    >>> targets = load_targets("realworld-2020")
    >>> targets.table.filter(id="rr_os_months_median").select("printed", "half_unit", "population").row(0)
    ('12.7', '0.05', 'rr')
    """
    stem = study.replace("-", "_")
    known = sorted(
        file.name.removesuffix(".toml").replace("_", "-")
        for file in resources.files("blinreg.synthetic.targets").iterdir()
        if file.name.endswith(".toml")
    )
    if study not in known:
        raise UsageError(f"no published targets are kept for {study!r}", next_step=f"use one of {', '.join(known)}")
    conflicts = _rows(f"{stem}_conflicts.csv")
    return PublishedTargets(
        study=study,
        table=_rows(f"{stem}.csv"),
        not_targets=_rows(f"{stem}_not_targets.csv"),
        conflicts=dict(conflicts.iter_rows()),
        definitions=tomllib.loads(_text("blinreg.synthetic.targets", f"{stem}.toml")),
        queries={name: _text("blinreg.synthetic.targets", "queries", f"{name}.sql") for name in _QUERIES},
    )


def _proofs() -> Mapping[str, Any]:
    file = resources.files("blinreg.synthetic").joinpath("calibrated", "proofs.json")
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def load_proofs() -> tuple[Mapping[str, Any], ...]:
    """Load the proofs that printed numbers exclude one another; none where none were made.

    Returns
    -------
    tuple of mapping
        ``id, targets, gives_up`` (ids), ``statements, arithmetic, status``. What printed numbers imply without
        excluding one of them (``kind`` is "consequence") is left out.
    """
    return tuple(proof for proof in _proofs().get("proofs", ()) if proof.get("kind") != "consequence")


def load_given_up(profile: str) -> Mapping[str, str]:
    """Load what a profile of the calibrated cohort does not aim at: ids with the reason.

    Raises
    ------
    UsageError
        There is no such profile.
    """
    given_up = _proofs().get("given_up", {"strict": []})
    if profile not in given_up:
        raise UsageError(f"there is no profile {profile!r}", next_step=f"use one of {', '.join(given_up)}")
    return {entry["target"]: entry["reason"] for entry in given_up[profile]}
