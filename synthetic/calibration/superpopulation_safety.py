"""Published counts of toxicity on treatment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blinreg.synthetic.calibration.superpopulation_measures import Population
from blinreg.synthetic.calibration.superpopulation_target import Group, Target, count, everybody, percent
from blinreg.synthetic.streams import Flags

_NEURO = ("encephalopathy", "headache", "seizure", "stroke")
_LIVER = ("transaminase_increase", "bilirubin_increase", "veno_occlusive_disease", "liver_failure")


def _crs_evaluable(p: Population) -> Flags:
    return p.flag("evaluable_crs")


def _neuro_evaluable(p: Population) -> Flags:
    return p.flag("evaluable_neurotoxicity")


def _liver_evaluable(p: Population) -> Flags:
    return p.flag("evaluable_hepatotoxicity")


def _any_of(*terms: str) -> Group:
    return lambda p: p.grade(*terms) != 0


def _mild(*terms: str) -> Group:
    return lambda p: (p.grade(*terms) >= 1) & (p.grade(*terms) <= 2)


def _severe(*terms: str) -> Group:
    return lambda p: p.grade(*terms) >= 3


def _on_tki(p: Population) -> Flags:
    return p.tki


def _stopped(*categories: str) -> Group:
    return lambda p: np.logical_or.reduce([p.flag(f"stopped_for_{name}") for name in categories])


def _interrupted(fewest: int, most: int) -> Group:
    return lambda p: (p.courses.whole("n_interruptions") >= fewest) & (p.courses.whole("n_interruptions") <= most)


def _grades() -> Iterator[Target]:
    rows: list[tuple[str, int, int, int, int, tuple[str, ...], Group]] = [
        ("CRS", 94, 86, 8, 236, ("crs",), _crs_evaluable),
        ("neuro", 55, 36, 17, 236, _NEURO, _neuro_evaluable),
        ("enceph", 22, 10, 12, 236, ("encephalopathy",), _neuro_evaluable),
        ("headache", 27, 24, 3, 236, ("headache",), _neuro_evaluable),
        ("seizure", 3, 2, 1, 236, ("seizure",), _neuro_evaluable),
        ("hep", 84, 58, 26, 238, _LIVER, _liver_evaluable),
        ("trans", 62, 40, 22, 238, ("transaminase_increase",), _liver_evaluable),
        ("bili", 20, 17, 3, 238, ("bilirubin_increase",), _liver_evaluable),
    ]
    for name, of_any, of_mild, of_severe, of, terms, group in rows:
        yield count(f"{name} any", of_any, of, _any_of(*terms), group)
        yield count(f"{name}1-2", of_mild, of, _mild(*terms), group)
        yield count(f"{name}3+", of_severe, of, _severe(*terms), group)
    yield count("hep any (Table 3)", 83, 238, _any_of(*_LIVER), _liver_evaluable, conflict="C_HEPATOTOX")
    yield count("stroke", 3, 236, _any_of("stroke"), _neuro_evaluable)
    yield count("stroke3+", 1, 236, _severe("stroke"), _neuro_evaluable)
    yield count("VOD", 2, 238, _any_of("veno_occlusive_disease"), _liver_evaluable)
    yield count("AE evaluable", 236, 239, _crs_evaluable, everybody)
    yield count("hep evaluable", 238, 239, _liver_evaluable, everybody)


def _consequences() -> Iterator[Target]:
    yield count("CRS steroids", 44, 94, lambda p: p.flag("crs_corticosteroid"), _any_of("crs"))
    yield count("CRS toci", 8, 94, lambda p: p.flag("crs_tocilizumab"), _any_of("crs"))
    yield percent("CRS steroids %", 44, lambda p: p.flag("crs_corticosteroid"), _any_of("crs"), "C_CRS_STEROID")
    for name, printed, fewest, most in (
        ("interrupt", 50, 1, 3),
        ("int1", 36, 1, 1),
        ("int2", 9, 2, 2),
        ("int3", 5, 3, 3),
    ):
        yield count(name, printed, 239, _interrupted(fewest, most), everybody)
    reasons = {"neurotoxicity": 8, "hepatotoxicity": 4, "crs": 3, "infection": 3, "pain": 1}
    yield count("discont (Table 3)", 17, 239, _stopped(*reasons), everybody)
    yield count("discont (text)", 16, 239, _stopped(*reasons), everybody, conflict="C_DISCONT")
    for name, printed in reasons.items():
        yield count(f"dc {name}", printed, 239, _stopped(name), everybody)


def toxicity() -> Iterator[Target]:
    """Make the targets of toxicity."""
    yield from _grades()
    yield from _consequences()
    yield count("TKI CRS", 10, 29, _any_of("crs"), _on_tki)
    yield count("TKI CRS3+", 0, 29, _severe("crs"), _on_tki)
    yield count("TKI trans", 7, 29, _any_of("transaminase_increase"), _on_tki)
    yield count("TKI trans3", 1, 29, _severe("transaminase_increase"), _on_tki)
    yield count("TKI neuro", 4, 29, _any_of(*_NEURO), _on_tki)
    yield count("TKI neuro3", 1, 29, _severe(*_NEURO), _on_tki)
