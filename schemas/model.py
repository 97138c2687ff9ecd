"""What a table, a view and a column are.

Everything that is said about a column is said once, in these objects: the DuckDB
DDL, the gate on submitted files, the data dictionary and the empty templates are
rendered from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Type(StrEnum):
    """What a value is; a code is a text out of a closed list."""

    TEXT = "text"
    CODE = "code"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"


class Privacy(StrEnum):
    """How much a value can tell about who the patient is.

    ``pseudonym`` links rows of one patient; ``quasi_identifier`` can single a
    patient out together with others (dates, ages); ``sensitive`` is health
    information; ``administrative`` is about the submission, not the patient.
    """

    PSEUDONYM = "pseudonym"
    QUASI_IDENTIFIER = "quasi_identifier"
    SENSITIVE = "sensitive"
    ADMINISTRATIVE = "administrative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a submitted table or of an ``analysis`` view.

    Parameters
    ----------
    name : str
        Lower case, unit in the name.
    type : Type
        For a submitted ``DATE`` a year or a year and month may stand for an
        unknown day unless ``partial`` is false.
    description : str
        One sentence for a reader who has not seen the table.
    unit : str
        Unit of a number ("days", "%"); empty where there is none.
    codes : mapping of str to str
        Allowed codes and what each means; only for ``CODE``.
    required : bool
        Whether a value must be present.
    minimum, maximum : float, optional
        Range outside which a number is an error of transcription, inclusive.
    pattern : str
        Regular expression that the whole text must match (RE2 syntax).
    partial : bool
        Whether a date may be given as ``2019-05`` or ``2019``.
    privacy : Privacy
        Privacy class.
    citation : str
        Source of a definition, a range or a code list.
    known_at : str
        Only in views: the column *of the same view* with the date at which a
        patient's value became known. A date per patient, never one per column.
    count_of : str
        Only in views: for a count, what is counted.
    """

    name: str
    type: Type
    description: str
    unit: str = ""
    codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    partial: bool = True
    privacy: Privacy = Privacy.SENSITIVE
    citation: str = ""
    known_at: str = ""
    count_of: str = ""

    def __post_init__(self) -> None:
        if (self.type is Type.CODE) != bool(self.codes):
            raise ValueError(f"{self.name}: codes belong to columns of type code, and only to them")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns of a table that must name an existing row of another."""

    columns: tuple[str, ...]
    table: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What tables and views have in common.

    Parameters
    ----------
    name : str
        Singular, snake case.
    grain : str
        What one row is.
    description : str
        What the relation is for.
    key : tuple of str
        The columns that make a row unique.
    columns : tuple of Column
        In the order of the files and views.
    """

    name: str
    grain: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        missing = [name for name in self.key if name not in names]
        if repeated or missing:
            raise ValueError(f"{self.name}: repeated columns {repeated}, key columns not defined {missing}")

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called ``name``; ``KeyError`` if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Relation):
    """A table that hospitals submit.

    Parameters
    ----------
    foreign_keys : tuple of ForeignKey
        Rows that must exist before a row of this table is accepted.
    required : bool
        Whether every submission must contain it.
    """

    foreign_keys: tuple[ForeignKey, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Relation):
    """A relation of the ``analysis`` schema: what analysts read.

    A view of the submitted rows in the sense of the word; in the database it is a table that ``sql/``
    writes anew with every load, so that reading it costs no derivation.
    """
