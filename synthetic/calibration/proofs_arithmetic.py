"""Printed numbers that contradict themselves: percentages that no count gives, P values against their own intervals.

All of these are enumerations, complete within the rounding of what is printed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from statistics import NormalDist
from typing import Any

#: Sizes of the groups that the paper names, for the question whether another denominator explains a percentage.
DENOMINATORS = {
    "all": 239,
    "relapsed or refractory": 227,
    "evaluable": 223,
    "evaluable for CRS": 236,
    "evaluable for hepatotoxicity": 238,
    "responders": 149,
    "without transplant": 142,
    "Ph+": 61,
    "RR Ph+": 55,
    "transplanted": 85,
    "CRS": 94,
}


@dataclass(frozen=True, slots=True)
class Percentage:
    """A printed percentage with the count and denominator it stands beside."""

    target: str
    conflict: str
    words: str
    percent: str
    count: int
    of: int


#: Percentages that their count and denominator do not round to.
PERCENTAGES = (
    Percentage("rr_crcri_pct_abstract", "C_CR_RATE", "CR or CRi in 65% (abstract)", "65", 149, 227),
    Percentage("rr_crcri_disc_pct", "C_CR_RATE", "CR or CRi in 65% (n = 149/227, Discussion)", "65", 149, 227),
    Percentage("rr_mrdneg_pct_abstract", "C_MRDNEG_RATE", "MRD-negative CR in 47% (abstract)", "47", 109, 227),
    Percentage("late_text_crcri_pct", "C_LATE", "CR or CRi in 51% of 31 (text)", "51", 16, 31),
    Percentage("salv1_crcri_pct_text", "C_SALV1_PCT", "CR or CRi in 70% of 126 in first salvage (text)", "70", 90, 126),
    Percentage("ph_pos_pct_text", "C_PH_PCT", "Ph+ in 25% (text)", "25", 61, 239),
    Percentage("ph_rr_crcri_pct_text", "C_PH_CR_PCT", "CR or CRi in 74% of RR Ph+ (text)", "74", 41, 55),
    Percentage("hepatotox_g3plus_pct", "C_HEPATOTOX_G3_PCT", "hepatotoxicity of grade 3 in 10%", "10", 26, 238),
    Percentage("ph_mrd_achieved_pct", "C_PHMRD_PCT", "MRD negativity in 66% of 6 Ph+", "66", 4, 6),
    Percentage("cns_dx_pct", "C_CNS_PCT", "CNS disease at diagnosis in 6.5%", "6.5", 15, 239),
    Percentage("cns_relapse_pct", "C_CNS_PCT", "CNS disease at relapse in 17%", "17", 39, 239),
    Percentage("ttp_lt1_pct", "C_TTP_PCT", "first remission under 1 year in 40%", "40", 93, 239),
    Percentage("primary_refractory_pct", "C_PRIMREF_DENOM", "primary refractory in 24%", "24", 55, 239),
    Percentage("crs_steroids_pct", "C_CRS_STEROID", "corticosteroids in 44% of 94 with CRS", "44", 44, 94),
    Percentage("crs_toci_pct", "C_CRS_STEROID", "tocilizumab in 8% of 94 with CRS", "8", 8, 94),
    Percentage("hct_pct", "C_HCT_DENOM", "transplanted in 35.5%", "35.5", 85, 239),
    Percentage("donor_mrd_pct", "C_DONOR_PCT", "matched related donor in 37% (Table 4)", "37", 31, 85),
    Percentage("donor_cord_pct_text", "C_DONOR_PCT", "cord blood in 9.5% (text)", "9.5", 5, 85),
)  # fmt: skip


def rounds_to(count: int, of: int, printed: str) -> bool:
    """Whether a count is the printed percentage of a denominator, at its printed precision.

    Examples
    --------
    >>> rounds_to(149, 223, "67"), rounds_to(149, 227, "65")
    (True, False)
    """
    unit = Decimal(printed)
    return (Decimal(100 * count) / of).quantize(unit, rounding=ROUND_HALF_UP) == unit


def _percentage_proof(printed: Percentage) -> dict[str, Any]:
    counts = [count for count in range(printed.of + 1) if rounds_to(count, printed.of, printed.percent)]
    others = [f"{name} ({of})" for name, of in DENOMINATORS.items() if rounds_to(printed.count, of, printed.percent)]
    share = 100 * printed.count / printed.of
    says = (
        f"{printed.count} of {printed.of} are {share:.2f}%. "
        + (
            f"Of {printed.of}, {printed.percent}% are {' or '.join(map(str, counts))} patients. "
            if counts
            else f"No whole number of {printed.of} patients is {printed.percent}%. "
        )
        + (
            f"{printed.count} are {printed.percent}% of: {', '.join(others)}."
            if others
            else f"{printed.count} are {printed.percent}% of none of the groups that the paper names."
        )
    )
    return {
        "id": f"percent_{printed.target}",
        "conflict": printed.conflict,
        "kind": "arithmetic",
        "targets": [printed.target],
        "gives_up": [printed.target],
        "statements": [printed.words, f"{printed.count} of {printed.of}"],
        "arithmetic": says,
        "status": "ENUMERATED",
    }


@dataclass(frozen=True, slots=True)
class Ratio:
    """A printed ratio with its 95% interval and P value, as printed: the digits tell the precision."""

    target: str
    conflict: str
    words: str
    ratio: str
    lower: str
    upper: str
    p: str


RATIOS = (
    Ratio("cox_os_age_p", "C_P_AGE", "hazard ratio of age (OS)", "1.14", "1.01", "1.30", "0.02"),
    Ratio("cox_rfs_cns_p", "C_P_CNS", "hazard ratio of CNS disease (RFS)", "2.44", "1.28", "4.66", "0.006"),
    Ratio("cox_rfs_mll_p", "", "hazard ratio of KMT2A (RFS)", "3.38", "1.41", "8.07", "0.006"),
    Ratio("cox_os_ph_p", "", "hazard ratio of Ph (OS)", "0.38", "0.21", "0.66", "0.0008"),
    Ratio("cox_os_hct_p", "", "hazard ratio of transplant (OS)", "0.40", "0.24", "0.67", "0.0005"),
    Ratio("cox_os_cr1_lt1_p", "", "hazard ratio of CR1 under 1 year (OS)", "1.69", "1.02", "2.79", "0.04"),
    Ratio("hct_crcri_os_p", "", "hazard ratio of transplant (responders' OS)", "0.54", "0.30", "0.97", "0.04"),
    Ratio("logit_tki_chemo_p", "", "odds ratio of TKI or chemotherapy", "4.97", "1.51", "16.43", "0.008"),
    Ratio("logit_prior_gt3_p", "C_P_CNS", "odds ratio of 3 or more lines", "0.33", "0.15", "0.71", "0.004"),
)


def rounding_window(printed: str) -> tuple[float, float]:
    """Smallest and largest number that is printed so.

    Examples
    --------
    >>> rounding_window("0.006")
    (0.0055, 0.0065)
    """
    value = Decimal(printed)
    half = Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    return float(value - half), float(value + half)


def wald_p_range(printed: Ratio) -> tuple[float, float]:
    """Smallest and largest Wald P value that the printed ratio and its 95% interval allow within their rounding.

    The logarithms of ratio and limits are b and b -+ 1.96 s. Every b and s within the three windows is allowed; these
    are a convex set, on whose corners |b| / s has its extremes.

    Examples
    --------
    >>> low, high = wald_p_range(RATIOS[0])
    >>> round(low, 3), round(high, 3)
    (0.031, 0.042)
    """
    z = NormalDist().inv_cdf(0.975)

    def window(printed: str) -> tuple[float, float]:
        low, high = rounding_window(printed)
        return math.log(low), math.log(high)

    # Half-planes c1 b + c2 s <= c0.
    planes = []
    for c2, (low, high) in ((0.0, window(printed.ratio)), (-z, window(printed.lower)), (z, window(printed.upper))):
        planes += [(1.0, c2, high), (-1.0, -c2, -low)]
    corners = []
    for i, (a1, a2, a0) in enumerate(planes):
        for b1, b2, b0 in planes[:i]:
            determinant = a1 * b2 - a2 * b1
            if abs(determinant) < 1e-12:
                continue
            b, s = (a0 * b2 - a2 * b0) / determinant, (a1 * b0 - a0 * b1) / determinant
            if all(c1 * b + c2 * s <= c0 + 1e-12 for c1, c2, c0 in planes):
                corners.append(abs(b) / s)
    ps = [math.erfc(corner / math.sqrt(2)) for corner in corners]
    return min(ps), max(ps)


def _ratio_proof(printed: Ratio) -> dict[str, Any] | None:
    least, most = wald_p_range(printed)
    low, high = rounding_window(printed.p)
    if low <= most and least <= high:
        return None
    return {
        "id": f"p_value_{printed.target}",
        "conflict": printed.conflict,
        "kind": "arithmetic",
        "targets": [printed.target],
        "gives_up": [printed.target],
        "statements": [
            f"{printed.words}: {printed.ratio} ({printed.lower} to {printed.upper}), P {printed.p}",
            "the interval is the ratio times and divided by exp(1.96 s), P that of ln(ratio) / s",
        ],
        "arithmetic": (
            f"Within their rounding, ratio and interval allow Wald P values from {least:.6f} to {most:.6f}; the "
            f"printed one stands for {low} to {high}."
        ),
        "status": "ENUMERATED",
    }


def _limit_proof() -> dict[str, Any] | None:
    """Proof that the upper limit of the MRD indication's median is none of a log-log interval, if it is not."""
    from blinreg.synthetic.calibration.mrd_arm import least_upper_limit

    least = least_upper_limit()
    if least <= 0.5:
        return None
    return {
        "id": "limit_mrd_os_months_ci_upper",
        "conflict": "C_MRD_FU",
        "kind": "arithmetic",
        "targets": ["mrd_os_months_ci_upper"],
        "gives_up": ["mrd_os_months_ci_upper"],
        "statements": [
            "MRD indication: 12 patients, survivors followed for at most 32 months",
            "relapse-free survival 54% at 2 years in 9 responders: at most 6 of the 12 die",
            "overall survival, median 34.7 months, upper limit 34.7",
        ],
        "arithmetic": (
            "Survivors are followed for at most 32 months, so the last of the 12 patients dies at 34.7. In every order "
            f"of at most 6 deaths the upper log-log limit is {least:.3f} or more while somebody is at risk, never one "
            "half, and at a survival of 0 it does not exist: the upper limit of the median is not reached."
        ),
        "status": "ENUMERATED",
    }


def arithmetic_proofs() -> list[dict[str, Any]]:
    """Proofs of the numbers that contradict themselves; those that do not are left out."""
    percentages = [_percentage_proof(p) for p in PERCENTAGES if not rounds_to(p.count, p.of, p.percent)]
    ratios = [proof for ratio in RATIOS if (proof := _ratio_proof(ratio)) is not None]
    limits = [proof for proof in (_limit_proof(),) if proof is not None]
    return [*percentages, *ratios, *limits]
