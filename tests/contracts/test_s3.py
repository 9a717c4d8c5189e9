"""What S3 adds to the port: presigned addresses, the bucket, checksums on the way, servers that come and go."""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from minio import Minio

from repo_service.storage import s3
from repo_service.storage.port import ObjectStore, StorageError
from tests.servers.base import free_port
from tests.servers.s3 import KEY, minio

DATA = "春耕时节".encode() * 1000
SHA = hashlib.sha256(DATA).hexdigest()
SERVERS = ("minio", "versitygw")
Bucket = Callable[[str], str]

pytestmark = pytest.mark.xdist_group("servers")


@pytest.fixture(params=SERVERS)
def bucket(request: pytest.FixtureRequest, new_bucket: Bucket) -> str:
    """The URL of a bucket that is not there yet, on each server."""
    return new_bucket(request.param)


def filled(url: str) -> ObjectStore:
    store = s3.connect(url)
    store.write("one", 0, [DATA])
    store.keep("one", SHA)
    return store


def client(url: str, pool: Any = None) -> Minio:
    parts = urlsplit(url)
    assert parts.password
    return Minio(f"{parts.hostname}:{parts.port}", KEY, parts.password, secure=False, http_client=pool)


def test_an_address_lives_a_minute_and_says_name_and_type(bucket: str) -> None:
    address = filled(bucket).url(f"blobs/{SHA}", filename='春 耕".pdf', media_type="application/pdf", inline=False)
    assert address is not None
    assert int(parse_qs(urlsplit(address).query)["X-Amz-Expires"][0]) <= 60
    asked = urllib.request.Request(address, headers={"Range": "bytes=10-19"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert (answer.status, answer.read()) == (206, DATA[10:20])
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E6%98%A5%20%E8%80%95%22.pdf"
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == DATA


def test_an_address_is_good_for_one_object_only(bucket: str) -> None:
    address = filled(bucket).url(f"blobs/{SHA}", filename="a", media_type="text/plain", inline=True)
    assert address is not None
    for bent in (address.replace(SHA, SHA[::-1]), address.replace("inline", "attachment")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(bent, timeout=10)
        assert refused.value.code == 403
        refused.value.close()


def test_browsers_may_reach_the_server_by_another_name_or_not_at_all(bucket: str) -> None:
    filled(bucket)
    public = f"http://localhost:{urlsplit(bucket).port}"
    address = s3.connect(f"{bucket}&public={public}").url(f"blobs/{SHA}", filename="a", media_type="a/b", inline=True)
    assert address is not None
    assert address.startswith(f"{public}/")
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == DATA
    hidden = s3.connect(f"{bucket}&redirect=false")
    assert hidden.url(f"blobs/{SHA}", filename="a", media_type="a/b", inline=True) is None


def test_the_bucket_is_made_by_the_first_that_needs_it(bucket: str) -> None:
    name = urlsplit(bucket).path.strip("/")
    stores = [s3.connect(bucket) for _ in range(2)]
    assert not client(bucket).bucket_exists(name)
    assert [list(store.scan("")) for store in stores] == [[], []]
    assert client(bucket).bucket_exists(name)


def test_a_new_bucket_forgets_what_is_staged_for_very_long(new_bucket: Bucket) -> None:
    url = new_bucket("minio")  # the other server has no lifecycles
    list(s3.connect(url).scan(""))
    lifecycle = client(url).get_bucket_lifecycle(urlsplit(url).path.strip("/"))
    assert lifecycle is not None
    rules = {rule.rule_filter.prefix: rule for rule in lifecycle.rules if rule.rule_filter}
    expiration = rules["staging/"].expiration
    assert len(rules) == 1, "blobs are never swept by the store"
    assert expiration is not None
    assert expiration.days == s3.STAGING_DAYS


class _Bending(urllib3.PoolManager):
    """A line that turns one bit of every body that is sent."""

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **kw: Any
    ) -> urllib3.BaseHTTPResponse:
        if method == "PUT" and kw.get("body"):
            kw["body"] = bytes([kw["body"][0] ^ 1]) + kw["body"][1:]
        return super().urlopen(method, url, redirect, **kw)


def test_bytes_that_change_on_the_way_are_refused_and_not_stored(bucket: str) -> None:
    name = urlsplit(bucket).path.strip("/")
    good = filled(bucket)
    bent = s3.S3Store(client(bucket, _Bending()), name)
    with pytest.raises(StorageError):
        bent.write("two", 0, [DATA])
    assert list(good.scan("staging/")) == []


def test_a_server_may_be_away_at_the_start_and_in_between(tmp_path: Path) -> None:
    port, secret = free_port(), "a-secret-of-a-test"
    store = s3.connect(f"s3://{KEY}:{secret}@127.0.0.1:{port}/away?secure=false")
    began = time.monotonic()
    with pytest.raises(StorageError):
        list(store.scan(""))
    assert time.monotonic() - began < 5, "a request must not hang on a server that is away"
    with minio(tmp_path, port, secret):
        offset = store.write("one", 0, [DATA])
    with pytest.raises(StorageError):
        store.write("one", offset, [DATA])
    with minio(tmp_path, port, secret):
        assert store.write("one", offset, [DATA]) == 2 * len(DATA)
        assert b"".join(store.read("staging/one")) == DATA * 2
