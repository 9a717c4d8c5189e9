"""How many bytes an institution holds and may hold."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import File, Institution, Resource, Upload


def quota_of(ctx: Context, institution: Institution) -> int:
    """Bytes that the institution may hold."""
    return institution.quota_bytes if institution.quota_bytes is not None else ctx.settings.quota_bytes


def used_bytes(session: Session, institution_id: str) -> int:
    """Bytes of all given files, each counted although its blob be shared: the sum must not tell of other people's."""
    total = session.scalar(
        select(func.coalesce(func.sum(File.size), 0))
        .join(Resource)
        .where(Resource.institution_id == institution_id, File.source_id.is_(None))
    )
    return int(total or 0)


def promised_bytes(session: Session, institution_id: str) -> int:
    """Bytes of uploads that are on their way, as declared, or as far as they came."""
    size = func.coalesce(Upload.length, Upload.offset)
    total = session.scalar(
        select(func.coalesce(func.sum(size), 0)).where(
            Upload.institution_id == institution_id, Upload.state.in_(("open", "finishing"))
        )
    )
    return int(total or 0)
