"""The servers of P9: ``python -m tests.bench.upload_servers WHICH FOLDER PORT [STORAGE]``. Each speaks when ready."""

import hashlib
import secrets
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, UploadFile
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

BLOCK = 64 * 2**10  # the buffer of `shutil.copyfileobj`


def bare(folder: Path) -> ASGIApp:
    """Bytes to a file, and their hash; nothing else."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        digest = hashlib.sha256()
        with (folder / secrets.token_hex(8)).open("wb") as out:
            async for chunk in Request(scope, receive).stream():
                digest.update(chunk)
                out.write(chunk)
        body = digest.hexdigest().encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
        await send({"type": "http.response.body", "body": body})

    return app


def upload_file(folder: Path) -> ASGIApp:
    """A form's file, spooled by the framework, then copied and hashed."""
    app = FastAPI()

    @app.post("/")
    async def store(file: UploadFile) -> str:
        digest = hashlib.sha256()
        with (folder / secrets.token_hex(8)).open("wb") as out:
            while chunk := await file.read(BLOCK):
                digest.update(chunk)
                out.write(chunk)
        return digest.hexdigest()

    return app


def subject(folder: Path, storage: str) -> tuple[ASGIApp, str]:
    """The application over an embedded installation, or one whose objects lie elsewhere; a key of an uploader there."""
    from repo_service import wiring
    from repo_service.app import create_app
    from repo_service.migrations import run
    from repo_service.policy import OPERATOR
    from repo_service.services import accounts
    from repo_service.settings import Settings
    from tests import support

    ctx = wiring.build(Settings(data_dir=folder, storage_url=storage))
    run.upgrade(ctx.db)
    person = support.user(ctx, in_=support.institution(ctx))
    _, key = accounts.create_key(ctx, OPERATOR, email=person.email, scopes=["upload"])
    return create_app(ctx), key


def main() -> None:
    """Serve until killed."""
    which, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    app, key = (
        subject(folder, *sys.argv[4:])
        if which == "subject"
        else ({"bare": bare, "upload_file": upload_file}[which](folder), "")
    )
    print(key, flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
