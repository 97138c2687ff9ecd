"""What each profile of the calibrated cohort gives up, and why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from blinreg.synthetic.calibration.counts_statements import Profile

#: Printed numbers that a profile does not aim at although another choice could have met them, with the reason.
#: Where two numbers contradict each other, the one that is not followed stands in both profiles.
_CONTRADICTED: Mapping[str, str] = MappingProxyType(
    {
        "female_table_n": "138 women (Table 1) and 101 (text) add up to 239: one place has women and men exchanged.",
        "female_table_pct": "138 women (Table 1) and 101 (text) add up to 239: one place has women and men exchanged.",
        "emd_no_marrow_n": "Of 227 with relapsed or refractory disease 221 have it in the marrow: 6 have not, not 8.",
        "nonhct_prior_tx_max": "A part of the cohort cannot have 8 earlier lines where all have 7 at most.",
        "ph_rr_tki_disc_n": "25 with a TKI do not give the printed response rates of 83% and 69%; 23 do.",
        "ph_rr_tki_disc_pct": "25 with a TKI do not give the printed response rates of 83% and 69%; 23 do.",
        "early_text_n": "Table 1 has 93 with a first remission under 1 year; 78 are the responders of Table 2.",
        "late_text_n": "Table 1 has 34 with a first remission of 2 years or more, the text 31.",
        "late_text_crcri_pct": "No whole number of 31 patients is 51%, and 16 leave too many responders elsewhere.",
        "hepatotox_any_table_n": "58 of grade 1 to 2 and 26 of grade 3 and more are 84 patients, not 83.",
        "discont_text_n": "Table 3 and the Discussion count 17 patients who stopped, the text 16.",
        "discont_text_pct": "Table 3 and the Discussion count 17 patients who stopped, the text 16 (7% are both).",
    }
)

_IMPLAUSIBLE: Mapping[str, str] = MappingProxyType(
    {
        "hct_age_median": (
            "A median age of 59 in the transplanted, above the 51 of the others, leaves almost nobody of 49 to 58 in "
            "the transplanted; the profile has 45."
        ),
        "pb_blast_min": "A minimum of 0.2% that is the median too puts half of the patients there; the profile has 0.",
        "salv1_crcri_pct": (
            "If all 126 in first salvage are relapsed or refractory, as in Table 2, nobody of the MRD indication is; "
            "the profile has 8 of the 12 there."
        ),
        "salv2_crcri_pct": (
            "If all 51 in second salvage are relapsed or refractory, as in Table 2, all 12 of the MRD indication are "
            "in third salvage or beyond; the profile has one."
        ),
    }
)

GIVEN_UP: Mapping[Profile, Mapping[str, str]] = MappingProxyType(
    {"strict": _CONTRADICTED, "plausible": MappingProxyType({**_CONTRADICTED, **_IMPLAUSIBLE})}
)
