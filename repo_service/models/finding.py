"""What people do about search: words that mean the same, own words, what comes first or never, searches kept."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from repo_service.models.base import Base, new_id
from repo_service.models.catalogue import Resource


class SynonymGroup(Base):
    """Expressions that mean the same, beside the groups that come with the programme."""

    __tablename__ = "synonym_group"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    expressions: Mapped[list[str]]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OwnWord(Base):
    """A word that text is not cut inside of: what the general dictionary lacks."""

    __tablename__ = "own_word"
    word: Mapped[str] = mapped_column(String(40), primary_key=True)  # folded
    created_by: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]


class SearchPin(Base):
    """A resource that comes first, or never, when somebody asks with these words."""

    __tablename__ = "search_pin"
    __table_args__ = (UniqueConstraint("words", "resource_id"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    words: Mapped[str] = mapped_column(String(200))  # folded, without blanks, so that any way of writing them meets it
    typed: Mapped[str] = mapped_column(String(200))
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id"), index=True)
    hides: Mapped[bool]
    ends_at: Mapped[datetime | None]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    resource: Mapped[Resource] = relationship()


class SavedSearch(Base):
    """A search that a person wants to come back to."""

    __tablename__ = "saved_search"
    __table_args__ = (UniqueConstraint("user_id", "address"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"))
    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(2000))  # the query string of the search
    created_at: Mapped[datetime]


class SearchDigest(Base):
    """Mail about what is new in a kept search; the row is there as long as it is wanted."""

    __tablename__ = "search_digest"
    saved_id: Mapped[str] = mapped_column(ForeignKey("saved_search.id", ondelete="CASCADE"), primary_key=True)
    every: Mapped[str] = mapped_column(String(10))  # daily, weekly
    language: Mapped[str] = mapped_column(String(2))
    secret: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]  # what was published from here on has not been told yet
    due_at: Mapped[datetime] = mapped_column(index=True)
    sent_at: Mapped[datetime | None]
    tries: Mapped[int]  # that failed since the last letter
    error: Mapped[str] = mapped_column(String(40))  # the code of the last failure, empty when all is well
