"""Make a synthetic cohort and write it as the submissions of its sites."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl

from blinreg.schemas.errors import UsageError, nearest
from blinreg.synthetic.calibrated import DEFAULT_PROFILE, PROFILES, load_calibrated, permute
from blinreg.synthetic.courses import Courses, Placement
from blinreg.synthetic.draft import draft_of
from blinreg.synthetic.faulty_cohort import FaultyCohort
from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.model.truth import truth
from blinreg.synthetic.progress import Progress, quiet
from blinreg.synthetic.records import records
from blinreg.synthetic.scale import Written, split_by_site, write_at_scale
from blinreg.synthetic.studies import Study, load_study
from blinreg.synthetic.writing import NOTICE, Recipe, write_submission, write_text

#: Seeds are part of names; this is also the largest whole number that every tool can hold.
LARGEST_SEED = 2**63 - 1
#: Most patients of a cohort.
MOST_PATIENTS = 1_000_000_000
#: Up to so many patients the sites send the formats that they have; above, all send Parquet.
MOST_PATIENTS_IN_OTHER_FORMATS = 5_000
#: Threads unless more are asked for: each holds a block of patients.
MOST_THREADS_UNASKED = 4

#: Most threads, each with its block in memory.
MOST_THREADS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticCohort:
    """What was written.

    Parameters
    ----------
    study : str
        Name of the study.
    seed : int
        Seed of the cohort.
    profile : str or None
        Profile of the calibrated cohort; None for patients of the model.
    n_patients : int
        Patients.
    sites : tuple of str
        Sites, in their order.
    paths : tuple of Path
        Folders of the submissions, in the order of the sites.
    n_rows : mapping of str to int
        Rows by table, over all sites.
    n_faults : int or None
        Planted faults; None for clean data.
    """

    study: str
    seed: int
    profile: str | None
    n_patients: int
    sites: tuple[str, ...]
    paths: tuple[Path, ...]
    n_rows: Mapping[str, int]
    n_faults: int | None = None


def cohort(
    study: Study, *, seed: int, profile: str | None = None, n_patients: int | None = None
) -> tuple[Courses, Placement]:
    """Make the courses of a cohort: the calibrated one, or patients of the model.

    Parameters
    ----------
    study : Study
        The study.
    seed : int
        Seed of the cohort.
    profile : str, optional
        Profile of the calibrated cohort; ``plausible`` if neither it nor a number of patients is given.
    n_patients : int, optional
        Patients to draw from the model.

    Returns
    -------
    tuple of Courses and Placement
        What happened to each patient, and where and when.

    Examples
    --------
    >>> from blinreg.synthetic.studies import load_study
    >>> study = load_study("realworld-2020")
    >>> len(cohort(study, seed=1)[0]), len(cohort(study, seed=1, n_patients=10)[0])
    (239, 10)
    """
    if n_patients is not None:
        return draw_courses(study, seed, np.arange(n_patients, dtype=np.int64))
    return permute(load_calibrated(study.id, profile or DEFAULT_PROFILE), study, seed)


def cohort_tables(
    study: str, *, seed: int = 2020, profile: str | None = None, n_patients: int | None = None
) -> dict[str, pl.DataFrame]:
    """Make the tables of a cohort in memory, all sites together, as ``generate`` writes them.

    Parameters
    ----------
    study, seed, profile, n_patients
        As for ``generate``.

    Returns
    -------
    dict of str to polars.DataFrame
        Tables that have rows, parents before children. Dates are text in ISO 8601.

    Examples
    --------
    >>> cohort_tables("realworld-2020", n_patients=3)["patient"]["patient_id"].to_list()
    ['SYN-0001', 'SYN-0002', 'SYN-0003']
    """
    parameters = load_study(study)
    courses, placement = cohort(parameters, seed=seed, profile=profile, n_patients=n_patients)
    return records(courses, placement, study=parameters, seed=seed)


def generate(
    study: str,
    out: str | Path,
    *,
    seed: int = 2020,
    profile: str | None = None,
    patients: int | None = None,
    threads: int | None = None,
    faults: float | None = None,
    on_progress: Progress | None = None,
) -> SyntheticCohort:
    """Write a synthetic cohort as the submissions of its sites: ``OUT/<site>/submission.json`` and files.

    The patients do not exist, and every file says so. The same arguments give the same bytes, whatever the number
    of threads. Nothing is in OUT itself before everything is written.

    Parameters
    ----------
    study : str
        Name of the study to imitate: ``realworld-2020``, the 2020 multicenter real-world study.
    out : str or Path
        Folder that does not exist yet or is empty.
    seed : int
        Seed, from 0 to 2**63 - 1. In the calibrated cohort it moves what the publication leaves free: sites, dates,
        the order of the patients; the published numbers stay.
    profile : {"plausible", "strict"}, optional
        The calibrated cohort of 239 with every printed number (``strict``), or without the printed numbers that
        no real patients would give (``plausible``, the default).
    patients : int, optional
        Draw so many patients from the multi-state model instead; above 5,000 every site sends Parquet.
    threads : int, optional
        Blocks of patients that are worked on at once, each taking some 200 MB. By default one a processor, at
        most 4. Matters above 5,000 patients only.
    faults : float, optional
        Expected share of rows that get a planted fault, above 0 and up to 1; ``answer_key.csv`` lists each fault.
    on_progress : callable, optional
        Called as ``on_progress(message, done=..., total=...)``.

    Returns
    -------
    SyntheticCohort
        What was written.

    Raises
    ------
    UsageError
        For an unknown study or profile (with the nearest names), a number out of range, or a folder that is not
        empty or cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cohort = generate("realworld-2020", Path(folder) / "submissions")
    >>> cohort.n_patients, len(cohort.sites), cohort.n_rows["follow_up"]
    (239, 11, 239)
    """
    say = on_progress or quiet
    recipe = _recipe(load_study(study), seed=seed, profile=profile, patients=patients, faults=faults)
    n_threads = _threads(threads)
    folder = Path(out)
    try:
        with draft_of(folder) as draft, _faults(draft, recipe) as planted:
            if recipe.n_patients is not None and recipe.n_patients > MOST_PATIENTS_IN_OTHER_FORMATS:
                say(f"simulating {recipe.n_patients:,} synthetic patients on {n_threads} threads")
                written = write_at_scale(
                    draft, recipe=recipe, n_patients=recipe.n_patients, faults=planted, threads=n_threads, say=say
                )
            else:
                written = _write_small(draft, recipe, planted, say)
            if recipe.profile is None:
                planted_truth = {"synthetic": True, "notice": NOTICE, **truth(recipe.study).as_json()}
                write_text(draft / "truth.json", json.dumps(planted_truth, indent=2) + "\n")
            n_patients, sites = sum(written.n_patients.values()), tuple(written.n_patients)
            write_text(draft / "README.txt", recipe.study_readme(n_patients, len(sites)))
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}", next_step="choose another folder") from None
    say(f"wrote {len(sites)} sites", done=len(sites), total=len(sites))
    return SyntheticCohort(
        study=study,
        seed=seed,
        profile=recipe.profile,
        n_patients=n_patients,
        sites=sites,
        paths=tuple(folder / site for site in sites),
        n_rows=written.n_rows,
        n_faults=None if planted is None else planted.n_faults,
    )


def _recipe(study: Study, *, seed: int, profile: str | None, patients: int | None, faults: float | None) -> Recipe:
    """Check what was asked for."""
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"the seed is {seed}", next_step=f"give a whole number from 0 to {LARGEST_SEED}")
    if patients is not None and profile is not None:
        raise UsageError(
            f"{patients} patients of the model are asked for, and the profile {profile} of the calibrated cohort",
            next_step="leave out the profile or the number of patients",
        )
    if patients is not None and not 1 <= patients <= MOST_PATIENTS:
        raise UsageError(f"{patients} patients are asked for", next_step=f"give a number from 1 to {MOST_PATIENTS}")
    if faults is not None and not 0 < faults <= 1:
        raise UsageError(f"the rate of faults is {faults:g}", next_step="give a share above 0, up to 1, such as 0.02")
    kept = (profile or DEFAULT_PROFILE) if patients is None else None
    if kept is not None and kept not in PROFILES:
        raise UsageError(f"no profile is called {kept!r}", next_step=nearest(kept, list(PROFILES)))
    return Recipe(study=study, seed=seed, profile=kept, n_patients=patients, faults=faults)


def _threads(asked: int | None) -> int:
    if asked is None:
        return min(os.cpu_count() or 1, MOST_THREADS_UNASKED)
    if not 1 <= asked <= MOST_THREADS:
        raise UsageError(f"{asked} threads are asked for", next_step=f"give a number from 1 to {MOST_THREADS}")
    return asked


@contextmanager
def _faults(folder: Path, recipe: Recipe) -> Iterator[FaultyCohort | None]:
    """Plant faults if they are asked for; the answer key is complete at the end."""
    if recipe.faults is None:
        yield None
        return
    faults = FaultyCohort(folder, recipe)
    try:
        yield faults
        faults.close()
    except BaseException:
        faults.abandon()
        raise


def _write_small(folder: Path, recipe: Recipe, faults: FaultyCohort | None, say: Progress) -> Written:
    """Write the submissions of a cohort that is small enough to be held as a whole, in the formats of the sites."""
    study = recipe.study
    courses, placement = cohort(study, seed=recipe.seed, profile=recipe.profile, n_patients=recipe.n_patients)
    say(f"simulating {len(courses):,} synthetic patients")
    tables = records(courses, placement, study=study, seed=recipe.seed)
    of_site: dict[int, dict[str, pl.DataFrame]] = {}
    for name, frame in tables.items():
        for position, part in split_by_site(frame, 0, placement.site):
            of_site.setdefault(position, {})[name] = part
    n_patients: dict[str, int] = {}
    n_rows: dict[str, int] = {}
    for done, position in enumerate(sorted(of_site)):
        site = study.sites[position]
        say(f"writing {site.id}", done=done, total=len(of_site))
        clean = of_site[position]
        sent, file_faults = (clean, {}) if faults is None else faults.plant(clean, site)
        write_submission(sent, folder / site.id, recipe=recipe, site=site, file_faults=file_faults)
        n_patients[site.id] = sent["patient"].height
        for name, frame in sent.items():
            n_rows[name] = n_rows.get(name, 0) + frame.height
    return Written(MappingProxyType(n_rows), MappingProxyType(n_patients))
