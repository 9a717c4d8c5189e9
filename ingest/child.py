"""The child's side of `Sandbox.call`: started as a script, with the search path and ``module:function`` as arguments.

Arguments come as JSON on standard input; the answer is one JSON document on standard output. Whatever a library
prints goes to standard error. Only what the function needs is imported, since each start is paid per file.
"""

import errno
import json
import os
import sys
from importlib import import_module
from typing import Any


def answer(function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the parent is told: ``result``, or ``error`` with code, detail and retryable."""
    from ingest.errors import IngestError

    try:
        module, _, name = function.partition(":")
        return {"result": getattr(import_module(module), name)(**arguments)}
    except IngestError as error:
        return _error(error.code, error.detail, error.retryable)
    except MemoryError:
        return _error("too_much_memory", function)
    except OSError as error:
        full = error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT)
        return _error("output_too_large" if full else "parser_failed", f"{function}: {error!r}")
    except Exception as error:
        # A parser meets bytes that nobody foresaw: that is the bytes' fault and is said so.
        return _error("parser_failed", f"{function}: {error!r}")


def _error(code: str, detail: str, retryable: bool = False) -> dict[str, Any]:
    return {"error": {"code": code, "detail": detail[:2000], "retryable": retryable}}


def main() -> None:
    """Answer one call."""
    out = os.dup(1)
    os.dup2(2, 1)
    sys.path[:] = [*sys.argv[1].split(os.pathsep), *sys.path[1:]]
    arguments = json.load(sys.stdin.buffer)
    document = json.dumps(answer(sys.argv[2], arguments), ensure_ascii=False)
    with os.fdopen(out, "wb") as stream:
        stream.write(document.encode("utf-8", "surrogatepass"))


if __name__ == "__main__":
    main()
