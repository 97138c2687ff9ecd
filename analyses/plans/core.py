"""The core of a plan: the analyses that are marked, as they stand in the whole plan."""

from __future__ import annotations

from dataclasses import replace

from blinreg.analyses.plans.model import Plan
from blinreg.schemas.errors import UsageError


def core_of(plan: Plan) -> Plan:
    """Narrow a plan to the analyses marked ``core = true``, with their variants.

    Parameters
    ----------
    plan : Plan
        The whole plan.

    Returns
    -------
    Plan
        The same analyses under the same names: results of a core run are those of the whole plan. A headline
        stays if its model and its test are among them.

    Raises
    ------
    UsageError
        No analysis is marked.

    Examples
    --------
    >>> from blinreg.analyses.plans import load_plan
    >>> plan = core_of(load_plan("realworld-2020"))
    >>> plan.entry("os_rr").method.name, "states" in plan.left_out
    ('kaplan_meier', True)
    """
    names = {entry.name for entry in plan.entries if entry.core}
    if not names:
        raise UsageError(
            f"no analysis of {plan.file} belongs to its core", next_step="write core = true into those that do"
        )
    headline = plan.headline if plan.headline and {plan.headline.effect, plan.headline.test} <= names else None
    if headline and headline.contrast not in names:
        headline = replace(headline, contrast="")
    return replace(
        plan,
        study=replace(plan.study, key_findings=tuple(name for name in plan.study.key_findings if name in names)),
        headline=headline,
        entries=tuple(
            entry if entry.beside in ("", *names) else replace(entry, beside="") for entry in plan.entries if entry.core
        ),
        published=tuple(number for number in plan.published if number.analysis in names),
        left_out=tuple(entry.name for entry in plan.entries if not entry.core),
    )
