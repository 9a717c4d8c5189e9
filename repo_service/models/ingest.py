"""The machinery under the catalogue: blobs, uploads, jobs, outbox, index state, leases."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from repo_service.models.base import Base, new_id


class Blob(Base):
    """Immutable bytes in the object store, named by their SHA-256."""

    __tablename__ = "blob"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(15), default="present")  # present quarantined missing corrupt
    created_at: Mapped[datetime]
    verified_at: Mapped[datetime | None] = mapped_column(index=True)
    unreferenced_since: Mapped[datetime | None] = mapped_column(index=True)


class Upload(Base):
    """A tus upload on its way. ``offset`` counts bytes that are durable; ``fence`` lets one writer at a time win."""

    __tablename__ = "upload"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    resource_id: Mapped[str | None] = mapped_column(ForeignKey("resource.id"))  # asked for, or made at the end
    file_id: Mapped[str | None] = mapped_column(ForeignKey("file.id"))
    state: Mapped[str] = mapped_column(String(15), default="open")  # open finishing done terminated expired failed
    length: Mapped[int | None] = mapped_column(BigInteger)  # empty: deferred
    offset: Mapped[int] = mapped_column(BigInteger, default=0)
    fence: Mapped[int] = mapped_column(default=0)
    filename: Mapped[str] = mapped_column(String(300))
    filetype: Mapped[str] = mapped_column(String(120), default="")
    role: Mapped[str] = mapped_column(String(20), default="source")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error_code: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Idempotency(Base):
    """A request that made something under an ``Idempotency-Key``: asked again, the same thing is the answer."""

    __tablename__ = "idempotency"
    key_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)  # over who asked and the key
    request_sha256: Mapped[str] = mapped_column(String(64))
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)


class Job(Base):
    """One step over one given file. The protocol is in `services/processing.py`.

    ``fence`` rises with each claim and is checked at commit; ``failures`` (of the step) and ``interruptions`` (of the
    worker) are counted apart. ``facts`` is what the step found, handed to the steps after it.
    """

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("file_id", "step"),
        Index("ix_job_state_heavy_not_before", "state", "heavy", "not_before"),
        Index("ix_job_resource_id_version", "resource_id", "version"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"))
    version: Mapped[int]
    file_id: Mapped[str] = mapped_column(ForeignKey("file.id"))
    step: Mapped[str] = mapped_column(String(30))
    step_version: Mapped[int]
    params_hash: Mapped[str] = mapped_column(String(64), default="")
    heavy: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(15))  # waiting ready running done failed cancelled
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    interruptions: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str] = mapped_column(String(100), default="")
    lease_until: Mapped[datetime | None] = mapped_column(index=True)
    not_before: Mapped[datetime | None]
    progress: Mapped[float] = mapped_column(default=0.0)  # 0 to 1
    error_code: Mapped[str] = mapped_column(String(60), default="")
    error_detail: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    made_files: Mapped[int] = mapped_column(default=0)  # so that lost outputs of a done job show
    made_passages: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Outbox(Base):
    """Something to do after a commit: ``ring`` a job, ``index`` a resource. It is found by state, never by number."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_done_at_kind_aggregate", "done_at", "kind", "aggregate"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(20))  # ring index
    aggregate: Mapped[str] = mapped_column(String(36))  # job id, resource id
    rev: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class IndexState(Base):
    """What the index holds of a resource, as far as the database was told; not ``present`` too: it refused that rev."""

    __tablename__ = "index_state"
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"), primary_key=True)
    generation: Mapped[str] = mapped_column(String(40), primary_key=True)
    indexed_rev: Mapped[int] = mapped_column(BigInteger)
    present: Mapped[bool]
    indexed_at: Mapped[datetime]


class Lease(Base):
    """A named role that one process holds at a time: ``reconciler``, ``index-writer``."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(100), default="")
    fence: Mapped[int] = mapped_column(default=0)
    until: Mapped[datetime | None]


class Counter(Base):
    """A number that only rises: ``catalogue_epoch`` (each change of visibility)."""

    __tablename__ = "counter"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Audit(Base):
    """Every privileged act, chained: ``hash`` covers the row and ``prev_hash``."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(100))  # user id, key id, "operator", "system"
    what: Mapped[str] = mapped_column(String(60))
    object: Mapped[str] = mapped_column(String(100))
    ok: Mapped[bool]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
