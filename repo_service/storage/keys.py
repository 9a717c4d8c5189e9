"""Which keys a store may hold: ``blobs/SHA256`` and ``staging/ID``. Nothing else leads anywhere."""

import re

from repo_service.storage.port import BLOBS, STAGING

_SHA256 = re.compile(r"[0-9a-f]{64}")
_STAGED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,149}")


def split(key: str) -> tuple[str, str]:
    """(BLOBS or STAGING, name); ValueError for anything that is no key."""
    for area, form in ((BLOBS, _SHA256), (STAGING, _STAGED)):
        name = key.removeprefix(area)
        if key.startswith(area) and form.fullmatch(name):
            return area, name
    raise ValueError(f"not a key of this store: {key!r}")
