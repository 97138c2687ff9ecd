"""Templates, styles and scripts of pages that load nothing."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

SYNTHETIC_MARK = "SYNTHETIC DATA"
SYNTHETIC_NOTICE = f"{SYNTHETIC_MARK}: these patients do not exist."


def environment() -> Environment:
    """Give the templates: every text is escaped, and a name that is not given is an error."""
    made = Environment(
        loader=PackageLoader("blinreg.analyses.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = breakable
    return made


def breakable(text: str) -> Markup:
    """Escape a name, and let a line break after its dots and underscores.

    Examples
    --------
    >>> str(breakable("sex_at.<birth>"))
    'sex_<wbr>at.<wbr>&lt;birth&gt;'
    """
    return Markup(str(escape(text)).replace("_", "_<wbr>").replace(".", ".<wbr>"))  # noqa: S704 - just escaped


def asset(name: str) -> str:
    """Read a file of the templates."""
    return (resources.files("blinreg.analyses.report") / "templates" / name).read_text(encoding="utf-8")


def style(*names: str, mark: str) -> Markup:
    """Join styles; ``mark`` stands at the foot of every printed page.

    Examples
    --------
    >>> "SYNTHETIC" in style("report.css", mark="SYNTHETIC")
    True
    """
    return Markup("\n".join(asset(name) for name in names).replace("{{mark}}", mark))  # noqa: S704 - our own text


def script(*names: str) -> tuple[Markup, str]:
    """Join scripts; give them with the hash by which the policy of the page lets them run."""
    text = "\n".join(asset(name) for name in names)
    return Markup(text), b64encode(sha256(text.encode()).digest()).decode()  # noqa: S704 - our own text
