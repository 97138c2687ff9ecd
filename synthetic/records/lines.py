"""Lines of therapy and events of the disease: before, with and after blinatumomab."""

from __future__ import annotations

import numpy as np
import polars as pl

from blinreg.synthetic.courses import NEVER
from blinreg.synthetic.records.assessments import RESPONSES, Assessments
from blinreg.synthetic.records.columns import DAY, Codes, frame, happened, slots, yes_no
from blinreg.synthetic.records.cycles import Cycles
from blinreg.synthetic.records.history import History, early_precision
from blinreg.synthetic.records.later_treatment import NextLine
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Flags, Numbers, Stream

_AXIS = 1 << 20
_INTENTS = Codes("induction", "salvage", "consolidation")
_EVENTS = Codes("relapse", "progression", "molecular_relapse", "treatment_failure")
_RELAPSE, _PROGRESSION, _MOLECULAR, _FAILURE = range(4)
_CD19 = Codes("positive", "negative", "unknown")
_ALL_RESPONSES = Codes(*RESPONSES.names)


def line_rows(
    subjects: Subjects, history: History, cycles: Cycles, next_line: NextLine, assessments: Assessments
) -> pl.DataFrame:
    """Write the table ``line_of_therapy``: the prior lines, blinatumomab, the next line."""
    prior = _prior_lines(subjects, history)
    rows = [prior, _blinatumomab(subjects, history, cycles, assessments), _next(subjects, history, next_line)]
    order = np.argsort(np.concatenate([who * 32 + number for who, number, _ in rows]), kind="stable")
    return frame("line_of_therapy", _columns([columns for *_, columns in rows], order))


def _columns(parts: list[dict[str, pl.Series]], order: Numbers) -> dict[str, pl.Series]:
    """Put the columns of the parts of a table together, in an order of the rows."""
    positions = order.astype(np.uint32)
    return {name: pl.concat([part[name] for part in parts]).gather(positions) for name in parts[0]}


_Part = tuple[Numbers, Numbers, dict[str, pl.Series]]


def _prior_lines(subjects: Subjects, history: History) -> _Part:
    who, line = slots(history.is_line)
    start, end = history.start[who, line], history.end[who, line]
    wanted = np.where(line == 0, history.first_line_precision[who], DAY)
    responses = np.array([_ALL_RESPONSES.position(name) for name in history.responses.names])
    is_consolidation = history.is_consolidation[who, line]
    columns = {
        "patient_id": subjects.patient_id(who),
        "line_number": pl.Series(line + 1),
        "start_date": subjects.dates(who, start, early_precision(start, wanted)),
        "end_date": subjects.dates(who, end, early_precision(end, wanted)),
        "regimen": history.regimens.at(history.regimen[who, line]),
        "intent": _INTENTS.at(np.where(line == 0, 0, np.where(is_consolidation, 2, 1))),
        "best_response": _ALL_RESPONSES.at(responses[history.best_response[who, line]]),
        "response_date": subjects.dates(who, history.response[who, line]),
    }
    return who, line + 1, columns


def _blinatumomab(subjects: Subjects, history: History, cycles: Cycles, assessments: Assessments) -> _Part:
    courses, who = subjects.courses, subjects.everybody
    regimens = Codes("blinatumomab", "blinatumomab_ponatinib", "blinatumomab_dasatinib")
    tki = courses.is_code("tki", "ponatinib") + 2 * courses.is_code("tki", "dasatinib").astype(np.int64)
    columns = {
        "patient_id": subjects.names,
        "line_number": pl.Series(history.n_lines + 1),
        "start_date": subjects.dates(who, np.zeros(len(who), dtype=np.int64)),
        "end_date": subjects.dates_if_seen(who, cycles.of_last(cycles.stop)),
        "regimen": regimens.at(tki),
        "intent": _INTENTS.at(np.where(subjects.is_mrd, 2, 1)),
        "best_response": _ALL_RESPONSES.at(courses.code("best_response")),
        "response_date": subjects.dates(who, assessments.first_best_day(subjects)),
    }
    return who, history.n_lines + 1, columns


def _next(subjects: Subjects, history: History, next_line: NextLine) -> _Part:
    who = np.flatnonzero(happened(next_line.start))
    response = next_line.response[who]
    is_seen = response <= subjects.last_day_alive[who]
    number = history.n_lines[who] + 2
    columns = {
        "patient_id": subjects.patient_id(who),
        "line_number": pl.Series(number),
        "start_date": subjects.dates(who, next_line.start[who]),
        "end_date": subjects.dates_if_seen(who, next_line.end[who]),
        "regimen": next_line.regimens.at(next_line.regimen[who]),
        "intent": _INTENTS.at(np.ones(len(who), dtype=np.int64)),
        "best_response": _ALL_RESPONSES.at(np.where(is_seen, 0, -1)),
        "response_date": subjects.dates(who, np.where(is_seen, response, NEVER)),
    }
    return who, number, columns


def _prior_events(subjects: Subjects, history: History) -> dict[str, Numbers]:
    """Relapses before blinatumomab; CNS and extramedullary disease belong to the last failure."""
    courses = subjects.courses
    is_last = history.is_last_failure
    has_cns = is_last & courses.flag("has_cns_at_relapse")[:, None]
    who, line = slots((history.failure < NEVER) & (history.is_remission | has_cns))
    last, is_cns = is_last[who, line], has_cns[who, line]
    is_outside = last & courses.flag("has_extramedullary")[who]
    # Relapse in the CNS alone: the marrow is in remission still, with residual disease.
    only_cns = is_cns & subjects.is_mrd[who] & (history.n_lines[who] == 1)
    in_marrow = (courses.flag("has_marrow_disease")[who] | ~last | subjects.is_mrd[who]) & ~only_cns
    return {
        "who": who,
        "day": history.failure[who, line],
        "kind": np.where(history.is_remission[who, line], _RELAPSE, _PROGRESSION),
        # A relapse is somewhere: where nothing else is involved it is in the marrow.
        "is_marrow": in_marrow | ~(is_cns | is_outside),
        "is_cns": is_cns,
        "is_extramedullary": is_outside,
        "cd19": np.zeros(len(who), dtype=np.int64),
    }


def _later_events(subjects: Subjects, last_assessment: Numbers) -> dict[str, Numbers]:
    """Relapse or progression after the first dose, molecular relapse, and treatment failure without either."""
    courses, details, parameters = subjects.courses, subjects.details, subjects.study.records
    draws = subjects.draws(Stream.DETAIL_ASSESSMENT).of_rows(subjects.everybody, np.full(len(subjects), 40_000))
    is_negative, is_unknown = (
        draws.chance(parameters.cd19_negative_relapse),
        draws.chance(details.cd19_unknown_at_relapse),
    )
    is_cns = draws.chance(parameters.cns_at_later_relapse)
    is_outside = draws.chance(details.extramedullary_at_later_relapse)
    is_marrow = ~(draws.chance(details.only_outside_marrow) & (is_cns | is_outside))
    fails = draws.chance(details.failure_documented) & ~happened(subjects.failure)
    fails &= courses.is_code("best_response", "pr", "stable", "no_response")
    days = np.column_stack(
        [subjects.failure, courses.day("molecular_relapse_day"), np.where(fails, last_assessment, NEVER)]
    )
    who, slot = slots(happened(days))
    is_failure = slot == 0
    first = np.where(subjects.relapse == subjects.failure, _RELAPSE, _PROGRESSION)
    cd19 = np.where(is_unknown, 2, is_negative.astype(np.int64))
    return {
        "who": who,
        "day": days[who, slot],
        "kind": np.where(is_failure, first[who], np.where(slot == 1, _MOLECULAR, _FAILURE)),
        "is_marrow": ~is_failure | is_marrow[who],
        "is_cns": is_failure & is_cns[who],
        "is_extramedullary": is_failure & is_outside[who],
        "cd19": np.where(is_failure, cd19[who], 2),
    }


def event_rows(subjects: Subjects, history: History, last_assessment: Numbers) -> pl.DataFrame:
    """Write the table ``disease_event``."""
    parts = [_prior_events(subjects, history), _later_events(subjects, last_assessment)]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(rows["who"] * _AXIS + rows["day"], kind="stable")
    rows = {name: values[order] for name, values in rows.items()}
    who = rows["who"]
    flags: dict[str, Flags] = {
        name: rows[name].astype(np.bool_) for name in ("is_marrow", "is_cns", "is_extramedullary")
    }
    return frame(
        "disease_event",
        {
            "patient_id": subjects.patient_id(who),
            "event_date": subjects.dates(who, rows["day"]),
            "event_type": _EVENTS.at(rows["kind"]),
            **{name: yes_no(flag) for name, flag in flags.items()},
            "cd19_status": _CD19.at(rows["cd19"]),
        },
    )
