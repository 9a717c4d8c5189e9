"""Which encoding a table of an office is in, in bounded memory, and which of its rows are in another one."""

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ingest.encoding import likeliest
from repo_service.services.exchange_row import NAMES

OF_OFFICES = ("utf-8", "gb18030", "cp950", "big5hkscs", "cp1252")
HEAD = 4096  # bytes
TITLES = ("title", *(name for name, field in NAMES.items() if field == "title"))  # a column that every file names
LOOKED_AT = 2**20  # bytes read at once
WEIGHED = 48 * 1024  # bytes of lines that are not ASCII
ENOUGH = 30  # characters, by which GB 18030 and Big5 surely look broken when read as UTF-8
REPLACED = "\ufffd"
BEGINNING = 60  # characters of a row, by which hardly any is UTF-8 that is not
_NOT_ASCII = bytes(range(0x80, 0x100))
_WIDE = re.compile("[\u0800-\U0010ffff]")
# What no office writes, and what a wrong table of characters makes of others: private use, and what is none at all.
_NO_CHARACTER = re.compile("[\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")


def encoding_of(path: Path) -> str:
    """UTF-8 or UTF-16, and only for a file that mostly is neither GB 18030, Big5 or Western, by what it looks like.

    A few wrong bytes do not make a file of UTF-8 another one. Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        for unmarked in ("utf-16-le", "utf-16-be"):
            if b"\0" in head and any(name.encode(unmarked) in head for name in TITLES):
                return unmarked
        file.seek(0)
        if head.startswith(codecs.BOM_UTF8) or _is_utf8(file):
            return "utf-8-sig"
        file.seek(0)
        broken, whole = _read_as_utf8(file)
        if broken <= (whole if whole >= ENOUGH else whole / 4):
            return "utf-8-sig"
        file.seek(0)
        return likeliest(_foreign_lines(file), OF_OFFICES)


def misread_in(encoding: str) -> Callable[[str], bool]:
    """A check whether a row of a file in this encoding is in another one."""
    if encoding.startswith("utf"):
        return lambda text: REPLACED in text
    return lambda text: bool(_NO_CHARACTER.search(text)) or _was_utf8(text, encoding)


def _was_utf8(text: str, encoding: str) -> bool:
    """Whether the bytes of a row are UTF-8 that happens to be something in the old encoding of the file, too."""
    try:
        codecs.utf_8_decode(text[:BEGINNING].encode(encoding))  # which may end within a character
        return bool(_WIDE.search(text.encode(encoding).decode()))
    except UnicodeError:
        return False


def _is_utf8(file: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while part := file.read(LOOKED_AT):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _read_as_utf8(file: IO[bytes]) -> tuple[int, int]:
    """How many places are broken, and how many characters beyond ASCII are whole."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    broken = beyond = 0
    while part := file.read(LOOKED_AT):
        text = decoder.decode(part)
        broken += text.count(REPLACED)
        beyond += len(text) - len(part.translate(None, _NOT_ASCII))
    return broken + len(decoder.decode(b"", final=True)), beyond - broken


def _foreign_lines(file: IO[bytes]) -> bytes:
    """Lines that are not ASCII, as many as it takes to weigh them."""
    found: list[bytes] = []
    size = 0
    while size < WEIGHED and (line := file.readline(LOOKED_AT)):
        if not line.isascii():
            found.append(line)
            size += len(line)
    return b"".join(found)
