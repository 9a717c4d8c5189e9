"""Listings beside the catalogue: institutions, divisions, subjects. All of it is public."""

from pydantic import BaseModel, Field
from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload

from repo_service.context import Context
from repo_service.errors import NotFound
from repo_service.models import Division, Institution, Subject
from repo_service.services import counting
from repo_service.services.paging import DEFAULT_LIMIT, Page, decode, page_of
from repo_service.services.records import SubjectView, subject_view


class DivisionView(BaseModel):
    """One division: level 1 province, 2 city, 3 county or district, 4 township or street, 5 village."""

    code: str
    name: str
    parent_code: str | None
    level: int


class InstitutionView(BaseModel):
    """A giver of courseware, with how much it has published."""

    id: str
    slug: str
    name: str
    name_en: str
    kind: str
    division: DivisionView
    description: str
    website: str
    published: int = Field(description="Published resources")
    url: str


def institutions(
    ctx: Context,
    *,
    kind: str | None = None,
    division: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[InstitutionView]:
    """Institutions by slug; ``division`` takes those below it too."""
    query = select(Institution).options(joinedload(Institution.division))
    if kind is not None:
        query = query.where(Institution.kind == kind)
    if division is not None:
        query = query.where(Institution.division_code.startswith(_stem(division), autoescape=True))
    after = decode(cursor, str)
    if after is not None:
        query = query.where(Institution.slug > after[0])
    with ctx.db.read() as session:
        rows = session.scalars(query.order_by(Institution.slug).limit(limit + 1)).all()
        shown, following = page_of(rows, limit, lambda row: (row.slug,))
    counts = counting.published(ctx)
    return Page(items=[_view(row, counts.get(row.id, 0)) for row in shown], next_cursor=following)


def institution(ctx: Context, slug: str) -> InstitutionView:
    """One institution; NotFound."""
    with ctx.db.read() as session:
        row = session.scalar(
            select(Institution).options(joinedload(Institution.division)).where(Institution.slug == slug)
        )
        if row is None:
            raise NotFound(code="institution_not_found")
    return _view(row, counting.published(ctx).get(row.id, 0))


def divisions(
    ctx: Context,
    *,
    parent: str | None = None,
    level: int | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[DivisionView]:
    """Divisions by code: the direct children of ``parent``, or all of one level, or all."""
    query = select(Division)
    if parent is not None:
        query = query.where(Division.parent_code == parent)
    if level is not None:
        query = query.where(Division.level == level)
    after = decode(cursor, str)
    if after is not None:
        query = query.where(Division.code > after[0])
    with ctx.db.read() as session:
        rows = session.scalars(query.order_by(Division.code).limit(limit + 1)).all()
    shown, following = page_of(rows, limit, lambda row: (row.code,))
    return Page(items=[_division(row) for row in shown], next_cursor=following)


def division(ctx: Context, code: str) -> DivisionView:
    """One division; NotFound."""
    with ctx.db.read() as session:
        row = session.get(Division, code)
    if row is None:
        raise NotFound(code="division_not_found")
    return _division(row)


def districts(ctx: Context, code: str) -> list[DivisionView]:
    """A division and those that it lies in, widest first; NotFound."""
    found: list[DivisionView] = []
    with ctx.db.read() as session:
        row = session.get(Division, code)
        while row is not None:
            found.append(_division(row))
            row = session.get(Division, row.parent_code) if row.parent_code else None
    if not found:
        raise NotFound(code="division_not_found")
    return found[::-1]


def subject_list(
    ctx: Context,
    *,
    parent: str | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[SubjectView]:
    """Subjects by code: the direct children of ``parent`` (empty: the top), or those whose code or label has ``q``."""
    query = select(Subject)
    if parent is not None:
        query = query.where(Subject.parent_code == parent if parent else Subject.parent_code.is_(None))
    if q:
        query = query.where(
            or_(
                Subject.code.startswith(q, autoescape=True),
                Subject.label_zh.contains(q, autoescape=True),
                func.lower(Subject.label_en).contains(q.lower(), autoescape=True),
            )
        )
    after = decode(cursor, str)
    if after is not None:
        query = query.where(Subject.code > after[0])
    with ctx.db.read() as session:
        rows = session.scalars(query.order_by(Subject.code).limit(limit + 1)).all()
    shown, following = page_of(rows, limit, lambda row: (row.code,))
    return Page(items=[subject_view(row) for row in shown], next_cursor=following)


def _stem(code: str) -> str:
    """The significant digits of a code: zeros at its end stand for everything below (2, 2, 2, 3, 3 digits)."""
    for end in (2, 4, 6, 9):
        if not code[end:].strip("0"):
            return code[:end]
    return code


def _view(row: Institution, published: int) -> InstitutionView:
    return InstitutionView(
        id=row.id,
        slug=row.slug,
        name=row.name,
        name_en=row.name_en,
        kind=row.kind,
        division=_division(row.division),
        description=row.description,
        website=row.website,
        published=published,
        url=f"/institutions/{row.slug}",
    )


def _division(row: Division) -> DivisionView:
    return DivisionView(code=row.code, name=row.name, parent_code=row.parent_code, level=row.level)
