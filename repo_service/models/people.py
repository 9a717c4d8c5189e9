"""Institutions, divisions, people, and how they prove who they are."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from repo_service.models.base import Base, new_id


class Division(Base):
    """One node of the tree of divisions 行政区划, by its 12-digit statistical code."""

    __tablename__ = "division"
    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("division.code"), index=True)
    level: Mapped[int]  # 1 province, 2 city, 3 county or district, 4 township or street, 5 village


class Institution(Base):
    """A giver of courseware."""

    __tablename__ = "institution"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    name_en: Mapped[str] = mapped_column(String(200), default="")
    kind: Mapped[str] = mapped_column(String(40))
    division_code: Mapped[str] = mapped_column(ForeignKey("division.code"), index=True)
    description: Mapped[str] = mapped_column(default="")
    website: Mapped[str] = mapped_column(String(500), default="")
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    division: Mapped[Division] = relationship()


class User(Base):
    """A person with an account. Learners need none to search, read and watch."""

    __tablename__ = "user_account"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # kept lower-case
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(30), default="learner")  # the role that holds everywhere
    division_code: Mapped[str | None] = mapped_column(ForeignKey("division.code"))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    memberships: Mapped[list["Membership"]] = relationship(back_populates="user", cascade="all, delete-orphan")


class Membership(Base):
    """A person's role in one institution."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("user_id", "institution_id", "role"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), index=True)
    institution_id: Mapped[str] = mapped_column(ForeignKey("institution.id"), index=True)
    role: Mapped[str] = mapped_column(String(30))
    user: Mapped[User] = relationship(back_populates="memberships")
    institution: Mapped[Institution] = relationship()


class Session(Base):
    """A browser's login. The cookie holds a random token; only its SHA-256 is here, so that it can be revoked."""

    __tablename__ = "login_session"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ApiKey(Base):
    """A key for programs: shown once, kept as SHA-256, limited to scopes."""

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), index=True)
    prefix: Mapped[str] = mapped_column(String(16))
    key_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LoginAttempt(Base):
    """A failed sign-in, to hold each account and address to ten in a quarter of an hour."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_subject_at", "subject", "at"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    subject: Mapped[str] = mapped_column(String(300))  # "email:…" or "address:…"
    at: Mapped[datetime]
