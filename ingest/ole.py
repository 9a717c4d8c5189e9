"""Old Office files (OLE compound files): whether a password is needed. Runs inside the sandbox.

Formats: MS-CFB, MS-DOC 2.5.1 (FIB), MS-PPT 2.3.2 (CurrentUserAtom), MS-XLS 2.4.117 (FilePass).
"""

import struct
from collections.abc import Iterator
from pathlib import Path

_MAX_BYTES = 256 * 2**20
_ENTRY = 128
_PPT_ENCRYPTED_TOKEN = b"\xdf\xc4\xd1\xf3"
_FILEPASS, _BOF = 0x002F, 0x0809


def is_encrypted(path: str) -> bool:
    """Whether the file cannot be read without a password. False also for what is no OLE file at all."""
    with Path(path).open("rb") as file:
        data = file.read(_MAX_BYTES)
    if len(data) < 512 or not data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return False
    if _entry(data, "EncryptedPackage") >= 0 or _entry(data, "EncryptedSummary") >= 0:
        return True
    if _entry(data, "PowerPoint Document") >= 0:
        return _PPT_ENCRYPTED_TOKEN in data
    word = _start_of(data, "WordDocument")
    if word:
        return len(word) > 12 and bool(struct.unpack_from("<H", word, 10)[0] & 0x0100)
    return any(kind == _FILEPASS for kind in _records(_start_of(data, "Workbook") or _start_of(data, "Book")))


def _entry(data: bytes, name: str) -> int:
    """Where the directory entry of a stream is, or -1. Entries lie at multiples of their size."""
    wide = name.encode("utf-16-le")
    at = data.find(wide)
    while at >= 0:
        if at % _ENTRY == 0 and data[at + 64 : at + 66] == struct.pack("<H", len(wide) + 2):
            return at
        at = data.find(wide, at + 1)
    return -1


def _start_of(data: bytes, name: str) -> bytes:
    """The first sector of a stream, or nothing. Small streams lie elsewhere and are not looked for."""
    at = _entry(data, name)
    shift = struct.unpack_from("<H", data, 30)[0]
    if at < 0 or at + _ENTRY > len(data) or shift not in (9, 12):
        return b""
    sector = struct.unpack_from("<L", data, at + 116)[0]
    return data[(sector + 1) << shift : (sector + 2) << shift]


def _records(stream: bytes) -> Iterator[int]:
    """The kinds of the first records of a workbook."""
    at = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<2H", stream, at)
        if at == 0 and kind != _BOF:
            return
        yield kind
        at += 4 + length
