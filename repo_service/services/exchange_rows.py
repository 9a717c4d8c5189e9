"""Reads files of records, JSON Lines or CSV, row by row in bounded memory: what is wrong is said, the rest goes on."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import orjson

from repo_service.services import exchange_csv
from repo_service.services.exchange_row import LONGEST_LINE, Report, Row, skip_line

Format = Literal["jsonl", "csv"]


def read(path: Path, form: Format, report: Report = lambda _bytes: None) -> Iterator[Row]:
    """The rows of a file in order. Raises OSError, and Invalid ``import_columns`` for CSV that names no columns."""
    return exchange_csv.read(path, report) if form == "csv" else _jsonl(path, report)


def _jsonl(path: Path, report: Report) -> Iterator[Row]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                skip_line(file)
                yield Row(number, {}, "line_too_long", f"> {LONGEST_LINE} bytes")
            elif line.strip():
                yield _parsed(number, line)
            report(file.tell())


def _parsed(number: int, line: bytes) -> Row:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Row(number, {}, "bad_json", str(error)[:200])
    if not isinstance(said, dict):
        return Row(number, {}, "not_a_record", type(said).__name__)
    return Row(number, said)
