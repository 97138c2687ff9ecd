"""Make a synthetic cohort and write it as the submissions of its sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from blinreg.schemas.errors import UsageError
from blinreg.synthetic.parameters import load_parameters
from blinreg.synthetic.simulation import simulate
from blinreg.synthetic.tables import tables_of
from blinreg.synthetic.writing import write_study_readme, write_submission

#: Seeds are part of names; this is also the largest whole number that every tool can hold.
LARGEST_SEED = 2**63 - 1


class Progress(Protocol):
    """Is told what is being done, and how far it is."""

    def __call__(self, message: str, *, done: int | None = None, total: int | None = None) -> None:
        """Take a message; ``done`` of ``total`` steps are finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticCohort:
    """What was written.

    Parameters
    ----------
    study : str
        Name of the study.
    seed : int
        Seed of the cohort.
    n_patients : int
        Patients.
    sites : tuple of str
        Sites, in their order.
    paths : tuple of Path
        Folders of the submissions, in the order of the sites.
    n_rows : mapping of str to int
        Rows by table, over all sites.
    """

    study: str
    seed: int
    n_patients: int
    sites: tuple[str, ...]
    paths: tuple[Path, ...]
    n_rows: Mapping[str, int]


def _quiet(message: str, *, done: int | None = None, total: int | None = None) -> None:
    """Say nothing."""


def _new_folder(out: Path) -> None:
    """Make the folder; nothing that is there already is touched."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, not a folder", next_step="name a folder that does not exist yet")
    if out.exists() and any(out.iterdir()):
        raise UsageError(
            f"{out} is not empty", next_step="name a folder that does not exist yet, or empty this one yourself"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {out}: {error.strerror}", next_step="choose another folder") from None


def generate(study: str, out: str | Path, *, seed: int = 2020, on_progress: Progress | None = None) -> SyntheticCohort:
    """Write a synthetic cohort as the submissions of its sites: ``OUT/<site>/submission.json`` and files.

    The patients do not exist, and every file says so. The same study and seed give the same bytes.

    Parameters
    ----------
    study : str
        ``realworld-2020``: 239 patients at 11 sites, after the 2020 multicenter real-world study.
    out : str or Path
        Folder that does not exist yet or is empty.
    seed : int
        Seed, from 0 to 2**63 - 1.
    on_progress : callable, optional
        Called as ``on_progress(message, done=..., total=...)``.

    Returns
    -------
    SyntheticCohort
        What was written.

    Raises
    ------
    UsageError
        For an unknown study (with the nearest names), a seed out of range, or a folder that is not empty
        or cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cohort = generate("realworld-2020", Path(folder) / "submissions")
    >>> cohort.n_patients, len(cohort.sites), cohort.n_rows["follow_up"]
    (239, 11, 239)
    """
    say = on_progress or _quiet
    parameters = load_parameters(study)
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"the seed is {seed}", next_step=f"give a whole number from 0 to {LARGEST_SEED}")
    folder = Path(out)
    _new_folder(folder)
    say(f"simulating {parameters.study.n_patients} synthetic patients")
    patients = list(simulate(parameters, seed, range(parameters.study.n_patients)))
    n_rows: dict[str, int] = {}
    paths = []
    try:
        for done, site in enumerate(parameters.site):
            say(f"writing {site.id}", done=done, total=len(parameters.site))
            tables = tables_of((patient for patient in patients if patient.place.site == site), study)
            write_submission(tables, folder / site.id, study=parameters.study, site=site, seed=seed)
            paths.append(folder / site.id)
            for name, frame in tables.items():
                n_rows[name] = n_rows.get(name, 0) + frame.height
        write_study_readme(folder, study=parameters.study, n_sites=len(parameters.site), seed=seed)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}", next_step="choose another folder") from None
    say(f"wrote {len(parameters.site)} sites", done=len(parameters.site), total=len(parameters.site))
    return SyntheticCohort(
        study=study,
        seed=seed,
        n_patients=len(patients),
        sites=tuple(site.id for site in parameters.site),
        paths=tuple(paths),
        n_rows=MappingProxyType(n_rows),
    )
