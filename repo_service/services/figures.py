"""Numbers about the installation, each derived from the tables at the moment it is asked for."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from repo_service.context import Context
from repo_service.models import Blob, File, Institution, Job, Outbox, Passage, Resource, Upload, User

Rows = list[tuple[tuple[str, ...], float]]
Gathered = dict[str, tuple[str, tuple[str, ...], Rows]]


def gather(ctx: Context) -> Gathered:
    """By name: what it is, the names of its labels, and (labels, value) for each."""
    with ctx.db.read() as session:

        def counted(*columns: InstrumentedAttribute[Any], of: Any = None, where: Sequence[Any] = ()) -> Rows:
            number = func.count() if of is None else of
            rows = session.execute(select(*columns, number).where(*where).group_by(*columns)).all()
            return [(tuple(str(part) for part in row[:-1]), float(row[-1] or 0)) for row in rows]

        open_ends = (Outbox.done_at.is_(None),)
        return {
            "resources": ("Resources by state", ("state",), counted(Resource.state)),
            "jobs": ("Steps by name and state", ("step", "state"), counted(Job.step, Job.state)),
            "outbox_open": ("Messages not sent yet", ("kind",), counted(Outbox.kind, where=open_ends)),
            "uploads": ("Uploads by state", ("state",), counted(Upload.state)),
            "files": ("Files by role", ("role",), counted(File.role)),
            "blobs": ("Blobs by state", ("state",), counted(Blob.state)),
            "blob_bytes": ("Bytes of blobs by state", ("state",), counted(Blob.state, of=func.sum(Blob.size))),
            "passages": ("Passages", (), counted(of=func.count(Passage.id))),
            "institutions": ("Institutions", (), counted(of=func.count(Institution.id))),
            "people": ("Accounts", (), counted(of=func.count(User.id))),
        }
