"""Why a printed number is not met: because others exclude it, or only missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blinreg.analyses.fidelity.agreement import Tolerance, distance, percent
from blinreg.analyses.fidelity.arithmetic import (
    p_value_of_printed_interval,
    percentage_of_printed_counts,
    same_thing_printed_twice,
)
from blinreg.analyses.fidelity.measure import Achieved
from blinreg.analyses.fidelity.target import NOT_SIGNIFICANT, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that printed numbers cannot all hold.

    Attributes
    ----------
    id : str
    targets : tuple of str
        Ids or labels.
    gives_up : tuple of str
        Those of them that a cohort is to miss, the others being the better supported.
    arithmetic : str
        The reason in a sentence.
    """

    id: str
    targets: tuple[str, ...]
    arithmetic: str
    gives_up: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, proof: Mapping[str, Any]) -> Proof:
        """Read a proof as it is kept."""
        reason = proof.get("arithmetic") or "; ".join(proof.get("statements", ()))
        return cls(
            id=proof["id"],
            targets=tuple(proof["targets"]),
            arithmetic=reason,
            gives_up=tuple(proof.get("gives_up", ())),
        )


class Reasons:
    """Says why a number is missed.

    Parameters
    ----------
    found : sequence of tuple
        Targets with what the cohort has and whether that agrees.
    proofs : sequence of Proof
        That printed numbers exclude one another.
    tolerance : {"printed", "population"}
        What agreement meant.
    titles : mapping of str to str
        Populations in words.
    given_up : mapping of str to str
        What the cohort does not aim at, with the reason, by id.
    """

    def __init__(
        self,
        found: Sequence[tuple[Target, Achieved, bool | None]],
        proofs: Sequence[Proof],
        tolerance: Tolerance,
        titles: Mapping[str, str],
        given_up: Mapping[str, str],
    ) -> None:
        self.targets = [target for target, _, _ in found]
        self.hits = [target for target, _, hit in found if hit]
        self.tolerance = tolerance
        self.titles = titles
        self.given_up = given_up
        ids = {name: target.id for target in self.targets for name in (target.id, target.label)}
        self.proofs = [
            (proof, {ids.get(name, name) for name in proof.targets}, {ids.get(name, name) for name in proof.gives_up})
            for proof in proofs
        ]

    def contradiction(self, target: Target) -> str:
        """Say what excludes the number; empty for nothing."""
        hits = {other.id for other in self.hits}
        for proof, members, given_up in self.proofs:
            if target.id in given_up or (target.id in members and members - {target.id} <= hits):
                return proof.arithmetic
        twice = same_thing_printed_twice(target, self.hits)
        if twice or self.tolerance == "population":
            return twice
        return percentage_of_printed_counts(target) or p_value_of_printed_interval(target, self.targets)

    def residual(self, target: Target, achieved: Achieved) -> str:
        """Say how near the cohort comes, or that it does not aim at the number."""
        if target.id in self.given_up:
            return f"not aimed at: {self.given_up[target.id]}"
        if achieved.problem:
            return f"no value: {achieved.problem}"
        if achieved.value is None:
            return "not reached here"
        if target.number is None:
            return "significant here" if target.printed == NOT_SIGNIFICANT else "reached here"
        if self.tolerance == "population":
            return _apart(target, achieved, achieved.value)
        return f"{distance(target, achieved.value):.3g} beyond what rounds to the printed number"


def _apart(target: Target, achieved: Achieved, value: float) -> str:
    percents = percent(target, achieved)
    if percents is not None:
        return f"{percents[1]:.1f}% here, {percents[0]:.1f}% printed"
    return f"{100 * abs(value / float(target.printed) - 1):.1f}% away"
