"""MinIO and versitygw, two S3 servers of different make."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from tests.servers.base import free_port, is_well, listens, program, running

KEY = "xuehai-test"
MINIO = ("minio", "python -m tests.servers.fetch minio")
VERSITYGW = ("versitygw", "python -m tests.servers.fetch versitygw")


@contextlib.contextmanager
def minio(folder: Path, port: int = 0, secret: str = "") -> Iterator[str]:
    """A MinIO of its own; its ``s3://`` URL without a bucket. Port and secret are chosen where not given.

    ``XUEHAI_TEST_MINIO`` names another instead, where no port is asked for.
    """
    if not port and (given := os.environ.get("XUEHAI_TEST_MINIO")):
        yield given.rstrip("/")
        return
    port, secret = port or free_port(), secret or secrets.token_hex(12)
    argv = [
        program(*MINIO),
        *("server", str(folder / "minio"), "--address", f"127.0.0.1:{port}", "--quiet"),
    ]
    with running(
        argv,
        lambda: is_well(f"http://127.0.0.1:{port}/minio/health/ready"),
        folder / "minio.log",
        env={"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": secret, "MINIO_BROWSER": "off"},
    ):
        yield f"s3://{KEY}:{secret}@127.0.0.1:{port}"


@contextlib.contextmanager
def versitygw(folder: Path) -> Iterator[str]:
    """A Versity gateway over a folder; its ``s3://`` URL without a bucket. ``XUEHAI_TEST_VERSITYGW`` names another."""
    if given := os.environ.get("XUEHAI_TEST_VERSITYGW"):
        yield given.rstrip("/")
        return
    port, secret = free_port(), secrets.token_hex(12)
    (folder / "versity").mkdir(exist_ok=True)
    argv = [
        program(*VERSITYGW),
        *("--access", KEY, "--secret", secret, "--port", f"127.0.0.1:{port}", "posix", str(folder / "versity")),
    ]
    with running(argv, lambda: listens(port), folder / "versity.log"):
        yield f"s3://{KEY}:{secret}@127.0.0.1:{port}"
