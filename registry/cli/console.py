"""What the command line says: results on standard output, progress and errors on standard error.

With ``--json`` the result is one JSON object on standard output, and progress and
errors are JSON objects, one a line, on standard error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from blinreg.schemas.errors import BlinregError


@dataclass(slots=True)
class Console:
    """Where a command writes.

    Parameters
    ----------
    as_json : bool
        Whether a machine reads.
    quiet : bool
        Whether progress is left out.
    """

    as_json: bool = False
    quiet: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.monotonic)

    def progress(self, message: str, *, done: int | None = None, total: int | None = None) -> None:
        """Say what is being done now, with how far it is and the seconds since the start."""
        self.event("progress", message, message=message, done=done, total=total)

    def event(
        self,
        name: str,
        said: str = "",
        *,
        done: int | None = None,
        total: int | None = None,
        seconds_left: float | None = None,
        **more: str | float | None,
    ) -> None:
        """Tell a machine what happened, and a person if there are words for it.

        Parameters
        ----------
        name : str
            What happened.
        said : str
            For a person; empty if a line is not worth reading.
        done, total : int, optional
            How far it is.
        seconds_left : float, optional
            How long the rest may take.
        **more
            What a machine is told besides.
        """
        if self.quiet:
            return
        seconds = time.monotonic() - self.started
        if self.as_json:
            far = {"done": done, "total": total, "seconds": round(seconds, 1)}
            event = {"event": name} | more | far | ({} if seconds_left is None else {"seconds_left": seconds_left})
            print(json.dumps(event), file=self.err, flush=True)
        elif said:
            share = f"[{done}/{total}] " if total else ""
            left = f" (about {_rounded(seconds_left)} left)" if seconds_left is not None else ""
            print(f"{seconds:6.1f} s  {share}{said}{left}", file=self.err, flush=True)

    def result(self, text: str, data: Mapping[str, Any]) -> None:
        """Give the result: ``text`` to a person, ``data`` to a machine."""
        if self.as_json:
            print(json.dumps(data, default=str), file=self.out, flush=True)
        else:
            print(text, file=self.out, flush=True)

    def error(self, error: BlinregError) -> None:
        """Say what is wrong and what to do next."""
        if self.as_json:
            event = {
                "event": "error",
                "kind": type(error).__name__,
                "message": error.what,
                "next_step": error.next_step,
                "exit_code": error.exit_code,
            }
            print(json.dumps(event), file=self.err, flush=True)
            return
        print(f"blinreg: {error.what}", file=self.err)
        if error.next_step:
            print(f"  next: {error.next_step}", file=self.err, flush=True)


def _rounded(seconds: float) -> str:
    return f"{max(1, seconds):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a table for a terminal: numbers to the right, words to the left.

    Examples
    --------
    >>> print(text_table(["site", "rows"], [["site_01", 5], ["site_02", 1200]]))
    site     rows
    site_01     5
    site_02  1200
    """
    cells = [[str(name) for name in header], *[["" if value is None else str(value) for value in row] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    right = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(header))]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join(lines)
