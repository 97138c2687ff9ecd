"""Finding a plan: a shipped one by name, any other by its path."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.published import check_analyses, read_published
from blinreg.schemas.errors import UsageError, nearest

_SUFFIX = ".toml"
MAX_BYTES = 1_000_000


def shipped_plans() -> tuple[str, ...]:
    """Name the plans that come with blinreg.

    Examples
    --------
    >>> "realworld-2020" in shipped_plans()
    True
    """
    files = resources.files("blinreg.analyses.plans").iterdir()
    names = (file.name for file in files if file.name.endswith(_SUFFIX))
    return tuple(sorted(name.removesuffix(_SUFFIX).replace("_", "-") for name in names))


def load_plan(name_or_path: str | Path) -> Plan:
    """Load a plan by name or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a shipped plan, or path of a TOML file (whatever ends in ``.toml``
        or has a folder in it).

    Returns
    -------
    Plan
        With the printed numbers of ``published_<plan>.csv``, if there is one beside it.

    Raises
    ------
    UsageError
        No such plan or file, or its text is wrong.

    Examples
    --------
    >>> load_plan("realworld-2020").study.name
    'realworld-2020'
    """
    given = str(name_or_path)
    if given in shipped_plans():
        file = f"{given.replace('-', '_')}{_SUFFIX}"
        folder = resources.files("blinreg.analyses.plans")
        plan = parse_plan((folder / file).read_text(encoding="utf-8"), file=file)
        return _with_published(plan, folder / _published_file(file))
    path = Path(given)
    if path.suffix != _SUFFIX and len(path.parts) == 1:
        raise UsageError(
            f"no plan is called {given!r}",
            next_step=f"{nearest(given, list(shipped_plans()))} A path of a plan ends in .toml",
        )
    return _with_published(parse_plan(_read(path), file=path.name), path.with_name(_published_file(path.name)))


def _published_file(plan_file: str) -> str:
    return f"published_{plan_file.removesuffix(_SUFFIX)}.csv"


def _with_published(plan: Plan, file: Traversable) -> Plan:
    """Add the printed numbers that stand in a table beside the plan."""
    if not file.is_file():
        return plan
    numbers = read_published(file.read_text(encoding="utf-8"), file=file.name)
    check_analyses(numbers, [entry.name for entry in plan.entries], file=file.name)
    return replace(plan, published=numbers)


def _read(path: Path) -> str:
    if not path.is_file():
        raise UsageError(f"there is no plan file {path}", next_step="check the path")
    if path.stat().st_size > MAX_BYTES:
        raise UsageError(f"{path} is larger than a plan can be ({MAX_BYTES:,} bytes)", next_step="check the path")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as UTF-8 text", next_step="check the file") from error
