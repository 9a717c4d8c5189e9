"""The two ASGI applications: the site with its API, and the content origin where courseware may run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request
from fastapi import Path as PathParameter
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from repo_service.api import (
    accounts,
    asked,
    collections,
    curating,
    directory,
    errors,
    feeds,
    finding,
    health,
    manual,
    media,
    resources,
    review,
    saved,
    uploads,
)
from repo_service.api.answers import UUID
from repo_service.api.deps import PUBLIC_ROUTE, Ctx, Guard, SecretAddress
from repo_service.api.errors import Problem
from repo_service.api.frame import Compression, Frame, Traffic, hosts_of, site_headers
from repo_service.context import Context
from repo_service.policy import ANONYMOUS
from repo_service.services.media import open_file
from repo_service.services.tallying import Tally
from repo_service.web import pages

STATIC = Path(pages.__file__).parent / "static"
API = (
    resources.router,
    review.router,
    finding.router,
    asked.router,
    curating.router,
    collections.router,
    directory.router,
    accounts.router,
    saved.router,
    media.router,
    feeds.router,
    health.router,
    manual.router,
)
COURSEWARE_POLICY = (
    "sandbox allow-scripts allow-forms; default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
DESCRIPTION = (
    "Open course repository of a learning city. JSON is snake_case, times are RFC 3339 in UTC, ids are UUIDv7, "
    "addresses of things are relative to this site. Refusals are RFC 9457 problems with stable codes. Programs send "
    "`Authorization: Bearer KEY`; files come by tus 1.0 at `/files/`."
)


class Assets(StaticFiles):
    """Built files. One that is asked for with its stamp never changes under that address."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file with how long it may be kept."""
        response = await super().get_response(path, scope)
        stamped = scope.get("query_string", b"").startswith(b"v=")
        response.headers["Cache-Control"] = f"public, max-age={'31536000, immutable' if stamped else '3600'}"
        return response


class Unguarded(Exception):
    """Routes that declare no right; the application does not start with them."""


def create_app(ctx: Context) -> FastAPI:
    """The application's origin: pages, API, media, uploads. Raises Unguarded for routes without a declared right."""
    app = FastAPI(
        title="Xuehai",
        version=version("xuehai"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
    )
    app.state.ctx = ctx
    app.state.traffic = Traffic()
    app.state.traffic.registry.register(health.Derived(app))
    for router in API:
        app.include_router(router)
    app.include_router(uploads.router, include_in_schema=False)
    app.include_router(_openapi_router())
    app.include_router(pages.router, include_in_schema=False)
    app.mount("/static", Assets(directory=STATIC), name="static")
    errors.install(app, pages.error_page)
    check_guards(app)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    settings = ctx.settings
    app.add_middleware(Compression)
    app.add_middleware(
        Frame,
        hosts=hosts_of(settings.public_url),
        headers=site_headers(settings, media.elsewhere(ctx.store)),
        traffic=app.state.traffic,
    )
    return app


def create_content_app(ctx: Context) -> FastAPI:
    """The content origin: published courseware as it is, in a sandbox, without cookies."""
    app = FastAPI(title="Xuehai content", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.ctx = ctx
    app.state.traffic = Traffic()

    @app.get("/healthz", dependencies=[PUBLIC_ROUTE])
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.api_route(media.ADDRESS, methods=["GET", "HEAD"], dependencies=[PUBLIC_ROUTE])
    def courseware(
        request: Request,
        ctx: Ctx,
        resource_id: Annotated[str, PathParameter(pattern=UUID)],
        version: media.Version,
        path: media.Tail,
    ) -> Response:
        file, _ = open_file(ctx, ANONYMOUS, resource_id, version, path)
        return media.deliver(request, ctx, file, inline=True, public=True, policy=COURSEWARE_POLICY)

    errors.install(app, lambda request, problem: Response(problem.title, problem.status, media_type="text/plain"))
    check_guards(app)
    settings = ctx.settings
    headers = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
    app.add_middleware(Frame, hosts=hosts_of(settings.content_url), headers=headers, traffic=app.state.traffic)
    return app


def check_guards(app: FastAPI) -> None:
    """Raises Unguarded unless every route declares an action of the permission table, or that it is public."""
    missing = []
    for context in iter_route_contexts(app.routes):
        dependant = getattr(context, "dependant", None)
        if isinstance(context.original_route, APIRoute) and isinstance(dependant, Dependant):
            if not any(isinstance(call, Guard | SecretAddress) for call in _calls(dependant)):
                missing.append(f"{sorted(context.methods or ())} {context.path}")
        elif getattr(context, "name", None) != "static":
            missing.append(str(context.path))
    if missing:
        raise Unguarded(", ".join(missing))


def described(app: FastAPI) -> dict[str, object]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        parts = schema["components"]
        parts["schemas"]["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts["schemas"] |= parts["schemas"]["Problem"].pop("$defs")
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{}, {"key": []}]
        app.openapi_schema = schema
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    for tally in (getattr(app.state, name, None) for name in ("opens", "asked", "clicks")):
        if isinstance(tally, Tally):
            await run_in_threadpool(tally.flush)


def _openapi_router() -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[PUBLIC_ROUTE])

    @router.get("/openapi.json")
    def openapi(request: Request) -> dict[str, object]:
        found: dict[str, object] = request.app.openapi()
        return found

    return router


def _calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)
