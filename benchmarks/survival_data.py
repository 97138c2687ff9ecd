"""Made-up survival rows for the benchmarks, of any number, the same in every run.

Each patient has whole-year or decimal age, flags, a day of transplant that some
reach, and one or two rows (tstart, tstop] in days: before and after transplant.
Values come from a hash of the patient's number, so that neither threads nor batches
change them; nothing here is a real person.

Run as a program to write a DuckDB file: ``python benchmarks/survival_data.py FILE ROWS [--variant NAME]``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import duckdb

DAYS = 3650
TABLE = "counting_process"
#: Patients written in one statement.
BATCH_PATIENTS = 5_000_000


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of cohort.

    Attributes
    ----------
    name : str
    age : str
        SQL of the age from a rough normal deviate ``z``.
    age_type : str
        Type of the column.
    flags : dict of str to (share, log hazard ratio)
        Covariates that are 0 or 1.
    hazard : float
        Deaths a day at age 52 without any flag.
    shortest : int
        Follow-up is censored between this day and day 3650.
    """

    name: str
    age: str
    age_type: str
    flags: dict[str, tuple[float, float]]
    hazard: float
    shortest: int

    @property
    def covariates(self) -> list[str]:
        """Names of the covariates, the time-dependent one last."""
        return ["age", *self.flags, "allo_hct"]


_FLAGS = {
    "female": (0.45, -0.10),
    "ph_positive": (0.25, 0.15),
    "prior_allo_hct": (0.20, 0.25),
    "cns_disease": (0.10, 0.30),
    "high_burden": (0.40, 0.45),
    "second_salvage": (0.30, 0.35),
}
VARIANTS = {
    "sparse": Variant("sparse", "round(52 + 12 * z)", "INTEGER", _FLAGS, 1 / 9_800, 30),
    "dense": Variant(
        "dense", "round(52 + 12 * z, 1)", "DOUBLE", {**_FLAGS, "mrd_positive": (0.5, 0.40)}, 1 / 1_260, 365
    ),
}


def _uniform(k: int) -> str:
    """SQL of a number in (0, 1) for patient and purpose k."""
    return f"((hash(patient_id * 32 + {k}) >> 11)::double + 0.5) / 9007199254740992"


def _select(variant: Variant, first: int, last: int) -> str:
    flags = ", ".join(
        f"({_uniform(10 + k)} < {share})::integer as {name}"
        for k, (name, (share, _)) in enumerate(variant.flags.items())
    )
    predictor = " + ".join(["0.02 * (age - 52)", *(f"{beta} * {name}" for name, (_, beta) in variant.flags.items())])
    names = ", ".join(variant.flags)
    return f"""
        with patient as (
            select range as patient_id from range({first}, {last})
        ),
        drawn as (
            select
                patient_id,
                ({_uniform(1)} + {_uniform(2)} + {_uniform(3)} - 1.5) * 2 as z,
                greatest(18, least(85, {variant.age}))::{variant.age_type} as age,
                {flags},
                {variant.shortest} + floor({_uniform(4)} * ({DAYS} - {variant.shortest} + 1)) as censored,
                ceil(-ln({_uniform(5)}) * 900) as transplant,
                -ln({_uniform(6)}) as life,
                -ln({_uniform(7)}) as life_after
            from patient
        ),
        dated as (
            select
                *,
                {variant.hazard} * exp({predictor}) as hazard,
                ceil(life / hazard) as death_before,
                transplant < least(death_before, censored) as is_transplanted,
                case
                    when is_transplanted then transplant + ceil(life_after / (hazard * exp(-0.7)))
                    else death_before
                end as death,
                least(death, censored) as last_day
            from drawn
        ),
        spell as (
            select
                *,
                unnest(
                    case when is_transplanted then [0, 1] else [0] end
                ) as allo_hct
            from dated
        )
        select
            patient_id,
            (case when allo_hct = 1 then transplant else 0 end)::integer as tstart,
            (case when allo_hct = 0 and is_transplanted then transplant else last_day end)::integer as tstop,
            (death <= censored and (allo_hct = 1 or not is_transplanted))::integer as event,
            age,
            {names},
            allo_hct,
            (patient_id * 7919 % 20)::integer as site
        from spell
    """


def write_rows(connection: duckdb.DuckDBPyConnection, n_rows: int, variant: Variant) -> None:
    """Create the table ``counting_process`` with exactly ``n_rows`` rows, patient by patient."""
    patients = 0
    connection.execute(f"create or replace table {TABLE} as {_select(variant, 0, 0)}")
    while (missing := n_rows - _count(connection)) > 0:
        more = min(missing, BATCH_PATIENTS)
        rows = _select(variant, patients, patients + more)
        connection.execute(f"insert into {TABLE} select * from ({rows}) limit {missing}")
        patients += more


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    ((n_rows,),) = connection.execute(f"select count(*) from {TABLE}").fetchall()
    return int(n_rows)


def write_file(path: Path, n_rows: int, variant: Variant) -> Path:
    """Write a DuckDB file, unless it is there; half a file is never left."""
    if not path.exists():
        half = path.with_suffix(".half")
        half.unlink(missing_ok=True)
        with duckdb.connect(str(half)) as connection:
            connection.execute("set memory_limit = '2GB'")
            write_rows(connection, n_rows, variant)
        half.rename(path)
    return path


def write_columns(path: Path, folder: Path, *, n_rows: int) -> None:
    """Write the columns of the first rows as raw little-endian numbers (int32 or double), for R's readBin."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path), read_only=True) as connection:
        relation = connection.table(TABLE).limit(n_rows)
        columns = dict(zip(relation.columns, relation.types, strict=True))
        files = {
            name: (folder / f"{name}.{'double' if str(dtype) == 'DOUBLE' else 'int32'}").open("wb")
            for name, dtype in columns.items()
        }
        for batch in relation.to_arrow_reader(1_000_000):
            for name, file in files.items():
                values = batch.column(name).to_numpy()
                values.astype("<f8" if file.name.endswith("double") else "<i4").tofile(file)
        for file in files.values():
            file.close()


def main() -> None:
    """Write a file from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("rows", type=lambda text: int(float(text)))
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="sparse")
    asked = parser.parse_args()
    write_file(asked.file, asked.rows, VARIANTS[asked.variant])


if __name__ == "__main__":
    main()
