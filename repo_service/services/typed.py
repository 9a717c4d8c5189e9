"""Filters that were typed into the query: 类型:视频, year:2024, by the names that people use in either language."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from repo_service.db import Database
from repo_service.services.labels import values_called
from search.query import Typed, typed_filters


class TypedFilter(BaseModel):
    """A filter that stands in the query."""

    text: str = Field(description="As it was typed")
    facet: str
    values: list[str]


def read(db: Database, q: str) -> tuple[str, list[TypedFilter]]:
    """(the query without its filters, the filters). What may as well be words stays in the query."""
    typed = typed_filters(q)
    if not typed:
        return q, []
    with db.read() as session:
        return _read(session, q, typed)


def _read(session: Session, q: str, typed: Sequence[Typed]) -> tuple[str, list[TypedFilter]]:
    found: list[TypedFilter] = []
    rest, at = "", 0
    for one in typed:
        values = values_called(session, one.facet, one.value) or ((one.value,) if one.certain else ())
        if values:
            found.append(TypedFilter(text=q[one.start : one.end], facet=one.facet, values=list(values)))
            rest, at = rest + q[at : one.start], one.end
    return (rest + q[at:]).strip() if found else q, found


def joined(chosen: Mapping[str, Sequence[str]], typed: Sequence[TypedFilter]) -> dict[str, tuple[str, ...]]:
    """Chosen and typed filters together; values of one facet are alternatives."""
    names = dict.fromkeys((*chosen, *(one.facet for one in typed)))
    inside = {name: [value for one in typed if one.facet == name for value in one.values] for name in names}
    return {name: tuple(dict.fromkeys((*chosen.get(name, ()), *inside[name]))) for name in names}
