"""A row of a file of records → the fields of a resource: names as the API has them, values checked by its rules."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from repo_service.services.drafts import Line, ResourceChanges, Title
from repo_service.services.exchange_row import LISTS, NAMES, Row

SHORTEST_YEAR, LONGEST_YEAR, REPUBLIC = 1, 200, 1911  # 民國 years, as catalogues of Taiwan have them
_FLAGS = frozenset({"degree", "vocational"})
_LINES = frozenset({"external_id", "title", "language", "licence", "level"})
_TEXTS = frozenset({"description", "text"})
# Nothing said of them leaves them as they are.
_NEVER_EMPTY = frozenset({"language", "licence", "degree", "vocational"})
_CONTROLS = dict.fromkeys(code for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n\r")
_YES = frozenset({"true", "1", "yes", "y", "是"})
_NO = frozenset({"false", "0", "no", "n", "否", ""})
_YEAR = re.compile(r"([0-9]{1,4})(?:\.0+)?")
LARGEST_EXACT = 2**53  # of numbers with a point; beyond, neighbours are the same one
LONGEST_BEGINNING = 40  # characters
_SENTENCE_END = re.compile(r"[。！？!?]")
_BETWEEN = re.compile(r"[,，;；、\n]+")
_NAMES_APART = re.compile(r"[;；、]+")
_SEMICOLON = re.compile(r"[;；]")


class ImportedRecord(ResourceChanges):
    """One record of a file; what is not named stays as it is."""

    external_id: Line = Field()
    title: Title


KNOWN = frozenset(ImportedRecord.model_fields)
_validate = ImportedRecord.__pydantic_validator__.validate_python


class BadRow(Exception):
    """A row that cannot be taken: a stable code, and which field."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def record_of(row: Row, ignored: set[str]) -> dict[str, Any]:
    """The fields that a row names, checked; names that are not used here go to ``ignored``. Raises BadRow.

    A blank empties a field; where being empty is no value, as of a licence, it says nothing.
    """
    if row.code:
        raise BadRow(row.code, row.detail)
    named: dict[str, Any] = {}
    for name, value in row.fields.items():
        known = NAMES.get(name, name)
        if known in KNOWN and (known not in named or name == known):  # the API's own name wins over another one
            named[known] = _plain(known, value)
        elif len(ignored) < 1000:
            ignored.add(name[:80])
    if named.get("title") == "":
        named["title"] = _beginning(named)
    given = {name: value for name, value in named.items() if value is not None}
    try:
        checked = _validated(given)
    except ValidationError as error:
        raise _bad(error) from None
    values = checked.__dict__
    return {name: values[name] for name in named if name in given or name not in _NEVER_EMPTY}


def _validated(given: dict[str, Any]) -> ImportedRecord:
    """By the rules of the API; long texts are freed of stray control characters, which say nothing, only at need."""
    try:
        return _validate(given)  # type: ignore[no-any-return]
    except ValidationError:
        clean = {
            name: value.translate(_CONTROLS) if name in _TEXTS and isinstance(value, str) else value
            for name, value in given.items()
        }
        if clean == given:
            raise
        return _validate(clean)  # type: ignore[no-any-return]


def _plain(name: str, value: Any) -> Any:
    """A value in the form that the rules expect; CSV knows only text."""
    if name in LISTS:
        parts = _split(name, value) if isinstance(value, str) else value
        if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
            return [plain for part in parts if (plain := " ".join(part.split()))]
        return parts
    if isinstance(value, bool):
        return value
    if name == "external_id" and isinstance(value, float):
        return _whole(value)
    if name in ("external_id", "title") and isinstance(value, int | float):
        return str(value)
    if name in _FLAGS and isinstance(value, str | int):
        word = str(value).strip().lower()
        return True if word in _YES else False if word in _NO else value
    if name in _LINES and isinstance(value, str):
        plain = " ".join(value.split())
        return plain if plain or name in ("external_id", "title") else None
    return _year(value) if name == "year" else value


def _split(name: str, text: str) -> list[str]:
    """The parts of a list; commas do not part names that semicolons part: ``Smith, John; Doe, Ann``."""
    if name != "creators":
        return _BETWEEN.split(text)
    lines = text.split("\n")
    return [part for line in lines for part in (_NAMES_APART if _SEMICOLON.search(line) else _BETWEEN).split(line)]


def _beginning(named: Mapping[str, Any]) -> str:
    """A name for a record whose title was left blank: how its text begins. Empty where there is none."""
    content = next((said for name in ("text", "description") if isinstance(said := named.get(name), str) and said), "")
    plain = " ".join(content[: 10 * LONGEST_BEGINNING].split())
    sentence = _SENTENCE_END.split(plain, maxsplit=1)[0]
    return sentence if len(sentence) <= LONGEST_BEGINNING else f"{sentence[:LONGEST_BEGINNING]}…"


def _whole(value: float) -> str:
    """A number that programs which know no whole ones wrote: 1.0 is the id 1. Raises BadRow for what was rounded."""
    if not value.is_integer() or abs(value) >= LARGEST_EXACT:
        raise BadRow("bad_value", f"id: {value!r}"[:200])
    return str(int(value))


def _year(value: Any) -> Any:
    """A year as offices write it; 2020.0 is what tables become where a year is missing. Anything else as it is."""
    if isinstance(value, str):
        said = _YEAR.fullmatch(value.strip())
        value = int(said[1]) if said else value.strip() or None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        return value
    return value + REPUBLIC if SHORTEST_YEAR <= value <= LONGEST_YEAR else value


def _bad(error: ValidationError) -> BadRow:
    one = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, one["loc"]))
    return BadRow(_code(one["type"]), f"{where}: {one['msg']}"[:200].replace("external_id", "id"))


def _code(kind: str) -> str:
    if kind.endswith("too_long"):
        return "too_long"
    if kind in ("missing", "string_too_short"):
        return "required"
    return "unknown_value" if kind == "literal_error" else "bad_value"
