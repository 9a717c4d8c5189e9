"""Changes as lines of JSON: what came while a new generation was being filled."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from search.model import Document, Passage, Tombstone


def append(path: Path, changes: Iterable[Document | Tombstone]) -> None:
    """Add changes at the end, durable on return of the batch that they belong to."""
    with path.open("ab") as file:
        for change in changes:
            file.write(orjson.dumps(change, option=orjson.OPT_APPEND_NEWLINE))


def read(path: Path, skip: int = 0) -> Iterator[Document | Tombstone]:
    """The changes after the first ``skip`` ones, in order."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number >= skip:
                yield _decode(orjson.loads(line))


def _decode(raw: dict[str, Any]) -> Document | Tombstone:
    if "title" not in raw:
        return Tombstone(**raw)
    for name in ("keywords", "people", "subjects"):
        raw[name] = tuple(raw[name])
    raw["facets"] = {name: tuple(values) for name, values in raw["facets"].items()}
    raw["passages"] = tuple(Passage(**passage) for passage in raw["passages"])
    return Document(**raw)
