"""What the database alone can say while the search engine is away: titles that hold the words as they were typed."""

import json
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, String, cast, false, func, or_, select

from repo_service.context import Context
from repo_service.models import Institution, Resource
from search.model import Answer, Hit, Query

_LIKE_LENGTH = 60
_TRUTH = {"true": True, "false": False}
_COLUMNS: Mapping[str, ColumnElement[str]] = {
    "institution": Institution.slug.expression,
    "institution_kind": Institution.kind.expression,
    "level": Resource.level.expression,
    "media_kind": Resource.media_kind.expression,
    "language": Resource.language.expression,
    "licence": Resource.licence.expression,
    "year": cast(Resource.year, String),
}
_YES_NO: Mapping[str, ColumnElement[bool]] = {
    "degree": Resource.degree.expression,
    "vocational": Resource.vocational.expression,
    "captions": Resource.has_captions.expression,
}


def by_title(ctx: Context, query: Query) -> Answer:
    """The newest first. Filters hold as they do in search; where the database cannot say it, nothing is found."""
    if query.within:
        return Answer()
    words = query.text[:_LIKE_LENGTH].split()
    matching = (
        select(Resource.id, Resource.rev)
        .join(Institution, Institution.id == Resource.institution_id)
        .where(
            Resource.state == "published",
            Resource.id.not_in(query.hidden),
            *(Resource.title.icontains(word, autoescape=True) for word in words),
            *_narrowed(query.filters),
        )
    )
    newest = matching.order_by(Resource.published_at.desc(), Resource.id).offset(query.offset).limit(query.limit)
    with ctx.db.read() as session:
        total = session.scalar(select(func.count()).select_from(matching.subquery())) or 0
        hits = tuple(Hit(identity, rev, 0.0, ("title",)) for identity, rev in session.execute(newest).all())
    return Answer(total=total, hits=hits, terms=tuple(words))


def _narrowed(filters: Mapping[str, Sequence[str]]) -> Iterator[ColumnElement[bool]]:
    """Each filter as a condition; what is not in the rows of resources (trees, classes of length) is never met."""
    for name, values in filters.items():
        if name in _COLUMNS:
            yield _COLUMNS[name].in_(values)
        elif name in _YES_NO:
            yield _YES_NO[name].in_([_TRUTH[value] for value in values if value in _TRUTH])
        elif name == "kind":  # a list, which is JSON on either database
            kinds = cast(Resource.kinds, String)
            yield or_(*(kinds.contains(json.dumps(value), autoescape=True) for value in values))
        else:
            yield false()
