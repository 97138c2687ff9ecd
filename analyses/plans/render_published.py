"""Write again what was printed into ``published_<plan>.csv``, from the study's list of published numbers.

The columns that say where a number stands are kept; what was printed, where, and what contradicts it comes from the
list, so that each printed number is typed once. From the checkout::

    python -m blinreg.analyses.plans.render_published analyses/plans/published_realworld_2020.csv \
        synthetic/targets/realworld_2020.csv synthetic/targets/realworld_2020_conflicts.csv
"""

from __future__ import annotations

import csv
import sys
from io import StringIO
from pathlib import Path

from blinreg.analyses.plans.published import COLUMNS
from blinreg.schemas.errors import UsageError

_N_ARGUMENTS = 3


def render(table: str, targets: str, conflicts: str) -> str:
    """Fill in what was printed.

    Parameters
    ----------
    table : str
        The table as it is, CSV.
    targets : str
        Printed numbers by id: ``id, estimand, printed, half_unit, source, conflict`` and more, CSV.
    conflicts : str
        Contradictions by id: ``id, sentence``, CSV.

    Returns
    -------
    str
        The table as it should be.

    Raises
    ------
    UsageError
        The table has a number that is not in the list.
    """
    printed = {row["id"]: row for row in csv.DictReader(StringIO(targets))}
    sentences = {row["id"]: row["sentence"] for row in csv.DictReader(StringIO(conflicts))}
    stream = StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in csv.DictReader(StringIO(table)):
        found = printed.get(row["id"])
        if found is None:
            raise UsageError(f"{row['id']} is not among the published numbers", next_step="correct its id")
        about = {name: found[name] for name in ("printed", "half_unit", "source")}
        what = found["estimand"].replace("10^9", "× 10⁹")
        writer.writerow(row | about | {"what": what, "note": sentences.get(found["conflict"], "")})
    return stream.getvalue()


def main(arguments: list[str]) -> None:
    """Render the file named first from the two others."""
    if len(arguments) != _N_ARGUMENTS:
        raise UsageError("three files are needed", next_step="see the module's docstring")
    table, targets, conflicts = (Path(name) for name in arguments)
    text = render(*(path.read_text(encoding="utf-8") for path in (table, targets, conflicts)))
    table.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
