"""Published times to events and hazard ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from blinreg.synthetic.calibration.superpopulation_measures import Population, Times
from blinreg.synthetic.calibration.superpopulation_statistics import MONTH_DAYS, survival
from blinreg.synthetic.calibration.superpopulation_target import (
    Group,
    Target,
    bare,
    grafted,
    median_of,
    relapsed,
    responded,
)
from blinreg.synthetic.streams import Flags, Floats

Measured = Callable[[Population], Times]


_NEVER = float("inf")


def _os(p: Population) -> Times:
    return p.overall


def _rfs(p: Population) -> Times:
    return p.relapse_free


def _efs(p: Population) -> Times:
    return p.event_free


def _os_from_transplant(p: Population) -> Times:
    return p.overall_from_transplant


def _pfs_from_transplant(p: Population) -> Times:
    return p.progression_free_from_transplant


def _ph(p: Population) -> Flags:
    return p.rr & p.ph


def _ph_tki(p: Population) -> Flags:
    return p.rr & p.ph & p.tki


def _ph_no_tki(p: Population) -> Flags:
    return p.rr & p.ph & ~p.tki


def _responders_of(group: Group) -> Group:
    return lambda p: group(p) & p.responder


def _median(identity: str, printed: float, times: Measured, group: Group, conflict: str = "") -> Target:
    kind = "median" if np.isfinite(printed) else "not reached"

    def measure(p: Population) -> float:
        return p.median(times(p), group(p))

    def curve(p: Population) -> Floats:
        return survival(times(p)[0][group(p)], times(p)[1][group(p)])

    return Target(id=identity, kind=kind, printed=printed, measure=measure, conflict=conflict, curve=curve)


def _two_years(identity: str, printed: float, times: Measured, group: Group, conflict: str = "") -> Target:
    def measure(p: Population) -> float:
        return p.at_two_years(times(p), group(p))

    return Target(id=identity, kind="percent", printed=printed, measure=measure, conflict=conflict)


def _follow_up(p: Population) -> Floats:
    return np.asarray(p.end / MONTH_DAYS, dtype=np.float64)


def times() -> Iterator[Target]:
    """Make the targets of times to events."""
    yield _median("RR OS median", 12.7, _os, relapsed)
    yield _median("RR RFS median", 32.1, _rfs, responded, "C_RFS_GT_OS")
    yield _median("Responder OS median", 28.5, _os, responded)
    yield _two_years("HCT OS 2y %", 62, _os_from_transplant, grafted)
    yield _median("HCT OS median", _NEVER, _os_from_transplant, grafted)
    yield _two_years("HCT PFS 2y %", 66, _pfs_from_transplant, grafted, "C_PFS_GT_OS")
    yield _median("HCT PFS median", _NEVER, _pfs_from_transplant, grafted)
    yield _median("nonHCT EFS median", 5.2, _efs, bare)
    yield _median("nonHCT RFS median", 6.9, _rfs, _responders_of(bare))
    yield _median("nonHCT OS median", 5.5, _os, bare)
    yield _two_years("Ph+ OS 2y %", 57, _os, _ph)
    yield _median("Ph+ OS median", _NEVER, _os, _ph)
    yield _median("Ph- OS median", 9.6, _os, lambda p: p.rr & ~p.ph)
    yield _two_years("Ph+TKI OS 2y %", 69, _os, _ph_tki)
    yield _median("Ph+TKI OS median", _NEVER, _os, _ph_tki)
    yield _median("Ph+noTKI OS median", 13.1, _os, _ph_no_tki)
    yield _two_years("Ph+TKI RFS 2y %", 76, _rfs, _responders_of(_ph_tki))
    yield _median("Ph+TKI RFS median", _NEVER, _rfs, _responders_of(_ph_tki))
    yield _median("Ph+noTKI RFS median", 32, _rfs, _responders_of(_ph_no_tki))
    yield _median("MLL OS median", 7.5, _os, lambda p: p.rr & p.kmt2a)
    yield _median("nonMLL OS median", 14.3, _os, lambda p: p.rr & ~p.kmt2a)
    yield _median("PrimRef OS median", 15.1, _os, lambda p: p.rr & p.refractory)
    yield _median("Other OS median", 12.0, _os, lambda p: p.rr & ~p.refractory)
    yield _median("MRD OS med", 34.7, _os, lambda p: ~p.rr, "C_MRD_RFS_OS")
    yield _two_years("MRD RFS 2y", 54, _rfs, lambda p: ~p.rr & p.responder)
    yield _median("MRD RFS med", _NEVER, _rfs, lambda p: ~p.rr & p.responder, "C_MRD_RFS_OS")

    yield median_of("FU median RR (survivors)", 14, _follow_up, lambda p: p.rr & ~p.dead, is_fine=True)
    yield median_of("MRD FU med", 6, _follow_up, lambda p: ~p.rr & ~p.dead, is_fine=True)
    yield median_of("All FU med", 14, _follow_up, lambda p: ~p.dead, is_fine=True)


def regressions() -> Iterator[Target]:
    """Make the targets of the published Cox models."""
    for name, printed in (
        ("OS Ph", 0.38),
        ("OS HCT", 0.40),
        ("OS age", 1.14),
        ("OS CR1<1", 1.69),
        ("Resp OS HCT", 0.54),
        ("RFS CNS", 2.44),
        ("RFS MLL", 3.38),
    ):
        yield Target(
            id=f"{name} HR",
            kind="regression",
            printed=printed,
            measure=lambda p, name=name: p.hazard_ratios[name],  # type: ignore[misc]
        )
