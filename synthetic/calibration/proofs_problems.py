"""The contradictions of the paper as small integer programs.

A problem has kinds of patients, and printed statements that count some of them. If no numbers of patients satisfy all
statements, the paper contradicts itself. The strangest statement stands last; it is the one that must be in the core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.calibration.counts_ages import GROUPS, OLDEST, YOUNGEST
from blinreg.synthetic.calibration.counts_cells import make_cells
from blinreg.synthetic.calibration.counts_statements import Statement, statements

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Count:
    """A printed count: the kinds that are counted and the bounds of their sum.

    ``targets`` are ids of published numbers; empty for what is asked ("could it be otherwise?") and for definitions.
    """

    targets: tuple[str, ...]
    words: str
    kinds: Mask
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A contradiction to be proved.

    Parameters
    ----------
    id : str
        Name of the proof.
    conflict : str
        Group of conflicting numbers.
    sort : str
        contradiction: printed numbers exclude each other. consequence: printed numbers exclude what one would expect.
    gives_up : tuple of str
        Printed numbers that the cohort does not have on account of it.
    arithmetic : str
        The proof in a sentence.
    counts : tuple of Count
        Statements; the last is the one to be refuted.
    """

    id: str
    conflict: str
    sort: str
    gives_up: tuple[str, ...]
    arithmetic: str
    counts: tuple[Count, ...]


def _of_cells(last: Count, keep: Callable[[Statement], bool] = lambda _: True) -> tuple[Count, ...]:
    cells = make_cells()
    printed = [
        Count(statement.targets, statement.words, statement.select(cells), statement.low, statement.high)
        for statement in statements("strict")
        if statement.targets and keep(statement)
    ]
    return (*printed, last)


def _table(counts: Sequence[tuple[str, str, Sequence[int], int, int]]) -> tuple[Count, ...]:
    """Counts of a problem with a handful of kinds, by the flags of the kinds."""
    return tuple(
        Count(tuple(targets.split()), words, np.array(flags, dtype=np.bool_), low, high)
        for targets, words, flags, low, high in counts
    )


def _sex() -> Problem:
    return Problem(
        "female", "C_SEX", "contradiction", ("female_table_n", "female_table_pct"),
        "101 + 138 = 239: the two counts of women are complements, so that one of them counts the men.",
        _table([
            ("female_text_n", "women (text): 101", (1, 0), 101, 101),
            ("female_table_n", "women (Table 1): 138", (1, 0), 138, 138),
        ]),
    )  # fmt: skip


def _tki() -> Problem:
    cells = make_cells()
    last = Count(("ph_rr_tki_disc_n",), "RR Ph+ with TKI (Discussion): 25", cells.has_tki & cells.is_rr, 25, 25)
    return Problem(
        "tki_25", "C_TKI_N", "contradiction", ("ph_rr_tki_disc_n", "ph_rr_tki_disc_pct"),
        "The text counts 23 of 55 with a TKI, the Discussion 25; and 83% of 25 is no whole number (20 are 80%, 21 are "
        "84%), as 69% of 30 is none (20 are 67%, 21 are 70%), while 19 of 23 and 22 of 32 give both rates and the 41.",
        _of_cells(last),
    )  # fmt: skip


def _extramedullary() -> Problem:
    # Relapsed or refractory: marrow and extramedullary, marrow alone, extramedullary alone, neither; then the MRD
    # indication with extramedullary disease and without.
    return Problem(
        "emd_without_marrow_8", "C_MARROW_EMD", "contradiction", ("emd_no_marrow_n",),
        "227 - 221 = 6 patients with relapsed or refractory disease are without marrow disease; Table 2 has all 10 "
        "with extramedullary disease among the relapsed or refractory, so that 8 of them cannot be without.",
        _table([
            ("rr_n", "relapsed or refractory: 227", (1, 1, 1, 1, 0, 0), 227, 227),
            ("rr_marrow_disease_n", "RR with marrow disease: 221", (1, 1, 0, 0, 0, 0), 221, 221),
            ("emd_n", "extramedullary disease: 10", (1, 0, 1, 0, 1, 0), 10, 10),
            ("emd_response_pct", "RR with extramedullary disease (Table 2): 10", (1, 0, 1, 0, 0, 0), 10, 10),
            ("emd_no_marrow_n", "extramedullary without marrow disease: 8", (0, 0, 1, 0, 1, 0), 8, 8),
        ]),
    )  # fmt: skip


def _lines_maximum() -> Problem:
    # Up to 7 lines and 8 lines: RR without transplant, then all others.
    return Problem(
        "lines_8", "C_PRIORTX_MAX", "contradiction", ("nonhct_prior_tx_max",),
        "The 142 without transplant are part of the 239: a maximum of 8 lines in them is one in all.",
        _table([
            ("prior_tx_max", "most lines of the 239: 7, none with 8", (0, 1, 0, 1), 0, 0),
            ("nonhct_prior_tx_max", "most lines of the 142 not transplanted: 8, in one or more", (0, 1, 0, 0), 1, 142),
        ]),
    )  # fmt: skip


def _first_remission() -> list[Problem]:
    cells = make_cells()
    over_2 = cells.first_remission("2_to_3_years", "over_3_years")
    return [
        Problem(
            "late_31", "C_LATE", "contradiction", ("late_text_n",),
            "16 + 18 = 34 of Table 1 have a first remission of 2 years or more, the text has 31.",
            _of_cells(
                Count(("late_text_n",), "relapse after more than 2 years (text): 31", over_2, 31, 31),
                lambda statement: "late36_n" not in statement.targets,
            ),
        ),
        Problem(
            "late_responders_16", "C_TTP_RESP", "contradiction", ("late_text_crcri_pct",),
            "149 - 35 - 78 = 36 responders relapsed after 18 months or later; with 16 (51% of 31) after 2 years, 20 "
            "are left for the 121 - 93 = 28 and so 45 - 28 = 17 who relapsed between 18 and 24 months.",
            _of_cells(
                Count(
                    ("late_text_crcri_pct",),
                    "CR or CRi after relapse later than 2 years, 51% of 31: at most 16",
                    over_2 & cells.is_response, 0, 16,
                )
            ),
        ),
        Problem(
            "early_78", "C_EARLY", "contradiction", ("early_text_n",),
            "Table 1 counts 93 with a first remission under 1 year, the text 78; 78 are the responders among the 121 "
            "who relapsed within 18 months (Table 2).",
            _of_cells(
                Count(
                    ("early_text_n",), "relapse within 1 year (text): 78", cells.first_remission("under_1_year"), 78, 78
                ),
                lambda statement: "early_text_crcri_pct" not in statement.targets,
            ),
        ),
        Problem(
            "late_18_evaluable", "C_LATE", "consequence", (),
            "Table 1 has 18 with a first remission of 3 years or more, Table 2 has 17 evaluable: one is not evaluable.",
            _of_cells(
                Count(
                    (), "asked: everybody with a first remission of 3 years or more is evaluable",
                    cells.first_remission("over_3_years") & cells.block("not_evaluable"), 0, 0,
                )
            ),
        ),
    ]  # fmt: skip


def _salvage() -> list[Problem]:
    cells = make_cells()
    # Third salvage or beyond: with three or more recorded lines, with lines not recorded.
    return [
        Problem(
            "mrd_all_third_salvage", "C_SALVAGE_DENOM", "consequence", ("salv1_crcri_pct", "salv2_crcri_pct"),
            "126 + 51 + 62 = 239 (Table 1), and the 126 and 51 are all relapsed or refractory (Table 2): none of the "
            "12 of the MRD indication is among them, all 12 are in third salvage or beyond.",
            _of_cells(
                Count((), "asked: somebody of the MRD indication in first or second salvage",
                      ~cells.is_rr & (cells.lines < 3), 1, 12)
            ),
        ),
        Problem(
            "lines_not_recorded", "C_GE3", "consequence", (),
            "62 are in third salvage or beyond and have three or more earlier lines, of which Table 1 counts 61: of "
            "one the number of lines is missing.",
            _table([
                ("salvage3plus_n", "third salvage or beyond: 62", (1, 1), 62, 62),
                ("ge3_therapies_n", "three or more lines: 61", (1, 0), 61, 61),
                ("", "asked: the number of lines is recorded of everybody", (0, 1), 0, 0),
            ]),
        ),
    ]  # fmt: skip


def _toxicity() -> list[Problem]:
    return [
        Problem(
            "hepatotoxicity_83", "C_HEPATOTOX", "contradiction", ("hepatotox_any_table_n",),
            "58 + 26 = 84 patients by worst grade, which the text prints; Table 3 prints 83.",
            _table([
                ("hepatotox_g12_n", "worst grade 1 to 2: 58", (1, 0), 58, 58),
                ("hepatotox_g3plus_n", "worst grade 3 and more: 26", (0, 1), 26, 26),
                ("hepatotox_any_table_n", "any grade (Table 3): 83", (1, 1), 83, 83),
            ]),
        ),
        Problem(
            "neurotoxicity_ungraded", "C_NEURO_SUM", "consequence", (),
            "36 + 17 = 53 of 55 have a grade; the row of stroke has 3 patients and one graded: 2 strokes have none.",
            _table([
                ("neuro_any_n", "neurotoxicity of any grade: 55", (1, 1, 1), 55, 55),
                ("neuro_g12_n", "worst grade 1 to 2: 36", (1, 0, 0), 36, 36),
                ("neuro_g3plus_n", "worst grade 3 and more: 17", (0, 1, 0), 17, 17),
                ("", "asked: all are graded", (0, 0, 1), 0, 0),
            ]),
        ),
        Problem(
            "discontinued_16", "C_DISCONT", "contradiction", ("discont_text_n", "discont_text_pct"),
            "Table 3 and the Discussion count 17 patients who stopped for adverse events, the text 16.",
            _table([
                ("discont_table_n", "stopped for adverse events (Table 3): 17", (1,), 17, 17),
                ("discont_text_n", "stopped for adverse events (text): 16", (1,), 16, 16),
            ]),
        ),
        Problem(
            "discontinued_two_reasons", "C_DISCONT", "consequence", (),
            "8 + 4 + 3 + 3 are 18 reasons already, and 19 with pain, in 17 patients: some stopped for two.",
            _table([
                ("discont_neurotox_n", "neurotoxicity: 8", (1, 0, 0, 0, 0), 8, 8),
                ("discont_hepatotox_n", "hepatotoxicity: 4", (0, 1, 0, 0, 0), 4, 4),
                ("discont_crs_n", "CRS: 3", (0, 0, 1, 0, 0), 3, 3),
                ("discont_infection_n", "infection: 3", (0, 0, 0, 1, 0), 3, 3),
                ("discont_pain_n", "pain: 1", (0, 0, 0, 0, 1), 1, 1),
                ("discont_table_n", "asked: 17 stopped, each for one reason", (1, 1, 1, 1, 1), 17, 17),
            ]),
        ),
    ]  # fmt: skip


def _ages() -> Problem:
    """Medians as counts; of the even group only what holds whatever its two middle ages are."""
    kinds = list(product(GROUPS, range(YOUNGEST, OLDEST + 1)))

    def older(groups: Sequence[str], first: int, last: int) -> Mask:
        return np.array([group in groups and first <= age <= last for group, age in kinds], dtype=np.bool_)

    counts = [
        Count(
            (f"{target}",), f"{words}: {GROUPS[group]}", older((group,), YOUNGEST, OLDEST), GROUPS[group], GROUPS[group]
        )
        for group, target, words in (
            ("transplanted", "hct_n", "transplanted"),
            ("not_transplanted", "nonhct_rr_n", "RR without transplant"),
            ("mrd", "mrd_indication_n", "MRD indication"),
        )
    ]
    counts += [
        Count(("age_median",), "median age of the 239 is 48: at least 120 are 48 or younger",
              older(tuple(GROUPS), YOUNGEST, 48), 120, 239),
        Count(("nonhct_age_median",), "median age of the 142 is 51: at most 71 are 50 or younger",
              older(("not_transplanted",), YOUNGEST, 50), 0, 71),
        Count(("hct_age_median",), "median age of the 85 transplanted is 59: at most 42 are 58 or younger",
              older(("transplanted",), YOUNGEST, 58), 0, 42),
        Count((), "asked: 6 or more of the transplanted are 49 to 58 years old",
              older(("transplanted",), 49, 58), 6, 85),
    ]  # fmt: skip
    return Problem(
        "age_gap", "C_AGE_SUBGROUPS", "consequence", ("hct_age_median",),
        "At most 42 transplanted, 71 others and 12 of the MRD indication are 48 or younger, 125 in all, and 120 have "
        "to be: at most 5 of the transplanted are between 49 and 58, just below their median.",
        tuple(counts),
    )  # fmt: skip


def _blasts() -> Problem:
    # Blood blasts below 0.2%, at 0.2%, above.
    return Problem(
        "blasts_at_minimum", "C_PB_BLAST", "consequence", ("pb_blast_min",),
        "Of 229 values the 115th is the median; if it is the minimum, 0.2%, all 115 up to it are.",
        _table([
            ("pb_blast_missing_n", "blood blasts known of 239 - 10 = 229", (1, 1, 1), 229, 229),
            ("pb_blast_median", "median 0.2%: at least 115 have 0.2% or less", (1, 1, 0), 115, 229),
            ("pb_blast_min", "minimum 0.2%: none has less", (1, 0, 0), 0, 0),
            ("", "asked: fewer than half have exactly 0.2%", (0, 1, 0), 0, 114),
        ]),
    )  # fmt: skip


def problems() -> list[Problem]:
    """All contradictions and consequences that are proved."""
    return [
        _sex(), _tki(), _extramedullary(), _lines_maximum(), *_first_remission(), *_salvage(), *_toxicity(),
        _ages(), _blasts(),
    ]  # fmt: skip
