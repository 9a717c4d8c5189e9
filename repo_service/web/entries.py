"""What came in a form: lists typed as text, and the sentence for each entry that is wrong."""

import re

from pydantic import ValidationError
from starlette.requests import Request

from repo_service.web.look import look_of
from repo_service.web.messages import sentence

_BETWEEN = re.compile(r"[,，;；、\n]+")


def split(typed: str) -> list[str]:
    """Words that somebody wrote one after the other, with Chinese or Western marks between them."""
    return [word.strip() for word in _BETWEEN.split(typed) if word.strip()]


def faults_of(request: Request, error: ValidationError) -> dict[str, str]:
    """A sentence for each field that its rules refuse."""
    locale = look_of(request).locale
    found: dict[str, str] = {}
    for one in error.errors():
        found.setdefault(str(one["loc"][0]) if one["loc"] else "", sentence(_code(one["type"]), locale))
    return found


def _code(kind: str) -> str:
    if kind.endswith("too_long"):
        return "too_long"
    return "required" if kind in ("missing", "string_too_short") else "bad_value"
