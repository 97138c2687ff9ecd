"""All published numbers that a large population can have, by section."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from blinreg.synthetic.calibration.superpopulation_counts import baseline, response, transplants
from blinreg.synthetic.calibration.superpopulation_safety import toxicity
from blinreg.synthetic.calibration.superpopulation_target import Target
from blinreg.synthetic.calibration.superpopulation_times import regressions, times

#: Every target, by section.
SECTIONS: Mapping[str, tuple[Target, ...]] = MappingProxyType(
    {
        "Baseline": tuple(baseline()),
        "Response": tuple(response()),
        "Transplant": tuple(transplants()),
        "Toxicity": tuple(toxicity()),
        "Time to event": tuple(times()),
        "Regression": tuple(regressions()),
    }
)
