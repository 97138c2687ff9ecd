"""A population of courses with the groups and times that the published statistics are about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from blinreg.synthetic.calibration.superpopulation_statistics import cox, median_months, percent_at
from blinreg.synthetic.courses import NEVER, Courses
from blinreg.synthetic.streams import Flags, Floats, Numbers

Times = tuple[Numbers, Flags]


@dataclass(frozen=True)
class Population:
    """Courses with the groups and times that the published statistics are about.

    Parameters
    ----------
    courses : Courses
        Courses of a population.
    """

    courses: Courses

    def flag(self, name: str) -> Flags:
        """Yes or no, of a column of the courses."""
        return self.courses.flag(name)

    def is_code(self, name: str, *codes: str) -> Flags:
        """Whether a column has one of these codes."""
        return self.courses.is_code(name, *codes)

    def grade(self, *terms: str) -> Numbers:
        """Maximum grade over terms, an event without a grade counting less than grade 1 and more than none."""
        grades = [self.courses.whole(f"grade_{term}") for term in terms]
        found = np.maximum.reduce(grades)
        return np.where((found == 0) & np.logical_or.reduce([grade == -1 for grade in grades]), -1, found)

    @cached_property
    def rr(self) -> Flags:
        """Relapsed or refractory disease."""
        return ~self.flag("is_mrd_indication")

    @cached_property
    def everybody(self) -> Flags:
        """All patients."""
        return np.ones(len(self.courses), dtype=np.bool_)

    @cached_property
    def ph(self) -> Flags:
        """Philadelphia chromosome."""
        return self.flag("is_ph_positive")

    @cached_property
    def kmt2a(self) -> Flags:
        """KMT2A rearrangement."""
        return self.flag("is_kmt2a_rearranged")

    @cached_property
    def tki(self) -> Flags:
        """A TKI given with blinatumomab."""
        return ~self.is_code("tki", "none")

    @cached_property
    def cns(self) -> Flags:
        """CNS disease at any time up to the first dose."""
        return self.flag("has_cns_at_diagnosis") | self.flag("has_cns_at_relapse") | self.flag("has_active_cns")

    @cached_property
    def refractory(self) -> Flags:
        """Primary refractory disease."""
        return self.is_code("cr1_class", "primary_refractory")

    @cached_property
    def cr1_days(self) -> Numbers:
        """Days of the first remission."""
        return self.courses.day("cr1_days")

    @cached_property
    def lines(self) -> Numbers:
        """Prior lines of therapy."""
        return self.courses.whole("n_prior_lines")

    @cached_property
    def responder(self) -> Flags:
        """Whether a response was seen."""
        return np.asarray(self.courses.day("response_day") < NEVER)

    @cached_property
    def transplanted(self) -> Flags:
        """Whether a transplant was seen."""
        return np.asarray(self.courses.day("transplant_day") < NEVER)

    @cached_property
    def end(self) -> Numbers:
        """Day of death or last contact."""
        return self.courses.whole("end_day")

    @cached_property
    def dead(self) -> Flags:
        """Whether the patient died."""
        return self.flag("is_dead")

    @cached_property
    def overall(self) -> Times:
        """Overall survival from the first dose."""
        return self.end, self.dead

    def _first(self, *names: str) -> Times:
        day = np.minimum.reduce([self.courses.day(name) for name in names])
        return np.minimum(day, self.end), (day < NEVER) | self.dead

    @cached_property
    def event_free(self) -> Times:
        """From the first dose to relapse, progression or death."""
        return self._first("relapse_day", "progression_day")

    @cached_property
    def relapse_free(self) -> Times:
        """From response to relapse or death; for responders."""
        stop, event = self._first("relapse_day")
        return np.where(self.responder, stop - self.courses.day("response_day"), 0), event

    @cached_property
    def overall_from_transplant(self) -> Times:
        """From transplant to death; for the transplanted."""
        return np.where(self.transplanted, self.end - self.courses.day("transplant_day"), 0), self.dead

    @cached_property
    def progression_free_from_transplant(self) -> Times:
        """From transplant to relapse after it or death; for the transplanted."""
        relapse, transplant = self.courses.day("relapse_day"), self.courses.day("transplant_day")
        after = relapse > transplant
        stop = np.where(after, np.minimum(relapse, self.end), self.end)
        return np.where(self.transplanted, stop - transplant, 0), ((relapse < NEVER) & after) | self.dead

    def share(self, event: Flags, of: Flags) -> float:
        """Percentage of a group."""
        return 100 * float(event[of].mean())

    def median(self, times: Times, of: Flags) -> float:
        """Median in months."""
        return median_months(times[0][of], times[1][of])

    def at_two_years(self, times: Times, of: Flags) -> float:
        """Kaplan-Meier estimate at two years, in percent."""
        return percent_at(times[0][of], times[1][of], 24)

    @cached_property
    def hazard_ratios(self) -> dict[str, float]:
        """Hazard ratios of the published Cox models, transplant as a time-dependent covariate."""
        ratios: dict[str, float] = {}
        for name, times, of in (
            ("OS", self.overall, self.rr),
            ("Resp OS", (self.end - self._origin, self.dead), self.rr & self.responder),
            ("RFS", self.relapse_free, self.rr & self.responder),
        ):
            names, values = self._cox(times, of, from_response=name != "OS")
            ratios |= {f"{name} {term}": float(value) for term, value in zip(names, values, strict=True)}
        return ratios

    @cached_property
    def _origin(self) -> Numbers:
        return np.where(self.responder, self.courses.day("response_day"), 0)

    def _cox(self, times: Times, of: Flags, *, from_response: bool) -> tuple[list[str], Floats]:
        relapsed = ~self.refractory
        terms = {
            "Ph": self.ph,
            "age": self.courses.whole("age_years") / 10,
            "CR1<1": relapsed & (self.cr1_days < 365),
            "CR1 1-2": relapsed & (self.cr1_days >= 365) & (self.cr1_days < 731),
            "CR1>2": relapsed & (self.cr1_days >= 731) & (self.cr1_days < NEVER),
            "MLL": self.kmt2a,
            "CNS": self.cns,
            "prior HCT": self.is_code("prior_allo_hct", "yes"),
        }
        x = np.stack([np.asarray(value[of], dtype=np.float64) for value in terms.values()], axis=1)
        stop, event = times[0][of], times[1][of]
        origin = self._origin[of] if from_response else 0
        day = self.courses.day("transplant_day")[of] - origin
        exposed = day < stop
        before = np.column_stack([x, np.zeros(len(x))])
        after = np.column_stack([x, np.ones(len(x))])[exposed]
        beta = cox(
            np.concatenate([np.zeros(len(x), dtype=np.int64), day[exposed]]),
            np.concatenate([np.where(exposed, day, stop), stop[exposed]]),
            np.concatenate([event & ~exposed, event[exposed]]),
            np.concatenate([before, after]),
        )
        return [*terms, "HCT"], np.exp(beta)
