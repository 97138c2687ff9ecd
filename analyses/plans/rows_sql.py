"""The rows of an analysis as SQL on the registry: what `Task` takes from the views, for any DuckDB client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from blinreg.analyses.plans.model import Condition, DerivedVariable, Entry, Plan
from blinreg.analyses.plans.options import Role, names_of
from blinreg.analyses.plans.row_request import RowRequest, request_of
from blinreg.analyses.plans.values import INDEX, UNKNOWN
from blinreg.analyses.plans.vocabulary import KnownVariable, known_variables
from blinreg.schemas.views import view

_COMPARISONS = {
    "is": "=",
    "is_not": "<>",
    "at_least": ">=",
    "at_most": "<=",
    "more_than": ">",
    "less_than": "<",
}
_MARGIN = "\n    "
_CLOCK = "(select origin from clock)"


def rows_sql(plan: Plan, entry: Entry) -> str:
    """Write the statement that gives the rows of an analysis.

    Parameters
    ----------
    plan : Plan
        With its populations and variables.
    entry : Entry
        One of its analyses or variants.

    Returns
    -------
    str
        One statement for a DuckDB client that is connected to a registry, read-only. Columns are those of the rows
        that the estimator is given; facts stay 0 and 1 where a table of the report has no and yes.

    Examples
    --------
    >>> from blinreg.analyses.plans import load_plan
    >>> plan = load_plan("realworld-2020")
    >>> print(rows_sql(plan, plan.entry("attrition")).splitlines()[-2])
    select * from analysis.attrition
    """
    statement = _Statement(plan, entry, request_of(entry))
    return f"{_comment(f'{plan.name}, analysis {entry.spoken_name}: {entry.title}')}{statement.text()}"


@dataclass(slots=True)
class _Statement:
    """Common table expressions in the order in which `Task` works."""

    plan: Plan
    entry: Entry
    request: RowRequest
    ctes: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return _CLOCK if self.request.endpoint else _text(INDEX)

    def text(self) -> str:
        """Compose the statement."""
        if self._counts_exposures():
            self._add(
                "clock",
                "",
                f"select distinct origin\nfrom analysis.endpoint\nwhere endpoint = '{self.request.endpoint}'",
            )
        self._population()
        rows = self._follow_up() if self.request.endpoint else "population"
        if self.request.fixed:
            self._values()
        final = self._final(rows)
        own = self.entry.method.rows_sql
        if own is not None:
            self._add("analysed", "", final)
            final = own(self.entry.options).strip()
        parts = [f"{_comment(words) if words else ''}{name} as (\n{_indent(sql)}\n)" for name, words, sql in self.ctes]
        return f"with {(',' + chr(10) * 2).join(parts)}\n\n{final}\norder by all;\n"

    def _counts_exposures(self) -> bool:
        """Whether anything is counted from the origin of the endpoint, which must then be looked up."""
        conditions = [one.variable for step in self.plan.lineage(self.request.population) for one in step.conditions]
        sources = [source for name in self.request.fixed for source in self.plan.sources(name)]
        is_counted = any(known_variables()[name].exposure for name in (*conditions, *sources))
        waits = bool(names_of(self.entry.options, Role.EXPOSURE)) or bool(self.entry.censor_at)
        return bool(self.request.endpoint) and (is_counted or waits)

    def _add(self, name: str, comment: str, sql: str) -> str:
        self.ctes.append((name, comment, sql))
        return name

    def _population(self) -> None:
        """Patients of the population, step by step as the plan narrows it."""
        chain = self.plan.lineage(self.request.population)
        conditions = [condition for step in chain for condition in step.conditions]
        source = _Source(self.origin, None, [condition.variable for condition in conditions])
        where = _MARGIN.join(
            f"{'where' if not number else 'and'} {source.holds(condition)}"
            for number, condition in enumerate(conditions)
        )
        self._add(
            "population",
            self.plan.population_title(self.request.population),
            "\n".join(part for part in ("select cohort.patient_id", source.tables(), where) if part),
        )

    def _values(self) -> None:
        """One value a patient of each fixed variable."""
        sources = [source for name in self.request.fixed for source in self.plan.sources(name)]
        source = _Source(self.origin, self.request.landmark, sources)
        columns = [f"{self._value(source, name)} as {self._named(name)}" for name in self.request.fixed]
        self._add("variable", "", _select(["cohort.patient_id", *columns]) + "\n" + source.tables())

    def _named(self, name: str) -> str:
        """Quote a name of the plan's own: it may be a word of SQL."""
        return f'"{name}"' if name in self.plan.variables else name

    def _value(self, source: _Source, name: str) -> str:
        if name in self.plan.variables:
            return source.derived(self.plan.variables[name])
        known = known_variables()[name]
        value = source.value(known)
        return f"nullif({value}, '{UNKNOWN}')" if UNKNOWN in known.column.codes else value

    def _final(self, rows: str) -> str:
        names = [f"variable.{self._named(name)}" for name in self.request.fixed]
        if not names:
            return f"select *\nfrom {rows}"
        columns = [f"{rows}.*", *names]
        known = [f"{name} is not null" for name in names] if self.request.missing == "complete_case" else []
        where = f"\nwhere {_MARGIN.join([known[0], *(f'and {one}' for one in known[1:])])}" if known else ""
        return f"{_select(columns)}\nfrom {rows}\ninner join variable on {rows}.patient_id = variable.patient_id{where}"

    def _follow_up(self) -> str:
        rows = self._endpoint_rows()
        if self.entry.censor_at:
            rows = self._censored(rows)
        if self.entry.enters_at:
            rows = self._entered(rows)
        if self.request.landmark is not None:
            rows = self._add(
                "after_landmark",
                f"followed after day {self.request.landmark:g}; times stay counted from the origin",
                f"select * replace (greatest(tstart, {self.request.landmark:g}) as tstart)\nfrom {rows}\n"
                f"where tstop > {self.request.landmark:g}",
            )
        return rows

    def _endpoint_rows(self) -> str:
        stored = [name for name in self.request.time_dependent if name in view("counting_process").column_names]
        cut = [name for name in self.request.time_dependent if name not in stored]
        if self.request.time_dependent:
            table, columns = "counting_process", ["followed.tstart", "followed.tstop", "followed.event"]
            columns += [f"followed.{name}" for name in stored]
        else:
            table = "endpoint"
            columns = ["cast(0 as double) as tstart", "followed.time_days as tstop", "followed.event"]
        rows = self._add(
            "followed_rows",
            "",
            f"{_select(['followed.patient_id', *columns])}\nfrom analysis.{table} as followed\n"
            "inner join population on followed.patient_id = population.patient_id\n"
            f"where followed.endpoint = '{self.request.endpoint}'",
        )
        for name in cut:
            rows = self._cut(rows, name)
        return rows

    def _days_of(self, name: str) -> str:
        return self._add(
            f"{name}_days",
            "",
            f"select patient_id, exposure_days as day\nfrom analysis.exposure\nwhere exposure = '{name}' and "
            f"origin = {self.origin} and exposure_days is not null",
        )

    def _cut(self, rows: str, name: str) -> str:
        days = self._days_of(name)
        joined = f"from {rows} as whole\nleft join {days} as began on whole.patient_id = began.patient_id"
        inside = "whole.tstart < began.day and began.day < whole.tstop"
        until = (
            f"select\n    whole.* replace (\n        case when {inside} then began.day else whole.tstop end as tstop,\n"
            f"        case when {inside} then 0 else whole.event end as event\n    ),\n"
            f"    case when began.day <= whole.tstart then 1 else 0 end as {name}\n{joined}"
        )
        after = f"select\n    whole.* replace (began.day as tstart),\n    1 as {name}\n{joined}\nwhere {inside}"
        return self._add(
            f"cut_at_{name}", "an exposure of day t counts from just after t", f"{until}\nunion all\n{after}"
        )

    def _censored(self, rows: str) -> str:
        days = self._days_of("allo_hct")
        return self._add(
            "censored_at_transplant",
            "an event on the day of transplant counts",
            "select\n    whole.* replace (\n"
            "        case when whole.tstop > began.day then began.day else whole.tstop end as tstop,\n"
            "        case when whole.tstop > began.day then 0 else whole.event end as event\n    )\n"
            f"from {rows} as whole\nleft join {days} as began on whole.patient_id = began.patient_id\n"
            "where began.day is null or whole.tstart < began.day",
        )

    def _entered(self, rows: str) -> str:
        days = self._add(
            "registered",
            "days from the origin to registration",
            "select\n    endpoint.patient_id,\n"
            "    greatest(0, date_diff('day', endpoint.origin_date, cohort.registration_date)) as day\n"
            "from analysis.endpoint as endpoint\ninner join analysis.cohort as cohort on endpoint.patient_id = "
            f"cohort.patient_id\nwhere endpoint.endpoint = '{self.request.endpoint}' "
            "and cohort.registration_date is not null",
        )
        return self._add(
            "entered",
            "under observation from registration on",
            "select whole.* replace (greatest(whole.tstart, registered.day) as tstart)\n"
            f"from {rows} as whole\ninner join {days} as registered on whole.patient_id = registered.patient_id\n"
            "where whole.tstop > registered.day",
        )


@dataclass(frozen=True, slots=True)
class _Source:
    """The views that hold some variables, joined to the cohort, and the expressions of values and conditions."""

    origin: str
    landmark: float | None
    names: Sequence[str]

    def tables(self) -> str:
        """Write the from clause."""
        known = [known_variables()[name] for name in self.names]
        views = dict.fromkeys(one.view for one in known if not one.exposure and one.view != "cohort")
        exposures = dict.fromkeys(one.exposure for one in known if one.exposure)
        lines = ["from analysis.cohort as cohort"]
        lines += [f"left join analysis.{name} as {name} on cohort.patient_id = {name}.patient_id" for name in views]
        for name in exposures:
            alias = f"exposure_{name}"
            # A sub-select in a condition of an outer join is not for every version: the rows are chosen first.
            lines.append(
                f"left join (\n    select * from analysis.exposure\n    where exposure = '{name}' and origin = "
                f"{self.origin}\n) as {alias} on cohort.patient_id = {alias}.patient_id"
            )
        return "\n".join(lines)

    def value(self, known: KnownVariable) -> str:
        """Write the value of a known variable."""
        if not known.exposure:
            return f"{known.view}.{known.column.name}"
        alias = f"exposure_{known.exposure}"
        frozen = self.landmark if known.window is None else known.window
        if frozen is None:
            return f"{alias}.ever"
        by_then = f"when {alias}.exposure_days <= {frozen:g} then 1"
        lines = [f"when {alias}.patient_id is null then null", by_then, "else 0"]
        return "case\n        " + "\n        ".join(lines) + "\n    end"

    def holds(self, condition: Condition) -> str:
        """Write a condition; an unknown value holds nothing."""
        value = self.value(known_variables()[condition.variable])
        if condition.operator == "in":
            return f"{value} in ({', '.join(map(_text, condition.value))})"
        return f"{value} {_COMPARISONS[condition.operator]} {_text(condition.value)}"

    def derived(self, variable: DerivedVariable) -> str:
        """Write a variable of the plan; the first level that fits counts."""
        if variable.column:
            return f"{self.value(known_variables()[variable.column])} / {variable.per!r}"
        cases = [
            f"when {' and '.join(self.holds(condition) for condition in level.conditions)} "
            f"then {'null' if level.name == UNKNOWN else _text(level.name)}"
            for level in variable.levels
        ]
        return "case\n        " + "\n        ".join(cases) + "\n    end"


def _text(value: object) -> str:
    """Write a literal."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def _comment(words: str) -> str:
    """Write a comment of one line; some clients take a semicolon in it for the end of the statement."""
    return f"-- {' '.join(words.replace(';', ',').split())}\n"


def _select(columns: Iterable[str]) -> str:
    return "select" + _MARGIN + f",{_MARGIN}".join(columns)


def _indent(sql: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in sql.splitlines())
