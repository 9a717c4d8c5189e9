"""Keyset paging: a page ends with a cursor that names the last row, so that pages never shift under the reader."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from repo_service.errors import Invalid

T = TypeVar("T")
R = TypeVar("R")
CURSOR_LENGTH = 600
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_LARGEST = 2**63 - 1


class Page(BaseModel, Generic[T]):
    """Some rows in order; ``next_cursor`` is given back to get those after them, empty on the last page."""

    items: list[T]
    next_cursor: str | None = Field(None, description="Opaque; give it back as `cursor` for the next page")


def encode(*key: str | int) -> str:
    """A cursor for the row with this key."""
    return base64.urlsafe_b64encode(json.dumps(key, ensure_ascii=False).encode()).decode().rstrip("=")


def decode(cursor: str | None, *shape: type) -> list[str | int] | None:
    """The key in a cursor, checked against the types that it must have; Invalid ``bad_cursor`` for anything else.

    An empty cursor asks for the first page, as none does.
    """
    if not cursor:
        return None
    try:
        if len(cursor) > CURSOR_LENGTH:
            raise ValueError(cursor)
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError):
        raise _bad() from None
    if not isinstance(key, list) or [type(part) for part in key] != list(shape) or not all(map(_sane, key)):
        raise _bad()
    return key


def page_of(rows: Sequence[R], limit: int, key: Callable[[R], tuple[str | int, ...]]) -> tuple[list[R], str | None]:
    """Cut ``limit`` + 1 rows that were asked for to a page, and the cursor for what follows."""
    shown = list(rows[:limit])
    return shown, encode(*key(shown[-1])) if len(rows) > limit else None


def _sane(part: str | int) -> bool:
    if isinstance(part, int):
        return abs(part) <= _LARGEST
    return part.isprintable()


def _bad() -> Invalid:
    return Invalid(code="bad_cursor", errors=(("cursor", "bad_cursor", ""),))
