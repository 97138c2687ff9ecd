"""The printed counts of the 2020 multicenter real-world study, as sums over kinds of patients.

Each statement gives the numbers it stands for (their ids in the table of published numbers), says it in words, and
is a sum over ``Cells`` between two bounds. Statements without ids are readings: what the paper does not print and
this cohort assumes; no proof of a contradiction may rest on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from blinreg.synthetic.calibration.counts_cells import Cells, Flags

Profile = Literal["strict", "plausible"]
Select = Callable[[Cells], Flags]


@dataclass(frozen=True, slots=True)
class Statement:
    """A count of patients, printed or assumed.

    Parameters
    ----------
    targets : tuple of str
        Ids of the published numbers; empty for a reading.
    words : str
        The statement.
    select : callable
        Kinds of patients that are counted.
    low, high : int
        Bounds of the count, both included.
    """

    targets: tuple[str, ...]
    words: str
    select: Select
    low: int
    high: int


def _exactly(target: str, words: str, n: int, select: Select) -> Statement:
    return Statement(tuple(target.split()), f"{words}: {n}", select, n, n)


def _reading(words: str, low: int, high: int, select: Select) -> Statement:
    return Statement((), words, select, low, high)


def blocks() -> list[Statement]:
    """Sizes of the groups by response and transplant."""
    return [
        _exactly("n_total", "patients", 239, lambda c: c.is_rr | ~c.is_rr),
        _exactly("rr_n", "relapsed or refractory", 227, lambda c: c.is_rr),
        _exactly("mrd_indication_n", "MRD indication", 12, lambda c: ~c.is_rr),
        _exactly("rr_crcri_n", "CR or CRi", 149, lambda c: c.is_response),
        _exactly("rr_nonevaluable_n", "not evaluable", 4, lambda c: c.block("not_evaluable")),
        _exactly("hct_n", "transplanted after blinatumomab", 85, lambda c: c.block("transplanted")),
        _exactly("nonhct_rr_n", "RR without transplant", 142, lambda c: c.is_untransplanted_rr),
        _exactly("nonhct_crcri_n", "CR or CRi without transplant", 64, lambda c: c.block("responder")),
        _exactly("mrd_achieved_n", "MRD became negative", 9, lambda c: c.block("mrd_responder")),
    ]


def genetics() -> list[Statement]:
    """Philadelphia chromosome, KMT2A, and treatment with a tyrosine kinase inhibitor or chemotherapy."""
    return [
        _exactly("ph_pos_n", "Ph+", 61, lambda c: c.is_ph),
        _exactly("ph_pos_rr_n", "RR Ph+", 55, lambda c: c.is_ph & c.is_rr),
        _exactly("ph_pos_mrd_n", "MRD indication, Ph+", 6, lambda c: c.is_ph & ~c.is_rr),
        _exactly("ph_rr_crcri_n", "CR or CRi in RR Ph+", 41, lambda c: c.is_ph & c.is_response),
        _exactly("nonhct_ph_n", "Ph+ among RR without transplant", 35, lambda c: c.is_ph & c.is_untransplanted_rr),
        _exactly("ph_rr_tki_n", "RR Ph+ with TKI", 23, lambda c: c.has_tki & c.is_rr),
        _exactly("tki_n tki_among_ph_n", "with TKI", 29, lambda c: c.has_tki),
        _exactly("ph_rr_tki_crcri_n", "CR or CRi in 83% of RR Ph+ with TKI", 19, lambda c: c.has_tki & c.is_response),
        _exactly(
            "ph_rr_notki_crcri_n",
            "CR or CRi in 69% of the 32 RR Ph+ without TKI",
            22,
            lambda c: c.is_ph & ~c.has_tki & c.is_response,
        ),
        _exactly("ph_mrd_achieved_n", "MRD became negative in Ph+", 4, lambda c: c.is_ph & c.block("mrd_responder")),
        _exactly("t411_n", "KMT2A rearranged", 28, lambda c: c.is_kmt2a),
        _exactly(
            "nonhct_mll_n",
            "KMT2A rearranged among RR without transplant",
            22,
            lambda c: c.is_kmt2a & c.is_untransplanted_rr,
        ),
        _reading("no KMT2A in the MRD indication", 0, 0, lambda c: c.is_kmt2a & ~c.is_rr),
        _exactly("with_chemo_n", "chemotherapy with blinatumomab", 3, lambda c: c.has_chemotherapy),
        _reading("chemotherapy in Ph- RR only", 0, 0, lambda c: c.has_chemotherapy & (c.is_ph | ~c.is_rr)),
    ]


def lines(profile: Profile) -> list[Statement]:
    """Lines of therapy before blinatumomab."""
    common = [
        _exactly("salvage1_n", "first salvage", 126, lambda c: c.lines == 1),
        _exactly("salvage2_n", "second salvage", 51, lambda c: c.lines == 2),
        _exactly("salvage3plus_n", "third salvage or beyond", 62, lambda c: c.lines == 3),
        _exactly("salv1_crcri_n", "CR or CRi in first salvage", 90, lambda c: (c.lines == 1) & c.is_response),
        _exactly("salv2_crcri_n", "CR or CRi in second salvage", 33, lambda c: (c.lines == 2) & c.is_response),
        # The median of 142 is the mean of the 71st and 72nd.
        Statement(
            ("nonhct_prior_tx_median",),
            "median of 2 prior lines in RR without transplant: at most 70 with one line",
            lambda c: (c.lines == 1) & c.is_untransplanted_rr,
            0,
            70,
        ),
        Statement(
            ("nonhct_prior_tx_median",),
            "median of 2 prior lines in RR without transplant: at least 72 with one or two lines",
            lambda c: (c.lines <= 2) & c.is_untransplanted_rr,
            72,
            142,
        ),
        Statement(
            ("hct_prior_tx_median",),
            "median of 2 lines up to transplant, blinatumomab included: at least 43 of 85 with one prior line",
            lambda c: (c.lines == 1) & c.block("transplanted"),
            43,
            85,
        ),
        _reading(
            "some transplanted with three or more prior lines",
            6,
            85,
            lambda c: (c.lines == 3) & c.block("transplanted"),
        ),
    ]
    if profile == "strict":
        return [
            *common,
            _exactly(
                "salv1_crcri_pct", "RR in first salvage, as Table 2 has it", 126, lambda c: (c.lines == 1) & c.is_rr
            ),
            _exactly(
                "salv2_crcri_pct", "RR in second salvage, as Table 2 has it", 51, lambda c: (c.lines == 2) & c.is_rr
            ),
        ]
    return [
        *common,
        _reading("eight of the MRD indication after one line", 8, 8, lambda c: (c.lines == 1) & ~c.is_rr),
        _reading("three of the MRD indication after two lines", 3, 3, lambda c: (c.lines == 2) & ~c.is_rr),
    ]


def first_remission() -> list[Statement]:
    """Time to progression after induction."""
    under_18 = ("under_1_year", "12_to_18_months")
    return [
        _exactly("primary_refractory_n", "primary refractory", 55, lambda c: c.first_remission("primary_refractory")),
        _exactly(
            "primref_crcri_n", "CR or CRi in primary refractory", 35,
            lambda c: c.first_remission("primary_refractory") & c.is_response,
        ),
        _exactly(
            "nonhct_primref_n", "primary refractory among RR without transplant", 25,
            lambda c: c.first_remission("primary_refractory") & c.is_untransplanted_rr,
        ),
        _exactly("ttp_lt1_n", "first remission under 1 year", 93, lambda c: c.first_remission("under_1_year")),
        _exactly(
            "ttp_1_2_n", "first remission of 1 to 2 years", 45,
            lambda c: c.first_remission("12_to_18_months", "18_to_24_months"),
        ),
        _exactly("ttp_2_3_n", "first remission of 2 to 3 years", 16, lambda c: c.first_remission("2_to_3_years")),
        _exactly("ttp_ge3_n", "first remission of 3 years or more", 18, lambda c: c.first_remission("over_3_years")),
        _exactly("early18_n", "relapse within 18 months", 121, lambda c: c.first_remission(*under_18)),
        _exactly(
            "early18_crcri_n", "CR or CRi after relapse within 18 months", 78,
            lambda c: c.first_remission(*under_18) & c.is_response,
        ),
        _exactly(
            "early_text_crcri_pct", "CR or CRi in 65% of the 93 with a first remission under 1 year", 60,
            lambda c: c.first_remission("under_1_year") & c.is_response,
        ),
        _exactly(
            "late36_crcri_n", "CR or CRi after relapse at 36 months or later", 12,
            lambda c: c.first_remission("over_3_years") & c.is_response,
        ),
        _exactly(
            "late36_n", "evaluable after relapse at 36 months or later", 17,
            lambda c: c.first_remission("over_3_years") & ~c.block("not_evaluable"),
        ),
    ]  # fmt: skip


def history() -> list[Statement]:
    """Transplant and CNS disease before blinatumomab."""
    return [
        _exactly("prior_hct_n", "transplant before blinatumomab", 46, lambda c: c.has_prior_transplant),
        _exactly(
            "nonhct_prior_hct_n",
            "transplant before blinatumomab among RR without transplant after it",
            41,
            lambda c: c.has_prior_transplant & c.is_untransplanted_rr,
        ),
        _exactly(
            "hct_prior_hct_n",
            "transplant before blinatumomab among the transplanted",
            5,
            lambda c: c.has_prior_transplant & c.block("transplanted"),
        ),
        _exactly(
            "nonhct_cns_hist_n",
            "history of CNS disease among RR without transplant",
            34,
            lambda c: c.has_cns & c.is_untransplanted_rr,
        ),
        _exactly(
            "cns_at_blina_n it_chemo_active_cns_n",
            "active CNS disease, with intrathecal chemotherapy",
            9,
            lambda c: c.has_active_cns,
        ),
        Statement(
            ("cns_dx_n", "cns_relapse_n", "cns_at_blina_n"),
            "history of CNS disease: at least the 39 at relapse, at most 15 + 39 + 9",
            lambda c: c.has_cns,
            39,
            63,
        ),
        _reading("no history of CNS disease in the MRD indication", 0, 0, lambda c: c.has_cns & ~c.is_rr),
        # The published precision of the CNS and KMT2A terms of the Cox model of relapse-free survival needs that many.
        _reading("history of CNS disease among responders", 26, 40, lambda c: c.has_cns & c.is_response),
        _reading("some with CNS disease at more than one of the three times", 44, 54, lambda c: c.has_cns),
        _reading("KMT2A among responders without transplant", 8, 14, lambda c: c.is_kmt2a & c.block("responder")),
        _reading(
            "transplant before blinatumomab among responders without transplant",
            12,
            20,
            lambda c: c.has_prior_transplant & c.block("responder"),
        ),
    ]


def not_evaluable() -> list[Statement]:
    """Where the four patients without an evaluation may be.

    Table 2 divides by the full size of its subgroups and by the evaluable overall. Both hold if none of the four is
    Ph+, in first or second salvage, primary refractory, or relapsed within 18 months.
    """
    return [
        _reading(
            "the not evaluable outside the subgroups of Table 2",
            0,
            0,
            lambda c: (
                c.block("not_evaluable")
                & (
                    c.is_ph
                    | (c.lines < 3)
                    | c.first_remission("primary_refractory", "under_1_year", "12_to_18_months")
                    | c.has_chemotherapy
                )
            ),
        )
    ]


def statements(profile: Profile) -> list[Statement]:
    """All counts of a profile that depend on each other through the kinds of patients."""
    return [*blocks(), *genetics(), *lines(profile), *first_remission(), *history(), *not_evaluable()]
