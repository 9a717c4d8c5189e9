"""The one reader of zip archives: the central directory is judged whole before a byte is unpacked.

Written on ``struct`` and ``zlib`` because the standard reader opens archives whose entries overlap (a bomb of 112 KB
that declares 20 GB) and loads any number of entries before it can be asked. Format: PKWARE's APPNOTE.TXT.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingest.encoding import decode
from ingest.errors import IngestError

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_CHUNK = 256 * 1024
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 0x1, 0x800
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f:]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold. Bytes are unpacked bytes; the ratio counts once an entry passes 1 MiB."""

    entries: int = 10_000
    entry_bytes: int = 512 * 2**20
    total_bytes: int = 2 * 2**30
    ratio: int = 200
    name_bytes: int = 1024
    depth: int = 32
    directory_bytes: int = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the archive. ``name`` is relative, with slashes, and safe to join to a folder."""

    name: str
    size: int
    packed: int
    method: int
    crc: int
    header: int
    raw_name: bytes


class Archive:
    """An archive that passed every check. ``entries`` maps names to files; folders are left out."""

    def __init__(self, file: BinaryIO, limits: Limits = Limits()) -> None:
        """Raises IngestError archive_unreadable, archive_encrypted, archive_too_large or archive_unsafe."""
        self._file = file
        self._limits = limits
        count, size, start = _find_directory(file)
        if count > limits.entries or size > limits.directory_bytes:
            raise IngestError("archive_too_large", f"{count} entries, directory of {size} bytes")
        file.seek(start)
        records = list(_records(_exactly(file, size), count))
        self._check_volume(records)
        self.entries: Mapping[str, Entry] = _by_name(records, limits)
        self._starts = _data_starts(file, records, start)

    def read(self, name: str, limit: int) -> bytes:
        """The whole of a small entry. Raises IngestError archive_too_large over ``limit`` bytes."""
        entry = self.entries[name]
        if entry.size > limit:
            raise IngestError("archive_too_large", f"{name}: {entry.size} bytes, at most {limit} are read")
        return b"".join(self.stream(name))

    def stream(self, name: str) -> Iterator[bytes]:
        """The bytes of an entry in pieces, never more than it declares; the checksum is compared at the end."""
        entry = self.entries[name]
        self._file.seek(self._starts[entry.header])
        produced = crc = 0
        for piece in _unpacked(self._file, entry):
            produced += len(piece)
            if produced > entry.size:
                raise IngestError("archive_too_large", f"{name}: more bytes than it declares")
            crc = zlib.crc32(piece, crc)
            yield piece
        if produced != entry.size or crc != entry.crc:
            raise IngestError("archive_unreadable", f"{name}: damaged")

    def extract(self, folder: Path) -> None:
        """Write every entry below an existing empty folder, as plain files that nobody may execute."""
        for name in self.entries:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                out.writelines(self.stream(name))

    def _check_volume(self, records: list[Entry]) -> None:
        limits = self._limits
        if sum(entry.size for entry in records) > limits.total_bytes:
            raise IngestError("archive_too_large", f"more than {limits.total_bytes} bytes in all")
        for entry in records:
            if entry.size > limits.entry_bytes:
                raise IngestError("archive_too_large", f"{entry.name}: {entry.size} bytes")
            if entry.size > max(2**20, entry.packed * limits.ratio):
                raise IngestError("archive_too_large", f"{entry.name}: {entry.packed} bytes become {entry.size}")


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise IngestError("archive_unreadable", "cut off")
    return data


def _find_directory(file: BinaryIO) -> tuple[int, int, int]:
    """Number of entries, size and start of the central directory."""
    length = file.seek(0, os.SEEK_END)
    tail_start = max(0, length - _END.size - 0xFFFF)
    file.seek(tail_start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise IngestError("archive_unreadable", "no end of central directory")
    _, disk, first_disk, _, count, size, offset, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    if 0xFFFF in (count, disk) or 0xFFFFFFFF in (size, offset):
        return _find_directory64(file, end)
    if disk or first_disk:
        raise IngestError("archive_unreadable", "split over several volumes")
    return count, size, _checked_start(offset, size, end)


def _find_directory64(file: BinaryIO, end: int) -> tuple[int, int, int]:
    file.seek(max(0, end - _END64_LOCATOR.size))
    magic, _, at, _ = _END64_LOCATOR.unpack(_exactly(file, _END64_LOCATOR.size))
    if magic != b"PK\x06\x07":
        raise IngestError("archive_unreadable", "no 64-bit locator")
    file.seek(at)
    magic, _, _, _, _, _, _, count, size, offset = _END64.unpack(_exactly(file, _END64.size))
    if magic != b"PK\x06\x06":
        raise IngestError("archive_unreadable", "no 64-bit end record")
    return count, size, _checked_start(offset, size, at)


def _checked_start(offset: int, size: int, end: int) -> int:
    """Readers disagree about archives with bytes before or between their parts; such are refused."""
    if offset + size != end:
        raise IngestError("archive_unreadable", f"directory of {size} at {offset} does not end at {end}")
    return offset


def _records(directory: bytes, count: int) -> Iterator[Entry]:
    at = 0
    for _ in range(count):
        if len(directory) - at < _CENTRAL.size or directory[at : at + 4] != b"PK\x01\x02":
            raise IngestError("archive_unreadable", "central directory is damaged")
        (_, _, _, flags, method, _, _, crc, packed, size, *lengths, _, _, attributes, header) = _CENTRAL.unpack_from(
            directory, at
        )
        name_end = at + _CENTRAL.size + lengths[0]
        raw = directory[at + _CENTRAL.size : name_end]
        extra = directory[name_end : name_end + lengths[1]]
        at = name_end + lengths[1] + lengths[2]
        size, packed, header = _wide(extra, size, packed, header)
        _check_kind(raw, flags, method, attributes >> 16)
        yield Entry(_name(raw, flags), size, packed, method, crc, header, raw)
    if at != len(directory):
        raise IngestError("archive_unreadable", "central directory holds more than its entries")


def _wide(extra: bytes, *values: int) -> tuple[int, int, int]:
    """Size, packed size and offset, the 32-bit ones that are full replaced from the 64-bit extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{length // 8}Q", extra.ljust(at + 4 + length, b"\0"), at + 4))
            size, packed, header = (next(wide, 2**64) if value == 0xFFFFFFFF else value for value in values)
            return size, packed, header
        at += 4 + length
    size, packed, header = values
    return size, packed, header


def _check_kind(raw: bytes, flags: int, method: int, mode: int) -> None:
    if flags & _ENCRYPTED:
        raise IngestError("archive_encrypted", repr(raw[:80]))
    if method not in (_STORED, _DEFLATED):
        raise IngestError("archive_unreadable", f"compression method {method}")
    if mode & 0o170000 not in (0, 0o100000, 0o040000):  # links, devices, pipes
        raise IngestError("archive_unsafe", f"{raw[:80]!r} is no plain file")


def _name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        name = decode(raw)[0]
    return name.replace("\\", "/")  # some writers on Windows


def _by_name(records: list[Entry], limits: Limits) -> dict[str, Entry]:
    """Files by name. Two names that a file system may take for one are refused."""
    seen: set[str] = set()
    files: dict[str, Entry] = {}
    for entry in records:
        _check_name(entry, limits)
        if entry.name.endswith("/"):
            continue
        folded = entry.name.casefold()
        if folded in seen:
            raise IngestError("archive_unsafe", f"{entry.name!r} occurs twice")
        seen.add(folded)
        files[entry.name] = entry
    if any(folder.casefold() in seen for name in files for folder in _folders(name)):
        raise IngestError("archive_unsafe", "a name is both file and folder")
    return files


def _folders(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _check_name(entry: Entry, limits: Limits) -> None:
    name = entry.name
    parts = name.removesuffix("/").split("/")
    bad = (
        len(entry.raw_name) > limits.name_bytes
        or len(parts) > limits.depth
        or _CONTROL.search(name)
        or any(part in ("", ".", "..") for part in parts)
        or any(part[-1] in ". " or _DEVICES.match(part) for part in parts)
    )
    if bad:
        raise IngestError("archive_unsafe", f"name {name[:120]!r}")


def _data_starts(file: BinaryIO, records: list[Entry], directory: int) -> dict[int, int]:
    """Where each entry's bytes begin, by header offset. Entries must agree with their headers and not overlap."""
    starts: dict[int, int] = {}
    free = 0
    for entry in sorted(records, key=lambda entry: entry.header):
        if entry.header < free or entry.header > directory:
            raise IngestError("archive_unsafe", f"{entry.name!r} overlaps another entry")
        file.seek(entry.header)
        magic, _, flags, *_, name_length, extra_length = _LOCAL.unpack(_exactly(file, _LOCAL.size))
        if magic != b"PK\x03\x04" or _exactly(file, name_length) != entry.raw_name:
            raise IngestError("archive_unreadable", f"{entry.name!r}: header and directory differ")
        if flags & _ENCRYPTED:
            raise IngestError("archive_encrypted", repr(entry.name))
        starts[entry.header] = entry.header + _LOCAL.size + name_length + extra_length
        free = starts[entry.header] + entry.packed
        if free > directory:
            raise IngestError("archive_unsafe", f"{entry.name!r} reaches into the directory")
    return starts


def _unpacked(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    left = entry.packed
    inflater = zlib.decompressobj(-15) if entry.method == _DEFLATED else None
    try:
        while left:
            packed = _exactly(file, min(left, _CHUNK))
            left -= len(packed)
            if inflater is None:
                yield packed
                continue
            while packed:
                yield inflater.decompress(packed, _CHUNK)
                packed = inflater.unconsumed_tail
    except zlib.error as error:
        raise IngestError("archive_unreadable", f"{entry.name!r}: {error}") from error
    if inflater is not None:
        yield inflater.flush()
