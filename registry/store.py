"""Create and open registries: one DuckDB file, its journal, and the submissions as received.

One process writes. Whoever else wants the file waits a little and is then told which
process holds it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import duckdb

from blinreg.registry.build import build, renew
from blinreg.registry.damage import is_corrupt
from blinreg.registry.derive import derivation_sha256, mark_derivation
from blinreg.registry.journal import Journal
from blinreg.registry.paths import RegistryPaths
from blinreg.registry.reconcile import reconcile
from blinreg.schemas.errors import RegistryDamaged, RegistryLocked, UsageError
from blinreg.schemas.ledger import LAYOUT_VERSION, LEDGER_SCHEMA
from blinreg.schemas.render.ddl import DATABASE_SCHEMAS, quote

#: Name of the registry's database inside our connections, whatever the file is called. Opened
#: under its own name, a file called like one of its schemas makes every name ambiguous.
CATALOG = "blinreg"

#: So that DuckDB 1.5 clients can read the file.
STORAGE_VERSION = "v1.5.0"

#: Nothing is downloaded at run time.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

_LOCKED = re.compile(r"Could not set lock|Conflicting lock|being used by another process", re.IGNORECASE)
_SAME_PROCESS = re.compile(r"Unique file handle conflict|already attached")
_PROCESS = re.compile(r"\(PID (\d+)\)")


class Registry:
    """An open registry; use it in a ``with`` statement.

    Made by `Registry.create` or `Registry.open`.

    Attributes
    ----------
    path : Path
        The DuckDB file.
    connection : duckdb.DuckDBPyConnection
        Connection whose default database is the registry. Session variables set on it
        (``as_of``, ``analysis_cutoff_date``) steer the views; loading does not see them.
    is_writable : bool
        Whether submissions can be loaded.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Registry.create(Path(folder.name, "r.duckdb")) as registry:
    ...     registry.connection.execute("select count(*) from current.patient").fetchall()
    [(0,)]
    >>> folder.cleanup()
    """

    def __init__(self, paths: RegistryPaths, connection: duckdb.DuckDBPyConnection, *, is_writable: bool) -> None:
        self.paths = paths
        self.connection = connection
        self.is_writable = is_writable

    @property
    def path(self) -> Path:
        """The DuckDB file."""
        return self.paths.database

    @property
    def journal(self) -> Journal:
        """The journal beside the file."""
        return Journal(self.paths)

    @classmethod
    def create(cls, path: str | Path) -> Registry:
        """Make an empty registry with all its tables, views and macros, and open it for writing.

        Raises
        ------
        UsageError
            If a file of that name, or one that would belong to it, exists already, or the
            folder does not.
        """
        paths = RegistryPaths(Path(path).resolve())
        _claim(paths)
        try:
            return cls._create(paths)
        except BaseException:
            _remove(paths)
            raise

    @classmethod
    def _create(cls, paths: RegistryPaths) -> Registry:
        registry_id = uuid.uuid4().hex
        connection = _connect(paths, f"storage_version {quote(STORAGE_VERSION)}")
        try:
            # One transaction: a process that dies here leaves a file that says it is no registry.
            connection.begin()
            build(connection)
            connection.execute(
                f"insert into {LEDGER_SCHEMA}.layout values (?, ?, ?, ?)",
                [registry_id, LAYOUT_VERSION, version("blinreg"), derivation_sha256()],
            )
            Journal(paths).append("created", {"registry_id": registry_id})
            connection.commit()
            connection.execute("checkpoint")
            registry = cls(paths, connection, is_writable=True)
            _check_layout(registry)
            reconcile(registry)
        except BaseException:
            connection.close()
            raise
        return registry

    @classmethod
    def open(cls, path: str | Path, *, write: bool = False, wait_seconds: float = 5.0) -> Registry:
        """Open an existing registry and compare it with its journal.

        Parameters
        ----------
        path : str or Path
            The DuckDB file.
        write : bool
            Whether submissions will be loaded.
        wait_seconds : float
            How long to wait for a process that holds the file.

        Raises
        ------
        UsageError
            If there is no such file, or it is not a registry that this version can read.
        RegistryLocked
            If another process, or this one, still holds the file after the wait.
        RegistryDamaged
            If the file cannot be read, or it and its journal disagree.
        """
        paths = RegistryPaths(Path(path).resolve())
        if not paths.database.is_file():
            raise UsageError(f"there is no registry {paths.database.name}", next_step=f"blinreg init {path} makes one")
        connection = _attach_patiently(paths, write=write, wait_seconds=wait_seconds)
        registry = cls(paths, connection, is_writable=write)
        try:
            _check_layout(registry)
            reconcile(registry)
            if write and not registry.is_derivation_current():
                registry.derive()
        except BaseException as error:
            connection.close()
            if is_corrupt(error):
                raise _unreadable(paths, str(error)) from error
            raise
        return registry

    def is_derivation_current(self) -> bool:
        """Tell whether derived tables are those of the rows, and views and macros those of this version of blinreg."""
        found = self.connection.execute(f"select derivation_sha256 from {LEDGER_SCHEMA}.layout").fetchall()
        return bool(found[0][0] == derivation_sha256())

    def derive(self) -> None:
        """Make views, derived tables and macros anew, in one transaction; opening for writing does it where due."""
        self.require_writable()
        cursor = self.cursor()
        cursor.begin()
        try:
            renew(cursor)
            mark_derivation(cursor, is_current=True)
        except BaseException:
            cursor.rollback()
            raise
        cursor.commit()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Open a second session on the registry, without the variables of the first."""
        cursor = self.connection.cursor()
        cursor.execute(f"use {CATALOG}")
        return cursor

    def require_writable(self) -> None:
        """Refuse to go on if the registry was opened for reading."""
        if not self.is_writable:
            raise UsageError(f"{self.path.name} is open for reading", next_step="open it with write=True")

    def close(self) -> None:
        """Close the file; other processes can have it."""
        self.connection.close()

    def __enter__(self) -> Registry:
        """Give the open registry."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; say so if what went wrong is the file itself."""
        self.close()
        if error is not None and is_corrupt(error):
            raise _unreadable(self.paths, str(error)) from error


def _claim(paths: RegistryPaths) -> None:
    """Refuse to touch what is there; whoever makes the folder first makes the registry."""
    if paths.database.stem in DATABASE_SCHEMAS:
        # A client names the database after its file: "current.patient" could then be either.
        raise UsageError(
            f"a registry cannot be called {paths.database.name}: {paths.database.stem} is the name of a schema in it",
            next_step="choose another name, such as registry.duckdb",
        )
    if not paths.database.parent.is_dir():
        raise UsageError(f"there is no folder {paths.database.parent.name}", next_step="make it first")
    taken = [path.name for path in (paths.database, paths.journal, paths.write_ahead_log) if os.path.lexists(path)]
    try:
        if not taken:
            paths.submissions.mkdir()
            return
    except FileExistsError:
        taken = [paths.submissions.name]
    raise UsageError(
        f"{taken[0]} exists already and is not overwritten",
        next_step=f"choose another name, or move away everything that begins with {paths.database.name}",
    )


def _remove(paths: RegistryPaths) -> None:
    for path in (paths.database, paths.journal, paths.write_ahead_log):
        path.unlink(missing_ok=True)
    shutil.rmtree(paths.submissions, ignore_errors=True)


def _connect(paths: RegistryPaths, option: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={**_CONFIG, "temp_directory": str(paths.spill)})
    try:
        connection.execute(f"attach {quote(str(paths.database))} as {CATALOG} ({option})")
        connection.execute(f"use {CATALOG}")
    except BaseException:
        connection.close()
        raise
    return connection


def _attach_patiently(paths: RegistryPaths, *, write: bool, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + wait_seconds
    pause = 0.05
    while True:
        try:
            return _connect(paths, "read_write" if write else "read_only")
        except duckdb.Error as error:
            message = str(error)
            if not (_LOCKED.search(message) or _SAME_PROCESS.search(message)):
                raise _unreadable(paths, message) from error
            if time.monotonic() + pause > deadline:
                raise _locked(paths, message) from error
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def _locked(paths: RegistryPaths, message: str) -> RegistryLocked:
    found = _PROCESS.search(message)
    if _SAME_PROCESS.search(message):
        holder = f"this process ({os.getpid()})"
        next_step = "close the registry where it is open, then try again"
    else:
        holder = f"process {found.group(1)}" if found else "another process"
        next_step = "wait until it is done, or stop it, then try again"
    return RegistryLocked(f"{paths.database.name} is locked by {holder}", next_step=next_step)


def _unreadable(paths: RegistryPaths, message: str) -> UsageError | RegistryDamaged:
    name = paths.database.name
    if "not a valid DuckDB database" in message and not paths.journal.exists():
        return UsageError(f"{name} is not a registry: it is not a DuckDB file")
    if "newer version" in message or "version number" in message:
        return UsageError(f"{name} was written by a newer DuckDB than this one", next_step="upgrade blinreg")
    return RegistryDamaged(
        f"{name} cannot be read: {message.splitlines()[0].replace(str(paths.database), name)}",
        next_step=paths.recovery,
    )


def _check_layout(registry: Registry) -> None:
    name = registry.path.name
    try:
        rows = registry.connection.execute(f"select layout_version from {LEDGER_SCHEMA}.layout").fetchall()
    except duckdb.CatalogException:
        rows = []
    if not rows:
        raise UsageError(
            f"{name} is a DuckDB file and not a registry, or its creation was interrupted",
            next_step=f"if it is yours, delete everything that begins with {name} and make it again with blinreg init",
        )
    if rows[0][0] > LAYOUT_VERSION:
        raise UsageError(
            f"{name} has layout {rows[0][0]} and this blinreg knows layouts up to {LAYOUT_VERSION}",
            next_step="upgrade blinreg",
        )
