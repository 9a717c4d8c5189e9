"""The trees behind two facets: what lies above a division or a subject."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service.models import Division, Subject

TREES = {
    "division": (Division.code, Division.parent_code),
    "subject": (Subject.code, Subject.parent_code),
}


def parents(session: Session, facet: str, values: Iterable[str]) -> dict[str, str]:
    """Each of these values, and each above them, with the one right above it; empty at the top."""
    code, parent = TREES[facet]
    found: dict[str, str] = {}
    seen: set[str] = set()
    wanted = set(values)
    while wanted:
        seen |= wanted
        found |= {own: above or "" for own, above in session.execute(select(code, parent).where(code.in_(wanted)))}
        wanted = {above for above in found.values() if above} - seen
    return found


def ancestors(value: str, parent: Mapping[str, str]) -> Iterator[str]:
    """Those above a value, the nearest first; a circle in the data ends where it closes."""
    seen = {value}
    while (value := parent.get(value, "")) and value not in seen:
        seen.add(value)
        yield value


def narrowest(session: Session, filters: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The same filters, but of a branch and what lies below it only the lower: who goes down a tree means that."""
    kept = {name: tuple(values) for name, values in filters.items()}
    for name in TREES.keys() & {name for name, values in filters.items() if len(values) > 1}:
        parent = parents(session, name, kept[name])
        wide = {above for value in kept[name] for above in ancestors(value, parent)}
        kept[name] = tuple(value for value in kept[name] if value not in wide)
    return kept
