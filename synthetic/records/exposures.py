"""Other drugs and cells: beside blinatumomab, before it, for adverse events, in remission, with the next line."""

from __future__ import annotations

import numpy as np
import polars as pl

from blinreg.synthetic.courses import NEVER
from blinreg.synthetic.records.columns import Codes, frame, happened, slots
from blinreg.synthetic.records.cycles import CONDITIONING_DAYS, Cycles
from blinreg.synthetic.records.history import INOTUZUMAB, History
from blinreg.synthetic.records.later_treatment import CAR_T, CAR_T_AFTER_DAYS, NextLine
from blinreg.synthetic.records.safety import Events
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Flags, Numbers, Stream

#: Agents in the order of the alphabet, with their classes.
AGENT_CLASS = {
    "dasatinib": "tki",
    "dexamethasone": "corticosteroid",
    "donor_lymphocytes": "donor_lymphocytes",
    "imatinib": "tki",
    INOTUZUMAB: "anti_cd22",
    "intrathecal_methotrexate": "intrathecal",
    "ponatinib": "tki",
    "rituximab": "anti_cd20",
    CAR_T: "car_t",
    "tocilizumab": "tocilizumab",
    "vincristine": "chemotherapy",
}
_AGENTS, _CLASSES = Codes(*AGENT_CLASS), Codes(*AGENT_CLASS.values())

#: An earlier kinase inhibitor stops so long before the first dose: before the one given with blinatumomab.
LEAST_DAYS_BETWEEN_TKI = 22
LONGEST_TKI_LEAD_DAYS = 21

#: Rows of one kind: patients, agents, first and last days.
_Rows = tuple[Numbers, Numbers, Numbers, Numbers]


def _rows(who: Numbers, agent: Numbers | str, start: Numbers, stop: Numbers) -> _Rows:
    position = _AGENTS.position(agent) if isinstance(agent, str) else agent
    return who, np.broadcast_to(np.asarray(position, dtype=np.int64), who.shape), start, stop


def _of(is_given: Flags, agent: Numbers | str, start: Numbers, stop: Numbers) -> _Rows:
    """Rows of the patients who were given an agent; days are of all patients."""
    who = np.flatnonzero(is_given)
    return _rows(who, agent if isinstance(agent, str) else agent[who], start[who], stop[who])


def _with_blinatumomab(subjects: Subjects, cycles: Cycles) -> list[_Rows]:
    courses = subjects.courses
    draws = subjects.draws(Stream.DETAIL_EXPOSURE).of_rows(subjects.everybody, np.full(len(subjects), 1))
    last_stop = cycles.of_last(cycles.stop)
    before, after, first = draws.whole(0, LONGEST_TKI_LEAD_DAYS), draws.whole(30, 400), draws.whole(1, 7)
    end = np.where(subjects.is_dead, subjects.end, NEVER)
    ends = np.stack([last_stop + after, end, subjects.transplant - CONDITIONING_DAYS, subjects.failure])
    tki = np.where(courses.is_code("tki", "ponatinib"), _AGENTS.position("ponatinib"), _AGENTS.position("dasatinib"))
    start = np.minimum(first, cycles.of_last(cycles.last_infusion))
    rows = [_of(~courses.is_code("tki", "none"), tki, -before, ends.min(axis=0))]
    for column, agent in (
        ("with_intrathecal", "intrathecal_methotrexate"),
        ("with_chemotherapy", "vincristine"),
        ("with_rituximab", "rituximab"),
    ):
        rows.append(_of(courses.flag(column), agent, start, last_stop))
    return rows


def _before_blinatumomab(subjects: Subjects, history: History) -> list[_Rows]:
    """Inotuzumab of an earlier line, and the first kinase inhibitor of Ph-positive disease."""
    weights = subjects.details.first_tki
    draws = subjects.draws(Stream.DETAIL_EXPOSURE).of_rows(subjects.everybody, np.full(len(subjects), 2))
    agent = np.array([_AGENTS.position(name) for name in weights.names])[draws.choice(weights)]
    stop = np.minimum(history.end[:, 0], -LEAST_DAYS_BETWEEN_TKI)
    who, line = slots(history.is_line & (history.regimen == history.regimens.position(INOTUZUMAB)))
    return [
        _rows(who, INOTUZUMAB, history.start[who, line], history.end[who, line]),
        _of(subjects.courses.flag("is_ph_positive"), agent, history.start[:, 0], stop),
    ]


def _for_events(subjects: Subjects, events: Events, over: Numbers) -> list[_Rows]:
    """Corticosteroids and tocilizumab for adverse events; one exposure a day and agent."""
    rows = []
    for agent, flags, days in (("dexamethasone", events.corticosteroid, 3), ("tocilizumab", events.tocilizumab, 0)):
        chosen = np.flatnonzero(flags)
        # Events are in the order of patients and onsets.
        again = (np.diff(events.who[chosen]) == 0) & (np.diff(events.onset[chosen]) == 0)
        chosen = chosen[np.append(True, ~again)[: len(chosen)]]
        who, onset = events.who[chosen], events.onset[chosen]
        stop = np.minimum(np.minimum(onset + days, over[chosen]), subjects.last_day_alive[who])
        rows.append(_rows(who, agent, onset, stop))
    return rows


def _cells(subjects: Subjects, next_line: NextLine) -> list[_Rows]:
    """CAR-T cells and donor lymphocytes in remission, and what the next line is known by."""
    rows = []
    for agent, column in ((CAR_T, "car_t_day"), ("donor_lymphocytes", "dli_day")):
        day = subjects.courses.day(column)
        rows.append(_of(happened(day), agent, day, day))
    has_line = happened(next_line.start)
    infusion = next_line.start + CAR_T_AFTER_DAYS
    is_infused = next_line.regimen == next_line.regimens.position(CAR_T)
    is_infused &= has_line & (infusion <= subjects.last_day_alive)
    is_inotuzumab = has_line & (next_line.regimen == next_line.regimens.position(INOTUZUMAB))
    rows.append(_of(is_infused, CAR_T, infusion, infusion))
    rows.append(_of(is_inotuzumab, INOTUZUMAB, next_line.start, next_line.end))
    return rows


def exposure_rows(
    subjects: Subjects, history: History, cycles: Cycles, next_line: NextLine, *, events: Events, over: Numbers
) -> pl.DataFrame:
    """Write the table ``drug_exposure``, by patient, first day and agent."""
    parts = [
        *_before_blinatumomab(subjects, history),
        *_with_blinatumomab(subjects, cycles),
        *_for_events(subjects, events, over),
        *_cells(subjects, next_line),
    ]
    who, agent, start, stop = (np.concatenate([part[column] for part in parts]) for column in range(4))
    order = np.lexsort((agent, start, who))
    who, agent, start, stop = who[order], agent[order], start[order], stop[order]
    return frame(
        "drug_exposure",
        {
            "patient_id": subjects.patient_id(who),
            "agent": _AGENTS.at(agent),
            "start_date": subjects.dates(who, start),
            "agent_class": _CLASSES.at(agent),
            "stop_date": subjects.dates_if_seen(who, stop),
        },
    )
