"""What can go wrong, as plain errors with facts. No HTTP here: `api/errors.py` is the one table to HTTP."""

from typing import ClassVar


class XuehaiError(Exception):
    """A refusal that a person can act on.

    ``code`` is stable and in the documentation; ``facts`` fill the sentence that ``web/locales`` holds for the code.
    """

    code: ClassVar[str] = "error"

    def __init__(self, detail: str = "", *, code: str | None = None, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts
        self.stable_code = code or self.code


class NotFound(XuehaiError):
    """It is not there, or this actor may not know that it is (unknown = forbidden)."""

    code = "not_found"


class Unauthenticated(XuehaiError):
    """The request needs a signed-in person or a key, or what it brought is wrong or has ended."""

    code = "unauthenticated"


class Forbidden(XuehaiError):
    """The actor sees the thing but may not do this to it."""

    code = "forbidden"


class Invalid(XuehaiError):
    """The input is wrong; ``errors`` lists (field, code, detail)."""

    code = "invalid"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        errors: tuple[tuple[str, str, str], ...] = (),
        **facts: object,
    ) -> None:
        super().__init__(detail, code=code, **facts)
        self.errors = errors


class Conflict(XuehaiError):
    """The state of the thing does not allow it."""

    code = "conflict"


class StaleRevision(XuehaiError):
    """If-Match names another revision than the current one."""

    code = "stale_revision"


class RevisionRequired(XuehaiError):
    """A change came without If-Match."""

    code = "revision_required"


class TooLarge(XuehaiError):
    """Larger than a file may be, or than is left of the quota."""

    code = "too_large"


class UnsupportedType(XuehaiError):
    """A type of file or body that is not taken."""

    code = "unsupported_type"


class TooMany(XuehaiError):
    """Too many tries; ``retry_after`` seconds to wait."""

    code = "too_many"

    def __init__(
        self, detail: str = "", *, retry_after: float = 60.0, code: str | None = None, **facts: object
    ) -> None:
        super().__init__(detail, code=code, **facts)
        self.retry_after = retry_after


class Unavailable(XuehaiError):
    """A part that is needed is away; nothing is lost, try again."""

    code = "unavailable"


class LostLease(XuehaiError):
    """This worker's lease on a step ended and another one may have it: stop and write nothing."""

    code = "lost_lease"


class Misconfigured(XuehaiError):
    """A setting has a value that this program cannot work with."""

    code = "misconfigured"


class UploadEnded(XuehaiError):
    """This upload was here and has ended: terminated, expired, or its giver is no longer a member."""

    code = "upload_ended"


class WrongChecksum(XuehaiError):
    """The bytes that came are not those that were announced; none of them was kept."""

    code = "wrong_checksum"


class WrongProtocol(XuehaiError):
    """The client speaks another version of the upload protocol."""

    code = "wrong_protocol"


class Stalled(XuehaiError):
    """The client was silent for too long; what it sent is kept."""

    code = "stalled"
