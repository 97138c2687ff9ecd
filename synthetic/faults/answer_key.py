"""Which rule ought to find which kind of fault: read from ``answer_key.toml``, the one place that says so."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known of a kind of fault.

    Parameters
    ----------
    kind : str
        Name of the kind.
    meaning : str
        What the fault is, for a reader of the log.
    certain : bool
        Whether the data alone prove an error.
    rule : str
        Id of the rule that ought to find it, with ``{table}`` and ``{column}`` for the place.
    rules : mapping of str to str
        Rules in tables where it is another.
    """

    kind: str
    meaning: str
    certain: bool
    rule: str
    rules: Mapping[str, str]

    def rule_at(self, table: str, column: str) -> str:
        """Give the id of the rule for a place.

        Examples
        --------
        >>> answers()["wrong_code"].rule_at("patient", "sex")
        'patient.sex.code'
        """
        return self.rules.get(table, self.rule).format(table=table, column=column)


@cache
def answers() -> Mapping[str, Answer]:
    """Read the answer key: every kind of fault by its name."""
    text = resources.files("blinreg.synthetic.faults").joinpath("answer_key.toml").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            kind: Answer(
                kind=kind,
                meaning=said["meaning"],
                certain=said["certain"],
                rule=said["rule"],
                rules=MappingProxyType(said.get("rules", {})),
            )
            for kind, said in tomllib.loads(text).items()
        }
    )
