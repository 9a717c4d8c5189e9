"""What the index knows by name, for type-ahead and for hints; what is no longer public is left out."""

from sqlalchemy import select

from repo_service.context import Context
from repo_service.models import Resource
from search.model import Suggestion


def named(ctx: Context, beginning: str, most: int) -> list[Suggestion]:
    """What goes on like this: the index may lag behind, so titles are looked up. Raises SearchUnavailable."""
    found = ctx.index.suggest(beginning, most)
    ids = [one.id for one in found if one.kind == "title"]
    if not ids:
        return found
    with ctx.db.look() as connection:
        rows = connection.execute(select(Resource.id, Resource.state).where(Resource.id.in_(ids)))
        public = {identity for identity, state in rows if state == "published"}
    return [one for one in found if one.kind != "title" or one.id in public]
