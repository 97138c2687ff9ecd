"""Kinds of patients: every combination of the characteristics whose printed counts depend on each other.

The counts of the 2020 multicenter real-world study are sums over these kinds. Finding a cohort with the printed
counts is therefore an integer program whose unknowns are the numbers of patients of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]

#: What became of a patient; the order is the code. The last two are of the MRD indication.
BLOCKS = ("transplanted", "responder", "nonresponder", "not_evaluable", "mrd_responder", "mrd_nonresponder")
CYTOGENETICS = ("neither", "kmt2a", "ph")
#: With blinatumomab. Intrathecal chemotherapy was given to those with active CNS disease at the first dose.
THERAPIES = ("alone", "tki", "chemotherapy", "intrathecal")
#: Length of the first remission, cut at 18 months as well, where Table 2 cuts it. MRD indication: it goes on.
FIRST_REMISSIONS = (
    "primary_refractory",
    "under_1_year",
    "12_to_18_months",
    "18_to_24_months",
    "2_to_3_years",
    "over_3_years",
    "ongoing",
)
ATTRIBUTES = ("block", "cytogenetics", "therapy", "lines", "cns", "first_remission", "prior_transplant")


@dataclass(frozen=True, slots=True)
class Cells:
    """Kinds of patients, one position each in every array.

    Parameters
    ----------
    codes : array of int, (n cells, n attributes)
        Codes in the order of ``ATTRIBUTES``; ``lines`` is 1, 2 or 3 (three or more).
    """

    codes: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of kinds."""
        return len(self.codes)

    def attribute(self, name: str) -> NDArray[np.int64]:
        """Codes of one attribute."""
        return self.codes[:, ATTRIBUTES.index(name)]

    def block(self, *names: str) -> Flags:
        """Whether the kind is of one of these blocks."""
        return np.isin(self.attribute("block"), [BLOCKS.index(name) for name in names])

    def first_remission(self, *names: str) -> Flags:
        """Whether the first remission is of one of these lengths."""
        return np.isin(self.attribute("first_remission"), [FIRST_REMISSIONS.index(name) for name in names])

    @property
    def is_rr(self) -> Flags:
        """Relapsed or refractory disease, and not the MRD indication."""
        return np.asarray(self.attribute("block") < BLOCKS.index("mrd_responder"))

    @property
    def is_untransplanted_rr(self) -> Flags:
        """Relapsed or refractory, without transplant after blinatumomab."""
        return self.block("responder", "nonresponder", "not_evaluable")

    @property
    def is_response(self) -> Flags:
        """CR or CRi of relapsed or refractory disease."""
        return self.block("transplanted", "responder")

    @property
    def is_ph(self) -> Flags:
        """Philadelphia chromosome."""
        return np.asarray(self.attribute("cytogenetics") == CYTOGENETICS.index("ph"))

    @property
    def is_kmt2a(self) -> Flags:
        """KMT2A (MLL) rearrangement."""
        return np.asarray(self.attribute("cytogenetics") == CYTOGENETICS.index("kmt2a"))

    @property
    def has_tki(self) -> Flags:
        """Tyrosine kinase inhibitor with blinatumomab."""
        return np.asarray(self.attribute("therapy") == THERAPIES.index("tki"))

    @property
    def has_chemotherapy(self) -> Flags:
        """Systemic chemotherapy with blinatumomab."""
        return np.asarray(self.attribute("therapy") == THERAPIES.index("chemotherapy"))

    @property
    def has_active_cns(self) -> Flags:
        """Active CNS disease at the first dose, with intrathecal chemotherapy."""
        return np.asarray(self.attribute("therapy") == THERAPIES.index("intrathecal"))

    @property
    def has_cns(self) -> Flags:
        """History of CNS disease: at diagnosis, at relapse or at the first dose."""
        return np.asarray(self.attribute("cns") == 1)

    @property
    def has_prior_transplant(self) -> Flags:
        """Allogeneic transplant before blinatumomab."""
        return np.asarray(self.attribute("prior_transplant") == 1)

    @property
    def lines(self) -> NDArray[np.int64]:
        """Lines of therapy before blinatumomab: 1, 2, or 3 for three and more."""
        return self.attribute("lines")


def _is_possible(code: tuple[int, ...]) -> bool:
    block, cytogenetics, therapy, lines, cns, first_remission, prior = code
    is_mrd = BLOCKS[block].startswith("mrd")
    return not (
        (THERAPIES[therapy] == "tki" and CYTOGENETICS[cytogenetics] != "ph")
        or (THERAPIES[therapy] == "intrathecal" and not cns)
        or is_mrd != (FIRST_REMISSIONS[first_remission] == "ongoing")
        # Refractory to the only line so far: there was no remission to transplant in.
        or (prior and lines == 1 and FIRST_REMISSIONS[first_remission] == "primary_refractory")
    )


def make_cells() -> Cells:
    """List the kinds of patients that can be.

    Examples
    --------
    >>> cells = make_cells()
    >>> len(cells), int(cells.has_tki.sum()), bool((cells.has_tki & ~cells.is_ph).any())
    (2584, 304, False)
    """
    shape = (len(BLOCKS), len(CYTOGENETICS), len(THERAPIES), 3, 2, len(FIRST_REMISSIONS), 2)
    codes = [
        (block, cyto, therapy, lines + 1, cns, remission, prior)
        for block, cyto, therapy, lines, cns, remission, prior in product(*map(range, shape))
        if _is_possible((block, cyto, therapy, lines + 1, cns, remission, prior))
    ]
    return Cells(np.array(codes, dtype=np.int64))
