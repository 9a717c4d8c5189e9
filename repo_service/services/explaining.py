"""Why a hit stands where it stands, for librarians: the parts of its score by field and word."""

from pydantic import BaseModel, Field

from repo_service.context import Context
from repo_service.errors import NotFound
from repo_service.models import Resource
from repo_service.policy import Actor, require_anywhere
from repo_service.services import lexicon, pins
from repo_service.services.typed import joined, read
from search.model import FACETS, Query


class PartView(BaseModel):
    """What a word of a field gave to the score."""

    field: str = Field(
        description="Of the index; `factor`: quality, freshness and opens; `placed`: a pin; `whole`: all of a title; "
        "`every`: each of the words"
    )
    term: str
    score: float


class Explanation(BaseModel):
    """The score of one resource for one query. Without parts it is not found, or the engine does not tell."""

    q: str
    corrected_query: str | None
    id: str
    title: str
    score: float
    fields: list[PartView] = Field(description="Summed up by field, the largest first")
    parts: list[PartView]


def explain(ctx: Context, actor: Actor, q: str, resource_id: str, *, exact: bool = False) -> Explanation:
    """The parts of a score as the engine counts them. Raises NotFound, and SearchUnavailable without the engine."""
    require_anywhere(actor, "search.curate")
    with ctx.db.read() as session:
        row = session.get(Resource, resource_id)
        if row is None or row.state != "published":
            raise NotFound()
    words, typed = read(ctx.db, q)
    query = Query(
        words,
        filters={name: values for name, values in joined({}, typed).items() if name in FACETS},
        limit=1,
        facets=(),
        passages_per_hit=0,
        exact=exact,
        pinned=pins.arranged(ctx, words).pinned,
        explain=resource_id,
        synonyms=lexicon.current(ctx),
    )
    answer = ctx.index.search(query)
    by_field: dict[str, float] = {}
    for part in answer.explained:
        by_field[part.field] = by_field.get(part.field, 0.0) + part.score
    summed = sorted(by_field.items(), key=lambda item: (-item[1], item[0]))
    return Explanation(
        q=q,
        corrected_query=answer.corrected or None,
        id=row.id,
        title=row.title,
        score=round(sum(by_field.values()), 4),
        fields=[PartView(field=name, term="", score=round(worth, 4)) for name, worth in summed],
        parts=[PartView(field=one.field, term=one.term, score=round(one.score, 4)) for one in answer.explained],
    )
