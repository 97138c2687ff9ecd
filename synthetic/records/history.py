"""What came before blinatumomab: diagnosis, lines of therapy, remissions, relapses, an earlier transplant.

The history is written forwards from the diagnosis and then moved so that it ends where blinatumomab begins; all of
its days are negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blinreg.synthetic.courses import NEVER
from blinreg.synthetic.records.columns import DAY, MONTH, OPEN_DAYS, YEAR, Codes
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Draws, Flags, Numbers, Stream

INOTUZUMAB = "inotuzumab_ozogamicin"

#: A transplant needs this long a first remission to fall into it, where the remission can be chosen.
SHORTEST_CR1_WITH_TRANSPLANT = 150
#: A partial date is given only where its month or year ends this long before the first dose.
LEAST_DAYS_BEFORE_INDEX = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Prior lines, one column a line, in days from the first dose; ``NEVER`` is no day.

    ``failure`` is the relapse or the documented failure that ended the line; it never comes in the remission in
    which blinatumomab is given for residual disease. ``is_event`` marks the failures that are recorded as an event
    of the disease and ``is_last_failure`` the last failure. ``regimen`` and ``best_response`` are positions in
    ``regimens`` and ``responses``.
    """

    regimens: Codes
    responses: Codes
    diagnosis: Numbers
    diagnosis_precision: Numbers
    first_line_precision: Numbers
    n_lines: Numbers
    is_line: Flags
    start: Numbers
    end: Numbers
    regimen: Numbers
    is_remission: Flags
    best_response: Numbers
    response: Numbers
    failure: Numbers
    is_consolidation: Flags
    transplant: Numbers
    transplant_line: Numbers

    @property
    def n_remissions(self) -> Numbers:
        """Remissions before blinatumomab."""
        return np.asarray(self.is_remission.sum(axis=1), dtype=np.int64)

    @property
    def n_remissions_at_transplant(self) -> Numbers:
        """Remissions up to the earlier transplant, the one it was given in included."""
        until = np.arange(self.is_line.shape[1]) <= self.transplant_line[:, None]
        return np.asarray((self.is_remission & until).sum(axis=1), dtype=np.int64)

    @property
    def is_last_failure(self) -> Flags:
        """Which failure is the last before blinatumomab."""
        fails = self.failure < NEVER
        return np.asarray(fails & (np.cumsum(fails[:, ::-1], axis=1)[:, ::-1] == 1))

    @property
    def failure_after_transplant(self) -> Numbers:
        """Day of the failure that followed the earlier transplant; the day before the first dose without one."""
        later = np.where(self.failure > self.transplant[:, None], self.failure, NEVER).min(axis=1, initial=NEVER)
        return np.asarray(np.minimum(later, -1), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What the courses say about the lines. ``cr1`` is -1 where the first remission has no length."""

    n_lines: Numbers
    cr1: Numbers
    is_refractory: Flags
    goes_on: Flags
    is_mrd: Flags
    has_cns: Flags
    transplant_line: Numbers
    inotuzumab_line: Numbers


def _frame(subjects: Subjects, draws: Draws) -> _Frame:
    courses, details = subjects.courses, subjects.details
    n_lines = courses.whole("n_prior_lines")
    cr1 = np.asarray(courses.frame["cr1_days"].fill_null(-1).to_numpy(), dtype=np.int64)
    goes_on = courses.is_code("cr1_class", "ongoing")
    is_refractory = courses.is_code("cr1_class", "primary_refractory")
    in_first = draws.chance(details.transplant_in_first_remission)
    later_line = draws.whole(1, n_lines - 1)
    inotuzumab_line = draws.whole(np.minimum(1, n_lines - 1), n_lines - 1)
    is_first = (n_lines == 1) | goes_on | ((cr1 >= SHORTEST_CR1_WITH_TRANSPLANT) & in_first)
    has_transplant = courses.is_code("prior_allo_hct", "yes")
    return _Frame(
        n_lines=n_lines,
        cr1=cr1,
        is_refractory=is_refractory,
        goes_on=goes_on,
        is_mrd=subjects.is_mrd,
        has_cns=courses.flag("has_cns_at_relapse"),
        transplant_line=np.where(has_transplant, np.where(is_first & ~is_refractory, 0, later_line), -1),
        inotuzumab_line=np.where(courses.flag("has_prior_inotuzumab"), inotuzumab_line, -1),
    )


def _precision(draws: Draws, *, year: float, month: float) -> Numbers:
    left = draws.uniform()
    return np.where(left < year, YEAR, np.where(left < year + month, MONTH, DAY))


def early_precision(days: Numbers, wanted: Numbers) -> Numbers:
    """Keep the whole date where the partial one could mean a day close to the first dose or after it."""
    return np.where(days + OPEN_DAYS[wanted] < -LEAST_DAYS_BEFORE_INDEX, wanted, DAY)


class _Writer:
    """Writes the lines forwards, one number of line at a time, for all patients who have it."""

    def __init__(self, subjects: Subjects, draws: Draws) -> None:
        details = subjects.details
        self.frame = _frame(subjects, draws)
        self.salvage_remission = subjects.study.records.salvage_remission
        self.details = details
        self.draws = draws
        self.regimens = Codes(*dict.fromkeys((*details.induction.names, *details.salvage.names, INOTUZUMAB)))
        self.responses = Codes("cr", *details.failed_line_response.names)
        shape = (len(subjects), max(int(self.frame.n_lines.max(initial=1)), 1))
        self.days = {name: np.full(shape, NEVER) for name in ("start", "end", "response", "failure")}
        self.regimen, self.best_response = np.full(shape, -1), np.full(shape, -1)
        self.is_remission = np.zeros(shape, dtype=np.bool_)
        self.transplant = np.full(len(subjects), NEVER)
        #: First day of the next line, and day on which the state that blinatumomab is given in began.
        self.next_start = draws.whole(1, 12)
        self.reached = np.zeros(len(subjects), dtype=np.int64)

    def regimen_of(self, draws: Draws, who: Numbers, line: int) -> Numbers:
        """Draw the regimen; inotuzumab where the course has it."""
        weights = self.details.induction if line == 0 else self.details.salvage
        known = np.array([self.regimens.position(name) for name in weights.names])
        drawn = known[draws.choice(weights)]
        return np.where(self.frame.inotuzumab_line[who] == line, self.regimens.position(INOTUZUMAB), drawn)

    def write(self, line: int) -> None:
        """Write a line: its regimen, its response, how long a remission lasted, and a transplant in it."""
        frame = self.frame
        who = np.flatnonzero(frame.n_lines > line)
        draws = self.draws.of_rows(who, np.full(len(who), line))
        is_transplanted = frame.transplant_line[who] == line
        now = frame.is_mrd[who] & (frame.n_lines[who] == line + 1)
        remits = draws.chance(self.salvage_remission) if line else ~frame.is_refractory[who]
        remits = remits | frame.goes_on[who] | now | is_transplanted
        goes_on = frame.goes_on[who] | now
        start = self.next_start[who]
        response = start + draws.whole(24, 45)
        length = self._length(draws, who, line, is_transplanted=is_transplanted, goes_on=goes_on)
        reached = response + np.where(remits, length, 0)
        transplant = response + np.minimum(draws.whole(40, 95), np.maximum(length - 7, 1))
        last = np.where(is_transplanted, transplant - response - 8, length - 1)
        after = np.clip(draws.whole(20, 500), 0, np.maximum(last, 0))
        failed = draws.choice(self.details.failed_line_response) + 1
        # An isolated relapse in the CNS of a first remission that goes on in the marrow.
        only_cns = now & (line == 0) & (frame.cr1[who] >= 0) & frame.has_cns[who]
        self.days["start"][who, line] = start
        self.days["response"][who, line] = response
        self.days["end"][who, line] = np.where(remits, response + after, response - draws.whole(0, 5))
        self.days["failure"][who, line] = np.where(goes_on & ~only_cns, NEVER, reached)
        self.regimen[who, line] = self.regimen_of(draws, who, line)
        self.is_remission[who, line] = remits
        self.best_response[who, line] = np.where(remits, 0, failed)
        self.transplant[who] = np.where(is_transplanted, transplant, self.transplant[who])
        self.reached[who] = reached
        self.next_start[who] = reached + draws.whole(5, 25)

    def _length(self, draws: Draws, who: Numbers, line: int, *, is_transplanted: Flags, goes_on: Flags) -> Numbers:
        """Days of remission until it ended, or until the next line of one that goes on."""
        shortest = np.where(is_transplanted, SHORTEST_CR1_WITH_TRANSPLANT, np.where(goes_on, 45, 60))
        drawn = shortest + draws.whole(0, np.where(goes_on, 105, 180))
        given = self.frame.cr1[who]
        return np.where((line == 0) & (given >= 0), np.maximum(given, 1), drawn)


def draw_history(subjects: Subjects) -> History:
    """Draw what came before blinatumomab, in agreement with the courses."""
    draws = subjects.draws(Stream.DETAIL_HISTORY)
    parameters = subjects.study.records
    writer = _Writer(subjects, draws)
    frame = writer.frame
    diagnosis_precision = _precision(draws, year=parameters.year_only_diagnosis, month=parameters.month_only_diagnosis)
    first_line_precision = _precision(draws, year=0.0, month=parameters.month_only_first_line)
    wait = draws.whole(4, 30)
    for line in range(writer.is_remission.shape[1]):
        writer.write(line)
    first_dose = writer.reached + wait
    is_line = np.arange(writer.is_remission.shape[1]) < frame.n_lines[:, None]
    # A remission that goes on has no end: the treatment that keeps it ends shortly before the first dose.
    end = np.minimum(writer.days["end"], first_dose[:, None] - 7)
    days = {**writer.days, "end": end}
    moved = {name: np.where(is_line & (day < NEVER), day - first_dose[:, None], NEVER) for name, day in days.items()}
    return History(
        regimens=writer.regimens,
        responses=writer.responses,
        diagnosis=-first_dose,
        diagnosis_precision=early_precision(-first_dose, diagnosis_precision),
        first_line_precision=first_line_precision,
        n_lines=frame.n_lines,
        is_line=is_line,
        **moved,
        regimen=writer.regimen,
        is_remission=writer.is_remission,
        best_response=writer.best_response,
        is_consolidation=frame.goes_on[:, None] & is_line & (np.arange(is_line.shape[1]) > 0),
        transplant=np.where(writer.transplant < NEVER, writer.transplant - first_dose, NEVER),
        transplant_line=frame.transplant_line,
    )
