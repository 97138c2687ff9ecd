"""The line of therapy after blinatumomab, of those who relapsed, progressed or did not respond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blinreg.synthetic.courses import NEVER
from blinreg.synthetic.records.columns import Codes, happened
from blinreg.synthetic.records.cycles import Cycles
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.records.transplants import STATUS, Transplants, late_transplant
from blinreg.synthetic.streams import Numbers, Stream

CAR_T = "tisagenlecleucel"
#: Days from the start of a regimen with CAR-T cells to the infusion.
CAR_T_AFTER_DAYS = 7
#: A line that leads to a transplant ends so long before it.
DAYS_BEFORE_GRAFT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLine:
    """The next line of each patient, in days from the first dose; ``start`` never comes where there is none.

    ``end`` may lie after the end of observation, ``regimen`` is a position in ``regimens``.
    """

    regimens: Codes
    regimen: Numbers
    start: Numbers
    end: Numbers
    response: Numbers


def draw_next_line(
    subjects: Subjects, cycles: Cycles, transplants: Transplants, *, last_assessment: Numbers
) -> NextLine:
    """Draw the next line.

    Parameters
    ----------
    subjects, cycles, transplants : Subjects, Cycles, Transplants
        A transplant after relapse follows a next line, wherever there is time for one.
    last_assessment : array of int
        Day of each patient's last assessment: without documented progression the next line of those who did not
        respond follows it.
    """
    draws = subjects.draws(Stream.DETAIL_EXPOSURE)
    weights = subjects.details.next_regimen
    is_given = draws.chance(subjects.study.records.next_line_after_failure)
    regimen = draws.choice(weights)
    wait, length, before_graft = draws.whole(5, 25), draws.whole(20, 60), draws.whole(DAYS_BEFORE_GRAFT, 14)
    graft = late_transplant(subjects)
    assessed = np.where(subjects.is_remission, -1, last_assessment)
    failed = np.maximum(np.where(happened(subjects.failure), subjects.failure, -1), assessed)
    start = np.maximum(failed, cycles.of_last(cycles.stop)) + wait
    # Before a transplant the line starts in time, at the earliest on the day after the relapse.
    start = np.maximum(np.minimum(start, graft - 2 * before_graft), failed + 1)
    has_line = (failed >= 0) & (is_given | happened(graft)) & (start <= subjects.last_day_alive) & (start < graft)
    in_remission = np.ones(len(subjects), dtype=np.bool_)
    in_remission[transplants.who[transplants.status == STATUS.position("not_in_remission")]] = False
    response = graft - before_graft
    responds = happened(graft) & in_remission & (response > start)
    return NextLine(
        regimens=Codes(*weights.names),
        regimen=regimen,
        start=np.where(has_line, start, NEVER),
        end=np.where(has_line, np.maximum(np.minimum(start + length, graft - before_graft), start), NEVER),
        response=np.where(has_line & responds, response, NEVER),
    )
