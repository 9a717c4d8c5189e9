"""Why a file could not be read. The code decides whether trying again makes sense, never the text."""


class IngestError(Exception):
    """A step failed for a reason with a stable ``code``.

    ``retryable`` is true where another attempt may end otherwise (a killed child, a full disk), false where the
    bytes themselves are the reason. ``detail`` is for the log and the desk;
    the sentence for people comes from the code.
    """

    def __init__(self, code: str, detail: str = "", *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail[:2000]
        self.retryable = retryable


class Cancelled(Exception):
    """The caller asked to stop: the lease was lost or the worker is going down. Nothing may be written."""
