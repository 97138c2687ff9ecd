"""Which rule must find which kind of fault, and which may fire as well: ``answer_key.toml``, ``consequences.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any


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
    follows : tuple of str
        Patterns of the rules that may fire as well, with ``{table}`` and ``{column}`` for the place.
    """

    kind: str
    meaning: str
    certain: bool
    rule: str
    rules: Mapping[str, str]
    follows: tuple[str, ...] = ()

    def rule_at(self, table: str, column: str) -> str:
        """Give the id of the rule for a place.

        Examples
        --------
        >>> answers()["wrong_code"].rule_at("patient", "sex")
        'patient.sex.code'
        """
        return self.rules.get(table, self.rule).format(table=table, column=column)

    def follows_at(self, table: str, column: str, *, is_lost: bool = False) -> tuple[str, ...]:
        """Give the patterns of the rules that may fire beside it for a place.

        Parameters
        ----------
        table, column : str
            The place.
        is_lost : bool
            Whether the fault takes a row away or gives it another key.

        Examples
        --------
        >>> answers()["missing_cycle"].follows_at("gvhd", "grade", is_lost=True)
        ('gvhd.patient.orphan', 'gvhd.transplant.orphan')
        """
        own = tuple(pattern.format(table=table, column=column) for pattern in self.follows)
        structural = consequences()
        return (*own, *structural["out"].get(table, ()), *(structural["lost"].get(table, ()) if is_lost else ()))


@cache
def answers() -> Mapping[str, Answer]:
    """Read the answer key: every kind of fault by its name."""
    return MappingProxyType(
        {
            kind: Answer(
                kind=kind,
                meaning=said["meaning"],
                certain=said["certain"],
                rule=said["rule"],
                rules=MappingProxyType(said.get("rules", {})),
                follows=tuple(said.get("follows", ())),
            )
            for kind, said in _read("answer_key").items()
        }
    )


@cache
def consequences() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Read what may follow from a row that is ``lost`` or ``out``, by table."""
    return MappingProxyType(_read("consequences"))


def _read(name: str) -> dict[str, Any]:
    text = resources.files("blinreg.synthetic.faults").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
