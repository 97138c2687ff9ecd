"""R for the tests of this folder: its versions, and a way to run a script that says what to install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DEBIAN = {"survival": "r-cran-survival", "cmprsk": "r-cran-cmprsk", "jsonlite": "r-cran-jsonlite"}
INSTALL = "apt-get install --no-install-recommends"
VERSIONS = """
cat("R", paste(R.version$major, R.version$minor, sep = "."), "\n")
for (p in commandArgs(TRUE)) if (requireNamespace(p, quietly = TRUE)) cat(p, as.character(packageVersion(p)), "\n")
"""
RunR = Callable[..., None]


def rscript(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    # Text is ordered by the locale, and a user's profile may change options: neither may change a value.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LC_")} | {"LC_ALL": "C"}
    return subprocess.run(
        ["Rscript", "--vanilla", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def installed() -> dict[str, str]:
    """Name and version of R and of those of the packages that are there."""
    if shutil.which("Rscript") is None:
        return {}
    lines = rscript("-e", VERSIONS, *DEBIAN).stdout.splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def pytest_report_header() -> str:
    return ", ".join(f"{name} {version.strip()}" for name, version in installed().items()) or "R: not installed"


@pytest.fixture(scope="session")
def r_versions() -> dict[str, str]:
    found = installed()
    if not found:
        pytest.fail(f"Rscript is not on the path: {INSTALL} r-base-core {' '.join(DEBIAN.values())}", pytrace=False)
    return found


@pytest.fixture(scope="session")
def run_r(r_versions: dict[str, str]) -> RunR:
    """Run a script in its own folder; fail where it needs a package that is not there, or stops."""

    def run(script: Path, *words: str | Path) -> None:
        needed = re.findall(r"library\((\w+)\)", script.read_text())
        missing = [package for package in needed if package in DEBIAN and package not in r_versions]
        if missing:
            debian = " ".join(DEBIAN[package] for package in missing)
            pytest.fail(f"{script.name} needs R's {', '.join(missing)}: {INSTALL} {debian}", pytrace=False)
        done = rscript(script.name, *words, folder=script.parent)
        if done.returncode != 0:
            last = "\n".join(done.stderr.splitlines()[-10:])
            pytest.fail(f"{script.name} stopped (exit code {done.returncode}):\n{last}", pytrace=False)

    return run
