"""tus 1.0 at ``/files/``: uploads that cannot be lost. Headers are read in `tus`, bytes come in at `reception`.

Everything that can be refused is refused before a byte of the body is read: protocol, login, rights, size, type,
offset, checksum algorithm. The address of an upload is its secret; it needs no login of its own.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError

from repo_service.api import deps, tus
from repo_service.api.deps import PUBLIC_ROUTE, SECRET_ROUTE, Ctx, CurrentActor, guard
from repo_service.api.errors import problem
from repo_service.api.reception import Reception
from repo_service.errors import NotFound, XuehaiError
from repo_service.models import Upload
from repo_service.services import filenames, uploads
from repo_service.services.upload_rules import Announced
from repo_service.storage.port import StorageError

QUIET_SECONDS = 2.0  # a connection that sent nothing for so long may be dead: HEAD asks for what it brought
NOT_THERE = frozenset({"", "null", "undefined"})  # how browsers' libraries write an absent value
DRAINED_BYTES = 64 * 2**20  # of a refused body are read and dropped, so that the answer arrives; beyond, it is cut


class TusRoute(APIRoute):
    """Every answer of the protocol, refusals too, says the version; every request but OPTIONS must."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with the protocol's frame around it."""
        handler = super().get_route_handler()

        async def framed(request: Request) -> Response:
            try:
                if request.method != "OPTIONS":
                    tus.check_version(request.headers)
                response = await handler(request)
            except (XuehaiError, StorageError, OperationalError) as refusal:
                response = _refused(request, refusal)
            response.headers["Tus-Resumable"] = tus.VERSION
            if response.status_code == 412:
                response.headers["Tus-Version"] = tus.VERSION
            response.headers["Cache-Control"] = "no-store"
            return response

        return framed


router = APIRouter(prefix="/files", route_class=TusRoute, tags=["uploads"])


def reception(request: Request) -> Reception:
    """This process's reception desk, made at the first upload."""
    state = request.app.state
    if not hasattr(state, "reception"):
        state.reception = Reception(deps.context(request))
    desk: Reception = state.reception
    return desk


Desk = Annotated[Reception, Depends(reception)]


@router.options("/", status_code=204, dependencies=[PUBLIC_ROUTE])
@router.options("/{secret}", status_code=204, dependencies=[PUBLIC_ROUTE])
async def describe(ctx: Ctx) -> Response:
    """Say what of the protocol is spoken."""
    return Response(
        status_code=204,
        headers={
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Max-Size": str(ctx.settings.upload_max_bytes),
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        },
    )


@router.post("/", status_code=201, dependencies=[Depends(guard("resource.create"))])
async def create(request: Request, ctx: Ctx, desk: Desk, actor: CurrentActor) -> Response:
    """Begin an upload; the answer's ``Location`` is its address. A body is taken as its first bytes."""
    headers = request.headers
    length = tus.declared_length(headers)
    checksum = tus.checksum(headers)
    brings = "content-type" in headers or headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if brings:
        tus.check_body_type(headers)
    announced = _announced(tus.metadata(headers), length, headers.get("upload-metadata", ""))
    upload, secret = await desk.run(uploads.begin, ctx, actor, announced)
    if brings or length == 0:
        size = tus.number(headers, "content-length")
        upload = await desk.receive(secret, request.receive, offset=0, length=None, size=size, checksum=checksum)
    answer = await _progress(desk, upload, 201)
    answer.headers["Location"] = f"{router.prefix}/{secret}"
    return answer


@router.head("/{secret}", status_code=200, dependencies=[SECRET_ROUTE])
async def status(secret: str, ctx: Ctx, desk: Desk) -> Response:
    """How far an upload is; one that has all its bytes is finished by this, if nobody does."""
    await desk.evict(secret, quiet=QUIET_SECONDS)
    upload = await desk.run(uploads.find, ctx, secret)
    answer = await _progress(desk, upload, 200)
    if upload.length is None:
        answer.headers["Upload-Defer-Length"] = "1"
    else:
        answer.headers["Upload-Length"] = str(upload.length)
    if echo := upload.attributes.get("echo"):
        answer.headers["Upload-Metadata"] = echo
    return answer


@router.patch("/{secret}", status_code=204, dependencies=[SECRET_ROUTE])
async def extend(secret: str, request: Request, ctx: Ctx, desk: Desk) -> Response:
    """Bring further bytes, from exactly where the upload is."""
    headers = request.headers
    tus.check_body_type(headers)
    offset = tus.required_number(headers, "upload-offset")
    upload = await desk.run(uploads.find, ctx, secret)
    if upload.offset == offset == upload.length:  # the answer to the last bytes was lost on its way
        return await _progress(desk, upload, 204)
    upload = await desk.receive(
        secret,
        request.receive,
        offset=offset,
        length=tus.number(headers, "upload-length"),
        size=tus.number(headers, "content-length"),
        checksum=tus.checksum(headers),
    )
    return await _progress(desk, upload, 204)


@router.delete("/{secret}", status_code=204, dependencies=[SECRET_ROUTE])
async def terminate(secret: str, ctx: Ctx, desk: Desk) -> Response:
    """End an upload; its bytes are freed. What became a file already stays with its resource."""
    await desk.evict(secret)
    await desk.run(uploads.terminate, ctx, secret)
    return Response(status_code=204)


@router.post("/{secret}", status_code=204, dependencies=[SECRET_ROUTE])
async def overridden(secret: str, request: Request, ctx: Ctx, desk: Desk) -> Response:
    """The same for clients behind doors that let only POST through: ``X-HTTP-Method-Override`` says what is meant."""
    match request.headers.get("x-http-method-override", "").upper():
        case "PATCH":
            return await extend(secret, request, ctx, desk)
        case "HEAD":
            return await status(secret, ctx, desk)
        case "DELETE":
            return await terminate(secret, ctx, desk)
        case _:
            raise NotFound(code="upload_not_found")


def _announced(said: dict[str, str], length: int | None, echo: str) -> Announced:
    """What the metadata mean; clients call the name and the type by more than one word, and write what is not there."""

    def value(*names: str) -> str:
        return next((said[name] for name in names if said.get(name, "") not in NOT_THERE), "")

    return Announced(
        filename=value("filename", "name"),
        length=length,
        institution=value("institution"),
        filetype=value("filetype", "type"),
        role=value("role") or "source",
        resource_id=value("resource_id") or None,
        folder=filenames.folder_of(value("relativePath")),
        title=value("title"),
        replaces=value("replaces") or None,
        echo=echo,
    )


async def _progress(desk: Reception, upload: Upload, status_code: int) -> Response:
    """The answer that tells the offset, and of a complete upload the resource."""
    headers = {"Upload-Offset": str(upload.offset), "Upload-Expires": tus.date(upload.expires_at)}
    if upload.state == "finishing":
        headers["Xuehai-Resource"] = await desk.finish(upload)
    elif upload.resource_id and upload.state == "done":
        headers["Xuehai-Resource"] = upload.resource_id
    return Response(status_code=status_code, headers=headers)


def _refused(request: Request, refusal: Exception) -> Response:
    answer = problem(request, refusal)
    size: Any = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not size.isdigit() or int(size) > DRAINED_BYTES:
        answer.headers["Connection"] = "close"
    return answer
