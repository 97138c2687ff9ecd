"""The analysis views as frames: read when they are asked for, in few bytes, checked against their definitions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import polars as pl

from blinreg.analyses.inputs import Rows
from blinreg.analyses.plans.view_rows import content_of, names_of_columns, patients_of, read_rows
from blinreg.schemas.errors import InputError, nearest
from blinreg.schemas.model import View
from blinreg.schemas.views import VIEWS

T = TypeVar("T")
PATIENT = "patient_id"
_EXPOSED = ("origin_date", "exposure_days", "ever", "known_date")
_DECIDED = ("origin", "origin_date", "time_days", "event", "reason")
_ROW = ("tstart", "tstop", "event")
_ASSESSED = ("category", "grade_scale", "is_evaluable", "max_grade")
_HAPPENED = ("term", "category", "grade_scale", "max_grade", "corticosteroid", "tocilizumab", "is_fatal")


@dataclass(frozen=True, slots=True, eq=False)
class ViewFrames:
    """The views of the ``analysis`` schema that plans read, sorted by their keys.

    A plan follows the patients of the cohort, so rows of others are left out. Of a long view only the rows that
    an analysis asks for are held: those of one endpoint or period, or of one exposure from one origin.

    Attributes
    ----------
    sources : mapping of str to Rows
        Every view by name.
    patients : polars.Series
        The patients of the cohort in order. The ``patient_id`` of every frame is a patient's number in it, from 0:
        four bytes, and the same order.
    """

    sources: Mapping[str, Rows]
    patients: pl.Series
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pl.DataFrame:
        """Return the whole frame of one view."""
        return self._read(name, _DEFINITIONS[name].column_names, {})

    @property
    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Every view as a whole, by name."""
        return {name: self[name] for name in self.sources}

    def endpoint(self, endpoint: str) -> pl.DataFrame:
        """Return the rows of one endpoint: ``patient_id, origin, origin_date, time_days, event, reason``."""
        return self._read("endpoint", (PATIENT, *_DECIDED), {"endpoint": endpoint})

    def exposure(self, exposure: str, origin: str) -> pl.DataFrame:
        """Return one exposure from one origin: ``patient_id, origin_date, exposure_days, ever, known_date``."""
        return self._read("exposure", (PATIENT, *_EXPOSED), {"exposure": exposure, "origin": origin})

    def counting_process(self, endpoint: str, exposures: Iterable[str]) -> pl.DataFrame:
        """Return the rows of one endpoint: ``patient_id, tstart, tstop, event`` and the exposures."""
        return self._read("counting_process", (PATIENT, *_ROW, *exposures), {"endpoint": endpoint})

    def toxicity(self, period: str) -> pl.DataFrame:
        """Return one period: ``patient_id, category, grade_scale, is_evaluable, max_grade``."""
        return self._read("toxicity", (PATIENT, *_ASSESSED), {"period": period})

    def toxicity_term(self, period: str) -> pl.DataFrame:
        """Return one period: terms with category, scale and highest grade, how they were treated and ended."""
        return self._read("toxicity_term", (PATIENT, *_HAPPENED), {"period": period})

    def of_cohort(self, name: str) -> pl.DataFrame:
        """Return a view with at most one row a patient, a row for each of the cohort in its order."""
        return self.once(("of cohort", name), lambda: self._aligned(self[name]))

    def exposure_of_cohort(self, exposure: str, origin: str) -> pl.DataFrame:
        """Return one exposure from one origin, a row for each patient of the cohort in its order."""
        return self.once(("of cohort", exposure, origin), lambda: self._aligned(self.exposure(exposure, origin)))

    def beside(self, rows: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
        """Put values, a row for each patient of the cohort in its order, beside rows that have a ``patient_id``."""
        return rows.hstack(values.drop(PATIENT)[rows[PATIENT]])

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Make something that depends on the views alone, and keep it: frames do not change."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def content_sha256(self) -> str:
        """Hash the rows of all views, in whatever order they stand."""
        return content_of(self.sources, _DEFINITIONS)

    def _read(self, name: str, columns: tuple[str, ...], codes: Mapping[str, str]) -> pl.DataFrame:
        key = (name, columns, tuple(codes.items()))
        return self.once(
            key, lambda: read_rows(_DEFINITIONS[name], self.sources[name], columns, codes, patients=self.patients)
        )

    def _aligned(self, rows: pl.DataFrame) -> pl.DataFrame:
        cohort = self["cohort"].select(PATIENT)
        if rows.height == cohort.height and rows[PATIENT].equals(cohort[PATIENT]):
            return rows
        return cohort.join(rows, on=PATIENT, how="left", maintain_order="left")


_DEFINITIONS: Mapping[str, View] = {definition.name: definition for definition in VIEWS}


def read_views(views: Mapping[str, Rows]) -> ViewFrames:
    """Take the analysis views from frames or relations.

    Parameters
    ----------
    views : mapping of str to Rows
        Every view of `blinreg.schemas.views.VIEWS` by name: polars, pandas or Arrow
        tables, or DuckDB relations, whose connection must stay open.

    Returns
    -------
    ViewFrames
        With the defined columns and types, rows sorted by key, so that the order in
        which a database returned them cannot change a result.

    Raises
    ------
    InputError
        A view or a column is absent. A column that cannot be of its defined type is an
        error when the view is first read.
    """
    for definition in VIEWS:
        if definition.name not in views:
            raise InputError(
                f"the analysis view {definition.name} was not given",
                next_step="pass every view of the analysis schema",
            )
        names_of_columns(definition, views[definition.name])
    unknown = [name for name in views if name not in _DEFINITIONS]
    if unknown:
        raise InputError(
            f"no analysis view is called {unknown[0]!r}", next_step=nearest(unknown[0], list(_DEFINITIONS))
        )
    sources = {name: views[name] for name in _DEFINITIONS}
    return ViewFrames(sources=sources, patients=patients_of(sources["cohort"]))
