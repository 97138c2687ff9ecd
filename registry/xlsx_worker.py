"""Read XLSX files in a process of its own, with limits on memory and time.

Run as a script by `blinreg.registry.read_xlsx`; it imports nothing of blinreg, so that it
starts quickly. It takes a JSON request on standard input and answers with JSON:
for each file either the rows as an Arrow file of text columns, or what is wrong with it.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Declared sizes beyond which a file is not opened. Real tables compress 5 to 30 times.
MAXIMUM_BYTES = 1 << 29
MAXIMUM_RATIO = 200
RATIO_APPLIES_FROM_BYTES = 10 << 20
MAXIMUM_PARTS = 2000

_ERROR_CELL = re.compile(rb'<c [^>]*\bt="e"')
_CHUNK = 1 << 20


class Refused(Exception):
    """The file is not read; the text says why and holds no value."""


def main() -> int:
    """Answer one request."""
    request = json.load(sys.stdin)
    _limit(memory_bytes=request["memory_bytes"], seconds=request["seconds"])
    answers = [_answer(file) for file in request["files"]]
    json.dump(answers, sys.stdout)
    return 0


def _limit(*, memory_bytes: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time limit of the parent remains.
        return
    for kind, amount in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        allowed = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        # A system that refuses a limit (macOS, for memory) still has the others.
        try:
            resource.setrlimit(kind, (allowed, hard))
        except (ValueError, OSError):
            continue


def _answer(file: dict[str, Any]) -> dict[str, Any]:
    try:
        _check_archive(Path(file["source"]))
        return _read(file)
    except Refused as reason:
        return {"problem": str(reason)}
    except MemoryError:
        return {"problem": "needs more memory than is allowed"}
    except Exception:  # Whatever the reader stumbles over in a hostile file, it is not an XLSX table.
        return {"problem": "cannot be read as an XLSX table"}


def _check_archive(source: Path) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
            if len(parts) > MAXIMUM_PARTS:
                raise Refused(f"has {len(parts)} parts; a table has a dozen")
            if any(part.flag_bits & 1 for part in parts):
                raise Refused("is encrypted")
            total = sum(part.file_size for part in parts)
            packed = sum(part.compress_size for part in parts)
            if total > MAXIMUM_BYTES:
                raise Refused(f"unpacks to {total >> 20} MB; {MAXIMUM_BYTES >> 20} MB are allowed")
            if total > RATIO_APPLIES_FROM_BYTES and total > MAXIMUM_RATIO * max(packed, 1):
                raise Refused(f"unpacks to more than {MAXIMUM_RATIO} times its size")
            for part in parts:
                if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
                    _check_cells(archive, part)
    except zipfile.BadZipFile:
        raise Refused("is not an XLSX file") from None


def _check_cells(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse sheets with error cells (``#N/A``, ``#DIV/0!``): the reader would take them for empty ones."""
    count = sum(len(_ERROR_CELL.findall(window)) for window in _windows(archive, part))
    if count:
        raise Refused(f"has {count} cells that hold an Excel error such as #N/A; correct or empty them")


def _windows(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Read a part piece by piece, cutting only between cells."""
    read, kept = 0, b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            read += len(chunk)
            if read > MAXIMUM_BYTES:
                raise Refused("unpacks to more than it declares")
            cut = max((kept + chunk).rfind(b"<c "), 0)
            yield (kept + chunk)[:cut]
            kept = (kept + chunk)[cut:][-_CHUNK:]
    yield kept


def _read(file: dict[str, Any]) -> dict[str, Any]:
    import fastexcel
    import pyarrow as pa

    reader = fastexcel.read_excel(file["source"])
    names = reader.sheet_names
    if file["sheet"] not in names and len(names) != 1:
        raise Refused(f"has {len(names)} sheets and none is called {file['sheet']}")
    sheet = reader.load_sheet(
        file["sheet"] if file["sheet"] in names else 0, header_row=None, skip_rows=0, dtypes="string"
    )
    batch = sheet.to_arrow()
    with pa.OSFile(file["target"], "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return {"target": file["target"]}


if __name__ == "__main__":
    sys.exit(main())
