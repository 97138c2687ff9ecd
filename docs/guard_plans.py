"""Write docs/guard_plans.md from the plans that the tests judge: ``python docs/guard_plans.py``."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
PLANS = TOP / "tests" / "spec" / "guard_plans"
PAGE = TOP / "docs" / "guard_plans.md"

#: In the order in which the verdicts are counted, with the words of the page.
VERDICTS = {
    "refused": "refused",
    "accepted as biased": "accepted, because the plan says `biased = true`",
    "warned": "carried out with a warning",
    "accepted": "accepted",
}

INTRODUCTION = """# Plans, right and wrong

<!-- Written by docs/guard_plans.py from tests/spec/guard_plans/*.toml. Change those files, not this page. -->

What the [guard](guard.md) says of {n} analyses of eight invented patients:
{counts}.
A test judges each of them with the numbers that stand here, and every correction that the guard proposes must be
accepted in its turn.

`everyone` is all patients, `responders` those with CR, CRh or CRi. Days are counted from the first dose. The day of
registration counts only in plans of a registry that takes its patients alive; the others do not record it.

"""


def page() -> str:
    """Render the page.

    Returns
    -------
    str
        Markdown.
    """
    patients = _read("patients")["patient"]
    subjects = [_read(file.stem) for file in sorted(PLANS.glob("[0-9]*.toml"))]
    cases = [case for subject in subjects for case in subject["case"]]
    counted = Counter(case["verdict"] for case in cases)
    counts = ", ".join(f"{counted[verdict]} {words}" for verdict, words in VERDICTS.items())
    parts = [INTRODUCTION.format(n=len(cases), counts=counts), _patients(patients), "\n## In short\n\n"]
    for subject in subjects:
        parts.append(_summary(subject))
    parts.extend(_subject(subject) for subject in subjects)
    return "".join(parts)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((PLANS / f"{name}.toml").read_text(encoding="utf-8"))


def _patients(patients: Iterable[Mapping[str, Any]]) -> str:
    heading = (
        "",
        "Ph",
        "cycles from",
        "response",
        "MRD sample",
        "TKI from",
        "relapse",
        "transplant",
        "GVHD",
        "last seen",
        "registered",
    )
    lines = [_row(heading), _row(["---"] * len(heading))]
    for given in patients:
        graft = given.get("transplant")
        gvhd = [f"{kind} {given[f'{kind}_gvhd']}" for kind in ("acute", "chronic") if f"{kind}_gvhd" in given]
        last = f"died {given['death']}" if "death" in given else f"alive {given['last_contact']}"
        lines.append(
            _row(
                (
                    given["id"],
                    "+" if given.get("ph_status") == "positive" else "−",
                    ", ".join(map(str, given["cycles"])),
                    _dated(given.get("response"), "code"),
                    _dated(given.get("mrd"), "result"),
                    str(given.get("tki", "")),
                    str(given.get("relapse", "")),
                    f"{graft['day']}, {graft['donor'].replace('_', ' ')}" if graft else "",
                    ", ".join(gvhd),
                    last,
                    str(given["registered"]),
                )
            )
        )
    return "".join(lines)


def _dated(found: Mapping[str, Any] | None, key: str) -> str:
    return f"{found[key].replace('_', ' ')} {found['day']}" if found else ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _summary(subject: Mapping[str, Any]) -> str:
    lines = [_row((subject["title"], "verdict", "why")), _row(("---", "---", "---"))]
    for case in subject["case"]:
        anchor = f"[{case['title']}](#{case['name'].replace('_', '-')})"
        lines.append(_row((anchor, f"**{case['verdict']}**", case["why"])))
    return "".join(lines) + "\n"


def _subject(subject: Mapping[str, Any]) -> str:
    return f"## {subject['title']}\n\n" + "\n".join(map(_case, subject["case"])) + "\n"


def _case(case: Mapping[str, Any]) -> str:
    plan = f'{case.get("population", "")}\n[[analysis]]\nname = "{case["name"]}"\n{case["analysis"]}'.strip()
    registry = {
        "prospective": "*In a registry that takes patients alive, after their first dose.*\n\n",
        "from_files": "*All were registered on day 600, from the files of the site.*\n\n",
    }.get(case.get("registry", ""), "")
    parts = [f"### {case['name'].replace('_', ' ')}\n\n", f"{case['title']}: **{case['verdict']}**. {case['why']}\n\n"]
    parts.append(f"{registry}```toml\n{plan}\n```\n")
    if "says" in case:
        parts.append(f"\n> {_said(case)}\n")
    if "right" in case:
        lines = "\n".join(case["right"])
        parts.append(f"\nWritten right:\n\n```toml\n{lines}\n```\n")
    return "".join(parts)


def _said(case: Mapping[str, Any]) -> str:
    """Quote the message; of refusals the bracket opens with the name of the analysis."""
    if case["verdict"] in ("refused", "accepted as biased"):
        return f"analysis {case['name']} ({case['says']}"
    return f"{case['says']} …"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    print(f"wrote {PAGE.relative_to(TOP)}")
