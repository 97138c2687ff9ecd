"""Plant faults site by site while a cohort is written, and write the answer key as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from blinreg.synthetic.faults import LOG_SCHEMA, Memory, plant, write_refused
from blinreg.synthetic.parquet import ParquetFile
from blinreg.synthetic.studies import Site
from blinreg.synthetic.writing import Recipe, write_submission

_NOTICE = "SYNTHETIC DATA: faults planted on purpose. Names, addresses and numbers of persons are invented."


class FaultyCohort:
    """The faults of a cohort in the making.

    Sites, and the parts of sites, are to be given in a fixed order: which kinds had their turn is remembered.

    Parameters
    ----------
    folder : Path
        Folder of the cohort: ``answer_key.csv``, ``answer_key.parquet`` and the submissions that must be refused
        are written there.
    recipe : Recipe
        How the cohort is made, with the rate of faults.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder = folder
        self._recipe = recipe
        self._memory = Memory()
        self._parquet = ParquetFile(
            folder / "answer_key.parquet", metadata={"synthetic": "true", "notice": _NOTICE}, statistics=("fault",)
        )
        self._csv = (folder / "answer_key.csv").open("wb")
        self._log(LOG_SCHEMA.to_frame(), with_header=True)

    @property
    def n_faults(self) -> int:
        """Faults planted so far."""
        return self._memory.n_faults

    def plant(
        self, tables: Mapping[str, pl.DataFrame], site: Site
    ) -> tuple[Mapping[str, pl.DataFrame], Mapping[str, str]]:
        """Plant faults in the tables of a site, or of some of its patients.

        Parameters
        ----------
        tables : mapping of str to polars.DataFrame
            Clean tables of whole patients.
        site : Site
            The site, with the format that it sends.

        Returns
        -------
        tuple of two mappings
            The tables with faults, and by table the fault in how its file is to be written.
        """
        planted = plant(
            tables,
            rate=self._recipe.faults or 0.0,
            seed=self._recipe.seed,
            site=site.id,
            created=self._recipe.created.date(),
            file_format=site.format,
            memory=self._memory,
        )
        self._memory = planted.memory
        self._log(planted.log)
        for refused in planted.refused:
            self._log(
                write_refused(
                    refused,
                    tables,
                    self._folder,
                    site=site.id,
                    seed=self._recipe.seed,
                    write=lambda sent, folder: write_submission(sent, folder, recipe=self._recipe, site=site),
                )
            )
        return planted.tables, planted.file_faults

    def _log(self, log: pl.DataFrame, *, with_header: bool = False) -> None:
        log.write_csv(self._csv, include_header=with_header)
        self._parquet.append(log)

    def close(self) -> None:
        """Finish the answer key."""
        self._csv.close()
        self._parquet.close()

    def abandon(self) -> None:
        """Close what is open, unfinished."""
        self._csv.close()
        self._parquet.abandon()
