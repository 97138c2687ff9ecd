"""Finding a plan: a shipped one by name, any other by its path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.parse import parse_plan
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
        text = (resources.files("blinreg.analyses.plans") / file).read_text(encoding="utf-8")
        return parse_plan(text, file=file)
    path = Path(given)
    if path.suffix != _SUFFIX and len(path.parts) == 1:
        raise UsageError(
            f"no plan is called {given!r}",
            next_step=f"{nearest(given, list(shipped_plans()))} A path of a plan ends in .toml",
        )
    return parse_plan(_read(path), file=path.name)


def _read(path: Path) -> str:
    if not path.is_file():
        raise UsageError(f"there is no plan file {path}", next_step="check the path")
    if path.stat().st_size > MAX_BYTES:
        raise UsageError(f"{path} is larger than a plan can be ({MAX_BYTES:,} bytes)", next_step="check the path")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as UTF-8 text", next_step="check the file") from error
