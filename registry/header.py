"""The header of a submitted table: which columns are there, and what is wrong with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from blinreg.schemas.errors import SubmissionRejected, nearest
from blinreg.schemas.model import Table

#: A name that may be repeated in a message. Anything else could be a value of the first row.
_HARMLESS = re.compile(r"[a-z][a-z_]{0,59}")

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
    unknown = sorted({name for name in names if name not in known})
    harmless = [name for name in unknown if _HARMLESS.fullmatch(name)]
    problems += [f"unknown {name} ({_hint(name, missing or list(known))})" for name in harmless]
    spaced = [name.strip() for name in unknown if name != name.strip() and name.strip() in known]
    problems += [f"spaces around {name}" for name in spaced]
    if len(harmless) + len(spaced) < len(unknown):
        problems.append(f"{len(unknown) - len(harmless) - len(spaced)} with a name that no column can have")
    if problems:
        raise SubmissionRejected(f"{path}: wrong columns: {', '.join(problems)}", next_step=_TEMPLATES)


def _hint(name: str, candidates: list[str]) -> str:
    """Suggest a column only if one is close: other columns may be names or record numbers and must go."""
    hint = nearest(name, candidates)
    return hint if hint.startswith("did you mean") else "no such column: take it out"
