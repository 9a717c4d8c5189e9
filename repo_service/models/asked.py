"""What was searched for, without anybody who searched."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from repo_service.models.base import Base


class SearchTally(Base):
    """How often a query was asked on one day, and how often nothing was found. It holds no account and no address."""

    __tablename__ = "search_tally"
    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # UTC, 2026-11-23
    language: Mapped[str] = mapped_column(String(2), primary_key=True)  # of the page, not of the query
    query: Mapped[str] = mapped_column(String(100), primary_key=True)  # folded
    asked: Mapped[int] = mapped_column(default=0)
    in_vain: Mapped[int] = mapped_column(default=0)


class SearchClick(Base):
    """How often a hit was opened for a query on one day, by the group of its rank. It holds no account."""

    __tablename__ = "search_click"
    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # UTC
    query: Mapped[str] = mapped_column(String(100), primary_key=True)  # folded
    resource_id: Mapped[str] = mapped_column(ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)  # the first of its group
    clicks: Mapped[int]
