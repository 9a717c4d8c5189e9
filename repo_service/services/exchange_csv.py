"""CSV → rows, in bounded memory: by the strict rules, so that an unclosed quote swallows no row in silence."""

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from repo_service.errors import Invalid
from repo_service.services.exchange_encoding import encoding_of, misread_in
from repo_service.services.exchange_fields import KNOWN
from repo_service.services.exchange_row import LISTS, NAMES, Report, Row, skip_line

LONGEST_CELL = 1_000_000  # characters
LONGEST_RECORD = 4_000_000  # characters of a row, however many lines it has
LONGEST_HEAD = 100_000  # characters of the names of the columns
READ_AGAIN = 4 * LONGEST_RECORD  # characters, beside as many as the file has: hostile quotes must not cost more
MOST_COLUMNS = 1000
DELIMITERS = ",;\t"
MARK = "\ufeff"


def read(path: Path, report: Report) -> Iterator[Row]:
    """The rows of a file in order. Raises OSError, and Invalid ``import_columns`` where no columns are named."""
    csv.field_size_limit(LONGEST_CELL)
    with path.open("rb") as raw:
        encoding = encoding_of(path)
        lines = _Lines(io.TextIOWrapper(raw, encoding, errors="replace", newline=""), lambda: report(raw.tell()))
        delimiter, names = _heading(lines)
        yield from _rows(lines, delimiter, names, misread_in(encoding))


def _heading(lines: "_Lines") -> tuple[str, list[str]]:
    """The delimiter under which the first record names most columns, and their names. The record is behind then."""
    found: list[tuple[bool, int, str, list[str]]] = []
    for delimiter in reversed(DELIMITERS):  # of equal ones the last one wins below
        lines.begin_record()
        try:
            cells = next(csv.reader(lines, delimiter=delimiter, strict=True), [])
        except csv.Error:
            cells = []
        if lines.taken > LONGEST_HEAD:
            cells = []
        names = [" ".join(cell.lstrip(MARK).split()) for cell in cells]
        named = {NAMES.get(name, name) for name in names}
        found.append(({"external_id", "title"} <= named, len(names), delimiter, names))
        lines.go_back(0)
    enough, columns, delimiter, names = max(found, key=lambda one: one[:2])
    if not enough or columns > MOST_COLUMNS:
        raise Invalid(", ".join(names)[:200], code="import_columns")
    twice = [name for name in _twice(names) if (field := NAMES.get(name, name)) in KNOWN and field not in LISTS]
    if twice:
        raise Invalid(f"2 × {', '.join(twice)}"[:200], code="import_columns")
    lines.begin_record()
    next(csv.reader(lines, delimiter=delimiter, strict=True))
    return delimiter, names


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name, columns in Counter(names).items() if name and columns > 1]


def _fields(names: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """What the cells say where a name has more than one column: all of it, as a list of lines."""
    fields: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=False):
        if name:
            fields[name] = f"{fields[name]}\n{cell}" if name in fields else cell
    return fields


def _rows(lines: "_Lines", delimiter: str, names: Sequence[str], misread: Callable[[str], bool]) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    repeated = bool(_twice(names))
    doubtful = False  # after a row that cannot be read: the rest of its text must not become records
    while True:
        line = lines.begin_record()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            where = f" (line {lines.number})" if lines.number > line else ""
            yield Row(line, {}, "bad_csv", f"{error}"[:200] + where)
            lines.go_back(_sure(lines.record, delimiter))
            doubtful = True
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if doubtful and len(cells) != len(names):
            yield Row(line, {}, "bad_csv", f"{len(cells)} ≠ {len(names)}")
            continue
        doubtful = False
        if len(cells) > len(names) and any(cells[len(names) :]):
            yield Row(line, {}, "too_many_cells", f"{len(cells)} > {len(names)}")
        elif misread("\n".join(cells)):
            yield Row(line, {}, "bad_encoding")
        else:
            named = zip(names, cells, strict=False)
            yield Row(line, _fields(names, cells) if repeated else {name: cell for name, cell in named if name})


def _sure(record: Sequence[str], delimiter: str) -> int:
    """How many lines of a record that cannot be read are its own: up to the one where the wrong quote opened."""
    text = "".join(record)
    cell = re.compile(
        rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{delimiter}\r\n][^{delimiter}\r\n]*+|)(?:{delimiter}|\r\n|\r|\n|\Z)'
    )
    position = 0
    for _ in range(MOST_COLUMNS):
        good = cell.match(text, position)
        if not good or good.end() == position:
            break
        position = good.end()
    for number, line in enumerate(record, 1):
        position -= len(line)
        if position < 0:
            return number
    return len(record)


class _Lines(Iterator[str]):
    """Lines of a text; those of the record that is being read are kept, so that they can be read once more.

    Raises csv.Error for a record that is too long.
    """

    def __init__(self, text: io.TextIOWrapper, read_more: Callable[[], None]) -> None:
        self._text, self._read_more = text, read_more
        self._again: deque[str] = deque()
        self._may_read_again = READ_AGAIN
        self.record: list[str] = []
        self.taken = 0  # characters of the record
        self.number = 0  # of the line that was read last, from 1

    def begin_record(self) -> int:
        """A new record begins; the number of its first line."""
        self.record = []
        self.taken = 0
        return self.number + 1

    def go_back(self, kept: int) -> None:
        """Read the lines of this record once more, but for the first ones, unless too much was read twice already."""
        lines = self.record[kept:]
        self._may_read_again -= sum(map(len, lines))
        if self._may_read_again >= 0:
            self._again.extendleft(reversed(lines))
            self.number -= len(lines)

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self.record.append(line)
        self.taken += len(line)
        if self.taken > LONGEST_RECORD:
            raise csv.Error(f"record longer than {LONGEST_RECORD} characters")
        return line

    def _read(self) -> str:
        line = self._text.readline(LONGEST_RECORD + 1)
        if len(line) > LONGEST_RECORD and line[-1] not in "\r\n":
            skip_line(self._text)
        self._may_read_again += len(line)
        self._read_more()
        return line
