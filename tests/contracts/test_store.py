"""What every object store must do. A new backend joins by its name here and a maker in `conftest.make_store`."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repo_service.storage.port import ObjectMissing, ObjectStore, StorageError, stat

REMOTE = [pytest.param(name, marks=pytest.mark.xdist_group("servers")) for name in ("minio", "versitygw")]


@pytest.fixture(params=["local", *REMOTE])
def store(request: pytest.FixtureRequest, make_store: Callable[[str], ObjectStore]) -> ObjectStore:
    return make_store(request.param)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(store: ObjectStore, data: bytes, staged: str = "one") -> str:
    store.write(staged, 0, [data])
    store.keep(staged, sha(data))
    return f"blobs/{sha(data)}"


def content(store: ObjectStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join(store.read(key, start, length))


def test_bytes_come_back_under_their_hash(store: ObjectStore) -> None:
    key = put(store, "课件".encode())
    assert content(store, key) == "课件".encode()
    assert list(store.scan("staging/")) == []


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    key = put(store, b"")
    assert content(store, key) == b""
    assert [found.size for found in store.scan(key)] == [0]


def test_writing_goes_on_at_the_offset_and_cuts_off_what_lies_beyond(store: ObjectStore) -> None:
    assert store.write("up", 0, [b"abc", b"defgh"]) == 8
    assert store.write("up", 3, [b"XY"]) == 5
    assert content(store, "staging/up") == b"abcXY"
    assert store.write("up", 0, []) == 0
    assert content(store, "staging/up") == b""


def test_a_gap_is_refused(store: ObjectStore) -> None:
    store.write("up", 0, [b"abc"])
    with pytest.raises(StorageError):
        store.write("up", 4, [b"e"])
    assert content(store, "staging/up") == b"abc"


def test_what_came_before_a_broken_stream_is_stored(store: ObjectStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half "
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError):
        store.write("up", 0, broken())
    length = sum(found.size for found in store.scan("staging/up"))
    assert length == 5
    assert store.write("up", length, [b"and half"]) == 13
    assert content(store, "staging/up") == b"half and half"


def test_keeping_twice_is_keeping_once(store: ObjectStore) -> None:
    key = put(store, b"lesson")
    again = store.keep("one", sha(b"lesson"))
    assert (again.key, again.size) == (key, 6)
    put(store, b"lesson", "two")
    assert [found.key for found in store.scan("")] == [key]


def test_keeping_nothing_is_an_error(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        store.keep("never", sha(b"never"))


def test_a_missing_object_is_told_at_the_call(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        store.read(f"blobs/{sha(b'absent')}")
    with pytest.raises(ObjectMissing):
        store.read("staging/absent")


def test_a_range_is_what_was_asked_for(store: ObjectStore) -> None:
    data = os.urandom(700_000)
    key = put(store, data)
    assert content(store, key, 10, 5) == data[10:15]
    assert content(store, key, 300_000) == data[300_000:]
    assert content(store, key, 699_999, 100) == data[-1:]
    assert content(store, key, 700_000, 1) == b""
    assert content(store, key, 0, 0) == b""


def test_large_objects_are_kept_whole_from_many_writes(store: ObjectStore) -> None:
    """Larger than what S3 takes as one part: parts are copied on the server, and ranges go across them."""
    mebibyte, rest = os.urandom(2**20), os.urandom(12_345)
    data = mebibyte * 19 + rest
    offset = 0
    for _ in range(4):  # 4 MiB at a time: too small to be a part, so it is taken back and made longer
        offset = store.write("big", offset, [mebibyte] * 4)
    assert store.write("big", offset, [mebibyte] * 3 + [rest]) == len(data)
    across = len(mebibyte) * 8 - 100
    assert content(store, "staging/big", across, 200) == data[across : across + 200]
    kept = store.keep("big", sha(data))
    assert (kept.size, list(store.scan("staging/"))) == (len(data), [])
    assert sha(content(store, kept.key)) == sha(data)
    assert content(store, kept.key, across, 200) == data[across : across + 200]


def test_two_readers_do_not_disturb_each_other(store: ObjectStore) -> None:
    data = os.urandom(600_000)
    key = put(store, data)
    one, two = store.read(key), store.read(key)
    pairs = list(zip(one, two, strict=True))
    assert b"".join(pair[0] for pair in pairs) == b"".join(pair[1] for pair in pairs) == data


def test_who_stops_in_the_middle_lets_go(store: ObjectStore) -> None:
    data = os.urandom(2_000_000)
    key = put(store, data)
    with closing(store.read(key)) as left:
        assert data.startswith(next(left))
    store.close()
    assert content(store, key) == data
    store.close()


def test_scan_is_in_order_of_key(store: ObjectStore) -> None:
    keys = sorted(put(store, bytes([n]) * n, f"s{n}") for n in range(40))
    store.write("late", 0, [b"x"])
    assert [found.key for found in store.scan("blobs/")] == keys
    assert [found.key for found in store.scan("")] == [*keys, "staging/late"]
    some = keys[17][: len("blobs/") + 3]
    assert [found.key for found in store.scan(some)] == [key for key in keys if key.startswith(some)]


def test_stat_answers_one_or_none(store: ObjectStore) -> None:
    key = put(store, b"lesson")
    found = stat(store, key)
    assert found is not None
    assert (found.key, found.size) == (key, 6)
    assert abs(found.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert stat(store, f"blobs/{sha(b'absent')}") is None


def test_deleting_twice_is_deleting_once(store: ObjectStore) -> None:
    key = put(store, b"lesson")
    for _ in range(2):
        store.delete(key)
        store.delete("staging/never")
    assert list(store.scan("")) == []


def test_a_url_is_an_address_or_nothing(store: ObjectStore) -> None:
    address = store.url(put(store, b"x"), filename="课.pdf", media_type="application/pdf", inline=True)
    assert address is None or address.startswith("http")


@pytest.mark.parametrize(
    "key", ["", "blobs/", "blobs/../x", "staging/../x", "staging/.hidden", "staging/a/b", "other/x", "/etc/passwd"]
)
def test_no_key_leads_out_of_the_store(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.read(key)
    with pytest.raises(ValueError, match="not a key"):
        store.delete(key)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.tuples(st.floats(0, 1), st.lists(st.binary(max_size=50), max_size=4)), max_size=8))
def test_any_row_of_writes_equals_writing_to_a_plain_file(
    store: ObjectStore, parts: list[tuple[float, list[bytes]]]
) -> None:
    model = b""
    store.write("model", 0, [])
    for share, chunks in parts:
        offset = int(share * len(model))
        model = model[:offset] + b"".join(chunks)
        assert store.write("model", offset, chunks) == len(model)
        assert content(store, "staging/model") == model
