"""The catalogue: resources, their files and passages, subjects, collections, decisions about them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from repo_service.models.base import Base, new_id
from repo_service.models.people import Institution

_HAS_SOURCE = text("source_id IS NOT NULL")


class Subject(Base):
    """A class of the Chinese Library Classification (CLC) by number, or a slug of our own."""

    __tablename__ = "subject"
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    label_zh: Mapped[str] = mapped_column(String(200))
    label_en: Mapped[str] = mapped_column(String(200), default="")
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("subject.code"), index=True)


class Resource(Base):
    """One catalogue record.

    ``rev`` orders the index and rises with every change, ingest's too; ``metadata_rev`` rises with people's edits only
    and is their ETag. ``version`` is the newest content, ``served_version`` the one that learners get: replacing a
    file raises the first at once and the second when the new content is ready. ``replaced_version`` is the one that the
    public had until ``replaced_at``, if it had one: pages that are open then go on for a while.
    """

    __tablename__ = "resource"
    __table_args__ = (
        UniqueConstraint("institution_id", "external_id"),
        Index("ix_resource_state_published_at", "state", "published_at"),
        Index("ix_resource_state_id", "state", "id"),
        Index("ix_resource_state_institution_id", "state", "institution_id"),
        Index("ix_resource_institution_id_id", "institution_id", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    external_id: Mapped[str | None] = mapped_column(String(200))
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.id"))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    state: Mapped[str] = mapped_column(String(20), default="draft")
    rev: Mapped[int] = mapped_column(BigInteger, default=1)
    metadata_rev: Mapped[int] = mapped_column(default=1)
    version: Mapped[int] = mapped_column(default=1)
    served_version: Mapped[int] = mapped_column(default=1)
    replaced_version: Mapped[int | None]
    replaced_at: Mapped[datetime | None]
    title: Mapped[str] = mapped_column(String(500))
    description: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(String(35), default="zh-Hans")  # BCP 47
    licence: Mapped[str] = mapped_column(String(60), default="CC-BY-4.0")  # SPDX or LicenseRef-audience
    kinds: Mapped[list[str]] = mapped_column(default=list)
    degree: Mapped[bool] = mapped_column(default=False)
    vocational: Mapped[bool] = mapped_column(default=False)
    subjects: Mapped[list[str]] = mapped_column(default=list)
    keywords: Mapped[list[str]] = mapped_column(default=list)
    creators: Mapped[list[str]] = mapped_column(default=list)
    level: Mapped[str] = mapped_column(String(40), default="")
    year: Mapped[int | None]
    media_kind: Mapped[str] = mapped_column(String(20), default="")  # known after `identify`
    duration: Mapped[float | None]  # seconds
    pages: Mapped[int | None]
    has_captions: Mapped[bool] = mapped_column(default=False)
    opens: Mapped[int] = mapped_column(BigInteger, default=0)
    # Full text of records imported without a file: up to a million characters, so that only what asks for it loads it.
    text: Mapped[str] = mapped_column(default="", deferred=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    institution: Mapped[Institution] = relationship()
    files: Mapped[list["File"]] = relationship(back_populates="resource", order_by="File.id")


class File(Base):
    """A file of a resource: what somebody gave (``source_id`` empty) or what a step made of it.

    ``role``: source, captions, cover, attachment are given; hls, mp4, audio, poster, sprite, storyboard, vtt, preview,
    page_image, text, image, thumbnail … are made. ``path`` is unique within a version and is the tail of the
    file's stable address, e.g. ``hls/480p.m3u8``.
    """

    __tablename__ = "file"
    __table_args__ = (
        UniqueConstraint("resource_id", "version", "path"),
        # Given files have no source. Were they in it, "given files of this resource" would read those of all others.
        Index("ix_file_source_id", "source_id", sqlite_where=_HAS_SOURCE, postgresql_where=_HAS_SOURCE),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"))
    version: Mapped[int]
    source_id: Mapped[str | None] = mapped_column(ForeignKey("file.id"))
    step: Mapped[str] = mapped_column(String(30), default="")  # that made it
    role: Mapped[str] = mapped_column(String(20))
    path: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(300))  # as people see and download it
    stem: Mapped[str] = mapped_column(String(300), default="", index=True)  # given files: by it captions find a video
    media_type: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(ForeignKey("blob.sha256"), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)  # width, height, page, language …
    created_at: Mapped[datetime]
    resource: Mapped[Resource] = relationship(back_populates="files")


class Passage(Base):
    """A place inside a resource that search finds: a caption cue, a slide, a page, a section, a chapter."""

    __tablename__ = "passage"
    __table_args__ = (
        UniqueConstraint("file_id", "step", "ordinal"),
        Index("ix_passage_resource_id_version_ordinal", "resource_id", "version", "ordinal"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"))
    version: Mapped[int]
    file_id: Mapped[str] = mapped_column(ForeignKey("file.id"))  # the given file that it was read from
    step: Mapped[str] = mapped_column(String(30))
    ordinal: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))  # cue slide page section chapter
    language: Mapped[str] = mapped_column(String(35), default="")
    start: Mapped[float | None]  # seconds
    end: Mapped[float | None]
    page: Mapped[int | None]  # from 1; slides too
    heading: Mapped[str] = mapped_column(String(500), default="")
    text: Mapped[str]
    notes: Mapped[str] = mapped_column(default="")  # a slide's speaker notes


class Decision(Base):
    """One step of a resource's way through review: submit, approve, return, publish, withdraw.

    ``metadata_rev``: the revision of the record that the step left, which an approval is for; steps of earlier releases
    have none.
    """

    __tablename__ = "decision"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"), index=True)
    version: Mapped[int]
    metadata_rev: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(20))
    by_user: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"))
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


class Collection(Base):
    """A curated set 专题. It holds references and never copies."""

    __tablename__ = "collection"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(String(20), default="draft")  # draft published
    metadata_rev: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    items: Mapped[list["CollectionItem"]] = relationship(
        back_populates="collection", order_by="CollectionItem.position", cascade="all, delete-orphan"
    )


class CollectionItem(Base):
    """One reference of a collection, at its place, with the curator's note."""

    __tablename__ = "collection_item"
    collection_id: Mapped[str] = mapped_column(ForeignKey("collection.id"), primary_key=True)
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"), primary_key=True)
    position: Mapped[int]
    note: Mapped[str] = mapped_column(default="")
    collection: Mapped[Collection] = relationship(back_populates="items")
    resource: Mapped[Resource] = relationship()
