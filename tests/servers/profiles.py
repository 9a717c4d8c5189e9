"""The two profiles as fixtures: what runs on the embedded defaults and on the grown servers is asked for by name."""

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from repo_service.settings import PREFIX, Settings
from tests.servers import grown

GROWN = pytest.mark.xdist_group("grown")
PROFILES = ["embedded", pytest.param("grown", marks=GROWN)]
REDIS_DATABASES = 16
_numbers = itertools.count(1)

NewInstallation = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session")
def new_installation(request: pytest.FixtureRequest) -> NewInstallation:
    """A maker of the environment of a new, empty installation by its profile; nothing for the embedded one.

    Those on servers share the servers of the session, and nothing on them.
    """

    def make(profile: str) -> dict[str, str]:
        if profile == "embedded":
            return {}
        name = f"town-{uuid.uuid4().hex[:10]}"
        redis = request.getfixturevalue("redis_url").rpartition("/")[0]
        return grown.settings(
            name,
            database=_new_database(request.getfixturevalue("postgres_url"), name),
            store=request.getfixturevalue("minio_url"),
            search=request.getfixturevalue("elasticsearch_url"),
            queue=f"{redis}/{next(_numbers) % REDIS_DATABASES}",
        )

    return make


def as_settings(environment: dict[str, str], **others: Any) -> Settings:
    """The same as settings, for a context in this process."""
    named: dict[str, Any] = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
    return Settings(**named | others)


def _new_database(server: str, name: str) -> str:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)
