"""Details of the records of a study that are in no section of its own parameter file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

from blinreg.synthetic.streams import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """How often the details of the records are what: weights of codes, and chances."""

    induction: Weights
    salvage: Weights
    next_regimen: Weights
    first_tki: Weights
    failed_line_response: Weights
    before_response: Weights
    ecog: Weights
    transplant_in_first_remission: float
    pcr_in_ph_positive: float
    pcr_positive_if_flow_negative: float
    negative_after_transplant: float
    cd19_unknown_at_relapse: float
    only_outside_marrow: float
    extramedullary_at_later_relapse: float
    failure_documented: float
    second_cycle_interrupted: float
    technical_interruption: float
    in_remission_at_late_transplant: float
    marrow_graft: float
    marrow_graft_if_haploidentical: float
    reduced_intensity: float


@cache
def load_details(study_id: str) -> Details:
    """Read the details of a study.

    Parameters
    ----------
    study_id : str
        Name of the study, such as ``realworld-2020``; its file is ``realworld_2020_records.toml``.

    Raises
    ------
    ValueError
        If a field of the file is missing or unknown.

    Examples
    --------
    >>> load_details("realworld-2020").first_tki.names
    ('imatinib', 'dasatinib')
    """
    file = resources.files("blinreg.synthetic.studies").joinpath(f"{study_id.replace('-', '_')}_records.toml")
    given = tomllib.loads(file.read_text(encoding="utf-8"))
    names = {field.name for field in fields(Details)}
    if names != set(given):
        raise ValueError(f"details: missing {sorted(names - set(given))}, unknown {sorted(set(given) - names)}")
    read: dict[str, Any] = {
        name: Weights.of(value) if isinstance(value, dict) else float(value) for name, value in given.items()
    }
    return Details(**read)
