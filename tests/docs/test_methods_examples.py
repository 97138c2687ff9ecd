"""Does every Python example in docs/ run and print what the page says, and does every estimator have one?"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import polars as pl
import pytest

from blinreg import analyses

TOP = Path(__file__).parents[2]
PAGES = {path.relative_to(TOP).as_posix(): path.read_text(encoding="utf-8") for path in (TOP / "docs").rglob("*.md")}
#: A block of Python, and the output that follows it, if one does.
EXAMPLE = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.S)
METHODS = {name: text for name, text in PAGES.items() if name.startswith("docs/methods")}
#: The rows of the small table under each estimator.
ASPECTS = ("source", "R", "assumes", "not for")


@pytest.mark.parametrize("page", sorted(name for name, text in PAGES.items() if "```python\n" in text))
def test_examples_print_what_the_page_says(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run in order in one namespace, from the top folder."""
    monkeypatch.chdir(TOP)
    namespace: dict[str, object] = {"__name__": page}
    with pl.Config(tbl_width_chars=120):
        for code, output in EXAMPLE.findall(PAGES[page]):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, page, "exec"), namespace)  # noqa: S102 -- our own text
            assert printed.getvalue() == output


@pytest.mark.parametrize("name", analyses.__all__)
def test_every_estimator_has_an_example(name: str) -> None:
    examples = "".join(code for text in METHODS.values() for code, _ in EXAMPLE.findall(text))
    assert re.search(rf"\b{name}\(", examples)


@pytest.mark.parametrize("name", analyses.__all__)
def test_every_estimator_has_its_section(name: str) -> None:
    """With the source, the R call, the assumptions and when not to use it."""
    sections = [part for text in METHODS.values() for part in re.split(r"(?m)^(?=## )", text)]
    (section,) = [part for part in sections if f"`{name}`" in part.splitlines()[0]]
    for aspect in ASPECTS:
        assert f"\n| {aspect} | " in section, aspect


@pytest.mark.parametrize("name", analyses.__all__)
def test_the_index_names_every_estimator(name: str) -> None:
    question_table = PAGES["docs/methods.md"].split("\n## ")[1]
    assert f"`{name}`" in question_table


def slug(heading: str) -> str:
    """The anchor that Markdown viewers give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_and_their_anchors_lead_somewhere(page: str) -> None:
    wrong = []
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", PAGES[page], flags=re.S)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", without_code):
        if "://" in target:
            continue
        path = ((TOP / page).parent / target).resolve() if target else TOP / page
        known = path.exists() and (not anchor or anchor in anchors(path))
        if not known:
            wrong.append(f"{target}#{anchor}")
    assert wrong == []


def anchors(path: Path) -> set[str]:
    """Give the anchors of a page."""
    headings = re.findall(r"(?m)^#+ (.*)$", re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S))
    return {slug(heading) for heading in headings}
