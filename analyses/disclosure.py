"""The one gate that everything made for people passes: tables, figures and their sentences.

Data that are synthetic, or that the caller declares public, pass unchanged. Anything
else is refused: counts of real patients can single somebody out, and the gate does not
yet suppress small counts (with complementary suppression) or coarsen curves where few
are at risk, so it lets nothing of them through rather than something unprotected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from blinreg.schemas.errors import UsageError

Release: TypeAlias = Literal["", "public"]

SYNTHETIC_NOTICE = "Synthetic data: no patient in this report exists."
PUBLIC_NOTICE = "Public data, released as declared by the person who ran the analysis."


@dataclass(frozen=True, slots=True, eq=False)
class ReleasedTable:
    """A table that passed the gate."""

    name: str
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class ReleasedFigure:
    """A figure that passed the gate, as SVG text and as PNG."""

    name: str
    svg: str
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureGate:
    """A gate opened for one run; make it with `open_gate`.

    Attributes
    ----------
    is_synthetic : bool
        Whether every row is synthetic.
    release : str
        "public" where the caller declared real data public, else empty.
    """

    is_synthetic: bool
    release: Release

    @property
    def notice(self) -> str:
        """What every output says about its data."""
        return SYNTHETIC_NOTICE if self.is_synthetic else PUBLIC_NOTICE

    @property
    def mark(self) -> str:
        """The short form, for figures."""
        return "Synthetic data" if self.is_synthetic else "Public data"

    def table(self, name: str, frame: pl.DataFrame) -> ReleasedTable:
        """Let a table of aggregates through.

        Parameters
        ----------
        name : str
            Of its file, without folder and suffix.
        frame : polars.DataFrame
            Aggregates only.

        Raises
        ------
        UsageError
            The frame has rows of single patients.
        """
        if "patient_id" in frame.columns:
            raise UsageError(
                f"table {name} has a row a patient and is not for people",
                next_step="aggregate it first; rows of patients stay in the registry",
            )
        return ReleasedTable(name, frame)

    def figure(self, name: str, svg: str, png: bytes) -> ReleasedFigure:
        """Let a figure through."""
        return ReleasedFigure(name, svg, png)


def open_gate(*, is_synthetic: bool, release: Release = "") -> DisclosureGate:
    """Open the gate for data of one kind, or refuse.

    Parameters
    ----------
    is_synthetic : bool
        Whether every submission behind the data is marked synthetic.
    release : {"", "public"}
        "public" declares that real data may be shown without protection.

    Returns
    -------
    DisclosureGate

    Raises
    ------
    UsageError
        The data are not synthetic and were not declared public.

    Examples
    --------
    >>> open_gate(is_synthetic=True).mark
    'Synthetic data'
    >>> open_gate(is_synthetic=False)
    Traceback (most recent call last):
    blinreg.schemas.errors.UsageError: the data are not marked synthetic and small counts \
cannot yet be protected, so nothing is written; if the data are public, declare release "public"
    """
    if release not in ("", "public"):
        raise UsageError(f"release {release!r} is unknown", next_step='use "public" or leave it out')
    if not is_synthetic and not release:
        raise UsageError(
            "the data are not marked synthetic and small counts cannot yet be protected, so nothing is written",
            next_step='if the data are public, declare release "public"',
        )
    return DisclosureGate(is_synthetic=is_synthetic, release=release)
