"""Resources that are about the same, by their words, from any institution."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from repo_service.context import Context
from repo_service.models import Resource
from repo_service.policy import Actor
from repo_service.services import catalog, lexicon
from repo_service.services.labels import labels
from repo_service.services.records import Summary, summaries
from search.errors import SearchUnavailable
from search.model import Hit, Query
from search.query import MAX_WORDS
from search.synonyms import words_of

LOOKED_AT = 40
SHARE = 0.35  # of the best score; what is less alike is left out
OF_ONE_INSTITUTION = 2  # before all others had their turn


def related(ctx: Context, actor: Actor, resource_id: str, limit: int = 6) -> list[Summary]:
    """The published resources most like this one, not too many of one institution; none while the engine is away.

    Raises NotFound for a resource that ``actor`` may not know of.
    """
    with ctx.db.read() as session:
        row = catalog.visible(session, actor, resource_id)
    about = labels(ctx.db, "subject", row.subjects, "zh").values()
    text = " ".join((row.title, *row.keywords, *about))
    words = " ".join(tuple(dict.fromkeys(words_of(text)))[:MAX_WORDS])
    if not words or row.state != "published":
        return []
    query = Query(
        words,
        like=True,
        hidden=(resource_id,),
        limit=LOOKED_AT,
        facets=(),
        passages_per_hit=0,
        synonyms=lexicon.current(ctx),
    )
    try:
        hits = ctx.index.search(query).hits
    except SearchUnavailable:
        return []
    with ctx.db.read() as session:
        chosen = select(Resource).where(Resource.id.in_([hit.id for hit in hits]))
        rows = session.scalars(chosen.options(joinedload(Resource.institution)))
        public = {one.id: one for one in rows if one.state == "published"}  # SQLite would rather read all that are
        return summaries(session, _mixed([hit for hit in hits if hit.id in public], public, limit))


def _mixed(hits: Sequence[Hit], public: dict[str, Resource], limit: int) -> list[Resource]:
    """The best hits, those beyond the second of an institution after all others."""
    alike = [hit for hit in hits if hit.score >= hits[0].score * SHARE]
    taken: Counter[str] = Counter()
    first: list[Resource] = []
    later: list[Resource] = []
    for row in (public[hit.id] for hit in alike):
        taken[row.institution_id] += 1
        (first if taken[row.institution_id] <= OF_ONE_INSTITUTION else later).append(row)
    return [*first, *later][:limit]
