"""What an analysis asks of the views, read off its options: for who wants the rows without the estimates."""

from __future__ import annotations

from dataclasses import dataclass

from blinreg.analyses.plans.model import Entry
from blinreg.analyses.plans.options import Role, cutting_exposures, names_of, uses_of
from blinreg.analyses.plans.task import Missing, Task, TaskRows, complete


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRequest:
    """Which rows an analysis takes.

    Attributes
    ----------
    population : str
    endpoint : str
        Empty for a row a patient, without time.
    fixed : tuple of str
        Variables with one value a patient.
    time_dependent : tuple of str
        Exposures at which rows are cut.
    landmark : float, optional
    missing : {"refuse", "complete_case"}, optional
        What happens to patients with a missing value; None if they stay.
    """

    population: str
    endpoint: str
    fixed: tuple[str, ...]
    time_dependent: tuple[str, ...]
    landmark: float | None
    missing: Missing | None


def request_of(entry: Entry) -> RowRequest:
    """Read the request off the options of an analysis.

    Parameters
    ----------
    entry : Entry
        An analysis or a variant.

    Returns
    -------
    RowRequest

    Examples
    --------
    >>> from blinreg.analyses.plans import load_plan
    >>> request_of(load_plan("realworld-2020").entry("os_tki")).fixed
    ('tki_at_start',)
    """
    options = entry.options
    endpoint = entry.method.follows or next(iter(names_of(options, Role.ENDPOINT)), "")
    time_dependent = cutting_exposures(options)
    used = [use.variable for use in uses_of(options)]
    described = [] if endpoint else names_of(options, Role.VARIABLE)
    return RowRequest(
        population=options.population,
        endpoint=endpoint,
        fixed=tuple(name for name in dict.fromkeys((*used, *described)) if name not in time_dependent),
        time_dependent=time_dependent,
        landmark=getattr(options, "landmark", None),
        missing=getattr(options, "missing", None),
    )


def take_rows(task: Task, request: RowRequest) -> TaskRows:
    """Take the rows from the views.

    Parameters
    ----------
    task : Task
        The analysis with its views.
    request : RowRequest
        As `request_of` read it.

    Returns
    -------
    TaskRows

    Raises
    ------
    AnalysisError
        Nobody is left, or values are missing that must not be.
    """
    if request.endpoint:
        return task.follow_up(
            request.endpoint,
            fixed=request.fixed,
            time_dependent=request.time_dependent,
            landmark=request.landmark,
            missing=request.missing or "refuse",
            competing=True,
        )
    rows = task.patients(request.fixed, words=True)
    if request.missing is None:
        return rows
    kept = complete(rows.frame, request.fixed, request.missing, rows.attrition, label=task.plan.label)
    return TaskRows(kept, rows.attrition)
