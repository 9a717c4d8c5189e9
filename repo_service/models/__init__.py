"""All tables, by noun."""

from repo_service.models.asked import SearchClick, SearchTally
from repo_service.models.base import Base, Moment, new_id
from repo_service.models.catalogue import (
    Collection,
    CollectionItem,
    Decision,
    File,
    Passage,
    Resource,
    Subject,
)
from repo_service.models.finding import OwnWord, SavedSearch, SearchDigest, SearchPin, SynonymGroup
from repo_service.models.ingest import Audit, Blob, Counter, Idempotency, IndexState, Job, Lease, Outbox, Upload
from repo_service.models.people import ApiKey, Division, Institution, LoginAttempt, Membership, Session, User

__all__ = [
    "ApiKey",
    "Audit",
    "Base",
    "Blob",
    "Collection",
    "CollectionItem",
    "Counter",
    "Decision",
    "Division",
    "File",
    "Idempotency",
    "IndexState",
    "Institution",
    "Job",
    "Lease",
    "LoginAttempt",
    "Membership",
    "Moment",
    "Outbox",
    "OwnWord",
    "Passage",
    "Resource",
    "SavedSearch",
    "SearchClick",
    "SearchDigest",
    "SearchPin",
    "SearchTally",
    "Session",
    "Subject",
    "SynonymGroup",
    "Upload",
    "User",
    "new_id",
]
