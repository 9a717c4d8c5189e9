"""The headers of tus 1.0 (tus.io/protocols/resumable-upload): read strictly, written in one way. No I/O here."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from repo_service.errors import Invalid, UnsupportedType, WrongProtocol
from repo_service.services import filenames

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination"
ALGORITHMS = ("sha1", "sha256", "sha512")
BODY_TYPE = "application/offset+octet-stream"
METADATA_LIMIT = 16 * 1024  # characters
_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[!-+\--~]{1,100}")  # visible ASCII without the comma


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one body must hash to."""

    algorithm: str
    digest: bytes

    def hasher(self) -> "hashlib._Hash":
        """An empty hash of this algorithm."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def check_version(headers: Mapping[str, str]) -> None:
    """Raises WrongProtocol unless the client speaks 1.0.0."""
    if headers.get("tus-resumable") != VERSION:
        raise WrongProtocol


def is_bytes(headers: Mapping[str, str]) -> bool:
    """Whether the body says of itself that it is raw bytes of an upload."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == BODY_TYPE


def check_body_type(headers: Mapping[str, str]) -> None:
    """Raises UnsupportedType for a body that is not raw bytes of an upload."""
    if not is_bytes(headers):
        raise UnsupportedType(code="upload_body_type")


def number(headers: Mapping[str, str], name: str) -> int | None:
    """A header that is a count of bytes; None when absent. Raises Invalid for anything else."""
    value = headers.get(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise _wrong(name, value)
    return int(value)


def required_number(headers: Mapping[str, str], name: str) -> int:
    """The same for a header that must be there."""
    found = number(headers, name)
    if found is None:
        raise _wrong(name, "")
    return found


def declared_length(headers: Mapping[str, str]) -> int | None:
    """The length of a new upload, None when it is deferred. Exactly one of the two headers must be there."""
    length = number(headers, "upload-length")
    deferred = headers.get("upload-defer-length")
    if (length is None) == (deferred is None) or deferred not in (None, "1"):
        raise _wrong("upload-length", f"{length} / {deferred}")
    return length


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """``Upload-Metadata`` as text by key. Values that are not UTF-8 are read as GB18030. Raises Invalid."""
    header = headers.get("upload-metadata", "").strip()
    if len(header) > METADATA_LIMIT:
        raise _wrong("upload-metadata", "too long")
    found: dict[str, str] = {}
    for pair in header.split(",") if header else ():
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise _wrong("upload-metadata", key)
        try:
            found[key] = filenames.decode(base64.b64decode(value.strip(), validate=True))
        except (binascii.Error, ValueError):
            raise _wrong("upload-metadata", key) from None
    return found


def checksum(headers: Mapping[str, str]) -> Checksum | None:
    """``Upload-Checksum``, None when absent. Raises Invalid for an algorithm that is not spoken here."""
    header = headers.get("upload-checksum")
    if header is None:
        return None
    algorithm, _, value = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise Invalid(code="checksum_algorithm", errors=(("Upload-Checksum", "checksum_algorithm", algorithm[:50]),))
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise _wrong("upload-checksum", value) from None
    expected = Checksum(algorithm, digest)
    if len(digest) != expected.hasher().digest_size:
        raise _wrong("upload-checksum", value)
    return expected


def date(moment: datetime) -> str:
    """An instant as HTTP writes it."""
    return format_datetime(moment, usegmt=True)


def _wrong(name: str, value: str) -> Invalid:
    return Invalid(code="upload_header", errors=((name.title(), "upload_header", value[:200]),))
