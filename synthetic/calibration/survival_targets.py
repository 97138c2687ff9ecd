"""The published times to event, hazard ratios and P values that the event times of the 239 have to give.

Definitions, the same as the registry's: overall survival from the first dose, also for responders; relapse-free
survival from response; event-free survival from the first dose to relapse, progression or death; survival after
transplant from the transplant; months of 30.4375 days; log-log limits; follow-up among survivors; Efron's ties,
transplant time-dependent, age per decade, "CNS disease" as ever until the first dose.

Models: OS (227): transplant, age, first remission (3 terms against primary refractory), CNS history, earlier
transplant, Ph, KMT2A. OS from response (149): the same terms, of which only the transplant's is printed.
RFS (149): transplant (the published table is of Cox models with time-dependent transplant), age, CNS history,
KMT2A, MRD-positive response, first remission.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

DAYS_PER_MONTH = 30.4375
NOT_REACHED = math.inf


class Kind(IntEnum):
    """How a statistic is compared with what is printed."""

    NUMBER = 0
    RATIO = 1  # compared on the log scale: hazard ratios and their limits
    NOT_REACHED = 2
    NOT_SIGNIFICANT = 3
    P_VALUE = 4  # on the log scale, with less weight


@dataclass(frozen=True, slots=True)
class Target:
    """A published number.

    Parameters
    ----------
    id : str
        Name of the target, as in the list of all targets.
    printed : float
        Value; `NOT_REACHED` where the median or limit is not, 0.05 for a term that is not significant.
    half_width : float
        Half a unit of the last printed digit.
    kind : Kind
    """

    id: str
    printed: float
    half_width: float
    kind: Kind

    def is_hit(self, value: float) -> bool:
        """Whether a value rounds to what is printed."""
        if self.kind == Kind.NOT_REACHED:
            return value == NOT_REACHED
        if self.kind == Kind.NOT_SIGNIFICANT:
            return value > self.printed
        return abs(value - self.printed) <= self.half_width + 1e-9


def _numbers(*rows: tuple[str, float, float]) -> Iterator[Target]:
    for name, printed, half in rows:
        kind = Kind.NOT_REACHED if printed == NOT_REACHED else Kind.NUMBER
        yield Target(name, printed, half, kind)


def _term(name: str, ratio: float, limits: tuple[float, float], p: float, half_of_p: float) -> Iterator[Target]:
    """Hazard ratio (to two decimals), its limits and P value."""
    for suffix, printed in (("hr", ratio), ("ci_lower", limits[0]), ("ci_upper", limits[1])):
        yield Target(f"{name}_{suffix}", printed, 0.005, Kind.RATIO)
    yield Target(f"{name}_p", p, half_of_p, Kind.P_VALUE)


def _not_significant(*names: str) -> Iterator[Target]:
    for name in names:
        yield Target(name, 0.05, 0.0, Kind.NOT_SIGNIFICANT)


_NR = NOT_REACHED

#: Kaplan-Meier, follow-up and counts, then the tests: cheap to compute.
_CURVES = (
    *_numbers(
        ("rr_os_months_median", 12.7, 0.05),
        ("rr_os_months_ci_lower", 9.2, 0.05),
        ("rr_os_months_ci_upper", 17.9, 0.05),
        ("crcri_os_median", 28.5, 0.05),
        ("crcri_os_ci_lower", 17.0, 0.5),
        ("crcri_os_ci_upper", _NR, 0.0),
        ("nonhct_os_median", 5.5, 0.05),
        ("nonhct_os_ci_lower", 4.0, 0.05),
        ("nonhct_os_ci_upper", 10.2, 0.05),
        ("ph_neg_os_median", 9.6, 0.05),
        ("ph_neg_os_ci_lower", 7.7, 0.05),
        ("ph_neg_os_ci_upper", 14.3, 0.05),
        ("rr_rfs_months_median", 32.1, 0.05),
        ("rr_rfs_months_ci_lower", 9.5, 0.05),
        ("rr_rfs_months_ci_upper", _NR, 0.0),
        ("nonhct_rfs_median", 6.9, 0.05),
        ("nonhct_rfs_ci_lower", 3.5, 0.05),
        ("nonhct_rfs_ci_upper", 10.2, 0.05),
        ("nonhct_efs_median", 5.2, 0.05),
        ("nonhct_efs_ci_lower", 3.4, 0.05),
        ("nonhct_efs_ci_upper", 6.9, 0.05),
        ("ph_os_median", _NR, 0.0),
        ("ph_os_2y", 57.0, 0.5),
        ("ph_tki_os_median", _NR, 0.0),
        ("ph_tki_os_2y", 69.0, 0.5),
        ("ph_notki_os_median", 13.1, 0.05),
        ("mll_os_median", 7.5, 0.05),
        ("no_mll_os_median", 14.3, 0.05),
        ("primref_os_median", 15.1, 0.05),
        ("nonprimref_os_median", 12.0, 0.05),
        ("ph_tki_rfs_median", _NR, 0.0),
        ("ph_tki_rfs_2y", 76.0, 0.5),
        ("ph_notki_rfs_median", 32.0, 0.5),
        ("hct_os_median", _NR, 0.0),
        ("hct_os_2y", 62.0, 0.5),
        ("hct_pfs_median", _NR, 0.0),
        ("hct_pfs_2y", 66.0, 0.5),
        ("fu_rr_median", 14.0, 0.5),
        ("fu_rr_min", 1.0, 0.5),
        ("fu_rr_max", 52.0, 0.5),
        ("fu_all_median", 14.0, 0.5),
        ("fu_all_min", 1.0, 0.5),
        ("fu_all_max", 52.0, 0.5),
        ("hct_time_from_cr_median", 1.7, 0.05),
        ("hct_time_from_cr_min", 0.2, 0.05),
        ("hct_time_from_cr_max", 13.2, 0.05),
        ("trm100_n", 6.0, 0.0),
        ("nonhct_resp_progressed_n", 30.0, 0.0),
    ),
)
_TESTS = (
    Target("ph_os_p", 0.001, 0.0005, Kind.P_VALUE),
    Target("mll_os_p", 0.008, 0.0005, Kind.P_VALUE),
    Target("primref_os_p", 0.7, 0.05, Kind.P_VALUE),
    Target("ph_tki_os_p", 0.03, 0.005, Kind.P_VALUE),
    Target("ph_tki_rfs_p", 0.28, 0.005, Kind.P_VALUE),
    Target("hct_crcri_mantel_byar_p", 0.03, 0.005, Kind.P_VALUE),
)
_OS_MODEL = (
    *_term("cox_os_hct", 0.40, (0.24, 0.67), 0.0005, 0.00005),
    *_term("cox_os_age", 1.14, (1.01, 1.30), 0.02, 0.005),
    *_term("cox_os_cr1_lt1", 1.69, (1.02, 2.79), 0.04, 0.005),
    *_term("cox_os_ph", 0.38, (0.21, 0.66), 0.0008, 0.00005),
    *_not_significant("cox_os_ns_mll", "cox_os_ns_cns", "cox_os_ns_prior_hct"),
)
_RESPONDER_MODEL = tuple(_term("hct_crcri_os", 0.54, (0.30, 0.97), 0.04, 0.005))
_RFS_MODEL = (
    *_term("cox_rfs_cns", 2.44, (1.28, 4.66), 0.006, 0.0005),
    *_term("cox_rfs_mll", 3.38, (1.41, 8.07), 0.006, 0.0005),
    *_not_significant("cox_rfs_ns_age", "cox_rfs_ns_cr_mrdpos_vs_mrdneg", "cox_rfs_ns_cr1_lt1_vs_primref"),
    *_not_significant("cox_rfs_ns_cr1_1_2_vs_primref", "cox_rfs_ns_cr1_gt2_vs_primref"),
)

#: Targets of the 227 with relapsed or refractory disease, in the order of the compiled statistics.
TARGETS: tuple[Target, ...] = (*_CURVES, *_TESTS, *_OS_MODEL, *_RESPONDER_MODEL, *_RFS_MODEL)

#: Where each stage of the compiled statistics ends: curves, tests, and the three models.
STAGES: tuple[int, ...] = tuple(
    sum(map(len, (_CURVES, _TESTS, _OS_MODEL, _RESPONDER_MODEL, _RFS_MODEL)[: n + 1])) for n in range(5)
)

#: Targets of the MRD indication (12 patients, 9 with MRD response).
MRD_TARGETS: tuple[Target, ...] = tuple(
    _numbers(
        ("mrd_os_months_median", 34.7, 0.05),
        ("mrd_os_months_ci_lower", 8.8, 0.05),
        ("mrd_os_months_ci_upper", 34.7, 0.05),
        ("mrd_rfs_2y", 54.0, 0.5),
        ("mrd_rfs_median", _NR, 0.0),
        ("fu_mrd_median", 6.0, 0.5),
        ("fu_mrd_min", 4.0, 0.5),
        ("fu_mrd_max", 32.0, 0.5),
    )
)

#: Targets that other printed numbers contradict, whatever the patients, and why.
CONTRADICTED: dict[str, str] = {
    "cox_os_age_p": (
        "no hazard ratio and limits that round to 1.14 (1.01-1.30) have a Wald P below .031, so that none is .02"
    ),
    "cox_rfs_cns_p": (
        "no hazard ratio and limits that round to 2.44 (1.28-4.66) have a Wald P of .0065 or less (the least is "
        ".0065007), so that none is .006"
    ),
    "mrd_os_months_ci_upper": (
        "the printed RFS leaves at most 6 deaths among the 12; no curve of 12 with at most 6 deaths has an upper "
        "log-log limit of one half or less while somebody is at risk, and at survival 0 there is no limit"
    ),
}


def wald_p_range(ratio: Target, lower: Target, upper: Target) -> tuple[float, float]:
    """Smallest and largest Wald P of a hazard ratio and 95% limits that round to what is printed.

    The limits are exp(b -+ z s), so that (log lower, log upper) run over a rectangle, cut by the window of the
    ratio; z of the test is b / s, monotone along each edge, and its extremes lie at corners of that region.

    Examples
    --------
    >>> found = {target.id: target for target in TARGETS}
    >>> age = wald_p_range(found["cox_os_age_hr"], found["cox_os_age_ci_lower"], found["cox_os_age_ci_upper"])
    >>> tuple(round(p, 4) for p in age)
    (0.0311, 0.0419)
    """
    from blinreg.synthetic.calibration.kernels import Z95

    def window(target: Target) -> tuple[float, float]:
        return math.log(target.printed - target.half_width), math.log(target.printed + target.half_width)

    lows, highs, middles = window(lower), window(upper), [2 * b for b in window(ratio)]
    corners = [(low, high) for low in lows for high in highs]
    corners += [(low, total - low) for low in lows for total in middles]
    corners += [(total - high, high) for high in highs for total in middles]

    def inside(low: float, high: float) -> bool:
        edge = 1e-12
        return (
            lows[0] - edge <= low <= lows[1] + edge
            and highs[0] - edge <= high <= highs[1] + edge
            and middles[0] - edge <= low + high <= middles[1] + edge
        )

    scores = [Z95 * abs(low + high) / (high - low) for low, high in corners if inside(low, high)]
    return math.erfc(max(scores) / math.sqrt(2)), math.erfc(min(scores) / math.sqrt(2))
