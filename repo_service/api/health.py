"""/healthz, /readyz, /metrics: for those who run the service."""

from collections.abc import Callable, Iterator

from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import BaseModel
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from repo_service.api.deps import PUBLIC_ROUTE, Ctx
from repo_service.context import Context
from repo_service.migrations import run as migrations
from repo_service.services import figures
from repo_service.services.counting import Rested

router = APIRouter(tags=["operation"], dependencies=[PUBLIC_ROUTE])


class Check(BaseModel):
    """One part: whether it works, and what is wrong with it. Without one that is not vital all is served, less well."""

    name: str
    ok: bool
    detail: str
    vital: bool = True


class Readiness(BaseModel):
    """Whether requests can be served in full."""

    ready: bool
    checks: list[Check]


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Not ready"}})
def readyz(ctx: Ctx) -> Response:
    """The parts answer: database, schema, store, index, sandbox. 503 names those that do not.

    Meaning, where it is on, is a part too, and no vital one.
    """
    checks = [_check(name, look, ctx) for name, look in _CHECKS.items()]
    if ctx.semantic is not None:
        checks.append(_check("semantic", _semantic, ctx).model_copy(update={"vital": False}))
    state = Readiness(ready=all(check.ok for check in checks if check.vital), checks=checks)
    return JSONResponse(state.model_dump(), 200 if state.ready else 503, {"Cache-Control": "no-store"})


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Prometheus: requests of this process, and numbers derived from the database."""
    return Response(generate_latest(request.app.state.traffic.registry), media_type=CONTENT_TYPE_LATEST)


class Derived(Collector):
    """Asks the database; nothing is counted beside it, so nothing can differ from it.

    Counting millions of rows takes seconds: then it is done less often.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._figures = Rested[figures.Gathered]()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All numbers of `services/figures.py`."""
        gathered = self._figures.count(lambda: figures.gather(self._app.state.ctx))
        for name, (help_, labels, rows) in gathered.items():
            family = GaugeMetricFamily(f"xuehai_{name}", help_, labels=labels)
            for values, number in rows:
                family.add_metric(values, number)
            yield family

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: registering must not ask the database."""
        return []


def _check(name: str, look: Callable[[Context], str], ctx: Context) -> Check:
    """Run one check; whatever it raises is the answer, since a check is there to find the unforeseen."""
    try:
        detail = look(ctx)
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"[:500]
    return Check(name=name, ok=not detail, detail=detail)


def _database(ctx: Context) -> str:
    with ctx.db.read() as session:
        session.execute(text("SELECT 1"))
    return ""


def _schema(ctx: Context) -> str:
    held, wanted = migrations.current(ctx.db), migrations.newest()
    return "" if held == wanted else f"at {held}, this program needs {wanted}: run xuehai migrate"


def _store(ctx: Context) -> str:
    next(iter(ctx.store.scan("staging/")), None)
    return ""


def _index(ctx: Context) -> str:
    health = ctx.index.health()
    return "" if health.ok else health.detail or "does not answer"


def _semantic(ctx: Context) -> str:
    wrong = ctx.semantic.wrong() if ctx.semantic else ""
    return f"off: {wrong}" if wrong else ""


def _sandbox(ctx: Context) -> str:
    return ctx.sandbox.check() or ""


_CHECKS: dict[str, Callable[[Context], str]] = {
    "database": _database,
    "schema": _schema,
    "store": _store,
    "index": _index,
    "sandbox": _sandbox,
}
