"""Schemathesis against a real server: whatever is sent, no server error and no broken promise of the description."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi import schemas as _schemas  # now: a late import would be compiled beside the server
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from repo_service.services import indexing
from tests.repo_service.api.conftest import Site

assert _schemas
EXAMPLES = 15  # of each operation and role
REACHED = {"": 22, "uploader": 28, "system_admin": 32}  # of about fifty operations, with a success
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def serve(app: FastAPI) -> tuple[uvicorn.Server, threading.Thread]:
    """A server on a free port in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return server, thread


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """Where the real server listens."""
    server, thread = serve(site.app)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def description(site: Site, address: str) -> Any:
    """The served description, with ids of things that are there mixed into those that are made up."""
    resource = site.resource()
    with site.ctx.db.write() as session:
        indexing.touch(session, site.ctx, session.merge(resource), visibility=True)
    indexing.drain(site.ctx)
    file = site.file(resource)
    drafts = [site.resource(state).id for state in ("draft", "submitted", "in_review")]
    ids = [resource.id, *drafts]
    made = site.client("curator").post("/api/v1/collections", json={"title": "专题", "state": "published"})
    known = {
        "resource_id": ids,
        "collection_id": [made.json()["id"]],
        "file_id": [file.id],
        "slug": ["home"],
        "code": ["410100000000"],
        "version": [1],
        "path": [file.path],
        "step": ["identify"],
    }
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", headers={"Accept-Language": "en"})

    def mixed(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        if path_parameters is None or sum(map(ord, str(path_parameters))) % 3 == 0:
            return path_parameters
        return {
            name: known[name][sum(map(ord, str(value))) % len(known[name])] if name in known else value
            for name, value in path_parameters.items()
        }

    def given_by_home(context: Any, body: Any) -> Any:
        """Records can only be made for an institution that is there."""
        return (
            {**body, "institution": "home", "subjects": []}
            if isinstance(body, dict) and "institution" in body
            else body
        )

    schema.hook("map_path_parameters")(mixed)
    schema.hook("map_body")(given_by_home)
    return schema


@pytest.mark.slow
@pytest.mark.parametrize("who", ["", "uploader", "system_admin"])
def test_the_api_keeps_its_description(description: Any, site: Site, who: str) -> None:
    headers = {"Authorization": f"Bearer {site.key(who)}"} if who else {}
    broken: list[str] = []  # /readyz is left out: its 503 is what it is there to say
    reached: set[str] = set()
    for operation in (found.ok() for found in description.exclude(path="/readyz").get_all_operations()):

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def tried(case: Case[Any]) -> None:
            if case.call_and_validate(checks=CHECKS, headers=headers).status_code < 300:
                reached.add(case.operation.label)

        try:
            tried()
        except (FailureGroup, Failure) as failure:
            broken.append(f"{operation.method} {operation.path}: {failure}")
    assert broken == [], "\n\n".join(broken)
    assert len(reached) >= REACHED[who], f"too few operations were got through to: {sorted(reached)}"
