"""The 227 patients with relapsed or refractory disease as arrays for the compiled statistics.

What may change is one table of whole numbers, a row a patient (``Column``), so that exchanging the courses of two
patients is exchanging two rows. What stays is ``Fixed``. Patients stand in the order of their blocks: transplanted,
other responders, non-responders, not evaluable; the responders are therefore the first of the list.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.synthetic.courses import NEVER

Days = NDArray[np.int64]
Flags = NDArray[np.uint8]
Floats = NDArray[np.float64]

BLOCKS = ("transplanted", "responder", "nonresponder", "not_evaluable")
STATUSES = ("none", "continuing", "car_t", "dli", "relapsed")


class Block(IntEnum):
    """Position of a block in `BLOCKS`."""

    TRANSPLANTED = 0
    RESPONDER = 1
    NONRESPONDER = 2
    NOT_EVALUABLE = 3


class Status(IntEnum):
    """What became of the remission of a responder without transplant."""

    NONE = 0
    CONTINUING = 1
    CAR_T = 2
    DLI = 3
    RELAPSED = 4


class Column(IntEnum):
    """Columns of the table of courses; days from the first dose, ``NEVER`` where it did not happen."""

    RESPONSE = 0
    RELAPSE = 1
    PROGRESSION = 2
    TRANSPLANT = 3
    END = 4
    DEAD = 5
    CYCLES = 6
    STATUS = 7
    AGE = 8


#: Columns that go from one patient to another when their courses are exchanged; the age stays with the patient.
N_COURSE_COLUMNS = 8


class Group(IntEnum):
    """Groups that have a curve of their own: rows of ``Fixed.member``."""

    ALL = 0
    RESPONDERS = 1
    TRANSPLANTED = 2
    NOT_TRANSPLANTED = 3
    RESPONDERS_NOT_TRANSPLANTED = 4
    PH = 5
    NOT_PH = 6
    PH_TKI = 7
    PH_NO_TKI = 8
    KMT2A = 9
    NOT_KMT2A = 10
    REFRACTORY = 11
    NOT_REFRACTORY = 12
    TKI = 13
    RESPONDERS_PH_TKI = 14
    RESPONDERS_PH_NO_TKI = 15


class Fixed(NamedTuple):
    """What the event times do not change.

    ``block``, ``is_toxic_death``, ``must_progress``, ``may_have_dli`` (n,); ``member`` (groups, n);
    ``x_os`` (n, 8) and ``x_rfs`` (responders, 7): covariates of the models, age first (filled at each evaluation);
    ``mrd_alive`` (m,): last days of the survivors of the MRD indication, for the follow-up of all.
    """

    block: Flags
    is_toxic_death: Flags
    must_progress: Flags
    may_have_dli: Flags
    member: NDArray[np.uint8]
    x_os: Floats
    x_rfs: Floats
    n_responders: int
    n_transplanted: int
    mrd_alive: Days


def relapsed_refractory(skeleton: pl.DataFrame) -> pl.DataFrame:
    """Select the patients with relapsed or refractory disease, in the order of their blocks and numbers."""
    place = pl.col("block").cast(pl.String).replace_strict(dict(zip(BLOCKS, range(4), strict=True)), default=None)
    return skeleton.filter(~pl.col("is_mrd_indication")).sort(place, "number")


def fixed_of(patients: pl.DataFrame, mrd_alive: Days) -> Fixed:
    """Read what does not change from the patients of `relapsed_refractory`."""

    def text(name: str) -> pl.Series:
        return patients[name].cast(pl.String)

    def flags(values: pl.Series) -> Flags:
        return values.cast(pl.UInt8).to_numpy().astype(np.uint8)

    block = text("block").replace_strict(dict(zip(BLOCKS, range(4), strict=True)), return_dtype=pl.UInt8)
    blocks = flags(block)
    ph, kmt2a = flags(patients["is_ph_positive"]), flags(patients["is_kmt2a_rearranged"])
    tki = flags(text("tki") != "none")
    refractory = flags(text("cr1_class") == "primary_refractory")
    earlier = flags(text("prior_allo_hct") == "yes")
    cns, mrd = flags(patients["cns_history"]), flags(text("mrd_result") == "positive")
    remission = [
        flags(text("cr1_class").is_in(names))
        for names in (["under_1_year"], ["1_to_2_years"], ["2_to_3_years", "over_3_years"])
    ]
    responder, transplanted = blocks <= Block.RESPONDER, blocks == Block.TRANSPLANTED
    groups = [np.ones_like(ph), responder, transplanted, ~transplanted, responder & ~transplanted]
    groups += [ph, 1 - ph, ph & tki, ph & (1 - tki), kmt2a, 1 - kmt2a, refractory, 1 - refractory, tki]
    groups += [responder & ph & tki, responder & ph & (1 - tki)]
    age = np.zeros(len(ph))
    n_responders = int(responder.sum())
    x_rfs = np.column_stack([age, cns, kmt2a, mrd, *remission])[:n_responders]
    return Fixed(
        block=blocks,
        is_toxic_death=flags(patients["toxic_death"].cast(pl.Boolean)),
        must_progress=flags(text("best_response") == "progression"),
        may_have_dli=earlier,
        member=np.array(groups, dtype=np.uint8),
        x_os=np.column_stack([age, *remission, cns, earlier, ph, kmt2a]).astype(np.float64),
        x_rfs=np.ascontiguousarray(x_rfs, dtype=np.float64),
        n_responders=n_responders,
        n_transplanted=int(transplanted.sum()),
        mrd_alive=np.sort(mrd_alive.astype(np.int64)),
    )


_DAY_COLUMNS = {
    "response_day": Column.RESPONSE,
    "relapse_day": Column.RELAPSE,
    "progression_day": Column.PROGRESSION,
    "transplant_day": Column.TRANSPLANT,
}


def courses_of(patients: pl.DataFrame) -> Days:
    """Read the table of courses from patients with day columns."""
    table = np.empty((patients.height, len(Column)), dtype=np.int64)
    for name, column in _DAY_COLUMNS.items():
        table[:, column] = patients[name].cast(pl.Int64).fill_null(NEVER).to_numpy()
    table[:, Column.END] = patients["end_day"].to_numpy()
    table[:, Column.DEAD] = patients["is_dead"].cast(pl.Int64).to_numpy()
    table[:, Column.CYCLES] = patients["n_cycles"].to_numpy()
    table[:, Column.STATUS] = statuses_of(patients)
    table[:, Column.AGE] = patients["age_years"].to_numpy()
    return table


def statuses_of(patients: pl.DataFrame) -> Days:
    """Positions in `STATUSES` of the column ``in_remission_status``."""
    position = dict(zip(STATUSES, range(len(STATUSES)), strict=True))
    status = patients["in_remission_status"].cast(pl.String).fill_null("none")
    return status.replace_strict(position, return_dtype=pl.Int64).to_numpy()


def with_courses(patients: pl.DataFrame, table: Days) -> pl.DataFrame:
    """Write a table of courses into the columns of the patients."""

    def day(column: Column) -> pl.Series:
        return pl.Series([None if value == NEVER else value for value in table[:, column].tolist()], dtype=pl.Int64)

    days = {name: day(column) for name, column in _DAY_COLUMNS.items()}
    status = [STATUSES[code] if code else None for code in table[:, Column.STATUS].tolist()]
    return patients.with_columns(
        **days,
        end_day=pl.Series(table[:, Column.END], dtype=pl.Int64),
        is_dead=pl.Series(table[:, Column.DEAD] == 1),
        n_cycles=pl.Series(table[:, Column.CYCLES], dtype=pl.Int64),
        age_years=pl.Series(table[:, Column.AGE], dtype=pl.Int64),
        in_remission_status=pl.Series(status, dtype=pl.String),
    )
