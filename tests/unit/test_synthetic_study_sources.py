"""Does every parameter of a synthetic study say where it comes from?"""

from __future__ import annotations

import re
from importlib import resources

import pytest

FILES = sorted(
    file.name for file in resources.files("blinreg.synthetic.studies").iterdir() if file.name.endswith(".toml")
)
#: A comment at the head of a section, or of the file, that speaks for all below it.
ALL = re.compile(r"\ball (values are )?plausible", re.I)


def unsourced(text: str) -> list[str]:
    """Keys of values with a number that say nothing on their line, in a comment that names them, or for all."""
    comments = " ".join(line for line in text.splitlines() if line.startswith("#"))
    found = []
    for section in re.split(r"^(?=\[)", text, flags=re.M):
        if ALL.search(" ".join(line for line in section.splitlines() if line.startswith("#"))):
            continue
        for key, value in re.findall(r"^(\w+) = (.*[0-9].*)$", section, re.M):
            if "#" not in value and not value.startswith('"') and not re.search(rf"\b{key}\b", comments):
                found.append(key)
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_parameter_says_where_it_comes_from(name: str) -> None:
    text = resources.files("blinreg.synthetic.studies").joinpath(name).read_text(encoding="utf-8")
    assert unsourced(text) == []


def test_a_parameter_without_a_source_is_found() -> None:
    assert unsourced('[a]\nx = 1  # printed\ny = 2\nz = "2"\n[b]\n# All plausible.\nw = 3\n') == ["y"]
