"""Write again the files that people read and that come from the definitions: ``make render``."""

from __future__ import annotations

from pathlib import Path

from blinreg.schemas.render.dictionary import dictionary
from blinreg.schemas.render.rules_page import rules_page

#: Files in the tree, from its top folder, and what renders them.
RENDERED = {"docs/dictionary.md": dictionary, "docs/rules.md": rules_page}


def main() -> None:
    """Write every rendered file below the current folder, which must be the top of the tree."""
    for path, render in RENDERED.items():
        Path(path).write_text(render(), encoding="utf-8", newline="\n")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
