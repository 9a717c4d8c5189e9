"""Changes as lines of JSON: what came while a new generation was being filled."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from search.model import Document, Passage, Tombstone


def append(path: Path, changes: Iterable[Document | Tombstone]) -> None:
    """Add changes at the end, durable on return of the batch that they belong to. One writer at a time."""
    with path.open("a+b") as file:
        if file.tell() and file.seek(-1, 2) >= 0 and file.read(1) != b"\n":
            file.write(b"\n")  # a writer was killed in its line; what it wrote of it belongs to no batch
        file.writelines(orjson.dumps(change, option=orjson.OPT_APPEND_NEWLINE) for change in changes)


def read(path: Path, start: int = 0) -> tuple[list[Document | Tombstone], int]:
    """The changes that begin at this byte or after it, in order, and where the next one will begin.

    A line that has no end yet is left for the next time: somebody may be writing it.
    """
    if not path.exists():
        return [], start
    with path.open("rb") as file:
        file.seek(start)
        whole, end, _ = file.read().rpartition(b"\n")
    lines = whole.split(b"\n") if end else []
    changes = [change for line in lines if (change := _decode(line)) is not None]
    return changes, start + len(whole) + len(end)


def _decode(line: bytes) -> Document | Tombstone | None:
    """None for the beginning of a line that a killed writer left."""
    try:
        raw: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if "title" not in raw:
        return Tombstone(**raw)
    for name in ("keywords", "people", "subjects"):
        raw[name] = tuple(raw[name])
    raw["facets"] = {name: tuple(values) for name, values in raw["facets"].items()}
    raw["passages"] = tuple(Passage(**passage) for passage in raw["passages"])
    return Document(**raw)
