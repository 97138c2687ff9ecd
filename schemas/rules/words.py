"""Words in braces that declarations may use, and what stands for them."""

from __future__ import annotations

from typing import Any

from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.schemas.model import Column, Type
from blinreg.schemas.render.ddl import quote

#: In an example: a sound value of the column.
ANY = "{any}"


def _category_of_term() -> str:
    cases = " ".join(f"when {quote(term)} then {quote(category)}" for term, category in TERM_CATEGORY.items())
    return f"case term {cases} end"


def _terms(category: str) -> str:
    return ", ".join(quote(term) for term, its in TERM_CATEGORY.items() if its == category)


#: SQL that comes from the code lists, so that a declaration does not repeat them.
SQL_WORDS = {"category_of_term": _category_of_term(), "neurotoxicity_terms": _terms("neurotoxicity")}


def fill(text: str, words: dict[str, str]) -> str:
    """Put each word's meaning in its place.

    Examples
    --------
    >>> fill("{column}_earliest", {"column": "onset_date"})
    'onset_date_earliest'
    """
    for word, meaning in words.items():
        text = text.replace("{" + word + "}", meaning)
    return text


def sound_value(column: Column) -> Any:
    """Give a value that the gate lets pass."""
    if column.codes:
        return next(iter(column.codes))
    middle = ((column.minimum or 0) + (column.maximum or 0)) / 2
    if column.type is Type.INTEGER:
        return int(middle)
    if column.type is Type.NUMBER:
        return middle
    return "2019-05-14" if column.type is Type.DATE else "given"
