"""Reads files of records, JSON Lines or CSV, row by row in bounded memory: what is wrong is said, the rest goes on."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import orjson

from repo_service.errors import Invalid

Format = Literal["jsonl", "csv"]
Report = Callable[[int], None]  # bytes read so far

LONGEST_LINE = 16 * 2**20  # bytes; a record with 1,000,000 characters of text fits, escaped too
LONGEST_CELL = 1_000_000  # characters
LONGEST_RECORD = 4_000_000  # characters of a row of CSV, however many lines it has
LONGEST_HEAD = 100_000  # characters of the line with the names of the columns
LOOKED_AT = 2**20  # bytes read at once when looking for the encoding
MOST_COLUMNS = 1000
DELIMITERS = ",;\t"
# other names of fields → those of the API
NAMES: Mapping[str, str] = {
    "id": "external_id",
    "people": "creators",
    "authors": "creators",
    "author": "creators",
    "teachers": "creators",
    "kind": "kinds",
    "subject": "subjects",
    "license": "licence",
    # as Chinese offices head their columns
    "编号": "external_id",
    "标识": "external_id",
    "标题": "title",
    "题名": "title",
    "名称": "title",
    "课程名称": "title",
    "简介": "description",
    "描述": "description",
    "正文": "text",
    "全文": "text",
    "作者": "creators",
    "主讲": "creators",
    "主讲人": "creators",
    "教师": "creators",
    "关键词": "keywords",
    "标签": "keywords",
    "学科": "subjects",
    "教育类型": "kinds",
    "语言": "language",
    "语种": "language",
    "许可": "licence",
    "许可协议": "licence",
    "级别": "level",
    "年份": "year",
    "学历": "degree",
    "职业": "vocational",
}
REPLACED = "\ufffd"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the file has it: its line from 1, and either what it names or why it cannot be read."""

    line: int
    fields: dict[str, Any]
    code: str = ""
    detail: str = ""


def read(path: Path, form: Format, report: Report = lambda _bytes: None) -> Iterator[Row]:
    """The rows of a file in order. Raises OSError, and Invalid ``import_columns`` for CSV that names no columns."""
    return _csv(path, report) if form == "csv" else _jsonl(path, report)


def _jsonl(path: Path, report: Report) -> Iterator[Row]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                _skip_line(file)
                yield Row(number, {}, "line_too_long", f"> {LONGEST_LINE} bytes")
            elif line.strip():
                yield _parsed(number, line)
            report(file.tell())


def _skip_line(file: IO[Any]) -> None:
    while part := file.readline(LONGEST_LINE):
        if part[-1:] in (b"\n", "\n"):
            return


def _parsed(number: int, line: bytes) -> Row:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Row(number, {}, "bad_json", str(error)[:200])
    if not isinstance(said, dict):
        return Row(number, {}, "not_a_record", type(said).__name__)
    return Row(number, said)


def _csv(path: Path, report: Report) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    with path.open("rb") as raw:
        text = io.TextIOWrapper(raw, encoding_of(path), errors="replace", newline="")
        lines = _Lines(text, lambda: report(raw.tell()))
        head = next(lines, "")
        delimiter = max(DELIMITERS, key=head[:LONGEST_HEAD].count)
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        if (
            len(head) > LONGEST_HEAD
            or not 1 <= len(names) <= MOST_COLUMNS
            or not {"external_id", "title"} <= {NAMES.get(name, name) for name in names}
        ):
            raise Invalid(", ".join(names)[:200], code="import_columns")
        yield from _cells(csv.reader(lines, delimiter=delimiter), lines, names)


def _cells(reader: Iterator[list[str]], lines: "_Lines", names: list[str]) -> Iterator[Row]:
    while True:
        line = lines.begin_record()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(line, {}, "bad_csv", str(error)[:200])
            continue
        if cells is None:
            return
        if len(cells) > len(names) and any(cells[len(names) :]):
            yield Row(line, {}, "too_many_cells", f"{len(cells)} > {len(names)}")
        elif any(REPLACED in cell for cell in cells):
            yield Row(line, {}, "bad_encoding")
        elif any(cells):
            yield Row(line, {name: cell for name, cell in zip(names, cells, strict=False) if name})


class _Lines(Iterator[str]):
    """Lines of a text, counted from 1. Raises csv.Error for a record that is too long; the next begins after it."""

    def __init__(self, text: io.TextIOWrapper, read_more: Callable[[], None]) -> None:
        self._text, self._read_more = text, read_more
        self._number = self._taken = 0

    def begin_record(self) -> int:
        """A new record begins; the number of its first line."""
        self._taken = 0
        return self._number + 1

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_RECORD + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self._taken += len(line)
        self._read_more()
        if self._taken > LONGEST_RECORD:
            if line[-1] not in "\r\n":
                _skip_line(self._text)
            raise csv.Error(f"record longer than {LONGEST_RECORD} characters")
        return line


def encoding_of(path: Path) -> str:
    """UTF-8 with or without its mark, UTF-16, or GB18030, which every file of a Chinese office is otherwise."""
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        for unmarked in ("utf-16-le", "utf-16-be"):
            if "title".encode(unmarked) in head:  # a column that every file names
                return unmarked
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(head)
            while more := file.read(LOOKED_AT):
                decoder.decode(more)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8-sig"
