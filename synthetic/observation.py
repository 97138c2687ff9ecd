"""How long a patient is observed, and why observation ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blinreg.synthetic.disease import Path
from blinreg.synthetic.draws import Draws
from blinreg.synthetic.parameters import FollowUpParameters
from blinreg.synthetic.treatment import Cycle


@dataclass(frozen=True, slots=True)
class Observation:
    """Last day of observation, from the first dose.

    ``end_reason`` is ``death``, ``cutoff``, ``lost`` or ``withdrew``.
    """

    end_day: int
    end_reason: str

    @property
    def is_dead(self) -> bool:
        """Whether observation ended with death."""
        return self.end_reason == "death"

    @property
    def last_day_alive(self) -> int:
        """Last day on which something can happen to the patient that is not death."""
        return self.end_day - 1 if self.is_dead else self.end_day


def draw_observation(
    draws: Draws, path: Path, cycles: Sequence[Cycle], parameters: FollowUpParameters, *, cutoff_day: int
) -> Observation:
    """Draw when observation ends: death, the data cutoff, or loss to follow-up, whichever comes first.

    The status of everybody in contact is asked for on the day of the cutoff, so that the living
    are censored there and not at a last visit. Nobody is lost during an infusion.
    """
    lost_day = cycles[-1].stop_day + 14 + int(draws.waiting() / parameters.lost_per_day)
    withdrew = draws.chance(parameters.withdrew_if_lost)
    if path.death_day <= min(cutoff_day, lost_day):
        return Observation(path.death_day, "death")
    if cutoff_day <= lost_day:
        return Observation(cutoff_day, "cutoff")
    return Observation(lost_day, "withdrew" if withdrew else "lost")
