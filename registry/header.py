"""The header of a submitted table: which columns are there, and what is wrong with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from blinreg.registry.header_privacy import identifying_kind, plain_name
from blinreg.schemas.errors import SubmissionRejected, nearest
from blinreg.schemas.model import Table

#: A name that may be repeated in a message. Anything else could be a value of the first row.
_HARMLESS = re.compile(r"[a-z][a-z_]{0,59}")

_TAKE_OUT = "take out whatever can tell who a patient is: a refused file is not kept, only its hash"
_TAKE_IT_OUT = "no such column: take it out"

_TEMPLATES = "blinreg template DIR writes empty tables with their headers"


def check_header(definition: Table, path: str, names: Sequence[str]) -> None:
    """Check that a file has exactly the columns of its table, in any order.

    Raises
    ------
    SubmissionRejected
        With the columns that are missing, unknown (and the nearest known ones) or repeated.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> check_header(table("gvhd"), "gvhd.csv", table("gvhd").column_names)
    """
    known = definition.column_names
    missing = [name for name in known if name not in names]
    if len(missing) == len(known):
        raise SubmissionRejected(
            f"{path}: line 1 has none of the {len(known)} columns of {definition.name}: the header is missing",
            next_step=_TEMPLATES,
        )
    problems = [f"missing {name}" for name in missing]
    problems += [f"{count} times {name}" for name, count in Counter(names).items() if count > 1 and name in known]
    unknown = [name for name in names if name not in known]
    identifying = [
        f"column {place} may tell who a patient is ({kind})"
        for place, name in enumerate(names, start=1)
        if name not in known and (kind := identifying_kind(name))
    ]
    problems += identifying
    problems += _unknown(sorted(set(unknown)), missing or list(known), known)
    if problems:
        next_step = f"{_TAKE_OUT}; {_TEMPLATES}" if identifying else _TEMPLATES
        raise SubmissionRejected(f"{path}: wrong columns: {', '.join(problems)}", next_step=next_step)


def _unknown(unknown: Sequence[str], candidates: list[str], known: Sequence[str]) -> Iterator[str]:
    """Tell unknown columns: by name only those that cannot be a value of the first row."""
    n_unnameable = 0
    for name in unknown:
        if _HARMLESS.fullmatch(name):
            yield f"unknown {name} ({_TAKE_IT_OUT if identifying_kind(name) else _hint(name, candidates)})"
        elif name.strip() in known:
            yield f"spaces around {name.strip()}"
        elif plain_name(name) in known:
            yield f"{plain_name(name)} is spelled otherwise (lower case and underscores)"
        elif not identifying_kind(name):
            n_unnameable += 1
    if n_unnameable:
        yield f"{n_unnameable} with a name that no column can have"


def _hint(name: str, candidates: list[str]) -> str:
    """Suggest a column only if one is close: other columns may be names or record numbers and must go."""
    hint = nearest(name, candidates)
    return hint if hint.startswith("did you mean") else _TAKE_IT_OUT
