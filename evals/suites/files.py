"""Reads the files of a case, plain or gzipped under the same name with `.gz`; an error names the file and the entry.

An optional file that is absent is empty. One that is there and can't be read is an error: evidence that was lost must
not look like evidence that there was none.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graph.errors import Invalid

_MOST_BYTES = 1 << 30
"""Of one file, unpacked. The largest of a public set has 12 MB."""


def exists(path: Path) -> bool:
    """Whether the file is there in either form."""
    return path.is_file() or _zipped(path).is_file()


def read_text(path: Path) -> str | None:
    """Return the text of a file, without a byte order mark; None when there is none.

    Raises:
        Invalid: it is no UTF-8, cut off, or too large.
    """
    found = path if path.is_file() else _zipped(path)
    if not found.is_file():
        return None
    try:
        with found.open("rb") if found == path else gzip.open(found, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise Invalid(f"can't be read: {error}", where=str(found)) from error
    if len(data) > _MOST_BYTES:
        raise Invalid(f"larger than {_MOST_BYTES} bytes", where=str(found))
    return text


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; None when there is none."""
    text = read_text(path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}", where=str(path)) from error


def read_object(path: Path, *, needs: Sequence[str] | None = None) -> dict[str, Any]:
    """Return a JSON object.

    Args:
        path: of the file, without `.gz`.
        needs: fields that it must have; None: it may be absent, and is empty then.
    """
    found = read_json(path)
    if found is None:
        if needs is not None:
            raise Invalid("the file is missing; a case can't be answered without it", where=str(path))
        return {}
    return dict(_with_fields(found, needs or (), str(path)))


def read_rows(path: Path, key: str = "", *, needs: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a list of JSON objects; an empty one when there is no file.

    Args:
        path: of the file, without `.gz`.
        key: field that holds the list, where the file is an object.
        needs: fields that each must have.
    """
    found = read_json(path)
    rows = found.get(key) if isinstance(found, dict) else found
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise Invalid(f"a list of objects was expected, not {type(rows).__name__}", where=str(path))
    return [dict(_with_fields(row, needs, f"{path}: entry {n}")) for n, row in enumerate(rows, start=1)]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of a file with one on each line; an empty list when there is no file.

    Raises:
        Invalid: a line is no JSON object.
    """
    found = []
    for number_of_line, text in enumerate((read_text(path) or "").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"not JSON: {error}", where=f"{path}:{number_of_line}") from error
        if not isinstance(row, dict):
            raise Invalid("not an object", where=f"{path}:{number_of_line}")
        found.append(row)
    return found


def read_table(path: Path, *, needs: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the rows of a CSV table by its header; none when there is no file. A row that is cut off is left out.

    Args:
        path: of the file, without `.gz`.
        needs: columns that it must have.
    """
    table = csv.DictReader(io.StringIO(read_text(path) or "", newline=""))
    lacking = [name for name in needs if table.fieldnames is not None and name not in table.fieldnames]
    if lacking:
        raise Invalid(f"the column {lacking[0]!r} is missing", where=str(path))
    return [row for row in table if None not in row and None not in row.values()]


def number(text: str) -> float | None:
    """Return a cell as a number; None where it holds none."""
    try:
        return float(text)
    except ValueError:
        return None


def _with_fields(found: Any, needs: Sequence[str], where: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise Invalid(f"an object was expected, not {type(found).__name__}", where=where)
    lacking = [name for name in needs if found.get(name) is None]
    if lacking:
        raise Invalid(f"the field {lacking[0]!r} is missing", where=where)
    return found


def _zipped(path: Path) -> Path:
    return path.with_name(path.name + ".gz")
