"""Old Office files (OLE compound files): whether a password is needed. Runs inside the sandbox.

Formats: MS-CFB, MS-DOC 2.5.1 (FIB), MS-PPT 2.3.2 (CurrentUserAtom), MS-XLS 2.4.117 (FilePass).
"""

import struct
from collections.abc import Iterator
from pathlib import Path

_MAX_BYTES = 256 * 2**20
_ENTRY = 128
_PPT_ENCRYPTED_TOKEN = b"\xdf\xc4\xd1\xf3"
_FIB = b"\xec\xa5"
_FILEPASS, _BOF = 0x002F, 0x0809


def is_encrypted(path: str) -> bool:
    """Whether the file cannot be read without a password. False also for what is no OLE file at all."""
    with Path(path).open("rb") as file:
        data = file.read(_MAX_BYTES)
    if len(data) < 512 or not data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return False
    if any(_entries(data, "EncryptedPackage")) or any(_entries(data, "EncryptedSummary")):
        return True
    if any(_entries(data, "PowerPoint Document")):
        return _PPT_ENCRYPTED_TOKEN in data
    if any(_encrypted_word(start) for start in _starts(data, "WordDocument")):
        return True
    books = (start for name in ("Workbook", "Book") for start in _starts(data, name))
    return any(kind == _FILEPASS for start in books for kind in _records(start))


def _entries(data: bytes, name: str) -> Iterator[int]:
    """Where directory entries of streams with this name are; embedded objects bring their own."""
    wide = name.encode("utf-16-le")
    at = data.find(wide)
    while at >= 0:
        if at % _ENTRY == 0 and data[at + 64 : at + 66] == struct.pack("<H", len(wide) + 2):
            yield at
        at = data.find(wide, at + 1)


def _starts(data: bytes, name: str) -> Iterator[bytes]:
    """The first sectors of the streams with this name. Small streams lie elsewhere and are not looked for."""
    shift = struct.unpack_from("<H", data, 30)[0]
    for at in _entries(data, name):
        if at + _ENTRY <= len(data) and shift in (9, 12):
            sector = struct.unpack_from("<L", data, at + 116)[0]
            yield data[(sector + 1) << shift : (sector + 2) << shift]


def _encrypted_word(fib: bytes) -> bool:
    return fib.startswith(_FIB) and len(fib) > 12 and bool(struct.unpack_from("<H", fib, 10)[0] & 0x0100)


def _records(stream: bytes) -> Iterator[int]:
    """The kinds of the first records of a workbook."""
    at = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<2H", stream, at)
        if at == 0 and kind != _BOF:
            return
        yield kind
        at += 4 + length
